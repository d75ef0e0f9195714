"""The facial actions, scaled to the model and smoothed but for lids and lips."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.rebuild.face_model.head import Head
from dmask_node.rebuild.face_model.smoothing import Smoother
from dmask_node.rebuild.face_model.sources import HeadSources

LEFT_OUT: Final = ("tongueOut",)
"""Actions of what the head does not have."""

_PASSES: Final = 5
_LOCKED_RINGS: Final = 7
_LIP: Final = 0.3
"""Vertices that the lip sliders move by more than this part of their largest move are lips."""


def read_expressions(
    sources: HeadSources,
    head: Head,
    scale: float,
    mean_mm: NDArray[np.float64],
    lip_weight: NDArray[np.float64],
) -> tuple[list[str], NDArray[np.float32]]:
    """Read the face units as displacements of the mean head.

    Parameters
    ----------
    sources : HeadSources
        Where they are read from.
    head : Head
        The mesh.
    scale : float
        Model millimetres per MakeHuman millimetre.
    mean_mm : (points, 3) ndarray of float64
        The mean head.
    lip_weight : (vertices,) ndarray of float64
        From `lip_weights`.

    Returns
    -------
    names : list of str
        ARKit's names.
    basis : (actions, vertices, 3) ndarray of float32
        Millimetres for the full action.
    """
    units = {k: v for k, v in sources.face_units().items() if k not in LEFT_OUT}
    fields = np.stack([v[head.base_points].astype(np.float32) for v in units.values()]) * scale
    x, y, z = mean_mm[head.vertices].T
    inside_mouth = (np.abs(x) < 26) & (y < -50) & (y > -90) & (z < -2)
    locked = np.unique(
        np.concatenate(
            [
                head.rings[:, :_LOCKED_RINGS].ravel(),
                np.flatnonzero(lip_weight > _LIP),
                np.flatnonzero(inside_mouth),
            ]
        )
    )
    smooth = Smoother(head).fields(fields, _PASSES, locked)
    return list(units), smooth[:, head.vertices].astype(np.float32)


def lip_weights(sources: HeadSources, head: Head) -> NDArray[np.float64]:
    """Return (vertices,) in [0, 1]: how much the sliders of lip volume move each vertex."""
    weight = np.zeros(head.n_vertices)
    for name, moved in sources.targets("mouth").items():
        if "volume" in name and "lip-" in name:
            size = np.linalg.norm(moved[head.base_points[head.vertices]], axis=1)
            weight = np.maximum(weight, size / size.max())
    return weight
