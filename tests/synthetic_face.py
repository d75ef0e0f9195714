"""Landmarks of people that the face model makes up, whose every motion is known."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dmask_node.fit.pose import Pose
from dmask_node.fit.settings import FitSettings
from dmask_node.geometry.camera import PerspectiveCamera
from dmask_node.geometry.eyeball import IRIS_RADIUS_MM, gaze_direction, iris_plane_mm
from dmask_node.geometry.eyelids import EyelidModel
from dmask_node.geometry.morphable_model import MorphableModel
from dmask_node.geometry.rotation import listing_rotation, rotation_matrix
from dmask_node.models.store import load_morphable_model
from dmask_node.records.anatomy import Eye
from dmask_node.records.identified import LandmarkTrack

ROWS, COLUMNS = 480, 640
CAMERA = PerspectiveCamera(focal_px=FitSettings().focal_ratio * COLUMNS, rows=ROWS, columns=COLUMNS)
FRAME_S = 0.04


@dataclass
class Person:
    """A face, how it is held, and what it does. Every array is per frame."""

    n_frames: int = 1
    identity: NDArray[np.float64] | None = None
    turn_deg: NDArray[np.float64] = field(default_factory=lambda: np.zeros((1, 3)))
    """(frames or 1, 3): rotation vector of the head, degrees; y > 0 turns to its left."""
    shift_mm: NDArray[np.float64] = field(default_factory=lambda: np.zeros((1, 3)))
    expression: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    """By name, (frames,)."""
    lids: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    """By name of the eyelid weight, (frames, eyes)."""
    gaze_deg: NDArray[np.float64] = field(default_factory=lambda: np.zeros((1, 2, 2)))
    """(frames or 1, eyes, h and v)."""
    distance_mm: float = 520.0

    def at(self, frame: int, model: MorphableModel, lids: EyelidModel) -> "Instant":
        """Pose the face in one frame."""
        expression = np.zeros(model.n_expression)
        for name, values in self.expression.items():
            expression[model.expression_names.index(name)] = values[frame]
        turn = np.broadcast_to(self.turn_deg, (self.n_frames, 3))[frame]
        shift = np.broadcast_to(self.shift_mm, (self.n_frames, 3))[frame]
        pose = Pose(
            rotation_matrix(np.deg2rad(turn)), shift + np.array([0.0, 0.0, self.distance_mm])
        )
        vertices = model.shape(self.identity, lids.without_lid_actions(expression))
        centres = model.eye_centres(self.identity)
        gaze = np.broadcast_to(self.gaze_deg, (self.n_frames, 2, 2))[frame]
        contours = []
        for eye in Eye:
            weights = np.zeros(lids.n_components)
            for name, values in self.lids.items():
                weights[lids.names.index(name)] = values[frame, eye]
            ring = lids.ring_vertices[eye]
            skin = lids.surface(weights, eye, vertices[ring], centres[eye], pose.rotation)
            vertices[ring] = skin
            contours.append(lids.contour(skin))
        return Instant(
            pose=pose,
            vertices=vertices,
            contours=np.array(contours),
            centres=centres,
            gaze=np.array([gaze_direction(*angles) for angles in gaze]),
        )


@dataclass
class Instant:
    """One frame of a person, in the model frame."""

    pose: Pose
    vertices: NDArray[np.float64]
    contours: NDArray[np.float64]
    centres: NDArray[np.float64]
    gaze: NDArray[np.float64]

    def iris_points(self, radius_mm: float, eye: Eye) -> NDArray[np.float64]:
        """Centre and four points of the limbus, in the order of the landmark networks."""
        plane = iris_plane_mm(radius_mm, IRIS_RADIUS_MM)
        rim = IRIS_RADIUS_MM * np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])
        disc = np.vstack([np.zeros((1, 3)), rim]) + np.array([0, 0, plane])
        return disc @ listing_rotation(self.gaze[eye]).T + self.centres[eye]


def landmarks_of(
    person: Person,
    *,
    camera: PerspectiveCamera = CAMERA,
    time_s: NDArray[np.float64] | None = None,
    missing: tuple[int, ...] = (),
    noise_px: float = 0.0,
    seed: int = 0,
) -> LandmarkTrack:
    """See a person through a camera and a faultless (or evenly noisy) landmark network."""
    model = load_morphable_model()
    lids = EyelidModel.of(model)
    n = person.n_frames
    points = np.full((n, 468, 2), np.nan, np.float32)
    contour = np.full((n, 2, 16, 2), np.nan, np.float32)
    iris = np.full((n, 2, 5, 2), np.nan, np.float32)
    random = np.random.default_rng(seed)
    for frame in range(n):
        if frame in missing:
            continue
        now = person.at(frame, model, lids)
        points[frame] = camera.project(model.landmarks(now.vertices), *now.pose)
        for eye in Eye:
            contour[frame, eye] = camera.project(now.contours[eye], *now.pose)
            iris_mm = now.iris_points(model.eyeball_radius_mm, eye)
            iris[frame, eye] = camera.project(iris_mm, *now.pose)
        for array in (points[frame], contour[frame], iris[frame]):
            array += random.normal(0.0, 1.0, array.shape) * noise_px
    return LandmarkTrack(
        rows=camera.rows,
        columns=camera.columns,
        time_s=np.asarray(np.arange(n) * FRAME_S if time_s is None else time_s, float),
        points_px=points,
        eye_contour_px=contour,
        iris_px=iris,
        presence=np.isfinite(points[:, 0, 0]).astype(np.float32),
    )
