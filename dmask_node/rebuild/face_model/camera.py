"""A pinhole camera before the head, and what it sees.

Camera axes are the model's: x to the right of the picture, y up, z towards the camera, which
stands at z = `Camera.distance_mm`. Picture coordinates have (0, 0) at the corner of the top left
pixel, whose centre is (0.5, 0.5).
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_NEAR_MM: Final = 100.0
_FAR_MM: Final = 2000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pinhole camera."""

    size_px: int
    """Side of the square picture."""
    scale_px_per_mm: float
    """Of what lies at z = 0."""
    distance_mm: float
    """From z = 0."""
    centre_px: tuple[float, float]
    """Where x = y = 0 is seen."""

    def project(self, points_mm: NDArray[np.floating]) -> NDArray[np.float64]:
        """Project points in camera axes, (n, 3), to picture coordinates, (n, 2)."""
        scale = self.scale_px_per_mm * self.distance_mm / (self.distance_mm - points_mm[:, 2])
        return np.stack(
            [
                self.centre_px[0] + points_mm[:, 0] * scale,
                self.centre_px[1] - points_mm[:, 1] * scale,
            ],
            axis=1,
        )

    def draw(
        self,
        points_mm: NDArray[np.floating],
        triangles: NDArray[np.integer],
        colours: NDArray[np.floating],
        background: float,
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Draw triangles, whatever their winding.

        Parameters
        ----------
        points_mm : (n, 3) ndarray of float
            In camera axes.
        triangles : (t, 3) ndarray of int
            Indices of points.
        colours : (n, 3) ndarray of float
            0 ... 255.
        background : float
            Grey, 0 ... 255.

        Returns
        -------
        picture : (size, size, 3) ndarray of uint8
            The picture.
        depth_mm : (size, size) ndarray of float32
            Distance from the camera's plane; 2000 where there is nothing.
        """
        depth = self.distance_mm - points_mm[:, 2]
        # The rasteriser has its principal point in the middle: shear the scene instead.
        focal_px = self.scale_px_per_mm * self.distance_mm
        shear_x = (self.centre_px[0] - self.size_px / 2) / focal_px
        shear_y = (self.centre_px[1] - self.size_px / 2) / focal_px
        seen = np.stack(
            [points_mm[:, 0] + shear_x * depth, points_mm[:, 1] - shear_y * depth, -depth], axis=1
        )
        settings = cv2.TriangleRasterizeSettings()
        settings.setCullingMode(cv2.RASTERIZE_CULLING_NONE)
        settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
        picture, depths = cv2.triangleRasterize(
            seen.astype(np.float32),
            triangles.astype(np.int32),
            (colours / 255).astype(np.float32),
            np.full((self.size_px, self.size_px, 3), background / 255, np.float32),
            np.full((self.size_px, self.size_px), _FAR_MM, np.float32),
            np.eye(4, dtype=np.float32),
            2 * np.arctan(self.size_px / 2 / focal_px),
            _NEAR_MM,
            _FAR_MM,
            settings,
        )
        seen_rgb = cv2.convertScaleAbs(picture, alpha=255)
        return np.asarray(seen_rgb, np.uint8), np.asarray(depths, np.float32)

    def sees(
        self, points_mm: NDArray[np.floating], depth_mm: NDArray[np.float32], slack_mm: float
    ) -> NDArray[np.bool_]:
        """Return for each point (n,) whether it is in the picture and nothing is before it.

        Parameters
        ----------
        points_mm : (n, 3) ndarray of float
            In camera axes.
        depth_mm : (size, size) ndarray of float32
            From `draw`.
        slack_mm : float
            How far behind what is drawn a point may lie and still count as drawn.
        """
        pixel = np.floor(self.project(points_mm)).astype(int)
        inside = ((pixel >= 0) & (pixel < self.size_px)).all(axis=1)
        column, row = np.clip(pixel, 0, self.size_px - 1).T
        depth = self.distance_mm - points_mm[:, 2]
        return np.asarray(inside & (depth < depth_mm[row, column] + slack_mm))


def head_rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """Return the (3, 3) rotation ``roll pitch yaw``, about z, x and y."""
    yaw, pitch, roll = np.deg2rad([yaw_deg, pitch_deg, roll_deg])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    )
    about_z = np.array(
        [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    )
    return about_z @ about_x @ about_y
