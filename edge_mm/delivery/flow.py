"""Publications on their way: numbered by us, as many under way as the broker takes, the rest in order behind them.

In: publications, and what the broker says of them. Out: numbers that it has answered for. paho's own numbers come round
after 65,535, and its queue cannot be told the broker's limit. Not here: the socket (``connection``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from edge_mm.delivery.dialect import Allowed, packet_bytes


class Waiting(NamedTuple):
    """One publication."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    correlation: bytes | None


class Flow:
    """Of one connection.

    Args:
        hand_over: gives one to paho; its number there.
    """

    def __init__(self, hand_over: Callable[[Waiting], int]) -> None:
        self._hand_over = hand_over
        self.allowed = Allowed()
        self.denied: dict[int, str] = {}
        self.acked: list[int] = []
        self._numbers: dict[int, tuple[int, int]] = {}  # paho's number -> ours and the size, of what is under way
        self._waiting: deque[tuple[int, Waiting]] = deque()
        self._number = 0

    def publish(self, one: Waiting) -> int:
        """Send it, or let it wait; its number here."""
        self._number += 1
        if one.qos == 0:
            self._hand_over(one)
        else:
            self._waiting.append((self._number, one))
            self.go_on()
        return self._number

    def go_on(self) -> None:
        """Send what there is room for."""
        while self._waiting and len(self._numbers) < self.allowed.under_way:
            number, one = self._waiting.popleft()
            self._numbers[self._hand_over(one)] = (number, packet_bytes(one.topic, one.payload, one.correlation))

    def answered(self, mid: int, reason: Any) -> None:
        """The broker has taken paho's number ``mid``, or has thrown it away."""
        number, _ = self._numbers.pop(mid, (None, 0))
        if number is None:  # of QoS 0: it has been written, which confirms nothing
            return
        if reason.is_failure:
            self.denied[number] = str(reason).lower()
        self.acked.append(number)

    def stuck_bytes(self, least: int) -> int:
        """Size of the oldest packet of at least so many bytes that the broker has not answered for; 0: there is none.

        Who hangs up on us takes answers with him that were on their way, so smaller ones before it may be open as well.
        """
        return next((size for _, size in self._numbers.values() if size >= least), 0)

    def limit(self, packet_bytes: int) -> None:
        """Take the broker for one that takes no larger packet, whatever it said."""
        self.allowed = msgspec.structs.replace(self.allowed, packet_bytes=packet_bytes)

    def take(self) -> list[int]:
        """Numbers that were answered for since."""
        acked, self.acked = self.acked, []
        return acked
