"""``edge-mm.toml``: what is installed here - sensors, broker, limits.

In: the path of the file. Out: a frozen ``Config`` with ``${NAME}`` replaced from the environment and paths made
absolute (relative ones count from the file's folder), or one ``ConfigError`` with everything that is wrong. Not here:
opening anything (``daemon.checkup``), the board (``models.profile``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from edge_mm.daemon.config_home_assistant import HomeAssistantSettings, home_assistant_misfits
from edge_mm.daemon.config_record import RecordConfig
from edge_mm.daemon.config_sink import SinkConfig, placed_sinks, sink_misfits
from edge_mm.daemon.config_source import Name, SourceConfig, source_misfits
from edge_mm.daemon.environment import filled
from edge_mm.daemon.places import Places
from edge_mm.delivery.settings import MqttSettings
from edge_mm.errors import ConfigError
from edge_mm.models.tables import decode, read_toml
from edge_mm.sources.files import said

VERSION = 1


class MqttConfig(MqttSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[mqtt]``: what ``edge_mm.delivery`` needs, and where the password may stand instead."""

    password_file: str | None = None
    """File whose first line is the password; ``password = "${EDGE_MM_MQTT_PASSWORD}"`` is the other good way."""


class OutboxConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[outbox]``."""

    path: str = "edge-mm-outbox.sqlite"
    """SQLite file that keeps alerts until the broker has confirmed them."""


class LogConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[log]``."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """What is written to stderr."""


class GraphsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[graphs]``: where the bundle's graphs run."""

    place: Literal["auto", "here", "child"] = "auto"
    """``child``: in a process of their own with a deadline. ``auto``: so run those of a bundle that does not ship with
    edge-mm, and those that a delegate runs; the shipped ones run here, which costs less."""
    delegate: str = ""
    """Library of a TFLite delegate (``libedgetpu.so.1``); one that fails is replaced by the CPU."""
    deadline_s: Annotated[float, Meta(gt=0, le=10)] = 2.0
    """A run in a child that takes longer is given up, and the child replaced; the watchdog waits 30 s."""


class MetricsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[metrics]``: health for Prometheus; where the table is absent, nothing listens."""

    port: Annotated[int, Meta(ge=1, le=65535)] = 9464
    """Of ``http://host:port/metrics``."""
    host: Annotated[str, Meta(min_length=1, max_length=253)] = "127.0.0.1"
    """Address to listen on; ``0.0.0.0`` lets the whole network read it, there is no password."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    version: int
    """Schema of this file; this code reads ``VERSION``."""
    device_id: Name
    """Name of this installation in topics."""
    source: tuple[SourceConfig, ...] = ()
    """The sensors."""
    bundle: str = "driver"
    """Name of a shipped bundle, or a ``.edgemm`` file."""
    baseline: str = "edge-mm-baseline.json"
    """What ``edge-mm calibrate`` has learned about the person; where there is none, the population's limits hold."""
    profile: str = "auto"
    """Name of a board profile, a ``.toml`` file, or ``auto``."""
    mqtt: MqttConfig = MqttConfig()
    outbox: OutboxConfig = OutboxConfig()
    log: LogConfig = LogConfig()
    graphs: GraphsConfig = GraphsConfig()
    metrics: MetricsConfig | None = None
    record: RecordConfig | None = None
    """Where the table is absent, nothing is recorded."""
    sink: tuple[SinkConfig, ...] = ()
    """Where alerts go beside MQTT."""
    home_assistant: HomeAssistantSettings | None = None
    rules: dict[str, Any] = {}
    """Limits that differ from the default, by name (``edge_mm.alerts.limits.Limits``)."""
    alarms: dict[str, Any] = {}
    """Latching, escalation, cooldown by kind, where they differ (``edge_mm.alerts.handling.Handling``)."""


def load_config(path: str | Path) -> Config:
    """Read and check a configuration file.

    Raises:
        UsageError: there is no such file.
        ConfigError: everything that is wrong with it.
    """
    raw, folder = _document(path)
    return parse_config(raw, file=str(path), folder=folder)


def parse_config(raw: dict[str, Any], *, file: str, folder: Path) -> Config:
    """Check a parsed configuration.

    Args:
        raw: the TOML document.
        file: its name, for messages.
        folder: where relative paths count from.

    Raises:
        ConfigError: everything that is wrong with it.
    """
    parts = _parts(raw, file=file, folder=folder)
    if parts.problems:
        raise ConfigError(*parts.problems)
    return parts.config


@dataclass(frozen=True, slots=True)
class Parts:
    """A configuration of which some parts may be wrong."""

    config: Config
    """What is right; what is wrong stands at its default, and a wrong ``[[source]]`` is left out."""
    problems: tuple[str, ...]
    """Everything that is wrong, as sentences."""
    wrong: Mapping[str, tuple[str, ...]]
    """Where -> what is: ``mqtt``, ``bundle``, ``source[1]``."""
    sources: int
    """How many ``[[source]]`` there are, right or wrong."""


def load_parts(path: str | Path) -> Parts:
    """Read what can be read of a configuration file, so that everything else in it can be tried all the same.

    Raises:
        UsageError: there is no such file.
        ConfigError: nothing of it can be read: no TOML, another version.
    """
    raw, folder = _document(path)
    return _parts(raw, file=str(path), folder=folder)


def _document(path: str | Path) -> tuple[dict[str, Any], Path]:
    """The file as a table, and its folder."""
    where = Path(path)
    try:
        if where.exists() and not where.is_file():  # reading a pipe would wait for its writer, a device never ends
            raise ConfigError(f"{path}: not a regular file; name a configuration")
        folder = where.resolve().parent
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(f"{str(path)[:200]}: cannot be read: {said(error)}") from error
    return read_toml(where), folder


def _parts(raw: dict[str, Any], *, file: str, folder: Path) -> Parts:
    version = raw.get("version")
    if type(version) is int and version != VERSION:
        raise ConfigError(f"{file}: version: {version} is not a version that this edge-mm reads; it reads {VERSION}")
    problems: list[str] = []
    document: dict[str, Any] = filled(raw, "", file, problems)
    config: Config | None = None
    try:
        config = decode(document, Config, file=file)
    except ConfigError as error:
        problems += error.problems
    problems += [f"{file}: {text}" for text in _misfits(document)]
    problems += _wrong_rules(document.get("rules"), document.get("alarms"), file)
    if config is None or problems:
        config = decode(_right(document, _wrong(problems, file, document)), Config, file=file)
    rows = document.get("source", [])
    config = _placed(config, rows if isinstance(rows, list) else [], Places(file, folder, problems))
    return Parts(config, tuple(problems), _wrong(problems, file, document), len(rows) if isinstance(rows, list) else 1)


def _wrong(problems: Sequence[str], file: str, raw: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """``FILE: mqtt.port: ...`` is about ``mqtt``, ``FILE: source[1].kind: ...`` about ``source[1]``.

    By the document's own keys: a key in quotes may hold anything.
    """
    texts = [text.removeprefix(f"{file}: ") for text in problems]
    rows = raw.get("source")
    keys = [f"source[{i}]" for i in range(len(rows) if isinstance(rows, list) else 0)]
    keys += [*raw, *(field.name for field in msgspec.structs.fields(Config))]
    starts = {key: tuple(f"{bracket}{key}{end}" for bracket, end in (("", ":"), ("", "."), ("[", "]"))) for key in keys}
    starts["sink"] = (*starts["sink"], "sink[", "sink ")
    found = {
        key: tuple(whole for whole, text in zip(problems, texts, strict=True) if text.startswith(start))
        for key, start in starts.items()
    }
    return {key: about for key, about in found.items() if about}


def _right(document: Mapping[str, Any], wrong: Collection[str]) -> dict[str, Any]:
    """The document without its wrong parts."""
    right: dict[str, Any] = {"version": VERSION, "device_id": "unnamed"}
    known = {field.name for field in msgspec.structs.fields(Config)}
    right |= {key: value for key, value in document.items() if key in known and key not in wrong}
    rows = right.get("source", [])
    return right | {"source": [row for i, row in enumerate(rows) if f"source[{i}]" not in wrong]}


def _misfits(raw: Mapping[str, Any]) -> Iterator[str]:
    """What each key alone cannot show; works on the raw document, so that it is said together with the rest."""
    yield from source_misfits(raw.get("source", []))
    yield from sink_misfits(raw.get("sink", []))
    rows = raw.get("source", [])
    if "record" in raw and isinstance(rows, list) and any(isinstance(row, dict) and "person" in row for row in rows):
        yield "record: a recording is of one person; remove [record], or person from the sources"
    graphs = raw.get("graphs", {})
    if isinstance(graphs, dict) and graphs.get("delegate") and graphs.get("place") == "here":
        yield "graphs.place: a delegate may crash the process that loads it; it runs in a child only"
    yield from home_assistant_misfits(raw)
    mqtt = raw.get("mqtt", {})
    if isinstance(mqtt, dict):
        if "password" in mqtt and "password_file" in mqtt:
            yield "mqtt.password_file: give either password or password_file"
        if "password_file" in mqtt and "username" not in mqtt:
            yield "mqtt.username: missing; a password without a user name is never sent"


def _wrong_rules(rules: Any, alarms: Any, file: str) -> Iterator[str]:
    from edge_mm.alerts.handling import Handlings
    from edge_mm.alerts.limits import limits_from

    for table, name, check in ((rules, "rules", limits_from), (alarms, "alarms", Handlings)):
        if isinstance(table, dict) and table:
            try:
                check(table, where=f"{file}: [{name}]")
            except ConfigError as error:
                yield from error.problems


def _placed(config: Config, rows: Sequence[Any], places: Places) -> Config:
    """Absolute paths; the password read from its file; a source whose path can be none left out."""
    mqtt = config.mqtt
    changed: dict[str, Any] = {}
    for key in ("tls_ca", "tls_cert", "tls_key", "password_file"):
        value = getattr(mqtt, key)
        if value is not None and (placed := places.existing(value, where=f"mqtt.{key}")) is not None:
            changed[key] = placed
    if changed.get("password_file"):
        password = places.secret(changed["password_file"], where="mqtt.password_file")
        if password is not None:
            changed["password"] = password
    try:
        mqtt = msgspec.structs.replace(mqtt, **changed)
    except ConfigError as error:  # a password that MQTT cannot send
        places.problem(str(error))
    outbox = places.absolute(config.outbox.path, where="outbox.path") or config.outbox.path
    baseline = places.absolute(config.baseline, where="baseline") or config.baseline
    files = {str(path): f"mqtt.{key}" for key, path in changed.items() if key != "password"}
    files |= {str(places.file.resolve()): "the configuration", baseline: "the baseline"}
    files |= {f"{outbox}{end}": "the outbox" for end in ("", "-wal", "-shm", "-journal", "-reserve")}
    record = config.record
    if record is not None:
        folder = places.absolute(record.folder, where="record.folder") or record.folder
        record = msgspec.structs.replace(record, folder=folder)
    at = {str(row.get("name")): f"source[{i}].device" for i, row in enumerate(rows) if isinstance(row, dict)}
    devices = [places.device(one.device, one.kind, where=at[one.name]) for one in config.source]
    return msgspec.structs.replace(
        config,
        mqtt=mqtt,
        outbox=OutboxConfig(path=outbox),
        baseline=baseline,
        bundle=places.shipped(config.bundle, ".edgemm", where="bundle"),
        record=record,
        sink=placed_sinks(config.sink, places, files),
        profile=places.shipped(config.profile, ".toml", where="profile"),
        source=tuple(
            msgspec.structs.replace(one, device=device)
            for one, device in zip(config.source, devices, strict=True)
            if device is not None
        ),
    )
