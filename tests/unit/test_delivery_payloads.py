"""What is said about an alert, a sensor and an estimate; where it is said; what day it was."""

import datetime
import json
import math
import re
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from delivery_samples import alert
from hypothesis import given
from hypothesis import strategies as st

from edge_mm.delivery import bridge_payloads, clock, topics
from edge_mm.delivery.clock import Anchor, iso
from edge_mm.delivery.payloads import AlertEvent, alert_event, replay_event, tidy
from edge_mm.delivery.present import alert_state
from edge_mm.delivery.record import BundleRef, Record, sortable_id
from edge_mm.delivery.topics import Topics
from edge_mm.errors import ConfigError
from edge_mm.types import Estimate, Observation, Status

NOON = 1_790_000_000 * 10**9  # 2026-09-21T14:13:20Z
BUNDLE = BundleRef("driver", "1.0.0", "ab" * 32)


def anchor(mono_s, *, boot="boot-1", wall_s=0.0, synced=True):
    return Anchor(NOON + round((mono_s + wall_s) * 1e9), round(mono_s * 1e9), boot, synced)


def record(an_alert=None, seq=7, boot="boot-1"):
    return Record(seq, sortable_id(seq, bytes(10)), sortable_id(1, bytes(10)), boot, an_alert or alert(12.4), BUNDLE)


def test_an_event_is_a_cloud_event_that_says_why_when_and_on_what_it_rests():
    event = alert_event(record(), source="edge_mm/car-7", anchor=anchor(13), now=anchor(13))
    assert json.loads(msgspec.json.encode(event)) == {
        "specversion": "1.0",
        "id": "00000000070000000000000000",
        "source": "edge_mm/car-7",
        "type": "edge_mm.alert.raised",
        "time": "2026-09-21T14:13:32.400Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:edge-mm:schema:alert-2",
        "data": {
            "alert_id": "driver.eyes_closed",
            "kind": "driver.eyes_closed",
            "category": "physiological",
            "priority": "high",
            "transition": "raised",
            "state": "active",
            "previous": "inactive",
            "latched": False,
            "silenced_until": None,
            "escalation": 0,
            "by": "",
            "reason": {
                "code": "eyes_closed_for",
                "params": {"seconds": 2.1, "limit": 1.5},
                "text": "eyes closed for 2.1 s (limit 1.5 s)",
            },
            "value": 2.1,
            "limit": 1.5,
            "unit": "s",
            "onset": "2026-09-21T14:13:31.900Z",
            "onset_mono": 11.9,
            "seq": 7,
            "boot_id": "boot-1",
            "clock_synced": True,
            "late": False,
            "incident_id": "00000000010000000000000000",
            "quality": {"vision": 0.93, "audio": None},
            "attention": {"vision": 0.8},
            "contribution": {"vision": 1.0},
            "sources": ["vision"],
            "bundle": {"name": "driver", "version": "1.0.0", "sha256": "ab" * 32},
        },
    }


def test_a_clock_set_after_the_alert_dates_it_rightly_when_it_is_published():
    in_1970 = Anchor(wall_ns=60 * 10**9, mono_ns=12 * 10**9, boot_id="boot-1", synced=False)
    early = alert_event(record(), source="s", anchor=in_1970, now=in_1970)
    assert (early.time, early.data.clock_synced) == ("1970-01-01T00:01:00.400Z", False)
    later = alert_event(record(), source="s", anchor=anchor(500), now=anchor(500))
    assert (later.time, later.data.clock_synced) == ("2026-09-21T14:13:32.400Z", True)


@pytest.mark.parametrize(
    ("mono_s", "boot", "late"), [(13, "boot-1", False), (17.3, "boot-1", False), (18, "boot-1", True), (5, "b2", True)]
)
def test_late_means_five_seconds_or_another_boot(mono_s, boot, late):
    event = alert_event(record(), source="s", anchor=anchor(12), now=anchor(mono_s, boot=boot))
    assert event.data.late is late


def test_without_any_wall_clock_of_its_boot_an_event_has_no_date():
    event = alert_event(record(boot="lost"), source="s", anchor=None, now=anchor(3))
    assert (event.time, event.data.onset, event.data.clock_synced) == (None, None, False)


def test_the_state_of_an_alarm_is_flat_but_for_its_explanation_and_says_inactive_when_cleared():
    state = json.loads(msgspec.json.encode(alert_state(record(alert(12.4, "cleared")), anchor=anchor(20))))
    assert state["state"] == "inactive"
    assert state["reason"] == "eyes closed for 2.1 s (limit 1.5 s)"
    assert state["since"] == "2026-09-21T14:13:32.400Z"
    nested = {name for name, value in state.items() if isinstance(value, dict)}
    assert nested == {"reason_params", "quality", "attention", "contribution"}  # what explains; the rest is flat


def test_two_replays_say_the_same_wherever_their_clock_began():
    first, second = (
        msgspec.json.encode(
            replay_event(
                alert(12.4 + start), seq=3, digest="ab12", origin_ns=round(start * 1e9), bundle=BUNDLE, source="s"
            )
        )
        for start in (0, 7000)
    )
    assert first == second
    event = msgspec.json.decode(first, type=AlertEvent)
    assert event.time == "1970-01-01T00:00:12.400Z"
    assert (event.data.clock_synced, event.data.late, event.data.onset_mono) == (False, False, 11.9)
    other = replay_event(alert(12.4), seq=3, digest="ab13", origin_ns=0, bundle=BUNDLE, source="s")
    assert other.id != event.id
    assert other.data.incident_id != event.data.incident_id


numbers = st.one_of(st.floats(), st.floats(width=32).map(np.float32), st.integers(-(10**6), 10**6))


@given(numbers, numbers, numbers)
def test_whatever_the_numbers_the_event_is_json_that_decodes_to_itself(value, limit, weight):
    odd = alert(value=value, limit=limit, attention={"vision": weight}, quality={"vision": weight, "audio": None})
    event = alert_event(record(odd), source="s", anchor=anchor(13), now=anchor(13))
    text = msgspec.json.encode(event)
    assert b"NaN" not in text
    assert b"Infinity" not in text
    assert msgspec.json.decode(text, type=AlertEvent) == event


@given(st.floats())
def test_a_number_as_it_is_sent_is_near_and_needs_no_second_rounding(value):
    sent = tidy(value)
    if not abs(value) < 1.7976e308:  # what rounds to infinity, and what is not a number
        assert sent is None
    else:
        assert sent == pytest.approx(value, rel=1e-4, abs=1e-320)
        assert tidy(sent) == sent
        assert str(sent) != "-0.0"


@given(st.lists(st.integers(0, 2**48 - 1), min_size=2, unique=True), st.binary(min_size=10, max_size=10))
def test_ids_sort_like_their_numbers(counters, tail):
    assert sorted(counters) == sorted(counters, key=lambda number: sortable_id(number, tail))
    assert len({sortable_id(number, tail) for number in counters}) == len(counters)


@given(st.datetimes(min_value=datetime.datetime(1970, 1, 1), max_value=datetime.datetime(2200, 1, 1)))
def test_wall_time_is_rfc_3339_in_utc(moment):
    wall_ns = (moment - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1) * 1000
    read = datetime.datetime.fromisoformat(iso(wall_ns).replace("Z", "+00:00"))
    assert datetime.timedelta(0) <= moment - read.replace(tzinfo=None) < datetime.timedelta(milliseconds=1)
    assert len(iso(wall_ns)) == len("2026-11-23T18:20:31.412Z")


def test_now_is_one_moment_on_both_clocks_of_this_boot():
    before, present, after = time.monotonic_ns(), clock.now(), time.monotonic_ns()
    assert before <= present.mono_ns <= after
    assert present.wall(present.mono_ns + 5) == present.wall_ns + 5
    assert present.boot_id == clock.now().boot_id != ""


def test_a_wall_clock_before_this_product_is_never_believed():
    assert clock.synchronized(0) is False
    assert clock.synchronized(int(datetime.datetime(2024, 12, 30).timestamp() * 1e9)) is False


def test_topics_hold_letters_digits_underscores_and_hyphens_only():
    tree = Topics("car-7", base="home/edge_mm")
    assert tree.of(topics.ALERT_STATE, "sensor.lost:cam/0 #+") == "home/edge_mm/car-7/alert/sensor_lost_cam_0___/state"
    assert tree.of(topics.BRIDGE_STATE) == "home/edge_mm/car-7/bridge/state"
    assert tree.source == "home/edge_mm/car-7"


@given(st.text())
def test_no_name_can_reach_another_level_or_a_wildcard(name):
    assert Topics("car-7").of(topics.ALERT_STATE, name).count("/") == 4
    assert not set("+#\x00") & set(Topics("car-7").of(topics.ALERT_STATE, name))


@pytest.mark.parametrize("base", ["", "/edge", "edge/", "a//b", "a/+", "#", "$SYS", "a\x00b", "x" * 201, "\udce9"])
def test_a_prefix_that_mqtt_does_not_take_is_refused(base):
    with pytest.raises(ConfigError, match="base topic"):
        Topics("car-7", base=base)


@pytest.mark.parametrize("device", ["", "car 7", "car/7", "x" * 65, "auto\n"])
def test_a_device_name_that_home_assistant_does_not_take_is_refused(device):
    with pytest.raises(ConfigError, match="device name"):
        Topics(device)


def test_the_readme_lists_every_topic_with_its_qos_and_whether_it_is_kept():
    readme = Path(__file__).parents[2] / "README.md"
    table = re.findall(r"^\| `([a-z/<>]+)` \| (.*) \| (yes|no) \|$", readme.read_text(encoding="utf-8"), re.MULTILINE)
    told = {re.sub("<.*>", "{}", path): (0 if "QoS 0" in text else 1, kept == "yes") for path, text, kept in table}
    tree = [channel for channel in vars(topics).values() if isinstance(channel, topics.Channel)]
    assert told == {channel.path: (channel.qos, channel.retain) for channel in tree}
    assert len(told) == 15


@pytest.mark.parametrize(
    ("state", "said"),
    [("live", "online"), ("degraded", "online"), ("stale", "stale"), ("lost", "offline"), ("starting", "offline")],
)
def test_what_a_source_says_becomes_an_availability(state, said):
    payload = json.loads(msgspec.json.encode(bridge_payloads.availability(Status(0, "cam", state, "why"))))
    assert payload["state"] == said
    assert payload["detail"] == "why"


def test_a_sensors_readings_can_be_reached_from_a_template():
    readings = [
        Observation(12_400_000_000, "vitals.heart_rate_bpm", 71.26, "bpm", 0.9, "physio", "ecg"),
        Observation(12_100_000_000, "vitals.beat", 1.0, "1", 0.9, "physio", "ecg", label="V"),
    ]
    assert msgspec.to_builtins(bridge_payloads.sensor_state(readings, anchor=anchor(13))) == {
        "time": "2026-09-21T14:13:32.400Z",
        "clock_synced": True,
        "readings": {
            "vitals_beat": {"value": 1.0, "unit": "1", "quality": 0.9, "label": "V"},
            "vitals_heart_rate_bpm": {"value": 71.26, "unit": "bpm", "quality": 0.9},
        },
    }


def test_an_estimate_says_scores_weights_and_what_each_sense_contributes():
    estimate = Estimate(
        12_000_000_000, 8_000_000_000, {"drowsy": 0.7}, {"vision": 1.0}, {"drowsy": {"vision": math.nan}}, {}, {}
    )
    said = msgspec.to_builtins(bridge_payloads.fusion_state(estimate, anchor=anchor(13)))
    assert said["scores"] == {"drowsy": 0.7}
    assert said["contributions"] == {"drowsy": {"vision": None}}


def test_health_never_holds_what_json_cannot_say():
    nest = {"a": math.nan, "b": [1, np.float32(0.25), (math.inf,)], "c": {"d": np.int64(3)}, "e": "text", "f": True}
    assert bridge_payloads.finite(nest) == {
        "a": None,
        "b": [1, 0.25, [None]],
        "c": {"d": 3},
        "e": "text",
        "f": True,
    }


def test_the_boot_id_is_the_kernels():
    path = Path("/proc/sys/kernel/random/boot_id")
    if not path.exists():
        pytest.skip("not here: no Linux /proc")
    assert clock.boot_id() == path.read_text(encoding="ascii").strip()


def test_what_is_no_utf_8_is_sent_as_an_escape():
    said = bridge_payloads.encode(bridge_payloads.availability(Status(0, "cam", "lost", "no file caf\udce9.mp4")))
    assert json.loads(said)["detail"] == "no file caf\\udce9.mp4"
