"""Judge a graph for a board: every rule that applies to it, in one report.

In: the bytes of a ``.tflite`` file, a ``Board``. Out: a ``Report``. Not here: the rules themselves, printing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from converters.graphs.reader import GraphFile, read_graph
from converters.lint.board import Board
from converters.lint.compiler import PROGRAM, CompilerLog, ask_compiler
from converters.lint.edgetpu import COMPILED, Partition, edgetpu_findings, partition
from converters.lint.findings import Finding, Report, Verdict
from converters.lint.kernel_versions import RUNTIMES
from converters.lint.runtimes import graph_findings, runtime_findings
from edge_mm.errors import ConvertError

MOST_SUBGRAPHS = 200
"""A recurrent layer that is not unrolled has two; reading each costs as much as the whole file."""
_LEVELS = ("error", "warning", "note")


def lint(content: bytes, board: Board, *, compile_it: bool = True) -> Report:
    """Judge a graph for a board.

    Args:
        content: a ``.tflite`` file, from anybody.
        board: what it should run on.
        compile_it: on a board with an Edge TPU, ask ``edgetpu_compiler`` as well where it is installed.

    Raises:
        ConvertError: it is no ``.tflite`` file, a damaged one, or one with more than ``MOST_SUBGRAPHS``.
    """
    graph = read_graph(content)
    compiled = any(op.custom == COMPILED for op in graph.ops)
    found = list(_everywhere(content, graph, board))
    if not board.edgetpu:
        if compiled:
            found.append(_elsewhere(graph))
        verdicts = tuple(Verdict(op, "cpu") for op in graph.ops)
        return _report(board, found, verdicts, summary="")
    part = partition(graph, content)
    found += edgetpu_findings(graph, content, part)
    log = ask_compiler(content) if compile_it and not compiled else None
    found += _compiler_findings(log, part, asked=compile_it and not compiled)
    return _report(board, found, part.verdicts, summary=part.summary(), log=log)


def _everywhere(content: bytes, graph: GraphFile, board: Board) -> Iterator[Finding]:
    """Runtimes' rules over every subgraph; what two runtimes have in common is said once."""
    if graph.subgraphs > MOST_SUBGRAPHS:
        raise ConvertError(f"this graph has {graph.subgraphs} subgraphs, more than {MOST_SUBGRAPHS}: it is not judged")
    said = set()
    for number in range(graph.subgraphs):
        one = graph if number == 0 else read_graph(content, subgraph=number)
        for finding in (*graph_findings(one, content), *_in_runtimes(one, content, board)):
            key = (number, finding.op and finding.op.index, finding.kind, finding.what)
            if key not in said:
                said.add(key)
                where = f"in subgraph {number} (a loop, a branch): " if number else ""
                yield finding._replace(what=where + finding.what)


def _in_runtimes(graph: GraphFile, content: bytes, board: Board) -> Iterator[Finding]:
    for runtime in board.runtimes:
        yield from runtime_findings(graph, content, runtime=runtime)


def _elsewhere(graph: GraphFile) -> Finding:
    op = next(op for op in graph.ops if op.custom == COMPILED)
    return Finding("error", "custom", "it was compiled for an Edge TPU", "take the graph from before the compiler", op)


def _compiler_findings(log: CompilerLog | None, part: Partition, *, asked: bool) -> Iterator[Finding]:
    if not asked:
        return
    if log is None:
        yield Finding(
            "note",
            "compiler",
            f"{PROGRAM} is not installed here: this is judged from the documentation alone",
            "install it (x86-64 Debian, coral.ai/docs/edgetpu/compiler) to be sure",
        )
    elif log.failure:
        yield Finding("error", "compiler", f"{PROGRAM} refuses it", log.failure)
    else:
        total = log.on_tpu + log.on_cpu
        text = f"{PROGRAM} {log.version} maps {log.on_tpu} of {total} ops"
        left = "; ".join(
            f"{row.count} {row.op}: {row.status}" for row in log.rows if not row.status.startswith("Mapped")
        )
        if log.on_tpu == 0:
            yield Finding("error", "compiler", text, left or "see its log")
        elif log.on_tpu != part.mapped:
            yield Finding("warning", "compiler", f"{text}, the documentation {part.mapped}", left or "it is right")
        else:
            yield Finding("note", "compiler", text, left or "as documented")


def _report(
    board: Board,
    found: Iterable[Finding],
    verdicts: tuple[Verdict, ...],
    *,
    summary: str,
    log: CompilerLog | None = None,
) -> Report:
    findings = tuple(sorted(found, key=lambda one: (_LEVELS.index(one.level), -1 if one.op is None else one.op.index)))
    if not summary:
        names = " and ".join(RUNTIMES.get(name, name) for name in board.runtimes)
        ops = {one.op.index for one in findings if one.level == "error" and one.op is not None}
        fails = any(one.level == "error" for one in findings)
        summary = f"{len(verdicts)} ops for {names}: " + (
            f"it would fail there, at {len(ops)} ops" if fails else "all would run"
        )
    return Report(board.name, findings, verdicts, summary, log)
