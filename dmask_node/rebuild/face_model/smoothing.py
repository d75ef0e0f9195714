"""Smooth fields of displacements over the mesh.

MakeHuman stores its targets in steps of 0.1 mm. Added up they shade blotchily, so the fields are
smoothed, never the shape itself.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from dmask_node.rebuild.face_model.head import Head, quad_edges


class Smoother:
    """Averages each vertex with its neighbours.

    Parameters
    ----------
    head : Head
        The mesh.
    """

    def __init__(self, head: Head) -> None:
        n = head.n_vertices
        edges = quad_edges(head.quads)
        both = np.concatenate([edges, edges[:, ::-1]])
        adjacent = csr_matrix((np.ones(len(both)), both.T), shape=(n, n))
        adjacent.data[:] = 1
        per_row = csr_matrix((1 / np.asarray(adjacent.sum(axis=1)).ravel(), (range(n), range(n))))
        self._mean_of_neighbours = per_row @ adjacent
        self._n_vertices = n

    def weights(self, weights: NDArray[np.float64], passes: int) -> NDArray[np.float64]:
        """Smooth one weight per point; eyeball points stay as they are."""
        smooth = weights.copy()
        for _ in range(passes):
            of_neighbours = self._mean_of_neighbours @ smooth[: self._n_vertices]
            smooth[: self._n_vertices] = 0.5 * smooth[: self._n_vertices] + 0.5 * of_neighbours
        return smooth

    def fields(
        self,
        fields: NDArray[np.floating],
        passes: int,
        locked: NDArray[np.intp] | None = None,
    ) -> NDArray[np.floating]:
        """Smooth vector fields.

        Parameters
        ----------
        fields : (n, points, 3) ndarray of float
            Displacements; those of the eyeball points stay as they are.
        passes : int
            How often each vertex is moved half way to the mean of its neighbours.
        locked : (m,) ndarray of int, optional
            Vertices that keep their displacement: true discontinuities, such as lids and lips.

        Returns
        -------
        (n, points, 3) ndarray of the same dtype
            Computed in single precision.
        """
        n, mean_of_neighbours = self._n_vertices, self._mean_of_neighbours.astype(np.float32)
        flat = fields[:, :n].transpose(1, 0, 2).reshape(n, -1).astype(np.float32)
        for _ in range(passes):
            smooth = 0.5 * flat + 0.5 * (mean_of_neighbours @ flat)
            if locked is not None:
                smooth[locked] = flat[locked]
            flat = smooth
        result = fields.copy()
        result[:, :n] = flat.reshape(n, len(fields), 3).transpose(1, 0, 2)
        return result
