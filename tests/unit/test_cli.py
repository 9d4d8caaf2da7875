"""The command as people meet it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from recordings import ANY_SOUND, bundle_name, bursts, ecg_csv, video

from edge_mm.cli import main, parser
from edge_mm.daemon.config import load_config
from edge_mm.models.bundle import load_bundle

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "edge_mm.cli"]
VERBS = [
    "init",
    "run",
    "install-service",
    "demo",
    "replay",
    "calibrate",
    "check",
    "doctor",
    "tail",
    "bench",
    "schema",
    "dashboard",
    "devices",
    "bundle",
]
ENV = {**os.environ, "PYTHONPATH": str(ROOT)}


def run(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], check=False, capture_output=True, text=True, env=ENV, cwd=cwd or ROOT, timeout=120
    )


def test_help_teaches_the_verbs_with_examples(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert "edge-mm init && edge-mm check" in text
    for verb in VERBS:
        assert f"    {verb}" in text


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(verb, capsys):
    with pytest.raises(SystemExit) as end:
        main([verb, "--help"])
    assert end.value.code == 0
    assert f"examples:\n  edge-mm {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("demo", "bundle")])
def test_every_verb_that_is_offered_can_be_loaded(verb):
    import importlib

    module, function = parser().parse_args([verb]).handler.split(":")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize("words", [[], ["watch"], ["replay", "--vidio", "x"], ["demo", "--seconds", "-3"]])
def test_words_that_do_not_exist_are_a_usage_error(words, capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert "usage: edge-mm" in capsys.readouterr().err


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("edge-mm ")


def test_init_writes_a_configuration_that_is_accepted_and_never_replaces_one_unasked(tmp_path, capsys):
    path = tmp_path / "edge-mm.toml"
    assert main(["init", "--output", str(path)]) == 0
    assert path.stat().st_mode & 0o077 == 0
    load_config(path)
    assert "next: edge-mm check" in capsys.readouterr().out
    path.write_text("mine")
    assert main(["init", "--output", str(path)]) == 2
    assert "--force" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert main(["init", "--output", str(path), "--force", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    load_config(path)


def test_devices_are_listed_as_json(capsys):
    assert main(["devices", "--json"]) == 0
    groups = {"cameras", "microphones", "serial_ports", "i2c_parts", "bluetooth", "lsl_streams"}
    found = json.loads(capsys.readouterr().out)
    assert set(found) == groups | {"ran_on", "not_looked_for"}
    assert set(found["ran_on"]) == groups


def test_an_unexpected_error_is_one_sentence_and_a_traceback_only_when_asked(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "edge_mm.daemon.verb_devices", None)  # as if the installation were damaged
    assert main(["devices"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("edge-mm: unexpected ModuleNotFoundError: ")
    assert "EDGE_MM_DEBUG=1" in err
    monkeypatch.setenv("EDGE_MM_DEBUG", "1")
    with pytest.raises(ModuleNotFoundError):
        main(["devices"])


def test_a_verb_that_is_terminated_cleans_up_and_says_143(tmp_path, monkeypatch):
    from edge_mm.daemon import verb_devices

    folder = tmp_path / "temporary"

    def terminated_in_the_middle(_args):
        folder.mkdir()
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            return 0
        finally:
            folder.rmdir()

    monkeypatch.setattr(verb_devices, "main", terminated_in_the_middle)
    before = signal.getsignal(signal.SIGTERM)
    assert main(["devices"]) == 143
    assert not folder.exists()
    assert signal.getsignal(signal.SIGTERM) == before


def test_two_replays_print_identical_bytes_but_for_the_summary(tmp_path):
    sound = bursts(tmp_path / "s.wav", count=3)
    config = tmp_path / "c.toml"
    config.write_text(f'version = 1\ndevice_id = "d"\nbundle = "{bundle_name()}"\n[rules]\n{ANY_SOUND}')
    runs = [run("replay", "--json", "--config", str(config), "--audio", str(sound)) for _ in range(2)]
    assert [one.returncode for one in runs] == [0, 0]
    first, second = (one.stdout.splitlines() for one in runs)
    assert first[:-1] == second[:-1]
    lines = [json.loads(line) for line in first]
    assert {line["type"] for line in lines} == {"observation", "estimate", "alert", "summary"}
    assert [line["type"] for line in lines].index("summary") == len(lines) - 1
    assert all("t" in line for line in lines[:-1])
    alerts = [line["data"] for line in lines if line["type"] == "alert"]
    assert [alert["seq"] for alert in alerts] == list(range(1, len(alerts) + 1))
    assert lines[-1]["samples"] == {"audio": 150}
    assert lines[-1]["alerts"] == sum(alert["state"] == "active" for alert in alerts) >= 3
    assert lines[-1]["peak_rss_mib"] > 10


def test_a_replay_for_people_tells_alerts_as_sentences_and_ends_with_a_table(tmp_path, capsys):
    sound = bursts(tmp_path / "s.wav", count=1)
    config = tmp_path / "c.toml"
    config.write_text(f'version = 1\ndevice_id = "d"\nbundle = "{bundle_name()}"\n[rules]\n{ANY_SOUND}')
    assert main(["replay", "--config", str(config), "--audio", str(sound)]) == 0
    out = capsys.readouterr().out
    assert " heard (probability " in out
    assert "windows" in out
    assert "p95 ms" in out


def test_every_sense_is_replayed_together_under_its_stable_name(tmp_path, capfd):
    name = bundle_name()
    if load_bundle(name).front_end("vision") is None or load_bundle(name).front_end("physio") is None:
        pytest.skip("this bundle has not all senses")
    words = ["--video", str(video(tmp_path / "v.avi", frames=150))]
    words += [
        "--audio",
        str(bursts(tmp_path / "s.wav", count=2)),
        "--ecg",
        str(ecg_csv(tmp_path / "e.csv", seconds=10)),
    ]
    assert main(["replay", "--json", "--bundle", name, *words]) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert lines[-1]["samples"] == {"audio": 100, "ecg": 50, "vision": 150}
    assert lines[-1]["windows"] >= 8
    names = {line["name"]: line["source"] for line in lines if line["type"] == "observation"}
    assert names["driver.face_found"] == "vision"
    assert names["vitals.beat"] == "physio"
    assert any(one.startswith("audio.") and sense == "audio" for one, sense in names.items())
    beats = [line["t"] for line in lines if line.get("name") == "vitals.beat"]
    assert beats == sorted(beats)
    assert 0 <= beats[0] < beats[-1] <= 10
    weights = [line["weights"] for line in lines if line["type"] == "estimate" and line["weights"]]
    assert all(abs(sum(one.values()) - 1) < 0.02 for one in weights)
    assert "physio" in weights[-1]


def test_what_the_bundle_has_no_use_for_is_said_in_one_line(tmp_path, capfd):
    name = bundle_name()
    signals = tmp_path / "wrist.csv"
    signals.write_text("time,X,Y,Z\n" + "".join(f"{i / 50},{i % 3},0,1\n" for i in range(80)))
    words = ["replay", "--json", "--bundle", name, "--signals", str(signals), "--map", "acc_x=X,acc_y=Y,acc_z=Z"]
    sound = str(bursts(tmp_path / "s.wav", count=1))
    assert main([*words, "--note", "slept badly", "--audio", sound]) == 0
    out, err = capfd.readouterr()
    kind = load_bundle(name).manifest.name
    assert err.splitlines() == [f"edge-mm: bundle {kind} does not use: acc, note"]
    assert json.loads(out.splitlines()[-1])["samples"] == {"audio": 50}
    assert main([*words, "--note", "slept badly"]) == 0
    out, err = capfd.readouterr()
    assert err.splitlines() == [f"edge-mm: bundle {kind} does not use: acc, note"]
    assert [json.loads(line)["type"] for line in out.splitlines()] == ["summary"]


def test_a_bundle_can_be_looked_into_and_verified(capsys):
    name = bundle_name()
    assert main(["bundle", "verify", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    assert main(["bundle", "inspect", name, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["digest"]) == 64
    assert "fusion" in found["graphs"]
    assert main(["bundle", "inspect", name]) == 0
    told = capsys.readouterr().out
    assert found["digest"] in told
    bundle = load_bundle(name)
    if bundle.has("model_card.md"):
        assert found["card"] == bundle.member("model_card.md").decode()
        assert found["card"].strip() in told
    assert found["report"] == (json.loads(bundle.member("report.json")) if bundle.has("report.json") else None)
    assert all(", ".join(values) in told for values in found["labels"].values())
