"""How much of the sky each vertex of the resting face sees.

Nostrils, ears, the hollow below the chin and the line between the lips are dark because little
light gets there. That is found once for the mean head, by looking at it from many sides with a
depth buffer, and is the same on everyone's mask. Lids move too far for a value found at rest, so
around the eyes it fades out; there the skin is shaded by its hollows in each frame instead.

References
----------
.. [1] S. Zhukov, A. Iones, G. Kronin, "An ambient light illumination model", Rendering Techniques
   1998: obscurances, the cosine-weighted share of the hemisphere that is open.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dmask_node.geometry.morphable_model import N_RINGS, MorphableModel

_N_DIRECTIONS: Final = 64
_MAP_SIDE_PX: Final = 320
_CAMERA_DISTANCE: Final = 40.0
"""In radii of the head: far enough for rays that are parallel to within 1.5 degrees."""
_TOLERANCE_MM: Final = 2.0
"""A vertex less than this behind the nearest surface counts as seen."""
_SMOOTHINGS: Final = 3
"""Passes over the mesh that take out the grain of a finite number of directions."""
_LID_FADE: Final = np.clip((np.arange(N_RINGS) - 3) / 6, 0, 1)
"""Share of the occlusion kept on each ring around the eye: none on the lids."""


def sky_seen(
    model: MorphableModel, fine_mm: NDArray[np.float64], normals: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Find the open share of the sky over each vertex of the fine mesh at rest.

    Parameters
    ----------
    model : MorphableModel
        For its fine triangles and the rings of the eyes.
    fine_mm : (fine vertices, 3) ndarray of float64
        The mean head.
    normals : (fine vertices, 3) ndarray of float32
        Its outward unit normals.

    Returns
    -------
    (fine vertices,) ndarray of float32
        In [0, 1], 1 where nothing stands in the way, and on the lids.
    """
    directions = _sphere(_N_DIRECTIONS)
    cosines = np.clip(normals @ directions.T, 0, None)
    open_share = np.zeros(len(fine_mm), np.float32)
    for direction, cosine in zip(directions, cosines.T, strict=True):
        open_share += cosine * _seen_from(direction, fine_mm, model.fine_triangles)
    open_share /= np.maximum(cosines.sum(axis=1), 1e-6)
    for _ in range(_SMOOTHINGS):
        open_share = _smoothed(open_share, model.fine_triangles)
    kept = np.ones(len(model.mean))
    for ring in range(N_RINGS):
        kept[model.rings[:, ring]] = _LID_FADE[ring]
    lids_kept = np.asarray(model.subdivision @ kept)
    return np.asarray(1 - lids_kept * (1 - np.clip(open_share, 0, 1)), np.float32)


def _seen_from(
    direction: NDArray[np.float64], vertices_mm: NDArray[np.float64], triangles: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Return which vertices are seen from far away in a direction."""
    side = np.cross(direction, [0.0, 1.0, 0.0] if abs(direction[1]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(direction, side), direction])
    middle = (vertices_mm.min(axis=0) + vertices_mm.max(axis=0)) / 2
    turned = (vertices_mm - middle) @ axes.T
    radius = float(np.sqrt((turned**2).sum(axis=1).max()))
    distance = _CAMERA_DISTANCE * radius
    in_camera = turned - [0.0, 0.0, distance]
    nearest = np.full((_MAP_SIDE_PX, _MAP_SIDE_PX), 2 * distance, np.float32)
    field_of_view_rad = 2 * np.arctan(1.05 * radius / (distance - radius))
    settings = cv2.TriangleRasterizeSettings()
    settings.setCullingMode(cv2.RASTERIZE_CULLING_NONE)
    cv2.triangleRasterizeDepth(
        in_camera.astype(np.float32),
        triangles,
        nearest,
        np.eye(4, dtype=np.float32),
        field_of_view_rad,
        distance - 2 * radius,
        2 * distance,
        settings,
    )
    focal_px = _MAP_SIDE_PX / 2 / np.tan(field_of_view_rad / 2)
    depth = -in_camera[:, 2]
    column = (_MAP_SIDE_PX / 2 + focal_px * in_camera[:, 0] / depth).astype(np.intp)
    row = (_MAP_SIDE_PX / 2 - focal_px * in_camera[:, 1] / depth).astype(np.intp)
    return np.asarray(depth < nearest[row, column] + _TOLERANCE_MM)


def _smoothed(values: NDArray[np.float32], triangles: NDArray[np.int32]) -> NDArray[np.float32]:
    """Average each vertex's value over the triangles around it."""
    means = np.repeat(values[triangles].mean(axis=1), 3)
    corners = triangles.ravel()
    total = np.bincount(corners, weights=means, minlength=len(values))
    return (total / np.bincount(corners, minlength=len(values))).astype(np.float32)


def _sphere(n: int) -> NDArray[np.float64]:
    """Return n directions spread evenly over the sphere (a Fibonacci lattice), (n, 3)."""
    index = np.arange(n) + 0.5
    height = 1 - 2 * index / n
    around = np.pi * (1 + np.sqrt(5)) * index
    flat = np.sqrt(1 - height**2)
    return np.stack([flat * np.cos(around), height, flat * np.sin(around)], axis=1)
