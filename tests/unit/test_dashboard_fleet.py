"""What the dashboard knows of a fleet, from messages alone."""

import json

import msgspec
import pytest
from delivery_samples import alert
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_mm.dashboard import bounds
from edge_mm.dashboard.fleet import Fleet, Link
from edge_mm.delivery import clock
from edge_mm.delivery.bridge_payloads import BridgeState, encode, sensor_state
from edge_mm.delivery.payloads import alert_event
from edge_mm.delivery.present import alert_state
from edge_mm.delivery.record import Record
from edge_mm.types import Observation


def record(said, seq=1, incident="i1"):
    return Record(seq=seq, id=f"id{seq}", incident_id=incident, boot_id=clock.boot_id(), alert=said)


def hear(fleet, path, payload, *, device="car-7", retained=False, now_s=10.0):
    raw = payload if isinstance(payload, bytes) else encode(payload)
    return fleet.hear(f"edge_mm/{device}/{path}", raw, retained=retained, now_s=now_s)


def stands(
    fleet, state="raised", *, key="driver.eyes_closed", device="car-7", retained=False, incident="i1", now_s=10.0,
    **changes,
):  # fmt: skip
    said = alert_state(record(alert(1.0, state, key=key, **changes), incident=incident), anchor=clock.now())
    hear(fleet, f"alert/{key.replace('.', '_')}/state", said, device=device, retained=retained, now_s=now_s)


def test_devices_with_the_worst_alarm_come_first_and_answered_ones_after_unanswered():
    fleet = Fleet("edge_mm")
    for name in ("calm", "gone", "low", "medium", "seen", "high"):
        hear(fleet, "bridge/state", BridgeState("online"), device=name)
    stands(fleet, device="low", priority="low")
    stands(fleet, device="medium", priority="medium")
    stands(fleet, device="high")
    stands(fleet, "acknowledged", device="seen", by="anna")
    hear(fleet, "bridge/state", BridgeState("offline", "connection lost"), device="gone")
    assert [one.name for one in fleet.by_urgency()] == ["high", "seen", "medium", "gone", "low", "calm"]


def test_an_alarm_that_is_over_stands_no_longer_and_one_whose_topic_is_emptied_is_forgotten():
    fleet = Fleet("edge_mm")
    stands(fleet)
    stands(fleet, key="driver.yawning")
    stands(fleet, "cleared")
    assert [one.state.alert_id for one in fleet.devices["car-7"].standing()] == ["driver.yawning"]
    hear(fleet, "alert/driver_yawning/state", b"")
    assert not fleet.devices["car-7"].standing()


def test_only_what_has_just_come_up_is_news_and_an_escalation_is_news_again():
    fleet = Fleet("edge_mm")
    stands(fleet, retained=True)
    assert not fleet.urgent, "what stood before the page was opened is not read aloud"
    stands(fleet, incident="i2")
    stands(fleet, incident="i2")
    stands(fleet, "acknowledged", incident="i2")
    stands(fleet, "escalated", incident="i2", escalation=1)
    stands(fleet, priority="medium", key="driver.perclos")
    assert [(one.reason, one.escalation) for one in fleet.urgent] == [
        ("eyes closed for 2.1 s (limit 1.5 s)", 0),
        ("eyes closed for 2.1 s (limit 1.5 s)", 1),
    ]


def test_history_has_each_event_once_newest_first_and_none_pushes_out_another_devices():
    fleet = Fleet("edge_mm")

    def happens(device, seq):
        said = alert_event(record(alert(1.0), seq), source=f"edge_mm/{device}", anchor=clock.now(), now=clock.now())
        hear(fleet, "alert/event", said, device=device)

    happens("quiet", 1)
    for seq in range(bounds.MAX_EVENTS + 50):
        happens("loud", seq)
        happens("loud", seq)
    assert [one.event.id for one in fleet.history("quiet")] == ["id1"]
    loud = fleet.history("loud", most=1000)
    assert len(loud) == bounds.MAX_EVENTS
    assert [one.event.id for one in loud] == [f"id{seq}" for seq in range(bounds.MAX_EVENTS + 49, 49, -1)]
    assert fleet.history(most=1000)[-1].device == "quiet"


def test_a_sensors_time_lines_follow_the_camera_and_a_turned_head_is_looking_away():
    fleet = Fleet("edge_mm")
    now = clock.now()
    for second, (closed, yaw) in enumerate([(0.1, 0.0), (0.9, 46.0)]):
        said = [
            Observation(now.mono_ns, "driver.eyes_closed", closed, "probability", 0.8, "vision", "cabin"),
            Observation(now.mono_ns, "driver.head_yaw_deg", yaw, "deg", 0.8, "vision", "cabin"),
            Observation(now.mono_ns, "driver.head_pitch_deg", 0.0, "deg", 0.8, "vision", "cabin"),
        ]
        hear(fleet, "sensor/cabin/state", sensor_state(said, anchor=now), now_s=float(second))
    lines = fleet.devices["car-7"].sensors["cabin"].lines
    assert list(lines["driver_eyes_closed"].since(0.0)) == [(0.0, 0.1, 0.8), (1.0, 0.9, 0.8)]
    assert [value for _, value, _ in lines["looking_away"].since(0.0)] == [0.0, 1.0]


def test_readings_grow_stale_by_age_and_by_the_sensors_own_word():
    fleet = Fleet("edge_mm")
    now = clock.now()
    said = sensor_state([Observation(0, "vitals.heart_rate_bpm", 72.0, "bpm", 1.0, "physio", "ecg")], anchor=now)
    hear(fleet, "sensor/ecg/state", said, now_s=100.0)
    sensor = fleet.devices["car-7"].sensors["ecg"]
    assert not sensor.stale(101.0)
    assert sensor.stale(101.0 + bounds.STALE_S)
    hear(fleet, "sensor/ecg/availability", {"state": "stale"})
    assert sensor.stale(101.0)


def test_of_two_sensors_with_one_reading_the_one_that_tells_it_now_leads():
    fleet = Fleet("edge_mm")
    now = clock.now()
    for stream, bpm, at_s in (("belt", 72.0, 60.0), ("ecg", 140.0, 50.0)):
        said = [Observation(0, "vitals.heart_rate_bpm", bpm, "bpm", 1.0, "physio", stream)]
        hear(fleet, f"sensor/{stream}/availability", {"state": "online"})
        hear(fleet, f"sensor/{stream}/state", sensor_state(said, anchor=now), now_s=at_s)
    sensor, reading = fleet.devices["car-7"].leading(61.0)["vitals_heart_rate_bpm"]
    assert (sensor.name, reading.value) == ("belt", 72.0)


def test_a_waveform_keeps_the_last_seconds_and_gaps_are_gaps():
    fleet = Fleet("edge_mm")
    for i in range(100):
        piece = {"time": None, "rate_hz": 100.0, "unit": "mV", "values": [float(i), None] * 10}
        assert hear(fleet, "sensor/ecg/waveform", piece, now_s=i * 0.2)
    wave = fleet.devices["car-7"].sensors["ecg"].wave
    assert len(wave.values) == bounds.WAVE_S * 100
    assert wave.values[-2] == 99.0
    assert wave.values[-1] != wave.values[-1]


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("bridge/state", b"{"),
        ("bridge/state", b'{"state":"on fire"}'),
        ("bridge/state", b'{"state":"online","reason":"' + b"x" * bounds.MAX_PAYLOAD_BYTES + b'"}'),
        ("sensor/ecg/state", b"[" * 30_000),
        ("sensor/ecg/state", b'{"readings":{"a":{"value":"high"}}}'),
        ("sensor/ecg/waveform", b'{"rate_hz":0,"unit":"mV","values":[1]}'),
        ("sensor/ecg/waveform", b'{"rate_hz":1e300,"unit":"mV","values":[1]}'),
        ("alert/x/state", b"\xff\xfe"),
        ("alert/event", b"null"),
        ("sensor/<b>/state", b'{"readings":{}}'),
        ("camera/picture", b"{}"),
    ],
)
def test_what_is_not_of_the_contract_is_counted_and_changes_nothing(path, payload):
    fleet = Fleet("edge_mm")
    assert hear(fleet, path, payload) is None
    assert (fleet.counts.not_understood, len(fleet.devices)) == (1, 0)


@pytest.mark.parametrize("device", ["<script>alert(1)</script>", "a b", "", "x" * 65, "é"])
def test_a_name_that_no_device_can_have_is_counted(device):
    fleet = Fleet("edge_mm")
    assert hear(fleet, "bridge/state", BridgeState("online"), device=device) is None
    assert fleet.counts.not_understood == 1


def test_there_is_a_bound_for_everything_that_anyone_can_publish():
    fleet = Fleet("edge_mm")
    for i in range(bounds.MAX_DEVICES + 20):
        hear(fleet, "bridge/state", BridgeState("online"), device=f"d{i}")
    assert (len(fleet.devices), fleet.left_out) == (bounds.MAX_DEVICES, 20)
    for i in range(bounds.MAX_SENSORS + 10):
        hear(fleet, f"sensor/s{i}/availability", {"state": "online"}, device="d1")
        stands(fleet, key=f"driver.k{i}", device="d1")
    one = fleet.devices["d1"]
    assert (len(one.sensors), len(one.alarms)) == (bounds.MAX_SENSORS, bounds.MAX_ALARMS)
    many = {"readings": {f"r{i}": {"value": i, "unit": "u" * 9999} for i in range(6)}}
    hear(fleet, "sensor/s0/state", many, device="d1")
    assert max(len(reading.unit) for reading in one.sensors["s0"].readings.values()) <= bounds.LONGEST_TEXT + 1
    assert fleet.counts.no_room == 20 + 10 + 10


def test_an_alarm_that_is_over_makes_room_for_one_that_stands():
    fleet = Fleet("edge_mm")
    for i in range(bounds.MAX_ALARMS):
        stands(fleet, "cleared" if i == 3 else "raised", key=f"driver.k{i}")
    stands(fleet, key="driver.new")
    assert "driver_new" in fleet.devices["car-7"].alarms
    assert "driver_k3" not in fleet.devices["car-7"].alarms


def test_letters_that_turn_the_writing_direction_are_not_shown():
    assert bounds.clean("a\u202eb\x07c\nd") == "a b c d"


def test_a_broker_that_is_gone_is_gone_since_the_first_failure():
    fleet = Fleet("edge_mm")
    for link in (Link("connected", "", 1.0), Link("gone", "lost", 5.0), Link("gone", "refused", 9.0)):
        fleet.linked(link)
    assert (fleet.link.since_s, fleet.link.text) == (5.0, "refused")


def again(fleet, at_s):
    """The connection is lost and there again."""
    fleet.linked(Link("gone", "lost", at_s - 5))
    fleet.linked(Link("connected", "", at_s, at_s - 1))


def test_what_a_broker_does_not_tell_again_after_its_restart_is_unknown_and_its_alarms_old():
    fleet = Fleet("edge_mm")
    fleet.linked(Link("connected", "", 1.0, 0.5))
    for name in ("there", "left"):
        hear(fleet, "bridge/state", BridgeState("online"), device=name, now_s=2.0)
        stands(fleet, device=name, now_s=2.0)
    again(fleet, 100.0)
    hear(fleet, "bridge/state", BridgeState("online"), device="there", retained=True, now_s=100.0)
    stands(fleet, device="there", retained=True, now_s=99.5)  # before the broker had confirmed the subscription
    fleet.settle(100.0 + bounds.SETTLE_S)
    assert [(one.name, one.online) for one in fleet.devices.values()] == [("there", True), ("left", False)]
    assert all(len(one.standing()) == 1 for one in fleet.devices.values()), "no alarm is hidden"


def test_an_alarm_that_its_device_does_not_stand_by_any_more_is_gone_after_a_new_connection():
    fleet = Fleet("edge_mm")
    fleet.linked(Link("connected", "", 1.0, 0.5))
    hear(fleet, "bridge/state", BridgeState("online"), now_s=2.0)
    stands(fleet, now_s=2.0)
    again(fleet, 100.0)
    fleet.settle(100.0 + bounds.SETTLE_S)
    assert fleet.devices["car-7"].standing()
    hear(fleet, "bridge/state", BridgeState("online"), now_s=200.0)
    stands(fleet, key="driver.yawning", now_s=200.1)
    fleet.settle(200.1)
    assert len(fleet.devices["car-7"].standing()) == 2, "its states may still be on their way"
    fleet.settle(200.0 + bounds.SETTLE_S)
    assert [one.state.alert_id for one in fleet.devices["car-7"].standing()] == ["driver.yawning"]


def test_what_came_up_while_the_broker_was_away_is_news():
    fleet = Fleet("edge_mm")
    fleet.linked(Link("connected", "", 1.0, 0.5))
    stands(fleet, retained=True)
    fleet.linked(Link("gone", "lost", 5.0))
    stands(fleet, retained=True)  # may come before the news of the connection
    assert not fleet.urgent, "it stood before"
    stands(fleet, retained=True, incident="i2")
    assert len(fleet.urgent) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
SENT = {
    "alert/a/state": msgspec.to_builtins(alert_state(record(alert(1.0)), anchor=clock.now())),
    "alert/event": msgspec.to_builtins(alert_event(record(alert(1.0)), source="s", anchor=None, now=clock.now())),
    "sensor/a/state": {"time": None, "readings": {"a": {"value": 1.0, "unit": "s", "quality": 0.5}}},
    "fusion/state": {"scores": {"a": 1.0}, "weights": {}, "quality": {}},
    "bridge/info": {"version": "1", "device": "d", "backend": "b", "streams": []},
    "sensor/a/waveform": {"rate_hz": 100.0, "unit": "mV", "values": [1.0]},
}


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # how fast this machine is does not matter
@given(path=st.sampled_from(sorted(SENT)), data=st.data())
def test_whatever_a_field_holds_it_is_taken_or_counted(path, data):
    fleet = Fleet("edge_mm")
    payload = dict(SENT[path])
    payload[data.draw(st.sampled_from(sorted(payload)))] = data.draw(JSON)
    taken = hear(fleet, path, json.dumps(payload).encode())
    assert fleet.counts.not_understood == (taken is None)
    assert len(fleet.devices) == (taken is not None)
    assert fleet.by_urgency() is not None
