"""The eyeball: its mesh, and gaze as angles.

The mesh is a polar grid about the line of sight, so that the edges of pupil and iris are always
edges of the mesh and stay crisp at any gaze.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

IRIS_DIAMETER_MM: Final = 11.7
"""Horizontal visible iris diameter of an adult: 11.71 mm, sd 0.42 mm in healthy eyes (F.
Rüfer, A. Schröder, C. Erb, Cornea 24, 2005, 259-261). The ruler of every millimetre measured."""
IRIS_RADIUS_MM: Final = IRIS_DIAMETER_MM / 2
PUPIL_RADIUS_MM: Final = 2.0
"""Drawn alike for everyone: the size of the pupil is not measured."""
_MERIDIANS: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EyeballMesh:
    """An eyeball around the origin that looks along +z."""

    vertices_mm: NDArray[np.float64]
    """(vertices, 3)."""
    triangles: NDArray[np.int32]
    """(triangles, 3), counter-clockwise seen from outside."""
    polar_rad: NDArray[np.float64]
    """(vertices,), angle from the line of sight: 0 at the centre of the pupil."""
    pupil_rad: float
    """Polar angle of the edge of the pupil; a ring of vertices lies on it."""
    limbus_rad: float
    """Polar angle of the edge of the iris; a ring of vertices lies on it."""


def eyeball_mesh(
    radius_mm: float, iris_radius_mm: float, pupil_radius_mm: float = PUPIL_RADIUS_MM
) -> EyeballMesh:
    """Build the mesh of an eyeball.

    The triangles do not depend on the radii, so meshes of two irises can be exchanged vertex by
    vertex.

    Parameters
    ----------
    radius_mm : float
        Of the eyeball, millimetres.
    iris_radius_mm : float
        Of the visible iris, millimetres, greater than the pupil and below ``radius_mm``.
    pupil_radius_mm : float, optional
        Of the pupil, millimetres.

    Returns
    -------
    EyeballMesh
        Centred on the origin, looking along +z.

    Raises
    ------
    ValueError
        If the radii are not in that order.
    """
    if not 0 < pupil_radius_mm < 0.95 * iris_radius_mm < 0.9 * radius_mm:
        raise ValueError(
            f"radii of pupil, iris and eyeball are not in order: "
            f"{pupil_radius_mm:.2f}, {iris_radius_mm:.2f}, {radius_mm:.2f} mm"
        )
    rings_mm = np.concatenate(
        [
            np.linspace(0.5 * pupil_radius_mm, pupil_radius_mm, 2),
            np.linspace(1.02 * pupil_radius_mm, 0.97 * iris_radius_mm, 5),
            [iris_radius_mm, 1.03 * iris_radius_mm],
            np.linspace(1.08 * iris_radius_mm, 0.995 * radius_mm, 9),
        ]
    )
    polar = np.concatenate([np.arcsin(rings_mm / radius_mm), np.deg2rad([100.0, 115.0])])
    meridian = np.linspace(0.0, 2.0 * np.pi, _MERIDIANS, endpoint=False)
    sine, cosine = np.sin(polar)[:, None], np.cos(polar)[:, None]
    grid = np.stack(
        [
            sine * np.cos(meridian),
            sine * np.sin(meridian),
            np.broadcast_to(cosine, (len(polar), _MERIDIANS)),
        ],
        axis=2,
    )
    pole = np.array([[0.0, 0.0, 1.0]])
    return EyeballMesh(
        vertices_mm=radius_mm * np.concatenate([pole, grid.reshape(-1, 3)]),
        triangles=_polar_triangles(len(polar)),
        polar_rad=np.concatenate([[0.0], np.repeat(polar, _MERIDIANS)]),
        pupil_rad=float(np.arcsin(pupil_radius_mm / radius_mm)),
        limbus_rad=float(np.arcsin(iris_radius_mm / radius_mm)),
    )


def _polar_triangles(n_rings: int) -> NDArray[np.int32]:
    here = np.arange(_MERIDIANS)
    after = (here + 1) % _MERIDIANS
    cap = np.stack([np.zeros_like(here), 1 + here, 1 + after], axis=1)
    strips = [cap]
    for ring in range(n_rings - 1):
        a, b = 1 + ring * _MERIDIANS + here, 1 + ring * _MERIDIANS + after
        c, d = a + _MERIDIANS, b + _MERIDIANS
        strips += [np.stack([a, c, b], axis=1), np.stack([b, c, d], axis=1)]
    return np.concatenate(strips).astype(np.int32)


def iris_plane_mm(radius_mm: float, iris_radius_mm: float) -> float:
    """Find the distance of the plane of the limbus from the centre of the eyeball.

    Parameters
    ----------
    radius_mm, iris_radius_mm : float
        Of eyeball and iris, millimetres.

    Returns
    -------
    float
        Millimetres; about 10.7 for an average eye.
    """
    return float(np.sqrt(radius_mm**2 - iris_radius_mm**2))


def gaze_direction(horizontal_deg: float, vertical_deg: float) -> NDArray[np.float64]:
    """Find the direction of an eye that is turned by two angles.

    Parameters
    ----------
    horizontal_deg : float
        Azimuth, degrees; positive to the person's left.
    vertical_deg : float
        Elevation, degrees; positive upwards.

    Returns
    -------
    (3,) ndarray of float64
        Unit vector in the model frame.
    """
    h, v = np.deg2rad([horizontal_deg, vertical_deg])
    return np.array([np.sin(h) * np.cos(v), np.sin(v), np.cos(h) * np.cos(v)])


def gaze_angles_deg(direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the two angles of a gaze direction.

    Parameters
    ----------
    direction : (..., 3) ndarray of float64
        Unit vectors in the model frame.

    Returns
    -------
    (..., 2) ndarray of float64
        Azimuth, positive to the person's left, and elevation, positive upwards, in degrees; the
        inverse of `gaze_direction`.
    """
    azimuth = np.arctan2(direction[..., 0], direction[..., 2])
    elevation = np.arctan2(direction[..., 1], np.hypot(direction[..., 0], direction[..., 2]))
    return np.rad2deg(np.stack([azimuth, elevation], axis=-1))
