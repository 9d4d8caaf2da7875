"""Set the smallest weights to zero while training: the file compresses better, nothing else.

In: a trained model, rows of data, the share of zeros to reach. Out: a model of the same size with zeros in its kernels.
The ``.tflite`` made of it stays as large and runs as fast as before, since the kernels of the runtime multiply zeros
like any other number; only a compressed download shrinks (``transport``). The converter's sparse encoding is not used:
it makes int8 graphs larger, and ai-edge-litert does not load them with its default kernels.

Schedule: cubic, Zhu and Gupta 2017, "To prune, or not to prune", equation 1. As there, each kernel gets the same share
of zeros, and the first layer and depthwise kernels, which have few weights, are left alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.graphs.keras_nodes import Call, functional, walk
from converters.pruning.rebuild import copied
from edge_mm.errors import ConvertError

if TYPE_CHECKING:
    from converters.dataset import DataSet
    from converters.training.finetune import FineTune

RAMP = 0.7
"""Share of the training during which zeros are added; the rest is for the weights that are left."""
STAGES = 50
"""How often in that time the masks grow."""
KERNELS = ("kernel", "pointwise_kernel", "recurrent_kernel")


class Kernel(NamedTuple):
    """One kernel that was made sparse."""

    layer: str
    weights: int
    zeros: int


class Sparse(NamedTuple):
    """A model with zeros."""

    model: Any
    kernels: tuple[Kernel, ...]
    losses: list[float]
    """Mean of each epoch."""


def prune_magnitude(model: Any, data: DataSet, *, sparsity: float, plan: FineTune, first_layer: bool = False) -> Sparse:
    """Train with growing masks; the given model stays as it is and is the teacher.

    Args:
        model: functional or Sequential Keras 3 model.
        data: rows for it; targets are optional.
        sparsity: share of each kernel's weights that is zero at the end, above 0 and below 1.
        plan: how long; 0 epochs sets the zeros at once.
        first_layer: also the kernels that read the model's inputs.

    Raises:
        ConvertError: no graph, no kernel, an argument out of range, data that does not fit.
    """
    from converters.training.finetune import finetune
    from converters.training.teachers import keras_teacher

    if not 0 < sparsity < 1:
        raise ConvertError(f"sparsity {sparsity:g}: must be above 0 and below 1, for example 0.8 for 80 % zeros")
    sparse = copied(model)
    kernels = _kernels(sparse, first_layer=first_layer)
    if not kernels:
        raise ConvertError(f"nothing to prune in {model.name}: it has no kernel behind its first layer")
    total = plan.epochs * math.ceil(len(data) / plan.batch)
    masks = _Masks([weight for _, weight in kernels], sparsity, ramp=round(RAMP * total))
    losses: list[float] = []
    if plan.epochs:
        losses = finetune(sparse, data, teacher=keras_teacher(copied(model)), plan=plan, on_step=lambda _: masks.step())
    else:
        masks.step()
    done = tuple(Kernel(name, int(np.prod(weight.shape)), int((weight.numpy() == 0).sum())) for name, weight in kernels)
    return Sparse(sparse, done, losses)


def share_at(step: int, *, ramp: int, sparsity: float) -> float:
    """Share of zeros after so many steps: fast at first, while there is much that is not needed."""
    left = 1.0 - min(step / ramp, 1.0) if ramp > 0 else 0.0
    return sparsity * (1.0 - left**3)


class _Masks:
    """What is zero now; weights that became zero stay so, as the smallest there are."""

    def __init__(self, weights: list[Any], sparsity: float, *, ramp: int) -> None:
        self._weights, self._sparsity, self._ramp = weights, sparsity, ramp
        self._masks = [np.ones(weight.shape, np.float32) for weight in weights]
        self._every = max(1, ramp // STAGES)
        self._steps = 0

    def step(self) -> None:
        self._steps += 1
        grow = self._steps <= self._ramp and self._steps % self._every == 0
        if grow or self._steps == max(self._ramp, 1):
            share = share_at(self._steps, ramp=self._ramp, sparsity=self._sparsity)
            self._masks = [
                _mask(weight.numpy() * mask, share) for weight, mask in zip(self._weights, self._masks, strict=True)
            ]
        for weight, mask in zip(self._weights, self._masks, strict=True):
            weight.assign(weight.value * mask)


def _mask(values: npt.NDArray[np.float32], share: float) -> npt.NDArray[np.float32]:
    mask = np.ones(values.size, np.float32)
    mask[np.argsort(np.abs(values).ravel(), kind="stable")[: math.floor(share * values.size)]] = 0
    return mask.reshape(values.shape)


def _kernels(model: Any, *, first_layer: bool) -> list[tuple[str, Any]]:
    found: dict[int, tuple[str, list[Any]]] = {}

    def call(one: Call) -> list[bool]:
        """The values say whether a kernel lies before."""
        weights = [
            weight
            for weight in getattr(one.op, "weights", ())
            if weight.name in KERNELS and len(weight.shape) > 1 and not type(one.op).__name__.startswith("Depthwise")
        ]
        if weights and (first_layer or all(one.values)):
            found.setdefault(id(one.op), (one.op.name, weights))
        return [bool(weights) or any(one.values)] * len(one.shapes)

    walk(model, [False] * len(functional(model).inputs), call)
    return [(name, weight) for name, weights in found.values() for weight in weights]
