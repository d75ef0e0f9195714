"""Which raster is found behind presentation times, and which level the picture needs."""

from fractions import Fraction

import numpy as np
import pytest

from dmask_node.compose.encoder import Timeline, TooLargeToEncode, choose_level


@pytest.mark.parametrize(
    "rate",
    [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60)],
)
@pytest.mark.parametrize("clock_hz", [1000, 90_000, 10**9])
def test_a_customary_rate_is_found_behind_a_coarse_clock(rate: Fraction, clock_hz: int) -> None:
    times = [round(float(i / rate) * clock_hz) / clock_hz for i in range(300)]
    timeline = Timeline.of(times)
    assert timeline.constant
    assert timeline.rate == rate
    assert timeline.ticks == list(range(300))


def test_an_uncustomary_rate_is_kept() -> None:
    timeline = Timeline.of([i / 12.34 for i in range(500)])
    assert timeline.constant
    assert float(timeline.rate) == pytest.approx(12.34, rel=1e-6)


def test_jitter_within_five_percent_is_a_constant_rate_and_beyond_it_is_not() -> None:
    step = 1 / 30
    even = np.arange(120) * step
    jitter = step * np.where(np.arange(120) % 7 == 3, 1.0, 0.0)
    assert Timeline.of(list(even + 0.045 * jitter)).constant
    assert not Timeline.of(list(even + 0.055 * jitter)).constant


def test_a_slow_drift_is_not_taken_for_a_constant_rate() -> None:
    """Each step is within 5 % of the mean, yet an even raster would be seconds off."""
    steps = np.concatenate([np.full(500, 0.0408), np.full(500, 0.0392)])
    assert not Timeline.of([0.0, *np.cumsum(steps)]).constant


def test_uneven_times_are_kept_to_the_tick_from_the_first_frame() -> None:
    times = [5.0, 5.042, 5.05, 5.3, 6.0]
    timeline = Timeline.of(times)
    assert not timeline.constant
    kept = [float(tick * timeline.time_base) for tick in timeline.ticks]
    np.testing.assert_allclose(kept, np.array(times) - 5.0, atol=1 / 90_000)


def test_times_closer_than_a_tick_still_increase() -> None:
    timeline = Timeline.of([0.0, 1e-6, 2e-6, 1.0, 1.0 + 1e-7])
    assert all(a < b for a, b in zip(timeline.ticks, timeline.ticks[1:], strict=False))


def test_the_peak_rate_is_that_of_the_busiest_second() -> None:
    times = [i / 120 for i in range(120)] + [1 + i / 10 for i in range(100)]
    timeline = Timeline.of(times)
    assert timeline.rate < 25
    assert timeline.peak_rate == 120


@pytest.mark.parametrize("times", [[], [0.0, 0.0], [0.0, 2.0, 1.0], [0.0, float("nan")]])
def test_times_that_do_not_increase_are_refused(times: list[float]) -> None:
    with pytest.raises(ValueError, match="increasing"):
        Timeline.of(times)


@pytest.mark.parametrize(
    ("rows", "columns", "rate", "level"),
    [
        (720, 1280, 60, "4.1"),
        (1080, 1920, 30, "4.1"),
        (1080, 1920, 60, "4.2"),
        (720, 1280, 145, "4.2"),
        (480, 640, 200, "4.1"),
        (480, 640, 240, "4.2"),
    ],
)
def test_the_level_follows_from_size_and_rate(
    rows: int, columns: int, rate: int, level: str
) -> None:
    uid = {"4.1": "1.2.840.10008.1.2.4.102", "4.2": "1.2.840.10008.1.2.4.104"}[level]
    chosen = choose_level(rows, columns, Fraction(rate))
    assert (chosen[0], chosen[3]) == (level, uid)


@pytest.mark.parametrize(
    ("rows", "columns", "rate"),
    [(720, 1280, 240), (2160, 3840, 5), (16, 8192, 5), (1920, 1440, 75)],
)
def test_beyond_level_4_2_is_refused(rows: int, columns: int, rate: int) -> None:
    with pytest.raises(TooLargeToEncode, match="beyond level"):
        choose_level(rows, columns, Fraction(rate))
