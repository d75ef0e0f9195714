"""The eyeball's mesh."""

import numpy as np
import pytest

from dmask_node.geometry.eyeball import (
    eyeball_mesh,
    gaze_angles_deg,
    gaze_direction,
    iris_plane_mm,
)


def test_every_vertex_lies_on_the_eyeball() -> None:
    mesh = eyeball_mesh(12.2, 5.85)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices_mm, axis=1), 12.2)
    np.testing.assert_allclose(mesh.vertices_mm[0], [0, 0, 12.2])


@pytest.mark.parametrize("iris_mm", [4.5, 5.85, 8.0])
def test_the_edges_of_pupil_and_iris_are_edges_of_the_mesh(iris_mm: float) -> None:
    mesh = eyeball_mesh(12.2, iris_mm)
    for edge, radius in ((mesh.pupil_rad, 2.0), (mesh.limbus_rad, iris_mm)):
        ring = np.isclose(mesh.polar_rad, edge)
        assert ring.sum() == 48
        across = np.linalg.norm(mesh.vertices_mm[ring, :2], axis=1)
        np.testing.assert_allclose(across, radius)
    assert (np.diff(np.unique(mesh.polar_rad)) > 0.001).all()


def test_triangles_look_outwards_and_do_not_depend_on_the_iris() -> None:
    mesh, other = eyeball_mesh(12.2, 5.85), eyeball_mesh(12.2, 7.0)
    np.testing.assert_array_equal(mesh.triangles, other.triangles)
    a, b, c = mesh.vertices_mm[mesh.triangles].transpose(1, 0, 2)
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), a + b + c) > 0).all()


@pytest.mark.parametrize("radii", [(12.2, 12.5, 2.0), (12.2, 5.0, 5.0), (12.2, 5.0, 0.0)])
def test_impossible_radii_are_refused(radii: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="not in order"):
        eyeball_mesh(*radii)


def test_positive_angles_look_to_the_persons_left_and_up() -> None:
    assert gaze_direction(20, 0)[0] > 0.3  # the person's left is at positive x
    assert gaze_direction(0, 20)[1] > 0.3
    np.testing.assert_allclose(gaze_angles_deg(np.array([0, 0, 1.0])), [0, 0])


def test_the_iris_lies_before_the_centre() -> None:
    assert iris_plane_mm(12.2, 5.85) == pytest.approx(10.71, abs=0.01)
