"""A rotated square cut out of a picture, and the way back."""

from dataclasses import dataclass
from typing import Any, Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from dmask_node.landmarks.scheme import INNER_CORNER, OUTER_CORNER
from dmask_node.records.anatomy import Eye

_ALIASING_RATIO: Final = 2.0
"""Source pixels per crop pixel above which bilinear sampling would miss pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropRegion:
    """A rotated square in a picture.

    Coordinates of the picture have (0, 0) at the centre of the top left pixel. Those within the
    square are fractions of its side, (0, 0) at its top left corner and (1, 1) at the other, as the
    networks count: what they call pixel 0 begins at the edge of the crop, not at the centre of its
    first pixel. (Measured on 120 eyes: irises taken by the other convention lie 0.4 to 0.8 crop
    pixels to the right of and below the limbus in the picture, with both landmark networks.)

    Attributes
    ----------
    x_px, y_px : float
        Middle of the square in the picture.
    side_px : float
        Length of a side in picture pixels; positive.
    angle_rad : float
        Direction of the crop's x axis in the picture, clockwise as seen, since y points down.
    mirrored : bool
        Whether the crop is flipped left to right.
    """

    x_px: float
    y_px: float
    side_px: float
    angle_rad: float = 0.0
    mirrored: bool = False

    @classmethod
    def around(cls, points: NDArray[Any], angle_rad: float, scale: float) -> Self:
        """Enclose points by a square about their upright bounding box.

        Parameters
        ----------
        points : (n, 2) ndarray of float
            Picture coordinates.
        angle_rad : float
            Rotation of the square.
        scale : float
            Side of the square over the longer side of the bounding box.

        Returns
        -------
        CropRegion
            At least one pixel wide.
        """
        low, high = points.min(axis=0), points.max(axis=0)
        return cls(
            x_px=float(low[0] + high[0]) / 2,
            y_px=float(low[1] + high[1]) / 2,
            side_px=max(1.0, float(np.max(high - low)) * scale),
            angle_rad=angle_rad,
        )

    def square_to_picture(self) -> NDArray[np.float64]:
        """Return the (2, 3) affine matrix from fractions of the square to picture coordinates."""
        cos, sin = self.side_px * np.cos(self.angle_rad), self.side_px * np.sin(self.angle_rad)
        flip = -1.0 if self.mirrored else 1.0
        linear = np.array([[cos * flip, -sin], [sin * flip, cos]])
        middle = np.array([self.x_px, self.y_px])
        return np.column_stack([linear, middle - linear @ np.array([0.5, 0.5])])

    def to_picture(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Carry points of the square into the picture.

        Parameters
        ----------
        points : (..., 2) ndarray of float
            Fractions of the side.

        Returns
        -------
        (..., 2) ndarray of float64
            Picture coordinates, pixels.
        """
        matrix = self.square_to_picture()
        return np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]

    def to_square(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Carry points of the picture into the square; the inverse of `to_picture`."""
        matrix = self.square_to_picture()
        centred = np.asarray(points, dtype=np.float64) - matrix[:, 2]
        return centred @ np.linalg.inv(matrix[:, :2]).T

    def cut(
        self, picture: NDArray[np.uint8], crop_px: int, *, repeat_border: bool = True
    ) -> NDArray[np.uint8]:
        """Sample the square out of a picture.

        A square much larger than the crop is shrunk by area averaging first, so that no source
        pixel is passed over.

        Parameters
        ----------
        picture : (rows, columns[, channels]) ndarray of uint8
            The picture.
        crop_px : int
            Side of the crop, pixels.
        repeat_border : bool, optional
            Beyond the picture: repeat its border (default), or take black.

        Returns
        -------
        (crop_px, crop_px[, channels]) ndarray of uint8
            The crop.
        """
        matrix = self.square_to_picture()  # of the crop's pixel centres, from here on
        matrix[:, 2] += matrix[:, :2] @ np.array([0.5, 0.5]) / crop_px
        matrix[:, :2] /= crop_px
        ratio = self.side_px / crop_px
        if ratio > _ALIASING_RATIO:
            picture, matrix = self._shrink(picture, matrix, int(ratio))
        border = cv2.BORDER_REPLICATE if repeat_border else cv2.BORDER_CONSTANT
        cut = cv2.warpAffine(
            picture,
            matrix,
            (crop_px, crop_px),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=border,
        )
        return cut.astype(np.uint8, copy=False)

    def _shrink(
        self, picture: NDArray[np.uint8], matrix: NDArray[np.float64], factor: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Average the part of the picture around the square down by about `factor`."""
        rows, columns = picture.shape[:2]
        reach = 0.75 * self.side_px  # half a diagonal, and a little more
        left, right = max(0, int(self.x_px - reach)), min(columns, int(self.x_px + reach) + 2)
        top, bottom = max(0, int(self.y_px - reach)), min(rows, int(self.y_px + reach) + 2)
        if right - left < factor or bottom - top < factor:
            return picture, matrix
        size = ((right - left) // factor, (bottom - top) // factor)
        small = cv2.resize(
            picture[top:bottom, left:right], size, interpolation=cv2.INTER_AREA
        ).astype(np.uint8, copy=False)
        # Area averaging maps pixel edges, not centres, onto each other: half a pixel goes off
        # before the scaling and comes back after it.
        pitch = np.array([size[0] / (right - left), size[1] / (bottom - top)])
        moved = matrix.copy()
        moved[:, 2] -= np.array([left, top]) - 0.5
        moved *= pitch[:, None]
        moved[:, 2] -= 0.5
        return small, moved


def square_about_eye(contour: NDArray[Any], eye: Eye, scale: float) -> CropRegion:
    """Place a square about an eye, its x axis from the outer to the inner corner.

    The left eye's square is mirrored, so that both eyes look alike in their crops.

    Parameters
    ----------
    contour : (16, 2) ndarray of float
        Lid margin, ordered as `scheme.EYE_CONTOUR`.
    eye : Eye
        Which eye it is.
    scale : float
        Side of the square over the distance of the corners.

    Returns
    -------
    CropRegion
        At least one pixel wide.
    """
    corners = contour[[OUTER_CORNER, INNER_CORNER]].astype(np.float64)
    middle = corners.mean(axis=0)
    across = corners[1] - corners[0] if eye is Eye.RIGHT else corners[0] - corners[1]
    return CropRegion(
        x_px=float(middle[0]),
        y_px=float(middle[1]),
        side_px=max(1.0, float(np.hypot(*across)) * scale),
        angle_rad=float(np.arctan2(across[1], across[0])),
        mirrored=eye is Eye.LEFT,
    )
