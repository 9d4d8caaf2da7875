"""A record as bytes on disk, and back.

In: a ``Record``. Out: msgpack that is known to be readable and publishable, or a sentence that says why there is none;
and from bytes that cannot be read, all of them that can be saved under the same number. Not here: the file
(``outbox``).
"""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast, get_type_hints

import msgspec

from edge_mm.delivery.record import TAIL_BYTES, Record, sortable_id
from edge_mm.types import Alert, Reason

MAX_BYTES = 64_000
"""A stored record is no longer: its key must pass in a topic (65,535 bytes), and brokers refuse long messages."""
UNREADABLE = Alert(
    t_ns=0,
    kind="outbox.unreadable",
    key="outbox.unreadable",
    state="raised",
    category="technical",
    priority="high",
    onset_ns=0,
    reason=Reason("record_unreadable", {}, "an alert was stored that can no longer be read"),
    value=float("nan"),
    limit=float("nan"),
    unit="1",
    incident=0,
)
"""What is said in place of what cannot be read; ``high``, because what it was may have been."""

_Part = TypeVar("_Part")


def to_bytes(record: Record) -> bytes:
    """The record as it is stored.

    Raises:
        ValueError: it could not be stored, read again or published; the text says what is wrong.
    """
    try:
        body = _encode(record)
        from_bytes(body)
    except Exception as error:  # whatever a foreign object does when it is asked for its value
        raise ValueError(f"the alert {_short(record.alert.key)} cannot be stored: {error}") from error
    if len(body) > MAX_BYTES:
        raise ValueError(f"the alert {_short(record.alert.key)} has {len(body)} bytes; at most {MAX_BYTES} can be sent")
    return body


def from_bytes(body: bytes) -> Record:
    """The record that was stored.

    Raises:
        ValueError: it is none.
    """
    try:
        return _decode(body)
    except (msgspec.DecodeError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(str(error)) from error


def saved_from(body: bytes, *, seq: int, boot_id: str) -> Record:
    """What can be saved of a record that cannot be read: its number always, each field that is what it should be.

    Args:
        body: the bytes.
        seq: its number.
        boot_id: the boot that it was stored in.
    """
    try:
        raw = msgspec.msgpack.decode(body)
    except (msgspec.DecodeError, TypeError, ValueError, RecursionError):
        raw = None
    tail = hashlib.sha256(body).digest()[:TAIL_BYTES]  # the same each time it is sent
    whole = Record(seq, sortable_id(seq, tail), sortable_id(0, tail), boot_id, UNREADABLE)
    if not isinstance(raw, dict):
        return whole
    parts = {name: raw[name] for name in ("id", "incident_id") if isinstance(raw.get(name), str)}
    return msgspec.structs.replace(whole, alert=_mended(UNREADABLE, raw.get("alert")), **parts)


def _mended(template: _Part, raw: Any) -> _Part:
    """The dataclass with the fields of ``raw`` that have the right type; the template's where they have not."""
    if not isinstance(raw, dict):
        return template
    hints = get_type_hints(type(template))
    found: dict[str, Any] = {}
    for field in fields(cast(Any, template)):
        if field.name not in raw:
            continue
        try:
            found[field.name] = msgspec.convert(raw[field.name], hints[field.name])
        except msgspec.ValidationError:
            mine = getattr(template, field.name)
            if is_dataclass(mine):
                found[field.name] = _mended(mine, raw[field.name])
    return cast(_Part, replace(cast(Any, template), **found))


def _plain(value: Any) -> Any:
    """What may be in an alert: numpy scalars become Python numbers, read-only mappings dicts."""
    if hasattr(value, "item"):
        return value.item()
    return dict(value)


def _short(key: object) -> str:
    text = repr(key)
    return text if len(text) <= 80 else f"{text[:80]}..."


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode  # msgpack: JSON has no NaN
_decode = msgspec.msgpack.Decoder(Record).decode
