"""An int8 graph as a Keras model again, and other weights for its last layer."""

import numpy as np
import pytest

from converters.graphs.reader import read_graph
from edge_mm.errors import ConvertError
from edge_mm.models.bundle import load_bundle
from edge_mm.perception.litert import Graph, load_graph

STEP = {"embedding": 0.15, "points": 0.02, "pose": 0.02, "box": 0.1, "score": 0.05, "alpha": 0.06}
"""What int8 may round away of an output; 0.03 of a probability."""
GRAPHS = {
    "driver": ["audio.encoder", "fusion", "physio.beat", "physio.rhythm", "physio.qrs", "skin.stress", "vision.eye",
               "vision.face", "vision.mouth", "vision.search"],
    "health": ["fusion", "motion.fall"],
}  # fmt: skip


def sample(bundle, name, graph):
    start = f"{name}/in/"
    arrays = bundle.arrays("golden.npz").items()
    return {
        k.removeprefix(start): np.reshape(v, graph.inputs[k.removeprefix(start)])
        for k, v in arrays
        if k[: len(start)] == start
    }


@pytest.mark.parametrize(("shipped", "name"), [(b, name) for b, names in GRAPHS.items() for name in names])
def test_it_says_what_the_graph_says(shipped, name):
    from converters.conversion.revival import revived

    bundle = load_bundle(shipped)
    graph = load_graph(bundle, name)
    given = sample(bundle, name, graph)
    model = revived(bundle.graph(name)).model
    for inputs in (given, {key: value * np.float32(0.5) for key, value in given.items()}):
        if "presence" in inputs:
            inputs["presence"] = np.ones_like(inputs["presence"])
        want, got = graph(**inputs), model(inputs)
        assert set(want) == set(got)
        for output, value in want.items():
            off = np.abs(np.asarray(got[output])[0] - value).max()
            assert off < STEP.get(output, 0.03), (output, off)


def test_steps_of_a_recurrent_net_still_share_their_weights():
    from converters.conversion.revival import revived

    bundle = load_bundle("driver")
    content = bundle.graph("physio.rhythm")
    weights = {op.inputs[1] for op in read_graph(content).ops if op.name == "FULLY_CONNECTED"}
    dense = [layer for layer in revived(content).model.layers if type(layer).__name__ == "Dense"]
    assert len(dense) == len(weights)


@pytest.mark.parametrize(
    ("name", "output"), [("vision.eye", "closed"), ("audio.encoder", "classes"), ("fusion", "drowsy")]
)
def test_a_new_last_layer_leaves_every_other_answer_as_it_was(name, output):
    import keras

    from converters.conversion.heads import with_head
    from converters.conversion.revival import revived

    bundle = load_bundle("driver")
    content = bundle.graph(name)
    known = revived(content)
    head = known.heads[output]
    rng = np.random.default_rng(3)
    kernel, bias = head.layer.get_weights()
    kernel = (kernel + rng.normal(size=kernel.shape) * kernel.std()).astype(np.float32)
    head.layer.set_weights([kernel, bias])
    old = load_graph(bundle, name)
    given = sample(bundle, name, old)
    reach = np.asarray(keras.Model(known.model.inputs, head.layer.output)(given))
    made = with_head(content, head.op, kernel=kernel, bias=bias, least=float(reach.min()), most=float(reach.max()))
    assert len(made) == len(content) and made != content
    graph = Graph(made, name=name)
    before, after, want = old(**given), graph(**given), known.model(given)
    assert np.abs(np.asarray(want[output])[0] - after[output]).max() < 0.04
    assert np.abs(before[output] - after[output]).max() > 0.002
    for other in set(before) - {output}:
        assert (before[other] == after[other]).all(), other


def test_what_is_no_last_layer_is_no_head():
    from converters.conversion.revival import revived

    bundle = load_bundle("driver")
    assert set(revived(bundle.graph("vision.eye")).heads) == {"closed"}  # the embedding feeds it
    assert "alpha" not in revived(bundle.graph("fusion")).heads
    assert not revived(bundle.graph("physio.qrs")).heads


def test_refused():
    from converters.conversion.heads import with_head
    from converters.conversion.revival import revived

    with pytest.raises(ConvertError, match=r"'tokens' holds int32"):
        revived(load_bundle("health").graph("text.note"))
    content = load_bundle("driver").graph("vision.eye")
    with pytest.raises(ConvertError, match="truncated or damaged"):
        revived(content[: len(content) // 2])
    with pytest.raises(ConvertError, match="no int8 dense layer"):
        with_head(content, 0, kernel=np.zeros((16, 1), np.float32), bias=None, least=-1, most=1)
    with pytest.raises(ConvertError, match=r"weights of \(1, 16\)"):
        with_head(content, 9, kernel=np.zeros((3, 1), np.float32), bias=None, least=-1, most=1)
