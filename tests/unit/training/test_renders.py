"""What is drawn lies where the truth says, and the same seed draws the same eye."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dmask_node.models.store import load_morphable_model
from dmask_node.training.eye_scene import CLOSED, SceneBuilder, SceneSettings
from dmask_node.training.renders import EyeRenderer
from dmask_node.training.truth import Line, Spot, opening_of

MODEL = load_morphable_model()


@pytest.fixture(scope="module")
def build() -> SceneBuilder:
    return SceneBuilder(MODEL)


def settings(**changes: Any) -> SceneSettings:
    plain = SceneSettings(
        identity=np.zeros(MODEL.n_identity),
        expression=np.zeros(MODEL.n_expression),
        yaw_deg=0.0,
        pitch_deg=0.0,
        distance_mm=600.0,
        gaze_deg=(0.0, 0.0),
        lid_shape=np.zeros(14),
        closure=0.0,
        meeting=0.0,
        tilt=0.0,
        fold_mm=4.0,
        boundary_ring=7.0,
        iris_radius_mm=5.85,
        pupil_ratio=0.35,
    )
    return replace(plain, **changes)


@pytest.mark.parametrize("closure", [-0.2, 0.0, 0.4, 0.7])
@pytest.mark.parametrize("yaw", [-20.0, 15.0])
def test_the_margins_are_where_skin_ends(build: SceneBuilder, closure: float, yaw: float) -> None:
    """In the columns of the middle, what is not skin lies between the two told margins."""
    scene = build(settings(closure=closure, yaw_deg=yaw))
    for column in range(130, 205, 12):
        open_rows = np.flatnonzero(scene.skin[:, column] < 0.5)
        upper, lower = (
            np.interp(column, *scene.truth.known(line).T) for line in (Line.UPPER, Line.LOWER)
        )
        assert open_rows.min() == pytest.approx(upper, abs=1.6)
        assert open_rows.max() == pytest.approx(lower, abs=2.2)


@pytest.mark.parametrize("meeting", [0.0, 0.3])
def test_a_closed_eye_is_closed(build: SceneBuilder, meeting: float) -> None:
    scene = build(settings(closure=1.0, meeting=meeting, yaw_deg=10.0))
    assert opening_of(scene.truth) == pytest.approx(0, abs=1e-9)
    assert scene.globe[:, 130:205].mean() < 0.004
    assert CLOSED < 1


def test_closure_takes_its_share_of_the_opening(build: SceneBuilder) -> None:
    openings = [opening_of(build(settings(closure=c)).truth) for c in (0.0, 0.3, 0.6)]
    assert openings[1] / openings[0] == pytest.approx(0.7, abs=0.07)
    assert openings[2] / openings[0] == pytest.approx(0.4, abs=0.07)


@pytest.mark.parametrize("gaze", [(0.0, 0.0), (14.0, -8.0), (-12.0, 6.0)])
def test_the_iris_is_drawn_inside_its_ellipse(
    build: SceneBuilder, gaze: tuple[float, float]
) -> None:
    scene = build(settings(closure=-0.3, gaze_deg=gaze))
    rows, columns = np.nonzero(
        (scene.globe > 0.99) & (scene.on_globe[..., 2] > np.cos(scene.limbus_rad))
    )
    away = np.stack([columns, rows]) - scene.truth.spots[Spot.IRIS][:, None]
    radius = np.linalg.norm(np.linalg.solve(scene.truth.iris, away), axis=0)
    assert 0.97 < radius.max() < 1.04


def test_gaze_towards_the_nose_and_up_moves_the_iris_right_and_up(build: SceneBuilder) -> None:
    ahead, aside, up = (
        build(settings(gaze_deg=gaze)).truth.spots[Spot.IRIS]
        for gaze in ((0.0, 0.0), (15.0, 0.0), (0.0, 12.0))
    )
    assert aside[0] > ahead[0] + 8
    assert up[1] < ahead[1] - 8


def test_the_fold_lies_above_and_the_boundary_below(build: SceneBuilder) -> None:
    truth = build(settings()).truth
    x = np.linspace(120, 215, 12)
    rows = [np.interp(x, *truth.known(line).T) for line in Line]
    assert (rows[Line.FOLD] < rows[Line.UPPER]).all()
    assert (rows[Line.BOUNDARY] > rows[Line.LOWER]).all()


def test_the_same_seed_draws_the_same_eye_and_another_seed_another() -> None:
    draw = EyeRenderer(MODEL)
    (one, truth), (same, told), (other, _) = (draw(np.random.default_rng(s)) for s in (3, 3, 4))
    assert (one == same).all()
    assert truth.known(Line.UPPER) == pytest.approx(told.known(Line.UPPER))
    assert (one != other).any()
    assert one.shape == (160, 224, 3)
    assert truth.spots[[Spot.OUTER, Spot.INNER]] == pytest.approx(
        np.array([[64.0, 88.0], [160.0, 88.0]]), abs=0.05
    )
