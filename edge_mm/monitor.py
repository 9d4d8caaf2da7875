"""The pure core: events in, observations, estimates and alerts out.

In: ``Sample``, ``Status``, ``Command`` and ``Tick`` through one door, ``push``, in time order as far as the world
allows. Out: what the senses read, one fused ``Estimate`` per hop, the transitions of the alarms, and what became of
each command, in order of emission. The same events give the same outputs, bit for bit: there is no clock, no thread and
no I/O in here. Not here: devices
(``sources``), delivery, wall time.

::

    Sample ─> clock ─> front end ─┬─ Observation ──────────────────────> policies ─> alarms ─> Alert
                                  └─ Embedding ─> align ─> fusion ─ Estimate ─┘

A front end reads one stream (vision, audio, physio, text), or all streams of its modality together (skin, motion); the
latter also hear what the former say, because stress shows in the skin and in the heart. What a device has worked out
itself (a belt's heart rate, a car's speed) becomes an Observation as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from edge_mm.alerts.alarms import Alarms
from edge_mm.alerts.defaults import default_policies
from edge_mm.errors import GraphLost, UsageError
from edge_mm.kinds import MODALITY_OF, READINGS
from edge_mm.models.bundle import Bundle
from edge_mm.perception.admission import check_sample
from edge_mm.perception.align import WAITED_FOR, Aligner
from edge_mm.perception.clock import SampleClock
from edge_mm.perception.front_ends import OWN, SHARED, answered
from edge_mm.perception.fusion import Fusion
from edge_mm.perception.readings import ReadingsFrontEnd
from edge_mm.perception.selftest import self_test
from edge_mm.protocols import FrontEnd, Policy, SharedFrontEnd
from edge_mm.types import (
    NS_PER_S,
    Command,
    Embedding,
    Event,
    Observation,
    Output,
    PolicyInput,
    Sample,
    Status,
    StreamSpec,
)

if TYPE_CHECKING:
    from edge_mm.alerts.baseline import Baseline
    from edge_mm.alerts.handling import Handlings
    from edge_mm.alerts.limits import Limits


class Monitor:
    """Watches over one person.

    Args:
        bundle: the graphs and their parameters; its self-test runs here, once.
        streams: what will be pushed. A stream can also be added later with ``add_stream``.
        policies: what decides; None takes the built-in rules that the bundle can feed. Give a list to replace them, or
            ``[*default_policies(...), yours]`` to add to them.
        limits: numbers of the built-in rules.
        handling: how alarms are dealt with: latching, escalation, cooldown.
        baseline: what is usual for the person, learned with this bundle; None: the population's limits hold.

    Raises:
        BundleError: a graph does not load or fails its self-test, or its parameters do not fit.
        UsageError, ConfigError: of a stream, see ``add_stream``.

    Attributes:
        alarms: what is active.
        policies: what decides.
        windows: fusion windows so far.
    """

    def __init__(
        self,
        bundle: Bundle,
        streams: Sequence[StreamSpec] = (),
        *,
        policies: Sequence[Policy] | None = None,
        limits: Limits | None = None,
        handling: Handlings | None = None,
        baseline: Baseline | None = None,
    ) -> None:
        self_test(bundle)
        self.bundle = bundle
        manifest = bundle.manifest
        if policies is None:
            policies = default_policies(
                heads=manifest.heads, modalities=manifest.modalities, limits=limits, baseline=baseline
            )
        self.policies = tuple(policies)
        self.alarms = Alarms(policies, senses=manifest.modalities, handling=handling)
        self._fusion = Fusion(bundle)
        self._aligner = Aligner(
            {},
            window_s=manifest.window_s,
            hop_s=manifest.hop_s,
            modalities=manifest.modalities,
            min_quality=manifest.min_quality,
        )
        self._streams: dict[str, StreamSpec] = {}
        self._front_ends: dict[str, FrontEnd | SharedFrontEnd] = {}
        self._shared: dict[str, SharedFrontEnd] = {}
        self._clocks: dict[str, SampleClock] = {}
        self._end_ns: int | None = None  # of the sample that ends last
        self._unsaid: list[Output] = []
        self._interrupted: set[str] = set()  # streams whose graph did not answer
        self.windows = 0
        for spec in streams:
            self.add_stream(spec)

    def add_stream(self, spec: StreamSpec) -> None:
        """Announce a stream (again, after a device came back with another rate).

        Raises:
            UsageError: its kind is unknown, or its rate or lateness is no such number.
            ConfigError: the bundle's front end does not take this rate (sound at 8 kHz, an ECG of 20 Hz).
            BundleError: the front end's parts do not fit together.
        """
        if spec.kind not in MODALITY_OF:
            raise UsageError(f"stream {spec.name!r}: unknown kind {spec.kind!r}; one of {', '.join(MODALITY_OF)}")
        if not (math.isfinite(spec.rate_hz) and spec.rate_hz > 0):
            raise UsageError(f"stream {spec.name!r}: a rate of {spec.rate_hz} Hz; it must be positive")
        if not (spec.stale_s > 0):
            raise UsageError(f"stream {spec.name!r}: stale after {spec.stale_s} s; it must be positive")
        if not (math.isfinite(spec.lateness_s) and spec.lateness_s >= 0):
            raise UsageError(f"stream {spec.name!r}: a lateness of {spec.lateness_s} s; it must be 0 or more")
        modality = MODALITY_OF[spec.kind]
        before = self._front_ends.pop(spec.name, None)  # it may have been announced as another kind
        if spec.kind in READINGS:  # no graph reads them, so no window waits for them
            self._front_ends[spec.name] = ReadingsFrontEnd(spec)
            self._aligner.status(spec.name, "off")  # where the name meant another kind before
        elif self.bundle.front_end(modality) is not None:
            front_end = self._front_ends[spec.name] = self._front_end(modality, spec)
            # windows wait for what the front end still holds back, too
            self._aligner.add_stream(replace(spec, lateness_s=spec.lateness_s + front_end.latency_s))
        if before in self._shared.values() and before is not self._front_ends.get(spec.name):
            answered(partial(cast(SharedFrontEnd, before).end, spec.name))  # it reads this stream no longer
        self._clocks.pop(spec.name, None)
        if spec.kind not in ("video", "note") and spec.kind not in READINGS:
            self._clocks[spec.name] = SampleClock(spec.rate_hz)
        self._streams[spec.name] = spec

    @property
    def streams(self) -> tuple[StreamSpec, ...]:
        """What has been announced."""
        return tuple(self._streams.values())

    def push(self, event: Event) -> list[Output]:
        """Take the next event.

        Args:
            event: a Sample of an announced stream, a Status, a Command, or a Tick.

        Returns:
            Everything that follows from it, in order.

        Raises:
            UsageError: a Sample of a stream that was not announced.
            SourceError: a Sample whose array has another shape or type than its kind, or whose rate is more than 1 %
                off the announced one. It leaves no trace.
        """
        outputs = self._unsaid = list[Output]()
        if isinstance(event, Sample):
            self._sample(event, outputs)
        elif isinstance(event, Status):
            self._status(event, outputs)
        elif isinstance(event, Command):
            outputs.extend(self.alarms.command(event))
        else:
            self._aligner.tick(event.t_ns)
            self._windows(outputs)
            self._decide(event, outputs)
        self._unsaid = []
        return outputs

    def flush(self) -> list[Output]:
        """No more events will come: give what waited for look-ahead, and close the windows that the signals reach."""
        outputs = self._unsaid = list[Output]()
        for name, front_end in self._front_ends.items():
            if front_end not in self._shared.values():
                self._read(answered(front_end.flush), outputs)
            self._aligner.status(name, "off")
        for shared in self._shared.values():
            self._read(answered(shared.flush), outputs, heard=False)
        if self._end_ns is not None:
            self._aligner.tick(self._end_ns)
        self._windows(outputs)
        self._unsaid = []
        return outputs

    def unsaid(self) -> list[Output]:
        """What a ``push`` or ``flush`` had to give when a policy or a front end of a user's own failed in it, once.

        The alarms stand as if it had been given, so it belongs into the same transaction as the next snapshot.
        """
        outputs, self._unsaid = self._unsaid, []
        return outputs

    def snapshot(self) -> bytes:
        """The alarm machine's state; commit it together with the transitions that led to it."""
        return self.alarms.snapshot()

    def restore(self, snapshot: bytes, *, same_clock: bool = False) -> None:
        """Continue from a snapshot: what was active is active, with its incident number.

        Args:
            snapshot: of ``snapshot``.
            same_clock: whether times in it count on the clock of the events to come; else a silence ends.

        Raises:
            ConfigError: the snapshot is not one of ours.
        """
        self.alarms.restore(snapshot, same_clock=same_clock)

    def _front_end(self, modality: str, spec: StreamSpec) -> FrontEnd | SharedFrontEnd:
        """The front end of a stream: its own, or the one that it shares with the other streams of its modality."""
        if modality not in SHARED:
            return OWN[modality](self.bundle, spec)
        shared = self._shared.get(modality) or SHARED[modality](self.bundle)
        shared.add(spec)
        self._shared[modality] = shared
        return shared

    def _sample(self, sample: Sample, outputs: list[Output]) -> None:
        spec = self._streams.get(sample.stream)
        if spec is None:
            known = ", ".join(self._streams) or "none"
            raise UsageError(f"a sample of stream {sample.stream!r}, which was not announced; announced: {known}")
        check_sample(sample, spec)
        front_end = self._front_ends.get(sample.stream)
        if front_end is None:
            return
        length = 1 if spec.kind == "video" else len(sample.data)
        if not length:
            return
        clock = self._clocks.get(sample.stream)
        if clock is not None:
            sample = replace(sample, t_ns=clock.stamp(sample.t_ns, length), rate_hz=spec.rate_hz)
        try:
            if sample.stream in self._interrupted:  # what it held belongs to before
                self._interrupted.discard(sample.stream)
                self.add_stream(spec)
                front_end = self._front_ends[sample.stream]
            readings = front_end.push(sample)
        except GraphLost:  # who runs the graph has said so; the sense is absent until it answers again
            self._interrupted.add(sample.stream)
            return
        self._aligner.tick(sample.t_ns)  # the first sample is the origin of all windows
        self._read(readings, outputs, heard=front_end not in self._shared.values())
        end_ns = sample.t_ns if spec.kind in READINGS else sample.end_ns
        if spec.kind != "note":  # it takes no time
            self._end_ns = end_ns if self._end_ns is None else max(self._end_ns, end_ns)
        self._aligner.advance(sample.stream, end_ns - round(front_end.latency_s * NS_PER_S))
        self._windows(outputs)

    def _status(self, status: Status, outputs: list[Output]) -> None:
        front_end = self._front_ends.get(status.stream)
        if front_end is not None and status.state not in WAITED_FOR:
            if front_end in self._shared.values():
                self._read(answered(partial(cast(SharedFrontEnd, front_end).end, status.stream)), outputs, heard=False)
            else:
                self._read(answered(front_end.flush), outputs)
        if status.stream in self._streams:
            self._aligner.status(status.stream, status.state)
            self._windows(outputs)
        self._decide(status, outputs)

    def _read(self, readings: Sequence[Observation | Embedding], outputs: list[Output], *, heard: bool = True) -> None:
        """Pass readings on; ``heard``: those who listen hear them (they do not listen to each other)."""
        for reading in readings:
            if isinstance(reading, Embedding):
                self._aligner.add(reading)
                continue
            outputs.append(reading)
            self._decide(reading, outputs)
            for shared in self._shared.values() if heard else ():
                self._read(answered(partial(shared.hear, reading)), outputs, heard=False)

    def _windows(self, outputs: list[Output]) -> None:
        for window in self._aligner.closed():
            try:
                estimate = self._fusion.estimate(window)
            except GraphLost:
                continue
            self.windows += 1
            outputs.append(estimate)
            self._decide(estimate, outputs)

    def _decide(self, event: PolicyInput, outputs: list[Output]) -> None:
        outputs.extend(self.alarms.update(event))
