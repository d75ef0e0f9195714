"""Pose and expression of one frame, the identity given."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmask_node.fit.box import solve_in_box
from dmask_node.fit.errors import FitFailed
from dmask_node.fit.landmark_model import LandmarkModel
from dmask_node.fit.normal_equations import transposed_product
from dmask_node.fit.pose import Pose, moved, require_before_camera
from dmask_node.fit.settings import FitSettings
from dmask_node.geometry.camera import PerspectiveCamera

DAMPING: Final = 1e-3
"""Relative Levenberg-Marquardt damping; only keeps the equations regular."""


class FrameFit(NamedTuple):
    """Pose and expression of one frame."""

    pose: Pose
    expression: NDArray[np.float64]
    """(expression components,), in [0, 1]."""


class WeightedSystem(NamedTuple):
    """Residuals of one frame and their derivatives, whitened and robustly weighted."""

    jacobian: NDArray[np.float64]
    """(2 x 468, 6 + expression components), by pose step and expression."""
    by_point: NDArray[np.float64]
    """(468, 2, 3), by the model point, weighted alike."""
    residual: NDArray[np.float64]
    """(2 x 468,), landmark minus projection."""


def fit_frame(
    landmarks: LandmarkModel,
    at_rest_mm: NDArray[np.float64],
    points_px: NDArray[np.float64],
    start: FrameFit,
    camera: PerspectiveCamera,
    settings: FitSettings,
    iterations: int,
) -> FrameFit:
    """Fit pose and expression to the landmarks of one frame.

    Gauss-Newton on Huber-weighted distances, with a ridge on the expression and the expression
    kept in [0, 1].

    Parameters
    ----------
    landmarks : LandmarkModel
        The model at its landmarks.
    at_rest_mm : (468, 3) ndarray of float64
        The landmarks of this person without expression.
    points_px : (468, 2) ndarray of float64
        The landmarks found, image frame.
    start : FrameFit
        From where to start, such as the frame before.
    camera : PerspectiveCamera
        The assumed camera.
    settings : FitSettings
        Noise, threshold and ridge.
    iterations : int
        Steps.

    Returns
    -------
    FrameFit
        Pose and expression.

    Raises
    ------
    FitFailed
        If the head ends up behind the camera or the equations are singular.
    """
    fit = start
    n = len(start.expression)
    for _ in range(iterations):
        system = weighted_system(landmarks, at_rest_mm, points_px, fit, camera, settings)
        hessian = transposed_product(system.jacobian, system.jacobian)
        gradient = system.jacobian.T @ system.residual
        hessian[range(6, 6 + n), range(6, 6 + n)] += settings.expression_ridge
        gradient[6:] -= settings.expression_ridge * fit.expression
        hessian[np.diag_indices(6 + n)] *= 1.0 + DAMPING
        unbounded = np.full(6, np.inf)
        try:
            step = solve_in_box(
                hessian,
                gradient,
                np.concatenate([-unbounded, -fit.expression]),
                np.concatenate([unbounded, 1.0 - fit.expression]),
            )
        except np.linalg.LinAlgError as error:
            raise FitFailed("the equations of the expression are singular") from error
        fit = FrameFit(moved(fit.pose, step), np.clip(fit.expression + step[6:], 0.0, 1.0))
        require_before_camera(at_rest_mm, fit.pose, camera)
    return fit


def weighted_system(
    landmarks: LandmarkModel,
    at_rest_mm: NDArray[np.float64],
    points_px: NDArray[np.float64],
    fit: FrameFit,
    camera: PerspectiveCamera,
    settings: FitSettings,
) -> WeightedSystem:
    """Linearise the residuals of one frame about a fit; arguments as for `fit_frame`."""
    points_mm = at_rest_mm + landmarks.expression @ fit.expression
    at = camera.project_with_jacobians(points_mm, *fit.pose)
    noise_px = settings.landmark_noise_mm * camera.focal_px / fit.pose.translation_mm[2]
    residual = (points_px - at.points_px) / noise_px  # (468, 2)
    distance = np.sqrt((residual**2).sum(axis=1))
    root_weight = np.sqrt(1.0 / np.maximum(1.0, distance / settings.huber_threshold))  # Huber
    scale = (root_weight / noise_px)[:, None, None]
    by_point = at.by_point * scale
    jacobian = np.concatenate(
        [at.by_rotation * scale, at.by_translation * scale, by_point @ landmarks.expression],
        axis=2,
    )
    return WeightedSystem(
        jacobian=jacobian.reshape(2 * len(points_mm), -1),
        by_point=by_point,
        residual=(residual * root_weight[:, None]).ravel(),
    )
