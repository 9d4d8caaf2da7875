"""A sensor on a serial port -> blocks of about 0.1 s, of one stream or several.

In: lines or packets, as ``pages/serial.md`` defines them. Out: (n,) float32 in the kind's unit ((n, 3) for ``acc`` and
``gyro``), stamped with arrival minus block length; readings, stamped with their arrival. Not here: reconnecting (the
daemon), drift (``clock``), what the bytes mean (``serial_lines``, ``serial_binary``).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence

from edge_mm.errors import ConfigError, SourceError, SourceLost
from edge_mm.protocols import Halt
from edge_mm.sources.channels import SignalKind
from edge_mm.sources.files import given_rate
from edge_mm.sources.serial_binary import Packets
from edge_mm.sources.serial_channels import Channel, Decoder, Tally
from edge_mm.sources.serial_device import SerialDevice
from edge_mm.sources.serial_lines import Lines
from edge_mm.sources.unproven import Unproven
from edge_mm.sources.wanted import Wanted
from edge_mm.types import NS_PER_S, Sample, StreamSpec

PROTOCOLS = ("lines", "binary")
_UNIT_S = 1.2  # a header that comes every second has come


class SerialBoard:
    """A live board behind a serial port or a pseudo terminal; opened once for all of its streams.

    Args:
        port: ``/dev/ttyUSB0``, better ``/dev/serial/by-id/...``.
        wanted: its streams, at least one; a column is the number of a value in a line or of a channel in a packet, from
            0, or its name in the header ``#edge-mm columns=...``.
        protocol: ``lines`` or ``binary``.
        baud: Bits per second.
        strict_sums: Whether lines without a check sum are refused once one came with it.
        stall_s: A sensor that sends nothing readable for this long is lost; longer where streams may be silent longer.
        header_s: How long ``open`` waits for what is not configured (a board that resets when its port opens needs
            about 2 s).

    Raises:
        ConfigError: a rate is absurd, rates differ, a column is below 0, a unit is none of the kind, or there is no
            such protocol.
    """

    live = True

    def __init__(
        self,
        port: str,
        wanted: Sequence[Wanted],
        *,
        protocol: str = "lines",
        baud: int = 115_200,
        strict_sums: bool = True,
        stall_s: float = 2.0,
        header_s: float = 4.0,
    ) -> None:
        where = f"serial port {port}"
        if protocol not in PROTOCOLS:
            raise ConfigError(f"{where}: there is no protocol {protocol!r}; choose one of {', '.join(PROTOCOLS)}.")
        for one in wanted:
            _check(one, where, protocol)
        rates = {given_rate(one.rate_hz, where=where) for one in wanted if one.rate_hz is not None}
        if protocol == "lines" and len(rates) > 1:
            raise ConfigError(f"{where}: a line holds one value of each stream, so all have the same rate_hz.")
        if protocol == "lines" and rates:
            rate_hz = rates.pop()
            wanted = [_at_rate(one, rate_hz) for one in wanted]
        self._port, self._where, self._protocol = port, where, protocol
        self._wanted = [Channel.of(one, where, ConfigError) for one in wanted]
        self._channels = self._wanted
        self._baud, self._strict_sums = baud, strict_sums
        self._stall_s, self._header_s = stall_s, header_s
        self._tally = Tally(protocol if protocol == "lines" else "packets")
        self._device: SerialDevice | None = None
        self._decoder: Decoder | None = None
        self._ready: deque[Sample] = deque()
        self._halt: Halt = threading.Event()
        self._heard_s = 0.0
        self._silence_s = stall_s
        self._unproven = Unproven(
            "this kind of source ran so far on pseudo terminals and emulated USB only, never yet on a real sensor"
        )

    @property
    def name(self) -> str:
        """Name of its first stream."""
        return self._wanted[0].name

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of all its streams."""
        return tuple(channel.name for channel in self._wanted)

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """What they promise; known once ``open`` has returned."""
        return tuple(channel.spec for channel in self._channels)

    @property
    def bad_lines(self) -> int:
        """Lines that were no sample: not a number, wrong check sum, too few values, too long; or packets."""
        return self._tally.bad + self._tally.unusable

    @property
    def trouble(self) -> str:
        """Why it works badly now; empty while it is well."""
        return self._tally.trouble

    @property
    def counters(self) -> Mapping[str, int]:
        """What was unreadable or lost since the object was made."""
        tally = self._tally
        if self._protocol == "lines":
            return {"bad_lines": tally.bad}
        return {"bad_packets": tally.bad + tally.unusable, "lost_packets": tally.lost, "filled_samples": tally.filled}

    def open(self) -> StreamSpec:
        """Open the port; where something must be known that is not configured, wait until the sensor says it.

        Raises:
            SourceError: there is no such port, it is in use, no header came, or it says what cannot be.
        """
        self.close()
        self._unproven.say(self._where)
        self._channels = [
            Channel(one.name, one.kind, one.column, one.rate_hz, one.unit, one.stale_s, one.where)
            for one in self._wanted
        ]
        for channel in self._channels:
            channel.begin(SourceError)
        self._decoder = (
            Lines(self._channels, where=self._where, tally=self._tally, strict=self._strict_sums)
            if self._protocol == "lines"
            else Packets(self._channels, where=self._where, tally=self._tally)
        )
        self._tally.begin()
        self._ready.clear()
        self._device = SerialDevice(self._port, self._baud)
        try:
            self._wait_for_header(self._device, self._decoder)
        except SourceError:
            self.close()
            raise
        self._decoder.take()
        self._heard_s = time.monotonic()
        patience = [channel.patience_s or self._stall_s for channel in self._channels]
        self._silence_s = max(self._stall_s, min(patience))
        return self.specs[0]

    def read(self) -> Sample | None:
        """Block until there are samples, about 0.1 s.

        Raises:
            SourceLost: the port is gone, nothing readable came for ``stall_s``, or the sensor is another one.
            SourceError: a header says what cannot be.
        """
        if self._device is None or self._decoder is None:
            raise SourceLost(f"{self._where} is not open; call open() first.")
        while not self._ready:
            if self._halt.is_set():
                return None
            good = self._tally.good
            data = self._device.read()
            # Its own clock call, after the bytes came: a stamp is an arrival.
            now_ns = time.monotonic_ns()
            now_s = now_ns / NS_PER_S
            self._decoder.feed(data, now_s)
            self._tally.note(now_s)
            for channel, block in self._decoder.take():
                length_ns = 0 if channel.is_reading else round(len(block) * NS_PER_S / channel.rate)
                self._ready.append(Sample(channel.name, now_ns - length_ns, block, channel.rate))
            if self._tally.good > good:
                self._heard_s = now_s
            elif now_s - self._heard_s > self._silence_s:
                raise SourceLost(
                    f"{self._where} gave no sample for {self._silence_s:g} s ({self._tally.bad} unreadable "
                    f"{self._tally.what} so far); check the sensor and its baud rate."
                )
        return self._ready.popleft()

    def heed(self, halt: Halt) -> None:
        """``read`` returns None once this is set; see ``protocols.Heedful``."""
        self._halt = halt

    def close(self) -> None:
        """Close the port."""
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def _wait_for_header(self, device: SerialDevice, decoder: Decoder) -> None:
        """Until all is known that must be; for units only so long as a header that is repeated may take."""
        began = time.monotonic()
        while (waited := time.monotonic() - began) <= self._header_s:
            if not decoder.missing and (decoder.settled or waited > _UNIT_S):
                break
            decoder.take()  # what came before all was known
            decoder.feed(device.read(), time.monotonic())
        if missing := decoder.missing:
            raise SourceError(f"{self._where}: {missing.replace('{}', f'{self._header_s:g} s')}")


class SerialPort(SerialBoard):
    """One stream of a sensor behind a serial port or a pseudo terminal.

    Args:
        port: As ``SerialBoard``.
        kind: What is measured; None takes it from the sensor's header.
        name: Stream name; empty takes the kind (``physio`` until the header has named it).
        rate_hz: Samples per second; None takes it from the sensor's header.
        unit: What the numbers are in (``uV``); None takes it from the sensor's header, and without one the kind's own.
        column: Which value of a line or channel of a packet, from 0; the first of three for ``acc`` and ``gyro``.
        baud: Bits per second.
        stall_s: A sensor that sends no sample for this long is lost.
        header_s: As ``SerialBoard``.
        protocol: ``lines`` or ``binary``.
        strict_sums: As ``SerialBoard``; False takes lines with and without a check sum.

    Raises:
        ConfigError: the rate is absurd, the column is below 0, or the unit is none of the kind.
    """

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
        protocol: str = "lines",
        strict_sums: bool = False,
    ) -> None:
        if unit is not None and kind is None:
            raise ConfigError(
                f"serial port {port}: the unit {unit!r} says nothing without a kind; give both or neither."
            )
        one = Wanted(name or kind or "physio", kind or "ecg", column=column, rate_hz=rate_hz, unit=unit)
        super().__init__(
            port, [one], protocol=protocol, baud=baud, strict_sums=strict_sums, stall_s=stall_s, header_s=header_s
        )
        if kind is None:
            self._wanted[0].kind = None
            self._wanted[0].knows_unit = False


def _check(one: Wanted, where: str, protocol: str) -> None:
    """Whether a column can be one of a serial port.

    Raises:
        ConfigError: it cannot.
    """
    columns = one.column if isinstance(one.column, tuple) else (one.column,)
    for column in columns:
        if isinstance(column, int) and column < 0:
            raise ConfigError(f"{where}: the column is counted from 0; there is no {column}.")
        if protocol == "binary" and (isinstance(column, str) or len(columns) > 1):
            raise ConfigError(f"{where}: the column is the number of a channel, counted from 0, not {one.column!r}.")


def _at_rate(one: Wanted, rate_hz: float | None) -> Wanted:
    return Wanted(one.name, one.kind, one.column, rate_hz, one.unit, one.path, one.address, one.stale_s)
