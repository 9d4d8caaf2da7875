"""A ``.tflite`` file is read as data, as the runtime sees it; broken files are refused in a sentence."""

import random
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from converters.graphs.cost import ALIGNMENT, arena_bytes, macs
from converters.graphs.reader import read_graph, values
from edge_mm.errors import ConvertError

BUNDLE = next((Path(__file__).parents[2] / "edge_mm" / "bundles").glob("driver-*.edgemm"))


@pytest.fixture(scope="module")
def graphs():
    """Name -> bytes of every graph of the shipped bundle."""
    with zipfile.ZipFile(BUNDLE) as bundle:
        return {Path(n).stem: bundle.read(n) for n in bundle.namelist() if n.endswith(".tflite")}


@pytest.fixture(scope="module")
def tables():
    """A graph of three tables: fusion is the smallest of the bundle."""
    with zipfile.ZipFile(BUNDLE) as bundle:
        return bundle.read("fusion.tflite")


def test_tensors_are_what_the_runtime_says_they_are(graphs):
    for content in graphs.values():
        graph = read_graph(content)
        details = {d["index"]: d for d in Interpreter(model_content=content).get_tensor_details()}
        for tensor in graph.tensors:
            said = details[tensor.index]
            assert tensor.name == said["name"]
            assert tensor.shape == tuple(said["shape"])
            assert tensor.dtype == np.dtype(said["dtype"]).name
            assert tensor.scales == pytest.approx(said["quantization_parameters"]["scales"].tolist())
            assert list(tensor.zero_points) == said["quantization_parameters"]["zero_points"].tolist()


def test_the_signature_names_the_same_tensors_as_the_runtime(graphs):
    for content in graphs.values():
        graph = read_graph(content)
        interpreter = Interpreter(model_content=content)
        runner = interpreter.get_signature_runner()
        assert graph.signature_inputs == {k: d["index"] for k, d in runner.get_input_details().items()}
        assert graph.signature_outputs == {k: d["index"] for k, d in runner.get_output_details().items()}
        assert set(graph.inputs) == {d["index"] for d in interpreter.get_input_details()}
        assert set(graph.outputs) == {d["index"] for d in interpreter.get_output_details()}


def test_ops_come_in_the_order_of_the_runtime_and_read_only_what_is_there(graphs):
    for content in graphs.values():
        graph = read_graph(content)
        said = Interpreter(model_content=content)._get_ops_details()
        assert [op.name for op in graph.ops] == [d["op_name"] for d in said if d["op_name"] != "DELEGATE"]
        there = set(graph.inputs) | {t.index for t in graph.tensors if t.constant}
        for op in graph.ops:
            assert there.issuperset(i for i in op.inputs if i >= 0)
            there.update(op.outputs)


def test_constants_have_the_values_that_the_runtime_reads(graphs):
    content = graphs["vision.eye"]
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    constants = [t for t in read_graph(content).tensors if t.constant]
    assert len(constants) > 8
    for tensor in constants:
        assert np.array_equal(values(content, tensor), interpreter.get_tensor(tensor.index))


def test_a_tensor_that_is_not_constant_has_no_values(graphs):
    content = graphs["fusion"]
    graph = read_graph(content)
    with pytest.raises(ConvertError, match="cannot be read"):
        values(content, graph.tensors[graph.inputs[0]])


def test_the_file_says_which_runtime_it_needs(graphs):
    graph = read_graph(graphs["vision.eye"])
    assert graph.min_runtime == "1.14.0"
    assert graph.subgraphs == 1
    assert graph.size == len(graphs["vision.eye"])


def test_the_strides_of_a_convolution_explain_its_output(graphs):
    graph = read_graph(graphs["vision.search"])
    strides = []
    for op in graph.ops:
        if op.name == "CONV_2D":
            rows = [graph.tensors[i].shape[1] for i in (op.inputs[0], op.outputs[0])]
            height = 1 if op.options.padding == 0 else graph.tensors[op.inputs[1]].shape[1]  # SAME, VALID
            assert rows[1] == -(-(rows[0] - height + 1) // op.options.strideH)
            strides.append(op.options.strideH)
    assert 2 in strides


def test_macs_of_a_small_graph_are_those_worked_out_by_hand(graphs):
    graph = read_graph(graphs["vision.search"])
    by_hand = 0
    for op in graph.ops:
        if op.name == "CONV_2D":
            _, rows, columns, out = graph.tensors[op.outputs[0]].shape
            _, height, width, channels = graph.tensors[op.inputs[1]].shape
            by_hand += rows * columns * out * height * width * channels
    assert macs(graph) == by_hand > 5_000_000


def test_the_arena_holds_all_that_is_alive_at_once_and_not_all_that_ever_is(graphs):
    for content in graphs.values():
        graph = read_graph(content)
        moving = [t for t in graph.tensors if not t.constant]
        padded = {t.index: -(-t.bytes // ALIGNMENT) * ALIGNMENT for t in moving}
        for op in graph.ops:
            alive = set(graph.inputs) | {i for i in (*op.inputs, *op.outputs) if i in padded}
            assert arena_bytes(graph) >= sum(padded[i] for i in alive)
        assert arena_bytes(graph) <= sum(padded.values())
    assert arena_bytes(read_graph(graphs["audio.encoder"])) < 40_000


def outcome(content):
    """True when it was read, False when it was refused; anything else raises."""
    try:
        graph = read_graph(content)
    except ConvertError as error:
        assert "\n" not in str(error)
        return False
    assert macs(graph) >= 0
    assert arena_bytes(graph) >= 0
    for tensor in graph.tensors[:50]:
        if tensor.constant:
            try:
                values(content, tensor)
            except ConvertError:
                continue
    return True


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\x1c\0\0\0TFL3", b"PK\x03\x04" + b"\0" * 60, b"\xff" * 4096])
def test_what_is_no_graph_is_refused(content):
    with pytest.raises(ConvertError, match=r"no \.tflite graph|truncated or damaged"):
        read_graph(content)


def test_a_file_cut_short_is_refused(tables):
    # The last bytes are padding and a few table rows: what is cut further in must be noticed.
    lengths = [*range(0, 600, 7), *range(600, len(tables) - 3000, 211)]
    assert [n for n in lengths if outcome(tables[:n])] == []


def test_random_bytes_behind_the_mark_are_refused():
    rng = random.Random(0)
    for _ in range(200):
        assert not outcome(struct.pack("<I", rng.randrange(8, 200)) + b"TFL3" + rng.randbytes(400))


@pytest.mark.parametrize("width", [1, 4])
def test_wrong_offsets_and_counts_are_refused_or_harmless(tables, width):
    rng = random.Random(width)
    words = [b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\0\0\0", b"\0\0\1\0"]
    refused = 0
    for _ in range(250):
        broken = bytearray(tables)
        for _ in range(rng.randrange(1, 8)):
            place = rng.randrange(8, len(broken) - 4) // 4 * 4
            broken[place : place + width] = rng.choice(words) if width == 4 else rng.randbytes(1)
        refused += not outcome(bytes(broken))
    assert 20 < refused < 250


def test_a_subgraph_that_is_not_there_is_refused(tables):
    with pytest.raises(ConvertError, match="no subgraph 3"):
        read_graph(tables, subgraph=3)


def test_a_small_file_cannot_ask_for_endless_reading(tables):
    """Each op of a crafted file names the same list of 20,000 inputs."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(tables, 0)
    graph = model.subgraphs[0]
    graph.operators[0].inputs = [0] * 20_000
    content = bytearray(packed(model))
    root = schema.Model.GetRootAs(content, 0).Subgraphs(0)
    first = root.Operators(0)._tab
    shared = first.Vector(first.Offset(6)) - 4
    moved = 0
    for i in range(1, root.OperatorsLength()):
        tab = root.Operators(i)._tab
        field = tab.Offset(6)
        if field and tab.Pos + field < shared:
            struct.pack_into("<I", content, tab.Pos + field, shared - tab.Pos - field)
            moved += 1
    assert moved > 10
    with pytest.raises(ConvertError, match="longer than the file"):
        read_graph(bytes(content))


def packed(model):
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
