"""The pictures a reader looks at: crops with a ruler grid, and readings drawn over crops."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dmask_node.training.labels.scheme import CROP_SIZE, Shape

_BORDER: Final = (34, 30, 34, 22)
"""Left, top, right, bottom of the ruler's border, pixels."""
_PAPER: Final = (245, 245, 245)
_INK: Final = (40, 40, 40)
_GRID: Final = (255, 255, 255)
_GRID_OPACITY: Final = 0.22
_INSET: Final = (200, 140)
"""Size of the small whole in the upper left corner: seen from afar, edges are sharp."""
_CONTEXT: Final = (500, 350)
"""Size of a crop that is drawn small."""
_AFAR: Final = (140, 98)
"""Size of what is around it, in its upper right corner."""
_HALF_PAIR: Final = (380, 266)
"""Size of a crop in a pair."""
_COLOURS: Final[dict[str, tuple[int, int, int]]] = {
    "upper_margin": (255, 60, 60),
    "lower_margin": (60, 160, 255),
    "fold": (255, 210, 0),
    "lower_boundary": (0, 220, 140),
    "iris": (255, 0, 255),
    "corners": (255, 255, 255),
}
"""RGB of every line of an overlay."""


def draw_grid(crop: NDArray[np.uint8], title: str) -> NDArray[np.uint8]:
    """Frame a crop by rulers and lay thin lines over it, one every 50 px.

    Parameters
    ----------
    crop : (560, 800, 3) ndarray of uint8
        RGB.
    title : str
        Written into the upper border: the crop's id.

    Returns
    -------
    (612, 868, 3) ndarray of uint8
        RGB. On every vertical line there is a tick each 10 px, on every horizontal line too;
        numbers stand at the border and, small, on the lines.
    """
    lined = crop.copy()
    width, height = CROP_SIZE
    for x in range(50, width, 50):
        cv2.line(lined, (x, 0), (x, height - 1), _GRID, 1)
        for y in range(10, height, 10):
            cv2.line(lined, (x - 2, y), (x + 2, y), _GRID, 1)
    for y in range(50, height, 50):
        cv2.line(lined, (0, y), (width - 1, y), _GRID, 1)
        for x in range(10, width, 10):
            cv2.line(lined, (x, y - 2), (x, y + 2), _GRID, 1)
    mixed = cv2.addWeighted(lined, _GRID_OPACITY, crop, 1 - _GRID_OPACITY, 0)
    small = cv2.resize(crop, _INSET, interpolation=cv2.INTER_AREA)
    mixed[: _INSET[1], : _INSET[0]] = small
    for y in range(50, height, 50):
        for x in (252, 452, 652):
            cv2.putText(mixed, str(y), (x, y - 2), cv2.FONT_HERSHEY_PLAIN, 0.65, _GRID, 1)
    return _with_rulers(np.asarray(mixed, dtype=np.uint8), title)


def draw_reading(crop: NDArray[np.uint8], shape: Shape, title: str) -> NDArray[np.uint8]:
    """Draw a reading over its crop.

    Parameters
    ----------
    crop : (560, 800, 3) ndarray of uint8
        RGB.
    shape : Shape
        In crop pixels.
    title : str
        Written into the upper border.

    Returns
    -------
    (612, 868, 3) ndarray of uint8
        RGB; upper margin red, lower blue, fold yellow, lower boundary green, iris magenta.
    """
    return _with_rulers(_drawn_over(crop, shape, 1), title)


def draw_pair(crop: NDArray[np.uint8], shape: Shape, title: str) -> NDArray[np.uint8]:
    """Draw a crop small, beside it the same with its reading: whether lines and picture agree.

    Parameters
    ----------
    crop : (560, 800, 3) ndarray of uint8
        RGB.
    shape : Shape
        In crop pixels.
    title : str
        The crop's id.

    Returns
    -------
    (266, 760, 3) ndarray of uint8
        RGB, contrast stretched.
    """
    bright = stretch(crop)
    both = [
        cv2.resize(one, _HALF_PAIR, interpolation=cv2.INTER_AREA)
        for one in (bright, _drawn_over(bright, shape, 2))
    ]
    cv2.putText(both[0], title, (4, 12), cv2.FONT_HERSHEY_PLAIN, 0.9, (255, 255, 0), 1)
    return np.hstack(both).astype(np.uint8, copy=False)


def _drawn_over(crop: NDArray[np.uint8], shape: Shape, thickness: int) -> NDArray[np.uint8]:
    drawn = crop.copy()
    for name in ("fold", "lower_boundary"):
        if (points := getattr(shape, name)) is not None:
            _line(drawn, np.array(points), _COLOURS[name], thickness)
    for name in ("lower_margin", "upper_margin"):
        _line(drawn, shape.margin(name), _COLOURS[name], thickness)
    if shape.iris is not None:
        cv2.ellipse(
            drawn,
            (shape.iris.centre, tuple(2 * a for a in shape.iris.semi_axes), shape.iris.angle_deg),
            _COLOURS["iris"],
            1,
            cv2.LINE_AA,
        )
    if shape.pupil is not None:
        centre = tuple(round(v) for v in shape.pupil.centre)
        cv2.circle(drawn, centre, round(shape.pupil.radius), _COLOURS["iris"], 1, cv2.LINE_AA)
    for corner in (shape.corner_outer, shape.corner_inner):
        place = (round(corner[0]), round(corner[1]))
        cv2.drawMarker(drawn, place, _COLOURS["corners"], cv2.MARKER_TILTED_CROSS, 14, 1)
    return drawn


def draw_context(crop: NDArray[np.uint8], afar: NDArray[np.uint8], title: str) -> NDArray[np.uint8]:
    """Draw a crop small, with stretched contrast, and what is around it in a corner.

    Parameters
    ----------
    crop, afar : (560, 800, 3) ndarray of uint8
        RGB; the crop, and the crop seen from afar.
    title : str
        The crop's id.

    Returns
    -------
    (350, 500, 3) ndarray of uint8
        RGB; a tick every 50 crop pixels at the left and the lower edge.
    """
    small = stretch(cv2.resize(crop, _CONTEXT, interpolation=cv2.INTER_AREA).astype(np.uint8))
    small[: _AFAR[1], -_AFAR[0] :] = cv2.resize(afar, _AFAR, interpolation=cv2.INTER_AREA)
    pitch = CROP_SIZE[0] / _CONTEXT[0]
    font, colour = cv2.FONT_HERSHEY_PLAIN, (255, 255, 0)
    for y in range(100, CROP_SIZE[1], 50):
        place = round(y / pitch)
        cv2.line(small, (0, place), (5, place), colour, 1)
        cv2.putText(small, str(y), (7, place + 4), font, 0.65, colour, 1)
    for x in range(50, CROP_SIZE[0], 50):
        place = round(x / pitch)
        cv2.line(small, (place, _CONTEXT[1] - 1), (place, _CONTEXT[1] - 6), colour, 1)
        cv2.putText(small, str(x), (place - 10, _CONTEXT[1] - 9), font, 0.65, colour, 1)
    cv2.putText(small, title, (4, 12), font, 0.9, colour, 1)
    return np.asarray(small, dtype=np.uint8)


def stretch(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Spread the middle 98 % of the brightness over the whole scale, shadows lifted."""
    low, high = np.percentile(crop, [1, 99])
    unit = np.clip((crop - low) / max(high - low, 1.0), 0.0, 1.0)
    return np.asarray(255 * unit**0.75, dtype=np.uint8)


def stack(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Put pictures of equal width below each other."""
    return np.vstack(list(pictures))


def _line(
    picture: NDArray[np.uint8],
    points: NDArray[np.float64],
    colour: tuple[int, int, int],
    thickness: int,
) -> None:
    sixteenths = np.round(points * 16).astype(np.int32)[:, None]
    cv2.polylines(picture, [sixteenths], False, colour, thickness, cv2.LINE_AA, shift=4)
    for x, y in points:
        cv2.circle(picture, (round(x), round(y)), 2, colour, 1, cv2.LINE_AA)


def _with_rulers(inside: NDArray[np.uint8], title: str) -> NDArray[np.uint8]:
    left, top, right, bottom = _BORDER
    framed = cv2.copyMakeBorder(inside, top, bottom, left, right, cv2.BORDER_CONSTANT, value=_PAPER)
    font = cv2.FONT_HERSHEY_PLAIN
    for x in range(0, CROP_SIZE[0], 50):
        place = left + x
        for y, tick in ((top, -5), (top + CROP_SIZE[1], 5)):
            cv2.line(framed, (place, y), (place, y + tick), _INK, 1)
            cv2.putText(framed, str(x), (place - 11, y + (-7 if tick < 0 else 17)), font, 0.8, _INK)
    for y in range(0, CROP_SIZE[1], 50):
        place = top + y
        cv2.putText(framed, str(y), (2, place + 4), font, 0.8, _INK)
        cv2.putText(framed, str(y), (left + CROP_SIZE[0] + 6, place + 4), font, 0.8, _INK)
    cv2.putText(framed, title, (left + 700, 12), font, 1.0, (200, 0, 0))
    return np.asarray(framed, dtype=np.uint8)
