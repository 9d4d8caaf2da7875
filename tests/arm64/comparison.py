"""Do two machines say the same?

In: what each machine said: outputs of graphs, lines of ``edge-mm replay --json``. Out: the largest differences, and one
sentence for each that is too large. numpy only. Not here: running anything (``prove``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

MAX_STEPS = 2.0
"""Largest difference of a graph's output, quantization steps: kernels round int8 differently by one, two at most."""
MAX_ATTENTION = 0.02
"""Largest difference of an attention weight (alpha, 0..1)."""
_ROUNDING = 1e-3
"""Steps: dequantized values are float32."""

Line = Mapping[str, Any]


class Answer(NamedTuple):
    """One output of one graph."""

    values: npt.NDArray[np.float32]
    """Dequantized."""
    step: float
    """One quantization step."""


class Machine(NamedTuple):
    """What one machine said."""

    name: str
    """For sentences: ``x86_64``, ``aarch64``."""
    outputs: Mapping[str, Answer]
    """``BUNDLE/GRAPH/OUTPUT`` -> answer to the golden input."""
    replays: Mapping[str, Sequence[Line]]
    """Bundle -> lines of its replay."""


class Transition(NamedTuple):
    """One alert on both machines."""

    kind: str
    state: str
    here_s: float
    there_s: float


class Result(NamedTuple):
    """How far apart they are."""

    steps: dict[str, float]
    """``BUNDLE/GRAPH`` -> largest difference of its outputs, in steps."""
    attention: dict[str, float]
    """Bundle -> largest difference of a weight."""
    windows: dict[str, int]
    """Bundle -> Estimates whose weights were compared."""
    alerts: dict[str, list[Transition]]
    """Bundle -> transitions that both have in the same place."""
    problems: list[str]
    """One sentence each; empty when the two say the same."""


def compare(here: Machine, there: Machine, *, frame_s: float) -> Result:
    """Compare two machines.

    Args:
        here: the one that is trusted.
        there: the one that is asked about.
        frame_s: how far apart the times of one alert may be, seconds: a frame of the video.
    """
    result = Result({}, {}, {}, {}, [])
    _graphs(here, there, result)
    for bundle in sorted({*here.replays, *there.replays}):
        ours, theirs = here.replays.get(bundle, ()), there.replays.get(bundle, ())
        _alerts(bundle, (here.name, ours), (there.name, theirs), frame_s, result)
        _attention(bundle, (here.name, ours), (there.name, theirs), frame_s, result)
    if not here.replays:
        result.problems.append("no replay was compared")
    return result


def _graphs(here: Machine, there: Machine, result: Result) -> None:
    if not here.outputs:
        result.problems.append(f"no graph's output was compared: {here.name} gave none")
    for key in sorted({*here.outputs, *there.outputs}):
        ours, theirs = here.outputs.get(key), there.outputs.get(key)
        if ours is None or theirs is None:
            result.problems.append(f"{key}: only {there.name if ours is None else here.name} has this output")
            continue
        if ours.values.shape != theirs.values.shape:
            result.problems.append(
                f"{key}: shape {ours.values.shape} on {here.name}, {theirs.values.shape} on {there.name}"
            )
            continue
        if not ours.step > 0 or ours.step != theirs.step:
            result.problems.append(
                f"{key}: a quantization step of {ours.step:g} on {here.name}, {theirs.step:g} on {there.name}"
            )
            continue
        steps = float(np.max(np.abs(ours.values - theirs.values), initial=0.0)) / ours.step
        graph = key.rpartition("/")[0]
        result.steps[graph] = float(np.maximum(result.steps.get(graph, 0.0), steps))  # NaN stays NaN
        if not steps <= MAX_STEPS + _ROUNDING:
            result.problems.append(
                f"{key}: {here.name} and {there.name} are {steps:.2f} quantization steps apart (limit {MAX_STEPS:g})"
            )


_Told = tuple[str, Sequence[Line]]
"""A machine's name and its lines."""


def _alerts(bundle: str, ours: _Told, theirs: _Told, frame_s: float, result: Result) -> None:
    """The same alerts in the same order; the first one that differs is said, what follows it says no more."""
    same: list[Transition] = []
    result.alerts[bundle] = same
    rows = zip_longest(_of(ours, "alert"), _of(theirs, "alert"))
    for number, (one, other) in enumerate(rows, start=1):
        if one is None or other is None or _who(one) != _who(other):
            result.problems.append(
                f"{bundle}: alert {number} is {_told(one)} on {ours[0]} but {_told(other)} on {theirs[0]}"
            )
            return
        pair = Transition(one["data"]["kind"], one["data"]["state"], one["t"], other["t"])
        same.append(pair)
        apart = abs(pair.here_s - pair.there_s)
        if not apart <= frame_s:
            result.problems.append(
                f"{bundle}: alert {number}, {pair.kind} {pair.state}, comes at {pair.here_s:.3f} s on {ours[0]} but at "
                f"{pair.there_s:.3f} s on {theirs[0]}: more than a frame ({frame_s:.3f} s) apart"
            )
    if not same:
        result.problems.append(f"{bundle}: the replay raised no alert, so none was compared")


def _attention(bundle: str, ours: _Told, theirs: _Told, frame_s: float, result: Result) -> None:
    largest, windows = 0.0, 0
    mine, its = _of(ours, "estimate"), _of(theirs, "estimate")
    if len(mine) != len(its):
        result.problems.append(f"{bundle}: {len(mine)} windows on {ours[0]} but {len(its)} on {theirs[0]}")
    for one, other in zip(mine, its, strict=False):
        windows += bool(one["weights"])
        at = f"{bundle}: the window that ends at {one['t']:.2f} s"
        if not abs(one["t"] - other["t"]) <= frame_s:
            result.problems.append(f"{at} on {ours[0]} ends at {other['t']:.2f} s on {theirs[0]}")
            break
        if set(one["weights"]) != set(other["weights"]):
            result.problems.append(f"{at} rests on {_senses(one)} on {ours[0]} but on {_senses(other)} on {theirs[0]}")
            continue
        for sense, weight in one["weights"].items():
            its_weight = other["weights"][sense]
            apart = abs(weight - its_weight)
            largest = float(np.maximum(largest, apart))
            if not apart <= MAX_ATTENTION:
                result.problems.append(
                    f"{at} gives {sense} an attention of {weight:.3f} on {ours[0]} but {its_weight:.3f} on {theirs[0]} "
                    f"(limit {MAX_ATTENTION:g} apart)"
                )
    result.attention[bundle], result.windows[bundle] = largest, windows
    if not windows:
        result.problems.append(f"{bundle}: no window has attention weights, so none was compared")


def _of(told: _Told, kind: str) -> list[Line]:
    return [line for line in told[1] if line["type"] == kind]


def _who(alert: Line) -> tuple[str, str, str]:
    return alert["data"]["kind"], alert["data"]["alert_id"], alert["data"]["state"]


def _told(alert: Line | None) -> str:
    if alert is None:
        return "missing"
    return f"{alert['data']['kind']} {alert['data']['state']} at {alert['t']:.3f} s"


def _senses(estimate: Line) -> str:
    return ", ".join(estimate["weights"]) or "no sense"
