"""One graph through its recipe: shrink, convert, try, judge; each step kept by the digest of what went into it.

In: a ``Work``. Out: a ``Made``: the graph, the float graph that it is judged against, figures. Not here: the bundle.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from converters.bundling.cache import Cache, key_of
from converters.bundling.plan import Work
from converters.conversion.child import Converter
from converters.conversion.files import file_digest, read_file
from converters.conversion.one import COMPARED, Rows, quantized, rows_for, trials_of
from converters.conversion.representative import representative
from converters.dataset import DataSet, refuse_non_numbers
from converters.recipes import as_table, changes_model, versions
from edge_mm.errors import ConvertError

Say = Callable[[str], None]


class Made(NamedTuple):
    """A graph and what is known of it."""

    name: str
    content: bytes
    dense: bytes
    """The float graph of the trained model, before anything was taken out of it."""
    report: dict[str, Any]
    """Recipe, sizes, loss, intervals, ratios, runtimes; no times."""
    refused: list[str]
    """Why it may not be packaged, and what to try; empty when it may."""


def make(work: Work, cache: Cache, converter: Converter, say: Say) -> Made:
    """Take one graph through its recipe.

    Args:
        work: the graph.
        cache: results of earlier builds.
        converter: the child that converts.
        say: is told of each of ``steps(work)`` steps.

    Raises:
        ConvertError: a model, rows or runtime do not fit. What only fails the gate is in ``refused``.
    """
    table, with_versions = as_table(work.recipe), {"versions": dict(versions())}
    digests = {
        "model": file_digest(work.model),
        "representative": file_digest(work.representative),
        "evaluation": file_digest(work.evaluation),
        **({"training": file_digest(work.training)} if changes_model(work.recipe) else {}),
        **({"teacher": file_digest(work.teacher)} if work.teacher else {}),
    }
    kept = partial(_kept, cache=cache, name=work.name, say=say)

    def as_float(path: Path, digest: str) -> bytes:
        return kept("float", {"model": digest, **with_versions}, lambda: converter.float_graph(path))

    with tempfile.TemporaryDirectory(prefix="edge-mm-") as folder:
        model, floats = work.model, as_float(work.model, digests["model"])
        dense = floats
        if changes_model(work.recipe):
            model = Path(folder) / f"{work.name}.keras"
            how = {key: table[key] for key in ("prune", "train", "distill")} | {"aware": work.recipe.quantize.aware}
            made_of = {**digests, "representative": "", "evaluation": "", "how": how, **with_versions}
            model.write_bytes(kept("shrunk", made_of, lambda: _shrunk(work, dense, model)))
            floats = as_float(model, file_digest(model))
        int8_of = {
            "float": _digest(floats), "rows": digests["representative"], "quantize": table["quantize"], **with_versions,
        }  # fmt: skip
        content = kept("quantized", int8_of, lambda: _quantized(work, model, floats, converter))
        taught_by = work.teacher if work.recipe.distill else None
        if taught_by is None:
            reference = dense
        elif taught_by.suffix == ".tflite":  # as it is: a teacher may be quantized
            reference = read_file(taught_by)
        else:
            reference = as_float(taught_by, digests["teacher"])
    judged_of = {
        **int8_of, "made": _digest(content), "reference": _digest(reference), "evaluation": digests["evaluation"],
        "metric": work.plan.metric, "gate": table["gate"], "snr": work.plan.output_snr_db,
        "runtimes": table["runtimes"],
    }  # fmt: skip
    judged = json.loads(kept("judged", judged_of, lambda: _judged(work, content, floats, reference, converter)))
    report = {
        "recipe": work.recipe.name,
        "float_bytes": len(dense),
        "bytes": len(content),
        "sha256": _digest(content),
        **{f"{key}_sha256": value for key, value in digests.items()},
        **judged["report"],
    }
    return Made(work.name, content, dense, report, judged["refused"])


def steps(work: Work) -> int:
    """How many results a graph takes: float, quantized, judged; shrunk and float again where its model changes; the
    float graph of a Keras teacher.
    """
    taught = work.recipe.distill and work.teacher is not None and work.teacher.suffix != ".tflite"
    return 3 + 2 * changes_model(work.recipe) + taught


def _kept(step: str, made_of: dict[str, Any], make: Callable[[], bytes], *, cache: Cache, name: str, say: Say) -> bytes:
    """The result of a step, from the cache where it is there."""
    key = key_of(step, made_of)
    found = cache.found(key)
    say(f"{name}: {step}" if found is None else f"{name}: {step}, made before")
    if found is None:
        found = make()
        cache.keep(key, found)
    return found


def _shrunk(work: Work, dense: bytes, path: Path) -> bytes:
    """Prune, distil or train; gives the Keras file of what is left."""
    from converters.bundling.shrink import shrunk_model

    _rows(work, dense), _held_out(work, dense)  # what is wrong with them is said before the training
    shrunk_model(work, dense).save(path)
    return path.read_bytes()


def _rows(work: Work, floats: bytes) -> Rows:
    data = rows_for(floats, work.representative)
    return representative(data, where=str(work.representative), most=work.recipe.quantize.most_rows)


def _held_out(work: Work, floats: bytes) -> DataSet:
    data = rows_for(floats, work.evaluation)
    refuse_non_numbers({**data.inputs, **data.targets}, str(work.evaluation))
    if not data.targets:
        raise ConvertError(
            f"{work.evaluation}: no targets: give an array with the name of an output, so that the loss shows"
        )
    return data


def _quantized(work: Work, model: Path, floats: bytes, converter: Converter) -> bytes:
    rows = _rows(work, floats)
    return quantized(converter, model, floats, rows, work.recipe, float_layers=work.recipe.quantize.float_layers)


def _judged(work: Work, content: bytes, floats: bytes, reference: bytes, converter: Converter) -> bytes:
    """Trial and gate as JSON; a loss is one against ``reference``: the trained model, or a student's teacher."""
    from converters.evaluation.answers import answers, paired_answers
    from converters.evaluation.fidelity import by_output
    from converters.evaluation.gate import TRIED, Limits, measure, settle
    from converters.evaluation.layers import layer_table
    from converters.evaluation.metrics import all_metrics, parse_metric, score
    from converters.evaluation.remedies import remedies

    rows, how = _rows(work, floats), work.recipe.quantize
    trials = trials_of(
        content, floats, rows[:: max(1, len(rows) // COMPARED)][:COMPARED], work.recipe.runtimes, invokes=0
    )
    data, gate = _held_out(work, floats), work.recipe.gate
    metrics = all_metrics(data, parse_metric(work.plan.metric) if work.plan.metric else None)
    own, said = paired_answers(floats, content, data)
    real = own if floats == reference else answers(reference, data, name="trained")
    if any(one.output not in real for one in metrics):  # a teacher of embeddings alone
        real = own
    losses = [measure(one, real, said, data, confidence=gate.confidence) for one in metrics]
    # a net trained with rounding in view says nothing good without it: it is compared with the one that was trained
    early = {} if real is own or how.aware else {
        one.output: score(one, real[one.output], data.targets[one.output])
        - score(one, own[one.output], data.targets[one.output])
        for one in metrics
    }  # fmt: skip
    whole = how.aware and {k: v.shape for k, v in real.items()} == {k: v.shape for k, v in said.items()}
    outputs, table = by_output(real if whole else own, said), layer_table(floats, content, data)
    named = {**gate.output_snr_db, **work.plan.output_snr_db}
    strangers = sorted(set(named) - set(outputs))
    if strangers:
        raise ConvertError(
            f"{work.name}: output_snr_db has a floor for {strangers[0]!r}; the graph says {', '.join(outputs)}"
        )
    limits = Limits(gate.max_loss_pp, gate.confidence, {name: named.get(name, gate.min_snr_db) for name in outputs})

    def tried(output: str) -> Any:
        make = partial(converter.int8_graph, name=work.name)
        return remedies(
            floats, rows, data, table.worst(TRIED), output=output, quantize=make, float_layers=how.float_layers,
            percentile=how.percentile,
        )  # fmt: skip

    words = ("of the teacher", "of the student") if work.recipe.distill else None
    verdict = settle(losses, outputs, table, limits, tried, early=early, mode=how.mode, words=words)
    figures = [
        {
            "metric": str(loss.metric),
            "float_percent": round(loss.float_percent, 3),
            "percent": round(loss.int8_percent, 3),
            "loss_pp": round(loss.loss_pp, 3),
            "interval_pp": [round(value, 3) for value in (loss.low_pp, loss.high_pp)],
            **({"shrunk_pp": round(early[loss.metric.output], 3)} if early else {}),
        }
        for loss in losses
    ]
    report = {
        **figures[0],
        **({"others": figures[1:]} if figures[1:] else {}),
        "rows": verdict.n,
        "groups": verdict.groups,
        "snr_db": {name: round(value, 1) for name, value in verdict.snr_db.items()},
        "worst_layer": verdict.worst_layer,
        "runtimes": {trial.runtime: trial.version for trial in trials},
    }
    refused = [] if verdict.passed else [*verdict.sentences, *(f"try: {text}" for text in verdict.advice)]
    return json.dumps({"report": report, "refused": refused}).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
