"""What every graph of every shipped bundle says on this machine to its golden input.

In: the folder to write to. Out: in it ``outputs.npz`` with ``value/BUNDLE/GRAPH/OUTPUT`` (float32, dequantized) and
``step/BUNDLE/GRAPH/OUTPUT`` (one quantization step), and ``machine.json``. Runs on both machines with nothing but the
wheel and its dependencies. Ends with one sentence and status 1 where a self-test fails or XNNPACK is not on. Not here:
judging the answers (``comparison``).
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from edge_mm.errors import EdgeMmError
from edge_mm.models.bundle import Bundle, load_bundle
from edge_mm.models.shipped import FOLDER
from edge_mm.perception.litert import backend_name, load_graph
from edge_mm.perception.selftest import GOLDEN, self_test

CREATED = b"Created TensorFlow Lite XNNPACK delegate"
"""What the runtime writes to the standard error when it makes the delegate, once per process."""
VERSIONS = ("edge-mm", "numpy", "opencv-python-headless", "soundfile", "ai-edge-litert")


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    bundles = {path.stem: load_bundle(path) for path in sorted(FOLDER.glob("*.edgemm"))}
    if not bundles:
        sys.exit("no bundle ships in this wheel: there is nothing to prove")
    said = _said_at_start(next(iter(bundles.values())))
    if CREATED not in said:
        words = said.decode(errors="replace").strip() or "it says nothing"
        sys.exit(f"XNNPACK is off on {platform.machine()}, so this is not what a board runs: {words}")
    arrays: dict[str, np.ndarray] = {}
    delegated: dict[str, int] = {}
    for label, bundle in bundles.items():
        try:
            self_test(bundle)
        except EdgeMmError as error:
            sys.exit(f"{platform.machine()}: {error}")
        for name in bundle.manifest.graphs:
            delegated[f"{label}/{name}"] = _parts_on_xnnpack(bundle, name)
            arrays |= _outputs(bundle, name, label=label)
    left_out = [name for name, parts in delegated.items() if not parts]
    if left_out:
        sys.exit(f"XNNPACK runs no part of {', '.join(left_out)} on {platform.machine()}")
    np.savez(folder / "outputs.npz", **arrays)
    about = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in VERSIONS},
        "bundles": {label: bundle.digest for label, bundle in bundles.items()},
        "delegated": delegated,
    }
    (folder / "machine.json").write_text(json.dumps(about))


def _interpreter(bundle: Bundle, name: str) -> Any:
    """The runtime's own object, made as ``edge_mm.perception.litert`` makes it: XNNPACK is its default."""
    runtime = importlib.import_module(f"{backend_name()}.interpreter")
    interpreter = runtime.Interpreter(model_content=bundle.graph(name), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _said_at_start(bundle: Bundle) -> bytes:
    """What the runtime writes to the standard error (a descriptor: it is C++) while the first graph is made."""
    before = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            _interpreter(bundle, "fusion")
        finally:
            os.dup2(before, 2)
            os.close(before)
        file.seek(0)
        return file.read()


def _parts_on_xnnpack(bundle: Bundle, name: str) -> int:
    """How many pieces of a graph the delegate took over. The runtime has no public way to ask."""
    return sum(op["op_name"] == "DELEGATE" for op in _interpreter(bundle, name)._get_ops_details())


def _outputs(bundle: Bundle, name: str, *, label: str) -> dict[str, np.ndarray]:
    """Values and steps of all outputs; a graph without golden input is asked with zeros, as the self-test does."""
    golden = bundle.arrays(GOLDEN) if bundle.has(GOLDEN) else {}
    graph = load_graph(bundle, name)
    asked = {key: golden.get(f"{name}/in/{key}", np.zeros(shape, np.float32)) for key, shape in graph.inputs.items()}
    interpreter = _interpreter(bundle, name)
    runner = interpreter.get_signature_runner(next(iter(interpreter.get_signature_list())))
    details = runner.get_output_details()
    arrays: dict[str, np.ndarray] = {}
    for key, value in graph(**asked).items():
        scale = float(details[key]["quantization"][0])
        # A float output has no step: a 255th of its range stands for it.
        step = scale or max(float(np.ptp(value)), 1e-6) / 255
        arrays[f"value/{label}/{name}/{key}"] = value
        arrays[f"step/{label}/{name}/{key}"] = np.float32(step)
    return arrays


if __name__ == "__main__":
    main()
