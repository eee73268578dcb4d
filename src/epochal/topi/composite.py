"""Softmax and its kin, and the losses built on it: one row each, with a stable decomposition and a paired gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from epochal import dtypes
from epochal.ir import Array, Build, Operator, Sample, TensorType, Value
from epochal.topi._rules import (
    FLOAT,
    axes_resolver,
    axis_resolver,
    check_axes,
    check_axis,
    check_dtype,
    full,
    values,
    widened,
)  # fmt: skip

COMPOSITE = frozenset({"composite"})


def kept(build: Build, reduced: Value, x: Value, axes: Sequence[int]) -> Value:
    """A reduction of `x` with the removed axes put back as 1, so that it broadcasts against `x`."""
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    result: Value = build.reshape(reduced, shape=shape)
    return result


def single(build: Build, *operands: Value) -> tuple[Value, ...]:
    """The operands; half precision ones as float32, in which composites are computed."""
    return tuple(
        build.cast(x, dtype=dtypes.float32) if x.dtype in (dtypes.float16, dtypes.bfloat16) else x for x in operands
    )


def rounded(build: Build, result: Value, like: Value) -> Value:
    """A result computed by `single` operands, of the element type of the operand it belongs to."""
    converted: Value = result if result.dtype is like.dtype else build.cast(result, dtype=like.dtype)
    return converted


def _axis_type(name: str) -> Callable[..., TensorType]:
    def infer(x: TensorType, *, axis: int = -1) -> TensorType:
        check_dtype(name, x, FLOAT)
        check_axis(name, axis, x.rank)
        return x

    return infer


def _axis_samples() -> Iterable[Sample]:
    yield Sample((values((3, 5)),), {"axis": 1})
    yield Sample((values((2, 4, 3), seed=1),), {"axis": -2})
    yield Sample((np.array([[700.0, -700.0, 0.0], [-1e4, -1e4, -1e4]]),), {"axis": 1}, differentiable=())


# softmax(x) = exp(x) / sum(exp(x)); shifting by the maximum changes nothing and cannot overflow.


def _softmax_reference(x: Array, *, axis: int = -1) -> Array:
    powers = np.exp(x - x.max(axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis, keepdims=True))


def _softmax_decomposition(build: Build, inputs: Sequence[Value], *, axis: int = -1) -> Value:
    (x,) = single(build, *inputs)
    axes = (check_axis("softmax", axis, len(x.shape)),)
    powers = build.exp(build.sub(x, kept(build, build.max(x, axes=axes), x, axes)))
    return rounded(build, build.div(powers, kept(build, build.sum(powers, axes=axes), x, axes)), inputs[0])


def _softmax_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], *, axis: int
) -> list[Value | None]:
    """y (g - sum(g y))"""
    (y,), (g,), axes = outputs, cotangents, (axis % len(inputs[0].shape),)
    along = kept(build, build.sum(build.mul(g, y), axes=axes), y, axes)
    return [build.mul(y, build.sub(g, along))]


softmax = Operator(
    name="softmax",
    infer=_axis_type("softmax"),
    reference=widened(_softmax_reference),
    samples=_axis_samples,
    gradient=_softmax_gradient,
    resolve=axis_resolver("softmax"),
    decompose=_softmax_decomposition,
    traits=COMPOSITE,
    doc="exp(x) / sum(exp(x)) along an axis.",
)


def _log_softmax_reference(x: Array, *, axis: int = -1) -> Array:
    shifted = x - x.max(axis, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis, keepdims=True)))


def _log_softmax_decomposition(build: Build, inputs: Sequence[Value], *, axis: int = -1) -> Value:
    (x,) = single(build, *inputs)
    axes = (check_axis("log_softmax", axis, len(x.shape)),)
    shifted = build.sub(x, kept(build, build.max(x, axes=axes), x, axes))
    total = build.log(build.sum(build.exp(shifted), axes=axes))
    return rounded(build, build.sub(shifted, kept(build, total, x, axes)), inputs[0])


def _log_softmax_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], *, axis: int
) -> list[Value | None]:
    """g - exp(y) sum(g)"""
    (y,), (g,), axes = outputs, cotangents, (axis % len(inputs[0].shape),)
    assert g is not None
    return [build.sub(g, build.mul(build.exp(y), kept(build, build.sum(g, axes=axes), y, axes)))]


log_softmax = Operator(
    name="log_softmax",
    infer=_axis_type("log_softmax"),
    reference=widened(_log_softmax_reference),
    samples=_axis_samples,
    gradient=_log_softmax_gradient,
    resolve=axis_resolver("log_softmax"),
    decompose=_log_softmax_decomposition,
    traits=COMPOSITE,
    doc="log(softmax(x)), exact where softmax(x) vanishes.",
)


# logsumexp: an infinite maximum is not subtracted (inf - inf is NaN): log(sum(exp)) is then that infinity itself.


def _logsumexp_type(x: TensorType, *, axes: Sequence[int] | None = None) -> TensorType:
    check_dtype("logsumexp", x, FLOAT)
    removed = check_axes("logsumexp", axes, x.rank)
    return x.with_shape(size for axis, size in enumerate(x.shape) if axis not in removed)


def _logsumexp_reference(x: Array, *, axes: Sequence[int] | None = None) -> Array:
    axes = check_axes("logsumexp", axes, x.ndim)
    peak = x.max(axes, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, peak.dtype.type(0))
    return np.asarray(np.log(np.exp(x - peak).sum(axes)) + peak.squeeze(axes))


def _logsumexp_decomposition(build: Build, inputs: Sequence[Value], *, axes: Sequence[int] | None = None) -> Value:
    (x,) = single(build, *inputs)
    axes = check_axes("logsumexp", axes, len(x.shape))
    peak = build.max(x, axes=axes)
    peak = build.select(build.is_finite(peak), peak, full(build, 0.0, peak))
    total = build.sum(build.exp(build.sub(x, kept(build, peak, x, axes))), axes=axes)
    return rounded(build, build.add(build.log(total), peak), inputs[0])


def _logsumexp_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    axes: Sequence[int],
) -> list[Value | None]:
    """g exp(x - y)"""
    (x,), (y,), (g,) = inputs, outputs, cotangents
    assert g is not None
    share = build.exp(build.sub(x, kept(build, y, x, axes)))
    return [build.mul(kept(build, g, x, axes), share)]


def _logsumexp_samples() -> Iterable[Sample]:
    yield Sample((values((3, 5)),), {"axes": (1,)})
    yield Sample((values((2, 4, 3), seed=1),), {"axes": (0, 2)})
    yield Sample((values((4,)),), {"axes": (0,)})
    yield Sample((np.array([[700.0, 701.0], [-np.inf, -np.inf], [np.inf, 0.0]]),), {"axes": (1,)}, differentiable=())


logsumexp = Operator(
    name="logsumexp",
    infer=_logsumexp_type,
    reference=widened(_logsumexp_reference),
    samples=_logsumexp_samples,
    gradient=_logsumexp_gradient,
    resolve=axes_resolver("logsumexp"),
    decompose=_logsumexp_decomposition,
    traits=COMPOSITE,
    doc="log(sum(exp(x))) over axes.",
)


# softplus(x) = log(1 + exp(x)) = max(x, 0) + log1p(exp(-abs(x)))


def _softplus_type(x: TensorType) -> TensorType:
    check_dtype("softplus", x, FLOAT)
    return x


def _softplus_reference(x: Array) -> Array:
    return np.asarray(np.maximum(x, x.dtype.type(0)) + np.log1p(np.exp(-np.abs(x))))


def _softplus(build: Build, x: Value) -> Value:
    result: Value = build.add(build.relu(x), build.log1p(build.exp(build.neg(build.abs(x)))))
    return result


def _softplus_decomposition(build: Build, inputs: Sequence[Value]) -> Value:
    (x,) = single(build, *inputs)
    return rounded(build, _softplus(build, x), inputs[0])


def _softplus_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
) -> list[Value | None]:
    return [build.mul(cotangents[0], build.sigmoid(inputs[0]))]


def _softplus_samples() -> Iterable[Sample]:
    yield Sample((values((3, 5)),))
    yield Sample((np.array([-800.0, -1e-9, 0.0, 1e-9, 800.0, np.nan, np.inf, -np.inf]),), differentiable=())


softplus = Operator(
    name="softplus",
    infer=_softplus_type,
    reference=widened(_softplus_reference),
    samples=_softplus_samples,
    gradient=_softplus_gradient,
    decompose=_softplus_decomposition,
    traits=COMPOSITE | {"elementwise"},
    doc="log(1 + exp(x)), exact for large abs(x).",
)
