"""The daemon with a sink of your own beside MQTT: an object with `send`.

An alert reaches it once it is safe in the outbox. What it raises is logged and stops nothing.

    python examples/own_sink.py edge-mm.toml diary.csv
"""

import csv
import signal
import sys
import threading

import edge_mm
from edge_mm.daemon.config import load_config
from edge_mm.daemon.runtime import Runtime


class Diary:
    """Writes alerts into a CSV file."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "a", newline="", encoding="utf-8")  # noqa: SIM115, PTH123 - open as long as we are
        self._rows = csv.writer(self._file)

    def send(self, output: edge_mm.Observation | edge_mm.Estimate | edge_mm.Alert) -> None:
        if isinstance(output, edge_mm.Alert):
            self._rows.writerow([output.t_ns, output.state, output.kind, output.priority, output.reason.text])
            self._file.flush()


def main() -> None:
    if len(sys.argv) != 3:
        print("usage: python examples/own_sink.py EDGE-MM.TOML DIARY.CSV", file=sys.stderr)
        sys.exit(2)
    config, path = load_config(sys.argv[1]), sys.argv[2]
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    print(Runtime(config, sinks=[Diary(path)]).run(stop).as_text())


try:
    main()
except edge_mm.EdgeMmError as error:
    print(f"own_sink: {error}", file=sys.stderr)
    sys.exit(error.exit_status)
