"""Alarms are acknowledged and silenced over MQTT, each by its instance, and stay so."""

import signal

import pytest
from installation import configured, sound_source
from recordings import bursts
from watched_daemon import WatchedDaemon

pytestmark = pytest.mark.devices
ABSENT = '[[source]]\nname = "{0}"\nkind = "{1}"\ndevice = "/dev/edge-mm-absent-{0}"\nrate_hz = 250\n'
LOST = "sensor.lost/pulse"
TOPIC = "alert/sensor_lost_pulse/state"


@pytest.fixture
def config(tmp_path, local):
    """A microphone that hears nothing worth an alarm, and a sensor that is not there: its alarm stays."""
    sound = sound_source(bursts(tmp_path / "s.wav", count=60), realtime=True)
    return configured(tmp_path, port=local.settings.port, sources=sound + ABSENT.format("pulse", "ppg"), rules="")


def incident_of(daemon, alarm):
    return next(event.data.incident_id for _, event in reversed(daemon.events) if event.data.alert_id == alarm)


def test_an_acknowledged_alarm_stays_so_for_those_who_come_later_and_after_a_power_cut(config, local, caller):
    with WatchedDaemon(config, local) as daemon:
        daemon.until_active(LOST)
        incident = incident_of(daemon, LOST)
        done = caller.ask("acknowledge", incident_id=incident, transaction=3)
        assert (done["status"], done["transaction"]) == ("ok", 3), done
        assert done["data"] == {"incident_id": incident, "kind": "sensor.lost"}
        daemon.until(lambda now: now.get(LOST) == "acknowledged")
        event = daemon.events[-1][1].data
        assert (event.transition, event.by, event.incident_id) == ("acknowledged", "me", incident)
        state = daemon.retained(TOPIC)
        assert (state["state"], state["by"], state["incident_id"]) == ("acknowledged", "me", incident)
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait(20)
    with WatchedDaemon(config, local) as daemon:
        daemon.until_logged("going on from transition")
        caller.until_heard()
        state = daemon.retained(TOPIC)
        assert (state["state"], state["by"], state["incident_id"]) == ("acknowledged", "me", incident)
        silenced = caller.ask("silence", incident_id=incident)  # the alarm machine knows it as well
        assert "it has been acknowledged, so it is silent already" in silenced["error"], silenced
        raised = [event.data for _, event in daemon.events if event.data.transition == "raised"]
        assert [one.incident_id for one in raised if one.alert_id == LOST] in ([], [incident])
        assert daemon.end() == 0
    assert "Traceback" not in daemon.log


def test_a_silence_ends_when_it_says_and_none_may_be_too_long_or_of_another_time(config, local, caller):
    with WatchedDaemon(config, local) as daemon:
        daemon.until_active(LOST)
        incident = incident_of(daemon, LOST)
        assert "600" in caller.ask("silence", incident_id=incident, seconds=601)["error"]
        assert "issued 11 s ago" in caller.ask("silence", incident_id=incident, age_s=11)["error"]
        assert daemon.retained(TOPIC)["state"] == "active"
        done = caller.ask("silence", incident_id=incident, seconds=3)
        assert done["status"] == "ok", done
        until = done["data"]["silenced_until"]
        daemon.until(lambda now: now.get(LOST) == "silenced")
        silenced = daemon.events[-1][1].data
        assert (silenced.by, silenced.silenced_until[:22]) == ("me", until[:22])
        daemon.until(lambda now: now.get(LOST) == "active")
        assert daemon.events[-1][1].data.transition == "resumed"
        assert daemon.retained(TOPIC)["silenced_until"] is None
        assert daemon.end() == 0


def test_an_instance_that_is_over_cannot_be_acknowledged(tmp_path, local, caller):
    sound = sound_source(bursts(tmp_path / "s.wav", count=60), realtime=True)
    config = configured(tmp_path, port=local.settings.port, sources=sound)
    with WatchedDaemon(config, local) as daemon:
        daemon.until(lambda now: "inactive" in now.values())
        over = next(event.data for _, event in daemon.events if event.data.state == "inactive")
        answer = caller.ask("acknowledge", incident_id=over.incident_id)
        assert answer["status"] == "error"
        assert "over" in answer["error"], answer
        assert daemon.end() == 0
        assert not [event for _, event in daemon.events if event.data.transition == "acknowledged"]


def test_with_several_people_the_right_persons_alarm_is_acknowledged(tmp_path, local, caller):
    people = (ABSENT.format(f"pulse_{one}", "ppg") + f'person = "{one}"\n' for one in ("ann", "bob"))
    config = configured(tmp_path, port=local.settings.port, sources="".join(people), rules="")
    with WatchedDaemon(config, local) as daemon:
        daemon.until(lambda now: sum(state == "active" for state in now.values()) >= 2)
        lost = {event.data.person: event.data for _, event in daemon.events if event.data.kind == "sensor.lost"}
        assert set(lost) == {"ann", "bob"}
        assert lost["bob"].priority == "high"  # it was all that watched him
        refused = caller.ask("silence", incident_id=lost["bob"].incident_id, seconds=121)
        assert "120 s" in refused["error"], refused
        assert caller.ask("acknowledge", incident_id=lost["bob"].incident_id)["status"] == "ok"
        daemon.until(lambda now: now.get(lost["bob"].alert_id) == "acknowledged")
        assert daemon.states()[lost["ann"].alert_id] == "active"
        assert daemon.end() == 0


def test_a_request_that_the_broker_kept_is_counted_and_changes_nothing(config, local, caller):
    with WatchedDaemon(config, local) as daemon:
        daemon.until_active(LOST)
        incident = incident_of(daemon, LOST)
        daemon.process.kill()
        daemon.process.wait(20)
        caller.send("acknowledge", caller.words(incident_id=incident), retain=True)
    with WatchedDaemon(config, local) as daemon:
        health = caller.until_heard()["mqtt"]
        assert (health["requests_ignored"], health["requests_refused"]) == (1, 0)
        assert daemon.retained(TOPIC)["state"] == "active"
        assert daemon.end() == 0
