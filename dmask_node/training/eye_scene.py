"""An eye of a random head: where skin, globe and lines lie in the picture, without any colour.

The head is the CC0 face model with a random identity. Its lids are moved about one eye, down to
exact closure, and rest on the globe; the globe is turned. All lines are points of the same surface
that is drawn, so their truth is exact up to the drawing grid. It is always the patient's right eye,
whose outer corner is on the left of the picture: to the network a left eye is a mirrored right one.

Axes here: x to the right of the picture (towards the nose), y up, z to the viewer; the origin is
the middle of the globe.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dmask_node.geometry.eyeball import eyeball_mesh, gaze_direction
from dmask_node.geometry.eyelids import EyelidModel
from dmask_node.geometry.morphable_model import N_RINGS, N_SPOKES, MorphableModel
from dmask_node.geometry.rotation import rotation_matrix
from dmask_node.records.anatomy import Eye
from dmask_node.render.conjunctiva import Lining
from dmask_node.render.paint import SkinPaint
from dmask_node.render.shading import SkinShader
from dmask_node.training.crop import PLATE
from dmask_node.training.truth import EyeTruth, smooth_line, symmetric_root

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

SUPERSAMPLING: Final = 1.5
"""Samples per pixel of the plate in each direction; what is seen is averaged down to the plate."""
ROWS: Final = int(PLATE.rows * SUPERSAMPLING)
COLUMNS: Final = int(PLATE.columns * SUPERSAMPLING)
"""Of the buffers, samples."""
TO_PLATE: Final = np.column_stack([np.eye(2) / SUPERSAMPLING, [0.5 / SUPERSAMPLING - 0.5] * 2])
"""(2, 3), from buffer samples to pixels of the plate."""
CLOSED: Final = 0.995
"""Closure from which on the lids meet exactly."""

_UPPER: Final = (np.arange(14) + 22) % N_SPOKES
"""Spokes along the upper lid, inner to outer corner."""
_LOWER: Final = 22 - np.arange(16)
"""Spokes along the lower lid, inner to outer corner."""
_MARGIN_RING: Final = 2
_FALL_OFF: Final = np.array([1.0, 1.0, 1.0, 0.97, 0.90, 0.78, 0.64, 0.48, 0.30, 0.14, 0.05])
"""How much of the margin's motion each ring takes part in."""
_REGION_MM: Final = 52.0
"""Skin within this distance of the globe's middle is drawn."""
_N_LINE: Final = 41
"""Points of each line."""
_N_ROOTS: Final = 200
_N_SHAPE: Final = 14
"""Corners and margin modes, the first weights of the eyelid model."""
_NEAR_MM: Final = 1.0
_FAR_MM: Final = 1e5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SceneSettings:
    """What head, lids and gaze are to be like."""

    identity: Floats
    """(identity components,), in standard deviations."""
    expression: Floats
    """(expression components,), in [0, 1]; the actions of the lids are not used."""
    yaw_deg: float
    """Of the head, positive towards the right of the picture."""
    pitch_deg: float
    """Of the head, positive upwards."""
    distance_mm: float
    """From the camera to the eye."""
    gaze_deg: tuple[float, float]
    """Azimuth, positive towards the nose, and elevation, in the head."""
    lid_shape: Floats
    """(14,), corners and margin modes as in the eyelid model, millimetres."""
    closure: float
    """Share of the opening by which the upper lid has come down; negative when retracted."""
    meeting: float
    """Part of the closure that the lower lid does by coming up, in [0, 1]."""
    tilt: float
    """How unevenly the upper lid comes down from the inner to the outer corner, in [-1, 1]."""
    fold_mm: float
    """Height of the fold above the margin, along the skin, in the middle of the eye."""
    boundary_ring: float
    """Ring in which the lower lid ends, 5 to 9."""
    iris_radius_mm: float
    pupil_ratio: float
    """Diameter of the pupil over that of the iris, in (0, 0.9)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EyeScene:
    """Buffers of one eye and its truth, all in buffer samples."""

    skin: Image
    """(rows, columns), share of skin under each sample."""
    globe: Image
    """(rows, columns), share of the globe."""
    conjunctiva: Image
    """(rows, columns), share of what lies between globe and lids; the rest is background."""
    normal: Image
    """(rows, columns, 3), towards the viewer."""
    on_globe: Image
    """(rows, columns, 3), unit vector in the frame of the globe, z along the line of sight."""
    ring: Image
    """(rows, columns), distance from the lid margin in rings: 0 at the margin, 1 far off."""
    brow: Image
    """(rows, columns), in [0, 1]."""
    caruncle: Image
    """(rows, columns), in [0, 1]: how much the conjunctiva is caruncle."""
    truth: EyeTruth
    """Fold and boundary are always given; whether they are seen is a matter of paint."""
    upper_roots: Floats
    """(n, 2), roots of lashes on the upper lid, from the inner to the outer corner."""
    lower_roots: Floats
    """(n, 2), the same on the lower lid."""
    face_axes: Floats
    """(3, 3), columns: the head's x, y and z axis in samples per millimetre, x right, y down."""
    limbus_rad: float
    """Polar angle of the edge of the iris."""
    pupil_rad: float


class SceneBuilder:
    """Builds scenes of one face model.

    Parameters
    ----------
    model : MorphableModel
        The face model.
    """

    def __init__(self, model: MorphableModel) -> None:
        self._model = model
        self._lids = EyelidModel.of(model)
        paint = SkinPaint.of(model)
        shader = SkinShader(model.subdivision, model.fine_triangles, paint, (0, 0, 0))
        self._normals = shader.normals
        self._lining = Lining.of(model, Eye.RIGHT)
        rest = np.asarray(model.subdivision @ model.mean) - model.eye_centre_mean[Eye.RIGHT]
        near = np.linalg.norm(rest, axis=1) < _REGION_MM
        self._skin_triangles = model.fine_triangles[near[model.fine_triangles].all(axis=1)]
        ring = np.ones(len(model.mean))
        ring[model.rings[Eye.RIGHT]] = np.linspace(0, 1, N_RINGS)[:, None]
        self._ring = np.asarray(model.subdivision @ ring)
        self._brow = paint.brow

    def __call__(self, settings: SceneSettings) -> EyeScene:
        """Build one eye.

        Parameters
        ----------
        settings : SceneSettings
            What it is to be like.

        Returns
        -------
        EyeScene
            Buffers and truth.
        """
        model = self._model
        vertices = model.shape(
            settings.identity, self._lids.without_lid_actions(settings.expression)
        )
        vertices -= model.eye_centres(settings.identity)[Eye.RIGHT]
        turn = rotation_matrix(np.array([np.deg2rad(-settings.pitch_deg), 0.0, 0.0]))
        turn = turn @ rotation_matrix(np.array([0.0, np.deg2rad(settings.yaw_deg), 0.0]))
        vertices[self._lids.ring_vertices[Eye.RIGHT]] = self._moved_lids(vertices, turn, settings)

        turned = np.asarray(model.subdivision @ (vertices @ turn.T))  # (fine vertices, 3)
        rings = turned[model.rings[Eye.RIGHT]]  # the first fine vertices are the coarse ones
        camera = _Camera.level(
            rings[_MARGIN_RING, 7], rings[_MARGIN_RING, 22], settings.distance_mm
        )
        turned, rings = turned @ camera.roll.T, rings @ camera.roll.T
        turn = camera.roll @ turn

        ball = eyeball_mesh(
            model.eyeball_radius_mm,
            settings.iris_radius_mm,
            settings.pupil_ratio * settings.iris_radius_mm,
        )
        sight = turn @ gaze_direction(*settings.gaze_deg)
        frame = _frame_along(sight)
        parts = self._parts(turned, ball.vertices_mm, ball.triangles, frame)
        buffers = [_draw(camera, parts, attribute) for attribute in parts.attributes]
        material, normal, detail = buffers
        on_globe = detail * 2 - 1  # only where the globe is
        on_globe /= np.maximum(np.linalg.norm(on_globe, axis=2, keepdims=True), 1e-6)

        upper = camera.project(rings[_MARGIN_RING, _UPPER])
        lower = camera.project(rings[_MARGIN_RING, _LOWER])
        # What is seen of a lid ends at its front or at its back edge, whichever covers more.
        seen_upper = _envelope(upper, camera.project(rings[0, _UPPER]), np.maximum)
        seen_lower = _envelope(lower, camera.project(rings[0, _LOWER]), np.minimum)
        if settings.closure >= CLOSED:
            seen_lower = seen_upper.copy()
        fold = _at_height(rings[_MARGIN_RING:, _UPPER], settings.fold_mm)
        boundary = _at_ring(rings[:, _LOWER], settings.boundary_ring)
        rim, shape = _ellipse(
            camera.project(_circle(frame, model.eyeball_radius_mm, ball.limbus_rad))
        )
        pupil, _ = _ellipse(camera.project(_circle(frame, model.eyeball_radius_mm, ball.pupil_rad)))
        fold_seen, boundary_seen = (
            _from_left(smooth_line(camera.project(line), _N_LINE))
            for line in (fold[1:-1], boundary[2:-2])
        )
        return EyeScene(
            skin=material[..., 0],
            globe=material[..., 1],
            conjunctiva=material[..., 2],
            normal=normal * 2 - 1,
            on_globe=on_globe,
            ring=detail[..., 0],
            brow=detail[..., 1],
            caruncle=detail[..., 2],
            truth=EyeTruth(
                lines=(seen_upper, seen_lower, fold_seen, boundary_seen),
                spots=np.stack([upper[-1], upper[0], rim, pupil]),
                iris=shape,
                pupil_ratio=settings.pupil_ratio,
                visibility=1.0,
            ),
            upper_roots=smooth_line(upper, _N_ROOTS),
            lower_roots=smooth_line(lower, _N_ROOTS),
            face_axes=np.diag([1.0, -1.0, 1.0]) @ turn * (camera.focal_px / camera.distance_mm),
            limbus_rad=ball.limbus_rad,
            pupil_rad=ball.pupil_rad,
        )

    def _moved_lids(self, vertices: Floats, turn: Floats, settings: SceneSettings) -> Floats:
        """Shape the lids, then bring them together by their share of the opening."""
        lids, origin = self._lids, np.zeros(3)
        weights = np.zeros(lids.n_components)
        weights[:_N_SHAPE] = settings.lid_shape
        base = vertices[lids.ring_vertices[Eye.RIGHT]]
        shaped = lids.surface(weights, Eye.RIGHT, base, origin, turn)
        turned = (shaped @ turn.T).reshape(N_RINGS, N_SPOKES, 3)
        margin = turned[_MARGIN_RING]
        upper, lower = margin[_UPPER], margin[_LOWER]
        to_lower = np.minimum(_height_at(lower, upper[:, 0]) - upper[:, 1], 0)  # downwards
        to_upper = np.maximum(_height_at(upper, lower[:, 0]) - lower[:, 1], 0)
        if settings.closure >= CLOSED:
            down, up = to_lower * (1 - settings.meeting), to_upper * settings.meeting
        else:
            along = np.linspace(-1.0, 1.0, len(_UPPER))
            share = settings.closure * (1 + settings.tilt * along)
            up = to_upper * max(settings.closure, 0) * settings.meeting
            down = to_lower * np.minimum(share * (1 - settings.meeting), 1)
        turned[:, _UPPER[1:-1], 1] += _FALL_OFF[:, None] * down[1:-1]
        turned[:, _LOWER[1:-1], 1] += _FALL_OFF[:, None] * up[1:-1]
        margin = turned[_MARGIN_RING]
        crossed = _height_at(margin[_LOWER], margin[_UPPER, 0]) - margin[_UPPER, 1]
        meet = crossed if settings.closure >= CLOSED else np.maximum(crossed, 0)
        turned[:, _UPPER[1:-1], 1] += _FALL_OFF[:, None] * meet[1:-1]
        moved = turned.reshape(-1, 3) @ turn
        return lids.surface(np.zeros(lids.n_components), Eye.RIGHT, moved, origin, turn)

    def _parts(
        self, turned: Floats, ball_mm: Floats, ball_triangles: NDArray[np.int32], frame: Floats
    ) -> "_Parts":
        """Join skin, globe and the conjunctiva behind the lids."""
        globe = ball_mm @ frame.T
        skin = turned.astype(np.float32)
        lining = self._lining.vertices_mm(skin, np.zeros(3))
        n_skin, n_globe, n_lining = len(turned), len(globe), len(lining)
        material = np.repeat(np.eye(3), (n_skin, n_globe, n_lining), axis=0)
        unit = ball_mm / np.linalg.norm(ball_mm, axis=1, keepdims=True)
        normal = np.concatenate(
            [self._normals(skin), unit @ frame.T, np.tile([0, 0, 1], (n_lining, 1))]
        )
        nasal = skin[self._lining.rim, 0]
        caruncle = np.clip((nasal - 0.62 * nasal.max()) / (0.25 * nasal.max()), 0, 1)
        detail = np.concatenate(
            [
                np.column_stack([self._ring, self._brow, np.zeros(n_skin)]),
                (unit + 1) / 2,
                np.column_stack([np.zeros((n_lining, 2)), np.append(caruncle, 0.0)]),
            ]
        )
        return _Parts(
            vertices_mm=np.concatenate([skin, globe, lining]).astype(np.float32),
            triangles=np.concatenate(
                [
                    self._skin_triangles,
                    ball_triangles + n_skin,
                    self._lining.triangles + n_skin + n_globe,
                ]
            ).astype(np.int32),
            attributes=tuple(
                np.ascontiguousarray(values, np.float32)
                for values in (material, (normal + 1) / 2, detail)
            ),
        )


class _Parts(NamedTuple):
    vertices_mm: Image
    triangles: NDArray[np.int32]
    attributes: tuple[Image, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Camera:
    """A pinhole camera on the z axis that has the corners of the eye where the plate wants them."""

    roll: Floats
    """(3, 3), turns the scene about the camera's axis until the corners are level."""
    focal_px: float
    centre_px: Floats
    """(2,), principal point, samples."""
    distance_mm: float

    @classmethod
    def level(cls, outer: Floats, inner: Floats, distance_mm: float) -> "_Camera":
        """Place the camera by the two corners of the eye."""
        ends = np.stack([outer, inner])
        seen = ends[:, :2] / (distance_mm - ends[:, 2:])
        across = seen[1] - seen[0]
        angle = -np.arctan2(across[1], across[0])
        roll = rotation_matrix(np.array([0.0, 0.0, angle]))
        seen = seen @ roll[:2, :2].T
        target = (np.array([PLATE.outer_px, PLATE.inner_px]) + 0.5) * SUPERSAMPLING - 0.5
        focal = (target[1, 0] - target[0, 0]) / (seen[1, 0] - seen[0, 0])
        centre = target.mean(axis=0) - focal * seen.mean(axis=0) * [1, -1]
        return cls(roll=roll, focal_px=float(focal), centre_px=centre, distance_mm=distance_mm)

    def project(self, points_mm: Floats) -> Floats:
        """Project (n, 3) points to (n, 2) buffer samples."""
        scale = self.focal_px / (self.distance_mm - points_mm[:, 2])
        return np.asarray(self.centre_px + points_mm[:, :2] * [1, -1] * scale[:, None])


def _draw(camera: _Camera, parts: _Parts, attribute: Image) -> Image:
    """Interpolate an attribute in [0, 1] over the nearest surface, (rows, columns, 3)."""
    depth = np.float32(camera.distance_mm) - parts.vertices_mm[:, 2]
    # The rasteriser wants the principal point in the middle of the picture: shear the scene.
    sheared = parts.vertices_mm.copy()
    offset = camera.centre_px + 0.5 - np.array([COLUMNS, ROWS]) / 2
    sheared[:, 0] += np.float32(offset[0] / camera.focal_px) * depth
    sheared[:, 1] -= np.float32(offset[1] / camera.focal_px) * depth
    sheared[:, 2] = -depth
    projected = sheared[:, :2] / depth[:, None]
    a, b, c = (projected[parts.triangles[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    facing = np.ascontiguousarray(parts.triangles[area > 0])
    image = np.zeros((ROWS, COLUMNS, 3), np.float32)
    nearest = np.full((ROWS, COLUMNS), _FAR_MM, np.float32)
    settings = cv2.TriangleRasterizeSettings()
    settings.setCullingMode(cv2.RASTERIZE_CULLING_NONE)
    settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
    cv2.triangleRasterize(
        sheared,
        facing,
        attribute,
        image,
        nearest,
        np.eye(4, dtype=np.float32),
        2 * np.arctan(ROWS / 2 / camera.focal_px),
        _NEAR_MM,
        _FAR_MM,
        settings,
    )
    return image


def _height_at(line: Floats, x: Floats) -> Floats:
    """Interpolate the height of a (n, 2 or 3) line at places along x."""
    order = np.argsort(line[:, 0])
    return np.interp(x, line[order, 0], line[order, 1])


def _frame_along(sight: Floats) -> Floats:
    """Return the (3, 3) rotation that takes z to a direction by the shortest way."""
    axis = np.cross([0.0, 0.0, 1.0], sight)
    sine = np.linalg.norm(axis)
    if sine < 1e-9:
        return np.eye(3)
    return rotation_matrix(axis / sine * np.arctan2(sine, sight[2]))


def _circle(frame: Floats, radius_mm: float, polar_rad: float) -> Floats:
    """Return points of the circle on the globe at a polar angle from the line of sight."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn), np.full(48, 1 / np.tan(polar_rad))], axis=1)
    return np.asarray(radius_mm * np.sin(polar_rad) * ring @ frame.T)


def _ellipse(points: Floats) -> tuple[Floats, Floats]:
    """Return middle and shape of the ellipse on which evenly spaced points of a circle lie."""
    middle = points.mean(axis=0)
    apart = points - middle
    return middle, symmetric_root(2 * apart.T @ apart / len(points))


def _at_height(lid: Floats, height_mm: float) -> Floats:
    """Find the points at a height above the margin, (spokes, 3), on (rings, spokes, 3) skin."""
    along = np.linspace(0.0, 1.0, lid.shape[1])
    wanted = height_mm * (0.45 + 0.55 * np.sin(np.pi * along) ** 0.6)
    steps = np.linalg.norm(np.diff(lid, axis=0), axis=2)
    above = np.concatenate([np.zeros((1, lid.shape[1])), np.cumsum(steps, axis=0)])
    return np.stack(
        [
            [np.interp(wanted[k], above[:, k], lid[:, k, axis]) for axis in range(3)]
            for k in range(lid.shape[1])
        ]
    )


def _at_ring(lid: Floats, ring: float) -> Floats:
    """Interpolate (rings, spokes, 3) skin at a ring that sinks less towards the corners."""
    along = np.linspace(0.0, 1.0, lid.shape[1])
    wanted = _MARGIN_RING + (ring - _MARGIN_RING) * (0.35 + 0.65 * np.sin(np.pi * along) ** 0.7)
    low = np.floor(wanted).astype(int)
    part = (wanted - low)[:, None]
    spokes = np.arange(lid.shape[1])
    return np.asarray(lid[low, spokes] * (1 - part) + lid[low + 1, spokes] * part)


def _envelope(front: Floats, back: Floats, outermost: np.ufunc) -> Floats:
    """Return the lid's edge in the picture, (n, 2): of its two edges the one that covers more."""
    front = _from_left(smooth_line(front, _N_LINE))
    back = _from_left(smooth_line(back, _N_LINE))
    between = (front[:, 0] >= back[0, 0]) & (front[:, 0] <= back[-1, 0])
    other = np.interp(front[:, 0], back[:, 0], back[:, 1])
    place = (front[:, 0] - front[0, 0]) / (front[-1, 0] - front[0, 0])
    share = np.clip(np.minimum(place, 1 - place) / 0.2, 0, 1) * between  # the edges meet there
    rows = front[:, 1] + share * (outermost(front[:, 1], other) - front[:, 1])
    return np.column_stack([front[:, 0], rows])


def _from_left(points: Floats) -> Floats:
    """Order points by x."""
    return points[np.argsort(points[:, 0], kind="stable")]
