"""The surface of the mask in one frame, rebuilt from one row of a `MaskTrack`."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmask_node.geometry.eyeball import IRIS_RADIUS_MM
from dmask_node.geometry.eyelids import (
    LOWER_MIDDLE_SPOKE,
    MARGIN_RING,
    UPPER_MIDDLE_SPOKE,
    EyelidModel,
    add_fold,
)
from dmask_node.geometry.morphable_model import N_SPOKES, MorphableModel
from dmask_node.records.anatomy import Eye


class MaskSurface(NamedTuple):
    """The head of the mask in one frame, model frame."""

    vertices_mm: NDArray[np.float64]
    """(vertices, 3), the whole head with the lids in place; multiply by the subdivision to draw."""
    fold_shade: NDArray[np.float64]
    """(vertices,), in [0, 1]: how much the fold of the upper lid darkens the skin."""
    eye_centres_mm: NDArray[np.float64]
    """(eyes, 3)."""


def mask_surface(
    model: MorphableModel,
    lids: EyelidModel,
    expression: NDArray[np.float64],
    eyelid_weights: NDArray[np.float64],
    rotation: NDArray[np.float64],
    iris_radius_mm: float,
) -> MaskSurface:
    """Form the constant face with one frame's expression and lids.

    Parameters
    ----------
    model : MorphableModel
        The face model; its mean is everyone's mask.
    lids : EyelidModel
        ``EyelidModel.of(model)``.
    expression : (expression components,) ndarray of float64
        `MaskTrack.expression` of the frame. Blink, wide and squint in it are not used: the lids
        carry them.
    eyelid_weights : (eyes, eyelid components) ndarray of float64
        `MaskTrack.eyelid_weights` of the frame.
    rotation : (3, 3) ndarray of float64
        `MaskTrack.rotation_model_to_camera` of the frame.
    iris_radius_mm : float
        `MaskTrack.iris_radius_mm` of the frame; an eye drawn larger has a larger aperture.

    Returns
    -------
    MaskSurface
        Vertices, shade of the lid folds, and the centres of the eyeballs.
    """
    vertices = model.shape(expression=lids.without_lid_actions(expression))
    centres = model.eye_centres()
    shade = np.zeros(len(vertices))
    for eye in Eye:
        ring = lids.ring_vertices[eye]
        skin = lids.surface(eyelid_weights[eye], eye, vertices[ring], centres[eye], rotation)
        margin = skin[MARGIN_RING * N_SPOKES : (MARGIN_RING + 1) * N_SPOKES]
        opening = np.linalg.norm(margin[UPPER_MIDDLE_SPOKE] - margin[LOWER_MIDDLE_SPOKE])
        aperture_mm = float(opening) * IRIS_RADIUS_MM / iris_radius_mm
        vertices[ring], shade[ring] = add_fold(skin, centres[eye], aperture_mm)
    return MaskSurface(vertices_mm=vertices, fold_shade=shade, eye_centres_mm=centres)
