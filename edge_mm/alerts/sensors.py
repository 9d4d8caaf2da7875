"""Rules about the device itself: a sensor that is lost, stale or tells us nothing, a part of ours that fails.

In: ``Status`` from the supervision and ``sensor.quality`` observations. Out: technical conditions, one per stream
(key ``KIND/STREAM``); of our own parts (``@outbox``) ``device.lost`` and ``device.degraded``. Not here: noticing that a
stream went silent or a part failed (the daemon's supervision says so with a Status).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from types import MappingProxyType

from edge_mm.alerts.hold import Hold, seconds_between
from edge_mm.alerts.numbers import Limits
from edge_mm.kinds import Priority, SourceState
from edge_mm.types import Condition, Observation, PolicyInput, Reason, Status

QUALITY = "sensor.quality"
"""Name of the observation that says how good a stream is: value 0..1, label says why it is low."""

NO_BEATS = "no beats"
"""Label of an ECG that is well and shows no beats: a matter of the heart (``asystole``), not of the sensor."""

_KINDS: Mapping[SourceState, tuple[str, Priority, str]] = MappingProxyType(
    {
        "lost": ("sensor.lost", "medium", "is gone"),
        "stale": ("sensor.stale", "low", "sends nothing"),
        "degraded": ("sensor.degraded", "low", "works badly"),
    }
)
_PARTS: Mapping[SourceState, tuple[str, Priority, str]] = MappingProxyType(
    {
        "lost": ("device.lost", "medium", "is not there"),
        "degraded": ("device.degraded", "medium", "works badly"),
    }
)


PART_KINDS: frozenset[str] = frozenset(kind for kind, _, _ in _PARTS.values())
"""Alerts about a part of ours; its name follows the slash."""
SENSOR_KINDS: frozenset[str] = frozenset(
    (*(kind for kind, _, _ in _KINDS.values()), "sensor.unusable", "sensor.electrode")
)
"""Alerts about one sensor; its stream follows the slash in their keys."""


class Connection:
    """A policy: which streams are gone (``lost``), silent (``stale``) or work badly (``degraded``).

    The last stream to be lost has high priority: nothing is watched any more. ``live`` ends all three; ``off`` (ended
    on purpose) does too and raises nothing. ``starting`` changes nothing yet, but a stream that has not been lost
    before is one that may still come. Our own parts are no streams: one that is lost leaves somebody watched.
    """

    names: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._states: dict[str, SourceState] = {}
        self._since: dict[str, int] = {}
        self._seen: set[str] = set()

    def update(self, event: PolicyInput) -> list[Condition]:
        """Take one event; each Status tells both kinds, so that what was active before a restart can end."""
        if not isinstance(event, Status):
            return []
        before = self._states.get(event.stream)
        if event.state == "starting":
            if before in (None, "off"):
                self._states[event.stream] = "starting"
            return []
        self._states[event.stream] = event.state
        if event.state in ("live", "degraded", "stale"):
            self._seen.add(event.stream)
        self._since.setdefault(event.stream, event.t_ns)
        kinds = _PARTS if event.stream.startswith("@") else _KINDS
        if event.state not in kinds or before not in kinds:
            self._since[event.stream] = event.t_ns
        # What ends comes first: a stale sensor that is then lost is one alert less before it is one more.
        return [
            self._condition(event, state, kinds[state], active=event.state == state)
            for state in sorted(kinds, key=lambda state: state == event.state)
        ]

    def _condition(
        self, event: Status, state: SourceState, known: tuple[str, Priority, str], *, active: bool
    ) -> Condition:
        kind, priority, words = known
        if state == "lost" and event.stream not in self._seen:
            words = "is not there"
        name, part = event.stream.removeprefix("@"), event.stream.startswith("@")
        expected = [one for stream, one in self._states.items() if one != "off" and not stream.startswith("@")]
        if active and state == "lost" and not part and all(one in ("lost", "stale") for one in expected):
            priority = "high"
        onset_ns = self._since[event.stream]
        detail = f": {event.detail}" if event.detail else ""
        sort = "device" if part else "sensor"
        what = name if part else f"sensor {name}"
        if active:
            code = f"{sort}_{state}"
            text = f"{what} {words}{detail}"
            if priority == "high":
                text += "; no sensor is left"
        else:
            code = f"{sort}_{event.state}"
            text = f"{what} is {event.state}{detail}"
        return Condition(
            t_ns=event.t_ns,
            kind=kind,
            active=active,
            onset_ns=onset_ns if active else event.t_ns,
            priority=priority,
            category="technical",
            reason=Reason(code, {"stream": name, "detail": event.detail}, text),
            value=float(active),
            limit=1.0,
            unit="1",
            key=f"{kind}/{name}",
        )


class Usable:
    """A policy: which streams arrive but tell us nothing (dark picture, flat line, clipped sound).

    The observation's label says why; a quality that is low without a reason raises nothing. A stream that is lost or
    ended is no longer unusable: there is nothing to be used.
    """

    names = frozenset({QUALITY})

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._holds: dict[str, Hold] = {}

    def works(self, stream: str) -> bool:
        """Whether its quality has said that it is usable, since the start."""
        hold = self._holds.get(stream)
        return hold is not None and hold.told is False

    def update(self, event: PolicyInput) -> tuple[Condition, ...]:
        """Take one event."""
        if isinstance(event, Status):
            return self._ended(event)
        if not isinstance(event, Observation) or event.name != QUALITY or not isfinite(event.value):
            return ()
        limits = self._limits
        hold = self._holds.get(event.stream)
        if hold is None or hold.stepped_back(event.t_ns):
            hold = self._holds[event.stream] = Hold(
                dwell_s=limits.unusable_s, keep_s=limits.unusable_keep_s, max_gap_s=limits.unusable_max_gap_s
            )
        # Low without a reason is no fault: a quiet room is too quiet to tell anything by, and its microphone is well.
        leaves = event.value >= limits.unusable_exit or event.label in ("", NO_BEATS)
        if not hold.read(event.t_ns, enters=event.value < limits.unusable_enter, leaves=leaves):
            return ()
        if not hold.told:
            reason = Reason("sensor_usable", {"stream": event.stream}, f"sensor {event.stream} is usable again")
            return (self._condition(event.t_ns, event.stream, event.value, event.t_ns, reason, active=False),)
        onset_ns = event.t_ns if hold.onset_ns is None else hold.onset_ns
        seconds = seconds_between(onset_ns, event.t_ns)
        text = f"sensor {event.stream} tells us nothing for {seconds:.1f} s: {event.label}"
        reason = Reason("sensor_unusable", {"stream": event.stream, "why": event.label, "seconds": seconds}, text)
        return (self._condition(event.t_ns, event.stream, event.value, onset_ns, reason, active=True),)

    def _ended(self, event: Status) -> tuple[Condition, ...]:
        if event.state not in ("lost", "off"):
            return ()
        self._holds.pop(event.stream, None)
        reason = Reason(f"sensor_{event.state}", {"stream": event.stream}, f"sensor {event.stream} is {event.state}")
        return (self._condition(event.t_ns, event.stream, 0.0, event.t_ns, reason, active=False),)

    def _condition(
        self, t_ns: int, stream: str, value: float, onset_ns: int, reason: Reason, *, active: bool
    ) -> Condition:
        return Condition(
            t_ns=t_ns,
            kind="sensor.unusable",
            active=active,
            onset_ns=onset_ns,
            priority="low",
            category="technical",
            reason=reason,
            value=value,
            limit=self._limits.unusable_enter,
            unit="1",
            key=f"sensor.unusable/{stream}",
        )
