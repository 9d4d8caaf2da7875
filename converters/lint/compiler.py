"""Run ``edgetpu_compiler`` where it is installed, and read its log.

In: a graph. Out: what the compiler says of each kind of op, or None when there is no compiler. The compiler is
Google's, for x86-64 Debian, and not ours to ship; what it makes here is thrown away. Not here: our own judgement
(``edgetpu.py``).
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

PROGRAM = "edgetpu_compiler"
TIME_LIMIT_S = 240.0
"""Seconds; the compiler has a limit of its own of 180 s."""
MAPPED = "Mapped to Edge TPU"
_VERSION = re.compile(r"Edge TPU Compiler version (\S+)")
_ROW = re.compile(r"^([A-Z][A-Za-z0-9_-]*)\s+(\d+)\s+(\S.*?)\s*$", re.MULTILINE)
_ON_TPU = re.compile(r"Number of operations that will run on Edge TPU:\s*(\d+)")
_ON_CPU = re.compile(r"Number of operations that will run on CPU:\s*(\d+)")
_TROUBLE = re.compile(r"^.*(?:ERROR|Invalid model|failed|could not|Internal compiler error).*$", re.MULTILINE)


class Row(NamedTuple):
    """A line of the compiler's table."""

    op: str
    count: int  # type: ignore[assignment]  # tuple.count is never called
    """How many of them."""
    status: str
    """``Mapped to Edge TPU``, or why not."""


class CompilerLog(NamedTuple):
    """What the compiler said."""

    version: str
    """``16.0.384591198``; empty when it did not say."""
    rows: tuple[Row, ...]
    """Its table of ops."""
    on_tpu: int
    """Ops that will run on the Edge TPU."""
    on_cpu: int
    """Ops that will run on the CPU."""
    failure: str
    """Why it made nothing; empty when it did."""

    def document(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {**self._asdict(), "rows": [row._asdict() for row in self.rows]}


def ask_compiler(content: bytes, *, time_limit_s: float = TIME_LIMIT_S) -> CompilerLog | None:
    """Compile a graph in a folder of its own and read the log; None when no compiler is on PATH.

    Args:
        content: the graph.
        time_limit_s: after it the compiler is ended, which is a failure.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.tflite"
        model.write_bytes(content)
        command = [program, "-s", "-o", folder, str(model)]
        try:
            child = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return read_log("", failure=f"it does not start: {error}")
        try:
            said, _ = child.communicate(timeout=time_limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)  # it works in a child process of its own
            child.communicate()
            return read_log("", failure=f"it took longer than {time_limit_s:g} s")
        log = Path(folder) / "model_edgetpu.log"
        table = log.read_text(errors="replace") if log.is_file() else ""
        failed = child.returncode != 0 or not (Path(folder) / "model_edgetpu.tflite").is_file()
    return read_log(said, table=table, failure=_trouble(said, child.returncode) if failed else "")


def read_log(said: str, *, table: str = "", failure: str = "") -> CompilerLog:
    """Read what the compiler printed.

    Args:
        said: its output.
        table: its ``*_edgetpu.log`` file, which always has the whole table; the output is read where it is empty.
        failure: why it made nothing.
    """
    rows = tuple(Row(op, int(count), status) for op, count, status in _ROW.findall(table or said))
    version = _VERSION.search(said + "\n" + table)
    mapped = sum(row.count for row in rows if row.status == MAPPED)
    on_tpu, on_cpu = _ON_TPU.search(said), _ON_CPU.search(said)  # missing when every op is mapped
    return CompilerLog(
        version=version.group(1) if version else "",
        rows=rows,
        on_tpu=int(on_tpu.group(1)) if on_tpu else mapped,
        on_cpu=int(on_cpu.group(1)) if on_cpu else sum(row.count for row in rows) - mapped,
        failure=failure,
    )


def _trouble(said: str, status: int) -> str:
    lines = [line.strip() for line in _TROUBLE.findall(said)]
    return "; ".join(dict.fromkeys(lines))[:400] or f"it ended with status {status} and made no graph"
