"""The crop lies as told, both ways, and both eyes look alike in it."""

import numpy as np
import pytest

from dmask_node.records.anatomy import Eye
from dmask_node.training.crop import CROP, PLATE, EyeFrame, apply, chain, inverse

OUTER, INNER = np.array([140.0, 118.0]), np.array([199.0, 131.0])


@pytest.mark.parametrize("frame", [CROP, PLATE])
def test_corners_come_to_lie_where_the_frame_wants_them(frame: EyeFrame) -> None:
    matrix = frame.from_picture(OUTER, INNER, Eye.RIGHT)
    assert apply(matrix, OUTER) == pytest.approx(frame.outer_px)
    assert apply(matrix, INNER) == pytest.approx(frame.inner_px)


def test_a_left_eye_is_the_mirrored_right_one() -> None:
    flip = np.array([-1.0, 1.0])
    right = CROP.from_picture(OUTER, INNER, Eye.RIGHT)
    left = CROP.from_picture(OUTER * flip, INNER * flip, Eye.LEFT)
    point = np.array([150.0, 100.0])
    assert apply(left, point * flip) == pytest.approx(apply(right, point))
    assert np.linalg.det(left[:, :2]) < 0 < np.linalg.det(right[:, :2])


def test_what_lies_above_the_eye_is_above_it_in_the_crop_of_either_eye() -> None:
    for eye, outer, inner in ((Eye.RIGHT, OUTER, INNER), (Eye.LEFT, INNER, OUTER)):
        matrix = CROP.from_picture(outer, inner, eye)
        above = (OUTER + INNER) / 2 - [0, 20]
        assert apply(matrix, above)[1] < CROP.outer_px[1] - 10


def test_there_and_back_is_where_one_was() -> None:
    matrix = PLATE.from_picture(OUTER, INNER, Eye.LEFT)
    point = np.array([[3.0, 9.0], [120.0, 40.0]])
    assert apply(inverse(matrix), apply(matrix, point)) == pytest.approx(point)
    assert apply(chain(matrix, inverse(matrix)), point) == pytest.approx(point)


def test_corners_in_one_place_are_refused() -> None:
    with pytest.raises(ValueError, match="coincide"):
        CROP.from_picture(OUTER, OUTER, Eye.RIGHT)


@pytest.mark.parametrize("size", [0.7, 1.0, 2.9, 6.3])
def test_a_cut_shows_each_place_where_the_matrix_puts_it(size: float) -> None:
    """A blob in a picture of any fineness is found at the place that the matrix tells."""
    rows, columns = np.mgrid[: int(300 * size), : int(400 * size)]
    place = np.array([170.0, 120.0]) * size
    blob = np.exp(-((columns - place[0]) ** 2 + (rows - place[1]) ** 2) / (2 * (6 * size) ** 2))
    picture = np.repeat((255 * blob)[..., None], 3, axis=2).astype(np.uint8)
    matrix = CROP.from_picture(OUTER * size, INNER * size, Eye.RIGHT)
    cut = CROP.cut(picture, matrix)[..., 0].astype(float)
    down, across = np.mgrid[: CROP.rows, : CROP.columns]
    seen = np.array([(cut * across).sum(), (cut * down).sum()]) / cut.sum()
    assert cut.shape == (80, 112)
    assert seen == pytest.approx(apply(matrix, place), abs=0.12)
