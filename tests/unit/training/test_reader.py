"""What the network says of a crop comes to lie in the picture, with a probability."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dmask_node.records.anatomy import Eye
from dmask_node.training.crop import COLUMNS, CROP, apply
from dmask_node.training.reader import TOLERANCE, Calibration, decode, within
from dmask_node.training.truth import Line, Spot

OUTER, INNER = np.array([220.0, 100.0]), np.array([156.0, 100.0])  # a left eye, 64 px wide


def said(**changes: object) -> dict[str, NDArray[np.float32]]:
    rows = np.stack([np.full(56, row) for row in (30.0, 52.0, 20.0, 64.0)])
    plain = {
        "line_rows": rows,
        "line_scale": np.full((4, 56), 0.5),
        "points": np.array([[24.0, 44.0], [88.0, 44.0], [50.0, 42.0], [51.0, 42.0]]),
        "point_scale": np.full(4, 0.5),
        "line_present": np.array([1.0, 1.0, 0.5, 0.0]),
        "iris_shape": np.array([13.0, 0.0, 12.0]),
        "shares": np.array([0.4, 0.33, 0.9]),
    }
    return {name: np.asarray(value, np.float32) for name, value in (plain | changes).items()}


@pytest.fixture
def to_crop() -> NDArray[np.float64]:
    return CROP.from_picture(OUTER, INNER, Eye.LEFT)


def test_lines_and_points_lie_in_the_picture_mirrored_back(to_crop: NDArray[np.float64]) -> None:
    eye = decode(said(), to_crop, Calibration())
    assert eye.spots[Spot.OUTER] == pytest.approx(OUTER)
    assert eye.spots[Spot.IRIS] == pytest.approx([220 - 26, 98])
    upper = eye.lines[Line.UPPER]
    assert upper[0] == pytest.approx(OUTER)
    assert upper[-1] == pytest.approx(INNER)
    assert upper[1:-1, 1] == pytest.approx(np.full(len(upper) - 2, 86))
    assert (np.diff(upper[:, 0]) < 0).all()


def test_lines_end_at_the_corners(to_crop: NDArray[np.float64]) -> None:
    eye = decode(said(), to_crop, Calibration())
    inside = ((COLUMNS > 24) & (COLUMNS < 88)).sum()
    assert len(eye.lines[Line.FOLD]) == inside
    assert len(eye.lines[Line.UPPER]) == inside + 2


def test_the_opening_is_told_in_widths_of_the_eye(to_crop: NDArray[np.float64]) -> None:
    eye = decode(said(), to_crop, Calibration())
    assert eye.opening == pytest.approx(22 / 64)
    assert eye.opening_seen == pytest.approx(0.33)
    assert eye.visibility == pytest.approx(0.9)


def test_lids_that_cross_have_a_negative_opening(to_crop: NDArray[np.float64]) -> None:
    crossed = said()
    crossed["line_rows"][Line.UPPER] = 54
    assert decode(crossed, to_crop, Calibration()).opening == pytest.approx(-2 / 64)


def test_a_confidence_is_the_chance_to_be_there_and_near(to_crop: NDArray[np.float64]) -> None:
    eye = decode(said(), to_crop, Calibration())
    near = 1 - np.exp(-TOLERANCE * 64 / 0.5)
    assert eye.line_confidence[Line.UPPER] == pytest.approx(near)
    assert eye.line_confidence[Line.FOLD] == pytest.approx(near / 2)
    assert eye.line_confidence[Line.BOUNDARY] == pytest.approx(0)
    assert eye.spot_confidence == pytest.approx(near)


def test_calibration_makes_confidences_smaller_where_errors_were_larger(
    to_crop: NDArray[np.float64],
) -> None:
    plain = decode(said(), to_crop, Calibration())
    wider = Calibration(lines=(3.0, 1.0, 1.0, 1.0), spots=(1.0, 1.0, 2.0, 1.0))
    eye = decode(said(), to_crop, wider)
    assert (eye.line_confidence[Line.UPPER] < plain.line_confidence[Line.UPPER]).all()
    assert eye.line_confidence[Line.LOWER] == pytest.approx(plain.line_confidence[Line.LOWER])
    assert eye.spot_confidence[Spot.IRIS] < plain.spot_confidence[Spot.IRIS]


def test_half_of_laplace_errors_lie_within_the_scale_times_the_logarithm_of_two() -> None:
    assert within(np.log(2), np.array([1.0, 1e-9])) == pytest.approx([0.5, 1.0])


def test_the_rim_of_the_iris_is_carried_along(to_crop: NDArray[np.float64]) -> None:
    eye = decode(said(iris_shape=[13.0, 2.0, 12.0]), to_crop, Calibration())
    angle = np.linspace(0, 2 * np.pi, 40)
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    in_crop = np.array([50.0, 42.0]) + unit @ np.array([[13.0, 2.0], [2.0, 12.0]])
    there = apply(to_crop, eye.spots[Spot.IRIS] + unit @ eye.iris)
    back = np.linalg.solve([[13.0, 2.0], [2.0, 12.0]], (there - [50.0, 42.0]).T)
    assert np.linalg.norm(back, axis=0) == pytest.approx(np.ones(40), abs=1e-5)
    assert in_crop.shape == there.shape
