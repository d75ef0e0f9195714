"""The sheet of original and mask that a person looks at."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dmask_node.demo.contact_sheet import (
    choose_frames,
    contact_sheet,
    deepest_closure,
    label_frames,
)
from dmask_node.records.masked import EyeTrack


def eyes_with(aperture_mm: NDArray[np.float64]) -> EyeTrack:
    n = len(aperture_mm)
    both = np.repeat(aperture_mm[:, None], 2, axis=1)
    return EyeTrack(
        time_s=np.arange(n) / 25,
        aperture_mm=both,
        rotation_h_deg=both,
        rotation_v_deg=both,
        closed=both < 1,
        confidence=np.ones((n, 2)),
        found=np.isfinite(aperture_mm),
        iris_diameter_px=20.0,
    )


def test_frames_are_spread_over_the_clip_and_one_shows_the_deepest_closure() -> None:
    aperture_mm = np.full(120, 9.0)
    aperture_mm[52:56] = [3.0, 0.5, 0.2, 4.0]
    eyes = eyes_with(aperture_mm)
    chosen = choose_frames(eyes)
    assert deepest_closure(eyes) == 54
    assert 54 in chosen
    assert len(chosen) == len(set(chosen)) == 6
    assert chosen == sorted(chosen)
    assert chosen[0] == 0
    assert chosen[-1] == 119
    assert np.diff(chosen).max() < 40


@pytest.mark.parametrize("deepest", [0, 1, 7, 118, 119])
def test_the_deepest_closure_is_shown_wherever_it_lies(deepest: int) -> None:
    aperture_mm = np.full(120, 9.0)
    aperture_mm[deepest] = 0.0
    assert deepest in choose_frames(eyes_with(aperture_mm))


def test_frames_without_a_face_are_not_chosen() -> None:
    aperture_mm = np.full(60, 9.0)
    aperture_mm[:20] = np.nan
    aperture_mm[50:] = np.nan
    chosen = choose_frames(eyes_with(aperture_mm))
    assert min(chosen) == 20
    assert max(chosen) == 49


def test_a_short_clip_is_shown_whole_and_a_clip_without_a_face_too() -> None:
    assert choose_frames(eyes_with(np.array([9.0, 8.0, 9.0]))) == [0, 1, 2]
    assert len(choose_frames(eyes_with(np.full(50, np.nan)))) == 6


def test_the_blink_is_named_and_only_the_blink() -> None:
    aperture_mm = np.full(120, 9.0)
    aperture_mm[50] = 0.3
    assert label_frames(eyes_with(aperture_mm), [0, 50, 119]) == [
        "0.00 s",
        "2.00 s, blink",
        "4.76 s",
    ]
    aperture_mm[50] = 8.0
    assert label_frames(eyes_with(aperture_mm), [0, 50]) == ["0.00 s", "2.00 s"]
    assert label_frames(eyes_with(np.full(3, np.nan)), [0, 1]) == ["0.00 s", "0.04 s"]


def coloured(shade: int, rows: int = 144, columns: int = 176) -> NDArray[np.uint8]:
    return np.full((rows, columns, 3), (shade, 0, 255 - shade), np.uint8)


def test_each_original_stands_left_of_its_mask() -> None:
    originals = [coloured(10 * i) for i in range(6)]
    masks = [coloured(100 + 10 * i, 576, 704) for i in range(6)]
    sheet = contact_sheet(originals, masks, [f"{i} s" for i in range(6)])
    assert sheet.dtype == np.uint8
    for i in range(6):
        places = [
            np.argwhere((sheet == frame[0, 0]).all(axis=2)) for frame in (originals[i], masks[i])
        ]
        left, right = (place.mean(axis=0) for place in places)
        assert left[0] == pytest.approx(right[0])
        assert 350 < right[1] - left[1] < 500


def test_every_pair_has_its_label() -> None:
    frames = [coloured(0)] * 2
    plain = contact_sheet(frames, frames, ["", ""])
    labelled = contact_sheet(frames, frames, ["1.20 s, blink", "2.40 s"])
    columns = np.flatnonzero((plain != labelled).any(axis=(0, 2)))
    middle = plain.shape[1] // 2
    assert (columns < middle).any()
    assert (columns > middle).any()


def test_frames_of_any_shape_are_shown_whole_and_undistorted() -> None:
    tall, wide = coloured(50, 800, 200), coloured(90, 200, 1600)
    sheet = contact_sheet([tall], [wide], ["0 s"])
    for frame in (tall, wide):
        rows, columns = np.nonzero((sheet == frame[0, 0]).all(axis=2))
        shape = (np.ptp(columns) + 1) / (np.ptp(rows) + 1)
        assert shape == pytest.approx(frame.shape[1] / frame.shape[0], rel=0.05)


def test_both_are_cut_to_where_the_mask_is() -> None:
    original = np.zeros((144, 176, 3), np.uint8)
    original[:, :60] = (0, 255, 0)
    original[40:100, 90:140] = (255, 0, 0)
    mask = np.full((576, 704, 3), 35, np.uint8)
    mask[160:400, 360:560] = (0, 0, 255)
    sheet = contact_sheet([original], [mask], ["0 s"]).astype(int)
    red = (sheet[..., 0] > 200) & (sheet[..., 1] < 50) & (sheet[..., 2] < 50)
    blue = (sheet[..., 2] > 200) & (sheet[..., 0] < 50) & (sheet[..., 1] < 50)
    green = (sheet[..., 1] > 200) & (sheet[..., 0] < 50) & (sheet[..., 2] < 50)
    assert green.sum() == 0
    assert red.sum() == pytest.approx(blue.sum(), rel=0.1)
    # At least half of the height of a tile.
    assert np.ptp(np.flatnonzero(red.any(axis=1))) > 150


def test_unequal_numbers_of_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="1 originals, 2 masks and 1 labels"):
        contact_sheet([coloured(0)], [coloured(0)] * 2, ["0 s"])
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([], [], [])
