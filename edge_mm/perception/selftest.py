"""Does every graph of a bundle still say on this board what it said where it was built?

In: a bundle with ``golden.npz``: arrays ``GRAPH/in/NAME`` and ``GRAPH/out/NAME``. Out: nothing, or a BundleError that
names the graph. One invoke per graph: a few milliseconds. Not here: digests (``models.bundle`` checked them already).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_mm.errors import BundleError, GraphLost
from edge_mm.models.bundle import Bundle
from edge_mm.perception.litert import Runner, backend_name, load_graph

GOLDEN = "golden.npz"
TOLERANCE = {"ai_edge_litert": 0.08, "tflite_runtime": 0.08}
"""Back end -> largest mean error, as a share of the output's range (of at least ``LEAST_RANGE``). Kernels round int8
differently: the reference kernels, XNNPACK and ruy differ by a step or two of 255 per layer. A graph that is broken
(wrong op version, stale LSTM state) misses by a third of the range or more."""
LEAST_RANGE = 0.25
_ATTEMPTS = 2


def self_test(bundle: Bundle) -> None:
    """Run each graph once on its golden input and compare.

    Graphs without golden input are run on zeros, to see that they run at all.

    Raises:
        BundleError: a graph does not load, does not run, or gives something else; the text names it.
    """
    golden = bundle.arrays(GOLDEN) if bundle.has(GOLDEN) else {}
    tolerance = TOLERANCE[backend_name()]
    for name in bundle.manifest.graphs:
        graph = load_graph(bundle, name)
        inputs = _of(golden, f"{name}/in/") or {k: np.zeros(shape, np.float32) for k, shape in graph.inputs.items()}
        try:
            outputs = _answer(bundle, graph, inputs)
        except (RuntimeError, ValueError) as error:
            detail = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise BundleError(f"{bundle.source}: graph {name} does not run on {backend_name()}: {detail}") from error
        for key, expected in _of(golden, f"{name}/out/").items():
            problem = difference(expected, outputs.get(key), tolerance)
            if problem:
                raise BundleError(
                    f"{bundle.source}: graph {name} fails its self-test on {backend_name()}: {key!r} {problem}; "
                    "copy the bundle again, or try the other TFLite runtime"
                )


def _answer(
    bundle: Bundle, graph: Runner, inputs: dict[str, npt.NDArray[np.generic]]
) -> dict[str, npt.NDArray[np.float32]]:
    """What a graph answers; one that runs elsewhere may find that its accelerator fails, and goes on on the CPU."""
    for _ in range(_ATTEMPTS if bundle.host is not None else 1):
        try:
            return graph(**inputs)
        except GraphLost as error:
            why = str(error)
            if bundle.host is not None:
                bundle.host.settle()
    raise BundleError(f"{bundle.source}: {why}; that was its golden sample")


def _of(golden: dict[str, npt.NDArray[np.generic]], prefix: str) -> dict[str, npt.NDArray[np.generic]]:
    return {key.removeprefix(prefix): value for key, value in golden.items() if key.startswith(prefix)}


def difference(expected: npt.NDArray[np.generic], got: npt.NDArray[np.float32] | None, tolerance: float) -> str:
    """What is wrong with an output, or nothing."""
    if got is None or got.size != expected.size:
        return "is not there in the size of its golden sample"
    want = expected.astype(np.float32).reshape(-1)
    error = float(np.abs(got.reshape(-1) - want).mean()) / max(LEAST_RANGE, float(np.ptp(want)))
    return "" if error <= tolerance else f"is off by {error:.0%} of its range (limit {tolerance:.0%})"
