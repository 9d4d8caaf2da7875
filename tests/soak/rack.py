"""One soak: broker, subscriber and daemon on the rack, faults by the schedule, readings once a second.

In: seed, minutes, speed, kind of broker. Out: an ``Outcome``: everything that was seen, judged by nobody yet. All is
done in the thread that calls ``soak``, because a broker ends with the thread that started it. Not here: verdict.
"""

from __future__ import annotations

import heapq
import os
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from soak.daemon import STORED
from soak.process import DaemonProcess, Reading
from soak.schedule import OF_A_DEVICE, Fault, schedule
from soak.subscriber import Listening

from edge_mm.delivery.local_broker import BrokerKind, LocalBroker
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.payloads import AlertEvent

BY_GRAPHS = ("cabin", "mic")
"""Streams whose readings come from graphs (beats are found without one)."""
READY_S = 60.0
QUIET_S = 30.0
"""So long everything has to be live again after the last fault."""


@dataclass
class Outcome:
    """What was seen."""

    seed: int
    speed: float
    broker: str
    faults: list[Fault]
    wall_s: float = 0.0
    readings: list[Reading] = field(default_factory=list)
    events: list[AlertEvent] = field(default_factory=list)
    troubled: list[str] = field(default_factory=list)
    """Alarms about the device itself that were active when the daemon was told to end."""
    doubles: int = 0
    live_s: dict[int, float] = field(default_factory=dict)
    """Fault's number -> seconds from its end until everything that it hit was read, stored or delivered again."""
    lines: list[str] = field(default_factory=list)
    status: int | None = None
    ended_early: bool = False
    left: list[int] = field(default_factory=list)
    last_seq: int = 0
    depth: int = 0
    summary: dict[str, object] = field(default_factory=dict)


def soak(
    *, seed: int, minutes: float, speed: float, broker: BrokerKind | None, pause_s: tuple[float, float],
    progress: Callable[[str], None] = lambda _line: None,
) -> Outcome:  # fmt: skip
    """Run it.

    Args:
        seed: of the faults.
        minutes: of the machine's time.
        speed: how much faster the sources' time runs.
        broker: which program; whichever is there when None.
        pause_s: shortest and longest time from one fault to the next.
        progress: is given a line now and then.
    """
    faults = schedule(seed, length_s=60 * minutes - 2, pause_s=pause_s)
    with tempfile.TemporaryDirectory(prefix="edge-mm-soak-") as folder, LocalBroker(broker) as local:
        outcome = Outcome(seed, speed, local.kind, faults)
        listening = Listening(local.settings)
        daemon = DaemonProcess(Path(folder), port=local.settings.port, speed=speed)
        try:
            _Rack(outcome, local, listening, daemon, progress).run(60 * minutes)
            outcome.ended_early = daemon.status is not None
            outcome.troubled = troubled(listening.events)
            outcome.status = daemon.end()
            outcome.left = daemon.left()
            with Outbox(Path(folder) / "outbox.sqlite", device="soak") as outbox:
                outcome.last_seq, outcome.depth = outbox.last_seq, outbox.depth
            listening.drain(outcome.last_seq)
        finally:
            daemon.kill()
            listening.close()
        outcome.events, outcome.doubles = listening.events, listening.doubles
        outcome.lines = [line for _, line in daemon.lines]
        outcome.summary = next((dict(words["summary"]) for words in daemon.said if "summary" in words), {})
    return outcome


class _Rack:
    def __init__(
        self, outcome: Outcome, broker: LocalBroker, listening: Listening, daemon: DaemonProcess,
        progress: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._outcome, self._broker, self._listening = outcome, broker, listening
        self._daemon, self._progress = daemon, progress
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._heard = 0
        self._live: dict[int, set[str]] = {}
        self._mended_s: dict[int, float] = {}  # faults of the broker: when they were over
        self._began_s = 0.0

    def run(self, length_s: float) -> None:
        if not self._daemon.ready.wait(READY_S):
            raise AssertionError("the daemon does not start:\n" + "\n".join(line for _, line in self._daemon.lines))
        self._began_s = time.monotonic()
        for fault in self._outcome.faults:
            self._at(fault.at_s, lambda fault=fault: self._begin(fault))
        self._at(1.0, self._read)
        while self._now() < length_s or not (self._all_well() or self._now() > length_s + QUIET_S):
            if self._daemon.status is not None:
                return
            self._look()
            if self._due and self._due[0][0] <= self._now():
                heapq.heappop(self._due)[2]()
            else:
                time.sleep(min(0.05, max(0.0, self._due[0][0] - self._now())))
        self._outcome.wall_s = self._now()

    def _now(self) -> float:
        return time.monotonic() - self._began_s

    def _at(self, at_s: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._due, (at_s, len(self._due) + id(do), do))

    def _read(self) -> None:
        now_s = self._now()
        reading = self._daemon.read(now_s)
        self._outcome.readings.append(reading)
        self._at(now_s + 1.0, self._read)
        if len(self._outcome.readings) % 15 == 0:
            begun = sum(fault.at_s <= now_s for fault in self._outcome.faults)
            self._progress(
                f"{now_s:5.0f} s: {begun} of {len(self._outcome.faults)} faults, {len(self._listening.events)} "
                f"transitions, RSS {reading.rss_mib:.1f} MiB, {reading.threads} threads, "
                f"{reading.descriptors} descriptors, {reading.children} children"
            )

    def _begin(self, fault: Fault) -> None:
        if fault.kind in OF_A_DEVICE:
            self._live[fault.number] = {fault.what}
            self._daemon.tell(fault.number, fault.kind, [fault.what], fault.seconds)
            return
        if fault.what == "graphs":
            self._live[fault.number] = set(BY_GRAPHS)
            self._daemon.signal_children(signal.SIGKILL if fault.kind == "graphs killed" else signal.SIGSTOP)
            self._daemon.tell(fault.number, "", BY_GRAPHS, 0.0)
            return
        begin: dict[str, Callable[[], None]] = {
            "broker killed": self._broker.kill,
            "broker frozen": lambda: os.kill(self._broker.pid or 0, signal.SIGSTOP),
            "broker restarted": self._broker.stop,
            "disk full": lambda: self._daemon.fill_disk(True),
        }
        begin[fault.kind]()
        self._at(self._now() + fault.seconds, lambda: self._mend(fault))

    def _mend(self, fault: Fault) -> None:
        if fault.what == "disk":
            self._live[fault.number] = {STORED}
            self._daemon.fill_disk(False)
            self._daemon.tell(fault.number, "", [STORED], 0.0)
            return
        if fault.kind == "broker frozen":
            os.kill(self._broker.pid or 0, signal.SIGCONT)
        else:
            self._broker.start()
        self._mended_s[fault.number] = time.monotonic()

    def _look(self) -> None:
        """Take what the daemon has said, and what has come through."""
        while self._heard < len(self._daemon.said):
            words = self._daemon.said[self._heard]
            self._heard += 1
            number = words.get("live")
            if isinstance(number, int):
                self._live[number].discard(str(words["stream"]))
                if not self._live[number]:
                    self._outcome.live_s[number] = float(str(words["after_s"]))
        for number, mended_s in list(self._mended_s.items()):
            if self._listening.last_s > mended_s:
                self._outcome.live_s[number] = self._listening.last_s - mended_s
                del self._mended_s[number]

    def _all_well(self) -> bool:
        live = self._outcome.live_s
        return all(fault.number in live for fault in self._outcome.faults) and not troubled(self._listening.events)


def troubled(events: Sequence[AlertEvent]) -> list[str]:
    """Alarms about the device itself (a sensor, the broker, the disk) that are active after these."""
    states = {event.data.alert_id: event.data.state for event in list(events) if event.data.category == "technical"}
    return sorted(alarm for alarm, state in states.items() if state == "active")
