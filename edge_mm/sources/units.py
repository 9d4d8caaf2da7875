"""The units of all kinds, signals and readings.

In: a kind and the unit that a device counts in. Out: the unit that its stream has, and the factor to it. Not here:
which column of a file is which signal (``channels``).
"""

from __future__ import annotations

from edge_mm.errors import ConfigError, SourceError
from edge_mm.kinds import StreamKind
from edge_mm.sources.channels import SIGNAL_KINDS, UNIT_OF, unit_factor
from edge_mm.sources.reading_units import UNIT_OF_READING, conversion


def unit_of_stream(kind: StreamKind, given: str | None = None) -> str:
    """The unit of a stream of a kind; a ``number`` has the one that its configuration says, else ``1``."""
    for signal in SIGNAL_KINDS:
        if kind == signal:
            return UNIT_OF[signal]
    return UNIT_OF_READING.get(kind) or given or "1"


def factor_to_stream(unit: str, kind: StreamKind) -> float:
    """What to multiply with to come from a device's unit to the stream's.

    Raises:
        SourceError: the unit is none of the kind; to count it as ours would be wrong by any factor.
    """
    for signal in SIGNAL_KINDS:
        if kind == signal:
            return unit_factor(unit, signal)
    try:
        how = conversion(kind, unit, where="")
    except ConfigError as error:
        raise SourceError(str(error).removeprefix(": ")) from None
    if how.offset:
        raise SourceError(f"{unit!r} has another zero than {UNIT_OF_READING[kind]}; send {UNIT_OF_READING[kind]}.")
    return how.factor
