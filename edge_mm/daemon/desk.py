"""Where the world asks and is told, beside alerts: requests, sensors, events, log lines.

In: the parts of a run. Out: ``Commands`` that are acted on, ``bridge/devices``, ``bridge/info``, ``bridge/event`` and
``bridge/logging``. A sink of everything that leaves the monitor. Not here: each of these (``daemon.commands``,
``daemon.learning``, ``daemon.waves``, ``daemon.broker_log``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from edge_mm.daemon.broker_log import BrokerLog
from edge_mm.daemon.commands import Commands
from edge_mm.daemon.config import Config
from edge_mm.daemon.learning import Learning
from edge_mm.daemon.masking import secrets_of, without
from edge_mm.daemon.supervision import News
from edge_mm.daemon.version import bridge_info
from edge_mm.daemon.waves import Waves
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.news_payloads import DeviceInfo
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.record import BundleRef
from edge_mm.models.bundle import Bundle
from edge_mm.people import Watch
from edge_mm.types import Command, Observation, Output, Sample


class Desk:
    """Belongs to the monitor's thread; a context manager while the run lasts.

    Args:
        config: of the run.
        bundle: its models.
        watch: who is watched.
        own: whether policies of a user's own decide.
        news: what parts say of themselves; refused configurations are among it.
        wake, push, present_ns, health, reload, restart: as ``Commands``.
    """

    def __init__(
        self,
        config: Config,
        bundle: Bundle,
        watch: Watch,
        *,
        own: bool,
        news: News,
        wake: Callable[[], None],
        push: Callable[[Command], Sequence[Output]],
        present_ns: Callable[[], int],
        health: Callable[[], Mapping[str, Any]],
        reload: Callable[[], None] | None,
        restart: Callable[[], None],
    ) -> None:
        self._config, self._bundle, self._watch, self._news = config, bundle, watch, news
        self._present_ns = present_ns
        self._learning = Learning(watch, config.baseline, own=own, renew=reload)
        self._waves = Waves(lambda: watch.streams)
        self.commands = Commands(
            wake=wake, push=push, present_ns=present_ns, health=health, reload=reload, restart=restart,
            learning=self._learning, waves=self._waves,
        )  # fmt: skip
        self._names: dict[str, set[str]] = {}
        self._told: object = None
        self._graphs = "live"

    def serve(self, sink: MqttSink, outbox: Outbox) -> None:
        """Say everything through this sink; incidents are those of this outbox."""
        self._sink = sink
        self._log = BrokerLog(sink.publish_log, hide=without(secrets_of(self._config)))
        self._learning.serve(sink)
        self._waves.serve(sink)
        self.commands.serve(sink, outbox)

    def __enter__(self) -> Desk:
        logging.getLogger().addHandler(self._log)
        self._sink.publish_event("started")
        self._sink.publish_event("bundle_loaded", msgspec.to_builtins(BundleRef.of(self._bundle)))
        return self

    def __exit__(self, *_: object) -> None:
        self._sink.publish_event("stopping")
        logging.getLogger().removeHandler(self._log)
        self.commands.close()

    def tap(self, event: object) -> None:
        """An event before the monitor has it."""
        if isinstance(event, Sample):
            self._waves.take(event)

    def send(self, output: Output) -> None:
        """What leaves the monitor."""
        self._learning.send(output)
        if isinstance(output, Observation):
            names = self._names.setdefault(output.stream, set())
            if output.name not in names:
                names.add(output.name)
                self._told = None  # said with the next turn

    def turn(self) -> None:
        """Act on what was asked; called often."""
        self.commands.turn()

    def look(self) -> None:
        """A few times a second: the rest."""
        self._learning.turn(self._present_ns())
        while self._news.refusals:
            error = self._news.refusals.popleft()
            self._sink.publish_event("config_refused", {"error": error})
            self.commands.reloaded(error)
        if self._news.graphs != self._graphs:
            self._graphs = self._news.graphs
            kind = "backend_restored" if self._graphs == "live" else "backend_degraded"
            self._sink.publish_event(kind, {"state": self._graphs})  # type: ignore[arg-type]
        if self._told is None:
            self.introduce()

    def renewed(self) -> None:
        """Another configuration takes the place of this one."""
        self._sink.publish_event("config_reloaded")
        self.commands.reloaded("")

    def introduce(self) -> None:
        """Say what runs here, once that is known and whenever it has changed."""
        streams = self._watch.streams
        if streams == self._told:
            return
        self._told = streams
        self._sink.publish_info(bridge_info(self._config.device_id, self._bundle, streams))
        person_of = {one.name: one.person or "" for one in self._config.source}
        self._sink.publish_devices(
            DeviceInfo(
                one.name, one.kind, one.unit, one.rate_hz, tuple(sorted(self._names.get(one.name, ()))),
                person_of.get(one.name, ""),
            )
            for one in streams
        )  # fmt: skip
