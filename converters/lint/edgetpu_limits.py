"""The limits of single ops on an Edge TPU, one function each: what is against this op, or None.

In: a ``Case``. Out: a reason as part of a sentence. Which op has which limit, and where that is written, stands in
``edgetpu_ops.py``. Not here: what holds for every op (``edgetpu.py``).
"""

from __future__ import annotations

import math

from converters.graphs.reader import Tensor, values
from converters.lint.case import Case
from edge_mm.errors import ConvertError

SOFTMAX_ELEMENTS = 16_000
"""coral.ai models-intro, table of operations: Softmax."""
CHANNELS_STEP = 4
"""ARTPEC-7 page: a Mean over the innermost axis needs a multiple of it."""


def no_fused_activation(case: Case) -> str | None:
    """AveragePool2d, MaxPool2d, Concatenation."""
    return "it has a fused activation" if case.option("fusedActivationFunction") else None


def same_dilation(case: Case) -> str | None:
    """Conv2d, DepthwiseConv2d."""
    width, height = case.option("dilationWFactor", 1), case.option("dilationHFactor", 1)
    return None if width == height else f"its dilation differs in x ({width}) and y ({height})"


def constant_weights(case: Case) -> str | None:
    """Ops with weights: these and the bias have to be constants."""
    for place, name in ((1, "weights"), (2, "bias")):
        tensor = case.input(place)
        if tensor is not None and not tensor.constant:
            return f"its {name} are computed, not constant"
    return None


def constant_filter(case: Case) -> str | None:
    """TransposeConv, whose inputs are shape, filter, values, bias."""
    filters = case.input(1)
    return "its filter is computed, not constant" if filters is not None and not filters.constant else None


def default_weights_format(case: Case) -> str | None:
    """FullyConnected."""
    return "its weights are not in the default format" if case.option("weightsFormat") else None


def flat_output(case: Case) -> str | None:
    """FullyConnected: one row of values."""
    return _one_row(case.output(), "output")


def zero_padding_only(case: Case) -> str | None:
    """Concatenation: a constant input must be the only other one, and all zero."""
    inputs = [tensor for tensor in (case.input(i) for i in range(len(case.op.inputs))) if tensor is not None]
    constant = [tensor for tensor in inputs if tensor.constant]
    if not constant:
        return None
    if len(inputs) != 2:
        return f"one of its {len(inputs)} inputs is constant (only a pair may hold a constant)"
    zero = constant[0].zero_points[0] if constant[0].zero_points else 0
    try:
        if all((values(case.content, one) == zero).all() for one in constant):
            return None
    except ConvertError:
        pass
    return "its constant input is not all zero"


def not_over_batch(case: Case) -> str | None:
    """Mean, Sum, ReduceMax, ReduceMin: axes are input 1."""
    axes = _axes(case, 1, case.input(0))
    if axes is None:
        return "its axes are computed, not constant"
    return "it reduces the batch axis" if 0 in axes else None


def channels_by_four(case: Case) -> str | None:
    """Mean over the innermost axis."""
    tensor, axes = case.input(0), _axes(case, 1, case.input(0))
    if tensor is None or not axes or len(tensor.shape) - 1 not in axes:
        return None
    size = tensor.shape[-1]
    return f"it reduces {size} channels, which is no multiple of {CHANNELS_STEP}" if size % CHANNELS_STEP else None


def not_packed_over_batch(case: Case) -> str | None:
    """Pack."""
    tensor, axis = case.output(), case.option("axis")
    return "it packs along the batch axis" if tensor is not None and axis in (0, -len(tensor.shape)) else None


def not_split_over_batch(case: Case) -> str | None:
    """Split: the axis is input 0."""
    axes = _axes(case, 0, case.input(1))
    if axes is None:
        return "its axis is computed, not constant"
    return "it splits the batch axis" if 0 in axes else None


def batch_not_padded(case: Case) -> str | None:
    """Pad: the paddings are input 1, two for each axis."""
    paddings = case.constant(1)
    if paddings is None:
        return "its paddings are computed, not constant"
    return "it pads the batch axis" if any(paddings[:2]) else None


def alpha_per_channel(case: Case) -> str | None:
    """PReLU."""
    alpha = case.input(1)
    if alpha is None or not alpha.constant:
        return "its alpha is computed, not constant"
    return (
        None if math.prod(alpha.shape[:-1]) == 1 else "its alpha has more than one axis (shared_axes=[1, 2] in Keras)"
    )


def one_row_of_16000(case: Case) -> str | None:
    """Softmax."""
    tensor = case.input(0)
    if tensor is not None and tensor.shape and tensor.shape[-1] > SOFTMAX_ELEMENTS:
        return f"it has {tensor.shape[-1]} elements, more than {SOFTMAX_ELEMENTS}"
    return _one_row(tensor, "input")


def leading_ones(case: Case) -> str | None:
    """Squeeze: only axes with nothing but ones before them, so that nothing moves in memory."""
    tensor = case.input(0)
    if tensor is None:
        return None
    named, rank = case.option("squeezeDims", None), len(tensor.shape)
    axes = [int(n) % max(1, rank) for n in named] if named is not None and len(named) else None
    for axis in axes if axes is not None else [i for i, n in enumerate(tensor.shape) if n == 1]:
        if any(n != 1 for n in tensor.shape[: axis + 1]):
            return f"it takes out axis {axis} of {list(tensor.shape)}, which is not a leading one"
    return None


def plain_strides(case: Case) -> str | None:
    """StridedSlice: strides are input 3."""
    strides = case.constant(3)
    if strides is None:
        return "its strides are computed, not constant"
    if any(n != 1 for n in strides):
        return f"it has the strides {strides}, all must be 1"
    for mask in ("ellipsisMask", "newAxisMask"):
        if case.option(mask):
            return f"its {mask} is set"
    return None


def _one_row(tensor: Tensor | None, side: str) -> str | None:
    if tensor is None or all(n == 1 for n in tensor.shape[:-1]):
        return None
    return f"its {side} {list(tensor.shape)} is not one-dimensional"


def _axes(case: Case, place: int, of: Tensor | None) -> set[int] | None:
    given = case.constant(place)
    if given is None or of is None:
        return None
    return {axis % max(1, len(of.shape)) for axis in given}
