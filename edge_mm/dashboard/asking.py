"""Requests to devices, and who waits for which answer.

In: what a person wants done; answers from ``bridge/response/<verb>``. Out: topics and payloads to publish, and one
sentence about each request: done, refused and why, or not answered. Not here: sending (``broker``).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from edge_mm.dashboard.bounds import LONGEST_WORD, clean
from edge_mm.delivery.bridge_payloads import encode
from edge_mm.delivery.clock import iso
from edge_mm.delivery.requests import Acknowledge, Asked, Response, Silence, Waveforms
from edge_mm.delivery.topics import BRIDGE_REQUEST, Topics

PATIENCE_S = 5.0
"""A device that has not answered by then is said not to have."""
_MAX_WAITING = 500
Told = Callable[[bool, str], None]
"""Whether it was done, and the sentence."""


@dataclass(slots=True)
class _Waiting:
    device: str
    what: str
    due_s: float
    told: Told


class Asking:
    """Requests that wait for an answer.

    Args:
        base: prefix of all topics.
        send: publishes; False when the broker is away.
    """

    def __init__(self, base: str, send: Callable[[str, bytes], bool]) -> None:
        self._base, self._send = base, send
        self._waiting: dict[str, _Waiting] = {}

    def acknowledge(
        self, device: str, incident: str, what: str, *, by: str, wall_ns: int, now_s: float, told: Told
    ) -> None:
        """Somebody has seen this alarm."""
        word = secrets.token_hex(8)
        asked = Acknowledge(issued_at=iso(wall_ns), transaction=word, by=by[:LONGEST_WORD], incident_id=incident)
        self._ask(device, "acknowledge", asked, what=f"{what} acknowledged", now_s=now_s, told=told)

    def silence(
        self, device: str, incident: str, what: str, seconds: float, *, by: str, wall_ns: int, now_s: float, told: Told
    ) -> None:
        """No sound for this alarm, for so long."""
        word = secrets.token_hex(8)
        asked = Silence(
            issued_at=iso(wall_ns), transaction=word, by=by[:LONGEST_WORD], incident_id=incident, seconds=seconds
        )
        self._ask(device, "silence", asked, what=f"{what} silenced for {seconds / 60:g} min", now_s=now_s, told=told)

    def waveforms(self, device: str, *, by: str, wall_ns: int, now_s: float, told: Told, seconds: float = 60.0) -> None:
        """Publish waveforms for a while."""
        word = secrets.token_hex(8)
        asked = Waveforms(issued_at=iso(wall_ns), transaction=word, by=by[:LONGEST_WORD], seconds=seconds)
        self._ask(device, "waveforms", asked, what="waveforms", now_s=now_s, told=told)

    def answered(self, device: str, answer: Response) -> None:
        """A device has answered; answers to others are passed over."""
        waiting = self._waiting.get(str(answer.transaction))
        if waiting is None or waiting.device != device:
            return
        del self._waiting[str(answer.transaction)]
        if answer.status == "ok":
            waiting.told(True, f"{device}: {waiting.what}")
        else:
            waiting.told(False, f"{device} refused: {clean(answer.error) or 'it does not say why'}")

    def look(self, now_s: float) -> None:
        """Tell those who have waited too long."""
        for word in [word for word, one in self._waiting.items() if one.due_s <= now_s]:
            waiting = self._waiting.pop(word)
            waiting.told(
                False,
                f"{waiting.device} has not answered within {PATIENCE_S:g} s; nothing is known to be done. "
                "Is it running, and may this login publish to bridge/request?",
            )

    def _ask(self, device: str, verb: str, asked: Asked, *, what: str, now_s: float, told: Told) -> None:
        if len(self._waiting) >= _MAX_WAITING:
            told(False, "too many requests wait for an answer; try again in a moment")
            return
        topic = Topics(device, base=self._base).of(BRIDGE_REQUEST, verb)
        if not self._send(topic, encode(asked)):
            told(False, "the broker is not there: nothing was sent; try again when it is back")
            return
        self._waiting[str(asked.transaction)] = _Waiting(device, what, now_s + PATIENCE_S, told)
