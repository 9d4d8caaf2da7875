"""Alerts for people: one line each, and a line that moves while a replay runs.

In: what leaves the monitor. Out: text. Not here: JSON (``delivery.jsonl``).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TextIO

from edge_mm.types import NS_PER_S, Alert, Output

_SHOW_EVERY_S = 0.25


class Sentences:
    """A Sink that writes each alert as a line.

    Args:
        stream: where to.
        origin_ns: ``t_ns`` that counts as zero.
    """

    def __init__(self, stream: TextIO, *, origin_ns: int) -> None:
        self._stream = stream
        self._origin_ns = origin_ns

    def send(self, output: Output) -> None:
        """Write an Alert; everything else is passed over."""
        if isinstance(output, Alert):
            t_s = (output.t_ns - self._origin_ns) / NS_PER_S
            self._stream.write(f"{t_s:9.2f} s  {printable(sentence(output))}\n")


def sentence(alert: Alert) -> str:
    """One line about one transition."""
    why = f"{alert.state:7}  {alert.priority:6}  {alert.kind}: {alert.reason.text}"
    shares = ", ".join(filter(None, (_shares("attention", alert.attention), _shares("rests on", alert.contribution))))
    return f"{why}  [{shares}]" if shares and alert.state == "raised" else why


def printable(text: str) -> str:
    """The text with a space for each letter that would do something to a terminal instead of showing."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _shares(word: str, values: Mapping[str, float]) -> str:
    return (
        f"{word} " + " ".join(f"{sense} {value:.2f}" for sense, value in values.items() if value)
        if any(values.values())
        else ""
    )


class Progress:
    """One line on stderr that says how far a replay has come; nothing where stderr is no terminal."""

    def __init__(self, *, on: bool) -> None:
        self._on = on
        self._first_ns: int | None = None
        self._began = self._shown = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._on:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def show(self, t_ns: int) -> None:
        """The replay has come to ``t_ns``."""
        if not self._on:
            return
        now = time.monotonic()
        if self._first_ns is None:
            self._first_ns = t_ns
        if now - self._shown < _SHOW_EVERY_S:
            return
        self._shown = now
        done_s = (t_ns - self._first_ns) / NS_PER_S
        sys.stderr.write(f"\r\x1b[K{done_s:.0f} s of recording, {done_s / (now - self._began):.0f} times real time")
        sys.stderr.flush()
