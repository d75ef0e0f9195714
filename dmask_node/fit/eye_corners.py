"""The corners of the eyes: where a fitted face has them, and where the picture has them.

They tie an eye to its face. A fitted head is a millimetre or two off around the eyes; what is read
relative to the corners of the eye itself does not suffer from that.

Blink, wide and squint are left out of where a face has its corners: they are smoothed over time
and the corners in the picture are not, and a drooping lid that is fitted as half a blink would
pull the corners along.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmask_node.fit.contour import INNER_CORNER, OUTER_CORNER
from dmask_node.fit.landmark_model import LandmarkModel
from dmask_node.fit.pose import Pose
from dmask_node.geometry.camera import PerspectiveCamera
from dmask_node.geometry.eyelids import LID_ACTIONS
from dmask_node.geometry.morphable_model import MorphableModel

_CORNERS = [OUTER_CORNER, INNER_CORNER]


class EyeCorners(NamedTuple):
    """The corners of the eyes of one face."""

    at_rest_mm: NDArray[np.float64]
    """(eyes x 2, 3): outer and inner corner of the right eye, then of the left."""
    expression: NDArray[np.float64]
    """(eyes x 2, 3, expression components), millimetres for a full action."""

    @classmethod
    def of(
        cls,
        model: MorphableModel,
        at_landmarks: LandmarkModel,
        identity: NDArray[np.float64] | None = None,
    ) -> "EyeCorners":
        """Take the corners out of a face; the mean face unless an identity is given."""
        corners = model.eye_landmarks[:, _CORNERS].ravel()
        at_rest = at_landmarks.mean[corners]
        if identity is not None:
            at_rest = at_rest + at_landmarks.identity[corners] @ identity
        expression = at_landmarks.expression[corners]
        owned_by_lids = [name.startswith(LID_ACTIONS) for name in model.expression_names]
        return cls(at_rest, np.where(owned_by_lids, 0.0, expression))

    def project(
        self, expression: NDArray[np.float64], pose: Pose, camera: PerspectiveCamera
    ) -> NDArray[np.float64]:
        """Project the corners: (eyes, outer and inner, 2), image frame."""
        points_px = camera.project(self.at_rest_mm + self.expression @ expression, *pose)
        return points_px.reshape(2, 2, 2)


def corners_of(contour_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take outer and inner corner out of contours: (..., 16, 2) to (..., 2, 2)."""
    return contour_px[..., _CORNERS, :]


class EyeTransfer(NamedTuple):
    """A similarity of the picture that carries a patient's eye to a face's corners."""

    matrix: NDArray[np.float64]
    """(2, 2), rotation times scale."""
    from_px: NDArray[np.float64]
    """(2,), middle between the patient's corners."""
    to_px: NDArray[np.float64]
    """(2,), middle between the face's corners."""

    def __call__(self, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Carry over points (..., 2)."""
        return (points_px - self.from_px) @ self.matrix.T + self.to_px


def transfer_between(
    own_px: NDArray[np.float64], face_px: NDArray[np.float64], scale: float
) -> EyeTransfer:
    """Find how to carry an eye over: middle onto middle, line of corners onto line of corners.

    Parameters
    ----------
    own_px, face_px : (2, 2) ndarray of float64
        Outer and inner corner of the patient's eye and of the face's, image frame.
    scale : float
        Size afterwards over size before. Not taken from the corners: each eye would get its own.

    Returns
    -------
    EyeTransfer
        The similarity.
    """
    own, face = own_px[1] - own_px[0], face_px[1] - face_px[0]
    turn = np.arctan2(face[1], face[0]) - np.arctan2(own[1], own[0])
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    return EyeTransfer(
        np.array([[cosine, -sine], [sine, cosine]]), own_px.mean(axis=0), face_px.mean(axis=0)
    )
