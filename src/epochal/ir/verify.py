"""The invariants of the representation. Run between passes by tests, and by anyone who doubts a graph."""

from __future__ import annotations

from typing import NoReturn

from epochal.errors import EpochalError, VerificationError
from epochal.ir.graph import Graph, Node, Value
from epochal.ir.program import Program
from epochal.ir.structural import input_
from epochal.ir.types import TensorType


def verify(graph: Graph, static: bool = True) -> None:
    """Checks that a graph is well formed.

    - inputs are distinct results of `input` nodes, and the only ones the outputs need: the graph is closed;
    - operands are older than their users;
    - every type is what the operator's rule infers, and parameters are resolved;
    - operands of an elementwise node have the shape of its result (static graphs);
    - sub-graphs hold all that too;
    - with `static`, there are no unknown dimensions and no deferred operators.

    Raises:
        VerificationError: Otherwise.
    """
    inputs = set(graph.inputs)
    if len(inputs) != len(graph.inputs):
        raise VerificationError("A graph input stands twice.")
    for value in graph.inputs:
        if value.operator is not input_:
            raise VerificationError(f"The graph input {value} is a result of '{value.operator.name}'.")
    for node in graph.nodes():
        if node.operator is input_:
            if node.outputs[0] not in inputs:
                _fail(node, f"is an input of another graph ({node.parameters['name']!r})")
        else:
            _verify_node(node, static)


def verify_program(program: Program) -> None:
    """Checks a program: its graph, and that names and new states fit it.

    Raises:
        VerificationError: Otherwise.
    """
    graph = program.graph
    if len(graph.inputs) != len(program.arguments) + len(program.states):
        raise VerificationError(
            f"A program of {len(program.arguments)} arguments and {len(program.states)} states "
            f"has a graph of {len(graph.inputs)} inputs."
        )
    if len(graph.outputs) != len(program.results) + len(program.replaced):
        raise VerificationError(
            f"A program of {len(program.results)} results and {len(program.replaced)} replaced states "
            f"has a graph of {len(graph.outputs)} outputs."
        )
    if list(program.replaced) != sorted(set(program.replaced)):
        raise VerificationError(f"Replaced states must be increasing indices. Received: {program.replaced}.")
    verify(graph)
    for index, value in zip(program.replaced, program.new_state_values, strict=True):
        if program.state_types[index] != value.type:
            raise VerificationError(
                f"The state {program.states[index]!r} of type {program.state_types[index]} "
                f"is replaced by a value of type {value.type}."
            )


def _fail(node: Node, what: str) -> NoReturn:
    where = f" ({node.origin})" if str(node.origin) else ""
    raise VerificationError(f"Node {node.serial}, '{node.operator.name}', {what}{where}.")


def _verify_node(node: Node, static: bool) -> None:
    operator = node.operator
    types = [value.type for value in node.inputs]
    if any(value.node.serial >= node.serial for value in node.inputs):
        _fail(node, "has an operand younger than itself")
    if static and "deferred" in operator.traits:
        _fail(node, "should have been replaced when the graph was specialised")
    if static and not all(output.type.is_static for output in node.outputs):
        _fail(node, f"has a result of unknown shape, {[str(output.type) for output in node.outputs]}")
    try:
        inferred = operator.infer(*types, **node.parameters)
    except EpochalError as error:
        raise VerificationError(f"Node {node.serial}, '{operator.name}', does not type: {error}") from error
    expected = inferred if isinstance(inferred, tuple) else (inferred,)
    if len(expected) != len(node.outputs) or not all(map(_agree, node.outputs, expected)):
        received = ", ".join(str(output.type) for output in node.outputs)
        _fail(node, f"has results of type {received}, but its rule says {', '.join(map(str, expected))}")
    if all(type_.is_static for type_ in types):
        _verify_static(node, types)
    for parameter in node.parameters.values():
        if isinstance(parameter, Graph):
            verify(parameter, static)


def _verify_static(node: Node, types: list[TensorType]) -> None:
    operator = node.operator
    if "elementwise" in operator.traits and any(type_.shape != node.outputs[0].shape for type_ in types):
        _fail(node, f"has operands of shapes {[type_.shape for type_ in types]}: an explicit broadcast is missing")
    if operator.resolve is not None:
        resolved = operator.resolve(types, node.parameters)
        if dict(resolved) != dict(node.parameters):
            _fail(node, f"has unresolved parameters {dict(node.parameters)}")


def _agree(value: Value, expected: TensorType) -> bool:
    if value.type.is_static and expected.is_static:
        return value.type == expected
    return value.dtype == expected.dtype and value.type.rank == expected.rank
