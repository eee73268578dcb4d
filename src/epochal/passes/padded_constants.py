"""Constants that depend on a size: which function of the length they are, from their values at three sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from epochal.ir import Graph, Node, Value, origin, with_inputs
from epochal.ir.structural import is_repeated
from epochal.passes.padded_site import Context, InexactError, Site
from epochal.topi.inventory import BUILD


@dataclass(frozen=True)
class RepeatedConstants:
    """Arrays of one repeated number become broadcasts of it: small arrays are made whole, larger ones are not."""

    def run(self, graph: Graph) -> Graph:
        """A copy of every node, so that graphs traced at several sizes stay in one order whichever have such arrays."""
        mapping: dict[Value, Value] = {value: value for value in graph.inputs}
        for node in graph.nodes():
            if node.outputs[0] in mapping:
                continue
            with origin(node.origin):
                copies = _spread(node) or with_inputs(node, [mapping[value] for value in node.inputs]).outputs
            mapping.update(zip(node.outputs, copies, strict=True))
        return Graph(graph.inputs, [mapping[value] for value in graph.outputs])


def _spread(node: Node) -> Sequence[Value] | None:
    array = node.parameters.get("value") if node.operator.name == "constant" else None
    if not isinstance(array, np.ndarray) or array.ndim == 0 or not (array.size == 1 or is_repeated(array)):
        return None
    scalar = BUILD.constant(array.reshape(-1)[0], array.dtype)
    return (BUILD.broadcast(scalar, shape=array.shape),)


def constant_of_length(site: Site) -> Value:
    """A constant as it has to be at any length.

    Raises:
        InexactError: It is no function that is known.
    """
    arrays = [np.asarray(array) for array in site.parameter("value")]
    first = arrays[0]
    shorter = [tuple(slice(0, size) for size in array.shape) for array in arrays]
    # A table whose entries do not depend on how many there are: positions, a causal mask.
    if all(_equal(first[part], array) for part, array in zip(shorter, arrays, strict=True)):
        return site.node.outputs[0]
    if not all(array.size == 1 or is_repeated(array) for array in arrays):
        raise InexactError("a table of constants depends on the size")
    scalar = _scalar([array.reshape(-1)[0] for array in arrays], site)
    return BUILD.broadcast_to(scalar, first.shape)


def _equal(one: Any, other: Any) -> bool:
    return one.shape == other.shape and bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))


def _scalar(values: Sequence[Any], site: Site) -> Value:
    dtype = site.node.outputs[0].dtype
    context = site.context
    given = [float(value) for value in values]
    whole = _whole(given, context)
    if whole is not None and dtype.numpy.kind in "iuf":
        return _cast(context.count(whole), dtype)
    if dtype.numpy.kind != "f":
        raise InexactError("a constant depends on the size")
    near = 4 * float(np.finfo(dtype.numpy).eps)
    inverse = None if 0.0 in given else _whole([1 / value for value in given], context, near)
    if inverse is not None:
        return _value(BUILD.reciprocal(_cast(context.count(inverse), dtype)))
    length = _cast(context.length, dtype)
    products = [value * size for value, size in zip(given, context.sizes, strict=True)]
    if _agree(products, near):
        return _value(BUILD.div(BUILD.constant(products[0], dtype), length))
    shares = [value / size for value, size in zip(given, context.sizes, strict=True)]
    if _agree(shares, near):
        return _value(BUILD.mul(length, BUILD.constant(shares[0], dtype)))
    raise InexactError(f"a constant depends on the size in a way that is not known: {given} at {context.sizes}")


def _value(value: Any) -> Value:
    """What a builder returned for an operator with one result."""
    assert isinstance(value, Value)
    return value


def _cast(value: Value, dtype: Any) -> Value:
    return value if value.dtype is dtype else _value(BUILD.cast(value, dtype=dtype))


def _agree(values: Sequence[float], near: float) -> bool:
    return all(abs(value - values[0]) <= near * abs(values[0]) for value in values)


def _whole(given: Sequence[float], context: Context, near: float = 0.0) -> tuple[int, int] | None:
    """The linear function with whole coefficients through the three values."""
    rounded = [round(value) if np.isfinite(value) else 0 for value in given]
    if any(abs(value - whole) > near * abs(whole) for value, whole in zip(given, rounded, strict=True)):
        return None
    times = rounded[0] - rounded[1]
    plus = rounded[0] - times * context.sizes[0]
    return (times, plus) if times * context.sizes[2] + plus == rounded[2] else None
