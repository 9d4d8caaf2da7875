"""Parts of ours as a time line in seconds, and the alerts that they make."""

import pytest

from edge_mm.alerts.sensors import Connection
from edge_mm.daemon.parts import BROKER_S, Parts
from edge_mm.types import Status

S = 1_000_000_000


def said(parts: Parts, at_s: float, *, online: bool) -> list[str]:
    return [f"{one.stream} {one.state}" for one in parts.broker(round(at_s * S), at_s, online=online, detail="refused")]


def test_a_broker_that_is_away_for_a_moment_is_no_event_and_one_that_stays_away_is_told_once():
    parts = Parts(0.0)
    assert said(parts, 0, online=True) == ["@broker live"]
    assert said(parts, 1, online=False) == []
    assert said(parts, BROKER_S, online=True) == []
    assert said(parts, 100, online=False) == []
    assert said(parts, 100 + BROKER_S, online=False) == ["@broker lost"]
    assert said(parts, 200, online=False) == []
    assert said(parts, 300, online=True) == ["@broker live"]


def test_a_broker_that_was_never_there_is_told_too():
    parts = Parts(1000.0)
    assert said(parts, 1001, online=False) == []
    assert said(parts, 1000 + BROKER_S, online=False) == ["@broker lost"]
    assert parts.states == {"@broker": "lost"}


def test_a_disk_that_refuses_is_told_when_it_begins_and_when_it_ends():
    parts = Parts(0.0)
    assert [one.state for one in parts.outbox(0, "")] == ["live"]
    assert parts.outbox(0, "") == []
    assert [one.state for one in parts.outbox(1, "disk full")] == ["degraded"]
    assert parts.outbox(2, "disk full still") == []
    assert [one.state for one in parts.outbox(3, "")] == ["live"]


@pytest.mark.parametrize(("state", "kind"), [("lost", "device.lost"), ("degraded", "device.degraded")])
def test_a_part_of_ours_raises_an_alert_of_its_own_that_leaves_somebody_watched(state, kind):
    rule = Connection()
    rule.update(Status(0, "cam", "live"))
    raised = [one for one in rule.update(Status(S, "@broker", state, "refused")) if one.active]
    assert [(one.kind, one.key, one.priority) for one in raised] == [(kind, f"{kind}/broker", "medium")]
    assert "no sensor is left" not in raised[0].reason.text
    assert not [one for one in rule.update(Status(2 * S, "@broker", "live")) if one.active]


def test_a_sensor_that_works_badly_raises_a_low_alert_that_ends_when_it_is_lost():
    rule = Connection()
    rule.update(Status(0, "cam", "live"))
    raised = [one for one in rule.update(Status(S, "cam", "degraded", "gives 4 frames a second of 30")) if one.active]
    assert [(one.kind, one.priority) for one in raised] == [("sensor.degraded", "low")]
    after = rule.update(Status(2 * S, "cam", "lost"))
    assert [(one.kind, one.active) for one in after] == [
        ("sensor.stale", False),
        ("sensor.degraded", False),
        ("sensor.lost", True),
    ]


def test_a_configuration_that_is_refused_for_another_reason_is_told_anew():
    parts = Parts(0.0)
    assert [one.state for one in parts.tell(0, "@config", "degraded", "no such key")] == ["degraded"]
    assert parts.tell(1, "@config", "degraded", "no such key") == []
    assert [(one.state, one.detail) for one in parts.tell(2, "@config", "degraded", "no such file")] == [
        ("live", ""),
        ("degraded", "no such file"),
    ]
