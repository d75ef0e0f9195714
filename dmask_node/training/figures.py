"""Slopes, scatter, errors and calibration from measured and true heights: arithmetic only."""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PLACES: Final = np.arange(1, 18) / 18
"""Where heights are compared, from the outer (0) to the inner corner (1)."""
PLACES.flags.writeable = False
_MIDDLE: Final = (PLACES > 0.29) & (PLACES < 0.71)


class Following(NamedTuple):
    """How a method follows lids that were moved by known amounts; lengths in % of eye width."""

    people: int
    slope: float
    """Of measured against true opening; median over people."""
    slope_sd: float
    """Over people."""
    drop: float
    """Relative fall of the opening, measured over true; median over people."""
    shift: float
    """Movement of the upper lid, measured over true; median over people."""
    scatter: float
    """Standard deviation of (measured change - true change) of the opening over eyes and levels."""
    own_scatter: float
    """Standard deviation about each eye's own straight line of measured against true opening."""
    error: float
    """Mean distance of the upper lid from the truth, over all places and levels."""
    found: float
    """Share of the pictures in which the method gave an answer."""


class Distance(NamedTuple):
    """Error against truth, in % of eye width."""

    n: int
    bias: float
    sd: float
    mean_absolute: float


def opening(heights: Floats) -> Floats:
    """Average the signed opening over the middle.

    Parameters
    ----------
    heights : (..., 2, 17) ndarray of float64
        Rows of the upper and the lower lid at `PLACES`.

    Returns
    -------
    (...,) ndarray of float64
        In the same unit.
    """
    return np.asarray((heights[..., 1, :] - heights[..., 0, :])[..., _MIDDLE].mean(axis=-1))


def following(measured: Floats, true: Floats, person: NDArray[Any]) -> Following:
    """Sum up how moved lids were followed.

    Parameters
    ----------
    measured : (eyes, levels, 2, 17) ndarray of float64
        Heights of both lids, % of eye width; NaN where nothing was found. The first level is the
        eye as it was.
    true : (eyes, levels, 2, 17) ndarray of float64
        The truth.
    person : (eyes,) ndarray
        Whose eye it is.

    Returns
    -------
    Following
        Over the eyes that were found at every level.
    """
    whole = np.isfinite(measured).all(axis=(1, 2, 3))
    found = float(np.isfinite(measured).all(axis=(2, 3)).mean())
    m, t, who = measured[whole], true[whole], person[whole]
    if len(m) == 0:
        none = float("nan")
        return Following(0, none, none, none, none, none, none, none, found)
    a, b = opening(m), opening(t)
    flat_a, flat_b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    slope = (flat_a * flat_b).sum(axis=1) / (flat_b**2).sum(axis=1)
    fall, true_fall = 1 - a / a[:, :1], 1 - b / b[:, :1]
    drop = (fall * true_fall).sum(axis=1) / (true_fall**2).sum(axis=1)
    up, true_up = (h[:, :, 0][..., _MIDDLE].mean(axis=-1) for h in (m, t))
    moved, true_moved = up - up[:, :1], true_up - true_up[:, :1]
    shift = (moved * true_moved).sum(axis=1) / (true_moved**2).sum(axis=1)
    change = (a - a[:, :1]) - (b - b[:, :1])
    rest = flat_a - slope[:, None] * flat_b
    slopes = by_person(slope, who)
    return Following(
        people=len(slopes),
        slope=float(np.median(slopes)),
        slope_sd=float(slopes.std()),
        drop=float(np.median(by_person(drop, who))),
        shift=float(np.median(by_person(shift, who))),
        scatter=float(change[:, 1:].std()),
        own_scatter=float(rest.std()),
        error=float(np.abs(m[:, :, 0] - t[:, :, 0]).mean()),
        found=found,
    )


def by_person(value: Floats, person: NDArray[Any]) -> Floats:
    """Average the eyes of each person, in the order of the sorted names."""
    return np.array([value[person == one].mean() for one in np.unique(person)])


def distance(error: Floats) -> Distance:
    """Sum up errors of any shape; the first axis is eyes, NaN is left out.

    Parameters
    ----------
    error : (eyes, ...) ndarray of float64
        Measured less true, % of eye width.

    Returns
    -------
    Distance
        Bias and mean over everything known; sd over the eyes' own means.
    """
    flat = error.reshape(len(error), -1)
    known = np.isfinite(flat).any(axis=1) if len(flat) else np.zeros(0, bool)
    if not known.any():
        return Distance(0, float("nan"), float("nan"), float("nan"))
    eyes = np.nanmean(flat[known], axis=1)
    return Distance(
        n=int(known.sum()),
        bias=float(eyes.mean()),
        sd=float(eyes.std()),
        mean_absolute=float(np.nanmean(np.abs(flat[known]))),
    )


def scale_factor(error: Floats, scale: Floats) -> float:
    """Find the factor by which Laplace scales have to be multiplied to fit their errors.

    Parameters
    ----------
    error, scale : (...) ndarray of float64
        Same shape; NaN errors are left out.

    Returns
    -------
    float
        The most likely one, the mean of error over scale; 1 if there is nothing to go by.
    """
    ratio = np.abs(error) / scale
    return float(np.nanmean(ratio)) if np.isfinite(ratio).any() else 1.0


def reliability(
    confidence: Floats, right: NDArray[np.bool_], bins: int = 5
) -> list[dict[str, float]]:
    """Compare confidences with how often they came true.

    Parameters
    ----------
    confidence : (n,) ndarray of float64
        In [0, 1].
    right : (n,) ndarray of bool
        Whether it was so.
    bins : int, optional
        Of as many members each.

    Returns
    -------
    list of dict
        ``said``, ``true`` and ``n`` of each bin, by rising confidence.
    """
    order = np.argsort(confidence, kind="stable")
    return [
        {
            "said": round(float(confidence[part].mean()), 3),
            "true": round(float(right[part].mean()), 3),
            "n": len(part),
        }
        for part in np.array_split(order, bins)
        if len(part)
    ]


def calibration_error(table: list[dict[str, float]]) -> float:
    """Average the gap between said and true over the bins of `reliability`, by their members."""
    total = sum(row["n"] for row in table)
    if not total:
        return float("nan")
    return float(sum(abs(row["said"] - row["true"]) * row["n"] for row in table) / total)
