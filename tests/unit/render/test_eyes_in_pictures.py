"""The eye survives: what the track says of lids and gaze is what the pixels show."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dmask_node.geometry.eyeball import iris_plane_mm
from dmask_node.models.store import load_morphable_model
from dmask_node.records.anatomy import Eye
from dmask_node.records.masked import MaskTrack
from dmask_node.render.eyes import LIMBUS, SCLERA, light_eyeball, paint_eyeball
from dmask_node.render.track import render_track
from tests.mask_tracks import a_mask_track, eye_centre_px

OPEN = {Eye.RIGHT: {"eyeWide": 0.8}, Eye.LEFT: {"eyeWide": 0.8}}


def picture_of(mask: MaskTrack) -> NDArray[np.uint8]:
    return next(render_track(mask, load_morphable_model(), mask.rows, mask.columns))


def px_per_mm(mask: MaskTrack) -> float:
    return mask.focal_px / float(mask.translation_mm[0, 2])


def around(mask: MaskTrack, eye: Eye, reach_mm: float = 11.0) -> tuple[slice, slice]:
    x, y = eye_centre_px(mask, eye)
    reach = reach_mm * px_per_mm(mask)
    return (
        slice(round(y - reach), round(y + reach)),
        slice(round(x - reach), round(x + reach)),
    )


def iris_and_pupil(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels as dark as iris, limbus or pupil; lashes are thin, skin and white are brighter."""
    return np.asarray(picture.max(axis=2) < 96)


def white(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels of the sclera: bright or dim, but without the warmth of the skin."""
    rgb = picture.astype(int)
    return np.asarray((rgb[..., 0] - rgb[..., 2] < 8) & (rgb.min(axis=2) > 110))


def close_up(**changes: object) -> MaskTrack:
    settings = {"rows": 720, "columns": 960, "depth_mm": 620.0, "shift_mm": (0.0, 0.0), **changes}
    return a_mask_track(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("eye", list(Eye))
def test_lowering_the_upper_lid_covers_the_iris_step_by_step(eye: Eye) -> None:
    seen = []
    for blink in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        mask = close_up(lids={eye: {"eyeBlink": blink}})
        picture = picture_of(mask)[around(mask, eye, 9.0)]
        # A strip through the middle of the iris: there no corner of the lids is dark.
        middle = picture.shape[1] // 2
        strip = picture[:, middle - 12 : middle + 12]
        seen.append(int((iris_and_pupil(strip) | white(strip)).sum()))
    assert seen == sorted(seen, reverse=True)
    assert seen[0] > 5 * seen[-1]


def test_ptosis_of_one_eye_leaves_the_other_as_it_was() -> None:
    plain, drooping = close_up(), close_up(lids={Eye.RIGHT: {"upper_1": -4.0}})
    before, after = picture_of(plain), picture_of(drooping)
    left = around(plain, Eye.LEFT)
    right = around(plain, Eye.RIGHT)
    np.testing.assert_array_equal(before[left], after[left])
    assert white(after[right]).sum() < 0.75 * white(before[right]).sum()


def test_the_patients_right_eye_is_on_the_left_of_the_picture() -> None:
    plain, closed = close_up(), close_up(lids={Eye.RIGHT: {"eyeBlink": 1.0}})
    changed = (picture_of(plain) != picture_of(closed)).any(axis=2)
    columns = np.flatnonzero(changed.any(axis=0))
    assert columns.max() < plain.columns / 2


def expected_px(mask: MaskTrack, eye: Eye, along_gaze_mm: float) -> tuple[float, float]:
    """Project the point of an eyeball's line of sight at a distance from its centre."""
    model = load_morphable_model()
    point = model.eye_centre_mean[eye] + along_gaze_mm * mask.gaze[0, eye]
    x, y, z = mask.translation_mm[0]
    scale = mask.focal_px / (z - point[2])
    return mask.columns / 2 + scale * (point[0] + x), mask.rows / 2 - scale * (point[1] + y)


def pupil_centre_px(mask: MaskTrack, eye: Eye) -> tuple[float, float]:
    rows, columns = around(mask, eye, 9.5)
    pupil = picture_of(mask)[rows, columns].max(axis=2) < 28
    y, x = np.nonzero(pupil)
    return columns.start + x.mean() + 0.5, rows.start + y.mean() + 0.5


@pytest.mark.parametrize("eye", list(Eye))
@pytest.mark.parametrize(
    "gaze_deg", [(-20.0, 0.0), (-8.0, 0.0), (0.0, 0.0), (8.0, 0.0), (20.0, 0.0), (0.0, -10.0)]
)
def test_the_pupil_is_where_the_gaze_points(eye: Eye, gaze_deg: tuple[float, float]) -> None:
    mask = close_up(lids=OPEN, gaze_deg={eye: gaze_deg})
    model = load_morphable_model()
    disc_mm = model.eyeball_radius_mm * np.cos(np.arcsin(2.0 / model.eyeball_radius_mm))
    found, expected = pupil_centre_px(mask, eye), expected_px(mask, eye, disc_mm)
    assert found == pytest.approx(expected, abs=0.8)  # the highlight nibbles at it


@pytest.mark.parametrize("eye", list(Eye))
def test_gaze_to_the_patients_left_moves_the_iris_to_the_right_of_the_picture(eye: Eye) -> None:
    def iris_middle_px(degrees: float) -> float:
        mask = close_up(lids=OPEN, gaze_deg={eye: (degrees, 0.0)})
        x, y = expected_px(mask, eye, iris_plane_mm(12.2, 5.85))
        # Below the highlight, outwards from the middle to the white on either side.
        row = picture_of(mask)[round(y + 1.5 * px_per_mm(mask))]
        bright = np.flatnonzero(~iris_and_pupil(row[None])[0])
        right = bright[bright > x].min()
        left = bright[bright < x].max()
        middle = float((left + right + 1) / 2)
        assert middle == pytest.approx(x, abs=1.2)
        return middle

    assert iris_middle_px(-12.0) < iris_middle_px(0.0) - 4 < iris_middle_px(12.0) - 8


def test_a_squint_stays_in_its_eye() -> None:
    straight, inward = close_up(), close_up(gaze_deg={Eye.LEFT: (-20.0, 0.0)})
    before, after = picture_of(straight), picture_of(inward)
    right = around(straight, Eye.RIGHT)
    np.testing.assert_array_equal(before[right], after[right])
    assert (before != after).any()


@pytest.mark.parametrize("blink", [1.0, 1.15])
@pytest.mark.parametrize("yaw_deg", [0.0, 25.0, -25.0])
def test_no_eyeball_pokes_through_closed_lids(blink: float, yaw_deg: float) -> None:
    mask = close_up(lids={eye: {"eyeBlink": blink} for eye in Eye}, yaw_deg=yaw_deg)
    open_mask = close_up(yaw_deg=yaw_deg)
    for eye in Eye:
        shut = white(picture_of(mask)[around(mask, eye)])
        opened = white(picture_of(open_mask)[around(mask, eye)])
        assert shut.sum() <= 0.01 * opened.sum()


@pytest.mark.parametrize("yaw_deg", [0.0, 20.0, -20.0])
@pytest.mark.parametrize("wide", [0.0, 1.0])
def test_no_background_is_seen_through_the_head(yaw_deg: float, wide: float) -> None:
    mask = close_up(yaw_deg=yaw_deg, lids={eye: {"eyeWide": wide} for eye in Eye})
    picture = picture_of(mask).astype(int)
    for eye in Eye:
        seen = picture[around(mask, eye, 16.0 if yaw_deg == 0 else 10.0)]
        assert (np.abs(seen - (30, 34, 38)).max(axis=2) <= 2).sum() == 0


def test_a_larger_iris_is_drawn_larger() -> None:
    def iris_px(radius_mm: float) -> int:
        mask = close_up(lids=OPEN, iris_radius_mm=radius_mm)
        rows, columns = around(mask, Eye.RIGHT, 8.0)
        return int(iris_and_pupil(picture_of(mask)[rows, columns]).sum())

    assert iris_px(6.6) > iris_px(5.85) * 1.1


def test_the_iris_has_a_sharp_edge() -> None:
    mask = close_up(lids=OPEN)
    x, y = eye_centre_px(mask, Eye.RIGHT)
    row = picture_of(mask)[round(y) + 2].astype(int).max(axis=1)
    right_edge = round(x + 5.85 * px_per_mm(mask))
    profile = row[right_edge - 4 : right_edge + 6]
    assert profile.min() < 70
    assert profile.max() > 160
    # From dark to bright within three pixels.
    assert (profile[3:] - profile[:-3]).max() > 100


def test_everyones_iris_has_the_same_colour_and_the_pupil_is_darker() -> None:
    polar = np.linspace(0, 2, 400)
    painted = paint_eyeball(polar, pupil_rad=0.165, limbus_rad=0.5)
    assert {tuple(c) for c in painted[(polar > 0.17) & (polar < 0.47)].astype(int).tolist()} == {
        (100, 78, 60)
    }
    assert painted[polar < 0.16].max() < 20
    assert tuple(painted[np.abs(polar - 0.495).argmin()].astype(int)) == LIMBUS
    assert tuple(painted[-1].astype(int)) == SCLERA


def test_the_white_is_shaded_below_the_upper_lid() -> None:
    painted = np.full((3, 3), 240, np.float32)
    normals = np.array([[0, 0, 1], [0, 0.5, 0.866], [0, -0.5, 0.866]], np.float32)
    front, above, below = light_eyeball(
        painted, np.array([[0.5, 0, 0.866]] * 3, np.float32), normals
    ).max(axis=1)
    assert above < below
    assert below == pytest.approx(front)
