"""``make fuzz``: a running daemon is sent many bad requests; a dated report and an exit status.

In: ``--count``, ``--seed``. Out: the report on stdout and in ``reports/``; 1 where something did not hold. The daemon,
the broker and the network are real; what is checked is seen from outside.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import soundfile
from bad_requests import BadRequests
from caller import Caller
from installation import configured, sound_source
from watched_daemon import WatchedDaemon

from edge_mm.delivery.connection import Connection
from edge_mm.delivery.hearing import RATE_PER_S
from edge_mm.delivery.local_broker import LocalBroker
from edge_mm.delivery.subscriber import Subscriber

REPORTS = Path(__file__).resolve().parents[1] / "reports"
COUNTED = ("requests", "requests_refused", "requests_ignored")
ABSENT = '[[source]]\nname = "{0}"\nkind = "ppg"\ndevice = "/dev/edge-mm-absent-{0}"\nrate_hz = 100\n'
MOST_OUTSTANDING = 200
MOST_SLOW = 500
WARM_SHARE = 0.1
GROWTH_KB = 8192
"""Allowed from a tenth of the flood to its end: allocators take memory a MiB at a time."""


@dataclass(frozen=True)
class Fuzzed:
    """What was seen."""

    count: int
    seed: int
    seconds: float
    sent: int
    """Those that the broker could hand on, and the right ones beside them."""
    withheld: int
    counted: dict[str, int]
    answers: int
    read_refused: int
    read_unknown: int
    grown_kb: int
    ways: dict[str, int]
    wrong: tuple[str, ...]
    """What did not hold, as sentences."""


def _sound(path: Path, *, minutes: float) -> Path:
    """Noise that nobody minds, and silence: a sensor that is there."""
    noise = np.random.default_rng(7).normal(0, 0.05, 8000).astype(np.float32)
    piece = np.concatenate([noise, np.zeros(8000, np.float32)])
    with soundfile.SoundFile(path, "w", 16_000, 1) as file:
        for _ in range(int(minutes * 60)):
            file.write(piece)
    return path


def _rss_kb(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1])


class _Answers(threading.Thread):
    """Counts what comes to ``bridge/response/+``."""

    def __init__(self, broker: LocalBroker) -> None:
        super().__init__(daemon=True)
        self.count, self._over = 0, threading.Event()
        self._heard = Subscriber(
            broker.settings, client_id="answers", filters=["edge_mm/d/bridge/response/+"], persistent=False
        )
        self._heard.open()

    def run(self) -> None:
        while not self._over.is_set():
            if self._heard.receive(timeout_s=0.5) is not None:
                self.count += 1
        self._heard.close()

    def until(self, wanted: int, *, timeout_s: float) -> int:
        deadline = time.monotonic() + timeout_s
        while self.count < wanted and time.monotonic() < deadline:
            self._over.wait(0.1)
        return self.count

    def end(self) -> None:
        self._over.set()
        self.join()


def _flood(broker: LocalBroker, bad: BadRequests, count: int, at: Callable[[int], None]) -> tuple[Counter[str], int]:
    """Send them, as many under way as the broker takes, the last ones so slowly that the device reads each of them.

    Returns:
        How they were wrong, and how many the broker could not hand on.
    """
    ways: Counter[str] = Counter()
    withheld, outstanding = 0, set[int]()
    connection = Connection(broker.settings, client_id="flood", clean_session=True)
    connection.open()
    slow = min(MOST_SLOW, count // 50)
    for number in range(count):
        one = bad.next()
        ways[one.how] += 1
        withheld += not one.arrives
        topic = f"edge_mm/d/bridge/request/{one.verb}"
        mid = connection.publish(topic, one.payload, qos=one.qos, retain=one.retain and one.arrives)
        if one.qos:
            outstanding.add(mid)
        if number % 20 == 0:
            outstanding -= set(connection.step(0.0))
        while len(outstanding) >= MOST_OUTSTANDING:
            outstanding -= set(connection.step(1.0))
        at(number)
        if number >= count - slow:
            next_s = time.monotonic() + 1 / RATE_PER_S
            while (left := next_s - time.monotonic()) > 0:
                outstanding -= set(connection.step(left))
    while outstanding:
        outstanding -= set(connection.step(1.0))
    connection.close()
    return ways, withheld


def _mqtt(caller: Caller) -> tuple[dict[str, int], int]:
    """The counters once a right request is answered, that one included; how many were sent until then."""
    for tries in range(1, 121):
        caller.send("health", caller.words(transaction=f"try {tries}"))
        for body in caller.all_until_silence("response/health", idle_s=2.0):
            if body["status"] == "ok" and body["transaction"] == f"try {tries}":
                return {name: body["data"]["mqtt"][name] for name in COUNTED}, tries
    raise AssertionError("no right request is answered after the flood")


def fuzz(folder: Path, *, count: int, seed: int, progress: Callable[[str], None]) -> Fuzzed:
    """Do it, in an empty folder."""
    wrong: list[str] = []
    with LocalBroker("mosquitto") as broker:
        sound = sound_source(_sound(folder / "s.wav", minutes=5 + count / 2000), realtime=True)
        sources = sound + ABSENT.format("seen") + ABSENT.format("unseen")
        config = configured(folder, port=broker.settings.port, sources=sources, rules="")
        caller = Caller(broker.settings)
        with WatchedDaemon(config, broker) as daemon:
            pid, alarms = daemon.process.pid, ("sensor.lost/seen", "sensor.lost/unseen")
            daemon.until(lambda now: all(now.get(one) == "active" for one in alarms))
            incidents = {event.data.alert_id: event.data.incident_id for _, event in daemon.events}
            done = caller.ask("acknowledge", incident_id=incidents[alarms[0]])
            assert done["status"] == "ok", done
            daemon.until(lambda now: now[alarms[0]] == "acknowledged")
            topics = [f"alert/{one.replace('.', '_').replace('/', '_')}/state" for one in alarms]
            states, events = [daemon.retained(one) for one in topics], len(daemon.events)
            before, _ = _mqtt(caller)
            answers = _Answers(broker)
            answers.start()
            bad = BadRequests(seed, tuple(incidents.values()))
            warm_kb, began = [_rss_kb(pid)], time.monotonic()

            def at(number: int) -> None:
                if number == int(count * WARM_SHARE):
                    warm_kb.append(_rss_kb(pid))
                if number and number % 10_000 == 0:
                    progress(f"{number} sent, {answers.count} answers, {_rss_kb(pid)} kB")

            ways, withheld = _flood(broker, bad, count, at)
            seconds = time.monotonic() - began
            caller.close()  # it has not spoken for minutes
            caller = Caller(broker.settings)
            after, tries = _mqtt(caller)
            grown_kb = _rss_kb(pid) - warm_kb[-1]
            counted = {name: after[name] - before[name] for name in COUNTED}
            sent = count - withheld + tries
            wanted = counted["requests"] + counted["requests_refused"]
            answered = answers.until(wanted, timeout_s=10)
            answers.end()
            if sum(counted.values()) != sent:
                wrong.append(f"{sent} were sent, {sum(counted.values())} counted")
            if answered != wanted:
                wrong.append(f"{wanted} should have been answered, {answered} were")
            if daemon.process.poll() is not None:
                wrong.append(f"the daemon ended with {daemon.process.returncode}")
            if (now := [daemon.retained(one) for one in topics]) != states or len(daemon.events) != events:
                wrong.append(f"the alarms have changed: {now}, {[event.data for _, event in daemon.events[events:]]}")
            if grown_kb > GROWTH_KB:
                wrong.append(f"its memory has grown by {grown_kb} kB")
            last = caller.ask("acknowledge", incident_id=incidents[alarms[1]])
            if last["status"] != "ok":
                wrong.append(f"a right request is refused: {last['error']}")
            if daemon.end() != 0:
                wrong.append("the daemon did not end in order")
            if "Traceback" in daemon.log or "could not be" in daemon.log:
                wrong.append("its log:\n" + daemon.log[-3000:])
        caller.close()
    return Fuzzed(
        count, seed, round(seconds, 1), sent, withheld, counted, answered, bad.refused, bad.unknown_incident, grown_kb,
        dict(ways), tuple(wrong),
    )  # fmt: skip


def markdown(seen: Fuzzed) -> str:
    """The report."""
    rows = {
        "bad requests published": seen.count,
        "seconds": seen.seconds,
        "larger than we take, so kept back by the broker": seen.withheld,
        "reached the device (with the right ones at the end)": seen.sent,
        "- counted as right (answered)": seen.counted["requests"],
        "- counted as refused (answered)": seen.counted["requests_refused"],
        "- counted as ignored (more than are looked at)": seen.counted["requests_ignored"],
        "answers that a subscriber heard": seen.answers,
        "read_request, all of them: refused in a sentence": seen.read_refused,
        "read_request, all of them: well formed, of no alarm": seen.read_unknown,
        "memory of the daemon, kB more": seen.grown_kb,
        **{f"kind: {how}": number for how, number in sorted(seen.ways.items())},
    }
    lines = [
        f"# Bad requests, {datetime.now(UTC):%Y-%m-%d %H:%M UTC}, seed {seen.seed}",
        "",
        "| what | number |",
        "|---|---|",
    ]
    lines += [f"| {what} | {number} |" for what, number in rows.items()]
    verdict = ["All held: one process, alarms unchanged, each message accounted for, a right request answered."]
    return "\n".join([*lines, "", *([f"WRONG: {one}" for one in seen.wrong] or verdict), ""])


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="a running daemon is sent many bad requests")
    parser.add_argument("--count", type=int, default=100_000, help="how many")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="of the choice; new each time")
    parser.add_argument("--json", action="store_true", help="JSON on stdout")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edge-mm-fuzz-") as folder:
        seen = fuzz(
            Path(folder), count=options.count, seed=options.seed,
            progress=lambda line: print(f"fuzz: {line}", file=sys.stderr, flush=True),
        )  # fmt: skip
    REPORTS.mkdir(exist_ok=True)
    path = REPORTS / f"fuzz-{datetime.now(UTC):%Y%m%d-%H%M%S}.md"
    path.write_text(markdown(seen))
    body = json.dumps(asdict(seen), indent=1)
    path.with_suffix(".json").write_text(body + "\n")
    print(body if options.json else markdown(seen))
    return 1 if seen.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
