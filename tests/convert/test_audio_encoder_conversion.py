"""The sound encoder survives int8: named, small, without loops, and close to its float model."""

from __future__ import annotations

import numpy as np


def test_the_encoder_becomes_a_small_int8_graph_that_agrees_with_the_float_model() -> None:
    from converters.audio import encoder
    from converters.conversion.in_process import quantize
    from edge_mm.perception.litert import Graph

    model = encoder.build(seed=1)
    rng = np.random.default_rng(0)
    windows = np.clip(rng.standard_normal((24, *model.input_shape[1:])), -3, 3).astype(np.float32)
    content = quantize(model, [{"log_mel": one[None]} for one in windows])
    assert len(content) <= 250_000
    graph = Graph(content, name="audio.encoder")
    assert set(graph.inputs) == {"log_mel"}
    assert graph.outputs["embedding"] == (1, encoder.EMBEDDING)
    expected = model(windows[:4], training=False)
    for one, vector, classes in zip(windows, expected["embedding"], expected["classes"], strict=False):
        heard = graph(log_mel=one)
        assert np.abs(heard["embedding"] - np.asarray(vector)).max() < 0.06
        assert np.abs(heard["classes"] - np.asarray(classes)).max() < 0.03
