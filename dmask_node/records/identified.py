"""Records that may identify a patient. Allowed up to the gate, `dmask_node.fit.gate`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmask_node.records.arrays import freeze, require_shape


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourceFrame:
    """One frame of the patient's own pixels."""

    rgb: NDArray[np.uint8]
    """(rows, columns, 3), upright."""
    time_s: float
    """Presentation time, seconds after the first frame; strictly increasing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourceVideo:
    """A received video or photograph, opened and not yet decoded."""

    header: Any
    """pydicom Dataset without pixel data; for a plain video file, one made up from its digest."""
    rows: int
    """Of the upright picture, pixels."""
    columns: int
    declared_frames: int | None
    """What header or container says; the stream is the truth, so only for progress."""
    pixel_sha256: str
    """Hex digest of the pixel data as received (fragments joined, without item headers)."""
    frames: Iterator[SourceFrame]
    """The frames, decoded as they are taken; can be walked once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LandmarkTrack:
    """The 2D landmarks of one face over one video.

    Image frame, pixels, (0, 0) = centre of the top left pixel. NaN where no face was found. Eyes
    axis: `dmask_node.records.anatomy.Eye`.
    """

    rows: int
    columns: int
    time_s: NDArray[np.float64]
    """(frames,), presentation times."""
    points_px: NDArray[np.float32]
    """(frames, 468, 2), MediaPipe face mesh topology."""
    eye_contour_px: NDArray[np.float32]
    """(frames, eyes, 16, 2), lid margin in the order of `landmarks.scheme.EYE_CONTOUR`:
    outer corner, upper lid outer to inner (7), inner corner, lower lid inner to outer (7)."""
    iris_px: NDArray[np.float32]
    """(frames, eyes, 5, 2), iris centre, then four points on the limbus."""
    presence: NDArray[np.float32]
    """(frames,), probability in [0, 1] that a face was there; 0 where none was found."""

    def __post_init__(self) -> None:
        n = len(self.time_s)
        require_shape("points_px", self.points_px, (n, 468, 2))
        require_shape("eye_contour_px", self.eye_contour_px, (n, 2, 16, 2))
        require_shape("iris_px", self.iris_px, (n, 2, 5, 2))
        require_shape("presence", self.presence, (n,))
        freeze(self, "time_s", "points_px", "eye_contour_px", "iris_px", "presence")

    @property
    def found(self) -> NDArray[np.bool_]:
        """(frames,), whether a face was found."""
        return np.asarray(np.isfinite(self.points_px[:, 0, 0]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitTrack:
    """The morphable model fitted to one face: identity once, pose and expression per frame.

    NaN in frames without a face.
    """

    landmarks: LandmarkTrack
    focal_px: float
    """Focal length of the assumed camera; its principal point is the middle of the picture."""
    identity: NDArray[np.float64]
    """(identity components,), in standard deviations. A biometric."""
    rotation_model_to_camera: NDArray[np.float64]
    """(frames, 3, 3)."""
    translation_mm: NDArray[np.float64]
    """(frames, 3), as `geometry.camera.PerspectiveCamera` defines it."""
    expression: NDArray[np.float64]
    """(frames, expression components), in [0, 1]."""
    residual_px: NDArray[np.float64]
    """(frames,), mean distance of projected vertices from their landmarks."""
    iris_diameter_px: float
    """Median horizontal visible iris diameter over the clip; the ruler for millimetres."""

    def __post_init__(self) -> None:
        freeze(
            self,
            "identity",
            "rotation_model_to_camera",
            "translation_mm",
            "expression",
            "residual_px",
        )
