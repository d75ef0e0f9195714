"""``dmask mask``: the whole path on real material, without the network."""

import csv
import hashlib
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
import skimage.data
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian
from typer.testing import CliRunner, Result

from dmask_node.cli.app import app
from dmask_node.config import load_settings
from dmask_node.decode.frames import open_source
from dmask_node.landmarks.track import FaceTracker, find_landmarks
from tests.e2e.camera import pictures_of
from tests.factories import (
    DEFLATED,
    HEVC_MAIN,
    MPEG2_MAIN,
    a_photo_instance,
    a_video_file,
    a_video_instance,
)

OUTPUTS_OF_A_PHOTOGRAPH = {
    *("photograph.dcm", "report.dcm", "masked.png", "report.html", "measurements.csv")
}
OUTPUTS = {"video.dcm", "report.dcm", "masked.mp4", "report.html", "measurements.csv"}
Mask = Callable[..., tuple[Result, Path]]


@pytest.fixture
def mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mask:
    """Run ``dmask mask`` on a file, with a state folder of the test's own."""
    monkeypatch.setenv("DMASK_NODE__STATE_DIR", str(tmp_path / "state"))

    def run(source: Path, name: str = "out", **environment: str) -> tuple[Result, Path]:
        out = tmp_path / name
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        result = CliRunner().invoke(app, ["mask", str(source), str(out), "--json"])
        return result, out

    return run


def _rows(out: Path) -> list[dict[str, str]]:
    with (out / "measurements.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _talking(carphone: Path, n_frames: int) -> list[Any]:
    return pictures_of(carphone)[:n_frames]


def test_the_folder_holds_what_the_contract_says(mask: Mask, carphone: Path) -> None:
    result, out = mask(carphone)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert {p.name for p in out.iterdir()} == OUTPUTS
    assert told["frames"] == told["frames_with_face"] == 120

    header = (out / "measurements.csv").read_text().splitlines()[0]
    assert header == "frame,time_s,eye,aperture_mm,rotation_h_deg,rotation_v_deg,closed,confidence"
    rows = _rows(out)
    assert len(rows) == 240
    assert [r["eye"] for r in rows[:4]] == ["R", "L", "R", "L"]

    video = dcmread(out / "video.dcm")
    assert video.NumberOfFrames == 120
    assert (out / "masked.mp4").read_bytes() in (out / "video.dcm").read_bytes()
    assert len(pictures_of(out / "masked.mp4")) == 120
    page = (out / "report.html").read_text()
    assert "<svg" in page
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_the_blinks_of_the_talking_face_are_where_they_are(mask: Mask, carphone: Path) -> None:
    """Read by eye in the original: the lids are shut in frames 42 and 92, and open in 36 and 50."""
    _, out = mask(carphone)
    rows = _rows(out)
    aperture = np.array([float(r["aperture_mm"] or "nan") for r in rows]).reshape(-1, 2)
    usual = np.nanmedian(aperture, axis=0)
    assert (aperture[42] < 0.4 * usual).all()
    assert (aperture[92] < 0.5 * usual).all()
    assert (aperture[[36, 50]] > 0.7 * usual).all()
    deepest = int(np.nanmean(aperture, axis=1).argmin())
    assert abs(deepest - 42) <= 1


def test_a_second_run_gives_the_same_bytes(mask: Mask, carphone: Path, tmp_path: Path) -> None:
    clip = a_video_file(tmp_path / "clip.mp4", frames=_talking(carphone, 20))
    _, first = mask(clip, "first")
    _, second = mask(clip, "second")
    for name in ("video.dcm", "report.dcm", "masked.mp4", "measurements.csv"):
        digests = {hashlib.sha256((out / name).read_bytes()).digest() for out in (first, second)}
        assert len(digests) == 1, name


@pytest.mark.parametrize(
    "kind", ["hevc", "mpeg2", "avi", "mov", "jpeg", "uncompressed", "deflated"]
)
def test_every_kind_of_source_keeps_its_frame_count(
    kind: str, mask: Mask, carphone: Path, tmp_path: Path
) -> None:
    faces = _talking(carphone, 10)
    make: dict[str, Callable[[], Path]] = {
        "hevc": lambda: a_video_instance(
            tmp_path / "s.dcm", transfer_syntax_uid=HEVC_MAIN, frames=faces
        ),
        "mpeg2": lambda: a_video_instance(
            tmp_path / "s.dcm", transfer_syntax_uid=MPEG2_MAIN, frames=faces
        ),
        "avi": lambda: a_video_file(
            tmp_path / "s.avi", codec="mjpeg", pix_fmt="yuvj420p", frames=faces
        ),
        "mov": lambda: a_video_file(tmp_path / "s.mov", frames=faces, audio=True),
        "jpeg": lambda: a_photo_instance(tmp_path / "s.dcm", frames=faces),
        "uncompressed": lambda: a_photo_instance(
            tmp_path / "s.dcm", transfer_syntax_uid=ExplicitVRLittleEndian, frames=faces
        ),
        "deflated": lambda: a_photo_instance(
            tmp_path / "s.dcm", transfer_syntax_uid=DEFLATED, frames=faces
        ),
    }  # fmt: skip
    result, out = mask(make[kind]())
    assert result.exit_code == 0, result.output
    assert dcmread(out / "video.dcm", stop_before_pixels=True).NumberOfFrames == 10
    assert len(pictures_of(out / "masked.mp4")) == 10
    assert len(_rows(out)) == 20


def test_a_photograph_becomes_a_masked_photograph(mask: Mask, tmp_path: Path) -> None:
    portrait = skimage.data.astronaut()
    source = a_photo_instance(tmp_path / "photo.dcm", frames=[portrait])
    (tmp_path / "out").mkdir()
    for name in ("video.dcm", "masked.mp4"):
        (tmp_path / "out" / name).write_bytes(b"of another source")
    result, out = mask(source)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert {p.name for p in out.iterdir()} == set(told["files"]) == OUTPUTS_OF_A_PHOTOGRAPH
    image = dcmread(out / "photograph.dcm")
    assert image.SOPInstanceUID == told["photograph_sop_instance_uid"]
    assert (image.Modality, image.Rows, image.Columns) == ("XC", 512, 512)
    assert "NumberOfFrames" not in image
    [drawn] = pictures_of(out / "masked.png")
    assert image.PixelData == drawn.tobytes()
    assert all(row["aperture_mm"] for row in _rows(out))
    assert "<svg" not in (out / "report.html").read_text()

    # The eyes are the patient's: seen with the same landmarks in the portrait and in its mask.
    own, masks = _eyes(source), _eyes(out / "photograph.dcm")
    assert masks.openness == pytest.approx(own.openness, abs=0.04)
    assert masks.iris_place == pytest.approx(own.iris_place, abs=0.08)
    assert np.abs(drawn.astype(int) - portrait).mean() > 40, "nothing else is"


@pytest.mark.parametrize("kind", ["png", "jpeg", "video"])
def test_whatever_holds_one_picture_becomes_a_photograph(
    kind: str, mask: Mask, tmp_path: Path
) -> None:
    portrait = skimage.data.astronaut()
    path = tmp_path / f"source.{kind}"  # the name plays no part
    if kind == "video":
        a_video_instance(path, frames=[portrait])
    else:
        cv2.imwrite(str(path), portrait[..., ::-1])
    result, out = mask(path)
    assert result.exit_code == 0, result.output
    assert {p.name for p in out.iterdir()} == OUTPUTS_OF_A_PHOTOGRAPH


class _Eyes(NamedTuple):
    openness: list[float]
    """Height over width of each eye's contour."""
    iris_place: list[float]
    """Where the iris stands between the corners, from one side to the other."""


def _eyes(path: Path) -> _Eyes:
    settings = load_settings()
    source = open_source(path)
    tracker = FaceTracker(settings.inference, settings.landmarks)
    seen = find_landmarks(source.frames, source.rows, source.columns, tracker)
    contours, irises = seen.eye_contour_px[0], seen.iris_px[0, :, 0]
    width = np.abs(contours[:, 8, 0] - contours[:, 0, 0])
    height = contours[:, 12, 1] - contours[:, 4, 1]
    start = np.minimum(contours[:, 8, 0], contours[:, 0, 0])
    return _Eyes(list(height / width), list((irises[:, 0] - start) / width))


def test_frames_without_a_face_are_shown_as_such_and_counted(
    mask: Mask, carphone: Path, tmp_path: Path
) -> None:
    faces = _talking(carphone, 14)
    blank = [np.full_like(faces[0], 90)] * 6
    clip = a_video_file(tmp_path / "clip.mp4", frames=[*faces[:7], *blank, *faces[7:]])
    result, out = mask(clip)
    told = json.loads(result.stdout)
    assert (told["frames"], told["frames_with_face"]) == (20, 14)
    rows = _rows(out)
    assert all(not row["aperture_mm"] and not row["closed"] for row in rows[14:26])
    shown = pictures_of(out / "masked.mp4")
    assert np.abs(shown[9].astype(int) - shown[11].astype(int)).mean() < 1, "both are the mark"
    assert np.abs(shown[3].astype(int) - shown[9].astype(int)).mean() > 5
    report = (out / "report.dcm").read_bytes()
    assert b"Number of frames with a face" in report


def test_too_few_faces_leave_nothing_behind(mask: Mask, carphone: Path, tmp_path: Path) -> None:
    faces = _talking(carphone, 8)
    blank = [np.full_like(faces[0], 90)] * 12
    clip = a_video_file(tmp_path / "clip.mp4", frames=[*faces, *blank])
    refused, out = mask(clip)
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["error"] == "too_few_faces"
    assert list(out.iterdir()) == []

    allowed, out = mask(clip, "allowed", DMASK_MASK__MIN_FACE_FRACTION="0.3")
    assert allowed.exit_code == 0, allowed.output
    assert {p.name for p in out.iterdir()} == OUTPUTS


def test_presentation_times_of_a_variable_rate_survive(
    mask: Mask, carphone: Path, tmp_path: Path
) -> None:
    times = [0.0, 0.04, 0.08, 0.2, 0.24, 0.4, 0.41, 0.45, 0.6, 0.7]
    clip = a_video_file(
        tmp_path / "clip.mp4", frames=_talking(carphone, 10), times_s=times, fps=Fraction(25)
    )
    _, out = mask(clip)
    read = [float(row["time_s"]) for row in _rows(out)[::2]]
    assert read == pytest.approx(times, abs=2e-4)
    video = dcmread(out / "video.dcm", stop_before_pixels=True)
    assert np.cumsum([float(x) for x in video.FrameTimeVector]) / 1000 == pytest.approx(
        times, abs=2e-3
    )


def test_the_journal_tells_every_stage(mask: Mask, carphone: Path, tmp_path: Path) -> None:
    mask(a_video_file(tmp_path / "clip.mp4", frames=_talking(carphone, 4)))
    journal = (tmp_path / "state" / "audit" / "journal.jsonl").read_text().splitlines()
    stages = [json.loads(line)["facts"].get("stage") for line in journal]
    wanted = ["decode", "landmarks", "fit", "gate", "measure", "render", "compose", "check"]
    assert [s for s in stages if s] == wanted
    assert str(tmp_path) not in "".join(journal)
