"""Lids and irises are moved by the amount that is told, by every law."""

import numpy as np
import pytest

from dmask_node.training.truth import Line, Spot, opening_of
from dmask_node.training.warps import (
    HELD_OUT,
    TRAINED,
    LidMove,
    PasteLaw,
    move_iris,
    move_lids,
    random_move,
)
from tests.unit.training.eyes import painted_eye

LAWS = [*TRAINED, *HELD_OUT, "paste"]


def law_of(name: str) -> str | PasteLaw:
    return PasteLaw(*painted_eye(9)) if name == "paste" else name


def white_rows(picture: np.ndarray, column: int) -> int:
    """Rows of a column that show eye: white, or the iris in the middle."""
    white = picture[..., 2].astype(int) > 200
    iris = (picture.astype(int).max(axis=2) < 75) & (picture[..., 0] > 50)
    return int((white | iris)[:, column].sum())


def test_the_laws_kept_for_the_test_are_not_among_those_trained_on() -> None:
    assert not set(HELD_OUT) & set(TRAINED)
    assert "paste" not in TRAINED


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("level", [0.3, 0.6])
def test_the_truth_of_a_lowered_lid_is_the_share_told(name: str, level: float) -> None:
    picture, truth = painted_eye()
    _, after = move_lids(
        picture, truth, law_of(name), LidMove(upper=level), np.random.default_rng(1)
    )
    assert opening_of(after) / opening_of(truth) == pytest.approx(1 - level, abs=0.02)
    lower = [np.interp(112, *one.known(Line.LOWER).T) for one in (truth, after)]
    assert lower[1] == pytest.approx(lower[0], abs=0.1)


@pytest.mark.parametrize("name", ["first", "lash", "band", "squeeze", "roll"])
@pytest.mark.parametrize("level", [-0.25, 0.3, 0.6])
def test_the_picture_shows_as_much_white_as_the_truth_tells(name: str, level: float) -> None:
    """Beside the iris, where eye is white, the white rows are those between the told margins."""
    picture, truth = painted_eye()
    after, told = move_lids(picture, truth, name, LidMove(upper=level), np.random.default_rng(1))
    for column in (84, 140):
        upper, lower = (np.interp(column, *told.known(line).T) for line in (Line.UPPER, Line.LOWER))
        assert white_rows(after, column) == pytest.approx(lower - upper, abs=2.6)


@pytest.mark.parametrize("name", LAWS)
def test_skin_far_off_and_the_lower_lid_stay(name: str) -> None:
    picture, truth = painted_eye()
    after, _ = move_lids(picture, truth, law_of(name), LidMove(upper=0.5), np.random.default_rng(1))
    assert np.abs(after[140:].astype(int) - picture[140:]).max() <= 1
    assert np.abs(after[:20].astype(int) - picture[:20]).max() <= 1


def test_the_dark_line_of_the_lashes_goes_with_the_lid() -> None:
    picture, truth = painted_eye()
    after, told = move_lids(
        picture, truth, "lash", LidMove(upper=0.4, lashes=0.0), np.random.default_rng(1)
    )
    margin = np.interp(84, *told.known(Line.UPPER).T)
    column = after[:, 84].astype(int).max(axis=1)
    dark = np.flatnonzero(column < 90)
    assert len(dark) >= 2
    assert abs(dark.max() - margin) < 2.5


def test_an_iris_stays_where_a_lid_covers_it_and_is_unknown_where_the_eye_is_squeezed() -> None:
    picture, truth = painted_eye()
    rng = np.random.default_rng(1)
    _, covered = move_lids(picture, truth, "lash", LidMove(upper=0.5), rng)
    _, squeezed = move_lids(picture, truth, "squeeze", LidMove(upper=0.5), rng)
    assert covered.spots[Spot.IRIS] == pytest.approx(truth.spots[Spot.IRIS])
    assert np.isnan(squeezed.spots[Spot.IRIS]).all()
    assert np.isnan(squeezed.iris).all()
    assert np.isfinite(squeezed.spots[Spot.OUTER]).all()


def test_a_painted_lid_closes_the_eye() -> None:
    picture, truth = painted_eye()
    after, told = move_lids(picture, truth, "paint", LidMove(upper=1.0), np.random.default_rng(1))
    assert opening_of(told) == pytest.approx(0, abs=1e-6)
    assert white_rows(after, 84) <= 1


def test_the_lower_lid_moves_by_its_share() -> None:
    picture, truth = painted_eye()
    move = LidMove(upper=0.0, lower=-0.25)
    after, told = move_lids(picture, truth, "lash", move, np.random.default_rng(1))
    assert opening_of(told) / opening_of(truth) == pytest.approx(0.75, abs=0.02)
    assert white_rows(after, 84) < white_rows(picture, 84) - 3


def test_the_fold_comes_down_with_the_skin_but_less_than_the_margin() -> None:
    picture, truth = painted_eye()
    _, told = move_lids(picture, truth, "lash", LidMove(upper=0.5), np.random.default_rng(1))
    fold = [np.interp(112, *one.known(Line.FOLD).T) for one in (truth, told)]
    margin = [np.interp(112, *one.known(Line.UPPER).T) for one in (truth, told)]
    assert 0 < fold[1] - fold[0] < margin[1] - margin[0]


@pytest.mark.parametrize("shift", [(0.4, 0.0), (-0.3, 0.2)])
def test_an_iris_moves_by_the_told_share_of_its_radius(shift: tuple[float, float]) -> None:
    picture, truth = painted_eye()
    after, told = move_iris(picture, truth, shift)
    assert told.spots[Spot.IRIS] - truth.spots[Spot.IRIS] == pytest.approx(15 * np.array(shift))
    seen = []
    for one in (picture, after):
        rows, columns = np.nonzero(one[78:94, 84:140].max(axis=2) < 140)
        seen.append([columns.mean(), rows.mean()])
    moved = np.subtract(seen[1], seen[0])
    assert moved[0] == pytest.approx(15 * shift[0], abs=1.5)
    assert opening_of(told) == opening_of(truth)


def test_random_moves_of_the_first_law_move_no_lashes_and_the_others_do() -> None:
    rng = np.random.default_rng(0)
    assert all(random_move("first", 0.3, rng).lashes == 0 for _ in range(20))
    lashes = [random_move("lash", 0.3, rng).lashes for _ in range(50)]
    assert min(lashes) < 0.005
    assert max(lashes) > 0.045
