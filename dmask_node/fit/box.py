"""Least squares within bounds."""

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 6
_SLACK = 1e-9


def solve_in_box(
    hessian: NDArray[np.float64],
    gradient: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Minimise ``0.5 x' H x - g' x`` within bounds.

    Active set: solve, hold what has left the box at its bound, solve the rest again. What is held
    stays held, so after a few rounds the solution is feasible but may not be the very best; as a
    Gauss-Newton step, repeated from frame to frame, it is as good.

    Parameters
    ----------
    hessian : (n, n) ndarray of float64
        Symmetric, positive definite.
    gradient : (n,) ndarray of float64
        Of the linear term.
    lower, upper : (n,) ndarray of float64
        Bounds; infinite where there is none.

    Returns
    -------
    (n,) ndarray of float64
        Within the bounds.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is singular.
    """
    free = np.ones(len(gradient), bool)
    x = np.zeros(len(gradient))
    for _ in range(_ROUNDS):
        inside, held = np.flatnonzero(free), np.flatnonzero(~free)
        pull = gradient[inside] - hessian[np.ix_(inside, held)] @ x[held]
        x[inside] = np.linalg.solve(hessian[np.ix_(inside, inside)], pull)
        low, high = x < lower - _SLACK, x > upper + _SLACK
        if not (low | high).any():
            break
        x[low], x[high] = lower[low], upper[high]
        free &= ~(low | high)
    return np.clip(x, lower, upper)
