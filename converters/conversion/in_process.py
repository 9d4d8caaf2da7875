"""A Keras 3 model to int8 in this very process: for the trainers, whose nets are known not to crash the calibrator.

In: a model, representative rows. Out: the same bytes that ``edge-mm-convert quantize`` makes of it with the
same recipe. Not here: rows from outside (``representative`` checks those), the gate.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from converters.conversion.int8 import Sample, quantize_graph
from converters.conversion.keras_graph import float_graph
from converters.conversion.representative import spread
from converters.recipes import load_recipe

RECIPE = "int8-static"


def quantize(model: Any, representative: Iterable[Sample], *, recipe: str = RECIPE) -> bytes:
    """Full-int8 post-training quantization of a Keras 3 model.

    Args:
        model: functional; recurrent layers must be ``unroll=True``.
        representative: input name -> (1, ...), float32 or rows of an Embedding; of more than the recipe takes,
            those that it takes.
        recipe: whose ``quantize`` is followed.

    Raises:
        ConvertError: the model has a loop, did not freeze, or keeps an op in float; no representative data.
    """
    how = load_recipe(recipe).quantize
    rows = list(representative)
    chosen = [rows[i] for i in spread(len(rows), most=how.most_rows)]
    return quantize_graph(float_graph(model), chosen, float_layers=how.float_layers, percentile=how.percentile)
