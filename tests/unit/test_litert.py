"""Graphs of the shipped bundle through whichever runtime is installed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_mm.errors import BundleError, ConfigError
from edge_mm.perception.litert import Graph, backend_name, load_graph
from edge_mm.perception.selftest import self_test

ROOT = Path(__file__).resolve().parents[2]


def test_every_graph_of_the_bundle_loads_and_runs(bundle):
    for name in bundle.manifest.graphs:
        graph = load_graph(bundle, name)
        outputs = graph(**{key: np.zeros(shape, np.float32) for key, shape in graph.inputs.items()})
        assert set(outputs) == set(graph.outputs)
        assert all(np.isfinite(value).all() for value in outputs.values())


def test_every_graph_is_int8_but_for_the_constant_first_state_of_an_lstm(bundle):
    for name in bundle.manifest.graphs:
        interpreter = load_graph(bundle, name)._interpreter
        ends = [*interpreter.get_input_details(), *interpreter.get_output_details()]
        assert {d["dtype"] for d in ends} == {np.int8}, name
        floats = [d for d in interpreter.get_tensor_details() if d["dtype"] == np.float32]
        assert all("lstm" in d["name"] or "dequantize" in d["name"] for d in floats), name
        assert sum(int(np.prod(d["shape"])) for d in floats) <= 2 * 4 * 48, name


def test_the_self_test_of_the_shipped_bundle_passes(bundle):
    self_test(bundle)


def test_the_self_test_names_a_graph_that_computes_something_else(bundle):
    spoiled = bytearray(bundle.graph("audio.encoder"))
    middle, most = len(spoiled) // 2, len(spoiled) // 8  # weights, a quarter of the file
    spoiled[middle - most : middle + most] = bytes(2 * most)
    with pytest.raises(BundleError, match=r"audio\.encoder"):
        self_test(bundle.replace(**{"audio.encoder": bytes(spoiled)}))


def test_a_wrong_shape_names_the_graph_and_the_input(bundle):
    graph = load_graph(bundle, "fusion")
    with pytest.raises(BundleError, match=r"fusion.*presence"):
        graph(**{key: np.zeros(1 if key == "presence" else shape) for key, shape in graph.inputs.items()})


@pytest.mark.parametrize("name", ["audio.encoder", "fusion", "physio.beat"])
def test_numbers_are_rounded_to_the_nearest_step_of_the_graph_and_kept_within_its_range(bundle, name):
    graph, rng = load_graph(bundle, name), np.random.default_rng(0)
    steps, values = {}, {}
    for detail in graph._interpreter.get_signature_runner().get_input_details().items():
        key, (scale, zero) = detail[0], detail[1]["quantization"]
        nearest = rng.integers(-128, 128, graph.inputs[key]).astype(np.int8)
        real = (nearest.astype(float) - zero + rng.uniform(-0.4, 0.4, nearest.shape)) * scale
        real = np.where(nearest == 127, 1000 * scale, np.where(nearest == -128, -1000 * scale, real))
        steps[key], values[key] = nearest, real.astype(np.float32)
    taken, rounded = load_graph(bundle, name)(**steps), load_graph(bundle, name)(**values)
    for key in graph.outputs:
        np.testing.assert_array_equal(taken[key], rounded[key])


def test_bytes_that_are_no_graph_are_refused_with_the_name():
    with pytest.raises(BundleError, match="eye"):
        Graph(b"\x00" * 64, name="eye")


def test_an_unknown_back_end_is_a_configuration_error(monkeypatch):
    monkeypatch.setenv("EDGE_MM_BACKEND", "tensorrt")
    with pytest.raises(ConfigError, match="ai_edge_litert"):
        backend_name()


def test_the_banner_of_the_runtime_is_kept_back_and_nothing_else(bundle):
    code = (
        "import sys\n"
        "from edge_mm.models.bundle import load_bundle\n"
        "from edge_mm.perception.litert import load_graph\n"
        "from edge_mm.quiet import quiet_stderr\n"
        "bundle = load_bundle('driver')\n"
        "with quiet_stderr():\n"
        "    print('something else', file=sys.stderr, flush=True)\n"
        "load_graph(bundle, 'fusion')\n"
    )

    def stderr(shell: str = 'exec "$@"', **env: str) -> str:
        return subprocess.run(
            ["sh", "-c", shell, "sh", sys.executable, "-c", code],
            check=True, capture_output=True, text=True, timeout=60, cwd=ROOT, env={**os.environ, **env},
        ).stderr  # fmt: skip

    assert stderr(EDGE_MM_DEBUG="") == "something else\n"
    if backend_name() == "ai_edge_litert":  # tflite-runtime 2.14 gives int8 graphs to no delegate and says nothing
        assert "XNNPACK" in stderr(EDGE_MM_DEBUG="1")
    assert stderr('exec "$@" 2>&-', EDGE_MM_DEBUG="").find("XNNPACK") < 0
