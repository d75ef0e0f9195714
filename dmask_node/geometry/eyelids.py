"""The eyelids: how the rings around an eye move, how they rest on the eyeball, and the lid fold.

Seventeen weights move each eye on its own: the corners, five sine modes along the margin of each
lid (in the spirit of Q. Wen et al., "Real-time 3D eyelids tracking from semantic edges", ACM TOG
36, 2017), and the actions blink, wide and squint of the face model. The modes do the work: with
the actions alone the margin of a real eye is missed by about half a millimetre, with the modes by
about a tenth.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.geometry.morphable_model import N_RINGS, N_SPOKES, MorphableModel
from dmask_node.records.anatomy import Eye

LID_ACTIONS: Final = ("eyeBlink", "eyeWide", "eyeSquint")
"""Actions of the face model that the eyelid model owns; the rest of the face is formed without."""
MARGIN_RING: Final = 2
"""The ring on the edge of the lids."""
UPPER_MIDDLE_SPOKE: Final = 0
LOWER_MIDDLE_SPOKE: Final = 14

_INNER, _OUTER = 22, 7
_UPPER: Final = np.array([(_INNER + k) % N_SPOKES for k in range(14)])
"""Spokes along the upper lid, inner to outer corner."""
_LOWER: Final = np.array([_INNER - k for k in range(16)])
"""Spokes along the lower lid, inner to outer corner."""
_RING_FALL_OFF: Final = np.array([1.0, 1.0, 1.0, 0.97, 0.90, 0.78, 0.64, 0.48, 0.30, 0.14, 0.05])
"""How much of a mode each ring takes part in. Unitless."""
_CORNER_SD_MM: Final = 1.5
_MODE_SD_MM: Final = (2.5, 1.2, 0.8, 0.6, 0.4)
_ACTION_SD: Final = 0.5
_MODE_BOUND_MM: Final = 9.0
_ACTION_BOUND: Final = (1.15, 1.0, 1.0)
"""A blink may overshoot a little, else the lids of some faces never meet."""

_LID_THICKNESS_MM: Final = np.array([0.15, 0.5, 0.9, 1.2, 1.4, 1.4, 1.4])[:, None]
"""Least distance of rings 0 to 6 from the globe while they ride on it."""
_RIDE_WEIGHT: Final = np.array([1.0, 1.0, 1.0, 0.9, 0.7, 0.5, 0.3])[:, None]
"""How far each of them follows the globe."""
_LEAST_DEPTH_MM: Final = np.array([0.15, 0.4, 0.6, 0.6, 0.6, 0.6, 0.6])[:, None]
_INNER_SLACK_MM: Final = np.array([0.5, 0, 0, 0, 0, 0, 0])[:, None]
"""Ring 0 lies inside the lid and may sink a little."""
_SKIN_CLEARANCE_MM: Final = np.array([0.9, 1.2, 1.5, 1.6, 1.6, 1.6, 1.6, 1.6])[:, None]
"""Distance of rings 3 to 10 from the globe."""
_N_RIDING: Final = 7
_FIRST_SKIN_RING: Final = 3

FOLD_HEIGHT_MM: Final = 4.2
"""Of the upper lid fold above the margin, along the skin, at the middle of an open eye. One fold
for everyone: it says nothing of the patient."""
_FOLD_DEPTH_MM: Final = 1.0
_FULL_FOLD_APERTURE_MM: Final = 7.0
"""From this aperture on the fold is at full depth; it flattens as the lid comes down."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EyelidModel:
    """The linear eyelid model and its priors, the same for every face of the morphable model."""

    names: tuple[str, ...]
    """(eyelid components)."""
    basis: NDArray[np.float64]
    """(eyes, eyelid components, 308, 3), displacement of the ring vertices (11 rings of 28, ring
    by ring) for a weight of 1: 1 mm for corners and modes, the full action for actions."""
    contour_basis: NDArray[np.float64]
    """(eyes, 16, 3, eyelid components), the same at the 16 points of the lid margin."""
    prior_sd: NDArray[np.float64]
    """(eyelid components,), expected size of each weight."""
    lower_bound: NDArray[np.float64]
    """(eyelid components,)."""
    upper_bound: NDArray[np.float64]
    """(eyelid components,)."""
    ring_vertices: NDArray[np.intp]
    """(eyes, 308), vertex indices in the morphable model."""
    eyeball_radius_mm: float
    contour_spokes: NDArray[np.float64]
    """(16,), as in the morphable model."""
    action_indices: NDArray[np.intp]
    """(6,), the expressions of the morphable model that the eyelid model owns."""

    @classmethod
    def of(cls, model: MorphableModel) -> "EyelidModel":
        """Derive the eyelid model from the rings and actions of a morphable model."""
        names, modes = _margin_modes(model)  # (14, 28, 3) for the left eye
        rings = model.rings.reshape(2, -1)  # (eyes, 308)
        basis = []
        for eye, side, mirrored in ((Eye.RIGHT, "Right", -1.0), (Eye.LEFT, "Left", 1.0)):
            spread = modes[:, None] * _RING_FALL_OFF[None, :, None, None]  # (14, 11, 28, 3)
            spread = spread.reshape(len(modes), -1, 3) * [mirrored, 1.0, 1.0]
            actions = [
                model.expression_basis[model.expression_names.index(name + side)][rings[eye]]
                for name in LID_ACTIONS
            ]
            basis.append(np.concatenate([spread, np.asarray(actions, float)]))
        stacked = np.stack(basis)
        n_modes = len(modes)
        lids = cls(
            names=(*names, *LID_ACTIONS),
            basis=stacked,
            contour_basis=np.moveaxis(_on_margin(stacked, model.contour_spokes), 1, -1).copy(),
            prior_sd=np.array([_CORNER_SD_MM] * 4 + [*_MODE_SD_MM] * 2 + [_ACTION_SD] * 3),
            lower_bound=np.array([-_MODE_BOUND_MM] * n_modes + [0.0] * 3),
            upper_bound=np.array([_MODE_BOUND_MM] * n_modes + [*_ACTION_BOUND]),
            ring_vertices=rings,
            eyeball_radius_mm=model.eyeball_radius_mm,
            contour_spokes=model.contour_spokes,
            action_indices=np.array(
                [
                    index
                    for index, name in enumerate(model.expression_names)
                    if name.startswith(LID_ACTIONS)
                ]
            ),
        )
        for name in ("basis", "contour_basis", "prior_sd", "lower_bound", "upper_bound"):
            getattr(lids, name).flags.writeable = False
        return lids

    @property
    def n_components(self) -> int:
        """Number of weights for one eye."""
        return len(self.names)

    def without_lid_actions(self, expression: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take blink, wide and squint out of an expression: the lids are moved by this model.

        Parameters
        ----------
        expression : (..., expression components) ndarray of float64
            As the morphable model has them.

        Returns
        -------
        (..., expression components) ndarray of float64
            A copy with these six set to 0.
        """
        rest = np.array(expression, float)
        rest[..., self.action_indices] = 0.0
        return rest

    def surface(
        self,
        weights: NDArray[np.float64],
        eye: Eye,
        base_vertices_mm: NDArray[np.float64],
        eye_centre_mm: NDArray[np.float64],
        rotation: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Form the lids of one eye, resting on the eyeball.

        Parameters
        ----------
        weights : (eyelid components,) ndarray of float64
            Within the bounds.
        eye : Eye
            Which eye.
        base_vertices_mm : (308, 3) ndarray of float64
            The ring vertices of the face without blink, wide and squint.
        eye_centre_mm : (3,) ndarray of float64
            Centre of the eyeball, model frame.
        rotation : (3, 3) ndarray of float64
            Model to camera: contact moves vertices along the viewing axis only, so that the lids
            stay where they were in the picture.

        Returns
        -------
        (308, 3) ndarray of float64
            The ring vertices, model frame.
        """
        moved = base_vertices_mm + (weights @ self.basis[eye].reshape(len(weights), -1)).reshape(
            -1, 3
        )
        return self._ride(moved, base_vertices_mm, eye_centre_mm, rotation)

    def contour(self, ring_vertices_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Find the 16 points of the lid margin.

        Parameters
        ----------
        ring_vertices_mm : (308, 3) ndarray of float64
            As `surface` returns them.

        Returns
        -------
        (16, 3) ndarray of float64
            In the order of `MorphableModel.eye_landmarks`.
        """
        return _on_margin(ring_vertices_mm, self.contour_spokes)

    def _ride(
        self,
        vertices: NDArray[np.float64],
        base: NDArray[np.float64],
        centre: NDArray[np.float64],
        rotation: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Keep the lids on the globe: without this the sclera pokes through in every squint."""
        globe = self.eyeball_radius_mm
        turned = ((vertices - centre) @ rotation.T).reshape(N_RINGS, N_SPOKES, 3)
        at_rest = (base - centre).reshape(N_RINGS, N_SPOKES, 3)[:_N_RIDING]

        near = turned[:_N_RIDING]
        # each vertex rides at its own distance from the globe's centre, never inside the globe
        own = np.maximum(np.sqrt((at_rest**2).sum(axis=2)), globe + _LID_THICKNESS_MM)
        aside = (near[..., :2] ** 2).sum(axis=2)
        follows = _RIDE_WEIGHT * np.clip((0.92 - aside / own**2) / 0.25, 0.0, 1.0)
        depth = near[..., 2] * (1.0 - follows) + follows * np.sqrt(np.maximum(own**2 - aside, 0.0))
        least = np.sqrt(np.maximum((globe + _LEAST_DEPTH_MM) ** 2 - aside, 0.0))
        before_globe = aside < (globe + 0.1) ** 2
        near[..., 2] = np.where(before_globe, np.maximum(depth, least - _INNER_SLACK_MM), depth)

        skin = turned[_FIRST_SKIN_RING:]
        distance = np.sqrt((skin**2).sum(axis=2))
        wanted = globe + _SKIN_CLEARANCE_MM
        skin *= np.maximum(wanted / np.maximum(distance, 1e-6), 1.0)[..., None]
        return np.asarray(turned.reshape(-1, 3) @ rotation + centre)


def add_fold(
    ring_vertices_mm: NDArray[np.float64],
    eye_centre_mm: NDArray[np.float64],
    aperture_mm: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Press the fold of the upper lid into the skin above its margin.

    A groove and the roll above it, at a fixed height along the skin, flattening as the eye closes.
    It is the same for everyone; how high a patient's own fold lies is not measured.

    Parameters
    ----------
    ring_vertices_mm : (308, 3) ndarray of float64
        As `EyelidModel.surface` returns them.
    eye_centre_mm : (3,) ndarray of float64
        Centre of the eyeball, model frame.
    aperture_mm : float
        How far the eye is open.

    Returns
    -------
    vertices_mm : (308, 3) ndarray of float64
        With the fold; the lid margin is not moved.
    shade : (308,) ndarray of float64
        In [0, 1], 1 at the bottom of a full groove: how much to darken.
    """
    rings = ring_vertices_mm.reshape(N_RINGS, N_SPOKES, 3).copy()
    lid = rings[MARGIN_RING:, _UPPER]  # (9, 14, 3), a copy
    along = np.linspace(0.0, 1.0, len(_UPPER))
    taper = np.clip(np.sin(np.pi * np.clip(along, 0.03, 0.97)) ** 0.45, 0.0, 1.0)
    height = FOLD_HEIGHT_MM * (0.45 + 0.55 * np.sin(np.pi * along) ** 0.6)
    steps = np.linalg.norm(np.diff(lid, axis=0), axis=2)
    above = np.concatenate([np.zeros((1, len(_UPPER))), np.cumsum(steps, axis=0)])  # (9, 14)

    groove = np.exp(-(((above - height) / 0.8) ** 2)) * taper
    roll = np.exp(-(((above - height - 1.7) / 1.3) ** 2)) * taper
    groove[0] = roll[0] = 0.0  # the margin carries the aperture and stays
    openness = aperture_mm / _FULL_FOLD_APERTURE_MM
    depth = _FOLD_DEPTH_MM * np.clip(openness, 0.15, 1.0)
    outwards = lid - eye_centre_mm
    outwards /= np.linalg.norm(outwards, axis=2, keepdims=True)
    rings[MARGIN_RING:, _UPPER] = lid + ((0.55 * roll - 0.8 * groove) * depth)[..., None] * outwards

    shade = np.zeros((N_RINGS, N_SPOKES))
    shade[MARGIN_RING:, _UPPER] = groove * np.clip(openness, 0.35, 1.0)
    return rings.reshape(-1, 3), shade.ravel()


def _on_margin(
    ring_vertices: NDArray[np.float64], spokes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate (..., 308, 3) ring vertices at the 16 contour points of the lid margin."""
    start = MARGIN_RING * N_SPOKES
    margin = ring_vertices[..., start : start + N_SPOKES, :]
    before = np.floor(spokes).astype(np.intp) % N_SPOKES
    part = (spokes - np.floor(spokes))[:, None]
    return np.asarray(
        margin[..., before, :] * (1.0 - part) + margin[..., (before + 1) % N_SPOKES, :] * part
    )


def _margin_modes(model: MorphableModel) -> tuple[list[str], NDArray[np.float64]]:
    """Corners and sine modes of the left lid margin, (14, 28, 3), 1 mm each."""
    margin = model.mean[model.rings[Eye.LEFT, MARGIN_RING]]
    upper, lower = _arc(margin[_UPPER]), _arc(margin[_LOWER])
    names, modes = [], []
    for corner, flip in (("inner", True), ("outer", False)):
        for axis, letter in enumerate("xy"):
            mode = np.zeros((N_SPOKES, 3))
            mode[_UPPER, axis] = 1.0 - upper if flip else upper
            mode[_LOWER, axis] = 1.0 - lower if flip else lower
            names.append(f"{corner}_{letter}")
            modes.append(mode)
    for lid, spokes, arc in (("upper", _UPPER, upper), ("lower", _LOWER, lower)):
        for k in range(1, len(_MODE_SD_MM) + 1):
            mode = np.zeros((N_SPOKES, 3))
            mode[spokes, 1] = np.sin(k * np.pi * arc)
            names.append(f"{lid}_{k}")
            modes.append(mode)
    return names, np.array(modes)


def _arc(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Arc length along a polyline, from 0 to 1."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return np.asarray(length / length[-1])
