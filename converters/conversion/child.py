"""Conversion in a process of its own: what crashes there is a sentence here.

In: paths of models, rows. Out: bytes of graphs. One child serves many jobs, because importing TensorFlow takes several
seconds; it is started when it is first needed and again after a crash. Not here: what a conversion does (``int8``,
``keras_graph``).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.package import npz
from edge_mm.errors import ConvertError

INSTALL = "TensorFlow is not installed: pip install 'edge-mm[convert]'"


class Converter:
    """A child process that converts. To be closed, or used in a ``with``.

    Raises:
        ConvertError: by every method: TensorFlow is not installed, the model cannot be converted, or the child died.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="edge-mm-")
        self._child: subprocess.Popen[str] | None = None
        self._jobs = 0

    def __enter__(self) -> Converter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def float_graph(self, model: Path) -> bytes:
        """The float graph of a ``.keras`` file or a SavedModel folder; a float ``.tflite`` gets short names."""
        if model.suffix == ".tflite":
            from converters.graphs.names import shortened
            from converters.graphs.reader import read_graph

            content = read_file(model)
            if not read_graph(content).signature_inputs:
                raise ConvertError(
                    f"{model}: no signature: its inputs have no names; convert it from a SavedModel again"
                )
            return shortened(content)
        return self._done({"kind": "float", "source": str(_there(model))}, f"converting {model}")

    def dynamic_range(self, model: Path) -> bytes:
        """The dynamic-range graph of a ``.keras`` file or a SavedModel folder."""
        if model.suffix == ".tflite":
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
        source, rows = self._place("float.tflite"), self._place("samples.npz")
        source.write_bytes(content)
        rows.write_bytes(npz({key: np.concatenate([sample[key] for sample in samples]) for key in samples[0]}))
        job = {
            "kind": "int8",
            "source": str(source),
            "samples": str(rows),
            "float_layers": list(float_layers),
            "percentile": percentile,
        }
        return self._done(job, f"calibrating {name}")

    def close(self) -> None:
        """End the child and remove its files."""
        if self._child is not None:
            child, self._child = self._child, None
            if child.stdin is not None:
                child.stdin.close()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if child.stdout is not None:
                child.stdout.close()
        self._folder.cleanup()

    def _place(self, name: str) -> Path:
        self._jobs += 1
        return Path(self._folder.name) / f"{self._jobs}-{name}"

    def _done(self, job: dict[str, Any], what: str) -> bytes:
        out = self._place("made.tflite")
        child = self._running()
        assert child.stdin is not None and child.stdout is not None  # noqa: S101 - they were asked for
        try:
            child.stdin.write(json.dumps({**job, "out": str(out)}) + "\n")
            child.stdin.flush()
            line = child.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise ConvertError(self._epitaph(child, what))
        answer = json.loads(line)
        if "error" in answer:
            raise ConvertError(answer["error"])
        content = out.read_bytes()
        out.unlink()
        return content

    def _running(self) -> subprocess.Popen[str]:
        if self._child is None:
            if find_spec("tensorflow") is None:
                raise ConvertError(INSTALL)
            path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
            with (Path(self._folder.name) / "log.txt").open("ab") as log:
                self._child = subprocess.Popen(
                    [sys.executable, "-m", "converters.conversion.worker"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                    env={**os.environ, "PYTHONPATH": path},
                )  # fmt: skip
        return self._child

    def _epitaph(self, child: subprocess.Popen[str], what: str) -> str:
        """What is known of a child that died."""
        status = child.wait()
        self._child = None
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        log = (Path(self._folder.name) / "log.txt").read_text(errors="replace").strip().splitlines()
        last = f"; its last words: {' '.join(log[-1].split())[:200]}" if log else ""
        return (
            f"{what}: the converter's process died ({how}){last}. Loops (LSTM and GRU without unroll=True) and too "
            "little "
            "memory are the usual causes"
        )


def _there(model: Path) -> Path:
    if not model.exists():
        raise ConvertError(f"{model}: no such file")
    if model.suffix != ".keras" and not model.is_dir():
        raise ConvertError(f"{model}: not a model: give a .keras file, a SavedModel folder or a float .tflite")
    return model


def read_file(path: Path) -> bytes:
    """The bytes of a file; what cannot be read is a sentence."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConvertError(f"{path}: {error.strerror}") from error
