"""A durable sink of your own: an object with `name` and `deliver`. Alerts wait for it in the outbox, across restarts.

What it raises as `DeliveryError` is told, and the same events come again; one may come twice, with the same `id`.

    python examples/durable_sink.py edge-mm.toml FOLDER
"""

import signal
import sys
import threading
from pathlib import Path

import msgspec

import edge_mm
from edge_mm.daemon.config import load_config
from edge_mm.daemon.runtime import Runtime
from edge_mm.errors import DeliveryError


class Letters:
    """Writes each alert event into a file of its own, named by its id: one that comes twice is one file."""

    name = "letters"

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def deliver(self, events: list[edge_mm.AlertEvent]) -> None:
        for event in events:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                (self._folder / f"{event.id}.json").write_bytes(msgspec.json.encode(event))
            except OSError as error:
                raise DeliveryError(f"{self._folder}: {error.strerror}") from error


def main() -> None:
    if len(sys.argv) != 3:
        print("usage: python examples/durable_sink.py EDGE-MM.TOML FOLDER", file=sys.stderr)
        sys.exit(2)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    print(Runtime(load_config(sys.argv[1]), sinks=[Letters(sys.argv[2])]).run(stop).as_text())


try:
    main()
except edge_mm.EdgeMmError as error:
    print(f"durable_sink: {error}", file=sys.stderr)
    sys.exit(error.exit_status)
