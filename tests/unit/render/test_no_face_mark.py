"""The picture that says that no face was found."""

import numpy as np
import pytest

from dmask_node.models.store import load_morphable_model
from dmask_node.render.marks import BACKGROUND, draw_no_face
from dmask_node.render.track import render_track
from tests.mask_tracks import a_mask_track

SIZES = [(96, 128), (480, 640), (640, 480), (1080, 1920), (144, 1000)]


@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_mark_and_words_fit_into_the_picture(rows: int, columns: int) -> None:
    picture = draw_no_face(rows, columns).astype(int)
    assert picture.shape == (rows, columns, 3)
    drawn = np.abs(picture - BACKGROUND).max(axis=2) > 20
    edge = np.concatenate([drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]])
    assert not edge.any()
    unit = min(rows, columns) / 100
    words = drawn[round(rows / 2 + 33 * unit) : round(rows / 2 + 45 * unit)]
    assert words.sum() > 100 * unit**2
    # Seven letters and a gap: the row through their middle enters ink at least seven times.
    entered = (np.diff(words.astype(int), axis=1, prepend=0) == 1).sum(axis=1)
    assert entered.max() >= 7


def test_the_stroke_through_the_head_is_of_a_colour_that_the_mask_does_not_have() -> None:
    picture = draw_no_face(480, 640).astype(int)
    orange = (picture[..., 0] - picture[..., 2]) > 120
    mask = next(render_track(a_mask_track(), load_morphable_model(), 480, 640)).astype(int)
    assert orange.sum() > 1000
    assert ((mask[..., 0] - mask[..., 2]) > 120).sum() == 0


def test_frames_without_a_face_show_the_mark_and_no_trace_of_a_face() -> None:
    mask = a_mask_track(3, found=[True, False, True])
    first, second, third = render_track(mask, load_morphable_model(), 240, 320)
    np.testing.assert_array_equal(second, draw_no_face(240, 320))
    np.testing.assert_array_equal(first, third)
    assert (first != second).any(axis=2).mean() > 0.1


def test_a_consumer_that_writes_into_a_frame_does_not_change_the_next() -> None:
    mask = a_mask_track(2, found=[False, False])
    frames = render_track(mask, load_morphable_model(), 240, 320)
    next(frames)[:] = 0
    np.testing.assert_array_equal(next(frames), draw_no_face(240, 320))
