"""A sensor on a serial port -> blocks of about 0.1 s.

In: text lines, one per sample, as the folder's README defines them: ``value[,value...][*HH]`` and, once or more often,
a header ``#edge-mm kind=ecg rate_hz=250 unit=mV``. Out: (n,) float32 in the kind's unit ((n, 3) for ``acc`` and
``gyro``), stamped with arrival minus block length. Not here: reconnecting (the daemon), drift (``clock``).
"""

from __future__ import annotations

import contextlib
import errno
import math
import re
import time
from typing import Any

import numpy as np

from edge_mm.errors import ConfigError, EdgeMmError, SourceError, SourceLost
from edge_mm.sources.channels import SIGNAL_KINDS, UNIT_OF, SignalKind, unit_factor
from edge_mm.sources.files import HIGHEST_HZ, LOWEST_HZ, given_rate, said
from edge_mm.types import NS_PER_S, THREE_AXES, Sample, StreamSpec

_BLOCK_S = 0.1
_LONGEST_LINE = 256  # bytes; a longer one is garbage (wrong baud rate, a binary protocol)
_MOST_PER_READ = 4096
_UNIT_S = 1.2  # a header that comes every second has come
_ONE_UNIT = ("ppg", "temp")  # a header cannot change how these are counted
_LARGEST = float(np.finfo(np.float32).max)
_CHECK_SUM = re.compile(rb"[0-9A-Fa-f]{2}")


class SerialPort:
    """A live sensor behind a serial port or a pseudo terminal.

    Args:
        port: ``/dev/ttyUSB0``, better ``/dev/serial/by-id/...``.
        kind: What is measured; None takes it from the sensor's header.
        name: Stream name; empty takes the kind (``physio`` until the header has named it).
        rate_hz: Samples per second; None takes it from the sensor's header.
        unit: What the numbers are in (``uV``); None takes it from the sensor's header, and without one the kind's own.
        column: Which value of a line, from 0; the first of three for ``acc`` and ``gyro``.
        baud: Bits per second.
        stall_s: A sensor that sends no sample for this long is lost.
        header_s: How long ``open`` waits for kind and rate (a board that resets when its port opens needs about 2 s).

    Raises:
        ConfigError: the rate is absurd, the column is below 0, or the unit is none of the kind.
    """

    live = True

    def __init__(
        self,
        port: str,
        *,
        kind: SignalKind | None = None,
        name: str = "",
        rate_hz: float | None = None,
        unit: str | None = None,
        column: int = 0,
        baud: int = 115_200,
        stall_s: float = 2.0,
        header_s: float = 4.0,
    ) -> None:
        if column < 0:
            raise ConfigError(f"serial port {port}: the column is counted from 0; there is no {column}.")
        if unit is not None and kind is None:
            raise ConfigError(
                f"serial port {port}: the unit {unit!r} says nothing without a kind; give both or neither."
            )
        self.name = name or kind or "physio"
        self.bad_lines = 0
        """Lines that were no sample: not a number, wrong check sum, too few values, too long."""
        self._port = port
        self._given_kind, self._given_rate_hz = kind, given_rate(rate_hz, where=f"serial port {port}")
        self._kind: SignalKind | None = kind
        self._rate_hz = rate_hz
        self._given_factor = None if unit is None or kind is None else _factor_of(unit, kind, port, ConfigError)
        self._factor = 1.0
        self._knows_unit = False
        self._column = column
        self._baud = baud
        self._stall_s = stall_s
        self._header_s = header_s
        self._serial: Any = None
        self._partial = b""
        self._skipping = True  # inside a line whose beginning was missed or that is too long
        self._heard_s = 0.0

    def open(self) -> StreamSpec:
        """Open the port; where kind or rate are not given, wait for the header, and for 1.2 s where the unit is not.

        Raises:
            SourceError: there is no such port, it is in use, no header came, or its unit is none of the kind.
        """
        self.close()
        import serial

        self._kind, self._rate_hz = self._given_kind, self._given_rate_hz
        self._factor = 1.0 if self._given_factor is None else self._given_factor
        self._knows_unit = self._given_factor is not None or self._kind in _ONE_UNIT
        try:
            # Reads return after one block length with what there is; exclusive: two readers would share the bytes.
            self._serial = serial.Serial(self._port, self._baud, timeout=_BLOCK_S, exclusive=True)
            self._serial.reset_input_buffer()
        except (serial.SerialException, OSError, ValueError) as error:
            raise SourceError(f"serial port {self._port} cannot be opened: {_why(error)}.") from None
        self._partial, self._skipping = b"", True
        try:
            kind, rate_hz = self._wait_for_header()
        except SourceError:
            self.close()
            raise
        self._heard_s = time.monotonic()
        return StreamSpec(name=self.name, kind=kind, rate_hz=rate_hz, unit=UNIT_OF[kind])

    def read(self) -> Sample | None:
        """Block until there are samples, about 0.1 s.

        Raises:
            SourceLost: the port is gone, or no sample came for ``stall_s``.
            SourceError: a header says a unit that is none of the kind.
        """
        if self._serial is None or not self._rate_hz:
            raise SourceLost(f"serial port {self._port} is not open; call open() first.")
        while True:
            rows = self._take_lines()
            now_ns = time.monotonic_ns()
            if rows:
                self._heard_s = now_ns / NS_PER_S
                values = np.array(rows, dtype=np.float32)
                t_ns = now_ns - round(len(rows) * NS_PER_S / self._rate_hz)
                data = values if self._kind in THREE_AXES else values[:, 0]
                return Sample(stream=self.name, t_ns=t_ns, data=data, rate_hz=self._rate_hz)
            if now_ns / NS_PER_S - self._heard_s > self._stall_s:
                raise SourceLost(
                    f"serial port {self._port} gave no sample for {self._stall_s:g} s "
                    f"({self.bad_lines} unreadable lines so far); check the sensor and its baud rate."
                )

    def close(self) -> None:
        """Close the port."""
        port, self._serial = self._serial, None
        if port is not None:
            with contextlib.suppress(OSError):  # it was unplugged
                port.close()

    def _wait_for_header(self) -> tuple[SignalKind, float]:
        """Until kind and rate are known; for the unit only so long as a header that is repeated may take."""
        began = time.monotonic()
        while (waited := time.monotonic() - began) <= self._header_s:
            if self._kind is not None and self._rate_hz and (self._knows_unit or waited > _UNIT_S):
                break
            self._take_lines()
        if self._kind is None or not self._rate_hz:
            raise SourceError(
                f"serial port {self._port}: no header '#edge-mm kind=... rate_hz=...' within {self._header_s:g} s; "
                "let the sensor send it, or set kind and rate_hz in the configuration."
            )
        return self._kind, self._rate_hz

    def _take_lines(self) -> list[list[float]]:
        """Read what came in one block length; give the samples of the complete lines in it."""
        try:
            self._partial += self._serial.read(_MOST_PER_READ)
        except (OSError, TypeError) as error:  # SerialException is an OSError; pyserial raises TypeError when closed
            raise SourceLost(f"serial port {self._port} is gone: {said(error)}; was it unplugged?") from None
        *lines, self._partial = self._partial.split(b"\n")
        if lines and self._skipping:
            del lines[0]
            self._skipping = False
        if len(self._partial) > _LONGEST_LINE:
            if not self._skipping:
                self.bad_lines += 1
            self._partial, self._skipping = b"", True
        rows = []
        for line in lines:
            text = line.strip()
            if text.startswith(b"#"):
                self._take_header(text.decode("ascii", "replace"))
            elif text:
                row = _values(text, self._column, 3 if self._kind in THREE_AXES else 1, self._factor)
                if row is None:
                    self.bad_lines += 1
                else:
                    rows.append(row)
        return rows

    def _take_header(self, line: str) -> None:
        """Use ``#edge-mm key=value ...`` for what the configuration left open; other comments mean nothing."""
        words = line[1:].split()
        if not words or words[0] != "edge-mm":
            return
        fields = dict(word.split("=", 1) for word in words[1:] if "=" in word)
        kind = fields.get("kind", "").lower()
        if self._kind is None and kind in SIGNAL_KINDS:
            self._kind = kind
        if not self._rate_hz:
            try:
                rate_hz = float(fields.get("rate_hz", "0"))
            except ValueError:
                rate_hz = 0.0
            self._rate_hz = rate_hz if LOWEST_HZ <= rate_hz <= HIGHEST_HZ else None
        unit = fields.get("unit", "")
        if self._kind is None or self._given_factor is not None:
            return
        if unit:  # from the next line on: a header may come inside a block
            self._factor = _factor_of(unit, self._kind, self._port, SourceError)
        self._knows_unit |= bool(unit) or "kind" in fields


def _factor_of(unit: str, kind: SignalKind, port: str, refusal: type[EdgeMmError]) -> float:
    """What to multiply with; to count a unit that is not known as ours would be wrong by any factor."""
    try:
        return unit_factor(unit, kind)
    except SourceError:
        raise refusal(
            f"serial port {port}: {unit!r} is no unit of {kind}; let the sensor convert its values and say "
            f"unit={UNIT_OF[kind]}, or another that is known."
        ) from None


def _why(error: Exception) -> str:
    """The reason, once (pyserial writes the system's sentence into its own), and what to do."""
    number = error.errno if isinstance(error, OSError) else None
    if "configure port" in str(error) or number in (errno.ENOTTY, errno.EISDIR, errno.EINVAL):
        return "it is not a serial port; name one that 'edge-mm devices' lists"
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return "it is not there; check the cable, and what 'edge-mm devices' lists"
    if number in (errno.EACCES, errno.EPERM):
        return "this user has no permission; add the user to the group 'dialout' and log in again"
    if number in (errno.EBUSY, errno.EAGAIN):
        return "another program uses it; end that one first"
    return f"{said(error)}; check the cable, and that this user is in the group 'dialout'"


def _values(line: bytes, column: int, count: int, factor: float) -> list[float] | None:
    """The wanted numbers of one line; None when it is no sample. ``nan`` is a sample that says: missing."""
    if len(line) > _LONGEST_LINE or b"_" in line:  # Python reads 1_0 as 10
        return None
    body, star, check = line.partition(b"*")
    if star and not (_CHECK_SUM.fullmatch(check) and int(check, 16) == _xor(body)):
        return None
    cells = body.split(b",")
    if len(cells) < column + count:
        return None
    try:
        row = [float(cell) * factor for cell in cells[column : column + count]]
    except ValueError:
        return None
    return row if all(math.isnan(value) or abs(value) <= _LARGEST for value in row) else None


def _xor(body: bytes) -> int:
    """NMEA 0183's check sum: all bytes before the star, exclusive-or."""
    result = 0
    for byte in body:
        result ^= byte
    return result
