"""Conversion in a process of its own: what crashes there is a sentence here.

In: paths of models, rows. Out: bytes of graphs. One child serves many jobs, because importing TensorFlow takes several
seconds; it is started when it is first needed and again after a crash. Not here: what a conversion does (``int8``,
``keras_graph``, ``adoption``).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.conversion.files import read_file
from converters.conversion.progress import Say, silent
from converters.package import npz
from edge_mm.errors import ConvertError

INSTALL = "TensorFlow is not installed: pip install 'edge-mm[convert]'"


class Converter:
    """A child process that converts. To be closed, or used in a ``with``.

    Args:
        say: hears of every step.

    Raises:
        ConvertError: by every method: TensorFlow is not installed, the model cannot be converted, or the child died.
    """

    def __init__(self, say: Say = silent) -> None:
        self._say = say
        self._folder = tempfile.TemporaryDirectory(prefix="edge-mm-")
        self._child: subprocess.Popen[str] | None = None
        self._jobs = 0

    def __enter__(self) -> Converter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is none."""
        return None if self._child is None else self._child.pid

    def float_graph(self, model: Path) -> bytes:
        """The float graph of a ``.keras`` file, a SavedModel folder or a float ``.tflite``."""
        if model.suffix == ".tflite" and not model.is_dir():
            source = self._place("given.tflite")
            source.write_bytes(read_file(model))
            try:
                return self._done({"kind": "tflite", "source": str(source)}, f"reading {model}")
            except ConvertError as error:
                raise ConvertError(f"{model}: {error}") from None
        return self._done({"kind": "float", "source": str(_there(model))}, f"converting {model}")

    def dynamic_range(self, model: Path) -> bytes:
        """The dynamic-range graph of a ``.keras`` file or a SavedModel folder."""
        if model.suffix == ".tflite" and not model.is_dir():
            raise ConvertError(
                f"{model}: dynamic range is made from the model, not from a .tflite: give .keras or SavedModel"
            )
        return self._done({"kind": "dynamic", "source": str(_there(model))}, f"converting {model}")

    def int8_graph(
        self,
        content: bytes,
        samples: Sequence[Mapping[str, npt.NDArray[np.float32]]],
        *,
        float_layers: Sequence[str] = (),
        percentile: float = 100.0,
        name: str = "the graph",
    ) -> bytes:
        """``int8.quantize_graph`` in the child."""
        source, rows, inputs = self._place("float.tflite"), self._place("samples.npz"), list(samples[0])
        source.write_bytes(content)
        stacked = {f"{i}": np.concatenate([sample[key] for sample in samples]) for i, key in enumerate(inputs)}
        rows.write_bytes(npz(stacked))
        job = {
            "kind": "int8",
            "source": str(source),
            "samples": str(rows),
            "inputs": inputs,
            "float_layers": list(float_layers),
            "percentile": percentile,
        }
        return self._done(job, f"calibrating {name}")

    def close(self) -> None:
        """End the child and remove its files."""
        child, self._child = self._child, None
        if child is not None:
            _hang_up(child)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._folder.cleanup()

    def _place(self, name: str) -> Path:
        self._jobs += 1
        return Path(self._folder.name) / f"{self._jobs}-{name}"

    def _done(self, job: dict[str, Any], what: str) -> bytes:
        if job["kind"] != "tflite" and find_spec("tensorflow") is None:
            raise ConvertError(INSTALL)
        out = self._place("made.tflite")
        answer = self._answer(self._running(), json.dumps({**job, "what": what, "out": str(out)}), what)
        if "error" in answer:
            raise ConvertError(answer["error"])
        content = out.read_bytes()
        out.unlink()
        return content

    def _answer(self, child: subprocess.Popen[str], job: str, what: str) -> dict[str, Any]:
        assert child.stdin is not None and child.stdout is not None  # noqa: S101 - they were asked for
        with suppress(BrokenPipeError):
            child.stdin.write(job + "\n")
            child.stdin.flush()
        while (line := child.stdout.readline()).endswith("\n"):  # a child that dies may leave half a line
            answer: dict[str, Any] = json.loads(line)
            if "say" not in answer:
                return answer
            self._say(*answer["say"])
        self._child = None
        raise ConvertError(self._epitaph(child, what))

    def _running(self) -> subprocess.Popen[str]:
        if self._child is not None and self._child.poll() is not None:  # it died between two jobs
            _hang_up(self._child)
            self._child = None
        if self._child is None:
            path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
            with self._log.open("wb") as log:
                self._child = subprocess.Popen(
                    [sys.executable, "-m", "converters.conversion.worker"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                    stderr=None if os.environ.get("EDGE_MM_DEBUG") else log,
                    env={**os.environ, "PYTHONPATH": path},
                )  # fmt: skip
        return self._child

    @property
    def _log(self) -> Path:
        return Path(self._folder.name) / "log.txt"

    def _epitaph(self, child: subprocess.Popen[str], what: str) -> str:
        """What is known of a child that died."""
        _hang_up(child)
        status = child.wait()
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        log = self._log.read_text(errors="replace").strip().splitlines()
        last = f"; its last words: {' '.join(log[-1].split())[:200]}" if log else ""
        return (
            f"{what}: the converter's process died ({how}){last}. Loops (LSTM and GRU without unroll=True), a damaged "
            "graph and too little memory are the usual causes"
        )


def _hang_up(child: subprocess.Popen[str]) -> None:
    """Close both ends of what was said."""
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _there(model: Path) -> Path:
    if not model.exists():
        raise ConvertError(f"{model}: no such file")
    if model.suffix != ".keras" and not model.is_dir():
        raise ConvertError(f"{model}: not a model: give a .keras file, a SavedModel folder or a float .tflite")
    return model
