"""How far two readings of the same eyes differ: the reader's own error."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.training.labels.scheme import Shape, heights_at
from dmask_node.training.labels.store import EyeLabel

COLUMNS: Final = np.linspace(0.1, 0.9, 9)
"""Where heights are compared, as fractions from the outer (0) to the inner corner (1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Second reading minus first of one quantity, in % of the eye's width.

    Attributes
    ----------
    eyes : int
        Eyes in which both readings have it.
    bias : float
        Mean; of a height, positive where the second reading lies lower on the face.
    sd : float
        Standard deviation of all single differences. One reading's own error is this over the
        square root of two, if both readings are equally good.
    sd_of_eyes : float
        Standard deviation of the eyes' means: what is left after averaging along a line.
    mean_absolute : float
        Mean of the absolute single differences.
    """

    eyes: int
    bias: float
    sd: float
    sd_of_eyes: float
    mean_absolute: float


def pair_readings(labels: Iterable[EyeLabel]) -> list[tuple[EyeLabel, EyeLabel]]:
    """Pair the first and second readings of the same eyes; eyes read once are left out."""
    first, second = ({one.subject: one for one in chosen} for chosen in _parted(list(labels)))
    return [(first[subject], second[subject]) for subject in first if subject in second]


def agreement(pairs: Iterable[tuple[EyeLabel, EyeLabel]]) -> dict[str, Difference]:
    """Compare first and second readings.

    Parameters
    ----------
    pairs : iterable of (EyeLabel, EyeLabel)
        First and second reading of the same eye.

    Returns
    -------
    dict of str to Difference
        By quantity: heights of the four lines at `COLUMNS`, ``aperture`` (the largest gap of the
        margins), ``aperture_middle`` (at half way), corners, centre and radius of the iris.
    """
    found: dict[str, list[NDArray[np.float64]]] = {}
    for one, two in pairs:
        before, after = (_quantities(label.shape, one) for label in (one, two))
        for name in before.keys() & after.keys():
            difference = 100 * (after[name] - before[name])
            if np.isfinite(difference).any():
                found.setdefault(name, []).append(difference[np.isfinite(difference)])
    return {name: _difference(found[name]) for name in sorted(found)}


def _difference(eyes: list[NDArray[np.float64]]) -> Difference:
    every = np.concatenate(eyes)
    return Difference(
        eyes=len(eyes),
        bias=float(every.mean()),
        sd=float(every.std()),
        sd_of_eyes=float(np.std([one.mean() for one in eyes])),
        mean_absolute=float(np.abs(every).mean()),
    )


def _parted(labels: list[EyeLabel]) -> tuple[list[EyeLabel], list[EyeLabel]]:
    return [one for one in labels if one.reading == 1], [one for one in labels if one.reading == 2]


def _quantities(shape: Shape, first: EyeLabel) -> Mapping[str, NDArray[np.float64]]:
    """Measure a reading in the first one's eye frame: outer corner (0, 0), inner (1, 0), y down."""
    outer = np.array(first.shape.corner_outer)
    across = (np.array(first.shape.corner_inner) - outer) / first.shape.width
    down = np.array([-across[1], across[0]]) * (1 if first.eye == "R" else -1)
    axes = np.column_stack([across, down]) / first.shape.width

    def placed(points: object) -> NDArray[np.float64]:
        return (np.asarray(points, dtype=np.float64) - outer) @ axes

    upper = heights_at(placed(shape.margin("upper_margin")), COLUMNS)
    lower = heights_at(placed(shape.margin("lower_margin")), COLUMNS)
    measured = {
        "upper_margin": upper,
        "lower_margin": lower,
        "aperture": np.array([np.max(lower - upper)]),
        "aperture_middle": (lower - upper)[[len(COLUMNS) // 2]],
    }
    for name in ("fold", "lower_boundary"):
        if (points := getattr(shape, name)) is not None:
            measured[name] = _within(placed(points))
    for name in ("corner_outer", "corner_inner"):
        x, y = placed(getattr(shape, name))
        measured |= {f"{name}_x": np.array([x]), f"{name}_y": np.array([y])}
    if shape.iris is not None:
        x, y = placed(shape.iris.centre)
        measured |= {"iris_centre_x": np.array([x]), "iris_centre_y": np.array([y])}
        measured["iris_radius"] = np.array([np.mean(shape.iris.semi_axes)]) / first.shape.width
    return measured


def _within(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Heights at `COLUMNS`; NaN where the line does not reach."""
    heights = heights_at(line, COLUMNS)
    return np.where((line[0, 0] <= COLUMNS) & (line[-1, 0] >= COLUMNS), heights, np.nan)
