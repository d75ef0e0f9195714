"""The iris network: eye contour and iris of both eyes from close-ups.

A. Ablavatski et al., *Real-time Pupil Tracking from Monocular Video for Digital Puppetry*, 2020,
arXiv:2006.11341.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.landmarks.crop import square_about_eye
from dmask_node.landmarks.scheme import MIRRORED_IRIS, REGION_CONTOUR
from dmask_node.models.settings import InferenceSettings
from dmask_node.models.store import Network
from dmask_node.records.anatomy import Eye

IRIS_PX: Final = 64
"""Side of the network's input, pixels."""
_SIDE_PER_EYE_WIDTH: Final = 2.3
"""Side of the close-up over the distance of the eye's corners (MediaPipe)."""


class IrisNetwork:
    """The iris network on both eyes at once.

    Parameters
    ----------
    inference : InferenceSettings
        On what the network runs.
    """

    def __init__(self, inference: InferenceSettings) -> None:
        self._network = Network("iris_landmark", inference)

    def __call__(
        self, rgb: NDArray[np.uint8], eye_contour: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Look closely at both eyes.

        Parameters
        ----------
        rgb : (rows, columns, 3) ndarray of uint8
            The picture.
        eye_contour : (eyes, 16, 2) ndarray of float64
            Where the eyes are; only the corners are used.

        Returns
        -------
        eye_contour : (eyes, 16, 2) ndarray of float64
            Lid margins, ordered as `scheme.EYE_CONTOUR`.
        iris : (eyes, 5, 2) ndarray of float64
            Centre, then the limbus, ordered as `scheme.IRIS` says.
        """
        regions = [square_about_eye(eye_contour[eye], eye, _SIDE_PER_EYE_WIDTH) for eye in Eye]
        crops = np.stack([region.cut(rgb, IRIS_PX) for region in regions])
        outputs = self._network(crops.astype(np.float32) * (1 / 255))
        contours = outputs["output_eyes_contours_and_brows"].reshape(2, 71, 3)[
            :, REGION_CONTOUR, :2
        ]
        irises = outputs["output_iris"].reshape(2, 5, 3)[..., :2]
        irises[Eye.LEFT] = irises[Eye.LEFT, MIRRORED_IRIS]  # its close-up was mirrored
        return (
            np.stack([regions[eye].to_picture(contours[eye] / IRIS_PX) for eye in Eye]),
            np.stack([regions[eye].to_picture(irises[eye] / IRIS_PX) for eye in Eye]),
        )
