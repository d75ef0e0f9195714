"""The builtin TensorFlow Lite operators that the shipped networks use, as ONNX.

================= ============================================================================
TensorFlow Lite   ONNX
================= ============================================================================
ADD, MUL          Add, Mul, then the fused activation
CONCATENATION     Concat
CONV_2D           Conv with the padding written out, then the fused activation
DENSIFY           nothing: the weights are expanded when they are read
DEPTHWISE_CONV_2D Conv with one group per channel
DEPTH_TO_SPACE    DepthToSpace, depth first (DCR)
DEQUANTIZE        nothing: float16 weights are constants
MAX_POOL_2D       MaxPool
PAD               folded into the convolutions that read it, or Pad
PRELU             ``a x + (1 - a) relu(x)``
RESHAPE           Flatten, Reshape
RESIZE_BILINEAR   Resize, with the same rule for pixel centres
STRIDED_SLICE     nothing: only slices that keep everything occur
================= ============================================================================

Anything else is refused. PRELU is spelled out because ONNX Runtime's blocked convolution layout
knows Mul, Add and Relu but not PRelu; the network is twice as fast on a CPU, to the same bits
within rounding.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import tflite
from numpy.typing import NDArray

from dmask_node.rebuild.custom_ops import CUSTOM_OPERATORS
from dmask_node.rebuild.errors import UnsupportedNetwork
from dmask_node.rebuild.tflite_graph import Operator
from dmask_node.rebuild.translation import (
    TO_CHANNELS_LAST,
    TO_CHANNELS_SECOND,
    Translation,
    ZeroPadding,
)

_NO_PADDING: Final = (0, 0, 0, 0)


def translate(state: Translation, operator: Operator) -> None:
    """Convert one operator.

    Raises
    ------
    UnsupportedNetwork
        If it is not in the table above, or used in a way that was not foreseen.
    """
    if operator.kind not in OPERATORS:
        raise UnsupportedNetwork(f"no conversion for {operator.kind}")
    OPERATORS[operator.kind](state, operator)


def _activate(state: Translation, value: str, function: int) -> str:
    kinds = tflite.ActivationFunctionType
    if function == kinds.NONE:
        return value
    if function == kinds.RELU:
        return state.onnx.add("Relu", value)
    raise UnsupportedNetwork(f"fused activation {function}")


def _zero_padding(
    rule: int, size: tuple[int, ...], window: tuple[int, int], stride: tuple[int, int]
) -> ZeroPadding:
    """Write TensorFlow's padding rule out; an odd zero goes below or right (`SAME`)."""
    if rule == tflite.Padding.VALID:
        return _NO_PADDING
    before, after = [], []
    for length, width, step in zip(size[1:3], window, stride, strict=True):
        zeros = max((-(-length // step) - 1) * step + width - length, 0)
        before.append(zeros // 2)
        after.append(zeros - zeros // 2)
    return before[0], before[1], after[0], after[1]


def _convolve(state: Translation, operator: Operator, weights: NDArray[Any], groups: int) -> None:
    """Weights are (out, in / groups, rows, columns)."""
    options = operator.options
    if (options.DilationHFactor(), options.DilationWFactor()) != (1, 1):
        raise UnsupportedNetwork("dilated convolution")
    rows, columns = weights.shape[2:]
    stride = (options.StrideH(), options.StrideW())
    padding = _zero_padding(options.Padding(), state.in_shape(operator), (rows, columns), stride)
    source = operator.inputs[0]
    if source in state.padded:
        value, around = state.padded[source]
        top, left, bottom, right = (a + b for a, b in zip(padding, around, strict=True))
        padding = (top, left, bottom, right)
    else:
        value = state.value(source)
    inputs = [value, state.onnx.constant(weights)]
    if len(operator.inputs) > 2:
        inputs.append(state.onnx.constant(state.constant(operator.inputs[2])))
    out = state.onnx.add(
        "Conv",
        *inputs,
        kernel_shape=[rows, columns],
        strides=stride,
        pads=padding,
        group=groups,
    )
    state.set_value(operator.output, _activate(state, out, options.FusedActivationFunction()))


def _conv_2d(state: Translation, operator: Operator) -> None:
    _convolve(state, operator, state.constant(operator.inputs[1]).transpose(0, 3, 1, 2), 1)


def _depthwise_conv_2d(state: Translation, operator: Operator) -> None:
    weights = state.constant(operator.inputs[1]).transpose(3, 0, 1, 2)
    _convolve(state, operator, weights, groups=state.in_shape(operator)[3])


def _unchanged_constant(state: Translation, operator: Operator) -> None:
    state.set_constant(operator.output, state.constant(operator.inputs[0]))


def _dequantize(state: Translation, operator: Operator) -> None:
    half = state.constant(operator.inputs[0])
    if half.dtype != np.float16:
        raise UnsupportedNetwork(f"weights quantised to {half.dtype}")
    state.set_constant(operator.output, half.astype(np.float32))


def _binary(state: Translation, operator: Operator) -> None:
    inputs = []
    for tensor in operator.inputs:
        if state.is_computed(tensor):
            inputs.append(state.value(tensor))
            continue
        values = state.constant(tensor)
        if values.ndim == 4:
            values = values.transpose(TO_CHANNELS_SECOND)
        elif values.size > 1 and len(state.out_shape(operator)) == 4:
            raise UnsupportedNetwork(f"{operator.kind} with a constant of shape {values.shape}")
        inputs.append(state.onnx.constant(values))
    out = state.onnx.add({"ADD": "Add", "MUL": "Mul"}[operator.kind], *inputs)
    function = operator.options.FusedActivationFunction()
    state.set_value(operator.output, _activate(state, out, function))


def _max_pool_2d(state: Translation, operator: Operator) -> None:
    options = operator.options
    window = (options.FilterHeight(), options.FilterWidth())
    stride = (options.StrideH(), options.StrideW())
    padding = _zero_padding(options.Padding(), state.in_shape(operator), window, stride)
    value = state.value(operator.inputs[0])
    out = state.onnx.add("MaxPool", value, kernel_shape=window, strides=stride, pads=padding)
    state.set_value(operator.output, _activate(state, out, options.FusedActivationFunction()))


def _pad(state: Translation, operator: Operator) -> None:
    """Rows of the second input: zeros before and after each axis, channels last."""
    zeros = state.constant(operator.inputs[1]).reshape(4, 2)
    value = state.value(operator.inputs[0])
    spatial_only = not zeros[[0, 3]].any()
    if spatial_only and state.readers(operator.output) <= {"CONV_2D", "DEPTHWISE_CONV_2D"}:
        (top, bottom), (left, right) = zeros[1].tolist(), zeros[2].tolist()
        state.padded[operator.output] = (value, (top, left, bottom, right))
        return
    ordered = zeros[TO_CHANNELS_SECOND]
    out = state.onnx.add("Pad", value, state.onnx.integers(ordered.T.ravel()))
    state.set_value(operator.output, out)


def _prelu(state: Translation, operator: Operator) -> None:
    slope = state.constant(operator.inputs[1])
    if slope.ndim != 3 or slope.shape[:2] != (1, 1):
        raise UnsupportedNetwork(f"PRELU with slopes of shape {slope.shape}")
    slope = slope.reshape(-1, 1, 1)
    value = state.value(operator.inputs[0])
    rest = state.onnx.constant((1 - slope).astype(np.float32))
    positive = state.onnx.add("Mul", state.onnx.add("Relu", value), rest)
    scaled = state.onnx.add("Mul", value, state.onnx.constant(slope))
    state.set_value(operator.output, state.onnx.add("Add", scaled, positive))


def _reshape(state: Translation, operator: Operator) -> None:
    before, after = state.in_shape(operator), state.out_shape(operator)
    value = state.value(operator.inputs[0])
    one_pixel = len(before) == 4 and before[1:3] == (1, 1)
    if len(before) == 4 and not one_pixel:
        value = state.onnx.add("Transpose", value, perm=TO_CHANNELS_LAST)
    if one_pixel and len(after) == 2:
        out = state.onnx.add("Flatten", value, axis=1)
    else:
        wanted = list(after[1:])
        if len(after) == 4:
            if after[1:3] != (1, 1):
                raise UnsupportedNetwork(f"RESHAPE to {after}")
            wanted = [after[3], 1, 1]
        # ONNX: 0 keeps the axis, here the batch.
        out = state.onnx.add("Reshape", value, state.onnx.integers([0, *wanted]))
    state.set_value(operator.output, out)


def _concatenation(state: Translation, operator: Operator) -> None:
    axis = operator.options.Axis()
    if len(state.out_shape(operator)) == 4:
        axis = TO_CHANNELS_SECOND.index(axis)
    values = [state.value(tensor) for tensor in operator.inputs]
    state.set_value(operator.output, state.onnx.add("Concat", *values, axis=axis))


def _resize_bilinear(state: Translation, operator: Operator) -> None:
    options = operator.options
    if options.AlignCorners() or not options.HalfPixelCenters():
        raise UnsupportedNetwork("RESIZE_BILINEAR without half-pixel centres")
    before, after = state.in_shape(operator), state.out_shape(operator)
    scale = state.onnx.floats([1, 1, after[1] / before[1], after[2] / before[2]])
    out = state.onnx.add(
        "Resize",
        *(state.value(operator.inputs[0]), "", scale),
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )
    state.set_value(operator.output, out)


def _depth_to_space(state: Translation, operator: Operator) -> None:
    value = state.value(operator.inputs[0])
    size = operator.options.BlockSize()
    out = state.onnx.add("DepthToSpace", value, blocksize=size, mode="DCR")
    state.set_value(operator.output, out)


def _whole_slice(state: Translation, operator: Operator) -> None:
    if state.in_shape(operator) != state.out_shape(operator):
        raise UnsupportedNetwork("STRIDED_SLICE that leaves something out")
    state.set_value(operator.output, state.value(operator.inputs[0]))


OPERATORS: Final[Mapping[str, Callable[[Translation, Operator], None]]] = {
    "ADD": _binary,
    "CONCATENATION": _concatenation,
    "CONV_2D": _conv_2d,
    "DENSIFY": _unchanged_constant,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "DEPTH_TO_SPACE": _depth_to_space,
    "DEQUANTIZE": _dequantize,
    "MAX_POOL_2D": _max_pool_2d,
    "MUL": _binary,
    "PAD": _pad,
    "PRELU": _prelu,
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize_bilinear,
    "STRIDED_SLICE": _whole_slice,
    **CUSTOM_OPERATORS,
}
"""Conversion of each operator, by its name."""
