"""The binary protocol: packets -> blocks.

In: bytes as a port gives them. Out: (n,) or (n, 3) float32 per stream, NaN for samples that were lost on the way. Not
here: what a packet looks like (``serial_packets``), time stamps (``serial_port``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_mm.errors import SourceError, SourceLost
from edge_mm.sources.channels import SIGNAL_KINDS
from edge_mm.sources.serial_channels import Block, Channel, Tally, joined
from edge_mm.sources.serial_packets import DESCRIPTION, SAMPLES_HEAD, Described, Framer, description_of, numbers_of

_LONGEST_GAP_S = 2.0  # a longer one is a sensor that was away; its samples have no place any more
_GAP_SLACK_S = 0.25
_WRAPS = 0x10000


@dataclass(slots=True)
class _Run:
    """Packets that follow each other without a gap: decoded together."""

    mask: int
    first: int
    frames: int
    parts: list[bytes]


class Packets:
    """Reads the packets of a sensor from the opening of its port on.

    Args:
        channels: the streams that are wanted; what the sensor says of them is written into them.
        where: the port, for messages.
        tally: counts packets.
    """

    def __init__(self, channels: Sequence[Channel], *, where: str, tally: Tally) -> None:
        self._channels = channels
        self._where = where
        self._tally = tally
        self._framer = Framer()
        self._bad_before = tally.bad
        self._sequence: int | None = None
        self._number: int | None = None
        self._described: tuple[Described, ...] = ()
        self._wanted: dict[int, list[Channel]] = {}  # number of a channel -> who wants it
        self._next: dict[int, tuple[int, float]] = {}  # number of a channel -> index that comes next, when that was
        self._blocks: list[Block] = []
        self._fed_s: float | None = None  # when bytes came before these

    @property
    def missing(self) -> str:
        """As ``Decoder.missing``."""
        if self._described:
            return ""
        return (
            "no description packet within {} (the binary protocol repeats it every second); check the baud rate, and "
            'that the sensor does not speak lines (protocol = "lines").'
        )

    @property
    def settled(self) -> bool:
        """As ``Decoder.settled``."""
        return bool(self._described)

    def feed(self, data: bytes, now_s: float) -> None:
        """As ``Decoder.feed``.

        Raises:
            SourceLost: the sensor is another one from here on.
        """
        run: _Run | None = None
        for kind, sequence, body in self._framer.feed(data):
            self._count(sequence)
            if kind == DESCRIPTION:
                self._close(run, now_s)
                run = None
                self._describe(body)
                continue
            head = self._head(body)
            if head is None:
                continue
            mask, first, frames = head
            self._tally.good += 1
            if run is not None and run.mask == mask and (run.first + run.frames) % _WRAPS == first:
                run.parts.append(body[SAMPLES_HEAD:])
                run.frames += frames
            else:
                self._close(run, now_s)
                run = _Run(mask, first, frames, [body[SAMPLES_HEAD:]])
        self._close(run, now_s)
        self._fed_s = now_s
        self._tally.bad = self._bad_before + self._framer.bad

    def take(self) -> list[Block]:
        """As ``Decoder.take``; at most one block a stream."""
        blocks, self._blocks = self._blocks, []
        return joined(blocks)

    def _count(self, sequence: int) -> None:
        """Count a packet, and those that are missing before it; a sensor that started anew counts from 0."""
        if self._sequence is not None:
            lost = (sequence - self._sequence - 1) % _WRAPS
            self._tally.lost += lost if lost < _WRAPS // 2 and sequence != 0 else 0
        self._sequence = sequence

    def _head(self, body: bytes) -> tuple[int, int, int] | None:
        """Mask, index of the first frame and number of frames of a samples packet; None where it cannot be used."""
        if not self._described and len(body) >= SAMPLES_HEAD:
            return None  # before the first description: neither good nor bad
        mask = int.from_bytes(body[1:3], "little")
        size = sum(one.size for at, one in enumerate(self._described) if mask >> at & 1)
        frames, rest = divmod(len(body) - SAMPLES_HEAD, size) if size and len(body) > SAMPLES_HEAD else (0, 1)
        if rest or body[0] != self._number or mask >> len(self._described):
            self._tally.unusable += 1
            return None
        return mask, int.from_bytes(body[3:5], "little"), frames

    def _close(self, run: _Run | None, now_s: float) -> None:
        """Decode the packets of a run at once."""
        if run is None:
            return
        raw = np.frombuffer(b"".join(run.parts), np.uint8).reshape(run.frames, -1)
        at = 0
        for number, described in enumerate(self._described):
            if not run.mask >> number & 1:
                continue
            if number in self._wanted:
                values = numbers_of(raw, at, described)
                gap = self._gap(number, described, run, now_s)
                if gap:
                    self._tally.filled += gap
                    values = np.concatenate([np.full((gap, described.width), np.nan), values])
                for channel in self._wanted[number]:
                    block = channel.block(values * channel.factor, now_s)
                    if block is not None:
                        self._blocks.append((channel, block))
            at += described.size

    def _gap(self, number: int, described: Described, run: _Run, now_s: float) -> int:
        """Frames that were lost before a run; 0 where that is not plausible: the sensor started anew."""
        before = self._next.get(number)
        self._next[number] = (run.first + run.frames) % _WRAPS, now_s
        if before is None or not described.rate_hz:
            return 0
        index, then_s = before
        gap = (run.first - index) % _WRAPS
        if self._fed_s is not None:  # what comes at once was sent since the bytes before
            then_s = min(then_s, self._fed_s)
        away_s = min(_LONGEST_GAP_S, now_s - then_s + _GAP_SLACK_S)
        return gap if gap <= away_s * described.rate_hz else 0

    def _describe(self, body: bytes) -> None:
        told = description_of(body)
        if told is None:
            self._tally.unusable += 1
            return
        number, described = told
        if described == self._described:
            self._number = number
            return
        if self._described:
            raise SourceLost(f"{self._where}: the sensor describes itself in another way than before; was it changed?")
        for channel in self._channels:
            at = self._find(channel, described)
            channel.kind = channel.kind or described[at].kind
            channel.rate_hz = channel.rate_hz or described[at].rate_hz or None
            self._wanted.setdefault(at, []).append(channel)
        self._number, self._described = number, described

    def _find(self, channel: Channel, described: Sequence[Described]) -> int:
        """The number of the channel that is meant.

        Raises:
            SourceError: none is, or several may be.
        """
        kinds = [one.kind for one in described]
        has = f"{self._where}: the sensor's channels are {', '.join(kinds)}"
        if isinstance(channel.column, int):
            if channel.column >= len(kinds):
                raise SourceError(f"{has}; there is no channel {channel.column}, counted from 0.")
            kind = kinds[channel.column]
            alike = channel.kind in (None, kind) or (channel.kind == "number" and described[channel.column].width == 1)
            if not alike:
                raise SourceError(
                    f"{has}: channel {channel.column} is {kind}, not {channel.kind} as {channel.name!r} is configured; "
                    "correct kind or column."
                )
            return channel.column
        if channel.kind is None:
            return next((at for at, kind in enumerate(kinds) if kind in SIGNAL_KINDS), 0)
        if kinds.count(channel.kind) != 1:
            raise SourceError(
                f"{has}: {'several' if channel.kind in kinds else 'none'} of them may be {channel.name!r} "
                f"({channel.kind}); set its column (the channel's number, from 0) in the configuration."
            )
        return kinds.index(channel.kind)
