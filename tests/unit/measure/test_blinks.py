"""Blinks are found by presentation times."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dmask_node.measure.blinks import find_blinks, find_open_level
from dmask_node.measure.settings import MeasureSettings
from dmask_node.records.masked import Blink

SETTINGS = MeasureSettings()


def _an_eye(
    time_s: NDArray[np.float64], blinks: list[float], open_mm: float = 9.0, width_s: float = 0.2
) -> NDArray[np.float64]:
    """Aperture of an eye that shuts for a moment around each time: linear flanks."""
    aperture = np.full(len(time_s), open_mm)
    for middle in blinks:
        dip = np.clip(np.abs(time_s - middle) / (width_s / 2), 0.0, 1.0)
        aperture = np.minimum(aperture, open_mm * dip)
    return aperture


def _blinks(time_s: NDArray[np.float64], aperture: NDArray[np.float64]) -> tuple[Blink, ...]:
    count = find_blinks(time_s, aperture, SETTINGS)
    assert count is not None
    return count.blinks


@pytest.mark.parametrize("rate_hz", [15, 25, 30, 60, 240])
def test_blinks_are_found_when_they_happen_at_any_frame_rate(rate_hz: float) -> None:
    time_s = np.arange(0, 6, 1 / rate_hz)
    found = _blinks(time_s, _an_eye(time_s, [1.53, 4.01]))
    assert len(found) == 2
    for blink, middle in zip(found, [1.53, 4.01], strict=True):
        assert (blink.start_s + blink.end_s) / 2 == pytest.approx(middle, abs=0.5 / rate_hz)
        # at 70 % of the open level of a dip of 0.2 s with straight flanks
        assert blink.end_s - blink.start_s == pytest.approx(0.14, abs=1.0 / rate_hz)


def test_a_variable_frame_rate_does_not_shift_blinks() -> None:
    random = np.random.default_rng(0)
    time_s = np.cumsum(random.uniform(0.005, 0.06, 300))
    middle = float(time_s[150])
    found = _blinks(time_s, _an_eye(time_s, [middle], width_s=0.3))
    assert len(found) == 1
    assert found[0].start_s < middle < found[0].end_s
    assert found[0].start_s == pytest.approx(middle - 0.105, abs=0.06)


def test_jitter_is_no_blink() -> None:
    time_s = np.arange(0, 20, 0.04)
    noisy = 9.0 + np.random.default_rng(1).normal(0, 0.7, len(time_s))
    assert _blinks(time_s, noisy) == ()


def test_a_half_hearted_dip_is_no_blink() -> None:
    time_s = np.arange(0, 6, 0.04)
    dip = 9.0 - 3.0 * np.exp(-(((time_s - 3) / 0.08) ** 2))  # to two thirds
    assert _blinks(time_s, dip) == ()


def test_closed_eyes_are_no_blink() -> None:
    time_s = np.arange(0, 8, 0.04)
    aperture = np.where((time_s > 3) & (time_s < 4.5), 0.0, 9.0)
    assert _blinks(time_s, aperture) == ()


def test_a_blink_cut_off_by_a_gap_or_by_the_clip_is_not_counted() -> None:
    time_s = np.arange(0, 6, 0.04)
    aperture = _an_eye(time_s, [0.0, 2.0, 4.0, float(time_s[-1])])
    aperture[(time_s > 2.0) & (time_s < 2.5)] = np.nan
    found = _blinks(time_s, aperture)
    assert [round(blink.start_s) for blink in found] == [4]


def test_unmeasured_time_does_not_count() -> None:
    time_s = np.arange(0, 10, 0.04)
    aperture = _an_eye(time_s, [1.0])
    aperture[time_s > 4.0] = np.nan
    count = find_blinks(time_s, aperture, SETTINGS)
    assert count is not None
    assert count.watched_s == pytest.approx(4.0, abs=0.05)


def test_a_jump_in_time_parts_the_clip() -> None:
    time_s = np.concatenate([np.arange(0, 3, 0.04), np.arange(13, 16, 0.04)])
    count = find_blinks(time_s, _an_eye(time_s, []), SETTINGS)
    assert count is not None
    assert count.watched_s == pytest.approx(5.92, abs=0.01)


@pytest.mark.parametrize(
    ("time_s", "why"),
    [
        (np.arange(0, 1.9, 0.04), "too short"),
        (np.arange(0, 20, 0.125), "too slow"),
        (np.zeros(1), "a photograph"),
        (np.zeros(0), "nothing"),
    ],
)
def test_what_is_too_short_or_too_slow_has_no_count(time_s: NDArray[np.float64], why: str) -> None:
    assert find_blinks(time_s, _an_eye(time_s, []), SETTINGS) is None, why


def test_an_eye_that_never_opens_has_no_count() -> None:
    time_s = np.arange(0, 6, 0.04)
    assert find_blinks(time_s, np.full(len(time_s), 0.5), SETTINGS) is None


def test_the_open_level_follows_a_lid_that_tires() -> None:
    time_s = np.arange(0, 60, 0.04)
    tiring = np.linspace(10, 4, len(time_s))
    aperture = np.minimum(tiring, _an_eye(time_s, [10, 30, 50], open_mm=20))
    level = find_open_level(time_s, aperture, SETTINGS)
    assert level[250] == pytest.approx(tiring[250], abs=0.6)
    assert level[1250] == pytest.approx(tiring[1250], abs=0.6)
    assert len(_blinks(time_s, aperture)) == 3


def test_a_drooping_lid_blinks_too() -> None:
    time_s = np.arange(0, 6, 0.04)
    assert len(_blinks(time_s, _an_eye(time_s, [2.0, 4.0], open_mm=3.0))) == 2
