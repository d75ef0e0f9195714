"""Pictures that a person has looked at and found right.

``DMASK_UPDATE_GOLDEN=1 pytest tests/unit/render/test_golden_pictures.py`` draws them anew; look at
them before you commit them. The tolerance is for other processors, whose vector units round
differently: at silhouettes a sample may change sides.
"""

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dmask_node.models.store import load_morphable_model
from dmask_node.records.anatomy import Eye
from dmask_node.render.marks import draw_no_face
from dmask_node.render.track import render_track
from tests.mask_tracks import a_mask_track

GOLDEN = Path(__file__).parents[2] / "golden"
SIDE_PX = 160
MEAN_TOLERANCE = 0.5
"""Grey levels."""
SHARE_FAR_OFF = 0.002
"""Of the pixels, more than 12 grey levels off."""

WHOLE = {"depth_mm": 430.0, "shift_mm": (0.0, 24.0)}
CLOSE = {"depth_mm": 240.0, "shift_mm": (0.0, 8.0)}

POSES: dict[str, dict[str, Any]] = {
    "neutral": WHOLE,
    "turned_smiling": {
        **WHOLE,
        "yaw_deg": 30.0,
        "expression": {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0, "jawOpen": 0.3},
    },
    "eyes_open": CLOSE,
    "eyes_closed": {**CLOSE, "lids": {eye: {"eyeBlink": 1.0} for eye in Eye}},
    "ptosis_right": {**CLOSE, "lids": {Eye.RIGHT: {"upper_1": -4.0}}},
    "esotropia_left": {**CLOSE, "gaze_deg": {Eye.LEFT: (-20.0, 0.0)}},
}


def read(name: str) -> np.ndarray:
    """Read an approved picture, RGB."""
    picture = cv2.imread(str(GOLDEN / f"{name}.png"))
    assert picture is not None, f"{name}.png is missing"
    return picture[..., ::-1].astype(int)


def compare(name: str, picture: np.ndarray, tmp_path: Path) -> None:
    if os.environ.get("DMASK_UPDATE_GOLDEN") == "1":
        cv2.imwrite(str(GOLDEN / f"{name}.png"), picture[..., ::-1])
    golden = read(name)
    off = np.abs(picture.astype(int) - golden)
    far = float((off.max(axis=2) > 12).mean())
    if off.mean() > MEAN_TOLERANCE or far > SHARE_FAR_OFF:
        shown = tmp_path / f"{name}_golden_now_difference.png"
        difference = np.clip(8 * off, 0, 255).astype(np.uint8)
        cv2.imwrite(str(shown), np.hstack([golden, picture, difference])[..., ::-1])
        pytest.fail(f"{name}: {off.mean():.2f} grey levels off, {far:.2%} far off; see {shown}")


@pytest.mark.parametrize("name", list(POSES))
def test_the_mask_looks_as_it_was_approved(name: str, tmp_path: Path) -> None:
    track = a_mask_track(rows=SIDE_PX, columns=SIDE_PX, **POSES[name])
    picture = next(render_track(track, load_morphable_model(), SIDE_PX, SIDE_PX))
    compare(name, picture, tmp_path)


def test_the_mark_looks_as_it_was_approved(tmp_path: Path) -> None:
    compare("no_face", draw_no_face(SIDE_PX, SIDE_PX), tmp_path)


def test_a_drooping_lid_or_a_squint_is_beyond_the_tolerance() -> None:
    plain = read("eyes_open")
    for name in ("eyes_closed", "ptosis_right", "esotropia_left"):
        far = np.abs(read(name) - plain).max(axis=2) > 12
        assert far.mean() > 2 * SHARE_FAR_OFF, name
