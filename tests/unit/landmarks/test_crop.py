"""The rotated square and the way back."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dmask_node.landmarks.crop import CropRegion, square_about_eye
from dmask_node.landmarks.scheme import INNER_CORNER, OUTER_CORNER
from dmask_node.records.anatomy import Eye


def _dot(rows: int, columns: int, x: float, y: float, sigma: float) -> NDArray[np.uint8]:
    """A bright blob centred between pixels where asked."""
    yy, xx = np.mgrid[:rows, :columns]
    blob = np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * sigma**2))
    return (255 * blob).astype(np.uint8)


def _centroid(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    weight = picture.astype(np.float64)
    yy, xx = np.mgrid[: picture.shape[0], : picture.shape[1]]
    return np.array([(xx * weight).sum(), (yy * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("side_px", [40.0, 96.0, 210.0, 700.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_dot_in_the_crop_lies_where_the_map_says(side_px: float, mirrored: bool) -> None:
    # From magnified to shrunk by area first: half a crop pixel off would be 5 px at 700.
    middle = np.array([400.3, 380.8])
    dot = middle + side_px * np.array([0.13, -0.08])
    picture = _dot(800, 800, dot[0], dot[1], side_px / 20)
    region = CropRegion(
        x_px=middle[0], y_px=middle[1], side_px=side_px, angle_rad=0.4, mirrored=mirrored
    )
    crop = region.cut(picture, 64)
    in_square = (_centroid(crop) + 0.5) / 64
    np.testing.assert_allclose(region.to_picture(in_square), dot, atol=0.004 * side_px)


def test_a_crop_of_the_size_of_the_picture_is_the_picture() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    region = CropRegion(x_px=23.5, y_px=23.5, side_px=48.0)
    np.testing.assert_array_equal(region.cut(picture, 48), picture)


def test_large_faces_are_averaged_not_sampled() -> None:
    # Stripes one pixel wide: sampling would show black or white, averaging shows their mean.
    picture = np.zeros((1000, 1000), dtype=np.uint8)
    picture[:, ::2] = 200
    crop = CropRegion(x_px=499.5, y_px=499.5, side_px=800.0).cut(picture, 100)
    assert np.abs(crop.astype(int) - 100).max() <= 2


def test_beyond_the_picture_lies_its_border_or_black() -> None:
    picture = np.full((20, 20), 90, dtype=np.uint8)
    region = CropRegion(x_px=0.0, y_px=0.0, side_px=20.0)
    assert region.cut(picture, 10).min() == 90
    assert region.cut(picture, 10, repeat_border=False)[0, 0] == 0


def test_a_square_far_outside_the_picture_can_be_cut() -> None:
    picture = np.full((20, 20, 3), 90, dtype=np.uint8)
    region = CropRegion(x_px=900.0, y_px=-700.0, side_px=300.0)
    assert region.cut(picture, 16).shape == (16, 16, 3)


def test_a_square_about_one_point_still_has_a_size() -> None:
    region = CropRegion.around(np.array([[5.0, 5.0], [5.0, 5.0]]), 0.0, 1.5)
    assert region.side_px == 1.0


@pytest.mark.parametrize("eye", list(Eye))
def test_both_eyes_look_alike_in_their_squares(eye: Eye) -> None:
    # Outer corner left, inner corner right, brow above, for either eye and a head tilted by 20
    # degrees.
    tilt = np.deg2rad(20)
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    contour = np.zeros((16, 2))
    outward = -1 if eye is Eye.RIGHT else 1
    contour[OUTER_CORNER] = [outward * 15, 0]
    contour[INNER_CORNER] = [-outward * 15, 0]
    contour[4] = [0, -6]
    square = square_about_eye(contour @ turn + [100, 80], eye, 2.0)
    placed = square.to_square(contour @ turn + [100, 80])
    np.testing.assert_allclose(placed[OUTER_CORNER], [0.25, 0.5], atol=1e-9)
    np.testing.assert_allclose(placed[INNER_CORNER], [0.75, 0.5], atol=1e-9)
    np.testing.assert_allclose(placed[4], [0.5, 0.4], atol=1e-9)


def test_shrinking_first_agrees_with_a_slow_exact_average() -> None:
    picture = cv2.GaussianBlur(
        np.random.default_rng(3).integers(0, 256, (600, 600), dtype=np.uint8), (0, 0), 9
    ).astype(np.uint8)
    region = CropRegion(x_px=300.5, y_px=296.5, side_px=500.0)  # columns 51 to 550
    crop = region.cut(picture, 100)
    exact = cv2.resize(picture[47:547, 51:551], (100, 100), interpolation=cv2.INTER_AREA)
    assert np.abs(crop.astype(int) - exact.astype(int)).max() <= 1
