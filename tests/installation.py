"""An installation in a temporary folder: a configuration, a broker, and `edge-mm run` as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from recordings import ANY_SOUND, bundle_name

from edge_mm.delivery.local_broker import LocalBroker, find_broker
from edge_mm.delivery.payloads import AlertEvent
from edge_mm.delivery.subscriber import Subscriber
from edge_mm.errors import DeliveryError

ROOT = Path(__file__).resolve().parents[1]


def broker(**options) -> LocalBroker:
    """A broker that is not started; skips where no program is installed."""
    try:
        find_broker()
    except DeliveryError as error:
        pytest.skip(str(error))
    return LocalBroker(**options)


def configured(
    folder: Path, *, port: int, sources: str, rules: str = ANY_SOUND, mqtt: str = "", outbox: str = "o.sqlite"
) -> Path:
    """Write ``edge-mm.toml``; the broker lives as long as the test, unless ``mqtt`` says how confirmations settle."""
    mqtt = mqtt if "settle_s" in mqtt else f"settle_s = 0.0\n{mqtt}"
    path = folder / "edge-mm.toml"
    path.write_text(
        f'version = 1\ndevice_id = "d"\nbundle = "{bundle_name()}"\n{sources}\n'
        f'[mqtt]\nport = {port}\n{mqtt}\n[outbox]\npath = "{outbox}"\n[rules]\n{rules}'
    )
    return path


def sound_source(path: Path, *, realtime: bool = False) -> str:
    return f'[[source]]\nname = "mic"\nkind = "audio"\ndevice = "{path}"\nrealtime = {str(realtime).lower()}\n'


def start(
    config: Path, *, before: Callable[[], None] | None = None, more: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """`edge-mm run` as a process; its log is in ``run.log`` beside the configuration."""
    log = (config.parent / "run.log").open("a")
    with log:
        return subprocess.Popen(
            [sys.executable, "-m", "edge_mm.cli", "run", "-c", str(config)],
            stderr=log,
            stdout=log,
            text=True,
            cwd=ROOT,
            env={**environment(), **(more or {})},
            preexec_fn=before,  # noqa: PLW1509 - one system call
        )


def environment() -> dict[str, str]:
    """Of a process that runs this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def until_log(process: subprocess.Popen, config: Path, words: str, *, times: int = 1) -> None:
    """Wait until the daemon has written these words so often, a minute at most."""
    for _ in range(300):
        if log_of(config).count(words) >= times:
            return
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
    raise AssertionError(log_of(config))


def log_of(config: Path) -> str:
    return (config.parent / "run.log").read_text()


def received(
    subscriber: Subscriber, *, until: Callable[[list[AlertEvent]], bool], idle_s: float = 30.0
) -> list[AlertEvent]:
    """Alert events until a condition holds, or until none came for ``idle_s``."""
    events: list[AlertEvent] = []
    for event in subscriber.alerts(idle_s=idle_s):
        events.append(event)
        if until(events):
            break
    return events


def check_whole(events: list[AlertEvent]) -> None:
    """Numbers 1..N without a hole; each alarm raised and cleared in turn; ids unique."""
    assert [event.data.seq for event in events] == list(range(1, len(events) + 1))
    assert len({event.id for event in events}) == len(events)
    active: set[str] = set()
    for event in events:
        if event.data.transition == "raised":
            assert event.data.alert_id not in active, f"{event.data.alert_id} raised twice (seq {event.data.seq})"
            active.add(event.data.alert_id)
        elif event.data.transition == "cleared":
            assert event.data.alert_id in active, f"{event.data.alert_id} cleared without a raise"
            active.discard(event.data.alert_id)
