"""Products of tall matrices, for normal equations."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_ROWS_AT_A_TIME: Final = 78
"""12 blocks of the 936 residuals of a frame. A block with some 50 unknowns stays below the size
(2^18 multiplications) from which OpenBLAS spreads a product over threads. Products of this size
gain nothing by threads, and on a busy machine the threads wait for each other: the fit of a clip
took 67 s with them and 1.6 s without."""


def transposed_product(
    left: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute ``left.T @ right`` block by block.

    Parameters
    ----------
    left : (n, k) ndarray of float64
        A tall matrix.
    right : (n, m) ndarray of float64
        Another of the same height.

    Returns
    -------
    (k, m) ndarray of float64
        The product.
    """
    whole = len(left) - len(left) % _ROWS_AT_A_TIME
    blocks = left[:whole].reshape(-1, _ROWS_AT_A_TIME, left.shape[1])
    others = right[:whole].reshape(-1, _ROWS_AT_A_TIME, right.shape[1])
    product = np.matmul(blocks.transpose(0, 2, 1), others).sum(axis=0)
    if whole < len(left):
        product += left[whole:].T @ right[whole:]
    return np.asarray(product)
