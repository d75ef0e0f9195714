"""Measure what a mask shows, as a reader would: on the drawn lids and the drawn eyes."""

import numpy as np
from numpy.typing import NDArray

from dmask_node.fit.contour import aperture_px, up_direction
from dmask_node.fit.eye_track import head_up_px
from dmask_node.fit.pose import Pose
from dmask_node.geometry.camera import PerspectiveCamera
from dmask_node.geometry.eyeball import IRIS_RADIUS_MM, gaze_angles_deg
from dmask_node.geometry.eyelids import EyelidModel
from dmask_node.geometry.mask_surface import mask_surface
from dmask_node.models.store import load_morphable_model
from dmask_node.records.anatomy import Eye
from dmask_node.records.masked import MaskTrack

Array = NDArray[np.float64]
MODEL = load_morphable_model()
LIDS = EyelidModel.of(MODEL)


def drawn_aperture_mm(mask: MaskTrack) -> Array:
    """(frames, eyes): what a reader would measure on the mask, by the mask's own iris."""
    camera = PerspectiveCamera(focal_px=mask.focal_px, rows=mask.rows, columns=mask.columns)
    found = np.full((len(mask.time_s), 2), np.nan)
    for frame in np.flatnonzero(mask.found):
        pose = Pose(mask.rotation_model_to_camera[frame], mask.translation_mm[frame])
        iris_mm = float(mask.iris_radius_mm[frame])
        surface = mask_surface(
            MODEL,
            LIDS,
            mask.expression[frame],
            mask.eyelid_weights[frame],
            pose.rotation,
            iris_mm,
        )
        for eye in Eye:
            ring = surface.vertices_mm[LIDS.ring_vertices[eye]]
            contour = camera.project(LIDS.contour(ring), *pose)
            up = up_direction(contour, head_up_px(pose))
            depth = float(camera.depth_mm(surface.eye_centres_mm[eye], *pose))
            mm_per_px = depth / camera.focal_px * IRIS_RADIUS_MM / iris_mm
            found[frame, eye] = aperture_px(contour, up) * mm_per_px
    return found


def drawn_gaze_deg(mask: MaskTrack) -> Array:
    """(frames, eyes, 2): horizontal and vertical, in the head of the mask."""
    in_head = np.einsum("fji,fej->fei", mask.rotation_model_to_camera, mask.gaze)
    return gaze_angles_deg(in_head)
