"""Reverse-mode differentiation, graph to graph.

The gradient of a value is a value of the same graph, written in the same operators, so it can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Sequence

from epochal.autodiff.attention import Written, find
from epochal.errors import ArgumentError, DTypeError, NotSupportedError, ShapeError, VerificationError
from epochal.ir import Builder, Node, TensorType, Value, origin
from epochal.topi.inventory import INVENTORY
from epochal.topi.subgraph import extract, inputs_like


def gradients(
    outputs: Sequence[Value], inputs: Sequence[Value], cotangents: Sequence[Value | None] | None = None
) -> list[Value | None]:
    r"""Gradients of :math:`\sum_i \langle c_i, y_i \rangle` with respect to each input.

    An input may be any value, also one that another input depends on: its gradient is then the total derivative along
    all paths from it to the outputs.

    Args:
        outputs: The :math:`y_i`, of static shapes.
        inputs: What to differentiate with respect to.
        cotangents: The :math:`c_i`, of the outputs' types. An entry that is ``None`` (or all, if the argument is
            ``None``) stands for ones.

    Returns:
        One value an input, of the input's type; ``None`` where no differentiable path leads from it to an output.

    Raises:
        NotSupportedError: An operator on the way has no gradient.
        ArgumentError, ShapeError, DTypeError: The cotangents do not fit the outputs.
    """
    if not inputs or not outputs:
        return [None] * len(inputs)
    nodes = _nodes_between(outputs, inputs)
    found: dict[Value, Value] = {}
    opaque = set(inputs)
    for output, cotangent in zip(outputs, _cotangents(outputs, cotangents), strict=True):
        if cotangent is not None:
            _accumulate(found, output, cotangent)
    for node in reversed(nodes):
        received = [found.get(output) for output in node.outputs]
        if any(cotangent is not None for cotangent in received):
            with origin(node.origin.backward()):
                written = find(node, opaque)
                if written is not None and received[0] is not None:
                    _propagate_attention(written, received[0], found)
                else:
                    _propagate(node, received, found)
    return [found.get(value) if value.dtype.is_floating else None for value in inputs]


def _cotangents(outputs: Sequence[Value], cotangents: Sequence[Value | None] | None) -> list[Value | None]:
    """A cotangent an output, ``None`` where the output is not of a floating type."""
    given: Sequence[Value | None] = [None] * len(outputs) if cotangents is None else cotangents
    if len(given) != len(outputs):
        raise ArgumentError(f"Expected one cotangent an output, {len(outputs)} in all. Received: {len(given)}.")
    result: list[Value | None] = []
    for output, cotangent in zip(outputs, given, strict=True):
        if not output.dtype.is_floating:
            result.append(None)
            continue
        if cotangent is None:
            cotangent = filled(1.0, output.type)
        if cotangent.dtype != output.dtype:
            raise DTypeError(f"A cotangent has its output's dtype, {output.dtype}. Received: {cotangent.dtype}.")
        if cotangent.shape != output.shape:
            raise ShapeError(f"A cotangent has its output's shape, {output.shape}. Received: {cotangent.shape}.")
        result.append(cotangent)
    return result


def filled(number: float, type_: TensorType) -> Value:
    """A value of that type whose elements are all `number`."""
    return BUILD.broadcast_to(BUILD.constant(number, type_.dtype), type_.shape)


def _nodes_between(outputs: Sequence[Value], inputs: Sequence[Value]) -> list[Node]:
    """Nodes that depend on an input through floating values and that an output needs, operands first."""
    first = min(value.node.serial for value in inputs)
    needed: dict[int, Node] = {}
    stack = [value.node for value in outputs]
    while stack:
        node = stack.pop()
        # Creation order is a topological order: what is older than every input depends on none.
        if node.serial >= first and node.serial not in needed:
            needed[node.serial] = node
            stack.extend(value.node for value in node.inputs)
    dependent = {value for value in inputs if value.dtype.is_floating}
    result = []
    for serial in sorted(needed):
        node = needed[serial]
        if not dependent.isdisjoint(node.inputs):
            if node.operator.gradient is None and node.operator.no_gradient == "zero":
                continue
            floating = [output for output in node.outputs if output.dtype.is_floating]
            if floating:
                dependent.update(floating)
                result.append(node)
    return result


def _propagate(node: Node, received: list[Value | None], found: dict[Value, Value]) -> None:
    operator = node.operator
    if operator.gradient is None:
        where = f" (at {node.origin})" if str(node.origin) else ""
        reason = operator.no_gradient or "none is written yet"
        raise NotSupportedError(f"The operator '{operator.name}' has no gradient: {reason}{where}")
    contributions = operator.gradient(BUILD, node.inputs, node.outputs, tuple(received), **node.parameters)
    if len(contributions) != len(node.inputs):
        raise VerificationError(
            f"The gradient of '{operator.name}' must give one entry an operand, {len(node.inputs)}. "
            f"Received: {len(contributions)}."
        )
    for operand, contribution in zip(node.inputs, contributions, strict=True):
        if contribution is None or not operand.dtype.is_floating:
            continue
        if contribution.type != operand.type:
            raise VerificationError(
                f"The gradient of '{operator.name}' must have its operand's type, {operand.type}. "
                f"Received: {contribution.type}."
            )
        _accumulate(found, operand, contribution)


def _propagate_attention(written: Written, received: Value, found: dict[Value, Value]) -> None:
    """From the result of attention straight to what it is computed from, by the composite's gradient.

    It is taken on fresh inputs, because one leaf may depend on another.
    """
    leaves, given = inputs_like(written.leaves), inputs_like([received])
    result = written.make(BUILD, leaves)
    wanted = gradients([result], leaves, given)
    alive = [value for value in wanted if value is not None]
    graph = extract(BUILD, leaves + given, alive)
    contributions = iter(BUILD.evaluate(graph, [*written.leaves, received]))
    for leaf, value in zip(written.leaves, wanted, strict=True):
        if value is not None:
            _accumulate(found, leaf, next(contributions))


def _accumulate(found: dict[Value, Value], value: Value, contribution: Value) -> None:
    before = found.get(value)
    found[value] = contribution if before is None else BUILD.add(before, contribution)


BUILD = Builder(INVENTORY, differentiate=gradients)
