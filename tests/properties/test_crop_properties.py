"""Round trips of the rotated square."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dmask_node.landmarks.crop import CropRegion

regions = st.builds(
    CropRegion,
    x_px=st.floats(-500, 4000),
    y_px=st.floats(-500, 4000),
    side_px=st.floats(1, 4000),
    angle_rad=st.floats(-np.pi, np.pi),
    mirrored=st.booleans(),
)
points = st.lists(st.tuples(st.floats(-2, 3), st.floats(-2, 3)), min_size=1, max_size=5).map(
    lambda pairs: np.array(pairs)
)


@given(regions, points)
def test_into_the_picture_and_back(region: CropRegion, square: np.ndarray) -> None:
    np.testing.assert_allclose(region.to_square(region.to_picture(square)), square, atol=1e-8)


@given(regions)
def test_the_middle_is_the_middle_and_sides_are_as_long_as_said(region: CropRegion) -> None:
    corners = region.to_picture(np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]]))
    np.testing.assert_allclose(corners.mean(axis=0), [region.x_px, region.y_px], atol=1e-8)
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    np.testing.assert_allclose(sides, region.side_px, rtol=1e-9)


@given(regions)
def test_only_a_mirrored_square_turns_the_other_way(region: CropRegion) -> None:
    matrix = region.square_to_picture()
    assert (np.linalg.det(matrix[:, :2]) < 0) == region.mirrored
