"""When frames are shown, as a header tells it (PS3.3 C.7.6.5)."""

import math
from typing import Final

from pydicom.dataset import Dataset

_LONGEST_STEP_S: Final = 3600.0
_SLOW_STEP_S: Final = 1.0
"""From here on pictures follow one another like photographs: hundredths of a second are enough, and
more digits could hold a number that is no time."""


def declared_step_s(header: Dataset) -> float | None:
    """Return the frame time a header declares, seconds, or None; a slow one to a hundredth.

    Frame Time (0018,1063) first, then Cine Rate (0018,0040) and Recommended Display Frame Rate
    (0008,2144), which are whole numbers and so less exact.
    """
    frame_time_ms = _number(header, "FrameTime")
    if frame_time_ms is not None:
        return _plain(frame_time_ms / 1000)
    rate = _number(header, "CineRate") or _number(header, "RecommendedDisplayFrameRate")
    return None if rate is None else 1 / rate


def declared_times_s(header: Dataset, n_frames: int, untimed_frame_s: float) -> list[float]:
    """Return the presentation time of each frame of a multi-frame image.

    Parameters
    ----------
    header : Dataset
        Frame Time Vector (0018,1065) is used when it has a positive increment for each frame.
    n_frames : int
        How many frames there are.
    untimed_frame_s : float
        Step when the header tells none, seconds.

    Returns
    -------
    list of float
        Seconds after the first frame, strictly increasing.
    """
    steps = _vector(header)
    if len(steps) == n_frames:
        times, now = [], 0.0
        for index, step in enumerate(steps):
            now += step if index else 0.0
            times.append(now)
        return times
    step_s = declared_step_s(header) or untimed_frame_s
    return [index * step_s for index in range(n_frames)]


def _vector(header: Dataset) -> list[float]:
    """Return the increments in seconds; empty unless all but the first are positive."""
    try:
        steps = [_plain(float(value) / 1000) for value in header.get("FrameTimeVector") or ()]
    except (TypeError, ValueError):
        return []
    usable = all(math.isfinite(step) and 0 < step < _LONGEST_STEP_S for step in steps[1:])
    return steps if usable else []


def _plain(step_s: float) -> float:
    return round(step_s, 2) if step_s >= _SLOW_STEP_S else step_s


def declared_frames(header: Dataset) -> int | None:
    """Return Number of Frames, or None where it is absent or senseless."""
    number = _number(header, "NumberOfFrames")
    return None if number is None else int(number) or None


def _number(header: Dataset, keyword: str) -> float | None:
    try:
        value = float(header.get(keyword))
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and value > 0 else None
