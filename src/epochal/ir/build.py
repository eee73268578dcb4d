"""The only constructor of nodes.

`Builder.apply` checks and types a node, resolves parameters that depend on shapes, turns Python scalars into
constants and makes broadcasting explicit as soon as shapes are known, so that every graph of static shapes is in one
normal form: the operands of an elementwise node all have the shape of its result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from epochal import dtypes
from epochal.errors import ShapeError
from epochal.ir import structural
from epochal.ir.graph import NOWHERE, Graph, Node, Origin, Value
from epochal.ir.operator import Operator
from epochal.ir.types import Dimension, Shape, Symbol, TensorType

if TYPE_CHECKING:
    from collections.abc import Iterator

_origin: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


@contextmanager
def origin(where: Origin) -> Iterator[None]:
    """Nodes built inside the block carry `where`."""
    token = _origin.set(where)
    try:
        yield
    finally:
        _origin.reset(token)


def current_origin() -> Origin:
    return _origin.get()


def set_origin(where: Origin) -> Token[Origin]:
    """Nodes built from now on carry `where`: `origin` where it would cost too much. End with `reset_origin`."""
    return _origin.set(where)


def reset_origin(token: Token[Origin]) -> None:
    """Back to the origin before `set_origin` gave `token`."""
    _origin.reset(token)


def broadcast_shapes(*shapes: Shape) -> Shape:
    """NumPy's broadcasting rule, with unknown dimensions.

    An unknown dimension against 1 stays itself; against a known size other than 1 it must turn out to be that size
    or 1, so the result has that size; against another unknown one the result is a new unknown.

    Raises:
        ShapeError: If two known sizes differ and neither is 1.
    """
    rank = max((len(shape) for shape in shapes), default=0)
    result: list[Dimension] = []
    for axis in range(-rank, 0):
        size: Dimension = 1
        for shape in shapes:
            if len(shape) < -axis or shape[axis] == 1 or shape[axis] is size:
                continue
            other = shape[axis]
            if size == 1:
                size = other
            elif isinstance(size, Symbol):
                size = Symbol() if isinstance(other, Symbol) else other
            elif not isinstance(other, Symbol) and other != size:
                listed = " and ".join(str(tuple(shape)) for shape in shapes)
                raise ShapeError(f"Shapes {listed} do not broadcast: {size} and {other} differ and neither is 1.")
        result.append(size)
    return tuple(result)


def make_input(type_: TensorType, name: str = "") -> Value:
    """A new graph input."""
    return Node(structural.input_, (), {"type": type_, "name": name}, (type_,), current_origin()).outputs[0]


def with_inputs(node: Node, inputs: Sequence[Value], parameters: Mapping[str, Any] | None = None) -> Node:
    """A copy of a node on other operands of the very same types, which makes inferring its results' types needless.

    Args:
        node: The node to copy.
        inputs: Its new operands.
        parameters: Its new parameters, if they change (as sub-graphs do when a pass rewrites them).
    """
    return node.copy(tuple(inputs), node.parameters if parameters is None else MappingProxyType(dict(parameters)))


class Builder:
    """Builds nodes with the operators of an inventory; each operator is an attribute. See `operator.Build`."""

    def __init__(
        self,
        operators: Mapping[str, Operator],
        differentiate: Callable[..., list[Value | None]] | None = None,
    ) -> None:
        self.operators = operators
        self._differentiate = differentiate

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operator = self.operators.get(name)
        if operator is None:
            raise AttributeError(f"no operator {name!r} in the inventory")
        call = partial(self._call, operator)
        self.__dict__[name] = call
        return call

    def _call(self, operator: Operator, *inputs: Any, **parameters: Any) -> Any:
        outputs = self.apply(operator, inputs, parameters)
        return outputs[0] if len(outputs) == 1 else outputs

    def constant(self, value: Any, dtype: Any = None) -> Value:
        """A constant; `value` is copied."""
        array = structural.freeze(value, dtype)
        type_ = TensorType(dtypes.get(array.dtype), array.shape)
        return Node(structural.constant, (), {"value": array}, (type_,), current_origin()).outputs[0]

    def apply(self, operator: Operator, inputs: Sequence[Any], parameters: Mapping[str, Any]) -> tuple[Value, ...]:
        """The results of a new node.

        Args:
            operator: A row of the inventory.
            inputs: Values; Python scalars and arrays become constants of the first value's element type (bool last).
            parameters: Its parameters.

        Raises:
            ShapeError, DTypeError, ArgumentError: From the operator's type rule.
        """
        values = self._values(inputs)
        if operator is structural.constant:
            return (self.constant(parameters["value"]),)
        if "elementwise" in operator.traits and len(values) > 1:
            values = self._broadcast(values)
        types = [value.type for value in values]
        if operator.resolve is not None and all(type_.is_static for type_ in types):
            parameters = operator.resolve(types, parameters)
        inferred = operator.infer(*types, **parameters)
        results = inferred if isinstance(inferred, tuple) else (inferred,)
        node = Node(operator, values, parameters, results, current_origin())
        for output in node.outputs:
            for axis, dimension in enumerate(output.shape):
                if isinstance(dimension, Symbol) and dimension.origin is None and _is_new(dimension, node):
                    dimension.origin = (output, axis)
        return node.outputs

    def _values(self, inputs: Sequence[Any]) -> tuple[Value, ...]:
        if all(isinstance(value, Value) for value in inputs):
            return tuple(inputs)
        given = [value.dtype for value in inputs if isinstance(value, Value)]
        # A condition says nothing about the numbers beside it.
        dtype = next((dtype for dtype in given if not dtype.is_bool), given[0] if given else None)
        return tuple(
            value
            if isinstance(value, Value)
            else self.constant(value, np.asarray(value).dtype if dtype is None else dtype)
            for value in inputs
        )

    def _broadcast(self, values: tuple[Value, ...]) -> tuple[Value, ...]:
        shape = values[0].shape
        if all(value.shape == shape for value in values[1:]):
            return values
        shape = broadcast_shapes(*(value.shape for value in values))
        if any(isinstance(dimension, Symbol) for value in values for dimension in value.shape):
            return values
        return tuple(self.broadcast_to(value, shape) for value in values)

    def broadcast_to(self, value: Value, shape: Shape) -> Value:
        """`value` repeated to `shape` by NumPy's rule (the `broadcast` operator, or nothing where shapes agree)."""
        if value.shape == shape:
            return value
        result: Value = self.broadcast(value, shape=shape)
        return result

    def differentiate(
        self, outputs: Sequence[Value], inputs: Sequence[Value], cotangents: Sequence[Value | None]
    ) -> list[Value | None]:
        assert self._differentiate is not None, "this builder was made without differentiation"
        return self._differentiate(outputs, inputs, cotangents)

    def evaluate(self, graph: Graph, arguments: Sequence[Value]) -> list[Value]:
        """The outputs of `graph`, its nodes copied into the graph of `arguments`."""
        values: dict[Value, Value] = dict(zip(graph.inputs, arguments, strict=True))
        for node in graph.nodes():
            if all(output in values for output in node.outputs):
                continue
            with origin(node.origin):
                copies = self.apply(node.operator, [values[value] for value in node.inputs], node.parameters)
            values.update(zip(node.outputs, copies, strict=True))
        return [values[value] for value in graph.outputs]


def _is_new(symbol: Symbol, node: Node) -> bool:
    """Whether a symbol in a result's shape was made by the node and not handed down from an operand or parameter."""
    inherited = any(symbol is dimension for value in node.inputs for dimension in value.shape)
    shape = node.parameters.get("shape", ())
    return not inherited and not (isinstance(shape, tuple) and any(symbol is dimension for dimension in shape))
