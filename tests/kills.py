"""Daemon and broker are killed (SIGKILL) at random moments; a subscriber counts what is lost or doubled.

``make kills`` does 500 of them and prints a dated report; ``tests/devices/test_sigkill.py`` does 20.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from installation import broker, configured, log_of, sound_source, start
from recordings import bursts

from edge_mm.delivery.local_broker import LocalBroker
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.payloads import AlertEvent
from edge_mm.delivery.subscriber import Subscriber
from edge_mm.errors import DeliveryError

PATIENCE_S = 60.0


@dataclass
class Kills:
    """What happened."""

    daemon: int = 0
    broker: int = 0
    transitions: int = 0
    lost: list[int] = field(default_factory=list)
    doubled_after_deduplication: int = 0
    doubles_dropped: int = 0
    late: int = 0
    """Came after one of a larger number: a broker had confirmed it, was killed, and had lost it."""
    out_of_order: int = 0
    """Came after one of a larger number, and no broker had lost it."""
    states_wrong: list[str] = field(default_factory=list)
    tracebacks: int = 0
    seconds: float = 0.0

    @property
    def whole(self) -> bool:
        """Whether nothing was lost, doubled, or is other than it should be."""
        return not (
            self.lost or self.doubled_after_deduplication or self.out_of_order or self.states_wrong or self.tracebacks
        )


class Listener:
    """A subscriber with a session at the broker, there all the time, as a back end is."""

    def __init__(self, local: LocalBroker) -> None:
        self.events: list[AlertEvent] = []
        self.times_s: list[float] = []
        self.doubles = 0
        self._local = local
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        self._ready.wait(PATIENCE_S)

    def _listen(self) -> None:
        subscriber = Subscriber(self._local.settings, client_id="persistent")
        while not self._stop.is_set():
            with contextlib.suppress(DeliveryError):
                if not subscriber.connected:
                    subscriber.open()
                    self._ready.set()
                received = subscriber.receive(timeout_s=0.5)
                if received is not None and received.event is not None:
                    self.times_s.append(time.monotonic())
                    self.events.append(received.event)
                self.doubles = subscriber.duplicates
                continue
            self._stop.wait(0.1)  # the broker is away
        with contextlib.suppress(DeliveryError):
            subscriber.close()

    def until(self, last: int) -> None:
        """Wait for the transition of this number."""
        deadline = time.monotonic() + PATIENCE_S
        while not any(event.data.seq == last for event in self.events[-50:]) and time.monotonic() < deadline:
            self._stop.wait(0.2)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(20)


def kill_often(folder: Path, count: int, *, seed: int, tell: bool = False) -> Kills:
    """Kill so often, then let everything end in order and count."""
    chance, found, began = random.Random(seed), Kills(), time.monotonic()
    killed_s: list[float] = []  # the broker
    confirmed_s: dict[int, float] = {}  # by a broker that may still lose it: not before then
    looked_s = began
    sound = bursts(folder / "s.wav", count=60)
    with broker(kind="mosquitto") as local, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        config = configured(folder, port=local.settings.port, sources=sound_source(sound), mqtt="settle_s = 2.0")
        listener = Listener(local)
        ready.bind(str(folder / "notify"))
        ready.settimeout(PATIENCE_S)
        while found.daemon + found.broker < count:
            process = start(config, more={"NOTIFY_SOCKET": str(folder / "notify")})
            if chance.random() < 0.8:  # the others are killed while they start
                try:
                    while b"READY=1" not in ready.recv(64):
                        pass
                except TimeoutError as error:
                    raise AssertionError(f"it does not get ready:\n{log_of(config)[-3000:]}") from error
            try:
                if chance.random() < 0.4:
                    process.wait(chance.uniform(0.0, 0.4))
            except subprocess.TimeoutExpired:
                local.kill()
                killed_s.append(time.monotonic())
                found.broker += 1
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(chance.uniform(0.0, 0.5))
                local.start()
            with contextlib.suppress(subprocess.TimeoutExpired):
                # Some live for long enough that confirmations settle (2 s), some do not.
                process.wait(chance.uniform(0.02, chance.choice([0.9, 3.5])))
            if process.poll() is None:
                process.kill()
                process.wait()
                found.daemon += 1
            for seq in _confirmed(folder):
                confirmed_s.setdefault(seq, looked_s)
            looked_s = time.monotonic()
            if tell:
                done = found.daemon + found.broker
                print(f"\r{done}/{count} kills, {len(listener.events)} transitions received", end="", file=sys.stderr)
        if tell:
            print(file=sys.stderr)
        ended = start(config)
        if ended.wait(180) != 0:
            raise AssertionError(log_of(config)[-3000:])
        _judge(folder, listener, found, lambda came: _late(came, killed_s, confirmed_s))
        listener.close()
    found.tracebacks = log_of(config).count("Traceback")
    found.seconds = round(time.monotonic() - began, 1)
    return found


def _confirmed(folder: Path) -> set[int]:
    """What the outbox marks as confirmed; of a copy, so that the next daemon finds it as the last one left it."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for name in ("o.sqlite", "o.sqlite-wal"):
        if (folder / name).exists():
            shutil.copy(folder / name, copy / name)
    with contextlib.closing(sqlite3.connect(copy / "o.sqlite")) as db:
        try:
            return {int(seq) for (seq,) in db.execute("SELECT seq FROM settling")}
        except sqlite3.OperationalError:  # killed before it had a table
            return set()


def _judge(
    folder: Path, listener: Listener, found: Kills, late: Callable[[list[tuple[int, float]]], tuple[int, int]]
) -> None:
    with Outbox(folder / "o.sqlite", device="d") as outbox:
        found.transitions = outbox.last_seq
        standing = {record.alert.key for record in outbox.states() if record.alert.state != "cleared"}
        if outbox.depth:
            found.states_wrong.append(f"{outbox.depth} transitions are still in the outbox")
    listener.until(found.transitions)
    numbers = [event.data.seq for event in listener.events]
    found.lost = sorted(set(range(1, found.transitions + 1)) - set(numbers))
    found.doubled_after_deduplication = sum(n - 1 for n in Counter(numbers).values())
    found.late, found.out_of_order = late(list(zip(numbers, listener.times_s, strict=False)))
    found.doubles_dropped = listener.doubles
    states: dict[str, str] = {}
    for event in sorted(listener.events, key=lambda event: event.data.seq):
        data = event.data
        if (data.transition == "raised") is (states.get(data.alert_id, "inactive") != "inactive"):
            found.states_wrong.append(f"{data.alert_id}: {data.transition} (seq {data.seq})")
        states[data.alert_id] = data.state
    if {key for key, state in states.items() if state != "inactive"} != standing:
        found.states_wrong.append("what stands is not what was said")


def _late(came: list[tuple[int, float]], killed_s: list[float], confirmed_s: dict[int, float]) -> tuple[int, int]:
    """How many came after a larger number because a broker took them along when it was killed; and how many others.

    What was never confirmed is sent before larger numbers. So a late one had been confirmed, and the broker that had
    done so was killed before the first larger one came.
    """
    late = other = 0
    largest: list[int] = []  # so far; it only rises, so that the first larger one is found at once
    for number, _ in came:
        if not largest or number > largest[-1]:
            largest.append(number)
            continue
        larger = bisect_right(largest, number)
        largest.append(largest[-1])
        since_s = confirmed_s.get(number, float("inf"))
        if any(since_s <= one <= came[larger][1] for one in killed_s):
            late += 1
        else:
            other += 1
    return late, other


def main() -> int:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edge-mm-kills-") as folder:
        found = kill_often(Path(folder), args.kills, seed=args.seed, tell=True)
    if args.json:
        print(json.dumps(asdict(found)))
    else:
        print(f"edge-mm kills, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, seed {args.seed}")
        print(f"SIGKILL of the daemon {found.daemon}, of the broker {found.broker}, in {found.seconds:.0f} s")
        print(f"transitions {found.transitions}, lost {len(found.lost)} {found.lost[:20] or ''}")
        print(f"doubled {found.doubled_after_deduplication} after {found.doubles_dropped} were dropped by id")
        print(f"late, for a killed broker had lost them {found.late}; else out of order {found.out_of_order}")
        print(f"states wrong {found.states_wrong[:5]}; tracebacks {found.tracebacks}")
        print("whole" if found.whole else "NOT WHOLE")
    return 0 if found.whole else 1


if __name__ == "__main__":
    sys.exit(main())
