"""The contact sheet: original and mask side by side, for a person to look at.

It shows the original, so it is made by the demonstration only, never by the node.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dmask_node.records.masked import EyeTrack

_TILE_HEIGHT: Final = 360
_MAX_TILE_WIDTH: Final = 480
_MARGIN: Final = 12
_TITLE_HEIGHT: Final = 64
_LABEL_HEIGHT: Final = 30
_BACKGROUND_TOLERANCE: Final = 24
_REGION_MARGIN: Final = 0.12
_BLINK_SHARE: Final = 0.5
_PAPER: Final = (250, 250, 250)
_INK: Final = (30, 34, 38)
_QUIET: Final = (110, 114, 118)
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX


def choose_frames(eyes: EyeTrack, n: int = 6) -> list[int]:
    """Choose frames that show what a clip holds: spread over it, with the deepest closure.

    Parameters
    ----------
    eyes : EyeTrack
        Apertures; frames without a measured aperture are taken only if there are no others.
    n : int, default 6
        How many frames to choose; fewer if the clip is shorter.

    Returns
    -------
    list of int
        Frame indices, increasing. One of them has the least aperture, averaged over both eyes,
        of all frames; the others are those nearest to equal steps through the clip.
    """
    aperture_mm = eyes.aperture_mm
    measured = np.isfinite(aperture_mm).any(axis=1)
    candidates = np.flatnonzero(measured)
    if len(candidates) == 0:
        candidates = np.arange(len(eyes.time_s))
    if len(candidates) <= n:
        return [int(frame) for frame in candidates]
    wanted = np.linspace(candidates[0], candidates[-1], n)
    chosen: list[int] = []
    for position in wanted:
        free = candidates[~np.isin(candidates, chosen)]
        chosen.append(int(free[np.abs(free - position).argmin()]))
    if measured.any():
        deepest = deepest_closure(eyes)
        if deepest not in chosen:
            # The first and the last stay, so that the sheet spans the whole clip.
            inner = chosen[1:-1] or chosen
            chosen[chosen.index(min(inner, key=lambda frame: abs(frame - deepest)))] = deepest
    return sorted(chosen)


def deepest_closure(eyes: EyeTrack) -> int:
    """Return the frame with the least aperture, averaged over the eyes measured in it."""
    counts = np.isfinite(eyes.aperture_mm).sum(axis=1)
    sums = np.nansum(eyes.aperture_mm, axis=1)
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    return int(mean.argmin())


def label_frames(eyes: EyeTrack, frames: Sequence[int]) -> list[str]:
    """Name frames by their time, and the deepest closure a blink if it is one.

    Parameters
    ----------
    eyes : EyeTrack
        Of the clip.
    frames : sequence of int
        From `choose_frames`.

    Returns
    -------
    list of str
        Such as ``2.40 s`` or ``3.10 s, blink``. A blink is a frame in which the lids are less
        than half as far apart as they are in the middle of all frames.
    """
    counts = np.isfinite(eyes.aperture_mm).sum(axis=1)
    mean_mm = np.nansum(eyes.aperture_mm, axis=1) / np.maximum(counts, 1)
    usual_mm = float(np.median(mean_mm[counts > 0])) if counts.any() else 0.0
    deepest = deepest_closure(eyes)
    is_blink = counts.any() and mean_mm[deepest] < _BLINK_SHARE * usual_mm
    return [
        f"{eyes.time_s[frame]:.2f} s" + (", blink" if is_blink and frame == deepest else "")
        for frame in frames
    ]


def contact_sheet(
    original_frames: Sequence[NDArray[np.uint8]],
    mask_frames: Sequence[NDArray[np.uint8]],
    labels: Sequence[str],
) -> NDArray[np.uint8]:
    """Lay out frames of the original and of the mask in pairs, original on the left.

    Parameters
    ----------
    original_frames, mask_frames : sequence of (rows, columns, 3) ndarray of uint8
        RGB, of any size; the pairs belong together. Both are cut to the part of the picture in
        which some mask differs from its background, with a margin, so that eyes can be seen.
    labels : sequence of str
        What stands below each pair, such as ``2.40 s`` or ``3.10 s, blink``.

    Returns
    -------
    (rows, columns, 3) ndarray of uint8
        RGB; two pairs to a row.

    Raises
    ------
    ValueError
        If the three sequences are empty or of different lengths.
    """
    if not len(original_frames) == len(mask_frames) == len(labels) > 0:
        raise ValueError(
            f"{len(original_frames)} originals, {len(mask_frames)} masks and {len(labels)} labels: "
            "expected as many of each, at least one"
        )
    region = _face_region(mask_frames)
    originals = [_cut(frame, region) for frame in original_frames]
    masks = [_cut(frame, region) for frame in mask_frames]
    width = max(_width(frame) for frame in (*originals, *masks))
    across = 2 if len(labels) > 1 else 1
    down = -(-len(labels) // across)
    pair_width, pair_height = 2 * width + 2, _TILE_HEIGHT + _LABEL_HEIGHT
    sheet = np.empty(
        (
            _TITLE_HEIGHT + down * (pair_height + _MARGIN),
            _MARGIN + across * (pair_width + _MARGIN),
            3,
        ),
        np.uint8,
    )
    sheet[:] = _PAPER
    _write(sheet, "original | digital mask", (_MARGIN, 36), size=0.85, colour=_INK, stroke=2)
    _write(
        sheet,
        "the original never leaves the node; this sheet is for comparison only",
        (_MARGIN, 56),
        size=0.45,
        colour=_QUIET,
    )
    pairs = zip(originals, masks, labels, strict=True)
    for index, (original, mask, label) in enumerate(pairs):
        row, column = divmod(index, across)
        left = _MARGIN + column * (pair_width + _MARGIN)
        top = _TITLE_HEIGHT + row * (pair_height + _MARGIN)
        for x, frame in ((left, original), (left + width + 2, mask)):
            sheet[top : top + _TILE_HEIGHT, x : x + width] = _tile(frame, width)
        _write(sheet, label, (left, top + _TILE_HEIGHT + 21), size=0.55, colour=_INK)
    return sheet


def _face_region(mask_frames: Sequence[NDArray[np.uint8]]) -> tuple[float, float, float, float]:
    """Find where the masks are: top, bottom, left and right, as shares of rows and columns."""
    low, high = np.ones(2), np.zeros(2)
    for frame in mask_frames:
        # The corner is background; what the video encoder made of it differs by little.
        off = np.abs(frame.astype(np.int16) - frame[0, 0]).max(axis=2) > _BACKGROUND_TOLERANCE
        for axis in (0, 1):
            drawn = np.flatnonzero(off.any(axis=1 - axis))
            if len(drawn):
                low[axis] = min(low[axis], drawn[0] / off.shape[axis])
                high[axis] = max(high[axis], (drawn[-1] + 1) / off.shape[axis])
    if (high <= low).any():
        return 0.0, 1.0, 0.0, 1.0
    margin = _REGION_MARGIN * (high - low)
    low, high = np.maximum(low - margin, 0), np.minimum(high + margin, 1)
    return float(low[0]), float(high[0]), float(low[1]), float(high[1])


def _cut(frame: NDArray[np.uint8], region: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    top, bottom, left, right = region
    rows, columns = frame.shape[:2]
    return frame[
        int(top * rows) : max(int(np.ceil(bottom * rows)), 1),
        int(left * columns) : max(int(np.ceil(right * columns)), 1),
    ]


def _width(frame: NDArray[np.uint8]) -> int:
    return min(round(_TILE_HEIGHT * frame.shape[1] / frame.shape[0]), _MAX_TILE_WIDTH)


def _tile(frame: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Scale a frame into a tile of the given width, whole and undistorted."""
    rows, columns = frame.shape[:2]
    scale = min(_TILE_HEIGHT / rows, width / columns)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(np.ascontiguousarray(frame), size, interpolation=method)
    tile = np.zeros((_TILE_HEIGHT, width, 3), np.uint8)
    top, left = (_TILE_HEIGHT - size[1]) // 2, (width - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = scaled
    return tile


def _write(
    sheet: NDArray[np.uint8],
    words: str,
    origin: tuple[int, int],
    *,
    size: float,
    colour: tuple[int, int, int],
    stroke: int = 1,
) -> None:
    cv2.putText(sheet, words, origin, _FONT, size, colour, stroke, cv2.LINE_AA)
