"""Seat the eyelids on an eyeball of human size.

MakeHuman's eyeball has a radius of 17 mm at a pupil distance of 63 mm; a human one has 12. The
smaller one is put in its place so that the front poles touch, and the lids are moved back until
they lie on it: in depth only, so that the front view stays as it was.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.rebuild.face_model.head import Head
from dmask_node.rebuild.face_model.smoothing import Smoother

EYEBALL_RADIUS_MM: Final = 12.2

_FLAT_MM: Final = 12.8
"""Distance from the line of sight from which on the step between the spheres stays the same."""
_LARGEST_STEP_MM: Final = 4.2
_FADE_MM: Final = (13.5, 32.0)
"""Distance from the line of sight over which the move fades out."""
_BEHIND_MM: Final = 12.0
"""What lies farther behind the eye's centre is not moved."""
_SMOOTH_MM: Final = (24.0, 48.0)
"""Around the eyes up to here the surface is smoothed; the outer half blends it in."""
_SMOOTH_PASSES: Final = 10
_LOCKED_RINGS: Final = 5
"""Loops from the lid's inside on that smoothing leaves alone."""


def eyeball_centres(mean_mm: NDArray[np.float64], head: Head) -> tuple[NDArray[np.float64], float]:
    """Return the centres (2, 3) of MakeHuman's eyeballs, left and right, and their radius."""
    centres = np.stack([mean_mm[helper].mean(axis=0) for helper in head.eye_helpers])
    left = mean_mm[head.eye_helpers[0]]
    return centres, float(np.linalg.norm(left - centres[0], axis=1).mean())


def seat_lids(
    mean_mm: NDArray[np.float64], head: Head
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exchange the eyeballs and move the lids back.

    Parameters
    ----------
    mean_mm : (points, 3) ndarray of float64
        The mean head.
    head : Head
        The mesh.

    Returns
    -------
    mean_mm : (points, 3) ndarray of float64
        With the lids moved and the surface around the eyes smoothed.
    centres_mm : (2, 3) ndarray of float64
        Centres of the new eyeballs, left and right.
    """
    centres, old_radius = eyeball_centres(mean_mm, head)
    moved = mean_mm.copy()
    for centre in centres:
        vertices = moved[head.vertices]
        off_axis = _off_axis(vertices, centre)
        near = np.minimum(off_axis, _FLAT_MM)
        step = np.maximum(_sag(near, EYEBALL_RADIUS_MM) - _sag(near, old_radius), -_LARGEST_STEP_MM)
        moved_here = (vertices[:, 2] > centre[2] - _BEHIND_MM) & (off_axis < _FADE_MM[1])
        vertices[:, 2] += np.where(moved_here, step * (1 - _ease(off_axis, *_FADE_MM)), 0)
    smooth = _smooth_around_eyes(moved, centres, head)
    return smooth, centres + np.array([0, 0, old_radius - EYEBALL_RADIUS_MM])


def _off_axis(points: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance from the line of sight straight ahead."""
    return np.hypot(points[:, 0] - centre[0], points[:, 1] - centre[1])


def _sag(off_axis: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """How far a sphere lies behind its front pole, negative."""
    inside = np.minimum(off_axis, 0.995 * radius)
    return np.sqrt(radius * radius - inside * inside) - radius


def _ease(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Go smoothly from 0 to 1 between two values (cubic Hermite)."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _smooth_around_eyes(
    mean: NDArray[np.float64], centres: NDArray[np.float64], head: Head
) -> NDArray[np.float64]:
    vertices = mean[head.vertices]
    locked = np.ones(head.n_vertices, bool)
    for centre in centres:
        around = _off_axis(vertices, centre) < _SMOOTH_MM[1]
        locked &= ~(around & (vertices[:, 2] > centre[2] - 8))
    locked[np.unique(head.rings[:, :_LOCKED_RINGS])] = True
    smooth = Smoother(head).fields(
        mean[None].astype(np.float32), _SMOOTH_PASSES, np.flatnonzero(locked)
    )[0]
    smooth = 0.5 * (smooth + smooth[head.mirror] * [-1, 1, 1])
    off_axis = np.minimum(*(_off_axis(mean, centre) for centre in centres))
    share = (1 - _ease(off_axis, *_SMOOTH_MM))[:, None]
    return np.asarray(mean * (1 - share) + smooth * share)
