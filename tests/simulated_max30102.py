"""A SIMULATED MAX30102: its registers as the datasheet describes them, on a clock that a test moves. No real part.

What light falls on it is a function of time; LED currents, averaging, pulse width, the FIFO with its pointers, the
overflow counter, reset, shutdown and the die's temperature are the part's.
"""

from __future__ import annotations

import errno
import math

import numpy as np

from edge_mm.sources.max30102 import Max30102
from edge_mm.sources.wanted import Wanted

CONVERSIONS = (50, 100, 200, 400, 800, 1000, 1600, 3200)
FULL_SCALE = (1 << 18) - 1
DEFAULTS = {0x00: 0x01, 0xFE: 0x03, 0xFF: 0x15}


def finger(*, bpm=72.0, r=0.6, perfusion=0.02, per_step=2500.0, red_per_step=2000.0):
    """Counts per LED step of a finger with a steep rise and a slow fall; ``r`` is the ratio of ratios."""

    def light(t_s):
        phase = t_s * bpm / 60 % 1.0
        # Blood takes light away: down in a fifth of the beat, and back.
        blood = math.sin(math.pi * phase / 0.4) if phase < 0.2 else (1 - phase) / 0.8
        return red_per_step * (1 - r * perfusion * blood), per_step * (1 - perfusion * blood)

    return light


def nothing(_):
    """An open sensor."""
    return 20.0, 20.0


class SimulatedMax30102:
    """The part, and the clock of the test.

    Args:
        light: seconds -> counts per LED step, red and infrared.
        part: what it says it is.
    """

    def __init__(self, light=nothing, *, part=0x15):
        self.light = light
        self.s = 1000.0
        self.temperature_c = 31.5625
        self.error = 0
        self.opened = []
        self._part = part
        self._pending = []
        self._done_s = self.s
        self._reset()

    # The bus.

    def open(self, number, address):
        self.opened.append((number, address))
        return self

    def close(self):
        self.opened.append("closed")

    def read_byte(self, register):
        return self.read_block(register, 1)[0]

    def read_block(self, register, count):
        assert count <= 32, "SMBus cannot"
        self._answer()
        return bytes(self._read(register if register == 0x07 else register + at) for at in range(count))

    def write_byte(self, register, value):
        self._answer()
        assert 0 <= value <= 0xFF
        if register == 0x09 and value & 0x40:
            self._reset()
        elif register in (0x04, 0x05, 0x06):
            self.registers[register] = value & 0x1F
            self._part_read = 0
        elif register == 0x21 and value & 1:
            sixteenths = round(self.temperature_c * 16)
            self.registers[0x1F], self.registers[0x20] = (sixteenths >> 4) & 0xFF, sixteenths & 15
        elif register not in (0xFE, 0xFF):
            self.registers[register] = value

    # The clock.

    def clock_ns(self):
        return round(self.s * 1e9)

    def wait(self, seconds):
        """Time passes; the part measures."""
        self.s += seconds
        mode, spo2, fifo = (self.registers.get(at, 0) for at in (0x09, 0x0A, 0x08))
        if mode & 0x87 != 0x03:
            self._done_s = self.s
            return
        step_s = 1 / CONVERSIONS[spo2 >> 2 & 7]
        average = 1 << min(fifo >> 5, 5)
        while self._done_s + step_s <= self.s + 1e-9:
            self._done_s += step_s
            self._pending.append(self._convert())
            if len(self._pending) >= average:
                self._push([sum(one) // average for one in zip(*self._pending, strict=True)])
                self._pending = []

    # Inside.

    def _answer(self):
        if self.error:
            raise OSError(self.error, errno.errorcode[self.error])

    def _reset(self):
        self.registers = {**DEFAULTS, 0xFF: self._part}
        self.memory = [(0, 0)] * 32
        self._held = self._part_read = 0
        self._pending = []

    def _convert(self):
        width = 15 + (self.registers.get(0x0A, 0) & 3)
        counts = []
        for per_step, led in zip(
            self.light(self.s if self._done_s > self.s else self._done_s), (0x0C, 0x0D), strict=True
        ):
            count = min(max(round(per_step * self.registers.get(led, 0)), 0), FULL_SCALE)
            counts.append(count >> 18 - width << 18 - width if count < FULL_SCALE else count)
        return counts

    def _push(self, sample):
        registers = self.registers
        if self._held == 32:
            if not registers.get(0x08, 0) & 0x10:  # no rollover: the new one is lost
                registers[0x05] = min(registers.get(0x05, 0) + 1, 31)
                return
            registers[0x06] = (registers.get(0x06, 0) + 1) % 32
            self._held -= 1
        self.memory[registers.get(0x04, 0)] = tuple(sample)
        registers[0x04] = (registers.get(0x04, 0) + 1) % 32
        self._held += 1

    def _read(self, register):
        if register != 0x07:
            return self.registers.get(register, 0)
        red, infrared = self.memory[self.registers.get(0x06, 0)]
        byte = (red.to_bytes(3, "big") + infrared.to_bytes(3, "big"))[self._part_read]
        self._part_read = (self._part_read + 1) % 6
        if self._part_read == 0 and self._held:
            self.registers[0x06] = (self.registers.get(0x06, 0) + 1) % 32
            self.registers[0x05] = 0
            self._held -= 1
        return byte


PPG, SPO2, DIE = Wanted("finger", "ppg"), Wanted("oxygen", "spo2"), Wanted("die", "number", unit="degC")


def source_of(part, *wanted, address="1"):
    return Max30102(address, wanted or [PPG], bus=part.open, wait=part.wait, clock_ns=part.clock_ns)


def run(source, part, seconds):
    """Samples of each stream until so much time has passed."""
    got = {name: [] for name in source.streams}
    until = part.s + seconds
    while part.s < until:
        sample = source.read()
        got[sample.stream].append(sample)
    return got


def values(samples):
    return np.concatenate([sample.data for sample in samples])
