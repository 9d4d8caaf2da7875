"""A ``.tflite`` of one op, written with the schema's object API: what no converter would write, or no longer writes."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def tensor(*shape, dtype="int8", value=None, scales=(0.1,), signature=None, variable=False, sparse=False):
    """A tensor; value: an array that makes it constant."""
    one = schema.TensorT()
    one.name = b"t"
    one.shape = list(shape)
    one.type = getattr(schema.TensorType, dtype.upper())
    one.isVariable = variable
    one.shapeSignature = signature
    if dtype in ("int8", "uint8"):
        one.quantization = schema.QuantizationParametersT()
        one.quantization.scale = list(scales)
        one.quantization.zeroPoint = [0] * len(scales)
    if sparse:
        one.sparsity = schema.SparsityParametersT()
    one.held = None if value is None else np.asarray(value, dtype)
    return one


def numbers(*values):
    """A constant of whole numbers: axes, paddings, strides."""
    return tensor(len(values), dtype="int32", value=values)


def graph(*ops, subgraphs=1, min_runtime=""):
    """A ``.tflite`` whose ops follow each other: each is (name, version, inputs, outputs, options or None)."""
    model, body = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT()], []
    body.tensors, body.operators, body.inputs, body.outputs = [], [], [], []
    for name, version, inputs, outputs, options in ops:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name, schema.BuiltinOperator.CUSTOM)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = version
        if code.builtinCode == schema.BuiltinOperator.CUSTOM:
            code.customCode = name.encode()
        op = schema.OperatorT()
        op.opcodeIndex = len(model.operatorCodes)
        op.inputs = [_place(one, model, body) for one in inputs]
        op.outputs = [_place(one, model, body) for one in outputs]
        if options is not None:
            op.builtinOptions = options
            op.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
        model.operatorCodes.append(code)
        body.operators.append(op)
        moving = [i for i, one in zip(op.inputs, inputs, strict=True) if one.held is None and not one.isVariable]
        body.inputs = body.inputs or moving
        body.outputs = op.outputs
    model.subgraphs = [body] * subgraphs
    if min_runtime:
        data, entry = schema.BufferT(), schema.MetadataT()
        data.data = list(min_runtime.encode().ljust(16, b"\0"))
        entry.name, entry.buffer = b"min_runtime_version", len(model.buffers)
        model.buffers.append(data)
        model.metadata = [entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def one_op(name, inputs, outputs, *, version=1, options=None, **fields):
    """A ``.tflite`` of one op; fields: of its options."""
    for key, value in fields.items():
        setattr(options, key, value)
    return graph((name, version, inputs, outputs, options))


def _place(one, model, body):
    if one in body.tensors:
        return body.tensors.index(one)
    if one.held is not None:
        data = schema.BufferT()
        data.data = list(one.held.tobytes())
        one.buffer = len(model.buffers)
        model.buffers.append(data)
    body.tensors.append(one)
    return len(body.tensors) - 1
