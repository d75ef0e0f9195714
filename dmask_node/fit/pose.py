"""Head pose from landmarks: a first guess in closed form, and its refinement."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmask_node.fit.errors import FitFailed
from dmask_node.geometry.camera import PerspectiveCamera
from dmask_node.geometry.rotation import rotation_matrix

_LEAST_FACE_PX: Final = 8.0
"""Root mean square radius of the landmarks below which there is no face to fit, pixels."""
_LEAST_ASPECT: Final = 0.1
"""Shorter over longer axis of the cloud of landmarks; a face in profile still has 0.4."""


class Pose(NamedTuple):
    """Where the head is, as `dmask_node.geometry.camera` defines it."""

    rotation: NDArray[np.float64]
    """(3, 3), model to camera."""
    translation_mm: NDArray[np.float64]
    """(3,)."""


def moved(pose: Pose, step: NDArray[np.float64]) -> Pose:
    """Apply a Gauss-Newton step: three of a rotation vector, three of translation."""
    return Pose(
        rotation=rotation_matrix(step[:3]) @ pose.rotation,
        translation_mm=pose.translation_mm + step[3:6],
    )


def is_facelike(points_px: NDArray[np.float64]) -> bool:
    """Tell whether landmarks are finite and spread over an area, as those of a face are.

    Parameters
    ----------
    points_px : (n, 2) ndarray of float64
        Landmarks, image frame.

    Returns
    -------
    bool
        False where a pose can't be found: not finite, (nearly) one point, or on one line.
    """
    if not np.isfinite(points_px).all():
        return False
    spread = np.linalg.svd(points_px - points_px.mean(axis=0), compute_uv=False)
    enough = spread[0] >= _LEAST_FACE_PX * np.sqrt(len(points_px) / 2)
    return bool(enough and spread[1] >= _LEAST_ASPECT * spread[0])


def estimate_pose(
    points_mm: NDArray[np.float64], points_px: NDArray[np.float64], camera: PerspectiveCamera
) -> Pose:
    """Guess the pose that carries model points onto image points, in closed form.

    The affine camera by least squares, made a scaled rotation by SVD, and its scale read as a
    distance. Good to a few degrees; `refine_pose` does the rest.

    Parameters
    ----------
    points_mm : (n, 3) ndarray of float64
        Model frame, n >= 4 and not all in one plane.
    points_px : (n, 2) ndarray of float64
        Image frame.
    camera : PerspectiveCamera
        The assumed camera.

    Returns
    -------
    Pose
        The first guess.

    Raises
    ------
    FitFailed
        If the image points are not those of a face (see `is_facelike`).

    References
    ----------
    .. [1] R. Hartley, A. Zisserman, *Multiple View Geometry*, 2nd ed. 2004, Algorithm 7.2.
    """
    if not is_facelike(points_px):
        raise FitFailed("the landmarks lie in one place or on one line")
    centre_mm, centre_px = points_mm.mean(axis=0), points_px.mean(axis=0)
    upright = (points_px - centre_px) * [1.0, -1.0]  # image y runs down, camera y up
    affine = np.linalg.lstsq(points_mm - centre_mm, upright, rcond=None)[0].T  # (2, 3)
    u, stretch, vt = np.linalg.svd(affine, full_matrices=False)
    rows = u @ vt
    rotation = np.stack([rows[0], rows[1], np.cross(rows[0], rows[1])])
    px_per_mm = stretch.mean()
    turned = rotation @ centre_mm
    aside = (centre_px - camera.principal_point_px) / px_per_mm * [1.0, -1.0]
    distance = camera.focal_px / px_per_mm
    return Pose(rotation, np.array([*(aside - turned[:2]), distance + turned[2]]))


def refine_pose(
    points_mm: NDArray[np.float64],
    points_px: NDArray[np.float64],
    start: Pose,
    camera: PerspectiveCamera,
    iterations: int,
) -> Pose:
    """Improve a pose by Gauss-Newton on the distances in the image.

    Parameters
    ----------
    points_mm : (n, 3) ndarray of float64
        Model frame.
    points_px : (n, 2) ndarray of float64
        Image frame.
    start : Pose
        Not far from the answer.
    camera : PerspectiveCamera
        The assumed camera.
    iterations : int
        Steps; four from the pose of a similar face are enough.

    Returns
    -------
    Pose
        The refined pose.

    Raises
    ------
    FitFailed
        If the head ends up behind the camera or the equations are singular.
    """
    pose = start
    for _ in range(iterations):
        at = camera.project_with_jacobians(points_mm, *pose)
        jacobian = np.concatenate([at.by_rotation, at.by_translation], axis=2).reshape(-1, 6)
        residual = (points_px - at.points_px).ravel()
        pose = moved(pose, _solve(jacobian.T @ jacobian, jacobian.T @ residual))
        require_before_camera(points_mm, pose, camera)
    return pose


def require_before_camera(
    points_mm: NDArray[np.float64], pose: Pose, camera: PerspectiveCamera
) -> None:
    """Raise FitFailed unless all points have a finite, positive distance before the camera."""
    nearest = camera.depth_mm(points_mm, *pose).min()
    if not (np.isfinite(nearest) and nearest > 1.0):
        raise FitFailed("the fitted head is not before the camera")


def _solve(hessian: NDArray[np.float64], gradient: NDArray[np.float64]) -> NDArray[np.float64]:
    try:
        return np.asarray(np.linalg.solve(hessian, gradient))
    except np.linalg.LinAlgError as error:
        raise FitFailed("the equations of the pose are singular") from error
