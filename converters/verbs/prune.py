"""``edge-mm-convert prune``: fewer channels, or zeros in the place of small weights, and training to make up for it.

In: a ``.keras`` model, a recipe, rows. Out: the pruned model as ``.keras``, and beside it a ``.json`` with the recipe,
the versions, the digests and the report. Not here: the surgery and the training (``converters.pruning``).
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from converters.conversion.progress import shown
from edge_mm.errors import ConvertError
from edge_mm.quiet import quiet_stderr

if TYPE_CHECKING:
    from converters.dataset import DataSet
    from converters.evaluation.metrics import Metric
    from converters.recipes import Recipe
    from converters.training.finetune import FineTune

SUMMARY = "remove channels (smaller and faster), or set weights to zero (smaller to transport)"
EPILOG = """\
Channels go in whole, with all that reads them: the graph gets smaller and, where its layers are wide, faster, in
float and in int8. What is left learns from the model you gave, and from labels where the data has them.

  edge-mm-convert prune eye.keras --recipe channels-50 --data crops.npz
  edge-mm-convert prune eye.keras --keep 0.75 --protect embedding --data crops.npz --out small.keras
  edge-mm-convert prune eye.keras --recipe magnitude-80 --data crops.npz

crops.npz holds an array for each input, one for each output that has labels, and perhaps `group` (whose rows they are:
a group is never both trained and scored on). The score before pruning flatters where the model has seen these rows when
it was trained: judge on rows that are new to it with compare. Then: edge-mm-convert quantize small.keras ...
"""
ZEROS_ARE_NOT_FASTER = "the .tflite stays as large and as fast as it was; only a compressed download shrinks"


class _Done(NamedTuple):
    model: Any
    report: dict[str, Any]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("model", type=Path, help=".keras, functional or Sequential; it is not changed")
    parser.add_argument("--recipe", default="channels-50", metavar="NAME", help="or a .toml; default %(default)s")
    parser.add_argument("--data", type=Path, required=True, metavar="DATA.npz", help="rows to train on")
    parser.add_argument("--out", type=Path, metavar="OUT.keras", help="default: MODEL-pruned.keras")
    parser.add_argument("--keep", type=float, metavar="SHARE", help="of the channels; default: the recipe's")
    parser.add_argument(
        "--protect", nargs="+", default=[], metavar="LAYER", help="keeps its channels; as well as the recipe's"
    )
    parser.add_argument("--epochs", type=int, help="default: the recipe's; 0 prunes without training")
    parser.add_argument("--seed", type=int, help="default: the recipe's")
    parser.add_argument(
        "--held-out", type=float, default=0.2, metavar="SHARE", help="rows kept for the scores, default %(default)s"
    )
    parser.add_argument(
        "--metric", metavar="KIND:OUTPUT", help="accuracy:NAME, f1:NAME, auroc:NAME, within:NAME:TOLERANCE"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Prune, train, write.

    Raises:
        ConvertError: a file, the data, the recipe or an option does not fit, or there is nothing to prune.
    """
    recipe = _recipe(args)
    out = _out(args)
    from converters.conversion.files import file_digest
    from converters.conversion.keras_graph import load_keras
    from converters.dataset import read_data
    from converters.evaluation.metrics import parse_metric
    from converters.pruning.rebuild import copied
    from converters.recipes import as_table, versions
    from converters.trained import save_with_record
    from converters.training.answers import symbolic_outputs
    from converters.training.finetune import FineTune

    metric = parse_metric(args.metric) if args.metric else None
    with shown() as say:
        say("loading TensorFlow", 0, 0)
        model = copied(load_keras(args.model))
    shapes = {tensor.name: tuple(tensor.shape[1:]) for tensor in model.inputs}
    data = read_data(args.data, inputs=shapes, outputs=list(symbolic_outputs(model)))
    train = recipe.train
    plan = FineTune(train.epochs, train.batch, train.rate, train.label_weight, train.temperature, train.seed)
    prune = _channels if recipe.prune.keep != 1 else _zeros
    done = prune(model, data, recipe, plan, held_out=args.held_out, metric=metric)
    record = {
        "recipe": as_table(recipe),
        "held_out": args.held_out,
        "versions": dict(versions()),
        "made_from": {"file": args.model.name, "sha256": file_digest(args.model)},
        "data": {"file": args.data.name, "digest": data.digest, "rows": len(data)},
        "report": done.report,
    }
    save_with_record(out, done.model, record)
    print(json.dumps({"out": str(out), **done.report}) if args.json else "\n".join([f"{out}", *_text(done.report)]))
    return 0


def _recipe(args: argparse.Namespace) -> Recipe:
    """The recipe with what the command line says in its place."""
    from msgspec.structs import replace

    from converters.recipes import load_recipe

    recipe = load_recipe(args.recipe)
    prune, train = recipe.prune, recipe.train
    if args.epochs is not None:
        if args.epochs < 0:
            raise ConvertError(f"--epochs {args.epochs}: must be at least 0")
        train = replace(train, epochs=args.epochs)
        prune = replace(prune, steps=min(prune.steps, max(args.epochs, 1)))
    if args.seed is not None:
        train = replace(train, seed=args.seed)
    if args.keep is not None:
        if not 0 < args.keep <= 1:
            raise ConvertError(f"--keep {args.keep:g}: must be above 0 and at most 1, 0.5 for half of the channels")
        prune = replace(prune, keep=args.keep)
    prune = replace(prune, protect=(*prune.protect, *args.protect))
    if prune.keep == 1 and prune.sparsity == 0:
        raise ConvertError(f"recipe {recipe.name} prunes nothing: take channels-50 or magnitude-80, or give --keep 0.5")
    if prune.keep != 1 and prune.sparsity != 0:
        raise ConvertError("channels and single weights are pruned one after the other: two recipes, two commands")
    if prune.keep == 1 and prune.protect:
        raise ConvertError(f"--protect keeps channels, and recipe {recipe.name} removes none: leave it out")
    return replace(recipe, prune=prune, train=train)


def _out(args: argparse.Namespace) -> Path:
    from converters.conversion.files import check_outputs

    out: Path = args.out or args.model.with_name(f"{args.model.stem}-pruned.keras")
    check_outputs({"--out": out}, [args.model, args.data], ending=".keras")
    return out


def _channels(
    model: Any, data: DataSet, recipe: Recipe, plan: FineTune, *, held_out: float, metric: Metric | None
) -> _Done:
    from converters.conversion.keras_graph import float_graph
    from converters.graphs.cost import macs
    from converters.graphs.reader import read_graph
    from converters.pruning.recovery import prune_and_train

    wanted = recipe.prune
    done = prune_and_train(
        model,
        data,
        keep=wanted.keep,
        multiple=wanted.multiple,
        protect=wanted.protect,
        steps=wanted.steps,
        plan=plan,
        held_out=held_out,
        metric=metric,
    )
    with shown() as say:
        say("converting before and after", 0, 0)
        before, after = (float_graph(one) for one in (model, done.model))
    report = {
        "layers": [layer._asdict() for layer in done.report.layers],
        "parameters": {"before": done.report.parameters_before, "after": done.report.parameters_after},
        "macs": {"before": macs(read_graph(before)), "after": macs(read_graph(after))},
        "bytes": {"graph": "float", "before": len(before), "after": len(after)},
        "trained_rows": done.trained,
        "loss": [round(loss, 6) for loss in done.losses],
        "score": None if done.scores is None else {**done.scores._asdict(), "on": _judged_on(held_out)},
    }
    return _Done(done.model, report)


def _zeros(
    model: Any, data: DataSet, recipe: Recipe, plan: FineTune, *, held_out: float, metric: Metric | None
) -> _Done:
    from converters.pruning.magnitude import prune_magnitude
    from converters.pruning.recovery import Scores, known_metric, parted, percent

    train, judged = parted(data, held_out, seed=plan.seed)
    asked = known_metric(data, metric)
    sparsity = recipe.prune.sparsity
    done = prune_magnitude(model, train, sparsity=sparsity, plan=plan)
    scores = None
    if asked is not None:
        at_once = prune_magnitude(model, train, sparsity=sparsity, plan=plan._replace(epochs=0)).model
        percents = [percent(one, judged, asked) for one in (model, at_once, done.model)]
        scores = Scores(str(asked), len(judged), *percents)
    report = {
        "kernels": [kernel._asdict() for kernel in done.kernels],
        "transport": _transport(model, done.model, data),
        "note": ZEROS_ARE_NOT_FASTER,
        "trained_rows": len(train) if plan.epochs else 0,
        "loss": [round(loss, 6) for loss in done.losses],
        "score": None if scores is None else {**scores._asdict(), "on": _judged_on(held_out)},
    }
    return _Done(done.model, report)


def _transport(before: Any, after: Any, data: DataSet) -> dict[str, Any]:
    """Sizes of the int8 graphs; of the float graphs where there is no int8 form (a loop, too few rows)."""
    from converters.conversion.int8 import quantize_graph
    from converters.conversion.keras_graph import float_graph
    from converters.conversion.representative import representative
    from converters.pruning.transport import transport

    with shown() as say, warnings.catch_warnings(), quiet_stderr():
        warnings.simplefilter("ignore")  # the converter's calibrator is called deprecated; nobody else has one
        say("converting before and after", 0, 0)
        graphs, kind, why = [float_graph(before), float_graph(after)], "float", ""
        try:
            rows = representative(data, where="data")
            graphs, kind = [quantize_graph(graph, rows) for graph in graphs], "int8"
        except ConvertError as error:
            why = str(error)
    sizes = [transport(graph)._asdict() for graph in graphs]
    return {"graph": kind, "why_not_int8": why, "before": sizes[0], "after": sizes[1]}


def _judged_on(held_out: float) -> str:
    return "held-out rows" if held_out else "the rows that were trained on"


def _text(report: dict[str, Any]) -> list[str]:
    lines = []
    for layer in report.get("layers", []):
        why = f"   {layer['why']}" if layer["why"] else ""
        lines.append(f"  {layer['name']:<28} {layer['before']:>5} -> {layer['after']}{why}")
    for kernel in report.get("kernels", []):
        lines.append(f"  {kernel['layer']:<28} {kernel['zeros']:>8,} of {kernel['weights']:,} weights are zero")
    for key, name in (("parameters", "parameters"), ("macs", "MACs"), ("bytes", "float .tflite, bytes")):
        if key in report:
            lines.append(_change(name, report[key]["before"], report[key]["after"]))
    if "transport" in report:
        sizes = report["transport"]
        for key, name in (("raw", "as it is"), ("zlib9", "zlib -9"), ("gzip", "gzip -9")):
            lines.append(_change(f"{sizes['graph']} .tflite, {name}, bytes", sizes["before"][key], sizes["after"][key]))
        lines.append(report["note"])
    if report["loss"]:
        losses = ", ".join(f"{loss:.4f}" for loss in report["loss"])
        lines.append(f"loss of each epoch, {report['trained_rows']} rows: {losses}")
    score = report["score"]
    if score is None:
        return [*lines, "no labels in the data: no scores"]
    return [
        *lines,
        f"{score['metric']} on {score['rows']} {score['on'].removeprefix('the ')}: before {score['before']:.2f} %, "
        f"pruned {score['pruned']:.2f} %, after training {score['after']:.2f} %",
    ]


def _change(name: str, before: int, after: int) -> str:
    return f"{name}: {before:,} -> {after:,}" + (f" ({after / before:.2f}x)" if before else "")
