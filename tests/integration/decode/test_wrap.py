"""A plain video wrapped as an object, as a camera would send it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import generate_fragments

from dmask_node.decode.errors import NoPixelData, NotDicom, Truncated, Undecodable
from dmask_node.decode.frames import open_source
from dmask_node.decode.wrap import wrap_video
from tests import factories
from tests.factories import a_header, a_video_file, frame_index_of

DCIODVFY = Path(sys.executable).with_name("dciodvfy")


def payload_of(path: Path) -> bytes:
    return b"".join(list(generate_fragments(dcmread(path).PixelData))[1:])


@pytest.mark.parametrize(
    ("name", "codec", "transfer_syntax_uid"),
    [
        ("v.mp4", "libx264", factories.H264_41),
        ("v.ts", "libx264", factories.H264_41),
        ("v.mp4", "libx265", factories.HEVC_MAIN),
        ("v.ts", "mpeg2video", factories.MPEG2_MAIN),
    ],
)
def test_a_stream_that_dicom_takes_is_encapsulated_as_it_is(
    tmp_path: Path, name: str, codec: str, transfer_syntax_uid: str
) -> None:
    video = a_video_file(tmp_path / name, codec=codec, n_frames=20, audio=True)
    out = wrap_video(video, tmp_path / "v.dcm")
    dataset = dcmread(out)
    assert dataset.file_meta.TransferSyntaxUID == transfer_syntax_uid
    assert payload_of(out).removesuffix(b"\0") == video.read_bytes().removesuffix(b"\0")
    assert (dataset.NumberOfFrames, dataset.Rows, dataset.Columns) == (20, 96, 128)
    assert float(dataset.FrameTime) == pytest.approx(40)
    assert [frame_index_of(f.rgb) for f in open_source(out).frames] == list(range(20))


def test_level_4_2_gets_its_own_transfer_syntax(tmp_path: Path) -> None:
    options = {"preset": "ultrafast", "x264-params": "level=4.2:threads=1"}
    video = a_video_file(tmp_path / "v.mp4", options=options)
    assert dcmread(wrap_video(video, tmp_path / "v.dcm")).file_meta.TransferSyntaxUID == (
        factories.H264_42
    )


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("v.avi", "mjpeg", "yuvj420p"),
        ("v.mkv", "libx264", "yuv420p"),
        ("v.mov", "libx264", "yuv420p"),
        ("v.mp4", "libx264", "yuv444p"),
        ("v.mp4", "mpeg4", "yuv420p"),
    ],
)
def test_everything_else_becomes_h264_first(
    tmp_path: Path, name: str, codec: str, pix_fmt: str
) -> None:
    video = a_video_file(tmp_path / name, codec=codec, pix_fmt=pix_fmt, n_frames=20)
    out = wrap_video(video, tmp_path / "v.dcm")
    dataset = dcmread(out)
    assert dataset.file_meta.TransferSyntaxUID == factories.H264_41
    assert dataset.NumberOfFrames == 20
    assert float(dataset.FrameTime) == pytest.approx(40)
    source = open_source(out)
    frames = list(source.frames)
    assert [frame_index_of(f.rgb) for f in frames] == list(range(20))
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(20) / 25, atol=1e-3)


def test_uneven_times_survive_transcoding(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.3, 0.33]
    video = a_video_file(tmp_path / "v.mkv", n_frames=4, times_s=times)
    frames = list(open_source(wrap_video(video, tmp_path / "v.dcm")).frames)
    assert [f.time_s for f in frames] == pytest.approx(times, abs=1e-3)


def test_the_header_given_is_the_header_sent(tmp_path: Path) -> None:
    header = a_header(identity=True)
    out = wrap_video(a_video_file(tmp_path / "v.mp4"), tmp_path / "v.dcm", header)
    dataset = dcmread(out)
    for element in header:
        assert dataset[element.tag].value == element.value, element.keyword
    assert dataset.file_meta.MediaStorageSOPInstanceUID == header.SOPInstanceUID


def test_without_a_header_nobody_is_named_and_the_uids_come_from_the_file(tmp_path: Path) -> None:
    video = a_video_file(tmp_path / "PLANTEDNAME.mp4")
    first, second = (dcmread(wrap_video(video, tmp_path / name)) for name in ("1.dcm", "2.dcm"))
    assert first.SOPInstanceUID == second.SOPInstanceUID
    assert first.SOPInstanceUID == open_source(video).header.SOPInstanceUID
    assert str(first.PatientName) == ""
    assert b"PLANTED" not in (tmp_path / "1.dcm").read_bytes()


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_the_verifier_finds_no_error(tmp_path: Path, codec: str) -> None:
    out = wrap_video(a_video_file(tmp_path / "v.ts", codec=codec), tmp_path / "v.dcm")
    run = subprocess.run([DCIODVFY, out], capture_output=True, text=True, check=False)
    assert "VideoPhotographicImage" in run.stdout + run.stderr
    assert "Error" not in run.stdout + run.stderr


def test_what_is_no_video_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    garbage = tmp_path / "g.mp4"
    garbage.write_bytes(b"rubbish" * 100)
    cut = a_video_file(tmp_path / "c.avi", codec="mjpeg", pix_fmt="yuvj420p")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    for video in (garbage, cut):
        with pytest.raises((NotDicom, NoPixelData, Truncated, Undecodable)):
            wrap_video(video, tmp_path / "v.dcm")
    assert {p.name for p in tmp_path.iterdir()} == {"g.mp4", "c.avi"}


def test_the_talking_face_is_wrapped_without_loss(tmp_path: Path, carphone: Path) -> None:
    out = wrap_video(carphone, tmp_path / "v.dcm")
    dataset = dcmread(out)
    assert payload_of(out).removesuffix(b"\0") == carphone.read_bytes().removesuffix(b"\0")
    assert dataset.file_meta.TransferSyntaxUID == factories.H264_41
    assert (dataset.NumberOfFrames, dataset.FrameTime) == (120, "33.366667")
    assert len(list(open_source(out).frames)) == 120
