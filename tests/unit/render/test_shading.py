"""Light on the skin."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from dmask_node.models.store import load_morphable_model
from dmask_node.records.anatomy import Eye
from dmask_node.render.conjunctiva import Lining
from dmask_node.render.occlusion import sky_seen
from dmask_node.render.paint import SkinPaint
from dmask_node.render.shading import SkinShader

BACKGROUND = (30, 34, 38)


def grid(n: int = 21) -> tuple[np.ndarray, np.ndarray]:
    """Return an n x n grid of points in [-1, 1] x [-1, 1] and its quads split into triangles."""
    x, y = np.meshgrid(np.linspace(-1, 1, n), np.linspace(1, -1, n))
    index = np.arange(n * n).reshape(n, n)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    quads = np.stack([a, b, c, d], -1).reshape(-1, 4)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
    return np.stack([x.ravel(), y.ravel()], -1), triangles


def shader(triangles: np.ndarray, n: int, **painted: np.ndarray) -> SkinShader:
    nothing = np.zeros(n, np.float32)
    weights = {
        "lash": nothing,
        "brow": nothing,
        "lip": nothing,
        "mouth": nothing,
        "cavity": nothing,
        "opacity": nothing + 1,
        **painted,
    }
    return SkinShader(
        csr_matrix(np.eye(n, dtype=np.float32)), triangles, SkinPaint(**weights), BACKGROUND
    )


def test_normals_of_a_sphere_point_away_from_its_centre() -> None:
    flat, triangles = grid(41)
    flat = flat * 0.6
    sphere = np.column_stack([flat, np.sqrt(1 - (flat**2).sum(1))]).astype(np.float32)
    normals = shader(triangles, len(sphere)).normals(sphere)
    inner = (np.abs(flat) < 0.55).all(axis=1)
    angle_deg = np.rad2deg(np.arccos(np.clip((normals * sphere).sum(1), -1, 1)))
    assert angle_deg[inner].max() < 0.2


def test_what_faces_the_light_is_brighter() -> None:
    flat, triangles = grid()
    to_light = np.column_stack([flat, 0.5 * flat[:, 0] - 0.5 * flat[:, 1]]).astype(np.float32)
    from_light = np.column_stack([flat, -0.5 * flat[:, 0] + 0.5 * flat[:, 1]]).astype(np.float32)
    skin = shader(triangles, len(flat))
    assert skin.colours(to_light).mean() > 1.3 * skin.colours(from_light).mean()


def test_hollows_are_darker_than_bumps() -> None:
    flat, triangles = grid()
    bump = np.exp(-(flat**2).sum(1) / 0.1)
    middle = len(flat) // 2
    skin = shader(triangles, len(flat), cavity=np.ones(len(flat), np.float32))
    raised = skin.colours(np.column_stack([flat, 3 * bump]).astype(np.float32))
    sunken = skin.colours(np.column_stack([flat, -3 * bump]).astype(np.float32))
    assert sunken[middle].mean() < 0.85 * raised[middle].mean()


def test_faded_skin_has_the_colour_of_the_background() -> None:
    flat, triangles = grid()
    skin = shader(triangles, len(flat), opacity=np.zeros(len(flat), np.float32))
    colours = skin.colours(np.column_stack([flat, flat[:, 0]]).astype(np.float32))
    np.testing.assert_allclose(colours, np.broadcast_to(BACKGROUND, colours.shape), atol=1e-3)


def test_the_fold_of_the_lid_darkens() -> None:
    flat, triangles = grid()
    skin = shader(triangles, len(flat))
    surface = np.column_stack([flat, 0 * flat[:, 0]]).astype(np.float32)
    fold = np.zeros(len(flat), np.float32)
    fold[7] = 1
    plain, folded = skin.colours(surface), skin.colours(surface, fold)
    changed = np.flatnonzero((plain != folded).any(axis=1))
    assert changed.tolist() == [7]
    assert folded[7].mean() < 0.6 * plain[7].mean()


def test_a_mesh_that_is_not_split_quads_is_refused() -> None:
    _, triangles = grid()
    with pytest.raises(ValueError, match="quads"):
        shader(triangles[::-1].copy(), 21 * 21)


def test_paint_lies_where_it_belongs() -> None:
    model = load_morphable_model()
    paint = SkinPaint.of(model)
    fine_mm = np.asarray(model.subdivision @ model.mean)
    for name in ("lash", "brow", "lip", "mouth", "cavity", "opacity"):
        weight = getattr(paint, name)
        assert weight.shape == (len(fine_mm),)
        assert weight.min() >= 0
        assert weight.max() <= 1
    brow = fine_mm[paint.brow > 0.5]
    # Above the eyes, as many on the right as on the left, none on the nose.
    assert (brow[:, 1] > model.eye_centre_mean[:, 1].max() + 8).all()
    assert (np.abs(brow[:, 0]) > 8).all()
    assert (brow[:, 0] > 0).mean() == pytest.approx(0.5, abs=0.03)
    lash = fine_mm[paint.lash > 0.5]
    to_eye = np.linalg.norm(lash[:, None] - model.eye_centre_mean, axis=2).min(axis=1)
    assert to_eye.max() < 21
    assert paint.opacity[fine_mm[:, 1].argmax()] == 1
    assert paint.opacity[fine_mm[:, 1].argmin()] == 0


def test_light_does_not_reach_the_nostrils_but_the_forehead_and_the_lids() -> None:
    model = load_morphable_model()
    fine_mm = np.asarray(model.subdivision @ model.mean)
    paint = SkinPaint.of(model)
    skin = SkinShader(model.subdivision, model.fine_triangles, paint, BACKGROUND)
    sky = sky_seen(model, fine_mm, skin.normals(fine_mm.astype(np.float32)))
    assert sky.min() >= 0
    assert sky.max() <= 1
    landmarks = model.landmarks(model.mean)

    def near(landmark: int, reach_mm: float = 5.0) -> float:
        close = np.linalg.norm(fine_mm - landmarks[landmark], axis=1) < reach_mm
        return float(sky[close].mean())

    forehead, below_nose = near(151), near(2)
    assert forehead > 0.9
    assert below_nose < forehead - 0.1
    lids = np.asarray(model.subdivision @ np.isin(np.arange(len(model.mean)), model.rings[:, :3]))
    np.testing.assert_allclose(sky[lids == 1], 1)


@pytest.mark.parametrize("eye", list(Eye))
def test_the_lining_closes_the_rim_of_each_eye(eye: Eye) -> None:
    model = load_morphable_model()
    lining = Lining.of(model, eye)
    n = len(lining.rim)
    assert n >= 28
    # Each rim vertex is left once and entered once: one closed loop.
    assert sorted(lining.triangles[:, 0].tolist()) == list(range(n))
    assert sorted(lining.triangles[:, 1].tolist()) == list(range(n))
    assert (lining.triangles[:, 2] == n).all()
    fine_mm = np.asarray(model.subdivision @ model.mean, np.float32)
    corners = lining.vertices_mm(fine_mm, model.eye_centre_mean[eye])[lining.triangles]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    assert (facing > 0).mean() > 0.95
    # The inner corner is the reddest.
    red = lining.colours[:-1, 0] - lining.colours[:-1, 1]
    to_nose = np.abs(fine_mm[lining.rim, 0])
    assert to_nose[red.argmax()] < np.median(to_nose)
