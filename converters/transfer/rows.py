"""Rows of each graph from a maker's recordings, as the device's own front ends make them.

In: a bundle, recordings with labels, targets. Out: what each graph was given, what it answered, and what the labels say
about that moment. Not here: training (``retrain``).

A graph's run gets the time of the reading that follows from it; a window of the fusion its own start and end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.evaluation.own import truth
from converters.evaluation.own.manifest import Recording
from converters.transfer.targets import Target
from edge_mm.daemon.replay import announce, replayed
from edge_mm.errors import ConvertError, EdgeMmError
from edge_mm.models.bundle import Bundle
from edge_mm.monitor import Monitor
from edge_mm.perception.fusion import GRAPH as FUSION
from edge_mm.types import NS_PER_S, Estimate, Observation, Output

Array = npt.NDArray[np.float32]

YES, NO, UNSAID = 1, 0, -1
LATE_S = 2.0


@dataclass(frozen=True, slots=True)
class Rows:
    """What one graph saw in all recordings."""

    inputs: dict[str, Array]
    """Input name -> (n, ...)."""
    answers: dict[str, Array]
    """Output name -> (n, ...): what the graph of the bundle says."""
    truth: dict[str, npt.NDArray[np.int8]]
    """Label -> (n,) ``YES``, ``NO`` or ``UNSAID``."""
    people: npt.NDArray[np.str_]
    """(n,)"""
    recordings: npt.NDArray[np.str_]
    """(n,)"""
    at_s: npt.NDArray[np.float64]
    """(n,) in its recording."""

    def __len__(self) -> int:
        return len(self.at_s)

    def of(self, chosen: npt.NDArray[np.intp]) -> Rows:
        """These rows."""
        return Rows(
            {name: values[chosen] for name, values in self.inputs.items()},
            {name: values[chosen] for name, values in self.answers.items()},
            {name: values[chosen] for name, values in self.truth.items()},
            self.people[chosen],
            self.recordings[chosen],
            self.at_s[chosen],
        )


class _Run(NamedTuple):
    inputs: Mapping[str, Any]
    answers: Mapping[str, Any]


class _Tape:
    """What the graphs did since it was last emptied."""

    def __init__(self, graphs: Iterable[str]) -> None:
        self.runs: dict[str, list[_Run]] = {graph: [] for graph in graphs}

    def __call__(self, graph: str, inputs: Mapping[str, Any], answers: Mapping[str, Any]) -> None:
        if graph in self.runs:
            self.runs[graph].append(_Run({key: np.array(value) for key, value in inputs.items()}, answers))

    def empty(self) -> None:
        for runs in self.runs.values():
            runs.clear()


class _Row(NamedTuple):
    run: _Run
    truth: dict[str, int]
    recording: Recording
    at_s: float


def gather(bundle: Bundle, recordings: Iterable[Recording], wanted: Sequence[Target]) -> dict[str, Rows]:
    """Watch the recordings and keep what the graphs of the targets saw; graphs that saw nothing are left out.

    Args:
        bundle: whose front ends and graphs.
        recordings: with labels.
        wanted: what is to be learnt.

    Raises:
        ConvertError: a recording cannot be watched; the text names it.
    """
    of_graph: dict[str, list[Target]] = {}
    for target in wanted:
        of_graph.setdefault(target.graph, []).append(target)
    found: dict[str, list[_Row]] = {graph: [] for graph in of_graph}
    for recording in recordings:
        tape = _Tape(of_graph)
        try:
            for outputs in _watched(bundle.tapped(tape), recording, tape):
                for graph, some in of_graph.items():
                    found[graph] += _rows(graph, some, tape.runs[graph], outputs, recording)
                tape.empty()
        except EdgeMmError as error:
            raise ConvertError(f"recording {recording.name}: {error}") from error
    return {graph: _stacked(rows, of_graph[graph]) for graph, rows in found.items() if rows}


def past_the_end(found: Mapping[str, Rows], recordings: Iterable[Recording]) -> list[str]:
    """A sentence for each recording whose labels begin after all that was read of it: a file that was cut, or times
    that are not its own.
    """
    ends: dict[str, float] = {}
    for rows in found.values():
        for name, at_s in zip(rows.recordings.tolist(), rows.at_s.tolist(), strict=True):
            ends[name] = max(at_s, ends.get(name, 0.0))
    notes = []
    for one in recordings:
        late = [
            start for spans in one.happened.values() for start, _ in spans if start > ends.get(one.name, 0.0) + LATE_S
        ]
        if late:
            notes.append(
                f"{one.name}: {len(late)} labels begin after what was read of it ({ends.get(one.name, 0.0):.1f} s): is "
                "the file whole, are the times its own?"
            )
    return notes


def _watched(bundle: Bundle, recording: Recording, tape: _Tape) -> Iterator[list[Output]]:
    sources = recording.open()
    monitor = Monitor(bundle, policies=[])
    try:
        for source in sources:
            announce(monitor, source, where=source.name)
        tape.empty()  # the self-test ran every graph
        for _, outputs in replayed(monitor, sources):
            yield outputs
    finally:
        for source in sources:
            source.close()


def _rows(
    graph: str, targets: list[Target], runs: list[_Run], outputs: list[Output], recording: Recording
) -> Iterator[_Row]:
    labelled = {t.label: recording.happened[t.label] for t in targets if t.label in recording.happened}
    if graph == FUSION:
        runs = list(runs)
        for said in outputs:
            if isinstance(said, Estimate) and said.weights:
                whole, runs = runs[0], runs[1 + len(said.weights) :]  # the others leave one sense out each
                start_s, end_s = said.start_ns / NS_PER_S, said.t_ns / NS_PER_S
                told = {name: _told(truth.over(spans, start_s, end_s)) for name, spans in labelled.items()}
                yield _Row(whole, told, recording, end_s)
        return
    times = [one.t_ns for one in outputs if isinstance(one, Observation) and one.name == targets[0].reading]
    if not times or len(runs) % len(times):  # a run that no reading followed: nobody knows what it looked at
        return
    each = len(runs) // len(times)
    for i, run in enumerate(runs):
        at_s = times[i // each] / NS_PER_S
        told = {name: _told(truth.at(spans, at_s)) for name, spans in labelled.items()}
        yield _Row(run, told, recording, at_s)


def _told(was: bool | None) -> int:
    return UNSAID if was is None else YES if was else NO


def _stacked(rows: list[_Row], targets: list[Target]) -> Rows:
    first = rows[0].run
    return Rows(
        {key: np.stack([np.asarray(row.run.inputs[key], np.float32) for row in rows]) for key in first.inputs},
        {key: np.stack([row.run.answers[key] for row in rows]) for key in first.answers},
        {target.label: np.array([row.truth.get(target.label, UNSAID) for row in rows], np.int8) for target in targets},
        np.array([row.recording.person for row in rows]),
        np.array([row.recording.name for row in rows]),
        np.array([row.at_s for row in rows]),
    )
