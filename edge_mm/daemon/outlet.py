"""What leaves the monitor: transitions to disk first, then everything to whoever wants it.

In: outputs, in order of emission. Out: transitions in the outbox, readings and estimates to MQTT, all of them to the
user's own sinks; an alert is counted, logged and told only once it is durable. Not here: publishing what is in the
outbox (``delivery.mqtt``), keeping what the disk refuses (``daemon.keeper``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from edge_mm.daemon.keeper import Keeper
from edge_mm.daemon.logs import NEWS
from edge_mm.daemon.meters import Meters
from edge_mm.daemon.ways_out import WaysOut
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.protocols import Sink
from edge_mm.types import NS_PER_S, Alert, Estimate, Observation, Output

_log = logging.getLogger("edge_mm.run")


class Outlet:
    """Gives outputs to the world.

    Args:
        keeper: makes transitions durable.
        mqtt: is told of what is not a transition, and woken for those.
        sinks: told of everything; what one raises is logged and stops nothing.
        ways: woken for transitions that are stored; their signals hear of each at once.
        meters: counts transitions per kind, times ``outbox commit`` and ``event to disk``.
        clock_ns: the present in the time of the alerts; None: they are a recording's, which says nothing of our speed.
    """

    def __init__(
        self,
        keeper: Keeper,
        mqtt: MqttSink,
        sinks: Sequence[Sink],
        meters: Meters,
        *,
        clock_ns: Callable[[], int] | None,
        ways: WaysOut | None = None,
    ) -> None:
        self._ways = ways or WaysOut(())
        self._keeper = keeper
        self._mqtt = mqtt
        self._sinks = tuple(sinks)
        self._meters = meters
        self._clock_ns = clock_ns

    def give(self, outputs: Sequence[Output]) -> None:
        """Take what one event led to.

        Raises:
            OutboxError: too many transitions wait for the disk already.
        """
        alerts = [output for output in outputs if isinstance(output, Alert)]
        for alert in alerts:
            self._ways.at_once(alert)
        if alerts:
            began = time.perf_counter()
            stored = self._keeper.keep(alerts)
            self._meters.took("outbox commit", time.perf_counter() - began)
            self._durable(stored)
        for output in outputs:
            if isinstance(output, Observation):
                self._mqtt.publish_observation(output)
            elif isinstance(output, Estimate):
                self._mqtt.publish_estimate(output)
            else:
                continue
            self._tell(output)

    def retry(self) -> None:
        """Try again to store what the disk refused, if it is time."""
        self._durable(self._keeper.retry())

    def finish(self) -> None:
        """Last attempt before the process ends.

        Raises:
            OutboxError: transitions could not be stored.
        """
        self._durable(self._keeper.finish())

    def _durable(self, alerts: Sequence[Alert]) -> None:
        """These transitions are on disk: now the world may hear of them."""
        if not alerts:
            return
        self._mqtt.wake()
        self._ways.wake()
        now_ns = None if self._clock_ns is None else self._clock_ns()
        for alert in alerts:
            self._meters.count(alert.state, alert.kind)
            if now_ns is not None:
                self._meters.took("event to disk", max(0, now_ns - alert.t_ns) / NS_PER_S)
            _log.info("%s %s (%s)", alert.key, alert.state, alert.priority, extra=NEWS)
            self._tell(alert)

    def _tell(self, output: Output) -> None:
        for sink in self._sinks:
            try:
                sink.send(output)
            except Exception as error:  # a sink of a user's own must not stop the watch
                _log.error("sink %s: %s: %s", type(sink).__name__, type(error).__name__, error)
