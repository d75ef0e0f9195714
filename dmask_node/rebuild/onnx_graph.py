"""Build an ONNX graph node by node.

Float32 constants that half precision holds exactly are stored as float16 and cast when the network
is loaded: the sources hold float16, so the file is half the size and nothing is lost.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 17
"""Old enough for every ONNX Runtime we allow; has GridSample (16)."""
IR_VERSION: Final = 8
"""The ONNX file format version that belongs to the operator set."""
BATCH: Final = "N"
"""Name of the symbolic first axis."""

_SMALL: Final = 64
"""Constants of at most so many values stay float32: a cast would cost more than it saves."""


class OnnxGraph:
    """An ONNX graph in the making. Values are named by strings."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._n_values = 0

    def add_input(self, name: str, shape: Sequence[int]) -> None:
        """Declare a float32 input; ``shape`` is without the batch."""
        value = helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *shape])
        self._inputs.append(value)

    def add_output(self, value: str, name: str, shape: Sequence[int]) -> None:
        """Declare a float32 output; ``shape`` is without the batch."""
        self._append("Identity", [value], [name])
        info = helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *shape])
        self._outputs.append(info)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Append a node with one output; return the name of its value."""
        return self.add_split(operator, *inputs, parts=1, **attributes)[0]

    def add_split(self, operator: str, *inputs: str, parts: int, **attributes: Any) -> list[str]:
        """Append a node with several outputs; return the names of its values."""
        names = [f"v{self._n_values + k}" for k in range(parts)]
        self._n_values += parts
        self._append(operator, list(inputs), names, **attributes)
        return names

    def constant(self, values: NDArray[Any]) -> str:
        """Return the name of a constant, stored once however often it is used."""
        stored = np.array(values, order="C")
        key = (stored.dtype.str, stored.shape, stored.tobytes())
        return self._constants.setdefault(key, f"c{len(self._constants)}")

    def floats(self, values: ArrayLike) -> str:
        """Return the name of a float32 constant."""
        return self.constant(np.asarray(values, np.float32))

    def integers(self, values: ArrayLike) -> str:
        """Return the name of an int64 constant."""
        return self.constant(np.asarray(values, np.int64))

    def build(self, name: str, facts: dict[str, str]) -> onnx.ModelProto:
        """Return the checked model.

        Parameters
        ----------
        name : str
            Of the graph.
        facts : dict of str to str
            Source and licence, kept in the file's metadata.
        """
        used = {value for node in self._nodes for value in node.input}
        casts: list[onnx.NodeProto] = []
        initializers: list[onnx.TensorProto] = []
        for (dtype, shape, data), constant in self._constants.items():
            if constant not in used:
                continue
            values = np.frombuffer(data, np.dtype(dtype)).reshape(shape)
            if _is_half(values):
                half = f"{constant}_half"
                initializers.append(numpy_helper.from_array(values.astype(np.float16), half))
                casts.append(helper.make_node("Cast", [half], [constant], to=TensorProto.FLOAT))
            else:
                initializers.append(numpy_helper.from_array(values.copy(), constant))
        graph = helper.make_graph(
            casts + self._nodes, name, self._inputs, self._outputs, initializers
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="dmask_node.rebuild",
            ir_version=IR_VERSION,
        )
        helper.set_model_props(model, facts)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _append(
        self, operator: str, inputs: list[str], outputs: list[str], **attributes: Any
    ) -> None:
        name = f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, outputs, name=name, **attributes))


def _is_half(values: NDArray[Any]) -> bool:
    """Whether half precision holds these float32 values exactly, and it is worth it."""
    return (
        values.dtype == np.float32
        and values.size > _SMALL
        and np.array_equal(values.astype(np.float16).astype(np.float32), values)
    )
