"""Which alarm is to be heard or seen now, and a thread that does it.

In: alerts as they come into being; whether anybody listens at the broker. Out: a device that signals the highest
priority among the active alarms, again and again. Acknowledged and silenced alarms are quiet; a new one is signalled
without waiting for the pause to end, and at least once, however short it was. Not here: the device (``speaker``,
``lamp``).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

from edge_mm.errors import DeliveryError
from edge_mm.kinds import LEADS_TO, RANK, Priority
from edge_mm.types import Alert, Output

NO_ALARM = "device.lost/broker"
"""That nobody listens is why we sound, and nothing to sound for."""
RETRY_S = 5.0
_log = logging.getLogger("edge_mm.sinks")


class Device(Protocol):
    """What signals; belongs to the thread."""

    def cycle(self, priority: Priority, pause: Callable[[float], None]) -> None:
        """Signal once.

        Args:
            priority: of the alarm.
            pause: waits so many seconds, or until something has changed.

        Raises:
            DeliveryError: it does not work.
        """
        ...

    def quiet(self) -> None:
        """Signal nothing."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def _higher(one: Priority, other: Priority | None) -> Priority:
    return one if other is None or RANK[one] >= RANK[other] else other


class NearbySignal:
    """A signal for who is in the room.

    Args:
        title: its name.
        device: what signals.
        always: whether somebody listens or not.
    """

    def __init__(self, title: str, device: Device, *, always: bool) -> None:
        self.title = title
        self._device, self._always = device, always
        self._changed = threading.Condition()
        self._alarms: dict[str, Priority] = {}
        self._owed: Priority | None = None
        self._nobody = False
        self._fresh = self._stop = False
        self._cycles, self._trouble = 0, ""
        self._tell: Callable[[Any, str], None] = lambda _state, _detail: None
        self._thread = threading.Thread(target=self._run, name=f"signal {title}", daemon=True)

    def send(self, output: Output) -> None:
        """Hear of an alert; returns at once."""
        if not isinstance(output, Alert) or output.key == NO_ALARM:
            return
        with self._changed:
            if LEADS_TO[output.state] == "active" or output.state == "latched":
                self._alarms[output.key] = output.priority
                if output.state != "latched":  # that is no news
                    self._fresh = True
                    self._owed = _higher(output.priority, self._owed)
            else:
                self._alarms.pop(output.key, None)
            self._changed.notify_all()

    def unheard(self, nobody: bool) -> None:
        """Whether nobody listens at the broker."""
        with self._changed:
            if nobody != self._nobody:
                self._nobody = self._fresh = nobody
                self._owed = None if not nobody and not self._always else self._owed
                self._changed.notify_all()

    def start(self, tell: Callable[[Any, str], None]) -> None:
        """Begin; ``tell`` hears ``("live", "")`` or ``("degraded", why)`` with each change."""
        self._tell = tell
        tell("live", "")  # what was wrong before a restart
        self._owed = None  # of alarms that were active before
        self._thread.start()

    def stop(self) -> None:
        """Be quiet and end; a device that hangs is left alone."""
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(5.0)

    @property
    def report(self) -> dict[str, Any]:
        """For ``bridge/health``."""
        with self._changed:
            return {
                "state": "degraded" if self._trouble else "live",
                "detail": self._trouble,
                "signalling": self._wanted(),
                "signals": self._cycles,
            }

    def _wanted(self) -> Priority | None:
        if not (self._always or self._nobody):
            self._owed = None
            return None
        found = [*self._alarms.values(), *([self._owed] if self._owed else [])]
        return max(found, key=RANK.__getitem__, default=None)

    def _run(self) -> None:
        try:
            while (priority := self._next()) is not None:
                try:
                    self._device.cycle(priority, self._pause)
                    self._told("")
                except DeliveryError as error:
                    self._told(str(error))
                    self._pause(RETRY_S)
                except Exception as error:  # a device that we have not thought of
                    _log.exception("%s stumbled and goes on", self.title)
                    self._told(f"{type(error).__name__}: {error}")
                    self._pause(RETRY_S)
        finally:
            self._device.close()

    def _next(self) -> Priority | None:
        """What is to be signalled, once there is something; None: the end."""
        with self._changed:
            if self._stop:
                return None
            if (wanted := self._wanted()) is None:
                self._changed.release()
                try:
                    self._device.quiet()
                except DeliveryError as error:
                    self._told(str(error))
                finally:
                    self._changed.acquire()
                self._changed.wait_for(lambda: self._stop or self._wanted() is not None)
                wanted = self._wanted()
            self._fresh = False
            self._owed = None
            return None if self._stop else wanted

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._cycles += 1
            self._changed.wait_for(lambda: self._stop or self._fresh or self._wanted() is None, seconds)

    def _told(self, trouble: str) -> None:
        before, self._trouble = self._trouble, trouble
        if trouble and not before:
            _log.warning("%s: %s", self.title, trouble)
        if bool(trouble) != bool(before):
            self._tell("degraded" if trouble else "live", trouble)
