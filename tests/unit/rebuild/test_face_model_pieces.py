"""The pieces of the face model's construction, on meshes that can be checked by hand."""

from typing import Any

import numpy as np

from dmask_node.rebuild.face_model.camera import Camera, head_rotation
from dmask_node.rebuild.face_model.compare import compare_models
from dmask_node.rebuild.face_model.embedding import _closest_on_surface, _fit_within
from dmask_node.rebuild.face_model.head import Head
from dmask_node.rebuild.face_model.identity import align, fix_signs
from dmask_node.rebuild.face_model.population import Slider, pair_sliders
from dmask_node.rebuild.face_model.smoothing import Smoother
from dmask_node.rebuild.face_model.subdivision import subdivide

CUBE = np.array([[(k >> 2) & 1, (k >> 1) & 1, k & 1] for k in range(8)], float) * 2 - 1
CUBE_QUADS = np.array(
    [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
)


def a_grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[0:n, 0:n]
    points = np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3).astype(float)
    a = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    return points, np.stack([a, a + 1, a + n + 1, a + n], axis=1)


def a_head(points: np.ndarray, quads: np.ndarray) -> Head:
    return Head(
        base_points=np.arange(len(points)),
        n_vertices=len(points),
        quads=quads,
        rings=np.zeros((2, 11, 28), int),
        mirror=np.arange(len(points)),
    )


def test_a_subdivided_cube_is_that_of_catmull_and_clark() -> None:
    matrix, quads = subdivide(CUBE_QUADS, 8)
    fine = matrix @ CUBE
    assert fine.shape == (8 + 12 + 6, 3)
    assert quads.shape == (24, 4)
    # Corner of valence 3: (F + 2 R) / 3 with F = mean of face centres, R = mean of edge middles.
    np.testing.assert_allclose(np.abs(fine[:8]), 5 / 9)
    np.testing.assert_allclose(np.sort(np.abs(fine[8:20]), axis=1), [[0, 0.75, 0.75]] * 12)
    np.testing.assert_allclose(np.sort(np.abs(fine[20:]), axis=1), [[0, 0, 1]] * 6)


def test_subdivision_keeps_winding_and_a_flat_grid_flat_and_straight() -> None:
    points, quads = a_grid(4)
    matrix, fine_quads = subdivide(quads, 16)
    fine = matrix @ points
    np.testing.assert_allclose(np.asarray(matrix.sum(axis=1)), 1)
    np.testing.assert_allclose(fine[:, 2], 0)
    a, b, _, d = (fine[fine_quads[:, k]] for k in range(4))
    assert (np.cross(b - a, d - a)[:, 2] > 0).all()


def test_smoothing_leaves_what_is_even_and_what_is_locked() -> None:
    points, quads = a_grid(5)
    smoother = Smoother(a_head(points, quads))
    even = np.ones((1, 25, 3), np.float32)
    np.testing.assert_allclose(smoother.fields(even, 7), even, rtol=1e-6)
    spike = np.zeros((1, 25, 3), np.float32)
    spike[0, 12] = 1
    np.testing.assert_allclose(smoother.fields(spike, 1)[0, [7, 11, 13, 17], 0], 1 / 8)
    assert smoother.fields(spike, 3, np.array([12]))[0, 12].tolist() == [1, 1, 1]


def test_sliders_join_their_two_directions_in_the_order_of_the_names() -> None:
    names = ["nose-base-down", "nose-base-up", "chin-cleft-decr", "chin-cleft-incr", "lone-oval"]
    assert pair_sliders(sorted(names)) == [
        Slider(low="chin-cleft-decr", high="chin-cleft-incr"),
        Slider(low=None, high="lone-oval"),
        Slider(low="nose-base-down", high="nose-base-up"),
    ]


def test_what_no_landmark_sees_has_no_slider() -> None:
    assert Slider(low=None, high="head-back-scale-depth-incr").spread == 0
    assert Slider(low=None, high="nose-width1-incr").spread > 0


def test_aligned_points_lie_on_their_targets() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(20, 3))
    moved = 1.7 * points @ head_rotation(20, -10, 5).T + [3, 4, 5]
    np.testing.assert_allclose(align(points, moved, np.ones(20, np.float32)), moved, atol=1e-6)


def test_the_sign_of_a_component_does_not_depend_on_who_computed_it() -> None:
    rng = np.random.default_rng(2)
    basis = rng.normal(size=(4, 30, 3)).astype(np.float32)
    mean = rng.normal(size=(30, 3)) * 20
    flips = np.array([1, -1, -1, 1], np.float32)[:, None, None]
    np.testing.assert_array_equal(fix_signs(basis, mean), fix_signs(basis * flips, mean))


def test_the_camera_draws_points_where_it_projects_them() -> None:
    camera = Camera(size_px=100, scale_px_per_mm=1.0, distance_mm=500.0, centre_px=(47.3, 55.1))
    square = np.array([[-20.2, -10.4, 0], [15.3, -10.4, 0], [15.3, 22.8, 0], [-20.2, 22.8, 0]])
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    picture, depth = camera.draw(square, triangles, np.full((4, 3), 255.0), 0)
    rows, columns = np.nonzero(picture[..., 0])
    corners = camera.project(square)
    # A pixel is drawn if its centre lies inside.
    assert columns.min() == np.ceil(corners[0, 0] - 0.5)
    assert columns.max() == np.floor(corners[1, 0] - 0.5)
    assert rows.min() == np.ceil(corners[2, 1] - 0.5)
    assert rows.max() == np.floor(corners[0, 1] - 0.5)
    np.testing.assert_allclose(depth[rows, columns], 500, atol=0.01)


def test_the_camera_does_not_see_what_is_behind() -> None:
    camera = Camera(size_px=80, scale_px_per_mm=1.0, distance_mm=500.0, centre_px=(40.0, 40.0))
    wall = np.array([[-30, -30, 0], [30, -30, 0], [0, 30, 0]], float)
    depth = camera.draw(wall, np.array([[0, 1, 2]]), np.ones((3, 3)), 0)[1]
    before, behind, beside = [0, -5, 10], [0, -5, -10], [35, 35, -10]
    seen = camera.sees(np.array([before, behind, beside], float), depth, 1.0)
    assert seen.tolist() == [True, False, True]


def test_a_point_is_found_again_in_its_triangle_in_spite_of_outliers() -> None:
    rng = np.random.default_rng(6)
    seen = rng.normal(size=(60, 6, 2)) * 20
    triangles = np.array([[0, 1, 2], [3, 4, 5]])
    weights = np.array([0.5, 0.3, 0.2])
    found = np.einsum("vkc,k->vc", seen[:, [3, 4, 5]], weights)
    found[:6] += 500
    within, cost = _fit_within(seen, found, triangles)
    assert cost.argmin() == 1
    np.testing.assert_allclose(within[1], weights[1:], atol=0.02)


def test_the_closest_point_of_a_surface_is_found() -> None:
    points, quads = a_grid(3)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    wanted = np.array([[0.3, 1.6, 0.7], [1.9, 0.2, -0.4]])
    corners, weights = _closest_on_surface(wanted, points, triangles)
    there = (points[corners] * weights[:, :, None]).sum(axis=1)
    np.testing.assert_allclose(there, wanted * [1, 1, 0], atol=1e-9)


def test_a_comparison_tells_a_moved_vertex_and_a_missing_array() -> None:
    rng = np.random.default_rng(7)
    exact = ("ex_names", "quads", "ring", "mirror", "corr_mm", "corr_eye")
    names = (
        *exact,
        *("sub_data", "sub_indices", "sub_indptr", "sub_shape", "sub_quads"),
        *("eye_c", "eye_r", "id_basis", "eye_cB", "ex_basis", "lip"),
    )
    one: dict[str, Any] = {name: rng.normal(size=3) for name in names}
    one |= {
        "mean": rng.normal(size=(9, 3)),
        "mouth": np.zeros(9, bool),
        "corr_idx": np.arange(9).reshape(3, 3),
        "corr_w": np.full((3, 3), 1 / 3),
    }
    assert compare_models(one, dict(one)).equal
    assert not compare_models(one, one | {"mean": one["mean"] + 0.01}).equal
    assert not compare_models(one, one | {"mouth": np.eye(9, dtype=bool)[0]}).equal
    assert not compare_models(one, one | {"corr_w": one["corr_w"][::-1] * 2}).equal
    assert not compare_models(one, one | {"quads": one["quads"] + 1}).equal
    assert not compare_models(one, {k: v for k, v in one.items() if k != "mean"}).equal
    assert not compare_models(one, one | {"ex_basis": one["ex_basis"].astype(np.float32)}).equal
