"""Who makes a value of a net and who reads it.

In: a Keras 3 graph. Out: its calls in order, with a mark for each value. Not here: what follows from it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from converters.graphs.keras_nodes import Call, functional, walk


class Reading(NamedTuple):
    """One layer or operation, called once; a mark is the same object wherever the same value stands."""

    op: Any
    reads: tuple[object, ...]
    makes: tuple[object, ...]


class Readings(NamedTuple):
    """The calls of a net."""

    calls: list[Reading]
    outputs: list[object]
    """The marks of the model's outputs."""

    def readers(self, mark: object) -> int:
        """How often a value is read; an output of the model counts as a reading."""
        marks = [one for call in self.calls for one in call.reads] + self.outputs
        return sum(one is mark for one in marks)

    def once(self) -> set[int]:
        """Ids of the ops that are called once only."""
        return {op for op, times in Counter(id(call.op) for call in self.calls).items() if times == 1}


def readings(model: Any) -> Readings:
    """The calls of a functional or Sequential model, nested models included.

    Raises:
        ConvertError: the graph is not known.
    """
    calls: list[Reading] = []

    def call(one: Call) -> list[object]:
        calls.append(Reading(one.op, one.values, tuple(object() for _ in one.shapes)))
        return list(calls[-1].makes)

    outputs = walk(model, [object() for _ in functional(model).inputs], call)
    return Readings(calls, outputs)
