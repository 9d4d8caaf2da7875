"""How an alarm stands now: retained, plain JSON, flat for templates.

In: the ``Record`` of an alarm's latest transition and the clock. Out: a frozen Struct. Not here: the transitions
themselves (``payloads``).
"""

from __future__ import annotations

import msgspec

from edge_mm.delivery.clock import Anchor
from edge_mm.delivery.payloads import params_of, silenced_until, synced_of, tidy, tidy_all, wall_of
from edge_mm.delivery.record import Record
from edge_mm.kinds import LEADS_TO, AlarmState, Category, Modality, Priority


class AlertState(msgspec.Struct, frozen=True):
    """Retained: the present state of one alarm, flat for templates."""

    state: AlarmState
    """The present state of the alarm."""
    kind: str
    """For example ``driver.drowsy``."""
    alert_id: str
    """Its key."""
    category: Category
    """Physiological or technical."""
    priority: Priority
    """How urgent."""
    reason: str
    """The sentence."""
    reason_code: str
    """The code."""
    reason_params: dict[str, float | str | None]
    """The values in the sentence."""
    value: float | None
    """What was compared."""
    limit: float | None
    """With what."""
    unit: str
    """Unit of both."""
    since: str | None
    """Since when it is in this state, RFC 3339 UTC."""
    onset: str | None
    """When the condition began."""
    seq: int
    """Number of the transition that led here."""
    incident_id: str
    """Of the alarm; commands name it."""
    clock_synced: bool
    """Whether the times can be believed."""
    latched: bool
    """Whether the alarm stays until it is acknowledged."""
    silenced_until: str | None
    """End of the silence, RFC 3339 UTC."""
    escalation: int
    """How often nobody had acknowledged it in time."""
    by: str
    """Who acknowledged or silenced it, as he calls himself; else empty."""
    quality: dict[str, float | None]
    """Modality -> quality 0..1, null when absent."""
    attention: dict[str, float | None]
    """Modality -> attention weight alpha 0..1."""
    contribution: dict[str, float | None]
    """Modality -> how much the score falls without it."""
    sources: tuple[Modality, ...]
    """The senses it rests on."""
    person: str | msgspec.UnsetType = msgspec.UNSET
    """Whom it is about; absent where one person is watched."""


def alert_state(record: Record, *, anchor: Anchor | None) -> AlertState:
    """The present state of the alarm whose latest transition this is."""
    alert = record.alert
    return AlertState(
        state=LEADS_TO[alert.state],
        kind=alert.kind,
        alert_id=alert.key,
        category=alert.category,
        priority=alert.priority,
        reason=alert.reason.text,
        reason_code=alert.reason.code,
        reason_params=params_of(alert),
        value=tidy(alert.value),
        limit=tidy(alert.limit),
        unit=alert.unit,
        since=wall_of(anchor, alert.t_ns),
        onset=wall_of(record.onset_anchor or anchor, alert.onset_ns),
        seq=record.seq,
        incident_id=record.incident_id,
        clock_synced=synced_of(record, anchor),
        latched=alert.latched,
        silenced_until=silenced_until(alert, anchor),
        escalation=alert.escalation,
        by=alert.by,
        quality=tidy_all(alert.quality),
        attention=tidy_all(alert.attention),
        contribution=tidy_all(alert.contribution),
        sources=alert.sources,
        person=alert.person or msgspec.UNSET,
    )


def never_raised(key: str, kind: str, category: Category, priority: Priority, *, person: str = "") -> AlertState:
    """The present state of an alarm that could be raised and never was."""
    return AlertState(
        state="inactive",
        kind=kind,
        alert_id=key,
        category=category,
        priority=priority,
        reason="never raised",
        reason_code="never_raised",
        reason_params={},
        value=None,
        limit=None,
        unit="",
        since=None,
        onset=None,
        seq=0,
        incident_id="",
        clock_synced=False,
        latched=False,
        silenced_until=None,
        escalation=0,
        by="",
        quality={},
        attention={},
        contribution={},
        sources=(),
        person=person or msgspec.UNSET,
    )
