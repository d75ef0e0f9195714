"""Builders of mask tracks: the constant face in poses of a test's choice."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dmask_node.geometry.eyeball import gaze_direction
from dmask_node.geometry.eyelids import EyelidModel
from dmask_node.geometry.morphable_model import MorphableModel
from dmask_node.geometry.rotation import rotation_matrix
from dmask_node.models.store import load_morphable_model
from dmask_node.records.anatomy import Eye
from dmask_node.records.masked import MaskTrack

STRAIGHT = (0.0, 0.0)
"""Gaze straight ahead, degrees to the person's left and upwards."""


def a_mask_track(
    n_frames: int = 1,
    *,
    rows: int = 240,
    columns: int = 320,
    depth_mm: float = 620.0,
    shift_mm: tuple[float, float] = (0.0, 10.0),
    yaw_deg: float = 0.0,
    expression: Mapping[str, float] | None = None,
    lids: Mapping[Eye, Mapping[str, float]] | None = None,
    gaze_deg: Mapping[Eye, tuple[float, float]] | None = None,
    iris_radius_mm: float = 5.85,
    found: Sequence[bool] | None = None,
) -> MaskTrack:
    """Build a track whose frames are all alike, but for those without a face."""
    model = load_morphable_model()
    eyelids = EyelidModel.of(model)
    seen = np.ones(n_frames, bool) if found is None else np.array(found, bool)
    weights = np.zeros((2, eyelids.n_components))
    for eye, wanted in (lids or {}).items():
        for name, weight in wanted.items():
            weights[eye, eyelids.names.index(name)] = weight
    rotation = rotation_matrix(np.array([0.0, np.deg2rad(yaw_deg), 0.0]))
    gaze = np.stack(
        [rotation @ gaze_direction(*(gaze_deg or {}).get(eye, STRAIGHT)) for eye in Eye]
    )

    def throughout(value: NDArray[np.float64]) -> NDArray[np.float64]:
        track = np.broadcast_to(value, (n_frames, *value.shape)).copy()
        track[~seen] = np.nan
        return track

    return MaskTrack(
        rows=rows,
        columns=columns,
        focal_px=1.5 * max(rows, columns),
        time_s=np.arange(n_frames) / 30,
        found=seen,
        rotation_model_to_camera=throughout(rotation),
        translation_mm=throughout(np.array([*shift_mm, depth_mm])),
        expression=throughout(_weights(model, expression or {})),
        eyelid_weights=throughout(weights),
        gaze=throughout(gaze),
        iris_radius_mm=throughout(np.array(iris_radius_mm)),
    )


def eye_centre_px(mask: MaskTrack, eye: Eye) -> tuple[float, float]:
    """Project the centre of an eyeball in the first frame, corner-based pixels (x, y)."""
    centre = mask.rotation_model_to_camera[0] @ load_morphable_model().eye_centre_mean[eye]
    x, y, z = mask.translation_mm[0]
    scale = mask.focal_px / (z - centre[2])
    return (
        mask.columns / 2 + scale * (centre[0] + x),
        mask.rows / 2 - scale * (centre[1] + y),
    )


def _weights(model: MorphableModel, wanted: Mapping[str, float]) -> NDArray[np.float64]:
    weights = np.zeros(model.n_expression)
    for name, weight in wanted.items():
        weights[model.expression_names.index(name)] = weight
    return weights
