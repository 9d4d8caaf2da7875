"""Events as messages, and back.

In: what the monitor is given, in order. Out: a ``Message`` each: where it belongs and its bytes; or the event again,
checked. Not here: files (``recording.writing``, ``recording.reading``), arrays (``recording.pixels``).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np

from edge_mm.recording.form import (
    Announced,
    AnnouncedRecord,
    CommandRecord,
    Recorded,
    Said,
    SampleRecord,
    SpecRecord,
    State,
    StateRecord,
    StatusRecord,
    TickRecord,
)
from edge_mm.recording.pixels import coded, decoded, fits
from edge_mm.types import Command, Sample, Status, StreamSpec, Tick

T = TypeVar("T")
_encode = msgspec.msgpack.Encoder().encode


class Message(NamedTuple):
    """One event, ready to be written."""

    schema: str
    """``sample``, ``status``, ``command``, ``tick``, ``announced``, ``state``, ``said``."""
    t_ns: int
    """Of the event."""
    spec: StreamSpec | None
    """What the stream of a sample promises."""
    body: bytes
    """msgpack."""


class Encoder:
    """Makes messages; knows what was announced.

    Args:
        jpeg_quality: of pictures, 1 to 100; 0: every pixel as it is.

    Attributes:
        refused: samples that were not what their stream promised; the monitor does not take them either.
    """

    def __init__(self, *, jpeg_quality: int = 85) -> None:
        self._jpeg_quality = jpeg_quality
        self._specs: dict[str, StreamSpec] = {}
        self.refused = 0

    def encode(self, event: Recorded) -> Message | None:
        """The next event; None for a sample that its stream did not promise."""
        if isinstance(event, Sample):
            return self._sample(event)
        t_ns = int(event.t_ns)
        match event:
            case Command():
                record = CommandRecord(
                    t_ns, event.action, event.incident, event.seconds, event.by[:64], event.transaction[:64]
                )
                return Message("command", t_ns, None, _encode(record))
            case Tick():
                return Message("tick", t_ns, None, _encode(TickRecord(t_ns)))
            case Status():
                status = _status(event)
                return Message("status", t_ns, None, _encode(status)) if _sayable(status) else None
            case Announced():
                spec = _spec(event.spec)
                if not _sayable(spec):  # the monitor refuses it too, or nobody could read it
                    self._specs.pop(event.spec.name, None)
                    return None
                self._specs[event.spec.name] = event.spec
                return Message("announced", t_ns, None, _encode(AnnouncedRecord(t_ns, spec)))
            case State():
                streams = [one for one in map(_spec, event.streams) if _sayable(one)]
                statuses = [one for one in map(_status, event.statuses) if _sayable(one)]
                self._specs = {one.name: spec_of(one) for one in streams}
                return Message("state", t_ns, None, _encode(StateRecord(t_ns, streams, statuses, event.snapshot)))
            case Said():
                return Message("said", t_ns, None, _encode(event))

    def _sample(self, sample: Sample) -> Message | None:
        spec, data = self._specs.get(sample.stream), sample.data
        rate_hz = float(sample.rate_hz)
        if spec is None or not fits(spec.kind, data) or not 1e-4 <= rate_hz <= 1e6:
            self.refused += 1
            return None
        coding, body = coded(spec.kind, data, jpeg_quality=self._jpeg_quality)
        t_ns, dtype = int(sample.t_ns), data.dtype.newbyteorder("<").str
        record = SampleRecord(t_ns, rate_hz, coding, dtype, [int(n) for n in data.shape], body)
        return Message("sample", t_ns, spec, _encode(record))


def _spec(spec: StreamSpec) -> SpecRecord:
    return SpecRecord(spec.name, spec.kind, float(spec.rate_hz), spec.unit, float(spec.lateness_s), float(spec.stale_s))


def _status(status: Status) -> StatusRecord:
    return StatusRecord(int(status.t_ns), status.stream, status.state, status.detail[:20_000])


def _sayable(record: SpecRecord | StatusRecord) -> bool:
    """Whether a reader would take it: a source of a user's own may call itself anything."""
    try:
        again = msgspec.msgpack.decode(_encode(record), type=type(record))
        return not isinstance(again, SpecRecord) or spec_of(again) is not None
    except (ValueError, msgspec.MsgspecError):
        return False


def event_of(schema: str, body: bytes, spec: StreamSpec | None) -> Recorded | None:
    """The event of a message; None where this version knows no such thing.

    Args:
        schema: name of its schema.
        body: the message.
        spec: of the stream, for a sample.

    Raises:
        ValueError, msgspec.DecodeError: it is not what its schema says.
    """
    if schema == "sample":
        if spec is None:
            raise ValueError("a sample of no stream")
        return _sample_of(body, spec)
    make = _MADE_BY.get(schema)
    return None if make is None else make(body)


def spec_of(record: SpecRecord) -> StreamSpec:
    """What was announced.

    Raises:
        ValueError: a number is none.
    """
    if not all(math.isfinite(number) for number in (record.rate_hz, record.lateness_s)) or math.isnan(record.stale_s):
        raise ValueError(f"stream {record.name}: a rate or a time that is no number")
    if record.name.startswith("@"):
        raise ValueError(f"stream {record.name}: the name of a part")
    return StreamSpec(*msgspec.structs.astuple(record))


def spec_text(spec: StreamSpec) -> str:
    """A spec for the metadata of a channel."""
    return msgspec.json.encode(dataclasses.asdict(spec)).decode()


def spec_from(text: str) -> StreamSpec:
    """The spec in the metadata of a channel.

    Raises:
        ValueError, msgspec.DecodeError: it is none.
    """
    fields = msgspec.json.decode(text, type=dict[str, str | float])
    names = [field.name for field in dataclasses.fields(StreamSpec)]
    if set(fields) != set(names):
        raise ValueError("a channel without the description of its stream")
    return spec_of(msgspec.convert([fields[name] for name in names], SpecRecord))


def _sample_of(body: bytes, spec: StreamSpec) -> Sample:
    record = msgspec.msgpack.decode(body, type=SampleRecord)
    if not 1e-4 <= record.rate_hz <= 1e6:
        raise ValueError(f"stream {spec.name}: a sample at {record.rate_hz} Hz")
    data = decoded(spec.kind, record.coding, record.dtype, tuple(record.shape), record.data)
    return Sample(spec.name, record.t_ns, np.asarray(data), record.rate_hz)


def _command_of(one: CommandRecord) -> Command:
    return Command(one.t_ns, one.action, one.incident, one.seconds, one.by, one.transaction)


def _status_of(record: StatusRecord) -> Status:
    return Status(record.t_ns, record.stream, record.state, record.detail)


def _state_of(body: bytes) -> State:
    record = msgspec.msgpack.decode(body, type=StateRecord)
    streams = tuple(spec_of(one) for one in record.streams)
    return State(record.t_ns, streams, tuple(_status_of(one) for one in record.statuses), record.snapshot)


def _announced_of(body: bytes) -> Announced:
    record = msgspec.msgpack.decode(body, type=AnnouncedRecord)
    return Announced(record.t_ns, spec_of(record.spec))


_MADE_BY: Mapping[str, Callable[[bytes], Recorded]] = {
    "status": lambda body: _status_of(msgspec.msgpack.decode(body, type=StatusRecord)),
    "command": lambda body: _command_of(msgspec.msgpack.decode(body, type=CommandRecord)),
    "tick": lambda body: Tick(msgspec.msgpack.decode(body, type=TickRecord).t_ns),
    "announced": _announced_of,
    "state": _state_of,
    "said": lambda body: msgspec.msgpack.decode(body, type=Said),
}
