"""Which way is right, up and near."""

import numpy as np

from dmask_node.geometry.camera import PerspectiveCamera

CAMERA = PerspectiveCamera(focal_px=1000.0, rows=481, columns=641)
AHEAD = np.array([0.0, 0.0, 500.0])


def _see(x: float, y: float, z: float) -> np.ndarray:
    return CAMERA.project(np.array([[x, y, z]]), np.eye(3), AHEAD)[0]


def test_the_principal_point_is_the_middle_pixel() -> None:
    np.testing.assert_allclose(_see(0, 0, 0), [320, 240])


def test_a_persons_left_is_on_the_right_of_the_picture() -> None:
    np.testing.assert_allclose(_see(50, 0, 0), [420, 240])


def test_up_is_towards_row_zero() -> None:
    np.testing.assert_allclose(_see(0, 50, 0), [320, 140])


def test_the_nose_is_nearer_and_therefore_larger() -> None:
    assert _see(50, 0, 100)[0] - 320 == 50 * 1000 / 400


def test_a_positive_translation_shifts_right_up_and_away() -> None:
    shifted = CAMERA.project(np.zeros((1, 3)), np.eye(3), np.array([100.0, 100.0, 1000.0]))[0]
    np.testing.assert_allclose(shifted, [420, 140])
