"""Read a TensorFlow Lite file as tensors, constants and a list of operators."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import tflite
from flatbuffers import flexbuffers
from numpy.typing import NDArray

from dmask_node.rebuild.errors import UnsupportedNetwork
from dmask_node.rebuild.sparse_tensor import CompressedLevel, DenseLevel, Level, Sparsity, densify

CUSTOM_OP_VERSION: Final = 2
"""Of MediaPipe's custom operators; version 1 has other semantics."""

_KIND: Final = {
    number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)
}
_DTYPE: Final = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
_OPTIONS: Final = {
    "ADD": tflite.AddOptions,
    "CONCATENATION": tflite.ConcatenationOptions,
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "DEPTH_TO_SPACE": tflite.DepthToSpaceOptions,
    "MAX_POOL_2D": tflite.Pool2DOptions,
    "MUL": tflite.MulOptions,
    "RESIZE_BILINEAR": tflite.ResizeBilinearOptions,
}
"""Flatbuffer table of the options of each operator that has any we read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One operator of the graph."""

    kind: str
    """Name of the builtin operator, or the custom operator's own name."""
    inputs: tuple[int, ...]
    """Tensor numbers; an absent optional input is left out."""
    output: int
    options: Any
    """Flatbuffer table of a builtin operator's options, or None."""
    custom_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of a custom operator."""


class TfliteGraph:
    """The one graph of a TensorFlow Lite file.

    Parameters
    ----------
    data : bytes
        The file.
    """

    def __init__(self, data: bytes) -> None:
        self._model = tflite.Model.GetRootAsModel(data, 0)
        self._graph = self._model.Subgraphs(0)
        self.inputs = tuple(int(i) for i in self._graph.InputsAsNumpy())
        self.outputs = tuple(int(i) for i in self._graph.OutputsAsNumpy())

    def name(self, tensor: int) -> str:
        """Return a tensor's name."""
        return str(self._graph.Tensors(tensor).Name().decode())

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Return a tensor's shape, batch first, channels last."""
        found = self._graph.Tensors(tensor)
        return tuple(int(n) for n in found.ShapeAsNumpy()) if found.ShapeLength() else ()

    def constant(self, tensor: int) -> NDArray[Any] | None:
        """Return a constant tensor, dense; None if the tensor is computed."""
        found = self._graph.Tensors(tensor)
        buffer = self._model.Buffers(found.Buffer())
        if not buffer.DataLength():
            return None
        if found.Type() not in _DTYPE:
            raise UnsupportedNetwork(f"constant of TensorFlow Lite type {found.Type()}")
        values = np.frombuffer(buffer.DataAsNumpy().tobytes(), _DTYPE[found.Type()])
        if found.Sparsity() is None:
            return values.reshape(self.shape(tensor))
        return densify(values, self.shape(tensor), _sparsity(found.Sparsity()))

    def operators(self) -> Iterator[Operator]:
        """Yield the operators in the order in which they are computed."""
        for number in range(self._graph.OperatorsLength()):
            yield self._operator(self._graph.Operators(number))

    def _operator(self, found: Any) -> Operator:
        code = self._model.OperatorCodes(found.OpcodeIndex())
        # The schema keeps codes below 127 in the old field and all others in the new one.
        kind = _KIND[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = tuple(int(i) for i in found.InputsAsNumpy() if i >= 0)
        output = int(found.Outputs(0))
        if found.OutputsLength() != 1:
            raise UnsupportedNetwork(f"{kind} has {found.OutputsLength()} outputs")
        if kind == "CUSTOM":
            kind = code.CustomCode().decode()
            if code.Version() != CUSTOM_OP_VERSION:
                raise UnsupportedNetwork(f"{kind} has version {code.Version()}, expected 2")
            stored = bytes(found.CustomOptionsAsNumpy()) if found.CustomOptionsLength() else b""
            custom = flexbuffers.Loads(stored) if stored else {}
            return Operator(
                kind=kind, inputs=inputs, output=output, options=None, custom_options=custom
            )
        options = None
        if kind in _OPTIONS:
            options = _OPTIONS[kind]()
            table = found.BuiltinOptions()
            options.Init(table.Bytes, table.Pos)
        return Operator(kind=kind, inputs=inputs, output=output, options=options)


def _sparsity(stored: Any) -> Sparsity:
    return Sparsity(
        traversal_order=tuple(int(d) for d in stored.TraversalOrderAsNumpy()),
        block_map=tuple(int(d) for d in stored.BlockMapAsNumpy())
        if stored.BlockMapLength()
        else (),
        levels=tuple(_level(stored.DimMetadata(i)) for i in range(stored.DimMetadataLength())),
    )


def _level(stored: Any) -> Level:
    if stored.Format() == tflite.DimensionType.DENSE:
        return DenseLevel(size=int(stored.DenseSize()))
    return CompressedLevel(
        segments=_indices(stored.ArraySegments(), stored.ArraySegmentsType()),
        indices=_indices(stored.ArrayIndices(), stored.ArrayIndicesType()),
    )


def _indices(table: Any, kind: int) -> NDArray[np.int64]:
    types = tflite.SparseIndexVector
    vector = {
        types.Int32Vector: tflite.Int32Vector,
        types.Uint16Vector: tflite.Uint16Vector,
        types.Uint8Vector: tflite.Uint8Vector,
    }[kind]()
    vector.Init(table.Bytes, table.Pos)
    return np.asarray(vector.ValuesAsNumpy(), np.int64)
