"""A MAX30102 pulse oximeter on an I2C bus -> PPG, oxygen saturation, die temperature.

In: counts of light (``max30102_part``). Out: (n,) float32 of infrared light in counts per mA of LED current, upside
down so that a heart beat points upwards; once a second SpO2 in percent, NaN where it may not be believed (``ratio``);
the die's temperature. Not here: heart rate, which ``perception`` works out of the PPG; reopening (the daemon).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mm.errors import ConfigError, SourceError, SourceLost
from edge_mm.kinds import StreamKind
from edge_mm.sources.i2c_bus import Bus, LinuxBus, silence_of
from edge_mm.sources.max30102_part import ADDRESS, DEPTH, FULL_SCALE, MA_PER_STEP, Max30102Part, timing_of
from edge_mm.sources.ratio import WINDOW_S, ratio_of, spo2_percent
from edge_mm.sources.unproven import Unproven
from edge_mm.sources.wanted import Wanted
from edge_mm.types import NS_PER_S, Sample, StreamSpec

RATE_HZ: Final = 100.0
_BLOCK_S = 0.1
_STALL_S = 2.0
_FIRST_STEPS = 36  # 7.2 mA, Maxim's own example
_MOST_STEPS = 255
_FINGER = 400.0  # counts per step of infrared; an open sensor sees some tens
_MIDDLE, _LOW, _HIGH = 0.5, 0.3, 0.7  # of full scale: where light shall be, and where it is left alone
_SETTLE = 2  # samples after a change of the LEDs that may be of both currents
_LONGEST_GAP_S = 5.0
_NO_FINGER_S = 3.0
_UNITS: Final[Mapping[StreamKind, str]] = {"ppg": "a.u.", "spo2": "%", "number": "degC"}
_READING_STALE_S = 10.0

Light = npt.NDArray[np.float64]


class Max30102:
    """A live MAX30102.

    Args:
        address: ``BUS[:ADDRESS]``, as in ``i2c:1`` or ``i2c:1:0x57``.
        wanted: its streams: ``ppg``, ``spo2``, and ``number`` for the temperature of the die.
        bus: opens the bus.
        wait: lets so many seconds pass.
        clock_ns: the present.

    Raises:
        ConfigError: it gives no such stream or rate, or the address is none.
    """

    live = True

    def __init__(
        self,
        address: str,
        wanted: Sequence[Wanted],
        *,
        bus: Callable[[int, int], Bus] = LinuxBus,
        wait: Callable[[float], None] = time.sleep,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._number, self._address = _place(address)
        self._where = f"MAX30102 at i2c:{self._number}:0x{self._address:02X}"
        for one in wanted:
            _check(one, self._where)
        rates = {one.rate_hz for one in wanted if one.kind == "ppg" and one.rate_hz is not None} or {RATE_HZ}
        if len(rates) > 1:
            raise ConfigError(f"{self._where}: it has one rate; give its sources the same rate_hz.")
        self._timing = timing_of(rates.pop(), where=self._where)
        self._rate_hz = self._timing.rate_hz
        self._wanted = tuple(wanted)
        self._bus, self._wait, self._clock_ns = bus, wait, clock_ns
        # Half of the FIFO at most, so that a late read loses nothing.
        self._poll_s = min(_BLOCK_S, DEPTH / 2 / self._rate_hz)
        self._lost = self._clipped = 0
        self._part: Max30102Part | None = None
        self._ready: deque[Sample] = deque()
        self._unproven = Unproven(
            "this kind of source ran so far on simulated registers and the kernel's i2c-stub only, never yet on a real "
            "sensor"
        )
        self._begin()

    def _begin(self) -> None:
        self._ready.clear()
        self._steps = [_FIRST_STEPS, _FIRST_STEPS]  # red, infrared
        self._settling = 0
        self._dazzled = 0  # clipped samples of this second
        self._recent: deque[Light] = deque()  # (n, 2) counts of the last seconds
        self._second_ns = self._heard_ns = self._finger_ns = self._clock_ns()
        self._trouble = ""

    @property
    def name(self) -> str:
        """Name of its first stream."""
        return self._wanted[0].name

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of all its streams."""
        return tuple(one.name for one in self._wanted)

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """What they promise."""
        return tuple(
            StreamSpec(one.name, one.kind, self._rate_hz, _UNITS[one.kind], stale_s=one.stale_s or _STALL_S)
            if one.kind == "ppg"
            else StreamSpec(one.name, one.kind, 1.0, _UNITS[one.kind], stale_s=one.stale_s or _READING_STALE_S)
            for one in self._wanted
        )

    @property
    def trouble(self) -> str:
        """Why it works badly now; empty while it is well."""
        return self._trouble

    @property
    def counters(self) -> Mapping[str, int]:
        """Samples that its FIFO lost, and those too bright to be measured."""
        return {"lost_samples": self._lost, "clipped_samples": self._clipped}

    def open(self) -> StreamSpec:
        """Find the part, reset it and let it measure.

        Raises:
            SourceError: no such bus, no permission, nothing answers, or it is another part.
        """
        self.close()
        self._unproven.say(self._where)
        part = Max30102Part(self._bus(self._number, self._address), self._where)
        try:
            part.start(self._timing, (_FIRST_STEPS, _FIRST_STEPS), self._wait)
        except SourceError:
            part.close()
            raise
        self._part = part
        self._begin()
        return self.specs[0]

    def read(self) -> Sample | None:
        """Block until there are samples, about 0.1 s.

        Raises:
            SourceLost: the part does not answer, or measures nothing for 2 s.
        """
        if self._part is None:
            raise SourceLost(f"{self._where} is not open; call open() first.")
        while not self._ready:
            self._wait(self._poll_s)
            try:
                self._poll(self._part)
            except OSError as error:
                raise SourceLost(f"{self._where} is gone: {silence_of(error)}.") from None
        return self._ready.popleft()

    def close(self) -> None:
        """Switch the LEDs off and close the bus."""
        part, self._part = self._part, None
        if part is not None:
            part.close()

    def _poll(self, part: Max30102Part) -> None:
        """Empty the FIFO; once a second, what is worked out of the last seconds."""
        counts, lost = part.empty()
        now_ns = self._clock_ns()
        if len(counts) == 0:
            if now_ns - self._heard_ns > _STALL_S * NS_PER_S:
                raise SourceLost(f"{self._where} has measured nothing for {_STALL_S:g} s; check its power.")
            return
        if lost:
            lost = self._really_lost(lost, now_ns)
            self._lost += lost
        self._heard_ns = now_ns
        light = counts.astype(np.float64)
        clipped = (counts >= FULL_SCALE).any(axis=1)
        self._clipped += int(clipped.sum())
        self._dazzled += int(clipped.sum())
        light[clipped] = np.nan
        light[: self._settling] = np.nan
        self._settling = max(0, self._settling - len(light))
        # What the FIFO had no room for came last.
        light = np.concatenate([light, np.full((lost, 2), np.nan)])
        self._recent.append(light)
        self._give_ppg(light, now_ns)
        if now_ns - self._second_ns >= NS_PER_S:
            self._second_ns = now_ns
            self._each_second(part, now_ns)

    def _really_lost(self, lost: int, now_ns: int) -> int:
        """The counter stops at 31; the clock goes on."""
        if lost < DEPTH - 1:
            return lost
        away_s = min((now_ns - self._heard_ns) / NS_PER_S, _LONGEST_GAP_S)
        return max(lost, round(away_s * self._rate_hz) - DEPTH)

    def _give_ppg(self, light: Light, now_ns: int) -> None:
        infrared = light[:, 1]
        values = -infrared / (self._steps[1] * MA_PER_STEP)
        values[infrared < _FINGER * self._steps[1]] = np.nan  # nothing lies on it: there is no pulse to be found
        t_ns = now_ns - round(len(values) * NS_PER_S / self._rate_hz)
        for one in self._wanted:
            if one.kind == "ppg":
                self._ready.append(Sample(one.name, t_ns, values.astype(np.float32), self._rate_hz))

    def _each_second(self, part: Max30102Part, now_ns: int) -> None:
        window = np.concatenate(self._recent)[-round(WINDOW_S * self._rate_hz) :]
        self._recent = deque([window])
        latest = window[-round(self._rate_hz) :]
        bright, self._dazzled = self._dazzled > 0.1 * self._rate_hz, 0
        if bright:
            level = np.array([FULL_SCALE, FULL_SCALE], np.float64)
        elif np.isnan(latest).all():
            return
        else:
            level = np.nanmean(latest, axis=0)
        finger = bool(level[1] >= _FINGER * self._steps[1])
        if finger:
            self._finger_ns = now_ns
        away_s = (now_ns - self._finger_ns) / NS_PER_S
        self._trouble = "nothing lies on the sensor; put a finger on it" if away_s > _NO_FINGER_S else ""
        readings = {"spo2": self._spo2(window) if finger and not bright else np.nan}
        if any(one.kind == "number" for one in self._wanted):
            temperature_c = part.temperature_c()
            readings |= {} if temperature_c is None else {"number": temperature_c}
        for one in self._wanted:
            if one.kind in readings:
                value = np.array([readings[one.kind]], np.float32)
                self._ready.append(Sample(one.name, now_ns, value, 1.0))
        self._control(part, level, finger)

    def _spo2(self, window: Light) -> float:
        if len(window) < round(WINDOW_S * self._rate_hz):
            return np.nan
        ratio = ratio_of(window[:, 0], window[:, 1], self._rate_hz)
        return spo2_percent(ratio.r) if ratio.good else np.nan

    def _control(self, part: Max30102Part, level: Light, finger: bool) -> None:
        """Bring the light of each LED into the middle of the range, or the LEDs back to where a finger is noticed."""
        steps = list(self._steps)
        for led, share in enumerate(level / FULL_SCALE):
            if not finger:
                steps[led] = _FIRST_STEPS
            elif not _LOW <= share <= _HIGH:
                wanted = steps[led] * _MIDDLE / max(float(share), 1e-6)  # an LED that is dead gives nothing at all
                steps[led] = int(np.clip(round(wanted), 1, _MOST_STEPS))
        if steps == self._steps:
            return
        part.set_leds(*steps)
        self._steps = steps
        self._settling = _SETTLE  # and no SpO2 of a window that holds them


def _place(address: str) -> tuple[int, int]:
    """Bus and address of ``BUS[:ADDRESS]``.

    Raises:
        ConfigError: it is none.
    """
    bus, _, at = address.partition(":")
    try:
        number, place = int(bus), int(at, 0) if at else ADDRESS
    except ValueError:
        number, place = -1, 0
    if number < 0 or not 0x03 <= place <= 0x77:
        raise ConfigError(f"i2c:{address}: name the bus, and the address where it is another: i2c:1 or i2c:1:0x57.")
    return number, place


def _check(one: Wanted, where: str) -> None:
    """Whether it gives such a stream.

    Raises:
        ConfigError: it does not.
    """
    if one.kind not in _UNITS:
        hint = {
            "heart_rate": "; the heart rate is worked out of its ppg",
            "temp": '; its die is no skin: ask for it with kind = "number", unit = "degC"',
        }.get(one.kind, "")
        raise ConfigError(f"{where}: it gives {', '.join(_UNITS)}, and no {one.kind}{hint}.")
    if one.column is not None:
        raise ConfigError(f"{where}: it has no columns; leave column of {one.name!r} away.")
    if one.unit is not None and one.unit != _UNITS[one.kind]:
        raise ConfigError(f"{where}: {one.name!r} is in {_UNITS[one.kind]}, not in {one.unit!r}; leave unit away.")
