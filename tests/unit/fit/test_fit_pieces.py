"""The parts of the fit, one by one: box, contour, smoothing, pose, gaze, lids, settings."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.optimize import lsq_linear

from dmask_node.errors import Permanent
from dmask_node.fit.box import solve_in_box
from dmask_node.fit.contour import (
    aperture_px,
    close_contour,
    closing_factor,
    eye_width_px,
    lid_gaps_px,
    up_direction,
)
from dmask_node.fit.errors import FitFailed
from dmask_node.fit.eye_corners import transfer_between
from dmask_node.fit.eyelid_fit import fit_eyelids
from dmask_node.fit.gaze import iris_radius_mm, solve_gaze
from dmask_node.fit.normal_equations import transposed_product
from dmask_node.fit.pose import Pose, estimate_pose, is_facelike, refine_pose
from dmask_node.fit.settings import FitSettings
from dmask_node.fit.smoothing import find_segments, smooth, smooth_rotations
from dmask_node.geometry.eyeball import IRIS_RADIUS_MM, gaze_angles_deg, iris_plane_mm
from dmask_node.geometry.eyelids import EyelidModel
from dmask_node.geometry.rotation import rotation_matrix
from dmask_node.models.store import load_morphable_model
from dmask_node.records.anatomy import Eye
from tests.synthetic_face import CAMERA, Person

SETTINGS = FitSettings()
HEAD_UP = np.array([0.0, -1.0])


def _an_eye(upper: float = 6.0, lower: float = 4.0, width: float = 30.0) -> np.ndarray:
    """A contour in pixels, outer corner on the left, with parabolic lids."""
    along = np.linspace(0.0, 1.0, 9)
    bow = 4 * along * (1 - along)
    top = np.stack([width * along, -upper * bow], axis=1)
    bottom = np.stack([width * along, lower * bow], axis=1)[1:-1][::-1]
    return np.concatenate([top, bottom])


# ---------------------------------------------------------------- least squares within bounds


@pytest.mark.parametrize("seed", range(8))
def test_the_box_solution_agrees_with_scipy(seed: int) -> None:
    random = np.random.default_rng(seed)
    matrix, target = random.normal(size=(30, 8)), random.normal(size=30) * 3
    lower, upper = np.full(8, -0.1), np.full(8, 0.15)
    ours = solve_in_box(matrix.T @ matrix, matrix.T @ target, lower, upper)
    theirs = lsq_linear(matrix, target, (lower, upper)).x

    def cost(x: np.ndarray) -> float:
        return float(np.sum((matrix @ x - target) ** 2))

    assert (ours >= lower).all()
    assert (ours <= upper).all()
    assert cost(ours) <= 1.02 * cost(theirs)


def test_without_bounds_the_box_solution_is_plain_least_squares() -> None:
    random = np.random.default_rng(3)
    matrix, target = random.normal(size=(30, 8)), random.normal(size=30)
    unbounded = np.full(8, np.inf)
    ours = solve_in_box(matrix.T @ matrix, matrix.T @ target, -unbounded, unbounded)
    np.testing.assert_allclose(ours, np.linalg.lstsq(matrix, target, rcond=None)[0])


@pytest.mark.parametrize("rows", [5, 78, 100, 936])
def test_a_product_in_blocks_is_the_product(rows: int) -> None:
    random = np.random.default_rng(rows)
    left, right = random.normal(size=(rows, 7)), random.normal(size=(rows, 3))
    np.testing.assert_allclose(transposed_product(left, right), left.T @ right)


# ---------------------------------------------------------------- contours


def test_the_aperture_is_taken_at_the_middle_of_the_lids() -> None:
    contour = _an_eye(upper=6, lower=4)
    up = up_direction(contour, HEAD_UP)
    assert aperture_px(contour, up) == pytest.approx(10.0, rel=0.04)
    assert eye_width_px(contour) == pytest.approx(30.0)
    assert lid_gaps_px(contour, up).max() == pytest.approx(10.0)


@pytest.mark.parametrize("turn_deg", [0, 30, -30, 90, 180])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_aperture_does_not_depend_on_how_the_head_is_held(
    turn_deg: float, mirrored: bool
) -> None:
    turn = rotation_matrix(np.array([0, 0, np.deg2rad(turn_deg)]))[:2, :2]
    contour = _an_eye() * [-1 if mirrored else 1, 1] @ turn.T
    up = up_direction(contour, turn @ HEAD_UP)
    assert aperture_px(contour, up) == pytest.approx(aperture_px(_an_eye(), HEAD_UP))


def test_lids_that_cross_have_a_negative_aperture() -> None:
    contour = _an_eye(upper=-2, lower=1)
    up = up_direction(contour, HEAD_UP)
    assert aperture_px(contour, up) < -0.9
    assert closing_factor(float(lid_gaps_px(contour, up).max()), 1.0, SETTINGS) == 0.0


def test_the_closure_rule_closes_stretches_and_leaves_alone() -> None:
    low, high = SETTINGS.closed_below_mm, SETTINGS.open_above_mm
    fine = 0.1  # mm in a pixel: a large picture, where the millimetres count
    assert closing_factor(low / fine, fine, SETTINGS) == 0.0
    assert closing_factor(high / fine, fine, SETTINGS) == 1.0
    assert closing_factor(9.0 / fine, fine, SETTINGS) == 1.0
    gaps = np.linspace(low, high, 50) / fine
    closed = [gap * closing_factor(gap, fine, SETTINGS) for gap in gaps]
    np.testing.assert_allclose(closed, np.linspace(0, high, 50) / fine, atol=1e-9)


def test_a_slit_finer_than_a_pixel_is_closed_in_a_small_picture() -> None:
    coarse = 2.6  # mm in a pixel: an iris of 4.5 pixels
    assert closing_factor(0.95, coarse, SETTINGS) == 0.0
    assert 0.0 < closing_factor(1.5, coarse, SETTINGS) < 1.0
    assert closing_factor(2.0, coarse, SETTINGS) == 1.0
    assert closing_factor(2.0 * coarse / 0.2, 0.2, SETTINGS) == 1.0  # the same eye, seen large


def test_closing_moves_the_upper_lid_most_and_keeps_the_corners() -> None:
    contour = _an_eye()
    half = close_contour(contour, 0.5)
    np.testing.assert_allclose(half[[0, 8]], contour[[0, 8]])
    np.testing.assert_allclose(lid_gaps_px(half, HEAD_UP), 0.5 * lid_gaps_px(contour, HEAD_UP))
    upper, lower = half[4, 1] - contour[4, 1], contour[12, 1] - half[12, 1]
    assert upper == pytest.approx(lower * 0.65 / 0.35)
    np.testing.assert_allclose(lid_gaps_px(close_contour(contour, 0.0), HEAD_UP), 0, atol=1e-12)


def test_an_eye_is_carried_onto_the_line_of_the_corners_at_the_given_size() -> None:
    contour = _an_eye()
    own = contour[[0, 8]]
    face = np.array([[100.0, 50.0], [140.0, 70.0]])
    carried = transfer_between(own, face, scale=1.2)(contour)
    np.testing.assert_allclose(carried[[0, 8]].mean(axis=0), face.mean(axis=0))
    assert eye_width_px(carried) == pytest.approx(36.0)
    along = (carried[8] - carried[0]) / 36.0
    np.testing.assert_allclose(along, (face[1] - face[0]) / np.hypot(40, 20))
    up = up_direction(carried, HEAD_UP)
    assert aperture_px(carried, up) == pytest.approx(1.2 * aperture_px(contour, HEAD_UP))


# ---------------------------------------------------------------- smoothing


def test_segments_end_at_missing_frames_and_at_gaps_in_time() -> None:
    used = np.array([1, 1, 0, 1, 1, 1], bool)
    time_s = np.array([0, 0.1, 0.2, 0.3, 0.4, 2.0])
    assert find_segments(used, time_s, 0.5) == [slice(0, 2), slice(3, 5), slice(5, 6)]
    assert find_segments(np.zeros(3, bool), np.arange(3.0), 0.5) == []


def test_smoothing_keeps_lines_and_takes_jitter() -> None:
    time_s = np.linspace(0.0, 59 * 0.04, 60)
    noise = np.random.default_rng(0).normal(size=60)
    whole = [slice(0, 60)]
    np.testing.assert_allclose(smooth(3 * time_s, time_s, whole, 1.0), 3 * time_s, atol=1e-9)
    assert smooth(noise, time_s, whole, 1.0)[5:-5].std() < 0.7 * noise[5:-5].std()
    np.testing.assert_array_equal(smooth(noise, time_s, whole, 0.0), noise)


def test_smoothing_never_crosses_a_gap() -> None:
    values = np.array([0.0, 0.0, 0.0, 5.0, 5.0, 5.0])
    time_s = np.linspace(0.0, 0.2, 6)
    apart = smooth(values, time_s, [slice(0, 3), slice(3, 6)], 1.0)
    np.testing.assert_allclose(apart, values)
    assert smooth(values, time_s, [slice(0, 6)], 1.0)[2] > 0.5


def test_smoothing_goes_by_presentation_times() -> None:
    values = np.array([0.0, 0.0, 0.0, 1.0, 0.0])
    near = smooth(values, np.array([0, 0.04, 0.08, 0.09, 0.13]), [slice(0, 5)], 1.0)
    far = smooth(values, np.array([0, 0.04, 0.08, 0.30, 0.34]), [slice(0, 5)], 1.0)
    assert near[2] > 0.3
    assert far[2] < 0.01


def test_smoothed_rotations_are_rotations() -> None:
    turns = np.deg2rad(np.random.default_rng(1).normal([0, 40, 0], 3, (20, 3)))
    series = np.array([rotation_matrix(turn) for turn in turns])
    found = smooth_rotations(series, np.linspace(0.0, 0.76, 20), [slice(0, 20)], 1.0)
    np.testing.assert_allclose(
        found @ found.transpose(0, 2, 1), np.tile(np.eye(3), (20, 1, 1)), atol=1e-12
    )
    middle = rotation_matrix(np.deg2rad([0, 40, 0]))
    assert np.abs(found[5:15] - middle).mean() < 0.8 * np.abs(series[5:15] - middle).mean()


def test_a_photograph_has_nothing_to_smooth() -> None:
    np.testing.assert_array_equal(smooth(np.ones((1, 3)), np.zeros(1), [slice(0, 1)], 1.0), 1.0)


# ---------------------------------------------------------------- pose


def _a_pose() -> Pose:
    return Pose(rotation_matrix(np.deg2rad([8.0, -25.0, 5.0])), np.array([30.0, -20.0, 560.0]))


def test_a_pose_comes_back_from_its_projection() -> None:
    model = load_morphable_model()
    points, truth = model.landmarks(model.mean), _a_pose()
    points_px = CAMERA.project(points, *truth)
    guess = estimate_pose(points, points_px, CAMERA)
    assert np.abs(guess.rotation - truth.rotation).max() < 0.12
    found = refine_pose(points, points_px, guess, CAMERA, 8)
    np.testing.assert_allclose(found.rotation, truth.rotation, atol=1e-6)
    np.testing.assert_allclose(found.translation_mm, truth.translation_mm, atol=1e-3)


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((468, 2)),
        np.full((468, 2), np.nan),
        np.stack([np.linspace(0, 300, 468), np.linspace(0, 100, 468)], axis=1),
        np.random.default_rng(0).normal(0, 0.5, (468, 2)),
    ],
    ids=["one point", "not finite", "a line", "a speck"],
)
def test_what_is_no_face_is_refused_for_good(points: np.ndarray) -> None:
    assert not is_facelike(points)
    model = load_morphable_model()
    with pytest.raises(FitFailed) as caught:
        estimate_pose(model.landmarks(model.mean), points, CAMERA)
    assert isinstance(caught.value, Permanent)
    assert caught.value.reason == "fit_failed"


# ---------------------------------------------------------------- gaze


@pytest.mark.parametrize("eye", list(Eye))
@pytest.mark.parametrize("angles", [(0, 0), (25, 0), (-25, 0), (0, 18), (0, -18), (20, -12)])
def test_a_known_gaze_comes_back(eye: Eye, angles: tuple[float, float]) -> None:
    model = load_morphable_model()
    gaze = np.zeros((1, 2, 2))
    gaze[0, eye] = angles
    now = Person(gaze_deg=gaze, turn_deg=np.array([[5.0, 20.0, -8.0]])).at(
        0, model, EyelidModel.of(model)
    )
    plane = iris_plane_mm(model.eyeball_radius_mm, IRIS_RADIUS_MM)
    iris_px = CAMERA.project(now.iris_points(model.eyeball_radius_mm, eye), *now.pose)
    seen = solve_gaze(iris_px[0], now.centres[eye], plane, now.pose, CAMERA)
    assert seen is not None
    np.testing.assert_allclose(gaze_angles_deg(now.pose.rotation.T @ seen), angles, atol=0.05)
    radius = iris_radius_mm(iris_px, seen, now.centres[eye], plane, now.pose, CAMERA)
    assert radius == pytest.approx(IRIS_RADIUS_MM, rel=0.01)


def test_an_iris_off_the_eyeball_has_no_gaze() -> None:
    model = load_morphable_model()
    pose = Pose(np.eye(3), np.array([0.0, 0.0, 520.0]))
    centre = model.eye_centres()[Eye.LEFT]
    beside = CAMERA.project(centre[None] + [0, 20.0, 0], *pose)[0]
    assert solve_gaze(beside, centre, 10.7, pose, CAMERA) is None


# ---------------------------------------------------------------- eyelids


@pytest.mark.parametrize("eye", list(Eye))
@pytest.mark.parametrize("seed", range(6))
def test_a_known_contour_is_drawn_to_a_fifth_of_a_millimetre(eye: Eye, seed: int) -> None:
    model = load_morphable_model()
    lids = EyelidModel.of(model)
    random = np.random.default_rng(seed)
    truth = random.normal(0, 0.7, lids.n_components) * lids.prior_sd
    truth = np.clip(truth, lids.lower_bound, lids.upper_bound)
    pose = Pose(rotation_matrix(np.deg2rad([4.0, 15.0, 3.0])), np.array([10.0, 5.0, 520.0]))
    base, centre = model.mean[lids.ring_vertices[eye]], model.eye_centres()[eye]

    def contour(weights: np.ndarray) -> np.ndarray:
        skin = lids.surface(weights, eye, base, centre, pose.rotation)
        return CAMERA.project(lids.contour(skin), *pose)

    found = fit_eyelids(lids, eye, contour(truth), base, centre, pose, CAMERA)
    mm_per_px = pose.translation_mm[2] / CAMERA.focal_px
    error_mm = np.linalg.norm(contour(found) - contour(truth), axis=1) * mm_per_px
    assert error_mm.max() < 0.2
    assert (found >= lids.lower_bound).all()
    assert (found <= lids.upper_bound).all()


# ---------------------------------------------------------------- settings


def test_closure_limits_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="closed_below_mm"):
        FitSettings(closed_below_mm=2.5, open_above_mm=2.0)
    with pytest.raises(ValidationError, match="closed_below_px"):
        FitSettings(closed_below_px=3.0)


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError):
        FitSettings(keyframes=3)  # type: ignore[call-arg]
