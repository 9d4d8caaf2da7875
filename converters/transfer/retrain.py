"""One graph of a bundle learns from labelled rows: revived, trained, int8 again, judged.

In: the graph's bytes, its rows, what they teach. Out: other bytes, and what they are worth on people who were kept
apart. Not here: watching recordings (``rows``), packing (``repack``).

What nobody labelled stays as it was: an output without labels, and a class or a row that was not judged, learns what
the old graph says (Li, Hoiem 2016, Learning without Forgetting). ``heads`` trains the last dense layer of the labelled
outputs and leaves every other weight of the file as it is; ``all`` trains the whole net, at the price that whatever
reads its embedding meets another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.dataset import DataSet, digest
from converters.training.finetune import FineTune
from converters.transfer.judge import Score, judged
from converters.transfer.rows import NO, YES, Rows
from converters.transfer.split import Split, split
from converters.transfer.targets import Target
from edge_mm.errors import ConvertError

Array = npt.NDArray[np.float32]

GAIN = 0.01
"""Share of the log loss that must go: less is the noise of rounding to int8."""
CALIBRATION = 300
"""Rows of the user's own; the golden sample of the bundle is added, because one room is not the world."""


class How(NamedTuple):
    """How to train."""

    plan: FineTune
    """Epochs (at most), batch, rate, seed."""
    whole: bool = False
    """All weights and not only the heads."""
    patience: int = 8
    """Epochs without a better one on the watched rows."""
    held_out: float = 0.25
    """Share of people (recordings, stretches) for the verdict."""
    logs: Path | None = None
    """Folder for TensorBoard."""


class Learnt(NamedTuple):
    """What came of one graph."""

    graph: str
    content: bytes
    """The new one."""
    better: bool
    """Whether the labels are less of a surprise to it than to the old one, on rows kept apart."""
    scores: list[Score]
    by: str
    """What was kept apart whole."""
    rows: dict[str, int]
    """``learn``, ``stop``, ``judge`` -> how many."""
    trained: int
    """Weights."""
    losses: list[float]
    """Of the watched rows, before and after each epoch."""
    best: int
    """Epoch whose weights were taken; 0: none was better than before."""


def retrain(
    content: bytes,
    rows: Rows,
    wanted: list[Target],
    how: How,
    *,
    strategy: Any,
    golden: Mapping[str, Array],
    recipe: str,
    stateful: bool = False,
) -> Learnt:
    """Train one graph further.

    Args:
        content: the graph in the bundle.
        rows: what it saw.
        wanted: targets of this graph.
        how: epochs and the like.
        strategy: ``converters.training.strategy.Strategy``.
        golden: input name -> the bundle's sample, to calibrate with besides the user's rows.
        recipe: of the conversion to int8, for a net that is trained as a whole.
        stateful: whether the graph keeps a state.

    Raises:
        ConvertError: it cannot be trained further, or there are too few rows.
    """
    from converters.conversion.revival import revived
    from converters.training.finetune import learn
    from converters.training.watch import Watch

    graph = wanted[0].graph
    parts = split(rows, held_out=how.held_out, seed=how.plan.seed)
    with strategy.scope():
        known = revived(content)
        outputs = list(dict.fromkeys(target.output for target in wanted))
        _freeze(known, outputs, graph, whole=how.whole)
    model = known.model
    shapes = {tensor.name: tuple(tensor.shape[1:]) for tensor in model.inputs}
    learning, stopping = (_data(rows.of(part), wanted, shapes) for part in (parts.learn, parts.stop))
    kept = [name for name in rows.answers if name not in outputs] if how.whole else []
    taught, watched = ({name: rows.answers[name][part] for name in kept} for part in (parts.learn, parts.stop))
    logs = how.logs / graph if how.logs is not None and strategy.chief else None
    with Watch(model, stopping, taught=watched, plan=how.plan, patience=how.patience, logs=logs) as watch:
        learn(model, learning, taught=taught, plan=how.plan, on_epoch=watch.epoch, strategy=strategy)
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)
    if strategy.replicas > 1:  # what is asked of it from now on concerns no other worker
        known = revived(content)
        known.model.set_weights(model.get_weights())
        model = known.model
    if how.whole:
        made = _whole(model, learning, golden, shapes, recipe)
    else:
        made = content
        for output in outputs:
            made = _with_head(made, known, output, learning)
    scores = judged(made, rows.of(parts.judge), wanted, name=graph, stateful=stateful)
    before = float(np.mean([one.before.log_loss for one in scores]))
    after = float(np.mean([one.after.log_loss for one in scores]))
    better = after < (1 - GAIN) * before
    counts = {name: len(part) for name, part in zip(Split._fields, parts[:3], strict=False)}
    return Learnt(graph, made, better, scores, parts.by, counts, trained, watch.losses, watch.best)


def _freeze(known: Any, outputs: list[str], graph: str, *, whole: bool) -> None:
    if whole:
        return
    missing = [output for output in outputs if output not in known.heads]
    if missing:
        raise ConvertError(f"{graph}: {missing[0]} has no last layer of its own; train the whole net (--unfreeze)")
    heads = [known.heads[output].layer for output in outputs]
    for layer in known.model.layers:
        layer.trainable = any(layer is head for head in heads)


def _data(rows: Rows, wanted: list[Target], shapes: Mapping[str, tuple[int, ...]]) -> DataSet:
    inputs = {name: rows.inputs[name].reshape(len(rows), *shape) for name, shape in shapes.items()}
    wishes = {target.output: rows.answers[target.output].astype(np.float32) for target in wanted}
    for target in wanted:
        wishes[target.output] = told(wishes[target.output], target, rows.truth[target.label])
    return DataSet(inputs, wishes, rows.people, digest({**inputs, **wishes}))


def told(said: Array, target: Target, truth: npt.NDArray[np.int8]) -> Array:
    """What the output should say: the labels where there are any, else what it says."""
    if target.place is None:
        wish = said.copy()
        wish[truth == YES], wish[truth == NO] = 1.0, 0.0
        return wish
    wish = said.copy()
    wish[truth == YES] = np.eye(said.shape[-1], dtype=np.float32)[target.place]
    wish[truth == NO, target.place] = 0.0
    total = wish.sum(axis=-1, keepdims=True)
    return np.asarray(np.where(total > 0, wish / np.maximum(total, 1e-6), 1.0 / said.shape[-1]), np.float32)


def _with_head(content: bytes, known: Any, output: str, learning: DataSet) -> bytes:
    import keras

    from converters.conversion.heads import with_head

    head = known.heads[output]
    before = keras.Model(known.model.inputs, head.layer.output)
    reach = np.asarray(before.predict(learning.inputs, verbose=0, batch_size=256))
    kernel, *bias = (np.asarray(value) for value in head.layer.get_weights())
    spare = 0.25 * float(np.ptp(reach))  # other rooms reach further than this one
    return with_head(
        content, head.op, kernel=kernel, bias=bias[0] if bias else None,
        least=float(reach.min()) - spare, most=float(reach.max()) + spare,
    )  # fmt: skip


def _whole(
    model: Any, learning: DataSet, golden: Mapping[str, Array], shapes: Mapping[str, tuple[int, ...]], recipe: str
) -> bytes:
    from converters.conversion.in_process import quantize
    from converters.conversion.representative import spread

    rows = [learning.sample(int(i)) for i in spread(len(learning), most=CALIBRATION)]
    if golden:
        rows.append({name: np.asarray(golden[name], np.float32).reshape(1, *shape) for name, shape in shapes.items()})
    return quantize(model, rows, recipe=recipe or "int8-static")
