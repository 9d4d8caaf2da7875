"""Go through the graph of a Keras 3 model in topological order, nested models included.

In: a functional or Sequential model and a value for each input. Out: the value of each output. What a value is, is up
to the caller: real tensors when a model is rebuilt, layouts of channels when it is read.

Keras keeps the nodes of a functional graph private (``clone_model`` walks them, but gives neither shapes nor nested
layers); this file is the only one that knows them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from edge_mm.errors import ConvertError

Shape = tuple[int | None, ...]


class Call(NamedTuple):
    """One layer or operation, called once."""

    op: Any
    args: tuple[Any, ...]
    """As in the call, with values in the place of tensors."""
    kwargs: dict[str, Any]
    values: tuple[Any, ...]
    """The values among the arguments, in order."""
    shapes: tuple[Shape, ...]
    """Of the outputs, without the batch; None where it is not fixed."""


def walk(model: Any, given: Sequence[Any], call: Callable[[Call], Sequence[Any]]) -> list[Any]:
    """Call everything once, inputs first.

    Args:
        model: functional or Sequential; see ``functional``.
        given: one value for each of the model's flat inputs; no list, tuple or dict.
        call: gives a value for each flat output of the call.

    Returns:
        The values of the model's flat outputs.
    """
    import keras

    graph = functional(model)
    values = {id(tensor): value for tensor, value in zip(graph.inputs, given, strict=True)}
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if node.is_input or any(id(tensor) not in values for tensor in node.input_tensors):
                continue
            args, kwargs = node.arguments.fill_in(values)
            read = tuple(values[id(tensor)] for tensor in node.input_tensors)
            if is_graph(node.operation):
                made: Sequence[Any] = walk(node.operation, keras.tree.flatten(args), call)
            else:
                shapes = tuple(tuple(tensor.shape[1:]) for tensor in node.outputs)
                made = call(Call(node.operation, args, kwargs, read, shapes))
            values.update((id(tensor), value) for tensor, value in zip(node.outputs, made, strict=True))
    return [values[id(tensor)] for tensor in graph.outputs]


def is_graph(op: Any) -> bool:
    """Whether it is a model whose graph can be walked."""
    import keras

    if isinstance(op, keras.Sequential):
        return bool(op.built and op.inputs)
    return isinstance(op, keras.Model) and hasattr(op, "_nodes_by_depth")


def functional(model: Any) -> Any:
    """The functional model that holds the graph.

    Raises:
        ConvertError: a model whose graph is not known: a subclass of ``keras.Model``, or Sequential without an input.
    """
    import keras

    if not is_graph(model):
        what = f"{getattr(model, 'name', type(model).__name__)} ({type(model).__name__})"
        raise ConvertError(
            f"model {what} is not a functional or Sequential Keras 3 model with a known input: "
            "build it with keras.Input and keras.Model(inputs, outputs), or give Sequential an Input first"
        )
    return model._functional if isinstance(model, keras.Sequential) else model
