"""The streams of one serial port: what was configured of each, and what its sensor has said of it.

In: ``Wanted``, headers, numbers in the sensor's unit. Out: ``StreamSpec``, blocks in the stream's unit. Not here: how
the numbers came (``serial_lines``, ``serial_binary``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from edge_mm.errors import EdgeMmError, SourceError
from edge_mm.kinds import READINGS, TRIPLES, StreamKind
from edge_mm.sources.units import factor_to_stream, unit_of_stream
from edge_mm.sources.wanted import Wanted
from edge_mm.types import StreamSpec

LARGEST: Final = float(np.finfo(np.float32).max)
READING_HZ: Final = 1.0
"""Nominal rate of readings: they stand for moments."""
_ONE_UNIT: Final = ("ppg", "temp")  # a header cannot change how these are counted
_READING_STALE_S = 10.0
_AGAIN_S = 1.0  # a reading that stays the same is passed on so often
_WINDOW_S = 10.0
_BAD_SHARE, _GOOD_SHARE = 0.1, 0.05
_FEWEST = 5  # lines or packets, before a share of them means anything

Values = npt.NDArray[np.float64]


@dataclass(slots=True)
class Channel:
    """One stream of a port."""

    name: str
    """Stream name."""
    kind: StreamKind | None
    """What is measured; None until a header has said it."""
    column: str | int | tuple[str | int, ...] | None
    """As ``Wanted.column``."""
    rate_hz: float | None
    """Samples per second; None until a header has said it."""
    unit: str | None
    """As configured."""
    stale_s: float | None
    """As configured."""
    where: str
    """The port, for messages."""
    cells: tuple[int, ...] | None = None
    """Which values of a line it is made of; None until a header has said it."""
    factor: float = 1.0
    """From the sensor's unit to the stream's."""
    knows_unit: bool = False
    """Whether no header can be worth waiting for."""
    _told: npt.NDArray[np.float32] | None = field(default=None, init=False)
    _told_s: float = field(default=0.0, init=False)

    @classmethod
    def of(cls, one: Wanted, where: str, refusal: type[EdgeMmError] = SourceError) -> Channel:
        """What a configuration says of it.

        Raises:
            EdgeMmError: of the type ``refusal``: its unit is none of its kind.
        """
        channel = cls(one.name, one.kind, one.column, one.rate_hz, one.unit, one.stale_s, where)
        channel.begin(refusal)
        return channel

    def begin(self, refusal: type[EdgeMmError] = SourceError) -> None:
        """Take the configured unit.

        Raises:
            EdgeMmError: of the type ``refusal``: it is none of the kind.
        """
        if self.unit is not None and self.kind is not None:
            self.factor = self.factor_of(self.unit, refusal)
        self.knows_unit = self.unit is not None or self.kind in _ONE_UNIT or self.is_reading

    @property
    def is_reading(self) -> bool:
        """Whether its values stand for moments."""
        return self.kind in READINGS

    @property
    def width(self) -> int:
        """Numbers per value."""
        return 3 if self.kind in TRIPLES else 1

    @property
    def patience_s(self) -> float | None:
        """Longest silence that is normal; None: the port's own."""
        return self.stale_s or (_READING_STALE_S if self.is_reading else None)

    @property
    def rate(self) -> float:
        """Values per second; 0 where that is not known."""
        return READING_HZ if self.is_reading else self.rate_hz or 0.0

    @property
    def spec(self) -> StreamSpec:
        """What it promises; kind and rate must be known."""
        kind = self.kind or "number"
        patience = {} if self.patience_s is None else {"stale_s": self.patience_s}
        return StreamSpec(self.name, kind, self.rate, unit_of_stream(kind, self.unit), **patience)

    def factor_of(self, unit: str, refusal: type[EdgeMmError] = SourceError) -> float:
        """What to multiply with; to count a unit that is not known as ours would be wrong by any factor.

        Raises:
            EdgeMmError: of the type ``refusal``: it is none of the kind.
        """
        kind = self.kind or "number"
        try:
            return factor_to_stream(unit, kind)
        except SourceError:
            raise refusal(
                f"{self.where}: {unit!r} is no unit of {kind}; let the sensor convert its values and say "
                f"unit={unit_of_stream(kind)}, or another that is known."
            ) from None

    def block(self, values: Values, now_s: float) -> npt.NDArray[np.float32] | None:
        """What of some values is passed on.

        All of a signal, and every RR interval. Of other readings the newest, when it has changed or a second has
        passed: a line says the speed again and again.

        Args:
            values: (n, width) in the stream's unit, n at least 1.
            now_s: the present, monotonic seconds.

        Returns:
            (n,) or (n, 3) float32; None where there is nothing to say.
        """
        block = np.asarray(values if self.width > 1 else values[:, 0], np.float32)
        if not self.is_reading or self.kind == "rr":
            return block
        newest = block[-1:]
        same = self._told is not None and np.array_equal(newest, self._told, equal_nan=True)
        if same and now_s - self._told_s < _AGAIN_S:
            return None
        self._told, self._told_s = newest, now_s
        return newest


Block = tuple[Channel, npt.NDArray[np.float32]]
"""What one stream says: (n,) or (n, 3) in its unit."""


def joined(blocks: Sequence[Block]) -> list[Block]:
    """At most one block a stream."""
    parts: dict[str, list[npt.NDArray[np.float32]]] = {}
    channels = {channel.name: channel for channel, _ in blocks}
    for channel, block in blocks:
        parts.setdefault(channel.name, []).append(block)
    return [(channels[name], np.concatenate(own)) for name, own in parts.items()]


class Decoder(Protocol):
    """What makes blocks of bytes."""

    @property
    def missing(self) -> str:
        """What the sensor has not said yet that must be known, as the end of a sentence; empty when all is known."""
        ...

    @property
    def settled(self) -> bool:
        """Whether no header can change what is known."""
        ...

    def feed(self, data: bytes, now_s: float) -> None:
        """Take what came in one read; empty when nothing did.

        Raises:
            SourceError: the sensor says something that cannot be.
        """
        ...

    def take(self) -> list[Block]:
        """The blocks since the last call."""
        ...


class Tally:
    """Counts what could be read and what not.

    Args:
        what: what is counted, for sentences: ``lines``.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        """As given."""
        self.good = 0
        """Lines with a sample, packets with samples."""
        self.bad = 0
        """Lines that are no sample; places where a packet seemed to begin and none stood."""
        self.unusable = 0
        """Packets that came whole and mean nothing."""
        self.lost = 0
        """Packets that never came."""
        self.filled = 0
        """Values that stand as NaN for samples that never came."""
        self._recent: deque[tuple[float, int, int]] = deque()
        self._troubled = False

    def note(self, now_s: float) -> None:
        """Remember the counts of a moment."""
        # Of packets the sequence tells what was lost; garbage between them took nothing away.
        missed = self.bad if self.what == "lines" else self.lost + self.unusable
        self._recent.append((now_s, self.good, missed))
        while len(self._recent) > 2 and now_s - self._recent[1][0] >= _WINDOW_S:
            self._recent.popleft()

    def begin(self) -> None:
        """The port was opened: what was before is over."""
        self._recent.clear()
        self._troubled = False

    @property
    def trouble(self) -> str:
        """A sentence while more than a tenth was unreadable lately; until less than a twentieth is."""
        if not self._recent:
            return ""
        (_, good_then, bad_then), (_, good_now, bad_now) = self._recent[0], self._recent[-1]
        good, bad = good_now - good_then, bad_now - bad_then
        share = bad / (good + bad) if good + bad >= _FEWEST else 0.0
        self._troubled = share > (_GOOD_SHARE if self._troubled else _BAD_SHARE)
        if not self._troubled:
            return ""
        return (
            f"{share:.0%} of the {self.what} of the last {_WINDOW_S:g} s were unreadable or missing; check the cable, "
            "the baud rate and the sensor's ground"
        )
