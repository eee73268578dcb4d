"""Layer and batch normalisation. The statistics they return are what their gradients are written with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Array, Build, Dimension, Operator, Parameters, Sample, TensorType, Value
from epochal.topi._rules import FLOAT, check_axes, check_dtype, check_same_dtype, merge, values
from epochal.topi.composite import COMPOSITE, kept, rounded, single


def _check_scales(name: str, x: TensorType, shape: Sequence[Dimension], gamma: TensorType, beta: TensorType) -> None:
    check_dtype(name, x, FLOAT)
    check_same_dtype(name, x, gamma, beta)
    for what, type_ in (("gamma", gamma), ("beta", beta)):
        if type_.rank != len(shape):
            raise ShapeError(f"{name}: {what} must have shape {tuple(shape)}. Received: {type_}.")
        for expected, received in zip(shape, type_.shape, strict=True):
            merge(name, f"the sizes of x and {what}", expected, received)


def _widened(function: Callable[..., tuple[Array, ...]]) -> Callable[..., tuple[Array, ...]]:
    """A reference of several results, computed in float32 for half precision."""

    def reference(x: Array, gamma: Array, beta: Array, **parameters: object) -> tuple[Array, ...]:
        half = x.dtype in (dtypes.float16.numpy, dtypes.bfloat16.numpy)
        wide = [array.astype(np.float32) if half else array for array in (x, gamma, beta)]
        with np.errstate(all="ignore"):
            return tuple(np.asarray(value, dtype=x.dtype) for value in function(*wide, **parameters))

    return reference


def _elements(x: Value, axes: Sequence[int]) -> int:
    """How many elements of `x` lie along `axes`."""
    total = 1
    for axis in axes:
        size = x.shape[axis]
        assert isinstance(size, int)
        total *= size
    return total


def _mean(build: Build, x: Value, axes: Sequence[int]) -> Value:
    result: Value = build.div(build.sum(x, axes=tuple(axes)), float(_elements(x, axes)))
    return result


def _or_none(build: Build, total: Value | None, term: Value) -> Value:
    result: Value = term if total is None else build.add(total, term)
    return result


# --- layer_norm: y = (x - mean) rstd gamma + beta, statistics over the trailing axes


def _layer_type(
    x: TensorType, gamma: TensorType, beta: TensorType, *, axes: Sequence[int], epsilon: float
) -> tuple[TensorType, ...]:
    axes = check_axes("layer_norm", axes, x.rank)
    if axes != tuple(range(x.rank - len(axes), x.rank)) or not axes:
        raise ArgumentError(f"layer_norm: axes must be the last axes of x, {x}. Received: {axes}.")
    _check_scales("layer_norm", x, x.shape[x.rank - len(axes) :], gamma, beta)
    statistic = x.with_shape(x.shape[: x.rank - len(axes)])
    return x, statistic, statistic


def _layer_resolve(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    return {**parameters, "axes": check_axes("layer_norm", parameters["axes"], types[0].rank)}


def _layer_reference(x: Array, gamma: Array, beta: Array, *, axes: Sequence[int], epsilon: float) -> tuple[Array, ...]:
    axes = tuple(axes)
    mean = x.mean(axes, keepdims=True)
    centred = x - mean
    rstd = 1.0 / np.sqrt(np.square(centred).mean(axes, keepdims=True) + x.dtype.type(epsilon))
    return centred * rstd * gamma + beta, mean.squeeze(axes), rstd.squeeze(axes)


def _layer_decomposition(
    build: Build, inputs: Sequence[Value], *, axes: Sequence[int], epsilon: float
) -> tuple[Value, ...]:
    x, gamma, beta = single(build, *inputs)
    mean = _mean(build, x, axes)
    centred = build.sub(x, kept(build, mean, x, axes))
    rstd = build.rsqrt(build.add(_mean(build, build.square(centred), axes), epsilon))
    y = build.add(build.mul(build.mul(centred, kept(build, rstd, x, axes)), gamma), beta)
    return tuple(rounded(build, value, inputs[0]) for value in (y, mean, rstd))


def _layer_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    axes: Sequence[int],
    epsilon: float,
) -> list[Value | None]:
    """With n = (x - mean) rstd and h = g gamma: rstd (h - mean(h) - n mean(h n)), and what comes by the statistics."""
    x, gamma, _ = inputs
    _, mean, rstd = outputs
    g, of_mean, of_rstd = cotangents
    scale = kept(build, rstd, x, axes)
    centred = build.sub(x, kept(build, mean, x, axes))
    normal = build.mul(centred, scale)
    of_x: Value | None = None
    of_gamma: Value | None = None
    of_beta: Value | None = None
    if g is not None:
        samples = tuple(range(len(x.shape) - len(axes)))
        of_gamma, of_beta = build.sum(build.mul(g, normal), axes=samples), build.sum(g, axes=samples)
        h = build.mul(g, gamma)
        along = build.mul(normal, kept(build, _mean(build, build.mul(h, normal), axes), x, axes))
        of_x = build.mul(scale, build.sub(build.sub(h, kept(build, _mean(build, h, axes), x, axes)), along))
    count = float(_elements(x, axes))
    if of_mean is not None:
        spread = build.broadcast(kept(build, build.div(of_mean, count), x, axes), shape=x.shape)
        of_x = _or_none(build, of_x, spread)
    if of_rstd is not None:
        # d rstd / d x = -rstd ** 3 (x - mean) / count
        factor = build.div(build.mul(of_rstd, build.mul(build.square(rstd), rstd)), -count)
        of_x = _or_none(build, of_x, build.mul(centred, kept(build, factor, x, axes)))
    return [of_x, of_gamma, of_beta]


def _layer_samples() -> Iterable[Sample]:
    yield Sample((values((4, 5)), values((5,), seed=1), values((5,), seed=2)), {"axes": (1,), "epsilon": 1e-3})
    yield Sample(
        (values((2, 3, 4)), values((3, 4), seed=1), values((3, 4), seed=2)), {"axes": (-2, -1), "epsilon": 1e-5}
    )


layer_norm = Operator(
    name="layer_norm",
    infer=_layer_type,
    reference=_widened(_layer_reference),
    samples=_layer_samples,
    gradient=_layer_gradient,
    resolve=_layer_resolve,
    decompose=_layer_decomposition,
    traits=COMPOSITE,
    doc="(x - mean) * rstd * gamma + beta over the last axes; also mean and rstd = 1 / sqrt(variance + epsilon).",
)


# --- batch_norm_training: y = (x - mean) / sqrt(variance + epsilon) gamma + beta, statistics over all axes but the last


SHORTEST_ROW = 4
"""Pixels in a row whose mean is near that of all."""


def _batch_type(x: TensorType, gamma: TensorType, beta: TensorType, *, epsilon: float) -> tuple[TensorType, ...]:
    if x.rank < 2:
        raise ShapeError(f"batch_norm_training: x must have at least 2 axes, channels last. Received: {x}.")
    _check_scales("batch_norm_training", x, x.shape[-1:], gamma, beta)
    statistic = x.with_shape(x.shape[-1:])
    return x, statistic, statistic


def _batch_reference(x: Array, gamma: Array, beta: Array, *, epsilon: float) -> tuple[Array, ...]:
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axes)
    variance = np.square(x - mean).mean(axes)
    return (x - mean) / np.sqrt(variance + x.dtype.type(epsilon)) * gamma + beta, mean, variance


def _batch_decomposition(build: Build, inputs: Sequence[Value], *, epsilon: float) -> tuple[Value, ...]:
    x, gamma, beta = single(build, *inputs)
    mean, variance = _moments(build, x)
    scale = build.mul(build.rsqrt(build.add(variance, epsilon)), gamma)
    y = build.add(build.mul(build.sub(x, mean), scale), beta)
    return tuple(rounded(build, value, inputs[0]) for value in (y, mean, variance))


def _moments(build: Build, x: Value) -> tuple[Value, Value]:
    """Mean and biased variance by channel.

    One pass over `x` where it is an image or longer: it sums distances from p, the mean of a row of pixels in the
    middle. That is a fraction of a deviation from the mean, so nothing to speak of cancels in
    ``mean((x - p)**2) - (mean - p)**2``. (Chan, Golub and LeVeque, "Algorithms for computing the sample variance",
    call this shifted data.)
    """
    axes = tuple(range(len(x.shape) - 1))
    row = x.shape[-2]
    if len(x.shape) < 3 or not isinstance(row, int) or row < SHORTEST_ROW:
        mean = _mean(build, x, axes)
        return mean, _mean(build, build.square(build.sub(x, mean)), axes)
    middle = [size // 2 for size in x.shape[:-2] if isinstance(size, int)]
    ends = [index + 1 for index in middle]
    pilot = _mean(build, build.slice(x, starts=(*middle, 0, 0), limits=(*ends, None, None)), axes)
    distance = build.sub(x, pilot)
    shift = _mean(build, distance, axes)
    variance = build.sub(_mean(build, build.square(distance), axes), build.square(shift))
    return build.add(pilot, shift), build.maximum(variance, 0.0)


def _batch_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    epsilon: float,
) -> list[Value | None]:
    """With n = (x - mean) rstd: rstd gamma (g - sum(g) / N - n sum(g n) / N), and what comes by the statistics."""
    x, gamma, _ = inputs
    _, mean, variance = outputs
    g, of_mean, of_variance = cotangents
    axes = tuple(range(len(x.shape) - 1))
    count = float(_elements(x, axes))
    centred = build.sub(x, mean)
    of_x: Value | None = None
    of_gamma: Value | None = None
    of_beta: Value | None = None
    if g is not None:
        rstd = build.rsqrt(build.add(variance, epsilon))
        normal = build.mul(centred, rstd)
        of_gamma, of_beta = build.sum(build.mul(g, normal), axes=axes), build.sum(g, axes=axes)
        inner = build.sub(g, build.div(of_beta, count))
        inner = build.sub(inner, build.mul(normal, build.div(of_gamma, count)))
        of_x = build.mul(build.mul(rstd, gamma), inner)
    if of_mean is not None:
        of_x = _or_none(build, of_x, build.broadcast(build.div(of_mean, count), shape=x.shape))
    if of_variance is not None:
        of_x = _or_none(build, of_x, build.mul(centred, build.div(of_variance, count / 2.0)))
    return [of_x, of_gamma, of_beta]


def _batch_samples() -> Iterable[Sample]:
    yield Sample((values((6, 3)), values((3,), seed=1), values((3,), seed=2)), {"epsilon": 1e-3})
    yield Sample((values((2, 3, 2, 4)), values((4,), seed=1), values((4,), seed=2)), {"epsilon": 1e-5})


batch_norm_training = Operator(
    name="batch_norm_training",
    infer=_batch_type,
    reference=_widened(_batch_reference),
    samples=_batch_samples,
    gradient=_batch_gradient,
    decompose=_batch_decomposition,
    traits=COMPOSITE,
    doc="(x - mean) / sqrt(variance + epsilon) * gamma + beta by channel (last axis); also mean and biased variance.",
)
