"""At the gate identity ends and the eye survives."""

from dataclasses import fields

import numpy as np
import pytest
from numpy.typing import NDArray

from dmask_node.fit.contour import up_direction
from dmask_node.fit.errors import NoFaceToFit
from dmask_node.fit.eye_track import AXIS_TO_SIGHT_DEG, rate_confidence
from dmask_node.fit.gate import hold_gaze, pass_gate, transfer_expression
from dmask_node.fit.pose import Pose
from dmask_node.fit.sequence import fit_track
from dmask_node.fit.settings import FitSettings
from dmask_node.geometry.camera import PerspectiveCamera
from dmask_node.geometry.eyeball import gaze_direction, iris_plane_mm
from dmask_node.geometry.eyelids import EyelidModel
from dmask_node.geometry.mask_surface import mask_surface
from dmask_node.models.store import load_morphable_model
from dmask_node.records.anatomy import Eye
from dmask_node.records.identified import FitTrack, LandmarkTrack
from dmask_node.records.masked import EyeTrack, MaskTrack
from tests.mask_reading import drawn_aperture_mm, drawn_gaze_deg
from tests.synthetic_face import FRAME_S, Person, landmarks_of

MODEL = load_morphable_model()
LIDS = EyelidModel.of(MODEL)
SETTINGS = FitSettings()
Array = NDArray[np.float64]


def through_the_gate(landmarks: LandmarkTrack) -> tuple[FitTrack, MaskTrack, EyeTrack]:
    fit = fit_track(landmarks, MODEL, SETTINGS)
    return fit, *pass_gate(fit, MODEL, SETTINGS)


def a_moving_person(n: int = 30, seed: int | None = None, at_rest: float = 0.0) -> Person:
    """Turns, talks and smiles; a seed gives an identity and a face at rest of its own."""
    t = np.arange(float(n))
    expression = {
        "jawOpen": 0.15 * (1 - np.cos(t / 3)),
        "mouthSmileLeft": 0.2 * (1 - np.cos(t / 5)),
    }
    identity = None
    if seed is not None:
        random = np.random.default_rng(seed)
        identity = 0.8 * random.normal(size=MODEL.n_identity)
        mouth = [name for name in MODEL.expression_names if name.startswith(("mouth", "jaw"))]
        for name in random.choice(mouth, 5, replace=False):
            expression[name] = expression.get(name, np.zeros(n)) + at_rest
    return Person(
        n_frames=n,
        identity=identity,
        turn_deg=np.stack([4 * np.sin(t / 9), 12 * np.sin(t / 8), 3 * np.sin(t / 7)], axis=1),
        expression=expression,
    )


def replaced(
    track: LandmarkTrack, contour: NDArray[np.float32], iris: NDArray[np.float32]
) -> LandmarkTrack:
    """The same track with other eyes."""
    points = track.points_px.copy()
    for eye in Eye:
        points[:, MODEL.eye_landmarks[eye]] = contour[:, eye]
    return LandmarkTrack(
        rows=track.rows,
        columns=track.columns,
        time_s=track.time_s,
        points_px=points,
        eye_contour_px=contour,
        iris_px=iris,
        presence=track.presence,
    )


# ---------------------------------------------------------------- identity ends here


@pytest.mark.parametrize("seeds", [(1, 2), (3, 4)])
def test_two_people_who_move_alike_have_the_same_mask(seeds: tuple[int, int]) -> None:
    (fit_a, a, _), (fit_b, b, _) = (
        through_the_gate(landmarks_of(a_moving_person(seed=seed, at_rest=0.3))) for seed in seeds
    )
    # they were different people, and their expressions told so
    assert np.linalg.norm(fit_a.identity - fit_b.identity) > 3
    before = np.abs(fit_a.expression - fit_b.expression).mean()
    after = np.abs(a.expression - b.expression).mean()
    assert before > 0.04
    assert after < 0.015
    assert after < before / 5
    # what is left: head pose within the unknown level of an uncalibrated camera
    cosine = np.einsum("fij,fij->f", a.rotation_model_to_camera, b.rotation_model_to_camera)
    assert np.rad2deg(np.arccos(np.clip((cosine - 1) / 2, -1, 1))).max() < 5
    assert np.abs(a.expression - b.expression).max() < 0.25
    assert a.rows == b.rows
    assert a.focal_px == b.focal_px


def test_no_expression_is_left_in_the_median_of_a_mask() -> None:
    fit, mask, _ = through_the_gate(landmarks_of(a_moving_person(31, seed=7, at_rest=0.4)))
    assert np.median(fit.expression, axis=0).max() > 0.1
    np.testing.assert_allclose(np.median(mask.expression, axis=0), 0, atol=1e-12)
    assert mask.expression.max() > 0.1  # but the motion is there


def test_expressions_are_transferred_not_fitted_again() -> None:
    used = np.array([True, True, True, False, True])
    raw = np.array([[0.2, 0.0], [0.5, 1.0], [0.3, 0.1], [np.nan, np.nan], [0.3, 0.2]])
    found = transfer_expression(raw, used)
    expected = np.array([[0, 0], [0.2, 0.85], [0, 0], [0, 0.05]])
    np.testing.assert_allclose(found[used], expected, atol=1e-12)
    assert np.isnan(found[3]).all()


def test_nothing_of_the_size_of_an_identity_leaves() -> None:
    _, mask, eyes = through_the_gate(landmarks_of(a_moving_person(3, seed=1)))
    for record in (mask, eyes):
        for item in fields(record):
            value = getattr(record, item.name)
            if isinstance(value, np.ndarray):
                assert MODEL.n_identity not in value.shape
                assert 468 not in value.shape


def test_the_place_and_size_of_the_eyes_in_the_face_are_everyones() -> None:
    """Corners of the drawn eyes lie at the constant face's, whoever it was."""
    camera = None
    for seed in (11, 12):
        _, mask, _ = through_the_gate(landmarks_of(a_moving_person(6, seed=seed)))
        camera = PerspectiveCamera(focal_px=mask.focal_px, rows=mask.rows, columns=mask.columns)
        pose = Pose(mask.rotation_model_to_camera[3], mask.translation_mm[3])
        surface = mask_surface(
            MODEL,
            LIDS,
            mask.expression[3],
            mask.eyelid_weights[3],
            pose.rotation,
            float(mask.iris_radius_mm[3]),
        )
        at_rest = MODEL.shape(expression=LIDS.without_lid_actions(mask.expression[3]))
        for eye in Eye:
            drawn = LIDS.contour(surface.vertices_mm[LIDS.ring_vertices[eye]])[[0, 8]]
            own = LIDS.contour(at_rest[LIDS.ring_vertices[eye]])[[0, 8]]
            middle = camera.project(np.array([drawn.mean(axis=0), own.mean(axis=0)]), *pose)
            assert np.linalg.norm(middle[0] - middle[1]) < 2.0


def test_the_constant_face_is_held_where_the_patients_was() -> None:
    """Its pose is solved for it: the patient's own pose would hold another face askew."""
    for seed in (61, 62):
        fit, mask, _ = through_the_gate(landmarks_of(a_moving_person(1, seed=seed)))
        camera = PerspectiveCamera(focal_px=mask.focal_px, rows=mask.rows, columns=mask.columns)
        points_mm = MODEL.landmarks(MODEL.shape(expression=mask.expression[0]))
        points_px = fit.landmarks.points_px[0].astype(float)
        errors = []
        for pose in (
            (mask.rotation_model_to_camera[0], mask.translation_mm[0]),
            (fit.rotation_model_to_camera[0], fit.translation_mm[0]),
        ):
            error = camera.project(points_mm, *pose) - points_px
            errors.append(float(np.sqrt((error**2).sum(axis=1).mean())))
        solved, patients_own = errors
        assert solved < 0.95 * patients_own


def _with_a_narrow_eye(track: LandmarkTrack, eye: Eye, factor: float) -> LandmarkTrack:
    """Shrink one eye, lids and iris, about the middle between its corners."""
    contour, iris = track.eye_contour_px.copy(), track.iris_px.copy()
    for points in (contour, iris):
        middle = track.eye_contour_px[:, eye][:, [0, 8]].mean(axis=1, keepdims=True)
        points[:, eye] = middle + factor * (points[:, eye] - middle)
    return replaced(track, contour, iris)


def test_both_eyes_are_scaled_alike_whichever_is_the_smaller() -> None:
    """A narrow eye stays narrower than its fellow; neither side sets the size alone."""
    track = landmarks_of(a_moving_person(6))
    before = drawn_aperture_mm(through_the_gate(track)[1])
    irises = []
    for eye, fellow in ((Eye.RIGHT, Eye.LEFT), (Eye.LEFT, Eye.RIGHT)):
        _, mask, eyes = through_the_gate(_with_a_narrow_eye(track, eye, 0.8))
        drawn = drawn_aperture_mm(mask)
        ratio = (drawn[:, eye] / drawn[:, fellow]) / (before[:, eye] / before[:, fellow])
        np.testing.assert_allclose(ratio, 0.8, atol=0.02)
        np.testing.assert_allclose(drawn, eyes.aperture_mm, atol=0.15)
        irises.append(float(mask.iris_radius_mm[0]))
    assert irises[0] == pytest.approx(irises[1], rel=0.03)


# ---------------------------------------------------------------- the aperture survives


def _with_a_drooping_eye(track: LandmarkTrack, eye: Eye, drop: float) -> LandmarkTrack:
    """Pull the upper lid of one eye towards the lower by a share of the gap."""
    contour = track.eye_contour_px.copy()
    upper, lower = np.arange(1, 8), np.arange(15, 8, -1)
    contour[:, eye, upper] += drop * (contour[:, eye, lower] - contour[:, eye, upper])
    return replaced(track, contour, track.iris_px)


@pytest.mark.parametrize("eye", list(Eye))
@pytest.mark.parametrize("seed", [None, 21])
def test_a_lid_that_droops_by_40_percent_does_so_in_the_mask_and_in_the_report(
    eye: Eye, seed: int | None
) -> None:
    track = landmarks_of(a_moving_person(6, seed=seed))
    _, mask, eyes = through_the_gate(track)
    _, drooping_mask, drooping_eyes = through_the_gate(_with_a_drooping_eye(track, eye, 0.4))
    fellow = Eye.LEFT if eye is Eye.RIGHT else Eye.RIGHT
    for before, after in (
        (eyes.aperture_mm, drooping_eyes.aperture_mm),
        (drawn_aperture_mm(mask), drawn_aperture_mm(drooping_mask)),
    ):
        np.testing.assert_allclose(after[:, eye] / before[:, eye], 0.6, atol=0.03)
        np.testing.assert_allclose(after[:, fellow] / before[:, fellow], 1.0, atol=0.03)
    assert not drooping_eyes.closed.any()


@pytest.mark.parametrize("seed", [None, 31, 32])
def test_the_mask_opens_as_far_as_was_measured(seed: int | None) -> None:
    person = a_moving_person(20, seed=seed)
    t = np.arange(20.0)
    person.lids = {
        "upper_1": np.stack([-1.5 * (1 - np.cos(t / 4)), 0.3 * np.sin(t)], axis=1),
        "upper_2": np.stack([0.5 * np.sin(t / 3), 0 * t], axis=1),
        "eyeSquint": np.stack([0 * t, 0.3 * (1 - np.cos(t / 5))], axis=1),
    }
    _, mask, eyes = through_the_gate(landmarks_of(person))
    np.testing.assert_allclose(drawn_aperture_mm(mask), eyes.aperture_mm, atol=0.12)
    assert np.ptp(eyes.aperture_mm, axis=0).min() > 0.5
    assert np.corrcoef(eyes.aperture_mm[:, 0], person.lids["upper_1"][:, 0])[0, 1] > 0.98


def test_millimetres_are_those_of_the_iris() -> None:
    """The mean face, made half as large again, has the same apertures."""
    near, far = (
        through_the_gate(landmarks_of(Person(n_frames=2, distance_mm=distance)))[2]
        for distance in (400.0, 800.0)
    )
    np.testing.assert_allclose(near.aperture_mm, far.aperture_mm, rtol=0.03)
    contour = MODEL.landmarks(MODEL.mean)[MODEL.eye_landmarks[Eye.LEFT]]
    expected = float(contour[4, 1] - contour[12, 1])
    np.testing.assert_allclose(near.aperture_mm, expected, rtol=0.06)


# ---------------------------------------------------------------- blinks survive


@pytest.mark.parametrize("seed", [None, 41])
@pytest.mark.parametrize("blinking", [(1, 0), (0, 1), (1, 1)], ids=["right", "left", "both"])
def test_a_blink_comes_out_in_the_same_frames_of_the_same_eye(
    seed: int | None, blinking: tuple[int, int]
) -> None:
    n, shut = 24, slice(10, 13)
    person = a_moving_person(n, seed=seed)
    lid = np.zeros((n, 2))
    lid[shut] = np.array(blinking) * 1.1
    lid[[9, 13]] = np.array(blinking) * 0.5
    person.lids = {"eyeBlink": lid}
    _, mask, eyes = through_the_gate(landmarks_of(person))
    drawn = drawn_aperture_mm(mask)
    for eye in Eye:
        expected = np.zeros(n, bool)
        expected[shut] = bool(blinking[eye])
        np.testing.assert_array_equal(eyes.closed[:, eye], expected)
        np.testing.assert_array_equal(drawn[:, eye] < 0.3, expected)
        np.testing.assert_array_equal(eyes.aperture_mm[:, eye] == 0, expected)
    if blinking[Eye.RIGHT]:
        # the half closed frames beside it are neither smoothed away nor closed
        assert (drawn[[9, 13], Eye.RIGHT] < 0.85 * drawn[7, Eye.RIGHT]).all()
        assert (drawn[[9, 13], Eye.RIGHT] > 1.0).all()
    np.testing.assert_allclose(drawn, eyes.aperture_mm, atol=0.2)


def test_the_gaze_is_held_and_not_measured_while_the_eye_is_shut() -> None:
    n, shut = 20, slice(8, 11)
    person = Person(n_frames=n)
    lid = np.zeros((n, 2))
    lid[shut] = 1.1
    person.lids = {"eyeBlink": lid}
    gaze = np.zeros((n, 2, 2))
    gaze[:, :, 0] = np.where(np.arange(n) < 8, 15.0, -10.0)[:, None]
    gaze[shut, :, 1] = 30.0  # what a network would invent
    person.gaze_deg = gaze
    _, mask, eyes = through_the_gate(landmarks_of(person))
    assert np.isnan(eyes.rotation_h_deg[shut]).all()
    assert np.isfinite(eyes.aperture_mm).all()
    drawn = drawn_gaze_deg(mask)
    np.testing.assert_allclose(drawn[shut], np.broadcast_to(drawn[7], (3, 2, 2)), atol=1e-9)
    np.testing.assert_allclose(drawn[7, :, 0], 15.0, atol=1.0)
    np.testing.assert_allclose(drawn[12, :, 0], -10.0, atol=1.0)


def test_an_eye_never_seen_open_looks_straight_ahead() -> None:
    gaze = np.full((3, 2, 3), np.nan)
    gaze[2, Eye.LEFT] = gaze_direction(12, 0)
    held = hold_gaze(gaze, np.array([True, True, True]))
    np.testing.assert_allclose(held[:, Eye.RIGHT], [[0, 0, 1]] * 3)
    np.testing.assert_allclose(held[:, Eye.LEFT], [gaze_direction(12, 0)] * 3)


# ---------------------------------------------------------------- the gaze survives


@pytest.mark.parametrize("angles", [(15, 0), (-15, 0), (0, 12), (0, -12), (10, 8)])
def test_a_known_rotation_of_the_eyes_comes_out_at_both_ends(
    angles: tuple[float, float],
) -> None:
    gaze = np.zeros((3, 2, 2))
    gaze[:] = angles
    person = Person(n_frames=3, gaze_deg=gaze, turn_deg=np.array([[3.0, 10.0, -4.0]]))
    _, mask, eyes = through_the_gate(landmarks_of(person))
    sight = AXIS_TO_SIGHT_DEG  # the report tells the line of sight, the person's gaze is the axis
    np.testing.assert_allclose(eyes.rotation_h_deg - sight[:, 0], angles[0], atol=0.5)
    np.testing.assert_allclose(eyes.rotation_v_deg - sight[:, 1], angles[1], atol=0.5)
    np.testing.assert_allclose(drawn_gaze_deg(mask)[..., 0], angles[0], atol=0.8)
    np.testing.assert_allclose(drawn_gaze_deg(mask)[..., 1], angles[1], atol=0.8)


def test_eyes_whose_axes_diverge_as_everybodys_do_look_straight_in_the_report() -> None:
    """The optical axes stand 5 degrees to the temples: the right eye's to the patient's right."""
    gaze = np.zeros((1, 2, 2))
    gaze[0, Eye.RIGHT], gaze[0, Eye.LEFT] = (-5.2, -8.1), (5.2, -8.1)
    _, _, eyes = through_the_gate(landmarks_of(Person(gaze_deg=gaze)))
    np.testing.assert_allclose(eyes.rotation_h_deg[0], [0, 0], atol=0.5)
    np.testing.assert_allclose(eyes.rotation_v_deg[0], [0, 0], atol=0.5)


def test_eyes_that_squint_apart_stay_apart() -> None:
    gaze = np.zeros((1, 2, 2))
    gaze[0, Eye.RIGHT], gaze[0, Eye.LEFT] = (0, 0), (18, 5)
    _, mask, eyes = through_the_gate(landmarks_of(Person(gaze_deg=gaze)))
    sight = AXIS_TO_SIGHT_DEG
    np.testing.assert_allclose(eyes.rotation_h_deg[0], [0, 18] + sight[:, 0], atol=0.5)
    np.testing.assert_allclose(eyes.rotation_v_deg[0], [0, 5] + sight[:, 1], atol=0.5)
    np.testing.assert_allclose(drawn_gaze_deg(mask)[0], [[0, 0], [18, 5]], atol=0.8)


@pytest.mark.parametrize("seed", [51, 53, 55])
def test_a_strangers_gaze_moves_as_much_as_it_did(seed: int) -> None:
    """To the degree in the report, and in the mask as far as its own eye lets it."""
    n = 30
    t = np.arange(float(n))
    course = np.stack([12 * np.sin(t / 3), 8 * np.cos(t / 4)], axis=1)
    person = a_moving_person(n, seed=seed)
    person.gaze_deg = np.stack([course, course], axis=1)
    _, mask, eyes = through_the_gate(landmarks_of(person))
    measured = np.stack([eyes.rotation_h_deg, eyes.rotation_v_deg], axis=-1)
    for found, tolerance in ((measured, 0.05), (drawn_gaze_deg(mask), 0.2)):
        for eye in Eye:
            for axis in (0, 1):
                slope = np.polyfit(course[:, axis], found[:, eye, axis], 1)[0]
                assert slope == pytest.approx(1.0, abs=tolerance)
                assert np.corrcoef(course[:, axis], found[:, eye, axis])[0, 1] > 0.98


@pytest.mark.parametrize("seed", [None, 51, 53, 55])
def test_the_iris_stands_between_the_lids_as_it_did(seed: int | None) -> None:
    n = 12
    person = a_moving_person(n, seed=seed)
    t = np.arange(float(n))
    course = np.stack([12 * np.sin(t), 8 * np.cos(t)], axis=1)
    person.gaze_deg = np.stack([course, course], axis=1)
    track = landmarks_of(person)
    fit, mask, _ = through_the_gate(track)
    camera = PerspectiveCamera(focal_px=mask.focal_px, rows=mask.rows, columns=mask.columns)
    for frame in range(n):
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
            plane = iris_plane_mm(MODEL.eyeball_radius_mm, iris_mm)
            centre_mm = surface.eye_centres_mm[eye]
            iris = centre_mm + plane * (mask.gaze[frame, eye] @ pose.rotation)
            ring = surface.vertices_mm[LIDS.ring_vertices[eye]]
            contour_px = camera.project(LIDS.contour(ring), *pose)
            iris_px = camera.project(iris[None], *pose)[0]
            radius_px = iris_mm * camera.focal_px / float(camera.depth_mm(iris, *pose))
            drawn = _place_of_the_iris(contour_px, iris_px, radius_px)
            own_contour = track.eye_contour_px[frame, eye].astype(float)
            own_iris = track.iris_px[frame, eye].astype(float)
            own_radius = fit.iris_diameter_px / 2
            own = _place_of_the_iris(own_contour, own_iris[0], own_radius)
            np.testing.assert_allclose(drawn, own, atol=0.07)  # iris radii; 0.4 mm


def _place_of_the_iris(contour: Array, iris: Array, radius: float) -> Array:
    """From the middle between the corners: towards the inner one, and up; in iris radii."""
    along = contour[8] - contour[0]
    along = along / np.hypot(*along)
    up = up_direction(contour, np.array([0.0, -1.0]))
    offset = iris - contour[[0, 8]].mean(axis=0)
    return np.array([offset @ along, offset @ up]) / radius


# ---------------------------------------------------------------- gaps, photographs, confidence


def test_frames_without_a_face_stay_without_one() -> None:
    track = landmarks_of(a_moving_person(10), missing=(0, 4, 5))
    _, mask, eyes = through_the_gate(track)
    gone = np.isin(np.arange(10), [0, 4, 5])
    np.testing.assert_array_equal(~mask.found, gone)
    np.testing.assert_array_equal(~eyes.found, gone)
    for array in (mask.expression, mask.eyelid_weights, mask.gaze, mask.translation_mm):
        np.testing.assert_array_equal(np.isnan(array.reshape(10, -1)).all(axis=1), gone)
        assert np.isfinite(array[~gone]).all()
    assert np.isnan(eyes.aperture_mm[gone]).all()
    assert not eyes.closed[gone].any()
    assert (eyes.confidence[gone] == 0).all()
    assert (eyes.confidence[~gone] > 0.5).all()


def test_presentation_times_are_kept_from_the_first_frame() -> None:
    times = np.array([7.0, 7.04, 7.1, 7.9])
    _, mask, eyes = through_the_gate(landmarks_of(a_moving_person(4), time_s=times))
    np.testing.assert_allclose(mask.time_s, times - 7.0)
    np.testing.assert_allclose(eyes.time_s, mask.time_s)


def test_a_photograph_keeps_its_lids_and_gaze_and_loses_its_expression() -> None:
    gaze = np.array([[[10.0, 0.0], [10.0, 0.0]]])
    person = Person(
        expression={"mouthSmileLeft": np.array([0.8])},
        lids={"upper_1": np.array([[-3.0, 0.0]])},
        gaze_deg=gaze,
    )
    _, mask, eyes = through_the_gate(landmarks_of(person))
    assert mask.expression.max() == 0.0
    drawn = drawn_aperture_mm(mask)[0]
    assert drawn[Eye.LEFT] - drawn[Eye.RIGHT] == pytest.approx(3.0, abs=0.3)
    np.testing.assert_allclose(drawn, eyes.aperture_mm[0], atol=0.12)
    np.testing.assert_allclose(drawn_gaze_deg(mask)[0, :, 0], 10.0, atol=1.5)


def test_a_fit_without_a_frame_is_refused() -> None:
    fit, _, _ = through_the_gate(landmarks_of(Person(n_frames=2)))
    empty = FitTrack(
        landmarks=fit.landmarks,
        focal_px=fit.focal_px,
        identity=fit.identity,
        rotation_model_to_camera=np.full((2, 3, 3), np.nan),
        translation_mm=np.full((2, 3), np.nan),
        expression=np.full((2, MODEL.n_expression), np.nan),
        residual_px=np.full(2, np.nan),
        iris_diameter_px=fit.iris_diameter_px,
    )
    with pytest.raises(NoFaceToFit):
        pass_gate(empty, MODEL, SETTINGS)


def test_confidence_falls_with_every_reason_for_doubt() -> None:
    best = rate_confidence(presence=1.0, width_px=40, residual_mm=1.0, view_deg=10)
    assert best == 1.0
    for worse in (
        rate_confidence(presence=0.6, width_px=40, residual_mm=1.0, view_deg=10),
        rate_confidence(presence=1.0, width_px=12, residual_mm=1.0, view_deg=10),
        rate_confidence(presence=1.0, width_px=40, residual_mm=4.0, view_deg=10),
        rate_confidence(presence=1.0, width_px=40, residual_mm=1.0, view_deg=60),
    ):
        assert 0 < worse < best
    assert rate_confidence(presence=1.0, width_px=5, residual_mm=1.0, view_deg=10) == 0.0


def test_the_eye_turned_away_is_trusted_less() -> None:
    to_its_left = np.array([[0.0, 40.0, 0.0]])  # its right eye comes forward
    _, _, eyes = through_the_gate(landmarks_of(Person(turn_deg=to_its_left)))
    assert eyes.confidence[0, Eye.RIGHT] > eyes.confidence[0, Eye.LEFT] + 0.2


def test_the_frame_rate_is_nowhere_assumed() -> None:
    person = a_moving_person(8)
    slow, fast = (
        through_the_gate(landmarks_of(person, time_s=np.arange(8.0) * step))[2]
        for step in (FRAME_S, FRAME_S / 4)
    )
    np.testing.assert_allclose(slow.aperture_mm, fast.aperture_mm, atol=1e-9)
