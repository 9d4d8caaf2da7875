"""The MAX30102 as registers: configure it, empty its FIFO, set its LEDs (datasheet 19-7740).

In: a ``Bus``. Out: counts of red and infrared light, and how many were lost. Not here: what they mean (``max30102``),
when to do what.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from edge_mm.errors import ConfigError, SourceError
from edge_mm.sources.i2c_bus import MOST_BYTES, Bus, silence_of

PART: Final = 0x15
ADDRESS: Final = 0x57
FULL_SCALE: Final = (1 << 18) - 1
"""The largest count; light that reaches it is too bright to be measured."""
MA_PER_STEP: Final = 0.2
"""LED current, a step."""
DEPTH: Final = 32
"""Samples that the FIFO holds."""
_INTERRUPT_ENABLE, _FIFO_POINTERS, _FIFO_DATA, _FIFO, _MODE, _SPO2 = 0x02, 0x04, 0x07, 0x08, 0x09, 0x0A
_RED_LED, _IR_LED, _TEMPERATURE, _TEMPERATURE_GO, _PART_ID = 0x0C, 0x0D, 0x1F, 0x21, 0xFF
_SHUTDOWN, _RESET, _RED_AND_IR = 0x80, 0x40, 0x03
_RANGE_4096_NA = 0x01
_RESET_TRIES, _RESET_S = 10, 0.01
_BYTES = 6  # red, then infrared, three each
_MOST_SAMPLES = MOST_BYTES // _BYTES  # in one transfer
_AVERAGES: Final = (1, 2, 4, 8, 16, 32)
# Conversions per second with both LEDs -> code, and the longest pulse that fits between them (3: 411 us, 18 bit).
_CONVERSIONS: Final[Mapping[int, tuple[int, int]]] = {
    50: (0, 3), 100: (1, 3), 200: (2, 3), 400: (3, 3), 800: (4, 2), 1000: (5, 1), 1600: (6, 0)
}  # fmt: skip

Counts = npt.NDArray[np.int32]


class Timing(NamedTuple):
    """How the part gets to a rate."""

    rate_hz: float
    """Samples per second in the FIFO."""
    fifo: int
    """FIFO register: averaging; no rollover, so that what is in the FIFO is without a gap."""
    spo2: int
    """SpO2 register: range, conversions per second, pulse width."""


def timing_of(rate_hz: float, *, where: str) -> Timing:
    """The longest pulses that give a rate, and of those the most averaging.

    Args:
        rate_hz: samples per second, 12.5 at least.
        where: the part, for messages.

    Raises:
        ConfigError: the part has no such rate.
    """
    ways = [
        (width, average, code)
        for conversions, (code, width) in _CONVERSIONS.items()
        for average in _AVERAGES
        if conversions / average == rate_hz
    ]
    if not ways or rate_hz < 12.5:
        rates = sorted({one / average for one in _CONVERSIONS for average in _AVERAGES if one / average >= 12.5})
        raise ConfigError(
            f"{where}: a MAX30102 has no rate of {rate_hz:g} Hz with both LEDs; set rate_hz to one of "
            f"{', '.join(f'{rate:g}' for rate in rates)}."
        )
    width, average, code = max(ways)
    return Timing(rate_hz, _AVERAGES.index(average) << 5, _RANGE_4096_NA << 5 | code << 2 | width)


class Max30102Part:
    """The part on its bus.

    Args:
        bus: its registers.
        where: the part, for messages.
    """

    def __init__(self, bus: Bus, where: str) -> None:
        self._bus = bus
        self._where = where
        self._measuring_temperature = False

    def start(self, timing: Timing, leds: tuple[int, int], wait: Callable[[float], None]) -> None:
        """Make sure that it is the part, reset it and let it measure.

        Args:
            timing: its rate.
            leds: currents of red and infrared, in steps.
            wait: lets so many seconds pass.

        Raises:
            SourceError: nothing answers, it is another part, or it does not keep what is written.
        """
        try:
            part = self._bus.read_byte(_PART_ID)
            if part != PART:
                also = ", a MAX30100, which is another part" if part == 0x11 else ""
                raise SourceError(
                    f"{self._where}: the part there says that it is 0x{part:02X}{also}; a MAX30102 says 0x{PART:02X}. "
                    "Check the address."
                )
            self._bus.write_byte(_MODE, _RESET)
            for _ in range(_RESET_TRIES):  # it takes the bit back when it is done
                wait(_RESET_S)
                if not self._bus.read_byte(_MODE) & _RESET:
                    break
            wanted = {
                _INTERRUPT_ENABLE: 0,
                _FIFO: timing.fifo,
                _SPO2: timing.spo2,
                _RED_LED: leds[0],
                _IR_LED: leds[1],
                _MODE: _RED_AND_IR,
            }
            for register, value in (dict.fromkeys(range(_FIFO_POINTERS, _FIFO_DATA), 0) | wanted).items():
                self._bus.write_byte(register, value)
            kept = {register: self._bus.read_byte(register) for register in wanted}
        except OSError as error:
            raise SourceError(f"{self._where}: {silence_of(error)}.") from None
        if kept != wanted:
            differing = ", ".join(f"0x{register:02X}" for register in wanted if kept[register] != wanted[register])
            raise SourceError(
                f"{self._where}: it does not keep what is written to its registers ({differing}); check the wiring and "
                "the power."
            )
        self._measuring_temperature = False

    def empty(self) -> tuple[Counts, int]:
        """What the FIFO holds, (n, 2) red and infrared, oldest first; and how many more came and were lost, up to 31.

        Raises:
            OSError: it does not answer.
        """
        written, lost, read = self._bus.read_block(_FIFO_POINTERS, 3)
        lost &= DEPTH - 1
        count = DEPTH if lost else (written - read) % DEPTH
        raw = b"".join(
            self._bus.read_block(_FIFO_DATA, _BYTES * min(_MOST_SAMPLES, count - at))
            for at in range(0, count, _MOST_SAMPLES)
        )
        parts = np.frombuffer(raw, np.uint8).reshape(count, 2, 3).astype(np.int32)
        return (parts[:, :, 0] << 16 | parts[:, :, 1] << 8 | parts[:, :, 2]) & FULL_SCALE, lost

    def set_leds(self, red: int, infrared: int) -> None:
        """Change the currents, in steps.

        Raises:
            OSError: it does not answer.
        """
        self._bus.write_byte(_RED_LED, red)
        self._bus.write_byte(_IR_LED, infrared)

    def temperature_c(self) -> float | None:
        """Temperature of the die, measured since the last call; None the first time and while it is not ready.

        Raises:
            OSError: it does not answer.
        """
        if self._measuring_temperature and self._bus.read_byte(_TEMPERATURE_GO) & 1:
            return None
        whole, sixteenths = self._bus.read_block(_TEMPERATURE, 2)
        self._bus.write_byte(_TEMPERATURE_GO, 1)
        first, self._measuring_temperature = not self._measuring_temperature, True
        return None if first else whole - 256 * (whole > 127) + (sixteenths & 15) / 16

    def close(self) -> None:
        """Switch its LEDs off and let go of the bus."""
        with contextlib.suppress(OSError):
            self._bus.write_byte(_MODE, _SHUTDOWN)
        self._bus.close()
