"""Say once that a source has never met the real thing.

In: a stream and what it was tried with. Out: one line in the log, however often the source is opened. Not here: how to
find that out.
"""

from __future__ import annotations

import logging

_log = logging.getLogger("edge_mm.source")


class Unproven:
    """What a source was tried with, and with what never.

    Args:
        text: ``Bluetooth has been tried with emulated devices only, never with a real one``.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def say(self, stream: str) -> None:
        """Before the first attempt to open it."""
        if self._text:
            _log.info("%s: %s", stream, self._text)
        self._text = ""
