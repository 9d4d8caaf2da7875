"""Read a ``.tflite`` file as data: its tensors, its ops, its signature. No TensorFlow, nothing is run.

In: the bytes of a graph, from anybody. Out: frozen tuples. Not here: what a graph costs (``cost.py``), what a board
makes of it (``converters/lint``).

The bytes are walked with the lazy accessors of the runtime's own schema, which takes 10 to 20 ms for 700 ops. A
flatbuffer holds offsets, so a small file can name the same long list a million times over: what is read in all is
limited by the size of the file.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from edge_mm.errors import ConvertError

IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every TFLite file (``file_identifier`` in schema.fbs)."""
_MAX_DIM = 2**31 - 1
_BITS = {"int4": 4, "uint4": 4, "int2": 2, "bool": 8, "float8_e4m3fn": 8, "float8_e5m2": 8, "bfloat16": 16}
_WHAT_BROKEN_BYTES_RAISE = (
    struct.error,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    OverflowError,
    MemoryError,
)


class Tensor(NamedTuple):
    """One tensor of a graph."""

    index: int  # type: ignore[assignment]  # tuple.index is never called
    """Its number in the subgraph."""
    name: str
    """As the file says it."""
    shape: tuple[int, ...]
    """Elements per axis; -1 where the file says that it is only known at run time."""
    dtype: str
    """``int8``, ``float32``, ..."""
    scales: tuple[float, ...]
    """One, or one per channel; empty when the tensor is not quantized."""
    zero_points: tuple[int, ...]
    """As many as scales."""
    constant: bool
    """Its values are in the file."""
    bytes: int
    """Of all its values; axes of unknown length count as one."""
    sparse: bool = False
    """Kept in the format of EXPERIMENTAL_SPARSITY."""
    variable: bool = False
    """A state that lives on from one invoke to the next."""
    offset: int = 0
    """Where its values begin in the file; 0 when it is not constant."""


class Op(NamedTuple):
    """One op of a graph."""

    index: int  # type: ignore[assignment]  # tuple.index is never called
    """Its place in the order of execution."""
    name: str
    """``CONV_2D``; ``CUSTOM`` for an op that is not built in."""
    version: int
    """Which version of the kernel it asks for."""
    inputs: tuple[int, ...]
    """Tensor indices; -1 for one left out."""
    outputs: tuple[int, ...]
    """Tensor indices."""
    options: Any
    """The schema's ``...OptionsT`` object, or None."""
    custom: str = ""
    """Name of a custom op (``FlexAddV2``, ``edgetpu-custom-op``)."""


class GraphFile(NamedTuple):
    """One subgraph of a ``.tflite`` file and what the file says about itself."""

    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    """Tensor indices."""
    outputs: tuple[int, ...]
    """Tensor indices."""
    subgraphs: int
    """How many the file has; more than one where it has loops or branches."""
    signature_inputs: dict[str, int]
    """Name in the first signature -> tensor index; empty when there is none."""
    signature_outputs: dict[str, int]
    """As above."""
    min_runtime: str
    """``min_runtime_version`` of the metadata, ``""`` when it does not say."""
    size: int
    """Bytes of the file."""


def read_graph(content: bytes, *, subgraph: int = 0) -> GraphFile:
    """Read one subgraph of a ``.tflite`` file.

    Args:
        content: the file.
        subgraph: which one; 0 is the one that is invoked, the others are bodies of loops and branches.

    Raises:
        ConvertError: it is no ``.tflite`` file, or one that is truncated or damaged.
    """
    if len(content) < 8 or content[4:8] != IDENTIFIER:
        raise ConvertError(
            f"this is no .tflite graph ({len(content)} bytes, without the mark {IDENTIFIER.decode()} at byte 4): "
            "give a file made by the TFLite converter"
        )
    try:
        return _Walk(content).graph(subgraph)
    except _WHAT_BROKEN_BYTES_RAISE as error:
        raise ConvertError(
            f"this .tflite graph is truncated or damaged ({type(error).__name__}: {error}): convert or copy it again"
        ) from None


def values(content: bytes, tensor: Tensor) -> npt.NDArray[Any]:
    """The values of a constant tensor, in its shape.

    Raises:
        ConvertError: it is not constant, or of a type that numpy does not have.
    """
    try:
        dtype = np.dtype(tensor.dtype)
        count = math.prod(tensor.shape)
        if not tensor.constant or tensor.sparse:
            raise ValueError("its values are not in the file as they are")
        return np.frombuffer(content, dtype, count, tensor.offset).reshape(tensor.shape)
    except (TypeError, ValueError) as error:
        raise ConvertError(f"tensor {tensor.index} ({tensor.name}) cannot be read as numbers: {error}") from None


class _Walk:
    """Walks one file; raises whatever the schema raises when the bytes are wrong."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._left = len(content)  # list entries that may still be read: an honest entry takes four bytes or more
        self._model: Any = schema.Model.GetRootAs(content, 0)
        self._codes = [_code(self._model.OperatorCodes(i)) for i in self._counted(self._model.OperatorCodesLength())]
        self._buffers = [self._buffer(self._model.Buffers(i)) for i in self._counted(self._model.BuffersLength())]

    def graph(self, number: int) -> GraphFile:
        subgraphs = self._model.SubgraphsLength()
        if not 0 <= number < subgraphs:
            raise ValueError(f"there is no subgraph {number}, there are {subgraphs}")
        self._counted(subgraphs)
        graph: Any = self._model.Subgraphs(number)
        tensors = tuple(self._tensor(i, graph.Tensors(i)) for i in self._counted(graph.TensorsLength()))
        ops = tuple(self._op(i, graph.Operators(i), len(tensors)) for i in self._counted(graph.OperatorsLength()))
        inputs, outputs = self._signature(number, len(tensors))
        return GraphFile(
            tensors=tensors,
            ops=ops,
            inputs=self._indices(graph.InputsLength(), graph.Inputs, len(tensors), lowest=0),
            outputs=self._indices(graph.OutputsLength(), graph.Outputs, len(tensors), lowest=0),
            subgraphs=subgraphs,
            signature_inputs=inputs,
            signature_outputs=outputs,
            min_runtime=self._min_runtime(),
            size=len(self._content),
        )

    def _counted(self, length: int) -> range:
        self._left -= length
        if self._left < 0:
            raise ValueError("its lists are longer than the file")
        return range(length)

    def _list(self, length: int, entry: Callable[[int], Any]) -> tuple[Any, ...]:
        return tuple(entry(i) for i in self._counted(length))

    def _indices(self, length: int, entry: Callable[[int], Any], limit: int, *, lowest: int) -> tuple[int, ...]:
        found = self._list(length, entry)
        for index in found:
            if not lowest <= index < limit:
                raise ValueError(f"it names tensor {index} of {limit}")
        return found

    def _buffer(self, buffer: Any) -> tuple[int, int]:
        """Where it begins, and its length."""
        if buffer.Offset() > 1:  # files over 2 GB keep their weights behind the flatbuffer
            place, length = buffer.Offset(), buffer.Size()
        elif buffer.DataLength():
            place, length = buffer._tab.Vector(buffer._tab.Offset(4)), buffer.DataLength()
        else:
            return 0, 0
        if place < 0 or place + length > len(self._content):
            raise ValueError("a constant lies behind the end of the file")
        return place, length

    def _tensor(self, index: int, tensor: Any) -> Tensor:
        shape = self._shape(tensor.ShapeLength(), tensor.Shape)
        signature = self._list(tensor.ShapeSignatureLength(), tensor.ShapeSignature)
        dtype = _DTYPES[tensor.Type()]
        place, length = self._buffers[tensor.Buffer()] if self._buffers else (0, 0)
        sparse = tensor.Sparsity() is not None
        size = (math.prod(shape) * _bits(dtype) + 7) // 8
        if length and not sparse and dtype != "string" and length < size:
            raise ValueError(f"tensor {index} needs {size} bytes, its constant has {length}")
        quantization = tensor.Quantization()
        scales, zeros = (), ()
        if quantization is not None:
            scales = self._list(quantization.ScaleLength(), quantization.Scale)
            zeros = self._list(quantization.ZeroPointLength(), quantization.ZeroPoint)
        return Tensor(
            index=index,
            name=(tensor.Name() or b"").decode("utf-8", "replace"),
            shape=tuple(-1 if s < 0 else n for n, s in zip(shape, signature, strict=True)) if signature else shape,
            dtype=dtype,
            scales=scales,
            zero_points=zeros,
            constant=length > 0,
            bytes=length if length else size,
            sparse=sparse,
            variable=tensor.IsVariable(),
            offset=place,
        )

    def _shape(self, length: int, entry: Callable[[int], Any]) -> tuple[int, ...]:
        shape = self._list(length, entry)
        if any(n < 0 for n in shape) or math.prod(n for n in shape if n) > _MAX_DIM:
            raise ValueError(f"a tensor has the shape {shape}")
        return shape

    def _op(self, index: int, operator: Any, tensors: int) -> Op:
        name, version, custom = self._codes[operator.OpcodeIndex()]
        return Op(
            index=index,
            name=name,
            version=version,
            inputs=self._indices(operator.InputsLength(), operator.Inputs, tensors, lowest=-1),
            outputs=self._indices(operator.OutputsLength(), operator.Outputs, tensors, lowest=-1),
            options=schema.BuiltinOptionsCreator(operator.BuiltinOptionsType(), operator.BuiltinOptions()),
            custom=custom,
        )

    def _signature(self, number: int, tensors: int) -> tuple[dict[str, int], dict[str, int]]:
        for i in self._counted(self._model.SignatureDefsLength()):
            one = self._model.SignatureDefs(i)
            if one.SubgraphIndex() == number:
                named = []
                for length, entry in ((one.InputsLength(), one.Inputs), (one.OutputsLength(), one.Outputs)):
                    maps = self._list(length, entry)
                    if any(m.TensorIndex() >= tensors for m in maps):
                        raise ValueError(f"its signature names a tensor beyond {tensors}")
                    named.append({(m.Name() or b"").decode("utf-8", "replace"): int(m.TensorIndex()) for m in maps})
                return named[0], named[1]
        return {}, {}

    def _min_runtime(self) -> str:
        for i in self._counted(self._model.MetadataLength()):
            one = self._model.Metadata(i)
            if one.Name() == b"min_runtime_version":
                place, length = self._buffers[one.Buffer()]
                return self._content[place : place + min(length, 32)].split(b"\0")[0].decode("ascii", "replace")
        return ""


def _code(code: Any) -> tuple[str, int, str]:
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())  # files of before 2020 have only the second
    return _OPS[number], int(code.Version()), (code.CustomCode() or b"").decode("utf-8", "replace")


def _bits(dtype: str) -> int:
    return _BITS.get(dtype) or (0 if dtype in ("string", "resource", "variant") else np.dtype(dtype).itemsize * 8)


def _names(enumeration: type) -> dict[int, str]:
    return {number: name for name, number in vars(enumeration).items() if not name.startswith("_")}


_DTYPES = {number: name.lower() for number, name in _names(schema.TensorType).items()}
_OPS = _names(schema.BuiltinOperator)
