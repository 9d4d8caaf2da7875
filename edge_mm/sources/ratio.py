"""Oxygen saturation from red and infrared light: the ratio of ratios, and whether it may be believed.

In: some seconds of both, in counts. Out: R, a quality, SpO2 in percent or NaN. Pure numpy. Not here: any device.

``R = (AC_red / DC_red) / (AC_ir / DC_ir)``; the curve is the quadratic of Maxim's reference firmware (MAXREFDES117#),
fitted to no sensor in particular. Maxim's application note 6845 says how a product is calibrated with people; **this is
not calibrated**, and below 70 % no pulse oximeter is.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

WINDOW_S: Final = 4.0
"""Length of a window: two beats at least, at 40 beats per minute almost three."""
LOWEST_PERCENT: Final = 70.0
"""Below, nothing is said."""
_LEAST_R = 0.3  # the curve has its top at 0.34; a smaller R is no blood
_PERFUSION = 0.001, 0.10  # AC (peak to peak) over DC of a finger; more is motion
_AGREEMENT = 0.97  # correlation of both: their noise biases R by at most so much
_PERIODIC = 0.75  # a pulse resembles itself one beat later
_STEADY = 0.15  # R of both halves of a window differs by this share at most
_BEAT_S = 0.3, 1.5  # 200 to 40 beats per minute
_SMOOTH_S = 0.1
_FLAT = 1e-7  # what rounding leaves of a light that does not change

Light = npt.NDArray[np.float64]


class Ratio(NamedTuple):
    """What a window says."""

    r: float
    """Ratio of ratios."""
    perfusion: float
    """AC over DC of the infrared light, peak to peak."""
    agreement: float
    """Correlation of both waveforms."""
    periodicity: float
    """Correlation of the infrared waveform with itself one beat later."""
    steadiness: float
    """How much R of both halves differs, as a share."""

    @property
    def good(self) -> bool:
        """Whether a finger lies still on the sensor and its pulse is seen."""
        return bool(
            _PERFUSION[0] <= self.perfusion <= _PERFUSION[1]
            and self.agreement >= _AGREEMENT
            and self.periodicity >= _PERIODIC
            and self.steadiness <= _STEADY
        )


NOTHING: Final = Ratio(np.nan, 0.0, 0.0, 0.0, np.inf)


def ratio_of(red: Light, infrared: Light, rate_hz: float) -> Ratio:
    """The ratio of a window.

    Args:
        red: (n,) counts, not inverted, offset removed (the sensor's ADC counts light from 0).
        infrared: (n,) as ``red``.
        rate_hz: samples per second.

    Returns:
        ``NOTHING`` where values are missing or there is no light.
    """
    red, infrared = np.asarray(red, np.float64), np.asarray(infrared, np.float64)
    if len(red) < 2 * _BEAT_S[1] * rate_hz or not (np.isfinite(red).all() and np.isfinite(infrared).all()):
        return NOTHING
    if min(red.mean(), infrared.mean()) <= 0:
        return NOTHING
    one, other = _pulse(red, rate_hz), _pulse(infrared, rate_hz)
    power = float(np.sqrt((one @ one) * (other @ other)))
    if power <= _FLAT**2 * len(one):
        return NOTHING
    half = len(one) // 2
    halves = [_r(one[part], other[part]) for part in (slice(None, half), slice(half, None))]
    return Ratio(
        r=_r(one, other),
        perfusion=float(np.quantile(other, 0.98) - np.quantile(other, 0.02)),
        agreement=float(one @ other) / power,
        periodicity=_periodicity(other, rate_hz),
        steadiness=abs(halves[0] - halves[1]) / max(min(halves), 1e-9),
    )


def spo2_percent(r: float) -> float:
    """Saturation of a ratio, percent; NaN where the curve says nothing."""
    if not r >= _LEAST_R:
        return np.nan
    percent = -45.060 * r * r + 30.354 * r + 94.845
    return min(percent, 100.0) if percent >= LOWEST_PERCENT else np.nan


def _pulse(light: Light, rate_hz: float) -> Light:
    """The waveform as a share of the light: drift and noise removed, edges cut."""
    length = max(round(_SMOOTH_S * rate_hz), 1)
    window = np.hanning(length + 2)[1:-1]
    smooth = np.convolve(light / light.mean(), window / window.sum(), mode="valid")
    at = np.linspace(-1.0, 1.0, len(smooth))
    drift = np.polynomial.chebyshev.chebfit(at, smooth, 3)
    return np.asarray(smooth - np.polynomial.chebyshev.chebval(at, drift), np.float64)


def _r(red: Light, infrared: Light) -> float:
    below = float(infrared @ infrared)
    return float(np.sqrt((red @ red) / below)) if below > 0 else np.nan


def _periodicity(wave: Light, rate_hz: float) -> float:
    """The best correlation of a waveform with itself at the lag of a beat."""
    lags = range(max(round(_BEAT_S[0] * rate_hz), 1), min(round(_BEAT_S[1] * rate_hz), len(wave) // 2) + 1)
    squares = np.concatenate([[0.0], np.cumsum(wave * wave)])
    size = 1 << (2 * len(wave) - 1).bit_length()
    spectrum = np.fft.rfft(wave, size)
    products = np.fft.irfft(spectrum * spectrum.conj(), size)[lags.start : lags.stop]
    at = np.arange(lags.start, lags.stop)
    power = np.sqrt(squares[len(wave) - at] * (squares[-1] - squares[at]))
    return float(np.max(products / np.maximum(power, 1e-30)))
