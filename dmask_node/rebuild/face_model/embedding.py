"""Find where on the head the landmark network sees each of its landmarks.

No table ties the network's 468 landmarks to MakeHuman's mesh. So random heads are drawn, the
network looks at them, and each landmark gets the point of the surface that best explains where it
was seen. The result is made symmetric, and the landmarks of the lid margins are put on the loops
of the mesh that are the lid margins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from dmask_node.rebuild.errors import UnexpectedMesh
from dmask_node.rebuild.face_model.head import N_SPOKES
from dmask_node.rebuild.face_model.views import N_LANDMARKS, DrawnModel, View

HELD_OUT: Final = 4
"""Every fourth view is kept back to measure the result."""
MARGIN_RING: Final = 2
"""The loop that is the lids' edge."""
EYE_LANDMARKS: Final = np.array(
    [
        [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249],
        [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7],
    ]
)
"""(2, 16): the lid margins in MediaPipe's mesh, left eye first: outer corner, upper lid, inner
corner, lower lid."""

_OUTER_CORNER, _INNER_CORNER = 0, 8
_FRONTAL_DEG: Final = 20.0
_STRAIGHT_DEG: Final = 6.0
_NEAREST_VIEWS: Final = 150
"""Views by which the nearest vertex is chosen; the triangle is fitted to all."""
_SEEN_IN: Final = 0.3
"""A landmark lies on vertices that at least this part of the frontal views shows."""
_REWEIGHT_ROUNDS: Final = 4
_LEAST_ERROR_MM: Final = 0.3
_LARGEST_ERROR_MM: Final = 6.0
_DEPTH_SHARE: Final = 1 / 3
"""Weight of depth against picture coordinates when left and right landmarks are paired."""
_MIDLINE: Final = [1, 4, 5, 6, 168, 9, 10, 152]
"""Landmarks on the bridge of the nose, forehead and chin."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedding:
    """Where each landmark is on the mesh."""

    vertices: NDArray[np.intp]
    """(468, 3): corners of the triangle."""
    weights: NDArray[np.float64]
    """(468, 3): barycentric."""
    mirror: NDArray[np.intp]
    """(468,): the landmark on the other side."""
    spokes: NDArray[np.float64]
    """(16,): where on the margin ring each landmark of a lid margin lies, in spokes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingError:
    """How far from where the network saw landmarks the embedding has them.

    In millimetres at the head, on views that were not used to find the embedding.
    """

    mean_mm: float
    median_mm: float
    p95_mm: float
    lid_margin_mean_mm: float
    systematic_mm: float
    """Mean over landmarks of the length of the mean residual vector: what is not scatter."""


def embed_landmarks(model: DrawnModel, views: Sequence[View]) -> tuple[Embedding, EmbeddingError]:
    """Find the embedding.

    Parameters
    ----------
    model : DrawnModel
        The face.
    views : sequence of View
        Random views; three quarters are used, one is kept back.

    Returns
    -------
    embedding : Embedding
        Symmetric.
    error : EmbeddingError
        Measured on the views kept back.
    """
    used = [view for k, view in enumerate(views) if k % HELD_OUT]
    kept_back = [view for k, view in enumerate(views) if not k % HELD_OUT]
    frontal = [view for view in used if abs(view.yaw_deg) < _FRONTAL_DEG]
    seen_mm = np.stack([view.vertices_px / view.scale_px_per_mm for view in frontal])
    found_mm = np.stack([view.landmarks_px / view.scale_px_per_mm for view in frontal])

    hidden = np.unique(model.rings[:, :MARGIN_RING])
    shown = np.mean([view.visible for view in frontal], axis=0) > _SEEN_IN
    shown[np.unique(model.rings[:, MARGIN_RING:])] = True
    shown[hidden] = False
    nearest = _nearest_vertices(
        seen_mm[:_NEAREST_VIEWS], found_mm[:_NEAREST_VIEWS], np.flatnonzero(shown)
    )
    open_triangles = model.triangles[~np.isin(model.triangles, hidden).any(axis=1)]
    corners, weights = _best_triangles(seen_mm, found_mm, nearest, open_triangles)

    points = _on_mesh(model.mean, corners, weights)
    straight = [view for view in used if abs(view.yaw_deg) < _STRAIGHT_DEG]
    mirror = _pair_sides(straight, points)
    middle = 0.5 * (points + points[mirror] * [-1, 1, 1])
    surface = open_triangles[shown[open_triangles].all(axis=1)]
    corners, weights = _closest_on_surface(middle, model.mean, surface)

    spokes = _place_lid_margins(model, middle, corners, weights)
    _copy_left_to_right(model, mirror, middle, corners, weights)
    embedding = Embedding(vertices=corners, weights=weights, mirror=mirror, spokes=spokes)
    return embedding, measure_embedding(corners, weights, kept_back)


def measure_embedding(
    vertices: NDArray[np.intp], weights: NDArray[np.float64], views: Sequence[View]
) -> EmbeddingError:
    """Measure an embedding on views.

    Parameters
    ----------
    vertices : (468, 3) ndarray of int
        Corners of each landmark's triangle.
    weights : (468, 3) ndarray of float64
        Barycentric.
    views : sequence of View
        What the network saw.

    Returns
    -------
    EmbeddingError
        In millimetres at the centre of the head.
    """
    residuals = np.stack(
        [
            (view.landmarks_px - _on_mesh(view.vertices_px, vertices, weights))
            / view.scale_px_per_mm
            for view in views
        ]
    )
    error = np.linalg.norm(residuals, axis=2)
    return EmbeddingError(
        mean_mm=float(error.mean()),
        median_mm=float(np.median(error)),
        p95_mm=float(np.percentile(error, 95)),
        lid_margin_mean_mm=float(error[:, EYE_LANDMARKS.ravel()].mean()),
        systematic_mm=float(np.linalg.norm(residuals.mean(axis=0), axis=1).mean()),
    )


def _on_mesh(
    vertices: NDArray[np.float64], corners: NDArray[np.intp], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray((vertices[corners] * weights[:, :, None]).sum(axis=1))


def _nearest_vertices(
    seen: NDArray[np.float64], found: NDArray[np.float64], candidates: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return (468,): the vertex with the least median distance from each landmark."""
    there = seen[:, candidates].astype(np.float32)
    nearest = np.empty(N_LANDMARKS, np.intp)
    for landmark in range(N_LANDMARKS):
        away = there - found[:, landmark, None].astype(np.float32)
        median = np.median(np.hypot(away[..., 0], away[..., 1]), axis=0)
        nearest[landmark] = candidates[median.argmin()]
    return nearest


def _best_triangles(
    seen: NDArray[np.float64],
    found: NDArray[np.float64],
    nearest: NDArray[np.intp],
    triangles: NDArray[np.intp],
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Choose for each landmark the triangle about its nearest vertex that explains it best."""
    corners = np.empty((N_LANDMARKS, 3), np.intp)
    weights = np.empty((N_LANDMARKS, 3))
    for landmark, vertex in enumerate(nearest):
        beside = np.unique(triangles[(triangles == vertex).any(axis=1)])
        around = triangles[np.isin(triangles, beside).any(axis=1)]
        within, cost = _fit_within(seen, found[:, landmark], around)
        best = cost.argmin()
        corners[landmark] = around[best]
        weights[landmark] = [1 - within[best].sum(), *within[best]]
    return corners, weights


def _fit_within(
    seen: NDArray[np.float64], found: NDArray[np.float64], triangles: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit the point of each triangle that is nearest to a landmark over all views.

    Reweighted least squares towards the least sum of distances; the point is kept within the
    triangle.

    Returns
    -------
    within : (t, 2) ndarray of float64
        Barycentric weights of the second and third corner.
    cost : (t,) ndarray of float64
        Mean distance over the views, each capped, in millimetres.
    """
    first = seen[:, triangles[:, 0]]  # (views, t, 2)
    b = seen[:, triangles[:, 1]] - first
    c = seen[:, triangles[:, 2]] - first
    y = found[:, None] - first
    trust = np.ones(y.shape[:2])
    for _ in range(_REWEIGHT_ROUNDS):
        bb, bc, cc = ((trust * (p * q).sum(2)).sum(0) for p, q in ((b, b), (b, c), (c, c)))
        by, cy = ((trust * (p * y).sum(2)).sum(0) for p in (b, c))
        determinant = np.maximum(bb * cc - bc * bc, 1e-9)
        within = np.stack([cc * by - bc * cy, bb * cy - bc * by], axis=1) / determinant[:, None]
        within = within.clip(0, 1)
        beyond = within.sum(axis=1) > 1
        along = np.clip((within[:, 0] - within[:, 1] + 1) / 2, 0, 1)
        within[beyond] = np.stack([along, 1 - along], axis=1)[beyond]
        error = np.linalg.norm(b * within[:, 0, None] + c * within[:, 1, None] - y, axis=2)
        trust = 1 / np.maximum(error, _LEAST_ERROR_MM)
    return within, np.minimum(error, _LARGEST_ERROR_MM).mean(axis=0)


def _pair_sides(views: Sequence[View], points: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return (468,): the landmark that each becomes when the face is mirrored.

    By the mean of straight views, upright, and the depth on the mesh.
    """
    upright = []
    for view in views:
        centred = (view.landmarks_px - view.landmarks_px.mean(axis=0)) / view.scale_px_per_mm
        cosine, sine = np.cos(np.deg2rad(view.roll_deg)), np.sin(np.deg2rad(view.roll_deg))
        upright.append(centred @ np.array([[cosine, sine], [-sine, cosine]]))
    x, y = np.mean(upright, axis=0).T
    depth = points[:, 2] * _DEPTH_SHARE
    here = np.column_stack([x, y, depth])
    there = np.column_stack([2 * x[_MIDLINE].mean() - x, y, depth])
    distance = np.linalg.norm(here[:, None] - there[None], axis=2)
    mirror = np.asarray(linear_sum_assignment(distance**2)[1], np.intp)
    if (mirror[mirror] != np.arange(N_LANDMARKS)).any():
        raise UnexpectedMesh("left and right landmarks could not be paired")
    if (mirror[EYE_LANDMARKS[0]] != EYE_LANDMARKS[1]).any():
        raise UnexpectedMesh("the landmarks of the two eyes could not be paired")
    return mirror


def _closest_on_surface(
    points: NDArray[np.float64], vertices: NDArray[np.float64], triangles: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the triangles (n, 3) and barycentric weights (n, 3) nearest to points (n, 3)."""
    a = vertices[triangles[:, 0]]
    b, c = vertices[triangles[:, 1]] - a, vertices[triangles[:, 2]] - a
    bb, bc, cc = (b * b).sum(1), (b * c).sum(1), (c * c).sum(1)
    determinant = bb * cc - bc * bc + 1e-12
    corners = np.empty((len(points), 3), np.intp)
    weights = np.empty((len(points), 3))
    for k, point in enumerate(points):
        yb, yc = ((point - a) * b).sum(1), ((point - a) * c).sum(1)
        v, w = (cc * yb - bc * yc) / determinant, (bb * yc - bc * yb) / determinant
        inside = np.clip(np.stack([1 - v - w, v, w], axis=1), 0, None)
        inside /= inside.sum(axis=1, keepdims=True)
        there = a + b * inside[:, 1:2] + c * inside[:, 2:]
        best = np.linalg.norm(there - point, axis=1).argmin()
        corners[k], weights[k] = triangles[best], inside[best]
    return corners, weights


def _place_lid_margins(
    model: DrawnModel,
    points: NDArray[np.float64],
    corners: NDArray[np.intp],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Put the landmarks of the lid margins on the margin ring; change corners and weights.

    Returns
    -------
    (16,) ndarray of float64
        Position of each along the ring, in spokes, the same for both eyes.
    """
    ring = model.mean[model.rings[0, MARGIN_RING]][:, :2]
    along = np.roll(ring, -1, axis=0) - ring
    spokes = np.empty(EYE_LANDMARKS.shape[1])
    for k, landmark in enumerate(EYE_LANDMARKS[0]):
        if k == _OUTER_CORNER:
            spokes[k] = ring[:, 0].argmax()
        elif k == _INNER_CORNER:
            spokes[k] = ring[:, 0].argmin()
        else:
            to_point = points[landmark, :2] - ring
            part = np.clip((to_point * along).sum(1) / (along * along).sum(1), 0, 1)
            best = np.linalg.norm(to_point - part[:, None] * along, axis=1).argmin()
            spokes[k] = best + part[best]
    spoke = np.floor(spokes).astype(int) % N_SPOKES
    part = spokes - np.floor(spokes)
    for eye, landmarks in enumerate(EYE_LANDMARKS):
        margin = model.rings[eye, MARGIN_RING]
        after = margin[(spoke + 1) % N_SPOKES]
        corners[landmarks] = np.stack([margin[spoke], after, after], axis=1)
        weights[landmarks] = np.stack([1 - part, part, np.zeros_like(part)], axis=1)
    return spokes


def _copy_left_to_right(
    model: DrawnModel,
    mirror: NDArray[np.intp],
    points: NDArray[np.float64],
    corners: NDArray[np.intp],
    weights: NDArray[np.float64],
) -> None:
    """Make the right side the exact mirror image of the left; change corners and weights."""
    left = np.flatnonzero((points[:, 0] > 0) & (mirror != np.arange(N_LANDMARKS)))
    corners[mirror[left]] = model.mirror[corners[left]]
    weights[mirror[left]] = weights[left]
