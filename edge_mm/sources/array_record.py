"""A numpy file (``.npy``, or one array of a ``.npz``) as a ``Record``.

In: a file and its rate, which such a file cannot say. Out: the signal, in the kind's unit as it is stored. Never a
pickle: arrays of objects are refused. A ``.npy`` is mapped, an array of a ``.npz`` is held whole.
"""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mm.errors import SourceError
from edge_mm.kinds import THREE_AXES
from edge_mm.sources.channels import SignalKind, choose_columns
from edge_mm.sources.files import readable_file
from edge_mm.sources.record import Record

# numpy's own words speak of allow_pickle and zip files; tokenize and struct errors come from damaged .npy headers.
_DAMAGED = (
    OSError,
    ValueError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    TypeError,
    SyntaxError,
    NotImplementedError,
    struct.error,
    tokenize.TokenError,
)


def open_array(path: Path, *, kind: SignalKind, wanted: Sequence[str | int], rate_hz: float | None) -> Record:
    """Open a numpy file.

    Raises:
        SourceError: missing, no numbers in it, a wrong shape, or the rate is not given.
    """
    readable_file(path)
    if not rate_hz:
        raise SourceError(f"{path}: a numpy file does not say how fast it was sampled; give --rate (rate_hz).")
    try:
        array = _load(path, kind, wanted)
    except MemoryError:
        raise SourceError(f"{path}: its array does not fit into memory; save it as .npy, which is not held.") from None
    except _DAMAGED:
        if not path.stat().st_size:
            raise SourceError(f"{path}: this file is empty; save or copy it again.") from None
        raise SourceError(
            f"{path}: damaged, not a numpy file, or one of Python objects; save an array of numbers with "
            "numpy.save or numpy.savez."
        ) from None
    fits = array.ndim == 2 and array.shape[1] == 3 if kind in THREE_AXES else array.ndim == 1
    if array.dtype.kind not in "iuf" or not fits:
        shape = "(n, 3)" if kind in THREE_AXES else "(n,)"
        raise SourceError(f"{path}: {kind} must be {shape} numbers, but the array is {array.shape} {array.dtype}.")

    def read(first: int, end: int) -> npt.NDArray[np.floating]:
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and so missing
            return np.asarray(array[first:end], dtype=np.float32)

    return Record(rate_hz=float(rate_hz), length=len(array), read=read)


def _load(path: Path, kind: SignalKind, wanted: Sequence[str | int]) -> npt.NDArray[Any]:
    if path.suffix.lower() == ".npy":
        return np.asarray(np.lib.format.open_memmap(path, mode="r"))
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        if not archive.files:
            raise SourceError(f"{path}: there is no array in it.")
        if kind in THREE_AXES and len(wanted) < 2:  # one array of three columns, or three arrays
            only = [name for name in archive.files if name in wanted or len(archive.files) == 1]
            if only:
                return np.asarray(archive[only[0]])
        columns = choose_columns(archive.files, kind=kind, wanted=wanted, where=str(path))
        arrays = [np.asarray(archive[archive.files[column]]) for column in columns]
        return arrays[0] if len(arrays) == 1 else np.stack(arrays, axis=1)
