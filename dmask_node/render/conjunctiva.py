"""The lining behind the lids, which closes the gap between the lid margins and the globe.

The fissure is wider than the globe, so at both corners one would look past the eyeball into an
empty head. A cone from the inner margin of the lids to the middle of the globe closes it: flesh
coloured at the inner corner, as the caruncle is, and shaded white elsewhere.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.geometry.morphable_model import MorphableModel
from dmask_node.records.anatomy import Eye

_CARUNCLE: Final = (186, 128, 120)
_LINING: Final = (172, 162, 162)
_DEEP: Final = (150, 138, 136)
"""RGB at the inner corner, along the lids, and at the middle of the globe (never seen)."""
_MAX_RIM_DISTANCE_MM: Final = 25.0
"""The rim of an eye lies within this of its centre; the cut of the neck does not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lining:
    """A cone of triangles behind the lids of one eye; its last vertex is the eyeball's centre."""

    rim: NDArray[np.int32]
    """(rim vertices,), indices in the fine mesh, around the eye."""
    triangles: NDArray[np.int32]
    """(rim vertices, 3), indices into the rim; ``len(rim)`` is the tip."""
    colours: NDArray[np.float32]
    """(rim vertices + 1, 3), RGB in [0, 255]; not lit, since it lies in the shadow of the lids."""

    @classmethod
    def of(cls, model: MorphableModel, eye: Eye) -> "Lining":
        """Find the rim of one eye on the mean head and build the cone."""
        fine_mm = np.asarray(model.subdivision @ model.mean)
        centre_mm = model.eye_centre_mean[eye]
        edges = _boundary_edges(model.fine_triangles)
        near = np.linalg.norm(fine_mm[edges[:, 0]] - centre_mm, axis=1) < _MAX_RIM_DISTANCE_MM
        edges = edges[near]
        rim = edges[:, 0]
        place = {int(vertex): index for index, vertex in enumerate(rim)}
        following = np.array([place[int(vertex)] for vertex in edges[:, 1]], np.int32)
        # Against the direction of the skin's own edge, so that both face the same way.
        triangles = np.stack(
            [following, np.arange(len(rim)), np.full(len(rim), len(rim))], axis=1
        ).astype(np.int32)
        to_nose = np.sign(-centre_mm[0]) * (fine_mm[rim, 0] - centre_mm[0])
        inner = np.clip((to_nose - 0.62 * to_nose.max()) / (0.25 * to_nose.max()), 0, 1)[:, None]
        colours = np.array(_LINING) + inner * (np.array(_CARUNCLE) - np.array(_LINING))
        return cls(
            rim=rim.astype(np.int32),
            triangles=triangles,
            colours=np.concatenate([colours, [_DEEP]]).astype(np.float32),
        )

    def vertices_mm(
        self, fine_mm: NDArray[np.float32], centre_mm: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Return (rim vertices + 1, 3) positions for the skin and eyeball of a frame."""
        return np.concatenate([fine_mm[self.rim], centre_mm[None].astype(np.float32)])


def _boundary_edges(triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the (edges, 2) directed edges that only one triangle has."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    low, high = edges.min(axis=1).astype(np.int64), edges.max(axis=1)
    undirected = low * (int(edges.max()) + 1) + high
    _, index, count = np.unique(undirected, return_index=True, return_counts=True)
    return edges[index[count == 1]]
