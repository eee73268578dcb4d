"""Reductions, which remove axes, and the cumulative sum, which does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.dtypes import DType
from epochal.errors import ShapeError
from epochal.ir import Array, Build, Operator, Sample, TensorType, Value
from epochal.topi._rules import (
    BOOL,
    NUMBER,
    axes_resolver,
    axis_resolver,
    check_axes,
    check_axis,
    check_dtype,
    full,
    values,
    widened,
)

REDUCTION = frozenset({"reduction"})
_LAYOUTS: tuple[tuple[tuple[int, ...], Any], ...] = (
    ((2, 3), (1,)),
    ((2, 3), (0,)),
    ((2, 3), None),
    ((2, 3, 4), (0, 2)),
    ((2, 3, 4), (-2,)),
    ((2, 3), ()),
    ((), None),
)


def restored(build: Build, value: Value, axes: tuple[int, ...], like: Value) -> Value:
    """The result of a reduction, repeated along the axes that it removed."""
    kept: Value = build.reshape(value, shape=tuple(1 if axis in axes else size for axis, size in enumerate(like.shape)))
    result: Value = build.broadcast(kept, shape=like.shape)
    return result


def reduction(
    name: str,
    doc: str,
    function: Callable[..., Any],
    gradient: Callable[[Build, Value, Value, Value, tuple[int, ...]], Value] | None,
    takes: str = NUMBER,
    nonempty: bool = False,
) -> Operator:
    """A row for a reduction over `axes`.

    Args:
        name: Name of the operator.
        doc: What it computes.
        function: ``function(array, axis=)`` of NumPy.
        gradient: ``gradient(build, cotangent, x, y, axes)``; ``None``: piecewise constant.
        takes: Which element types.
        nonempty: Whether the axes must hold at least one element.
    """

    def infer(x: TensorType, *, axes: Any = None) -> TensorType:
        check_dtype(name, x, takes)
        removed = check_axes(name, axes, x.rank)
        if nonempty and any(x.shape[axis] == 0 for axis in removed):
            raise ShapeError(f"{name} of no elements has no value. Received: {x} over axes {removed}.")
        return x.with_shape(size for axis, size in enumerate(x.shape) if axis not in removed)

    def reference(x: Array, *, axes: Any = None) -> Array:
        return np.asarray(function(x, axis=check_axes(name, axes, x.ndim)))

    def row_gradient(
        build: Build,
        inputs: Sequence[Value],
        outputs: Sequence[Value],
        cotangents: Sequence[Value | None],
        *,
        axes: tuple[int, ...],
    ) -> Sequence[Value | None]:
        assert gradient is not None
        assert cotangents[0] is not None
        return [gradient(build, cotangents[0], inputs[0], outputs[0], axes)]

    def samples() -> Iterable[Sample]:
        for shape, axes in _LAYOUTS:
            data = values(shape)
            yield Sample((data > 0 if takes == BOOL else data,), {"axes": axes})
        if takes == NUMBER:
            yield Sample((np.array([[3, -1, 2], [-5, 3, 3]], np.int32),), {"axes": (1,)})
            yield Sample((np.array([[np.nan, 1.0], [np.inf, 2.0]]),), {"axes": (1,)}, differentiable=())
        if not nonempty:
            yield Sample((np.zeros((2, 0), np.bool_ if takes == BOOL else np.float64),), {"axes": (1,)})

    return Operator(
        name=name,
        infer=infer,
        reference=widened(reference),
        samples=samples,
        gradient=None if gradient is None else row_gradient,
        no_gradient="zero" if gradient is None else "",
        resolve=axes_resolver(name),
        traits=REDUCTION,
        doc=doc,
    )


def _sum(x: Array, axis: tuple[int, ...]) -> Any:
    return np.sum(x, axis=axis, dtype=x.dtype)


def _prod(x: Array, axis: tuple[int, ...]) -> Any:
    return np.prod(x, axis=axis, dtype=x.dtype)


def _sum_gradient(build: Build, g: Value, x: Value, y: Value, axes: tuple[int, ...]) -> Value:
    return restored(build, g, axes, x)


def _prod_gradient(build: Build, g: Value, x: Value, y: Value, axes: tuple[int, ...]) -> Value:
    """Differentiates the product written as a balanced tree of multiplications: right where elements are 0, too."""
    kept = tuple(axis for axis in range(x.type.rank) if axis not in axes)
    shape = tuple(x.shape[axis] for axis in kept)
    factors = build.reshape(build.transpose(x, permutation=(*axes, *kept)), shape=(-1, *shape))
    while (count := factors.shape[0]) > 1:
        half = count // 2
        rest = build.slice(factors, starts=(2 * half,) + (0,) * len(kept), limits=(None,) * (len(kept) + 1))
        first = build.slice(factors, starts=(0,) * (len(kept) + 1), limits=(half, *shape))
        second = build.slice(factors, starts=(half,) + (0,) * len(kept), limits=(2 * half, *shape))
        product = build.mul(first, second)
        factors = build.concat(product, rest, axis=0) if count % 2 else product
    if factors.shape[0] == 0:
        return full(build, 0.0, x)
    (gradient,) = build.differentiate([build.reshape(factors, shape=shape)], [x], [g])
    assert gradient is not None
    return gradient


def _extreme_gradient(build: Build, g: Value, x: Value, y: Value, axes: tuple[int, ...]) -> Value:
    """Shared equally among the elements that equal the result."""
    hit = build.cast(build.equal(x, restored(build, y, axes, x)), dtype=x.dtype)
    share = build.div(g, build.sum(hit, axes=axes))
    result: Value = build.mul(hit, restored(build, share, axes, x))
    return result


sum_ = reduction("sum", "Sum over axes; 0 of nothing; integers keep their dtype.", _sum, _sum_gradient)
prod = reduction("prod", "Product over axes; 1 of nothing.", _prod, _prod_gradient)
max_ = reduction(
    "max", "Largest element over axes; NaN if one is; ties share the gradient.", np.max, _extreme_gradient,
    nonempty=True,
)  # fmt: skip
min_ = reduction(
    "min", "Smallest element over axes; NaN if one is; ties share the gradient.", np.min, _extreme_gradient,
    nonempty=True,
)  # fmt: skip
any_ = reduction("any", "Whether one element over axes is true.", np.any, None, BOOL)
all_ = reduction("all", "Whether all elements over axes are true.", np.all, None, BOOL)


def _position(name: str, doc: str, function: Callable[..., Any]) -> Operator:
    """A row for the index of an extreme along one axis."""

    def infer(x: TensorType, *, axis: int, dtype: DType = dtypes.int64) -> TensorType:
        check_dtype(name, x, NUMBER)
        where = check_axis(name, axis, x.rank)
        if x.shape[where] == 0:
            raise ShapeError(f"{name} of no elements has no value. Received: {x} along axis {where}.")
        result = dtypes.get(dtype)
        check_dtype(name, TensorType(result), "numbers")
        return TensorType(result, x.shape[:where] + x.shape[where + 1 :])

    def reference(x: Array, *, axis: int, dtype: DType = dtypes.int64) -> Array:
        return np.asarray(function(x, axis=axis)).astype(dtype.numpy)

    def resolve(types: Sequence[TensorType], parameters: Any) -> Any:
        return {
            "axis": check_axis(name, parameters["axis"], types[0].rank),
            "dtype": dtypes.get(parameters.get("dtype", dtypes.int64)),
        }

    def samples() -> Iterable[Sample]:
        yield Sample((values((3, 4)),), {"axis": 1, "dtype": dtypes.int64})
        yield Sample((values((3, 4, 2)),), {"axis": -2, "dtype": dtypes.int32})
        yield Sample((np.array([[1, 3, 3], [2, 2, 0]], np.int32),), {"axis": 1, "dtype": dtypes.int64})
        yield Sample((np.array([[1.0, np.nan, 3.0], [-np.inf, np.inf, np.inf]]),), {"axis": 1, "dtype": dtypes.int64})

    return Operator(
        name=name,
        infer=infer,
        reference=reference,
        samples=samples,
        no_gradient="zero",
        resolve=resolve,
        traits=REDUCTION - {"reduction"},
        doc=doc,
    )


argmax = _position("argmax", "Index of the largest element along an axis; the first of equals; NaN wins.", np.argmax)
argmin = _position("argmin", "Index of the smallest element along an axis; the first of equals; NaN wins.", np.argmin)


def _cumulative_type(x: TensorType, *, axis: int, reverse: bool = False, exclusive: bool = False) -> TensorType:
    check_dtype("cumulative_sum", x, NUMBER)
    check_axis("cumulative_sum", axis, x.rank)
    return x


def _cumulative(x: Array, *, axis: int, reverse: bool = False, exclusive: bool = False) -> Array:
    along = np.moveaxis(x, axis, 0)
    along = along[::-1] if reverse else along
    total = np.cumsum(along, axis=0, dtype=x.dtype)
    if exclusive:
        total = np.concatenate([np.zeros_like(total[:1]), total[:-1]])
    return np.ascontiguousarray(np.moveaxis(total[::-1] if reverse else total, 0, axis))


def _cumulative_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    axis: int,
    reverse: bool = False,
    exclusive: bool = False,
) -> Sequence[Value | None]:
    return [build.cumulative_sum(cotangents[0], axis=axis, reverse=not reverse, exclusive=exclusive)]


def _cumulative_samples() -> Iterable[Sample]:
    for reverse in (False, True):
        for exclusive in (False, True):
            yield Sample((values((3, 4)),), {"axis": 1, "reverse": reverse, "exclusive": exclusive})
    yield Sample((values((3, 4, 2)),), {"axis": -2})
    yield Sample((np.arange(5, dtype=np.int32),), {"axis": 0})
    yield Sample((np.zeros((0, 2)),), {"axis": 0})


cumulative_sum = Operator(
    name="cumulative_sum",
    infer=_cumulative_type,
    reference=widened(_cumulative),
    samples=_cumulative_samples,
    gradient=_cumulative_gradient,
    resolve=axis_resolver("cumulative_sum"),
    doc="Sum of an element and those before it (exclusive: only those) along an axis; reverse: those after it.",
)
