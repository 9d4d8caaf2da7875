"""Brokers that die, freeze, forget or are not who they say: what was accepted arrives, and the state is right again."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from delivery_samples import ENVIRONMENT, alert, small_disk

from edge_mm.delivery.bridge_payloads import BridgeInfo
from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.local_broker import LocalBroker, find_broker
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.probe import check_broker
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.subscriber import Subscriber
from edge_mm.errors import DeliveryError, OutboxError

pytestmark = pytest.mark.devices
PATIENCE_S = 20.0


def test_a_broker_killed_mid_stream_loses_nothing(broker, outbox):
    total, seen, halfway = 600, [], threading.Semaphore(0)
    # Never more on the way than the broker sends at once: what mosquitto still keeps in memory dies with it.
    ahead = threading.Semaphore(15)
    subscriber = Subscriber(broker.settings, client_id="dashboard")
    subscriber.open()
    broker.stop()  # so that the session is on its disk; from here on it is only killed
    broker.start()

    def listen():
        for event in subscriber.alerts(idle_s=PATIENCE_S):
            seen.append(event.data.seq)
            ahead.release()
            if len(seen) in (total // 3, 2 * total // 3):
                halfway.release()
            if len(set(seen)) == total:
                return

    listener = threading.Thread(target=listen)
    listener.start()
    sink = MqttSink(broker.settings, outbox, backoff_s=(0.05, 0.2))
    sink.start()

    def commit():
        for n in range(total):
            ahead.acquire(timeout=60)
            outbox.commit([alert(n)], b"s")
            sink.wake()

    committer = threading.Thread(target=commit)
    committer.start()
    for _ in range(2):
        assert halfway.acquire(timeout=60)
        broker.kill()
        broker.start()
    committer.join()
    assert sink.wait_drained(timeout_s=60)
    listener.join(timeout=60)
    subscriber.close()
    assert sink.stop()
    assert sorted(set(seen)) == list(range(1, total + 1))
    assert len(seen) == total, "doubles are dropped by id"
    assert sink.stats().connects >= 3


def test_a_broker_that_forgot_everything_is_told_again(kind, outbox, tmp_path):
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    with LocalBroker(kind, directory=folders[0]) as first:
        sink = MqttSink(first.settings, outbox, backoff_s=(0.05, 0.2))
        sink.publish_info(BridgeInfo("0.1.0", "car-7", "ai-edge-litert"))
        sink.start()
        outbox.commit([alert(1)])
        sink.wake()
        assert sink.wait_drained(timeout_s=PATIENCE_S)
    assert sink.wait_link("offline", timeout_s=PATIENCE_S)
    outbox.commit([alert(2, "cleared"), alert(3, incident=2)], b"s")
    with LocalBroker(kind, directory=folders[1], port=first.settings.port) as second:
        assert sink.wait_link("online", timeout_s=PATIENCE_S)
        assert sink.wait_drained(timeout_s=PATIENCE_S)
        found = {}
        with Subscriber(second.settings, client_id="late", filters=["edge_mm/#"], persistent=False) as late:
            while len(found) < 3:
                message = late.receive(timeout_s=PATIENCE_S)
                assert message is not None, f"only {sorted(found)} came"
                found[message.topic.removeprefix("edge_mm/car-7/")] = json.loads(message.payload)
        sink.stop()
    assert found["bridge/state"]["state"] == "online"
    assert found["bridge/info"]["version"] == "0.1.0"
    assert (found["alert/driver_eyes_closed/state"]["state"], found["alert/driver_eyes_closed/state"]["seq"]) == (
        "active",
        3,
    )


def test_a_frozen_broker_is_given_up_and_gets_the_alert_when_it_thaws(broker, outbox):
    settings = MqttSettings(port=broker.settings.port, ack_timeout_s=0.5, connect_timeout_s=0.5)
    sink = MqttSink(settings, outbox, backoff_s=(0.05, 0.1))
    sink.start()
    assert sink.wait_link("online", timeout_s=PATIENCE_S)
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        outbox.commit([alert()])
        sink.wake()
        assert sink.wait_link("offline", timeout_s=PATIENCE_S)
        assert outbox.depth == 1
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    assert sink.wait_drained(timeout_s=PATIENCE_S)
    sink.stop()


def test_what_was_delivered_before_a_reboot_stays_dated_by_its_own_boot(broker, outbox):
    earlier = Anchor(wall_ns=1_790_000_000 * 10**9, mono_ns=0, boot_id="the boot before", synced=True)
    outbox.commit([alert(12.4)], anchor=earlier)
    with Subscriber(broker.settings, client_id="dashboard") as subscriber:
        sink = MqttSink(broker.settings, outbox)
        sink.start()
        event = next(subscriber.alerts(idle_s=PATIENCE_S))
        sink.stop()
    assert event.time == "2026-09-21T14:13:32.400Z"
    assert (event.data.boot_id, event.data.clock_synced, event.data.late) == ("the boot before", True, True)


def test_on_a_full_disk_alerts_are_still_delivered_once_and_forgotten_when_there_is_space(broker, tmp_path, caplog):
    with (
        small_disk(tmp_path) as disk,
        Outbox(disk / "o.sqlite", device="car-7") as outbox,
        Subscriber(broker.settings, client_id="dashboard") as subscriber,
    ):
        outbox.commit([alert(n) for n in range(30)], b"s")
        filler = disk / "filler"
        with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        with pytest.raises(OutboxError, match="no space left"):
            for n in range(2000):
                outbox.commit([], bytes([n % 256]) * 2000)
        sink = MqttSink(broker.settings, outbox)
        sink.start()
        events = subscriber.alerts(idle_s=PATIENCE_S)
        assert [next(events).data.seq for _ in range(30)] == list(range(1, 31))
        filler.unlink()
        assert sink.wait_drained(timeout_s=PATIENCE_S)
        outbox.commit([alert()], b"s")
        sink.wake()
        assert next(events).data.seq == 31
        assert subscriber.duplicates == 0
        assert sink.stop()
    assert sum("cannot be deleted" in entry.getMessage() for entry in caplog.records) == 1


OWNER = """
import sys
from edge_mm.delivery.local_broker import LocalBroker
broker = LocalBroker(sys.argv[1]).start()
print(broker.pid, broker.settings.port, flush=True)
sys.stdin.read()
"""


def test_a_local_broker_dies_with_who_started_it(kind):
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as owner:
        pid, port = map(int, owner.stdout.readline().split())
        check_broker(MqttSettings(port=port))
        handle = os.pidfd_open(pid)
        owner.send_signal(signal.SIGKILL)
    try:
        assert select.select([handle], [], [], PATIENCE_S)[0], "the broker outlived its owner"
    finally:
        os.close(handle)


def test_a_local_broker_that_runs_is_not_started_twice(broker):
    first = broker.pid
    assert broker.start().pid == first
    broker.kill()
    assert broker.start().pid != first


def test_a_local_broker_listens_on_this_machine_only(broker):
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in Path(table).read_text(encoding="ascii").splitlines()[1:]:
            address, port = row.split()[1].split(":")
            if row.split()[3] == "0A" and int(port, 16) == broker.settings.port:
                listening.add(address)
    assert listening == {"0100007F"}


def test_without_a_broker_program_it_says_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda *_args, **_more: None)
    with pytest.raises(DeliveryError, match=r"apt install mosquitto, or pip install 'edge-mm\[broker\]'"):
        find_broker()


def test_a_broker_that_cannot_start_is_quoted(kind, tmp_path):
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(DeliveryError, match="does not start") as caught,
    ):
        LocalBroker(kind, directory=tmp_path, port=taken.getsockname()[1]).start()
    assert "in use" in str(caught.value)
