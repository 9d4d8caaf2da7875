"""`edge-mm check`: everything that is configured is tried and said at once, and nothing is changed."""

import json
import re
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from recordings import bundle_name, bursts, ecg_csv

from edge_mm.cli import main
from edge_mm.delivery.outbox import Outbox
from edge_mm.errors import UsageError

HEAD = 'version = 1\ndevice_id = "d"\n'


def written(path: Path, content: str) -> str:
    path.write_text(content)
    return str(path)


def test_check_says_everything_at_once_and_a_wrong_configuration_comes_first(tmp_path, capfd):
    config = written(
        tmp_path / "edge-mm.toml",
        HEAD + 'bundle = "nobody"\n[[source]]\nname="v"\nkind="video"\ndevice="none.mp4"\n'
        '[[source]]\nname="p"\nkind="ecg"\ndevice="/dev/ttyUSB77"\n[mqtt]\nport = 1\n',
    )
    assert main(["check", "-c", config, "--json"]) == 78
    report = json.loads(capfd.readouterr().out)
    wrong = {one["part"]: one["status"] for one in report["findings"] if one["level"] == "error"}
    assert wrong == {"bundle": 78, "source v": 69, "source p": 69, "broker": 69}
    assert report["status"] == 78


def test_check_tries_what_is_right_where_other_parts_of_the_configuration_are_wrong(tmp_path, capfd):
    bursts(tmp_path / "s.wav", count=1)
    config = written(
        tmp_path / "edge-mm.toml",
        HEAD + 'bundle = "nobody"\nprofile = "abacus"\n[[source]]\nname="a"\nkind="audio"\ndevice="s.wav"\n'
        '[[source]]\nname="b"\nkind="audoi"\n[mqtt]\nport = 99999\n[outbox]\npath="edge-mm.toml"\n',
    )
    assert main(["check", "-c", config, "--json"]) == 78
    findings = json.loads(capfd.readouterr().out)["findings"]
    levels = {(one["part"], one["level"]) for one in findings}
    assert levels >= {("source a", "ok"), ("bundle", "error"), ("profile", "error"), ("outbox", "error")}
    assert levels >= {("source[1]", "warning"), ("broker", "warning")}
    texts = "\n".join(f"{one['part']}: {one['text']}" for one in findings)
    assert "mqtt: port 99999" in texts
    assert "mqtt: mqtt:" not in texts
    assert "outbox: outbox" not in texts
    assert "driver" not in next(one["text"] for one in findings if one["part"] == "bundle").split("names")[0]


def outbox_finding(folder: Path, capfd: pytest.CaptureFixture[str]) -> dict[str, object]:
    bursts(folder / "s.wav", count=1)
    config = written(
        folder / "edge-mm.toml",
        HEAD + f'bundle = "{bundle_name()}"\n[[source]]\nname="a"\nkind="audio"\ndevice="s.wav"\n'
        '[mqtt]\nport = 1\n[outbox]\npath = "o.sqlite"\n',
    )
    main(["check", "-c", config, "--json"])
    (found,) = [one for one in json.loads(capfd.readouterr().out)["findings"] if one["part"] == "outbox"]
    return found


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("garbage", "not an outbox"),
        ("another device", "belongs to the device 'e'"),
        ("another program", "another prog"),
    ],
)
def test_check_says_what_is_wrong_with_the_outbox_and_leaves_it_as_it_was(how, expected, tmp_path, capfd):
    path = tmp_path / "o.sqlite"
    if how == "garbage":
        path.write_bytes(b"no database at all\n" * 100)
    elif how == "another device":
        Outbox(path, device="e").close()
    else:
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE mine (x)")
    before, folder = path.read_bytes(), sorted(tmp_path.iterdir())
    found = outbox_finding(tmp_path, capfd)
    assert (found["level"], found["status"]) == ("error", 1)
    assert expected in str(found["text"])
    assert path.read_bytes() == before
    assert set(tmp_path.iterdir()) == {*folder, tmp_path / "s.wav", tmp_path / "edge-mm.toml"}


def test_check_says_that_a_running_daemon_uses_the_outbox_and_is_content_with_one_that_ended(tmp_path, capfd):
    with Outbox(tmp_path / "o.sqlite", device="d") as outbox:
        assert "another process uses it" in str(outbox_finding(tmp_path, capfd)["text"])
        outbox.commit([], b"snapshot")
    assert outbox_finding(tmp_path, capfd)["level"] == "ok"
    assert not [one for end in ("wal", "shm", "journal") for one in tmp_path.glob(f"o.sqlite-{end}")]
    with Outbox(tmp_path / "o.sqlite", device="d") as outbox:
        assert outbox.snapshot() == b"snapshot"


def test_check_passes_where_all_is_well_but_the_broker_and_says_69(tmp_path, capfd):
    bursts(tmp_path / "s.wav", count=1)
    config = written(
        tmp_path / "edge-mm.toml",
        HEAD + f'bundle = "{bundle_name()}"\n[[source]]\nname="a"\nkind="audio"\ndevice="s.wav"\n[mqtt]\nport = 1\n',
    )
    assert main(["check", "-c", config]) == 69
    out, err = capfd.readouterr()
    assert re.search(r"^ERROR +broker: .*connection refused", out, re.MULTILINE)
    assert out.count("ERROR") == 1
    assert "edge-mm: 1 thing to put right" in err


def test_check_says_that_the_bundle_cannot_use_what_a_sensor_gives(tmp_path, capfd):
    ecg_csv(tmp_path / "slow.csv", seconds=5, rate_hz=20)
    config = written(
        tmp_path / "edge-mm.toml",
        HEAD + f'bundle = "{bundle_name()}"\n[[source]]\nname="e"\nkind="ecg"\ndevice="slow.csv"\n[mqtt]\nport = 1\n',
    )
    main(["check", "-c", config, "--json"])
    (found,) = [one for one in json.loads(capfd.readouterr().out)["findings"] if one["part"] == "source e"]
    assert found["level"] == "error"
    assert "20" in found["text"]


def test_check_goes_on_after_something_that_nobody_expected(tmp_path, capfd, monkeypatch):
    def broken(*_words, **_options):
        raise RuntimeError("a driver's own bug")

    monkeypatch.setattr("edge_mm.daemon.plan.audio_source", broken)
    config = written(tmp_path / "edge-mm.toml", HEAD + '[[source]]\nname="a"\nkind="audio"\n[mqtt]\nport = 1\n')
    assert main(["check", "-c", config, "--json"]) == 69
    found = {one["part"]: one["text"] for one in json.loads(capfd.readouterr().out)["findings"]}
    assert found["source a"] == "unexpected RuntimeError: a driver's own bug"
    assert {"outbox", "broker"} <= set(found)


def test_check_waits_for_the_broker_as_long_as_the_configuration_says(tmp_path, capfd):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        mqtt = f"[mqtt]\nport = {port}\nconnect_timeout_s = 0.125\n"
        config = written(tmp_path / "edge-mm.toml", HEAD + f'bundle = "{bundle_name()}"\n{mqtt}')
        main(["check", "-c", config, "--json"])
    (found,) = [one for one in json.loads(capfd.readouterr().out)["findings"] if one["part"] == "broker"]
    assert "0.125" in found["text"]


@pytest.mark.parametrize(("verb", "kind"), [("check", RuntimeError), ("run", UsageError)])
def test_the_password_of_a_camera_is_not_shown_whoever_names_its_address(verb, kind, tmp_path, capfd, monkeypatch):
    def broken(device, **_options):
        raise kind(f"a driver cannot open {device}")

    monkeypatch.setattr("edge_mm.daemon.plan.video_source", broken)
    camera = '[[source]]\nname="v"\nkind="video"\ndevice="rtsp://me:s3cret@camera/1"\n'
    config = written(tmp_path / "edge-mm.toml", HEAD + camera + "[mqtt]\nport = 1\n")
    assert main([verb, "-c", config]) == 69
    told = "".join(capfd.readouterr())
    assert "a driver cannot open rtsp://***@camera/1" in told
    assert "s3cret" not in told
