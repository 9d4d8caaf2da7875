"""Make a model again with fewer channels and the weights of those that stay.

In: a model, what changes in which layer, which channels stay. Out: a functional model of its own: no layer is
shared with the first one, so that one can teach the other. Names and the structure of inputs and outputs stay. Not
here: which channels stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.graphs.keras_nodes import Call, functional, walk
from converters.pruning.flow import Site
from converters.pruning.groups import Ids
from edge_mm.errors import ConvertError

Kept = Callable[[Ids], npt.NDArray[np.bool_]]
_Pair = tuple[Any, Any]


def rebuild(model: Any, sites: Mapping[int, Site], kept: Kept) -> Any:
    """The smaller model.

    Args:
        model: functional or Sequential; not changed.
        sites: id of a layer -> what of it changes; others are copied.
        kept: channels -> which of them stay.

    Raises:
        ConvertError: a layer cannot be made from its config, or two layers of nested models share a name.
    """
    import keras

    source = functional(model)
    clones: dict[int, _Pair] = {}

    def call(one: Call) -> list[Any]:
        if id(one.op) not in clones:
            clones[id(one.op)] = (one.op, _clone(one.op, sites.get(id(one.op)), kept))
        clone = clones[id(one.op)][1]
        try:
            made = clone(*one.args, **one.kwargs)
        except (TypeError, ValueError) as error:
            raise ConvertError(_unmade(one.op, error)) from error
        return list(keras.tree.flatten(made))

    inputs = [keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name) for tensor in source.inputs]
    outputs = walk(model, inputs, call)
    _refuse_same_names([pair[0] for pair in clones.values()])
    smaller = keras.Model(
        keras.tree.pack_sequence_as(source.input, inputs),
        keras.tree.pack_sequence_as(source.output, outputs),
        name=model.name,
    )
    for old, new in clones.values():
        if isinstance(old, keras.Layer):
            _copy(old, new, sites.get(id(old)), kept)
    return smaller


def copied(model: Any) -> Any:
    """The same model, functional, with weights of its own.

    Raises:
        ConvertError: as ``rebuild``, or the copy says something else: a layer keeps what it knows outside of its config
            and weights.
    """
    import keras

    copy = rebuild(model, {}, lambda ids: np.ones(len(ids), bool))
    source = functional(model)
    if any(None in tensor.shape[1:] for tensor in source.inputs):
        return copy  # there is no telling which sizes it takes
    rng = np.random.default_rng(0)
    given = [rng.random((2, *tensor.shape[1:])).astype(tensor.dtype) for tensor in source.inputs]
    both = [one(keras.tree.pack_sequence_as(one.input, given), training=False) for one in (source, copy)]
    for name, old, new in zip(source.output_names, *map(keras.tree.flatten, both), strict=True):
        if not np.allclose(np.asarray(old), np.asarray(new), rtol=1e-4, atol=1e-5, equal_nan=True):
            raise ConvertError(
                f"a copy of {model.name} says something else at {name}: a layer keeps what it knows outside of its "
                "config and weights; replace it by one of Keras's"
            )
    return copy


def _clone(op: Any, site: Site | None, kept: Kept) -> Any:
    try:
        config = _unbuilt(op.get_config())
        if site is not None:
            config.update({key: int(kept(ids).sum()) for key, ids in site.sizes.items()})
            if site.shape is not None:
                shape = list(site.shape.shape)
                shape[site.shape.axis] = int(kept(site.shape.ids).sum())
                key = "target_shape" if "target_shape" in config else "newshape"
                config[key] = tuple(shape) if key == "target_shape" else (-1, *shape)
        return type(op).from_config(config)
    except (TypeError, ValueError, NotImplementedError, AttributeError) as error:
        raise ConvertError(_unmade(op, error)) from error


def _unbuilt(config: Any) -> Any:
    """Without the shapes that wrapped layers (Bidirectional) were built with."""
    if isinstance(config, dict):
        return {key: _unbuilt(value) for key, value in config.items() if key != "build_config"}
    return config


def _unmade(op: Any, error: Exception) -> str:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return f"layer {op.name} ({type(op).__name__}) cannot be made again from its config: {first}"


def _copy(old: Any, new: Any, site: Site | None, kept: Kept) -> None:
    values = [np.asarray(weight) for weight in old.weights]
    for part in site.slices if site is not None else ():
        values[part.weight] = np.compress(kept(part.ids), values[part.weight], axis=part.axis)
    if [value.shape for value in values] != [tuple(weight.shape) for weight in new.weights]:
        raise ConvertError(f"layer {old.name} ({type(old).__name__}) has other weights when it is made again")
    for weight, value in zip(new.weights, values, strict=True):
        weight.assign(value)
    if hasattr(new, "finalize_state"):  # Normalization reads its weights once
        new.finalize_state()


def _refuse_same_names(ops: list[Any]) -> None:
    names = [op.name for op in ops]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConvertError(
            f"layers of nested models share the name {', '.join(twice)}: give each layer a name of its own"
        )
