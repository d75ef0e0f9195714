"""The state of one conversion: what each TensorFlow Lite tensor has become in ONNX.

TensorFlow Lite keeps channels last (N, H, W, C), ONNX convolutions take them second (N, C, H, W):
inside the converted graph every tensor of four axes is (N, C, H, W), all others are as they were.
"""

from typing import Any, Final

from numpy.typing import NDArray

from dmask_node.rebuild.errors import UnsupportedNetwork
from dmask_node.rebuild.onnx_graph import OnnxGraph
from dmask_node.rebuild.tflite_graph import Operator, TfliteGraph

TO_CHANNELS_SECOND: Final = [0, 3, 1, 2]
TO_CHANNELS_LAST: Final = [0, 2, 3, 1]

ZeroPadding = tuple[int, int, int, int]
"""Zeros above, left, below, right."""


class Translation:
    """Which ONNX value or constant stands for which tensor.

    Parameters
    ----------
    source : TfliteGraph
        What is converted.
    """

    def __init__(self, source: TfliteGraph) -> None:
        self.source = source
        self.onnx = OnnxGraph()
        self._values: dict[int, str] = {}
        self._constants: dict[int, NDArray[Any]] = {}
        self.padded: dict[int, tuple[str, ZeroPadding]] = {}
        """Tensors that are a value with zeros around it, for the convolution to add them."""
        self._readers: dict[int, set[str]] = {}
        for operator in source.operators():
            for tensor in operator.inputs:
                self._readers.setdefault(tensor, set()).add(operator.kind)

    def readers(self, tensor: int) -> set[str]:
        """Return the kinds of operator that read a tensor."""
        return self._readers.get(tensor, set())

    def value(self, tensor: int) -> str:
        """Return the ONNX value of a computed tensor."""
        return self._values[tensor]

    def is_computed(self, tensor: int) -> bool:
        """Whether a tensor depends on the input."""
        return tensor in self._values

    def constant(self, tensor: int) -> NDArray[Any]:
        """Return a constant tensor, channels last."""
        if tensor not in self._constants:
            stored = self.source.constant(tensor)
            if stored is None:
                raise UnsupportedNetwork(f"tensor {tensor} is computed, expected a constant")
            self._constants[tensor] = stored
        return self._constants[tensor]

    def set_value(self, tensor: int, value: str) -> None:
        """Say which ONNX value a tensor has become."""
        self._values[tensor] = value

    def set_constant(self, tensor: int, values: NDArray[Any]) -> None:
        """Say what a tensor holds, whatever the input."""
        self._constants[tensor] = values

    def in_shape(self, operator: Operator) -> tuple[int, ...]:
        """Return the shape of an operator's first input, channels last."""
        return self.source.shape(operator.inputs[0])

    def out_shape(self, operator: Operator) -> tuple[int, ...]:
        """Return the shape of an operator's output, channels last."""
        return self.source.shape(operator.output)
