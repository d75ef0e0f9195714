"""MediaPipe's custom operators, version 2, as plain ONNX.

The attention network finds the eyes and the lips in its own first guess of the mesh, samples its
feature map there, refines, and carries the result back. Three operators do that; their meaning was
read from MediaPipe's public sources (Apache-2.0), ``mediapipe/util/tflite/operations/``
``landmarks_to_transform_matrix.cc``, ``transform_tensor_bilinear.cc`` and
``transform_landmarks.cc``, and written anew here.

A transform is a (4, 4) matrix that acts on (x, y, z, 1) and leaves z alone.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from dmask_node.rebuild.errors import UnsupportedNetwork
from dmask_node.rebuild.onnx_graph import OnnxGraph
from dmask_node.rebuild.tflite_graph import Operator
from dmask_node.rebuild.translation import Translation

_TINY: Final = 1e-12
"""Keeps the direction of two coinciding points from dividing by zero; pixels."""


def _landmarks_to_transform_matrix(state: Translation, operator: Operator) -> None:
    """Carry the pixels of an upright patch onto the box around some landmarks.

    With r the angle of the line from the left to the right rotation landmark: turn the subset of
    landmarks by -r, take their box, turn its centre c back, and return
    ``T = shift(c) rot(r) scale(s box / patch) shift(-patch / 2)``. The cosine and sine of r are
    the components of the normalised line; no arctangent is needed.
    """
    graph, options = state.onnx, operator.custom_options
    if float(options["target_rotation_radians"]):
        raise UnsupportedNetwork("Landmarks2TransformMatrix with a target rotation")
    width, height = float(options["output_width"]), float(options["output_height"])
    landmarks = state.value(operator.inputs[0])  # (N, 468, 3)
    xy = graph.add(
        "Slice", landmarks, *(graph.integers([0]), graph.integers([2]), graph.integers([2]))
    )
    left = graph.add("Gather", xy, graph.integers(options["left_rotation_idx"]), axis=1)
    right = graph.add("Gather", xy, graph.integers(options["right_rotation_idx"]), axis=1)
    line = graph.add("Sub", right, left)  # (N, 2)
    length = graph.add("ReduceL2", line, axes=[1], keepdims=1)
    direction = graph.add("Div", line, graph.add("Max", length, graph.floats(_TINY)))
    cosine, sine = graph.add_split("Split", direction, parts=2, axis=1)
    minus_sine = graph.add("Neg", sine)

    # Points are rows: p rot(-r)^T = p [[cos, -sin], [sin, cos]].
    turn = graph.add(
        "Reshape",
        graph.add("Concat", cosine, minus_sine, sine, cosine, axis=1),
        graph.integers([-1, 2, 2]),
    )
    subset = np.asarray(options["subset_idxs"]).reshape(-1)
    points = graph.add("MatMul", graph.add("Gather", xy, graph.integers(subset), axis=1), turn)
    high = graph.add("ReduceMax", points, axes=[1], keepdims=0)
    low = graph.add("ReduceMin", points, axes=[1], keepdims=0)
    middle = graph.add("Mul", graph.add("Add", high, low), graph.floats(0.5))
    centre = graph.add(
        "MatMul",
        graph.add("Unsqueeze", middle, graph.integers([1])),
        graph.add("Transpose", turn, perm=[0, 2, 1]),
    )
    x, y = graph.add_split(
        "Split", graph.add("Squeeze", centre, graph.integers([1])), parts=2, axis=1
    )
    per_pixel = graph.floats([options["scale_x"] / width, options["scale_y"] / height])
    scale_x, scale_y = graph.add_split(
        "Split", graph.add("Mul", graph.add("Sub", high, low), per_pixel), parts=2, axis=1
    )

    m00, m01 = graph.add("Mul", cosine, scale_x), graph.add("Mul", minus_sine, scale_y)
    m10, m11 = graph.add("Mul", sine, scale_x), graph.add("Mul", cosine, scale_y)
    m03 = _shifted(graph, x, m00, m01, width, height)
    m13 = _shifted(graph, y, m10, m11, width, height)
    zero = graph.add("Mul", m00, graph.floats(0.0))
    one = graph.add("Add", zero, graph.floats(1.0))
    rows = (
        *(m00, m01, zero, m03),
        *(m10, m11, zero, m13),
        *(zero, zero, one, zero),
        *(zero, zero, zero, one),
    )
    matrix = graph.add("Reshape", graph.add("Concat", *rows, axis=1), graph.integers([-1, 4, 4]))
    state.set_value(operator.output, matrix)


def _shifted(
    graph: OnnxGraph, centre: str, along_x: str, along_y: str, width: float, height: float
) -> str:
    """Return ``centre - along_x width / 2 - along_y height / 2``."""
    half_x = graph.add("Mul", along_x, graph.floats(width / 2))
    half_y = graph.add("Mul", along_y, graph.floats(height / 2))
    return graph.add("Sub", centre, graph.add("Add", half_x, half_y))


def _affine_part(graph: OnnxGraph, matrix: str) -> tuple[str, str]:
    """Return the (N, 2, 2) linear part, transposed for row vectors, and the (N, 1, 2) shift."""
    zero, one, two = graph.integers([0]), graph.integers([1]), graph.integers([2])
    rows = graph.add("Slice", matrix, zero, two, one)
    linear = graph.add("Slice", rows, zero, two, two)
    shift = graph.add("Slice", rows, graph.integers([3]), graph.integers([4]), two)
    return (
        graph.add("Transpose", linear, perm=[0, 2, 1]),
        graph.add("Transpose", shift, perm=[0, 2, 1]),
    )


def _transform_tensor_bilinear(state: Translation, operator: Operator) -> None:
    """Sample a feature map at ``T (x + 1/2, y + 1/2) - 1/2`` for every pixel of the patch.

    A sample outside the map is 0 altogether, not mixed with the border.
    """
    graph = state.onnx
    _, rows, columns, _ = state.out_shape(operator)
    _, map_rows, map_columns, _ = state.in_shape(operator)
    linear, shift = _affine_part(graph, state.value(operator.inputs[1]))
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    pixels = np.stack([x + 0.5, y + 0.5], axis=-1).reshape(1, -1, 2)
    moved = graph.add("Add", graph.add("MatMul", graph.constant(pixels), linear), shift)
    at = graph.add("Sub", moved, graph.floats(0.5))  # (N, rows * columns, 2) in map pixels
    # GridSample counts the map from -1 to 1 between the outer pixel centres (align_corners).
    unit = graph.floats([2.0 / (map_columns - 1), 2.0 / (map_rows - 1)])
    grid = graph.add("Sub", graph.add("Mul", at, unit), graph.floats(1.0))
    sampled = graph.add(
        "GridSample",
        state.value(operator.inputs[0]),
        graph.add("Reshape", grid, graph.integers([-1, rows, columns, 2])),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=1,
    )
    farthest = graph.add("ReduceMax", graph.add("Abs", grid), axes=[2], keepdims=0)
    inside = graph.add("Cast", graph.add("LessOrEqual", farthest, graph.floats(1.0)), to=1)
    mask = graph.add("Reshape", inside, graph.integers([-1, 1, rows, columns]))
    state.set_value(operator.output, graph.add("Mul", sampled, mask))


def _transform_landmarks(state: Translation, operator: Operator) -> None:
    """Apply T to points (x, y)."""
    graph = state.onnx
    linear, shift = _affine_part(graph, state.value(operator.inputs[1]))
    turned = graph.add("MatMul", state.value(operator.inputs[0]), linear)
    state.set_value(operator.output, graph.add("Add", turned, shift))


CUSTOM_OPERATORS: Final[Mapping[str, Callable[[Translation, Operator], None]]] = {
    "Landmarks2TransformMatrix": _landmarks_to_transform_matrix,
    "TransformLandmarks": _transform_landmarks,
    "TransformTensorBilinear": _transform_tensor_bilinear,
}
"""Conversion of each custom operator, by its name."""
