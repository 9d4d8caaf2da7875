"""What the conversion of the bundle ``driver`` costs and saves: bytes, speed, loss, time; then half of the channels.

In: what ``make bundle`` left in ``work`` (trained models, rows, plans). Out: a dated Markdown report on stdout and in
``reports/``; 1 where a figure is out of its limit. Graphs are timed in pairs, single invokes in turn, so every figure
of speed is a ratio. Run by ``make bench-convert``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from converters.evaluation.latency import latency

ROOT = Path(__file__).resolve().parents[2]
RECURRENT = ("audio.encoder", "physio.rhythm")
NO_ENCODER = ("fusion",)


class Figure(NamedTuple):
    """One figure beside its limit."""

    what: str
    value: float
    limit: float
    form: str = "{:.2f}x"

    @property
    def holds(self) -> bool:
        return self.value <= self.limit

    def __str__(self) -> str:
        shown = self.form.format(self.value), self.form.format(self.limit)
        return f"| {self.what} | {shown[0]} | at most {shown[1]} | {'yes' if self.holds else '**no**'} |"


def build(plan: Path, folder: Path, cache: Path) -> tuple[float, dict[str, Any]]:
    """Seconds of ``edge-mm-convert build`` as a whole process, and its report."""
    command = [sys.executable, "-m", "converters.cli", "build", str(plan), "--out", str(folder), "--json"]
    command += ["--cache", str(cache), "--graphs", str(folder)]
    started = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, cwd=ROOT)
    took = time.monotonic() - started
    if not done.stdout:
        sys.exit(f"{plan}: the build failed with status {done.returncode}")
    return took, json.loads(done.stdout)


def dense_rows(report: dict[str, Any], folder: Path) -> tuple[list[str], list[Figure]]:
    lines = [
        "| graph | float bytes | int8 bytes | share | int8 / float time | metric | float | int8 | loss [95 %], rows |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    figures = []
    for name, one in report["graphs"].items():
        graphs = [(folder / f"{name}{kind}.tflite").read_bytes() for kind in (".float", "")]
        speed, share = latency(*graphs), one["bytes"] / one["float_bytes"]
        lines.append(
            f"| {name} | {one['float_bytes']:,} | {one['bytes']:,} | {share:.2f}x | {speed.ratio:.2f}x "
            f"({speed.float_us:.1f} to {speed.int8_us:.1f} us) | {loss_cells(one)} |"
        )
        if name not in NO_ENCODER:
            kind = "recurrent" if name in RECURRENT else "convolutional"
            figures.append(Figure(f"{name} ({kind}): int8 time of its float form", speed.ratio, 1.0))
        if name not in (*NO_ENCODER, *RECURRENT):
            figures.append(Figure(f"{name}: int8 bytes of float", share, 0.30))
        figures.append(Figure(f"{name}: {one['metric']} lost", one["loss_pp"], 1.0, "{:.2f} points"))
    totals = [sum(one[key] for one in report["graphs"].values()) for key in ("float_bytes", "bytes")]
    lines.append(f"| together | {totals[0]:,} | {totals[1]:,} | {totals[1] / totals[0]:.2f}x | | | | | |")
    return lines, [Figure("all graphs: int8 bytes of float", totals[1] / totals[0], 0.35), *figures]


def small_rows(report: dict[str, Any], dense: Path, folder: Path) -> tuple[list[str], list[Figure]]:
    lines = [
        "| graph | int8 bytes | half of the channels | share | time | metric | float | int8 | loss [95 %], rows |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    figures = []
    for name, one in report["graphs"].items():
        if one["recipe"] != "channels-50-int8":
            continue
        graphs = [(place / f"{name}.tflite").read_bytes() for place in (dense, folder)]
        speed, share = latency(*graphs), len(graphs[1]) / len(graphs[0])
        lines.append(
            f"| {name} | {len(graphs[0]):,} | {len(graphs[1]):,} | {share:.2f}x | {speed.ratio:.2f}x "
            f"({speed.float_us:.1f} to {speed.int8_us:.1f} us) | {loss_cells(one)} |"
        )
        figures += [
            Figure(f"{name}, half of the channels: bytes of the dense int8 graph", share, 0.50),
            Figure(f"{name}, half of the channels: time of the dense int8 graph", speed.ratio, 0.75),
            Figure(f"{name}, half of the channels: {one['metric']} lost", one["loss_pp"], 1.0, "{:.2f} points"),
        ]
    return lines, figures


def loss_cells(one: dict[str, Any]) -> str:
    low, high = one["interval_pp"]
    return (
        f"{one['metric']} | {one['float_percent']:.2f} | {one['percent']:.2f} | "
        f"{one['loss_pp']:+.2f} [{low:+.2f}, {high:+.2f}], {one['rows']:,}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--work", type=Path, default=ROOT / "work", help="what `make bundle` left (default: work)")
    options = parser.parse_args()
    plans = {kind: options.work / "plan" / "driver" / f"driver{kind}.toml" for kind in ("", "-small")}
    if not plans[""].is_file():
        print(f"{plans['']} is not there: run `make bundle` first (it trains; half an hour)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="edge-mm-bench-") as folder:
        place = {name: Path(folder, name) for name in ("dense", "small", "cache")}
        cold, dense = build(plans[""], place["dense"], place["cache"])
        warm, _ = build(plans[""], place["dense"], place["cache"])
        pruned, small = build(plans["-small"], place["small"], place["cache"])
        tables = [dense_rows(dense, place["dense"]), small_rows(small, place["dense"], place["small"])]
    figures = [
        Figure("build of the driver bundle from trained models", cold, 180.0, "{:.0f} s"),
        Figure("the same from the cache", warm, 5.0, "{:.1f} s"),
        *(figure for _, found in tables for figure in found),
    ]
    made = importlib.metadata.version("tensorflow"), importlib.metadata.version("ai-edge-litert")
    text = "\n".join(
        [
            f"# Conversion of the bundle driver, {dt.datetime.now().astimezone():%Y-%m-%d %H:%M}",
            "",
            f"{platform.machine()}, {os.cpu_count()} cores; TensorFlow {made[0]}, ai-edge-litert {made[1]}, one "
            "thread. Losses are of int8 against the trained float model, on rows of people, records or clips that "
            "were not trained on. Half of the channels is pruned, fine-tuned and quantized "
            f"in one build ({pruned:.0f} s).",
            "",
            *tables[0][0],
            "",
            *tables[1][0],
            "",
            "| figure | measured | limit | holds |",
            "|---|---|---|---|",
            *map(str, figures),
            "",
            *(f"Refused by its gate: {line}" for report in (dense, small) for line in report["refused"]),
        ]
    )
    print(text)
    (ROOT / "reports").mkdir(exist_ok=True)
    (ROOT / "reports" / f"conversion-{dt.date.today()}.md").write_text(text + "\n")
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
