"""Group normalisation (Wu and He, 2018): each sample by groups of its channels. Its statistics serve the gradient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Array, Build, Operator, Sample, Symbol, TensorType, Value
from epochal.topi._results import widened_results
from epochal.topi._rules import FLOAT, check_dtype, check_same_dtype, merge, values
from epochal.topi.composite import COMPOSITE, kept, rounded, single


def _type(
    x: TensorType, gamma: TensorType, beta: TensorType, *, groups: int, epsilon: float
) -> tuple[TensorType, TensorType, TensorType]:
    name = "group_norm"
    check_dtype(name, x, FLOAT)
    check_same_dtype(name, x, gamma, beta)
    if x.rank < 2:
        raise ShapeError(f"{name}: x must be [batch, *space, channels]. Received: {x}.")
    channels = x.shape[-1]
    for what, type_ in (("gamma", gamma), ("beta", beta)):
        if type_.rank != 1:
            raise ShapeError(f"{name}: {what} must hold one number a channel of {x}. Received: {type_}.")
        merge(name, f"the channels of x and {what}", channels, type_.shape[0])
    if not isinstance(groups, int) or groups < 1 or (not isinstance(channels, Symbol) and channels % groups):
        raise ArgumentError(f"{name}: groups must divide the {channels} channels of {x}. Received: {groups!r}")
    statistic = x.with_shape((x.shape[0], groups))
    return x, statistic, statistic


def _reference(x: Array, gamma: Array, beta: Array, *, groups: int, epsilon: float) -> tuple[Array, Array, Array]:
    grouped = x.reshape(x.shape[0], -1, groups, x.shape[-1] // groups)
    mean = grouped.mean((1, 3), keepdims=True)
    centred = grouped - mean
    rstd = 1.0 / np.sqrt(np.square(centred).mean((1, 3), keepdims=True) + x.dtype.type(epsilon))
    y = (centred * rstd).reshape(x.shape) * gamma + beta
    return y, mean[:, 0, :, 0], rstd[:, 0, :, 0]


def _grouped(build: Build, x: Value, groups: int) -> Value:
    """[batch, space, groups, channels of a group]"""
    sizes = [size for size in x.shape if isinstance(size, int)]
    space = int(np.prod(sizes[1:-1], dtype=np.int64))
    result: Value = build.reshape(x, shape=(sizes[0], space, groups, sizes[-1] // groups))
    return result


_AXES = (1, 3)


def _count(grouped: Value) -> float:
    """Elements of one group."""
    sizes = [size for size in grouped.shape if isinstance(size, int)]
    return float(sizes[1] * sizes[3])


def _mean(build: Build, x: Value) -> Value:
    """Over each group, broadcasting against it."""
    result: Value = build.div(build.sum(x, axes=_AXES), _count(x))
    return result


def _decomposition(build: Build, inputs: Sequence[Value], *, groups: int, epsilon: float) -> tuple[Value, ...]:
    x, gamma, beta = single(build, *inputs)
    grouped = _grouped(build, x, groups)
    mean = _mean(build, grouped)
    centred = build.sub(grouped, kept(build, mean, grouped, _AXES))
    rstd = build.rsqrt(build.add(_mean(build, build.square(centred)), epsilon))
    normal = build.reshape(build.mul(centred, kept(build, rstd, grouped, _AXES)), shape=x.shape)
    y = build.add(build.mul(normal, gamma), beta)
    return tuple(rounded(build, value, inputs[0]) for value in (y, mean, rstd))


def _gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    groups: int,
    epsilon: float,
) -> list[Value | None]:
    """As layer_norm's: rstd (h - mean(h) - n mean(h n)) with h = g gamma, and what comes by the statistics."""
    x, gamma, _ = inputs
    _, mean, rstd = outputs
    g, of_mean, of_rstd = cotangents
    grouped = _grouped(build, x, groups)
    scale = kept(build, rstd, grouped, _AXES)
    centred = build.sub(grouped, kept(build, mean, grouped, _AXES))
    of_x: list[Value] = []
    of_gamma: Value | None = None
    of_beta: Value | None = None
    if g is not None:
        normal = build.mul(centred, scale)
        others = tuple(range(len(x.shape) - 1))
        of_gamma = build.sum(build.mul(g, build.reshape(normal, shape=x.shape)), axes=others)
        of_beta = build.sum(g, axes=others)
        h = _grouped(build, build.mul(g, gamma), groups)
        along = build.mul(normal, kept(build, _mean(build, build.mul(h, normal)), grouped, _AXES))
        inner = build.sub(build.sub(h, kept(build, _mean(build, h), grouped, _AXES)), along)
        of_x.append(build.mul(scale, inner))
    count = _count(grouped)
    if of_mean is not None:
        spread = kept(build, build.div(of_mean, count), grouped, _AXES)
        of_x.append(build.broadcast(spread, shape=grouped.shape))
    if of_rstd is not None:
        # d rstd / d x = -rstd ** 3 (x - mean) / count
        factor = build.div(build.mul(of_rstd, build.mul(build.square(rstd), rstd)), -count)
        of_x.append(build.mul(centred, kept(build, factor, grouped, _AXES)))
    whole = of_x[0]
    for part in of_x[1:]:
        whole = build.add(whole, part)
    return [build.reshape(whole, shape=x.shape), of_gamma, of_beta]


def _samples() -> Iterable[Sample]:
    yield Sample((values((3, 4)), values((4,), seed=1), values((4,), seed=2)), {"groups": 2, "epsilon": 1e-3})
    yield Sample((values((2, 3, 2, 6)), values((6,), seed=1), values((6,), seed=2)), {"groups": 3, "epsilon": 1e-5})
    yield Sample((values((2, 5, 3)), values((3,), seed=1), values((3,), seed=2)), {"groups": 1, "epsilon": 1e-3})


group_norm = Operator(
    name="group_norm",
    infer=_type,
    reference=widened_results(_reference),
    samples=_samples,
    gradient=_gradient,
    decompose=_decomposition,
    traits=COMPOSITE,
    doc="(x - mean) * rstd * gamma + beta by sample and group of channels (last axis); also mean and rstd by group.",
)
