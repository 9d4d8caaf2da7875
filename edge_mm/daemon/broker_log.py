"""Warnings and errors of the log, as ``bridge/logging``.

In: log records of any thread. Out: lines for the broker, no more than ``RATE_PER_S`` for long. It only puts them into a
bounded queue: it cannot block, and what goes wrong on the way to the broker cannot come back here for ever. Not here:
stderr (``daemon.logs``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from edge_mm.delivery import clock
from edge_mm.delivery.news_payloads import LogLine

BURST, RATE_PER_S = 20, 1.0
_LONGEST = 1000
"""Letters of a line."""


class BrokerLog(logging.Handler):
    """A handler for the root logger.

    Args:
        publish: takes a line; returns at once.
        hide: takes out of a text what must never be in a line.
        clock_s: the present in seconds.
    """

    def __init__(
        self,
        publish: Callable[[LogLine], None],
        *,
        hide: Callable[[str], str] = lambda text: text,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(logging.WARNING)
        self._publish, self._clock_s = publish, clock_s
        self._hide = hide
        self._tokens, self._filled_s, self._held = float(BURST), clock_s(), 0
        self._inside = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Put it into the queue; whatever is wrong with it, this returns."""
        if getattr(self._inside, "busy", False):
            return
        self._inside.busy = True
        try:
            self._emit(record)
        except Exception:  # a log line must not end whoever wrote it, and to log it would come back here
            self._held += 1
        finally:
            self._inside.busy = False

    def _emit(self, record: logging.LogRecord) -> None:
        now_s = self._clock_s()
        self._tokens = min(BURST, self._tokens + (now_s - self._filled_s) * RATE_PER_S)
        self._filled_s = now_s
        if self._tokens < 1:
            self._held += 1
            return
        self._tokens -= 1
        text = record.getMessage()
        if self._held:
            text += f" ({self._held} lines before it were held back)"
            self._held = 0
        text = self._hide(text)
        level = "critical" if record.levelno >= 50 else "error" if record.levelno >= 40 else "warning"
        time_ns = clock.now().wall_ns
        self._publish(LogLine(level, text[:_LONGEST], clock.iso(time_ns), record.name[:100]))  # type: ignore[arg-type]
