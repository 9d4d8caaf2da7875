"""What the cells of a CSV file's time column mean: dates, clock times, and which unit bare numbers are in.

In: cells or numbers. Out: seconds, a ``Timing``, or why there is none. Not here: finding the column (``csv_layout``).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge_mm.sources.blocks import Timing, timing_of
from edge_mm.sources.channels import SignalKind

_CLOCK = re.compile(r"^(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)$")

LARGEST = 1e30
"""A larger number is no time in any unit; differences of smaller ones are finite."""
_EPOCH = 1e10  # seconds since 1970 pass it in the year 2286: what is larger is in a smaller unit


def numbers(cells: Sequence[str]) -> npt.NDArray[np.float64]:
    """The numbers in the cells, NaN where there is none."""
    try:
        return np.array(cells).astype(np.float64)
    except ValueError:
        return np.array([_number(cell) for cell in cells])


def is_dated(cells: Sequence[str]) -> bool:
    """Whether a column holds dates or clock times."""
    return sum(":" in cell for cell in cells) > len(cells) // 2


def dated_seconds(cells: Sequence[str]) -> npt.NDArray[np.float64]:
    """ISO date times or clock times, NaN where a cell is neither -> seconds since some midnight."""
    text = [cell.strip("[] ").removesuffix("Z") for cell in cells]
    return _calendar(text) if any("-" in cell for cell in text) else np.array([_clock(cell) for cell in text])


def read_times(
    times: npt.NDArray[np.float64], seconds_per_unit: float | None, kind: SignalKind
) -> tuple[float, Timing | None]:
    """Unit of the time column and what it says of the rate.

    Where the file names no unit: an epoch is known by its size; else seconds, unless no ECG or PPG is sampled that
    slowly (below 5 Hz), then milli-, micro- or nanoseconds. Steps of 1 are no milliseconds: they number the rows.
    """
    if seconds_per_unit is not None:
        return seconds_per_unit, timing_of(times * seconds_per_unit)
    units = [1.0, 1e-3, 1e-6, 1e-9]
    finite = times[np.isfinite(times)]
    largest = float(np.max(np.abs(finite))) if len(finite) else 0.0
    while len(units) > 1 and largest * units[0] > _EPOCH:
        units.pop(0)
    for unit in units:
        timing = timing_of(times * unit)
        if timing is None or kind not in ("ecg", "ppg") or timing.rate_hz >= 5.0:
            return unit, timing
        if unit == 1.0 and is_row_number(finite):
            return unit, None
    return units[0], timing_of(times * units[0])


def why_no_rate(times: npt.NDArray[np.float64]) -> str:
    """Why a time column says nothing of the rate."""
    finite = times[np.isfinite(times)]
    mend = "give --rate (rate_hz) if the rows are in order"
    if not len(finite):
        return f"its first rows hold no times; {mend}"
    if len(times) == 1 or len(finite) == 1:
        return "there is only one row with a time, and a rate takes two; record more, or give --rate (rate_hz)"
    if is_row_number(finite):
        return (
            "it goes in steps of 1, as row numbers do; give --rate (rate_hz), or name it with its unit: time_s, time_ms"
        )
    if np.all(finite == finite[0]):
        return f"it does not ascend: its first {len(finite)} rows all say {finite[0]:.12g}; {mend}"
    if np.median(np.diff(finite)) == 0:
        return f"its clock is coarser than the samples: most rows have the time of the row before; {mend}"
    ends = f"from {finite[0]:.12g} to {finite[-1]:.12g}"
    return f"it does not ascend: its first rows go {ends}; sort the rows by time, or {mend}"


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def is_row_number(finite: npt.NDArray[np.float64]) -> bool:
    """Whether times of no known unit go in steps of 1 and are no epoch."""
    return len(finite) > 1 and float(np.max(np.abs(finite))) < _EPOCH and float(np.median(np.diff(finite))) == 1.0


def rises_evenly(times: npt.NDArray[np.float64]) -> bool:
    """Whether a column without a name can only be the time (or numbers the rows): it rises, mostly in equal steps.

    Gaps, a midnight and single unreadable cells are allowed.
    """
    finite = times[np.abs(times) < LARGEST]
    steps = np.diff(finite)
    if len(steps) < 2 or len(finite) < 0.9 * len(times) or 50 * np.count_nonzero(steps < 0) > len(steps):
        return False
    middle = float(np.median(steps))
    return middle > 0 and float(np.mean(np.abs(steps - middle) <= 0.5 * middle)) >= 0.8


def _clock(cell: str) -> float:
    """``23:59:58.004``, ``1:00:00``, ``0:00.004`` (PhysioNet: minutes and seconds), ``23:59`` (no fraction: hours)."""
    match = _CLOCK.match(cell)
    if match is None:
        return float("nan")
    first, second, third = int(match[1] or 0), int(match[2]), float(match[3])
    if match[1] is None and "." not in match[3]:
        first, second, third = second, int(match[3]), 0.0
    return first * 3600 + second * 60 + third


def _calendar(text: Sequence[str]) -> npt.NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy keeps no time zone, but it counts it in
        try:
            stamps = np.array(text, dtype="datetime64[us]")
        except ValueError:
            stamps = np.array([_stamp(cell) for cell in text], dtype="datetime64[us]")
    seconds = stamps.astype(np.int64) / 1e6
    seconds[np.isnat(stamps)] = np.nan
    return np.asarray(seconds, dtype=np.float64)


def _stamp(cell: str) -> np.datetime64:
    try:
        return np.datetime64(cell, "us")
    except ValueError:
        return np.datetime64("NaT")
