"""From random heads to a clean mean head and the principal components of identity."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from dmask_node.rebuild.face_model.head import Head
from dmask_node.rebuild.face_model.smoothing import Smoother

N_COMPONENTS: Final = 50
"""Keep 97.5 % of the variance of the random heads."""
PUPIL_DISTANCE_MM: Final = 63.0
"""Of the mean head; fixes the model's scale."""

_ALIGN_ROUNDS: Final = 3
_MEAN_PASSES: Final = 25
"""Averaging aged heads leaves wrinkles in the mean, which nobody has: the mean is the clean base
surface plus a difference smoothed this often."""
_FIELD_PASSES: Final = 4
_DAMP_PASSES: Final = 8
_DAMPED: Final = 0.8
"""Part of the identity taken off skull and neck: no landmark sees them, so a fit would only
guess there; and ears and skull are biometric."""
_WEIGHT_FRONT, _WEIGHT_EARS, _WEIGHT_REST = 1.0, 0.25, 0.15
_TURNED: Final = (
    *(3, 4, 9, 11, 13, 14, 15, 16, 17, 18, 19, 20, 22, 24),
    *(26, 28, 29, 31, 34, 36, 37, 38, 39, 40, 43, 47, 49),
)
"""Components whose sign is turned against the rule of `fix_signs`: so the weights keep the meaning
they had in the first model that shipped."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Identity:
    """The mean head and how heads differ from it; the origin lies between the eyes."""

    mean: NDArray[np.float64]
    """(points, 3), millimetres; symmetric."""
    basis: NDArray[np.float32]
    """(50, points, 3), millimetres for one standard deviation."""
    deviations: NDArray[np.float64]
    """(50,): standard deviation of each component along its unit vector, by weight."""
    variance_kept: float
    """Part of the variance of the random heads that the components keep."""
    scale: float
    """Model millimetres per MakeHuman millimetre."""


def front_of_face(base_mm: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return for each point (points,) whether it is on the front of the face."""
    x, y, z = base_mm.T
    return (z > 60) & (y > 612) & (y < 800) & (np.abs(x) < 72)


def learn_identity(
    heads_mm: NDArray[np.float32], base_mm: NDArray[np.float64], head: Head
) -> Identity:
    """Align heads, clean their mean, and take principal components.

    Parameters
    ----------
    heads_mm : (n, points, 3) ndarray of float32
        Random heads, in MakeHuman's frame.
    base_mm : (points, 3) ndarray of float64
        The base head, in the same frame: its surface is clean.
    head : Head
        The mesh.

    Returns
    -------
    Identity
        Symmetric: each head counts together with its mirror image.
    """
    base = base_mm.astype(np.float32)
    front = front_of_face(base)
    weight = np.full(len(base), _WEIGHT_REST, np.float32)
    weight[front] = _WEIGHT_FRONT
    weight[(np.abs(base[:, 0]) > 74) & (base[:, 2] < 60)] = _WEIGHT_EARS
    weight[head.n_vertices :] = _WEIGHT_FRONT
    on_front = front.astype(np.float32)

    heads, reference = heads_mm, heads_mm.mean(axis=0)
    for _ in range(_ALIGN_ROUNDS):
        aligned = [align(one, reference, on_front) for one in heads]
        heads = np.stack(aligned).astype(np.float32)
        reference = heads.mean(axis=0)
    mean = _symmetric(reference, head)
    left, right = (mean[helper].mean(axis=0) for helper in head.eye_helpers)
    scale = PUPIL_DISTANCE_MM / float(np.linalg.norm(left - right))
    mean, heads = (mean - 0.5 * (left + right)) * scale, (heads - 0.5 * (left + right)) * scale

    smoother = Smoother(head)
    clean = align(base.astype(float), mean, on_front)
    moved = smoother.fields((mean - clean)[None].astype(np.float32), _MEAN_PASSES)[0]
    damping = smoother.weights(_damping(mean, head), _DAMP_PASSES)
    fields = smoother.fields((heads - mean) * damping[None, :, None], _FIELD_PASSES)
    basis, deviations, kept = _principal_components(fields, weight, head)
    return Identity(
        mean=_symmetric(clean + moved, head),
        basis=_as_first_shipped(fix_signs(basis, mean)),
        deviations=deviations,
        variance_kept=kept,
        scale=scale,
    )


def align(
    points: NDArray[np.floating], target: NDArray[np.floating], weight: NDArray[np.float32]
) -> NDArray[np.floating]:
    """Move, turn and scale points so that they best match others.

    Parameters
    ----------
    points, target : (n, 3) ndarray of float
        Corresponding points.
    weight : (n,) ndarray of float32
        Of each point in the sum of squares.

    Returns
    -------
    (n, 3) ndarray of float
        The aligned points.

    References
    ----------
    .. [1] S. Umeyama, "Least-squares estimation of transformation parameters between two point
       patterns", PAMI 13, 1991, equations 40-42.
    """
    centre = (weight[:, None] * points).sum(0) / weight.sum()
    target_centre = (weight[:, None] * target).sum(0) / weight.sum()
    a, b = points - centre, target - target_centre
    u, stretch, vt = np.linalg.svd((weight[:, None] * a).T @ b)
    proper = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ proper @ vt
    scale = (stretch * np.diag(proper)).sum() / (weight[:, None] * a * a).sum()
    return scale * (a @ rotation) + target_centre


def _symmetric(points: NDArray[np.floating], head: Head) -> NDArray[np.float64]:
    """Average a shape with its mirror image."""
    return np.asarray(0.5 * (points + points[head.mirror] * [-1, 1, 1]), np.float64)


def _damping(mean: NDArray[np.float64], head: Head) -> NDArray[np.float64]:
    """Return (points,): 1 on the face, down to 0.2 on the back and top of the skull and neck."""
    _, y, z = mean.T
    back = np.clip((-z - 25) / 45, 0, 1)
    top = np.clip((y - 62) / 40, 0, 1)
    neck = np.clip((-y - 112) / 22, 0, 1)
    damping = 1 - _DAMPED * np.maximum.reduce([back, top, neck])
    damping[head.n_vertices :] = 1
    return np.asarray(damping)


def _principal_components(
    fields: NDArray[np.floating], weight: NDArray[np.float32], head: Head
) -> tuple[NDArray[np.float32], NDArray[np.float64], float]:
    """Return basis, standard deviations, and the part of the variance they keep.

    With each head its mirror image counts too, so every component is either symmetric or
    antisymmetric, and the symmetric and antisymmetric halves of the fields can be analysed apart.
    With fewer heads than coordinates the (heads, heads) Gram matrix has the same components as
    the covariance.
    """
    mirrored = fields[:, head.mirror] * np.array([-1, 1, 1], np.float32)
    variances, components, total = [], [], 0.0
    for half in (0.5 * (fields + mirrored), 0.5 * (fields - mirrored)):
        flat = half.reshape(len(half), -1)
        weighted = flat * np.repeat(np.sqrt(weight), 3)
        gram = weighted @ weighted.T / len(half)
        total += np.trace(gram)
        last = len(half) - 1
        values, vectors = eigh(gram, subset_by_index=(last + 1 - N_COMPONENTS, last))
        variances.append(values)
        # Unit vector (weighted) times standard deviation: the deviation cancels but for this.
        components.append(vectors.T @ flat / np.sqrt(len(half)))
    largest = np.argsort(-np.concatenate(variances), kind="stable")[:N_COMPONENTS]
    kept = np.concatenate(variances)[largest]
    basis = np.concatenate(components)[largest].reshape(N_COMPONENTS, -1, 3)
    return basis.astype(np.float32), np.sqrt(kept), float(kept.sum() / total)


def _as_first_shipped(basis: NDArray[np.float32]) -> NDArray[np.float32]:
    turned = basis.copy()
    turned[list(_TURNED)] *= -1
    return turned


def fix_signs(basis: NDArray[np.float32], mean_mm: NDArray[np.float64]) -> NDArray[np.float32]:
    """Give each component the sign that does not depend on the linear algebra library.

    Its largest displacement on the left half of the face is positive. (On the whole face it would
    be a tie: the right half mirrors the left.)

    Parameters
    ----------
    basis : (components, points, 3) ndarray of float32
        Components of either sign.
    mean_mm : (points, 3) ndarray of float64
        The mean head, whose origin lies between the eyes.

    Returns
    -------
    (components, points, 3) ndarray of float32
        The same up to sign.
    """
    half = basis[:, mean_mm[:, 0] > 1].reshape(len(basis), -1)
    largest = np.take_along_axis(half, np.abs(half).argmax(axis=1)[:, None], axis=1)
    return np.asarray(basis * np.sign(largest)[:, :, None], np.float32)
