"""``edge-mm-convert compare``: what an int8 graph lost against its float model, layer by layer and in the task."""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from edge_mm.errors import ConvertError

if TYPE_CHECKING:
    from converters.dataset import DataSet
    from converters.evaluation.comparison import Comparison

SUMMARY = "float against int8: error per layer and output, loss of the task with its interval, size, speed"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options."""
    parser.add_argument(
        "float", type=Path, metavar="FLOAT", help="the model: .keras, SavedModel folder or float .tflite"
    )
    parser.add_argument("int8", type=Path, metavar="INT8", help="the .tflite made of it")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="held-out .npz: an array per input, targets under the outputs' names, `group` for the person of each row",
    )
    parser.add_argument(
        "--metric",
        help="accuracy:OUTPUT, f1:OUTPUT, auroc:OUTPUT or within:OUTPUT:TOLERANCE (default: from the targets)",
    )
    parser.add_argument(
        "--max-loss", type=float, default=1.0, metavar="POINTS", help="allowed loss, percentage points (default: 1)"
    )
    parser.add_argument(
        "--min-snr", type=float, default=15.0, metavar="DB", help="floor of every output's SNR (default: 15)"
    )
    parser.add_argument(
        "--representative",
        type=Path,
        metavar="DATA",
        help="what INT8 was calibrated with: also measures what leaving the worst layers in float would give",
    )
    parser.add_argument("--gate", action="store_true", help="exit status 1 unless the int8 graph passes")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="write the report as Markdown")
    parser.add_argument("--html", type=Path, metavar="FILE.html", help="write it as one page with plots")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.epilog = (
        "example:\n"
        "  edge-mm-convert compare eye.keras eye.tflite --data heldout.npz --metric auroc:closed --html eye.html\n\n"
        "It passes when the whole 95 % interval of the loss is within --max-loss and every output is above --min-snr.\n"
        "Without any difference in n rows the interval still reaches 3/n: 300 rows are the least for 1 point."
    )


def run(args: argparse.Namespace) -> int:
    """Measure, write, print."""
    from converters.conversion.child import Converter
    from converters.conversion.files import check_outputs, graph_file
    from converters.conversion.progress import shown
    from converters.conversion.representative import representative
    from converters.dataset import refuse_non_numbers
    from converters.evaluation.comparison import as_data, compare
    from converters.evaluation.gate import Limits
    from converters.evaluation.metrics import parse_metric

    metric = parse_metric(args.metric) if args.metric else None
    outputs = {"--out": args.out, "--html": args.html}
    given = [path for path in (args.float, args.int8, args.data, args.representative) if path is not None]
    check_outputs({option: path for option, path in outputs.items() if path is not None}, given, ending="")
    if not (0 <= args.max_loss <= 100 and -120 <= args.min_snr <= 120):
        raise ConvertError("--max-loss must be 0 to 100 percentage points, --min-snr -120 to 120 dB")
    int8 = graph_file(args.int8)
    with ExitStack() as open_:
        with shown() as say:
            converter = open_.enter_context(Converter(say))
            real = graph_file(args.float) if args.float.suffix == ".tflite" else converter.float_graph(args.float)
        if _reads_int8(real) and not _reads_int8(int8):
            raise ConvertError(
                f"{args.float} is the int8 graph and {args.int8} the float one: give the float one first"
            )
        data = _data(args.data, int8)
        refuse_non_numbers({**data.inputs, **data.targets}, str(args.data))
        samples = (
            representative(_data(args.representative, int8), where=str(args.representative))
            if args.representative
            else ()
        )
        comparison = compare(
            real, int8, data, metric=metric, limits=Limits(max_loss_pp=args.max_loss, min_snr_db=args.min_snr),
            samples=samples, quantize=converter.int8_graph,
        )  # fmt: skip
    title = f"{args.float.name} against {args.int8.name}"
    _write(args, comparison, title)
    if args.json:
        print(json.dumps(as_data(comparison), indent=1))
    else:
        _print(comparison)
    return 1 if args.gate and not comparison.passed else 0


def _reads_int8(content: bytes) -> bool:
    from converters.graphs.reader import read_graph

    graph = read_graph(content)
    return any(graph.tensors[place].dtype == "int8" for place in graph.inputs)


def _data(path: Path, content: bytes) -> DataSet:
    from converters.dataset import read_data
    from converters.graphs.reader import read_graph

    graph = read_graph(content)
    inputs = {name: graph.tensors[place].shape[1:] for name, place in graph.signature_inputs.items()}
    return read_data(path, inputs=inputs, outputs=list(graph.signature_outputs))


def _write(args: argparse.Namespace, comparison: Comparison, title: str) -> None:
    from converters.conversion.files import write_files

    files = {}
    if args.out is not None:
        from converters.reports import markdown

        files[args.out] = markdown.report(comparison, title=title).encode()
    if args.html is not None:
        from converters.reports.page import page

        files[args.html] = page(comparison, title=title).encode()
    write_files(files)


def _print(comparison: Comparison) -> None:
    from converters.reports.markdown import layers_note

    print(comparison.sentence)
    for name, one in comparison.outputs.items():
        print(f"  output {name}: SNR {one.snr_db:.1f} dB, cosine {one.cosine:.4f}, largest error {one.max_error:.3g}")
    for timed in comparison.latencies:
        print(
            f"  {timed.runtime}: {timed.ratio:.2f} of the float time here "
            f"({timed.float_us:.1f} us -> {timed.int8_us:.1f} us)"
        )
    real, int8 = comparison.sizes
    print(
        f"  size: {int8.bytes / real.bytes:.2f} of the float bytes ({real.bytes:,} -> {int8.bytes:,}; zlib "
        f"{real.zlib_bytes:,} -> {int8.zlib_bytes:,}), arena {real.arena_bytes:,} -> {int8.arena_bytes:,} bytes"
    )
    print(f"  layers: {layers_note(comparison.table)}")
    for text in comparison.verdict.advice if comparison.verdict else ():
        print(f"  try: {text}")
    shown = {str(one) for one in (comparison.remedies if comparison.verdict is None or comparison.passed else ())}
    for text in sorted(shown):
        print(f"  tried: {text}")
