"""Z-buffer triangle rasteriser.

Picture coordinates here have their origin at the corner of the top left pixel, whose centre is
(0.5, 0.5). Camera axes: x right, y up, z towards the viewer; what is seen has negative z.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

_NEAR_MM: Final = 1.0
_FAR_MM: Final = 1e5


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A pinhole camera and the picture it makes."""

    rows: int
    columns: int
    focal_px: float
    centre_px: tuple[float, float]
    """(x, y) of the principal point."""

    def project(self, points_mm: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project points in camera axes.

        Parameters
        ----------
        points_mm : (n, 3) ndarray of float32
            With negative z.

        Returns
        -------
        (n, 2) ndarray of float32
            (x, y), pixels.
        """
        scale = np.float32(self.focal_px) / -points_mm[:, 2]
        projected = np.empty((len(points_mm), 2), np.float32)
        projected[:, 0] = self.centre_px[0] + points_mm[:, 0] * scale
        projected[:, 1] = self.centre_px[1] - points_mm[:, 1] * scale
        return projected


class SampleBuffer:
    """Memory for colours and depths of the samples of a picture, used again for the next one.

    Fresh memory for every frame costs as much time as drawing half of it. Not for two threads at
    once.
    """

    def __init__(self) -> None:
        self._colours = np.empty(0, np.float32)
        self._depths = np.empty(0, np.float32)

    def cleared(
        self, size: tuple[int, int], background: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return (rows, columns, 3) colours in [0, 1], all background, and depths, all far."""
        rows, columns = size
        if len(self._depths) < rows * columns:
            self._colours = np.empty(rows * columns * 3, np.float32)
            self._depths = np.empty(rows * columns, np.float32)
        colours = self._colours[: rows * columns * 3].reshape(rows, columns, 3)
        colours[0] = background.astype(np.float32) / 255
        colours[1:] = colours[0]
        depths = self._depths[: rows * columns].reshape(rows, columns)
        depths.fill(_FAR_MM)
        return colours, depths


def rasterise(
    background: NDArray[np.uint8],
    view: View,
    vertices_mm: NDArray[np.float32],
    triangles: NDArray[np.int32],
    colours: NDArray[np.float32],
    supersampling: int = 2,
    samples: SampleBuffer | None = None,
) -> NDArray[np.uint8]:
    """Draw triangles over a background of one colour.

    Parameters
    ----------
    background : (3,) ndarray of uint8
        RGB of what no triangle covers.
    view : View
        Camera and size of the picture.
    vertices_mm : (v, 3) ndarray of float32
        In camera axes. Triangles with a vertex nearer than 1 mm to the camera's plane are left out.
    triangles : (t, 3) ndarray of int32
        Vertices counterclockwise as seen from outside; those seen from inside are not drawn.
    colours : (v, 3) ndarray of float32
        RGB in [0, 255], interpolated over each triangle with perspective.
    supersampling : int, default 2
        Samples per pixel in each direction.
    samples : SampleBuffer, optional
        Memory to draw in, kept from picture to picture. Default: new memory.

    Returns
    -------
    (rows, columns, 3) ndarray of uint8
        RGB. The same input gives the same bits, whatever the number of threads.
    """
    picture = np.empty((view.rows, view.columns, 3), np.uint8)
    picture[:] = background
    in_front = vertices_mm[:, 2] < -_NEAR_MM
    if not in_front.all():
        triangles = triangles[in_front[triangles].all(axis=1)]
    if len(triangles) == 0:
        return picture
    projected = view.project(np.where(in_front[:, None], vertices_mm, np.float32(-_NEAR_MM)))
    facing = _front_faces(projected, triangles)
    if len(facing) == 0:
        return picture
    left, top, right, bottom = _region(projected, in_front, view)
    if right <= left or bottom <= top:
        return picture
    columns, rows = right - left, bottom - top
    # The rasteriser wants the principal point in the middle of its picture: shearing the scene
    # moves it there, so that only the part around the head has to be drawn.
    depth = -vertices_mm[:, 2]
    sheared = vertices_mm.copy()
    sheared[:, 0] += np.float32((view.centre_px[0] - left - columns / 2) / view.focal_px) * depth
    sheared[:, 1] -= np.float32((view.centre_px[1] - top - rows / 2) / view.focal_px) * depth
    size = (rows * supersampling, columns * supersampling)
    image, nearest = (samples or SampleBuffer()).cleared(size, background)
    cv2.triangleRasterize(
        sheared,
        facing,
        colours * np.float32(1 / 255),
        image,
        nearest,
        np.eye(4, dtype=np.float32),
        2 * np.arctan(rows / 2 / view.focal_px),
        _NEAR_MM,
        _FAR_MM,
        _settings(),
    )
    averaged = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    picture[top:bottom, left:right] = cv2.convertScaleAbs(averaged, alpha=255)
    return picture


def _front_faces(projected: NDArray[np.float32], triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """Keep the triangles that turn counterclockwise in the picture (y runs down)."""
    x, y = projected[:, 0][triangles], projected[:, 1][triangles]
    twice_area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (
        y[:, 1] - y[:, 0]
    )
    return np.ascontiguousarray(triangles[twice_area < 0])


def _region(
    projected: NDArray[np.float32], in_front: NDArray[np.bool_], view: View
) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the part of the picture that can be covered."""
    seen = projected if in_front.all() else projected[in_front]
    low, high = np.floor(seen.min(axis=0)) - 1, np.ceil(seen.max(axis=0)) + 1
    return (
        int(max(low[0], 0)),
        int(max(low[1], 0)),
        int(min(high[0], view.columns)),
        int(min(high[1], view.rows)),
    )


def _settings() -> cv2.TriangleRasterizeSettings:
    settings = cv2.TriangleRasterizeSettings()
    settings.setCullingMode(cv2.RASTERIZE_CULLING_NONE)
    settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
    return settings
