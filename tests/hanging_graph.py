"""A ``.tflite`` that never ends once a value of its input is above a limit: a WHILE whose condition stays true.

Below the limit it answers with constants. And a delegate, a real shared library, that ends the process when it is made
or when it is given a graph.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

FLOAT, BOOL, INT = schema.TensorType.FLOAT32, schema.TensorType.BOOL, schema.TensorType.INT32


class _Model:
    def __init__(self):
        self.model = schema.ModelT()
        self.model.version, self.model.buffers, self.model.operatorCodes = 3, [schema.BufferT()], []
        self.model.subgraphs = []

    def subgraph(self):
        body = schema.SubGraphT()
        body.tensors, body.operators, body.inputs, body.outputs = [], [], [], []
        self.model.subgraphs.append(body)
        return body

    def tensor(self, body, shape, kind=FLOAT, value=None):
        one = schema.TensorT()
        one.name, one.shape, one.type = f"t{len(body.tensors)}".encode(), list(shape), kind
        if value is not None:
            data = schema.BufferT()
            data.data = list(np.asarray(value, np.float32 if kind == FLOAT else np.int32).tobytes())
            one.buffer = len(self.model.buffers)
            self.model.buffers.append(data)
        body.tensors.append(one)
        return len(body.tensors) - 1

    def op(self, body, name, inputs, outputs, options=None):
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 1
        op = schema.OperatorT()
        op.opcodeIndex, op.inputs, op.outputs = len(self.model.operatorCodes), inputs, outputs
        if options is not None:
            op.builtinOptions = options
            op.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
        self.model.operatorCodes.append(code)
        body.operators.append(op)

    def packed(self):
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def hanging_graph(name, shape, outputs, *, limit):
    """The graph.

    Args:
        name: of its only input.
        shape: of it, with the batch.
        outputs: name -> what it answers, (1, n).
        limit: a value of the input above it makes it hang.
    """
    made = _Model()
    main, cond, body = made.subgraph(), made.subgraph(), made.subgraph()
    given = made.tensor(main, shape)
    axes = made.tensor(main, [len(shape)], INT, list(range(len(shape))))
    largest, after = made.tensor(main, []), made.tensor(main, [])
    made.op(main, "REDUCE_MAX", [given, axes], [largest], schema.ReducerOptionsT())
    loop = schema.WhileOptionsT()
    loop.condSubgraphIndex, loop.bodySubgraphIndex = 1, 2
    made.op(main, "WHILE", [largest], [after], loop)
    zero, nothing = made.tensor(main, [], value=0.0), made.tensor(main, [])
    made.op(main, "MUL", [after, zero], [nothing], schema.MulOptionsT())
    places = []
    for value in outputs.values():
        constant, answer = made.tensor(main, value.shape, value=value), made.tensor(main, value.shape)
        made.op(main, "ADD", [constant, nothing], [answer], schema.AddOptionsT())
        places.append(answer)
    main.inputs, main.outputs = [given], places
    seen, goes_on = made.tensor(cond, []), made.tensor(cond, [], BOOL)
    made.op(cond, "GREATER", [seen, made.tensor(cond, [], value=limit)], [goes_on], schema.GreaterOptionsT())
    cond.inputs, cond.outputs = [seen], [goes_on]
    before, same = made.tensor(body, []), made.tensor(body, [])
    made.op(body, "ADD", [before, made.tensor(body, [], value=0.0)], [same], schema.AddOptionsT())
    body.inputs, body.outputs = [before], [same]
    answers = [_named(key, place) for key, place in zip(outputs, places, strict=True)]
    made.model.signatureDefs = [_signature([_named(name, given)], answers)]
    return made.packed()


def failing_graph(name, shape, answer):
    """A ``.tflite`` whose run fails where the largest value of its input is no index of four: GATHER beyond the end."""
    made = _Model()
    main = made.subgraph()
    given = made.tensor(main, shape)
    axes = made.tensor(main, [len(shape)], INT, list(range(len(shape))))
    largest, index = made.tensor(main, []), made.tensor(main, [], INT)
    made.op(main, "REDUCE_MAX", [given, axes], [largest], schema.ReducerOptionsT())
    made.op(main, "CAST", [largest], [index], schema.CastOptionsT())
    table, found = made.tensor(main, [4], value=[7.0, 8.0, 9.0, 10.0]), made.tensor(main, [])
    made.op(main, "GATHER", [table, index], [found], schema.GatherOptionsT())
    main.inputs, main.outputs = [given], [found]
    made.model.signatureDefs = [_signature([_named(name, given)], [_named(answer, found)])]
    return made.packed()


def _signature(inputs, outputs):
    one = schema.SignatureDefT()
    one.signatureKey, one.subgraphIndex, one.inputs, one.outputs = b"serving_default", 0, inputs, outputs
    return one


def _named(name, place):
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name.encode(), place
    return entry


_DELEGATE = """
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* The plain C interface of an external delegate: tflite_plugin_create_delegate / _destroy_delegate. The struct is laid
   out as TfLiteDelegate begins: data, Prepare, CopyFromBufferHandle, CopyToBufferHandle, FreeBufferHandle, flags. */
typedef struct {
  void *data; int (*Prepare)(void *, void *); void *from, *to, *free_handle; int64_t flags; void *opaque;
} Delegate;
static int prepare(void *context, void *delegate) { %(prepare)s return 0; }
Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*error)(const char *)) {
  %(create)s
  Delegate *one = calloc(1, 256); one->Prepare = prepare; return one;
}
void tflite_plugin_destroy_delegate(Delegate *one) { free(one); }
"""


def crashing_delegate(folder: Path, *, at: str) -> str:
    """Compile a delegate that ends the process ``at`` ``create`` or ``prepare``, or never (``nothing``)."""
    parts = {"create": "", "prepare": "", at: "*(volatile int *)0 = 1;"}
    source, library = folder / f"{at}.c", folder / f"lib{at}.so"
    source.write_text(_DELEGATE % parts)
    try:
        subprocess.run(["gcc", "-shared", "-fPIC", "-w", "-o", library, source], check=True)
    except FileNotFoundError:
        pytest.skip("gcc is not installed: apt install gcc")
    return str(library)
