"""One Catmull-Clark level as a sparse matrix.

References
----------
.. [1] E. Catmull, J. Clark, "Recursively generated B-spline surfaces on arbitrary topological
   meshes", Computer-Aided Design 10, 1978, 350-355.
"""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix


class _Mesh:
    """Which faces and edges meet where."""

    def __init__(self, quads: NDArray[np.intp], n_vertices: int) -> None:
        self.n_vertices = n_vertices
        self.faces = [[int(vertex) for vertex in quad] for quad in quads]
        self.faces_at: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.faces_of: dict[int, list[int]] = defaultdict(list)
        self.edges_of: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.border_neighbours: dict[int, list[int]] = defaultdict(list)
        for number, face in enumerate(self.faces):
            for k, vertex in enumerate(face):
                self.faces_at[_edge(vertex, face[(k + 1) % 4])].append(number)
                self.faces_of[vertex].append(number)
        self._edge_number = {edge: number for number, edge in enumerate(self.faces_at)}
        for (a, b), beside in self.faces_at.items():
            self.edges_of[a].append((a, b))
            self.edges_of[b].append((a, b))
            if len(beside) == 1:
                self.border_neighbours[a].append(b)
                self.border_neighbours[b].append(a)

    def edge_point(self, a: int, b: int) -> int:
        """Return the number of the new vertex on an edge."""
        return self.n_vertices + self._edge_number[_edge(a, b)]

    def face_point(self, face: int) -> int:
        """Return the number of the new vertex in a face."""
        return self.n_vertices + len(self._edge_number) + face


class _Rows:
    """Entries of a sparse matrix in the making."""

    def __init__(self) -> None:
        self.row: list[int] = []
        self.column: list[int] = []
        self.weight: list[float] = []

    def add(self, row: int, columns: Iterable[int], weight: float) -> None:
        for column in columns:
            self.row.append(row)
            self.column.append(column)
            self.weight.append(weight)


def subdivide(quads: NDArray[np.intp], n_vertices: int) -> tuple[csr_matrix, NDArray[np.intp]]:
    """Build the matrix that carries a quad mesh to its subdivision.

    Parameters
    ----------
    quads : (quads, 4) ndarray of int
        The mesh; an edge belongs to one quad (then it is a border) or two.
    n_vertices : int
        Of the mesh.

    Returns
    -------
    matrix : (n_vertices + edges + quads, n_vertices) csr_matrix of float64
        ``fine = matrix @ coarse``; rows sum to 1. Old vertices come first, then one per edge, then
        one per quad. Borders are cubic B-spline curves of their own.
    fine_quads : (4 quads, 4) ndarray of int
        The finer mesh, of the same winding.
    """
    mesh, rows = _Mesh(quads, n_vertices), _Rows()
    for number, face in enumerate(mesh.faces):
        rows.add(mesh.face_point(number), face, 1 / 4)
    for edge, beside in mesh.faces_at.items():
        if len(beside) == 1:
            rows.add(mesh.edge_point(*edge), edge, 1 / 2)
            continue
        rows.add(mesh.edge_point(*edge), edge, 1 / 4)
        for number in beside:
            rows.add(mesh.edge_point(*edge), mesh.faces[number], 1 / 16)
    for vertex in range(n_vertices):
        if vertex in mesh.border_neighbours:
            rows.add(vertex, [vertex], 3 / 4)
            rows.add(vertex, mesh.border_neighbours[vertex][:2], 1 / 8)
        else:
            _add_inner_vertex(rows, vertex, mesh)
    matrix = coo_matrix(
        (np.array(rows.weight), (np.array(rows.row), np.array(rows.column))),
        shape=(mesh.face_point(len(mesh.faces)), n_vertices),
    ).tocsr()
    matrix.sum_duplicates()
    fine = [
        [
            vertex,
            mesh.edge_point(vertex, face[(k + 1) % 4]),
            mesh.face_point(number),
            mesh.edge_point(vertex, face[k - 1]),
        ]
        for number, face in enumerate(mesh.faces)
        for k, vertex in enumerate(face)
    ]
    return matrix, np.array(fine, np.intp)


def _edge(a: int, b: int) -> tuple[int, int]:
    return min(a, b), max(a, b)


def _add_inner_vertex(rows: _Rows, vertex: int, mesh: _Mesh) -> None:
    """``(F + 2 R + (n - 3) P) / n`` with mean face point F, mean edge midpoint R, valence n."""
    n = len(mesh.faces_of[vertex])
    rows.add(vertex, [vertex], (n - 3) / n)
    for number in mesh.faces_of[vertex]:
        rows.add(vertex, mesh.faces[number], 1 / n / n / 4)
    for edge in mesh.edges_of[vertex]:
        rows.add(vertex, edge, 1 / n / n)
