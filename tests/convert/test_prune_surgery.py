"""Channels that are zero can be cut out of every kind of graph without a change in what the model says."""

import numpy as np
import pytest
from keras_graphs import TOPOLOGIES, one_layer_reads_two, random_net


def scramble(model, rng):
    """Random weights everywhere: a fresh BatchNorm would hide a wrong slice, since all its channels are alike."""
    for weight in model.weights:
        value = rng.normal(0, 0.4, weight.shape)
        weight.assign(np.abs(value) + 0.2 if "variance" in weight.name or "gamma" in weight.name else value)


def kill_half(model, rng):
    """Set every filter, bias and BatchNorm value of half of the free channels to zero."""
    from converters.pruning.channels import cells_of
    from converters.pruning.flow import read_flow

    flow = read_flow(model)
    dead = []
    for roots in cells_of(flow).values():
        free = [root for root in roots if flow.groups.why_frozen(root) is None]
        dead.extend(rng.permutation(free)[: len(roots) // 2].tolist())
    for site in flow.sites.values():
        maker = flow.makers.get(id(site.op))
        for part in site.slices:
            mine = maker is None or (len(part.ids) == len(maker.ids) and (part.ids == maker.ids).all())
            if mine and type(site.op).__name__ not in ("LSTM", "GRU", "Bidirectional", "PReLU"):
                value = np.moveaxis(site.op.weights[part.weight].numpy().copy(), part.axis, 0)
                value[np.isin(flow.groups.roots(part.ids), dead)] = 0
                site.op.weights[part.weight].assign(np.moveaxis(value, 0, part.axis))
    assert dead


def ask(model, rng, rows=7):
    import keras

    from converters.graphs.keras_nodes import functional

    given = [rng.normal(size=(rows, *tensor.shape[1:])).astype(np.float32) for tensor in model.inputs]
    return keras.tree.pack_sequence_as(functional(model).input, given)


def flat(said):
    import keras

    return [np.asarray(one) for one in keras.tree.flatten(said)]


@pytest.mark.parametrize("build", TOPOLOGIES)
def test_removing_channels_that_are_zero_changes_nothing(build):
    from converters.pruning.channels import prune_channels

    rng = np.random.default_rng(3)
    model = build()
    scramble(model, rng)
    kill_half(model, rng)
    given = ask(model, rng)
    before = flat(model(given, training=False))
    weights = [weight.numpy().copy() for weight in model.weights]

    smaller, report = prune_channels(model, keep=0.5, multiple=1, minimum=1)

    assert smaller.count_params() < 0.75 * model.count_params()
    assert report.parameters_after == smaller.count_params()
    after = flat(smaller(given, training=False))
    assert max(np.abs(one).max() for one in before) > 0.05  # else equality says little
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5, rtol=2e-6)
    assert all((now.numpy() == then).all() for now, then in zip(model.weights, weights, strict=True))


@pytest.mark.parametrize("build", TOPOLOGIES)
def test_keeping_all_gives_an_identical_model_of_its_own(build):
    from converters.graphs.keras_nodes import functional
    from converters.pruning.channels import prune_channels

    rng = np.random.default_rng(4)
    model = build()
    scramble(model, rng)
    given = ask(model, rng)
    copy, report = prune_channels(model, keep=1.0)
    assert all(layer.before == layer.after for layer in report.layers)
    before, after = model(given, training=False), copy(given, training=False)
    assert type(before) is type(after)
    if isinstance(before, dict):
        assert list(before) == list(after)
    for one, other in zip(flat(before), flat(after), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [tensor.name for tensor in copy.inputs] == [tensor.name for tensor in model.inputs]
    assert copy.output_names == functional(model).output_names
    scramble(copy, rng)
    for one, other in zip(flat(before), flat(model(given, training=False)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("seed", range(16))
def test_removing_zeros_changes_nothing_in_graphs_that_nobody_drew(seed):
    from converters.pruning.channels import prune_channels

    rng = np.random.default_rng(100 + seed)
    model = random_net(seed)
    scramble(model, rng)
    kill_half(model, rng)
    given = ask(model, rng)
    before = flat(model(given, training=False))
    smaller, _ = prune_channels(model, keep=0.5, multiple=1, minimum=1)
    assert smaller.count_params() < model.count_params()
    for one, other in zip(before, flat(smaller(given, training=False)), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5 * max(1.0, np.abs(one).max()))


def test_what_a_layer_has_learnt_from_its_data_goes_along():
    import keras
    from keras import layers

    from converters.pruning.channels import prune_channels

    rng = np.random.default_rng(0)
    learnt = layers.Normalization(name="learnt")
    learnt.adapt(rng.normal(5, 3, (64, 4)).astype(np.float32))
    given = keras.Input((4,), name="x")
    x = layers.Dense(16, activation="relu", name="hidden")(learnt(given))
    model = keras.Model(given, layers.Dense(2, name="head")(x))
    rows = rng.normal(5, 3, (8, 4)).astype(np.float32)
    copy, _ = prune_channels(model, keep=1.0)
    np.testing.assert_array_equal(np.asarray(copy(rows)), np.asarray(model(rows)))


def test_a_layer_that_knows_more_than_it_tells_is_refused():
    import keras
    from keras import layers

    from converters.pruning.channels import prune_channels
    from edge_mm.errors import ConvertError

    @keras.saving.register_keras_serializable("edge_mm_test")
    class Secretive(layers.Layer):
        factor = 1.0

        def call(self, x):
            return x * self.factor

    secret = Secretive(name="secret")
    secret.factor = 3.0
    given = keras.Input((4,), name="x")
    x = layers.Dense(16, name="hidden")(secret(given))
    model = keras.Model(given, layers.Dense(2, name="head")(x), name="secretive")
    with pytest.raises(ConvertError, match="a copy of secretive says something else at head"):
        prune_channels(model, keep=0.5)


def test_a_reshape_that_two_share_has_one_size():
    from converters.pruning.channels import prune_channels

    model, report = prune_channels(one_layer_reads_two(), keep=0.5, multiple=1, minimum=1, protect=["folded_left"])
    sizes = {layer.name: layer.after for layer in report.layers}
    assert (sizes["left"], sizes["folded_left"], sizes["folded_right"]) == (4, 8, 8)
    assert model(np.zeros((1, 8, 8, 3), np.float32)).shape == (1, 2)
