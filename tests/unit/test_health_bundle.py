"""The shipped bundle ``health``, as a user runs it: a wrist, a heart and a note through the command line."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from wrist import swing

from edge_mm.cli import main
from edge_mm.models.bundle import load_bundle
from edge_mm.monitor import Monitor
from edge_mm.perception.fusion import Fusion
from edge_mm.types import NS_PER_S as S
from edge_mm.types import Observation, Sample, StreamSpec, Window

BUNDLES = Path(__file__).resolve().parents[2] / "edge_mm" / "bundles"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(
    not list(BUNDLES.glob("health-*.edgemm")), reason="the bundle health is not built: make bundle"
)
MAP = "eda=EDA,temp=TEMP,acc_x=AX,acc_y=AY,acc_z=AZ,gyro_x=GX,gyro_y=GY,gyro_z=GZ"


def wrist_csv(path, *, seconds=40.0, blow_s=(), rate_hz=50.0):
    """A simulated wrist: calm skin, a hand that swings and may be struck."""
    acc, gyro = swing(seconds, rate_hz, blow_s=blow_s)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "EDA", "TEMP", "AX", "AY", "AZ", "GX", "GY", "GZ"])
        for i, (a, g) in enumerate(zip(acc.tolist(), gyro.tolist(), strict=True)):
            t = i / rate_hz
            rows.writerow([f"{t:.3f}", f"{2 + 0.05 * np.sin(t / 7):.4f}", "33.1", *a, *g])
    return path


def replayed(capsys, *arguments):
    assert main(["replay", "--bundle", "health", "--json", "-q", *map(str, arguments)]) == 0
    out = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {kind: [line for line in out if line["type"] == kind] for kind in ("observation", "estimate", "alert")}


def names(lines):
    return {line["name"] for line in lines["observation"]}


def test_a_wrist_and_a_note_are_read_and_fused(tmp_path, capsys):
    path = wrist_csv(tmp_path / "wrist.csv", blow_s=(20.0,))
    out = replayed(capsys, "--signals", path, "--map", MAP, "--note", "75 F, digoxin")
    assert {"motion.fall", "motion.activity_g", "skin.conductance_us", "skin.temperature_c", "note.words"} <= names(out)
    (fall,) = [line for line in out["observation"] if line["name"] == "motion.fall"]
    assert fall["t"] == pytest.approx(20.0, abs=0.1)
    last = out["estimate"][-1]
    assert set(last["scores"]) == {"arrhythmia", "distress", "event"}
    assert {"motion", "text"} <= set(last["weights"])
    assert sum(last["weights"].values()) == pytest.approx(1.0, abs=0.02)
    assert "digoxin" not in json.dumps(out)  # the note goes nowhere


def test_a_note_alone_is_nothing_to_replay(capsys):
    assert main(["replay", "--bundle", "health", "--note", "75 F"]) == 2
    assert "--note alone" in capsys.readouterr().err


def test_the_driver_says_what_it_does_not_use(tmp_path, capsys):
    path = wrist_csv(tmp_path / "wrist.csv", seconds=5.0)
    assert main(["replay", "--signals", str(path), "--map", MAP, "--note", "75 F"]) == 0
    assert "does not use: acc, gyro, note" in capsys.readouterr().err


def test_its_card_says_whom_it_was_tried_on_and_what_it_cannot_do():
    bundle = load_bundle("health")
    card = bundle.member("model_card.md").decode()
    for word in ("Stress-Predict", "HIFD", "acted", "not called stress detection", "composites", "Emotion"):
        assert word in card, word
    report = json.loads(bundle.member("report.json"))
    assert {"skin", "motion", "text", "physio", "audio", "fusion"} <= set(report)
    assert report["text"]["left_out"]["difference"]
    assert sum(len(bundle.graph(name)) for name in bundle.manifest.graphs) < 2 * 1024 * 1024


@pytest.mark.skipif(not (SHARED / "research/hifd").is_dir(), reason="needs ../shared/data")
def test_real_acted_falls_raise_an_alert_and_clapping_and_zipping_do_not(tmp_path, capsys):
    loadmat = pytest.importorskip("scipy.io").loadmat  # host side; the shipped net has seen these people
    raised = {}
    for what in ("fall/fall2", "fall/fall3", "non-fall/clap", "non-fall/zip"):
        columns = loadmat(str(SHARED / f"research/hifd/subject_02/{what}.mat"))
        table = np.hstack([columns[name] for name in ("ax", "ay", "az", "droll", "dpitch", "dyaw")])
        path = tmp_path / "wrist.csv"
        rows = "".join(f"{i / 50:.2f},{','.join(f'{v:.5f}' for v in row)}\n" for i, row in enumerate(table))
        path.write_text("time,AX,AY,AZ,GX,GY,GZ\n" + rows)
        out = replayed(capsys, "--signals", path, "--map", MAP.split("temp=TEMP,")[1])
        raised[what] = [line["data"]["kind"] for line in out["alert"] if line["event"].endswith(".raised")]
    assert "motion.fall" in raised["fall/fall2"] + raised["fall/fall3"]
    assert not raised["non-fall/clap"] + raised["non-fall/zip"]


def watched(*, minutes, heart):
    """A simulated wrist through the monitor: rippling skin conductance and, if wanted, a pulse of 75 a minute."""
    streams = {"eda": 4.0, "ppg": 64.0} if heart else {"eda": 4.0}
    specs = [StreamSpec(kind, kind, rate, "uS" if kind == "eda" else "a.u.") for kind, rate in streams.items()]
    monitor, said = Monitor(load_bundle("health"), specs), []
    for second in range(round(60 * minutes)):
        for kind, rate in streams.items():
            t = second + np.arange(round(rate)) / rate
            values = 2 + 0.1 * np.sin(t / 9) if kind == "eda" else np.exp(4 * np.cos(2 * np.pi * 1.25 * t))
            said += monitor.push(Sample(kind, second * S, values.astype(np.float32), rate))
    return [o for o in said if isinstance(o, Observation)]


@pytest.mark.parametrize(("heart", "used"), [(True, "skin and heart"), (False, "skin only")])
def test_the_skin_hears_the_heart_through_the_monitor(heart, used):
    said = [o for o in watched(minutes=10.6, heart=heart) if o.name == "health.stress"]
    assert said
    assert {o.label for o in said} == {used}
    assert min(o.t_ns for o in said) >= 600 * S  # nothing before ten minutes of the person are known


@pytest.mark.parametrize("between", [None, "temp"])
def test_a_stream_that_comes_back_as_another_kind_is_no_longer_read_as_the_old_one(between):
    monitor = Monitor(load_bundle("health"), [StreamSpec("w", "eda", 4.0, "uS"), StreamSpec("x", "eda", 4.0, "uS")])
    monitor.push(Sample("w", 0, np.full(4, 2.0, np.float32), 4.0))  # announced first and heard: it leads
    if between is not None:
        monitor.add_stream(StreamSpec("w", between, 4.0, "degC"))
    monitor.add_stream(StreamSpec("w", "acc", 50.0, "g"))
    said = []
    for second in range(1, 6):
        said += monitor.push(Sample("w", second * S, np.zeros((50, 3), np.float32), 50.0))
        said += monitor.push(Sample("x", second * S, np.full(4, 2.0, np.float32), 4.0))
    names = {(o.name, o.stream) for o in said if isinstance(o, Observation)}
    assert ("skin.conductance_us", "x") in names
    assert ("motion.activity_g", "w") in names
    assert not [o for o in said if isinstance(o, Observation) and o.stream == "w" and o.source == "skin"]
    for second in range(6, 640):  # the other sensor leads now
        said += monitor.push(Sample("x", second * S, np.full(4, 2.0, np.float32) + second % 3 / 50, 4.0))
    assert "health.stress" in {o.name for o in said if isinstance(o, Observation)}


def test_a_note_alone_says_nothing_of_anybody():
    fusion = Fusion(load_bundle("health"))
    note = np.ones((1, 8), np.float32)
    alone = fusion.estimate(Window(0, 10 * S, {"text": note}, {"text": 1.0}, {"text": 1.0}))
    assert (alone.scores, alone.weights) == ({}, {})
