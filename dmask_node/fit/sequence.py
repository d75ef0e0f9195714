"""Fit the morphable model to a whole clip: identity once, pose and expression per frame."""

import numpy as np
from numpy.typing import NDArray

from dmask_node.fit.errors import FitFailed, NoFaceToFit
from dmask_node.fit.expression import FrameFit, fit_frame
from dmask_node.fit.identity import fit_identity
from dmask_node.fit.landmark_model import LandmarkModel
from dmask_node.fit.pose import estimate_pose, is_facelike
from dmask_node.fit.settings import FitSettings
from dmask_node.fit.smoothing import find_segments, smooth, smooth_rotations
from dmask_node.geometry.camera import PerspectiveCamera
from dmask_node.geometry.morphable_model import MorphableModel
from dmask_node.records.identified import FitTrack, LandmarkTrack


def fit_track(landmarks: LandmarkTrack, model: MorphableModel, settings: FitSettings) -> FitTrack:
    """Fit the morphable model to the landmarks of a clip.

    The identity comes from key frames; then every frame is fitted from the one before; then pose
    and expression are smoothed a little. A photograph is a clip of one frame.

    Parameters
    ----------
    landmarks : LandmarkTrack
        The landmarks of one face. Frames without a face, or whose landmarks are not finite or
        spread over an area, are left out.
    model : MorphableModel
        The face model.
    settings : FitSettings
        How to fit.

    Returns
    -------
    FitTrack
        NaN in the frames left out.

    Raises
    ------
    NoFaceToFit
        If no frame is left.
    FitFailed
        If the model can't be brought onto the landmarks.
    """
    points_px = landmarks.points_px.astype(float)
    used = find_usable(landmarks)
    if not used.any():
        raise NoFaceToFit(f"none of {len(used)} frames has the landmarks of a face")
    camera = assumed_camera(landmarks, settings)
    at_landmarks = LandmarkModel.of(model)
    key_frames = _spread(np.flatnonzero(used), settings.key_frames)
    identity = fit_identity(at_landmarks, points_px[key_frames], camera, settings)
    at_rest = at_landmarks.mean + at_landmarks.identity @ identity

    segments = find_segments(used, landmarks.time_s, settings.restart_gap_s)
    n_frames = len(used)
    rotation = np.full((n_frames, 3, 3), np.nan)
    translation = np.full((n_frames, 3), np.nan)
    expression = np.full((n_frames, model.n_expression), np.nan)
    for segment in segments:
        fit: FrameFit | None = None
        for frame in range(segment.start, segment.stop):
            fit = _follow(at_landmarks, at_rest, points_px[frame], fit, camera, settings)
            (rotation[frame], translation[frame]), expression[frame] = fit

    sigma, time_s = settings.smoothing_frames, landmarks.time_s
    rotation = smooth_rotations(rotation, time_s, segments, sigma)
    translation = smooth(translation, time_s, segments, sigma)
    expression = np.clip(smooth(expression, time_s, segments, sigma), 0.0, 1.0)

    residual = np.full(n_frames, np.nan)
    for k in np.flatnonzero(used):
        shape = at_rest + at_landmarks.expression @ expression[k]
        error = camera.project(shape, rotation[k], translation[k]) - points_px[k]
        residual[k] = np.sqrt((error**2).sum(axis=1)).mean()
    return FitTrack(
        landmarks=landmarks,
        focal_px=camera.focal_px,
        identity=identity,
        rotation_model_to_camera=rotation,
        translation_mm=translation,
        expression=expression,
        residual_px=residual,
        iris_diameter_px=_median_iris_diameter_px(landmarks, used),
    )


def find_usable(landmarks: LandmarkTrack) -> NDArray[np.bool_]:
    """Find the frames whose landmarks can be fitted, as (frames,) bool."""
    finite = (
        landmarks.found
        & np.isfinite(landmarks.eye_contour_px).all(axis=(1, 2, 3))
        & np.isfinite(landmarks.iris_px).all(axis=(1, 2, 3))
    )
    return np.array(
        [
            bool(ok) and is_facelike(points.astype(float))
            for ok, points in zip(finite, landmarks.points_px, strict=True)
        ],
        bool,
    )


def assumed_camera(landmarks: LandmarkTrack, settings: FitSettings) -> PerspectiveCamera:
    """Return the camera that the clip is taken to be shot with."""
    return PerspectiveCamera(
        focal_px=settings.focal_ratio * max(landmarks.rows, landmarks.columns),
        rows=landmarks.rows,
        columns=landmarks.columns,
    )


def _follow(
    landmarks: LandmarkModel,
    at_rest: NDArray[np.float64],
    points_px: NDArray[np.float64],
    before: FrameFit | None,
    camera: PerspectiveCamera,
    settings: FitSettings,
) -> FrameFit:
    """Fit a frame from the one before; from a fresh start if there is none or the face jumped."""
    if before is not None:
        try:
            fit = fit_frame(
                landmarks, at_rest, points_px, before, camera, settings, settings.frame_iterations
            )
        except FitFailed:
            return _follow(landmarks, at_rest, points_px, None, camera, settings)
        if _residual_mm(landmarks, at_rest, points_px, fit, camera) <= settings.restart_residual_mm:
            return fit
    fresh = FrameFit(
        estimate_pose(at_rest, points_px, camera), np.zeros(landmarks.expression.shape[2])
    )
    return fit_frame(
        landmarks, at_rest, points_px, fresh, camera, settings, settings.first_iterations
    )


def _residual_mm(
    landmarks: LandmarkModel,
    at_rest: NDArray[np.float64],
    points_px: NDArray[np.float64],
    fit: FrameFit,
    camera: PerspectiveCamera,
) -> float:
    shape = at_rest + landmarks.expression @ fit.expression
    error = camera.project(shape, *fit.pose) - points_px
    mm_per_px = fit.pose.translation_mm[2] / camera.focal_px
    return float(np.sqrt((error**2).sum(axis=1)).mean() * mm_per_px)


def _spread(frames: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    """Choose up to n of the frames, evenly."""
    chosen = np.linspace(0, len(frames) - 1, min(n, len(frames))).round().astype(np.intp)
    return frames[chosen]


def _median_iris_diameter_px(landmarks: LandmarkTrack, used: NDArray[np.bool_]) -> float:
    iris = landmarks.iris_px[used].astype(float)
    return float(np.median(np.linalg.norm(iris[:, :, 1] - iris[:, :, 3], axis=2)))
