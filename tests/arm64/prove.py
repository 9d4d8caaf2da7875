"""Run the wheel on this machine and on an emulated aarch64 board, and compare what the two say.

In: the unpacked wheel, and the command that runs Python on the board (``board.sh``). Out: a dated report on stdout and
in a folder; exit status 0 when both say the same, 1 with a sentence for each difference. On both: ``edge-mm check``
with a real broker, the self-test and the golden outputs of every shipped bundle (``answers``), and a replay of the
demo's recordings with each bundle. Not here: the userland and the wheel (``run.sh``), the limits (``comparison``).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import cv2
import numpy as np
from comparison import Answer, Machine, Result, compare

from edge_mm.daemon.samples import RECORDINGS
from edge_mm.delivery.local_broker import LocalBroker
from edge_mm.errors import DeliveryError

HERE = Path(__file__).resolve().parent
RULES = {
    "eyes_closed_enter": 0.15,
    "eyes_closed_exit": 0.1,
    "eyes_closed_s": 0.0,
    "eyes_closed_keep_s": 0.3,
    "yawning_s": 0.1,
    "yawning_keep_s": 0.3,
    "heart_rate_high_bpm": 100.0,
    "heart_rate_high_exit_bpm": 97.0,
}
"""Far more sensitive than for use: a blink and a word raise alerts, so that 4 s of video have some to compare."""
LIMIT_S = 600
"""Longest run of one command on the board; ten times what it takes on a slow machine."""

MOST = 10
"""So many differences are told at the end; the report has all."""


class Inputs(NamedTuple):
    """The same files for both machines."""

    config: Path
    video: Path
    frame_s: float
    audio: Path
    ecg: Path
    ecg_hz: float


class Runner(NamedTuple):
    """How to run Python on a machine."""

    name: str
    command: list[str]
    environment: dict[str, str]
    profile: str


def main() -> int:
    args = _arguments()
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("EDGE_MM_", "PYTHON"))}
    here = Runner(os.uname().machine, [sys.executable], {**clean, "PYTHONPATH": str(args.code)}, "auto")
    there = Runner("aarch64", args.board, clean, "raspberry-pi-4")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="edge-mm-arm64-") as name:
        folder = Path(name)
        told: list[tuple[Machine, dict[str, Any]]] = []
        with LocalBroker() as broker:
            for runner in (here, there):
                inputs = _inputs(folder, runner, broker.settings.port)
                told.append(_asked(runner, inputs, folder / runner.name, args.code))
    (ours, about), (theirs, about_theirs) = told[0], told[1]
    if about_theirs["machine"] != "aarch64":
        _fail(f"the board says that it is {about_theirs['machine']}: this proves nothing about aarch64")
    if about["bundles"] != about_theirs["bundles"]:
        _fail("the two machines read different bundles: their digests differ")
    result = compare(ours, theirs, frame_s=inputs.frame_s)
    text = _report(result, (about, about_theirs), seconds=time.monotonic() - began)
    args.reports.mkdir(exist_ok=True)
    path = args.reports / f"arm64-{dt.datetime.now(dt.UTC):%Y-%m-%d}.md"
    path.write_text(text)
    print(text)
    for problem in result.problems[:MOST]:
        _say(f"differs: {problem}")
    if len(result.problems) > MOST:
        _say(f"and {len(result.problems) - MOST} more differences")
    _say(f"{'the two differ' if result.problems else 'the two say the same'}; the report is {path}")
    return 1 if result.problems else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--code", type=Path, required=True, help="the unpacked wheel")
    parser.add_argument("--reports", type=Path, required=True, help="folder for the report")
    parser.add_argument("board", nargs="+", help="command that runs Python on the board, arguments follow")
    return parser.parse_args()


def _inputs(folder: Path, runner: Runner, port: int) -> Inputs:
    """The demo's recordings and a configuration that names them.

    The clip's frames are decoded once and kept without loss: decoders turn H.264 into colours that are up to two grey
    levels apart from one processor to the next, and what is asked here is what the product makes of the same picture.
    """
    found = {one.name: (one, one.find()) for one in RECORDINGS}
    missing = [f"{one.name} ({one.install})" for one, path in found.values() if path is None]
    if missing:
        _fail(f"a sample recording is not installed: {', '.join(missing)}", status=69)
    video = folder / "frames.avi"
    frame_s = _without_loss(Path(str(found["vision"][1])), video)
    ecg, audio = found["ecg"], found["audio"]
    rate_hz = float(ecg[0].rate_hz or 0)
    config = folder / f"{runner.name}.toml"
    config.write_text(
        f'version = 1\ndevice_id = "proof"\nprofile = "{runner.profile}"\n'
        f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\nconnect_timeout_s = 60.0\n'
        f'[outbox]\npath = "{folder / runner.name}.sqlite"\n'
        f'[[source]]\nname = "vision"\nkind = "video"\ndevice = "{video}"\nrealtime = false\n'
        f'[[source]]\nname = "audio"\nkind = "audio"\ndevice = "{audio[1]}"\nrealtime = false\n'
        f'[[source]]\nname = "ecg"\nkind = "ecg"\ndevice = "{ecg[1]}"\nrate_hz = {rate_hz}\nrealtime = false\n'
        "[rules]\n" + "".join(f"{key} = {value}\n" for key, value in RULES.items())
    )
    return Inputs(config, video, frame_s, Path(str(audio[1])), Path(str(ecg[1])), rate_hz)


def _without_loss(clip: Path, to: Path) -> float:
    """Write a clip's frames as PNG in an AVI; gives the seconds from one frame to the next."""
    reader = cv2.VideoCapture(str(clip))
    rate = float(reader.get(cv2.CAP_PROP_FPS))
    size = int(reader.get(cv2.CAP_PROP_FRAME_WIDTH)), int(reader.get(cv2.CAP_PROP_FRAME_HEIGHT))
    writer = cv2.VideoWriter(str(to), cv2.VideoWriter_fourcc(*"MPNG"), rate, size)
    frames = 0
    while (read := reader.read())[0]:
        writer.write(read[1])
        frames += 1
    writer.release()
    if not frames or not to.is_file():
        _fail(f"{clip} cannot be read or written again without loss by this OpenCV")
    return 1.0 / rate


def _asked(runner: Runner, inputs: Inputs, folder: Path, code: Path) -> tuple[Machine, dict[str, Any]]:
    """What a machine says to everything."""
    folder.mkdir()
    seconds: dict[str, float] = {}

    def run(what: str, *arguments: str) -> str:
        _say(f"{runner.name}: {what}")
        began = time.monotonic()
        try:
            process = subprocess.run(
                [*runner.command, *arguments],
                env=runner.environment,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            _fail(f"{runner.name}: {what} had not ended after {LIMIT_S} s")
        seconds[what] = time.monotonic() - began
        if process.returncode:
            words = (process.stderr.strip() or process.stdout.strip())[-2000:] or "it said nothing"
            status = process.returncode
            how = f"ended with status {status}" if status > 0 else f"was killed by signal {-status}"
            _fail(f"{runner.name}: {what} {how}: {words}")
        return process.stdout

    checked = json.loads(run("check", "-m", "edge_mm.cli", "check", "-c", str(inputs.config), "--json"))
    run("self-tests and golden outputs", str(HERE / "answers.py"), str(folder))
    about = json.loads((folder / "machine.json").read_text())
    replays: dict[str, list[dict[str, Any]]] = {}
    for bundle in about["bundles"]:
        path = str(code / "edge_mm" / "bundles" / f"{bundle}.edgemm")
        words = ["--bundle", path, "--config", str(inputs.config), "--video", str(inputs.video)]
        words += ["--audio", str(inputs.audio), "--ecg", str(inputs.ecg), "--rate", str(inputs.ecg_hz)]
        lines = run(f"replay with {bundle}", "-m", "edge_mm.cli", "replay", "--json", *words)
        replays[bundle] = [json.loads(line) for line in lines.splitlines()]
    with np.load(folder / "outputs.npz", allow_pickle=False) as arrays:
        outputs = {
            key.removeprefix("value/"): Answer(arrays[key], float(arrays[key.replace("value/", "step/", 1)]))
            for key in arrays.files
            if key.startswith("value/")
        }
    about |= {"seconds": seconds, "check": [f"{one['part']}: {one['text']}" for one in checked["findings"]]}
    return Machine(runner.name, outputs, replays), about


def _report(result: Result, about: tuple[dict[str, Any], dict[str, Any]], *, seconds: float) -> str:
    here, there = about
    rows = [f"# {here['machine']} against {there['machine']}, {dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M UTC}", ""]
    for one in about:
        versions = ", ".join(f"{name} {version}" for name, version in one["versions"].items())
        rows.append(f"- {one['machine']}: Python {one['python']}, {versions}; XNNPACK on")
        spent = ", ".join(f"{what} {took:.1f} s" for what, took in one["seconds"].items())
        rows.append(f"  - {spent}")
    rows += ["", f"The board is emulated (Cortex-A72): its times say nothing. {seconds:.0f} s in all.", ""]
    rows += ["| graph | largest difference, quantization steps |", "|---|---|"]
    rows += [f"| {graph} | {steps:.2f} |" for graph, steps in result.steps.items()]
    for bundle, alerts in result.alerts.items():
        rows += ["", f"## Replay with {bundle}", ""]
        rows.append(
            f"Attention: {result.attention[bundle]:.4f} apart at most in {result.windows[bundle]} windows. "
            f"Alerts: {len(alerts)} transitions on both."
        )
        rows += ["", f"| alert | {here['machine']}, s | {there['machine']}, s |", "|---|---|---|"]
        rows += [f"| {one.kind} {one.state} | {one.here_s:.3f} | {one.there_s:.3f} |" for one in alerts]
    rows += ["", f"## edge-mm check on {there['machine']}", "", *(f"- {text}" for text in there["check"])]
    if result.problems:
        rows += ["", "## Differences", "", *(f"- {problem}" for problem in result.problems)]
    return "\n".join(rows) + "\n"


def _say(text: str) -> None:
    print(f"edge-mm: {text}", file=sys.stderr, flush=True)


def _fail(text: str, *, status: int = 1) -> NoReturn:
    _say(text)
    sys.exit(status)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DeliveryError as error:
        _fail(str(error), status=69)
