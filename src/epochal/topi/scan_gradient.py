"""The gradient of `scan`: a scan the other way, fed with what the forward steps keep for it.

The body's gradient is one graph of the step's operands and of the results' cotangents. It is cut in two where values
that depend on a cotangent begin. What crosses the cut is kept by a forward scan, step by step, and read back by the
backward scan; what is cheap to make again (a broadcast, a transpose, a constant) is made again instead.

The forward scan that keeps the residuals has the operands of the scan it differentiates; the pass `merge_scans` turns
the two into one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from epochal.ir import Build, Graph, Value
from epochal.topi.subgraph import differentiable, extract, inputs_like, needed_nodes, or_zeros, zeros

# Made again in the backward step rather than kept: they cost no arithmetic and often make much out of little.
_REMADE = frozenset({"broadcast", "reshape", "transpose", "iota", "constant"})
# Made again where what they are made of is kept anyway, or is no more: cheaper than a trip through memory.
_CHEAP = frozenset(
    {
        "add", "sub", "mul", "neg", "abs", "sign", "square", "relu", "maximum", "minimum", "clamp", "select", "cast",
        "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
        "logical_not", "logical_and", "logical_or", "logical_xor",
    }
)  # fmt: skip
_MOST_REMADE = 8


def twin_carries(body: Graph, constants: int, carries: int) -> dict[int, int]:
    """Carries that no step reads and that get the same new values as another carry: the last of those is theirs."""
    read = {value for node in body.nodes() for value in node.inputs}.union(body.outputs)
    twins: dict[int, int] = {}
    for index in range(carries):
        if body.inputs[constants + index] not in read and body.outputs[index].operator.name != "input":
            others = (other for other in range(carries) if other != index and other not in twins)
            twin = next((other for other in others if body.outputs[other] is body.outputs[index]), None)
            if twin is not None:
                twins[index] = twin
    return twins


@dataclass(frozen=True)
class _Step:
    """The gradient of one step, on fresh inputs.

    Attributes:
        arguments: Constants, carries and slices that the step takes.
        carried_cotangents: Of the floating carries' new values.
        stacked_cotangents: Of the stacked results that matter.
        results: What the step computes.
        gradients: By argument; ``None`` where there is none.
    """

    arguments: list[Value]
    carried_cotangents: list[Value]
    stacked_cotangents: list[Value]
    results: list[Value]
    gradients: list[Value | None]


def _differentiate_step(build: Build, body: Graph, carried: Sequence[int], stacked: Sequence[int]) -> _Step:
    arguments = inputs_like(body.inputs)
    results = build.evaluate(body, arguments)
    given = [inputs_like(body.outputs[index] for index in positions) for positions in (carried, stacked)]
    positions = differentiable(arguments)
    found = build.differentiate(
        [results[index] for index in (*carried, *stacked)],
        [arguments[index] for index in positions],
        given[0] + given[1],
    )
    gradients: list[Value | None] = [None] * len(arguments)
    for position, value in zip(positions, found, strict=True):
        gradients[position] = value
    return _Step(arguments, given[0], given[1], results, gradients)


def _kept_values(
    arguments: Sequence[Value], free: Sequence[Value], backward: Sequence[Value], outputs: Sequence[Value]
) -> list[Value]:
    """What `outputs` need, independent of the `backward` inputs, that a backward step cannot cheaply make again.

    Args:
        arguments: What the step takes.
        free: Those of them that a backward step has anyway: constants and slices.
        backward: Cotangents and sums, which only backward steps have.
        outputs: What a backward step computes.
    """
    dependent = set(backward)
    leaves = dependent.union(arguments)
    nodes = needed_nodes(outputs, leaves.__contains__)
    for node in nodes:
        if not dependent.isdisjoint(node.inputs):
            dependent.update(node.outputs)
    kept: dict[Value, None] = {}
    wanted = set(outputs)
    for node in reversed(nodes):
        if any(output in dependent for output in node.outputs):
            wanted.update(node.inputs)
        elif any(output in wanted for output in node.outputs):
            if node.operator.name in _REMADE:
                wanted.update(node.inputs)
            else:
                kept.update(dict.fromkeys(output for output in node.outputs if output in wanted))
    return _without_cheap(list(kept), leaves, wanted.union(free))


def _without_cheap(kept: Sequence[Value], leaves: set[Value], at_hand: set[Value]) -> list[Value]:
    """`kept` without what a few additions and products make from the rest of it, or from as little or less."""
    result = dict.fromkeys(value for value in kept if value.operator.name not in _CHEAP)
    for value in kept:
        if value in result:
            continue
        sources = _sources(value, leaves)
        if sources is not None:
            new = [source for source in sources if source not in result and source not in at_hand]
            if sum(source.type.bytes for source in new) <= value.type.bytes:
                result.update(dict.fromkeys(source for source in new if source not in leaves))
                at_hand = at_hand.union(new)
                continue
        result[value] = None
    return list(result)


def _sources(value: Value, leaves: set[Value]) -> list[Value] | None:
    """What a value is made of by cheap operators alone; None if that takes many of them."""
    found: dict[Value, None] = {}
    stack, count = [value], 0
    while stack:
        node = stack.pop().node
        count += node.operator.name in _CHEAP
        if count > _MOST_REMADE:
            return None
        for operand in node.inputs:
            if operand not in leaves and operand.operator.name in _CHEAP | _REMADE:
                stack.append(operand)
            else:
                found[operand] = None
    return list(found)


def _keep(
    build: Build,
    inputs: Sequence[Value],
    step: _Step,
    kept: Sequence[Value],
    *,
    constants: int,
    carries: int,
    length: int,
    reverse: bool,
) -> tuple[Value, ...]:
    """`kept` of every step, stacked, by a scan over the same operands."""
    if not kept:
        return ()
    body = extract(build, step.arguments, [*step.results[:carries], *kept])
    found = build.scan(*inputs, body=body, constants=constants, carries=carries, length=length, reverse=reverse)
    stacks = found if isinstance(found, tuple) else (found,)
    return stacks[carries:]


def _backward(
    build: Build,
    inputs: Sequence[Value],
    step: _Step,
    sums: Sequence[Value],
    results: Sequence[Value],
    starts: Sequence[Value],
    stacked: Sequence[Value | None],
    *,
    constants: int,
    carries: int,
    length: int,
    reverse: bool,
) -> tuple[Value, ...]:
    """The backward scan.

    Args:
        build: Builds nodes.
        inputs: Operands of the forward scan.
        step: Its step, differentiated.
        sums: Inputs that stand for the gradients of constants so far.
        results: What a backward step computes: carries, sums, then slices.
        starts: The first values of carries and sums.
        stacked: Cotangents of the stacked results.
        constants: Parameter of the forward scan, as are the following.
        carries: See there.
        length: See there.
        reverse: See there.
    """
    fixed = constants + carries
    given = [*step.carried_cotangents, *sums]
    free = step.arguments[:constants] + step.arguments[fixed:]
    kept = _kept_values(step.arguments, free, given + step.stacked_cotangents, results)
    nodes = needed_nodes(results, set(kept).__contains__)
    used = {value for node in nodes for value in node.inputs}.union(results)
    shared, before, read = (
        [index for index in positions if step.arguments[index] in used]
        for positions in (range(constants), range(constants, fixed), range(fixed, len(inputs)))
    )
    kept = [*(step.arguments[index] for index in before), *kept]
    stacks = _keep(build, inputs, step, kept, constants=constants, carries=carries, length=length, reverse=reverse)
    slices = [*(step.arguments[index] for index in read), *kept, *step.stacked_cotangents]
    body = extract(build, [*(step.arguments[index] for index in shared), *given, *slices], results)
    found = build.scan(
        *(inputs[index] for index in shared),
        *starts,
        *(inputs[index] for index in read),
        *stacks,
        *stacked,
        body=body,
        constants=len(shared),
        carries=len(given),
        length=length,
        reverse=not reverse,
    )
    return found if isinstance(found, tuple) else (found,)


def scan_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    body: Graph,
    constants: int,
    carries: int,
    length: int,
    reverse: bool = False,
) -> list[Value | None]:
    """See the module's text. `inputs`: constants, initial carries, sequences."""
    fixed = constants + carries
    # What arrives at a carry that only repeats another arrives at that one.
    twins = twin_carries(body, constants, carries) if length else {}
    cotangents = list(cotangents)
    for index, twin in twins.items():
        one, other = cotangents[twin], cotangents[index]
        cotangents[twin] = build.add(one, other) if one is not None and other is not None else one or other
    carried = [index for index in differentiable(body.outputs[:carries]) if index not in twins]
    stacked = [index for index in range(carries, len(outputs)) if cotangents[index] is not None]
    step = _differentiate_step(build, body, carried, stacked)
    # A carry's gradient is handed from step to step even where the step itself has none.
    of_carries = [
        or_zeros(build, step.gradients[constants + index], step.arguments[constants + index].type) for index in carried
    ]
    of_constants = [index for index in range(constants) if step.gradients[index] is not None]
    of_sequences = [index for index in range(fixed, len(inputs)) if step.gradients[index] is not None]
    sums = inputs_like(step.arguments[index] for index in of_constants)
    totals = [build.add(total, step.gradients[index]) for total, index in zip(sums, of_constants, strict=True)]
    of_slices = [value for value in step.gradients[fixed:] if value is not None]
    results = [*of_carries, *totals, *of_slices]

    starts = [or_zeros(build, cotangents[index], outputs[index].type) for index in carried]
    starts += [zeros(build, inputs[index].type) for index in of_constants]
    parameters: dict[str, Any] = {"constants": constants, "carries": carries, "length": length, "reverse": reverse}
    of_stacked = [cotangents[index] for index in stacked]
    values = _backward(build, inputs, step, sums, results, starts, of_stacked, **parameters)
    gradients: list[Value | None] = [None] * len(inputs)
    positions = [*(constants + index for index in carried), *of_constants, *of_sequences]
    for position, value in zip(positions, values, strict=True):
        gradients[position] = value
    return gradients
