"""What is told of a clip."""

import numpy as np
import pytest
from pydantic import ValidationError

from dmask_node.measure.settings import MeasureSettings
from dmask_node.measure.summary import summarise
from dmask_node.records.anatomy import Eye
from dmask_node.records.masked import EyeTrack

SETTINGS = MeasureSettings()


def _eyes(n: int = 150, step_s: float = 0.04, **changes: np.ndarray | float) -> EyeTrack:
    arrays: dict[str, np.ndarray | float] = {
        "time_s": np.arange(float(n)) * step_s,
        "aperture_mm": np.tile([9.0, 7.0], (n, 1)),
        "rotation_h_deg": np.tile([4.0, -2.0], (n, 1)),
        "rotation_v_deg": np.tile([1.0, 3.0], (n, 1)),
        "closed": np.zeros((n, 2), bool),
        "confidence": np.ones((n, 2)),
        "found": np.ones(n, bool),
        "iris_diameter_px": 22.0,
    }
    arrays.update(changes)
    return EyeTrack(**arrays)  # type: ignore[arg-type]


def test_right_and_left_are_told_apart() -> None:
    found = summarise(_eyes(), SETTINGS)
    assert found.right.eye is Eye.RIGHT
    assert found.right.aperture_mean_mm == pytest.approx(9.0)
    assert found.left.aperture_mean_mm == pytest.approx(7.0)
    assert found.right.rotation_h_mean_deg == pytest.approx(4.0)
    assert found.left.rotation_h_mean_deg == pytest.approx(-2.0)
    assert found.right.rotation_v_mean_deg == pytest.approx(1.0)
    assert found.left.rotation_v_mean_deg == pytest.approx(3.0)
    assert found.of(Eye.LEFT) is found.left
    assert found.duration_s == pytest.approx(149 * 0.04)
    assert found.iris_diameter_px == 22.0


def test_the_mean_aperture_leaves_blinks_out_and_the_minimum_does_not() -> None:
    aperture = np.tile([9.0, 7.0], (150, 1))
    aperture[50:54, Eye.RIGHT] = [4.0, 0.0, 0.0, 4.0]
    found = summarise(_eyes(aperture_mm=aperture), SETTINGS)
    assert found.right.aperture_mean_mm == pytest.approx(9.0)
    assert found.right.aperture_min_mm == 0.0
    assert found.right.blinks is not None
    assert len(found.right.blinks) == 1
    assert 1.96 < found.right.blinks[0].start_s < 2.0
    assert 2.12 < found.right.blinks[0].end_s < 2.16
    assert found.left.blinks == ()
    assert found.left.blink_rate_per_min == 0.0
    assert found.left.aperture_min_mm == pytest.approx(7.0)


def test_the_blink_rate_is_per_watched_minute() -> None:
    aperture = np.full((1500, 2), 9.0)
    aperture[100:1400:100] = 0.0
    aperture[99:1399:100] = aperture[101:1401:100] = 3.0
    aperture[750:] = np.nan
    found = summarise(_eyes(1500, aperture_mm=aperture), SETTINGS)
    assert found.right.blinks is not None
    assert len(found.right.blinks) == 7
    assert found.right.blink_rate_per_min == pytest.approx(7 / (749 * 0.04) * 60)


def test_unsure_and_unfound_frames_are_left_out() -> None:
    confidence, found_face = np.ones((150, 2)), np.ones(150, bool)
    confidence[:30, Eye.LEFT] = 0.0
    found_face[140:] = False
    aperture = np.full((150, 2), 9.0)
    aperture[:30] = 2.0
    aperture[140:] = 1.0
    found = summarise(
        _eyes(aperture_mm=aperture, confidence=confidence, found=found_face), SETTINGS
    )
    assert (found.right.frames_used, found.left.frames_used) == (140, 110)
    assert found.left.aperture_min_mm == pytest.approx(9.0)
    assert found.right.aperture_min_mm == pytest.approx(2.0)
    assert (found.frames_total, found.frames_with_face) == (150, 140)


def test_the_mean_confidence_is_that_of_the_frames_used() -> None:
    confidence, aperture = np.full((150, 2), 0.9), np.full((150, 2), 9.0)
    confidence[:50, Eye.RIGHT] = 0.6
    confidence[100:, Eye.RIGHT] = 0.04
    aperture[:75, Eye.LEFT] = np.nan
    confidence[75:, Eye.LEFT] = 0.5
    found = summarise(_eyes(confidence=confidence, aperture_mm=aperture), SETTINGS)
    assert found.right.confidence_mean == pytest.approx((0.6 + 0.9) / 2)
    assert found.left.confidence_mean == pytest.approx(0.5)


def test_hidden_irises_do_not_touch_the_mean_rotation() -> None:
    rotation = np.tile([4.0, -2.0], (150, 1))
    rotation[:100, Eye.RIGHT] = np.nan
    found = summarise(_eyes(rotation_h_deg=rotation), SETTINGS)
    assert found.right.rotation_h_mean_deg == pytest.approx(4.0)
    assert found.right.frames_used == 150


def test_a_photograph_has_apertures_and_no_blinks() -> None:
    found = summarise(_eyes(1), SETTINGS)
    assert found.right.aperture_mean_mm == pytest.approx(9.0)
    assert found.right.blinks is None
    assert found.right.blink_rate_per_min is None
    assert found.duration_s == 0.0


def test_nothing_measured_is_told_as_nothing() -> None:
    nothing = np.full((20, 2), np.nan)
    found = summarise(
        _eyes(
            20,
            aperture_mm=nothing,
            rotation_h_deg=nothing,
            rotation_v_deg=nothing,
            confidence=np.zeros((20, 2)),
            found=np.zeros(20, bool),
            iris_diameter_px=float("nan"),
        ),
        SETTINGS,
    )
    for eye in (found.right, found.left):
        assert eye.frames_used == 0
        assert eye.aperture_mean_mm is None
        assert eye.aperture_min_mm is None
        assert eye.rotation_h_mean_deg is None
        assert eye.rotation_v_mean_deg is None
        assert eye.blinks is None
        assert eye.confidence_mean is None
    assert found.iris_diameter_px is None
    assert found.frames_with_face == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"blink_depth": 0.9, "blink_edge": 0.5},
        {"least_blink_s": 0.9, "longest_blink_s": 0.2},
        {"blink_deep": 0.3},
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        MeasureSettings(**settings)
