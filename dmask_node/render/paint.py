"""What is painted on the constant face: lashes, brows, lips, and where the neck fades out.

All of it is a function of the face model alone, so it is the same on everyone's mask.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.geometry.morphable_model import MorphableModel

_UPPER_LASH: Final = (0.55, 0.8, 1.0, 0.75, 0.15)
_LOWER_LASH: Final = (0.4, 0.55, 0.6, 0.15, 0.0)
"""Darkness of the lid rings, from inside the lids (0) over the lid margin (2) to the skin. The
upper lashes are the denser ones; without them the bright edge of the lid looks like more white of
the eye when the picture is small, and every eye seems wide open."""
_LOWER_SPOKES: Final = np.arange(8, 22)
"""Between the outer corner, spoke 7, and the inner one, 22; the others are on the upper lid."""
_CAVITY_ELSEWHERE: Final = 0.15
_N_CAVITY_RINGS: Final = 10
_BROW_LANDMARKS: Final = (
    ((70, 63, 105, 66, 107), (46, 53, 52, 65, 55)),
    ((300, 293, 334, 296, 336), (276, 283, 282, 295, 285)),
)
"""Right and left brow: upper and lower edge, outer to inner, in the MediaPipe face mesh."""
_LIP_SEAM_RINGS: Final = 2
_NECK_FADE_MM: Final = 34.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkinPaint:
    """Weights in [0, 1] for each vertex of the fine mesh."""

    lash: NDArray[np.float32]
    """(fine vertices,), the line along the lid margins."""
    brow: NDArray[np.float32]
    """(fine vertices,)."""
    lip: NDArray[np.float32]
    """(fine vertices,)."""
    mouth: NDArray[np.float32]
    """(fine vertices,), inside of the mouth."""
    cavity: NDArray[np.float32]
    """(fine vertices,), how strongly concave skin is darkened."""
    opacity: NDArray[np.float32]
    """(fine vertices,), 0 where the cut neck has faded into the background."""

    @classmethod
    def of(cls, model: MorphableModel) -> "SkinPaint":
        """Paint the mean head of a face model."""
        n = len(model.mean)
        lash = np.zeros(n, np.float32)
        for ring, (upper, lower) in enumerate(zip(_UPPER_LASH, _LOWER_LASH, strict=True)):
            lash[model.rings[:, ring]] = upper
            lash[model.rings[:, ring][:, _LOWER_SPOKES]] = lower
        mouth = model.mouth_inside.astype(np.float32)
        # The red of the lips goes on into the mouth; else a pale seam shows between them.
        lip = np.maximum(model.lip_weight, _grown(mouth, model.triangles, _LIP_SEAM_RINGS))
        cavity = np.full(n, _CAVITY_ELSEWHERE, np.float32)
        cavity[model.rings[:, :_N_CAVITY_RINGS]] = 1
        cavity = np.maximum(cavity, model.lip_weight)
        fine = model.subdivision
        return cls(
            lash=_weight(fine @ lash),
            brow=_brow_weight(model, np.asarray(fine @ model.mean)),
            lip=_weight(fine @ lip),
            mouth=_weight(fine @ mouth),
            cavity=_weight(fine @ cavity),
            opacity=_weight(fine @ _neck_opacity(model.mean)),
        )


def _weight(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(np.clip(values, 0, 1), np.float32)


def _grown(
    weight: NDArray[np.float32], triangles: NDArray[np.int32], rings: int
) -> NDArray[np.float32]:
    """Let every vertex have the greatest weight of its neighbours, several times over."""
    for _ in range(rings):
        greatest = weight[triangles].max(axis=1)
        weight = weight.copy()
        for corner in range(3):
            np.maximum.at(weight, triangles[:, corner], greatest)
    return weight


def _brow_weight(model: MorphableModel, vertices_mm: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weight of the brows: 1 on the line between the edges, falling to 0 beyond them."""
    landmarks = model.landmarks(model.mean)
    in_front = vertices_mm[:, 2] > 0
    weight = np.zeros(len(vertices_mm), np.float32)
    for upper, lower in _BROW_LANDMARKS:
        middle = (landmarks[list(upper)] + landmarks[list(lower)]) / 2
        thickness_mm = np.linalg.norm(landmarks[list(upper)] - landmarks[list(lower)], axis=1)
        distance_mm, along = _distance_to_polyline(vertices_mm[:, :2], middle[:, :2])
        half_mm = 0.5 * np.interp(along, np.arange(len(thickness_mm)), thickness_mm)
        # Both ends taper, as hair does.
        half_mm *= np.interp(along, [0.0, 1.0, 3.0, 4.0], [0.45, 0.85, 1.0, 0.7])
        soft = np.clip(1.5 - distance_mm / half_mm, 0, 1)
        weight = np.maximum(weight, np.where(in_front, soft, 0)).astype(np.float32)
    return weight


def _distance_to_polyline(
    points: NDArray[np.float64], corners: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return distance to a polyline and where along it, in corners, for (n, 2) points."""
    start, step = corners[:-1], np.diff(corners, axis=0)
    to_point = points[:, None] - start
    part = np.clip((to_point * step).sum(-1) / (step**2).sum(-1), 0, 1)
    distance = np.linalg.norm(to_point - part[..., None] * step, axis=-1)
    nearest = distance.argmin(axis=1)
    row = np.arange(len(points))
    return distance[row, nearest], nearest + part[row, nearest]


def _neck_opacity(mean_mm: NDArray[np.float64]) -> NDArray[np.float32]:
    """Fade out along the slanted cut of the neck, smoothly (Hermite)."""
    height_mm = mean_mm[:, 1] + 0.5 * mean_mm[:, 2]
    above_cut = height_mm - (np.percentile(height_mm, 0.3) + 4)
    part = np.clip(above_cut / _NECK_FADE_MM, 0, 1)
    return np.asarray(part * part * (3 - 2 * part), np.float32)
