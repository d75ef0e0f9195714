"""The upper lid finds the edge in a drawn eye."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dmask_node.landmarks.lid_snap import (
    best_path,
    measure_lid_offset,
    move_upper_lid,
    steady_offsets,
)
from dmask_node.landmarks.scheme import UPPER_LID
from dmask_node.records.anatomy import Eye

WIDTH = 60.0
MIDDLE = np.array([100.0, 70.0])
LASHES = 0.025


def _contour(eye: Eye, height: float, drop: float = 0.0) -> NDArray[np.float64]:
    """An almond, `height` of its width high, its upper lid lowered by `drop` of its width."""
    x = np.linspace(-0.5, 0.5, 9)
    arch = 1 - (2 * x) ** 2
    upper = np.stack([x, -(0.6 * height - drop) * arch], axis=1)
    lower = np.stack([x[1:-1], 0.4 * height * arch[1:-1]], axis=1)[::-1]
    outline = np.vstack([upper, lower])
    outline[:, 0] *= 1 if eye is Eye.RIGHT else -1
    return outline * WIDTH + MIDDLE


def _drawn_eye(eye: Eye, height: float, drop: float) -> NDArray[np.uint8]:
    """Skin, an eye with lashes on its lid, in grey; drawn large, then made smaller."""
    k = 8
    picture = np.full((140 * k, 200 * k), 190, dtype=np.uint8)
    outline = (_contour(eye, height, drop) + 0.5) * k - 0.5
    cv2.fillPoly(picture, [np.round(outline).astype(np.int32)], 225)
    clip = np.zeros_like(picture)
    cv2.fillPoly(clip, [np.round(outline).astype(np.int32)], 1)
    iris = np.zeros_like(picture)
    centre = tuple(np.round((MIDDLE + [0, -0.05 * WIDTH] + 0.5) * k - 0.5).astype(int).tolist())
    cv2.circle(iris, centre, int(0.19 * WIDTH * k), 1, -1)
    picture[(iris & clip) > 0] = 60
    lid = outline[:9] - [0, LASHES * WIDTH * k / 2]
    thickness = int(LASHES * WIDTH * k)
    cv2.polylines(picture, [np.round(lid).astype(np.int32)], False, 40, thickness)
    return cv2.resize(picture, (200, 140), interpolation=cv2.INTER_AREA).astype(np.uint8)


@pytest.mark.parametrize("eye", list(Eye))
@pytest.mark.parametrize("error", [-0.04, 0.0, 0.03, 0.06])
def test_the_lid_is_found_where_it_was_drawn(eye: Eye, error: float) -> None:
    # The network says `error` too low (positive: the true lid lies further down).
    picture = _drawn_eye(eye, 0.36, drop=0.06)
    network = _contour(eye, 0.36, drop=0.06 - error)
    truth = _contour(eye, 0.36, drop=0.06)
    offset = measure_lid_offset(picture, network, eye)
    moved = move_upper_lid(network, offset, eye)
    middle = slice(3, 6)
    np.testing.assert_allclose(moved[middle], truth[middle], atol=0.02 * WIDTH)


def test_corners_and_lower_lid_stay() -> None:
    network = _contour(Eye.RIGHT, 0.36)
    moved = move_upper_lid(network, np.full(7, 0.05), Eye.RIGHT)
    kept = np.r_[0, 8:16]
    np.testing.assert_array_equal(moved[kept], network[kept])
    np.testing.assert_allclose(moved[UPPER_LID, 1] - network[UPPER_LID, 1], 0.05 * WIDTH)


def test_a_closed_eye_is_left_alone() -> None:
    for height in (0.05, 0.0, -0.03):
        closed = _contour(Eye.LEFT, height)
        assert np.isnan(measure_lid_offset(_drawn_eye(Eye.LEFT, 0.3, 0.0), closed, Eye.LEFT)).all()
        np.testing.assert_array_equal(move_upper_lid(closed, np.full(7, 0.05), Eye.LEFT), closed)


def test_a_blink_has_no_jump_at_the_gates() -> None:
    heights = np.linspace(0.0, 0.4, 401)
    lids = []
    for height in heights:
        moved = move_upper_lid(_contour(Eye.RIGHT, height), np.full(7, -0.03), Eye.RIGHT)
        lids.append((moved[12, 1] - moved[4, 1]) / WIDTH)
    steps = np.diff(lids)
    assert steps.min() >= 0  # opening never reads as closing
    assert steps.max() < 3 * np.diff(heights).max()


def test_the_lid_is_never_put_below_the_lower_one() -> None:
    network = _contour(Eye.RIGHT, 0.17)
    moved = move_upper_lid(network, np.full(7, 0.5), Eye.RIGHT)
    assert (moved[UPPER_LID, 1] <= network[9:16, 1][::-1] + 1e-9).all()


def test_a_picture_too_blurred_to_tell_moves_nothing() -> None:
    picture = cv2.GaussianBlur(_drawn_eye(Eye.RIGHT, 0.36, 0.06), (0, 0), 9)
    offset = measure_lid_offset(picture.astype(np.uint8), _contour(Eye.RIGHT, 0.36), Eye.RIGHT)
    np.testing.assert_array_equal(offset, 0)


def test_a_flat_picture_moves_nothing() -> None:
    flat = np.full((140, 200), 128, dtype=np.uint8)
    np.testing.assert_array_equal(
        measure_lid_offset(flat, _contour(Eye.LEFT, 0.36), Eye.LEFT), np.zeros(7)
    )


def test_the_best_path_is_the_best_of_all_paths() -> None:
    rng = np.random.default_rng(4)
    strength = rng.normal(size=(6, 4))
    best, best_worth = None, -np.inf
    for code in range(4**6):
        path = [(code // 4**k) % 4 for k in range(6)]
        steps = np.abs(np.diff(path))
        if steps.max() > 2:
            continue
        worth = sum(strength[k, state] for k, state in enumerate(path)) - 0.3 * steps.sum()
        if worth > best_worth:
            best, best_worth = path, worth
    assert best_path(strength, 0.3).tolist() == best


def test_one_frame_astray_is_outvoted_and_gaps_are_bridged() -> None:
    times_s = np.arange(20) / 25
    offsets = np.full((20, 2, 7), 0.02)
    offsets[8, 0] = 0.1
    offsets[12, 1] = np.nan
    np.testing.assert_allclose(steady_offsets(offsets, times_s), 0.02)


def test_frames_far_apart_do_not_vote_for_each_other() -> None:
    offsets = np.array([0.0, 0.05, 0.1])[:, None]
    np.testing.assert_array_equal(steady_offsets(offsets, np.array([0.0, 1.0, 2.0])), offsets)


def test_where_nothing_was_measured_nothing_is_moved() -> None:
    never = np.full((5, 2, 7), np.nan)
    np.testing.assert_array_equal(steady_offsets(never, np.arange(5) / 25), 0)
    assert steady_offsets(np.empty((0, 2, 7)), np.empty(0)).shape == (0, 2, 7)
