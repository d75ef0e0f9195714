"""Cut the head out of the base mesh, and find the eleven loops around each eye."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from dmask_node.rebuild.errors import UnexpectedMesh
from dmask_node.rebuild.face_model.sources import HeadSources

EYE_HELPERS: Final = (np.arange(14598, 14670), np.arange(14670, 14742))
"""Vertices of MakeHuman's eyeballs in the base mesh, left and right."""
N_EYE_HELPERS: Final = 72
"""Vertices of one of them."""
N_RINGS: Final = 11
N_SPOKES: Final = 28

_N_BODY: Final = 13380
"""Vertices of the body; after them come helpers."""
_NECK_CUT_MM: Final = 612.0
"""Least y + z / 2 of what is kept: the cut slants down to the back."""
_LOWEST_MM: Final = 570.0
_WIDEST_MM: Final = 120.0
_SOCKET_RADIUS_MM: Final = 17.2
"""What lies within this of an eye's centre and behind `_SOCKET_FRONT_MM` is the socket's back."""
_SOCKET_FRONT_MM: Final = 129.0
_RING_STARTS: Final = (7748, 13352, 6785, 11465, 6787, 6789, 11515, 6874, 6930, 6947, 6953)
"""One vertex of each loop around the left eye, on one spoke: from inside the lid to the brow."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head:
    """The head as a mesh of its own.

    *Points* are the head's vertices followed by those of MakeHuman's left and right eyeball, which
    only serve to find the centres of the eyes.
    """

    base_points: NDArray[np.intp]
    """(points,): each point's vertex in the base mesh."""
    n_vertices: int
    """How many of the points are vertices of the head."""
    quads: NDArray[np.intp]
    """(quads, 4): vertices of the head, counter-clockwise seen from outside."""
    rings: NDArray[np.intp]
    """(2, 11, 28): loops around the left and the right eye. Ring 2 is the lids' edge. Spoke k of
    a ring is a mesh neighbour of spoke k of the next; the right eye mirrors the left."""
    mirror: NDArray[np.intp]
    """(points,): the point on the other side."""

    @property
    def vertices(self) -> slice:
        """Which of the points are vertices of the head."""
        return slice(0, self.n_vertices)

    @property
    def eye_helpers(self) -> tuple[slice, slice]:
        """Which of the points are the left and the right eyeball."""
        middle = self.n_vertices + N_EYE_HELPERS
        return slice(self.n_vertices, middle), slice(middle, middle + N_EYE_HELPERS)

    @property
    def triangles(self) -> NDArray[np.intp]:
        """Return (2 quads, 3): each quad split along its first diagonal."""
        return np.concatenate([self.quads[:, [0, 1, 2]], self.quads[:, [0, 2, 3]]])


def cut_head(sources: HeadSources) -> Head:
    """Cut out head and short neck, without the backs of the eye sockets.

    Parameters
    ----------
    sources : HeadSources
        The base mesh.

    Returns
    -------
    Head
        One connected surface.

    Raises
    ------
    UnexpectedMesh
        If the loops around the eyes are not those of hm08.
    """
    quads = _largest_piece(
        sources.body_quads[_kept(sources.vertices_mm)[sources.body_quads].all(1)]
    )
    vertices = np.unique(quads)
    base_points = np.concatenate([vertices, *EYE_HELPERS])
    point_of = np.full(len(sources.vertices_mm), -1)
    point_of[base_points] = np.arange(len(base_points))
    left = _eye_loops(sources)
    rings = point_of[np.stack([left, sources.mirror[left]])]
    mirror = point_of[sources.mirror[base_points]]
    if rings.min() < 0 or mirror.min() < 0:
        raise UnexpectedMesh("an eye loop or a mirrored vertex lies outside the head")
    return Head(
        base_points=base_points,
        n_vertices=len(vertices),
        quads=point_of[quads],
        rings=rings,
        mirror=mirror,
    )


def _kept(vertices_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for each vertex of the base mesh whether it belongs to the head."""
    x, y, z = vertices_mm[:_N_BODY].T
    kept = (y + 0.5 * z > _NECK_CUT_MM) & (y > _LOWEST_MM) & (np.abs(x) < _WIDEST_MM)
    for helper in EYE_HELPERS:
        centre = vertices_mm[helper].mean(axis=0)
        distance = np.linalg.norm(vertices_mm[:_N_BODY] - centre, axis=1)
        kept &= ~((distance < _SOCKET_RADIUS_MM) & (z < _SOCKET_FRONT_MM))
    return np.concatenate([kept, np.zeros(len(vertices_mm) - _N_BODY, bool)])


def quad_edges(quads: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return (4 quads, 2): the edges of all quads; an inner edge comes twice."""
    return np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])


def _largest_piece(quads: NDArray[np.intp]) -> NDArray[np.intp]:
    edges = quad_edges(quads)
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(_N_BODY, _N_BODY))
    label = connected_components(graph, directed=False)[1]
    largest = np.bincount(label[np.unique(quads)]).argmax()
    return quads[label[quads[:, 0]] == largest]


def _eye_loops(sources: HeadSources) -> NDArray[np.intp]:
    """Return (11, 28): the loops around the left eye, in vertices of the base mesh."""
    faces_of: dict[int, set[int]] = defaultdict(set)
    neighbours: dict[int, set[int]] = defaultdict(set)
    for face, quad in enumerate(sources.body_quads.tolist()):
        for here, after in zip(quad, quad[1:] + quad[:1], strict=True):
            faces_of[here].add(face)
            neighbours[here].add(after)
            neighbours[after].add(here)

    def go_on(before: int, here: int) -> int:
        """Return the neighbour straight on: the one that shares no face with where we came from."""
        beside = {
            vertex
            for face in faces_of[before] & faces_of[here]
            for vertex in sources.body_quads[face].tolist()
        }
        ahead = neighbours[here] - beside
        if len(neighbours[here]) != 4 or len(ahead) != 1:
            raise UnexpectedMesh(f"the loop around the eye ends at vertex {here}")
        return ahead.pop()

    loops = []
    for start in _RING_STARTS:
        sideways = neighbours[start] - set(_RING_STARTS)
        loop = [start, max(sideways, key=lambda vertex: float(sources.vertices_mm[vertex, 0]))]
        while len(loop) <= N_SPOKES and (vertex := go_on(*loop[-2:])) != start:
            loop.append(vertex)
        loops.append(loop)
    lengths = {len(loop) for loop in loops}
    if lengths != {N_SPOKES}:
        raise UnexpectedMesh(f"loops around the eye of lengths {sorted(lengths)}")
    for inner, outer in pairwise(loops):
        if not all(b in neighbours[a] for a, b in zip(inner, outer, strict=True)):
            raise UnexpectedMesh("the spokes of the loops around the eye do not join")
    return np.array(loops, np.intp)
