"""Real objects and files of every accepted kind, decoded by the real decoders."""

import struct
import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_fragments, itemize_fragment

from dmask_node.compose.encoder import encode_video
from dmask_node.compose.settings import EncoderSettings
from dmask_node.decode.errors import (
    NoPixelData,
    NotDicom,
    PictureTooLarge,
    SourceUnreadable,
    TooMuchToDecode,
    Truncated,
    Undecodable,
    UnsupportedTransferSyntax,
    VideoTooLong,
)
from dmask_node.decode.frames import open_source
from dmask_node.decode.settings import DecodeSettings
from dmask_node.records.identified import SourceFrame
from dmask_node.structure import HeaderTooComplex
from tests import factories
from tests.factories import (
    PLANTED_MARKERS,
    a_header,
    a_photo_instance,
    a_picture,
    a_video_file,
    a_video_instance,
    frame_index_of,
    pictures,
)

UNCOMPRESSED = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"


def frames_of(path: Path, settings: DecodeSettings | None = None) -> list[SourceFrame]:
    return list(open_source(path, settings).frames)


def indices_of(path: Path) -> list[int]:
    return [frame_index_of(frame.rgb) for frame in frames_of(path)]


@pytest.mark.parametrize(
    ("transfer_syntax_uid", "keywords"),
    [
        (factories.H264_41, {}),
        (factories.H264_41, {"container": "mpegts"}),
        (factories.H264_41, {"container": "h264"}),
        (factories.H264_41, {"audio": True, "identity": True}),
        (factories.H264_41, {"container": "mpegts", "audio": True}),
        (factories.H264_41, {"container_options": {"movflags": "frag_keyframe+empty_moov"}}),
        (factories.H264_41_FRAGMENTABLE, {"n_fragments": 7}),
        ("1.2.840.10008.1.2.4.103", {}),
        (factories.H264_42, {}),
        ("1.2.840.10008.1.2.4.105", {}),
        ("1.2.840.10008.1.2.4.106.1", {"n_fragments": 2}),
        (factories.MPEG2_MAIN, {}),
        (factories.MPEG2_MAIN, {"container": "mpeg2video"}),
        (factories.MPEG2_MAIN, {"container": "vob"}),
        (factories.MPEG2_HIGH, {"container": "mpegts"}),
        (factories.HEVC_MAIN, {"n_fragments": 3}),
        (factories.HEVC_MAIN10, {"pix_fmt": "yuv420p10le"}),
    ],
)
def test_every_video_transfer_syntax_gives_every_frame(
    tmp_path: Path, transfer_syntax_uid: str, keywords: dict[str, object]
) -> None:
    path = a_video_instance(
        tmp_path / "v.dcm",
        transfer_syntax_uid=transfer_syntax_uid,
        n_frames=30,
        **keywords,  # type: ignore[arg-type]
    )
    source = open_source(path)
    frames = list(source.frames)
    assert [frame_index_of(frame.rgb) for frame in frames] == list(range(30))
    assert (source.rows, source.columns) == (96, 128)
    # Without an index only the header tells how many frames there are: a sender's number.
    plain = not {"container", "container_options"} & keywords.keys()
    indexed = plain and transfer_syntax_uid != factories.MPEG2_MAIN  # a stream, by default
    assert source.declared_frames == (30 if indexed else None)
    assert all(f.rgb.shape == (96, 128, 3) and f.rgb.dtype == np.uint8 for f in frames)
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(30) / 25, atol=1e-6)
    assert source.header.PatientID
    assert "PixelData" not in source.header


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [
        (".mp4", "libx264", "yuv420p"),
        (".mp4", "libx265", "yuv420p"),
        (".mov", "mpeg4", "yuv420p"),
        (".mov", "prores", "yuv422p10le"),
        (".avi", "mjpeg", "yuvj420p"),
        (".avi", "mpeg4", "yuv420p"),
        (".mkv", "ffv1", "yuv420p"),
        (".webm", "libvpx-vp9", "yuv420p"),
        (".mpg", "mpeg2video", "yuv420p"),
        (".ts", "libx264", "yuv420p"),
    ],
)
def test_plain_files_give_every_frame_and_a_header_without_identity(
    tmp_path: Path, suffix: str, codec: str, pix_fmt: str
) -> None:
    path = a_video_file(
        tmp_path / f"PLANTEDFILENAME{suffix}",
        codec=codec,
        pix_fmt=pix_fmt,
        n_frames=20,
        identity=suffix in (".mp4", ".mov"),
        audio=suffix in (".mp4", ".mkv", ".ts"),
    )
    source = open_source(path)
    assert [frame_index_of(frame.rgb) for frame in source.frames] == list(range(20))
    header = str(source.header).encode() + source.header.to_json().encode()
    assert not any(marker in header for marker in PLANTED_MARKERS)
    assert source.header.SOPClassUID == factories.VIDEO_PHOTOGRAPHIC
    assert source.header.SOPInstanceUID.is_valid


def test_the_same_plain_file_gets_the_same_uids_and_another_file_others(tmp_path: Path) -> None:
    first = a_video_file(tmp_path / "a.mp4")
    same = tmp_path / "b.avi"
    same.write_bytes(first.read_bytes())
    other = a_video_file(tmp_path / "c.mp4", n_frames=13)
    uids = []
    for path in (first, same, other):
        header = open_source(path).header
        uids.append((header.SOPInstanceUID, header.SeriesInstanceUID, header.StudyInstanceUID))
    assert uids[0] == uids[1]
    assert len({uid for three in (uids[0], uids[2]) for uid in three}) == 6


@pytest.mark.parametrize(
    "transfer_syntax_uid",
    [
        factories.JPEG_BASELINE,
        factories.JPEG_LS_LOSSLESS,
        factories.JPEG_2000_LOSSLESS,
        factories.RLE_LOSSLESS,
        factories.DEFLATED,
        UNCOMPRESSED,
        IMPLICIT,
        BIG_ENDIAN,
    ],
)
@pytest.mark.parametrize("n_frames", [1, 5])
def test_photographs_and_multi_frame_images_come_frame_by_frame(
    tmp_path: Path, transfer_syntax_uid: str, n_frames: int
) -> None:
    path = a_photo_instance(
        tmp_path / "p.dcm", transfer_syntax_uid=transfer_syntax_uid, n_frames=n_frames
    )
    source = open_source(path)
    frames = list(source.frames)
    assert [frame_index_of(frame.rgb) for frame in frames] == list(range(n_frames))
    assert [f.time_s for f in frames] == pytest.approx([i * 0.04 for i in range(n_frames)])
    tolerance = 4 if transfer_syntax_uid == factories.JPEG_BASELINE else 0
    difference = np.abs(frames[0].rgb.astype(int) - a_picture(0))
    assert difference.mean() <= tolerance
    assert (source.rows, source.columns, source.declared_frames) == (96, 128, n_frames)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_phone_held_sideways_gives_upright_pictures(tmp_path: Path, rotation: int) -> None:
    turned = [np.rot90(picture, rotation // 90) for picture in pictures(6)]
    path = a_video_file(tmp_path / "v.mp4", frames=turned, rotation=rotation)
    source = open_source(path)
    assert (source.rows, source.columns) == (96, 128)
    frames = list(source.frames)
    assert [frame_index_of(frame.rgb) for frame in frames] == list(range(6))
    assert np.abs(frames[2].rgb.astype(int) - a_picture(2)).mean() < 6


def test_uneven_presentation_times_are_kept(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.3, 0.33, 1.2]
    path = a_video_file(tmp_path / "v.mp4", n_frames=5, times_s=times)
    assert [f.time_s for f in frames_of(path)] == pytest.approx(times, abs=1e-4)


def test_an_elementary_stream_takes_its_rate_from_the_header(tmp_path: Path) -> None:
    path = a_video_instance(
        tmp_path / "v.dcm", container="h264", fps=24, header=a_header(), n_frames=10
    )
    assert [f.time_s for f in frames_of(path)] == pytest.approx(
        [i * 41.6667e-3 for i in range(10)], abs=1e-6
    )


def test_frames_behind_an_edit_list_are_not_shown(tmp_path: Path) -> None:
    path = a_video_file(tmp_path / "v.mp4", n_frames=20, options={"bf": "0"})
    payload = path.read_bytes()
    at = payload.index(b"elst") + 4 + 12
    timescale = struct.unpack(">I", payload[payload.index(b"mdhd") + 16 :][:4])[0]
    path.write_bytes(payload[:at] + struct.pack(">i", timescale * 5 // 25) + payload[at + 4 :])
    assert indices_of(path) == list(range(5, 20))
    assert frames_of(path)[0].time_s == 0.0


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 96, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for picture in pictures(4, 96, 96):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    source = open_source(path)
    assert (source.rows, source.columns) == (96, 128)
    assert all(frame.rgb.shape == (96, 128, 3) for frame in source.frames)


def test_the_stream_is_the_truth_about_the_number_of_frames(tmp_path: Path) -> None:
    for declared in (11, 13, 100):
        path = a_video_instance(tmp_path / "v.dcm", n_frames=12, declared_frames=declared)
        assert len(frames_of(path)) == 12


def test_sixteen_bit_monochrome_is_scaled_to_eight(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 4095, 64).astype(np.uint16), (32, 1))
    dataset = a_header(factories.VL_PHOTOGRAPHIC)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = ramp.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = ramp.tobytes()
    dataset["PixelData"].VR = "OW"
    path = factories._save(dataset, tmp_path / "p.dcm", UNCOMPRESSED)
    (frame,) = frames_of(path)
    assert frame.rgb.shape == (32, 64, 3)
    assert (frame.rgb[0, 0, 0], frame.rgb[0, -1, 0]) == (0, 255)


def test_a_frame_of_several_fragments_is_put_together(tmp_path: Path) -> None:
    path = a_photo_instance(tmp_path / "p.dcm", n_frames=3)
    dataset = dcmread(path)
    frames = list(generate_fragments(dataset.PixelData))[-3:]
    halves = [
        itemize_fragment(part)
        for frame in frames
        for part in (frame[: len(frame) // 4 * 2], frame[len(frame) // 4 * 2 :])
    ]
    dataset.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0" + b"".join(halves)
    factories._save(dataset, path, factories.JPEG_BASELINE)
    assert indices_of(path) == [0, 1, 2]


def test_the_digest_is_that_of_the_joined_fragments(tmp_path: Path) -> None:
    payload = a_video_file(tmp_path / "v.mp4").read_bytes()
    payload += b"\0" * (len(payload) % 2)
    one = a_video_instance(tmp_path / "1.dcm", payload=payload)
    many = a_video_instance(tmp_path / "2.dcm", payload=payload, n_fragments=5)
    plain = tmp_path / "p.mp4"
    plain.write_bytes(payload)
    digests = {open_source(path).pixel_sha256 for path in (one, many, plain)}
    assert len(digests) == 1
    other = a_video_instance(tmp_path / "3.dcm", n_frames=13)
    assert open_source(other).pixel_sha256 not in digests


def test_a_large_object_is_not_loaded(tmp_path: Path) -> None:
    payload = a_video_file(tmp_path / "v.mp4").read_bytes()
    payload += struct.pack(">I4s", 60_000_008, b"free") + bytes(60_000_000)
    path = a_video_instance(tmp_path / "v.dcm", payload=payload)
    del payload
    tracemalloc.start()
    try:
        assert len(frames_of(path)) == 12
        assert tracemalloc.get_traced_memory()[1] < 15_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".mp4", "libx264"),
        (".mp4", "libx265"),
        (".mov", "mpeg4"),
        (".avi", "mjpeg"),
        (".mkv", "libx264"),
        (".ts", "mpeg2video"),
        (".h264", "libx264"),
    ],
)
@pytest.mark.parametrize("share", [0.51, 0.97])
def test_a_file_cut_short_is_refused_not_shortened(
    tmp_path: Path, suffix: str, codec: str, share: float
) -> None:
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = a_video_file(tmp_path / f"v{suffix}", codec=codec, n_frames=50, pix_fmt=pix_fmt)
    payload = path.read_bytes()
    path.write_bytes(payload[: int(len(payload) * share)])
    with pytest.raises((Truncated, Undecodable)):
        frames_of(path)


@pytest.mark.parametrize("movflags", ["", "+faststart", "frag_keyframe+empty_moov"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
def test_an_object_whose_video_was_cut_before_it_was_wrapped_is_truncated(
    tmp_path: Path, movflags: str, share: float
) -> None:
    payload = a_video_file(
        tmp_path / "v.mp4",
        n_frames=50,
        container_options={"movflags": movflags} if movflags else {},
    ).read_bytes()
    path = a_video_instance(
        tmp_path / "v.dcm", n_frames=50, payload=payload[: int(len(payload) * share)]
    )
    if movflags.startswith("frag") and share == 0.99:
        # only the table of contents behind the last fragment is cut: nothing is lost
        assert indices_of(path) == list(range(50))
    else:
        with pytest.raises(Truncated):
            frames_of(path)


def test_an_index_that_lists_frames_beyond_the_end_is_truncated(tmp_path: Path) -> None:
    """The mdat box was made to fit, but frames are missing."""
    path = a_video_file(
        tmp_path / "v.mp4", n_frames=50, container_options={"movflags": "+faststart"}
    )
    payload = path.read_bytes()
    at = payload.rindex(b"mdat") - 4
    cut = payload[: at + (len(payload) - at) * 2 // 3]
    path.write_bytes(cut[:at] + struct.pack(">I", len(cut) - at) + cut[at + 4 :])
    with pytest.raises(Truncated, match="index"):
        frames_of(path)


def test_a_stream_without_index_that_lacks_half_its_declared_frames_is_truncated(
    tmp_path: Path,
) -> None:
    keywords = {"transfer_syntax_uid": factories.MPEG2_MAIN, "declared_frames": 60}
    path = a_video_instance(tmp_path / "v.dcm", n_frames=30, **keywords)  # type: ignore[arg-type]
    with pytest.raises(Truncated, match=r"30 frames; Number of Frames \(0028,0008\) promises more"):
        frames_of(path)
    lenient = DecodeSettings(least_share_of_declared_frames=0)
    assert len(frames_of(path, lenient)) == 30


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7, 0.999])
@pytest.mark.parametrize(
    "transfer_syntax_uid",
    [
        factories.H264_41,
        factories.MPEG2_MAIN,
        factories.JPEG_BASELINE,
        factories.RLE_LOSSLESS,
        UNCOMPRESSED,
        factories.DEFLATED,
    ],
)
def test_a_dicom_file_cut_short_is_refused(
    tmp_path: Path, transfer_syntax_uid: str, share: float
) -> None:
    path = tmp_path / "v.dcm"
    if transfer_syntax_uid in (factories.H264_41, factories.MPEG2_MAIN):
        a_video_instance(path, transfer_syntax_uid=transfer_syntax_uid, n_frames=30)
    else:
        a_photo_instance(path, transfer_syntax_uid=transfer_syntax_uid, n_frames=5)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises((Truncated, NoPixelData, NotDicom)):
        frames_of(path)


def test_damage_in_mid_stream_is_an_error_not_fewer_frames(tmp_path: Path) -> None:
    noise = np.random.default_rng(5)
    busy = [noise.integers(0, 255, (96, 128, 3), np.uint8) for _ in range(30)]
    payload = bytearray(a_video_file(tmp_path / "v.mp4", frames=busy).read_bytes())
    middle = len(payload) // 2
    payload[middle : middle + 3000] = noise.bytes(3000)
    path = a_video_instance(tmp_path / "v.dcm", payload=bytes(payload), n_frames=30)
    frames = open_source(path).frames
    with pytest.raises(Undecodable):
        list(frames)


def test_a_recording_that_begins_between_key_frames_begins_with_the_first_whole_picture(
    tmp_path: Path,
) -> None:
    path = a_video_file(
        tmp_path / "v.h264", n_frames=36, options={"bf": "0", "x264-params": "scenecut=0:threads=1"}
    )
    payload = path.read_bytes()
    starts = [i for i in range(len(payload)) if payload[i : i + 4] == b"\0\0\0\1"]
    # cut away the first key frame, but not the parameter sets of the second
    second = [i for i in starts if payload[i + 4] & 31 == 7][1]
    path.write_bytes(payload[starts[-1] - 400 : starts[-1] - 400] + payload[second - 300 :])
    assert indices_of(path) == list(range(12, 36))


@pytest.mark.parametrize("content", [b"", b"x", b"not a video " * 1000, bytes(5000)])
def test_garbage_is_not_dicom(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "g.bin"
    path.write_bytes(content)
    with pytest.raises(NotDicom) as caught:
        open_source(path)
    assert caught.value.reason == "not_dicom"
    assert caught.value.hint


def test_garbage_behind_the_dicom_prefix_is_not_dicom(tmp_path: Path) -> None:
    path = tmp_path / "g.dcm"
    path.write_bytes(bytes(128) + b"DICM" + b"rubbish " * 50)
    with pytest.raises(NotDicom):
        open_source(path)


def test_a_playlist_that_points_elsewhere_is_not_followed(tmp_path: Path) -> None:
    secret = a_video_file(tmp_path / "secret.mp4")
    for name, text in (
        ("list.ffconcat", f"ffconcat version 1.0\nfile '{secret}'\n"),
        ("list.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{secret}\n"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(NotDicom):
            open_source(tmp_path / name)


def test_mere_sound_holds_no_pictures(tmp_path: Path) -> None:
    path = tmp_path / "s.mkv"
    with av.open(str(path), "w") as container:
        factories._write_tone(container, factories._add_sound(container, "matroska"), 0.5)
    with pytest.raises(NoPixelData):
        open_source(path)


def test_an_encapsulated_document_holds_no_pictures(tmp_path: Path) -> None:
    dataset = a_header("1.2.840.10008.5.1.4.1.1.104.1")
    dataset.EncapsulatedDocument = b"%PDF-1.7"
    path = factories._save(dataset, tmp_path / "d.dcm", UNCOMPRESSED)
    with pytest.raises(NoPixelData) as caught:
        open_source(path)
    assert caught.value.reason == "no_pixel_data"


def test_an_icon_is_not_taken_for_the_picture(tmp_path: Path) -> None:
    icon = Dataset()
    icon.Rows = icon.Columns = 2
    icon.PixelData = b"abcd"
    icon["PixelData"].VR = "OB"
    dataset = a_header(IconImageSequence=[icon])
    path = factories._save(dataset, tmp_path / "d.dcm", UNCOMPRESSED)
    with pytest.raises(NoPixelData):
        open_source(path)


def test_an_unknown_transfer_syntax_is_refused(tmp_path: Path) -> None:
    path = a_photo_instance(tmp_path / "p.dcm")
    whole = path.read_bytes()
    # JPEG baseline 1.2.840.10008.1.2.4.50 becomes JPIP referenced ...4.94
    path.write_bytes(whole.replace(b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.4.94"))
    with pytest.raises(UnsupportedTransferSyntax):
        frames_of(path)


def test_what_exceeds_the_settings_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    video = a_video_instance(tmp_path / "v.dcm")
    photo = a_photo_instance(tmp_path / "p.dcm", n_frames=5)
    for path in (video, photo):
        with pytest.raises(PictureTooLarge):
            frames_of(path, DecodeSettings(max_rows=95))
        with pytest.raises(PictureTooLarge):
            frames_of(path, DecodeSettings(max_columns=127))
        with pytest.raises(VideoTooLong):
            frames_of(path, DecodeSettings(max_frames=4))


def test_a_codestream_larger_than_its_header_says_is_refused(tmp_path: Path) -> None:
    for uid in (factories.JPEG_BASELINE, factories.JPEG_2000_LOSSLESS, factories.JPEG_LS_LOSSLESS):
        path = a_photo_instance(tmp_path / "p.dcm", transfer_syntax_uid=uid, rows=256, columns=256)
        dataset = dcmread(path)
        dataset.Rows = dataset.Columns = 64
        dataset.save_as(path)
        with pytest.raises(PictureTooLarge):
            frames_of(path, DecodeSettings(max_rows=100, max_columns=100))


def test_a_deflated_bomb_is_refused(tmp_path: Path) -> None:
    bomb = [np.zeros((1000, 1000, 3), np.uint8)]
    path = a_photo_instance(tmp_path / "p.dcm", transfer_syntax_uid=factories.DEFLATED, frames=bomb)
    assert path.stat().st_size < 20_000
    with pytest.raises(TooMuchToDecode, match="inflated"):
        open_source(path, DecodeSettings(max_inflated_mb=1))


def test_a_header_that_fills_the_memory_is_refused(tmp_path: Path) -> None:
    header = a_header()
    header.add_new(0x00091001, "OB", bytes(2_000_000))
    header.add_new(0x00090010, "LO", "PRIVATE")
    path = a_video_instance(tmp_path / "v.dcm", header=header)
    with pytest.raises(HeaderTooComplex, match="bytes"):
        open_source(path, DecodeSettings(max_header_mb=1))
    assert len(frames_of(path)) == 12


def test_too_few_fragments_are_truncated(tmp_path: Path) -> None:
    path = a_photo_instance(tmp_path / "p.dcm", n_frames=5)
    dataset = dcmread(path)
    dataset.NumberOfFrames = 6
    dataset.save_as(path)
    with pytest.raises(Truncated):
        frames_of(path)


def test_a_missing_file_is_transient(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable):
        open_source(tmp_path / "missing")


def test_no_message_quotes_the_data_or_the_name(tmp_path: Path) -> None:
    whole = a_video_instance(tmp_path / "v.dcm", identity=True).read_bytes()
    for cut in range(0, len(whole), len(whole) // 40):
        path = tmp_path / f"PLANTEDNAME{cut}.dcm"
        path.write_bytes(whole[:cut])
        with pytest.raises((Truncated, NoPixelData, NotDicom)) as caught:
            frames_of(path)
        assert "PLANTED" not in str(caught.value)


def test_decoded_and_encoded_again_a_phones_file_is_clean(tmp_path: Path) -> None:
    from dmask_node.check.mp4 import unexpected_content

    path = a_video_instance(tmp_path / "v.dcm", identity=True, audio=True, n_frames=20)
    assert any(marker in path.read_bytes() for marker in PLANTED_MARKERS)
    frames = frames_of(path)
    encoded = encode_video(
        (frame.rgb for frame in frames),
        [frame.time_s for frame in frames],
        96,
        128,
        tmp_path / "out.mp4",
        EncoderSettings(),
    )
    payload = encoded.path.read_bytes()
    assert unexpected_content(payload, 20) == []
    assert not any(marker in payload for marker in PLANTED_MARKERS)


def test_the_talking_face_is_decoded(carphone: Path) -> None:
    source = open_source(carphone)
    frames = list(source.frames)
    assert len(frames) == source.declared_frames == 120
    # its pixels are 128:117 as wide as high
    assert (source.rows, source.columns) == (144, 193)
    assert frames[-1].time_s == pytest.approx(119 * 1001 / 30000, abs=1e-3)
