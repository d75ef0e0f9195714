"""Identity of one person from many frames."""

import numpy as np
from numpy.typing import NDArray

from dmask_node.fit.errors import FitFailed
from dmask_node.fit.expression import DAMPING, FrameFit, weighted_system
from dmask_node.fit.landmark_model import LandmarkModel
from dmask_node.fit.normal_equations import transposed_product
from dmask_node.fit.pose import estimate_pose, moved, require_before_camera
from dmask_node.fit.settings import FitSettings
from dmask_node.geometry.camera import PerspectiveCamera


def fit_identity(
    landmarks: LandmarkModel,
    points_px: NDArray[np.float64],
    camera: PerspectiveCamera,
    settings: FitSettings,
) -> NDArray[np.float64]:
    """Fit one identity to all key frames, pose and expression free in each.

    Gauss-Newton on the joint problem. Pose and expression of a frame meet those of the others only
    through the identity, so each frame's block is eliminated by its Schur complement and the
    normal equations stay as small as the identity. The evidence of all frames together is tempered
    (see `FitSettings.evidence_tempering`).

    Parameters
    ----------
    landmarks : LandmarkModel
        The model at its landmarks.
    points_px : (key frames, 468, 2) ndarray of float64
        The landmarks found, image frame; at least one frame.
    camera : PerspectiveCamera
        The assumed camera.
    settings : FitSettings
        Iterations, noise, ridges and tempering.

    Returns
    -------
    (identity components,) ndarray of float64
        In standard deviations. A biometric.

    Raises
    ------
    FitFailed
        If the landmarks are not those of a face.

    References
    ----------
    .. [1] B. Triggs et al., "Bundle adjustment - a modern synthesis", 2000, section 6.1.
    """
    n_frames, n_identity = len(points_px), landmarks.identity.shape[2]
    n_expression = landmarks.expression.shape[2]
    identity = np.zeros(n_identity)
    fits = [
        FrameFit(estimate_pose(landmarks.mean, points, camera), np.zeros(n_expression))
        for points in points_px
    ]
    weight = settings.evidence_tempering / n_frames
    for _ in range(settings.identity_iterations):
        at_rest = landmarks.mean + landmarks.identity @ identity
        hessian = settings.identity_ridge * np.eye(n_identity)
        gradient = -settings.identity_ridge * identity
        back_substitutions = []
        for points, fit in zip(points_px, fits, strict=True):
            system = weighted_system(landmarks, at_rest, points, fit, camera, settings)
            by_identity = (system.by_point @ landmarks.identity).reshape(-1, n_identity)
            free, cross, solved = _eliminate_frame(
                system.jacobian,
                by_identity,
                system.residual,
                fit.expression,
                settings.expression_ridge,
            )
            hessian += weight * (
                transposed_product(by_identity, by_identity) - cross.T @ solved[:, :-1]
            )
            gradient += weight * (by_identity.T @ system.residual - cross.T @ solved[:, -1])
            back_substitutions.append((free, solved))
        identity_step = np.linalg.solve(hessian, gradient)
        identity = identity + identity_step
        for k, (free, solved) in enumerate(back_substitutions):
            step = np.zeros(6 + n_expression)
            step[free] = solved[:, -1] - solved[:, :-1] @ identity_step
            pose = moved(fits[k].pose, step)
            require_before_camera(landmarks.mean, pose, camera)
            fits[k] = FrameFit(pose, np.clip(fits[k].expression + step[6:], 0.0, 1.0))
    if not np.isfinite(identity).all():
        raise FitFailed("the identity is not finite")
    return identity


def _eliminate_frame(
    jacobian: NDArray[np.float64],
    by_identity: NDArray[np.float64],
    residual: NDArray[np.float64],
    expression: NDArray[np.float64],
    ridge: float,
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Solve a frame's own block against the identity's columns and the residual.

    Expressions that press against their bound are held. Returns the free unknowns, their coupling
    to the identity, and, for each, its answer to every identity component and, in the last column,
    to the residual.
    """
    n = 6 + len(expression)
    gradient = jacobian.T @ residual
    gradient[6:] -= ridge * expression
    pressed = ((expression <= 0.0) & (gradient[6:] < 0)) | (
        (expression >= 1.0) & (gradient[6:] > 0)
    )
    free = np.concatenate([np.arange(6), 6 + np.flatnonzero(~pressed)])
    hessian = transposed_product(jacobian, jacobian)
    hessian[range(6, n), range(6, n)] += ridge
    hessian[np.diag_indices(n)] *= 1.0 + DAMPING
    cross = transposed_product(jacobian[:, free], by_identity)
    right = np.column_stack([cross, gradient[free]])
    return free, cross, np.linalg.solve(hessian[np.ix_(free, free)], right)
