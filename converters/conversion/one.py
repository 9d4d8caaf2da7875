"""One model becomes one graph: read, check the rows, convert in the child, try in each runtime, write.

In: what the verb ``quantize`` was asked for. Out: the graph, ``OUT.json`` beside it, a report. Not here: pruning,
distillation and training (a recipe that asks for them goes through ``build``), the gate.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.conversion.child import Converter
from converters.conversion.files import check_outputs, file_digest, record_path, write_files
from converters.conversion.int8 import float_ops
from converters.conversion.progress import Say, silent
from converters.conversion.representative import representative
from converters.conversion.trial import RUNTIMES, Trial, find_runtime, try_graph
from converters.dataset import DataSet, read_data
from converters.graphs.reader import GraphFile, read_graph
from converters.recipes import Recipe, as_table, load_recipe, versions
from edge_mm.errors import ConvertError

Rows = Sequence[Mapping[str, npt.NDArray[np.float32]]]
COMPARED = 64
"""Rows on which the graph is compared with float in every runtime."""
NEAR_DB = 20.0
"""Two runtimes may round differently, but no more than this apart: 20 dB is a tenth of the signal."""
ROUNDING_DB = 3.0
"""Two that are as far from float as this (twice the noise) from each other round differently: the graph itself is bad
then, which is the gate's to say, and no kernel is."""
_INVOKES = 50


class Wanted(NamedTuple):
    """What to convert."""

    model: Path
    data: Path
    recipe: str
    out: Path | None = None
    """None: beside the model, ``eye.tflite`` of ``eye.keras`` and ``eye.int8.tflite`` of ``eye.tflite``."""
    front_end: str | None = None
    float_out: Path | None = None
    float_layers: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()


def convert_model(wanted: Wanted, *, converter: Converter | None = None, say: Say = silent) -> dict[str, Any]:
    """Convert one model; gives the report, which is also written beside the graph.

    Args:
        wanted: model, rows, recipe, where to.
        converter: to convert in; a new one by default.
        say: hears of every step.

    Raises:
        ConvertError: the model, the rows or the recipe do not fit; a runtime refuses the graph; a file cannot be
            written. What was there before stays then.
    """
    recipe = load_recipe(wanted.recipe)
    _refuse(recipe, wanted)
    if not wanted.model.exists():
        raise ConvertError(f"{wanted.model}: no such file")
    out = wanted.out or _beside(wanted.model, recipe.quantize.mode)
    outputs = {"--out": out} | ({} if wanted.float_out is None else {"--float-out": wanted.float_out})
    check_outputs(outputs, [wanted.model, wanted.data])
    here, notes = _runtimes(wanted.runtimes, recipe)
    layers = (*recipe.quantize.float_layers, *wanted.float_layers)
    with Converter(say) if converter is None else nullcontext(converter) as running:
        floats = running.float_graph(wanted.model)
        data = rows_for(floats, wanted.data, front_end=wanted.front_end)
        rows = representative(data, where=str(wanted.data), most=recipe.quantize.most_rows)
        content = quantized(running, wanted.model, floats, rows, recipe, float_layers=layers)
    compared = rows[:: max(1, len(rows) // COMPARED)][:COMPARED]
    trials = trials_of(content, floats, compared, here, invokes=_INVOKES, say=say)
    in_float = float_ops(content) if recipe.quantize.mode == "int8" else []
    if layers and not in_float:
        notes.append(f"{', '.join(layers)} only moves values, which rounds nothing: it stays in int8")
    if recipe.name == "mixed-int8" and not layers:
        notes.append("no --float-layer was given: this is what int8-static makes; compare names the layer that hurts")
    if recipe.quantize.mode == "dynamic-range" and not _has_int8(content):
        notes.append("no kernel has 1024 values or more, so the weights stayed in float: the graph is no smaller")
    ratios = snr_db(try_graph(floats, "ai_edge_litert", compared).outputs, trials[0].outputs) if trials else {}
    notes += [
        f"output {name} is at {value:.1f} dB, below {recipe.gate.min_snr_db:g}: look for outliers in the rows; "
        "edge-mm-convert compare finds the layer"
        for name, value in ratios.items()
        if value < recipe.gate.min_snr_db
    ]
    report = {
        "model": {"file": wanted.model.name, "sha256": file_digest(wanted.model)},
        "out": str(out),
        "recipe": as_table(recipe),
        "float_layers": list(layers),
        "float_ops": in_float,
        "versions": dict(versions()),
        "data": {"file": wanted.data.name, "rows": len(data), "used": len(rows), "sha256": data.digest},
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "float_bytes": len(floats),
        "snr_db": ratios,
        "compared_rows": len(compared),
        "trials": [{"runtime": t.runtime, "version": t.version, "us": round(t.us, 1)} for t in trials],
        "notes": notes,
    }
    kept = {key: value for key, value in report.items() if key not in ("out", "notes")}
    files = {} if wanted.float_out is None else {wanted.float_out: floats}
    write_files({**files, record_path(out): (json.dumps(kept, indent=1, sort_keys=True) + "\n").encode(), out: content})
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


def trials_of(
    content: bytes, floats: bytes, rows: Rows, runtimes: Sequence[str], *, invokes: int = 50, say: Say = silent
) -> list[Trial]:
    """Run a graph in each runtime; they must say the same.

    Raises:
        ConvertError: a runtime refuses or crashes, or two runtimes differ by more than rounding.
    """
    trials = []
    for name in runtimes:
        say(f"trying in {RUNTIMES[name]}", 0, 0)
        trials.append(try_graph(content, name, rows, invokes=invokes))
    for other in trials[1:]:
        apart = {name: db for name, db in snr_db(trials[0].outputs, other.outputs).items() if db < NEAR_DB}
        kept = snr_db(try_graph(floats, "ai_edge_litert", rows).outputs, trials[0].outputs) if apart else {}
        for output, value in apart.items():
            if value < kept[output] - ROUNDING_DB:
                raise ConvertError(
                    f"{other.runtime} {other.version} says something else than {trials[0].runtime}: output {output!r} "
                    f"agrees to {value:.1f} dB only: an op's kernel differs there; see edge-mm-convert lint"
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


def _has_int8(content: bytes) -> bool:
    """Whether a tensor is int8, in the graph or in the body of a loop."""
    bodies = range(read_graph(content).subgraphs)
    return any(tensor.dtype == "int8" for body in bodies for tensor in read_graph(content, subgraph=body).tensors)


def _beside(model: Path, mode: str) -> Path:
    """Where the graph goes when nobody says; never over the model itself."""
    model = model.absolute() if model.name in ("", "..") else model
    if model.is_dir():
        return model.with_name(f"{model.name}.tflite")
    return model.with_name(f"{model.stem}.{mode}.tflite" if model.suffix == ".tflite" else f"{model.stem}.tflite")


def _runtimes(asked: Sequence[str], recipe: Recipe) -> tuple[list[str], list[str]]:
    """Where the graph can be tried, and notes about where it cannot."""
    wanted = asked or recipe.runtimes
    missing = [name for name in wanted if find_runtime(name) is None]
    if asked and missing:
        raise ConvertError(f"{RUNTIMES[missing[0]]} is not here: edge-mm-convert runtimes --install")
    notes = [
        f"{RUNTIMES[name]} is not here, so it was not tried there: edge-mm-convert runtimes --install"
        for name in missing
    ]
    return [name for name in wanted if name not in missing], notes
