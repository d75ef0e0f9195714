"""Snap the upper lid to the edge that the picture shows.

Landmark networks tend towards a typical open eye: of a lid that droops alone they follow about
half. The edge of the lid is in the picture all the same, a line from bright skin above to dark
lashes below; dynamic programming finds the strongest such line near the network's.
"""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dmask_node.landmarks.crop import square_about_eye
from dmask_node.landmarks.scheme import INNER_CORNER, LOWER_LID, OUTER_CORNER, UPPER_LID
from dmask_node.records.anatomy import Eye

_EYE_PX: Final = 64
"""Width of the eye in the patch that is searched, pixels."""
_PATCH_PX: Final = 2 * _EYE_PX
"""Side of that patch; the eye's corners lie a quarter and three quarters across."""
_SEARCH_UP: Final = 0.08
"""How far above the network's line is searched, eye widths: it lies up to 0.05 below the skin
edge of the lashes in wide open eyes, and above 0.1 begins the fold of the lid."""
_SEARCH_DOWN: Final = 0.20
"""How far below is searched, eye widths: more than half of an open eye's height."""
_STEP_PX: Final = 0.5
"""Distance of the offsets tried, patch pixels."""
_BLUR_PX: Final = 0.8
"""Standard deviation of the blur before the gradient, patch pixels."""
_STRONGEST: Final = 1.2
"""Where edge strength is cut off, in units of a strong edge (95th percentile in the patch): the
rim of a pupil must not outweigh a lid that is weaker, but there in every column."""
_STEEPNESS_COST: Final = 0.2
"""Cost of moving by one step from one column to the next, in units of a strong edge."""
_DISTANCE_COST: Final = 0.4
"""Cost of the farthest offset, in units of a strong edge; grows with the square."""
_CORNER_COST: Final = 90.0
"""Cost of an offset at the ends of the search, per squared eye width; the lids meet there, and
the networks find the corners well."""
_CORNER_WIDTH: Final = 0.15
"""Over how much of the lid, from each end, the corner's cost falls to nothing."""
_DARKNESS_COST: Final = 6.0
"""Cost of having passed over an eye width of full darkness on the way down: above a lid there is
skin, above the rim of an iris or pupil there are lashes and iris."""
_SKIN_TOLERANCE: Final = 0.4
"""Darkness up to which a pixel still passes for skin; 1 is the darkest of the patch."""
_SMOOTHING_PX: Final = 3.0
"""Standard deviation of the smoothing along the lid, patch pixels."""
_FLAT: Final = 1e-3
"""Keeps the strength of edges finite in a patch without any, grey levels per pixel."""
_LEAST_CONTRAST: Final = 8.0
"""Least contrast of skin and lashes that is believed, grey levels."""
_LASH_LINE: Final = 0.025
"""From the top of the lashes, where the edge is strongest, down to the lid margin, eye widths."""
_CLOSED: Final = 0.08
"""Height over width of the network's contour up to which the eye counts as closed and is left
alone: there is no lid margin over an eye to be found, and lashes would be snapped to."""
_OPEN: Final = 0.16
"""Height over width from which the snapped lid counts in full; between the two it is blended, so
that a blink has no jump in it."""


def snap_upper_lid(
    grey: NDArray[np.uint8], contour: NDArray[np.float64], eye: Eye
) -> NDArray[np.float64]:
    """Move the upper lid of an open eye to the edge in the picture.

    Corners and lower lid stay: the networks are as good there as an edge finder.

    Parameters
    ----------
    grey : (rows, columns) ndarray of uint8
        The picture.
    contour : (16, 2) ndarray of float64
        The network's lid margin, picture coordinates, ordered as `scheme.EYE_CONTOUR`.
    eye : Eye
        Which eye it is.

    Returns
    -------
    (16, 2) ndarray of float64
        The contour; the same one where the eye is closed. The snapped lid isn't put below the
        lower one.

    Notes
    -----
    On 40 portraits with both lids drawn down by up to 0.6 of the eye's height, by a warp that
    covers the eye and one that squeezes it, the iris network's lid followed 0.48 and 0.53 of the
    drop (median of 80 eyes), the snapped one 0.91 and 0.84; its scatter over six small rotations,
    shifts and noise was 0.14 % of the eye's width, the network's 0.44 %. In 5 of 784 open eyes
    it lay over 8 % of the eye's width below the network's line: rims of pupils under lids of
    little contrast. The warps move an edge as a whole, which flatters an edge finder.
    """
    square = square_about_eye(contour, eye, 1.0)
    placed = square.to_square(contour)  # units of the eye's width, x from corner to corner
    gap = _height_above_lower_lid(placed)
    openness = float(np.clip((gap[2:5].mean() - _CLOSED) / (_OPEN - _CLOSED), 0, 1))
    if openness == 0:
        return contour
    offsets = openness * lid_offsets(grey, contour, eye)
    placed[UPPER_LID, 1] += np.minimum(offsets, np.maximum(gap, 0))
    snapped = contour.copy()
    snapped[UPPER_LID] = square.to_picture(placed[UPPER_LID])
    return snapped


def _height_above_lower_lid(placed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed heights of the upper lid's seven points above the lower lid, y pointing down."""
    lower = placed[[INNER_CORNER, *range(LOWER_LID.start, LOWER_LID.stop), OUTER_CORNER]]
    lower = lower[np.argsort(lower[:, 0], kind="stable")]
    upper = placed[UPPER_LID]
    return np.asarray(np.interp(upper[:, 0], lower[:, 0], lower[:, 1]) - upper[:, 1])


def lid_offsets(grey: NDArray[np.uint8], contour: NDArray[Any], eye: Eye) -> NDArray[np.float64]:
    """Find how far below the network's upper lid the picture shows the edge.

    Parameters
    ----------
    grey : (rows, columns) ndarray of uint8
        The picture.
    contour : (16, 2) ndarray of float
        The network's lid margin, picture coordinates, ordered as `scheme.EYE_CONTOUR`.
    eye : Eye
        Which eye it is.

    Returns
    -------
    (7,) ndarray of float64
        For the points of `scheme.UPPER_LID`, at right angles to the line between the corners,
        eye widths; positive towards the lower lid.
    """
    square = square_about_eye(contour, eye, _PATCH_PX / _EYE_PX)
    patch = square.cut(grey, _PATCH_PX)
    placed = square.to_square(contour) * _PATCH_PX - 0.5
    top = placed[OUTER_CORNER : INNER_CORNER + 1]
    order = np.argsort(top[:, 0], kind="stable")
    columns = np.arange(_PATCH_PX // 4 + 2, 3 * _PATCH_PX // 4 - 2)
    line = np.interp(columns, top[order, 0], top[order, 1])
    strength, offsets = _edge_strength(patch, columns, line)
    path = offsets[best_path(strength, _STEEPNESS_COST)]
    smooth = cv2.GaussianBlur(path[None], (0, 0), _SMOOTHING_PX, borderType=cv2.BORDER_REPLICATE)[0]
    at_points = np.interp(placed[UPPER_LID, 0], columns, smooth)
    return np.asarray(at_points / _EYE_PX + _LASH_LINE, dtype=np.float64)


def _edge_strength(
    patch: NDArray[np.uint8], columns: NDArray[np.intp], line: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rate each offset in each column: (columns, offsets), and the offsets in patch pixels."""
    blurred = cv2.GaussianBlur(patch.astype(np.float32), (0, 0), _BLUR_PX)
    falling = -cv2.Sobel(blurred, cv2.CV_32F, 0, 1, ksize=3) / 8
    offsets = np.arange(-_SEARCH_UP * _EYE_PX, _SEARCH_DOWN * _EYE_PX + _STEP_PX / 2, _STEP_PX)
    rows = np.clip(line[:, None] + offsets, 1, _PATCH_PX - 2).astype(np.float32)
    across = np.repeat(columns[:, None], len(offsets), axis=1).astype(np.float32)
    gradient = cv2.remap(falling, across, rows, cv2.INTER_LINEAR).astype(np.float64)
    brightness = cv2.remap(blurred, across, rows, cv2.INTER_LINEAR).astype(np.float64)

    strength = gradient / (np.percentile(np.abs(gradient), 95) + _FLAT)
    strength = np.minimum(strength, _STRONGEST)
    strength -= _DISTANCE_COST * (offsets / (_SEARCH_DOWN * _EYE_PX)) ** 2

    skin = np.percentile(brightness[:, offsets < -_SEARCH_UP / 2 * _EYE_PX], 70)
    contrast = max(float(skin - np.percentile(brightness, 5)), _LEAST_CONTRAST)
    darkness = np.clip((skin - brightness) / contrast - _SKIN_TOLERANCE, 0, 1)
    strength -= _DARKNESS_COST * np.cumsum(darkness, axis=1) * (_STEP_PX / _EYE_PX)

    from_end = np.minimum(columns - columns[0], columns[-1] - columns) / len(columns)
    cornerness = np.clip(1 - from_end / _CORNER_WIDTH, 0, 1)
    strength -= _CORNER_COST * cornerness[:, None] * (offsets / _EYE_PX) ** 2
    return strength, offsets


def best_path(strength: NDArray[np.float64], steepness_cost: float) -> NDArray[np.intp]:
    """Find the path of greatest total strength by dynamic programming.

    Parameters
    ----------
    strength : (columns, states) ndarray of float64
        What each state is worth in each column.
    steepness_cost : float
        Cost of changing by one state between neighbouring columns; by two, twice that. Larger
        changes aren't allowed.

    Returns
    -------
    (columns,) ndarray of intp
        The state in each column.
    """
    columns, states = strength.shape
    reach = 2
    steps = np.arange(-reach, reach + 1)
    came_from = np.empty((columns, states), dtype=np.intp)
    total = strength[0]
    padded = np.full(states + 2 * reach, -np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    cost = steepness_cost * np.abs(steps)
    index = np.arange(states)
    for column in range(1, columns):
        padded[reach : reach + states] = total
        worth = windows - cost  # (states, steps)
        best = worth.argmax(axis=1)
        came_from[column] = index + steps[best]
        total = worth[index, best] + strength[column]
    path = np.empty(columns, dtype=np.intp)
    path[-1] = total.argmax()
    for column in range(columns - 1, 0, -1):
        path[column - 1] = came_from[column, path[column]]
    return path
