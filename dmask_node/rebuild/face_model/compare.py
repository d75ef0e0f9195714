"""How far a rebuilt face model is from the shipped one.

The sources and the seeds are fixed, so the same machine gives the same file. Another processor or
linear algebra library rounds differently; a rounding can turn a half-precision digit, or the
choice between two triangles that hold a landmark equally well. What is compared is therefore what
the arrays mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MESH_TOLERANCE_MM: Final = 1e-3
"""Mean head and eyes: sums in another order change them by some 1e-5 mm."""
FIELD_TOLERANCE_MM: Final = 2e-2
"""Bases: half precision holds a field of 10 mm in steps of 8e-3 mm."""
LANDMARK_TOLERANCE_MM: Final = 0.5
"""Landmarks on the mean head: the network's rounding may move one within its triangle's reach; its
own scatter is 2 mm."""

_EXACT: Final = (
    *("ex_names", "quads", "ring", "mirror", "corr_mm", "corr_eye"),
    *("sub_data", "sub_indices", "sub_indptr", "sub_shape", "sub_quads"),
)
_MESH: Final = ("mean", "eye_c", "eye_r")
_FIELDS: Final = ("id_basis", "eye_cB", "ex_basis", "lip")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDifference:
    """How far two face models are apart."""

    names: tuple[str, ...]
    """Arrays that only one has, that have another shape or type, or that should be equal and are
    not."""
    mesh_mm: float
    """Largest difference of the mean head and the eyes."""
    field_mm: float
    """Largest difference of the bases (and of the lip weight, unitless)."""
    mouth_vertices: int
    """Vertices that only one of them counts to the inside of the mouth."""
    landmark_mm: float
    """Largest distance between the places of a landmark on the mean head."""

    @property
    def equal(self) -> bool:
        """Whether they are the same up to rounding."""
        return (
            not self.names
            and self.mesh_mm <= MESH_TOLERANCE_MM
            and self.field_mm <= FIELD_TOLERANCE_MM
            and self.mouth_vertices == 0
            and self.landmark_mm <= LANDMARK_TOLERANCE_MM
        )


def compare_models(
    one: Mapping[str, NDArray[Any]], other: Mapping[str, NDArray[Any]]
) -> ModelDifference:
    """Compare two face models.

    Parameters
    ----------
    one, other : mapping of str to ndarray
        The arrays of ``face_model.npz``.

    Returns
    -------
    ModelDifference
        Infinite where arrays are missing or have another shape.
    """
    different = set(one) ^ set(other)
    for name in set(one) & set(other):
        a, b = one[name], other[name]
        alike = a.shape == b.shape and a.dtype == b.dtype
        if not alike or (name in _EXACT and not np.array_equal(a, b)):
            different.add(name)

    def largest(names: tuple[str, ...]) -> float:
        if different & set(names):
            return float("inf")
        apart = (np.abs(one[k].astype(float) - other[k].astype(float)).max() for k in names)
        return float(max(apart))

    landmarks = float("inf")
    if not different & {"mean", "corr_idx", "corr_w"}:
        away = _landmarks(one) - _landmarks(other)
        landmarks = float(np.linalg.norm(away, axis=1).max())
    same_mouth = "mouth" not in different
    return ModelDifference(
        names=tuple(sorted(different)),
        mesh_mm=largest(_MESH),
        field_mm=largest(_FIELDS),
        mouth_vertices=int((one["mouth"] != other["mouth"]).sum()) if same_mouth else -1,
        landmark_mm=landmarks,
    )


def _landmarks(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    corners = arrays["mean"][arrays["corr_idx"].astype(int)].astype(float)
    return np.asarray((corners * arrays["corr_w"][:, :, None]).sum(axis=1))
