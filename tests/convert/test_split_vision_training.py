"""Training the vision nets: errors come out, parts are whole or absent, scores are those of the int8 graphs."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

pytestmark = [
    pytest.mark.convert,
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None,
        reason="not here: TensorFlow comes with the extra [convert]",
    ),
]


def eye_batch():
    one = np.ones((4, 1), np.float32)
    return {"image": np.zeros((4, 32, 32, 1), np.float32), "closed": one, "weight": one, "ratio": one}


def test_an_error_in_a_sampler_ends_the_training_with_that_error():
    from converters.vision import fit, nets

    def batches():
        yield eye_batch()
        raise ValueError("no closed eye to draw from")

    with pytest.raises(RuntimeError, match="eye: no batch for step 2") as caught:
        fit.fit(nets.eye_net(), batches(), fit.eye_loss, steps=5)
    assert str(caught.value.__cause__) == "no closed eye to draw from"


def test_batches_that_end_too_early_end_the_training_with_an_error():
    from converters.vision import fit, nets

    with pytest.raises(RuntimeError, match="no batch for step 3"):
        fit.fit(nets.eye_net(), iter([eye_batch(), eye_batch()]), fit.eye_loss, steps=5)
