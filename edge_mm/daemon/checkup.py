"""Try everything that a run needs, and say all that is wrong at once.

In: the path of a configuration. Out: one ``Finding`` per thing that was tried. Devices are opened, one sample is read
and they are closed again; the broker is logged in to; nothing is published and nothing is written. Not here: printing
(``daemon.verb_check``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from edge_mm.daemon.config import Config, load_parts
from edge_mm.daemon.plan import plan_sources
from edge_mm.errors import BundleError, ConfigError, EdgeMmError, UsageError


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
    if "profile" in wrong:
        yield _untried("profile")
    else:
        yield from _board(config.profile)
    yield _tried("runtime", _runtime)
    yield _untried("bundle") if "bundle" in wrong else _tried("bundle", lambda: _bundle(config.bundle))
    for place in sorted(wrong):
        if place.startswith("source"):
            yield _untried(place)
    for one in config.source:
        yield _tried(f"source {one.name}", partial(_source, msgspec.structs.replace(config, source=(one,))))
    device = None if "device_id" in wrong else config.device_id
    yield _untried("outbox") if "outbox" in wrong else _tried("outbox", lambda: _outbox(config.outbox.path, device))
    yield _untried("broker") if "mqtt" in wrong else _tried("broker", lambda: _broker(config))


def status_of(findings: list[Finding]) -> int:
    """The exit status of all together: a configuration that restarting cannot mend comes before a missing device."""
    wanted = {finding.status for finding in findings}
    return next((status for status in (78, 69, 1) if status in wanted), 0)


def _tried(part: str, what: Callable[[], str]) -> Finding:
    try:
        return Finding(part, "ok", what())
    except UsageError as error:  # named in a configuration, a thing that does not exist is a wrong configuration
        return Finding(part, "error", _once(part, str(error)), ConfigError.exit_status)
    except EdgeMmError as error:
        return Finding(part, "error", _once(part, str(error)), error.exit_status)


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


def _board(name: str) -> Iterator[Finding]:
    from edge_mm.models.profile import load_profile

    try:
        profile = load_profile(name)
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


def _outbox(path: str, device: str | None) -> str:
    from edge_mm.daemon.outbox_probe import try_outbox

    return f"{path}: writable, {try_outbox(Path(path), device=device)} MiB free"


def _broker(config: Config) -> str:
    from edge_mm.delivery.connection import check_broker

    check_broker(config.mqtt)
    return f"{config.mqtt.host}:{config.mqtt.port} accepts us"
