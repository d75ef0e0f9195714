"""Pictures of random heads, and where the landmark network sees its landmarks on them."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from dmask_node.geometry.eyeball import IRIS_RADIUS_MM, eyeball_mesh, gaze_direction
from dmask_node.geometry.rotation import listing_rotation
from dmask_node.models.settings import InferenceSettings
from dmask_node.models.store import Network
from dmask_node.rebuild.face_model.camera import Camera, head_rotation
from dmask_node.rebuild.face_model.head import N_RINGS

N_LANDMARKS: Final = 468
SIZE_PX: Final = 420
SEED: Final = 5

_CROP_PX: Final = 192
_REGION_PER_BOX: Final = 1.5
"""Side of the network's region over the box of the face's landmarks, as MediaPipe has it."""
_IMAGE_LEFT_CORNER, _IMAGE_RIGHT_CORNER = 33, 263
"""Landmarks of the outer corners of the eyes: the line between them is made level."""
_SLACK_MM: Final = 2.5
_CLEARANCE_MM: Final = np.array([0.15, 0.4, 0.6, 0.9, 1.2, 1.5, 1.6, 1.6, 1.6, 1.6, 1.6])
"""Least distance of each loop around the eye from the eyeball: else a closing lid sinks in."""

_SKIN: Final = np.array([220.0, 175.0, 150.0])
_LIPS: Final = np.array([190.0, 105.0, 105.0])
_PUPIL: Final = np.array([15.0, 15.0, 15.0])
_IRIS: Final = np.array([100.0, 80.0, 60.0])
_SCLERA: Final = np.array([235.0, 230.0, 225.0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnModel:
    """What of the face model is needed to draw it; arrays as they will stand in the file."""

    mean: NDArray[np.float64]
    """(vertices, 3), millimetres."""
    identity_basis: NDArray[np.float32]
    """(components, vertices, 3)."""
    expression_names: tuple[str, ...]
    expression_basis: NDArray[np.float32]
    """(actions, vertices, 3)."""
    triangles: NDArray[np.intp]
    """(triangles, 3)."""
    rings: NDArray[np.intp]
    """(2, 11, 28), left eye first."""
    mirror: NDArray[np.intp]
    """(vertices,)."""
    eye_centres: NDArray[np.float64]
    """(2, 3), left eye first."""
    eye_centre_basis: NDArray[np.float64]
    """(components, 2, 3)."""
    eyeball_radius_mm: float
    lip_weight: NDArray[np.float64]
    """(vertices,), 0 ... 1."""
    subdivision: csr_matrix
    """(fine vertices, vertices)."""
    fine_triangles: NDArray[np.intp]
    """(fine triangles, 3)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """One picture's truth, and what the network saw."""

    vertices_px: NDArray[np.float64]
    """(vertices, 2)."""
    visible: NDArray[np.bool_]
    """(vertices,)."""
    landmarks_px: NDArray[np.float64]
    """(468, 2)."""
    yaw_deg: float
    roll_deg: float
    scale_px_per_mm: float
    """At the centre of the head."""


class LandmarkNetwork:
    """The attention network, run twice: the first landmarks say where to look again.

    That is how a face is followed through a video. No detector is needed, since it is known where
    the head was drawn.

    Parameters
    ----------
    refined : dict of str to (n,) ndarray of int
        For each output that refines part of the mesh, the landmarks it refines.
    """

    def __init__(self, refined: dict[str, NDArray[np.intp]]) -> None:
        self._network = Network("face_landmark_with_attention", InferenceSettings())
        self._refined = refined

    def __call__(
        self, picture: NDArray[np.uint8], outline_px: NDArray[np.float64], roll_deg: float
    ) -> NDArray[np.float64] | None:
        """Find the landmarks.

        Parameters
        ----------
        picture : (rows, columns, 3) ndarray of uint8
            RGB.
        outline_px : (n, 2) ndarray of float64
            Points about the face.
        roll_deg : float
            Of the head, counter-clockwise as seen.

        Returns
        -------
        (468, 2) ndarray of float64 or None
            Picture coordinates; None where the network sees no face.
        """
        around, angle = outline_px, -np.deg2rad(roll_deg)
        for _ in range(2):
            found = self._look(picture, around, angle)
            if found is None:
                return None
            around = found
            line = found[_IMAGE_RIGHT_CORNER] - found[_IMAGE_LEFT_CORNER]
            angle = np.arctan2(line[1], line[0])
        return around

    def _look(
        self, picture: NDArray[np.uint8], around: NDArray[np.float64], angle: float
    ) -> NDArray[np.float64] | None:
        low, high = around.min(axis=0), around.max(axis=0)
        side = float((high - low).max()) * _REGION_PER_BOX
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * side
        corner = (low + high) / 2 - turn @ [0.5, 0.5]
        outputs = self._network(_cut(picture, turn, corner)[None])
        if outputs["conv_faceflag"][0, 0] < 0:  # logit: less than 1/2
            return None
        points = outputs["output_mesh_identity"][0].reshape(N_LANDMARKS, 3)[:, :2].copy()
        for name, landmarks in self._refined.items():
            points[landmarks] = outputs[name][0].reshape(-1, 2)
        return points.astype(float) / _CROP_PX @ turn.T + corner


def _cut(
    picture: NDArray[np.uint8], turn: NDArray[np.float64], corner: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Sample the region at twice the crop's resolution and average: (192, 192, 3) in 0 ... 1."""
    fine = 2 * _CROP_PX
    # OpenCV counts from the centres of pixels, we and the network from the edge.
    origin = corner - 0.5 + turn @ [0.5 / fine, 0.5 / fine]
    matrix = np.column_stack([turn / fine, origin])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(
        picture, matrix, (fine, fine), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    small = cv2.resize(cut, (_CROP_PX, _CROP_PX), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) * np.float32(1 / 255)


class Studio:
    """Draws random heads with random faces, gazes, poses and light.

    Parameters
    ----------
    model : DrawnModel
        The face.
    network : LandmarkNetwork
        Who looks at the pictures.
    """

    def __init__(self, model: DrawnModel, network: LandmarkNetwork) -> None:
        self._model, self._network = model, network
        self._lips = model.subdivision @ np.clip(model.lip_weight * 2.2, 0, 1)
        self._brows = model.subdivision @ _brows(model.mean)
        self._eyeball = eyeball_mesh(model.eyeball_radius_mm, IRIS_RADIUS_MM)
        self._calm = [
            k for k, name in enumerate(model.expression_names) if name.startswith("eyeLook")
        ]
        self._blinks = [
            model.expression_names.index(f"eyeBlink{side}") for side in ("Left", "Right")
        ]

    def view(self, number: int) -> View | None:
        """Draw one head and look at it; None if the network sees no face.

        Parameters
        ----------
        number : int
            Seed of the head: the same number gives the same picture.
        """
        rng = np.random.default_rng([SEED, number])
        vertices, centres = self._random_face(rng)
        yaw, pitch, roll = rng.uniform(-28, 28), rng.uniform(-15, 15), rng.uniform(-10, 10)
        rotation = head_rotation(yaw, pitch, roll)
        gaze = rotation @ listing_rotation(
            gaze_direction(rng.uniform(-22, 22), rng.uniform(-15, 15))
        )
        middle = SIZE_PX / 2 + rng.uniform(-12, 12, 2) - [0, 0.03 * SIZE_PX]
        camera = Camera(
            size_px=SIZE_PX,
            scale_px_per_mm=rng.uniform(1.4, 1.8),
            distance_mm=rng.uniform(500, 1200),
            centre_px=(float(middle[0]), float(middle[1])),
        )
        turned = vertices @ rotation.T
        picture, depth = self._draw(camera, turned, centres @ rotation.T, gaze, rng)
        vertices_px = camera.project(turned)
        front = self._model.mean[:, 2] > -25
        landmarks = self._network(picture, vertices_px[front], roll)
        if landmarks is None:
            return None
        return View(
            vertices_px=vertices_px,
            visible=camera.sees(turned, depth, _SLACK_MM),
            landmarks_px=landmarks,
            yaw_deg=yaw,
            roll_deg=roll,
            scale_px_per_mm=camera.scale_px_per_mm,
        )

    def _random_face(
        self, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return vertices (n, 3) and the centres of the eyeballs (2, 3)."""
        model = self._model
        identity = rng.normal(size=len(model.identity_basis)) * 0.9
        actions = np.zeros(len(model.expression_basis))
        for action in rng.choice(len(actions), rng.integers(0, 6), replace=False):
            actions[action] = rng.uniform(0, 0.7)
        actions[self._calm] = 0
        actions[self._blinks] = rng.uniform(0, 1) * (rng.random() < 0.25)
        vertices = (
            model.mean
            + np.tensordot(identity.astype(np.float32), model.identity_basis, 1)
            + np.tensordot(actions.astype(np.float32), model.expression_basis, 1)
        )
        centres = model.eye_centres + np.tensordot(identity, model.eye_centre_basis, 1)
        least = (model.eyeball_radius_mm + _CLEARANCE_MM)[:, None, None]
        for ring, centre in zip(model.rings, centres, strict=True):
            away = vertices[ring] - centre  # (11, 28, 3)
            distance = np.linalg.norm(away, axis=2, keepdims=True)
            vertices[ring] = centre + away * np.maximum(1, least / distance)
        assert len(_CLEARANCE_MM) == N_RINGS
        return vertices, centres

    def _draw(
        self,
        camera: Camera,
        vertices: NDArray[np.float64],
        centres: NDArray[np.float64],
        gaze: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """All in camera axes."""
        light = np.array([rng.uniform(-0.6, 0.6), rng.uniform(0.1, 0.8), 1.0])
        light /= np.linalg.norm(light)
        fine = np.asarray(self._model.subdivision @ vertices)
        normals = _normals(fine, self._model.fine_triangles)
        skin = _SKIN * rng.uniform(0.6, 1.1) * (1 - 0.75 * self._brows[:, None])
        skin = skin * (1 - self._lips[:, None]) + self._lips[:, None] * _LIPS
        points = [fine]
        colours = [skin * (0.35 + 0.65 * np.clip(normals @ light, 0, 1))[:, None]]
        triangles: list[NDArray[np.integer]] = [self._model.fine_triangles]
        eyeball = self._eyeball
        around = eyeball.vertices_mm @ gaze.T
        painted = np.where(
            (eyeball.polar_rad < 1.1 * eyeball.pupil_rad)[:, None],
            _PUPIL,
            np.where((eyeball.polar_rad < 1.01 * eyeball.limbus_rad)[:, None], _IRIS, _SCLERA),
        )
        lit = 0.5 + 0.5 * np.clip(around / self._model.eyeball_radius_mm @ light, 0, 1)
        for centre in centres:
            triangles.append(eyeball.triangles + sum(len(part) for part in points))
            points.append(around + centre)
            colours.append(painted * lit[:, None])
        return camera.draw(
            np.concatenate(points),
            np.concatenate(triangles),
            np.concatenate(colours).clip(0, 255),
            rng.uniform(40, 160),
        )


def _brows(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Paint eyebrows: (vertices,) in 0 ... 1 along an arc above each eye."""
    x, y, z = np.abs(mean[:, 0]), mean[:, 1], mean[:, 2]
    arc = 17 + 4 * np.sin((x - 12) / 32 * np.pi * 0.8)
    within = (x > 11) & (x < 48) & (z > 0)
    return np.asarray(np.exp(-(((y - arc) / 3.2) ** 4)) * within * np.clip((50 - x) / 8, 0, 1))


def _normals(points: NDArray[np.float64], triangles: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return (n, 3) unit normals: of the triangles around each point, by their area."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    faces = np.cross(b - a, c - a)
    normals = np.stack(
        [
            sum(
                np.bincount(triangles[:, k], weights=faces[:, axis], minlength=len(points))
                for k in range(3)
            )
            for axis in range(3)
        ],
        axis=1,
    )
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
