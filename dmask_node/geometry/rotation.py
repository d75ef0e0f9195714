"""Rotations in three dimensions. All matrices act on column vectors: ``y = R @ x``."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_TINY_RAD: Final = 1e-12
"""Below this angle a rotation is the identity to double precision."""


def rotation_matrix(rotation_vector: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Turn a rotation vector into a rotation matrix.

    Rodrigues' formula, :math:`R = I + \sin\theta K + (1 - \cos\theta) K^2`.

    Parameters
    ----------
    rotation_vector : (3,) ndarray of float64
        Axis times angle, in radians, right-handed.

    Returns
    -------
    (3, 3) ndarray of float64
        Proper rotation, determinant +1.

    References
    ----------
    .. [1] R. Hartley, A. Zisserman, *Multiple View Geometry*, 2nd ed. 2004, equation A4.9.
    """
    angle = float(np.sqrt(rotation_vector @ rotation_vector))
    if angle < _TINY_RAD:
        return np.eye(3)
    x, y, z = rotation_vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * (cross @ cross)


def nearest_rotation(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the rotation nearest to each matrix, in the Frobenius norm.

    The weighted mean of nearby rotation matrices, brought back to a rotation so, is their chordal
    mean.

    Parameters
    ----------
    matrices : (..., 3, 3) ndarray of float64
        Matrices of full rank, not far from rotations.

    Returns
    -------
    (..., 3, 3) ndarray of float64
        Proper rotations, determinant +1.

    References
    ----------
    .. [1] R. Hartley et al., "Rotation averaging", IJCV 103, 2013, section 5.3.
    """
    u, _, vt = np.linalg.svd(matrices)
    u = u.copy()
    u[..., :, 2] *= np.sign(np.linalg.det(u @ vt))[..., None]
    return np.asarray(u @ vt)


def listing_rotation(gaze: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the rotation without torsion that takes the z axis to a gaze direction.

    Listing's law: the eye goes from its primary position straight to any other about an axis
    perpendicular to both.

    Parameters
    ----------
    gaze : (3,) ndarray of float64
        Unit vector; not (0, 0, -1), whose axis is undetermined.

    Returns
    -------
    (3, 3) ndarray of float64
        ``listing_rotation(gaze) @ [0, 0, 1] == gaze``.
    """
    axis = np.array([-gaze[1], gaze[0], 0.0])  # z x gaze
    sine = float(np.hypot(gaze[0], gaze[1]))
    if sine < _TINY_RAD:
        return np.eye(3)
    return rotation_matrix(axis / sine * np.arctan2(sine, gaze[2]))
