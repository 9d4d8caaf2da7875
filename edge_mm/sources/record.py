"""What a file format with random access gives to ``signal_file``. Data only; not here: any format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Record:
    """One signal of an opened file."""

    rate_hz: float
    """Samples per second."""
    length: int
    """Samples in all."""
    read: Callable[[int, int], npt.NDArray[np.floating]]
    """(first, end) -> (end - first,) or (end - first, 3) floats in the kind's unit; raises SourceError."""
