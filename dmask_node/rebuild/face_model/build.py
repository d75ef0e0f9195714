"""The way from MakeHuman's files to ``face_model.npz``, on one page."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.rebuild.errors import UnexpectedMesh
from dmask_node.rebuild.face_model.embedding import EYE_LANDMARKS, EmbeddingError, embed_landmarks
from dmask_node.rebuild.face_model.expressions import lip_weights, read_expressions
from dmask_node.rebuild.face_model.head import cut_head
from dmask_node.rebuild.face_model.identity import learn_identity
from dmask_node.rebuild.face_model.lids import EYEBALL_RADIUS_MM, seat_lids
from dmask_node.rebuild.face_model.mouth import mouth_inside
from dmask_node.rebuild.face_model.population import N_HEADS, SEED, Population
from dmask_node.rebuild.face_model.sources import read_sources
from dmask_node.rebuild.face_model.subdivision import subdivide
from dmask_node.rebuild.face_model.views import DrawnModel, LandmarkNetwork, Studio
from dmask_node.rebuild.networks import refined_landmarks

N_VIEWS: Final = 1200
"""Random views behind the landmark embedding."""
MOST_VIEWS_LOST: Final = 0.02
"""Part of the views in which the network may see no face."""

Arrays = dict[str, NDArray[Any]]
Progress = Callable[[Iterable[int], str], Iterable[int]]
"""Passes numbers on while it shows how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BuiltModel:
    """The arrays of the file, and how good they are."""

    arrays: Arrays
    variance_kept: float
    """Part of the variance of the random heads that the identity basis keeps."""
    embedding_error: EmbeddingError
    views_lost: int


def build_face_model(cache: Path, progress: Progress) -> BuiltModel:
    """Build the face model.

    Parameters
    ----------
    cache : Path
        Folder for wheels.
    progress : callable
        Shows how far a loop is.

    Returns
    -------
    BuiltModel
        The same on every run; on another processor, up to rounding.
    """
    geometry, drawn, variance_kept = build_geometry(cache)
    studio = Studio(drawn, LandmarkNetwork(refined_landmarks(cache)))
    seen = [studio.view(number) for number in progress(range(N_VIEWS), "views of random heads")]
    views = [view for view in seen if view is not None]
    if len(views) < (1 - MOST_VIEWS_LOST) * N_VIEWS:
        raise UnexpectedMesh(f"the landmark network saw a face in {len(views)} of {N_VIEWS} views")
    embedding, error = embed_landmarks(drawn, views)
    arrays = geometry | {
        "corr_idx": embedding.vertices.astype(np.uint16),
        "corr_w": embedding.weights.astype(np.float32),
        "corr_mm": embedding.mirror.astype(np.uint16),
        "corr_eye": EYE_LANDMARKS.astype(np.int64),
        "corr_eye_spoke": embedding.spokes.astype(np.float32),
    }
    return BuiltModel(
        arrays=arrays,
        variance_kept=variance_kept,
        embedding_error=error,
        views_lost=N_VIEWS - len(views),
    )


def build_geometry(cache: Path) -> tuple[Arrays, DrawnModel, float]:
    """Build all but the landmark embedding.

    Parameters
    ----------
    cache : Path
        Folder for wheels.

    Returns
    -------
    arrays : dict of str to ndarray
        As they stand in the file. In the file the eyes stand left before right.
    drawn : DrawnModel
        The same, to be drawn.
    variance_kept : float
        Part of the variance of the random heads that the identity basis keeps.
    """
    sources = read_sources(cache)
    head = cut_head(sources)
    heads = Population(sources, head).draw(N_HEADS, np.random.default_rng(SEED))
    identity = learn_identity(heads, sources.vertices_mm[head.base_points], head)
    eye_centre_basis = np.stack(
        [identity.basis[:, helper].mean(axis=1) for helper in head.eye_helpers], axis=1
    )
    mean, eye_centres = seat_lids(identity.mean, head)
    lips = lip_weights(sources, head)
    names, expressions = read_expressions(sources, head, identity.scale, mean, lips)
    subdivision, fine_quads = subdivide(head.quads, head.n_vertices)
    arrays: Arrays = {
        "mean": mean[head.vertices].astype(np.float32),
        "id_basis": identity.basis[:, head.vertices].astype(np.float16),
        "ex_basis": expressions.astype(np.float16),
        "ex_names": np.array(names),
        "quads": head.quads.astype(np.uint16),
        "ring": head.rings.astype(np.uint16),
        "eye_c": eye_centres.astype(np.float32),
        "eye_cB": eye_centre_basis.astype(np.float32),
        "eye_r": np.array(EYEBALL_RADIUS_MM, np.float32),
        "mirror": head.mirror[head.vertices].astype(np.uint16),
        "mouth": mouth_inside(mean, head),
        "lip": np.clip(lips, 0, 1).astype(np.float16),
        "sub_data": subdivision.data.astype(np.float32),
        "sub_indices": subdivision.indices.astype(np.uint16),
        "sub_indptr": subdivision.indptr.astype(np.int32),
        "sub_shape": np.array(subdivision.shape),
        "sub_quads": fine_quads.astype(np.uint16),
    }
    drawn = DrawnModel(
        mean=arrays["mean"].astype(float),
        identity_basis=arrays["id_basis"].astype(np.float32),
        expression_names=tuple(names),
        expression_basis=arrays["ex_basis"].astype(np.float32),
        triangles=head.triangles,
        rings=head.rings,
        mirror=head.mirror[head.vertices],
        eye_centres=eye_centres,
        eye_centre_basis=eye_centre_basis.astype(float),
        eyeball_radius_mm=EYEBALL_RADIUS_MM,
        lip_weight=lips,
        subdivision=subdivision,
        fine_triangles=np.concatenate([fine_quads[:, [0, 1, 2]], fine_quads[:, [0, 2, 3]]]),
    )
    return arrays, drawn, identity.variance_kept


def write_arrays(arrays: Arrays) -> bytes:
    """Return the bytes of a compressed ``.npz`` file: the same for the same arrays."""
    stream = BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()
