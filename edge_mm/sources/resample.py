"""Changes the sample rate of a stream of sound, block by block.

In: (n,) float32 at one integer rate. Out: (m,) float32 at another; the same samples wherever the block borders fall.
Not here: files, devices, mixing of channels.

Polyphase FIR: output k lies at input position k * M / L (L/M the reduced ratio of the rates) and is the inner product
of the input around it with one of L phases of a Kaiser-windowed sinc (J. O. Smith, Digital Audio Resampling,
https://ccrma.stanford.edu/~jos/resample/). 32 zero crossings and beta = 9 give about 90 dB of stop band; the pass band
ends at 0.42 of the lower rate (6.8 kHz at 16 kHz). Zero phase: no delay between input and output times.
"""

from __future__ import annotations

from math import ceil, gcd

import numpy as np
import numpy.typing as npt

_ZERO_CROSSINGS = 32
_KAISER_BETA = 9.0
_ROLL_OFF = 0.94  # cut-off as a share of the lower Nyquist frequency: the middle of the transition band
_MOST_PHASES = 4096
_FEW_PHASES = 8
_AT_ONCE = 128

FloatBlock = npt.NDArray[np.float32]


class Resampler:
    """State of one stream; feed it in order.

    Args:
        from_hz: Rate of the input, samples per second.
        to_hz: Rate of the output.

    Raises:
        ValueError: a rate is not positive, or their ratio needs more than 4096 phases (a rate such as 15,999 Hz).
    """

    def __init__(self, *, from_hz: int, to_hz: int) -> None:
        if from_hz <= 0 or to_hz <= 0:
            raise ValueError(f"rates must be positive, not {from_hz} and {to_hz} Hz")
        divisor = gcd(from_hz, to_hz)
        self._up, self._down = to_hz // divisor, from_hz // divisor
        if self._up > _MOST_PHASES:
            raise ValueError(f"{from_hz} Hz cannot be brought to {to_hz} Hz in at most {_MOST_PHASES} phases")
        self._phases = _phases(self._up, self._down)
        self._taps = self._phases.shape[1]
        self._before = self._taps // 2 - 1  # input samples that an output needs before its own position
        self._held: FloatBlock = np.zeros(self._before, dtype=np.float32)
        self._held_at = -self._before  # input position of _held[0]
        self._next = 0  # index of the next output

    @property
    def position(self) -> int:
        """Index of the next output sample."""
        return self._next

    def push(self, block: FloatBlock) -> FloatBlock:
        """Take (n,) float32, give what can be computed by now."""
        if self._up == self._down:
            self._next += len(block)
            return block
        self._held = np.concatenate([self._held, block])
        end = self._held_at + len(self._held)  # first input position that is not there yet
        # Output k reaches up to input k*M//L + taps/2 included.
        last = end - self._taps // 2 - 1
        return self._compute(max(self._next, (last * self._up + self._up - 1) // self._down + 1 if last >= 0 else 0))

    def flush(self) -> FloatBlock:
        """The input ended: give the rest, so that all outputs together are ceil(n * to_hz / from_hz)."""
        if self._up == self._down:
            return np.zeros(0, dtype=np.float32)
        inputs = self._held_at + len(self._held)
        self._held = np.concatenate([self._held, np.zeros(self._taps, dtype=np.float32)])
        return self._compute(-(-inputs * self._up // self._down))

    def _compute(self, stop: int) -> FloatBlock:
        """Outputs from the next one up to ``stop``; then let go of the input that no later one needs."""
        if stop <= self._next:
            return np.zeros(0, dtype=np.float32)
        at = np.arange(self._next, stop, dtype=np.int64) * self._down
        first = at // self._up - self._before - self._held_at
        windows = np.lib.stride_tricks.sliding_window_view(self._held, self._taps)
        # einsum, not matmul: its sum per row does not depend on how many rows there are.
        result = np.empty(len(at), dtype=np.float32)
        if self._up <= _FEW_PHASES:  # outputs of one phase see the input at equal steps: views instead of copies
            for begin in range(min(self._up, len(at))):
                seen = windows[first[begin] : first[-1] + 1 : self._down]
                result[begin :: self._up] = np.einsum("nk,k->n", seen, self._phases[at[begin] % self._up])
        else:  # copies, few at a time: they stay in the cache
            for begin in range(0, len(at), _AT_ONCE):
                part = slice(begin, begin + _AT_ONCE)
                result[part] = np.einsum("nk,nk->n", windows[first[part]], self._phases[at[part] % self._up])
        self._next = stop
        keep_from = stop * self._down // self._up - self._before
        drop = min(max(keep_from - self._held_at, 0), len(self._held))
        self._held = self._held[drop:].copy()
        self._held_at += drop
        return result


def _phases(up: int, down: int) -> FloatBlock:
    """(up, taps) float32: one filter per fractional position, each of unit sum so that DC passes unchanged."""
    cut_off = _ROLL_OFF * min(1.0, up / down)  # in units of the input's Nyquist frequency
    half = ceil(_ZERO_CROSSINGS / cut_off)
    offset = np.arange(-half + 1, half + 1, dtype=np.float64)[None, :] - np.arange(up)[:, None] / up
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1.0 - (offset / half) ** 2, 0.0, 1.0)))
    taps = np.sinc(cut_off * offset) * window
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), dtype=np.float32)
