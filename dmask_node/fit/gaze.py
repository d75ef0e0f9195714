"""Where an eye looks, from the place of its iris in the picture; and the iris as a ruler."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.fit.pose import Pose
from dmask_node.geometry.camera import PerspectiveCamera

_LIMBUS_SIDES: Final = (1, 3)
"""The two of the five iris landmarks beside the centre; lids hide those above and below."""
_LEAST_FORESHORTENING: Final = 0.5
"""An iris turned further away than this is no ruler."""


def solve_gaze(
    iris_px: NDArray[np.float64],
    eye_centre_mm: NDArray[np.float64],
    iris_plane_mm: float,
    pose: Pose,
    camera: PerspectiveCamera,
) -> NDArray[np.float64] | None:
    """Find the gaze that puts the centre of the iris where it is seen.

    The line of sight of the pixel meets the sphere on which the iris centre moves. (Offsets scaled
    at the depth of the eye's centre would be 1.5 mm wrong at the edge of the picture.)

    Parameters
    ----------
    iris_px : (2,) ndarray of float64
        Centre of the iris, image frame.
    eye_centre_mm : (3,) ndarray of float64
        Centre of the eyeball, model frame.
    iris_plane_mm : float
        Distance of the iris plane from the centre of the eyeball, millimetres.
    pose : Pose
        Where the head is.
    camera : PerspectiveCamera
        The camera.

    Returns
    -------
    (3,) ndarray of float64 or None
        Unit vector, camera axes. None where the line of sight misses the sphere.
    """
    tx, ty, tz = pose.translation_mm
    centre = pose.rotation @ eye_centre_mm + [tx, ty, -tz]
    line = camera.sight_line(iris_px)
    along = line @ centre
    discriminant = along**2 - centre @ centre + iris_plane_mm**2
    if not discriminant >= 0:
        return None
    return np.asarray(((along - np.sqrt(discriminant)) * line - centre) / iris_plane_mm)


def iris_radius_mm(
    iris_px: NDArray[np.float64],
    gaze: NDArray[np.float64],
    eye_centre_mm: NDArray[np.float64],
    iris_plane_mm: float,
    pose: Pose,
    camera: PerspectiveCamera,
) -> float:
    """Measure the iris in millimetres of the fitted model.

    Half the distance of its two sides, freed of the foreshortening by the gaze.

    Parameters
    ----------
    iris_px : (5, 2) ndarray of float64
        Centre, then four points on the limbus, image frame.
    gaze : (3,) ndarray of float64
        Where the eye looks, camera axes.
    eye_centre_mm : (3,) ndarray of float64
        Centre of the eyeball, model frame.
    iris_plane_mm : float
        Distance of the iris plane from the centre of the eyeball, millimetres.
    pose : Pose
        Where the head is.
    camera : PerspectiveCamera
        The camera.

    Returns
    -------
    float
        Model millimetres; NaN where the iris is turned too far away.
    """
    one, other = iris_px[_LIMBUS_SIDES[0]], iris_px[_LIMBUS_SIDES[1]]
    across = (other - one) * [1.0, -1.0]
    length_px = float(np.hypot(*across))
    if length_px <= 0:
        return float("nan")
    x, y = across / length_px
    line = camera.sight_line(iris_px[0])
    side = np.array([x, y, 0.0])
    side -= (side @ line) * line
    side /= np.sqrt(side @ side)
    # a diameter of the disc that is seen along `side`: v = side + a line, upright on the gaze
    towards, across_gaze = float(gaze @ line), float(gaze @ side)
    foreshortening = abs(towards) / max(float(np.hypot(towards, across_gaze)), 1e-9)
    if foreshortening < _LEAST_FORESHORTENING:
        return float("nan")
    depth_mm = float(camera.depth_mm(eye_centre_mm, *pose)) - iris_plane_mm * float(gaze[2])
    return 0.5 * length_px * depth_mm / camera.focal_px / foreshortening
