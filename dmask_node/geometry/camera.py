"""Perspective camera without lens distortion.

Frames: *model* is the morphable model's own, in millimetres, right-handed: x to the person's
left, y up, z out of the face. *camera* is right-handed too: x to the right of the picture, y up,
z towards the viewer, so that a face that looks into the camera has the identity as rotation and
the person's left on the right of the picture. *image* is in pixels, x to the right (columns),
y down (rows), (0, 0) at the centre of the top left pixel.

A model point ``X`` becomes ``Y = R @ X``, lies at ``(Y_x + t_x, Y_y + t_y)`` beside the optical
axis and at the distance ``D = t_z - Y_z`` before the camera; the translation ``t`` is in
millimetres and ``t_z`` is positive. The principal point is the middle of the picture.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Projection(NamedTuple):
    """Image points and how they move."""

    points_px: NDArray[np.float64]
    """(n, 2)."""
    by_point: NDArray[np.float64]
    """(n, 2, 3), derivative by the model point, pixels per millimetre."""
    by_rotation: NDArray[np.float64]
    """(n, 2, 3), by a rotation vector applied after the rotation, pixels per radian."""
    by_translation: NDArray[np.float64]
    """(n, 2, 3), by the translation, pixels per millimetre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerspectiveCamera:
    """A pinhole camera.

    Attributes
    ----------
    focal_px : float
        Focal length in pixels, positive.
    rows, columns : int
        Of the picture, pixels.
    """

    focal_px: float
    rows: int
    columns: int

    @property
    def principal_point_px(self) -> tuple[float, float]:
        """Middle of the picture (x, y), in pixels."""
        return (self.columns - 1) / 2, (self.rows - 1) / 2

    def depth_mm(
        self,
        points_mm: NDArray[np.float64],
        rotation: NDArray[np.float64],
        translation_mm: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Find the distance of model points before the camera, along its axis.

        Parameters
        ----------
        points_mm : (..., 3) ndarray of float64
            Points in the model frame.
        rotation : (3, 3) ndarray of float64
            Model to camera.
        translation_mm : (3,) ndarray of float64
            As the module defines it.

        Returns
        -------
        (...,) ndarray of float64
            Millimetres; positive before the camera.
        """
        return np.asarray(translation_mm[2] - points_mm @ rotation[2])

    def project(
        self,
        points_mm: NDArray[np.float64],
        rotation: NDArray[np.float64],
        translation_mm: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Project model points into the image.

        Parameters
        ----------
        points_mm : (n, 3) ndarray of float64
            Points in the model frame, all before the camera.
        rotation : (3, 3) ndarray of float64
            Model to camera.
        translation_mm : (3,) ndarray of float64
            As the module defines it.

        Returns
        -------
        (n, 2) ndarray of float64
            Image points, pixels.
        """
        turned = points_mm @ rotation.T  # (n, 3)
        scale = self.focal_px / (translation_mm[2] - turned[:, 2])  # (n,)
        centre_x, centre_y = self.principal_point_px
        return np.stack(
            [
                centre_x + scale * (turned[:, 0] + translation_mm[0]),
                centre_y - scale * (turned[:, 1] + translation_mm[1]),
            ],
            axis=1,
        )

    def project_with_jacobians(
        self,
        points_mm: NDArray[np.float64],
        rotation: NDArray[np.float64],
        translation_mm: NDArray[np.float64],
    ) -> Projection:
        """Project model points and differentiate.

        Parameters
        ----------
        points_mm : (n, 3) ndarray of float64
            Points in the model frame, all before the camera.
        rotation : (3, 3) ndarray of float64
            Model to camera. The rotation increment is applied on its left:
            ``rotation_matrix(increment) @ rotation``.
        translation_mm : (3,) ndarray of float64
            As the module defines it.

        Returns
        -------
        Projection
            Points and analytic derivatives.
        """
        turned = points_mm @ rotation.T  # (n, 3)
        x, y, z = turned.T
        scale = self.focal_px / (translation_mm[2] - z)  # (n,), px per mm at the point's depth
        right = scale * (x + translation_mm[0])
        up = scale * (y + translation_mm[1])
        centre_x, centre_y = self.principal_point_px
        along_axis = scale / self.focal_px

        by_turned = np.zeros((len(points_mm), 2, 3))
        by_turned[:, 0, 0] = scale
        by_turned[:, 0, 2] = right * along_axis
        by_turned[:, 1, 1] = -scale
        by_turned[:, 1, 2] = -up * along_axis
        by_translation = by_turned.copy()
        by_translation[:, :, 2] *= -1.0  # t_z moves the face away, Y_z towards the camera

        # dY = w x Y, so the derivative by w is Y x (d/dY)
        j0, j1, j2 = by_turned[..., 0], by_turned[..., 1], by_turned[..., 2]
        x, y, z = x[:, None], y[:, None], z[:, None]
        by_rotation = np.stack([j2 * y - j1 * z, j0 * z - j2 * x, j1 * x - j0 * y], axis=2)
        return Projection(
            points_px=np.stack([centre_x + right, centre_y - up], axis=1),
            by_point=by_turned @ rotation,
            by_rotation=by_rotation,
            by_translation=by_translation,
        )

    def sight_line(self, point_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Find the direction in which the camera sees an image point.

        Parameters
        ----------
        point_px : (2,) ndarray of float64
            Image point, pixels.

        Returns
        -------
        (3,) ndarray of float64
            Unit vector from the camera into the scene, camera axes (so its z is negative).
        """
        centre_x, centre_y = self.principal_point_px
        line = np.array(
            [
                (point_px[0] - centre_x) / self.focal_px,
                -(point_px[1] - centre_y) / self.focal_px,
                -1.0,
            ]
        )
        return np.asarray(line / np.sqrt(line @ line))
