"""Lids move where they should, rest on the eyeball, and fold."""

import numpy as np
import pytest

from dmask_node.geometry.eyelids import LID_ACTIONS, EyelidModel, add_fold
from dmask_node.geometry.mask_surface import mask_surface
from dmask_node.geometry.morphable_model import MorphableModel
from dmask_node.geometry.rotation import rotation_matrix
from dmask_node.models.store import load_morphable_model
from dmask_node.records.anatomy import Eye

FLIP = np.array([-1.0, 1.0, 1.0])
UPPER, LOWER = 4, 12  # middle of the lids among the 16 contour points


@pytest.fixture(scope="module")
def model() -> MorphableModel:
    return load_morphable_model()


@pytest.fixture(scope="module")
def lids(model: MorphableModel) -> EyelidModel:
    return EyelidModel.of(model)


def _surface(
    model: MorphableModel,
    lids: EyelidModel,
    eye: Eye,
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0),
    /,
    **w: float,
) -> np.ndarray:
    weights = np.zeros(lids.n_components)
    for name, value in w.items():
        weights[lids.names.index(name)] = value
    rotation = rotation_matrix(np.array(turn))
    base = model.mean[lids.ring_vertices[eye]]
    return lids.surface(weights, eye, base, model.eye_centres()[eye], rotation)


def test_seventeen_weights_move_an_eye(lids: EyelidModel) -> None:
    assert lids.n_components == 17
    assert lids.names[-3:] == LID_ACTIONS


def test_both_eyes_move_as_mirror_images(model: MorphableModel, lids: EyelidModel) -> None:
    for name in lids.names:
        right = lids.contour(_surface(model, lids, Eye.RIGHT, **{name: 0.7}))
        left = lids.contour(_surface(model, lids, Eye.LEFT, **{name: 0.7}))
        np.testing.assert_allclose(right, left * FLIP, atol=0.02, err_msg=name)


@pytest.mark.parametrize("eye", list(Eye))
def test_a_mode_of_one_millimetre_moves_its_lid_by_one(
    model: MorphableModel, lids: EyelidModel, eye: Eye
) -> None:
    rest = lids.contour(_surface(model, lids, eye))
    raised = lids.contour(_surface(model, lids, eye, upper_1=1.0))
    assert raised[UPPER, 1] - rest[UPPER, 1] == pytest.approx(1.0, abs=0.05)
    assert raised[LOWER, 1] == pytest.approx(rest[LOWER, 1], abs=1e-6)
    lowered = lids.contour(_surface(model, lids, eye, lower_1=-1.0))
    assert lowered[LOWER, 1] - rest[LOWER, 1] == pytest.approx(-1.0, abs=0.05)
    assert lowered[UPPER, 1] == pytest.approx(rest[UPPER, 1], abs=1e-6)


@pytest.mark.parametrize("eye", list(Eye))
def test_a_full_blink_shuts_the_eye(model: MorphableModel, lids: EyelidModel, eye: Eye) -> None:
    def gap(**weights: float) -> float:
        contour = lids.contour(_surface(model, lids, eye, **weights))
        return float(contour[UPPER, 1] - contour[LOWER, 1])

    assert gap() > 8
    assert gap(eyeBlink=1.0) < 0.2 * gap()
    assert gap(eyeWide=1.0) > gap() + 0.5


@pytest.mark.parametrize("eye", list(Eye))
@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (0.1, 0.5, 0.0)])
def test_the_lids_never_sink_into_the_eyeball(
    model: MorphableModel, lids: EyelidModel, eye: Eye, turn: tuple[float, float, float]
) -> None:
    for weights in ({"eyeBlink": 1.0}, {"eyeSquint": 1.0}, {"upper_1": -5.0}, {"lower_1": 3.0}):
        skin = _surface(model, lids, eye, turn, **weights)
        distance = np.linalg.norm(skin - model.eye_centres()[eye], axis=1).reshape(11, 28)
        assert (distance[2:] > model.eyeball_radius_mm + 0.1).all(), weights


def test_contact_moves_along_the_line_of_sight_only(
    model: MorphableModel, lids: EyelidModel
) -> None:
    turn = np.array([0.2, 0.3, 0.0])
    rotation = rotation_matrix(turn)
    eye, weights = Eye.LEFT, np.zeros(17)
    weights[lids.names.index("eyeBlink")] = 0.8
    base = model.mean[lids.ring_vertices[eye]]
    free = base + np.tensordot(weights, lids.basis[eye], 1)
    touching = lids.surface(weights, eye, base, model.eye_centres()[eye], rotation)
    shift = ((touching - free) @ rotation.T).reshape(11, 28, 3)[:3]
    assert np.abs(shift[..., :2]).max() < 1e-9
    assert np.abs(shift[..., 2]).max() > 0.1


def test_the_fold_leaves_the_margin_and_the_lower_lid_alone(
    model: MorphableModel, lids: EyelidModel
) -> None:
    skin = _surface(model, lids, Eye.LEFT)
    folded, shade = add_fold(skin, model.eye_centres()[Eye.LEFT], 10.0)
    np.testing.assert_allclose(lids.contour(folded), lids.contour(skin), atol=1e-9)
    moved = np.linalg.norm(folded - skin, axis=1).reshape(11, 28)
    assert moved[:, 8:22].max() == 0.0
    assert 0.5 < moved.max() < 1.5
    assert 0.5 < shade.max() <= 1.0


def test_the_fold_flattens_as_the_eye_closes(model: MorphableModel, lids: EyelidModel) -> None:
    skin = _surface(model, lids, Eye.RIGHT)

    def depth(aperture_mm: float) -> float:
        folded, _ = add_fold(skin, model.eye_centres()[Eye.RIGHT], aperture_mm)
        return float(np.linalg.norm(folded - skin, axis=1).max())

    assert depth(9.0) > 1.5 * depth(4.0) > 2.0 * depth(0.5) > 0


def test_the_mask_surface_takes_the_lids_from_their_own_weights(
    model: MorphableModel, lids: EyelidModel
) -> None:
    blinking = np.zeros(model.n_expression)
    blinking[model.expression_names.index("eyeBlinkRight")] = 1.0
    open_weights = np.zeros((2, 17))
    surface = mask_surface(model, lids, blinking, open_weights, np.eye(3), 5.85)
    contour = lids.contour(surface.vertices_mm[lids.ring_vertices[Eye.RIGHT]])
    assert contour[UPPER, 1] - contour[LOWER, 1] > 8

    shut_right = open_weights.copy()
    shut_right[Eye.RIGHT, lids.names.index("eyeBlink")] = 1.0
    surface = mask_surface(model, lids, np.zeros(43), shut_right, np.eye(3), 5.85)
    gaps = []
    for eye in Eye:
        contour = lids.contour(surface.vertices_mm[lids.ring_vertices[eye]])
        gaps.append(contour[UPPER, 1] - contour[LOWER, 1])
    assert gaps[Eye.RIGHT] < 2 < 8 < gaps[Eye.LEFT]
    np.testing.assert_array_equal(surface.eye_centres_mm, model.eye_centres())


def test_an_eye_drawn_larger_folds_as_one_of_ordinary_size(
    model: MorphableModel, lids: EyelidModel
) -> None:
    weights = np.zeros((2, 17))
    weights[:, lids.names.index("upper_1")] = -6.0

    def shade(iris_mm: float) -> float:
        at_rest = np.zeros(model.n_expression)
        surface = mask_surface(model, lids, at_rest, weights, np.eye(3), iris_mm)
        return float(surface.fold_shade.max())

    assert shade(4.5) > 1.3 * shade(7.0)  # a small iris beside the same gap: a wider eye


def test_the_mask_surface_shows_the_expression(model: MorphableModel, lids: EyelidModel) -> None:
    jaw = np.zeros(model.n_expression)
    jaw[model.expression_names.index("jawOpen")] = 0.5
    surface = mask_surface(model, lids, jaw, np.zeros((2, 17)), np.eye(3), 5.85)
    expected = model.shape(expression=jaw)
    outside = np.setdiff1d(np.arange(len(model.mean)), lids.ring_vertices)
    np.testing.assert_allclose(surface.vertices_mm[outside], expected[outside], atol=1e-9)
