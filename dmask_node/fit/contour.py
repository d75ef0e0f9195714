"""The lid margin in the picture: how far it is open, when it counts as closed.

A contour is (16, 2), image frame, in the order of `LandmarkTrack.eye_contour_px`: outer corner,
upper lid outer to inner (7), inner corner, lower lid inner to outer (7).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.fit.settings import FitSettings

OUTER_CORNER: Final = 0
INNER_CORNER: Final = 8
_UPPER: Final = np.arange(0, 9)
"""Outer corner to inner corner along the upper lid."""
_LOWER: Final = np.array([0, 15, 14, 13, 12, 11, 10, 9, 8])
"""The same along the lower lid; the same place holds the point opposite."""
_MIDDLE: Final = np.linspace(0.4, 0.6, 5)
"""Where along the line of the corners the aperture is taken: its middle fifth."""
_UPPER_SHARE: Final = 0.65
"""Of the way of closing that the upper lid goes."""


def up_direction(
    contour_px: NDArray[np.float64], head_up_px: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Find the direction from the lower to the upper lid: upright on the line of the corners.

    Parameters
    ----------
    contour_px : (16, 2) ndarray of float64
        A contour.
    head_up_px : (2,) ndarray of float64
        Roughly where the top of the head is, image frame; decides the sign, so that a contour
        whose lids cross has negative gaps however the head is held.

    Returns
    -------
    (2,) ndarray of float64
        Unit vector, image frame.
    """
    along = contour_px[INNER_CORNER] - contour_px[OUTER_CORNER]
    upright = np.array([along[1], -along[0]])
    if upright @ head_up_px < 0:
        upright = -upright
    return np.asarray(upright / max(float(np.hypot(*upright)), 1e-9))


def lid_gaps_px(contour_px: NDArray[np.float64], up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure the gap between opposite points of the lids.

    Parameters
    ----------
    contour_px : (16, 2) ndarray of float64
        A contour.
    up : (2,) ndarray of float64
        Unit vector from the lower to the upper lid, as `up_direction` returns it.

    Returns
    -------
    (7,) ndarray of float64
        Pixels, outer to inner; negative where the upper lid runs below the lower one.
    """
    across = contour_px[_UPPER[1:-1]] - contour_px[_LOWER[1:-1]]
    return np.asarray(across @ up)


def eye_width_px(contour_px: NDArray[np.float64]) -> float:
    """Measure the distance of the corners, pixels."""
    return float(np.linalg.norm(contour_px[INNER_CORNER] - contour_px[OUTER_CORNER]))


def aperture_px(contour_px: NDArray[np.float64], up: NDArray[np.float64]) -> float:
    """Measure the palpebral fissure height at the middle of the lids.

    Mean distance of the two lids upright on the line of the corners, over its middle fifth.

    Parameters
    ----------
    contour_px : (16, 2) ndarray of float64
        A contour.
    up : (2,) ndarray of float64
        Unit vector from the lower to the upper lid, as `up_direction` returns it.

    Returns
    -------
    float
        Pixels; negative where the lids cross.
    """
    width = eye_width_px(contour_px)
    along = (contour_px[INNER_CORNER] - contour_px[OUTER_CORNER]) / max(width, 1e-9)
    from_corner = contour_px - contour_px[OUTER_CORNER]
    place, height = from_corner @ along / max(width, 1e-9), from_corner @ up  # (16,), (16,)
    lids = []
    for lid in (_UPPER, _LOWER):
        order = np.argsort(place[lid])  # far from the camera a lid may run back on itself
        lids.append(np.interp(_MIDDLE, place[lid][order], height[lid][order]))
    return float(np.mean(lids[0] - lids[1]))


def closing_factor(widest_gap_px: float, mm_per_px: float, settings: FitSettings) -> float:
    """Find by how much a gap between the lids must shrink.

    Landmark networks never report a fully closed eye. Gaps up to one limit are closed, from
    another on they are left alone, and between the two they are stretched linearly.

    Parameters
    ----------
    widest_gap_px : float
        Widest signed gap of an eye, pixels.
    mm_per_px : float
        True millimetres in a pixel at the eye.
    settings : FitSettings
        The limits, in millimetres and in pixels; the higher ones hold.

    Returns
    -------
    float
        In [0, 1]: 0 closes the eye, 1 leaves it as found.
    """
    low = max(settings.closed_below_px, settings.closed_below_mm / mm_per_px)
    high = max(settings.open_above_px, settings.open_above_mm / mm_per_px)
    if widest_gap_px <= low:
        return 0.0
    if widest_gap_px >= high:
        return 1.0
    return (widest_gap_px - low) / (high - low) * high / widest_gap_px


def close_contour(contour_px: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Bring the lids together by a factor, the upper one going most of the way.

    Parameters
    ----------
    contour_px : (16, 2) ndarray of float64
        A contour.
    factor : float
        As `closing_factor` returns it.

    Returns
    -------
    (16, 2) ndarray of float64
        A copy whose gaps are those of the contour times the factor.
    """
    closed = contour_px.copy()
    upper, lower = closed[_UPPER[1:-1]], closed[_LOWER[1:-1]]
    seam = (1.0 - _UPPER_SHARE) * upper + _UPPER_SHARE * lower
    closed[_UPPER[1:-1]] = seam + factor * (upper - seam)
    closed[_LOWER[1:-1]] = seam + factor * (lower - seam)
    return closed
