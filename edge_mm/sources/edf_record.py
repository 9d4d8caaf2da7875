"""An EDF, EDF+C or BDF file as a ``Record``.

In: a path. Out: physical values in the kind's unit. Read in slices by ``edfio``, the extra ``[edf]``, imported when
such a file is opened. Discontinuous files (EDF+D) are refused: their gaps would be read as time.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mm.errors import SourceError
from edge_mm.sources.channels import SignalKind, choose_columns, unit_factor
from edge_mm.sources.files import rate_in_file, readable_file
from edge_mm.sources.record import Record


def open_edf(path: Path, *, kind: SignalKind, wanted: Sequence[str | int], rate_hz: float | None) -> Record:
    """Open an EDF file; ``rate_hz`` is not used: the file knows.

    Raises:
        SourceError: missing, damaged, discontinuous, no such signal, or ``edfio`` is not installed.
    """
    readable_file(path)
    try:
        import edfio
    except ImportError:
        raise SourceError(f"{path}: EDF files need the package edfio: pip install 'edge-mm[edf]'.") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a recorder that lost power: what is whole is read
            edf: Any = (
                edfio.read_bdf(path)  # whole: edfio maps only EDF
                if path.suffix.lower() == ".bdf"
                else edfio.read_edf(path, lazy_load_data=True)
            )
        continuous, signals = bool(edf.is_continuous), list(edf.signals)
    except Exception:  # a damaged header fails in many ways, all of them in the parser's words
        reason = "is empty" if not path.stat().st_size else "has a header that is no EDF header, or a damaged one"
        raise SourceError(f"{path}: this file {reason}; export or copy it again.") from None
    if not continuous:
        raise SourceError(f"{path}: the recording has gaps (EDF+D), which is not supported; export it as EDF+C.")
    columns = choose_columns(
        [signal.label for signal in signals],
        kind=kind,
        wanted=wanted,
        where=str(path),
        units=[signal.physical_dimension for signal in signals],
    )
    chosen = [signals[column] for column in columns]
    rates = {float(signal.sampling_frequency) for signal in chosen}
    if len(rates) != 1:
        raise SourceError(f"{path}: the three axes have different rates; convert the file.")
    rate = rate_in_file(rates.pop(), where=str(path))
    factors = [
        unit_factor(signal.physical_dimension, kind, where=f"{path}: signal {signal.label!r}") for signal in chosen
    ]
    length = min(int(signal.samples_per_data_record) * int(edf.num_data_records) for signal in chosen)

    def read(first: int, end: int) -> npt.NDArray[np.floating]:
        try:
            parts = [signal.get_data_slice(first / rate, end / rate) for signal in chosen]
        except Exception:  # a truncated file
            raise SourceError(
                f"{path}: the signal cannot be read from {first / rate:.1f} s on; the file is truncated or damaged."
            ) from None
        values = np.stack([part * factor for part, factor in zip(parts, factors, strict=True)], axis=1)
        return values if len(columns) > 1 else values[:, 0]

    return Record(rate_hz=rate, length=length, read=read)
