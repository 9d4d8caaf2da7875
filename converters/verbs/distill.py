"""``edge-mm-convert distill``: a student learns from a teacher, and a report says what it learnt.

In: a teacher (``.keras`` or ``.tflite``), a student (``.keras``), rows. Out: the student as ``.keras``, and beside it a
``.json`` with the recipe, the versions, the digests and the report. Not here: the training (``converters.training``).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_mm.errors import ConvertError

if TYPE_CHECKING:
    from converters.training.distillation import Hint, Outcome
    from converters.training.finetune import FineTune
    from converters.training.teachers import Known

SUMMARY = "train a small model on what a large one answers"
EPILOG = """\
The student is a Keras model that you built and saved, trained or not. Outputs belong together by their names: a softmax
learns the teacher's soft labels at the temperature, an embedding the teacher's embedding (of another width: through a
projection that is thrown away). Labels in the data are used as well, by --label-weight.

  edge-mm-convert distill teacher.tflite student.keras --data clips.npz --out small.keras
  edge-mm-convert distill teacher.keras student.keras --data clips.npz --embedding-map features:embedding --epochs 60

clips.npz holds an array for each input, one for each output that has labels, and perhaps `group` (whose rows they are).
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("teacher", type=Path, help=".keras or .tflite (float or int8)")
    parser.add_argument("student", type=Path, help=".keras, trained or not; it is not changed")
    parser.add_argument("--data", type=Path, required=True, metavar="DATA.npz", help="rows to learn on")
    parser.add_argument("--out", type=Path, metavar="OUT.keras", help="default: STUDENT-distilled.keras")
    parser.add_argument("--epochs", type=int, default=30, help="default %(default)s")
    parser.add_argument("--batch", type=int, default=64, help="rows a step, default %(default)s")
    parser.add_argument("--rate", type=float, default=3e-3, help="learning rate at the start, default %(default)s")
    parser.add_argument("--temperature", type=float, default=4.0, help="softens soft labels, default %(default)s")
    parser.add_argument(
        "--label-weight",
        type=float,
        default=0.3,
        metavar="W",
        help="0..1: labels against the teacher, default %(default)s",
    )
    parser.add_argument(
        "--embedding-map",
        nargs="+",
        default=[],
        metavar="T:S",
        help="output (or layer) of the teacher : of the student",
    )
    parser.add_argument(
        "--held-out", type=float, default=0.2, metavar="SHARE", help="rows kept for the scores, default %(default)s"
    )
    parser.add_argument(
        "--metric", metavar="KIND:OUTPUT", help="accuracy:NAME, f1:NAME, auroc:NAME, within:NAME:TOLERANCE"
    )
    parser.add_argument("--seed", type=int, default=0, help="default %(default)s")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Distil and write.

    Raises:
        ConvertError: a file, the data or an option does not fit.
    """
    from converters.conversion.keras_graph import load_keras
    from converters.conversion.progress import shown
    from converters.dataset import read_data
    from converters.evaluation.metrics import parse_metric
    from converters.trained import save_with_record
    from converters.training.answers import symbolic_outputs
    from converters.training.distillation import distil
    from converters.training.finetune import FineTune
    from converters.training.teachers import read_teacher

    out = _out(args)
    hints = [_hint(text) for text in args.embedding_map]
    metric = parse_metric(args.metric) if args.metric else None
    plan = FineTune(args.epochs, args.batch, args.rate, args.label_weight, args.temperature, args.seed)
    with shown() as say:
        say("loading TensorFlow", 0, 0)
        student = load_keras(args.student)
    known = read_teacher(args.teacher, taps=[hint.teacher for hint in hints])
    given = {tensor.name: tuple(tensor.shape[1:]) for tensor in student.inputs}
    known = _same_inputs(known, given)
    data = read_data(args.data, inputs={**known.inputs, **given}, outputs=list(symbolic_outputs(student)))
    outcome = distil(student, data, teacher=known.ask, plan=plan, hints=hints, held_out=args.held_out, metric=metric)
    report = _report(args, outcome, known=known, parameters=student.count_params())
    save_with_record(
        out, student, {**_recipe(args, plan, hints), "data": {"digest": data.digest, "rows": len(data)}, **report}
    )
    print(json.dumps({"out": str(out), **report}) if args.json else _text(out, outcome, report))
    return 0


def _out(args: argparse.Namespace) -> Path:
    from converters.conversion.files import check_outputs

    out: Path = args.out or args.student.with_name(f"{args.student.stem}-distilled.keras")
    check_outputs({"--out": out}, [args.teacher, args.student, args.data], ending=".keras")
    return out


def _hint(text: str) -> Hint:
    from converters.training.distillation import Hint

    teacher, _, student = text.partition(":")
    if not teacher or not student:
        raise ConvertError(f"--embedding-map {text}: write TEACHER_OUTPUT:STUDENT_OUTPUT")
    return Hint(teacher, student)


def _same_inputs(known: Known, given: dict[str, tuple[int, ...]]) -> Known:
    """The teacher under the student's names, where both have one input of one shape; refused where shapes differ."""
    if len(known.inputs) == len(given) == 1 and set(known.inputs) != set(given):
        (theirs, shape), (mine, wanted) = *known.inputs.items(), *given.items()
        if shape == wanted:
            ask = known.ask
            return known._replace(inputs=given, ask=lambda inputs: ask({theirs: inputs[mine]}))
    for name, shape in known.inputs.items():
        if name in given and shape != given[name]:
            raise ConvertError(
                f"input {name!r}: the teacher takes {shape}, the student {given[name]}; rename one, give both"
            )
    return known


def _recipe(args: argparse.Namespace, plan: FineTune, hints: list[Hint]) -> dict[str, Any]:
    from converters.conversion.files import file_digest
    from converters.recipes import versions

    return {
        "recipe": {
            "verb": "distill",
            **plan._asdict(),
            "held_out": args.held_out,
            "embedding_map": [[hint.teacher, hint.student] for hint in hints],
        },
        "versions": dict(versions()),
        "made_from": {
            role: {"file": path.name, "sha256": file_digest(path)}
            for role, path in (("teacher", args.teacher), ("student", args.student))
        },
    }


def _report(args: argparse.Namespace, outcome: Outcome, *, known: Known, parameters: int) -> dict[str, Any]:
    return {
        "parameters": {"teacher": known.parameters, "student": parameters},
        "outputs": {
            "matched": outcome.matched,
            "projected": outcome.projected,
            "student_alone": outcome.student_alone,
            "teacher_alone": outcome.teacher_alone,
        },
        "trained_rows": outcome.trained,
        "loss": [round(loss, 6) for loss in outcome.losses],
        "score": None
        if outcome.scores is None
        else {**outcome.scores._asdict(), "on": "held-out rows" if args.held_out else "the rows that were trained on"},
    }


def _text(out: Path, outcome: Outcome, report: dict[str, Any]) -> str:
    sizes, outputs, losses = report["parameters"], report["outputs"], outcome.losses
    lines = [
        f"{out}: {sizes['student']:,} parameters, the teacher has {sizes['teacher']:,}",
        f"loss {losses[0]:.4f} -> {losses[-1]:.4f} in {len(losses)} epochs on {outcome.trained} rows",
        f"learnt from the teacher: {', '.join([*outputs['matched'], *outputs['projected']]) or 'nothing'}",
    ]
    if outcome.student_alone:
        lines.append(f"no counterpart in the teacher: {', '.join(outcome.student_alone)}")
    if outcome.teacher_alone:
        lines.append(f"not learnt, the student has no such output: {', '.join(outcome.teacher_alone)}")
    scores = outcome.scores
    if scores is None:
        return "\n".join([*lines, "no labels in the data: no scores"])
    teacher = "-" if scores.teacher is None else f"{scores.teacher:.2f} %"
    lines.append(
        f"{scores.metric} on {scores.rows} {report['score']['on'].removeprefix('the ')}: teacher {teacher}, "
        f"student before {scores.before:.2f} %, after {scores.after:.2f} %"
    )
    return "\n".join(lines)
