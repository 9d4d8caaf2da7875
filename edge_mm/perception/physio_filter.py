"""Resample and filter a signal chunk by chunk, and bridge or report what is missing.

In: chunks of any rate and unit, NaN where a value is missing. Out: the band that beats live in, at one internal rate,
in the stream's unit without offset; ``None`` between stretches that are not continuous. Output index m of a stretch is
m / ``out_hz`` seconds after its first input sample: the low-pass is symmetric, so it costs look-ahead, not delay.
Not here: amplitude (``physio_qrs`` and ``physio_pulse`` normalise).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float64]

BRIDGE_S = 0.05
"""Missing stretches up to this long are bridged by a straight line."""
_PHASES = 64


class Held:
    """The newest values of a stretch, found by their index in it.

    Args:
        before: so many zeros stand before the stretch.
        keep: how many values ``trim`` leaves.
    """

    def __init__(self, *, before: int, keep: int) -> None:
        self._values: Signal = np.zeros(before)
        self._first = -before
        self._keep = keep

    @property
    def end(self) -> int:
        """Index after the newest value."""
        return self._first + self._values.size

    def add(self, values: Signal) -> None:
        """Take the next values."""
        self._values = np.concatenate([self._values, values])

    def trim(self) -> None:
        """Let go of the oldest."""
        drop = max(0, self._values.size - self._keep)
        self._values, self._first = self._values[drop:], self._first + drop

    def window(self, start: int, length: int) -> Signal:
        """(length,) values from an index on; the oldest and the newest stand for what is not held."""
        begin = start - self._first
        if begin >= 0 and begin + length <= self._values.size:
            return self._values[begin : begin + length]
        index = np.clip(np.arange(begin, begin + length), 0, self._values.size - 1)
        return self._values[index]


class Resampler:
    """Anti-alias low-pass and change of rate in one: a Kaiser-windowed sinc read at the output's instants.

    Args:
        rate_hz: input.
        out_hz: output.
        cutoff_hz: -6 dB point; lowered to 0.42 x ``rate_hz`` where the input is slower.
        half_s: half length of the kernel = look-ahead. The transition is 1.5 / ``half_s`` Hz wide (50 dB).
    """

    def __init__(self, rate_hz: float, out_hz: float, *, cutoff_hz: float, half_s: float) -> None:
        self._step = rate_hz / out_hz
        self._half = math.ceil(half_s * rate_hz)
        taps = np.arange(-self._half, self._half + 2, dtype=np.float64)
        seconds = (taps[None, :] - np.arange(_PHASES + 1)[:, None] / _PHASES) / rate_hz
        cutoff = min(cutoff_hz, 0.42 * rate_hz)
        inside = np.clip(1.0 - (seconds / half_s) ** 2, 0.0, None)
        kernel = np.sinc(2.0 * cutoff * seconds) * np.i0(4.55 * np.sqrt(inside)) * (inside > 0)
        self._table = kernel / kernel.sum(axis=1, keepdims=True)
        self._buffer: Signal = np.zeros(0)
        self._first = 0  # input index of buffer[0]
        self._next = 0  # output index

    def push(self, values: Signal) -> Signal:
        """(n,) at ``rate_hz`` -> (m,) at ``out_hz``, as far as the kernel's look-ahead allows."""
        if self._first == 0 and self._buffer.size == 0:
            self._buffer = np.full(self._half, values[0])
            self._first = -self._half
        self._buffer = np.concatenate([self._buffer, values])
        last = self._first + self._buffer.size - self._half - 2
        stop = math.floor(last / self._step) + 1
        if stop <= self._next:
            return np.zeros(0)
        position = np.arange(self._next, stop) * self._step
        whole = np.floor(position).astype(np.int64)
        phase = np.rint((position - whole) * _PHASES).astype(np.int64)
        windows = np.lib.stride_tricks.sliding_window_view(self._buffer, 2 * self._half + 2)
        out: Signal = np.einsum("ij,ij->i", windows[whole - self._half - self._first], self._table[phase])
        self._next = stop
        drop = math.floor(stop * self._step) - self._half - self._first
        self._buffer, self._first = self._buffer[drop:], self._first + drop
        return out


class Highpass:
    """Second-order Butterworth high-pass as a truncated impulse response whose sum is zero (no offset passes)."""

    def __init__(self, rate_hz: float, cutoff_hz: float) -> None:
        self._taps = _butterworth_highpass(rate_hz, cutoff_hz)
        self._past: Signal = np.zeros(self._taps.size - 1)

    def push(self, values: Signal) -> Signal:
        """(n,) -> (n,)."""
        joined = np.concatenate([self._past, values])
        self._past = joined[values.size :]
        return np.convolve(joined, self._taps, mode="valid")


class Stretch(NamedTuple):
    """Filtered values."""

    values: Signal
    """(m,) at the internal rate."""
    begins_at: int | None
    """Where a new stretch begins: index of its first input sample, relative to the pushed array; else None."""


class BandFilter:
    """Bridging, resampling and high-pass for one run; ``None`` marks a break inside it."""

    def __init__(self, rate_hz: float, out_hz: float, *, low_hz: float, high_hz: float, half_s: float) -> None:
        self._spec = (rate_hz, out_hz, low_hz, high_hz, half_s)
        self._bridge = max(1, round(BRIDGE_S * rate_hz))
        self._half_n = math.ceil(half_s * rate_hz) + 2
        self._chain: tuple[Resampler, Highpass] | None = None
        self._offset = 0.0
        self._last = 0.0
        self._missing = 0

    def push(self, values: Signal) -> Iterator[Stretch | None]:
        """Take input values; gives ``Stretch`` pieces, and ``None`` where the signal broke off (> 50 ms missing)."""
        absent = np.isnan(values)
        if not absent.any() and not self._missing:
            yield from self._feed(values, 0)
            return
        edges = np.flatnonzero(np.diff(absent.astype(np.int8))) + 1
        start = 0
        for end in [*edges.tolist(), values.size]:
            if absent[start]:
                self._missing += end - start
                if self._missing > self._bridge and self._chain is not None:
                    yield from self.flush()
                    yield None
            elif end > start:
                if self._missing and self._chain is not None:
                    line = np.linspace(self._last, values[start], self._missing + 2)[1:-1]
                    yield from self._feed(line, start - self._missing)
                self._missing = 0
                yield from self._feed(values[start:end], start)
            start = end

    def flush(self) -> Iterator[Stretch]:
        """The stretch ends here: what the look-ahead held back comes out, the last value held on."""
        if self._chain is not None:
            yield from self._feed(np.full(self._half_n, self._last), 0)
        self._chain = None

    def _feed(self, values: Signal, offset: int) -> Iterator[Stretch]:
        begins = self._chain is None
        if self._chain is None:
            rate_hz, out_hz, low_hz, high_hz, half_s = self._spec
            self._chain = Resampler(rate_hz, out_hz, cutoff_hz=high_hz, half_s=half_s), Highpass(out_hz, low_hz)
            self._offset = float(values[0])
        self._last = float(values[-1])
        resampler, highpass = self._chain
        out = resampler.push(values - self._offset)
        yield Stretch(highpass.push(out) if out.size else out, offset if begins else None)


def _butterworth_highpass(rate_hz: float, cutoff_hz: float, seconds: float = 3.0) -> Signal:
    k = math.tan(math.pi * cutoff_hz / rate_hz)
    norm = 1.0 / (1.0 + math.sqrt(2.0) * k + k * k)
    a1, a2 = 2.0 * (k * k - 1.0) * norm, (1.0 - math.sqrt(2.0) * k + k * k) * norm
    taps = np.zeros(round(seconds * rate_hz))
    drive = (norm, -2.0 * norm, norm)
    for n in range(taps.size):  # once, when the filter is made
        past = a1 * (taps[n - 1] if n else 0.0) + a2 * (taps[n - 2] if n > 1 else 0.0)
        taps[n] = (drive[n] if n < 3 else 0.0) - past
    centred: Signal = taps - taps.mean()
    return centred
