"""Placeholders: what a graph is fed."""

from __future__ import annotations

from typing import Any

from epochal import dtypes
from epochal.errors import ArgumentError
from epochal.ir import Symbol, TensorType, make_input
from epochal.tensor import Tensor
from epochal.tf.conversion import to_tensor
from epochal.tf.graph import GraphTensor, current_graph
from epochal.tf.shapes import TensorShape


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor that is given its numbers by `feed_dict`.

    Args:
        dtype: Element type.
        shape: ``None`` entries are dimensions that the fed array decides. Without a shape even the number of axes is
            open, but only arithmetic and reductions over everything can be built on that: what needs to know the axes
            (a matrix product, say) takes such a placeholder for a scalar.
        name: Of the operation.

    Raises:
        ArgumentError: Outside a graph.
    """
    graph = current_graph()
    if graph is None:
        raise ArgumentError(
            "tf.placeholder() is not compatible with eager execution. Call tf.disable_eager_execution() first, build "
            "inside `with tf.Graph().as_default():`, or run the script with `epochal run`."
        )
    operation = graph.unique_name(name or "Placeholder")
    sizes = tuple(Symbol(f"{operation}.{axis}") if s is None else s for axis, s in enumerate(TensorShape(shape or ())))
    value = make_input(TensorType(dtypes.get(dtype), sizes), operation)
    graph.record(value.node)
    graph.register(operation, "Placeholder", value.node)
    if shape is None or (isinstance(shape, TensorShape) and shape.rank is None):
        graph.rankless.add(value)
    return GraphTensor(value, graph)


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """`input`, unless something is fed in its place; only dimensions that `input` has can be fed."""
    tensor = to_tensor(input)
    if not TensorShape(tensor.shape).is_compatible_with(TensorShape(shape)):
        raise ArgumentError(f"placeholder_with_default: the default has shape {tensor.shape}, not {tuple(shape)}.")
    graph = current_graph()
    if graph is None:
        return tensor
    value = graph.copy_of(tensor)
    graph.add_operation(name or "PlaceholderWithDefault", "PlaceholderWithDefault", value.node)
    return GraphTensor(value, graph)
