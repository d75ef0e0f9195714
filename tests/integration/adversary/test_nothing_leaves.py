"""Real faces in hostile recordings: the mask goes out, and nothing of what was planted."""

from collections.abc import Callable
from pathlib import Path

import av
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate

from dmask_node.audit.journal import Journal
from dmask_node.audit.listener import AuditListener
from dmask_node.config import load_settings
from dmask_node.deidentify.keys import MasterKey
from dmask_node.parts import build_parts
from dmask_node.pipeline import Parts, mask_instance, write_companions
from tests.e2e.camera import pictures_of
from tests.factories import (
    H264_41,
    HEVC_MAIN,
    JPEG_BASELINE,
    MPEG2_MAIN,
    VL_PHOTOGRAPHIC,
    a_photo_instance,
    a_video_instance,
)
from tests.hostile import (
    Picture,
    a_hostile_header,
    a_hostile_jpeg,
    a_hostile_mp4,
    an_elementary_stream,
    found_in,
    plant_in_file,
)

N_FRAMES = 5
Make = Callable[[Path, list[Picture]], Path]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMASK_NODE__STATE_DIR", str(tmp_path_factory.mktemp("state")))
        return build_parts(load_settings(None), master_key=MasterKey.passing())


@pytest.fixture(scope="module")
def faces(carphone: Path) -> list[Picture]:
    return pictures_of(carphone)[:N_FRAMES]


def instance(path: Path, payload: bytes, syntax: str) -> Path:
    video = a_video_instance(
        path,
        payload=payload,
        header=a_hostile_header(),
        rows=144,
        columns=176,
        declared_frames=N_FRAMES,
        transfer_syntax_uid=syntax,
        n_fragments=3,
    )
    return plant_in_file(video)


def h264_in_mp4(folder: Path, faces: list[Picture]) -> Path:
    payload = a_hostile_mp4(folder / "p.mp4", faces).read_bytes()
    return instance(folder / "s.dcm", payload, H264_41)


def h264_in_quicktime(folder: Path, faces: list[Picture]) -> Path:
    payload = a_hostile_mp4(folder / "p.mov", faces, muxer="mov").read_bytes()
    return instance(folder / "s.dcm", payload, H264_41)


def h264_stream(folder: Path, faces: list[Picture]) -> Path:
    stream = an_elementary_stream(folder / "p.h264", faces, "libx264", "h264")
    return instance(folder / "s.dcm", stream.read_bytes(), H264_41)


def hevc_stream(folder: Path, faces: list[Picture]) -> Path:
    stream = an_elementary_stream(folder / "p.hevc", faces, "libx265", "hevc")
    return instance(folder / "s.dcm", stream.read_bytes(), HEVC_MAIN)


def mpeg2_stream(folder: Path, faces: list[Picture]) -> Path:
    stream = an_elementary_stream(folder / "p.m2v", faces, "mpeg2video", "mpeg2video")
    return instance(folder / "s.dcm", stream.read_bytes(), MPEG2_MAIN)


def jpeg_photo(folder: Path, faces: list[Picture]) -> Path:
    photo = a_photo_instance(
        folder / "s.dcm",
        transfer_syntax_uid=JPEG_BASELINE,
        frames=[faces[0]],
        header=a_hostile_header(VL_PHOTOGRAPHIC),
    )
    dataset = dcmread(photo)
    dataset.PixelData = encapsulate([a_hostile_jpeg(faces[0])])
    dataset.save_as(photo)
    return plant_in_file(photo)


def a_phones_film(folder: Path, faces: list[Picture]) -> Path:
    return a_hostile_mp4(folder / "Zzqleak Wanda 1931-12-30.mov", faces, muxer="mov")


SOURCES: tuple[Make, ...] = (
    h264_in_mp4, h264_in_quicktime, h264_stream, hevc_stream, mpeg2_stream, jpeg_photo,
    a_phones_film,
)  # fmt: skip


@pytest.mark.parametrize("make", SOURCES, ids=[make.__name__ for make in SOURCES])
def test_a_mask_tells_nothing_of_a_hostile_source(
    make: Make,
    faces: list[Picture],
    parts: Parts,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    source = make(tmp_path, faces)
    planted = found_in(source.read_bytes())
    assert "ZZQLEAK" in planted, "nothing was planted"
    assert len(planted) >= (7 if source.suffix == ".dcm" else 2)
    out = tmp_path / "out"
    out.mkdir()
    journal = Journal(tmp_path / "audit", "test")
    masked = mask_instance("job", source, out, parts, [AuditListener(journal)])
    write_companions(masked, parts, out)
    [study] = masked.studies

    for path in (*(p for p in out.rglob("*") if p.is_file()), *journal.folder.iterdir()):
        assert found_in(path.name.encode()) == []
        assert found_in(path.read_bytes()) == [], path.name
    told = capfd.readouterr()
    assert found_in((told.out + told.err).encode()) == []

    video = dcmread(study.image.path, stop_before_pixels=True)
    report = dcmread(study.report.path)
    assert (video.Modality, video.BodyPartExamined) == ("XC", "FACE")
    assert video.StudyInstanceUID == report.StudyInstanceUID
    assert masked.encoded.path.name == ("masked.png" if make is jpeg_photo else "masked.mp4")
    with av.open(str(masked.encoded.path)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        frames = sum(1 for _ in container.decode(video=0))
    assert frames == (1 if make is jpeg_photo else N_FRAMES)


def test_two_hostile_sources_of_one_patient_get_one_pseudonym(
    faces: list[Picture], parts: Parts, tmp_path: Path
) -> None:
    """Routing: what belongs together at the sender's belongs together behind the node."""
    found = []
    for make in (h264_stream, jpeg_photo):
        folder = tmp_path / make.__name__
        (folder / "out").mkdir(parents=True)
        [study] = mask_instance("job", make(folder, faces), folder / "out", parts, []).studies
        found.append(dcmread(study.image.path, stop_before_pixels=True))
    assert found[0].PatientID == found[1].PatientID
    assert found[0].StudyInstanceUID == found[1].StudyInstanceUID
    assert found[0].SOPInstanceUID != found[1].SOPInstanceUID
