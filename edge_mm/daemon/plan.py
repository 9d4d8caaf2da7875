"""From the words of a configuration to Sources.

In: a ``Config``. Out: what to read and how: a device, a file in real time, or a file as fast as possible. Nothing is
opened. Not here: choosing between camera, file and URL (``sources.choose``).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from edge_mm.daemon.config import Config
from edge_mm.daemon.config_source import SourceConfig
from edge_mm.delivery.listening import listener
from edge_mm.errors import ConfigError, SourceError, UsageError
from edge_mm.kinds import MODALITY_OF, READINGS, StreamKind
from edge_mm.models.bundle import Bundle, load_bundle
from edge_mm.protocols import Source
from edge_mm.sources import Note, Paced, audio_source, board_source, signal_source, video_source
from edge_mm.sources.address import without_password
from edge_mm.sources.choose import is_recording
from edge_mm.sources.mqtt_topics import Broker
from edge_mm.sources.wanted import Wanted, scheme_of

_log = logging.getLogger("edge_mm.run")


@dataclass(frozen=True, slots=True)
class Planned:
    """One source and how it is read."""

    source: Source
    """Not opened."""
    kinds: Mapping[str, StreamKind]
    """What its streams measure."""
    file: bool
    """It ends, and is not opened again."""
    waits: bool
    """A file read as fast as possible: nothing of it is dropped."""


def plan_sources(
    config: Config, *, stop: threading.Event | None = None, start_ns: int | None = None
) -> tuple[Planned, ...]:
    """What a configuration reads.

    Args:
        config: the configuration.
        stop: ends the waits of files that are played in real time.
        start_ns: time of the files' first samples; the present when None, so that they share the devices' clock.

    Raises:
        ConfigError: a device cannot be what it is configured as, or only some are read as fast as possible; all of it
            is said.
        SourceError: a file that it names does not exist; all of them are said.
    """
    begin = time.monotonic_ns() if start_ns is None else start_ns
    broker = listener(config.mqtt, device=config.device_id)
    planned: list[Planned] = []
    problems: list[str] = []
    wrong = False
    for rows in _by_device(config.source):
        one = rows[0]
        try:
            source = _several(rows, broker) if _is_board(one) else _source(one, begin)
        except (UsageError, ConfigError) as error:
            device = str(one.device)
            problems.append(f"source {one.name!r}: {error}".replace(device, without_password(device)))
            wrong |= isinstance(error, ConfigError)
            continue
        file = not source.live
        if file and one.realtime:
            source = Paced(source, stop=stop or threading.Event(), origin_ns=begin, began_ns=begin)
        planned.append(Planned(source, {row.name: row.kind for row in rows}, file, file and not one.realtime))
    if text := mixed(planned):
        wrong = True
        problems.append(text)
    if wrong:
        raise ConfigError(*problems)
    if problems:
        raise SourceError("\n".join(problems))
    return tuple(planned)


def mixed(planned: Sequence[Planned]) -> str:
    """What is wrong when only some are read as fast as possible, else nothing: their times run ahead of the clock, so
    they would have no time in common with the others.
    """
    fast = [repr(one.source.name) for one in planned if one.waits]
    timed = [repr(one.source.name) for one in planned if not one.waits]
    if not fast or not timed:
        return ""
    return (
        f"source {', '.join(fast)}: realtime = false beside {', '.join(timed)} in real time: their times would not "
        "meet; read either all or none as fast as possible"
    )


def bundle_of(config: Config) -> Bundle:
    """The configuration's bundle.

    Raises:
        ConfigError: there is none of that name.
        BundleError: it is not whole.
    """
    try:
        return load_bundle(config.bundle)
    except UsageError as error:
        raise ConfigError(f"bundle: {error}") from error


def warn_of_unused(planned: Sequence[Planned], bundle: Bundle) -> None:
    """Say which streams the bundle has no front end for."""
    for one in planned:
        for stream, kind in one.kinds.items():
            if kind not in READINGS and bundle.front_end(MODALITY_OF[kind]) is None:
                _log.warning("%s: bundle %s does not use it", stream, bundle.manifest.name)


def _is_board(one: SourceConfig) -> bool:
    """Whether its device can give several streams, so that whoever names it shares it."""
    if scheme_of(one.device):
        return True
    if one.kind in ("video", "audio", "note") or not str(one.device).startswith("/dev/"):
        return False
    return one.kind in READINGS or not is_recording(str(one.device))


def _by_device(sources: Sequence[SourceConfig]) -> list[list[SourceConfig]]:
    """Sources of the same device together, the rest alone; all topics are read over one connection."""
    groups: dict[str, list[SourceConfig]] = {}
    for one in sources:
        groups.setdefault(_device_of(one) if _is_board(one) else f" {one.name}", []).append(one)
    return list(groups.values())


def _device_of(one: SourceConfig) -> str:
    """The same for all words that name the same device."""
    word, scheme = str(one.device), scheme_of(one.device)
    if scheme == "mqtt":
        return "mqtt:"
    if scheme == "i2c":
        bus, _, address = word.removeprefix("i2c:").partition(":")
        return f"i2c:{bus.strip()}:{address.strip().lower() or '0x57'}"
    if scheme:
        return word.lower()
    return os.path.realpath(word)  # a link below /dev/serial/by-id and the port that it points to


def _several(rows: Sequence[SourceConfig], broker: Broker) -> Source:
    """What reads a device that gives one stream or more."""
    one = rows[0]
    differing = [key for key in ("baud", "protocol") if len({getattr(row, key) for row in rows}) > 1]
    if differing:
        names = ", ".join(repr(row.name) for row in rows)
        raise ConfigError(f"{' and '.join(differing)} of {names} differ, though they are one device ({one.device})")
    wanted = [
        Wanted(
            row.name, row.kind, column=tuple(row.column) if isinstance(row.column, list) else row.column,
            rate_hz=row.rate_hz, unit=row.unit, path=row.path, stale_s=row.stale_s,
            address=str(row.device).partition(":")[2],
        )
        for row in rows
    ]  # fmt: skip
    source = board_source(str(one.device), wanted, baud=one.baud, protocol=one.protocol or "lines", broker=broker)
    return cast(Source, source)


def _source(one: SourceConfig, start_ns: int) -> Source:
    if one.kind == "video":
        size = {key: value for key, value in (("width", one.width), ("height", one.height)) if value is not None}
        device = one.device if one.device != "" else 0
        return cast(Source, video_source(device, name=one.name, fps=one.rate_hz, start_ns=start_ns, **size))
    if one.kind == "audio":
        return cast(Source, audio_source(str(one.device) or "default", name=one.name, start_ns=start_ns))
    if one.kind == "note":
        path = None if one.device == "" else str(one.device)
        return cast(Source, Note(one.text, path=path, name=one.name, start_ns=start_ns))
    signal = signal_source(
        str(one.device), kind=one.kind, name=one.name, column=one.column, rate_hz=one.rate_hz, start_ns=start_ns
    )
    return cast(Source, signal)
