"""Shapes of inputs and outputs, alone and nested, and the types they stand for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from epochal import tree
from epochal.errors import ShapeError
from epochal.ir import Symbol, TensorType, tensor_type
from epochal.tensor import Tensor, convert


def first_layer_shape(given: dict[str, Any]) -> tuple[int | None, ...] | None:
    """The batch shape that first-layer arguments describe."""
    if given.get("batch_input_shape") is not None:
        return tuple(given["batch_input_shape"])
    batch = given.get("batch_size")
    if given.get("input_shape") is not None:
        shape = given["input_shape"]
        return (batch, *((shape,) if isinstance(shape, int) else shape))
    if given.get("input_dim") is not None:
        if given.get("input_length") is not None:
            return (batch, given["input_length"], given["input_dim"])
        return (batch, given["input_dim"])
    return None


def known_sizes(shape: Any, name: str | None, layer: str) -> Iterable[int]:
    for size in (shape,) if isinstance(shape, int) else shape:
        if size is None:
            raise ShapeError(
                f"Layer '{layer}': the shape of weight '{name}' is not fully known: {tuple(shape)}. Only the batch "
                "axis, "
                "and axes the weights do not depend on, may be None."
            )
        yield int(size)


def is_shape(value: Any) -> bool:
    """Whether `value` is one shape rather than shapes nested in something."""
    return isinstance(value, (tuple, list)) and all(
        item is None or isinstance(item, (int, np.integer)) for item in value
    )


def as_shape(value: Any) -> Any:
    """Lists, as JSON has them, to shapes."""
    if isinstance(value, dict):
        return {key: as_shape(item) for key, item in value.items()}
    if is_shape(value):
        return tuple(value)
    if isinstance(value, (tuple, list)):
        return [as_shape(item) for item in value]
    return value


def map_shapes(function: Callable[[Any], Any], shapes: Any) -> Any:
    if is_shape(shapes):
        return function(tuple(shapes))
    if isinstance(shapes, dict):
        return {key: map_shapes(function, value) for key, value in shapes.items()}
    return type(shapes)(map_shapes(function, item) for item in shapes)


def shapes_of(arguments: Any) -> dict[str, Any]:
    """For each argument made of tensors, its shape (nested as it is)."""
    shapes = {}
    for name, value in arguments.items():
        leaves = tree.flatten(value)
        if name in ("training", "mask") or name.endswith("_mask") or not leaves:
            continue
        if all(isinstance(leaf, Tensor) for leaf in leaves):
            shapes[f"{name}_shape"] = tree.map_structure(lambda tensor: tensor.shape, value)
    return shapes


def build_arguments(method: Callable[..., Any], shapes: dict[str, Any]) -> dict[str, Any]:
    """The shapes under the names that `method` takes them."""
    parameters = list(inspect.signature(method).parameters)[1:]  # without ``self``, whatever its name
    if len(parameters) > 1 and any(name in shapes for name in parameters):
        return {name: shapes[name] for name in parameters if name in shapes}
    return {parameters[0]: next(iter(shapes.values()))} if parameters else {}


def batch_type(shape: tuple[int | None, ...], dtype: str, batch: Any) -> TensorType:
    """The type of a shape whose unknown sizes become symbols, the first one that of the batch."""
    sizes: list[Any] = [Symbol() if size is None else int(size) for size in shape]
    if shape and shape[0] is None and isinstance(batch, Symbol):
        sizes[0] = batch
    return tensor_type(dtype, sizes)


def type_of(output: Any) -> Any:
    return convert(output).type
