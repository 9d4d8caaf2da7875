"""What starting costs: ``edge-mm --help`` against ``python -c 'import numpy'``, in turn, CPU of whole processes.

In: nothing. Out: a dated line with medians and their difference (asked for: under 150 ms more than numpy).
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import statistics
import subprocess
import sys
from pathlib import Path


def cpu_ms(command: list[str]) -> float:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} failed ({process.returncode})")
    return 1000 * (usage.ru_utime + usage.ru_stime)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--pairs", type=int, default=9)
    pairs = parser.parse_args().pairs
    ours = [str(Path(sys.executable).with_name("edge-mm")), "--help"]
    theirs = [sys.executable, "-c", "import numpy"]
    rows = [(cpu_ms(ours), cpu_ms(theirs)) for _ in range(pairs + 1)][1:]
    help_ms, numpy_ms = (statistics.median(column) for column in zip(*rows, strict=True))
    when = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    print(
        f"{when}: edge-mm --help {help_ms:.0f} ms, import numpy {numpy_ms:.0f} ms, more: {help_ms - numpy_ms:+.0f} ms"
    )


if __name__ == "__main__":
    main()
