"""``edge-mm demo``: see the product work, from real recordings to an ordinary MQTT subscriber.

In: sample recordings (a *composite*: streams of different people, started together), or with ``--live`` this machine's
camera and microphone. Out: each alert as it reaches the subscriber; a summary. The daemon's own ``Runtime`` runs in a
thread, the broker is a process of its own, the subscriber holds a persistent session. Not here: what an alert means.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from edge_mm.daemon.config import Config, MqttConfig, OutboxConfig
from edge_mm.daemon.config_source import SourceConfig
from edge_mm.daemon.logs import set_up
from edge_mm.daemon.output import tell
from edge_mm.daemon.runtime import Runtime
from edge_mm.daemon.samples import RECORDINGS, sample_sources
from edge_mm.daemon.starter import Found, look
from edge_mm.daemon.summary import Summary
from edge_mm.delivery.local_broker import LocalBroker
from edge_mm.delivery.payloads import AlertEvent
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.subscriber import Subscriber
from edge_mm.errors import EdgeMmError, SourceError
from edge_mm.models.bundle import load_bundle
from edge_mm.types import NS_PER_S

RULES: dict[str, float] = {"heart_rate_high_bpm": 100.0, "heart_rate_high_exit_bpm": 97.0}
"""What the demo's configuration changes, so that it shows a third alert: with the default of 120 bpm, that of bedside
monitors, this heart raises none. 100 bpm is where tachycardia at rest begins, and the recording is above it."""
LAST_WAIT_S = 10.0
"""After the daemon ended: longest wait for the subscriber to have everything that was accepted."""


def main(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        EdgeMmError: no recordings, no broker program, or the daemon ended with an error.
    """
    set_up("info" if args.verbose else "error")
    say = _quiet if args.quiet else _say
    found = look()
    say("[1/4] sources")
    sources = _live_sources(found) if args.live else _recorded(say)
    if not args.live and (found.cameras or found.microphones):
        names = ", ".join(one.label for one in (*found.cameras[:1], *found.microphones[:1]))
        say(f"      this machine has {names}: 'edge-mm demo --live' uses it")
    if not args.live:
        say("      [rules] " + ", ".join(f"{key} = {value:g}" for key, value in RULES.items() if "exit" not in key))
    bundle = load_bundle("driver")
    say(f"[2/4] bundle {bundle.manifest.name} {bundle.manifest.version}, SHA-256 {bundle.digest[:12]}...")
    with tempfile.TemporaryDirectory(prefix="edge-mm-demo-") as folder, LocalBroker() as broker:
        say(f"[3/4] broker {broker.kind} on {broker.settings.host}:{broker.settings.port}")
        config = Config(
            version=1,
            device_id="demo",
            source=tuple(sources),
            mqtt=_as_config(broker.settings),
            outbox=OutboxConfig(path=str(Path(folder) / "outbox.sqlite")),
            rules={} if args.live else {**RULES},
        )
        run = _Run(config, seconds=args.seconds)
        with Subscriber(broker.settings, client_id="edge-mm-demo-subscriber") as subscriber:
            say("[4/4] watching" + ("; Ctrl-C ends it" if args.live else ", faster than real time"))
            if not (args.json or args.quiet):
                print("received  in recording  alert")
            tally = _Tally()
            for event in run.alerts(subscriber):
                tally.take(event)
                print(_line(event) if args.json else _told(event, run.began_wall_s), flush=True)
    summary = run.summary()
    _close(tally, summary, as_json=args.json)
    return 0


class _Run:
    """The daemon in a thread, and what its subscriber receives."""

    def __init__(self, config: Config, *, seconds: float | None) -> None:
        self._runtime = Runtime(config)
        self._stop = threading.Event()
        self._result: Summary | EdgeMmError | None = None
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._thread = threading.Thread(target=self._watch, name="daemon")
        # wall time of the recordings' first sample: the daemon renders its times with the same clocks
        self.began_wall_s = time.time() - (time.monotonic_ns() - self._runtime.origin_ns) / NS_PER_S

    def alerts(self, subscriber: Subscriber) -> Iterator[AlertEvent]:
        """Alert events until the daemon has ended and all of them are here."""
        self._thread.start()
        received, grace = 0, None
        try:
            while True:
                message = subscriber.receive(timeout_s=0.2)
                if message is not None and message.event is not None:
                    received += 1
                    yield message.event
                    continue
                if self._deadline is not None and time.monotonic() >= self._deadline:
                    self._stop.set()
                if self._thread.is_alive():
                    continue
                grace = grace or time.monotonic() + LAST_WAIT_S
                wanted = self._result.transitions if isinstance(self._result, Summary) else 0
                if received >= wanted or time.monotonic() >= grace:
                    return
        finally:
            self._stop.set()
            self._thread.join()

    def summary(self) -> Summary:
        """How it went.

        Raises:
            EdgeMmError: the daemon ended with it.
        """
        if isinstance(self._result, Summary):
            return self._result
        raise self._result or EdgeMmError("the daemon ended without a word; run with EDGE_MM_DEBUG=1 -v")

    def _watch(self) -> None:
        try:
            self._result = self._runtime.run(self._stop)
        except EdgeMmError as error:
            self._result = error


class _Tally:
    """What the subscriber got."""

    def __init__(self) -> None:
        self.raised: Counter[str] = Counter()
        self.modality: Counter[str] = Counter({"vision": 0, "audio": 0, "physio": 0, "fusion": 0, "technical": 0})
        self.events = 0

    def take(self, event: AlertEvent) -> None:
        data = event.data
        self.events += 1
        if data.transition != "raised":
            return
        self.raised[data.kind] += 1
        rests_on = data.sources[0] if len(data.sources) == 1 else "fusion"
        self.modality["technical" if data.category == "technical" else rests_on] += 1


def _recorded(say: Callable[[str], None]) -> list[SourceConfig]:
    sources = sample_sources()
    say("      a composite of real recordings, different people, started together:")
    for recording, _ in sources:
        say(f"      {recording.name:7} {recording.shows}")
    for recording in set(RECORDINGS) - {recording for recording, _ in sources}:
        say(f"      {recording.name:7} left out, it is not installed: {recording.install}")
    return [source for _, source in sources]


def _live_sources(found: Found) -> list[SourceConfig]:
    sources: list[SourceConfig] = []
    if found.cameras:
        sources.append(SourceConfig(name="vision", kind="video", device=found.cameras[0].id, width=640, height=480))
    if found.microphones:
        sources.append(SourceConfig(name="audio", kind="audio", device=found.microphones[0].id))
    if not sources:
        raise SourceError(
            "no camera and no microphone was found ('edge-mm devices' says where it looked); "
            "'edge-mm demo' without --live runs on recordings"
        )
    return sources


def _as_config(settings: MqttSettings) -> MqttConfig:
    return msgspec.convert({"host": settings.host, "port": settings.port}, type=MqttConfig)


def _told(event: AlertEvent, began_wall_s: float) -> str:
    """When it was received, when in the recording it happened, and why."""
    data = event.data
    verb = "RAISED " if data.transition == "raised" else data.transition
    head = f"{time.strftime('%H:%M:%S')}  {_seconds(event.time, began_wall_s)}  {verb}  {data.priority:6}  "
    lines = [f"{head}{data.kind}: {data.reason.text}"]
    if data.transition == "raised":
        attention = _senses(data.attention, "{:.2f}") or "no window yet"
        lines.append(f"{'':30}attention in the last window: {attention}")
        lines.append(f"{'':30}contribution to this alert: {_senses(data.contribution, '{:+.2f}')}")
    return "\n".join(lines)


def _seconds(time_utc: str | None, began_wall_s: float) -> str:
    if time_utc is None:
        return f"{'?':>8}  "
    return f"{datetime.fromisoformat(time_utc).timestamp() - began_wall_s:8.1f} s"


def _senses(values: dict[str, float | None], form: str) -> str:
    return ", ".join(f"{sense} {form.format(value)}" for sense, value in values.items() if value is not None)


def _line(event: AlertEvent) -> str:
    """As in a replay: the line's own ``type`` is ``alert``, that of the event moves to ``event``."""
    whole = msgspec.to_builtins(event)
    return json.dumps({"type": "alert", "event": whole.pop("type"), **whole}, separators=(",", ":"))


def _close(tally: _Tally, summary: Summary, *, as_json: bool) -> None:
    report: dict[str, Any] = {
        "type": "summary",
        **summary.as_dict(),
        "alerts_received": sum(tally.raised.values()),
        "transitions_received": tally.events,
        "by_kind": dict(sorted(tally.raised.items())),
        "by_modality": dict(tally.modality),
    }
    if as_json:
        print(json.dumps(report, separators=(",", ":")), flush=True)
        return
    received = ", ".join(f"{kind} {count}" for kind, count in sorted(tally.raised.items())) or "none"
    print(f"\nThe subscriber received {tally.events} transitions; raised: {received}.")
    print(summary.as_text(), flush=True)


def _say(text: str) -> None:
    tell(f"edge-mm demo: {text}" if text.startswith("[") else text)


def _quiet(_text: str) -> None:
    pass
