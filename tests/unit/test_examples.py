"""Every example runs as its own docstring says."""

import csv
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from recordings import ANY_SOUND, bundle_name, bursts, ecg_csv

from edge_mm.models.bundle import load_bundle

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(example: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / example), *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_is_a_test_for_every_example():
    text = "".join(
        path.read_text() for path in (Path(__file__), *(ROOT / "tests" / "convert").glob("test_example*.py"))
    )
    assert len(EXAMPLES) >= 5
    assert [path.name for path in EXAMPLES if f'"{path.name}"' not in text] == []


def test_watching_a_recording_prints_estimates(tmp_path):
    words = ["--bundle", bundle_name(), "--audio", str(bursts(tmp_path / "s.wav", count=2))]
    words += ["--ecg", str(ecg_csv(tmp_path / "e.csv", seconds=10))]
    assert " because of " in run("watch_recording.py", *words)


def test_a_racing_heart_of_an_own_sensor_raises_an_alert():
    name = bundle_name()
    if load_bundle(name).front_end("physio") is None:
        pytest.skip("this bundle reads no ECG")
    assert "raised: heart rate " in run("own_sensor.py", name)


def test_an_own_policy_raises_and_clears_its_own_alert(tmp_path):
    out = run("own_policy.py", str(bursts(tmp_path / "s.wav", count=3)), bundle_name())
    assert "raised cabin.quiet: nothing heard for 2." in out
    assert "cleared cabin.quiet" in out


def test_an_own_sink_gets_every_alert_of_the_daemon(tmp_path):
    config = tmp_path / "edge-mm.toml"
    sound = bursts(tmp_path / "s.wav", count=1)
    config.write_text(
        f'version = 1\ndevice_id = "d"\nbundle = "{bundle_name()}"\n[mqtt]\nport = 1\n[rules]\n{ANY_SOUND}'
        f'[[source]]\nname = "mic"\nkind = "audio"\ndevice = "{sound}"\nrealtime = false\n'
    )
    out = run("own_sink.py", str(config), str(tmp_path / "diary.csv"))
    with (tmp_path / "diary.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows
    assert {row[1] for row in rows} <= {"raised", "cleared"}
    assert "alerts" in out


def test_an_own_durable_sink_has_each_alert_once(tmp_path):
    config, folder = tmp_path / "edge-mm.toml", tmp_path / "letters"
    sound = bursts(tmp_path / "s.wav", count=2)
    config.write_text(
        f'version = 1\ndevice_id = "d"\nbundle = "{bundle_name()}"\n[mqtt]\nport = 1\n[rules]\n{ANY_SOUND}'
        f'[[source]]\nname = "mic"\nkind = "audio"\ndevice = "{sound}"\nrealtime = false\n'
    )
    run("durable_sink.py", str(config), str(folder))
    letters = [json.loads(path.read_text()) for path in sorted(folder.iterdir())]
    assert [one["data"]["seq"] for one in letters] == list(range(1, len(letters) + 1))
    assert {one["data"]["transition"] for one in letters} >= {"raised", "cleared"}


@pytest.mark.parametrize("example", ["durable_sink.py", "own_policy.py", "own_sink.py", "watch_recording.py"])
def test_an_example_without_its_arguments_says_how_it_is_used(example):
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / example)],
        check=False, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 2
    assert "usage: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [["own_policy.py", "none.wav"], ["own_sink.py", "none.toml", "d.csv"], ["watch_recording.py", "--ecg", "none.csv"]],
)
def test_an_example_with_a_file_that_is_not_there_ends_with_a_sentence(words, tmp_path):
    example, *rest = words
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / example), *rest],
        check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    assert "none." in sentence


def test_a_back_end_prints_the_alerts_of_a_fleet(tmp_path):
    from delivery_samples import alert

    from edge_mm.delivery.local_broker import LocalBroker
    from edge_mm.delivery.mqtt import MqttSink
    from edge_mm.delivery.outbox import Outbox

    with LocalBroker() as broker, Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        command = [sys.executable, str(ROOT / "examples" / "alerts_of_a_fleet.py"), f"127.0.0.1:{broker.settings.port}"]
        sink = MqttSink(broker.settings, outbox)
        sink.start()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as example:
            found: list[str] = []
            reader = threading.Thread(target=lambda: found.append(example.stdout.readline()))
            reader.start()
            for n in range(600):  # nobody tells when it has subscribed
                outbox.commit([alert(n)], b"s")
                sink.wake()
                reader.join(0.1)
                if found:
                    break
            example.kill()
        sink.stop()
    assert "edge_mm/car-7 raised high eyes closed" in found[0]
