"""A baseline learned while the watch goes on, because somebody asked for it.

In: readings as they leave the monitor. Out: the baseline's file, and the configuration read anew so that it holds; the
result as an event and in the log. Not here: what is learned (``alerts.resting``), the verb that opens the
sensors itself (``daemon.calibration``).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from edge_mm.alerts.baseline import RANGES
from edge_mm.alerts.resting import Learned, RestingLearner
from edge_mm.daemon.baseline_file import store_baseline
from edge_mm.daemon.calibration import parts_of
from edge_mm.daemon.logs import NEWS
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.errors import EdgeMmError
from edge_mm.monitor import Monitor
from edge_mm.people import Watch
from edge_mm.types import NS_PER_S, Observation, Output

_log = logging.getLogger("edge_mm.run")


class Learning:
    """Belongs to the monitor's thread; a sink of its readings.

    Args:
        watch: who is watched.
        path: of the baseline's file.
        own: whether policies of a user's own decide: they know no baseline.
        renew: asks for the configuration to be read anew; None: the baseline holds from the next start on.
    """

    def __init__(self, watch: Watch, path: str, *, own: bool, renew: Callable[[], None] | None) -> None:
        self._watch, self._path, self._own, self._renew = watch, path, own, renew
        self._learner: RestingLearner | None = None
        self._until_ns = 0
        self._thread: threading.Thread | None = None
        self._sink: MqttSink | None = None

    def serve(self, sink: MqttSink) -> None:
        """Tell what comes of it through this sink."""
        self._sink = sink

    def begin(self, seconds: float, *, now_ns: int) -> str:
        """Learn from now on; why not, if so."""
        if self._own:
            return "rules of one's own decide here, and they know no baseline"
        if not isinstance(self._watch, Monitor):
            return "a baseline is one person's, and several are watched"
        if self._learner is not None or (self._thread is not None and self._thread.is_alive()):
            return "one runs already; wait for its result on bridge/event"
        if not parts_of(self._watch.streams, self._watch.bundle):
            return "no sensor here gives what a baseline is made of: a camera, an ECG or a pulse wave"
        self._learner, self._until_ns = RestingLearner(), now_ns + round(seconds * NS_PER_S)
        _log.info("calibrates for %g s beside the watch", seconds, extra=NEWS)
        if self._sink is not None:
            self._sink.publish_event("calibration_started", {"seconds": seconds})
        return ""

    def send(self, output: Output) -> None:
        """A reading; others say nothing here."""
        if self._learner is not None and isinstance(output, Observation):
            self._learner.take(output)

    def turn(self, now_ns: int) -> None:
        """The present; ends it when it is time."""
        if self._learner is None or now_ns < self._until_ns or not isinstance(self._watch, Monitor):
            return
        learner, self._learner = self._learner, None
        bundle = self._watch.bundle
        learned = learner.learned(asked=parts_of(self._watch.streams, bundle), bundle=bundle.digest)
        self._thread = threading.Thread(target=self._keep, args=(learned,), name="calibrated", daemon=True)
        self._thread.start()  # a card may be slow

    def _keep(self, learned: Learned) -> None:
        found = [name for name in RANGES if getattr(learned.baseline, name) is not None]
        error = "" if found else "nothing could be learned: " + "; ".join(learned.missing.values())
        if found:
            try:
                store_baseline(self._path, learned.baseline)
            except EdgeMmError as problem:
                error = str(problem)
        if error:
            _log.error("not calibrated: %s", error, extra=NEWS)
        else:
            _log.info("calibrated: %s", ", ".join(found), extra=NEWS)
        if self._sink is not None:
            data = {"error": error} if error else {"learned": found}
            kind = "calibration_failed" if error else "calibrated"
            self._sink.publish_event(kind, {**data, "missing": learned.missing})  # type: ignore[arg-type]
        if not error and self._renew is not None:
            self._renew()
