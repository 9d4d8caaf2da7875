"""What must not be in a line that leaves the device: passwords, values of headers, whatever a plug-in was given.

In: a configuration. Out: a function that takes them out of a text. Not here: where texts go (``daemon.broker_log``,
``delivery.carrier``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from edge_mm.daemon.config import Config
from edge_mm.daemon.config_sink import SinkConfig

_SHORTEST = 4
"""Letters; what is shorter is in ordinary words."""
_HIDDEN = "***"


def without(secrets: Iterable[str]) -> Callable[[str], str]:
    """Replaces each of these by ``***``."""
    long_ones = sorted({one for one in secrets if len(one) >= _SHORTEST}, key=len, reverse=True)

    def hide(text: str) -> str:
        for secret in long_ones:
            text = text.replace(secret, _HIDDEN)
        return text

    return hide


def secrets_of(config: Config) -> Iterator[str]:
    """All of a configuration; those from files have been read into it."""
    yield config.mqtt.password or ""
    for sink in config.sink:
        yield from secrets_of_sink(sink)


def secrets_of_sink(sink: SinkConfig) -> Iterator[str]:
    """Of one sink: what its headers say, also without the scheme (``Bearer``), and what a plug-in is given."""
    for value in sink.headers.values():
        yield value.strip()
        yield value.strip().rpartition(" ")[2]
    yield from _texts(sink.options)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
