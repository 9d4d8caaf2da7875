"""What Home Assistant is told, and when; that it understands it is proved in tests/home_assistant."""

import json
from dataclasses import replace

import msgspec
import pytest
from delivery_samples import alert

from edge_mm.delivery.bridge_payloads import BridgeInfo
from edge_mm.delivery.home_assistant import Alarm, Installation, config_topic, discovery
from edge_mm.delivery.home_assistant_guest import LISTEN_S, SETTLE_S, HomeAssistant, HomeAssistantSettings
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.topics import Topics
from edge_mm.types import Estimate, Observation

TOPICS = Topics("car-7")
TOPIC = "homeassistant/device/edge_mm/car-7/config"
CLOSED = Alarm("driver.eyes_closed", "driver.eyes_closed", "physiological", "high")
LOST = Alarm("sensor.lost/cabin", "sensor.lost", "technical", "medium")
THERE = Installation(BridgeInfo("1.0", "car-7", "b"), {"cabin": "video", "belt": "heart_rate"}, (CLOSED, LOST))
HEART = Observation(1, "vitals.heart_rate_bpm", 70.0, "bpm", 1.0, "physio", "belt")


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def outbox(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7") as opened:
        yield opened


@pytest.fixture
def clock():
    return Clock()


def guest(outbox, clock, there=THERE, **more):
    made = HomeAssistant(
        HomeAssistantSettings(**more), TOPICS, outbox, there, clock_s=clock, spread=lambda low, high: high
    )
    made.connected()
    return made


def told(one, clock, after_s=LISTEN_S):
    """The discovery payloads said after so long, and the topics of everything else."""
    clock.now_s += after_s
    messages = one.take()
    payloads = [json.loads(m.payload) if m.payload else None for m in messages if m.topic == TOPIC]
    return payloads, [m.topic for m in messages if m.topic != TOPIC]


def test_each_entity_has_what_home_assistant_asks_of_it_and_an_id_of_its_own():
    payload = discovery(TOPICS, THERE)
    parts = payload["components"]
    assert config_topic(TOPICS, "homeassistant") == TOPIC
    assert config_topic(Topics("car-7", base="a/b"), "ha") == "ha/device/a_b/car-7/config"
    assert len({one["unique_id"] for one in parts.values()}) == len(parts)
    assert {"alert_driver_eyes_closed", "acknowledge_driver_eyes_closed", "silence_sensor_lost_cabin"} <= set(parts)
    assert parts["alert_sensor_lost_cabin"]["name"] == "Cabin lost"
    assert parts["acknowledge_driver_eyes_closed"]["command_topic"] == "edge_mm/car-7/bridge/request/acknowledge"


def test_the_broker_is_listened_to_before_anything_is_said(outbox, clock):
    one = guest(outbox, clock)
    assert told(one, clock, LISTEN_S - 0.1) == ([], [])
    payloads, others = told(one, clock, 0.1)
    assert payloads == [discovery(TOPICS, THERE)]
    assert others == ["edge_mm/car-7/alert/driver_eyes_closed/state", "edge_mm/car-7/alert/sensor_lost_cabin/state"]
    assert told(one, clock, 60) == ([], [])


def test_an_alarm_that_has_been_raised_is_never_said_to_be_inactive_and_is_discovered_whatever_raised_it(outbox, clock):
    outbox.commit([alert(), alert(kind="own.kind", incident=2)])
    payloads, others = told(guest(outbox, clock), clock)
    assert others == ["edge_mm/car-7/alert/sensor_lost_cabin/state"]
    assert "alert_own_kind" in payloads[0]["components"]


def test_readings_and_scores_are_discovered_as_they_come(outbox, clock):
    one = guest(outbox, clock)
    told(one, clock)
    one.observed(HEART)
    one.observed(replace(HEART, stream="not installed"))
    one.estimated(Estimate(1, 0, {"drowsy": 0.5}, {}, {}, {}, {}))
    assert told(one, clock, SETTLE_S - 0.1) == ([], [])
    (payload,), _ = told(one, clock, 0.1)
    new = set(payload["components"]) - set(discovery(TOPICS, THERE)["components"])
    assert new == {"reading_belt_heart_rate_vitals_heart_rate_bpm", "score_drowsy"}
    one.observed(HEART)
    assert told(one, clock, 60) == ([], [])


def test_what_is_no_more_is_taken_out_once_and_what_has_not_come_yet_is_kept(outbox, clock):
    before = guest(outbox, clock)
    before.observed(HEART)
    (old,), _ = told(before, clock)
    one = guest(outbox, clock, replace(THERE, kinds={"belt": "heart_rate"}, alarms=(CLOSED,)))
    one.heard(TOPIC, json.dumps(old).encode(), retained=True)
    (first,), _ = told(one, clock, 0)
    assert first["components"]["alert_sensor_lost_cabin"] == {"platform": "binary_sensor"}
    assert first["components"]["sensor_cabin"] == {"platform": "binary_sensor"}
    (second,), _ = told(one, clock, SETTLE_S)
    assert not {"alert_sensor_lost_cabin", "sensor_cabin"} & set(second["components"])
    name = "reading_belt_heart_rate_vitals_heart_rate_bpm"
    assert second["components"][name] == old["components"][name]


def test_home_assistants_birth_is_answered_after_a_while_and_a_retained_one_is_none(outbox, clock):
    one = guest(outbox, clock)
    told(one, clock)
    one.heard("homeassistant/status", b"online", retained=True)
    one.heard("homeassistant/status", b"offline", retained=False)
    assert told(one, clock, 60) == ([], [])
    one.heard("homeassistant/status", b"online", retained=False)
    assert told(one, clock, 2.9) == ([], [])
    assert told(one, clock, 0.1)[0] == [discovery(TOPICS, THERE)]


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", b"[]", b'{"components": 3}', b'{"components": {"a": 1, "b": {"platform": []}}}', b"{" * 9999],
)
def test_a_payload_that_is_not_ours_changes_nothing(outbox, clock, payload):
    one = guest(outbox, clock)
    one.heard(TOPIC, payload, retained=True)
    assert told(one, clock)[0] == [discovery(TOPICS, THERE)]


def test_of_a_payload_that_the_broker_has_only_what_is_about_this_device_is_said_again(outbox, clock):
    before = guest(outbox, clock)
    before.observed(HEART)
    (old,), _ = told(before, clock)
    name = "reading_belt_heart_rate_vitals_heart_rate_bpm"
    mine = old["components"][name]
    strange = {
        f"{name}_1": mine | {"state_topic": "edge_mm/car-71/sensor/belt/state"},
        f"{name}_2": mine | {"command_topic": "zigbee2mqtt/lock/set"},
        f"{name}_3": mine | {"availability": [{"topic": "zigbee2mqtt/lock"}]},
        f"{name}_4": mine | {"availability": ["zigbee2mqtt/lock"]},
        f"{name}_5": {"platform": "sensor", "name": "of no topic"},
    }
    one = guest(outbox, clock)
    one.heard(TOPIC, json.dumps({"components": {name: mine, **strange}}).encode(), retained=True)
    (first,), _ = told(one, clock, 0)
    assert first["components"] == {**discovery(TOPICS, THERE)["components"], name: mine}


def test_switched_off_the_device_is_taken_out_once_a_connection(outbox, clock):
    one = guest(outbox, clock, enabled=False)
    assert told(one, clock) == ([None], [])
    assert told(one, clock, 60) == ([], [])


@pytest.mark.parametrize("prefix", ["", "a/#", "$SYS", "a//b"])
def test_a_prefix_that_is_no_topic_is_refused(prefix):
    with pytest.raises((ValueError, msgspec.ValidationError), match="prefix"):
        HomeAssistantSettings(prefix=prefix)
