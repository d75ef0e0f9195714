"""Move the lids or the iris of an eye in a photograph by a known amount.

A network trained on one way of moving a lid learns that way's seam instead of the lid. So there
are several laws, they are varied at random, the lashes move with the lid, and two laws are never
trained on: `HELD_OUT` is for tests only.

All of it happens on the plate (`dmask_node.training.crop.PLATE`), the outer corner on the left.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from dmask_node.training.crop import PLATE
from dmask_node.training.truth import EyeTruth, Line, Spot

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

_EYE: Final = PLATE.eye_px
_X: Final = np.arange(PLATE.columns)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LidMove:
    """How far the lids move, and what the law leaves open."""

    upper: float
    """Share of the opening by which the upper lid comes down; negative: it goes up."""
    lower: float = 0.0
    """Share of the opening by which the lower lid goes down; negative: it comes up."""
    tilt: float = 0.0
    """How unevenly the upper lid moves, from the outer (-) to the inner corner (+)."""
    arch: float = 0.0
    """How much more the middle moves than the ends."""
    band: float = 0.04
    """Height of the skin above the margin that moves as a whole, eye widths."""
    anchor: float = 0.30
    """How far above the margin the skin stands still, eye widths."""
    bend: float = 1.0
    """Exponent by which the skin between is stretched; 1 is even."""
    lashes: float = 0.0
    """How far below the margin the picture moves with the lid, eye widths."""
    soft: float = 0.5
    """Softness of the edge under the moved lid, plate pixels."""
    shade: float = 0.0
    """Shadow of the moved lid on the eye, in [0, 1]."""


class _Curves(NamedTuple):
    """Heights at every column of the plate; beyond the corners the lines go on level."""

    upper: Floats
    lower: Floats
    gap: Floats
    """Opening, 0 beyond the corners, smoothed."""
    moved_upper: Floats
    moved_lower: Floats


Law = Callable[[Picture, _Curves, LidMove, Generator], tuple[Picture, Floats]]
"""Returns the picture and the (rows, columns) map of source rows that the skin follows."""


def move_lids(
    picture: Picture, truth: EyeTruth, law: "str | Law", move: LidMove, rng: Generator
) -> tuple[Picture, EyeTruth]:
    """Move the lids of an eye.

    Parameters
    ----------
    picture : (160, 224, 3) ndarray of uint8
        The plate.
    truth : EyeTruth
        Of the plate, with both margins.
    law : str or Law
        Key of `TRAINED` or `HELD_OUT`, or the law itself.
    move : LidMove
        How far and how.
    rng : Generator
        For what the law draws by chance.

    Returns
    -------
    picture : (160, 224, 3) ndarray of uint8
        The eye with moved lids.
    truth : EyeTruth
        What is true of it now. Where the law deforms the iris, it becomes unknown.
    """
    curves = _curves(truth, move)
    apply_law = (TRAINED | HELD_OUT)[law] if isinstance(law, str) else law
    warped, rows = apply_law(picture, curves, move, rng)
    lines = list(truth.lines)
    lines[Line.UPPER] = _between(curves.moved_upper, truth)
    lines[Line.LOWER] = _between(curves.moved_lower, truth)
    for line in (Line.FOLD, Line.BOUNDARY):
        lines[line] = _follow(lines[line], rows)
    moved = replace(truth, lines=tuple(lines))
    if law == "squeeze" and abs(move.upper) > 0.05:
        unknown = np.where(np.arange(4)[:, None] < Spot.IRIS, truth.spots, np.nan)
        moved = replace(
            moved, spots=unknown, iris=np.full((2, 2), np.nan), pupil_ratio=float("nan")
        )
    return warped, moved


def move_iris(
    picture: Picture, truth: EyeTruth, shift: tuple[float, float]
) -> tuple[Picture, EyeTruth]:
    """Move the iris within the opening of the lids.

    Parameters
    ----------
    picture : (160, 224, 3) ndarray of uint8
        The plate.
    truth : EyeTruth
        Of the plate, with margins and iris.
    shift : (float, float)
        By how much, x and y, radii of the iris; each at most 0.5 in size.

    Returns
    -------
    picture : (160, 224, 3) ndarray of uint8
        The white is stretched on one side of the iris and squeezed on the other; lids stay.
    truth : EyeTruth
        With the moved iris and pupil.
    """
    curves = _curves(truth, LidMove(upper=0.0))
    radius = float(np.sqrt(abs(np.linalg.det(truth.iris))))
    way = np.array(shift) * radius
    rows, columns = np.mgrid[: PLATE.rows, : PLATE.columns].astype(np.float32)
    centre = truth.spots[Spot.IRIS] + way
    far = np.hypot(columns - centre[0], rows - centre[1]) / radius
    part = 0.5 + 0.5 * np.cos(np.pi * np.clip((far - 1.15) / 0.95, 0, 1))
    opening = (rows > curves.upper + 0.5) & (rows < curves.lower - 0.5) & (curves.gap > 0.5)
    part = part * cv2.GaussianBlur(opening.astype(np.float32), (0, 0), 0.6)
    source = np.clip(
        rows - part * way[1], curves.upper + 1, np.maximum(curves.lower, curves.upper + 1)
    )
    source = np.where(opening, source, rows)
    moved = cv2.remap(
        picture,
        (columns - part * way[0]).astype(np.float32),
        source.astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    spots = truth.spots.copy()
    spots[[Spot.IRIS, Spot.PUPIL]] += way
    return moved.astype(np.uint8), replace(truth, spots=spots)


def random_move(law: str, upper: float, rng: Generator) -> LidMove:
    """Draw what a law leaves open.

    Parameters
    ----------
    law : str
        Key of `TRAINED` or `HELD_OUT`.
    upper : float
        Share of the opening by which the upper lid comes down.
    rng : Generator
        Decides the rest.

    Returns
    -------
    LidMove
        The first law stands as it is; the others are varied widely.
    """
    uneven = {"tilt": rng.normal(0, 0.12), "arch": rng.normal(0, 0.08)}
    lower = float(rng.uniform(-0.3, 0.2)) if rng.random() < 0.4 else 0.0
    if upper + max(-lower, 0) > 0.97:
        lower = 0.0
    if law == "first":
        return LidMove(upper=upper, lower=lower, lashes=0.0, soft=rng.uniform(0.2, 1.5))
    wide = law == "band"
    return LidMove(
        upper=upper,
        lower=lower,
        tilt=float(uneven["tilt"]),
        arch=float(uneven["arch"]),
        band=float(rng.uniform(0.06, 0.14) if wide else rng.uniform(0.015, 0.08)),
        anchor=float(rng.uniform(0.35, 0.6) if wide else rng.uniform(0.18, 0.5)),
        bend=float(np.exp(rng.normal(0, 0.35))),
        lashes=float(rng.uniform(-0.005, 0.06)),
        soft=float(rng.uniform(0.2, 2.5)),
        shade=float(rng.uniform(0, 0.45) * (rng.random() < 0.5)),
    )


def _curves(truth: EyeTruth, move: LidMove) -> _Curves:
    """Sample the margins at every column, before and after the move."""
    upper, lower = truth.known(Line.UPPER), truth.known(Line.LOWER)
    left, right = truth.spots[Spot.OUTER], truth.spots[Spot.INNER]
    up, low = (_level(line, left, right) for line in (upper, lower))
    inside = (left[0] <= _X) & (right[0] >= _X)
    open_by = np.where(inside, np.maximum(low - up, 0), 0.0)
    gap = cv2.GaussianBlur(open_by[None], (0, 0), _EYE / 40)[0]
    place = np.clip((_X - left[0]) / (right[0] - left[0]), 0, 1)
    profile = 1 + move.tilt * (2 * place - 1) + move.arch * (8 * place * (1 - place) - 1)
    moved_lower = low + move.lower * gap
    if move.upper >= 1:
        moved_upper = moved_lower.copy()
    else:
        moved_upper = np.minimum(up + move.upper * profile * gap, np.maximum(moved_lower, up))
        moved_upper = np.minimum(moved_upper, np.where(inside, moved_lower, np.inf))
    return _Curves(up, low, gap, moved_upper, moved_lower)


def _level(line: Floats, left: Floats, right: Floats) -> Floats:
    """Heights at all columns, tied to the corners and level beyond them."""
    within = line[(line[:, 0] > left[0]) & (line[:, 0] < right[0])]
    tied = np.concatenate([[left], within, [right]])
    return np.interp(_X, tied[:, 0], tied[:, 1])


def _between(rows: Floats, truth: EyeTruth) -> Floats:
    """Return the part of a line between the corners, with the corners as its ends."""
    left, right = truth.spots[Spot.OUTER], truth.spots[Spot.INNER]
    inside = (left[0] < _X) & (right[0] > _X)
    return np.concatenate([[left], np.column_stack([_X[inside], rows[inside]]), [right]])


def _follow(line: Floats | None, rows: Floats) -> Floats | None:
    """Carry a line on the skin to where a map of source rows has put it."""
    if line is None or len(line) == 0:
        return line
    there = np.arange(len(rows))
    moved = line.copy()
    for point in moved:
        column = int(np.clip(round(point[0]), 0, rows.shape[1] - 1))
        point[1] = np.interp(point[1], np.maximum.accumulate(rows[:, column]), there)
    return moved


def _sample(picture: Picture, rows: Floats) -> NDArray[np.float32]:
    """Take every pixel of the picture from another row of its column."""
    columns = np.broadcast_to(_X.astype(np.float32), rows.shape)
    return cv2.remap(
        picture,
        np.ascontiguousarray(columns),
        rows.astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float32)


def _grid() -> Floats:
    return np.repeat(np.arange(PLATE.rows, dtype=np.float64)[:, None], PLATE.columns, axis=1)


def _skin_rows(curves: _Curves, move: LidMove) -> Floats:
    """Source rows of the lid: a band that moves as a whole, and stretched skin above it."""
    row = _grid()
    down = curves.moved_upper - curves.upper
    band, anchor = move.band * _EYE, curves.upper - move.anchor * _EYE
    top = curves.moved_upper - band
    part = np.clip((row - anchor) / np.maximum(top - anchor, 1), 0, 1) ** move.bend
    stretched = anchor + part * (curves.upper - band - anchor)
    rows = np.where(row > top, row - down, np.where(row > anchor, stretched, row))
    return np.asarray(rows)


def _eye_rows(curves: _Curves, move: LidMove, part: float) -> Floats:
    """Source rows of the open eye and of the skin below it."""
    row = _grid()
    rows = row.copy()
    edge = move.lashes * _EYE
    down = curves.moved_upper - curves.upper
    # A retracted lid uncovers what the picture doesn't have: the top of the eye is stretched.
    end = curves.upper + edge + part * np.maximum(curves.lower - curves.upper - edge, 1)
    start = curves.moved_upper + edge
    share = np.clip((row - start) / np.maximum(end - start, 1), 0, 1)
    uncovered = (down < 0) & (row >= start) & (row < end)
    rows = np.where(uncovered, curves.upper + edge + share * (end - curves.upper - edge), rows)
    shift = curves.moved_lower - curves.lower
    if np.abs(shift).max() > 0:
        band, reach = 0.03 * _EYE, 0.35 * _EYE
        first, last = curves.moved_lower + band, curves.lower + reach
        below = (row - first) / np.maximum(last - first, 1)
        stretched = curves.lower + band + below * (last - curves.lower - band)
        lower = np.where(row < first, row - shift, np.where(row < last, stretched, row))
        rows = np.where(row >= curves.moved_lower - 0.5, lower, rows)
        opened = (shift > 0) & (row < curves.moved_lower - 0.5) & (row > curves.moved_upper)
        share = (row - curves.moved_upper) / np.maximum(curves.moved_lower - curves.moved_upper, 1)
        inner = curves.moved_upper + share * np.maximum(curves.lower - curves.moved_upper, 0)
        rows = np.where(opened, inner, rows)
    return np.asarray(rows)


def _cover(
    picture: Picture, curves: _Curves, move: LidMove, rng: Generator
) -> tuple[Picture, Floats]:
    """Lay the lid, with its lashes, over the eye that stays where it is."""
    skin_rows = _skin_rows(curves, move)
    eye_rows = _eye_rows(curves, move, float(rng.uniform(0.5, 1.0)))
    row = _grid()
    edge = curves.moved_upper + move.lashes * _EYE * np.clip(curves.gap / (0.05 * _EYE), 0, 1)
    alpha = np.clip((edge - row) / max(move.soft, 0.1) + 0.5, 0, 1)
    rows = np.where(row <= edge, skin_rows, eye_rows)
    eye = _sample(picture, eye_rows)
    if move.shade:
        eye *= _shadow(curves, move, rng)[..., None]
    mixed = _sample(picture, skin_rows) * alpha[..., None] + eye * (1 - alpha[..., None])
    return np.clip(mixed, 0, 255).astype(np.uint8), rows


def _shadow(curves: _Curves, move: LidMove, rng: Generator) -> NDArray[np.float64]:
    """Dim the eye below the moved lid."""
    row = _grid()
    depth = rng.uniform(0.03, 0.12) * _EYE
    under = (row >= curves.moved_upper) & (row < curves.moved_lower) & (curves.gap > 1)
    fall = np.exp(-np.clip(row - curves.moved_upper, 0, None) / depth)
    return np.asarray(1 - move.shade * fall * under)


def _squeeze(
    picture: Picture, curves: _Curves, move: LidMove, rng: Generator
) -> tuple[Picture, Floats]:
    """Squeeze the eye between the moved lids: nothing is covered, and there is no seam."""
    del rng
    row = _grid()
    top, bottom = curves.moved_upper, curves.moved_lower
    share = (row - top) / np.maximum(bottom - top, 0.5)
    inner = curves.upper + share * (curves.lower - curves.upper)
    anchor = curves.upper - move.anchor * _EYE
    part = np.clip((row - anchor) / np.maximum(top - anchor, 1), 0, 1) ** move.bend
    above = np.where(row > anchor, anchor + part * (curves.upper - anchor), row)
    floor = curves.lower + 0.35 * _EYE
    part = (row - bottom) / np.maximum(floor - bottom, 1)
    below = np.where(row < floor, curves.lower + part * (floor - curves.lower), row)
    rows = np.where(row <= top, above, np.where(row < bottom, inner, below))
    return np.clip(_sample(picture, rows), 0, 255).astype(np.uint8), np.asarray(rows)


def _paint(
    picture: Picture, curves: _Curves, move: LidMove, rng: Generator
) -> tuple[Picture, Floats]:
    """Cover the eye with skin from above the lid, and draw a dark line of lashes under it."""
    row = _grid()
    above = rng.uniform(0.03, 0.08) * _EYE
    top = curves.upper - above
    span = np.maximum(curves.moved_upper - top, 1)
    reach = np.minimum(span, rng.uniform(0.08, 0.3) * _EYE)
    lid = (row <= curves.moved_upper) & (row > top) & (curves.gap > 0.3)
    eye_rows = _eye_rows(curves, move, 1.0)
    rows = np.where(lid, top - np.minimum(row - top, span) / span * reach, eye_rows)
    painted = _sample(picture, rows)
    inside = np.clip(curves.gap / (0.08 * _EYE), 0, 1)
    edge = row - curves.moved_upper
    light = 1 + rng.uniform(-0.2, 0.15) * np.exp(np.minimum(edge, 0) / (0.08 * _EYE)) * (edge < 0)
    painted *= (1 + (light - 1) * inside)[..., None]
    if move.shade:
        painted *= _shadow(curves, move, rng)[..., None]
    # The lashes' band ends at the margin, or hangs over it.
    thick, hang = rng.uniform(0.015, 0.06) * _EYE, rng.uniform(0, 0.02) * _EYE
    ragged = 0.4 * thick * _ragged(rng)
    line = np.clip(edge + thick, 0, 1) * np.clip(hang - edge + ragged, 0, 1)
    if move.upper >= 1:  # lashes of a closed eye point down
        hang = rng.uniform(0.0, 0.07) * _EYE
        line = np.clip(edge + thick / 2, 0, 1) * np.clip(
            (hang - edge + ragged) / (1 + hang / 2), 0, 1
        )
    alpha = (rng.uniform(0.2, 0.95) * line * inside)[..., None]
    dark = rng.uniform(0.08, 0.4) * picture.mean(axis=(0, 1))
    return np.clip(painted * (1 - alpha) + alpha * dark, 0, 255).astype(np.uint8), rows


def _ragged(rng: Generator) -> Floats:
    """Noise along the columns, as of lashes of unequal length."""
    noise = rng.standard_normal(PLATE.columns)
    return cv2.GaussianBlur(noise[None], (0, 0), rng.uniform(0.6, 3))[0] * 2


def _roll(
    picture: Picture, curves: _Curves, move: LidMove, rng: Generator
) -> tuple[Picture, Floats]:
    """Turn the lid about the globe: skin comes out from under the fold, or goes in, as it rolls.

    Heights are those of a sphere seen from the front, so the lid is squeezed towards its upper end;
    what comes out of the fold is the lid's own skin, mirrored to and fro.
    """
    del rng
    row = _grid()
    radius = 0.42 * _EYE  # of the globe: 12.2 mm where an eye is some 29 mm wide
    middle = (curves.upper + curves.lower) / 2

    def angle(y: Floats) -> Floats:
        return np.arcsin(np.clip((y - middle) / radius, -0.97, 0.97))

    turned = angle(curves.moved_upper) - angle(curves.upper)
    back = middle + radius * np.sin(np.clip(angle(row) - turned, -1.4, 1.4))
    strip = 0.06 * _EYE
    crease = curves.upper - 0.10 * _EYE  # above it the skin stands still
    out = np.mod(np.maximum(crease - back, 0), 2 * strip)
    own = np.where(back < crease, crease + np.minimum(out, 2 * strip - out), back)
    lid = np.where(row > crease, np.minimum(own, curves.upper + 0.012 * _EYE), row)
    # A thin rim under the margin, lashes and shadow, goes along.
    edge = curves.moved_upper + 0.012 * _EYE
    eye_rows = _eye_rows(curves, replace(move, lashes=0.012), 0.8)
    alpha = np.clip((edge - row) / 1.2 + 0.5, 0, 1)[..., None]
    mixed = _sample(picture, lid) * alpha + _sample(picture, eye_rows) * (1 - alpha)
    return np.clip(mixed, 0, 255).astype(np.uint8), np.where(
        row <= edge, np.maximum.accumulate(lid), eye_rows
    )


class PasteLaw:
    """Lay another person's lid and lashes over the eye.

    Parameters
    ----------
    donor : (160, 224, 3) ndarray of uint8
        Plate of the other eye.
    truth : EyeTruth
        Of that plate.
    """

    def __init__(self, donor: Picture, truth: EyeTruth) -> None:
        self._donor = donor
        self._upper = _curves(truth, LidMove(upper=0.0)).upper

    def __call__(
        self, picture: Picture, curves: _Curves, move: LidMove, rng: Generator
    ) -> tuple[Picture, Floats]:
        """Lay the donor's lid where the moved lid is to be."""
        below, rows = _cover(picture, curves, move, rng)
        row = _grid()
        off = (row - curves.moved_upper) / _EYE
        pasted = _sample(self._donor, self._upper + off * _EYE)
        place = np.clip((_X - PLATE.outer_px[0]) / _EYE, 0, 1)
        alpha = (
            _step((off + 0.22) / 0.12)
            * _step((0.02 - off) / 0.02)
            * _step(place / 0.12)
            * _step((1 - place) / 0.12)
        )
        skin = (alpha > 0.5) & (off < -0.03)
        pasted += below[skin].mean(axis=0) - pasted[skin].mean(axis=0)
        mixed = below * (1 - alpha[..., None]) + pasted * alpha[..., None]
        return np.clip(mixed, 0, 255).astype(np.uint8), rows


def _step(x: Floats) -> Floats:
    """Hermite step from 0 to 1."""
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x))


TRAINED: Final[dict[str, Law]] = {
    "first": _cover,
    "lash": _cover,
    "band": _cover,
    "squeeze": _squeeze,
    "paint": _paint,
}
"""Laws of the training: lid laid over the eye with a thin or a wide rigid band, eye squeezed, lid
painted."""
HELD_OUT: Final[dict[str, Law]] = {"roll": _roll}
"""Never trained on: the lid rolls over a globe. `PasteLaw`, another person's lid, is the second."""
