"""Control flow: operators that carry closed sub-graphs.

A sub-graph sees nothing but its inputs: values of the graph around it are handed in as operands. The gradients of a
conditional and of a bounded loop are again a conditional and a loop, so they differentiate to any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from epochal.errors import ArgumentError, DTypeError, NotSupportedError, ShapeError
from epochal.ir import Array, Build, Dimension, Graph, Operator, Symbol, TensorType, Value
from epochal.topi.control_samples import cond_samples, scan_samples, while_samples
from epochal.topi.interpret import interpret, interpreter
from epochal.topi.scan_gradient import scan_gradient
from epochal.topi.subgraph import differentiable, extract, inputs_like, or_zeros


def check_operands(what: str, graph: Graph, types: Sequence[TensorType]) -> None:
    """Raises unless `graph` takes values of these types, unknown dimensions apart."""
    if len(graph.inputs) != len(types):
        raise ArgumentError(f"{what} must take {len(types)} values. It takes {len(graph.inputs)}.")
    for index, (value, type_) in enumerate(zip(graph.inputs, types, strict=True)):
        check_type(f"Value {index} of {what}", value.type, type_)


def check_type(what: str, received: TensorType, expected: TensorType) -> None:
    """Raises unless the two types agree where both are known."""
    if received.dtype != expected.dtype:
        raise DTypeError(f"{what} must have dtype {expected.dtype}. Received: {received.dtype}.")
    agree = received.rank == expected.rank and all(
        one == other or isinstance(one, Symbol) or isinstance(other, Symbol)
        for one, other in zip(received.shape, expected.shape, strict=True)
    )
    if not agree:
        raise ShapeError(f"{what} must have shape {expected.shape}. Received: {received.shape}.")


def type_outside(type_: TensorType, known: Sequence[TensorType]) -> TensorType:
    """A sub-graph's result type as seen from outside: its own unknown dimensions become new ones."""
    if type_.is_static:
        return type_
    seen = {dimension for operand in known for dimension in operand.shape}
    return type_.with_shape(
        dimension if not isinstance(dimension, Symbol) or dimension in seen else Symbol() for dimension in type_.shape
    )


# --- cond


def _cond_type(
    predicate: TensorType, *operands: TensorType, then_graph: Graph, else_graph: Graph
) -> tuple[TensorType, ...]:
    if not predicate.dtype.is_bool or predicate.shape != ():
        raise ShapeError(f"The predicate of cond must be a bool scalar. Received: {predicate}.")
    check_operands("the first branch of cond", then_graph, operands)
    check_operands("the second branch of cond", else_graph, operands)
    if len(then_graph.outputs) != len(else_graph.outputs):
        raise ArgumentError(
            "Both branches of cond must give as many results. "
            f"Received: {len(then_graph.outputs)} and {len(else_graph.outputs)}."
        )
    results = []
    for index, (one, other) in enumerate(zip(then_graph.outputs, else_graph.outputs, strict=True)):
        check_type(f"Result {index} of the second branch of cond", other.type, one.type)
        shape = tuple(a if a is b or a == b else Symbol() for a, b in zip(one.shape, other.shape, strict=True))
        results.append(type_outside(one.type.with_shape(shape), operands))
    return tuple(results)


def _cond_reference(predicate: Array, *operands: Array, then_graph: Graph, else_graph: Graph) -> tuple[Array, ...]:
    return tuple(interpret(then_graph if bool(predicate) else else_graph, operands))


def _cond_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    then_graph: Graph,
    else_graph: Graph,
) -> list[Value | None]:
    """A cond of the branches' gradients; each computes its branch anew."""
    predicate, *operands = inputs
    active = [index for index, cotangent in enumerate(cotangents) if cotangent is not None]
    received = [cotangent for cotangent in cotangents if cotangent is not None]
    positions = differentiable(operands)
    branches = []
    for graph in (then_graph, else_graph):
        arguments, given = inputs_like(operands), inputs_like(received)
        results = build.evaluate(graph, arguments)
        wanted = build.differentiate([results[index] for index in active], [arguments[i] for i in positions], given)
        branches.append((arguments + given, wanted))
    alive = [slot for slot in range(len(positions)) if any(wanted[slot] is not None for _, wanted in branches)]
    result: list[Value | None] = [None] * len(inputs)
    if not alive:
        return result
    graphs = [
        Graph(arguments, [or_zeros(build, wanted[slot], operands[positions[slot]].type) for slot in alive])
        for arguments, wanted in branches
    ]
    found = build.cond(predicate, *operands, *received, then_graph=graphs[0], else_graph=graphs[1])
    for slot, value in zip(alive, found if isinstance(found, tuple) else (found,), strict=True):
        result[1 + positions[slot]] = value
    return result


cond = Operator(
    name="cond",
    infer=_cond_type,
    reference=_cond_reference,
    samples=cond_samples,
    gradient=_cond_gradient,
    traits=frozenset({"control"}),
    doc="The results of one of two graphs on the operands, by a bool scalar.",
)


# --- while_loop


def _while_type(
    *operands: TensorType, condition: Graph, body: Graph, constants: int, maximum_iterations: int | None = None
) -> tuple[TensorType, ...]:
    check_operands("the condition of while_loop", condition, operands)
    check_operands("the body of while_loop", body, operands)
    carries = operands[constants:]
    if len(condition.outputs) != 1 or not condition.outputs[0].dtype.is_bool or condition.outputs[0].shape != ():
        received = ", ".join(str(value.type) for value in condition.outputs)
        raise ShapeError(f"The condition of while_loop must give a bool scalar. Received: {received}.")
    check_carries("while_loop", body.outputs, carries)
    return carries


def check_carries(what: str, outputs: Sequence[Value], carries: Sequence[TensorType]) -> None:
    """Raises unless a loop's body gives back values of its carries' types."""
    if len(outputs) != len(carries):
        raise ArgumentError(f"The body of {what} must give {len(carries)} carried values. Received: {len(outputs)}.")
    for index, (value, type_) in enumerate(zip(outputs, carries, strict=True)):
        check_type(f"Carried value {index} of {what}, as its body gives it,", value.type, type_)


def _while_reference(
    *operands: Array, condition: Graph, body: Graph, constants: int, maximum_iterations: int | None = None
) -> tuple[Array, ...]:
    fixed, carries = operands[:constants], operands[constants:]
    check, step = interpreter(condition), interpreter(body)
    count = 0
    while (maximum_iterations is None or count < maximum_iterations) and bool(check(operands)[0]):
        carries = tuple(step(operands))
        operands = (*fixed, *carries)
        count += 1
    return tuple(carries)


def _while_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    condition: Graph,
    body: Graph,
    constants: int,
    maximum_iterations: int | None = None,
) -> list[Value | None]:
    """The gradient of the same loop written as a scan whose steps do nothing once the condition has failed."""
    if maximum_iterations is None:
        raise NotSupportedError(
            "A while_loop without maximum_iterations has no gradient: its length is not known before it runs. "
            "Give it maximum_iterations, or write it as a scan."
        )
    arguments = inputs_like(inputs)
    loop_arguments = inputs_like(inputs)
    otherwise = inputs_like(inputs)
    going = build.evaluate(condition, loop_arguments)[0]
    stepped = build.cond(going, *loop_arguments, then_graph=body, else_graph=Graph(otherwise, otherwise[constants:]))
    carried = stepped if isinstance(stepped, tuple) else (stepped,)
    found = build.scan(
        *arguments,
        body=Graph(loop_arguments, carried),
        constants=constants,
        carries=len(inputs) - constants,
        length=maximum_iterations,
    )
    finals = found if isinstance(found, tuple) else (found,)
    active = [index for index, cotangent in enumerate(cotangents) if cotangent is not None]
    received = [cotangent for cotangent in cotangents if cotangent is not None]
    given = inputs_like(received)
    positions = differentiable(inputs)
    wanted = build.differentiate([finals[index] for index in active], [arguments[i] for i in positions], given)
    alive = [slot for slot, value in enumerate(wanted) if value is not None]
    graph = extract(build, arguments + given, [value for value in wanted if value is not None])
    result: list[Value | None] = [None] * len(inputs)
    for slot, value in zip(alive, build.evaluate(graph, [*inputs, *received]), strict=True):
        result[positions[slot]] = value
    return result


while_loop = Operator(
    name="while_loop",
    infer=_while_type,
    reference=_while_reference,
    samples=while_samples,
    gradient=_while_gradient,
    traits=frozenset({"control"}),
    doc="Carried values after a body has run on them as long as a condition holds.",
)


# --- scan


def _scan_type(
    *operands: TensorType, body: Graph, constants: int, carries: int, length: Dimension, reverse: bool = False
) -> tuple[TensorType, ...]:
    sequences = operands[constants + carries :]
    for index, type_ in enumerate(sequences):
        if not type_.shape or not (_same(type_.shape[0], length)):
            raise ShapeError(
                f"Sequence {index} of scan must have {length} entries along axis 0. Received shape: {type_.shape}."
            )
    slices = [type_.with_shape(type_.shape[1:]) for type_ in sequences]
    check_operands("the body of scan", body, [*operands[: constants + carries], *slices])
    carried = operands[constants : constants + carries]
    check_carries("scan", body.outputs[:carries], carried)
    stacked = [type_outside(value.type, operands) for value in body.outputs[carries:]]
    return (*carried, *(type_.with_shape((length, *type_.shape)) for type_ in stacked))


def _same(one: Dimension, other: Dimension) -> bool:
    return one == other or isinstance(one, Symbol) or isinstance(other, Symbol)


def _scan_reference(
    *operands: Array, body: Graph, constants: int, carries: int, length: int, reverse: bool = False
) -> tuple[Array, ...]:
    fixed, state = operands[:constants], list(operands[constants : constants + carries])
    sequences = operands[constants + carries :]
    stacked = [np.zeros((length, *value.shape), value.dtype.numpy) for value in body.outputs[carries:]]  # type: ignore[type-var]
    step = interpreter(body)
    for index in reversed(range(length)) if reverse else range(length):
        results = step([*fixed, *state, *(sequence[index] for sequence in sequences)])
        state = list(results[:carries])
        for stack, value in zip(stacked, results[carries:], strict=True):
            stack[index] = value
    return (*state, *stacked)


scan = Operator(
    name="scan",
    infer=_scan_type,
    reference=_scan_reference,
    samples=scan_samples,
    gradient=scan_gradient,
    traits=frozenset({"control"}),
    doc="A body run once for each entry of sequences, handing carried values on and stacking what it gives.",
)


def graph_operand_types(name: str, types: Sequence[TensorType], parameters: Any) -> dict[str, list[TensorType]]:
    """The types that each sub-graph of a control operator takes, by the parameter that holds it."""
    if name == "cond":
        return {"then_graph": list(types[1:]), "else_graph": list(types[1:])}
    if name == "while_loop":
        return {"condition": list(types), "body": list(types)}
    fixed = parameters["constants"] + parameters["carries"]
    return {"body": [*types[:fixed], *(type_.with_shape(type_.shape[1:]) for type_ in types[fixed:])]}
