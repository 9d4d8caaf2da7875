"""Streams of the Lab Streaming Layer: amplifiers, trackers and simulators that publish in the local network.

In: a stream's name or type, and which of its channels are wanted. Out: blocks of about 0.1 s of signals, one Sample per
row of readings, at the time that the sender stamped, brought to our monotonic clock. Not here: which channel is which
(``lsl_channels``), drift and jitter (``perception/align``), opening again (the daemon).

LSL's clock and its correction: liblsl, ``lsl_local_clock`` and ``lsl_time_correction`` (labstreaminglayer.org).
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mm.errors import ConfigError, SourceError, SourceLost
from edge_mm.kinds import READINGS
from edge_mm.protocols import Halt
from edge_mm.sources.discovery import FoundDevice
from edge_mm.sources.files import given_rate, said
from edge_mm.sources.lsl_channels import Channels, checked
from edge_mm.sources.unproven import Unproven
from edge_mm.sources.wanted import Wanted
from edge_mm.types import NS_PER_S, Sample, StreamSpec

_BLOCK_S = 0.1
_LOOK_S = 0.5
_SECOND_LOOK_S = 0.7
_BUFFER_S = 10
"""What liblsl keeps for a reader that is late, seconds."""
_MOST_ROWS = 4096
_CORRECTED_EVERY_S = 5.0
_FOREIGN_S, _AHEAD_S = 10.0, 1.0
_GAP_PERIODS, _GAP_S = 3.0, 0.1

_MOST_READINGS = 64


class LslStream:
    """One stream of the Lab Streaming Layer.

    Args:
        name: the stream's name or, where none has that name, its type (``EEG``).
        wanted: its channels; ``column`` by number, from 0, or by label, the first of three for ``acc`` and such.
        find_s: longest search for it.
        stall_s: a stream with a rate that gives nothing for so long is lost.

    Raises:
        ConfigError: the name is empty, or a kind, unit, column or rate cannot be.
    """

    live = True
    retry_s = 2.0

    def __init__(self, name: str, wanted: Sequence[Wanted], *, find_s: float = 5.0, stall_s: float = 2.0) -> None:
        self._stream = name.strip()
        self._label = f"LSL stream {self._stream!r}"
        if not self._stream or {"'", '"'} <= set(self._stream):
            raise ConfigError('LSL: give a stream\'s name or type, without quotes in it: device = "lsl:BioAmp".')
        for one in wanted:
            checked(one, self._label)
            given_rate(one.rate_hz, where=self._label)
        self._wanted = tuple(wanted)
        self.name = wanted[0].name
        self._unproven = Unproven("LSL has been tried with streams of our own only, never with a real device's")
        self.streams = tuple(one.name for one in wanted)
        self.specs: tuple[StreamSpec, ...] = ()
        self._find_s, self._stall_s = find_s, stall_s
        self._inlet: Any = None
        self._rate_hz = 0.0
        self._channels: tuple[Channels, ...] = ()
        self._ready: deque[Sample] = deque()
        self._counts = Counter({"foreign_times": 0})
        self._foreign = False
        self._correction_s, self._corrected_s = 0.0, -math.inf
        self._heard_s = 0.0
        self._told: dict[str, tuple[npt.NDArray[np.float32], int]] = {}
        self._halt: Halt = threading.Event()

    @property
    def counters(self) -> Mapping[str, int]:
        """``foreign_times``: blocks whose time could not be of now, so that the time of their arrival is taken."""
        return dict(self._counts)

    @property
    def trouble(self) -> str:
        """Whether its times are of another clock."""
        if not self._foreign:
            return ""
        return f"{self._label} stamps with a clock that is not LSL's; its sender must use local_clock()"

    def open(self) -> StreamSpec:
        """Find it and connect.

        Raises:
            SourceError: no pylsl, no such stream, a channel that it does not have, texts instead of numbers, no rate.
        """
        self.close()
        pylsl = _load_pylsl()
        self._unproven.say(self.name)
        info = self._find(pylsl)
        try:
            inlet = pylsl.StreamInlet(info, max_buflen=_BUFFER_S, recover=False)
            info = inlet.info(timeout=self._find_s)  # the whole description; what was found has no channels in it
            self._channels = tuple(Channels(one, info, self._label) for one in self._wanted)
            self._rate_hz = float(info.nominal_srate())
            self.specs = tuple(map(self._spec, self._channels))
            inlet.open_stream(timeout=self._find_s)
            self._inlet, self._corrected_s = inlet, -math.inf
            self._correct()
        except (RuntimeError, TimeoutError, OSError) as error:  # pylsl's LostError is a RuntimeError
            self.close()
            raise SourceError(
                f"{self._label} was found, but does not answer ({said(error)}); is a firewall between it and us?"
            ) from None
        except BaseException:
            self.close()
            raise
        self._ready.clear()
        self._told.clear()
        self._foreign = False
        self._heard_s = time.monotonic()
        return self.specs[0]

    def read(self) -> Sample | None:
        """Block until there are samples: about 0.1 s, or until the next reading of a stream without a rate.

        Raises:
            SourceLost: the stream is gone, or one with a rate gave nothing for ``stall_s``.
        """
        if self._inlet is None:
            raise SourceLost(f"{self._label} is not open; call open() first.")
        while not self._ready:
            if self._halt.is_set():
                return None
            rows, stamps = self._pull()
            now_ns = time.monotonic_ns()
            if len(rows):
                self._heard_s = now_ns / NS_PER_S
                self._ready.extend(self._samples(rows, self._times_ns(stamps, now_ns)))
            elif self._rate_hz and now_ns / NS_PER_S - self._heard_s > self._stall_s:
                raise SourceLost(f"{self._label} gave no sample for {self._stall_s:g} s; check its sender.")
        return self._ready.popleft()

    def heed(self, halt: Halt) -> None:
        """``read`` returns None once this is set; see ``protocols.Heedful``."""
        self._halt = halt

    def close(self) -> None:
        """Disconnect."""
        inlet, self._inlet = self._inlet, None
        if inlet is not None:
            with contextlib.suppress(Exception):  # liblsl of a sender that is gone
                inlet.close_stream()

    def _find(self, pylsl: Any) -> Any:
        quote = '"' if "'" in self._stream else "'"
        word = f"{quote}{self._stream}{quote}"
        asked = f"name={word} or type={word}"
        if found := pylsl.resolve_bypred(asked, minimum=1, timeout=self._find_s):
            # Whoever answers first may be one of several.
            found = pylsl.resolve_bypred(asked, minimum=len(found) + 1, timeout=_SECOND_LOOK_S) or found
        named = [info for info in found if info.name() == self._stream] or found
        if not named:
            raise SourceError(
                f"{self._label} is not there: nothing of that name or type answered within {self._find_s:g} s; start "
                "its sender, in the same network, and let multicast (UDP 16571) and TCP 16572 to 16604 through."
            )
        if len(named) > 1:
            which = ", ".join(sorted(f"{info.name()!r} on {info.hostname()}" for info in named))
            raise SourceError(f"{self._label} names several: {which}; name one, or switch the others off.")
        return named[0]

    def _spec(self, channels: Channels) -> StreamSpec:
        one = channels.wanted
        if one.kind in READINGS:
            normal_s = 60.0 if not self._rate_hz else max(2.0, 5.0 / self._rate_hz)
            return StreamSpec(one.name, one.kind, 1.0, channels.unit, stale_s=one.stale_s or normal_s)
        rate_hz = self._rate_hz or one.rate_hz
        if not rate_hz:
            raise SourceError(f"{self._label} says no rate, which a signal ({one.kind}) needs; set rate_hz.")
        return StreamSpec(one.name, one.kind, rate_hz, channels.unit, stale_s=one.stale_s or 2.0)

    def _pull(self) -> tuple[npt.NDArray[np.float64], list[float]]:
        """The rows that came in one block length, or what there is of a stream without a rate."""
        try:
            if self._rate_hz:
                most = min(_MOST_ROWS, max(1, math.ceil(self._rate_hz * _BLOCK_S)))
                rows, stamps = self._inlet.pull_chunk(timeout=_BLOCK_S, max_samples=most)
            else:
                rows, stamps = self._inlet.pull_chunk(timeout=_LOOK_S, max_samples=1)
                if stamps:
                    more, later = self._inlet.pull_chunk(timeout=0.0, max_samples=_MOST_ROWS)
                    rows, stamps = [*rows, *more], [*stamps, *later]
        except (RuntimeError, OSError) as error:
            raise SourceLost(f"{self._label} is gone ({said(error)}); is its sender still running?") from None
        self._correct()
        return np.array(rows, np.float64), list(stamps)

    def _correct(self) -> None:
        """Ask now and then how far the sender's clock is from LSL's here."""
        now_s = time.monotonic()
        if now_s - self._corrected_s < _CORRECTED_EVERY_S:
            return
        first = self._corrected_s == -math.inf
        try:
            self._correction_s = self._inlet.time_correction(timeout=self._find_s if first else 0.05)
        except (RuntimeError, TimeoutError, OSError):
            if first:
                raise
        self._corrected_s = now_s

    def _times_ns(self, stamps: Sequence[float], now_ns: int) -> npt.NDArray[np.int64]:
        """When each row was measured, in our time."""
        here_s = _load_pylsl().local_clock()
        ages_s = here_s - (np.array(stamps) + self._correction_s)
        self._foreign = bool((ages_s > _FOREIGN_S).any() or (ages_s < -_AHEAD_S).any() or not np.isfinite(ages_s).all())
        if self._foreign:
            self._counts["foreign_times"] += 1
            ages_s = np.arange(len(stamps), 0, -1) / self._rate_hz if self._rate_hz else np.zeros(len(stamps))
        times_ns: npt.NDArray[np.int64] = now_ns - np.round(np.maximum(ages_s, 0.0) * NS_PER_S).astype(np.int64)
        return times_ns

    def _samples(self, rows: npt.NDArray[np.float64], times_ns: npt.NDArray[np.int64]) -> Iterator[Sample]:
        for channels, spec in zip(self._channels, self.specs, strict=True):
            data = channels.of(rows)
            if spec.kind in READINGS:
                for i in self._worth_telling(spec, data, times_ns):
                    yield Sample(spec.name, int(times_ns[i]), data[i : i + 1], spec.rate_hz)
                continue
            period_ns = NS_PER_S / spec.rate_hz
            gap_ns = max(_GAP_PERIODS * period_ns, _GAP_S * NS_PER_S)
            for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(times_ns) > gap_ns) + 1):
                # A block lies evenly: of stamps that jitter, where most of them say that it began.
                began_ns = np.median(times_ns[part] - np.arange(len(part)) * period_ns)
                yield Sample(spec.name, int(began_ns), data[part], spec.rate_hz)

    def _worth_telling(
        self, spec: StreamSpec, data: npt.NDArray[np.float32], times_ns: npt.NDArray[np.int64]
    ) -> Sequence[int]:
        """Which rows of readings are passed on: of a stream with a rate, the newest if it has changed or is a second
        later than the last (an amplifier repeats its heart rate a thousand times a second); of others, all.
        """
        if not self._rate_hz or spec.kind == "rr":
            return range(max(0, len(data) - _MOST_READINGS), len(data))
        value, t_ns = data[-1], int(times_ns[-1])
        told = self._told.get(spec.name)
        if told is not None and t_ns - told[1] < NS_PER_S and np.array_equal(value, told[0], equal_nan=True):
            return ()
        self._told[spec.name] = (np.array(value), t_ns)
        return (len(data) - 1,)


def _load_pylsl() -> Any:
    try:
        import pylsl
    except (ImportError, RuntimeError) as error:  # RuntimeError: the package is there, liblsl is not
        raise SourceError(f"LSL needs the package pylsl ({said(error)}): pip install 'edge-mm[lsl]'.") from None
    return pylsl


def discover_lsl(seconds: float = 2.0) -> list[FoundDevice]:
    """Streams that are offered in this network.

    Args:
        seconds: how long to listen.

    Raises:
        SourceError: pylsl or liblsl is missing.
    """
    found = _load_pylsl().resolve_streams(wait_time=seconds)
    rows = sorted({(info.name(), info.type(), info.hostname(), info.channel_count()) for info in found})
    return [FoundDevice(f"lsl:{name}", f"{sort}, {count} channels, on {host}") for name, sort, host, count in rows]
