"""An alert with something odd in it: said in words, stored whole, or saved in part; it never holds up the next one."""

import json
import math
import sqlite3
from dataclasses import replace
from types import MappingProxyType

import msgspec
import numpy as np
import pytest
from delivery_broker import PATIENCE_S, ToldBroker
from delivery_samples import alert

from edge_mm.alerts import Alarms
from edge_mm.daemon.keeper import Keeper
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.errors import ConfigError, OutboxError
from edge_mm.types import Condition, Estimate, Observation, Reason, Status, Tick

WRONG = [
    {"priority": "urgent"},
    {"category": None},
    {"sources": ("thermal",)},
    {"value": Ellipsis},
    {"value": 10**400},
    {"limit": "high"},
    {"unit": None},
    {"reason": Reason("a", {"x": [1]}, "t")},
    {"reason": Reason("a", None, "t")},
    {"reason": Reason("a", {"x" * 300: 1.0}, "t")},
    {"reason": Reason("a", {str(n): 1.0 for n in range(100)}, "t")},
    {"reason": "because"},
    {"onset_ns": "now"},
    {"onset_ns": 2**70},
    {"t_ns": math.nan},
    {"key": "k" * 70_000},
    {"kind": ""},
    {"kind": 3},
]
ODD = [
    {"reason": Reason("a", {"open": True, "n": None, "i": 3}, "t")},
    {"reason": Reason("a", MappingProxyType({"x": np.float32(1), "y": np.bool_(True)}), "t")},
    {"reason": Reason("a", {"x": "y" * 5000}, "long " * 50_000)},
    {"reason": Reason("a", {str(n): "\U0001f697" * 9000 for n in range(16)}, "\U0001f697" * 9000)},
    {"value": None, "limit": True},
    {"value": np.float64(2), "limit": np.int64(3), "active": np.bool_(True)},
    {"onset_ns": 1.5e9, "t_ns": np.int64(2_000_000_000)},
    {"key": "caf\udce9", "unit": np.str_("s")},
    {"sources": ["vision", "vision"]},
    {"priority": np.str_("high")},
]


def condition(t_ns, /, **changes):
    one = Condition(t_ns, "my.door", True, t_ns, "high", "technical", Reason("c", {"s": 1.5}, "open"), 1.0, 1.0, "s")
    return replace(one, **changes)


class Says:
    """Says for each second what is to be said."""

    def __init__(self, *changes):
        self.changes = changes

    def update(self, event):
        number = event.t_ns // 10**9
        return [condition(event.t_ns, **self.changes[number])] if number < len(self.changes) else []


def chain(outbox, policy, events):
    """What the daemon does: monitor, keeper, outbox. The error of a policy, if there was one."""
    alarms, failure = Alarms([policy], senses=("vision", "audio", "physio")), None
    keeper = Keeper(outbox, alarms.snapshot)
    for event in events:
        try:
            keeper.keep(alarms.update(event))
        except ConfigError as error:
            failure = error
        assert keeper.pending == 0, keeper.failure
    Alarms([]).restore(alarms.snapshot())
    return failure


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_policy_that_says_what_no_alert_can_hold_is_named_and_holds_up_nothing(tmp_path, wrong):
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        failure = chain(outbox, Says(wrong, {"key": "next"}), [Tick(0), Tick(10**9)])
        assert [record.alert.key for record in outbox.pending()] == ["next"]
    assert str(failure).startswith("policy Says: a condition of kind ")
    assert f"with {next(iter(wrong))} = " in str(failure)
    assert len(str(failure)) < 400


@pytest.mark.parametrize("odd", ODD, ids="-".join)
def test_what_a_policy_says_oddly_is_stored_sent_and_cleared(tmp_path, odd):
    clear = odd | {"active": False, "t_ns": 10**9}
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        assert chain(outbox, Says(odd, clear), [Tick(np.int64(second) * 10**9) for second in range(5)]) is None
        assert [(record.seq, record.alert.state) for record in outbox.pending()] == [(1, "raised"), (2, "cleared")]
        with ToldBroker() as broker:
            sink = MqttSink(broker.settings(), outbox)
            sink.start()
            assert sink.wait_drained(timeout_s=PATIENCE_S)
            sink.stop()


def test_what_comes_from_a_path_or_a_sensor_of_ones_own_holds_up_nothing(tmp_path):
    class Lost:
        def update(self, event):
            if isinstance(event, Status):
                return [condition(event.t_ns, kind="sensor.lost", reason=Reason("lost", {}, event.detail))]
            return []

    events = [
        Observation(1.0, "x", np.float32(0.5), "1", None, "vision", "cam"),
        Observation(2.0, "x", 0.5, "1", "good", "audio", "mic"),
        Status(3.5, "cam", "lost", "caf\udce9.mp4 is gone"),
    ]
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        assert chain(outbox, Lost(), events) is None
        (record,) = outbox.pending()
    assert record.alert.reason.text == "caf\\udce9.mp4 is gone"
    assert record.alert.quality == {"vision": None, "physio": None}


@pytest.mark.parametrize("sense", ["caf\udce9", "s" * 70_000, 3, "thermal"], ids=ascii)
def test_what_explains_an_alert_is_of_the_senses_that_are_known(tmp_path, sense):
    events = [
        Observation(0, "x", 0.5, "1", 0.5, sense, "cam"),
        Observation(0, "x", 0.5, "1", 10**400, "physio", "band"),
        Tick(10**9),
        Estimate(2 * 10**9, 0, {}, {sense: 0.5, "audio": 0.5}, {"vision": 1.0}, {"drowsiness": {sense: 0.5}}, {}),
        Tick(3 * 10**9),
    ]

    class Fused:
        def update(self, event):
            number = event.t_ns // 10**9
            if not isinstance(event, Tick):
                return []
            return [condition(event.t_ns, kind=f"fused.{number}", head="drowsiness")]

    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        assert chain(outbox, Fused(), events) is None
        by_quality, by_estimate = (record.alert for record in outbox.pending())
    assert by_quality.quality == {"vision": None, "audio": None}
    assert (by_estimate.attention, by_estimate.contribution) == ({"audio": 0.5}, {})


def test_something_else_than_a_condition_is_said_to_be_none():
    class Tuples:
        def update(self, event):
            return [("door", True)]

    with pytest.raises(ConfigError, match=r"policy Tuples: it gave \('door', True\), not a Condition"):
        Alarms([Tuples()]).update(Tick(0))


@pytest.mark.parametrize(
    "wrong",
    [
        *(each for each in WRONG if next(iter(each)) in {"priority", "category", "sources", "value", "limit", "unit"}),
        {"reason": Reason("a", {"x": True}, "t")},
        {"reason": Reason("a", {"x": "y" * 70_000}, "t")},
        {"onset_ns": 1.5},
        {"key": "\ud800"},
        {"key": "k" * 70_000},
        {"attention": {"vision": None}},
        {"incident": "one"},
    ],
    ids=lambda wrong: str(wrong)[:60],
)
def test_what_cannot_be_read_again_or_published_is_refused_whole_and_uses_no_number(tmp_path, wrong):
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        outbox.commit([alert(1)], b"before")
        with pytest.raises(OutboxError, match=r"outbox .*o\.sqlite: "):
            outbox.commit([alert(2), alert(3, **wrong)], b"after")
        assert (outbox.depth, outbox.last_seq, outbox.snapshot()) == (1, 1, b"before")
        assert outbox.commit([alert(4)])[0].seq == 2
        assert [record.seq for record in outbox.pending()] == [1, 2]


def spoil(path, seq, change):
    """Store something else under this number, as a version with a mistake in it might have done."""
    with sqlite3.connect(path) as db:
        for table in ("record", "alarm"):
            for (body,) in db.execute(f"SELECT body FROM {table} WHERE seq = ?", (seq,)).fetchall():
                db.execute(f"UPDATE {table} SET body = ? WHERE seq = ?", (change(body), seq))
    db.close()


def changed(body, **fields):
    record = msgspec.msgpack.decode(body)
    return msgspec.msgpack.encode(record | {"alert": record["alert"] | fields})


@pytest.mark.parametrize(
    ("change", "kind", "reason"),
    [
        (lambda body: changed(body, priority="urgent"), "door", "eyes_closed_for"),
        (lambda body: changed(body, reason={"code": "c", "params": {"x": True}, "text": "t"}), "door", "c"),
        (lambda body: changed(body, kind=3, onset_ns=1.5, quality=None), "outbox.unreadable", "eyes_closed_for"),
        (lambda body: body[:50], "outbox.unreadable", "record_unreadable"),
        (lambda body: b"", "outbox.unreadable", "record_unreadable"),
        (lambda body: msgspec.msgpack.encode({"id": 3, "alert": None}), "outbox.unreadable", "record_unreadable"),
        (lambda body: b"\x91" * 10_000, "outbox.unreadable", "record_unreadable"),
        (lambda body: "a text", "outbox.unreadable", "record_unreadable"),
        (lambda body: 7, "outbox.unreadable", "record_unreadable"),
    ],
    ids=["priority", "params", "fields", "cut", "empty", "another", "deep", "text", "number"],
)
def test_an_alert_that_cannot_be_read_is_sent_as_far_as_it_can_under_its_number(tmp_path, caplog, change, kind, reason):
    path = tmp_path / "o.sqlite"
    with Outbox(path, device="car-7") as outbox:
        outbox.commit([alert(1), alert(2, kind="door", incident=2), alert(3, "cleared")])
    spoil(path, 2, change)
    with Outbox(path, device="car-7") as outbox, ToldBroker() as broker:
        outbox.pending()
        sink = MqttSink(broker.settings(), outbox)
        sink.start()
        events = [json.loads(broker.next(topic="event").payload) for _ in range(3)]
        assert sink.wait_drained(timeout_s=PATIENCE_S)
        assert sink.stop()
    assert [event["data"]["seq"] for event in events] == [1, 2, 3]
    assert (events[1]["data"]["kind"], events[1]["data"]["reason"]["code"]) == (kind, reason)
    assert events[1]["data"]["priority"] == "high"
    assert len({event["id"] for event in events}) == 3
    assert sum("alert 2 cannot be read" in entry.getMessage() for entry in caplog.records) == 1


def test_what_is_saved_has_the_same_id_each_time(tmp_path):
    path = tmp_path / "o.sqlite"
    with Outbox(path, device="car-7") as outbox:
        outbox.commit([alert(1)])
    spoil(path, 1, lambda body: body[:-1])
    with Outbox(path, device="car-7") as outbox:
        assert outbox.pending() == outbox.pending() == outbox.states()
