"""A graph applied as one operator, whose gradient may be given by hand (`tf.custom_gradient`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from epochal.errors import ArgumentError
from epochal.ir import Array, Build, Graph, Operator, Sample, TensorType, Value
from epochal.topi._rules import values
from epochal.topi.control import check_operands, check_type, type_outside
from epochal.topi.control_samples import call_graphs
from epochal.topi.interpret import interpret
from epochal.topi.subgraph import differentiable, or_zeros


def _call_type(
    *operands: TensorType, body: Graph, gradient: Graph | None = None, fixed: int = 0
) -> tuple[TensorType, ...]:
    check_operands("the body of call", body, operands)
    if gradient is not None:
        check_operands("the gradient of call", gradient, [*operands, *(value.type for value in body.outputs)])
        moving = [type_ for type_ in operands[fixed:] if type_.dtype.is_floating]
        if len(gradient.outputs) != len(moving):
            raise ArgumentError(
                f"The gradient of call must give {len(moving)} results, one a floating operand that is not fixed. "
                f"Received: {len(gradient.outputs)}."
            )
        for index, (value, type_) in enumerate(zip(gradient.outputs, moving, strict=True)):
            check_type(f"Result {index} of the gradient of call", value.type, type_)
    return tuple(type_outside(value.type, operands) for value in body.outputs)


def _call_reference(*operands: Array, body: Graph, gradient: Graph | None = None, fixed: int = 0) -> tuple[Array, ...]:
    return tuple(interpret(body, operands))


def _call_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    body: Graph,
    gradient: Graph | None = None,
    fixed: int = 0,
) -> list[Value | None]:
    """The given gradient, or that of the body computed anew."""
    positions = [fixed + index for index in differentiable(inputs[fixed:])]
    if gradient is None:
        results = build.evaluate(body, inputs)
        active = [index for index, cotangent in enumerate(cotangents) if cotangent is not None]
        found: Sequence[Value | None] = build.differentiate(
            [results[index] for index in active],
            [inputs[position] for position in positions],
            [cotangents[index] for index in active],
        )
    else:
        filled = [or_zeros(build, one, output.type) for one, output in zip(cotangents, outputs, strict=True)]
        found = build.evaluate(gradient, [*inputs, *filled])
    result: list[Value | None] = [None] * len(inputs)
    for position, value in zip(positions, found, strict=True):
        result[position] = value
    return result


def _call_decompose(
    build: Build, inputs: Sequence[Value], *, body: Graph, gradient: Graph | None = None, fixed: int = 0
) -> tuple[Value, ...]:
    return tuple(build.evaluate(body, inputs))


def _call_samples() -> Iterable[Sample]:
    body, gradient = call_graphs()
    arguments = (values((2, 3)), values((2, 3), seed=1))
    yield Sample(arguments, {"body": body})
    yield Sample(arguments, {"body": body, "gradient": gradient})
    yield Sample((np.zeros((2, 0)), np.zeros((2, 0))), {"body": call_graphs((2, 0))[0]})


call = Operator(
    name="call",
    infer=_call_type,
    reference=_call_reference,
    samples=_call_samples,
    gradient=_call_gradient,
    decompose=_call_decompose,
    traits=frozenset({"composite"}),
    doc="The results of a graph on the operands. `gradient` takes the operands and the results' cotangents and gives "
    "one gradient a floating operand after the first `fixed`, which get none; without it the body's own is taken.",
)
