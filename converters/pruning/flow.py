"""What is known of a model's channels: who makes them, which weights hold them, which may not go.

In: a functional or Sequential Keras 3 model, names of layers to protect. Out: a ``Flow``. The layers are understood by
``rules``. Not here: which channels are worth keeping (``channels``), the smaller model (``rebuild``).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from converters.graphs.keras_nodes import Call, Shape, functional, walk
from converters.pruning.groups import Groups, Ids
from converters.pruning.layouts import Layout, along_last
from edge_mm.errors import ConvertError


class Slice(NamedTuple):
    """Where channels lie in one weight."""

    weight: int
    """Index in ``layer.weights``."""
    axis: int
    ids: Ids


class Site(NamedTuple):
    """What of one layer changes when channels go."""

    op: Any
    slices: tuple[Slice, ...]
    sizes: dict[str, Ids]
    """Key of the layer's config -> the channels that it counts (``filters``, ``units``)."""
    shape: Layout | None
    """Of the output, where the config holds a shape (Reshape)."""


class Maker(NamedTuple):
    """A layer with filters, one for each channel that it makes."""

    op: Any
    ids: Ids
    norms: npt.NDArray[np.float64]
    """(channels,) L1 norm of each filter."""


class Flow:
    """The channels of one model; filled by ``read_flow``."""

    def __init__(self) -> None:
        self.groups = Groups()
        self.sites: dict[int, Site] = {}
        self.makers: dict[int, Maker] = {}
        self.stopped: set[int] = set()
        """Layers that were called in a way that is not followed; they stay as they are in each call."""
        self.gates: set[int] = set()
        """Channels that only scale others: their filters say nothing about what the others are worth."""
        self.factors: dict[int, float] = {}
        """Channel -> by how much BatchNorm and depthwise filters scale it, relative to its layer's mean."""

    def made(self, op: Any, norms: npt.NDArray[np.float64]) -> Ids:
        """The channels that a layer makes: the same ones each time it is called."""
        if id(op) not in self.makers:
            self.makers[id(op)] = Maker(op, self.groups.fresh(len(norms)), norms)
        return self.makers[id(op)].ids

    def scaled(self, own: Ids, by: npt.NDArray[np.float64]) -> None:
        """Channels that lie in a tensor once each and alone are scaled; others are left as they are."""
        alone = own[own >= 0]
        if len(np.unique(alone)) == len(own) and by.mean() > 0:
            for one, factor in zip(own.tolist(), (by / by.mean()).tolist(), strict=True):
                self.factors[one] = self.factors.get(one, 1.0) * factor

    def site(
        self, op: Any, *, slices: Sequence[Slice] = (), sizes: dict[str, Ids] | None = None, shape: Layout | None = None
    ) -> None:
        """Note what changes in a layer; a layer that is called twice ties what it reads in both calls."""
        new = Site(op, tuple(slices), sizes or {}, shape)
        old = self.sites.setdefault(id(op), new)
        for before, now in zip(old.slices, new.slices, strict=True):
            self.groups.unite(before.ids, now.ids)
        if old.shape is not None and shape is not None:
            if old.shape.shape == shape.shape and old.shape.axis == shape.axis:
                self.groups.unite(old.shape.ids, shape.ids)
            else:
                self.groups.freeze(np.concatenate([old.shape.ids, shape.ids]), f"{op.name} gives them two shapes")

    def stop(self, call: Call, why: str) -> list[Layout]:
        """Freeze all that a call reads; what it makes is frozen too."""
        said = f"{call.op.name} ({type(call.op).__name__}) {why}"
        self.stopped.add(id(call.op))
        for value in call.values:
            self.groups.freeze(value.ids, said)
        site = self.sites.get(id(call.op))
        if site is not None:  # it was called before, and understood
            ids = [part.ids for part in site.slices] + ([] if site.shape is None else [site.shape.ids])
            self.groups.freeze(np.concatenate(ids), said)
        return [self.fixed(shape, said) for shape in call.shapes]

    def fixed(self, shape: Shape, why: str) -> Layout:
        """Channels without a filter of ours; they stay."""
        ids = self.groups.fresh(shape[-1] or 1 if shape else 0)
        self.groups.freeze(ids, why)
        return along_last(shape, ids, np.full_like(ids, -1))


def read_flow(model: Any, *, protect: Sequence[str] = ()) -> Flow:
    """Follow the channels from the inputs to the outputs.

    Raises:
        ConvertError: no graph that can be walked, or ``protect`` names a layer that is not there.
    """
    from converters.pruning.rules import follow

    flow = Flow()
    left = set(protect)
    names: set[str] = set()

    def call(one: Call) -> list[Layout]:
        names.add(one.op.name)
        made = follow(flow, one)
        if one.op.name in protect:
            left.discard(one.op.name)
            for layout in made:
                flow.groups.freeze(layout.ids, f"{one.op.name} is protected")
        return made

    inputs = functional(model).inputs
    given = [flow.fixed(tuple(tensor.shape[1:]), "an input of the model") for tensor in inputs]
    for name, layout in zip(functional(model).output_names, walk(model, given, call), strict=True):
        flow.groups.freeze(layout.ids, f"{name} is an output of the model", foremost=True)
    if left:
        name = min(left)
        close = difflib.get_close_matches(name, names, n=3) or sorted(names)[:5]
        raise ConvertError(f"protect: the model has no layer {name!r}; there is {', '.join(close)}")
    return flow
