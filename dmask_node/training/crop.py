"""The crop that the eye network looks at: one eye, level, the outer corner on the left.

Both eyes look alike in it, since the patient's left eye is mirrored. The same frame at a finer
grid is the *plate*, on which pictures of eyes are made and kept before they are made worse.
Coordinates have (0, 0) at the centre of the top left pixel.
"""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dmask_node.records.anatomy import Eye

_ALIASING_RATIO: Final = 2.0
"""Source pixels per pixel of the cut above which bilinear sampling would miss pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EyeFrame:
    """A grid of pixels laid over an eye by its two corners.

    Attributes
    ----------
    rows, columns : int
        Of the grid, pixels.
    outer_px, inner_px : (float, float)
        Where the outer and the inner corner come to lie, (x, y), on one row.
    """

    rows: int
    columns: int
    outer_px: tuple[float, float]
    inner_px: tuple[float, float]

    @property
    def eye_px(self) -> float:
        """Distance of the corners, pixels."""
        return self.inner_px[0] - self.outer_px[0]

    def from_picture(
        self, outer: NDArray[Any], inner: NDArray[Any], eye: Eye
    ) -> NDArray[np.float64]:
        """Find the map from the picture into the frame.

        Parameters
        ----------
        outer, inner : (2,) ndarray of float
            The corners in the picture, pixels; the outer one is that by the temple.
        eye : Eye
            Which eye it is; the left one is mirrored.

        Returns
        -------
        (2, 3) ndarray of float64
            Affine: a similarity, mirrored for the left eye.

        Raises
        ------
        ValueError
            If the corners coincide.
        """
        flip = np.diag([-1.0 if eye is Eye.LEFT else 1.0, 1.0])
        ends = np.stack([outer, inner]).astype(np.float64) @ flip
        across = ends[1] - ends[0]
        width = float(np.hypot(*across))
        if width == 0:
            raise ValueError("the corners of the eye coincide")
        cos, sin = across / width
        linear = self.eye_px / width * np.array([[cos, sin], [-sin, cos]]) @ flip
        middle = (np.array(self.outer_px) + np.array(self.inner_px)) / 2
        return np.column_stack([linear, middle - linear @ (ends.mean(axis=0) @ flip)])

    def cut(self, picture: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Sample the frame out of a picture.

        Where the picture is much finer than the frame it is averaged down first, so that no pixel
        of it is passed over; beyond its border the border is repeated.

        Parameters
        ----------
        picture : (rows, columns[, channels]) ndarray of uint8
            The picture.
        matrix : (2, 3) ndarray of float64
            From `from_picture`.

        Returns
        -------
        (rows, columns[, channels]) ndarray of uint8
            The cut.
        """
        ratio = 1 / np.sqrt(abs(np.linalg.det(matrix[:, :2])))
        if ratio > _ALIASING_RATIO:
            picture, matrix = _shrink(picture, matrix, int(ratio), (self.rows, self.columns))
        cut = cv2.warpAffine(
            picture,
            matrix,
            (self.columns, self.rows),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return cut.astype(np.uint8, copy=False)


CROP: Final = EyeFrame(rows=80, columns=112, outer_px=(24.0, 44.0), inner_px=(88.0, 44.0))
"""What the network looks at."""
PLATE: Final = EyeFrame(rows=160, columns=224, outer_px=(64.0, 88.0), inner_px=(160.0, 88.0))
"""Where training pictures are made: finer, and with room around the crop to shift it about."""
COLUMNS: Final = np.arange(0.5, CROP.columns, 2)
"""Crop columns at which the network tells the height of a line: between two pixels each."""
COLUMNS.flags.writeable = False


def apply(matrix: NDArray[np.float64], points: NDArray[Any]) -> NDArray[np.float64]:
    """Carry (..., 2) points by a (2, 3) affine matrix."""
    return np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]


def inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert a (2, 3) affine matrix."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def chain(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (2, 3) affine matrix that applies ``first`` and then ``second``."""
    linear = second[:, :2] @ first[:, :2]
    return np.column_stack([linear, second[:, :2] @ first[:, 2] + second[:, 2]])


def _shrink(
    picture: NDArray[np.uint8], matrix: NDArray[np.float64], factor: int, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Average the part of the picture under the frame down by about ``factor``."""
    rows, columns = size
    ends = np.array([[0, 0], [columns, 0], [0, rows], [columns, rows]], dtype=np.float64)
    corners = apply(inverse(matrix), ends)
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - factor, 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + factor, picture.shape[1::-1])
    across, down = high - low
    if across < factor or down < factor:
        return picture, matrix
    small_size = (int(across) // factor, int(down) // factor)
    part = picture[low[1] : high[1], low[0] : high[0]]
    small = cv2.resize(part, small_size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    # Area averaging maps pixel edges, not centres, onto each other.
    pitch = np.array([across / small_size[0], down / small_size[1]])
    to_picture = np.column_stack([np.diag(pitch), low - 0.5 + pitch / 2])
    return small, chain(to_picture, matrix)
