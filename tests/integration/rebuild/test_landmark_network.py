"""The face model is built with landmarks taken as the node takes them."""

from pathlib import Path

import numpy as np
from skimage.data import astronaut

from dmask_node.landmarks.crop import CropRegion
from dmask_node.landmarks.mesh import MeshNetwork
from dmask_node.landmarks.scheme import EYE_REGION, LIPS
from dmask_node.models.settings import InferenceSettings
from dmask_node.rebuild.face_model.views import LandmarkNetwork
from dmask_node.rebuild.networks import refined_landmarks


def test_landmarks_are_where_the_node_sees_them(wheels: Path) -> None:
    picture = np.asarray(astronaut())
    network = LandmarkNetwork(refined_landmarks(wheels))
    around = network(picture, np.array([[150.0, 30.0], [290.0, 180.0]]), 0.0)
    assert around is not None
    line = around[263] - around[33]
    angle = float(np.arctan2(line[1], line[0]))
    here = network._look(picture, around, angle)
    assert here is not None
    # The node counts from the centre of the first pixel, the face model is built from its edge.
    there = MeshNetwork(InferenceSettings())(
        picture, CropRegion.around(around - 0.5, angle, 1.5)
    ).points
    away = here - 0.5 - there
    assert np.linalg.norm(away, axis=1).mean() < 0.15
    assert np.abs(away.mean(axis=0)).max() < 0.08


def test_the_branches_refine_the_landmarks_that_the_node_takes_them_for(wheels: Path) -> None:
    refined = refined_landmarks(wheels)
    assert refined["output_lips"].tolist() == LIPS.tolist()
    assert refined["output_left_eye"].tolist() == EYE_REGION[0].tolist()
    assert refined["output_right_eye"].tolist() == EYE_REGION[1].tolist()


def test_where_there_is_no_face_there_are_no_landmarks(wheels: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    outline = np.array([[50.0, 50.0], [150.0, 150.0]])
    assert LandmarkNetwork(refined_landmarks(wheels))(noise, outline, 0.0) is None
