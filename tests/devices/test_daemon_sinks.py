"""`edge-mm run` with `[[sink]]`: each alert once in a file and over HTTP, whoever is away and whoever is killed."""

import json
import os
import random
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from http_receiver import HttpReceiver
from installation import configured, environment, log_of, sound_source, start, until_log
from recordings import bursts

from edge_mm.delivery.outbox import Outbox

pytestmark = pytest.mark.devices
SINKS = ("mqtt", "log:diary", "webhook:ward")


@pytest.fixture
def receiver():
    with HttpReceiver() as there:
        yield there


def nobodys_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def with_sinks(folder: Path, receiver: HttpReceiver, *, count: int, realtime: bool = False) -> Path:
    """A configuration with both; the broker is away all the time."""
    sinks = (
        '[[sink]]\nkind = "log"\nname = "diary"\npath = "alerts.jsonl"\n'
        f'[[sink]]\nkind = "webhook"\nname = "ward"\nurl = "http://127.0.0.1:{receiver.port}/in"\n'
    )
    sound = bursts(folder / "s.wav", count=count)
    return configured(folder, port=nobodys_port(), sources=sinks + sound_source(sound, realtime=realtime))


def diary(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "alerts.jsonl").read_text().splitlines()]


def stored(folder: Path) -> tuple[int, dict[str, int]]:
    """Last number, and how many wait for whom."""
    with Outbox(folder / "o.sqlite", device="d", sinks=SINKS) as outbox:
        return outbox.last_seq, dict(outbox.depths)


def seqs(events: list[dict]) -> list[int]:
    return [event["data"]["seq"] for event in events]


def test_file_and_webhook_have_each_alert_once_while_the_broker_is_away(tmp_path, receiver):
    config = with_sinks(tmp_path, receiver, count=4)
    process = start(config)
    assert process.wait(120) == 0, log_of(config)
    last, waiting = stored(tmp_path)
    assert last >= 8
    assert waiting == {"mqtt": last, "log:diary": 0, "webhook:ward": 0}
    assert seqs(diary(tmp_path)) == seqs(receiver.got) == list(range(1, last + 1))
    assert [event["id"] for event in diary(tmp_path)] == [event["id"] for event in receiver.got]


def test_a_webhook_that_was_away_gets_all_of_it_when_it_is_back_and_the_file_does_not_wait(tmp_path, receiver):
    receiver.stop()
    config = with_sinks(tmp_path, receiver, count=30, realtime=True)
    process = start(config)
    try:
        until_log(process, config, "not reachable")
        while not (tmp_path / "alerts.jsonl").exists() or len(diary(tmp_path)) < 3:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.2)
        assert receiver.got == []
        receiver.start()
        receiver.until(3)
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0, log_of(config)
    last, waiting = stored(tmp_path)
    assert (waiting["log:diary"], waiting["webhook:ward"]) == (0, 0)
    assert seqs(receiver.once()) == seqs(diary(tmp_path)) == list(range(1, last + 1))
    assert log_of(config).count("webhook:ward: http://") == 1, "told once"


def test_killed_in_the_middle_each_alert_is_there_once(tmp_path, receiver):
    chance, ready = random.Random(6), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    config = with_sinks(tmp_path, receiver, count=40)
    with ready:
        ready.bind(str(tmp_path / "notify"))
        ready.settimeout(60)
        kills = 0
        for _ in range(8):
            process = start(config, more={"NOTIFY_SOCKET": str(tmp_path / "notify")})
            while b"READY=1" not in ready.recv(64):
                pass
            try:
                process.wait(chance.uniform(0.05, 1.0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
    assert start(config).wait(120) == 0, log_of(config)
    assert kills >= 6
    last, waiting = stored(tmp_path)
    assert (waiting["log:diary"], waiting["webhook:ward"]) == (0, 0)
    assert seqs(diary(tmp_path)) == list(range(1, last + 1)), "a line is written once"
    assert seqs(receiver.once()) == list(range(1, last + 1))
    assert len({event["id"] for event in receiver.got}) == last, "one that comes again has its id"
    assert "Traceback" not in log_of(config)


PLUGIN = """
import json
class Pager:
    def __init__(self, name, options):
        self.name = name
        self._path = options["path"]
    def deliver(self, events):
        with open(self._path, "a") as file:
            file.writelines(f"{event.data.seq}\\n" for event in events)
def broken(name, options):
    raise RuntimeError("no modem")
"""


@pytest.fixture
def plugins(tmp_path):
    """A folder with an installed package that has sinks."""
    folder = tmp_path / "site"
    info = folder / "pager-1.dist-info"
    info.mkdir(parents=True)
    (folder / "pager_plugin.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pager\nVersion: 1\n")
    points = "[edge_mm.sinks]\npager = pager_plugin:Pager\nbroken = pager_plugin:broken\ngone = pager_plugin:nothing\n"
    (info / "entry_points.txt").write_text(points)
    return {"PYTHONPATH": os.pathsep.join([environment()["PYTHONPATH"], str(folder)])}


def with_plugin(folder: Path, kind: str) -> Path:
    sinks = f'[[sink]]\nkind = "{kind}"\nname = "night"\noptions = {{ path = "{folder / "pages"}" }}\n'
    return configured(folder, port=nobodys_port(), sources=sinks + sound_source(bursts(folder / "s.wav", count=2)))


def test_a_plug_in_has_each_alert_and_rows_of_its_own(tmp_path, plugins):
    config = with_plugin(tmp_path, "pager")
    assert start(config, more=plugins).wait(120) == 0, log_of(config)
    with Outbox(tmp_path / "o.sqlite", device="d", sinks=("mqtt", "pager:night")) as outbox:
        last = outbox.last_seq
        assert outbox.depths == {"mqtt": last, "pager:night": 0}
    assert [int(line) for line in (tmp_path / "pages").read_text().split()] == list(range(1, last + 1))


@pytest.mark.parametrize(
    ("kind", "words"),
    [("broken", "RuntimeError: no modem"), ("gone", "AttributeError"), ("fax", "installed: broken, gone, pager")],
)
def test_a_plug_in_that_cannot_be_made_ends_the_start_in_a_sentence(tmp_path, plugins, kind, words):
    config = with_plugin(tmp_path, kind)
    assert start(config, more=plugins).wait(60) == 78
    assert words in log_of(config)
    assert "sink night" in log_of(config)
    assert "Traceback" not in log_of(config)
