"""MediaPipe's custom operators in ONNX against the same in plain numpy."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from dmask_node.rebuild.custom_ops import CUSTOM_OPERATORS
from dmask_node.rebuild.errors import UnsupportedNetwork
from dmask_node.rebuild.onnx_graph import OnnxGraph
from dmask_node.rebuild.operators import translate
from dmask_node.rebuild.tflite_graph import Operator

OPTIONS = {
    "left_rotation_idx": 0,
    "right_rotation_idx": 2,
    "subset_idxs": [0, 1, 2, 5],
    "output_width": 16,
    "output_height": 16,
    "scale_x": 1.5,
    "scale_y": 1.5,
    "target_rotation_radians": 0.0,
}


class State:
    """What a conversion needs of its state, for one operator."""

    def __init__(
        self, inputs: dict[int, tuple[str, tuple[int, ...]]], out: tuple[int, ...]
    ) -> None:
        self.onnx = OnnxGraph()
        self._inputs, self._out = inputs, out
        self.result = ""
        for name, shape in inputs.values():
            self.onnx.add_input(name, shape)

    def value(self, tensor: int) -> str:
        return self._inputs[tensor][0]

    def in_shape(self, operator: Operator) -> tuple[int, ...]:
        _, (channels, rows, columns) = self._inputs[operator.inputs[0]]
        return 1, rows, columns, channels

    def out_shape(self, operator: Operator) -> tuple[int, ...]:
        return self._out

    def set_value(self, tensor: int, value: str) -> None:
        self.result = value


def run(
    kind: str, arrays: dict[str, NDArray[Any]], out: tuple[int, ...], options: dict[str, Any]
) -> NDArray[Any]:
    inputs = {k: (name, values.shape[1:]) for k, (name, values) in enumerate(arrays.items())}
    state: Any = State(inputs, out)
    operator = Operator(
        kind=kind, inputs=tuple(inputs), output=9, options=None, custom_options=options
    )
    CUSTOM_OPERATORS[kind](state, operator)
    result_shape = [out[3], out[1], out[2]] if len(out) == 4 else list(out[1:])
    state.onnx.add_output(state.result, "out", result_shape)
    model = state.onnx.build("test", {}).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    feed = {name: values.astype(np.float32) for name, values in arrays.items()}
    return np.asarray(session.run(None, feed)[0])


def matrix_by_angles(points: NDArray[Any]) -> NDArray[Any]:
    """The transform as MediaPipe words it: with an arctangent and three matrices."""
    line = points[2, :2] - points[0, :2]
    angle = np.arctan2(line[1], line[0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upright = points[[0, 1, 2, 5], :2] @ turn  # rows: turned back by the angle
    low, high = upright.min(axis=0), upright.max(axis=0)
    linear = turn @ np.diag((high - low) * 1.5 / 16)
    matrix = np.eye(4)
    matrix[:2, :2] = linear
    matrix[:2, 3] = turn @ ((low + high) / 2) - linear @ [8, 8]
    return matrix


def test_the_patch_is_the_turned_box_around_the_landmarks() -> None:
    points = np.random.default_rng(3).uniform(0, 48, (5, 6, 3))
    found = run("Landmarks2TransformMatrix", {"p": points}, (1, 4, 4), OPTIONS)
    expected = np.stack([matrix_by_angles(each) for each in points])
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_a_target_rotation_is_refused() -> None:
    points = np.zeros((1, 6, 3))
    turned = {**OPTIONS, "target_rotation_radians": 0.1}
    with pytest.raises(UnsupportedNetwork):
        run("Landmarks2TransformMatrix", {"p": points}, (1, 4, 4), turned)


def test_landmarks_are_carried_by_the_matrix() -> None:
    rng = np.random.default_rng(4)
    points, matrix = rng.uniform(0, 16, (2, 7, 2)), rng.normal(size=(2, 4, 4))
    found = run("TransformLandmarks", {"p": points, "m": matrix}, (1, 7, 2), {})
    for k in range(2):
        expected = points[k] @ matrix[k, :2, :2].T + matrix[k, :2, 3]
        np.testing.assert_allclose(found[k], expected, rtol=1e-5, atol=1e-4)


def test_the_feature_map_is_sampled_between_pixels_and_zero_outside() -> None:
    rng = np.random.default_rng(5)
    feature = rng.normal(size=(1, 3, 12, 10))  # channels second
    angle = 0.3
    matrix = np.eye(4)
    matrix[:2, :2] = 0.9 * np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    matrix[:2, 3] = [1.3, -0.8]
    arrays = {"f": feature, "m": matrix[None]}
    found = run("TransformTensorBilinear", arrays, (1, 8, 8, 3), {})
    outside = 0
    for row in range(8):
        for column in range(8):
            x, y = matrix[:2, :2] @ [column + 0.5, row + 0.5] + matrix[:2, 3] - 0.5
            if not (0 <= x <= 9 and 0 <= y <= 11):
                outside += 1
                assert (found[0, :, row, column] == 0).all()
                continue
            left, top = min(int(x), 8), min(int(y), 10)
            part_x, part_y = x - left, y - top
            block = feature[0, :, top : top + 2, left : left + 2]
            expected = np.einsum("cyx,y,x->c", block, [1 - part_y, part_y], [1 - part_x, part_x])
            np.testing.assert_allclose(found[0, :, row, column], expected, atol=1e-4)
    assert 0 < outside < 64


def test_an_operator_nobody_foresaw_is_refused() -> None:
    state: Any = State({}, (1,))
    with pytest.raises(UnsupportedNetwork, match="SOFTMAX"):
        translate(state, Operator(kind="SOFTMAX", inputs=(0,), output=1, options=None))
