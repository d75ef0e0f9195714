"""The rasteriser: what is covered, what hides what, and the same bits every time."""

import hashlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dmask_node.render.raster import SampleBuffer, View, rasterise

ROOT = Path(__file__).parents[3]
BLACK = np.zeros(3, np.uint8)
VIEW = View(rows=40, columns=60, focal_px=50.0, centre_px=(30.0, 20.0))


def at(x_px: float, y_px: float, depth_mm: float, view: View = VIEW) -> list[float]:
    """Place a point so that it is seen at a pixel, corner-based."""
    return [
        (x_px - view.centre_px[0]) * depth_mm / view.focal_px,
        -(y_px - view.centre_px[1]) * depth_mm / view.focal_px,
        -depth_mm,
    ]


def draw(
    corners: list[list[float]],
    colours: list[tuple[int, int, int]],
    *,
    view: View = VIEW,
    supersampling: int = 2,
) -> NDArray[np.uint8]:
    n = len(corners) // 3
    return rasterise(
        BLACK,
        view,
        np.array(corners, np.float32),
        np.arange(3 * n, dtype=np.int32).reshape(n, 3),
        np.repeat(np.array(colours, np.float32), 3, axis=0),
        supersampling,
    )


def test_a_triangle_larger_than_the_picture_covers_all_of_it() -> None:
    picture = draw([at(-100, 200, 100), at(300, 200, 100), at(30, -300, 100)], [(200, 100, 50)])
    assert (picture == (200, 100, 50)).all()


def test_edges_fall_where_the_camera_puts_them() -> None:
    # A square from 10 to 20.5 across and 5 to 15 down: a half-covered column gets half the colour.
    a, b, c, d = at(10, 5, 80), at(10, 15, 80), at(20.5, 15, 80), at(20.5, 5, 80)
    picture = draw([a, b, c, a, c, d], [(200, 200, 200)] * 2)[..., 0].astype(int)
    assert (picture[5:15, 10:20] == 200).all()
    assert (np.abs(picture[5:15, 20] - 100) <= 1).all()
    picture[5:15, 10:21] = 0
    assert (picture == 0).all()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_surface_hides_the_farther_whatever_is_drawn_first(
    order: tuple[int, int],
) -> None:
    near = [at(20, 30, 50), at(40, 30, 50), at(30, 10, 50)]
    far = [at(0, 40, 90), at(60, 40, 90), at(30, -10, 90)]
    surfaces = [(near, (255, 0, 0)), (far, (0, 0, 255))]
    first, second = surfaces[order[0]], surfaces[order[1]]
    picture = draw(first[0] + second[0], [first[1], second[1]])
    assert tuple(picture[24, 30]) == (255, 0, 0)
    assert tuple(picture[35, 10]) == (0, 0, 255)


def test_surfaces_that_cut_each_other_are_each_seen_where_they_are_nearer() -> None:
    leaning_left = [at(0, 40, 50), at(60, 40, 100), at(30, -30, 70)]
    leaning_right = [at(0, 40, 100), at(60, 40, 50), at(30, -30, 70)]
    picture = draw(leaning_left + leaning_right, [(255, 0, 0), (0, 0, 255)])
    assert tuple(picture[35, 8]) == (255, 0, 0)
    assert tuple(picture[35, 52]) == (0, 0, 255)


def test_what_is_seen_from_inside_is_not_drawn() -> None:
    picture = draw([at(20, 30, 50), at(30, 10, 50), at(40, 30, 50)], [(255, 255, 255)])
    assert (picture == 0).all()


def test_what_lies_behind_the_camera_is_left_out() -> None:
    behind = [[0.0, 0.0, 50.0], [10.0, 0.0, 50.0], [0.0, 10.0, 50.0]]
    across = [at(20, 30, 50), at(40, 30, 50), [0.0, 0.0, 20.0]]
    assert (draw(behind + across, [(255, 255, 255)] * 2) == 0).all()


def test_a_region_that_only_touches_the_picture_is_cut_at_its_edge() -> None:
    corners = [at(50, 50, 60), at(90, 50, 60), at(70, 10, 60)]
    wide = View(rows=60, columns=100, focal_px=50.0, centre_px=(30.0, 20.0))
    cut = draw(corners, [(90, 180, 30)])
    whole = draw(corners, [(90, 180, 30)], view=wide)
    np.testing.assert_allclose(cut.astype(int), whole[:40, :60].astype(int), atol=1)


def noise_scene(
    seed: int = 3,
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    vertices = np.array(
        [at(x, y, z) for x, y, z in rng.uniform([0, 0, 50], [60, 40, 90], (600, 3))], np.float32
    )
    triangles = rng.integers(0, 600, (2000, 3)).astype(np.int32)
    return vertices, triangles, rng.uniform(0, 255, (600, 3)).astype(np.float32)


def test_same_bits_twice_and_on_any_number_of_threads() -> None:
    scene = noise_scene()
    before = cv2.getNumThreads()
    pictures = []
    try:
        for threads in (1, 2, 4, 1):
            cv2.setNumThreads(threads)
            pictures.append(rasterise(BLACK, VIEW, *scene))
    finally:
        cv2.setNumThreads(before)
    for picture in pictures[1:]:
        np.testing.assert_array_equal(picture, pictures[0])


def test_memory_used_again_keeps_nothing_of_the_picture_before() -> None:
    samples = SampleBuffer()
    scene = noise_scene()
    alone = rasterise(BLACK, VIEW, *scene)
    for seed in (4, 5):
        rasterise(np.array([9, 99, 199], np.uint8), VIEW, *noise_scene(seed), 3, samples)
        np.testing.assert_array_equal(rasterise(BLACK, VIEW, *scene, 2, samples), alone)


def test_same_bits_in_another_process() -> None:
    here = hashlib.sha256(rasterise(BLACK, VIEW, *noise_scene()).tobytes()).hexdigest()
    program = (
        "import hashlib\n"
        "from tests.unit.render.test_raster import *\n"
        "picture = rasterise(BLACK, VIEW, *noise_scene())\n"
        "print(hashlib.sha256(picture.tobytes()).hexdigest())\n"
    )
    there = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=ROOT,
    )
    assert there.stdout.strip() == here
