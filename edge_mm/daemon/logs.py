"""Log lines on stderr for the journal; what repeats is said once a minute.

In: a level. Out: the root logger, set up. No value of a person's health is logged at INFO or above: readings go to
MQTT, not into a journal that is copied into bug reports. Not here: what is logged.
"""

from __future__ import annotations

import logging
import sys
import threading
import time

FORMAT = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"
REPEAT_S = 60.0
"""A line with the same text is written at most once in so many seconds."""
_REMEMBERED = 256


class Once(logging.Filter):
    """Lets a text through once per ``REPEAT_S`` and says how often it was held back."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], tuple[float, int]] = {}
        self._lock = threading.Lock()  # filters run before the handler takes its own

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write this record."""
        with self._lock:
            return self._passes(record)

    def _passes(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        key = (record.name, text)
        now = time.monotonic()
        last, held = self._said.get(key, (float("-inf"), 0))
        if now - last < REPEAT_S:
            self._said[key] = (last, held + 1)
            return False
        if len(self._said) >= _REMEMBERED:
            self._said.pop(next(iter(self._said)))
        self._said[key] = (now, 0)
        if held:
            record.msg, record.args = f"{text} (and {held} times more since)", None
        return True


def set_up(level: str) -> None:
    """Write records of ``level`` (``debug`` ... ``error``) and above to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(Once())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
