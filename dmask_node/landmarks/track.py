"""Follow one face through a video: SourceFrames to LandmarkTrack."""

from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dmask_node.landmarks.crop import CropRegion
from dmask_node.landmarks.detect import Detection, FaceDetector, intersection_over_union
from dmask_node.landmarks.iris import IrisNetwork
from dmask_node.landmarks.lid_snap import measure_lid_offset, move_upper_lid, steady_offsets
from dmask_node.landmarks.mesh import Mesh, MeshNetwork
from dmask_node.landmarks.scheme import EYE_CONTOUR, INNER_CORNER, OUTER_CORNER, UPPER_LID
from dmask_node.landmarks.settings import LandmarkSettings
from dmask_node.models.settings import InferenceSettings
from dmask_node.records.anatomy import Eye
from dmask_node.records.identified import LandmarkTrack, SourceFrame

_SIDE_PER_BOX: Final = 1.5
"""Side of the landmark network's square over the face's bounding box (MediaPipe)."""
_HYSTERESIS: Final = 0.85
"""Close-ups go on until the eyes are smaller than this times the least size."""
_THUMBNAIL_PX: Final = 16
"""Side of the thumbnails by which cuts are noticed."""


class FaceTracker:
    """Follows the most prominent face from frame to frame.

    In the steady state only the landmark networks run: each frame's landmarks say where to look
    in the next. The detector runs on the first frame, when the face is lost, after a cut, and
    every `LandmarkSettings.detect_every_frames` frames, to see a track that has drifted off.

    Parameters
    ----------
    inference : InferenceSettings
        On what the networks run.
    settings : LandmarkSettings
        Thresholds and intervals.

    Attributes
    ----------
    detector_runs : int
        Frames since the last `restart` in which the detector ran.
    other_faces_frames : int
        Those of them in which it saw a face besides the one followed. Other faces are never
        drawn; the count tells that they were there.
    cuts : int
        Changes of scene since the last `restart`.
    """

    def __init__(self, inference: InferenceSettings, settings: LandmarkSettings) -> None:
        self._settings = settings
        self._detector = FaceDetector(inference, settings)
        self._mesh = MeshNetwork(inference)
        self._iris = IrisNetwork(inference)
        self.restart()

    def restart(self) -> None:
        """Forget the face and the counts, before another video."""
        self.detector_runs = 0
        self.other_faces_frames = 0
        self.cuts = 0
        self._region: CropRegion | None = None
        self._thumbnail: NDArray[np.float64] | None = None
        self._frames_since_detection = 0
        self._close_up = False

    def __call__(self, rgb: NDArray[np.uint8]) -> Mesh | None:
        """Find the face in the next frame.

        Parameters
        ----------
        rgb : (rows, columns, 3) ndarray of uint8
            The frame, upright.

        Returns
        -------
        Mesh or None
            None where there is no face.
        """
        if self._cut_before(rgb):
            self.cuts += 1
            # Where the face was says nothing now, unless the detector finds none at all.
            mesh = self._search(rgb, None) or self._follow(rgb)
        else:
            mesh = self._follow(rgb)
            if mesh is None or self._detection_is_due():
                mesh = self._search(rgb, mesh)
        self._frames_since_detection += 1
        self._region = None if mesh is None else _region_of(mesh)
        return None if mesh is None else self._refine(rgb, mesh)

    def _detection_is_due(self) -> bool:
        every = self._settings.detect_every_frames
        return every > 0 and self._frames_since_detection >= every

    def _cut_before(self, rgb: NDArray[np.uint8]) -> bool:
        """Whether the scene changed between the last frame and this one."""
        size = (_THUMBNAIL_PX, _THUMBNAIL_PX)
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        before, now = self._thumbnail, small.mean(axis=2, dtype=np.float64) / 255
        self._thumbnail = now
        if before is None:
            return False
        return float(np.abs(now - before).mean()) > self._settings.cut_threshold

    def _follow(self, rgb: NDArray[np.uint8]) -> Mesh | None:
        """Look where the face was, if there was one."""
        if self._region is None:
            return None
        mesh = self._mesh(rgb, self._region)
        return mesh if mesh.presence >= self._settings.presence_threshold else None

    def _search(self, rgb: NDArray[np.uint8], followed: Mesh | None) -> Mesh | None:
        """Run the detector; keep the followed face if it is among the detected ones."""
        detections = self._detector(rgb)
        self.detector_runs += 1
        self._frames_since_detection = 0
        if followed is not None and (not detections or self._is_among(followed, detections)):
            # Nothing detected is no proof: the mesh follows turned heads the detector misses.
            self.other_faces_frames += len(detections) > 1
            return followed
        for detection in sorted(detections, key=lambda one: -one.score * one.area):
            mesh = self._acquire(rgb, detection)
            if mesh is not None:
                self.other_faces_frames += len(detections) > 1
                return mesh
        return followed

    def _is_among(self, mesh: Mesh, detections: list[Detection]) -> bool:
        box = np.concatenate([mesh.points.min(axis=0), mesh.points.max(axis=0)])
        overlap = intersection_over_union(box, np.stack([one.box for one in detections]))
        return float(overlap.max()) >= self._settings.same_face_min_overlap

    def _acquire(self, rgb: NDArray[np.uint8], detection: Detection) -> Mesh | None:
        """Find the landmarks of a detected face.

        The network runs twice: the detector's square differs from that of a followed face, and
        a first frame (or a photograph, which has no other) should be seen as all others are.
        """
        across = detection.keypoints[1] - detection.keypoints[0]
        angle_rad = float(np.arctan2(across[1], across[0]))
        region = CropRegion.around(detection.box.reshape(2, 2), angle_rad, _SIDE_PER_BOX)
        mesh = self._mesh(rgb, region)
        if mesh.presence < self._settings.presence_threshold:
            return None
        mesh = self._mesh(rgb, _region_of(mesh))
        return mesh if mesh.presence >= self._settings.presence_threshold else None

    def _refine(self, rgb: NDArray[np.uint8], mesh: Mesh) -> Mesh:
        """Look closer at eyes that are large enough for it."""
        corners = mesh.eye_contour[:, [OUTER_CORNER, INNER_CORNER]]
        eye_px = float(np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1).min())
        least_px = self._settings.close_up_min_eye_px
        # Once in use it stays so until the eyes are clearly too small: no flicker at the limit.
        self._close_up = eye_px >= (_HYSTERESIS * least_px if self._close_up else least_px)
        if not self._close_up:
            return mesh
        contour, iris = self._iris(rgb, mesh.eye_contour)
        offset = None
        if self._settings.snap_upper_lid:
            grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
            offset = np.stack([measure_lid_offset(grey, contour[eye], eye) for eye in Eye])
        return Mesh(
            points=mesh.points,
            eye_contour=contour,
            iris=iris,
            presence=mesh.presence,
            lid_offset=offset,
        )


def find_landmarks(
    frames: Iterable[SourceFrame], rows: int, columns: int, tracker: FaceTracker
) -> LandmarkTrack:
    """Find the landmarks of the most prominent face in every frame.

    Parameters
    ----------
    frames : iterable of SourceFrame
        Walked once; no frame is kept.
    rows, columns : int
        Size of every frame, pixels.
    tracker : FaceTracker
        Restarted first; its counts tell of this video afterwards.

    Returns
    -------
    LandmarkTrack
        As long as `frames`; NaN and presence 0 where no face was found.

    Raises
    ------
    ValueError
        If a frame is of another size.
    """
    tracker.restart()
    times_s: list[float] = []
    meshes: list[Mesh | None] = []
    for frame in frames:
        if frame.rgb.shape != (rows, columns, 3):
            raise ValueError(f"frame {len(times_s)} is {frame.rgb.shape}, not {rows} x {columns}")
        times_s.append(frame.time_s)
        meshes.append(tracker(frame.rgb))
    return _gather(times_s, meshes, rows, columns)


def _gather(
    times_s: list[float], meshes: list[Mesh | None], rows: int, columns: int
) -> LandmarkTrack:
    n = len(meshes)
    points = np.full((n, 468, 2), np.nan, dtype=np.float32)
    contours = np.full((n, len(Eye), 16, 2), np.nan, dtype=np.float32)
    irises = np.full((n, len(Eye), 5, 2), np.nan, dtype=np.float32)
    presence = np.zeros(n, dtype=np.float32)
    lid_offsets = _steady_lid_offsets(times_s, meshes)
    for k, mesh in enumerate(meshes):
        if mesh is not None:
            points[k], irises[k], presence[k] = mesh.points, mesh.iris, mesh.presence
            for eye in Eye:
                contours[k, eye] = move_upper_lid(mesh.eye_contour[eye], lid_offsets[k, eye], eye)
    return LandmarkTrack(
        rows=rows,
        columns=columns,
        time_s=np.array(times_s, dtype=np.float64),
        points_px=points,
        eye_contour_px=contours,
        iris_px=irises,
        presence=presence,
    )


def _steady_lid_offsets(times_s: list[float], meshes: list[Mesh | None]) -> NDArray[np.float64]:
    """Gather the lid offsets, (frames, eyes, 7), and steady them in time; 0 without a close-up."""
    offsets = np.full((len(meshes), len(Eye), UPPER_LID.stop - UPPER_LID.start), np.nan)
    for k, mesh in enumerate(meshes):
        if mesh is not None:
            offsets[k] = 0.0 if mesh.lid_offset is None else mesh.lid_offset
    return steady_offsets(offsets, np.array(times_s, dtype=np.float64))


def _region_of(mesh: Mesh) -> CropRegion:
    """Where to look for this face in the next frame."""
    outer = mesh.points[EYE_CONTOUR[:, OUTER_CORNER]]
    across = outer[Eye.LEFT] - outer[Eye.RIGHT]
    angle_rad = float(np.arctan2(across[1], across[0]))
    return CropRegion.around(mesh.points, angle_rad, _SIDE_PER_BOX)
