"""A running daemon is asked over MQTT, and answers."""

import json
import time
from datetime import UTC, datetime

import pytest
from installation import broker, configured, sound_source
from recordings import bursts
from watched_daemon import WatchedDaemon

from edge_mm.delivery.connection import Connection
from edge_mm.delivery.subscriber import Subscriber

pytestmark = pytest.mark.devices


class Caller:
    """Asks, and hears the answers and events."""

    def __init__(self, settings):
        self.connection = Connection(settings, client_id="caller", clean_session=True)
        self.connection.open()
        filters = ["edge_mm/d/bridge/response/+", "edge_mm/d/bridge/event", "edge_mm/d/bridge/logging"]
        self.heard = Subscriber(settings, client_id="heard", filters=filters, persistent=False)
        self.heard.open()

    def send(self, verb, payload):
        number = self.connection.publish(f"edge_mm/d/bridge/request/{verb}", payload, qos=1, retain=False)
        while number not in self.connection.step(1.0):
            pass

    def ask(self, verb, *, transaction="t", **more):
        issued = datetime.now(UTC).isoformat()
        self.send(verb, json.dumps({"issued_at": issued, "transaction": transaction, "by": "me", **more}).encode())
        return self.until(f"response/{verb}")

    def until(self, topic, wanted=lambda body: True):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            message = self.heard.receive(timeout_s=5.0)
            if message is not None and message.topic.endswith(topic) and wanted(body := json.loads(message.payload)):
                return body
        raise AssertionError(f"nothing came to {topic}")

    def close(self):
        self.connection.close()
        self.heard.close()


@pytest.fixture
def local():
    with broker() as one:
        yield one


@pytest.fixture
def asked(tmp_path, local):
    sound = bursts(tmp_path / "s.wav", count=60)
    config = configured(tmp_path, port=local.settings.port, sources=sound_source(sound, realtime=True))
    caller = Caller(local.settings)
    with WatchedDaemon(config, local, more={"NOTIFY_SOCKET": str(tmp_path / "nobody")}) as daemon:
        daemon.until_live("mic")
        yield caller, daemon
    caller.close()


def test_it_answers_what_it_is_asked_and_says_why_not(asked):
    caller, daemon = asked
    health = caller.ask("health", transaction=7)
    assert (health["status"], health["transaction"]) == ("ok", 7)
    assert health["data"]["streams"]["mic"]["state"] == "live"
    unknown = caller.ask("acknowledge", incident_id="0" * 26)
    assert "no incident of that id" in unknown["error"]
    assert "no sensor here gives an ECG" in caller.ask("waveforms")["error"]
    assert "no sensor here gives what a baseline" in caller.ask("calibrate")["error"]
    assert caller.ask("log_level", level="debug")["data"] == {"level": "debug"}
    caller.send("no/such", b"{}")
    caller.send("explode", b"[" * 3000)
    assert "unknown request 'explode'" in caller.until("response/unknown")["error"]
    caller.send("health", b"\xff")
    assert "no UTF-8" in caller.until("response/health")["error"]
    caller.send("health", b'{"issued_at": "2020-01-01T00:00:00Z"}')
    assert "by the clock of this device" in caller.until("response/health")["error"]
    devices = daemon.retained("bridge/devices")
    assert [(one["name"], one["kind"]) for one in devices] == [("mic", "audio")]
    assert daemon.retained("bridge/info")["mqtt_version"] in ("5", "3.1.1")
    assert daemon.end() == 0


def test_a_reload_is_answered_when_it_is_accepted_and_when_it_is_refused(asked):
    caller, daemon = asked
    right = daemon.config.read_text()
    daemon.config.write_text(right + "sound_enter = 7\n")
    assert "not valid TOML" in caller.ask("reload")["error"]
    daemon.config.write_text(right)
    assert caller.ask("reload")["status"] == "ok"
    daemon.until_logged("going on with the new configuration")
    assert caller.ask("health")["status"] == "ok"


def test_a_restart_is_answered_and_the_status_says_that_it_is_wanted(asked):
    caller, daemon = asked
    assert caller.ask("restart")["status"] == "ok"
    assert daemon.process.wait(60) == 75


def test_an_alarm_is_acknowledged_by_its_instance_and_that_is_an_event_like_any_other(asked):
    caller, daemon = asked
    daemon.until(lambda now: "active" in now.values())
    raised = next(event for _, event in daemon.events if event.data.state == "active")
    done = caller.ask("acknowledge", incident_id=raised.data.incident_id)
    if done["status"] == "ok":  # the sound may have ended in between: then it says so
        assert done["data"]["kind"] == raised.data.kind
        daemon.until(lambda now: any(event.data.transition == "acknowledged" for _, event in daemon.events))
        told = next(event for _, event in daemon.events if event.data.transition == "acknowledged")
        assert (told.data.by, told.data.incident_id) == ("me", raised.data.incident_id)
    else:
        assert done["error"]
    assert daemon.end() == 0
