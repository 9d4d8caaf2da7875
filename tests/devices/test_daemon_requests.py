"""A running daemon is asked over MQTT, and answers."""

import pytest
from caller import Caller
from installation import configured, sound_source
from recordings import bursts
from watched_daemon import WatchedDaemon

pytestmark = pytest.mark.devices


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
    assert caller.until("bridge/event", lambda body: body["type"] == "stopping")


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
