"""Eyelid weights of one eye from its contour in the picture."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.fit.box import solve_in_box
from dmask_node.fit.errors import FitFailed
from dmask_node.fit.pose import Pose
from dmask_node.geometry.camera import PerspectiveCamera
from dmask_node.geometry.eyelids import EyelidModel
from dmask_node.records.anatomy import Eye

_RIDGE: Final = 0.02
"""Weight of the priors against residuals in millimetres: follow the contour closely."""
_STEPS: Final = 3


def fit_eyelids(
    lids: EyelidModel,
    eye: Eye,
    contour_px: NDArray[np.float64],
    base_vertices_mm: NDArray[np.float64],
    eye_centre_mm: NDArray[np.float64],
    pose: Pose,
    camera: PerspectiveCamera,
) -> NDArray[np.float64]:
    """Fit the lids of one eye to a contour.

    Gauss-Newton with a ridge, started afresh in each frame so that a blink is neither smoothed nor
    late. The contact with the eyeball is part of the projection but not of its derivative: it moves
    vertices along the line of sight only.

    Parameters
    ----------
    lids : EyelidModel
        The eyelid model.
    eye : Eye
        Which eye.
    contour_px : (16, 2) ndarray of float64
        The lid margin in the picture, in the order of `LandmarkTrack.eye_contour_px`.
    base_vertices_mm : (308, 3) ndarray of float64
        The ring vertices of the face without blink, wide and squint.
    eye_centre_mm : (3,) ndarray of float64
        Centre of the eyeball, model frame.
    pose : Pose
        Where the head is.
    camera : PerspectiveCamera
        The camera.

    Returns
    -------
    (eyelid components,) ndarray of float64
        Within the bounds of the model.

    Raises
    ------
    FitFailed
        If the equations are singular or not finite.
    """
    mm_per_px = float(camera.depth_mm(eye_centre_mm, *pose)) / camera.focal_px
    weights = np.zeros(lids.n_components)
    precision = _RIDGE / lids.prior_sd**2
    for _ in range(_STEPS):
        surface = lids.surface(weights, eye, base_vertices_mm, eye_centre_mm, pose.rotation)
        at = camera.project_with_jacobians(lids.contour(surface), *pose)
        jacobian = (at.by_point @ lids.contour_basis[eye]).reshape(32, -1) * mm_per_px
        residual = (contour_px - at.points_px).ravel() * mm_per_px
        try:
            step = solve_in_box(
                jacobian.T @ jacobian + np.diag(precision),
                jacobian.T @ residual - precision * weights,
                lids.lower_bound - weights,
                lids.upper_bound - weights,
            )
        except np.linalg.LinAlgError as error:
            raise FitFailed("the equations of the eyelids are singular") from error
        weights = np.clip(weights + step, lids.lower_bound, lids.upper_bound)
    if not np.isfinite(weights).all():
        raise FitFailed("the eyelid weights are not finite")
    return weights
