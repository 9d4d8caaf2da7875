"""Which channels of an LSL stream are a wanted stream, and in which unit.

In: what is wanted, and the stream's own description (labels and units as the XDF project writes them:
github.com/sccn/xdf/wiki/Meta-Data). Out: the values in the kind's unit. Not here: the connection (``lsl``).
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt

from edge_mm.errors import ConfigError, SourceError
from edge_mm.kinds import READINGS, TRIPLES
from edge_mm.sources.channels import SIGNAL_KINDS, UNIT_OF, SignalKind, unit_factor
from edge_mm.sources.reading_units import UNIT_OF_READING, Conversion, conversion
from edge_mm.sources.wanted import Wanted

_SPELLED = {
    "microvolts": "uV",
    "millivolts": "mV",
    "volts": "V",
    "microsiemens": "uS",
    "celsius": "degC",
    "percent": "%",
}
_TEXT = 3  # pylsl.cf_string


def checked(one: Wanted, label: str) -> None:
    """Whether such a stream can be wanted of LSL.

    Raises:
        ConfigError: not this kind, column or unit.
    """
    if one.kind not in SIGNAL_KINDS and one.kind not in READINGS:
        raise ConfigError(
            f"{label} gives no {one.kind}; choose one of {', '.join([*SIGNAL_KINDS, *sorted(READINGS)])}."
        )
    if isinstance(one.column, int) and one.column < 0:
        raise ConfigError(f"{label}: the column is counted from 0; there is no {one.column}.")
    if one.unit is not None:
        try:
            _conversion(one, one.unit, label)
        except SourceError as error:
            raise ConfigError(str(error)) from None


class Channels:
    """The channels of one wanted stream.

    Args:
        wanted: the stream.
        info: the LSL stream's whole description.
        label: the LSL stream, for messages.

    Raises:
        SourceError: it gives texts; it has no such channel, or several and none was named; its unit is another's.
    """

    def __init__(self, wanted: Wanted, info: Any, label: str) -> None:
        if info.channel_format() == _TEXT:
            raise SourceError(f"{label} gives texts (markers), not numbers; name another stream.")
        self.wanted = wanted
        labels, units = _described(info)
        self._width = 3 if wanted.kind in TRIPLES else 1
        self._columns = self._chosen(labels, label)
        unit = wanted.unit
        if unit is None:
            written = {units[column] for column in self._columns}
            if len(written) > 1:
                raise SourceError(f"{label}: its channels have several units ({', '.join(sorted(written))}); set unit.")
            unit = written.pop() or None
        self._conversion = _conversion(wanted, unit, label)
        if wanted.kind == "number":
            self.unit = wanted.unit or unit or "1"
        else:
            self.unit = UNIT_OF_READING.get(wanted.kind) or UNIT_OF[cast(SignalKind, wanted.kind)]

    def of(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """(n, channels) as they came -> (n,) or (n, 3) in the kind's unit."""
        with np.errstate(over="ignore", invalid="ignore"):
            data = (rows[:, self._columns] * self._conversion.factor + self._conversion.offset).astype(np.float32)
        data[~np.isfinite(data)] = np.nan
        return data if self._width == 3 else data[:, 0]

    def _chosen(self, labels: list[str], label: str) -> list[int]:
        column, count = self.wanted.column, len(labels)
        has = ", ".join(repr(one) for one in labels if one) or "without labels"
        if column is None:
            if count == self._width:
                return list(range(count))
            raise SourceError(
                f"{label} has {count} channels ({has}), {self.wanted.kind} takes {self._width}; set column to a number "
                "from 0, or a label."
            )
        words = column if isinstance(column, tuple) else (column,)
        found = []
        for word in words:
            lower = [one.lower() for one in labels]
            at = word if isinstance(word, int) else next((i for i, one in enumerate(lower) if one == word.lower()), -1)
            if not 0 <= at < count:
                raise SourceError(f"{label} has no channel {word!r}; it has {count} ({has}), counted from 0.")
            found.append(at)
        if len(found) == 1:
            found = [found[0] + i for i in range(self._width)]
        if len(found) != self._width or found[-1] >= count:
            raise SourceError(f"{label}: {self.wanted.kind} takes {self._width} of its {count} channels ({has}).")
        return found


def _described(info: Any) -> tuple[list[str], list[str]]:
    """Label and unit of each channel; empty where the sender has said nothing."""
    labels, units = [], []
    channel = info.desc().child("channels").child("channel")
    for _ in range(info.channel_count()):
        labels.append(channel.child_value("label").strip())
        units.append(channel.child_value("unit").strip())
        channel = channel.next_sibling("channel")
    return labels, units


def _conversion(one: Wanted, unit: str | None, label: str) -> Conversion:
    text = _SPELLED.get((unit or "").lower(), unit or "")
    if one.kind in READINGS:
        try:
            return conversion(one.kind, text or None, where=label)
        except ConfigError as error:
            raise SourceError(str(error)) from None
    return Conversion(unit_factor(text, cast(SignalKind, one.kind), where=label))
