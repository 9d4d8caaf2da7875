"""The line protocol: text lines -> blocks.

In: bytes as a port gives them, ``value[,value...][*HH]`` per line and headers ``#edge-mm ...`` as ``pages/serial.md``
defines them. Out: (n,) or (n, 3) float32 per stream. Not here: the port, time stamps (``serial_port``).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from functools import reduce
from typing import Final, get_args

import numpy as np

from edge_mm.errors import SourceError
from edge_mm.kinds import READINGS, TRIPLES, StreamKind
from edge_mm.sources.channels import SIGNAL_KINDS
from edge_mm.sources.files import HIGHEST_HZ, LOWEST_HZ
from edge_mm.sources.serial_channels import LARGEST, Block, Channel, Tally, joined

_LONGEST_LINE = 256  # bytes; a longer one is garbage (wrong baud rate, a binary protocol)
_SILENT: Final = 1e300  # an empty cell of a reading; beyond float32, so that no value is taken for it
_TORN_AFTER = 3  # reads in which nothing came: a line that stops half way for so long was torn
_SUMMED = re.compile(rb"(.*)\*([0-9A-Fa-f]{2})", re.DOTALL)
_KINDS: Final[tuple[StreamKind, ...]] = tuple(
    kind for kind in get_args(StreamKind) if kind in SIGNAL_KINDS or kind in READINGS
)


class Lines:
    """Reads the lines of a sensor from the opening of its port on.

    Args:
        channels: the streams that are wanted; what the sensor says of them is written into them.
        where: the port, for messages.
        tally: counts good and bad lines.
        strict: once a line came with a check sum, refuse lines without one: their sum may have been lost on the way.
    """

    def __init__(self, channels: Sequence[Channel], *, where: str, tally: Tally, strict: bool) -> None:
        self._channels = channels
        self._where = where
        self._tally = tally
        self._strict = strict
        self._partial = b""
        self._skipping = True  # inside a line whose beginning was missed or that is too long
        self._idle = 0
        self._summed = False
        self._columns = ""
        self._rows: list[list[float]] = []
        self._blocks: list[Block] = []
        for channel in channels:
            if isinstance(channel.column, int):
                channel.cells = tuple(range(channel.column, channel.column + channel.width))
            elif isinstance(channel.column, tuple):
                numbers = tuple(cell for cell in channel.column if isinstance(cell, int))
                channel.cells = numbers if len(numbers) == len(channel.column) else None
            elif channel.column is None and len(channels) == 1:
                channel.cells = tuple(range(channel.width))
        self._lay_out()

    @property
    def missing(self) -> str:
        """As ``Decoder.missing``."""
        if any(channel.kind is None or not channel.rate for channel in self._channels):
            return (
                "no header '#edge-mm kind=... rate_hz=...' within {}; let the sensor send it, or set kind and rate_hz "
                "in the configuration."
            )
        nameless = [channel.name for channel in self._channels if channel.cells is None]
        if nameless:
            return (
                "no header '#edge-mm columns=...' within {}, and no column is configured for "
                f"{', '.join(nameless)}; let the sensor send it, or set column (counted from 0) in the configuration."
            )
        return ""

    @property
    def settled(self) -> bool:
        """As ``Decoder.settled``."""
        return all(channel.knows_unit and (channel.column is not None or self._columns) for channel in self._channels)

    def feed(self, data: bytes, now_s: float) -> None:
        """As ``Decoder.feed``."""
        if not data:
            self._idle += 1
            if self._idle >= _TORN_AFTER and not self._skipping and self._partial.strip():
                self._tally.bad += 1
                self._partial, self._skipping = b"", True
            return
        self._idle = 0
        *lines, self._partial = (self._partial + data).split(b"\n")
        if lines and self._skipping:
            del lines[0]
            self._skipping = False
        if len(self._partial) > _LONGEST_LINE:
            if not self._skipping:
                self._tally.bad += 1
            self._partial, self._skipping = b"", True
        for line in lines:
            text = line.strip()
            if text.startswith(b"#"):
                self._close_block(now_s)  # what it says counts from the next line on
                self._take_header(text)
            elif text:
                row = self._row(text)
                if row is None:
                    self._tally.bad += 1
                else:
                    self._rows.append(row)
        self._close_block(now_s)

    def take(self) -> list[Block]:
        """As ``Decoder.take``; at most one block a stream."""
        blocks, self._blocks = self._blocks, []
        return joined(blocks)

    def _lay_out(self) -> None:
        """Which cells of a line are looked at, in the order of the channels."""
        self._read = [channel for channel in self._channels if channel.cells is not None]
        cells = [cell for channel in self._read for cell in channel.cells or ()]
        self._cells = [(cell, channel.is_reading) for channel in self._read for cell in channel.cells or ()]
        self._least = max(cells, default=-1) + 1

    def _body(self, line: bytes) -> bytes | None:
        """A line without its check sum; None where that is wrong, or absent although this sensor sends it."""
        if b"*" not in line:
            return None if self._strict and self._summed else line
        match = _SUMMED.fullmatch(line)
        if match is None or int(match[2], 16) != reduce(operator.xor, match[1], 0):
            return None
        self._summed = True
        return match[1]

    def _row(self, line: bytes) -> list[float] | None:
        """The wanted numbers of one line; None when it is no sample. ``nan`` is a sample that says: missing."""
        if len(line) > _LONGEST_LINE or b"_" in line:  # Python reads 1_0 as 10
            return None
        body = self._body(line)
        if body is None or b"*" in body:
            return None
        cells = body.split(b",")
        if len(cells) < self._least:
            return None
        try:
            return [
                _SILENT if reading and not cells[cell].strip() else float(cells[cell]) for cell, reading in self._cells
            ]
        except ValueError:
            return None

    def _close_block(self, now_s: float) -> None:
        """Make blocks of the rows so far; a row with a number that float32 does not hold is no sample."""
        rows, self._rows = self._rows, []
        if not rows or not self._read:
            return
        values = np.array(rows, dtype=np.float64)
        silent = values == _SILENT
        silent[:, [not reading for _, reading in self._cells]] = False
        factors = np.array([channel.factor for channel in self._read for _ in channel.cells or ()])
        values[silent] = 0.0
        with np.errstate(over="ignore"):
            values *= factors
        fine = ~(np.abs(values) > LARGEST).any(axis=1)
        self._tally.bad += int((~fine).sum())
        self._tally.good += int(fine.sum())
        at = 0
        for channel in self._read:
            part = slice(at, at + channel.width)
            said = values[fine & ~silent[:, part].any(axis=1), part]
            at += channel.width
            # Before its kind is known nobody can say how wide a block is.
            block = channel.block(said, now_s) if len(said) and channel.kind else None
            if block is not None:
                self._blocks.append((channel, block))

    def _take_header(self, line: bytes) -> None:
        """Use ``#edge-mm key=value ...`` for what the configuration left open; other comments mean nothing."""
        if line[1:].split()[:1] != [b"edge-mm"]:
            return
        body = self._body(line) if len(line) <= _LONGEST_LINE else None
        text = "" if body is None else body.decode("utf-8", "replace")
        if not text.isprintable() or not text or "\ufffd" in text:
            self._tally.bad += 1
            return
        fields = dict(word.split("=", 1) for word in text[1:].split()[1:] if "=" in word)
        self._take_rate(fields.get("rate_hz", "0"))
        if columns := fields.get("columns", ""):
            if columns != self._columns:
                self._take_columns(columns)
        elif len(self._channels) == 1:
            self._take_kind(fields)
        self._lay_out()

    def _take_rate(self, text: str) -> None:
        try:
            rate_hz = float(text)
        except ValueError:
            return
        for channel in self._channels:
            if not channel.rate_hz and LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
                channel.rate_hz = rate_hz

    def _take_kind(self, fields: dict[str, str]) -> None:
        """``kind=ecg unit=mV``: the only stream."""
        (channel,) = self._channels
        for kind in _KINDS:
            if channel.kind is None and fields.get("kind", "").lower() == kind:
                channel.kind = kind
                first = channel.column if isinstance(channel.column, int) else 0
                channel.cells = tuple(range(first, first + channel.width))
        unit = fields.get("unit", "")
        if channel.kind is None or channel.unit is not None:
            return
        if unit:
            channel.factor = channel.factor_of(unit)
        channel.knows_unit |= bool(unit) or "kind" in fields

    def _take_columns(self, text: str) -> None:
        """``columns=ecg:mV,ppg,acc:g``: where each stream is and what it counts in."""
        names: list[tuple[str, str]] = []  # of each cell, with its unit
        for word in text.split(","):
            name, _, unit = word.partition(":")
            names += [(name.strip(), unit.strip())] * (3 if name.strip() in TRIPLES else 1)
        for channel in self._channels:
            if channel.kind is None:
                first = channel.column if isinstance(channel.column, int) else 0
                channel.kind = next(
                    (kind for kind in _KINDS if names[first : first + 1] and names[first][0] == kind), None
                )
            cells = self._find(channel, [name for name, _ in names])
            channel.cells = cells
            labels = {names[cell] for cell in cells if cell < len(names)}
            kinds = {name for name, _ in labels if name in _KINDS}
            if kinds - {channel.kind} and channel.kind != "number":
                raise SourceError(
                    f"{self._where}: the sensor says that column {cells[0]} is {', '.join(sorted(kinds))}, not "
                    f"{channel.kind} as {channel.name!r} is configured; correct kind or column."
                )
            if channel.unit is None and (units := {unit for _, unit in labels if unit}):
                if len(units) > 1:
                    raise SourceError(f"{self._where}: {channel.name!r} has several units: {', '.join(sorted(units))}.")
                channel.factor = channel.factor_of(units.pop())
            channel.knows_unit = True
        self._columns = text

    def _find(self, channel: Channel, names: Sequence[str]) -> tuple[int, ...]:
        """The cells of a stream.

        Raises:
            SourceError: no column is meant, or two may be.
        """
        column = channel.column
        if isinstance(column, int):
            return tuple(range(column, column + channel.width))
        if isinstance(column, tuple):
            return tuple(self._named(channel, want, names) for want in column)
        if isinstance(column, str):
            first = self._named(channel, column, names)
            return tuple(range(first, first + channel.width))
        fitting = [at for at, name in enumerate(names) if name == channel.kind]
        if len(fitting) != channel.width:
            raise SourceError(
                f"{self._where}: the sensor's columns are {', '.join(names)}: {'none' if not fitting else 'several'} "
                f"of them may be {channel.name!r} ({channel.kind}); set its column in the configuration."
            )
        return tuple(fitting)

    def _named(self, channel: Channel, want: str | int, names: Sequence[str]) -> int:
        if isinstance(want, int):
            return want
        if want not in names:
            raise SourceError(
                f"{self._where}: there is no column {want!r} for {channel.name!r}; the sensor's columns are "
                f"{', '.join(names)}."
            )
        return names.index(want)
