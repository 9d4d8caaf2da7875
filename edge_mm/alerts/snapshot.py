"""The alarm machine's state as bytes, and back.

In: alarms. Out: msgpack, the same bytes for the same state; or the alarms again. Not here: storing it
(``delivery.outbox``).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from edge_mm.alerts.alarm import Alarm
from edge_mm.alerts.handling import Handling
from edge_mm.errors import ConfigError
from edge_mm.types import Alert, Reason

VERSION = 3
_WHAT_TO_DO = "move the outbox away to start without active alarms"
_encode = msgspec.msgpack.Encoder(order="deterministic").encode  # msgpack: JSON has no NaN


class Ending(msgspec.Struct, frozen=True):
    """Why an alarm is over that still stands."""

    left_ns: int
    """Until it is cleared, counted from the snapshot: no absolute time, because the next boot counts anew."""
    reason: Reason
    value: float
    limit: float


class Stored(msgspec.Struct, frozen=True, omit_defaults=True):
    """One alarm."""

    raised: Alert
    head: str
    ending: Ending | None
    last: Alert | None = None
    """Its latest transition, where that is another one than ``raised``."""
    latch: bool = False
    stays: bool = False
    """It is over and waits to be acknowledged."""

    @classmethod
    def of(cls, alarm: Alarm, *, left_ns: int) -> Stored:
        """An alarm as it is stored."""
        last = None if alarm.last is alarm.raised else alarm.last
        ending = None if alarm.over is None else Ending(left_ns, *alarm.over)
        return cls(alarm.raised, alarm.head, ending, last, alarm.latch, alarm.stays)

    @property
    def left_ns(self) -> int:
        """Until it is cleared, where it is over."""
        return 0 if self.ending is None else self.ending.left_ns

    def alarm(self, handling: Handling) -> Alarm:
        """The alarm again."""
        alarm = Alarm(self.raised, self.head, handling, latch=self.latch)
        ending = self.ending
        over = None if ending is None else (ending.reason, ending.value, ending.limit)
        alarm.restore(self.last or self.raised, over, stays=self.stays)
        return alarm


class _Snapshot(msgspec.Struct, frozen=True):
    version: int
    incidents: int
    active: list[Stored]


def to_bytes(incidents: int, alarms: Sequence[Stored]) -> bytes:
    """A snapshot: how many alarms have been raised, and those that stand."""
    return _encode(_Snapshot(VERSION, incidents, list(alarms)))


def from_bytes(data: bytes) -> tuple[int, list[Stored]]:
    """What is in a snapshot, of this version or an older one.

    Raises:
        ConfigError: not a snapshot, or one of a newer version.
    """
    decode = msgspec.json.decode if data.startswith(b"{") else msgspec.msgpack.decode  # version 1 was JSON
    try:
        snapshot = decode(data, type=_Snapshot)
    except msgspec.DecodeError as error:
        raise ConfigError(f"the stored alarm state cannot be read ({error}); {_WHAT_TO_DO}") from error
    if not 1 <= snapshot.version <= VERSION:
        raise ConfigError(
            f"the stored alarm state has version {snapshot.version}, this version of edge-mm reads up to {VERSION}; "
            f"{_WHAT_TO_DO}"
        )
    return snapshot.incidents, snapshot.active
