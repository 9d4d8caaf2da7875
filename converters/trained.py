"""A trained model with what its conversion needs: inputs to calibrate with, held-out rows to be judged by.

In: a Keras model as a trainer leaves it. Out: ``NAME.keras``, ``NAME.calibration.npz``, ``NAME.evaluation.npz``,
perhaps ``NAME.training.npz``, which ``edge-mm-convert build`` reads; or a ``.keras`` with a record of how it was made.
Not here: training, conversion.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.package import npz
from edge_mm.errors import ConvertError


class Trained(NamedTuple):
    """One trained graph."""

    model: Any
    """Keras 3 functional model; only the outputs that are shipped."""
    calibration: Sequence[Mapping[str, npt.NDArray[np.float32]]]
    """Input name -> (1, ...), from the training side."""
    evaluation: Mapping[str, npt.NDArray[Any]]
    """Input name and output name -> (n, ...), held out; ``group`` -> (n,) who or what each row is from."""
    metric: str
    """What it is judged by, as ``converters.evaluation.metrics`` writes it."""
    recipe: str = "int8-static"
    """How it is converted."""
    training: Mapping[str, npt.NDArray[np.floating[Any]]] | None = None
    """Input name -> (n, ...), for a recipe that trains with the model itself as the teacher; half precision will do."""


def write_trained(folder: Path, name: str, trained: Trained) -> None:
    """Write the three files of one graph; ``folder`` is made if absent."""
    folder.mkdir(parents=True, exist_ok=True)
    trained.model.save(folder / f"{name}.keras")
    keys = trained.calibration[0]
    stacked = {key: np.concatenate([np.asarray(one[key], np.float32) for one in trained.calibration]) for key in keys}
    (folder / f"{name}.calibration.npz").write_bytes(npz(stacked))
    (folder / f"{name}.evaluation.npz").write_bytes(npz(trained.evaluation))
    if trained.training is not None:
        (folder / f"{name}.training.npz").write_bytes(npz(trained.training))


def save_with_record(out: Path, model: Any, record: Mapping[str, Any]) -> None:
    """``OUT.keras`` and ``OUT.keras.json`` beside it; a run that breaks off leaves what was there before.

    Raises:
        ConvertError: they cannot be written.
    """
    part = out.with_name(f".{out.stem}.part.keras")
    try:
        model.save(part)
        part.replace(out)
        out.with_name(f"{out.name}.json").write_text(json.dumps(record, indent=2) + "\n")
    except OSError as error:
        raise ConvertError(f"--out {out}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # a folder that cannot be written to says so above
            part.unlink()
