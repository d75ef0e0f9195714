"""Real faces and real networks."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from dmask_node.landmarks.settings import LandmarkSettings
from dmask_node.landmarks.track import FaceTracker
from dmask_node.models.settings import InferenceSettings

Picture = NDArray[np.uint8]


@pytest.fixture(scope="session")
def astronaut() -> Picture:
    """A public-domain portrait, 512 x 512; eyes 18 px wide."""
    return np.asarray(skimage.data.astronaut(), dtype=np.uint8)


@pytest.fixture(scope="session")
def talking(carphone: Path) -> list[Picture]:
    """120 frames of a talking face, 176 x 144; eyes 10 px wide, blinks at frames 42 and 92."""
    capture = cv2.VideoCapture(str(carphone))
    frames = []
    while True:
        read, bgr = capture.read()
        if not read:
            break
        frames.append(np.ascontiguousarray(bgr[:, :, ::-1]).astype(np.uint8, copy=False))
    assert len(frames) == 120
    return frames


@pytest.fixture(scope="session")
def tracker() -> FaceTracker:
    """A tracker as it comes; `find_landmarks` restarts it."""
    return FaceTracker(InferenceSettings(), LandmarkSettings())
