"""Copies of models with new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epochal import tree
from epochal.errors import ArgumentError, NotSupportedError
from epochal.keras import graph
from epochal.keras.layers.input_layer import InputLayer
from epochal.keras.layers.layer import Layer
from epochal.keras.models.model import Functional, Model
from epochal.keras.models.sequential import Sequential


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Any:
    """A model of the same architecture with new weights.

    Args:
        model: Functional or sequential; another one is made anew from its configuration.
        input_tensors: Symbolic inputs to build on; new ones by default.
        clone_function: From a layer to the one that takes its place.
        call_function: Not supported.
        recursive: Whether models inside are cloned layer by layer too.
        **kwargs: None are known.

    Raises:
        ArgumentError: `clone_function` does not return a layer.
    """
    if kwargs:
        raise ArgumentError(f"Unexpected keyword argument(s): {sorted(kwargs)}")
    if call_function is not None:
        raise NotSupportedError("`call_function` of clone_model is not supported.")
    copy = _checked(clone_function) if clone_function else _from_config
    if isinstance(model, Sequential):
        layers = [_one(layer, copy, recursive) for layer in model.layers]
        clone = type(model)(name=model.name)
        first = model._stack[0] if model._stack else None
        if input_tensors is not None:
            clone.add(tree.flatten(input_tensors)[0], rebuild=False)
        elif isinstance(first, InputLayer):
            clone.add(InputLayer.from_config(first.get_config()), rebuild=False)
        for layer in layers:
            clone.add(layer, rebuild=False)
        clone._maybe_rebuild()
        return clone
    if isinstance(model, Functional):
        return _clone_functional(model, input_tensors, copy, recursive)
    if clone_function is not None:
        raise ArgumentError(
            "Expected a functional or sequential model where `clone_function` is given. "
            f"Received: {type(model).__name__}"
        )
    if not isinstance(model, Model):
        raise ArgumentError(f"Expected a model. Received: {type(model).__name__}")
    return _from_config(model)


def _from_config(layer: Any) -> Any:
    return type(layer).from_config(layer.get_config())


def _checked(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def copy(layer: Any) -> Any:
        result = function(layer)
        if not isinstance(result, Layer):
            raise ArgumentError(f"`clone_function` must return a layer. Received: {result!r} for layer '{layer.name}'")
        return result

    return copy


def _one(layer: Any, copy: Callable[[Any], Any], recursive: bool) -> Any:
    if recursive and isinstance(layer, (Functional, Sequential)):
        return clone_model(layer, clone_function=copy, recursive=True)
    return copy(layer)


def _clone_functional(model: Functional, input_tensors: Any, copy: Callable[[Any], Any], recursive: bool) -> Functional:
    network = model._network
    if input_tensors is not None:
        inputs = tree.flatten(input_tensors)
    else:
        inputs = [InputLayer.from_config(layer.get_config()).output for layer in network.input_layers]
    copies = {id(layer): _one(layer, copy, recursive) for layer in network.layers if layer not in network.input_layers}
    outputs = graph_outputs(network, inputs, copies)
    structure_in, structure_out = model._structures
    return Functional(tree.pack_like(structure_in, inputs), tree.pack_like(structure_out, outputs), name=model.name)


def graph_outputs(network: Any, inputs: list[Any], copies: dict[int, Any]) -> list[Any]:
    """The network's outputs on other inputs, its layers replaced."""
    known = dict(zip(network.inputs, inputs, strict=True))
    graph.run(network.nodes, known, layers=copies)
    return [known[value] for value in network.outputs]
