"""Cumulative products and extremes along an axis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.ir import Array, Build, Graph, Operator, Sample, TensorType, Value, make_input
from epochal.topi._rules import NUMBER, axis_resolver, check_axis, check_dtype, full, values, widened


def _type(name: str) -> Callable[..., TensorType]:
    def infer(x: TensorType, *, axis: int, reverse: bool = False, exclusive: bool = False) -> TensorType:
        check_dtype(name, x, NUMBER)
        check_axis(name, axis, x.rank)
        return x

    return infer


# --- cumulative_prod


def _prod(x: Array, *, axis: int, reverse: bool = False, exclusive: bool = False) -> Array:
    along = np.moveaxis(x, axis, 0)
    along = along[::-1] if reverse else along
    product = np.cumprod(along, axis=0, dtype=x.dtype)
    if exclusive:
        product = np.concatenate([np.ones_like(product[:1]), product[:-1]])
    return np.ascontiguousarray(np.moveaxis(product[::-1] if reverse else product, 0, axis))


def _recurrence(build: Build, factors: Value, terms: Value, reverse: bool) -> Value:
    """s[t] = factors[t] * s[t - 1] + terms[t] along axis 0, from s[-1] = 0; reverse: from the end."""
    row = terms.type.with_shape(terms.shape[1:])
    state, factor, term = make_input(row), make_input(row), make_input(row)
    new = build.add(build.mul(factor, state), term)
    body = Graph([state, factor, term], [new, new])
    start = full(build, 0.0, state)
    _, result = build.scan(
        start, factors, terms, body=body, constants=0, carries=1, length=terms.shape[0], reverse=reverse
    )
    found: Value = result
    return found


def _prod_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    axis: int,
    reverse: bool = False,
    exclusive: bool = False,
) -> Sequence[Value | None]:
    """Without division, so that zeros do no harm.

    The gradient at s is (product before s) * h[s] with h[s] = g[s] + x[s + 1] h[s + 1]; where s itself is left out of
    its product, h[s] = g[s + 1] + x[s + 1] h[s + 1].
    """
    x, g = inputs[0], cotangents[0]
    axis = axis % len(x.shape)
    if x.shape[axis] == 0:
        return [None]
    order = (axis, *(other for other in range(len(x.shape)) if other != axis))
    back = tuple(order.index(position) for position in range(len(order)))
    moved, slopes = build.transpose(x, permutation=order), build.transpose(g, permutation=order)
    factors = _next(build, moved, reverse)
    terms = _next(build, slopes, reverse) if exclusive else slopes
    after = _recurrence(build, factors, terms, not reverse)
    before = build.cumulative_prod(moved, axis=0, reverse=reverse, exclusive=True)
    return [build.transpose(build.mul(before, after), permutation=back)]


def _next(build: Build, x: Value, reverse: bool) -> Value:
    """Along axis 0, each entry's successor in the order of accumulation; zero for the last."""
    rest = (0,) * (len(x.shape) - 1)
    ends = (1, -1) if reverse else (-1, 1)
    result: Value = build.pad(x, low=(ends[0], *rest), high=(ends[1], *rest))
    return result


def _prod_samples() -> Iterable[Sample]:
    for reverse in (False, True):
        for exclusive in (False, True):
            yield Sample((values((3, 4)),), {"axis": 1, "reverse": reverse, "exclusive": exclusive})
    yield Sample((np.array([[0.5, 0.0, 2.0], [0.0, 0.0, 1.5]]),), {"axis": 1})
    yield Sample((values((3, 4, 2)),), {"axis": -2})
    yield Sample((np.arange(1, 6, dtype=np.int32),), {"axis": 0})
    yield Sample((np.zeros((0, 2)),), {"axis": 0})


cumulative_prod = Operator(
    name="cumulative_prod",
    infer=_type("cumulative_prod"),
    reference=widened(_prod),
    samples=_prod_samples,
    gradient=_prod_gradient,
    resolve=axis_resolver("cumulative_prod"),
    doc="Product of an element and those before it (exclusive: only those) along an axis; reverse: those after it.",
)


# --- cumulative_max and cumulative_min


def _extreme_type(name: str) -> Callable[..., TensorType]:
    def infer(x: TensorType, *, axis: int, reverse: bool = False) -> TensorType:
        check_dtype(name, x, NUMBER)
        check_axis(name, axis, x.rank)
        return x

    return infer


def _extreme_samples() -> Iterable[Sample]:
    for reverse in (False, True):
        yield Sample((values((3, 5)),), {"axis": 1, "reverse": reverse})
    yield Sample((values((4, 3, 2)),), {"axis": -3})
    yield Sample((np.array([[1.0, np.nan, 3.0], [-np.inf, np.inf, 0.0]]),), {"axis": 1}, differentiable=())
    yield Sample((np.array([2, 1, 3, 3, 0], np.int32),), {"axis": 0, "reverse": True})
    yield Sample((np.zeros((0, 2)),), {"axis": 0})


def _extreme(name: str, doc: str, function: Any) -> Operator:
    """A row for the largest or smallest element so far."""

    def reference(x: Array, *, axis: int, reverse: bool = False) -> Array:
        along = np.flip(x, axis) if reverse else x
        result = function.accumulate(along, axis=axis) if x.shape[axis] else along
        return np.ascontiguousarray(np.flip(result, axis) if reverse else result)

    def gradient(
        build: Build,
        inputs: Sequence[Value],
        outputs: Sequence[Value],
        cotangents: Sequence[Value | None],
        *,
        axis: int,
        reverse: bool = False,
    ) -> Sequence[Value | None]:
        """To the place that the extreme came from; of equals, the latest."""
        x, y = inputs[0], outputs[0]
        size = x.shape[axis]
        assert isinstance(size, int)
        place = build.iota(shape=x.shape, axis=axis % len(x.shape), dtype=dtypes.int32)
        first = build.broadcast(build.constant(size - 1 if reverse else 0, dtypes.int32), shape=x.shape)
        seen = build.select(build.equal(x, y), place, first)
        latest = build.cumulative_min if reverse else build.cumulative_max
        source = latest(seen, axis=axis, reverse=reverse)
        return [build.scatter_add_along_axis(full(build, 0.0, x), source, cotangents[0], axis=axis)]

    return Operator(
        name=name,
        infer=_extreme_type(name),
        reference=widened(reference),
        samples=_extreme_samples,
        gradient=gradient,
        resolve=axis_resolver(name),
        doc=doc,
    )


cumulative_max = _extreme(
    "cumulative_max", "Largest of an element and those before it along an axis; reverse: those after it.", np.maximum
)
cumulative_min = _extreme(
    "cumulative_min", "Smallest of an element and those before it along an axis; reverse: those after it.", np.minimum
)
