"""Smoothing over time, by presentation times and never across a gap."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.geometry.rotation import nearest_rotation

_REACH: Final = 3
"""Neighbours on each side that have weight; beyond three standard deviations there is none."""
_LEAST_DETERMINANT: Final = 1e-6
"""Below this a frame has no neighbour with weight, and stays as it is."""


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

    A line is fitted around each frame, with Gaussian weights. Amid a run this is the Gaussian
    mean; at its ends, unlike the mean, it does not lag behind a steady motion.

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
        smoothed[segment] = _local_lines(values[segment], time_s[segment] / sigma_s, reach)
    return smoothed


def _local_lines(
    values: NDArray[np.float64], times: NDArray[np.float64], reach: int
) -> NDArray[np.float64]:
    """Value at each time of the line fitted around it; times in standard deviations."""
    n, flat = len(values), values.reshape(len(values), -1)
    sums = np.zeros((3, n))  # of weight, weight dt, weight dt^2
    level, slope = np.zeros_like(flat), np.zeros_like(flat)
    for shift in range(-min(reach, n - 1), min(reach, n - 1) + 1):
        here = slice(max(0, -shift), n - max(0, shift))
        there = slice(max(0, shift), n - max(0, -shift))
        dt = times[there] - times[here]
        weight = np.exp(-0.5 * dt**2)
        sums[:, here] += weight, weight * dt, weight * dt**2
        level[here] += weight[:, None] * flat[there]
        slope[here] += (weight * dt)[:, None] * flat[there]
    determinant = sums[0] * sums[2] - sums[1] ** 2
    lonely = determinant < _LEAST_DETERMINANT
    safe = np.where(lonely, 1.0, determinant)[:, None]
    line = (sums[2][:, None] * level - sums[1][:, None] * slope) / safe
    return np.where(lonely[:, None], flat, line).reshape(values.shape)


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
