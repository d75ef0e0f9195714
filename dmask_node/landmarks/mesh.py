"""The attention mesh: 468 landmarks, refined eyes and irises of one face in one picture.

I. Grishchenko et al., *Attention Mesh: High-fidelity Face Mesh Prediction in Real-time*, 2020,
arXiv:2006.10962.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.landmarks.crop import CropRegion
from dmask_node.landmarks.detect import sigmoid
from dmask_node.landmarks.scheme import EYE_CONTOUR, EYE_REGION, LIPS
from dmask_node.models.settings import InferenceSettings
from dmask_node.models.store import Network

MESH_PX: Final = 192
"""Side of the network's input, pixels."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mesh:
    """The landmarks of one face in one picture, in picture coordinates.

    Attributes
    ----------
    points : (468, 2) ndarray of float64
        Face mesh; lips and eye regions are those of the attention branches.
    eye_contour : (eyes, 16, 2) ndarray of float64
        Lid margins, ordered as `scheme.EYE_CONTOUR`.
    iris : (eyes, 5, 2) ndarray of float64
        Centre, then the limbus, ordered as `scheme.IRIS` says.
    presence : float
        Probability in [0, 1] that there is a face.
    lid_offset : (eyes, 7) ndarray of float64 or None
        What `lid_snap.measure_lid_offset` found; None when it was not asked.
    """

    points: NDArray[np.float64]
    eye_contour: NDArray[np.float64]
    iris: NDArray[np.float64]
    presence: float
    lid_offset: NDArray[np.float64] | None = None


class MeshNetwork:
    """The attention mesh network.

    Parameters
    ----------
    inference : InferenceSettings
        On what the network runs.
    """

    def __init__(self, inference: InferenceSettings) -> None:
        self._network = Network("face_landmark_with_attention", inference)

    def __call__(self, rgb: NDArray[np.uint8], region: CropRegion) -> Mesh:
        """Find the landmarks of the face in a region.

        Parameters
        ----------
        rgb : (rows, columns, 3) ndarray of uint8
            The picture.
        region : CropRegion
            Square about the face, turned so that the eyes are level.

        Returns
        -------
        Mesh
            Meaningless when `presence` is low.
        """
        crop = region.cut(rgb, MESH_PX)
        outputs = self._network((crop.astype(np.float32) * (1 / 255))[None])
        # MediaPipe's "left" outputs are the left of the picture: the patient's right.
        points = outputs["output_mesh_identity"][0].reshape(468, 3)[:, :2].copy()
        points[LIPS] = outputs["output_lips"][0].reshape(80, 2)
        for eye, side in enumerate(("left", "right")):
            points[EYE_REGION[eye]] = outputs[f"output_{side}_eye"][0].reshape(71, 2)
        iris = np.stack(
            [outputs[f"output_{side}_iris"][0].reshape(5, 2) for side in ("left", "right")]
        )
        placed = region.to_picture(points / MESH_PX)
        return Mesh(
            points=placed,
            eye_contour=placed[EYE_CONTOUR],
            iris=region.to_picture(iris / MESH_PX),
            presence=float(sigmoid(outputs["conv_faceflag"])[0, 0]),
        )
