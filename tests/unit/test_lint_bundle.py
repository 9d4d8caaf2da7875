"""The graphs that ship, judged for boards; the verb's exit statuses and what it prints."""

import argparse
import json
import random
import zipfile
from pathlib import Path

import pytest
from graph_by_hand import graph, tensor

from converters.lint.board import find_board
from converters.lint.judge import lint
from converters.verbs import lint as verb
from edge_mm.errors import ConfigError, ConvertError

BUNDLE = next((Path(__file__).parents[2] / "edge_mm" / "bundles").glob("driver-*.edgemm"))


@pytest.fixture(scope="module")
def graphs():
    with zipfile.ZipFile(BUNDLE) as bundle:
        return {Path(n).stem: bundle.read(n) for n in bundle.namelist() if n.endswith(".tflite")}


@pytest.mark.parametrize("board", ["raspberry-pi-4", "raspberry-pi-zero-2w", "jetson-orin-nano", "generic-x86_64"])
def test_every_graph_that_ships_runs_on_the_board(graphs, board):
    assert len(graphs) >= 9
    for name, content in graphs.items():
        report = lint(content, find_board(board))
        assert report.findings == (), name
        assert report.summary.endswith("all would run")
        assert {one.where for one in report.verdicts} == {"cpu"}


def test_the_fusion_maps_as_a_whole_on_a_coral(graphs):
    report = lint(graphs["fusion"], find_board("coral-usb"), compile_it=False)
    ops = len(report.verdicts)
    assert report.summary == f"{ops} of {ops} ops would run on the Edge TPU"
    assert not report.fails


@pytest.fixture
def half():
    """A graph whose partition ends in its middle."""
    one, two, three, four = (tensor(1, 8) for _ in range(4))
    return graph(
        ("TANH", 2, [one], [two], None), ("GATHER", 2, [two], [three], None), ("TANH", 2, [three], [four], None)
    )


def said(capsys, tmp_path, content, *words):
    """Exit status and what is printed."""
    model = tmp_path / "net.tflite"
    model.write_bytes(content)
    parser = argparse.ArgumentParser()
    verb.arguments(parser)
    status = verb.run(parser.parse_args([str(model), *words]))
    return status, capsys.readouterr().out


def test_the_verb_prints_a_sentence_and_is_content(capsys, tmp_path, graphs):
    status, out = said(capsys, tmp_path, graphs["fusion"], "--profile", "raspberry-pi-4")
    assert status == 0
    assert out.startswith("net on raspberry-pi-4: ")
    assert out.count("\n") == 1


def test_with_ops_each_has_a_line(capsys, tmp_path, half):
    _, out = said(capsys, tmp_path, half, "--profile", "coral-usb", "--ops", "--no-compiler")
    assert out.startswith(
        "   0 TANH v2  edgetpu\n   1 GATHER v2  cpu: an Edge TPU does not have this op\n   2 TANH v2  cpu"
    )


def test_json_is_one_document_with_every_op(capsys, tmp_path, half):
    status, out = said(capsys, tmp_path, half, "--profile", "coral-usb", "--json", "--no-compiler")
    document = json.loads(out)
    assert status == 0
    assert document["ok"] is True
    assert [one["op"] for one in document["ops"]] == list(range(len(document["ops"])))
    assert [one["where"] for one in document["ops"]] == ["edgetpu", "cpu", "cpu"]
    assert document["summary"].endswith("1 of 3 ops would run on the Edge TPU; the partition ends at op 1 (GATHER)")
    assert [one["op"] for one in document["findings"] if one["kind"] == "edgetpu"] == [1, 1]


def test_strict_fails_for_what_falls_to_the_cpu(capsys, tmp_path, graphs, half):
    words = ["--profile", "coral-usb", "--no-compiler"]
    assert said(capsys, tmp_path, half, *words)[0] == 0
    assert said(capsys, tmp_path, half, *words, "--strict")[0] == 1
    assert said(capsys, tmp_path, graphs["fusion"], *words, "--strict")[0] == 0


def test_a_bundle_is_judged_graph_by_graph(capsys, graphs):
    parser = argparse.ArgumentParser()
    verb.arguments(parser)
    words = ["driver", "--profile", "coral-usb", "--no-compiler"]
    assert verb.run(parser.parse_args(words)) == 0
    last = [line.split(" on coral-usb: ") for line in capsys.readouterr().out.splitlines() if " on coral-usb: " in line]
    assert [name for name, _ in last] == sorted(graphs)
    assert verb.run(parser.parse_args([*words, "--strict", "--json"])) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert document["graphs"]["fusion"]["ok"] is True


def test_broken_graphs_are_judged_or_refused_in_a_sentence(graphs):
    rng = random.Random(0)
    whole, judged = graphs["fusion"], 0
    for _ in range(150):
        broken = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            place = rng.randrange(8, len(broken) - 4) // 4 * 4
            broken[place : place + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\2\0\0\0", rng.randbytes(4)])
        try:
            judged += bool(lint(bytes(broken), find_board("coral-usb"), compile_it=False).summary)
        except ConvertError as error:
            assert "\n" not in str(error)
    assert 10 < judged < 150


def test_what_is_no_graph_and_what_is_no_board_are_refused_in_a_sentence(capsys, tmp_path, graphs):
    with pytest.raises(ConvertError, match=r"no \.tflite graph"):
        said(capsys, tmp_path, b"not a graph", "--profile", "raspberry-pi-4")
    with pytest.raises(ConfigError, match="no profile"):
        said(capsys, tmp_path, graphs["fusion"], "--profile", "toaster")
    args = argparse.Namespace(model=str(tmp_path / "absent.tflite"), profile="raspberry-pi-4", no_compiler=True)
    with pytest.raises(ConvertError, match=r"absent\.tflite: No such file"):
        verb.run(args)
