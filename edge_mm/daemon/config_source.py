"""``[[source]]``: one sensor, file or note of an installation.

In: a table of ``edge-mm.toml``. Out: a frozen ``SourceConfig``, and what each key alone cannot show. Not here: reading
the file (``daemon.config``), choosing between device and file (``daemon.plan``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from edge_mm.delivery.topics import DEVICE_NAME
from edge_mm.kinds import READINGS, THREE_AXES, StreamKind
from edge_mm.sources.channels import SIGNAL_KINDS
from edge_mm.sources.wanted import scheme_of

Name = Annotated[
    str, Meta(pattern=rf"\A{DEVICE_NAME}\Z", description="1 to 64 letters, digits, underscores and hyphens")
]
"""Passes in a topic and in Home Assistant's discovery ids."""
Positive = Annotated[float, Meta(gt=0)]
Columns = Annotated[list[str | int], Meta(min_length=3, max_length=3)]
"""x, y, z."""
Pixels = Annotated[int, Meta(ge=16, le=8192)]

_OPTIONS: Mapping[str, frozenset[str]] = {
    "video": frozenset({"width", "height", "rate_hz"}),
    "audio": frozenset(),
    **{kind: frozenset({"rate_hz", "column", "baud", "protocol", "unit", "path", "stale_s"}) for kind in SIGNAL_KINDS},
    **{kind: frozenset({"column", "baud", "protocol", "unit", "path", "stale_s"}) for kind in READINGS},
    "note": frozenset({"text"}),
}
"""Kind -> options that mean something for it, beside name, kind, device and realtime."""


class SourceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ``[[source]]``."""

    name: Name
    """Stream name, unique."""
    kind: StreamKind
    """What is measured."""
    person: Name | None = None
    """Whom it watches, where one device watches several; then every source says so."""
    device: Annotated[str, Meta(max_length=4096)] | int = ""
    """Camera index, path or URL; microphone name pattern; serial port; ``ble:NAME``, ``i2c:BUS``, ``mqtt:TOPIC``,
    ``lsl:NAME``; or a file. Sources that name the same device are read from it together."""
    realtime: bool = True
    """Files only: true plays them at their own pace, false as fast as the monitor can."""
    width: Pixels | None = None
    """Camera: wanted frame width in pixels."""
    height: Pixels | None = None
    """Camera: wanted frame height in pixels."""
    rate_hz: Positive | None = None
    """Camera: wanted frames per second. Signals: samples per second where the file or port does not say."""
    column: str | int | Columns | None = None
    """CSV, WFDB, EDF: which column or channel, by name or index; three for ``acc`` and ``gyro``. Serial port: which
    value of a line, from 0; the first of three."""
    baud: Annotated[int, Meta(ge=1200, le=4_000_000)] | None = None
    """Serial port: bits per second."""
    protocol: Literal["lines", "binary"] | None = None
    """Serial port: how it speaks (``sources/README.md``); lines where nothing is said."""
    unit: Annotated[str, Meta(max_length=16)] | None = None
    """Signals and readings of a device: what it counts in, where it does not say so itself."""
    path: Annotated[str, Meta(max_length=200)] | None = None
    """MQTT: where in the JSON document the number stands (``heart.bpm``, ``values[0]``); a bare number needs none."""
    stale_s: Annotated[float, Meta(gt=0, le=86_400)] | None = None
    """Readings: longest silence that is normal."""
    text: Annotated[str, Meta(max_length=10_000)] | None = None
    """Note: what it says, where no file (``device``) holds it."""


def source_misfits(rows: Any) -> Iterator[str]:
    """What no key of a source shows alone, from the raw tables."""
    seen: set[str] = set()
    tables = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    if 0 < (named := sum("person" in row for row in tables)) < len(tables):
        yield f"source: {named} of {len(tables)} say whom they watch (person); either all do or none"
    for i, row in enumerate(rows if isinstance(rows, list) else []):
        if not isinstance(row, dict):
            continue
        name, kind = row.get("name"), row.get("kind")
        if isinstance(name, str) and name in seen:
            yield f"source[{i}].name: {name!r} is used twice; stream names are unique"
        seen.add(str(name))
        known = set().union(*_OPTIONS.values())
        for key in sorted((set(row) & known) - _OPTIONS.get(str(kind), known)):
            yield f"source[{i}].{key}: means nothing for kind {kind!r}"
        if kind in SIGNAL_KINDS and row.get("device", "") == "":
            yield f"source[{i}].device: missing; give a serial port or a file"
        yield from _reading_misfits(i, row)
        if kind == "note" and (row.get("device", "") == "") == ("text" not in row):
            yield f"source[{i}].text: give either the note itself or its file (device)"
        if isinstance(row.get("column"), list) and kind not in THREE_AXES:
            yield f"source[{i}].column: one column; only {', '.join(sorted(THREE_AXES))} have three"


def _reading_misfits(i: int, row: Mapping[str, Any]) -> Iterator[str]:
    """What does not go together of a source whose device works out its numbers itself, or gives several streams."""
    kind, device = row.get("kind"), str(row.get("device", ""))
    scheme = scheme_of(device)
    if kind in READINGS and not (scheme or device.startswith("/dev/")):
        yield f"source[{i}].device: give a serial port, ble:NAME, i2c:BUS, mqtt:TOPIC or lsl:NAME"
    if kind in ("video", "audio", "note") and scheme:
        yield f"source[{i}].device: {scheme}: gives no {kind}"
    if kind == "number" and "unit" not in row:
        yield f'source[{i}].unit: missing; a number says what it counts in (unit = "ppm")'
    if "path" in row and scheme != "mqtt":
        yield f"source[{i}].path: means nothing without mqtt:TOPIC"
    if {"baud", "protocol"} & set(row) and scheme:
        yield f"source[{i}]: baud and protocol are a serial port's"
