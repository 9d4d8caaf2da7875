"""Where in a JSON document a value stands: ``heart.bpm``, ``values[0]``, ``[2].speed``.

In: such a path. Out: ``JsonPath``, which takes the value out of a parsed document. Not here: what the value means.
"""

from __future__ import annotations

import re
from typing import Any

from edge_mm.errors import ConfigError

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d{1,6})\]")


class JsonPath:
    """A path that has been checked.

    Args:
        text: names separated by full stops, places in a list in brackets, counted from 0.
        where: the source, for the message.

    Raises:
        ConfigError: it is none.
    """

    def __init__(self, text: str, *, where: str) -> None:
        self.text = text
        self._steps: list[str | int] = []
        at = 0
        while at < len(text):
            step = _STEP.match(text, at)
            if step is None or (at == 0 and text.startswith(".")):
                raise ConfigError(
                    f"{where}: path {text!r} cannot be read from its character {at + 1} on; write names and places "
                    "like heart.bpm or values[0]."
                )
            self._steps.append(step[1] if step[2] is None else int(step[2]))
            at = step.end()
        if not self._steps:
            raise ConfigError(f"{where}: path is empty; leave it out where the payload is the number itself.")

    def of(self, document: Any) -> Any:
        """The value.

        Raises:
            LookupError: there is none.
        """
        for step in self._steps:
            fits = isinstance(document, list) if isinstance(step, int) else isinstance(document, dict)
            if not fits:
                raise LookupError(step)
            document = document[step]
        return document
