"""The mark that stands in for a frame in which no face was found."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

BACKGROUND: Final = (30, 34, 38)
"""RGB behind the mask and behind the mark: a dark slate that no skin has."""

_INK: Final = (214, 218, 222)
_SIGNAL: Final = (232, 120, 40)
_WORDS: Final = "NO FACE"


def draw_no_face(rows: int, columns: int) -> NDArray[np.uint8]:
    """Draw the frame that says that no face was found.

    The outline of a head and shoulders, struck through, and the words NO FACE; nothing of it
    depends on the source but the size. Who reads no English reads the crossed-out head.

    Parameters
    ----------
    rows, columns : int
        Size of the picture, pixels.

    Returns
    -------
    (rows, columns, 3) ndarray of uint8
        RGB.
    """
    # Drawn four times as large and averaged, so that small pictures have smooth lines too.
    finer = 4 if max(rows, columns) <= 1024 else 2
    canvas = np.empty((rows * finer, columns * finer, 3), np.uint8)
    canvas[:] = BACKGROUND
    unit = min(rows, columns) * finer / 100
    middle_x, middle_y = columns * finer / 2, rows * finer / 2 - 8 * unit

    def at(x: float, y: float) -> tuple[int, int]:
        return round(middle_x + x * unit), round(middle_y + y * unit)

    def length(value: float) -> int:
        return max(1, round(value * unit))

    line = length(2.2)
    head = (length(13), length(17))
    cv2.ellipse(canvas, at(0, -8), head, 0, 0, 360, _INK, line, cv2.LINE_AA)
    shoulders = (length(27), length(18))
    cv2.ellipse(canvas, at(0, 32), shoulders, 0, 180, 360, _INK, line, cv2.LINE_AA)
    # The stroke has a rim of background, so that it lies visibly over the head.
    for colour, width in ((BACKGROUND, length(6.5)), (_SIGNAL, length(3.2))):
        cv2.line(canvas, at(-21, 15), at(22, -30), colour, width, cv2.LINE_AA)
    _write_centred(canvas, _WORDS, at(0, 47), height=length(9), stroke=length(1.5))
    return np.asarray(
        cv2.resize(canvas, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )


def _write_centred(
    canvas: NDArray[np.uint8], words: str, centre: tuple[int, int], *, height: int, stroke: int
) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    scale = cv2.getFontScaleFromHeight(font, height, stroke)
    (width, tall), _ = cv2.getTextSize(words, font, scale, stroke)
    origin = (centre[0] - width // 2, centre[1] + tall // 2)
    cv2.putText(canvas, words, origin, font, scale, _INK, stroke, cv2.LINE_AA)
