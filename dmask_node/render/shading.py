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
_LIP: Final = (192, 158, 148)
_MOUTH: Final = (44, 32, 34)
"""Inside of the mouth: dark, neither teeth nor tongue are modelled."""

# Directions to the lights in camera axes (x right, y up, z to the viewer) and their strengths:
# a key light from the upper left, a fill from the right, and a little from below.
_LIGHTS: Final = np.array([[-0.35, 0.55, 0.75], [0.7, 0.1, 0.5], [0.0, -0.6, 0.4]], np.float32)
_STRENGTHS: Final = np.array([0.62, 0.17, 0.10], np.float32)
_OCCLUSION: Final = np.float32(0.85)
_SCATTER: Final = np.array([0.86, 1.0, 1.08], np.float32)
"""Exponents of the light in red, green and blue: shadows on skin are warm, since red light is
scattered furthest in it."""
_HALFWAY: Final = np.array([-0.2, 0.33, 0.92], np.float32)
"""Between the key light and the viewer, for the faint highlight of skin."""


class SkinShader:
    """Vertex positions of the skin to vertex colours.

    Parameters
    ----------
    subdivision : (fine vertices, coarse vertices) sparse matrix
        From the coarse mesh, on which the face is modelled, to the fine one that is drawn.
    triangles : (triangles, 3) ndarray of int32
        Of the fine mesh, counterclockwise as seen from outside; quads, each split along a diagonal.
    paint : SkinPaint
        What is painted on the skin.
    background : (3,) sequence of int
        RGB into which the neck fades.
    sky : (fine vertices,) ndarray of float32, optional
        Open share of the sky over each vertex at rest, from `occlusion.sky_seen`. Default: all.
    """

    def __init__(
        self,
        subdivision: csr_matrix,
        triangles: NDArray[np.int32],
        paint: SkinPaint,
        background: tuple[int, int, int],
        sky: Floats | None = None,
    ) -> None:
        self._subdivision = subdivision.astype(np.float32)
        self._quads = _join_quads(triangles)
        n = subdivision.shape[0]
        self._gather = _quads_to_vertices(self._quads, n)
        self._background = np.array(background, np.float32)
        tint = np.ones((n, 3), np.float32) * np.array(CLAY, np.float32)
        for weight, colour in ((paint.brow, _BROW), (paint.lip, _LIP)):
            tint += weight[:, None] * (np.array(colour, np.float32) - tint)
        self._tint = tint
        # What stands still on the skin and only dims the light: lashes and closed-in places.
        self._dimming = 1 - 0.62 * paint.lash
        if sky is not None:
            self._dimming = self._dimming * (1 - _OCCLUSION * (1 - sky))
        self._mouth = paint.mouth[:, None]
        opacity = paint.opacity.copy()
        opacity[opacity > 0.995] = 1
        self._opacity = opacity[:, None]
        self._near_cavity = np.flatnonzero(paint.cavity > 0.02)
        self._cavity = paint.cavity[self._near_cavity] * np.float32(1.2)
        self._hollow = _umbrella(self._quads, n)[self._near_cavity]

    def refine(self, coarse_mm: Floats) -> Floats:
        """Subdivide (coarse vertices, 3) positions to the fine mesh, (fine vertices, 3)."""
        return np.asarray(self._subdivision @ coarse_mm, np.float32)

    def normals(self, fine_mm: Floats) -> Floats:
        """Return (fine vertices, 3) unit normals, averaged over the adjacent quads by area."""
        corners = [fine_mm[self._quads[:, corner]] for corner in range(4)]
        # Half the cross product of the diagonals is a quad's area vector, planar or not.
        summed = np.asarray(self._gather @ _cross(corners[2] - corners[0], corners[3] - corners[1]))
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
        light = 0.27 + 0.10 * normals[:, 1]
        light += 1.02 * (np.clip(normals @ _unit(_LIGHTS).T, 0, 1) @ _STRENGTHS)
        light += 0.10 * np.clip(1 - normals[:, 2], 0, 1) ** 3
        hollow_mm = np.einsum("ij,ij->i", self._hollow @ fine_mm, normals[self._near_cavity])
        light[self._near_cavity] *= 1 - np.clip(hollow_mm * self._cavity, -0.04, 0.34)
        light *= self._dimming
        if fold is not None:
            light *= 1 - 0.55 * np.asarray(self._subdivision @ fold, np.float32)
        gloss = np.clip(normals @ _HALFWAY, 0, 1) ** 26 * np.float32(0.05 * 255)
        colours = np.clip(light, 0, None)[:, None] ** _SCATTER * self._tint + gloss[:, None]
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


def _join_quads(triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """Undo the split of quads (a, b, c, d) into all (a, b, c) and then all (a, c, d).

    The diagonals are no edges of the surface: smoothed over them, it would show a pattern.
    """
    half = len(triangles) // 2
    first, second = triangles[:half], triangles[half:]
    if len(first) != len(second) or (first[:, [0, 2]] != second[:, [0, 1]]).any():
        raise ValueError("the triangles of the fine mesh are not quads split along a diagonal")
    return np.ascontiguousarray(np.concatenate([first, second[:, 2:]], axis=1))


def _quads_to_vertices(quads: NDArray[np.int32], n: int) -> csr_array:
    """Return the (vertices, quads) matrix that adds what quads have at their corners."""
    columns = np.repeat(np.arange(len(quads)), 4)
    ones = np.ones(quads.size, np.float32)
    return csr_array((ones, (quads.ravel(), columns)), shape=(n, len(quads)))


def _umbrella(quads: NDArray[np.int32], n: int) -> csr_array:
    """Return the umbrella operator: mean of a vertex's neighbours less the vertex itself.

    Along the outward normal it is positive in hollows (Taubin, SIGGRAPH 1995, eq. 3).
    """
    start, end = quads.ravel(), np.roll(quads, -1, axis=1).ravel()
    ones = np.ones(2 * quads.size, np.float32)
    joined = csr_array(
        (ones, (np.concatenate([start, end]), np.concatenate([end, start]))), shape=(n, n)
    )
    joined.data[:] = 1
    neighbours = np.maximum(np.asarray(joined.sum(axis=1)).ravel(), 1)
    mean = diags_array(1 / neighbours.astype(np.float32)) @ joined
    return (mean - diags_array(np.ones(n, np.float32))).tocsr()
