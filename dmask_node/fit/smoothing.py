"""Smoothing over time, by presentation times and never across a gap."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.geometry.rotation import nearest_rotation

_REACH: Final = 3
"""Neighbours on each side that have weight; beyond three standard deviations there is none."""


def find_segments(
    used: NDArray[np.bool_], time_s: NDArray[np.float64], gap_s: float
) -> list[slice]:
    """Find the runs of frames that follow each other without a gap.

    Parameters
    ----------
    used : (frames,) ndarray of bool
        Which frames count.
    time_s : (frames,) ndarray of float64
        Presentation times, increasing, seconds.
    gap_s : float
        A longer step in time parts two runs, seconds.

    Returns
    -------
    list of slice
        In order of time; together they hold exactly the used frames.
    """
    index = np.flatnonzero(used)
    if len(index) == 0:
        return []
    breaks = (np.diff(index) > 1) | (np.diff(time_s[index]) > gap_s)
    runs = np.split(index, np.flatnonzero(breaks) + 1)
    return [slice(int(run[0]), int(run[-1]) + 1) for run in runs]


def smooth(
    values: NDArray[np.float64],
    time_s: NDArray[np.float64],
    segments: list[slice],
    sigma_frames: float,
) -> NDArray[np.float64]:
    """Smooth a series by a Gaussian over presentation time.

    Parameters
    ----------
    values : (frames, ...) ndarray of float64
        The series.
    time_s : (frames,) ndarray of float64
        Presentation times, seconds.
    segments : list of slice
        As `find_segments` returns them; nothing crosses from one to another.
    sigma_frames : float
        Standard deviation, in median frame times of the segments; 0 changes nothing.

    Returns
    -------
    (frames, ...) ndarray of float64
        The smoothed series; frames outside the segments as they were.
    """
    smoothed = np.array(values, float)
    steps = [np.diff(time_s[segment]) for segment in segments]
    if sigma_frames == 0 or not any(len(step) for step in steps):
        return smoothed
    sigma_s = sigma_frames * float(np.median(np.concatenate(steps)))
    reach = int(np.ceil(_REACH * max(sigma_frames, 1.0)))
    for segment in segments:
        part, times = values[segment], time_s[segment]
        total = np.zeros_like(smoothed[segment])
        weights = np.zeros(len(part))
        for shift in range(-reach, reach + 1):
            here = slice(max(0, -shift), len(part) - max(0, shift))
            there = slice(max(0, shift), len(part) - max(0, -shift))
            if here.start >= len(part) or there.start >= len(part):
                continue
            weight = np.exp(-0.5 * ((times[there] - times[here]) / sigma_s) ** 2)
            total[here] += weight.reshape(-1, *[1] * (part.ndim - 1)) * part[there]
            weights[here] += weight
        smoothed[segment] = total / weights.reshape(-1, *[1] * (part.ndim - 1))
    return smoothed


def smooth_rotations(
    rotations: NDArray[np.float64],
    time_s: NDArray[np.float64],
    segments: list[slice],
    sigma_frames: float,
) -> NDArray[np.float64]:
    """Smooth rotations like `smooth`: the weighted mean of matrices, brought back to a rotation.

    Parameters
    ----------
    rotations : (frames, 3, 3) ndarray of float64
        The series; NaN outside the segments.
    time_s, segments, sigma_frames
        As for `smooth`.

    Returns
    -------
    (frames, 3, 3) ndarray of float64
        Proper rotations; frames outside the segments as they were.
    """
    smoothed = smooth(rotations, time_s, segments, sigma_frames)
    for segment in segments:
        smoothed[segment] = nearest_rotation(smoothed[segment])
    return smoothed
