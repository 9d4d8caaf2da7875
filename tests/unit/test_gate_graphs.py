"""The gate on shipped graphs, without TensorFlow: against itself a graph passes, with spoilt weights it does not."""

import numpy as np
import pytest

import edge_mm
from converters.dataset import DataSet
from converters.evaluation.answers import answers, paired_answers
from converters.evaluation.gate import verdict
from converters.evaluation.latency import FEWEST, latency
from converters.evaluation.layers import layer_table
from converters.evaluation.metrics import Metric, all_metrics
from converters.graphs.reader import read_graph
from edge_mm.errors import ConvertError

ROWS = 400


@pytest.fixture(scope="module")
def graph():
    return edge_mm.load_bundle("driver").graph("vision.eye")


@pytest.fixture(scope="module")
def data(graph):
    """Noise in the input's range; the targets are what the graph itself says of it."""
    read = read_graph(graph)
    ((name, place),) = read.signature_inputs.items()
    tensor = read.tensors[place]
    low, high = ((end - tensor.zero_points[0]) * tensor.scales[0] for end in (-128, 127))
    rows = np.random.default_rng(0).uniform(low, high, (ROWS, *tensor.shape[1:])).astype(np.float32)
    bare = DataSet({name: rows}, {}, None, "")
    said = answers(graph, bare, name="eye")["closed"]
    return DataSet({name: rows}, {"closed": (said > np.median(said)).astype(int)}, None, "")


@pytest.fixture(scope="module")
def spoilt(graph):
    """The same graph with the weights of its largest constant upside down."""
    largest = max((t for t in read_graph(graph).tensors if t.constant and t.dtype == "int8"), key=lambda t: t.bytes)
    end = largest.offset + largest.bytes
    turned = np.frombuffer(graph[largest.offset : end], np.int8)[::-1].tobytes()
    return graph[: largest.offset] + turned + graph[end:]


def test_a_graph_passes_against_itself(graph, data):
    said = verdict(graph, graph, data, metric=Metric("auroc", "closed"))
    assert said.passed, said.sentences
    assert (said.loss_pp, said.worst_layer) == (0.0, "")
    assert set(said.snr_db.values()) == {120.0}


def test_spoilt_weights_are_refused_and_the_layer_is_named(graph, spoilt, data):
    said = verdict(graph, spoilt, data, metric=Metric("auroc", "closed"))
    assert not said.passed
    largest = max((t for t in read_graph(graph).tensors if t.constant and t.dtype == "int8"), key=lambda t: t.bytes)
    (reader,) = [op for op in read_graph(graph).ops if largest.index in op.inputs]
    table = layer_table(graph, spoilt, data)
    (worst,) = table.worst()
    assert worst.op == reader.name
    assert said.worst_layer == worst.name
    before = [layer.fidelity.snr_db for layer in table.layers[: table.layers.index(worst)]]
    assert set(before) <= {120.0}


def test_the_time_of_a_graph_is_measured_in_pairs(graph):
    took = latency(graph, graph)
    assert took.pairs >= FEWEST
    assert took.ratio == pytest.approx(took.int8_us / took.float_us)
    assert took.runtime.startswith("ai_edge_litert ")


def test_graphs_of_two_models_are_refused(graph, data):
    other = edge_mm.load_bundle("driver").graph("vision.mouth")
    with pytest.raises(ConvertError, match=r"shape|reads"):
        paired_answers(graph, other, data)


def test_labels_of_other_rows_are_no_better_than_chance(graph, data):
    shuffled = np.random.default_rng(1).permutation(data.targets["closed"])
    for kind in ("auroc", "accuracy"):
        other = DataSet(data.inputs, {"closed": shuffled}, None, "")
        said = verdict(graph, graph, other, metric=Metric(kind, "closed"))
        assert not said.passed
        assert "without looking at the 400 rows" in said.sentences[0]


def test_a_second_labelled_output_is_judged_too(graph, spoilt, data):
    both = DataSet(data.inputs, {**data.targets, "embedding": answers(graph, data, name="eye")["embedding"]}, None, "")
    assert [str(one).split(":")[:2] for one in all_metrics(both, Metric("auroc", "closed"))] == [
        ["auroc", "closed"],
        ["within", "embedding"],
    ]
    said = verdict(graph, spoilt, both, metric=Metric("auroc", "closed"))
    assert any(text.startswith("share of embedding within") for text in said.sentences)
