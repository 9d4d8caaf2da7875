"""Who looks at the page, and what the page lets do: answers to alarms, and the sentence that says what came of it.

In: what somebody pressed. Out: requests (``asking``), sentences for the page. Not here: elements.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, tzinfo

from edge_mm.dashboard.asking import Asking
from edge_mm.dashboard.fleet import Fleet


class Viewer:
    """One open page.

    Args:
        fleet: what there is to see.
        asking: where requests go.
        who: the name that devices show with an answered alarm.
    """

    def __init__(self, fleet: Fleet, asking: Asking, who: str) -> None:
        self.fleet, self.who = fleet, who
        self.zone: tzinfo = UTC
        self.said: Callable[[bool, str], None] = lambda _done, _text: None
        """Shows a sentence: whether it went well, and what."""
        self._asking = asking
        self._told_refused = ""

    def acknowledge(self, device: str, incident: str, what: str) -> None:
        """Somebody has seen this alarm."""
        now, wall = time.monotonic(), time.time_ns()
        self._asking.acknowledge(device, incident, what, by=self.who, wall_ns=wall, now_s=now, told=self._told)

    def silence(self, device: str, incident: str, what: str, seconds: float) -> None:
        """No sound for this alarm, for so long."""
        now, wall = time.monotonic(), time.time_ns()
        self._asking.silence(device, incident, what, seconds, by=self.who, wall_ns=wall, now_s=now, told=self._told)

    def waveforms(self, device: str) -> None:
        """Ask for waveforms; only a refusal is worth a word, and the same one no second."""
        now, wall = time.monotonic(), time.time_ns()
        self._asking.waveforms(device, by=self.who, wall_ns=wall, now_s=now, told=self._refused)

    def _told(self, done: bool, text: str) -> None:
        self.said(done, text)

    def _refused(self, done: bool, text: str) -> None:
        if not done and text != self._told_refused:  # they are asked for again and again
            self.said(False, f"No waveforms: {text}")
        self._told_refused = "" if done else text
