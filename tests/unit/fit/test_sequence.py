"""A clip of a made-up person is fitted: identity once, pose and expression per frame."""

import numpy as np
import pytest

from dmask_node.errors import Permanent
from dmask_node.fit.errors import NoFaceToFit
from dmask_node.fit.sequence import fit_track
from dmask_node.fit.settings import FitSettings
from dmask_node.geometry.rotation import rotation_matrix
from dmask_node.models.store import load_morphable_model
from dmask_node.records.identified import FitTrack, LandmarkTrack
from tests.synthetic_face import FRAME_S, Person, landmarks_of

SETTINGS = FitSettings()
MODEL = load_morphable_model()


def _a_person(n: int = 30, seed: int = 0) -> Person:
    random = np.random.default_rng(seed)
    t = np.arange(float(n))
    return Person(
        n_frames=n,
        identity=0.7 * random.normal(size=MODEL.n_identity),
        turn_deg=np.stack([4 * np.sin(t / 9), 15 * np.sin(t / 11), 5 * np.sin(t / 7)], axis=1),
        shift_mm=np.stack([20 * np.sin(t / 10), 0 * t, 30 * np.cos(t / 12)], axis=1),
        expression={"jawOpen": 0.3 + 0.2 * np.sin(t / 5), "mouthSmileRight": np.full(n, 0.2)},
    )


def _fit(landmarks: LandmarkTrack) -> FitTrack:
    return fit_track(landmarks, MODEL, SETTINGS)


def test_pose_and_residual_come_back_from_faultless_landmarks() -> None:
    person = _a_person()
    fit = _fit(landmarks_of(person))
    assert fit.residual_px.max() < 1.2  # a face of some 250 px
    assert np.sqrt((fit.identity**2).mean()) < 1.0
    for frame in range(5, 25):
        truth = rotation_matrix(np.deg2rad(person.turn_deg[frame]))
        turned = rotation_matrix(np.deg2rad(-person.turn_deg[frame]))
        cosine = (np.trace(fit.rotation_model_to_camera[frame] @ truth.T) - 1) / 2
        assert np.rad2deg(np.arccos(min(cosine, 1.0))) < 3.5
        if abs(person.turn_deg[frame, 1]) > 8:  # and not turned the other way
            wrong = (np.trace(fit.rotation_model_to_camera[frame] @ turned.T) - 1) / 2
            assert wrong < cosine - 0.02
    # the course of the head is found better than its level
    yaw = np.rad2deg(np.arcsin(fit.rotation_model_to_camera[:, 0, 2]))
    assert np.std((yaw - person.turn_deg[:, 1])[3:-3]) < 0.7


def test_the_identity_comes_from_the_whole_clip_in_whatever_order() -> None:
    track = landmarks_of(_a_person(12), noise_px=0.5)
    backwards = LandmarkTrack(
        rows=track.rows,
        columns=track.columns,
        time_s=track.time_s,
        points_px=track.points_px[::-1],
        eye_contour_px=track.eye_contour_px[::-1],
        iris_px=track.iris_px[::-1],
        presence=track.presence,
    )
    np.testing.assert_allclose(_fit(track).identity, _fit(backwards).identity, atol=1e-6)


def test_the_identity_has_converged_after_its_iterations() -> None:
    track = landmarks_of(_a_person(6))
    few, many = (
        fit_track(track, MODEL, FitSettings(identity_iterations=n)).identity for n in (8, 60)
    )
    np.testing.assert_allclose(few, many, atol=0.02)


def test_landmarks_far_off_do_not_pull_the_head_along() -> None:
    track = landmarks_of(_a_person(3))
    points = track.points_px.copy()
    points[:, ::12] += 40  # a hand before the face, say
    spoilt = LandmarkTrack(
        rows=track.rows,
        columns=track.columns,
        time_s=track.time_s,
        points_px=points,
        eye_contour_px=track.eye_contour_px,
        iris_px=track.iris_px,
        presence=track.presence,
    )
    clean, found = _fit(track), _fit(spoilt)
    shift = (found.translation_mm - clean.translation_mm)[:, :2]
    plain_mean_mm = 40 / 12 * 520 / clean.focal_px
    assert np.abs(shift).max() < 0.5 * plain_mean_mm


def test_the_right_smile_is_found_on_the_right() -> None:
    n = 24
    smile = 0.4 * (1 - np.cos(np.arange(n) / 4)) / 2 + 0.1
    fit = _fit(landmarks_of(Person(n_frames=n, expression={"mouthSmileRight": smile})))
    right = fit.expression[:, MODEL.expression_names.index("mouthSmileRight")]
    left = fit.expression[:, MODEL.expression_names.index("mouthSmileLeft")]
    assert np.corrcoef(right, smile)[0, 1] > 0.95
    assert np.ptp(right) > 4 * np.ptp(left)


def test_expressions_stay_in_their_box() -> None:
    fit = _fit(landmarks_of(_a_person(10, seed=5), noise_px=2.0))
    assert fit.expression.min() >= 0
    assert fit.expression.max() <= 1


def test_frames_without_a_face_are_left_out_and_the_rest_is_fitted_alike() -> None:
    person = _a_person(20)
    whole, holed = _fit(landmarks_of(person)), _fit(landmarks_of(person, missing=(0, 9, 10)))
    np.testing.assert_array_equal(np.isnan(holed.residual_px), np.isin(np.arange(20), [0, 9, 10]))
    for array in (holed.rotation_model_to_camera, holed.translation_mm, holed.expression):
        np.testing.assert_array_equal(
            np.isnan(array).any(axis=tuple(range(1, array.ndim))),
            np.isin(np.arange(20), [0, 9, 10]),
        )
    kept = ~np.isnan(holed.residual_px)
    difference = np.abs(holed.rotation_model_to_camera - whole.rotation_model_to_camera)[kept]
    assert difference.max() < 0.03


def test_a_jump_of_the_face_does_not_throw_the_fit_off() -> None:
    n = 16
    turn, shift = np.zeros((n, 3)), np.zeros((n, 3))
    turn[8:] = [0, -35, 20]
    shift[8:] = [90, -40, 250]
    fit = _fit(
        landmarks_of(
            Person(n_frames=n, turn_deg=turn, shift_mm=shift),
            time_s=np.array([FRAME_S * k + (5 if k >= 8 else 0) for k in range(n)]),
        )
    )
    assert fit.residual_px.max() < 1.0


def test_a_photograph_is_a_clip_of_one_frame() -> None:
    fit = _fit(landmarks_of(_a_person(1, seed=2)))
    assert fit.residual_px[0] < 1.5
    assert np.abs(fit.identity).max() < 3


@pytest.mark.parametrize("seed", range(3))
def test_noise_of_a_pixel_does_not_make_monsters(seed: int) -> None:
    fit = _fit(landmarks_of(_a_person(12, seed=seed), noise_px=1.0, seed=seed))
    assert np.abs(fit.identity).max() < 3
    assert fit.residual_px.mean() < 2.0


def test_a_clip_without_a_face_is_refused_for_good() -> None:
    track = landmarks_of(Person(n_frames=3), missing=(0, 1, 2))
    with pytest.raises(NoFaceToFit) as caught:
        _fit(track)
    assert isinstance(caught.value, Permanent)
    assert caught.value.reason == "no_face"


def test_landmarks_on_one_spot_are_no_face() -> None:
    track = landmarks_of(Person(n_frames=2))
    spot = LandmarkTrack(
        rows=track.rows,
        columns=track.columns,
        time_s=track.time_s,
        points_px=np.full_like(track.points_px, 100.0),
        eye_contour_px=np.full_like(track.eye_contour_px, 100.0),
        iris_px=np.full_like(track.iris_px, 100.0),
        presence=track.presence,
    )
    with pytest.raises(NoFaceToFit):
        _fit(spot)


def test_the_iris_ruler_is_the_median_diameter() -> None:
    fit = _fit(landmarks_of(Person(n_frames=3)))
    expected = 11.7 * fit.focal_px / (520 - 4.7 - 10.7)
    assert fit.iris_diameter_px == pytest.approx(expected, rel=0.01)
