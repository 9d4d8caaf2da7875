"""``[[sink]]``: where alerts go beside MQTT.

In: a table of ``edge-mm.toml``. Out: a frozen ``SinkConfig``, and what each key alone cannot show. No message holds an
address or the value of a header. Not here: what a sink does (``daemon.ways_out``).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from edge_mm.daemon.config_source import Name
from edge_mm.daemon.places import Places
from edge_mm.delivery.webhook import NO_NAME, wrong_header, wrong_url
from edge_mm.kinds import Priority

_BOTH = frozenset({"min_priority", "kinds"})
_OPTIONS: Mapping[str, frozenset[str]] = {
    "log": _BOTH | {"path", "max_mib", "keep"},
    "webhook": _BOTH | {"url", "headers", "header_files", "timeout_s", "tls_ca"},
    "sound": frozenset({"device", "when", "volume"}),
    "led": frozenset({"when", "high", "medium", "low"}),
}
"""Kind -> what means something for it; any other kind is a plug-in's, with ``options``."""
LED_NAME = re.compile(r"(?!\.)[\x21-\x2e\x30-\x7e]{1,255}")
"""Printable ASCII without ``/``: nothing else is looked for in the file system."""
GROUP = "edge_mm.sinks"
"""Entry points: ``factory(name, options)`` gives an object with ``send`` or ``deliver`` (``DurableSink``)."""


class SinkConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ``[[sink]]``."""

    kind: Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_]{0,63}\Z", description="log, webhook, sound, led or a plug-in")]
    """``log``, ``webhook``, ``sound``, ``led``, or the name of an entry point in the group ``edge_mm.sinks``."""
    name: Name = ""
    """Unique; the kind where nothing is said. It names the sink's rows in the outbox: with another name it is new."""
    min_priority: Priority = "low"
    """log, webhook: only alerts of at least this priority."""
    kinds: tuple[str, ...] = ()
    """log, webhook: only these kinds, or those below (``driver`` means ``driver.eyes_closed`` too); empty: all."""
    path: Annotated[str, Meta(min_length=1, max_length=4096)] = "edge-mm-alerts.jsonl"
    """log: the newest file."""
    max_mib: Annotated[float, Meta(ge=0.01, le=10_000)] = 10.0
    """log: a file that would grow beyond this is put aside as ``path.1``."""
    keep: Annotated[int, Meta(ge=0, le=1000)] = 5
    """log: how many are kept aside."""
    url: str = ""
    """webhook: where to post."""
    headers: dict[str, str] = {}
    """webhook: sent with each request; ``Authorization = "Bearer ${TOKEN}"`` takes it from the environment."""
    header_files: dict[str, str] = {}
    """webhook: headers whose value is the first line of a file."""
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 10.0
    """webhook: longest wait for each answer of the network."""
    tls_ca: str | None = None
    """webhook: file of certificates to trust instead of the system's."""
    device: Annotated[str, Meta(min_length=1, max_length=200)] = "default"
    """sound: a part of the name of an output device."""
    when: Literal["nobody_listens", "always"] = "nobody_listens"
    """sound, led: ``nobody_listens``: only while the broker is away, or alerts cannot be stored."""
    volume: Annotated[float, Meta(gt=0, le=1)] = 0.8
    """sound: of full scale."""
    high: str = ""
    """led: name of the LED in ``/sys/class/leds`` for this priority; empty: none."""
    medium: str = ""
    low: str = ""
    options: dict[str, Any] = {}
    """A plug-in's own."""

    @property
    def title(self) -> str:
        """Its name, or its kind."""
        return self.name or self.kind


def sink_misfits(rows: Any) -> Iterator[str]:
    """What no key of a sink shows alone, from the raw tables."""
    seen: set[str] = set()
    for i, row in enumerate(rows if isinstance(rows, list) else []):
        if not isinstance(row, dict):
            continue
        where, kind = f"sink[{i}]", str(row.get("kind", ""))
        title = str(row.get("name") or kind)
        if title in seen:
            yield f"{where}.name: {title!r:.80} is used twice; give each sink a name of its own"
        seen.add(title)
        known = frozenset({"options"}).union(*_OPTIONS.values())
        foreign = (set(row) & known) - _OPTIONS.get(kind, frozenset({"options"}))
        if foreign and not there_is(kind):  # which key means something, nobody knows; that it is none is said when made
            foreign.clear()
        for key in sorted(foreign):
            yield f"{where}.{key}: means nothing for kind {kind!r:.80}"
        if kind == "webhook":
            yield from _webhook_misfits(where, row)
        if kind == "led":
            yield from _led_misfits(where, row)


def there_is(kind: str) -> bool:
    """Whether it is a kind of ours, or of a plug-in that is installed."""
    return kind in _OPTIONS or kind in plug_ins()


def plug_ins() -> list[str]:
    """Kinds that are installed beside ours."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def no_kind(kind: str) -> str:
    """What is said of a kind that there is none of."""
    installed = plug_ins()
    near = difflib.get_close_matches(kind, [*_OPTIONS, *installed], n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    also = f" (installed: {', '.join(installed)})" if installed else ""
    ours = ", ".join(_OPTIONS)
    mqtt = "; MQTT has its own table, [mqtt]" if kind.startswith("mq") else ""
    return f"no sink of kind {kind!r:.80}; there are {ours}, or a plug-in of the group {GROUP}{also}{hint}{mqtt}"


def _webhook_misfits(where: str, row: Mapping[str, Any]) -> Iterator[str]:
    url, headers, files = row.get("url", ""), row.get("headers", {}), row.get("header_files", {})
    if isinstance(url, str) and (text := wrong_url(url)):
        yield f"{where}.url: {text if url else 'missing; give the address to post to'}"
    for key, value in headers.items() if isinstance(headers, dict) else ():
        if isinstance(value, str) and (text := wrong_header(key, value)):
            yield f"{where}.headers{_named(key, text)}: {text}"
    given = {key.lower() for key in headers} if isinstance(headers, dict) else set()
    for key in files if isinstance(files, dict) else ():
        if text := wrong_header(key, ""):
            yield f"{where}.header_files{_named(key, text)}: {text}"
        elif key.lower() in given:
            yield f"{where}.header_files.{key}: give it here or in headers"


def _named(key: str, text: str) -> str:
    return "" if text == NO_NAME else f".{key!r:.80}"


def _led_misfits(where: str, row: Mapping[str, Any]) -> Iterator[str]:
    names = {key: row[key] for key in ("high", "medium", "low") if row.get(key)}
    if not names:
        yield f"{where}.high: missing; name an LED of /sys/class/leds for at least one priority"
    for key, name in names.items():
        if isinstance(name, str) and not LED_NAME.fullmatch(name):
            yield f"{where}.{key}: {name!r:.80} is not the name of an LED in /sys/class/leds (no path, no space)"


def placed_sinks(sinks: tuple[SinkConfig, ...], places: Places, files: Mapping[str, str]) -> tuple[SinkConfig, ...]:
    """Absolute paths; headers read from their files.

    Args:
        sinks: as they were written.
        places: makes paths absolute, and is told what is wrong.
        files: absolute path -> what other files of ours are. A log never writes there: it cuts off what is no whole
            line, and two logs would write each alert twice and put one file aside twice.
    """
    taken, placed = dict(files), tuple(_placed(one, places) for one in sinks)
    for one in placed:
        if one.kind == "log":
            names = [one.path, f"{one.path}.ids", *(f"{one.path}.{number}" for number in range(1, one.keep + 1))]
            if (other := next((taken[name] for name in names if name in taken), "")) != "":
                places.problem(
                    f"sink {one.title}: path: {one.path}: {other} has this file; give the log one of its own"
                )
            taken |= dict.fromkeys(names, f"sink {one.title}")
    return placed


def _placed(one: SinkConfig, places: Places) -> SinkConfig:
    where = f"sink {one.title}"
    if one.kind == "log":
        return msgspec.structs.replace(one, path=places.absolute(one.path, where=f"{where}: path") or one.path)
    if one.kind != "webhook":
        return one
    headers = dict(one.headers)
    path: str | None
    for key, file in one.header_files.items():
        path = places.existing(file, where=f"{where}: header_files.{key}")
        if path is None:
            continue
        value = places.secret(path, where=f"{where}: header_files.{key}")
        if value is None:
            continue
        if text := wrong_header(key, value):
            places.problem(f"{where}: header_files.{key}: {text}")
        headers[key] = value
    tls_ca = None if one.tls_ca is None else places.existing(one.tls_ca, where=f"{where}: tls_ca")
    return msgspec.structs.replace(one, headers=headers, tls_ca=tls_ca)
