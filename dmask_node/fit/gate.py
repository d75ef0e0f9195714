"""The gate: the one place where a patient's face becomes nobody's.

What goes in may identify a patient; what comes out can't be turned back. One constant average
face takes the place of the patient's. Setting the identity to zero is not enough: an expression
fitted on a patient holds much of his face (a recogniser found half of 120 people again in masks
made so, one in twenty in masks made as here). So expressions are transferred, not fitted again,
and a clip's own median is taken out of them; the head pose is solved again for the constant face;
and each eye is moved into the place of the constant face's eye. Both eyes are scaled alike, by one
factor for the whole clip, so that the proportions of lids, iris and pupil and the difference
between right and left stay as they were.

What that costs, on purpose: an expression held all through the clip (a facial palsy at rest, say)
and the place of the corners of the eye in the face are not in the mask. A clip of one frame has no
expression left at all; its lids and its gaze follow the patient all the same.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmask_node.fit.errors import NoFaceToFit
from dmask_node.fit.eye_corners import EyeCorners, corners_of, transfer_between
from dmask_node.fit.eye_track import (
    fitted_camera,
    fitted_frames,
    head_up_px,
    measure_eyes,
    measure_ruler,
    pose_of,
    read_lids,
)
from dmask_node.fit.eyelid_fit import fit_eyelids
from dmask_node.fit.gaze import solve_gaze
from dmask_node.fit.landmark_model import LandmarkModel
from dmask_node.fit.pose import Pose, refine_pose
from dmask_node.fit.settings import FitSettings
from dmask_node.fit.smoothing import find_segments, smooth, smooth_rotations
from dmask_node.geometry.camera import PerspectiveCamera
from dmask_node.geometry.eyeball import iris_plane_mm
from dmask_node.geometry.eyelids import EyelidModel
from dmask_node.geometry.morphable_model import MorphableModel
from dmask_node.records.anatomy import Eye
from dmask_node.records.identified import FitTrack
from dmask_node.records.masked import EyeTrack, MaskTrack

_POSE_STEPS = 4
_DRAWN_IRIS_MM = (4.5, 8.0)
"""Radius of the iris that the eyeball of the mask can carry, millimetres."""
_STRAIGHT_AHEAD = np.array([0.0, 0.0, 1.0])


class _ConstantFace(NamedTuple):
    """The face of every mask."""

    at_landmarks: LandmarkModel
    lids: EyelidModel
    eye_centres: NDArray[np.float64]
    """(eyes, 3)."""
    ring_mean: NDArray[np.float64]
    """(eyes x 308, 3)."""
    ring_expression: NDArray[np.float64]
    """(expression components, eyes x 308 x 3)."""
    corners: EyeCorners


def pass_gate(
    fit: FitTrack, model: MorphableModel, settings: FitSettings
) -> tuple[MaskTrack, EyeTrack]:
    """Turn a patient's fitted face into the motion of the constant face and into measurements.

    Parameters
    ----------
    fit : FitTrack
        The fitted clip.
    model : MorphableModel
        The model it was fitted with.
    settings : FitSettings
        The closure rule and the smoothing.

    Returns
    -------
    mask : MaskTrack
        How the constant face moves.
    eyes : EyeTrack
        What was measured on the patient's own landmarks.

    Raises
    ------
    NoFaceToFit
        If no frame was fitted.
    FitFailed
        If the constant face can't be brought onto the landmarks.
    """
    used = fitted_frames(fit)
    if not used.any():
        raise NoFaceToFit(f"none of {len(used)} frames was fitted")
    face, camera = _constant_face(model), fitted_camera(fit)
    ruler = measure_ruler(fit, model)
    eyes = measure_eyes(fit, model, ruler, settings)

    expression = transfer_expression(fit.expression, used)
    rotation, translation = _solve_poses(fit, face, expression, used, camera, settings)
    scale = _common_eye_scale(fit, model, face, expression, rotation, translation, used)
    drawn_iris_mm = float(np.clip(ruler.iris_radius_mm * scale, *_DRAWN_IRIS_MM))
    plane = iris_plane_mm(model.eyeball_radius_mm, drawn_iris_mm)
    own_centres = model.eye_centres(fit.identity)

    n_frames = len(used)
    weights = np.full((n_frames, 2, face.lids.n_components), np.nan)
    gaze = np.full((n_frames, 2, 3), np.nan)
    without_lids = face.lids.without_lid_actions(np.nan_to_num(expression))
    for frame in np.flatnonzero(used):
        pose = Pose(rotation[frame], translation[frame])
        rings = face.ring_mean + (without_lids[frame] @ face.ring_expression).reshape(-1, 3)
        corners = face.corners.project(expression[frame], pose, camera)
        own_pose = pose_of(fit, int(frame))
        mm_per_px = camera.depth_mm(face.eye_centres, *pose) / camera.focal_px
        own_mm_per_px = camera.depth_mm(own_centres, *own_pose) / camera.focal_px
        for eye, base in zip(Eye, rings.reshape(2, -1, 3), strict=True):
            contour = fit.landmarks.eye_contour_px[frame, eye].astype(float)
            true_mm_per_px = float(own_mm_per_px[eye]) * ruler.true_mm
            own_lids = read_lids(contour, head_up_px(own_pose), true_mm_per_px, settings)
            size = scale * float(own_mm_per_px[eye] / mm_per_px[eye])
            carry = transfer_between(corners_of(contour), corners[eye], size)
            weights[frame, eye] = fit_eyelids(
                face.lids,
                eye,
                carry(own_lids.contour_px),
                base,
                face.eye_centres[eye],
                pose,
                camera,
            )
            if np.isfinite(eyes.rotation_h_deg[frame, eye]):
                iris = fit.landmarks.iris_px[frame, eye, 0].astype(float)
                seen = solve_gaze(carry(iris), face.eye_centres[eye], plane, pose, camera)
                if seen is not None:
                    gaze[frame, eye] = rotation[frame].T @ seen
    gaze_in_head = hold_gaze(gaze, used)
    mask = MaskTrack(
        rows=camera.rows,
        columns=camera.columns,
        focal_px=camera.focal_px,
        time_s=eyes.time_s,
        found=used,
        rotation_model_to_camera=rotation,
        translation_mm=translation,
        expression=expression,
        eyelid_weights=weights,
        gaze=np.einsum("fij,fej->fei", rotation, gaze_in_head),
        iris_radius_mm=np.where(used, drawn_iris_mm, np.nan),
    )
    return mask, eyes


def transfer_expression(
    expression: NDArray[np.float64], used: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Take a clip's own median out of its expressions.

    Parameters
    ----------
    expression : (frames, expression components) ndarray of float64
        As fitted on the patient, in [0, 1].
    used : (frames,) ndarray of bool
        The fitted frames; at least one.

    Returns
    -------
    (frames, expression components) ndarray of float64
        In [0, 1]; NaN in the other frames.
    """
    transferred = np.full_like(expression, np.nan)
    own = expression[used]
    transferred[used] = np.clip(own - np.median(own, axis=0), 0.0, 1.0)
    return transferred


def hold_gaze(gaze: NDArray[np.float64], used: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Keep the last gaze while the iris is hidden.

    Parameters
    ----------
    gaze : (frames, eyes, 3) ndarray of float64
        Unit vectors in the head frame, NaN where the iris is hidden.
    used : (frames,) ndarray of bool
        The fitted frames.

    Returns
    -------
    (frames, eyes, 3) ndarray of float64
        Without NaN in the fitted frames. Before the first gaze of an eye its first is shown; an
        eye that is never seen open looks straight ahead. NaN in the other frames.
    """
    held = np.array(gaze)
    for eye in Eye:
        seen = np.flatnonzero(np.isfinite(gaze[:, eye, 0]))
        last = gaze[seen[0], eye] if len(seen) else _STRAIGHT_AHEAD
        for frame in np.flatnonzero(used):
            if np.isfinite(gaze[frame, eye, 0]):
                last = gaze[frame, eye]
            held[frame, eye] = last
    return held


def _constant_face(model: MorphableModel) -> _ConstantFace:
    lids = EyelidModel.of(model)
    rings = lids.ring_vertices.ravel()
    at_landmarks = LandmarkModel.of(model)
    return _ConstantFace(
        at_landmarks=at_landmarks,
        lids=lids,
        eye_centres=model.eye_centres(),
        ring_mean=model.mean[rings],
        ring_expression=model.expression_basis[:, rings]
        .reshape(model.n_expression, -1)
        .astype(float),
        corners=EyeCorners.of(model, at_landmarks),
    )


def _solve_poses(
    fit: FitTrack,
    face: _ConstantFace,
    expression: NDArray[np.float64],
    used: NDArray[np.bool_],
    camera: PerspectiveCamera,
    settings: FitSettings,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Solve the head pose of every frame again for the constant face, and smooth it."""
    rotation = np.full((len(used), 3, 3), np.nan)
    translation = np.full((len(used), 3), np.nan)
    for frame in np.flatnonzero(used):
        points_mm = face.at_landmarks.mean + face.at_landmarks.expression @ expression[frame]
        points_px = fit.landmarks.points_px[frame].astype(float)
        start = pose_of(fit, int(frame))
        pose = refine_pose(points_mm, points_px, start, camera, _POSE_STEPS)
        rotation[frame], translation[frame] = pose
    time_s = fit.landmarks.time_s
    segments = find_segments(used, time_s, settings.restart_gap_s)
    sigma = settings.smoothing_frames
    return (
        smooth_rotations(rotation, time_s, segments, sigma),
        smooth(translation, time_s, segments, sigma),
    )


def _common_eye_scale(
    fit: FitTrack,
    model: MorphableModel,
    face: _ConstantFace,
    expression: NDArray[np.float64],
    rotation: NDArray[np.float64],
    translation: NDArray[np.float64],
    used: NDArray[np.bool_],
) -> float:
    """Find how much larger the constant face's eyes are than the patient's, both in model mm.

    The geometric mean of both eyes and the median over the clip: one number, so that it changes
    neither the difference between the eyes nor their course in time.
    """
    camera = fitted_camera(fit)
    own_centres = model.eye_centres(fit.identity)
    scales = []
    for frame in np.flatnonzero(used):
        pose = Pose(rotation[frame], translation[frame])
        drawn = face.corners.project(expression[frame], pose, camera)
        own = corners_of(fit.landmarks.eye_contour_px[frame].astype(float))
        drawn_px = np.linalg.norm(drawn[:, 1] - drawn[:, 0], axis=1)
        own_px = np.linalg.norm(own[:, 1] - own[:, 0], axis=1)
        drawn_mm = drawn_px * camera.depth_mm(face.eye_centres, *pose)
        own_mm = own_px * camera.depth_mm(own_centres, *pose_of(fit, int(frame)))
        if (own_mm > 0).all():
            scales.append(np.sqrt(np.prod(drawn_mm / own_mm)))
    if not scales:
        raise NoFaceToFit("the corners of the eyes fall together")
    return float(np.median(scales))
