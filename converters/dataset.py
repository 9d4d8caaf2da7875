"""Rows for a model: inputs, targets where there are any, and whose rows they are.

In: a ``.npz`` whose keys are the model's input names, its output names (targets) and perhaps ``group``; ``x`` and ``y``
stand for the only input and the only output; a ``.npy`` is the only input. Out: a ``DataSet``. Nothing is unpickled.
Not here: whether the rows are fit to calibrate with (``conversion.representative``), recordings (``recordings``).
"""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mm.errors import ConvertError

GROUP = "group"
"""Key of the person, record or clip that each row is from."""
_SHOWN = 3
_WHAT_DAMAGED_FILES_RAISE = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    KeyError,
    NotImplementedError,  # a compression that zipfile does not have
    RuntimeError,  # a password
    SyntaxError,
    TypeError,
    OverflowError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class DataSet:
    """Rows of one model."""

    inputs: dict[str, npt.NDArray[np.float32]]
    """Input name -> (n, ...), the shape of the model's input without its batch."""
    targets: dict[str, npt.NDArray[Any]]
    """Output name -> (n, ...): whole numbers are class indices, floats are values or probabilities."""
    groups: npt.NDArray[Any] | None
    """(n,) person, record or clip of each row; None where nobody said."""
    digest: str
    """SHA-256 of names, shapes and values, hex."""

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def rows(self, indices: npt.NDArray[np.intp] | slice) -> DataSet:
        """The rows at these places; the digest stays that of the whole."""
        groups = None if self.groups is None else self.groups[indices]
        inputs = {key: value[indices] for key, value in self.inputs.items()}
        return DataSet(inputs, {key: value[indices] for key, value in self.targets.items()}, groups, self.digest)

    def sample(self, i: int) -> dict[str, npt.NDArray[np.float32]]:
        """Row i as a batch of one: input name -> (1, ...)."""
        return {key: value[i : i + 1] for key, value in self.inputs.items()}


def refuse_non_numbers(arrays: Mapping[str, npt.NDArray[Any]], where: str) -> None:
    """Whether all values are finite; calibrating or judging with others says nothing.

    Args:
        arrays: inputs or targets of a ``DataSet``.
        where: the file, for the message.

    Raises:
        ConvertError: which array is not, and in which rows.
    """
    for name, values in arrays.items():
        wrong = ~np.isfinite(values)
        if wrong.any():
            rows = np.flatnonzero(wrong.reshape(len(values), -1).any(axis=1))
            shown = ", ".join(map(str, rows[:_SHOWN].tolist())) + (", ..." if len(rows) > _SHOWN else "")
            raise ConvertError(
                f"{where}: {name!r} has values that are no numbers (NaN or infinite) in {len(rows)} rows ({shown}): "
                "leave them out"
            )


def read_data(path: Path, *, inputs: Mapping[str, tuple[int, ...]], outputs: Sequence[str]) -> DataSet:
    """Read and check the rows for a model.

    Args:
        path: ``.npz`` or ``.npy``.
        inputs: input name -> shape without the batch.
        outputs: output names; a file may have targets for none, some or all of them.

    Raises:
        ConvertError: it cannot be read, an input is missing or has another shape, rows do not match.
    """
    arrays = _arrays(path, single=next(iter(inputs)) if len(inputs) == 1 else "")
    if len(inputs) == 1 and "x" in arrays and "x" not in outputs:
        arrays.setdefault(next(iter(inputs)), arrays.pop("x"))
    if len(outputs) == 1 and "y" in arrays and "y" not in inputs:
        arrays.setdefault(outputs[0], arrays.pop("y"))
    missing = [name for name in inputs if name not in arrays]
    if missing:
        raise ConvertError(
            f"{path}: no rows for the input {missing[0]!r}; the model reads {_listed(inputs)}, the file has "
            f"{_listed(arrays)}"
        )
    strangers = [name for name in arrays if name not in inputs and name not in outputs and name != GROUP]
    if strangers:
        raise ConvertError(
            f"{path}: {strangers[0]!r} is neither an input ({_listed(inputs)}) nor an output ({_listed(outputs)}) nor "
            f"{GROUP!r}"
        )
    found = {name: _fitted(arrays[name], shape, f"{path}: {name!r}") for name, shape in inputs.items()}
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        raise ConvertError(f"{path}: the arrays have different numbers of rows: {counts}")
    if not next(iter(counts.values())):
        raise ConvertError(f"{path}: no rows")
    targets = {name: arrays[name] for name in outputs if name in arrays}
    return DataSet(found, targets, arrays.get(GROUP), digest(arrays))


def digest(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """SHA-256 of arrays: the same names, shapes, types and values give the same, however the file was packed."""
    hasher = hashlib.sha256()
    for name in sorted(arrays):
        value = np.ascontiguousarray(arrays[name])
        hasher.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
        hasher.update(value.tobytes())
    return hasher.hexdigest()


def _arrays(path: Path, *, single: str) -> dict[str, npt.NDArray[Any]]:
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                arrays = {single: loaded}
            else:
                with loaded as archive:
                    arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise ConvertError(f"{path}: no such file") from error
    except _WHAT_DAMAGED_FILES_RAISE as error:
        said = " ".join(str(error).split())[:160] or type(error).__name__
        raise ConvertError(
            f"{path}: cannot be read as arrays of numbers ({said}); write it with numpy.savez(PATH, NAME=array, ...)"
        ) from error
    if "" in arrays:
        raise ConvertError(f"{path}: one array, and the model has several inputs: give a .npz with an array for each")
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise ConvertError(f"{path}: {name!r} is a file, not an array; write it with numpy.savez(PATH, NAME=array)")
        if array.ndim == 0:
            raise ConvertError(f"{path}: {name!r} is a single number, not rows")
        if array.dtype.kind not in "biuf" and name != GROUP:
            raise ConvertError(f"{path}: {name!r} holds {array.dtype}, not numbers")
    return arrays


def _fitted(array: npt.NDArray[Any], shape: tuple[int, ...], where: str) -> npt.NDArray[np.float32]:
    if array.dtype.kind in "iu" and array.dtype.itemsize == 1:
        raise ConvertError(
            f"{where} is {array.dtype}: it looks already quantized; give float32 as the device's front end makes it "
            "(the conversion finds the scale itself)"
        )
    if tuple(array.shape[1:]) != tuple(shape):
        raise ConvertError(f"{where} has rows of the shape {tuple(array.shape[1:])}, the model reads {tuple(shape)}")
    with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite, which is refused where it matters
        return np.ascontiguousarray(array, np.float32)


def _listed(names: Mapping[str, Any] | Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "nothing"
