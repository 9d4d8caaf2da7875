"""What a training is watched by: rows that are not trained on, early stopping, TensorBoard.

In: the student after each epoch. Out: its weights as they were best; a log. Not here: the loop (``finetune``).

Logs are written by TensorFlow itself; ``tensorboard --logdir DIR`` (``pip install tensorboard``) draws them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.dataset import DataSet
from converters.training.answers import answers, input_names
from converters.training.finetune import FineTune
from converters.training.losses import loss, terms

ROWS = 512
"""Asked at once."""


class Watch:
    """Stops a training that no longer gets better on rows that it does not see, and keeps what was best.

    Give ``epoch`` to ``finetune.learn`` as ``on_epoch``.

    Args:
        student: that is trained; also before the first epoch it counts as a candidate.
        rows: not trained on.
        taught: output name -> (n, ...) what a teacher says to them; may be empty.
        plan: of the training.
        patience: epochs without a better one after which it ends.
        logs: folder for TensorBoard; None for none.

    Attributes:
        losses: of the watched rows: before the first epoch, and after each.
        best: which of them was least.
    """

    def __init__(
        self,
        student: Any,
        rows: DataSet,
        *,
        taught: Mapping[str, npt.NDArray[np.float32]],
        plan: FineTune,
        patience: int,
        logs: Path | None = None,
    ) -> None:
        import tensorflow as tf

        self._student, self._rows, self._plan, self._patience = student, rows, plan, patience
        self._terms = terms(student, rows.targets, taught, label_weight=plan.label_weight, temperature=plan.temperature)
        self._writer = None if logs is None else tf.summary.create_file_writer(str(logs))
        self.losses, self.best = [self._loss()], 0
        self._kept = student.get_weights()
        self._log(0, {"loss/watched": self.losses[0]})

    def __enter__(self) -> Watch:
        """As it is."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """The student gets its best weights; the log is closed."""
        self._student.set_weights(self._kept)
        if self._writer is not None:
            self._writer.close()

    def epoch(self, number: int, trained: float) -> bool:
        """After epoch ``number``, from 0, of mean loss ``trained``; True when it is time to stop."""
        self.losses.append(self._loss())
        if self.losses[-1] < self.losses[self.best]:
            self.best, self._kept = len(self.losses) - 1, self._student.get_weights()
        self._log(number + 1, {"loss/trained": trained, "loss/watched": self.losses[-1]})
        return len(self.losses) - 1 - self.best >= self._patience

    def _loss(self) -> float:
        import tensorflow as tf

        total = 0.0
        for start in range(0, len(self._rows), ROWS):
            rows = slice(start, start + ROWS)
            given = {name: tf.convert_to_tensor(self._rows.inputs[name][rows]) for name in input_names(self._student)}
            said = answers(self._student, given)
            wanted = [tf.convert_to_tensor(term.wanted[rows]) for term in self._terms]
            total += sum(
                term.weight * float(loss(term, said[term.output], want, temperature=self._plan.temperature)) * len(want)
                for term, want in zip(self._terms, wanted, strict=True)
            )
        return total / len(self._rows)

    def _log(self, epoch: int, scalars: Mapping[str, float]) -> None:
        import tensorflow as tf

        if self._writer is None:
            return
        kind = tf.compat.v1.SummaryMetadata()
        kind.plugin_data.plugin_name = "scalars"  # as tf.summary.scalar does, which needs TensorBoard itself
        with self._writer.as_default(step=epoch):
            for name, value in scalars.items():
                tf.summary.write(name, tf.constant(value, tf.float32), metadata=kind)
        self._writer.flush()
