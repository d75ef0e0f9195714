"""Normals and light: what colour each vertex of the skin has.

The face is drawn as clay: one colour for everybody, no texture. Three directional lights over a
sky stand still with the camera. Concave skin near lids and lips is darkened, because the folds
there are what tells an eye from a hole, and a line of lashes marks the lid margins. Brows and lips
are tinted alike for everybody, so that their position can be read.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix, diags_array

from dmask_node.render.paint import SkinPaint

Floats = NDArray[np.float32]

CLAY: Final = (216, 205, 196)
"""RGB of the skin in full light."""
_BROW: Final = (112, 98, 90)
_LIP: Final = (186, 152, 144)
_MOUTH: Final = (44, 32, 34)
"""Inside of the mouth: dark, neither teeth nor tongue are modelled."""

# Directions to the lights in camera axes (x right, y up, z to the viewer) and their strengths:
# a key light from the upper left, a fill from the right, and a little from below.
_LIGHTS: Final = np.array([[-0.35, 0.55, 0.75], [0.7, 0.1, 0.5], [0.0, -0.6, 0.4]], np.float32)
_STRENGTHS: Final = np.array([0.64, 0.17, 0.05], np.float32)
_HALFWAY: Final = np.array([-0.2, 0.33, 0.92], np.float32)
"""Between the key light and the viewer, for the faint highlight of skin."""


class SkinShader:
    """Vertex positions of the skin to vertex colours.

    Parameters
    ----------
    subdivision : (fine vertices, coarse vertices) sparse matrix
        From the coarse mesh, on which the face is modelled, to the fine one that is drawn.
    triangles : (triangles, 3) ndarray of int32
        Of the fine mesh, counterclockwise as seen from outside.
    paint : SkinPaint
        What is painted on the coarse mesh.
    background : (3,) sequence of int
        RGB into which the neck fades.
    """

    def __init__(
        self,
        subdivision: csr_matrix,
        triangles: NDArray[np.int32],
        paint: SkinPaint,
        background: tuple[int, int, int],
    ) -> None:
        self._subdivision = subdivision.astype(np.float32)
        self._triangles = triangles
        n = subdivision.shape[0]
        self._gather = _triangles_to_vertices(triangles, n)
        self._background = np.array(background, np.float32)
        fine = {
            name: np.asarray(self._subdivision @ getattr(paint, name), np.float32)
            for name in SkinPaint.__slots__
        }
        tint = np.ones((n, 3), np.float32) * np.array(CLAY, np.float32)
        for name, colour in (("brow", _BROW), ("lip", _LIP)):
            weight = np.clip(fine[name], 0, 1)[:, None]
            tint += weight * (np.array(colour, np.float32) - tint)
        self._tint = tint
        self._lash = 1 - 0.62 * np.clip(fine["lash"], 0, 1)
        self._mouth = np.clip(fine["mouth"], 0, 1)[:, None]
        opacity = np.clip(fine["opacity"], 0, 1)
        opacity[opacity > 0.995] = 1
        self._opacity = opacity[:, None]
        self._near_cavity = np.flatnonzero(fine["cavity"] > 0.02)
        self._cavity = np.clip(fine["cavity"], 0, 1)[self._near_cavity] * np.float32(1.2)
        self._hollow = (_umbrella(triangles, n)[self._near_cavity]).tocsr()

    def refine(self, coarse_mm: Floats) -> Floats:
        """Subdivide (coarse vertices, 3) positions to the fine mesh, (fine vertices, 3)."""
        return np.asarray(self._subdivision @ coarse_mm, np.float32)

    def normals(self, fine_mm: Floats) -> Floats:
        """Return (fine vertices, 3) unit normals, averaged over the adjacent triangles by area."""
        first, second, third = (fine_mm[self._triangles[:, corner]] for corner in range(3))
        summed = np.asarray(self._gather @ _cross(second - first, third - first))
        length = np.sqrt(np.einsum("ij,ij->i", summed, summed)) + np.float32(1e-12)
        return np.asarray(summed / length[:, None], np.float32)

    def colours(self, fine_mm: Floats, fold: Floats | None = None) -> Floats:
        """Light the skin.

        Parameters
        ----------
        fine_mm : (fine vertices, 3) ndarray of float32
            In camera axes; where the origin lies does not matter.
        fold : (coarse vertices,) ndarray of float32, optional
            In [0, 1], how deep a vertex lies in the fold of the upper lid.

        Returns
        -------
        (fine vertices, 3) ndarray of float32
            RGB in [0, 255].
        """
        normals = self.normals(fine_mm)
        light = 0.20 + 0.10 * normals[:, 1]
        light += 1.02 * (np.clip(normals @ _unit(_LIGHTS).T, 0, 1) @ _STRENGTHS)
        light += 0.10 * np.clip(1 - normals[:, 2], 0, 1) ** 3
        hollow_mm = np.einsum("ij,ij->i", self._hollow @ fine_mm, normals[self._near_cavity])
        light[self._near_cavity] *= 1 - np.clip(hollow_mm * self._cavity, -0.10, 0.42)
        light *= self._lash
        if fold is not None:
            light *= 1 - 0.55 * np.asarray(self._subdivision @ fold, np.float32)
        gloss = np.clip(normals @ _HALFWAY, 0, 1) ** 26 * np.float32(0.05 * 255)
        colours = light[:, None] * self._tint + gloss[:, None]
        colours += self._mouth * (np.array(_MOUTH, np.float32) - colours)
        colours = self._background + self._opacity * (colours - self._background)
        return np.clip(colours, 0, 255, dtype=np.float32)


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def _cross(a: Floats, b: Floats) -> Floats:
    # Twice as fast as numpy.cross for many short vectors.
    product = np.empty_like(a)
    product[:, 0] = a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1]
    product[:, 1] = a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]
    product[:, 2] = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return product


def _triangles_to_vertices(triangles: NDArray[np.int32], n: int) -> csr_array:
    """Return the (vertices, triangles) matrix that adds what triangles have at their corners."""
    columns = np.repeat(np.arange(len(triangles)), 3)
    ones = np.ones(triangles.size, np.float32)
    return csr_array((ones, (triangles.ravel(), columns)), shape=(n, len(triangles)))


def _umbrella(triangles: NDArray[np.int32], n: int) -> csr_array:
    """Return the umbrella operator: mean of a vertex's neighbours less the vertex itself.

    Along the outward normal it is positive in hollows (Taubin, SIGGRAPH 1995, eq. 3).
    """
    start, end = triangles.ravel(), np.roll(triangles, -1, axis=1).ravel()
    ones = np.ones(2 * triangles.size, np.float32)
    joined = csr_array(
        (ones, (np.concatenate([start, end]), np.concatenate([end, start]))), shape=(n, n)
    )
    joined.data[:] = 1
    neighbours = np.maximum(np.asarray(joined.sum(axis=1)).ravel(), 1)
    mean = diags_array(1 / neighbours.astype(np.float32)) @ joined
    return (mean - diags_array(np.ones(n, np.float32))).tocsr()
