"""What may be asked of a running device, and what it answers.

In: the payload of a message to ``bridge/request/<verb>``. Out: a typed, checked request, or one sentence that says what
is wrong with it; and the ``Response`` for ``bridge/response/<verb>``. A request names alarms by their instance and says
when it was issued, never a path. It is read strictly: a field that is misspelt is not one that is absent. Who reads
what we publish passes over what he does not know. Not here: acting on it (``daemon.commands``), who may ask (the
broker's access list).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

MAX_REQUEST_BYTES = 4096
"""A longer request is refused unread."""
MAX_AGE_S = 10.0
"""An older request is refused: who sent it was looking at something else."""
ShortText = Annotated[str, Meta(max_length=64)]


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every request has."""

    issued_at: Annotated[str, Meta(max_length=64)]
    """When it was issued, RFC 3339 with a zone (``2026-11-28T04:05:06.789Z``)."""
    transaction: ShortText | int = ""
    """The caller's own word; the answer repeats it."""
    by: ShortText = ""
    """Who asks, as he calls himself; shown with the alarm."""


class Acknowledge(Asked, frozen=True, kw_only=True):
    """Somebody has seen this alarm."""

    incident_id: Annotated[str, Meta(max_length=64)]
    """``incident_id`` of the alarm's event or state."""


class Silence(Asked, frozen=True, kw_only=True):
    """No sound for this alarm, for a while."""

    incident_id: Annotated[str, Meta(max_length=64)]
    """``incident_id`` of the alarm's event or state."""
    seconds: Annotated[float, Meta(gt=0, le=600)] | None = None
    """How long; absent: as long as is allowed (120 s for high priority, 600 s otherwise)."""


class Calibrate(Asked, frozen=True, kw_only=True):
    """Learn what is usual for the person from now on, at rest; the watch goes on meanwhile."""

    seconds: Annotated[float, Meta(ge=60, le=900)] = 120.0
    """How long."""


class Reload(Asked, frozen=True, kw_only=True):
    """Read the configuration anew, as SIGHUP does."""


class HealthSnapshot(Asked, frozen=True, kw_only=True):
    """Report health now; the answer holds it."""


class LogLevel(Asked, frozen=True, kw_only=True):
    """How much is logged until the next start."""

    level: Literal["debug", "info", "warning", "error"]
    """Least level that is written."""


class Restart(Asked, frozen=True, kw_only=True):
    """End in order and let the service manager start anew."""


class Waveforms(Asked, frozen=True, kw_only=True):
    """Publish ``sensor/<name>/waveform`` for a while."""

    seconds: Annotated[float, Meta(gt=0, le=300)] = 60.0
    """How long."""


REQUESTS: Mapping[str, type[Asked]] = MappingProxyType(
    {
        "acknowledge": Acknowledge,
        "silence": Silence,
        "calibrate": Calibrate,
        "reload": Reload,
        "health": HealthSnapshot,
        "log_level": LogLevel,
        "restart": Restart,
        "waveforms": Waveforms,
    }
)
"""Verb -> what it takes."""


TAKES: Mapping[str, str] = MappingProxyType(
    {
        "issued_at": "say when it was issued, as a text like 2026-11-28T04:05:06.789Z",
        "transaction": "a text of at most 64 letters, or a whole number",
        "by": "a text of at most 64 letters",
        "incident_id": "a text, as the alarm's event or state has it",
        "level": "debug, info, warning or error",
        "silence.seconds": "a silence lasts at most 600 s (120 s at high priority), and more than 0 s",
        "calibrate.seconds": "calibrating takes from 60 to 900 s",
        "waveforms.seconds": "waveforms are published for at most 300 s, and more than 0 s",
    }
)
"""Field, or verb and field -> what it takes."""
MEANT: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("duration", "duration_s", "time_s", "timeout", "for", "sec", "secs"), "seconds"),
        **dict.fromkeys(("id", "incident", "alert", "alert_id", "alarm", "alarm_id", "event_id"), "incident_id"),
        **dict.fromkeys(("time", "timestamp", "ts", "issued", "at", "date", "now"), "issued_at"),
        **dict.fromkeys(("user", "who", "name", "from", "author"), "by"),
        **dict.fromkeys(("log_level", "severity"), "level"),
    }
)
"""What others call a field -> ours, where that is no matter of a letter."""


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request."""

    status: Literal["ok", "error"]
    """Whether it was done."""
    transaction: str | int = ""
    """The caller's own word."""
    error: str = ""
    """Why not, as a sentence; empty when it was done."""
    data: dict[str, Any] = {}
    """What was asked for."""
