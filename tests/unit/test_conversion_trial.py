"""A graph is tried in a process of its own; the runtimes are found, fetched, or said to be missing."""

import json

import graph_by_hand
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from converters.cli import main, parser
from converters.conversion.adoption import adopted
from converters.conversion.one import snr_db, trials_of
from converters.conversion.trial import RUNTIMES, find_runtime, install, private_folder, python311, try_graph
from edge_mm.errors import ConvertError

LITERT = "ai_edge_litert"


def graph(op="MUL", options=None, *, weights=(2.0,) * 6):
    given, out = (graph_by_hand.tensor(1, 6, dtype="float32") for _ in range(2))
    given.name, out.name = b"beat", b"loud"
    constant = graph_by_hand.tensor(1, 6, dtype="float32", value=np.array([weights], np.float32))
    return adopted(graph_by_hand.graph((op, 1, [given, constant], [out], options)))


ROWS = [{"beat": np.full((1, 6), float(i), np.float32)} for i in range(5)]


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No private runtime is here."""
    monkeypatch.setenv("EDGE_MM_RUNTIMES", str(tmp_path / "runtimes"))
    return tmp_path / "runtimes"


def test_a_trial_gives_what_each_row_says_and_how_long_it_takes():
    trial = try_graph(graph(options=schema.MulOptionsT()), LITERT, ROWS, invokes=5)
    assert trial.runtime == LITERT
    assert trial.outputs["loud"][:, 0].tolist() == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert trial.us > 0
    assert try_graph(graph(options=schema.MulOptionsT()), LITERT, ROWS).us == 0


def test_a_graph_that_a_runtime_refuses_is_refused_with_the_runtimes_own_words():
    with pytest.raises(ConvertError, match=r"ai-edge-litert 2\.[\d.]+ refuses the graph: .*smell"):
        try_graph(graph("smell"), LITERT, ROWS)


def test_an_output_that_is_no_number_is_refused_by_name():
    with pytest.raises(ConvertError, match=r"in ai-edge-litert .* the output 'loud' is not a number"):
        try_graph(graph(options=schema.MulOptionsT(), weights=(np.inf,) * 6), LITERT, ROWS)


def test_a_runtime_that_is_not_here_is_said_with_the_way_to_get_it(nowhere):
    if find_runtime("tflite_runtime") is not None:
        pytest.skip("not here: this environment itself has tflite-runtime")
    with pytest.raises(ConvertError, match=r"tflite-runtime is not here.*edge-mm-convert runtimes --install"):
        try_graph(graph(options=schema.MulOptionsT()), "tflite_runtime", ROWS)


def test_the_verb_lists_the_runtimes_and_what_is_missing(nowhere, capsys):
    if find_runtime("tflite_runtime") is not None:
        pytest.skip("not here: this environment itself has tflite-runtime")
    assert main(["runtimes"]) == 1
    said = capsys.readouterr().out
    assert f"ai-edge-litert   {find_runtime(LITERT).version}" in said
    assert "tflite-runtime   missing: edge-mm-convert runtimes --install" in said
    assert main(["runtimes", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["tflite_runtime"] is None
    assert found["ai_edge_litert"]["name"] == LITERT


def test_a_runtime_that_cannot_be_fetched_leaves_nothing_behind(nowhere, monkeypatch, capsys):
    if not python311():
        pytest.skip("not here: tflite-runtime 2.14 needs a Python 3.11")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert main(["runtimes", "--install"]) == 65
    assert "tflite-runtime==2.14.0 numpy==1.26.4 cannot be fetched: ERROR" in capsys.readouterr().err
    assert list(nowhere.iterdir()) == []


def test_a_cache_that_cannot_be_written_to_is_a_sentence(tmp_path, monkeypatch):
    if not python311():
        pytest.skip("not here: tflite-runtime 2.14 needs a Python 3.11")
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGE_MM_RUNTIMES", str(tmp_path / "file"))
    with pytest.raises(ConvertError, match=r"cannot be written: .*EDGE_MM_RUNTIMES"):
        install()


def test_what_is_there_is_not_fetched_again(nowhere, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (private_folder() / "tflite_runtime").mkdir(parents=True)
    assert install() == private_folder()


def test_one_runtime_agrees_with_itself(monkeypatch):
    content = graph(options=schema.MulOptionsT())
    steps = []
    trials = trials_of(content, content, ROWS, [LITERT, LITERT], say=lambda *step: steps.append(step))
    assert snr_db(trials[0].outputs, trials[1].outputs) == {"loud": 120.0}
    assert steps == [("trying in ai-edge-litert", 0, 0)] * 2


def test_a_ratio_is_the_signals_power_over_the_errors():
    real = {"loud": np.array([3.0, 4.0])}
    assert snr_db(real, {"loud": np.array([3.3, 4.4])}) == {"loud": pytest.approx(20.0, abs=0.1)}
    assert snr_db(real, {"loud": np.array([0.0, 0.0])}) == {"loud": 0.0}


def test_the_command_line_offers_the_runtimes_that_there_are():
    for name in RUNTIMES:
        words = ["quantize", "a.keras", "--representative", "a.npz", "--runtime", name]
        assert parser().parse_args(words).runtime == [name]
    with pytest.raises(SystemExit):
        parser().parse_args(["quantize", "a.keras", "--representative", "a.npz", "--runtime", "onnx"])


@pytest.mark.parametrize("verb", ["quantize", "runtimes"])
def test_help_has_an_example(verb, capsys):
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    said = capsys.readouterr().out
    assert f"  edge-mm-convert {verb} " in said or f"example: edge-mm-convert {verb} " in said
    assert max(map(len, said.splitlines())) <= 120
