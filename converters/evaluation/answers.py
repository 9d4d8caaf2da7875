"""What a graph says of every row of a data set.

In: the bytes of a ``.tflite`` graph, a ``DataSet``. Out: output name -> (n, ...) float32. Not here: if it is right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edge_mm.errors import ConvertError
from edge_mm.perception.litert import Graph

if TYPE_CHECKING:
    from converters.dataset import DataSet

Answers = dict[str, npt.NDArray[np.float32]]


def answers(content: bytes, data: DataSet, *, name: str) -> Answers:
    """Run every row, one at a time, as the device does.

    Args:
        content: the graph; float or int8.
        data: n rows.
        name: of the graph, for the progress bar and the errors.

    Raises:
        ConvertError: an input of the graph is missing in the data or has another shape.
        BundleError: no runtime takes the graph.
    """
    from tqdm import tqdm

    graph = Graph(content, name=name, stateful=True)  # a fused LSTM begins anew with each row
    for key, shape in graph.inputs.items():
        if key not in data.inputs:
            raise ConvertError(f"graph {name}: reads {key!r}, the data has {', '.join(map(repr, data.inputs))}")
        if data.inputs[key].shape[1:] != shape[1:]:
            raise ConvertError(
                f"graph {name}: input {key!r} has rows of the shape {shape[1:]}, the data {data.inputs[key].shape[1:]}"
            )
    said = [
        graph(**{key: data.inputs[key][i] for key in graph.inputs})
        for i in tqdm(range(len(data)), desc=f"running {name}", unit="row", leave=False, disable=None)
    ]
    return {key: np.stack([one[key] for one in said]) for key in graph.outputs}


def paired_answers(float_content: bytes, int8_content: bytes, data: DataSet) -> tuple[Answers, Answers]:
    """Of the float and of the int8 graph.

    Raises:
        ConvertError: their outputs have different names or shapes; and as ``answers``.
    """
    real, int8 = answers(float_content, data, name="float"), answers(int8_content, data, name="int8")
    shapes = [{key: value.shape[1:] for key, value in one.items()} for one in (real, int8)]
    if shapes[0] != shapes[1]:
        raise ConvertError(
            f"the two graphs are not of one model: the float graph says {_listed(shapes[0])}, the int8 graph "
            f"{_listed(shapes[1])}"
        )
    return real, int8


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())
