"""What is said about a transition of an alarm: the event, as CloudEvents JSON.

In: a ``Record`` and the clock. Out: frozen Structs whose JSON goes to MQTT or into a replay's lines. Wall time is
worked out here, when the message leaves, from the newest anchor of the record's boot. Not a number and infinity become
null: JSON has neither. Not here: topics, the present state of an
alarm (``present``), what else the device says (``bridge_payloads``).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import msgspec

from edge_mm.delivery.clock import Anchor, iso
from edge_mm.delivery.record import BundleRef, Record, replay_record
from edge_mm.kinds import LEADS_TO, AlarmState, Category, Modality, Priority, Transition
from edge_mm.types import NS_PER_S, Alert, Estimate

ALERT_SCHEMA = 2
"""Grows when a field is removed or changes its meaning; new fields may come without."""
LATE_S = 5.0
"""A transition that leaves the device later than this after it happened is marked ``late``."""
_DIGITS = 5
"""Significant digits of readings; more would be noise of the sensor."""
_SHORT = 100
"""Letters of a shortened sentence."""


class ReasonData(msgspec.Struct, frozen=True):
    """Why."""

    code: str
    """Stable, for programs."""
    params: dict[str, float | str | None]
    """The values in the sentence."""
    text: str
    """One English sentence."""


class AlertData(msgspec.Struct, frozen=True):
    """``data`` of an event."""

    alert_id: str
    """Which alarm (its key)."""
    kind: str
    """For example ``driver.drowsy``."""
    category: Category
    """About the person (physiological) or the device (technical)."""
    priority: Priority
    """How urgent."""
    transition: Transition
    """What happened."""
    state: AlarmState
    """State of the alarm after this transition."""
    previous: AlarmState
    """State before it."""
    latched: bool
    """Whether the alarm stays until it is acknowledged."""
    silenced_until: str | None
    """End of the silence, RFC 3339 UTC."""
    escalation: int
    """How often nobody had acknowledged it in time."""
    by: str
    """Who acknowledged or silenced it, as he calls himself; else empty."""
    reason: ReasonData
    """Why."""
    value: float | None
    """What was compared, in ``unit``."""
    limit: float | None
    """With what."""
    unit: str
    """Unit of both."""
    onset: str | None
    """When the condition began, RFC 3339 UTC; null when no wall clock of that boot is known."""
    onset_mono: float | None
    """The same on the monotonic clock of ``boot_id``, seconds; null when it began in an earlier boot."""
    seq: int
    """1, 2, 3 ... per device without a gap."""
    boot_id: str
    """Which boot the monotonic clock counts from."""
    clock_synced: bool
    """Whether a time service had set the clock that ``time`` and ``onset`` come from."""
    late: bool
    """Delivered much later than it happened."""
    incident_id: str
    """Shared by the raised and the cleared transition."""
    quality: dict[str, float | None]
    """Modality -> quality 0..1, null when absent."""
    attention: dict[str, float | None]
    """Modality -> attention weight alpha 0..1."""
    contribution: dict[str, float | None]
    """Modality -> how much the score falls without it."""
    sources: tuple[Modality, ...]
    """The senses it rests on."""
    bundle: BundleRef | None
    """Which models it was made with."""
    person: str | msgspec.UnsetType = msgspec.UNSET
    """Whom it is about; absent where one person is watched."""


class AlertEvent(msgspec.Struct, frozen=True):
    """CloudEvents 1.0, structured mode: one transition."""

    specversion: str
    """``1.0``."""
    id: str
    """Drop doubles by it."""
    source: str
    """``<base>/<device>``."""
    type: str
    """``edge_mm.alert.`` and the transition, for example ``edge_mm.alert.raised``."""
    time: str | None
    """When the transition happened, RFC 3339 UTC."""
    datacontenttype: str
    """``application/json``."""
    dataschema: str
    """Name and version of the schema of ``data``."""
    data: AlertData
    """The transition."""


def alert_event(record: Record, *, source: str, anchor: Anchor | None, now: Anchor) -> AlertEvent:
    """The event of one transition, as it is said now.

    Args:
        record: the transition.
        source: ``<base>/<device>``.
        anchor: newest anchor of the record's boot, None if there is none.
        now: the present moment.
    """
    alert = record.alert
    waited = (now.mono_ns - alert.t_ns) / NS_PER_S
    late = record.boot_id != now.boot_id or waited > LATE_S
    return _event(record, source=source, anchor=anchor, late=late)


def shortened(event: AlertEvent) -> AlertEvent:
    """The same event without what a small broker has no room for: explanations, and the end of long sentences."""
    data = event.data
    reason = ReasonData(data.reason.code, {}, data.reason.text[:_SHORT])
    lean = msgspec.structs.replace(data, reason=reason, quality={}, attention={}, contribution={}, by=data.by[:_SHORT])
    return msgspec.structs.replace(event, data=lean)


def replay_event(
    alert: Alert, *, seq: int, digest: str, origin_ns: int, bundle: BundleRef | None, source: str
) -> AlertEvent:
    """The event of a replayed alert: the same input gives the same bytes; time counts from 1970-01-01T00:00:00Z.

    Args:
        alert: the transition.
        seq: its number in this replay, from 1.
        digest: digest of the input, hex.
        origin_ns: ``t_ns`` of the earliest input.
        bundle: what the replay ran with.
        source: the event's source.
    """
    shifted = dataclasses.replace(alert, t_ns=alert.t_ns - origin_ns, onset_ns=alert.onset_ns - origin_ns)
    record = replay_record(shifted, seq=seq, digest=digest, bundle=bundle)
    return _event(record, source=source, anchor=Anchor(0, 0, record.boot_id, synced=False), late=False)


def tidy(value: float | None, *, digits: int = _DIGITS) -> float | None:
    """A number as it is sent: rounded to significant digits, -0 as 0, not-a-number and infinity as None."""
    if value is None or not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}") + 0.0
    return rounded if math.isfinite(rounded) else None  # the largest floats round up to infinity


def tidy_all(values: Mapping[str, float] | Mapping[str, float | None]) -> dict[str, float | None]:
    """``tidy`` for each value."""
    return {name: tidy(value) for name, value in values.items()}


def estimate_parts(estimate: Estimate) -> dict[str, Any]:
    """What an Estimate says, without its time."""
    return {
        "scores": tidy_all(estimate.scores),
        "weights": tidy_all(estimate.weights),
        "coverage": tidy_all(estimate.coverage),
        "contributions": {head: tidy_all(parts) for head, parts in estimate.contributions.items()},
        "quality": tidy_all(estimate.quality),
        **({"person": estimate.person} if estimate.person else {}),
    }


def seconds(t_ns: int) -> float:
    """Nanoseconds as seconds, to 0.1 ms."""
    return round(t_ns / NS_PER_S, 4) + 0.0


def _event(record: Record, *, source: str, anchor: Anchor | None, late: bool) -> AlertEvent:
    alert = record.alert
    return AlertEvent(
        specversion="1.0",
        id=record.id,
        source=source,
        type=f"edge_mm.alert.{alert.state}",
        time=wall_of(anchor, alert.t_ns),
        datacontenttype="application/json",
        dataschema=f"urn:edge-mm:schema:alert-{ALERT_SCHEMA}",
        data=AlertData(
            alert_id=alert.key,
            kind=alert.kind,
            category=alert.category,
            priority=alert.priority,
            transition=alert.state,
            state=LEADS_TO[alert.state],
            # A clear of before this field existed says "inactive" of the state before it.
            previous="active" if alert.state == "cleared" and alert.previous == "inactive" else alert.previous,
            latched=alert.latched,
            silenced_until=silenced_until(alert, anchor),
            escalation=alert.escalation,
            by=alert.by,
            reason=ReasonData(alert.reason.code, params_of(alert), alert.reason.text),
            value=tidy(alert.value),
            limit=tidy(alert.limit),
            unit=alert.unit,
            onset=wall_of(record.onset_anchor or anchor, alert.onset_ns),
            onset_mono=seconds(alert.onset_ns) if record.onset_anchor is None else None,
            seq=record.seq,
            boot_id=record.boot_id,
            clock_synced=synced_of(record, anchor),
            late=late,
            incident_id=record.incident_id,
            quality=tidy_all(alert.quality),
            attention=tidy_all(alert.attention),
            contribution=tidy_all(alert.contribution),
            sources=alert.sources,
            bundle=record.bundle,
            person=alert.person or msgspec.UNSET,
        ),
    )


def params_of(alert: Alert) -> dict[str, float | str | None]:
    """The values in the sentence, as they are sent."""
    return {name: v if isinstance(v, str) else tidy(v) for name, v in alert.reason.params.items()}


def silenced_until(alert: Alert, anchor: Anchor | None) -> str | None:
    """End of the silence in wall time."""
    return None if alert.silent_until_ns is None else wall_of(anchor, alert.silent_until_ns)


def synced_of(record: Record, anchor: Anchor | None) -> bool:
    """Whether both times can be believed."""
    return anchor is not None and anchor.synced and (record.onset_anchor is None or record.onset_anchor.synced)


def wall_of(anchor: Anchor | None, t_ns: int) -> str | None:
    """A moment in wall time; None where the clock of that boot is not known."""
    return None if anchor is None else iso(anchor.wall(t_ns))
