"""Blinks from the aperture of one eye, by presentation times."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmask_node.measure.settings import MeasureSettings
from dmask_node.records.masked import Blink


class BlinkCount(NamedTuple):
    """The blinks of one eye in the time in which they could be seen."""

    blinks: tuple[Blink, ...]
    watched_s: float
    """Time between measured frames that follow each other without a gap, seconds."""


def find_blinks(
    time_s: NDArray[np.float64],
    aperture_mm: NDArray[np.float64],
    settings: MeasureSettings,
) -> BlinkCount | None:
    """Find the blinks of one eye.

    A blink is a dip of the aperture below a part of its running open level that is deep enough and
    neither too short nor too long, with both its flanks in view. Its start and end are where the
    aperture crosses that part, interpolated between frames.

    Parameters
    ----------
    time_s : (frames,) ndarray of float64
        Presentation times of all frames, increasing, seconds.
    aperture_mm : (frames,) ndarray of float64
        Aperture of the eye, millimetres; NaN where it was not measured.
    settings : MeasureSettings
        What counts as a blink.

    Returns
    -------
    BlinkCount or None
        None where blinks can't be counted: too little measured time, too few frames a second, or
        an eye that is never open.
    """
    runs = _runs(time_s, aperture_mm, settings.gap_s)
    watched_s = float(sum(time_s[run[-1]] - time_s[run[0]] for run in runs))
    steps = sum(len(run) - 1 for run in runs)
    if watched_s < settings.least_time_s or steps < settings.least_rate_hz * watched_s:
        return None
    level = find_open_level(time_s, aperture_mm, settings)
    if not (level >= settings.least_open_mm).any():
        return None
    blinks = [
        blink
        for run in runs
        for blink in _dips(time_s[run], aperture_mm[run], level[run], settings)
        if settings.least_blink_s <= blink.end_s - blink.start_s <= settings.longest_blink_s
    ]
    return BlinkCount(tuple(blinks), watched_s)


def find_open_level(
    time_s: NDArray[np.float64],
    aperture_mm: NDArray[np.float64],
    settings: MeasureSettings,
) -> NDArray[np.float64]:
    """Find how far the eye is open when open, around each frame.

    Parameters
    ----------
    time_s : (frames,) ndarray of float64
        Presentation times, increasing, seconds.
    aperture_mm : (frames,) ndarray of float64
        Aperture, millimetres; NaN where it was not measured.
    settings : MeasureSettings
        Window and percentile.

    Returns
    -------
    (frames,) ndarray of float64
        Millimetres; NaN where the eye was not measured.
    """
    level = np.full(len(time_s), np.nan)
    measured = np.flatnonzero(np.isfinite(aperture_mm))
    times, apertures = time_s[measured], aperture_mm[measured]
    first = np.searchsorted(times, times - settings.open_level_window_s, side="left")
    last = np.searchsorted(times, times + settings.open_level_window_s, side="right")
    for frame, start, stop in zip(measured, first, last, strict=True):
        level[frame] = np.percentile(apertures[start:stop], settings.open_level_percentile)
    return level


def _runs(
    time_s: NDArray[np.float64], aperture_mm: NDArray[np.float64], gap_s: float
) -> list[NDArray[np.intp]]:
    """Frames measured one after the other, without a gap."""
    measured = np.flatnonzero(np.isfinite(aperture_mm))
    if len(measured) == 0:
        return []
    breaks = (np.diff(measured) > 1) | (np.diff(time_s[measured]) > gap_s)
    return np.split(measured, np.flatnonzero(breaks) + 1)


def _dips(
    time_s: NDArray[np.float64],
    aperture_mm: NDArray[np.float64],
    level_mm: NDArray[np.float64],
    settings: MeasureSettings,
) -> list[Blink]:
    """Dips of one run that are deep enough and have both flanks in view."""
    above = aperture_mm - settings.blink_edge * level_mm
    low = (above < 0) & (level_mm >= settings.least_open_mm)
    edges = np.flatnonzero(np.diff(low.astype(np.int8)))
    dips = []
    for before in edges[low[edges + 1]]:  # into a dip
        ends = edges[(edges > before) & low[edges]]
        if len(ends) == 0:
            continue
        last = int(ends[0])
        inside = slice(before + 1, last + 1)
        if (aperture_mm[inside] < settings.blink_depth * level_mm[inside]).any():
            dips.append(
                Blink(
                    start_s=_crossing(time_s, above, int(before)),
                    end_s=_crossing(time_s, above, last),
                )
            )
    return dips


def _crossing(time_s: NDArray[np.float64], above: NDArray[np.float64], before: int) -> float:
    """Time at which a line between two frames crosses zero."""
    here, there = above[before], above[before + 1]
    share = np.clip(here / (here - there), 0.0, 1.0) if here != there else 0.5
    return float(time_s[before] + share * (time_s[before + 1] - time_s[before]))
