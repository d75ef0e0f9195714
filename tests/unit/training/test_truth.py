"""What is true of an eye stays true when it is moved, and comes into arrays as it is."""

import numpy as np
import pytest

from dmask_node.training.crop import COLUMNS, CROP, apply
from dmask_node.training.truth import (
    EyeTruth,
    Line,
    Spot,
    on_columns,
    opening_of,
    smooth_line,
    symmetric_root,
)


def arch(height: float) -> np.ndarray:
    x = np.linspace(CROP.outer_px[0], CROP.inner_px[0], 41)
    return np.column_stack([x, 44 - height * np.sin(np.pi * (x - x[0]) / (x[-1] - x[0]))])


def eye(upper: float = 14.0, lower: float = -8.0) -> EyeTruth:
    return EyeTruth(
        lines=(arch(upper), arch(lower), None, np.zeros((0, 2))),
        spots=np.array([CROP.outer_px, CROP.inner_px, (55.0, 42.0), (55.5, 42.0)]),
        iris=np.diag([13.0, 12.0]),
        pupil_ratio=0.4,
        visibility=1.0,
    )


def test_lines_are_told_at_each_column_between_the_corners_only() -> None:
    said = on_columns(eye())
    inside = (COLUMNS > 24) & (COLUMNS < 88)
    assert np.isfinite(said.heights[Line.UPPER, inside]).all()
    assert np.isnan(said.heights[:, ~inside]).all()
    top = said.heights[Line.UPPER, np.abs(COLUMNS - 56).argmin()]
    assert top == pytest.approx(30, abs=0.05)


def test_an_absent_line_is_told_from_an_unknown_one() -> None:
    said = on_columns(eye())
    assert said.present[Line.UPPER] == 1
    assert said.present[Line.BOUNDARY] == 0
    assert np.isnan(said.present[Line.FOLD])
    assert np.isnan(said.heights[[Line.FOLD, Line.BOUNDARY]]).all()


def test_the_opening_is_a_share_of_the_width_and_has_a_sign() -> None:
    assert opening_of(eye(14, -8)) == pytest.approx(22 / 64, rel=0.08)
    assert opening_of(eye(-3, -3)) == pytest.approx(0)
    assert opening_of(eye(-6, -3)) < 0


def test_an_opening_does_not_change_with_size_or_place() -> None:
    matrix = np.array([[2.0, 0.0, 7.0], [0.0, 2.0, -3.0]])
    assert opening_of(eye().moved(matrix)) == pytest.approx(opening_of(eye()))


def test_the_rim_of_the_iris_moves_with_the_eye() -> None:
    turn = np.radians(25)
    linear = 1.7 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = np.column_stack([linear, [4.0, 9.0]])
    circle = np.linspace(0, 2 * np.pi, 50, endpoint=False)
    unit = np.column_stack([np.cos(circle), np.sin(circle)])
    before = eye()
    rim = apply(matrix, before.spots[Spot.IRIS] + unit @ before.iris)
    after = before.moved(matrix)
    back = np.linalg.solve(after.iris, (rim - after.spots[Spot.IRIS]).T)
    assert np.linalg.norm(back, axis=0) == pytest.approx(np.ones(50))


def test_an_unknown_iris_stays_unknown() -> None:
    assert np.isnan(symmetric_root(np.full((2, 2), np.nan))).all()


def test_a_smooth_line_keeps_its_ends_and_goes_through_its_points() -> None:
    points = np.array([[0.0, 0.0], [10.0, 6.0], [20.0, 8.0], [30.0, 5.0]])
    line = smooth_line(points, 301)
    assert line[[0, -1]] == pytest.approx(points[[0, -1]])
    for point in points:
        assert np.linalg.norm(line - point, axis=1).min() < 0.1
