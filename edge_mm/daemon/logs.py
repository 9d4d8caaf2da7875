"""Log lines on stderr for the journal; what repeats is said once a minute, and no minute has more than ``MOST`` lines.

In: a level. Out: the root logger, set up. No value of a person's health is logged at INFO or above: readings go to
MQTT, not into a journal that is copied into bug reports. Not here: what is logged.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable

FORMAT = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"
REPEAT_S = 60.0
"""A line with the same text is written at most once in so many seconds."""
MOST = 240
"""Lines in a minute; more would wear out a card and hide what matters. What is held back is counted and told."""
NEWS = {"news": True}
"""``extra`` of a line that is never a repeat, because it is written when something has changed."""
_REMEMBERED = 256


class Once(logging.Filter):
    """Lets a text through once per ``REPEAT_S`` and says how often it was held back; ``MOST`` lines in a minute."""

    def __init__(self, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock_s = clock_s
        self._said: dict[tuple[str, str], tuple[float, int]] = {}
        self._minute_s, self._lines, self._held = float("-inf"), 0, 0
        self._lock = threading.Lock()  # filters run before the handler takes its own

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write this record."""
        with self._lock:
            return self._passes(record)

    def _passes(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if getattr(record, "news", False):
            return self._room(self._clock_s())
        key = (record.name, text)
        now = self._clock_s()
        last, held = self._said.get(key, (float("-inf"), 0))
        if now - last < REPEAT_S:
            self._said[key] = (last, held + 1)
            return False
        if len(self._said) >= _REMEMBERED:
            self._said.pop(next(iter(self._said)))
        if not self._room(now):
            self._said.pop(key, None)
            return False
        self._said[key] = (now, 0)
        notes = [f"and {held} times more since"] if held else []
        if self._held:
            notes.append(f"before it, {self._held} other lines were held back")
            self._held = 0
        if notes:
            record.msg, record.args = f"{text} ({'; '.join(notes)})", None
        return True

    def _room(self, now: float) -> bool:
        if now - self._minute_s >= REPEAT_S:
            self._minute_s, self._lines = now, 0
        self._lines += 1
        self._held += self._lines > MOST
        return self._lines <= MOST


def set_up(level: str) -> None:
    """Write records of ``level`` (``debug`` ... ``error``) and above to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(Once())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
