"""What happened shortly before now, as messages that wait in memory for an alert.

In: messages in order, some of which a file may begin with. Out: those of the last seconds, beginning with such a one.
Not here: files (``daemon.shelf``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from edge_mm.recording import Message

MOST_BYTES = 32 << 20
"""Of all that waits; with large pictures that is less than was asked for."""


class BeforeAlert:
    """Keeps the last seconds.

    Args:
        pre_ns: how long, nanoseconds; up to one piece more is kept.
    """

    def __init__(self, pre_ns: int) -> None:
        self._pre_ns = pre_ns
        self._pieces: deque[tuple[list[Message], int]] = deque()  # each begins with a State; its bytes
        self._bytes = 0

    def add(self, message: Message) -> bool:
        """Take the next one; False where none can be kept before the next ``State``."""
        if message.schema == "state":
            self._pieces.append(([], 0))
        elif not self._pieces:
            return False
        messages, size = self._pieces[-1]
        messages.append(message)
        self._pieces[-1] = (messages, size + len(message.body))
        self._bytes += len(message.body)
        while self._pieces and (self._bytes > MOST_BYTES or self._old(message.t_ns)):
            self._bytes -= self._pieces.popleft()[1]
        return bool(self._pieces)

    def __iter__(self) -> Iterator[Message]:
        for messages, _ in self._pieces:
            yield from messages

    def _old(self, now_ns: int) -> bool:
        """Whether the second piece alone reaches far enough back."""
        return len(self._pieces) > 1 and self._pieces[1][0][0].t_ns <= now_ns - self._pre_ns
