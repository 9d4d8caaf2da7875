"""Somebody's float `.tflite` gets names and a batch of one; what is no float graph is refused, whatever its bytes."""

import os
import signal

import graph_by_hand
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from converters.conversion.child import Converter
from converters.graphs.reader import read_graph
from edge_mm.errors import ConvertError
from edge_mm.perception.litert import Graph

WEIGHTS = np.linspace(-1, 1, 6).astype(np.float32)


def float_graph(*, names=("serving_default_beat:0", "StatefulPartitionedCall:0"), free=None):
    """``(1, 6) * WEIGHTS``, as old converters write it: no signature."""
    given, out = (graph_by_hand.tensor(1, 6, dtype="float32", signature=free) for _ in range(2))
    given.name, out.name = (name.encode() for name in names)
    weights = graph_by_hand.tensor(1, 6, dtype="float32", value=WEIGHTS[None])
    return graph_by_hand.graph(("MUL", 1, [given, weights], [out], schema.MulOptionsT()))


@pytest.fixture(scope="module")
def converter():
    with Converter() as one:
        yield one


@pytest.fixture
def adopt(converter, tmp_path):
    def run(content):
        path = tmp_path / "own.tflite"
        path.write_bytes(content)
        return converter.float_graph(path)

    return run


def test_a_graph_without_a_signature_gets_one_from_the_names_of_its_tensors(adopt):
    graph = Graph(adopt(float_graph()), name="own")
    assert list(graph.inputs) == ["beat"]
    (said,) = graph(beat=np.ones((1, 6), np.float32)).values()
    assert said == pytest.approx(WEIGHTS)


def test_a_free_batch_becomes_one_row(adopt):
    content = adopt(float_graph(free=[-1, 6]))
    assert all(-1 not in tensor.shape for tensor in read_graph(content).tensors)
    (said,) = Graph(content, name="own")(beat=np.ones((1, 6), np.float32)).values()
    assert said == pytest.approx(WEIGHTS)


def test_any_other_free_size_is_refused_with_the_input_that_has_it(adopt):
    with pytest.raises(ConvertError, match=r"own\.tflite: input 'serving_default_beat:0' has the shape \(1, -1\)"):
        adopt(float_graph(free=[1, -1]))


def test_half_floats_are_refused(adopt):
    half = graph_by_hand.tensor(1, 6, dtype="float16", value=WEIGHTS[None])
    out = graph_by_hand.tensor(1, 6, dtype="float32")
    with pytest.raises(ConvertError, match=r"own\.tflite: this graph's weights have 16 bits"):
        adopt(graph_by_hand.graph(("DEQUANTIZE", 1, [half], [out], schema.DequantizeOptionsT())))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", r"own\.tflite: this is no \.tflite graph \(0 bytes"),
        (b"PK\x03\x04 a zip file", r"own\.tflite: this is no \.tflite graph"),
        (float_graph()[:300], r"own\.tflite: this \.tflite graph is truncated or damaged"),
    ],
)
def test_what_is_no_graph_is_refused(adopt, content, why):
    with pytest.raises(ConvertError, match=why):
        adopt(content)


def test_damage_anywhere_in_a_graph_is_a_sentence(adopt):
    rng, whole = np.random.default_rng(0), float_graph(free=[-1, 6])
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(8, len(damaged), 3):
            damaged[place] = rng.integers(0, 256)
        try:
            adopt(bytes(damaged))
        except ConvertError:
            refused += 1
    assert refused > 10


def test_a_child_that_died_between_two_jobs_is_replaced(adopt, converter):
    adopt(float_graph())
    first = converter.pid
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    adopt(float_graph())
    assert converter.pid != first


def test_a_closed_converter_has_no_child():
    with Converter() as one:
        assert one.pid is None
    assert one.pid is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none.keras", "no such file"),
        ("none.tflite", "No such file"),
        ("model.h5", "not a model: give a .keras file, a SavedModel folder or a float .tflite"),
    ],
)
def test_what_is_no_model_is_named(converter, tmp_path, name, why):
    if name == "model.h5":
        (tmp_path / name).touch()
    with pytest.raises(ConvertError, match=f"{name}: {why}"):
        converter.float_graph(tmp_path / name)
