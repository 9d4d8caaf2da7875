"""What a recording holds, and how each thing is written: names, records, limits.

In and out: nothing; this module only names things. A recording is an MCAP file (https://mcap.dev/spec) of uncompressed
chunks. The metadata record ``edge-mm`` is a ``Head``, ``edge-mm.end`` an ``End``; each message is a msgpack array whose
schema stands in the file as text. The order of the messages is the order in which the monitor was given them. Not here:
bytes (``recording.messages``, ``recording.pixels``), files (``recording.writing``, ``recording.reading``).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from edge_mm.kinds import Action, SourceState, StreamKind, Transition
from edge_mm.types import NS_PER_S, Alert, Command, Sample, Status, StreamSpec, Tick

FORM = 1
"""Of the records below."""
HEAD, END = "edge-mm", "edge-mm.end"
"""Names of the metadata records."""
MOST_RECORD_BYTES = 1 << 27
"""A longer record of a file is damage, or malice: a raw 4K frame has 25 MB."""
MOST_PIXELS = 1 << 25
"""Of one picture: 8K has as many."""
MOST_CHANNELS = 1024
"""A device has a dozen streams, and a new channel for each rate they came back with."""
MOST_SPAN_NS = 2 * 86_400 * NS_PER_S
"""A file is closed after a day at most; a later time is damage, and a monitor works through all that is between."""
NAME = r"\A@?[A-Za-z0-9_-]{1,64}\Z"
"""Of a stream, or of a part of ours after an ``@``."""

Time = Annotated[int, Meta(ge=-(2**61), le=2**61)]
"""Nanoseconds on the monotonic clock of the boot."""
Name = Annotated[str, Meta(pattern=NAME)]
Text = Annotated[str, Meta(max_length=20_000)]


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What was recorded, and with what it was watched; the metadata record ``edge-mm``."""

    form: int = FORM
    """Of the records."""
    edge_mm: Annotated[str, Meta(max_length=64)]
    """Version of the program."""
    device: Annotated[str, Meta(max_length=200)]
    """Name of the installation."""
    bundle: Annotated[str, Meta(max_length=200)]
    """Name of the models' bundle; never a path."""
    bundle_version: Annotated[str, Meta(max_length=200)]
    """Semantic version of it."""
    bundle_sha256: Annotated[str, Meta(max_length=64)]
    """Digest of its file, hex."""
    limits: dict[str, Any]
    """Every number of the rules (``alerts.limits.Limits``)."""
    baseline: dict[str, Any] | None = None
    """What was usual for the person (``alerts.baseline.Baseline``)."""
    own_policies: bool = False
    """Rules of a user's own decided, which no file can hold."""
    boot_id: Annotated[str, Meta(max_length=64)]
    """Which boot the times count from."""
    wall_ns: int
    """Wall time, nanoseconds since 1970, at ``mono_ns``."""
    mono_ns: Time
    """The same moment on the monotonic clock."""
    clock_synced: bool
    """Whether a time service had set the wall clock."""
    session: Annotated[str, Meta(max_length=64, pattern=r"\A[0-9a-f]+\Z")]
    """One run of the daemon."""
    part: Annotated[int, Meta(ge=1)]
    """Number of this file in its session."""
    joined: bool
    """It goes on where the part before it ended, and nothing is between."""
    what: Annotated[str, Meta(max_length=64)]
    """``signals`` or ``everything``."""
    keep: Annotated[str, Meta(max_length=64)] = "always"
    """``always`` or ``alerts``."""


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended; the metadata record ``edge-mm.end``. A file that was cut off has none."""

    ended: bool
    """The run ended here, and the monitor gave what had waited in it."""
    dropped: int = 0
    """Events of the session, until here, that the recorder was too slow for."""


class Announced(msgspec.Struct, frozen=True, array_like=True):
    """A stream was announced to the monitor."""

    t_ns: Time
    spec: StreamSpec


class State(msgspec.Struct, frozen=True, array_like=True):
    """Where the monitor stood before the next event: the first message of every file.

    Who reads a file from its beginning starts with it; who comes from the part before has it already.
    """

    t_ns: Time
    streams: tuple[StreamSpec, ...]
    """What was announced, in this order."""
    statuses: tuple[Status, ...]
    """The newest of each stream and part."""
    snapshot: Annotated[bytes, Meta(max_length=1 << 22)]
    """Of the alarms (``Monitor.snapshot``)."""


class Said(msgspec.Struct, frozen=True, array_like=True):
    """A transition that the monitor gave when this was recorded; it is no event."""

    t_ns: Time
    kind: Text
    key: Text
    state: Transition
    physiological: bool

    @classmethod
    def of(cls, alert: Alert) -> Said:
        """What is kept of an alert."""
        return cls(alert.t_ns, alert.kind, alert.key, alert.state, alert.category == "physiological")


Recorded = Sample | Status | Command | Tick | Announced | State | Said
"""What a recording is a sequence of."""


class SampleRecord(msgspec.Struct, frozen=True, array_like=True):
    """A Sample as bytes."""

    t_ns: Time
    rate_hz: float
    coding: str
    dtype: str
    shape: Annotated[list[Annotated[int, Meta(ge=0, le=2**31)]], Meta(max_length=3)]
    data: bytes


class StatusRecord(msgspec.Struct, frozen=True, array_like=True):
    """A Status."""

    t_ns: Time
    stream: Name
    state: SourceState
    detail: Text


class CommandRecord(msgspec.Struct, frozen=True, array_like=True):
    """A Command."""

    t_ns: int
    action: Action
    incident: int
    seconds: float
    by: Annotated[str, Meta(max_length=64)]
    transaction: Annotated[str, Meta(max_length=64)]


class TickRecord(msgspec.Struct, frozen=True, array_like=True):
    """A Tick."""

    t_ns: Time


class SpecRecord(msgspec.Struct, frozen=True, array_like=True):
    """A StreamSpec, its numbers checked."""

    name: Name
    kind: StreamKind
    rate_hz: Annotated[float, Meta(ge=1e-4, le=1e6)]
    unit: Annotated[str, Meta(max_length=64)]
    lateness_s: Annotated[float, Meta(ge=0, le=86_400)]
    stale_s: Annotated[float, Meta(gt=0)]


class StateRecord(msgspec.Struct, frozen=True, array_like=True):
    """A State."""

    t_ns: Time
    streams: Annotated[list[SpecRecord], Meta(max_length=MOST_CHANNELS)]
    statuses: Annotated[list[StatusRecord], Meta(max_length=2 * MOST_CHANNELS)]
    snapshot: Annotated[bytes, Meta(max_length=1 << 22)]


class AnnouncedRecord(msgspec.Struct, frozen=True, array_like=True):
    """An Announced."""

    t_ns: Time
    spec: SpecRecord


ENCODING = "msgpack"
SCHEMAS = {
    "sample": "array: t_ns int (ns, monotonic clock), rate_hz float, coding str (raw | int16 | jpeg), dtype str "
    "(numpy, little endian), shape array of int, data bin. raw: the array in C order; int16: little endian, divided "
    "by 32768 it is the float32 array exactly; jpeg: the picture, BGR or grey",
    "status": "array: t_ns int, stream str, state str (starting live degraded stale lost off), detail str",
    "command": "array: t_ns int, action, incident int, seconds, by, transaction",
    "tick": "array: t_ns int",
    "announced": "array: t_ns int, stream spec (array: name str, kind str, rate_hz float, unit str, lateness_s float, "
    "stale_s float)",
    "state": "array: t_ns int, stream specs (array of array, as in announced), statuses (array of array, as status), "
    "snapshot bin (edge-mm's alarms, msgpack)",
    "said": "array: t_ns int, kind str, key str, state str (raised cleared), physiological bool",
}
"""Name of a schema -> what stands in the file as its text."""
