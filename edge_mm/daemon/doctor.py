"""Look after the machine that edge-mm runs on: everything that ``check`` does not open.

In: the path of a configuration, or none. Out: one ``Remark`` per thing, each with what to do. It may run beside a
daemon: no camera, microphone, port or outbox is opened, and the broker is asked in a session of its own. Without a
configuration the machine is looked at all the same. Not here: each look (``daemon.doctor_*``), printing
(``daemon.verb_doctor``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from edge_mm.daemon import doctor_access, doctor_board, doctor_parts
from edge_mm.daemon.config import Config, Parts, load_parts
from edge_mm.daemon.config_sink import SinkConfig
from edge_mm.daemon.config_source import SourceConfig
from edge_mm.daemon.plan import plan_sources
from edge_mm.daemon.remark import CONFIG, Remark, error, guarded, ok, warning
from edge_mm.errors import ConfigError, DeliveryError, UsageError
from edge_mm.models.board import Board
from edge_mm.models.profile import Profile, load_profile
from edge_mm.sources.address import without_password

DEFAULT = "edge-mm.toml"


def examine(config: str | None = None, *, root: Path = Path("/")) -> Iterator[Remark]:
    """Look at everything.

    Args:
        config: path of a configuration that must be there; None takes ``edge-mm.toml`` where there is one.
        root: where ``dev``, ``proc`` and ``sys`` are; another folder is another machine.

    Yields:
        Remarks as they are made: the broker and the runtime take seconds.
    """
    parts: Parts | None = None
    path = config or DEFAULT
    if config is None and not Path(DEFAULT).exists():
        yield warning("config", f"there is no {DEFAULT} here, so only the machine is looked at", "edge-mm init")
    else:
        try:
            parts = load_parts(path)
        except (ConfigError, UsageError) as problem:
            yield error("config", " ".join(str(problem).split("\n")), "edge-mm init, or name another with -c", CONFIG)
        else:
            yield from _configuration(path, parts)
    read = None if parts is None else parts.config
    sources = () if read is None else read.source
    profiles: list[Profile] = []
    yield from guarded("board", lambda: _board(read, root, profiles))
    profile = profiles[0] if profiles else load_profile(board=Board(root))
    yield from guarded("user", doctor_access.user)
    devices: list[SourceConfig] = []
    if read is not None:
        for source in sources:
            yield from guarded(f"source {source.name}", partial(_source, read, source, devices))
    yield from guarded("devices", lambda: doctor_access.access(devices, root, coral=doctor_parts.coral_nodes(root)))
    live = {source.name for source in devices}
    yield from guarded("packages", lambda: doctor_parts.packages(sources, live=live))
    if read is not None and read.metrics is not None:
        yield from guarded("metrics", _metrics)
    if read is not None and read.record is not None:
        yield from guarded("record", partial(_record, read.record.folder))
    if read is not None and parts is not None and "sink" not in parts.wrong:
        for one in read.sink:
            yield from guarded(f"sink {one.title}", partial(_sink, one))
    yield from guarded("runtime", doctor_parts.runtime)
    yield from guarded("coral", lambda: doctor_parts.coral(profile, root))
    yield from guarded("power", lambda: doctor_board.power(root))
    yield from guarded("temperature", lambda: doctor_board.temperature(profile, root))
    yield from guarded("frequency", lambda: doctor_board.frequency(root))
    yield from guarded("memory", lambda: doctor_board.memory(profile, root))
    outbox = Path.cwd() / "edge-mm-outbox.sqlite" if read is None else Path(read.outbox.path)
    yield from guarded("disk", lambda: doctor_board.disk(outbox, root))
    yield from guarded("clock", doctor_board.time_of_day)
    yield from guarded("broker", lambda: _broker(parts))


def status_of(remarks: Sequence[Remark]) -> int:
    """The exit status of all together, as that of ``edge-mm check``: 78 before 69 before 1."""
    wanted = {remark.status for remark in remarks}
    return next((status for status in (78, 69, 1) if status in wanted), 0)


def _configuration(path: str, parts: Parts) -> Iterator[Remark]:
    for text in parts.problems:
        yield error("config", text, "put it right; 'edge-mm check' says the same", CONFIG)
    if not parts.problems:
        count = f"{parts.sources} source{'' if parts.sources == 1 else 's'}"
        yield ok("config", f"{path}: device {parts.config.device_id}, {count}")


def _source(config: Config, source: SourceConfig, devices: list[SourceConfig]) -> Iterator[Remark]:
    """Told apart as the daemon does: a device, or a file that must be there."""
    (planned,) = plan_sources(msgspec.structs.replace(config, source=(source,)))
    if planned.file:
        yield ok(f"source {source.name}", f"a file, {without_password(str(source.device)) or 'in the configuration'}")
    else:
        devices.append(source)


def _board(config: Config | None, root: Path, profiles: list[Profile]) -> Iterator[Remark]:
    board = Board(root)
    name = "auto" if config is None else config.profile
    try:
        profile = load_profile(name, board=board)
    except ConfigError as problem:
        yield error("board", str(problem), "set profile in the configuration, or leave it out", CONFIG)
        return
    profiles.append(profile)
    model = board.model or profile.title
    yield ok("board", f"{model}, {board.cores or 'unknown'} cores, {board.machine}; profile {profile.name}")


def _metrics() -> Iterator[Remark]:
    from edge_mm.daemon.metrics import require_client

    require_client()  # the port is left alone: the daemon that runs has it
    yield ok("metrics", "prometheus-client is installed")


def _record(folder: str) -> Iterator[Remark]:
    from edge_mm.recording import require_mcap

    require_mcap("[record]")
    yield ok("record", f"mcap is installed; people are recorded into {folder}")


def _sink(one: SinkConfig) -> Iterator[Remark]:
    from edge_mm.daemon.sink_probe import try_sink

    try:
        yield ok(f"sink {one.title}", try_sink(one))
    except DeliveryError as problem:  # alerts wait for it
        text, _, cure = str(problem).partition("; ")
        yield warning(f"sink {one.title}", text, cure or "make it reachable; until then alerts wait in the outbox")


def _broker(parts: Parts | None) -> Iterator[Remark]:
    if parts is None:
        yield ok("broker", "not tried: there is no configuration that names one")
        return
    if not parts.wrong.keys().isdisjoint(("mqtt", "device_id")):
        yield warning("broker", "not tried: its part of the configuration is wrong", "put it right (see above)")
        return
    from edge_mm.daemon.doctor_broker import broker

    yield from broker(parts.config.mqtt, parts.config.device_id)
