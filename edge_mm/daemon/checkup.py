"""Try everything that a run needs, and say all that is wrong at once.

In: the path of a configuration. Out: one ``Finding`` per thing that was tried. Devices are opened, one sample is read
and they are closed again; the broker is logged in to; nothing is published and nothing is written. Not here: printing
(``daemon.verb_check``).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from edge_mm.daemon.config import Config, load_config
from edge_mm.daemon.plan import plan_sources
from edge_mm.errors import BundleError, ConfigError, EdgeMmError, OutboxError, UsageError

LEAST_FREE_MIB = 16
"""The outbox needs a few MiB for weeks without a broker; less free space than this is about to fail."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was tried."""

    part: str
    """``config``, ``profile``, ``runtime``, ``bundle``, ``source <name>``, ``outbox``, ``broker``."""
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
    config: Config | None = None
    try:
        config = load_config(path)
        yield Finding("config", "ok", f"{path}: device {config.device_id}, {len(config.source)} sources")
        if not config.source:
            yield Finding("config", "warning", f"{path}: nothing to watch with yet: add a [[source]]")
    except ConfigError as error:
        yield from (Finding("config", "error", text, ConfigError.exit_status) for text in error.problems)
    except UsageError as error:
        yield Finding("config", "error", str(error), ConfigError.exit_status)
    yield from _board(config)
    yield _tried("runtime", _runtime)
    yield _tried("bundle", lambda: _bundle(config.bundle if config else "driver"))
    if config is None:
        return
    for one in config.source:
        yield _tried(f"source {one.name}", partial(_source, msgspec.structs.replace(config, source=(one,))))
    yield _tried("outbox", lambda: _outbox(Path(config.outbox.path)))
    yield _tried("broker", lambda: _broker(config))


def status_of(findings: list[Finding]) -> int:
    """The exit status of all together: a configuration that restarting cannot mend comes before a missing device."""
    wanted = {finding.status for finding in findings}
    return next((status for status in (78, 69, 1) if status in wanted), 0)


def _tried(part: str, what: Callable[[], str]) -> Finding:
    try:
        return Finding(part, "ok", what())
    except UsageError as error:  # named in a configuration, a thing that does not exist is a wrong configuration
        return Finding(part, "error", str(error), ConfigError.exit_status)
    except EdgeMmError as error:
        return Finding(part, "error", " ".join(str(error).split("\n")), error.exit_status)


def _board(config: Config | None) -> Iterator[Finding]:
    from edge_mm.models.profile import load_profile

    try:
        profile = load_profile(config.profile if config else "auto")
    except ConfigError as error:
        yield Finding("profile", "error", str(error), error.exit_status)
        return
    yield Finding("profile", "ok", f"{profile.title}{': ' + profile.note if profile.note else ''}")
    for text in profile.problems():
        yield Finding("profile", "warning", text)


def _runtime() -> str:
    from edge_mm.perception.litert import backend_name

    return f"graphs run on {backend_name()}"


def _bundle(name: str) -> str:
    from edge_mm.models.bundle import load_bundle
    from edge_mm.perception.selftest import self_test

    bundle = load_bundle(name)
    try:
        self_test(bundle)
    except ConfigError as error:
        raise BundleError(f"{bundle.source}: not tried: {error}") from error
    return f"{bundle.manifest.name} {bundle.manifest.version}: whole, every graph passes its self-test"


def _source(config: Config) -> str:
    (planned,) = plan_sources(config)
    source = planned.source
    try:
        spec = source.open()
        sample = source.read()
    finally:
        source.close()
    size = "no data" if sample is None else "x".join(map(str, sample.data.shape))
    return f"{spec.kind}, {spec.rate_hz:g} Hz, {size} per sample"


def _outbox(path: Path) -> str:
    folder = next(parent for parent in path.parents if parent.exists())
    if not os.access(folder, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise OutboxError(f"outbox {path}: not writable for this user; set [outbox] path, or change its owner")
    free_mib = shutil.disk_usage(folder).free // 2**20
    if free_mib < LEAST_FREE_MIB:
        raise OutboxError(f"outbox {path}: {free_mib} MiB free on its disk; free at least {LEAST_FREE_MIB} MiB")
    return f"{path}: writable, {free_mib} MiB free"


def _broker(config: Config) -> str:
    from edge_mm.delivery.connection import check_broker

    check_broker(config.mqtt)
    return f"{config.mqtt.host}:{config.mqtt.port} accepts us"
