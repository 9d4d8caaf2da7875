"""One model becomes one graph: read, check the rows, convert in the child, try in each runtime, write.

In: what the verb ``quantize`` was asked for. Out: the graph, ``OUT.json`` beside it, a report. Not here: pruning,
distillation and training (a recipe that asks for them goes through ``build``), the gate.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.conversion.child import Converter
from converters.conversion.representative import representative
from converters.conversion.trial import Trial, find_runtime, try_graph
from converters.dataset import DataSet, read_data
from converters.graphs.reader import GraphFile, read_graph
from converters.recipes import Recipe, as_table, load_recipe, versions
from edge_mm.errors import ConvertError

Rows = Sequence[Mapping[str, npt.NDArray[np.float32]]]
COMPARED = 64
"""Rows on which the graph is compared with float in every runtime."""
NEAR_DB = 20.0
"""Two runtimes may round differently, but no more than this apart: 20 dB is a tenth of the signal."""


class Wanted(NamedTuple):
    """What to convert."""

    model: Path
    data: Path
    recipe: str
    out: Path
    front_end: str | None = None
    float_out: Path | None = None
    float_layers: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()


def convert_model(wanted: Wanted) -> dict[str, Any]:
    """Convert one model; gives the report, which is also written beside the graph.

    Raises:
        ConvertError: the model, the rows or the recipe do not fit; a runtime refuses the graph. Nothing is
            written then.
    """
    recipe = load_recipe(wanted.recipe)
    _refuse(recipe, wanted)
    missing = [name for name in wanted.runtimes or recipe.runtimes if find_runtime(name) is None]
    notes = [f"{name} is not here, so it was not tried there: edge-mm-convert runtimes --install" for name in missing]
    with Converter() as converter:
        floats = converter.float_graph(wanted.model)
        data = rows_for(floats, wanted.data, front_end=wanted.front_end)
        rows = representative(data, where=str(wanted.data), most=recipe.quantize.most_rows)
        layers = (*recipe.quantize.float_layers, *wanted.float_layers)
        content = quantized(converter, wanted.model, floats, rows, recipe, float_layers=layers)
    compared = rows[:: max(1, len(rows) // COMPARED)][:COMPARED]
    runtimes = [name for name in wanted.runtimes or recipe.runtimes if name not in missing]
    trials = trials_of(content, floats, compared, runtimes)
    reference = try_graph(floats, "ai_edge_litert", compared)
    report = {
        "model": wanted.model.name,
        "out": str(wanted.out),
        "recipe": as_table(recipe),
        "float_layers": list(layers),
        "versions": dict(versions()),
        "data": {"file": wanted.data.name, "rows": len(data), "used": len(rows), "sha256": data.digest},
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "float_bytes": len(floats),
        "snr_db": snr_db(reference.outputs, trials[0].outputs if trials else {}),
        "compared_rows": len(compared),
        "trials": [{"runtime": t.runtime, "version": t.version, "us": round(t.us, 1)} for t in trials],
        "notes": notes,
    }
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    if wanted.float_out is not None:
        wanted.float_out.write_bytes(floats)
    wanted.out.write_bytes(content)
    kept = {key: value for key, value in report.items() if key not in ("out", "notes")}
    wanted.out.with_name(f"{wanted.out.name}.json").write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    return report


def quantized(
    converter: Converter, model: Path, floats: bytes, rows: Rows, recipe: Recipe, *, float_layers: Sequence[str] = ()
) -> bytes:
    """The graph that a recipe's ``quantize`` makes of a float graph."""
    if recipe.quantize.mode == "float":
        return floats
    if recipe.quantize.mode == "dynamic-range":
        return converter.dynamic_range(model)
    return converter.int8_graph(
        floats, rows, float_layers=float_layers, percentile=recipe.quantize.percentile, name=model.name
    )


def rows_for(floats: bytes, path: Path, *, front_end: str | None = None) -> DataSet:
    """The rows of a file, or of a folder of recordings through a front end of the device, for this graph."""
    graph = read_graph(floats)
    shapes = input_shapes(graph)
    if front_end is not None:
        from converters.recordings import read_recordings

        return read_recordings(path, front_end, shapes)
    if path.is_dir():
        raise ConvertError(f"{path}: a folder of recordings needs --front-end, which says how the device reads them")
    return read_data(path, inputs=shapes, outputs=list(graph.signature_outputs))


def input_shapes(graph: GraphFile) -> dict[str, tuple[int, ...]]:
    """Input name -> shape without the batch."""
    return {name: graph.tensors[i].shape[1:] for name, i in graph.signature_inputs.items()}


def trials_of(content: bytes, floats: bytes, rows: Rows, runtimes: Sequence[str], *, invokes: int = 50) -> list[Trial]:
    """Run a graph in each runtime; they must say the same.

    Raises:
        ConvertError: a runtime refuses or crashes, or two runtimes differ by more than rounding.
    """
    trials = [try_graph(content, name, rows, invokes=invokes) for name in runtimes]
    for other in trials[1:]:
        for output, value in snr_db(trials[0].outputs, other.outputs).items():
            if value < NEAR_DB:
                raise ConvertError(
                    f"{other.runtime} {other.version} says something else than {trials[0].runtime}: output "
                    f"{output!r} agrees "
                    f"to {value:.1f} dB only: an op's kernel differs there; edge-mm-convert lint names candidates"
                )
    return trials


def snr_db(
    reference: Mapping[str, npt.NDArray[np.float32]], said: Mapping[str, npt.NDArray[np.float32]]
) -> dict[str, float]:
    """Output -> power of the reference over power of the difference, decibels; at most 120."""
    result = {}
    for name in reference:
        if name in said:
            noise = float(np.mean((reference[name].astype(np.float64) - said[name]) ** 2))
            power = float(np.mean(reference[name].astype(np.float64) ** 2))
            result[name] = round(min(10 * float(np.log10(max(power, 1e-20) / max(noise, 1e-20))), 120.0), 1)
    return result


def _refuse(recipe: Recipe, wanted: Wanted) -> None:
    if recipe.distill:
        raise ConvertError(
            f"recipe {recipe.name} distils: run 'edge-mm-convert distill' first, then quantize the student"
        )
    if recipe.prune.keep < 1 or recipe.prune.sparsity > 0:
        raise ConvertError(f"recipe {recipe.name} prunes: run 'edge-mm-convert prune' first, or build, which does both")
    if recipe.quantize.aware:
        raise ConvertError(
            f"recipe {recipe.name} trains: it needs data with labels or a teacher; put it in a build "
            "('edge-mm-convert build')"
        )
    if wanted.float_layers and recipe.quantize.mode != "int8":
        raise ConvertError(f"recipe {recipe.name} has no int8 layers: --float-layer has nothing to change")
