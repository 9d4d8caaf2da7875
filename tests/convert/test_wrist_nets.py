"""The nets of the wrist: what they take and give, in int8 as in float, and the same from the same seed."""

import numpy as np
import pytest

from edge_mm.perception.litert import Graph
from edge_mm.perception.motion_fall import CHANNELS, LENGTH
from edge_mm.perception.skin_stress import FEATURES

pytestmark = pytest.mark.convert
MOST_BYTES = 500 * 1024


def test_the_fall_net_survives_int8():
    from converters.conversion.in_process import quantize
    from converters.motion import net

    model = net.build(seed=0)
    rows = np.random.default_rng(0).normal(0, 1, (64, LENGTH, CHANNELS)).astype(np.float32)
    content = quantize(model, [{"motion": row[None]} for row in rows])
    graph = Graph(content, name="motion.fall")
    assert len(content) < MOST_BYTES
    assert (graph.outputs["fall"], graph.outputs["embedding"]) == ((1, 1), (1, 16))
    int8 = np.array([graph(motion=row)["fall"].item() for row in rows])
    assert np.abs(int8 - net.predict(model, rows)).max() < 0.05


def test_the_stress_net_is_the_same_from_the_same_seed_and_survives_int8():
    from converters.conversion.in_process import quantize
    from converters.skin import net

    rng = np.random.default_rng(0)
    labels = [rng.integers(0, 2, 150) for _ in range(3)]
    x = [np.clip(rng.normal(y[:, None] - 0.5, 1, (150, FEATURES)), -3, 3).astype(np.float32) for y in labels]
    for one in x:
        one[:, -3:] = 1.0
    model, again = (net.train(x, labels, seed=1, epochs=4) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights(), strict=True))
    graph = Graph(quantize(model, [{"features": row[None]} for row in x[0]]), name="skin.stress")
    said = net.predict(model, x[1])
    assert said[labels[1] == 1].mean() > said[labels[1] == 0].mean() + 0.2
    int8 = np.array([graph(features=row)["stress"].item() for row in x[1]])
    assert np.abs(int8 - said).max() < 0.08
