"""The measurements of each eye in each frame, from the patient's own landmarks and fit.

Accuracy, so far as it is known: millimetres rest on the iris, 11.7 mm in nearly everyone; at an
iris of 10 pixels its diameter is found to about a tenth, and so is every millimetre. Apertures
inherit the landmark network's own error, about a millimetre.

Eye rotations are of the line of sight. What a camera sees is the optical axis, which stands some
5 degrees to the temple of the line of sight and 2 below it (angle alpha: Atchison and Smith,
*Optics of the Human Eye*, 2000, ch. 4); everybody's eyes would seem to diverge by 10 degrees. So
the average is taken out, as it was found in 128 frontal portraits of people who look into the
camera: 5.2 and 2.1 degrees, scattering by 4 and 3 (robust standard deviation of single eyes). The
zero of the vertical rotation is where those people held their heads. That leaves each patient's
own angle alpha and the misfit of the eyes' centres, so a clip's mean is good to some 5 degrees at
the best, worse in small pictures; changes within a clip are good to about a degree of noise and,
in children or wherever the head is not of average size for its eyes, some per cent of gain.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmask_node.fit.contour import (
    aperture_px,
    close_contour,
    closing_factor,
    eye_width_px,
    lid_gaps_px,
    up_direction,
)
from dmask_node.fit.errors import NoFaceToFit
from dmask_node.fit.eye_corners import EyeCorners, corners_of
from dmask_node.fit.gaze import iris_radius_mm, solve_gaze
from dmask_node.fit.landmark_model import LandmarkModel
from dmask_node.fit.pose import Pose
from dmask_node.fit.settings import FitSettings
from dmask_node.geometry.camera import PerspectiveCamera
from dmask_node.geometry.eyeball import IRIS_RADIUS_MM, gaze_angles_deg, iris_plane_mm
from dmask_node.geometry.morphable_model import MorphableModel
from dmask_node.records.anatomy import Eye
from dmask_node.records.identified import FitTrack
from dmask_node.records.masked import EyeTrack

_RULER_OPENING = 0.15
"""Aperture over eye width from which on the sides of the iris are seen. Unitless."""
_PLAUSIBLE_IRIS_MM = (3.5, 10.0)
"""Radius in model millimetres; the model has no overall size, so a child's eye is large in it."""
_EYE_WIDTH_PX = (6.0, 24.0)
"""No confidence below, full confidence from: at 12 px the margin jitters by 3 % of the width, at
20 to 25 px by 0.5 %."""
_RESIDUAL_MM = (1.5, 6.0)
"""Full confidence up to, none from."""
_VIEW_DEG = (30.0, 75.0)
"""Angle between the line of sight and the eye's own outward direction: full up to, none from."""
_OUTWARD_DEG = 15.0
"""How far the opening of the eye looks to the temple."""
_ANGLE_ALPHA_DEG = (5.2, 2.1)
"""By how much the line of sight stands to the nose of the optical axis, and above it."""
_HEAD_PITCH_DEG = 6.0
"""By how much the model's own forward axis points above that of a head held upright."""
AXIS_TO_SIGHT_DEG = np.array(
    [
        [_ANGLE_ALPHA_DEG[0], _ANGLE_ALPHA_DEG[1] + _HEAD_PITCH_DEG],
        [-_ANGLE_ALPHA_DEG[0], _ANGLE_ALPHA_DEG[1] + _HEAD_PITCH_DEG],
    ]
)
"""(eyes, 2), added to horizontal and vertical angles of the optical axis in the model's frame."""


class Ruler(NamedTuple):
    """What a clip's model millimetres are worth."""

    iris_radius_mm: float
    """Of the patient's iris, in millimetres of the fitted model."""

    @property
    def true_mm(self) -> float:
        """True millimetres in a model millimetre."""
        return IRIS_RADIUS_MM / self.iris_radius_mm


class LidState(NamedTuple):
    """One eye's lids in one frame of the picture."""

    contour_px: NDArray[np.float64]
    """(16, 2), after the closure rule."""
    aperture_mm: float
    """After the closure rule."""
    closed: bool


def fitted_camera(fit: FitTrack) -> PerspectiveCamera:
    """Return the camera that a clip was fitted with."""
    return PerspectiveCamera(
        focal_px=fit.focal_px, rows=fit.landmarks.rows, columns=fit.landmarks.columns
    )


def fitted_frames(fit: FitTrack) -> NDArray[np.bool_]:
    """Find the frames that were fitted, (frames,) bool."""
    return np.asarray(np.isfinite(fit.rotation_model_to_camera[:, 0, 0]))


def pose_of(fit: FitTrack, frame: int) -> Pose:
    """Return the patient's head pose in one frame."""
    return Pose(fit.rotation_model_to_camera[frame], fit.translation_mm[frame])


def head_up_px(pose: Pose) -> NDArray[np.float64]:
    """Find where the top of the head is, (2,), image frame."""
    return pose.rotation[:2, 1] * np.array([1.0, -1.0])


def measure_ruler(fit: FitTrack, model: MorphableModel) -> Ruler:
    """Measure the iris over a clip.

    The median over both eyes and all frames in which the eye is open.

    Parameters
    ----------
    fit : FitTrack
        The fitted clip.
    model : MorphableModel
        The model it was fitted with.

    Returns
    -------
    Ruler
        The iris in model millimetres.

    Raises
    ------
    NoFaceToFit
        If no frame was fitted, or no iris has a plausible size.
    """
    camera, centres = fitted_camera(fit), model.eye_centres(fit.identity)
    plane = iris_plane_mm(model.eyeball_radius_mm, IRIS_RADIUS_MM)
    radii, openings = [], []
    for frame in np.flatnonzero(fitted_frames(fit)):
        pose = pose_of(fit, int(frame))
        for eye in Eye:
            iris = fit.landmarks.iris_px[frame, eye].astype(float)
            contour = fit.landmarks.eye_contour_px[frame, eye].astype(float)
            gaze = solve_gaze(iris[0], centres[eye], plane, pose, camera)
            if gaze is None:
                continue
            up = up_direction(contour, head_up_px(pose))
            radii.append(iris_radius_mm(iris, gaze, centres[eye], plane, pose, camera))
            openings.append(aperture_px(contour, up) / max(eye_width_px(contour), 1e-9))
    radius, opening = np.array(radii), np.array(openings)
    low, high = _PLAUSIBLE_IRIS_MM
    plausible = (radius > low) & (radius < high)
    if not plausible.any():
        raise NoFaceToFit("no iris of a plausible size was found")
    seen = plausible & (opening > _RULER_OPENING)
    return Ruler(float(np.median(radius[seen if seen.any() else plausible])))


def read_lids(
    contour_px: NDArray[np.float64],
    head_up: NDArray[np.float64],
    mm_per_px: float,
    settings: FitSettings,
) -> LidState:
    """Measure the lids of one eye in one frame and apply the closure rule.

    Parameters
    ----------
    contour_px : (16, 2) ndarray of float64
        The lid margin found.
    head_up : (2,) ndarray of float64
        As `head_up_px` returns it.
    mm_per_px : float
        True millimetres in a pixel at the eye.
    settings : FitSettings
        The limits of the closure rule.

    Returns
    -------
    LidState
        The corrected contour, its aperture, and whether the eye is closed.
    """
    up = up_direction(contour_px, head_up)
    factor = closing_factor(float(lid_gaps_px(contour_px, up).max()), mm_per_px, settings)
    contour = close_contour(contour_px, factor)
    return LidState(contour, aperture_px(contour, up) * mm_per_px, closed=factor == 0.0)


def measure_eyes(
    fit: FitTrack, model: MorphableModel, ruler: Ruler, settings: FitSettings
) -> EyeTrack:
    """Measure aperture and rotation of each eye in each frame.

    Parameters
    ----------
    fit : FitTrack
        The fitted clip.
    model : MorphableModel
        The model it was fitted with.
    ruler : Ruler
        As `measure_ruler` returns it.
    settings : FitSettings
        The closure rule, and the aperture from which on the iris is seen.

    Returns
    -------
    EyeTrack
        Rotations are NaN where the iris is hidden; everything is where no face was fitted.
    """
    n_frames = len(fit.landmarks.time_s)
    used = fitted_frames(fit)
    aperture, confidence = np.full((n_frames, 2), np.nan), np.zeros((n_frames, 2))
    rotation = np.full((n_frames, 2, 2), np.nan)
    closed = np.zeros((n_frames, 2), bool)
    camera, centres = fitted_camera(fit), model.eye_centres(fit.identity)
    corners = EyeCorners.of(model, LandmarkModel.of(model), fit.identity)
    plane = iris_plane_mm(model.eyeball_radius_mm, IRIS_RADIUS_MM)
    for frame in np.flatnonzero(used):
        pose = pose_of(fit, int(frame))
        fitted_corners = corners.project(fit.expression[frame], pose, camera)
        for eye in Eye:
            contour = fit.landmarks.eye_contour_px[frame, eye].astype(float)
            model_mm_per_px = float(camera.depth_mm(centres[eye], *pose)) / camera.focal_px
            lids = read_lids(contour, head_up_px(pose), model_mm_per_px * ruler.true_mm, settings)
            aperture[frame, eye], closed[frame, eye] = lids.aperture_mm, lids.closed
            if lids.aperture_mm >= settings.gaze_above_mm:
                # relative to the eye's own corners: takes the misfit of the head around it out
                misfit_px = (corners_of(contour) - fitted_corners[eye]).mean(axis=0)
                iris_px = fit.landmarks.iris_px[frame, eye, 0].astype(float) - misfit_px
                gaze = solve_gaze(iris_px, centres[eye], plane, pose, camera)
                if gaze is not None:
                    axis_deg = gaze_angles_deg(pose.rotation.T @ gaze)
                    rotation[frame, eye] = axis_deg + AXIS_TO_SIGHT_DEG[eye]
            confidence[frame, eye] = rate_confidence(
                presence=float(fit.landmarks.presence[frame]),
                width_px=eye_width_px(contour),
                residual_mm=float(fit.residual_px[frame]) * model_mm_per_px,
                view_deg=_view_angle_deg(eye, centres[eye], pose),
            )
    return EyeTrack(
        time_s=fit.landmarks.time_s - fit.landmarks.time_s[0],
        aperture_mm=aperture,
        rotation_h_deg=rotation[..., 0],
        rotation_v_deg=rotation[..., 1],
        closed=closed,
        confidence=confidence,
        found=used,
        iris_diameter_px=fit.iris_diameter_px,
    )


def rate_confidence(presence: float, width_px: float, residual_mm: float, view_deg: float) -> float:
    """Rate how far the measurements of an eye can be trusted.

    The product of four factors in [0, 1]: the network's own presence; the size of the eye in
    pixels; how well the face model fits; and how squarely the eye is seen. Each falls linearly
    between two limits. It is a rating, not a probability, and it does not see what covers an eye:
    the networks report a present face behind a black bar too.

    Parameters
    ----------
    presence : float
        Of a face, in [0, 1].
    width_px : float
        Distance of the corners of the eye, pixels.
    residual_mm : float
        Mean distance of model and landmarks, millimetres.
    view_deg : float
        Angle between the line of sight and the direction in which the eye opens, degrees.

    Returns
    -------
    float
        In [0, 1].
    """
    size = _ramp(width_px, *_EYE_WIDTH_PX)
    fits = 1.0 - _ramp(residual_mm, *_RESIDUAL_MM)
    seen = 1.0 - _ramp(view_deg, *_VIEW_DEG)
    return float(np.clip(presence, 0.0, 1.0)) * size * fits * seen


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))


def _view_angle_deg(eye: Eye, centre_mm: NDArray[np.float64], pose: Pose) -> float:
    side = -1.0 if eye is Eye.RIGHT else 1.0
    outward = np.deg2rad(_OUTWARD_DEG)
    opens = pose.rotation @ np.array([side * np.sin(outward), 0.0, np.cos(outward)])
    tx, ty, tz = pose.translation_mm
    to_camera = -(pose.rotation @ centre_mm + [tx, ty, -tz])
    cosine = opens @ to_camera / np.sqrt(to_camera @ to_camera)
    return float(np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0))))
