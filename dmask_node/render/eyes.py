"""Colours of the eyeballs: the same iris for every patient.

The colour of an iris helps to recognise a person, so there is one. The pupil is near black and of
one size (its width is not measured); the limbus is a dark ring, so that the edge of the iris can be
seen at any size of picture; the white is shaded towards the upper lid and the corners, as lids and
lashes do, and one highlight stands still with the light.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

IRIS: Final = (100, 78, 60)
"""RGB, a middle brown: the commonest colour in the world, and dark enough against the white."""
PUPIL: Final = (10, 10, 12)
LIMBUS: Final = (36, 32, 30)
SCLERA: Final = (230, 230, 232)

_HIGHLIGHT: Final = np.array([-0.20, 0.19, 0.961], np.float32)
"""Direction of the corneal reflection in camera axes."""
_KEY_LIGHT: Final = np.array([-0.353, 0.554, 0.754], np.float32)


def paint_eyeball(polar_rad: NDArray[np.floating], pupil_rad: float, limbus_rad: float) -> Floats:
    """Paint pupil, iris, limbus and sclera, before any light.

    Parameters
    ----------
    polar_rad : (vertices,) ndarray of float
        Angle of each vertex from the line of sight, radians.
    pupil_rad, limbus_rad : float
        Polar angles of the edges of pupil and iris, radians.

    Returns
    -------
    (vertices, 3) ndarray of float32
        RGB in [0, 255].
    """
    polar = np.asarray(polar_rad, float)[:, None]
    inside_pupil = polar < 1.01 * pupil_rad
    on_limbus = (polar > 0.955 * limbus_rad) & (polar < 1.01 * limbus_rad)
    inside_iris = polar < 1.01 * limbus_rad
    painted = np.where(inside_iris, np.array(IRIS), np.array(SCLERA))
    painted = np.where(on_limbus, np.array(LIMBUS), painted)
    return np.where(inside_pupil, np.array(PUPIL), painted).astype(np.float32)


def light_eyeball(painted: Floats, normals_camera: Floats, normals_head: Floats) -> Floats:
    """Light an eyeball.

    Parameters
    ----------
    painted : (vertices, 3) ndarray of float32
        From `paint_eyeball`.
    normals_camera : (vertices, 3) ndarray of float32
        Outward unit normals in camera axes, for the light.
    normals_head : (vertices, 3) ndarray of float32
        The same in the head frame, for the shadow of the lids.

    Returns
    -------
    (vertices, 3) ndarray of float32
        RGB in [0, 255].
    """
    light = 0.66 + 0.34 * np.clip(normals_camera @ _KEY_LIGHT, 0, 1)
    light *= (
        1
        - 0.30 * np.clip((normals_head[:, 1] - 0.22) / 0.35, 0, 1)
        - 0.22 * np.clip((np.abs(normals_head[:, 0]) - 0.55) / 0.4, 0, 1)
    )
    highlight = np.clip(normals_camera @ _HIGHLIGHT, 0, 1) ** 300 * 225
    return np.clip(painted * light[:, None] + highlight[:, None], 0, 255, dtype=np.float32)
