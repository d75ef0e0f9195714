"""Properties of the rasteriser that hold for any scene."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dmask_node.render.raster import View, rasterise

VIEW = View(rows=24, columns=32, focal_px=30.0, centre_px=(16.0, 12.0))
BACKGROUND = np.array([30, 34, 38], np.uint8)


def a_sheet(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Build a wavy sheet of triangles that meet edge to edge, and one in front of it."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(-40, 40, 9), np.linspace(30, -30, 7))
    vertices, triangles = [], []
    for layer, depth in enumerate((90.0, 60.0)):
        z = -depth + rng.uniform(-8, 8, x.shape)
        vertices.append(np.stack([x * (1 - 0.5 * layer), y * (1 - 0.5 * layer), z], -1))
        index = np.arange(x.size).reshape(x.shape) + layer * x.size
        a, b, c, d = (
            index[i : i - 1 or None, j : j - 1 or None] for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))
        )
        triangles += [
            np.stack([a, b, c], -1).reshape(-1, 3),
            np.stack([a, c, d], -1).reshape(-1, 3),
        ]
    points = np.concatenate([v.reshape(-1, 3) for v in vertices]).astype(np.float32)
    colours = rng.uniform(0, 255, points.shape).astype(np.float32)
    return points, np.concatenate(triangles).astype(np.int32), colours


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_triangles_changes_nothing(seed: int) -> None:
    points, triangles, colours = a_sheet(seed)
    shuffled = np.random.default_rng(seed + 1).permutation(triangles)
    first = rasterise(BACKGROUND, VIEW, points, triangles, colours).astype(int)
    second = rasterise(BACKGROUND, VIEW, points, shuffled, colours).astype(int)
    # A sample exactly on a shared edge may take its colour from either side: the same but for
    # rounding.
    assert np.abs(first - second).max() <= 1


@given(seed=st.integers(0, 2**32 - 1), turn=st.integers(0, 2))
@settings(max_examples=25, deadline=None)
def test_which_corner_of_a_triangle_comes_first_changes_nothing(seed: int, turn: int) -> None:
    points, triangles, colours = a_sheet(seed)
    first = rasterise(BACKGROUND, VIEW, points, triangles, colours).astype(int)
    second = rasterise(BACKGROUND, VIEW, points, np.roll(triangles, turn, axis=1), colours)
    # Rounding can move an edge across a sample.
    assert (np.abs(first - second).max(axis=2) > 2).mean() < 0.01


@given(shift=st.tuples(st.integers(-20, 20), st.integers(-20, 20)), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_moving_the_principal_point_moves_the_picture(shift: tuple[int, int], seed: int) -> None:
    points, triangles, colours = a_sheet(seed)
    large = View(rows=80, columns=100, focal_px=30.0, centre_px=(50.0, 40.0))
    moved = View(rows=80, columns=100, focal_px=30.0, centre_px=(50.0 + shift[0], 40.0 + shift[1]))
    first = rasterise(BACKGROUND, large, points, triangles, colours).astype(int)
    second = rasterise(BACKGROUND, moved, points, triangles, colours)
    expected = np.roll(first, (shift[1], shift[0]), axis=(0, 1))
    assert (np.abs(expected - second).max(axis=2) > 2).mean() < 0.01
