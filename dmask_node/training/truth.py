"""What is true of an eye in a picture: its lines, corners, iris and pupil."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from dmask_node.training.crop import COLUMNS, CROP, apply


class Line(IntEnum):
    """A line of an eye; the semantic lines of Q. Wen et al., ACM TOG 36, 2017."""

    UPPER = 0
    """Margin of the upper lid: where the lid ends and the globe begins."""
    LOWER = 1
    """Margin of the lower lid."""
    FOLD = 2
    """The fold (crease) of the upper lid."""
    BOUNDARY = 3
    """The furrow in which the lower lid ends."""


class Spot(IntEnum):
    """A point of an eye."""

    OUTER = 0
    INNER = 1
    IRIS = 2
    """Centre of the iris."""
    PUPIL = 3
    """Centre of the pupil."""


MIDDLE: Final = (0.3, 0.7)
"""Part of the eye, from the outer to the inner corner, over which the opening is averaged."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EyeTruth:
    """The lines of one eye, the outer corner on the left; NaN or None where nothing is known."""

    lines: tuple[NDArray[np.float64] | None, ...]
    """A polyline (points, 2) for each `Line`, from left to right; None where unknown. Lines that
    are known not to be there are empty, (0, 2)."""
    spots: NDArray[np.float64]
    """(4, 2), by `Spot`."""
    iris: NDArray[np.float64]
    """(2, 2), symmetric: takes the unit circle to the rim of the iris about its centre."""
    pupil_ratio: float
    """Diameter of the pupil over that of the iris."""
    visibility: float
    """Share of the open eye, or of the closed lid margins, that nothing covers, in [0, 1]."""
    weight: float = 1.0
    """How far this is to be believed: 1 for exact truth, less for what a network said."""

    def known(self, line: Line) -> NDArray[np.float64]:
        """Return a line's points, (n, 2); raise ValueError if nothing is known of it."""
        points = self.lines[line]
        if points is None:
            raise ValueError(f"nothing is known of the line {line.name.lower()}")
        return points

    def moved(self, matrix: NDArray[np.float64]) -> "EyeTruth":
        """Carry the truth by a (2, 3) affine matrix that does not mirror."""
        linear = matrix[:, :2]
        return replace(
            self,
            lines=tuple(None if line is None else apply(matrix, line) for line in self.lines),
            spots=apply(matrix, self.spots),
            iris=symmetric_root(linear @ self.iris @ self.iris.T @ linear.T),
        )


class CropTruth(NamedTuple):
    """The truth in the coordinates of the crop, as arrays of fixed shape; NaN is unknown."""

    heights: NDArray[np.float32]
    """(4, 56), row of each `Line` at each of `COLUMNS`, crop pixels."""
    present: NDArray[np.float32]
    """(4,), 1 where the line is there, 0 where it is known to be absent."""
    spots: NDArray[np.float32]
    """(4, 2), crop pixels."""
    iris: NDArray[np.float32]
    """(3,), the xx, xy and yy elements of `EyeTruth.iris`, crop pixels."""
    pupil_ratio: NDArray[np.float32]
    """()."""
    opening: NDArray[np.float32]
    """(), signed height of the opening in the middle of the eye over the distance of corners."""
    visibility: NDArray[np.float32]
    """(), in [0, 1]."""
    weight: NDArray[np.float32]
    """()."""


def on_columns(truth: EyeTruth) -> CropTruth:
    """Sample the truth at the columns of the crop.

    Parameters
    ----------
    truth : EyeTruth
        In crop coordinates.

    Returns
    -------
    CropTruth
        Lines only between the corners, and only where they reach.
    """
    heights = np.full((len(Line), len(COLUMNS)), np.nan, np.float32)
    present = np.full(len(Line), np.nan, np.float32)
    left, right = truth.spots[Spot.OUTER, 0], truth.spots[Spot.INNER, 0]
    between = (left < COLUMNS) & (right > COLUMNS)
    for line, points in enumerate(truth.lines):
        if points is None:
            continue
        present[line] = float(len(points) > 1)
        if len(points) > 1:
            inside = between & (points[0, 0] <= COLUMNS) & (points[-1, 0] >= COLUMNS)
            row = np.interp(COLUMNS, points[:, 0], points[:, 1])
            inside &= (row > 0) & (row < CROP.rows - 1)
            heights[line, inside] = row[inside]
    return CropTruth(
        heights=heights,
        present=present,
        spots=truth.spots.astype(np.float32),
        iris=truth.iris[[0, 0, 1], [0, 1, 1]].astype(np.float32),
        pupil_ratio=np.float32(truth.pupil_ratio),  # type: ignore[arg-type]
        opening=np.float32(opening_of(truth)),  # type: ignore[arg-type]
        visibility=np.float32(truth.visibility),  # type: ignore[arg-type]
        weight=np.float32(truth.weight),  # type: ignore[arg-type]
    )


def opening_of(truth: EyeTruth) -> float:
    """Average the signed opening over the middle of the eye, in units of the corners' distance."""
    upper, lower = truth.lines[Line.UPPER], truth.lines[Line.LOWER]
    if upper is None or lower is None:
        return float("nan")
    left, right = truth.spots[Spot.OUTER], truth.spots[Spot.INNER]
    x = left[0] + (right[0] - left[0]) * np.linspace(*MIDDLE, 21)
    heights = np.interp(x, lower[:, 0], lower[:, 1]) - np.interp(x, upper[:, 0], upper[:, 1])
    return float(heights.mean() / np.hypot(*(right - left)))


def symmetric_root(square: NDArray[Any]) -> NDArray[np.float64]:
    """Return the symmetric root of a (2, 2) symmetric matrix without negative eigenvalues.

    NaN stays NaN.
    """
    if not np.isfinite(square).all():
        return np.full((2, 2), np.nan)
    values, vectors = np.linalg.eigh(square)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)


def smooth_line(points: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Put a cubic spline through points and sample it evenly.

    Parameters
    ----------
    points : (k, 2) ndarray of float64
        At least two, in the order of the line.
    n : int
        How many points are wanted.

    Returns
    -------
    (n, 2) ndarray of float64
        Both ends are kept.
    """
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T) + 1e-6)])
    return np.asarray(CubicSpline(length / length[-1], points)(np.linspace(0, 1, n)))
