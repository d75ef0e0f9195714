"""From a mask track to frames."""

import dataclasses
import hashlib
import inspect
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from dmask_node.geometry.camera import PerspectiveCamera
from dmask_node.models.store import load_morphable_model
from dmask_node.records.anatomy import Eye
from dmask_node.records.masked import MaskTrack
from dmask_node.render.settings import RenderSettings
from dmask_node.render.track import MaskRenderer, render_track
from tests.mask_tracks import a_mask_track

ROOT = Path(__file__).parents[3]


def a_picture() -> np.ndarray:
    track = a_mask_track(yaw_deg=12.0, expression={"jawOpen": 0.4})
    return next(render_track(track, load_morphable_model(), 240, 320))


def test_every_frame_of_the_track_is_drawn_once_and_in_order() -> None:
    mask = a_mask_track(5, found=[True, True, False, True, False])
    frames = list(render_track(mask, load_morphable_model(), 120, 160))
    assert [frame.shape for frame in frames] == [(120, 160, 3)] * 5
    assert {frame.dtype for frame in frames} == {np.dtype(np.uint8)}
    alike = [bool((frame == frames[0]).all()) for frame in frames]
    assert alike == [True, True, False, True, False]


def test_the_picture_agrees_with_the_camera_of_the_fit() -> None:
    mask = a_mask_track(
        rows=400, columns=600, shift_mm=(30.0, -20.0), lids={eye: {"eyeWide": 0.8} for eye in Eye}
    )
    model = load_morphable_model()
    picture = next(render_track(mask, model, 400, 600))
    camera = PerspectiveCamera(focal_px=mask.focal_px, rows=400, columns=600)
    pupil_mm = model.eye_centre_mean + np.array([0.0, 0.0, 12.03])
    pupils_px = camera.project(pupil_mm, np.eye(3), mask.translation_mm[0])
    for x, y in pupils_px:
        near = picture[round(y) - 8 : round(y) + 9, round(x) - 8 : round(x) + 9].max(axis=2)
        rows, columns = np.nonzero(near < 28)
        found = (round(x) - 8 + columns.mean(), round(y) - 8 + rows.mean())
        assert found == pytest.approx((x, y), abs=0.6)


def test_a_larger_picture_shows_the_same_in_the_same_place() -> None:
    mask = a_mask_track(rows=240, columns=320, yaw_deg=10.0)
    model = load_morphable_model()
    small = next(render_track(mask, model, 240, 320)).astype(int)
    large = next(render_track(mask, model, 720, 960))
    shrunk = cv2.resize(large, (320, 240), interpolation=cv2.INTER_AREA).astype(int)
    off = np.abs(small - shrunk).max(axis=2)
    assert off.mean() < 0.6
    assert (off > 30).mean() < 0.003


def test_turning_the_head_to_the_patients_left_turns_it_right_in_the_picture() -> None:
    model = load_morphable_model()

    def lips_x_px(yaw_deg: float) -> float:
        picture = next(render_track(a_mask_track(yaw_deg=yaw_deg), model, 240, 320)).astype(int)
        # The lips are the only red thing.
        return float(np.nonzero(picture[..., 0] - picture[..., 1] > 26)[1].mean())

    assert lips_x_px(-25.0) < lips_x_px(0.0) - 5 < lips_x_px(25.0) - 10


def test_a_face_outside_the_picture_leaves_the_background() -> None:
    mask = a_mask_track(shift_mm=(5000.0, 0.0))
    picture = next(render_track(mask, load_morphable_model(), 240, 320))
    assert (picture == (30, 34, 38)).all()


def test_supersampling_smooths_edges() -> None:
    model = load_morphable_model()
    mask = a_mask_track()
    colours = [
        len(np.unique(next(render_track(mask, model, 240, 320, settings)).reshape(-1, 3), axis=0))
        for settings in (RenderSettings(supersampling=1), RenderSettings(supersampling=3))
    ]
    assert colours[1] > colours[0]


def test_same_bits_on_one_thread_and_on_two_and_in_another_process() -> None:
    before = cv2.getNumThreads()
    digests = []
    try:
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            digests.append(hashlib.sha256(a_picture().tobytes()).hexdigest())
    finally:
        cv2.setNumThreads(before)
    program = (
        "import hashlib\n"
        "from tests.unit.render.test_track import a_picture\n"
        "print(hashlib.sha256(a_picture().tobytes()).hexdigest())\n"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=ROOT,
    )
    digests.append(elsewhere.stdout.strip())
    assert len(set(digests)) == 1


def test_nothing_that_tells_faces_apart_can_be_handed_to_the_renderer() -> None:
    fields = {field.name for field in dataclasses.fields(MaskTrack)}
    assert not {name for name in fields if "identity" in name or "landmark" in name}
    assert list(inspect.signature(render_track).parameters) == [
        "mask",
        "model",
        "rows",
        "columns",
        "settings",
    ]
    assert "identity" not in inspect.getsource(MaskRenderer)
