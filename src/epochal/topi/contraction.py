"""The general product of two arrays: batched, summed over any axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from epochal.errors import ArgumentError, DTypeError
from epochal.ir import Array, Build, Operator, Parameters, Sample, TensorType, Value
from epochal.topi._rules import NUMBER, check_axis, check_dtype, merge, values, widened

Pair: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]
_NO_BATCH: Pair = ((), ())


def _pair(what: str, axes: Any, a: TensorType, b: TensorType) -> Pair:
    """Two equally long lists of axes, one of each operand, counted from the front."""
    try:
        left, right = axes
        first = tuple(check_axis("dot_general", axis, a.rank) for axis in left)
        second = tuple(check_axis("dot_general", axis, b.rank) for axis in right)
    except TypeError:
        raise ArgumentError(
            f"dot_general: {what} must be two tuples of axes, one an operand. Received: {axes!r}"
        ) from None
    if len(first) != len(second):
        raise ArgumentError(f"dot_general: {what} must name as many axes of a as of b. Received: {axes!r}")
    return first, second


def _axes(a: TensorType, b: TensorType, contract: Any, batch: Any) -> tuple[Pair, Pair]:
    """Both pairs, checked.

    Raises:
        ArgumentError: An axis is out of range or named twice.
    """
    contracted, batched = _pair("contract", contract, a, b), _pair("batch", batch, a, b)
    for side, type_ in enumerate((a, b)):
        named = contracted[side] + batched[side]
        if len(set(named)) != len(named):
            raise ArgumentError(f"dot_general: an axis of {type_} is named twice: {contracted[side]}, {batched[side]}.")
    return contracted, batched


def free_axes(rank: int, *named: tuple[int, ...]) -> tuple[int, ...]:
    """The axes that are in none of the lists."""
    return tuple(axis for axis in range(rank) if not any(axis in axes for axes in named))


def _dot_type(a: TensorType, b: TensorType, *, contract: Any, batch: Any = _NO_BATCH) -> TensorType:
    check_dtype("dot_general", a, NUMBER)
    if a.dtype is not b.dtype:
        raise DTypeError(f"dot_general takes operands of one dtype. Received: {a} and {b}. Cast one of them first.")
    contracted, batched = _axes(a, b, contract, batch)
    for i, j in zip(*contracted, strict=True):
        merge("dot_general", f"the summed axes {i} of {a} and {j} of {b}", a.shape[i], b.shape[j])
    shape = [
        merge("dot_general", f"the batch axes {i} of {a} and {j} of {b}", a.shape[i], b.shape[j])
        for i, j in zip(*batched, strict=True)
    ]
    shape.extend(a.shape[axis] for axis in free_axes(a.rank, contracted[0], batched[0]))
    shape.extend(b.shape[axis] for axis in free_axes(b.rank, contracted[1], batched[1]))
    return a.with_shape(shape)


def _dot(a: Array, b: Array, *, contract: Pair, batch: Pair = _NO_BATCH) -> Array:
    """As a batched matrix product: [batch, free of a, summed] x [batch, summed, free of b]."""
    a_free = free_axes(a.ndim, contract[0], batch[0])
    b_free = free_axes(b.ndim, contract[1], batch[1])
    left = a.transpose(batch[0] + a_free + contract[0])
    right = b.transpose(batch[1] + contract[1] + b_free)
    outer, rows = left.shape[: len(batch[0])], left.shape[len(batch[0]) : len(batch[0]) + len(a_free)]
    columns = right.shape[right.ndim - len(b_free) :]
    summed = [a.shape[axis] for axis in contract[0]]
    sizes = [int(np.prod(part, dtype=np.int64)) for part in (outer, rows, summed, columns)]
    product = np.matmul(left.reshape(sizes[0], sizes[1], sizes[2]), right.reshape(sizes[0], sizes[2], sizes[3]))
    return np.asarray(product.reshape(outer + rows + columns), dtype=a.dtype)


def _resolve(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    contract, batch = _axes(types[0], types[1], parameters["contract"], parameters.get("batch", _NO_BATCH))
    return {"contract": contract, "batch": batch}


def _inverse(order: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def _dot_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    contract: Pair,
    batch: Pair,
) -> Sequence[Value | None]:
    """Each operand's gradient is the cotangent contracted with the other operand over that one's free axes."""
    a, b = inputs
    count = len(batch[0])
    a_free = free_axes(a.type.rank, contract[0], batch[0])
    b_free = free_axes(b.type.rank, contract[1], batch[1])
    batched = tuple(range(count))
    rows = tuple(range(count, count + len(a_free)))
    columns = tuple(range(count + len(a_free), count + len(a_free) + len(b_free)))
    gradients = []
    for operand, other, mine, free, freed, summed in (
        (a, b, 0, a_free, (columns, b_free), contract),
        (b, a, 1, b_free, (rows, a_free), contract),
    ):
        # The product's axes: batch, then this operand's free ones and the summed ones in the other operand's order,
        # or those two the other way round: whichever needs no transpose.
        sources = sorted(range(len(summed[0])), key=summed[1 - mine].__getitem__)
        found = tuple(summed[mine][source] for source in sources)
        flipped = batch[mine] + found + free == tuple(range(operand.type.rank))
        if flipped:
            product = build.dot_general(other, cotangents[0], contract=freed[::-1], batch=(batch[1 - mine], batched))
        else:
            product = build.dot_general(cotangents[0], other, contract=freed, batch=(batched, batch[1 - mine]))
        inverse = _inverse(batch[mine] + (found + free if flipped else free + found))
        in_place = inverse == tuple(range(operand.type.rank))
        gradients.append(product if in_place else build.transpose(product, permutation=inverse))
    return gradients


def _samples() -> Iterable[Sample]:
    cases: list[tuple[tuple[int, ...], tuple[int, ...], Any, Any]] = [
        ((2, 3), (3, 4), ((1,), (0,)), ((), ())),
        ((3, 2), (4, 3), ((0,), (1,)), ((), ())),
        ((2, 3, 4), (2, 4, 5), ((2,), (1,)), ((0,), (0,))),
        ((3, 2, 4, 2), (2, 5, 3, 4), ((-2,), (3,)), ((0, 1), (2, 0))),
        ((2, 3, 4), (4, 3, 2), ((1, 2), (1, 0)), ((), ())),
        ((2, 3, 4), (3, 5, 2, 4), ((0, 2), (2, 3)), ((), ())),
        ((3,), (3,), ((0,), (0,)), ((), ())),
        ((2,), (3,), ((), ()), ((), ())),
        ((2, 3), (2, 3), ((), ()), ((0, 1), (0, 1))),
        ((2, 0), (0, 3), ((1,), (0,)), ((), ())),
        ((), (3,), ((), ()), ((), ())),
    ]
    for a, b, contract, batch in cases:
        yield Sample((values(a), values(b, seed=1)), {"contract": contract, "batch": batch})
    yield Sample((values((17, 33)), values((33, 19), seed=1)), {"contract": ((1,), (0,))}, differentiable=())
    whole = np.arange(6, dtype=np.int32)
    yield Sample((whole.reshape(2, 3), whole.reshape(3, 2)), {"contract": ((1,), (0,))})


dot_general = Operator(
    name="dot_general",
    infer=_dot_type,
    reference=widened(_dot),
    samples=_samples,
    gradient=_dot_gradient,
    resolve=_resolve,
    traits=frozenset({"contraction", "heavy"}),
    doc="Product summed over the `contract` axes; axes: batch, a's other ones, b's other ones.",
)
