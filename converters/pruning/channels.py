"""Remove whole channels: the graph gets smaller and faster, in float and in int8 alike.

In: a trained functional or Sequential Keras 3 model, the share of channels to keep. Out: a smaller model of the same
form (names, inputs, outputs) with the weights of the channels that are worth most, and what was done. The given model
stays as it is. Not here: training afterwards (``recovery``), what is tied to what (``flow``).

What a channel is worth: the L1 norm of its filter (Li et al. 2017, "Pruning Filters for Efficient ConvNets") times the
|gamma| of the BatchNorm that scales it (Liu et al. 2017, "Learning Efficient Convolutional Networks through Network
Slimming") and the L1 norm of the depthwise filter behind it, each relative to its layer's mean; the mean over the
layers that are tied together, since the sum of a residual stream is worth what its branches are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.pruning.flow import Flow, Maker, read_flow
from converters.pruning.groups import Ids
from converters.pruning.rebuild import copied, rebuild
from edge_mm.errors import ConvertError

Cell = tuple[str, ...]
"""The layers that make one channel of each of its groups: groups of one cell compete with each other only."""


class Layer(NamedTuple):
    """One layer with filters."""

    name: str
    before: int
    after: int
    why: str
    """Why channels of it had to stay; empty where they were free to go."""


class Report(NamedTuple):
    """What was removed."""

    layers: tuple[Layer, ...]
    parameters_before: int
    parameters_after: int


class Pruned(NamedTuple):
    """A smaller model."""

    model: Any
    report: Report


def prune_channels(
    model: Any,
    *,
    keep: float,
    multiple: int = 8,
    protect: Sequence[str] = (),
    minimum: int = 8,
    sizes: Mapping[Cell, int] | None = None,
) -> Pruned:
    """Keep a share of the channels of each layer.

    Args:
        model: functional or Sequential; nested models are taken apart.
        keep: share of channels, above 0 up to 1; 1 gives a copy.
        multiple: what is kept is rounded up to a multiple, which int8 kernels like.
        protect: names of layers whose channels all stay.
        minimum: never fewer than this in a layer; nor more than it has.
        sizes: channels that ``keep`` is a share of, by ``cell_sizes`` of a larger model: for pruning in several
            steps, of which one that takes nothing is no error; None: those that the model has.

    Returns:
        A functional model and the report.

    Raises:
        ConvertError: no graph, an argument out of range, nothing that may go, or a layer that cannot be made again.
    """
    if not 0 < keep <= 1:
        raise ConvertError(f"keep {keep:g}: must be above 0 and at most 1, for example 0.5 for half of the channels")
    if multiple < 1 or minimum < 1:
        raise ConvertError(f"multiple {multiple} and minimum {minimum} must be at least 1")
    if sizes is None:
        model = copied(model)  # what cannot be copied cannot be pruned
    flow = read_flow(model, protect=protect)
    if not flow.makers:
        raise ConvertError(f"nothing to prune in {model.name}: no Conv, Dense or SeparableConv layer was understood")
    worth = _worth(flow)
    gone: set[int] = set()
    for cell, roots in cells_of(flow).items():
        share = keep * (sizes or {}).get(cell, len(roots))
        rounded = math.ceil(round(share / multiple, 6)) * multiple  # 0.3 * 10 is 3.0000000000000004
        gone |= _least(flow, worth, roots, target=max(minimum, rounded))
    if keep < 1 and not gone and sizes is None:
        raise ConvertError(_nothing(model, flow, multiple, minimum))

    def kept(ids: Ids) -> npt.NDArray[np.bool_]:
        return ~np.isin(flow.groups.roots(ids), list(gone))

    smaller = rebuild(model, flow.sites, kept)
    layers = []
    for maker in flow.makers.values():
        before, after, why = len(maker.ids), int(kept(maker.ids).sum()), _why(flow, maker)
        if before == after and keep < 1 and not why:
            why = f"channels go in multiples of {multiple}, at least {minimum} stay"
        layers.append(Layer(maker.op.name, before, after, why))
    return Pruned(smaller, Report(tuple(layers), model.count_params(), smaller.count_params()))


def cell_sizes(model: Any) -> dict[Cell, int]:
    """How many channels each cell of a model has: for ``sizes`` when it is pruned in several steps."""
    return {cell: len(roots) for cell, roots in cells_of(read_flow(model)).items()}


def cells_of(flow: Flow) -> dict[Cell, list[int]]:
    """The groups of each cell, frozen ones too."""
    makers: dict[int, set[str]] = {}
    for maker in flow.makers.values():
        for root in flow.groups.roots(maker.ids).tolist():
            makers.setdefault(root, set()).add(maker.op.name)
    cells: dict[Cell, list[int]] = {}
    for root, names in makers.items():
        cells.setdefault(tuple(sorted(names)), []).append(root)
    return cells


def _least(flow: Flow, worth: Mapping[int, float], roots: list[int], *, target: int) -> set[int]:
    free = [root for root in roots if flow.groups.why_frozen(root) is None]
    free.sort(key=lambda root: (worth.get(root, 0.0), -root))  # of equals the later ones go
    return set(free[: max(0, len(roots) - target)])


def _worth(flow: Flow) -> dict[int, float]:
    shares: dict[int, list[float]] = {}
    for maker in flow.makers.values():
        mean = maker.norms.mean() or 1.0
        for one, root, norm in zip(maker.ids.tolist(), flow.groups.roots(maker.ids).tolist(), maker.norms, strict=True):
            if one not in flow.gates:
                shares.setdefault(root, []).append(float(norm) / mean * flow.factors.get(one, 1.0))
    return {root: float(np.mean(values)) for root, values in shares.items()}


def _why(flow: Flow, maker: Maker) -> str:
    said = [flow.groups.why_frozen(root) for root in flow.groups.roots(maker.ids).tolist()]
    return "; ".join(dict.fromkeys(why for why in said if why))


def _nothing(model: Any, flow: Flow, multiple: int, minimum: int) -> str:
    frozen = {maker.op.name: _why(flow, maker) for maker in flow.makers.values()}
    free = [name for name, why in frozen.items() if not why]
    if free:
        return (
            f"nothing to prune in {model.name}: {', '.join(free)} cannot get smaller at this share in multiples of "
            f"{multiple}, at least {minimum}: take a smaller keep, multiple or minimum"
        )
    return f"nothing to prune in {model.name}: " + "; ".join(f"{name}: {why}" for name, why in frozen.items())
