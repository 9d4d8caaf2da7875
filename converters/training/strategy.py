"""One step of training on one device, on all of this machine, or on several workers: ``tf.distribute`` by a flag.

In: a name. Out: a ``Strategy`` whose ``step`` splits each batch between the replicas and adds up their gradients, so
that two workers take the steps that one would take. Not here: losses, loops (``finetune``, ``converters.fusion``).

Keras 3 does not train over several workers with ``fit``; a step of one's own under ``tf.distribute`` does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mm.errors import UsageError
from edge_mm.quiet import quiet_stderr

NAMES = ("one", "mirrored", "workers")
"""One device (a GPU where there is one); all GPUs of this machine; the workers that ``TF_CONFIG`` names."""
_EXAMPLE = '{"cluster":{"worker":["127.0.0.1:29501","127.0.0.1:29502"]},"task":{"type":"worker","index":0}}'


class Strategy:
    """How a step is spread; make it before anything else asks TensorFlow for a device.

    Attributes:
        replicas: parts of each batch.
        chief: whether this process writes the files; the others only compute.
    """

    def __init__(self, name: str = "one") -> None:
        """Take one of ``NAMES``.

        Raises:
            UsageError: another name; ``workers`` without a ``TF_CONFIG`` that names them.
        """
        if name not in NAMES:
            raise UsageError(f"strategy {name!r}: must be one of {', '.join(NAMES)}")
        index = _index() if name == "workers" else 0
        with quiet_stderr():  # it greets, and looks for a GPU, on the standard error
            import tensorflow as tf

        self._over: Any = None
        if name == "mirrored":
            self._over = tf.distribute.MirroredStrategy()
        elif name == "workers":
            self._over = tf.distribute.MultiWorkerMirroredStrategy()
        self.replicas = int(self._over.num_replicas_in_sync) if self._over is not None else 1
        self.chief = index == 0

    def scope(self) -> AbstractContextManager[Any]:
        """Where models and optimizers are made."""
        import tensorflow as tf

        return (self._over or tf.distribute.get_strategy()).scope()  # type: ignore[no-any-return]

    def step(self, compute: Callable[..., Any], variables: Sequence[Any], apply: Callable[[Any], None]) -> Any:
        """A traced step of training.

        Args:
            compute: a part of a batch -> its mean loss, a scalar tensor.
            variables: Keras variables that are trained.
            apply: takes their gradients in this order, None where there is none: those of the whole batch's loss, by
                ``replicas``, because Keras adds up what the replicas' optimizers are given (and clips before that).

        Returns:
            A function that takes a whole batch, arrays or nests of arrays whose first axis is the batch and whose
            length ``replicas`` divides, and gives the batch's loss.
        """
        import tensorflow as tf

        parts = self.replicas

        def alone(*batch: Any) -> Any:
            with tf.GradientTape() as tape:
                cost = compute(*batch) / parts
            gradients = tape.gradient(cost, [variable.value for variable in variables])
            if parts > 1:  # None of them: a variable that the loss does not reach, on any replica
                known = [gradient for gradient in gradients if gradient is not None]
                added = iter(tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, known))
                gradients = [None if gradient is None else next(added) for gradient in gradients]
            apply(gradients)
            return cost

        if self._over is None:
            return tf.function(alone)
        over = self._over

        @tf.function  # type: ignore[untyped-decorator]
        def together(*batch: Any) -> Any:
            return over.reduce(tf.distribute.ReduceOp.SUM, over.run(alone, args=batch), axis=None)

        def split(*batch: Any) -> Any:
            return together(*tf.nest.map_structure(self._split, batch))

        return split

    def even(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """As many rows of a batch as the replicas can share evenly."""
        return rows[: len(rows) // self.replicas * self.replicas]

    def _split(self, values: Any) -> Any:
        import tensorflow as tf

        def part(context: Any) -> Any:
            return tf.convert_to_tensor(values[context.replica_id_in_sync_group :: self.replicas])

        return self._over.experimental_distribute_values_from_function(part)


def _index() -> int:
    """This worker's number in ``TF_CONFIG``.

    Raises:
        UsageError: it is not set, or names no workers.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        index = int(task["index"])
        if task["type"] == "worker" and isinstance(workers, list) and 0 <= index < len(workers):
            return index
    except (ValueError, KeyError, TypeError):
        pass
    raise UsageError(
        f"strategy workers: TF_CONFIG must name all workers and which of them this is, e.g.\n  TF_CONFIG='{_EXAMPLE}'\n"
        "Start one process for each, with the same options; the first one writes the files"
    )
