"""The shipped face model: its sides, its symmetry, its parts."""

import numpy as np
import pytest

from dmask_node.geometry.eyelids import EyelidModel
from dmask_node.geometry.morphable_model import MorphableModel
from dmask_node.models.store import load_morphable_model
from dmask_node.records.anatomy import Eye

FLIP = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def model() -> MorphableModel:
    return load_morphable_model()


def test_the_right_eye_comes_first_and_lies_at_negative_x(model: MorphableModel) -> None:
    assert model.eye_centres()[Eye.RIGHT, 0] < -25
    assert model.eye_centres()[Eye.LEFT, 0] > 25
    for eye, sign in ((Eye.RIGHT, -1), (Eye.LEFT, 1)):
        assert (sign * model.mean[model.rings[eye], 0] > 0).all()
        assert (sign * model.landmarks(model.mean)[model.eye_landmarks[eye], 0] > 0).all()


def test_the_first_landmark_of_an_eye_is_its_outer_corner(model: MorphableModel) -> None:
    at = model.landmarks(model.mean)
    for eye in Eye:
        contour = at[model.eye_landmarks[eye]]
        assert abs(contour[0, 0]) > abs(contour[8, 0]) + 20
        assert contour[4, 1] > contour[12, 1] + 5  # upper lid above lower lid


def test_eye_landmarks_follow_the_face_mesh(model: MorphableModel) -> None:
    assert model.eye_landmarks[Eye.RIGHT, 0] == 33
    assert model.eye_landmarks[Eye.RIGHT, 8] == 133
    assert model.eye_landmarks[Eye.LEFT, 0] == 263
    assert model.eye_landmarks[Eye.LEFT, 8] == 362


def test_the_mean_head_is_its_own_mirror_image(model: MorphableModel) -> None:
    np.testing.assert_allclose(model.mean[model.mirror], model.mean * FLIP, atol=1e-3)
    np.testing.assert_array_equal(model.mirror[model.mirror], np.arange(len(model.mean)))


def test_rings_of_both_eyes_mirror_spoke_by_spoke(model: MorphableModel) -> None:
    np.testing.assert_array_equal(model.mirror[model.rings[Eye.LEFT]], model.rings[Eye.RIGHT])


def test_left_actions_mirror_right_actions(model: MorphableModel) -> None:
    for name in ("eyeBlinkLeft", "mouthSmileLeft", "browDownLeft"):
        left = model.expression_basis[model.expression_names.index(name)]
        right_name = name.replace("Left", "Right")
        right = model.expression_basis[model.expression_names.index(right_name)]
        difference = np.linalg.norm(left[model.mirror] * FLIP - right)
        assert difference < 0.1 * np.linalg.norm(right)  # the assets are not exactly symmetric
        moves = np.linalg.norm(left, axis=1)
        assert model.mean[moves.argmax(), 0] > 0


def test_no_gaze_action_is_left_among_the_43_expressions(model: MorphableModel) -> None:
    assert model.n_expression == 43
    assert not [name for name in model.expression_names if name.startswith(("eyeLook", "tongue"))]


def test_weights_move_the_face_linearly(model: MorphableModel) -> None:
    identity = np.linspace(-1, 1, model.n_identity)
    expression = np.linspace(0, 1, model.n_expression)
    expected = (
        model.mean
        + np.tensordot(identity, model.identity_basis.astype(float), 1)
        + np.tensordot(expression, model.expression_basis.astype(float), 1)
    )
    np.testing.assert_allclose(model.shape(identity, expression), expected, atol=1e-3)
    moved = model.eye_centres(identity) - model.eye_centres()
    np.testing.assert_allclose(moved, np.tensordot(identity, model.eye_centre_basis, 1))


def test_each_eyeball_moves_with_its_own_lids(model: MorphableModel) -> None:
    for eye in Eye:
        lids = model.identity_basis[:, model.rings[eye, 6]].mean(axis=1)  # (components, 3)
        for axis in (0, 1):
            together = np.corrcoef(lids[:, axis], model.eye_centre_basis[:, eye, axis])[0, 1]
            assert together > 0.8


def test_landmark_weights_are_barycentric(model: MorphableModel) -> None:
    np.testing.assert_allclose(model.landmark_weights.sum(axis=1), 1.0)


def test_subdivision_keeps_the_head_in_place(model: MorphableModel) -> None:
    fine = model.subdivision @ model.mean
    np.testing.assert_allclose(fine.min(axis=0), model.mean.min(axis=0), atol=3)
    np.testing.assert_allclose(fine.max(axis=0), model.mean.max(axis=0), atol=3)
    assert model.fine_triangles.max() == len(fine) - 1


def test_triangles_of_the_face_look_outwards(model: MorphableModel) -> None:
    for vertices, triangles in (
        (model.mean, model.triangles),
        (model.subdivision @ model.mean, model.fine_triangles),
    ):
        a, b, c = vertices[triangles].transpose(1, 0, 2)
        normal = np.cross(b - a, c - a)
        forehead = (a[:, 2] > 20) & (a[:, 1] > 40)
        assert (normal[forehead, 2] > 0).mean() > 0.99


def test_the_shared_model_is_read_only(model: MorphableModel) -> None:
    with pytest.raises(ValueError, match="read-only"):
        model.mean[0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        EyelidModel.of(model).basis[0, 0, 0, 0] = 1.0


def test_a_file_with_the_eyes_the_wrong_way_round_is_refused(model: MorphableModel) -> None:
    with pytest.raises(ValueError, match="left eye before the right"):
        MorphableModel.from_arrays({"eye_c": model.eye_centres()})
