"""Recipes: named data that say how a trained model becomes a graph.

In: a name (``int8-static``) or a ``.toml`` of one's own. Out: a frozen ``Recipe``. What shrinks a model comes first
(prune, distil), then quantization, then the gate that judges what is left. A ``NAME.tflite.json`` beside every output
repeats the recipe that made it, with versions and digests. Not here: doing any of it.
"""

from __future__ import annotations

import importlib.metadata
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from edge_mm.errors import ConfigError, ConvertError
from edge_mm.models.tables import decode, read_toml

Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=100000)]
RuntimeName = Literal["ai_edge_litert", "tflite_runtime"]


class Prune(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is taken out of a model before it is quantized."""

    keep: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """Share of the channels that stay; 1 leaves them all."""
    multiple: Annotated[int, Meta(ge=1, le=64)] = 8
    """Channels are kept in multiples of this: kernels work on 8 or 16 at once."""
    steps: Annotated[int, Meta(ge=1, le=20)] = 1
    """Prune a part, train, prune on: how many times."""
    sparsity: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    """Share of the weights set to zero by magnitude: helps compressed transport only."""
    protect: tuple[str, ...] = ()
    """Layers that keep their channels."""


class Train(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fine-tuning after pruning, distillation, quantization-aware training."""

    epochs: Count = 10
    batch: Annotated[int, Meta(ge=1, le=4096)] = 64
    rate: Annotated[float, Meta(gt=0, le=1)] = 1e-3
    """Adam's learning rate at the start of a cosine decay."""
    label_weight: Share = 0.5
    """Weight of the labels against the teacher's word."""
    temperature: Annotated[float, Meta(gt=0, le=100)] = 2.0
    """Of soft labels."""
    seed: int = 0


class Quantize(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the graph's numbers become integers."""

    mode: Literal["int8", "dynamic-range", "float"] = "int8"
    """``int8``: weights and activations; ``dynamic-range``: weights only; ``float``: nothing."""
    aware: bool = False
    """Train with the rounding of int8 in view first (QAT)."""
    percentile: Annotated[float, Meta(gt=50, le=100)] = 100.0
    """Range of an activation: 100 takes the extremes, 99.9 leaves outliers out."""
    float_layers: tuple[str, ...] = ()
    """Names, or regular expressions for whole names, of layers that stay in float (mixed precision)."""
    most_rows: Annotated[int, Meta(ge=50, le=5000)] = 500
    """Rows to calibrate with, at most."""

    def __post_init__(self) -> None:
        if self.mode != "int8" and (self.aware or self.float_layers or self.percentile < 100):
            raise ValueError(f"quantize: aware, float_layers and percentile are of mode 'int8', not of {self.mode!r}")
        for text in self.float_layers:
            try:
                re.compile(text)
            except re.error as error:
                raise ValueError(f"quantize.float_layers: {text!r} is no regular expression: {error}") from error


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the graph may lose against the float model."""

    max_loss_pp: Annotated[float, Meta(ge=0, le=100)] = 1.0
    """Percentage points of the metric, by the upper end of the paired bootstrap's interval."""
    confidence: Annotated[float, Meta(gt=0.5, lt=1)] = 0.95
    min_snr_db: Annotated[float, Meta(ge=-20, le=100)] = 15.0
    """Signal-to-noise ratio of each output against float."""
    output_snr_db: dict[str, float] = {}
    """Another floor for an output."""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One recipe."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}\Z")]
    summary: str
    """One sentence for the list."""
    prune: Prune = Prune()
    train: Train = Train()
    distill: bool = False
    """The model is a student; a teacher has to be named."""
    quantize: Quantize = Quantize()
    gate: Gate = Gate()
    runtimes: tuple[RuntimeName, ...] = ("ai_edge_litert", "tflite_runtime")
    """Where every graph must run."""


def known_recipes() -> tuple[str, ...]:
    """Names of the recipes that ship."""
    return tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.toml")))


def load_recipe(name: str) -> Recipe:
    """A recipe by name or path.

    Raises:
        ConvertError: there is none of that name, or the file is wrong.
    """
    path = Path(name) if name.endswith(".toml") else Path(__file__).parent / f"{name}.toml"
    if not path.is_file() or (not name.endswith(".toml") and name not in known_recipes()):
        raise ConvertError(f"no recipe {name!r}: give a .toml file or one of {', '.join(known_recipes())}")
    try:
        return decode(read_toml(path), Recipe, file=str(path))
    except ConfigError as error:
        raise ConvertError(str(error)) from error


def changes_model(recipe: Recipe) -> bool:
    """Whether it trains: prunes, distils, or learns with rounding in view."""
    return recipe.prune.keep < 1 or recipe.prune.sparsity > 0 or recipe.distill or recipe.quantize.aware


def as_table(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain data, for reports and digests."""
    table: dict[str, Any] = msgspec.to_builtins(recipe)
    return table


def versions() -> Mapping[str, str]:
    """What made an output: edge-mm, TensorFlow, Keras, numpy, the runtime, Python, where they are installed."""
    found = {"python": platform.python_version()}
    for name in ("edge-mm", "tensorflow", "keras", "numpy", "ai-edge-litert"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
