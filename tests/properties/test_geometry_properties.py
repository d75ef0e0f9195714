"""Laws of rotations, cameras and gaze."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from numpy.typing import NDArray

from dmask_node.geometry.camera import PerspectiveCamera
from dmask_node.geometry.eyeball import gaze_angles_deg, gaze_direction
from dmask_node.geometry.rotation import listing_rotation, nearest_rotation, rotation_matrix

angles = st.floats(-3.0, 3.0)
vectors = st.tuples(angles, angles, angles).map(np.array)
small_vectors = st.tuples(*[st.floats(-0.7, 0.7)] * 3).map(np.array)
seeds = st.integers(0, 2**32 - 1)


@given(vectors)
def test_a_rotation_keeps_lengths_and_hands(vector: NDArray[np.float64]) -> None:
    matrix = rotation_matrix(vector)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) > 0.999


@given(vectors)
def test_a_rotation_turns_by_its_angle_about_its_axis(vector: NDArray[np.float64]) -> None:
    matrix, angle = rotation_matrix(vector), float(np.linalg.norm(vector))
    np.testing.assert_allclose(matrix @ vector, vector, atol=1e-9)
    np.testing.assert_allclose(np.trace(matrix), 1 + 2 * np.cos(angle), atol=1e-9)


@given(vectors, seeds)
def test_the_nearest_rotation_of_a_disturbed_rotation_is_near(
    vector: NDArray[np.float64], seed: int
) -> None:
    matrix = rotation_matrix(vector)
    disturbed = 1.7 * matrix + np.random.default_rng(seed).normal(0, 1e-3, (3, 3))
    found = nearest_rotation(disturbed)
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(found, matrix, atol=5e-3)


@given(st.floats(-80, 80), st.floats(-80, 80))
def test_gaze_angles_come_back(horizontal: float, vertical: float) -> None:
    direction = gaze_direction(horizontal, vertical)
    np.testing.assert_allclose(np.linalg.norm(direction), 1.0)
    np.testing.assert_allclose(gaze_angles_deg(direction), [horizontal, vertical], atol=1e-9)


@given(st.floats(-80, 80), st.floats(-80, 80))
def test_listing_takes_the_eye_to_its_gaze_without_torsion(h: float, v: float) -> None:
    gaze = gaze_direction(h, v)
    matrix = listing_rotation(gaze)
    np.testing.assert_allclose(matrix @ [0, 0, 1], gaze, atol=1e-12)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    # no torsion: the axis of rotation lies in the plane of the primary position
    skew = matrix - matrix.T
    assert abs(skew[1, 0]) < 1e-12


@given(small_vectors, seeds)
def test_jacobians_agree_with_finite_differences(turn: NDArray[np.float64], seed: int) -> None:
    random = np.random.default_rng(seed)
    camera = PerspectiveCamera(focal_px=960.0, rows=480, columns=640)
    points = random.normal(0, 40, (5, 3))
    rotation = rotation_matrix(turn)
    translation = np.array([*random.normal(0, 30, 2), random.uniform(400, 900)])
    at = camera.project_with_jacobians(points, rotation, translation)
    np.testing.assert_allclose(at.points_px, camera.project(points, rotation, translation))
    h = 1e-5
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = h
        for analytic, ahead, behind in (
            (
                at.by_point,
                camera.project(points + step, rotation, translation),
                camera.project(points - step, rotation, translation),
            ),
            (
                at.by_rotation,
                camera.project(points, rotation_matrix(step) @ rotation, translation),
                camera.project(points, rotation_matrix(-step) @ rotation, translation),
            ),
            (
                at.by_translation,
                camera.project(points, rotation, translation + step),
                camera.project(points, rotation, translation - step),
            ),
        ):
            numeric = (ahead - behind) / (2 * h)
            np.testing.assert_allclose(analytic[:, :, axis], numeric, rtol=1e-4, atol=1e-4)


@given(small_vectors, seeds)
def test_a_point_lies_on_its_own_sight_line(turn: NDArray[np.float64], seed: int) -> None:
    random = np.random.default_rng(seed)
    camera = PerspectiveCamera(focal_px=700.0, rows=400, columns=500)
    point = random.normal(0, 40, 3)
    rotation, translation = rotation_matrix(turn), np.array([10.0, -20.0, 500.0])
    in_camera = rotation @ point + [translation[0], translation[1], -translation[2]]
    line = camera.sight_line(camera.project(point[None], rotation, translation)[0])
    np.testing.assert_allclose(np.cross(line, in_camera), 0, atol=1e-6)
    assert line @ in_camera > 0
    np.testing.assert_allclose(camera.depth_mm(point, rotation, translation), -in_camera[2])
