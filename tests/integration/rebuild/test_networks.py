"""Each shipped network can be rebuilt from the package it comes from."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from dmask_node.models.store import digests, read_model_file
from dmask_node.rebuild.compare import input_shape, output_difference, random_images, run_network
from dmask_node.rebuild.networks import NETWORKS, rebuild_network

RANGE = {"face_detection_full_range_sparse": (-1.0, 1.0)}
"""What black and white are for a network; 0 and 1 unless listed."""
CROPS = {
    "face_detection_full_range_sparse": [(0, 0, 512), (100, 0, 300)],
    "face_landmark_with_attention": [(120, 0, 210), (130, 10, 190)],
    "iris_landmark": [(181, 77, 46), (224, 80, 46)],
}
"""Squares (left, top, side) on the portrait of the astronaut: whole, face, eyes. (The iris network
wants the second eye mirrored; here it only has to see the same as the shipped one.)"""


@pytest.fixture(scope="module", params=list(NETWORKS))
def network(request: pytest.FixtureRequest, wheels: Path) -> tuple[str, bytes]:
    return request.param, rebuild_network(request.param, wheels)


def portrait_crops(name: str, side: int) -> NDArray[np.float32]:
    picture = np.asarray(astronaut())
    crops = [
        cv2.resize(picture[y : y + size, x : x + size], (side, side), interpolation=cv2.INTER_AREA)
        for x, y, size in CROPS[name]
    ]
    return np.asarray(np.stack(crops), np.float32) / np.float32(255)


def test_the_rebuilt_network_is_the_shipped_file(network: tuple[str, bytes]) -> None:
    name, rebuilt = network
    assert hashlib.sha256(rebuilt).hexdigest() == digests()[f"networks/{name}.onnx"]


def test_the_rebuilt_network_has_the_outputs_of_the_shipped_one(
    network: tuple[str, bytes], carphone: Path
) -> None:
    name, rebuilt = network
    shape = input_shape(rebuilt)
    video = cv2.VideoCapture(str(carphone))
    found, frame = video.read()
    assert found
    video.release()
    frame = cv2.cvtColor(cv2.resize(frame, shape[1::-1]), cv2.COLOR_BGR2RGB)
    images = np.concatenate(
        [
            random_images(shape, seed=1),
            portrait_crops(name, shape[0]),
            frame[None].astype(np.float32) / 255,
        ]
    )
    black, white = RANGE.get(name, (0.0, 1.0))
    images = (black + (white - black) * images).astype(np.float32)
    shipped = read_model_file(f"networks/{name}.onnx")
    assert output_difference(rebuilt, shipped, images) <= 1e-6
    # The comparison can fail: different images have different outputs.
    by_image = run_network(rebuilt, images)
    assert all(np.ptp(values, axis=0).max() > 1e-3 for values in by_image.values())


def test_the_rebuilt_networks_see_the_face_of_the_portrait(network: tuple[str, bytes]) -> None:
    name, rebuilt = network
    side = input_shape(rebuilt)[0]
    black, white = RANGE.get(name, (0.0, 1.0))
    crops = (black + (white - black) * portrait_crops(name, side)).astype(np.float32)
    outputs = run_network(rebuilt, crops)
    if name == "face_detection_full_range_sparse":
        assert (outputs["Identity_1"].max(axis=(1, 2)) > 0).all()  # logit: more likely than not
    elif name == "face_landmark_with_attention":
        assert (outputs["conv_faceflag"] > 0).all()
        right, left = outputs["output_left_eye"], outputs["output_right_eye"]
        assert (
            right.reshape(-1, 71, 2)[..., 0].max(1) < left.reshape(-1, 71, 2)[..., 0].min(1)
        ).all()
    else:
        iris = outputs["output_iris"].reshape(-1, 5, 3)[0, 0, :2]
        assert np.abs(iris - 32).max() < 8


def test_the_format_is_the_one_the_cards_state(network: tuple[str, bytes]) -> None:
    model = onnx.load_from_string(network[1])
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 17)]
    assert model.ir_version == 8
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
