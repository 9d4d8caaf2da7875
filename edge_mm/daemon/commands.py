"""Acting on what is asked of a running device (``bridge/request/<verb>``).

In: checked requests, from the delivery thread. Out: ``Command`` events for the monitor, which go the way of every event
(they are recorded and committed like it); a ``Response`` for each request. Everything here happens in the monitor's
thread, which is woken. Not here: whether a message is a request (``delivery.asking``), what an acknowledgement means
(``alerts.alarms``), learning (``daemon.learning``), pieces of signals (``daemon.waves``).
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edge_mm.daemon.learning import Learning
from edge_mm.daemon.logs import NEWS
from edge_mm.daemon.waves import Waves
from edge_mm.delivery import clock
from edge_mm.delivery.clock import iso
from edge_mm.delivery.hearing import Heard
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.requests import Acknowledge, Calibrate, LogLevel, Response, Silence, Waveforms
from edge_mm.errors import OutboxError
from edge_mm.types import Alert, Command, Output, Reply

MOST_WAITING = 32
"""Requests that may wait for the monitor's thread."""
ENDING = "it is ending; ask again"
"""What is answered to whoever asks while a run ends, be it for a reload, a restart or a stop."""
_log = logging.getLogger("edge_mm.run")


class Commands:
    """Acts on requests; ``take`` is for the delivery thread, everything else for the monitor's.

    Args:
        wake: ends the monitor's wait for the next event.
        push: gives an event to the monitor and stores what follows.
        present_ns: the present in the time of the events.
        health: a new report, as it is published.
        reload: asks for the configuration to be read anew; None: nobody could.
        restart: ends the run, for a service manager to start it again.
        learning: learns a baseline.
        waves: publishes pieces of signals.
    """

    def __init__(
        self,
        *,
        wake: Callable[[], None],
        push: Callable[[Command], Sequence[Output]],
        present_ns: Callable[[], int],
        health: Callable[[], Mapping[str, Any]],
        reload: Callable[[], None] | None,
        restart: Callable[[], None],
        learning: Learning,
        waves: Waves,
    ) -> None:
        self._wake, self._push, self._present_ns, self._health = wake, push, present_ns, health
        self._reload, self._restart, self._learning, self._waves = reload, restart, learning, waves
        self._waiting: deque[Heard] = deque()
        self._lock, self._ended = threading.Lock(), False
        self._reloading: list[Heard] = []
        self._sink: MqttSink | None = None
        self._outbox: Outbox | None = None
        self.restart_asked = False
        """Whether the run ends to be started again."""

    def serve(self, sink: MqttSink, outbox: Outbox) -> None:
        """Answer through this sink; incidents are those of this outbox."""
        self._sink, self._outbox = sink, outbox

    def take(self, heard: Heard) -> bool:
        """A request has come; False: too many wait already. From any thread."""
        with self._lock:
            ended = self._ended
            if not ended:
                if len(self._waiting) >= MOST_WAITING:
                    return False
                self._waiting.append(heard)
        if ended:
            self._answer(heard, _refused(heard, ENDING))
        else:
            self._wake()
        return True

    def close(self) -> None:
        """Nobody acts on requests any more: those that wait are told so, and those that still come."""
        with self._lock:
            self._ended = True
        while self._waiting:
            heard = self._waiting.popleft()
            self._answer(heard, _refused(heard, ENDING))
        self.reloaded(ENDING)

    def turn(self) -> None:
        """Act on what waits."""
        while self._waiting:
            heard = self._waiting.popleft()
            response = self._done(heard)
            if response is not None:
                self._answer(heard, response)

    def reloaded(self, error: str) -> None:
        """The configuration that was asked for was taken (no error) or refused."""
        asked, self._reloading = self._reloading, []
        for heard in asked:
            self._answer(heard, _refused(heard, error) if error else _ok(heard))

    def _done(self, heard: Heard) -> Response | None:
        asked = heard.asked
        match asked:
            case Acknowledge() | Silence():
                return self._alarm(heard, asked)
            case Calibrate():
                error = self._learning.begin(asked.seconds, now_ns=self._present_ns())
                return _refused(heard, error) if error else _ok(heard, seconds=asked.seconds)
            case Waveforms():
                streams = self._waves.begin(asked.seconds, now_ns=self._present_ns())
                if not streams:
                    return _refused(heard, "no sensor here gives an ECG, a pulse wave or an acceleration")
                return _ok(heard, seconds=asked.seconds, streams=streams)
            case LogLevel():
                logging.getLogger().setLevel(asked.level.upper())
                _log.warning("log level %s until the next start, as %s asks", asked.level, asked.by or "somebody")
                self._tell("log_level_changed", level=asked.level, by=asked.by)
                return _ok(heard, level=asked.level)
        if heard.verb == "health":
            return _ok(heard, **self._health())
        if heard.verb == "reload":
            if self._reload is None:
                return _refused(heard, "this run has no configuration file to read anew")
            self._reloading.append(heard)
            self._reload()
            return None
        if not os.environ.get("NOTIFY_SOCKET"):  # systemd's, or of 'run --guarded'
            return _refused(
                heard, "nothing here would start it again; run it as a service (edge-mm install-service) or --guarded"
            )
        _log.warning("ends, to be started again, as %s asks", asked.by or "somebody", extra=NEWS)
        self._tell("restarting", by=asked.by)
        self.restart_asked = True
        self._restart()
        return _ok(heard)

    def _alarm(self, heard: Heard, asked: Acknowledge | Silence) -> Response:
        try:
            incident = None if self._outbox is None else self._outbox.incident_of(asked.incident_id)
        except OutboxError as error:  # a disk that fails must not end the watch
            return _refused(heard, str(error))
        if incident is None:
            return _refused(heard, "this device has no incident of that id; take incident_id of an alarm's state")
        command = Command(
            t_ns=self._present_ns(),
            action="silence" if isinstance(asked, Silence) else "acknowledge",
            incident=incident,
            seconds=(asked.seconds or 0.0) if isinstance(asked, Silence) else 0.0,
            by=asked.by,
            transaction=str(asked.transaction),
        )
        outputs = self._push(command)
        reply = next((one for one in outputs if isinstance(one, Reply)), None)
        if reply is None or reply.error:
            return _refused(heard, "the alarm did not answer" if reply is None else reply.error)
        changed = next((one for one in outputs if isinstance(one, Alert) and one.incident == incident), None)
        data: dict[str, Any] = {"incident_id": asked.incident_id}
        if changed is not None:
            data["kind"] = changed.kind
            if changed.silent_until_ns is not None:
                data["silenced_until"] = iso(clock.now().wall(changed.silent_until_ns))
        return _ok(heard, **data)

    def _tell(self, kind: Any, **data: Any) -> None:
        if self._sink is not None:
            self._sink.publish_event(kind, data)

    def _answer(self, heard: Heard, response: Response) -> None:
        if self._sink is not None:
            self._sink.respond(heard.verb, response, heard.correlation)


def _ok(heard: Heard, **data: Any) -> Response:
    return Response(status="ok", transaction=heard.asked.transaction, data=data)


def _refused(heard: Heard, error: str) -> Response:
    return Response(status="error", transaction=heard.asked.transaction, error=f"{heard.verb}: {error}")
