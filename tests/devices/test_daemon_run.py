"""`edge-mm run` as a process, with a real broker: what arrives, what waits, how it ends."""

import json
import resource
import signal

import pytest
from installation import broker, check_whole, configured, log_of, received, sound_source, start
from recordings import bursts

from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.subscriber import Subscriber

pytestmark = pytest.mark.devices


def test_a_recording_is_watched_to_its_end_and_every_transition_arrives_in_order(tmp_path):
    sound = bursts(tmp_path / "s.wav", count=4)
    with broker() as local:
        config = configured(tmp_path, port=local.settings.port, sources=sound_source(sound))
        with Subscriber(local.settings, client_id="test") as subscriber:
            process = start(config)
            assert process.wait(60) == 0, log_of(config)
            events = received(subscriber, until=lambda _: False, idle_s=1.0)
        check_whole(events)
        assert len(events) >= 8
        assert {event.data.kind.split(".")[0] for event in events} == {"sound"}
        kept = {}
        with Subscriber(local.settings, client_id="late", filters=["edge_mm/d/#"], persistent=False) as late:
            while (message := late.receive(timeout_s=1.0)) is not None:
                kept[message.topic.removeprefix("edge_mm/d/")] = json.loads(message.payload)
    assert kept["bridge/state"] == {"state": "offline", "reason": "stopped"}
    assert kept["bridge/info"]["streams"][0]["name"] == "mic"
    assert kept["bridge/health"]["streams"]["mic"] == kept["bridge/health"]["streams"]["mic"] | {
        "state": "off",
        "samples": 200,
        "dropped": 0,
    }
    assert kept["sensor/mic/availability"]["state"] == "offline"
    states = [body["state"] for topic, body in kept.items() if topic.startswith("alert/")]
    assert len(states) == len({event.data.alert_id for event in events})
    assert "Traceback" not in log_of(config)


def test_a_file_in_real_time_ends_at_sigterm_with_a_farewell_and_status_0(tmp_path):
    sound = bursts(tmp_path / "s.wav", count=100)
    with broker() as local:
        config = configured(tmp_path, port=local.settings.port, sources=sound_source(sound, realtime=True))
        with Subscriber(local.settings, client_id="test", filters=["edge_mm/d/#"]) as subscriber:
            process = start(config)
            seen, asked = [], False
            while (message := subscriber.receive(timeout_s=30.0)) is not None:
                seen.append((message.topic.removeprefix("edge_mm/d/"), message.payload))
                if message.topic.endswith("alert/event") and not asked:
                    asked = True
                    process.send_signal(signal.SIGTERM)
                if message.topic.endswith("bridge/state") and b"offline" in message.payload:
                    break
            assert process.wait(30) == 0, log_of(config)
    states = [json.loads(payload)["state"] for topic, payload in seen if topic == "bridge/state"]
    assert states == ["online", "stopping", "offline"]
    assert any(topic == "sensor/mic/state" for topic, _ in seen)
    assert any(topic == "fusion/state" for topic, _ in seen)


def test_without_a_broker_alerts_wait_on_disk_and_the_next_run_delivers_all(tmp_path):
    sound = bursts(tmp_path / "s.wav", count=2)
    config = configured(tmp_path, port=1, sources=sound_source(sound))
    process = start(config)
    assert process.wait(60) == 0
    log = log_of(config)
    assert log.count("connection refused") == 1
    assert "wait for the broker; the next start delivers them" in log
    with Outbox(tmp_path / "o.sqlite", device="d") as outbox:
        waiting = outbox.depth
    assert waiting >= 4
    with broker() as local:
        configured(tmp_path, port=local.settings.port, sources=sound_source(sound))
        with Subscriber(local.settings, client_id="test") as subscriber:
            assert start(config).wait(60) == 0
            events = received(subscriber, until=lambda _: False, idle_s=1.0)
    check_whole(events)
    assert len(events) > waiting


def test_a_wrong_password_is_said_once_never_shown_and_the_daemon_stays_up(tmp_path):
    sound = bursts(tmp_path / "s.wav", count=100)
    with broker(login=("edge", "right-password")) as local:
        config = configured(
            tmp_path,
            port=local.settings.port,
            sources=sound_source(sound, realtime=True),
            mqtt='username = "edge"\npassword = "wrong-password"',
        )
        process = start(config)
        # Long enough for several attempts (0.5, 1, 2 s apart): the outbox shows that it watches on meanwhile.
        with pytest.raises(Exception, match="timed out"):
            process.wait(6)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    log = log_of(config)
    assert log.count("bad user name or password") == 1
    assert "wrong-password" not in log
    with Outbox(tmp_path / "o.sqlite", device="d") as outbox:
        assert outbox.depth >= 2


def test_a_full_disk_loses_nothing_that_was_accepted_and_ends_with_status_1(tmp_path):
    sound = bursts(tmp_path / "s.wav", count=40)
    limit = 96 * 1024  # bytes per file: the outbox's journal reaches it after some transitions

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    config = configured(tmp_path, port=1, sources=sound_source(sound))
    process = start(config, before=little_room)
    assert process.wait(90) == 1
    log = log_of(config)
    assert "alerts are kept in memory and tried again every second" in log
    assert "transitions could not be stored" in log
    assert "Traceback" not in log
    with Outbox(tmp_path / "o.sqlite", device="d") as outbox:
        stored = [record.seq for record in outbox.pending(1000)]
    assert stored == list(range(1, len(stored) + 1))
    assert stored
    with broker() as local:
        configured(tmp_path, port=local.settings.port, sources=sound_source(sound))
        with Subscriber(local.settings, client_id="test") as subscriber:
            assert start(config).wait(90) == 0
            events = received(subscriber, until=lambda _: False, idle_s=2.0)
    check_whole(events)
    assert len(events) > len(stored)


def test_a_second_daemon_on_the_same_outbox_is_refused_in_one_sentence(tmp_path):
    sound = bursts(tmp_path / "s.wav", count=1)
    config = configured(tmp_path, port=1, sources=sound_source(sound))
    with Outbox(tmp_path / "o.sqlite", device="d"):
        assert start(config).wait(60) == 1
    (sentence,) = [line for line in log_of(config).splitlines() if line.startswith("edge-mm: ")]
    assert "another process uses it" in sentence
