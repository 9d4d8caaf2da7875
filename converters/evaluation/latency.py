"""How long the int8 graph takes against the float one, measured side by side on this computer.

In: two graphs. Out: the ratio of their medians first, since microseconds say nothing of another processor. Single
invokes alternate (A B A B ...), so that whatever else runs slows both. Not here: the board's own figures.
"""

from __future__ import annotations

import importlib
import time
from typing import Any, NamedTuple

import numpy as np

from edge_mm.errors import ConvertError
from edge_mm.quiet import quiet_stderr

WARM, FEWEST, MOST = 10, 50, 2000
"""Pairs of invokes before the measurement; at least and at most measured."""
LONGEST_S = 2.0
"""After so many seconds the measurement ends, once it has ``FEWEST`` pairs."""


class Latency(NamedTuple):
    """Medians of single invokes with one thread."""

    ratio: float
    """int8 / float: below 1 the int8 graph is the faster one."""
    float_us: float
    int8_us: float
    pairs: int
    """Invokes of each."""
    runtime: str
    """``ai_edge_litert 2.3.0``"""


def latency(float_content: bytes, int8_content: bytes, *, runtime: str = "ai_edge_litert") -> Latency:
    """Measure both graphs in this process.

    Args:
        float_content: the one to compare with.
        int8_content: the other.
        runtime: package of the interpreter.

    Raises:
        ConvertError: a graph does not run in it.
    """
    import importlib.metadata

    first, second = _ready(float_content, runtime, "float"), _ready(int8_content, runtime, "int8")
    times: tuple[list[int], list[int]] = [], []
    for _ in range(WARM):
        first.invoke()
        second.invoke()
    began = time.perf_counter()
    while len(times[0]) < FEWEST or (len(times[0]) < MOST and time.perf_counter() - began < LONGEST_S):
        for interpreter, taken in zip((first, second), times, strict=True):
            start = time.perf_counter_ns()
            interpreter.invoke()
            taken.append(time.perf_counter_ns() - start)
    real, int8 = (float(np.median(taken)) / 1000 for taken in times)
    version = importlib.metadata.version(runtime.replace("_", "-"))
    return Latency(int8 / real, real, int8, len(times[0]), f"{runtime} {version}")


def _ready(content: bytes, runtime: str, name: str) -> Any:
    """An interpreter with seeded noise at its inputs: zeros could take a shorter way through a kernel."""
    rng = np.random.default_rng(0)
    try:
        with quiet_stderr():
            interpreter = importlib.import_module(f"{runtime}.interpreter").Interpreter(
                model_content=content, num_threads=1
            )
            interpreter.allocate_tensors()
        for detail in interpreter.get_input_details():
            if detail["dtype"] is np.int8:
                value = rng.integers(-128, 128, detail["shape"])
            else:
                value = rng.normal(size=detail["shape"])
            interpreter.set_tensor(detail["index"], value.astype(detail["dtype"]))
        interpreter.invoke()
    except (RuntimeError, ValueError) as error:
        raise ConvertError(f"the {name} graph does not run in {runtime}: {str(error).splitlines()[0]}") from error
    return interpreter
