"""Try everything that a run needs, and say all that is wrong at once.

In: the path of a configuration. Out: one ``Finding`` per thing that was tried. Devices are opened, their front ends are
made, one sample is read and they are closed again; the broker is logged in to; nothing is published and nothing is
written. Not here: printing (``daemon.verb_check``).
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge_mm.daemon.config import Config, MetricsConfig, load_parts
from edge_mm.daemon.config_record import RecordConfig, in_words, try_record
from edge_mm.daemon.plan import Planned, mixed, plan_sources
from edge_mm.daemon.reader import OPENING_S, specs_of
from edge_mm.daemon.rules_looked_at import strange
from edge_mm.daemon.sink_probe import try_sink
from edge_mm.errors import BundleError, ConfigError, EdgeMmError, SourceError, UsageError
from edge_mm.protocols import Source
from edge_mm.sources.address import without_password
from edge_mm.sources.wanted import scheme_of
from edge_mm.types import Sample

if TYPE_CHECKING:
    from edge_mm.models.bundle import Bundle
    from edge_mm.models.profile import Profile
    from edge_mm.monitor import Monitor

READ_S = 10.0
"""Longest wait for a device's first sample: a sound server that wakes its microphone needs 2 s."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was tried."""

    part: str
    """``config``, ``profile``, ``runtime``, ``bundle``, ``rules``, ``source <name>``, ``outbox``, ``baseline``,
    ``metrics``, ``record``, ``sink <name>``, ``broker``."""
    level: str
    """``ok``, ``warning`` or ``error``."""
    text: str
    """One sentence."""
    status: int = 0
    """Exit status that it asks for."""


def check_up(path: str) -> Iterator[Finding]:
    """Try everything.

    Yields:
        Findings as they are made: opening a camera takes seconds.
    """
    try:
        parts = load_parts(path)
    except (ConfigError, UsageError) as error:
        yield Finding("config", "error", str(error), ConfigError.exit_status)
        yield _tried("runtime", _runtime)
        yield Finding("config", "warning", "nothing of it can be read, so nothing that it names was tried")
        return
    config, wrong = parts.config, parts.wrong
    yield from (Finding("config", "error", text, ConfigError.exit_status) for text in parts.problems)
    if not parts.sources:
        text = f"{path}: nothing to watch with: add a [[source]] ('edge-mm devices' lists what is there)"
        yield Finding("config", "error", text, ConfigError.exit_status)
    elif not parts.problems:
        count = f"{parts.sources} source{'s' if parts.sources > 1 else ''}"
        yield Finding("config", "ok", f"{path}: device {config.device_id}, {count}")
    profiles: list[Profile] = []
    if "profile" in wrong:
        yield _untried("profile")
    else:
        yield from _board(config.profile, profiles)
    yield _tried("runtime", _runtime)
    monitors: list[Monitor] = []
    bundles: list[Bundle] = []
    if "bundle" in wrong:
        yield _untried("bundle")
    else:
        yield _tried("bundle", lambda: _bundle(config.bundle, monitors, bundles))
    for profile, bundle in zip(profiles, bundles, strict=False):  # one of each, or none where it is wrong
        yield from _budget(profile, bundle)
    yield from (Finding("rules", "warning", text) for text in strange(config, wrong))
    for place in sorted(wrong):
        if place.startswith("source"):
            yield _untried(place)
    yield from _sources(path, config, wrong, monitors)
    device = None if "device_id" in wrong else config.device_id
    yield _untried("outbox") if "outbox" in wrong else _tried("outbox", lambda: _outbox(config.outbox.path, device))
    if "baseline" in wrong:
        yield _untried("baseline")
    else:
        yield _tried("baseline", lambda: _baseline(config.baseline))
    if "metrics" in wrong:
        yield _untried("metrics")
    elif config.metrics is not None:
        yield _tried("metrics", partial(_metrics, config.metrics))
    if "record" in wrong:
        yield _untried("record")
    elif config.record is not None:
        yield from _record(config.record)
    if "sink" in wrong:
        yield _untried("sink")
    yield from (_tried(f"sink {one.title}", partial(try_sink, one)) for one in config.sink)
    yield _untried("broker") if "mqtt" in wrong else _tried("broker", lambda: _broker(config))


def _sources(path: str, config: Config, wrong: Collection[str], monitors: list[Monitor]) -> Iterator[Finding]:
    """Each source alone, then what they cannot be together."""
    planned: list[Planned] = []
    for one in config.source:
        if "mqtt" in wrong and scheme_of(one.device) == "mqtt":
            yield _untried(f"source {one.name}")
            continue
        alone = msgspec.structs.replace(config, source=(one,))
        yield _tried(f"source {one.name}", partial(_source, alone, planned, monitors), secret=str(one.device))
    if text := mixed(planned):
        yield Finding("config", "error", f"{path}: {text}", ConfigError.exit_status)


def status_of(findings: list[Finding]) -> int:
    """The exit status of all together: a configuration that restarting cannot mend comes before a missing device."""
    wanted = {finding.status for finding in findings}
    return next((status for status in (78, 69, 1) if status in wanted), 0)


def _tried(part: str, what: Callable[[], str], *, secret: str = "") -> Finding:
    """Do it; ``secret`` is an address that may hold a password."""
    try:
        return Finding(part, "ok", what())
    except Exception as error:  # whatever one thing does, the others are tried as well
        found = _failed(part, error)
        return msgspec.structs.replace(found, text=found.text.replace(secret, without_password(secret)))


def _failed(part: str, error: Exception) -> Finding:
    if not isinstance(error, EdgeMmError):
        return Finding(part, "error", f"unexpected {type(error).__name__}: {_once(part, str(error))[:300]}", 1)
    # Named in a configuration, a thing that does not exist is a wrong configuration.
    status = ConfigError.exit_status if isinstance(error, UsageError) else error.exit_status
    return Finding(part, "error", _once(part, str(error)), status)


def _untried(part: str) -> Finding:
    return Finding(part, "warning", "not tried: its part of the configuration is wrong (see above)")


def _once(part: str, text: str) -> str:
    """One line that does not begin with the name of the part, which stands before it already."""
    sort, _, name = part.partition(" ")
    prefixes = [f"{part}: ", f"{sort} {name!r}: ", f"{name}: ", f"{part} "] if name else [f"{part}: ", f"{part} "]
    line = " ".join(text.split("\n"))
    for prefix in prefixes:
        line = line.removeprefix(prefix)
    return line


def _board(name: str, profiles: list[Profile]) -> Iterator[Finding]:
    from edge_mm.models.board import Board
    from edge_mm.models.fit import installed_runtimes, misfits, plugged_in
    from edge_mm.models.profile import load_profile

    try:
        profile = load_profile(name)
    except Exception as error:
        yield _failed("profile", error)
        return
    profiles.append(profile)
    board = Board()
    yield Finding("profile", "ok", f"{profile.title} ({profile.name}){': ' + profile.note if profile.note else ''}")
    for text in misfits(profile, board, runtimes=installed_runtimes()):
        yield Finding("profile", "warning", text)
    for text in plugged_in(board, profile=profile):
        yield Finding("profile", "ok", text)


def _runtime() -> str:
    from edge_mm.perception.litert import backend_name

    return f"graphs run on {backend_name()}"


def _bundle(name: str, monitors: list[Monitor], bundles: list[Bundle]) -> str:
    """Load it and make a monitor of it, which runs the self-test."""
    from edge_mm.models.bundle import load_bundle
    from edge_mm.monitor import Monitor

    bundle = load_bundle(name)
    bundles.append(bundle)
    try:
        monitors.append(Monitor(bundle))
    except ConfigError as error:
        raise BundleError(f"{bundle.source}: not tried: {error}") from error
    return f"{bundle.manifest.name} {bundle.manifest.version}: whole, every graph passes its self-test"


def _budget(profile: Profile, bundle: Bundle) -> Iterator[Finding]:
    """Compare the bundle with what its board can take; a graph whose manifest does not say what it costs counts 0."""
    graphs = bundle.manifest.graphs.values()
    over = profile.over_budget(
        bundle_bytes=Path(bundle.source).stat().st_size,
        macs=sum(graph.macs for graph in graphs),
        arena_bytes=sum(graph.arena_bytes for graph in graphs),
    )
    for text in over:
        yield Finding("bundle", "warning", text)


def _source(config: Config, planned: list[Planned], monitors: list[Monitor]) -> str:
    """Open the one source, make what reads it, read a sample."""
    (one,) = plan_sources(config)
    planned.append(one)
    try:
        spec = one.source.open()
        for monitor in monitors:  # one, or none where the bundle is wrong
            for each in specs_of(one.source, spec):
                monitor.add_stream(each)
        if not one.file and spec.stale_s > OPENING_S:
            return f"{spec.kind}: open; it speaks when it has something to say, which was not waited for"
        sample = _read_once(one.source)
    finally:
        one.source.close()
    size = "no data" if sample is None else "x".join(map(str, sample.data.shape))
    return f"{spec.kind}, {spec.rate_hz:g} Hz, {size} per sample"


def _read_once(source: Source) -> Sample | None:
    """A first sample; whoever waits in a driver or for a lost device must not hold up what else is to be tried.

    Raises:
        SourceError: the source's own, or nothing came in time.
    """
    answer: queue.SimpleQueue[Sample | Exception | None] = queue.SimpleQueue()

    def read() -> None:
        try:
            answer.put(source.read())
        except Exception as error:  # told where it was asked for
            answer.put(error)

    threading.Thread(target=read, name=f"check {source.name}", daemon=True).start()
    try:
        got = answer.get(timeout=READ_S)
    except queue.Empty:
        raise SourceError(f"it is open and gave nothing for {READ_S:g} s") from None
    if isinstance(got, Exception):
        raise got
    return got


def _outbox(path: str, device: str | None) -> str:
    from edge_mm.daemon.outbox_probe import try_outbox

    return f"{path}: writable, {try_outbox(Path(path), device=device)} MiB free"


def _baseline(path: str) -> str:
    from edge_mm.daemon.baseline_file import load_baseline

    if not Path(path).exists():
        return "none is stored, so the population's limits hold; 'edge-mm calibrate' learns one"
    return f"{path}: {', '.join(load_baseline(path).learned()) or 'empty'}"


def _metrics(config: MetricsConfig) -> str:
    """The extra is there, and nobody else listens on the port."""
    from edge_mm.daemon.metrics import require_client, unusable

    require_client()
    try:
        socket.create_server((config.host, config.port)).close()
    except OSError as error:  # no address of ours, a port below 1024, or taken: also by a daemon that runs
        raise SourceError(unusable(config, error)) from error
    return f"http://{config.host}:{config.port}/metrics can be served"


def _record(config: RecordConfig) -> Iterator[Finding]:
    """The extra is there, the folder can be used; that people are recorded is said in any case."""
    try:
        yield from (Finding("record", "warning", text) for text in try_record(config))
    except EdgeMmError as error:
        yield _failed("record", error)
    yield Finding("record", "warning", in_words(config))


def _broker(config: Config) -> str:
    from edge_mm.delivery.probe import check_broker

    check_broker(config.mqtt, timeout_s=config.mqtt.connect_timeout_s)
    return f"{config.mqtt.host}:{config.mqtt.port} accepts us"
