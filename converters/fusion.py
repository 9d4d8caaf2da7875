"""The attention fusion: its graph, its training, and two sabotaged graphs that any test of it must catch.

In: windows of composite episodes (``composites``). Out: an int8 graph ``fusion`` and the parameters of its pooling.
Not here: what a composite assumes, the encoders, packaging.

For each modality m: ``h_m = tanh(P_m x_m)``, ``s_m = REACH * tanh(w_m . h_m)``;
``alpha = softmax(s + (presence - 1) * MASK)``, and for each head k
``score_k = sigmoid(b_k + sum over m of alpha_m v_km . h_m)``: a head has values ``v_km`` of its own for each sense, so
what two senses say adds up as it does in a concatenation, weighed by whom to believe. Scores are bounded because the
mask must win: without that, a single corrupted sense with a score of -15 lost to an absent one at -12.
``2 * REACH + 8 <= MASK`` gives an absent sense exactly 0 in int8. Only ops that tflite-runtime 2.14 knows.

Training asks two things of two parts. Each ``h_m``, alone under its values, must say what its sense *shows*, even when
it is stuck on something that is not so; ``alpha`` must then say whom to believe. So the attention is what keeps a
camera that is stuck on a yawn from raising an alarm, and no projection can do that in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.episodes import Composite, states_of
from converters.training.strategy import Strategy
from edge_mm.perception.fusion import ALPHA, PRESENCE, poolings

Array = npt.NDArray[np.float32]

HIDDEN = 32
REACH, MASK = 3.0, 15.0
POOLING = ("mean", "std", "max")
CLIP = 4.0
EPOCHS, BATCH, RATE, L2 = 20, 256, 3e-3, 1e-3
MIN_COVERAGE = 0.25
"""A sense that covers less of a window counts as absent; the manifest gets it from here."""
SHOWN_LOSS = 1.0
"""Weight of what each sense alone must say; at 0.2 the projections doubt a stuck camera themselves, and attention need
not."""
ATTENTION_LOSS = 0.3
"""Weight of the share of attention that corrupted senses get: training knows which they are, the graph does not."""


class Table(NamedTuple):
    """Pooled windows."""

    modalities: tuple[str, ...]
    """In the order of ``presence``."""
    heads: tuple[str, ...]
    """In the order of ``states``."""
    inputs: dict[str, Array]
    """Modality -> (n, k * d), zeros where absent; ``presence`` -> (n, modalities)."""
    states: Array
    """(n, heads) 0 or 1."""
    corrupted: Array
    """(n, modalities) 1 where corrupted."""
    shown: Array
    """(n, modalities, heads) 0 or 1: what each sense shows."""
    shows: Array
    """(n, modalities) 1 where a sense is present and shows anything."""


def front_end(
    windows: Sequence[Composite], modalities: Sequence[str], *, most: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Parameters of the pooling, measured on windows that are not corrupted.

    Args:
        windows: of the training side.
        modalities: to measure.
        most: modality -> embeddings that a window has here, where a device may have more (frames of a faster camera).
    """
    inputs: dict[str, dict[str, Any]] = {}
    for modality in modalities:
        clean = [
            c.window.embeddings[modality]
            for c in windows
            if modality in c.window.embeddings and c.corrupted != modality
        ]
        dim = len(POOLING) * clean[0].shape[1]
        plain = {"pooling": POOLING, "clip": 1e9, "inputs": {modality: {"mean": [0.0] * dim, "scale": [1.0] * dim}}}
        pool = poolings(plain, [modality])[modality]
        pooled = np.stack([pool(vectors) for vectors in clean])
        spread = pooled.std(axis=0)
        inputs[modality] = {
            "mean": [round(float(v), 5) for v in pooled.mean(axis=0)],
            # a dimension that hardly ever moves must not be blown up by noise
            "scale": [round(float(v), 5) for v in np.maximum(spread, 0.1 * spread.mean() + 1e-3)],
        }
    for modality, count in (most or {}).items():
        inputs[modality]["most"] = count
    return {"pooling": list(POOLING), "clip": CLIP, "inputs": inputs}


def table(
    windows: Sequence[Composite], params: Mapping[str, Any], *, modalities: Sequence[str], heads: Sequence[str]
) -> Table:
    """Pool windows exactly as the device does."""
    pools = poolings(params, modalities)
    rows: dict[str, list[Array]] = {m: [] for m in modalities}
    presence = np.zeros((len(windows), len(modalities)), np.float32)
    corrupted = np.zeros_like(presence)
    for i, composite in enumerate(windows):
        for j, m in enumerate(modalities):
            there = composite.window.coverage.get(m, 0.0) >= MIN_COVERAGE
            presence[i, j] = there
            corrupted[i, j] = there and composite.corrupted == m
            window = composite.window
            rows[m].append(
                pools[m](window.embeddings[m], coverage=window.coverage[m])
                if there
                else np.zeros(pools[m].mean.shape, np.float32)
            )
    inputs = {m: np.stack(values) for m, values in rows.items()}
    seen = [[c.shows.get(m, "") for c in windows] for m in modalities]
    shows = np.array([[bool(state) for state in states] for states in seen], np.float32).T * presence
    shown = np.stack([states_of(states, heads) for states in seen], axis=1)
    truth = states_of([c.state for c in windows], heads)
    return Table(tuple(modalities), tuple(heads), {**inputs, PRESENCE: presence}, truth, corrupted, shown, shows)


def build(dims: Mapping[str, int], heads: Sequence[str], *, attention: bool = True) -> Any:
    """The Keras model.

    Args:
        dims: modality -> length of its pooled vector, in the order of ``presence``.
        heads: the states.
        attention: False leaves the scores out, so that alpha is uniform over what is present (sabotage).

    Returns:
        A functional model with inputs by modality and ``presence``, outputs ``alpha`` and one per head.
    """
    import keras
    from keras import layers

    inputs = {m: keras.Input((dim,), name=m) for m, dim in dims.items()}
    presence = keras.Input((len(dims),), name=PRESENCE)
    hidden = {
        m: layers.Dense(HIDDEN, activation="tanh", name=f"project_{m}", kernel_regularizer=keras.regularizers.l2(L2))(
            inputs[m]
        )
        for m in dims
    }
    masked = layers.Rescaling(MASK, offset=-MASK, name="mask")(presence)
    if attention:
        scores = [layers.Dense(1, activation="tanh", name=f"score_{m}")(hidden[m]) for m in dims]
        reached = layers.Rescaling(REACH, name="reach")(layers.Concatenate(name="scores")(scores))
        masked = layers.Add(name="masked")([reached, masked])
    alpha = layers.Softmax(name=ALPHA)(masked)
    weighted = [layers.Multiply(name=f"weighted_{m}")([alpha[:, j : j + 1], hidden[m]]) for j, m in enumerate(dims)]
    fused = layers.Concatenate(name="fused")(weighted)
    outputs = {ALPHA: alpha}
    for head in heads:
        outputs[head] = layers.Dense(1, activation="sigmoid", name=head)(fused)
    return keras.Model([*inputs.values(), presence], outputs, name="fusion")


def train(windows: Table, *, seed: int, strategy: Strategy | None = None) -> Any:
    """Train a fusion; the same seed and windows give the same weights on one machine.

    Args:
        windows: pooled.
        seed: of weights, order and dropout.
        strategy: how a step is spread over devices; one device when None.
    """
    import keras
    import tensorflow as tf
    from tqdm import trange

    over = strategy or Strategy()
    keras.utils.set_random_seed(seed)
    modalities, names_of_heads = windows.modalities, windows.heads
    count = len(windows.states)
    steps = EPOCHS * -(-count // BATCH)
    with over.scope():
        model = build({m: windows.inputs[m].shape[1] for m in modalities}, names_of_heads)
        optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps))
        optimizer.build(model.trainable_variables)
    rng = np.random.default_rng(seed)
    names = (*modalities, PRESENCE)

    senses = keras.Model(model.inputs, [model.get_layer(f"project_{m}").output for m in modalities])
    heads = [model.get_layer(head) for head in names_of_heads]

    def crossentropy(truth: Any, said: Any) -> Any:
        return keras.losses.binary_crossentropy(truth, said)

    def cost(inputs: Any, target: Any) -> Any:
        states, believable, corrupted, shown, shows = target
        out = model(inputs, training=True)
        said = tf.concat([out[head] for head in names_of_heads], axis=1)
        loss = tf.reduce_mean(believable * crossentropy(states, said))
        loss += ATTENTION_LOSS * tf.reduce_mean(believable * tf.reduce_sum(out[ALPHA] * corrupted, axis=1))
        for j, hidden in enumerate(senses(inputs, training=True)):
            own = slice(j * HIDDEN, (j + 1) * HIDDEN)
            alone = tf.sigmoid(tf.concat([hidden @ head.kernel[own] + head.bias for head in heads], axis=1))
            loss += SHOWN_LOSS / len(modalities) * tf.reduce_mean(shows[:, j] * crossentropy(shown[:, j], alone))
        return loss + tf.add_n(model.losses)

    def apply(gradients: Any) -> None:
        optimizer.apply(gradients, model.trainable_variables)

    step = over.step(cost, model.trainable_variables, apply)
    for _ in trange(EPOCHS, desc="fusion"):
        order = rng.permutation(count)
        for start in range(0, count, BATCH):
            rows = over.even(order[start : start + BATCH])
            batch = _thinned({n: windows.inputs[n][rows] for n in names}, windows.corrupted[rows], rng)
            presence = batch[PRESENCE]
            clean = (presence * (1 - windows.corrupted[rows])).any(axis=1)
            believable = clean | ~presence.any(axis=1)  # nobody can tell the truth from a lie alone
            target = (
                windows.states[rows],
                believable.astype(np.float32),
                windows.corrupted[rows] * presence,
                windows.shown[rows],
                windows.shows[rows] * presence,
            )
            step({n: tf.constant(batch[n]) for n in names}, tuple(map(tf.constant, target)))
    if over.replicas == 1:
        return model
    alone = build(_dims(model), names_of_heads)  # what is asked of it from now on concerns no other worker
    alone.set_weights(model.get_weights())
    return alone


def _thinned(inputs: dict[str, Array], corrupted: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Modality dropout: one more sense goes, but not the last; now and then all of them, which teaches the prior.

    The clean senses of a corrupted window stay: it must learn to turn to them.
    """
    presence = inputs[PRESENCE].copy()
    rows = np.flatnonzero((rng.random(len(presence)) < 0.25) & ~corrupted.any(axis=1))
    presence[rows, rng.integers(presence.shape[1], size=len(rows))] = 0
    emptied = (presence.sum(axis=1) == 0) & (rng.random(len(presence)) < 0.8)
    presence[emptied] = inputs[PRESENCE][emptied]
    senses = [name for name in inputs if name != PRESENCE]
    out = {m: inputs[m] * presence[:, j : j + 1] for j, m in enumerate(senses)}
    return {**out, PRESENCE: presence}


def constant_attention(model: Any) -> Any:
    """Sabotage: the same weights, but every present sense gets the same attention, whatever it says."""
    lame = build(_dims(model), _heads(model), attention=False)
    _copy_weights(model, lame)
    return lame


def shuffled_embeddings(model: Any, *, seed: int = 0) -> Any:
    """Sabotage: the same weights, but the values of every pooled embedding are shuffled before they are projected."""
    dims = _dims(model)
    blind = build(dims, _heads(model))
    _copy_weights(model, blind)
    rng = np.random.default_rng(seed)
    for m in dims:
        kernel, bias = model.get_layer(f"project_{m}").get_weights()
        blind.get_layer(f"project_{m}").set_weights([kernel[rng.permutation(dims[m])], bias])
    return blind


def _dims(model: Any) -> dict[str, int]:
    """Modality -> length of its input, in order."""
    return {one.name: one.shape[-1] for one in model.inputs if one.name != PRESENCE}


def _heads(model: Any) -> list[str]:
    return [head for head in model.output if head != ALPHA]


def _copy_weights(source: Any, target: Any) -> None:
    for layer in target.layers:
        weights = source.get_layer(layer.name).get_weights() if layer.get_weights() else []
        if weights:
            layer.set_weights(weights)
