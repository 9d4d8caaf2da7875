"""The log of ``edgetpu_compiler`` is read, from a simulated compiler: the real one cannot be had here.

Its log is in the format that users of compiler 16.0 have published.
"""

import os
import sys

import pytest
from graph_by_hand import graph, tensor

from converters.lint.board import Board
from converters.lint.compiler import PROGRAM, ask_compiler
from converters.lint.judge import lint

CORAL = Board("coral", ("tflite_runtime",), edgetpu=True)
HEAD = "Edge TPU Compiler version 16.0.384591198\n"
TABLE = """Operator                       Count      Status

TANH                           1          Mapped to Edge TPU
GATHER                         1          Operation not supported
LOGISTIC                       1          More than one subgraph is not supported
"""
PARTLY = (
    HEAD
    + """Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 96 ms.

Input model: model.tflite
Input size: 1.02KiB
Number of Edge TPU subgraphs: 1
Total number of operations: 3
Operation log: model_edgetpu.log

Number of operations that will run on Edge TPU: 1
Number of operations that will run on CPU: 2
See the operation log file for individual operation details.
Compilation succeeded!
"""
)
REFUSED = (
    HEAD
    + """ERROR: Didn't find op for builtin opcode 'TRANSPOSE_CONV' version '4'.

ERROR: Registration failed.

Invalid model: model.tflite
Model could not be parsed
"""
)


@pytest.fixture
def three_ops():
    one, two, three, four = (tensor(1, 8) for _ in range(4))
    return graph(
        ("TANH", 2, [one], [two], None), ("GATHER", 2, [two], [three], None), ("LOGISTIC", 2, [three], [four], None)
    )


@pytest.fixture
def simulated_compiler(tmp_path, monkeypatch):
    """Put a program of the compiler's name on PATH that prints a text and, where given a table, writes the files."""

    def put(said, *, table=None, status=0, body=""):
        program = tmp_path / PROGRAM
        program.write_text(
            f"#!{sys.executable}\n"
            "import pathlib, sys\n"
            "folder = pathlib.Path(sys.argv[sys.argv.index('-o') + 1])\n"
            "assert pathlib.Path(sys.argv[-1]).read_bytes()[4:8] == b'TFL3'\n"
            f"{body}\n"
            f"table = {table!r}\n"
            "if table is not None:\n"
            "    (folder / 'model_edgetpu.log').write_text(table)\n"
            "    (folder / 'model_edgetpu.tflite').write_bytes(b'compiled')\n"
            f"print({said!r})\n"
            f"sys.exit({status})\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return put


def test_without_a_compiler_the_report_says_so_plainly(three_ops, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    report = lint(three_ops, CORAL)
    assert report.compiler is None
    assert any("edgetpu_compiler is not installed here" in one.what for one in report.findings)


def test_the_table_of_a_simulated_compiler_is_read(three_ops, simulated_compiler):
    simulated_compiler(PARTLY, table=HEAD + "Input: model.tflite\nOutput: model_edgetpu.tflite\n\n" + TABLE)
    log = ask_compiler(three_ops)
    assert (log.version, log.on_tpu, log.on_cpu, log.failure) == ("16.0.384591198", 1, 2, "")
    assert [(row.op, row.count, row.status) for row in log.rows] == [
        ("TANH", 1, "Mapped to Edge TPU"),
        ("GATHER", 1, "Operation not supported"),
        ("LOGISTIC", 1, "More than one subgraph is not supported"),
    ]


def test_where_a_simulated_compiler_agrees_it_is_a_note(three_ops, simulated_compiler):
    simulated_compiler(PARTLY, table=TABLE)
    report = lint(three_ops, CORAL)
    found = [one for one in report.findings if one.kind == "compiler"]
    assert [(one.level, one.what) for one in found] == [("note", "edgetpu_compiler 16.0.384591198 maps 1 of 3 ops")]
    assert "1 GATHER: Operation not supported" in found[0].advice
    assert report.document()["compiler"]["on_tpu"] == 1


def test_where_every_op_maps_a_simulated_compiler_prints_no_numbers_and_they_are_summed(three_ops, simulated_compiler):
    rows = "TANH    1    Mapped to Edge TPU\nGATHER    1    Mapped to Edge TPU\nLOGISTIC    1    Mapped to Edge TPU\n"
    simulated_compiler(HEAD + "Model compiled successfully in 9 ms.\n\n" + rows, table="")
    report = lint(three_ops, CORAL)
    assert (report.compiler.on_tpu, report.compiler.on_cpu) == (3, 0)
    found = [one for one in report.findings if one.kind == "compiler"]
    assert found[0].level == "warning"
    assert found[0].what.endswith("maps 3 of 3 ops, the documentation 1")


def test_a_refusal_of_a_simulated_compiler_is_an_error_with_its_words(three_ops, simulated_compiler):
    simulated_compiler(REFUSED, status=1)
    report = lint(three_ops, CORAL)
    assert report.fails
    error = next(one for one in report.findings if one.level == "error")
    assert "Didn't find op for builtin opcode 'TRANSPOSE_CONV' version '4'" in error.advice
    assert "Model could not be parsed" in error.advice


def test_a_simulated_compiler_that_does_not_end_is_ended(three_ops, simulated_compiler):
    simulated_compiler("", body="import signal; signal.pause()")
    log = ask_compiler(three_ops, time_limit_s=1.0)
    assert log.failure == "it took longer than 1 s"


def test_a_compiler_that_cannot_start_is_said(three_ops, tmp_path, monkeypatch):
    (tmp_path / PROGRAM).write_text("#!/nowhere/python\n")
    (tmp_path / PROGRAM).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "does not start" in ask_compiler(three_ops).failure


def test_the_compiler_is_not_asked_for_a_board_without_an_edge_tpu(three_ops, simulated_compiler):
    simulated_compiler(REFUSED, status=1)
    report = lint(three_ops, CORAL._replace(edgetpu=False))
    assert report.compiler is None
    assert not report.fails
