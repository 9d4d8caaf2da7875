"""One thread that carries the outbox's transitions to one durable sink, again after every failure.

In: an outbox, and a ``DurableSink``: whatever takes events and returns once it has them. Out: each transition in order,
at least once, deleted for this sink when it has it. What goes wrong is told with each change. Not here: what a sink
does (``log_file``, ``webhook``), MQTT (``mqtt`` has a conversation of its own).
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from edge_mm.delivery import clock
from edge_mm.delivery.backoff import Backoff
from edge_mm.delivery.dated import anchor_for
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.payloads import AlertEvent, alert_event
from edge_mm.delivery.topics import Topics
from edge_mm.errors import DeliveryError
from edge_mm.types import Alert

SLOW_S = (60.0, 900.0)
"""First and longest pause after a refusal: trying again soon would not help."""
HANGS_S = 60.0
"""A sink that has taken this long over one delivery is told as degraded."""
_log = logging.getLogger("edge_mm.sinks")


@runtime_checkable
class DurableSink(Protocol):
    """A way out that alerts wait for in the outbox. Its thread belongs to the daemon."""

    @property
    def name(self) -> str:
        """Names its rows in the outbox; ``[a-zA-Z0-9_-]+``, the same after a restart."""
        ...

    def deliver(self, events: Sequence[AlertEvent]) -> None:
        """Take these, in order; when it returns, it has them. One may come twice, with the same ``id``.

        Raises:
            DeliveryError: it has none of them, or not all; they come again after a while.
        """
        ...


class RefusedError(DeliveryError):
    """The other side answers and does not want this.

    Args:
        text: a sentence.
        event: True: only this event, others may pass; False: anything from us.
    """

    def __init__(self, text: str, *, event: bool) -> None:
        super().__init__(text)
        self.event = event


class Carrier:
    """Carries to one sink.

    Args:
        key: whose rows in the outbox.
        sink: takes them.
        outbox: gives them.
        base_topic: names the events' source, as over MQTT.
        tell: hears ``("live", "")`` or ``("degraded", why)`` with each change.
        wants: which alerts are to be sent; the others count as had.
        most: events at a time.
        hide: takes out of what is told what nobody may read.
        backoff_s: first and longest pause after a failure.
        slow_s: the same after a refusal.
    """

    def __init__(
        self,
        key: str,
        sink: DurableSink,
        outbox: Outbox,
        *,
        base_topic: str,
        tell: Callable[[Literal["live", "degraded"], str], None],
        wants: Callable[[Alert], bool] = lambda _alert: True,
        most: int = 1,
        hide: Callable[[str], str] = str,
        backoff_s: tuple[float, float] = (0.5, 60.0),
        slow_s: tuple[float, float] = SLOW_S,
    ) -> None:
        self.key = key
        self._sink, self._outbox, self._wants, self._most = sink, outbox, wants, most
        self._source = Topics(outbox.device, base=base_topic).source
        self._say, self._hide = tell, hide
        self._backoff, self._slow = Backoff(*backoff_s), Backoff(*slow_s)
        self._passed, self._again_s = 0, 0.0  # events up to this number that were refused wait until then
        self._changed = threading.Condition()
        self._news = False
        self._stop_by: float | None = None
        self._busy_since_s: float | None = None
        self._delivered, self._failures = 0, 0
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name=f"sink {key}", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._say("live", "")  # what was wrong before a restart
        self._thread.start()

    def wake(self) -> None:
        """There is something new in the outbox."""
        with self._changed:
            self._news = True
            self._changed.notify_all()

    def look_after(self, now_s: float) -> None:
        """Tell of a delivery that does not end; called now and then by whoever supervises."""
        since_s = self._busy_since_s
        if since_s is not None and now_s - since_s > HANGS_S:
            self._tell(f"it has not taken an alert for {HANGS_S:g} s")

    def end(self, *, timeout_s: float) -> None:
        """Deliver what can be delivered in this time; returns at once."""
        with self._changed:
            self._stop_by = time.monotonic() + timeout_s
            self._changed.notify_all()

    def stop(self, *, timeout_s: float) -> bool:
        """Deliver what can be delivered in this time; whether nothing waits any more."""
        self.end(timeout_s=timeout_s)
        if self._thread.ident is not None:
            self._thread.join(timeout_s + 0.5)
        return self._outbox.waiting(self.key) == 0

    @property
    def report(self) -> dict[str, Any]:
        """For ``bridge/health``."""
        return {
            "state": "degraded" if self._trouble else "live",
            "detail": self._trouble,
            "waiting": self._outbox.waiting(self.key),
            "delivered": self._delivered,
            "failures": self._failures,
        }

    def _run(self) -> None:
        while self._stop_by is None or time.monotonic() < self._stop_by:
            began_s = self._busy_since_s = time.monotonic()
            pause_s: float | None = None
            try:
                if self._turn():
                    continue
            except RefusedError as error:
                pause_s = self._slow.after(0.0)
                self._failed(str(error))
            except DeliveryError as error:
                pause_s = self._backoff.after(0.0)
                self._failed(str(error))
            except Exception as error:  # a sink of a user's own: told, and tried again
                _log.debug("%s stumbled and goes on\n%s", self.key, self._hide(traceback.format_exc()))
                pause_s = self._backoff.after(0.0)
                self._failed(f"{type(error).__name__}: {error}")
            finally:
                self._busy_since_s = None
            if self._stop_by is not None:
                return
            self._wait(pause_s, began_s)

    def _wait(self, pause_s: float | None, now_s: float) -> None:
        """Until there is something to do; after a failure news do not count."""
        with self._changed:
            if pause_s is not None:
                self._changed.wait_for(lambda: self._stop_by is not None, pause_s)
                return
            timeout_s = max(0.0, self._again_s - now_s) if self._passed else None
            self._changed.wait_for(lambda: self._news or self._stop_by is not None, timeout_s)
            self._news = False

    def _turn(self) -> bool:
        """Deliver the next ones; whether there were any.

        Raises:
            DeliveryError: they have to come again.
        """
        if self._passed and time.monotonic() >= self._again_s:
            self._passed = 0
        records = self._outbox.pending(self._most, after=self._passed, sink=self.key)
        if not records:
            if self._passed == 0:  # what it was about waits no more
                self._tell("")
            return False
        now = clock.now()
        wanted = [record for record in records if self._wants(record.alert)]
        events = [
            alert_event(record, source=self._source, anchor=anchor_for(self._outbox, record, now), now=now)
            for record in wanted
        ]
        try:
            if events:
                self._sink.deliver(events)
        except RefusedError as error:
            if not error.event:
                raise
            # What is behind it must not wait for it: it stays in the outbox, and comes again with all that was refused.
            if self._passed == 0:
                self._again_s = time.monotonic() + self._slow.after(0.0)
            self._passed = records[-1].seq
            self._failed(str(error))
            return True
        self._outbox.acknowledged(*(record.seq for record in records), sink=self.key)
        self._delivered += len(events)
        if events:
            self._backoff.after(float("inf"))  # begin anew with the shortest
            if self._passed == 0:
                self._slow.after(float("inf"))
                self._tell("")
        return True

    def _failed(self, why: str) -> None:
        if self._stop_by is not None and time.monotonic() > self._stop_by:
            return  # nobody waits for this thread any more, and the outbox may be closed
        self._failures += 1
        self._tell(self._hide(why))

    def _tell(self, trouble: str) -> None:
        before, self._trouble = self._trouble, trouble
        if trouble and not before:
            _log.warning("%s: %s; alerts wait in the outbox", self.key, trouble)
        if bool(trouble) != bool(before):
            self._say("degraded" if trouble else "live", trouble)
