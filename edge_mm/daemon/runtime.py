"""The daemon: sources' threads, one monitor, one delivery thread, and what holds them together.

In: a ``Config``. Out: alerts at the broker; a ``Summary`` when it is stopped or all its files have ended. Every
transition is durable, with the alarm machine's snapshot, before anything else happens with it. Not here: signals and
exit statuses (``daemon.verb_run``), what a source thread does (``daemon.reader``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from edge_mm.daemon.announced import home_assistant_of
from edge_mm.daemon.config import Config
from edge_mm.daemon.crew import Crew
from edge_mm.daemon.desk import Desk
from edge_mm.daemon.event_time import EventTime
from edge_mm.daemon.freshness import Freshness
from edge_mm.daemon.graph_place import placed
from edge_mm.daemon.inbox import Inbox, Item, Opened
from edge_mm.daemon.keeper import Keeper
from edge_mm.daemon.meters import Meters
from edge_mm.daemon.notify import notify, watchdog_period_s
from edge_mm.daemon.outfit import resumed, tap_of, watch_of
from edge_mm.daemon.outlet import Outlet
from edge_mm.daemon.parting import deliver_rest
from edge_mm.daemon.plan import Planned, bundle_of, plan_sources, warn_of_unused
from edge_mm.daemon.reader import Reader
from edge_mm.daemon.renewal import Renewal
from edge_mm.daemon.reporting import Reports
from edge_mm.daemon.summary import Summary, summarize
from edge_mm.daemon.supervision import News, Supervision
from edge_mm.daemon.ticks import TICK_NS
from edge_mm.daemon.ways_out import WaysOut
from edge_mm.delivery.carrier import DurableSink
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.record import BundleRef
from edge_mm.errors import ConfigError, EdgeMmError, SourceError
from edge_mm.models.bundle import Bundle
from edge_mm.protocols import Policy, Sink
from edge_mm.types import NS_PER_S, Event, Output, Sample, Status

_log = logging.getLogger("edge_mm.run")


class Runtime:
    """One run of the daemon.

    Args:
        config: what is installed here.
        bundle: models that replace the configuration's.
        policies: rules that replace the built-in ones.
        sinks: who else is to get every output, alerts once they are durable; or alerts only, each until it has it.
        clock_ns: the present, in the time that live sources stamp.
        plan: says what is read; another one reads sources of one's own.

    Raises:
        ConfigError: nothing to watch with, a wrong rule or profile.
        BundleError: the bundle does not load or fails its self-test.
        SourceError: a file of the configuration does not exist.
    """

    def __init__(
        self,
        config: Config,
        *,
        bundle: Bundle | None = None,
        policies: Sequence[Policy] | None = None,
        sinks: Sequence[Sink | DurableSink] = (),
        clock_ns: Callable[[], int] = time.monotonic_ns,
        plan: Callable[..., Sequence[Planned]] = plan_sources,
    ) -> None:
        if not config.source:
            raise ConfigError("nothing to watch with: add a [[source]] to the configuration ('edge-mm devices' lists)")
        self.config, self.news = config, News()
        self._ways, self._clock_ns, self._plan = WaysOut(config.sink, sinks), clock_ns, plan
        self.ending = ExitStack()
        """Ends what has been started; closed by ``run``, or by whoever does not run it after all."""
        self._bundle, end_graphs = placed(bundle or bundle_of(config), config.graphs, tell=self.news.of("@graphs"))
        self.ending.callback(end_graphs)
        try:
            self._prepare(policies)
        except BaseException:
            self.ending.close()
            raise

    def _prepare(self, policies: Sequence[Policy] | None) -> None:
        config = self.config
        self._own = policies is not None
        self._monitor = watch_of(config, self._bundle, policies)
        self._recorder = tap_of(config, self._monitor, own=policies is not None, news=self.news)
        self._halt = threading.Event()
        self.origin_ns = self._clock_ns()
        """Time of the files' first samples; of files in real time it is known when ``run`` begins."""
        self._planned = self._plan(config, stop=self._halt, start_ns=self.origin_ns)
        warn_of_unused(self._planned, self._bundle)
        self.meters = Meters()
        """Counts and latencies of the run."""
        self._inbox, self._refused = Inbox(), set[str]()
        self._freshness = Freshness({stream for one in self._planned if not one.file for stream in one.kinds})
        self._time = EventTime(self._inbox, self._clock_ns, recorded=all(one.waits for one in self._planned))
        self._ended = self._renewed = False
        self._reports = Reports(config, self.meters)

    def run(self, stop: threading.Event, *, renewal: Renewal[Runtime] | None = None) -> Summary:
        """Watch until stopped, until all files have ended, or until another configuration is ready.

        Args:
            stop: set it to end the run.
            renewal: makes the next Runtime when somebody asks for it.

        Raises:
            OutboxError: the outbox cannot be opened, or transitions could not be stored at the end.
            SourceError: a file could not be read (to its end); everything else was done.
        """
        config = self.config
        ways, ref = self._ways, BundleRef.of(self._bundle)
        with Outbox(config.outbox.path, device=config.device_id, bundle=ref, sinks=ways.keys) as outbox:
            self._outbox = outbox
            self._keeper = Keeper(outbox, self._monitor.snapshot)
            desk = self.desk = Desk(
                config, self._bundle, self._monitor, own=self._own, news=self.news, wake=self._inbox.nudge,
                push=self._push, present_ns=self._time.present_ns, health=self._publish_health,
                reload=None if renewal is None else renewal.ask, restart=stop.set,
            )  # fmt: skip
            guest = home_assistant_of(config, self._bundle, self._monitor, outbox, own=self._own)
            self._sink = MqttSink(config.mqtt, outbox, on_request=desk.commands.take, guest=guest)
            desk.serve(self._sink, outbox)
            clock = None if self._time.recorded else self._clock_ns
            told = (*ways.best_effort, self._recorder, desk)
            self._outlet = Outlet(self._keeper, self._sink, told, self.meters, clock_ns=clock, ways=ways)
            if not self._time.recorded:  # files in real time begin now, however long ago this object was made
                self.origin_ns = self._clock_ns()
                self._planned = self._plan(config, stop=self._halt, start_ns=self.origin_ns)
            again = resumed(self._monitor, self._planned, outbox, sinks=ways.parts, t_ns=self.origin_ns)
            self._outlet.give(again)
            # By name, as in a replay: events of the same moment are taken in this order.
            planned = sorted(self._planned, key=lambda one: one.source.name)
            for one in planned:
                for stream, kind in one.kinds.items():
                    self._inbox.add(stream, video=kind == "video", waits=one.waits)
            self._crew = crew = Crew(planned, self._reader)
            self._supervision = Supervision(
                crew, outbox=outbox, keeper=self._keeper, sink=self._sink, freshness=self._freshness, news=self.news
            )
            with self.ending as ending:  # whatever fails, all of it is done, the last one first
                ending.callback(self._part, stop)
                ending.enter_context(desk)
                ending.enter_context(self._recorder)
                ending.callback(self._store)
                ending.enter_context(self._reports.metrics)
                self._sink.start()
                ways.start(outbox, self.news, base_topic=config.mqtt.base_topic)
                if not self._time.recorded:  # else one that fails at once would be the last that was left
                    for stream in sorted(stream for one in planned for stream in one.kinds):
                        self._push(Status(self.origin_ns, stream, "starting"))
                crew.start()
                notify("READY=1")
                _log.info("watching with %s", ", ".join(stream for one in planned for stream in one.kinds))
                self._watch(stop, renewal)
            if crew.errors:
                raise SourceError("\n".join(crew.errors))
            windows, drops = self._monitor.windows, self._inbox.dropped
            return summarize(self.meters, windows=windows, drops=drops, delivery=self._sink.stats())

    def _reader(self, one: Planned) -> Reader:
        # Nothing but a recording's own time may stamp what becomes of it, or no two runs would say the same.
        clock_ns = (lambda: self.origin_ns) if self._time.recorded else self._clock_ns
        return Reader(one.source, self._inbox, self.meters, self._halt, file=one.file, clock_ns=clock_ns)

    def _watch(self, stop: threading.Event, renewal: Renewal[Runtime] | None) -> None:
        """The monitor's thread: take what is oldest, tell the time, look after everything else."""
        period_s = TICK_NS / NS_PER_S
        fed_s, feed_every_s = 0.0, watchdog_period_s()
        next_s = time.monotonic() + period_s
        while not stop.is_set():
            item = self._inbox.get(max(0.0, next_s - time.monotonic()))
            if item is not None:
                self._take(item)
            elif self._inbox.ended:
                return
            self.desk.turn()
            now_s = time.monotonic()
            if now_s < next_s:
                continue
            next_s = now_s + period_s
            self._look_after(now_s)
            self.desk.look()
            if renewal is not None and renewal.turn():
                self._renewed = True
                self.desk.renewed()
                return
            if self._supervision.progresses(now_s) and feed_every_s is not None and now_s - fed_s >= feed_every_s:
                fed_s = now_s
                notify("WATCHDOG=1")

    def _look_after(self, now_s: float) -> None:
        if not self._time.recorded:
            tick = self._time.tick()
            for status in self._supervision.sensors(tick.t_ns, queued=self._inbox.queued):
                self._state(status)
            for status in self._supervision.parts(tick.t_ns, now_s):
                self._push(status)
                self._reports.soon()  # a part has no topic of its own: the report tells at once
            self._push(tick)
        self._outlet.retry()
        self._ways.look_after(now_s, unheard=self._supervision.unheard)
        if self._reports.due(now_s):
            self._publish_health()

    def _take(self, item: Item) -> None:
        if isinstance(item, Opened):
            self._open(item)
            return
        for tick in self._time.before(item.t_ns):
            self._push(tick)
        if isinstance(item, Status):
            self._state(item)
        elif item.stream not in self._refused:
            if (back := self._freshness.arrived(item.stream, self._clock_ns())) is not None:
                self._state(back)
            self._push(item)

    def _open(self, item: Opened) -> None:
        self._recorder.tap(item)
        try:
            self._monitor.add_stream(item.spec)
            self._freshness.opened(item.spec)
            self._refused.discard(item.stream)
        except EdgeMmError as error:  # for example an ECG of 20 Hz: the other senses go on
            self._refused.add(item.stream)
            _log.error("%s: %s", item.stream, error)
            self._state(Status(item.t_ns, item.stream, "lost", str(error)))
        self.desk.introduce()

    def _state(self, status: Status) -> None:
        if status.state in ("live", "degraded", "starting") and status.stream in self._refused:
            return  # why it is of no use has been said, and holds until it is announced anew
        self._freshness.status(status)
        self._supervision.log(status)
        self._sink.publish_availability(status)
        self._push(status)
        if status.state == "lost":
            self.desk.introduce()

    def _push(self, event: Event) -> list[Output]:
        self._recorder.tap(event)
        self.desk.tap(event)
        began = time.perf_counter()
        try:
            outputs = self._monitor.push(event)
        except SourceError as error:  # a source of a user's own that gives something else than it promised
            _log.error("%s", error)
            return []
        except Exception:  # a policy or a front end of a user's own: what it broke off is kept, then the run ends
            self._outlet.give(self._monitor.unsaid())
            raise
        if isinstance(event, Sample):
            self.meters.took(f"monitor {event.stream}", time.perf_counter() - began)
        self._outlet.give(outputs)
        return outputs

    def _publish_health(self) -> dict[str, Any]:
        more = {**self._supervision.report, "recording": self._recorder.report, "sinks": self._ways.report}
        streams, windows = self._freshness.states, self._monitor.windows
        return self._reports.publish(self._sink, streams=streams, drops=self._inbox.dropped, windows=windows, more=more)

    def _store(self) -> None:
        """Stop reading; store what is left.

        Raises:
            OutboxError: transitions could not be stored.
        """
        if not self._renewed:
            notify("STOPPING=1")
        self._ended = self._inbox.ended
        self._halt.set()
        self._inbox.stop()
        try:
            self._outlet.give(self._monitor.flush())
        finally:
            self._outlet.give(self._monitor.unsaid())
            self._outlet.finish()

    def _part(self, stop: threading.Event) -> None:
        """Deliver what can be delivered; leave no thread behind that ends when it is told."""
        try:
            self._publish_health()
        finally:
            patient, renewed = self._ended and not stop.is_set(), self._renewed and not stop.is_set()
            deliver_rest(self._sink, self._ways, self._outbox, patient=patient, renewed=renewed)
            self._crew.join(1.0)
