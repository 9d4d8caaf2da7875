"""What would help an int8 graph, measured: layers left in float, and a clipped calibration.

In: the float graph, the samples that it was calibrated with, rows to measure on, the layers in question. Out: a
``Remedy`` each, with the signal-to-noise ratio of the worst output before and after; each takes a conversion. Not here:
which layers are in question (``layers``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from converters.evaluation.answers import Answers, answers
from converters.evaluation.fidelity import by_output
from converters.evaluation.layers import Layer
from edge_mm.errors import ConvertError

if TYPE_CHECKING:
    from converters.dataset import DataSet

CLIPPED = 99.9
"""Percentile of the clipped calibration that is tried."""
ROWS = 256
"""Rows to measure on, evenly over the data."""

Samples = Sequence[Mapping[str, npt.NDArray[np.float32]]]


class Quantize(Protocol):
    """``converters.conversion.int8.quantize_graph``, or the same in a process of its own (``child.Converter``)."""

    def __call__(
        self, content: bytes, samples: Samples, *, float_layers: Sequence[str] = ..., percentile: float = ...
    ) -> bytes:
        """An int8 graph of the float graph ``content``."""


class Remedy(NamedTuple):
    """One thing to try and what it gave."""

    what: str
    """``leaving second in float``"""
    layers: tuple[str, ...]
    """Names for ``float_layers``; empty where the remedy is another."""
    output: str
    """The output measured."""
    before_db: float
    after_db: float

    def __str__(self) -> str:
        """One sentence."""
        return f"{self.what}: SNR of {self.output} {self.before_db:.1f} -> {self.after_db:.1f} dB"


def remedies(
    float_content: bytes,
    samples: Samples,
    data: DataSet,
    candidates: Sequence[Layer],
    *,
    output: str = "",
    quantize: Quantize | None = None,
    float_layers: Sequence[str] = (),
    percentile: float = 100.0,
) -> list[Remedy]:
    """Measure each alone and with the layers that feed it; the best first, of equals the one with fewer layers.

    Args:
        float_content: the float ``.tflite``.
        samples: to calibrate with: input name -> (1, ...).
        data: rows to measure on.
        candidates: layers of the plain int8 graph, e.g. the worst three; inputs among them are left out.
        output: whose ratio is measured; the one with the lowest by default.
        quantize: makes the graphs; TensorFlow in this process by default.
        float_layers: of the graph that is to be mended.
        percentile: of its calibration.

    Raises:
        ConvertError: its conversion fails; a remedy that cannot be converted is left out.
    """
    from tqdm import tqdm

    make = quantize or _in_this_process()
    few = data.rows(np.unique(np.linspace(0, len(data) - 1, min(ROWS, len(data))).round().astype(int)))
    real = answers(float_content, few, name="float")
    plain = _ratios(real, make(float_content, samples, float_layers=float_layers, percentile=percentile), few)
    output = output or min(plain, key=lambda name: plain[name])
    tried: list[tuple[str, tuple[str, ...], float]] = []
    for layer in candidates:
        if layer.op != "INPUT":
            tried.append((f"leaving {layer.label} in float", (layer.name,), percentile))
            if layer.sources:  # a value that one range cannot hold is lost when it is written, not when it is read
                both = (*reversed(layer.sources), layer.name)
                tried.append((f"leaving {', '.join(both[:-1])} and {layer.label} in float", both, percentile))
    if percentile < 100.0:
        tried.append(("calibrating with the extremes", (), 100.0))
    else:
        tried.append((f"clipping the calibration at its {CLIPPED:g} percentile", (), CLIPPED))
    found = []
    for what, layers, clip in tqdm(tried, desc="remedies", leave=False, disable=None):
        try:
            stay = [*float_layers, *(re.escape(name) for name in layers)]
            made = make(float_content, samples, float_layers=stay, percentile=clip)
        except ConvertError:
            continue  # some ops have no half-float form; the others still say something
        found.append(Remedy(what, layers, output, plain[output], _ratios(real, made, few)[output]))
    return sorted(found, key=lambda one: (-round(one.after_db, 1), len(one.layers)))


def _in_this_process() -> Quantize:
    from converters.conversion.int8 import quantize_graph

    return quantize_graph


def _ratios(real: Answers, content: bytes, data: DataSet) -> dict[str, float]:
    return {name: one.snr_db for name, one in by_output(real, answers(content, data, name="int8")).items()}
