"""Snap the upper lid to the edge that the picture shows.

Landmark networks tend towards a typical open eye: of a lid that droops alone they follow about
half. The edge of the lid is in the picture all the same, a line from bright skin above to dark
lashes below; dynamic programming finds the strongest such line near the network's.

Measured on 40 public portraits (eyes enlarged to 40 px), both lids drawn down by 0.15 to 0.6 of
the eye's height by two warps, one covering the eye and one squeezing it: the iris network's lid
followed 0.48 and 0.53 of the drop (median of 80 eyes), the snapped one 0.88 and 0.82. Scatter over
six small rotations, shifts and noise: 0.44 % of the eye's width for the network, 0.14 % snapped.
On 784 open eyes it lay 1.1 % of the eye's width above the network's line on average (sd 2.5 %), on
2 of them more than 8 % below, on the rim of a pupil under a lid without contrast. Under thick
lashes or eyeliner it lies up to 5 % above. The warps move an edge as a whole, which flatters an
edge finder.
"""

from typing import Final

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
"""How far above the network's line is searched, eye widths. The skin edge of the lashes lies up
to 0.05 above it in wide open eyes; farther up begins the fold of the lid."""
_SEARCH_DOWN: Final = 0.10
"""How far below is searched, eye widths: a third of an open eye's height; the network follows half
of a drop by itself. Twice as far found no more of the drops, but more rims of pupils."""
_STEP_PX: Final = 0.5
"""Distance of the offsets tried, patch pixels."""
_BLUR_PX: Final = 0.8
"""Standard deviation of the blur before the gradient, patch pixels."""
_STRONGEST: Final = 1.2
"""Where edge strength is cut off, in units of a strong edge (95th percentile in the patch): the
rim of a pupil must not outweigh a lid that is weaker, but there in every column."""
_STEEPNESS_COST: Final = 0.2
"""Cost of moving by one step from one column to the next, in units of a strong edge."""
_DISTANCE_COST: Final = 0.1
"""Cost of the farthest offset, in units of a strong edge; grows with the square."""
_CORNER_COST: Final = 90.0
"""Cost of an offset at the ends of the search, per squared eye width; the lids meet there, and
the networks find the corners well."""
_CORNER_WIDTH: Final = 0.25
"""Over how much of the lid, from each end, the corner's cost falls to nothing."""
_TAPER: Final = 0.3
"""Over how much of the lid, from each corner, the offset grows from nothing to what was found:
long outer lashes look like a lid, and the contour shall stay a smooth arc."""
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
_BLURRED: Final = 5.2
"""Steepest brightness change over contrast, per eye width, up to which the picture doesn't show
the lid's edge. Median 5.0 on a video of eyes 10 px wide, however enlarged; 7.8 on portraits with
eyes of 16 px."""
_SHARP: Final = 6.2
"""The same, from which the edge is believed in full."""
_STEADY_S: Final = 0.25
"""Offsets are replaced by their median over this time to both sides, seconds. What is found is
how far the network is off, and that changes slowly; a sudden change is another edge. The lid's
own motion is the network's, and isn't smoothed."""


def measure_lid_offset(
    grey: NDArray[np.uint8], contour: NDArray[np.float64], eye: Eye
) -> NDArray[np.float64]:
    """Measure how far an open eye's upper lid lies below the network's line.

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
    (7,) ndarray of float64
        For the points of `scheme.UPPER_LID`, at right angles to the line between the corners,
        eye widths; positive towards the lower lid. NaN for a closed eye; shrunk to 0 as the
        picture gets too blurred to tell.
    """
    if _openness(_place(contour, eye)) == 0:
        return np.full(UPPER_LID.stop - UPPER_LID.start, np.nan)
    square = square_about_eye(contour, eye, _PATCH_PX / _EYE_PX)
    blurred = cv2.GaussianBlur(square.cut(grey, _PATCH_PX).astype(np.float32), (0, 0), _BLUR_PX)
    patch = blurred.astype(np.float64)
    gradient = cv2.Sobel(patch, cv2.CV_64F, 0, 1, ksize=3).astype(np.float64) / 8
    sharpness = np.clip((_steepness(patch, gradient) - _BLURRED) / (_SHARP - _BLURRED), 0, 1)
    if sharpness == 0:
        return np.zeros(UPPER_LID.stop - UPPER_LID.start)

    placed = square.to_square(contour) * _PATCH_PX - 0.5
    top = placed[OUTER_CORNER : INNER_CORNER + 1]
    top = top[np.argsort(top[:, 0], kind="stable")]
    columns = np.arange(_PATCH_PX // 4 + 2, 3 * _PATCH_PX // 4 - 2)
    line = np.interp(columns, top[:, 0], top[:, 1])
    offsets = np.arange(-_SEARCH_UP * _EYE_PX, _SEARCH_DOWN * _EYE_PX + _STEP_PX / 2, _STEP_PX)
    strength = _edge_strength(patch, -gradient, columns, line, offsets)
    path = offsets[best_path(strength, _STEEPNESS_COST)]
    smooth = cv2.GaussianBlur(path[None], (0, 0), _SMOOTHING_PX, borderType=cv2.BORDER_REPLICATE)[0]
    at_points = np.interp(placed[UPPER_LID, 0], columns, smooth) / _EYE_PX + _LASH_LINE
    across = _place(contour, eye)[UPPER_LID, 0]
    taper = np.clip(np.minimum(across, 1 - across) / _TAPER, 0, 1)
    return np.asarray(sharpness * taper * at_points, dtype=np.float64)


def steady_offsets(
    offsets: NDArray[np.float64], times_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Take the median of the offsets over a short time about each frame.

    Parameters
    ----------
    offsets : (frames, ...) ndarray of float64
        As `measure_lid_offset` returns; NaN where not measured.
    times_s : (frames,) ndarray of float64
        When, seconds, increasing.

    Returns
    -------
    (frames, ...) ndarray of float64
        Medians over what was measured; 0 where nothing was.
    """
    steady = np.zeros_like(offsets)
    first = np.searchsorted(times_s, times_s - _STEADY_S, side="left")
    stop = np.searchsorted(times_s, times_s + _STEADY_S, side="right")
    measured = np.isfinite(offsets)
    for k in range(len(offsets)):
        near = slice(first[k], stop[k])
        some = measured[near].any(axis=0)
        steady[k, some] = np.nanmedian(offsets[near][:, some], axis=0)
    return steady


def move_upper_lid(
    contour: NDArray[np.float64], offset: NDArray[np.float64], eye: Eye
) -> NDArray[np.float64]:
    """Move the upper lid of an open eye.

    Corners and lower lid stay: the networks are as good there as an edge finder.

    Parameters
    ----------
    contour : (16, 2) ndarray of float64
        The network's lid margin, picture coordinates, ordered as `scheme.EYE_CONTOUR`.
    offset : (7,) ndarray of float64
        How far to move the points of `scheme.UPPER_LID`, eye widths, positive downwards.
    eye : Eye
        Which eye it is.

    Returns
    -------
    (16, 2) ndarray of float64
        The contour; the same one where the eye is closed. An open lid isn't put below the lower.
    """
    placed = _place(contour, eye)
    openness = _openness(placed)
    if openness == 0:
        return contour
    room = np.maximum(_height_above_lower_lid(placed), 0)
    placed[UPPER_LID, 1] += np.minimum(openness * offset, room)
    moved = contour.copy()
    moved[UPPER_LID] = square_about_eye(contour, eye, 1.0).to_picture(placed[UPPER_LID])
    return moved


def _place(contour: NDArray[np.float64], eye: Eye) -> NDArray[np.float64]:
    """Carry a contour into units of the eye's width, x from the outer to the inner corner."""
    return square_about_eye(contour, eye, 1.0).to_square(contour)


def _openness(placed: NDArray[np.float64]) -> float:
    """How much an eye is open by the network: 0 closed, 1 open."""
    height = _height_above_lower_lid(placed)[2:5].mean()
    return float(np.clip((height - _CLOSED) / (_OPEN - _CLOSED), 0, 1))


def _height_above_lower_lid(placed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed heights of the upper lid's seven points above the lower lid, y pointing down."""
    lower = placed[[INNER_CORNER, *range(LOWER_LID.start, LOWER_LID.stop), OUTER_CORNER]]
    lower = lower[np.argsort(lower[:, 0], kind="stable")]
    upper = placed[UPPER_LID]
    return np.asarray(np.interp(upper[:, 0], lower[:, 0], lower[:, 1]) - upper[:, 1])


def _steepness(patch: NDArray[np.float64], gradient: NDArray[np.float64]) -> float:
    """Rate how sharp the eye in the patch is: steepest change over contrast, per eye width."""
    eye = (
        slice(_PATCH_PX // 4, 3 * _PATCH_PX // 4),
        slice(3 * _PATCH_PX // 16, -3 * _PATCH_PX // 16),
    )
    dark, bright = np.percentile(patch[eye], (2, 98))
    steepest = np.percentile(np.abs(gradient[eye]), 99)
    return float(steepest * _EYE_PX / (bright - dark + _LEAST_CONTRAST / 2))


def _edge_strength(
    patch: NDArray[np.float64],
    falling: NDArray[np.float64],
    columns: NDArray[np.intp],
    line: NDArray[np.float64],
    offsets: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Rate each offset in each column, (columns, offsets): a fall in brightness below skin."""
    rows = np.clip(line[:, None] + offsets, 1, _PATCH_PX - 2).astype(np.float32)
    across = np.repeat(columns[:, None], len(offsets), axis=1).astype(np.float32)
    edge = cv2.remap(falling, across, rows, cv2.INTER_LINEAR).astype(np.float64)
    brightness = cv2.remap(patch, across, rows, cv2.INTER_LINEAR).astype(np.float64)

    strength = np.minimum(edge / (np.percentile(np.abs(edge), 95) + _FLAT), _STRONGEST)
    strength -= _DISTANCE_COST * (offsets / (_SEARCH_DOWN * _EYE_PX)) ** 2

    skin = np.percentile(brightness[:, offsets < -_SEARCH_UP / 2 * _EYE_PX], 70)
    contrast = max(float(skin - np.percentile(brightness, 5)), _LEAST_CONTRAST)
    darkness = np.clip((skin - brightness) / contrast - _SKIN_TOLERANCE, 0, 1)
    strength -= _DARKNESS_COST * np.cumsum(darkness, axis=1) * (_STEP_PX / _EYE_PX)

    from_end = np.minimum(columns - columns[0], columns[-1] - columns) / len(columns)
    cornerness = np.clip(1 - from_end / _CORNER_WIDTH, 0, 1)
    strength -= _CORNER_COST * cornerness[:, None] * (offsets / _EYE_PX) ** 2
    return np.asarray(strength, dtype=np.float64)


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
