"""Where a crop lies in its picture, and what is carried from one to the other."""

from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from dmask_node.records.anatomy import Eye
from dmask_node.training.labels.scheme import CROP_SIZE, Circle, Ellipse, Shape

_EYE_PX = 520.0
"""Distance of the corners in a crop, before it is varied."""
_MIDDLE = (400.0, 300.0)
"""Where the middle of the corners falls in a crop, before it is varied."""


@dataclass(frozen=True, slots=True, eq=False)
class CropFrame:
    """The place of a crop in its picture.

    The outer corner is on the left of every crop: crops of left eyes are mirrored.

    Attributes
    ----------
    crop_to_picture : (2, 3) ndarray of float64
        A similarity, mirrored for left eyes. (0, 0) is the centre of the top left pixel in the
        crop as in the picture.
    """

    crop_to_picture: NDArray[np.float64]

    @classmethod
    def about_corners(
        cls,
        outer: NDArray[Any],
        inner: NDArray[Any],
        eye: Eye,
        rng: np.random.Generator | None = None,
    ) -> Self:
        """Place a crop about an eye, upright by the line through its corners.

        Parameters
        ----------
        outer, inner : (2,) ndarray of float
            Corners as the stock networks see them, picture coordinates.
        eye : Eye
            Which eye it is.
        rng : Generator, optional
            Varies size (8 %), place (25 px) and direction (4 degrees), so that the reader can't
            know from the crop where the networks put the corners. Default: not varied.

        Returns
        -------
        CropFrame
            The corners 520 crop pixels apart, about.
        """
        size, turn_rad, shift = 1.0, 0.0, np.zeros(2)
        if rng is not None:
            size = rng.uniform(0.92, 1.08)
            turn_rad = np.radians(rng.uniform(-4, 4))
            shift = rng.uniform(-25, 25, 2)
        across = np.asarray(inner, dtype=np.float64) - outer
        angle = np.arctan2(across[1], across[0]) + turn_rad
        pitch = max(float(np.hypot(*across)), 1.0) / (_EYE_PX * size)
        x_axis = np.array([np.cos(angle), np.sin(angle)])
        down = np.array([-x_axis[1], x_axis[0]]) * (1 if eye is Eye.RIGHT else -1)
        linear = pitch * np.column_stack([x_axis, down])
        middle = (np.asarray(outer, dtype=np.float64) + inner) / 2
        return cls(np.column_stack([linear, middle - linear @ (np.array(_MIDDLE) + shift)]))

    @property
    def mirrored(self) -> bool:
        """Whether the crop is flipped left to right."""
        return bool(np.linalg.det(self.crop_to_picture[:, :2]) < 0)

    @property
    def picture_px(self) -> float:
        """Picture pixels to a crop pixel."""
        return float(np.hypot(*self.crop_to_picture[:, 0]))

    def seen_from_afar(self) -> Self:
        """Return a crop of the same middle and direction, three times as wide."""
        step = np.array([[3.0, 0.0, -CROP_SIZE[0]], [0.0, 3.0, -CROP_SIZE[1]], [0.0, 0.0, 1.0]])
        return type(self)(self.crop_to_picture @ step)

    def inverse(self) -> Self:
        """Return the way from the picture into the crop."""
        linear = np.linalg.inv(self.crop_to_picture[:, :2])
        return type(self)(np.column_stack([linear, -linear @ self.crop_to_picture[:, 2]]))

    def carry(self, points: Any) -> NDArray[np.float64]:
        """Carry points of the crop, (..., 2), into the picture."""
        matrix = self.crop_to_picture
        return np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]

    def carry_shape(self, shape: Shape) -> Shape:
        """Carry the lines of an eye into the picture, lengths and angles too."""
        return Shape(
            corner_outer=self._point(shape.corner_outer),
            corner_inner=self._point(shape.corner_inner),
            upper_margin=self._points(shape.upper_margin),
            lower_margin=self._points(shape.lower_margin),
            fold=None if shape.fold is None else self._points(shape.fold),
            lower_boundary=(
                None if shape.lower_boundary is None else self._points(shape.lower_boundary)
            ),
            iris=None if shape.iris is None else self._ellipse(shape.iris),
            pupil=(
                None
                if shape.pupil is None
                else Circle(
                    centre=self._point(shape.pupil.centre),
                    radius=shape.pupil.radius * self.picture_px,
                )
            ),
        )

    def cut(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Enlarge the crop out of a picture, by cubic interpolation.

        Parameters
        ----------
        picture : (rows, columns, 3) ndarray of uint8
            The picture; a source eye that is wider than the crop's is shrunk first.

        Returns
        -------
        (560, 800, 3) ndarray of uint8
            The crop.
        """
        matrix = self.crop_to_picture
        shrink = max(1, int(self.picture_px))
        if shrink > 1:
            size = (picture.shape[1] // shrink, picture.shape[0] // shrink)
            picture = cv2.resize(
                picture[: size[1] * shrink, : size[0] * shrink], size, interpolation=cv2.INTER_AREA
            ).astype(np.uint8, copy=False)
            # Areas map pixel edges onto each other, not centres.
            matrix = np.column_stack([matrix[:, :2], matrix[:, 2] + 0.5]) / shrink
            matrix[:, 2] -= 0.5
        return cv2.warpAffine(
            picture,
            matrix,
            CROP_SIZE,
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.uint8, copy=False)

    def _point(self, point: Any) -> tuple[float, float]:
        x, y = self.carry(point).tolist()
        return x, y

    def _points(self, points: Any) -> tuple[tuple[float, float], ...]:
        return tuple(self._point(point) for point in points)

    def _ellipse(self, iris: Ellipse) -> Ellipse:
        angle = np.radians(iris.angle_deg)
        axis = self.crop_to_picture[:, :2] @ np.array([np.cos(angle), np.sin(angle)])
        first, second = iris.semi_axes
        # Half a turn more is the same ellipse: say it in (-90, 90].
        angle_deg = 90.0 - (90.0 - float(np.degrees(np.arctan2(axis[1], axis[0])))) % 180.0
        return Ellipse(
            centre=self._point(iris.centre),
            semi_axes=(first * self.picture_px, second * self.picture_px),
            angle_deg=angle_deg,
        )
