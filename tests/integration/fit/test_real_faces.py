"""Real faces through the real networks, the fit and the gate."""

from pathlib import Path

import av
import numpy as np
import pytest
import skimage.data

from dmask_node.fit.gate import pass_gate
from dmask_node.fit.sequence import fit_track
from dmask_node.fit.settings import FitSettings
from dmask_node.landmarks.settings import LandmarkSettings
from dmask_node.landmarks.track import FaceTracker, find_landmarks
from dmask_node.measure.settings import MeasureSettings
from dmask_node.measure.summary import summarise
from dmask_node.models.settings import InferenceSettings
from dmask_node.models.store import load_morphable_model
from dmask_node.records.anatomy import Eye
from dmask_node.records.identified import FitTrack, SourceFrame
from dmask_node.records.masked import EyeTrack, MaskTrack
from tests.mask_reading import drawn_aperture_mm, drawn_gaze_deg

Masked = tuple[FitTrack, MaskTrack, EyeTrack]
BOTH_SHUT = 42
"""A frame of the talking face in which both eyes are seen to be shut, between two open ones."""


def _mask(frames: list[SourceFrame]) -> Masked:
    rows, columns = frames[0].rgb.shape[:2]
    tracker = FaceTracker(InferenceSettings(), LandmarkSettings())
    landmarks = find_landmarks(frames, rows, columns, tracker)
    model, settings = load_morphable_model(), FitSettings()
    fit = fit_track(landmarks, model, settings)
    return fit, *pass_gate(fit, model, settings)


@pytest.fixture(scope="module")
def talking(carphone: Path) -> Masked:
    with av.open(str(carphone)) as container:
        frames = [
            SourceFrame(
                rgb=np.asarray(frame.to_ndarray(format="rgb24"), np.uint8),
                time_s=float(frame.time),
            )
            for frame in container.decode(video=0)
        ]
    return _mask(frames)


@pytest.fixture(scope="module")
def portrait() -> Masked:
    return _mask([SourceFrame(rgb=skimage.data.astronaut(), time_s=0.0)])


def _residual_in_face_sizes(fit: FitTrack) -> float:
    extent = np.ptp(fit.landmarks.points_px, axis=1)
    side = np.sqrt(np.median(np.prod(extent, axis=1)))
    return float(np.mean(fit.residual_px) / side)


def test_a_real_face_is_fitted_to_a_hundredth_of_its_size(
    talking: Masked, portrait: Masked
) -> None:
    assert _residual_in_face_sizes(talking[0]) < 0.012
    assert _residual_in_face_sizes(portrait[0]) < 0.008
    for fit, _, _ in (talking, portrait):
        assert np.abs(fit.identity).max() < 3


def test_every_frame_has_a_mask(talking: Masked) -> None:
    _, mask, eyes = talking
    assert mask.found.all()
    assert len(mask.time_s) == len(eyes.time_s) == 120
    assert np.isfinite(mask.eyelid_weights).all()
    assert np.isfinite(mask.gaze).all()


def test_the_mask_opens_as_far_as_was_measured_on_a_real_face(
    talking: Masked, portrait: Masked
) -> None:
    for _, mask, eyes in (talking, portrait):
        difference = np.abs(drawn_aperture_mm(mask) - eyes.aperture_mm)
        assert difference.mean() < 0.2
        assert np.percentile(difference, 95) < 0.25
        assert 6 < np.median(eyes.aperture_mm) < 12


def test_a_real_blink_is_a_blink_in_the_mask_and_in_the_report(talking: Masked) -> None:
    _, mask, eyes = talking
    drawn = drawn_aperture_mm(mask)
    assert eyes.closed[BOTH_SHUT].all()
    assert (drawn[BOTH_SHUT] < 0.3).all()
    assert (drawn[[BOTH_SHUT - 2, BOTH_SHUT + 2]] > 5).all()
    found = summarise(eyes, MeasureSettings())
    for eye in (found.right, found.left):
        assert eye.blinks is not None
        assert len(eye.blinks) == 2
        assert eye.blinks[0].start_s < eyes.time_s[BOTH_SHUT] < eye.blinks[0].end_s
        assert eye.aperture_min_mm == 0.0


def test_the_gaze_of_a_real_face_moves_alike_in_mask_and_report(talking: Masked) -> None:
    _, mask, eyes = talking
    drawn = drawn_gaze_deg(mask)
    for eye in Eye:
        for axis, rotation in enumerate((eyes.rotation_h_deg, eyes.rotation_v_deg)):
            seen = np.isfinite(rotation[:, eye])
            slope = np.polyfit(rotation[seen, eye], drawn[seen, eye, axis], 1)[0]
            assert slope == pytest.approx(1.0, abs=0.1)
            assert np.corrcoef(rotation[seen, eye], drawn[seen, eye, axis])[0, 1] > 0.98


def test_small_eyes_are_trusted_less_than_large_ones(talking: Masked, portrait: Masked) -> None:
    assert 0.05 < talking[2].confidence.mean() < 0.4
    assert portrait[2].confidence.min() > 0.5


def test_a_portrait_looks_into_the_camera(portrait: Masked) -> None:
    _, mask, eyes = portrait
    assert mask.expression.max() == 0.0
    assert np.abs(eyes.rotation_h_deg).max() < 8
    assert np.abs(eyes.rotation_v_deg).max() < 8
    assert (mask.gaze[0, :, 2] > 0.9).all()
