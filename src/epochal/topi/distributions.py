"""Random numbers of other distributions, written with the counter-based bits, uniforms and normals of `random`.

Each draw is a formula of the words of its key's stream, so a key gives the same draw on every engine (to the tolerance
of the elementary functions; where a draw is a choice, rounding may tip it once in millions).
"""

from __future__ import annotations

import math
import operator as python
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.dtypes import DType
from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Array, Build, Operator, Parameters, Sample, Symbol, TensorType, Value, broadcast_shapes
from epochal.topi._rules import FLOAT, check_dtype, check_shape, full, values
from epochal.topi.composite import rounded
from epochal.topi.random import (
    check_key,
    draw_type,
    random_bits,
    random_normal,
    random_uniform,
    resolve_draw,
)
from epochal.topi.special import erf_inv

TRAITS = frozenset({"composite", "random"})
_KEYS = tuple(np.array(key, np.uint32) for key in ((0, 0), (1, 2), (20261124, 77)))
_SHAPES = ((), (5,), (3, 7), (0, 2))


def _wide(dtype: DType) -> DType:
    """What draws of `dtype` are computed in."""
    return dtype if dtype is dtypes.float64 else dtypes.float32


def _check_parameter(name: str, what: str, value: TensorType, shape: Sequence[Any]) -> None:
    """Raises unless a distribution's parameter is floating and broadcasts to the shape of the draw."""
    check_dtype(name, value, FLOAT)
    if any(isinstance(size, Symbol) for size in (*value.shape, *shape)):
        return
    if broadcast_shapes(value.shape, tuple(shape)) != tuple(shape):
        raise ShapeError(f"{name}: {what} must broadcast to the shape of the draw, {tuple(shape)}. Received: {value}.")


# --- random_truncated_normal: sqrt(2) erf_inv((2 u - 1) erf(2 / sqrt(2))), u uniform


_WITHIN_TWO = math.erf(math.sqrt(2.0))


def _truncated(key: Array, *, shape: tuple[int, ...], dtype: DType = dtypes.float32) -> Array:
    kind = _wide(dtype).numpy.type
    draw = random_uniform.reference(key, shape=shape, dtype=_wide(dtype))
    within = (draw * kind(2.0) - kind(1.0)) * kind(_WITHIN_TWO)
    result = erf_inv.reference(within) * kind(math.sqrt(2.0))
    return np.asarray(np.clip(result, kind(-2.0), kind(2.0)), dtype=dtype.numpy)


def _truncated_decomposition(
    build: Build, inputs: Sequence[Value], *, shape: tuple[int, ...], dtype: DType = dtypes.float32
) -> Value:
    draw = build.random_uniform(inputs[0], shape=shape, dtype=_wide(dtype))
    within = build.mul(build.sub(build.mul(draw, 2.0), 1.0), _WITHIN_TWO)
    result: Value = build.clamp(build.mul(build.erf_inv(within), math.sqrt(2.0)), -2.0, 2.0)
    return result if result.dtype is dtype else _converted(build, result, dtype)


def _converted(build: Build, value: Value, dtype: DType) -> Value:
    result: Value = build.cast(value, dtype=dtype)
    return result


def _draw_samples() -> Iterable[Sample]:
    for dtype in (dtypes.float32, dtypes.float64, dtypes.bfloat16):
        for index, shape in enumerate(_SHAPES):
            yield Sample((_KEYS[index % 3],), {"shape": shape, "dtype": dtype})


random_truncated_normal = Operator(
    name="random_truncated_normal",
    infer=draw_type("random_truncated_normal"),
    reference=_truncated,
    samples=_draw_samples,
    no_gradient="zero",
    resolve=resolve_draw,
    decompose=_truncated_decomposition,
    traits=TRAITS,
    doc="Normal numbers of mean 0 and deviation 1 (of the uncut distribution) within [-2, 2].",
)


# --- random_bernoulli: u < p


def _bernoulli_type(key: TensorType, probability: TensorType, *, shape: Any) -> TensorType:
    check_key("random_bernoulli", key)
    sizes = check_shape("random_bernoulli", shape)
    _check_parameter("random_bernoulli", "the probability", probability, sizes)
    return TensorType(dtypes.bool_, sizes)


def _bernoulli(key: Array, probability: Array, *, shape: tuple[int, ...]) -> Array:
    draw = random_uniform.reference(key, shape=shape, dtype=dtypes.float32)
    return np.asarray(draw < probability.astype(np.float32))


def _bernoulli_decomposition(build: Build, inputs: Sequence[Value], *, shape: tuple[int, ...]) -> Value:
    key, probability = inputs
    draw = build.random_uniform(key, shape=shape, dtype=dtypes.float32)
    result: Value = build.less(draw, build.cast(probability, dtype=dtypes.float32))
    return result


def _shape_resolve(name: str) -> Any:
    def resolve(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
        return {**parameters, "shape": check_shape(name, parameters["shape"])}

    return resolve


def _bernoulli_samples() -> Iterable[Sample]:
    yield Sample((_KEYS[0], np.array(0.3)), {"shape": (4, 5)})
    yield Sample((_KEYS[1], np.array([0.0, 0.5, 1.0])), {"shape": (20, 3)})
    yield Sample((_KEYS[2], np.array(0.5)), {"shape": ()})


random_bernoulli = Operator(
    name="random_bernoulli",
    infer=_bernoulli_type,
    reference=_bernoulli,
    samples=_bernoulli_samples,
    no_gradient="zero",
    resolve=_shape_resolve("random_bernoulli"),
    decompose=_bernoulli_decomposition,
    traits=TRAITS,
    doc="True with the given probability, which broadcasts to the shape: where a float32 uniform is below it.",
)


# --- random_categorical: the largest of logits - log(-log(u)) (Gumbel's trick); u is kept off 0 by half its step

_LEAST = 2.0**-25


def _categorical_type(key: TensorType, logits: TensorType, *, count: int) -> TensorType:
    name = "random_categorical"
    check_key(name, key)
    check_dtype(name, logits, FLOAT)
    if logits.rank == 0 or logits.shape[-1] == 0:
        raise ShapeError(f"{name}: logits must hold at least one class along the last axis. Received: {logits}.")
    if not isinstance(count, int) or count < 0:
        raise ArgumentError(f"{name}: count must be a non-negative integer. Received: {count!r}")
    return TensorType(dtypes.int32, (*logits.shape[:-1], count))


def _categorical(key: Array, logits: Array, *, count: int) -> Array:
    wide = logits.astype(_wide(dtypes.get(logits.dtype)).numpy)
    shape = (*logits.shape[:-1], count, logits.shape[-1])
    draw = np.maximum(random_uniform.reference(key, shape=shape, dtype=dtypes.float32), np.float32(_LEAST))
    noise = -np.log(-np.log(draw))
    return np.asarray(np.argmax(wide[..., None, :] + noise.astype(wide.dtype), axis=-1)).astype(np.int32)


def _categorical_decomposition(build: Build, inputs: Sequence[Value], *, count: int) -> Value:
    key, logits = inputs
    *batch, classes = logits.shape
    draw = build.random_uniform(key, shape=(*batch, count, classes), dtype=dtypes.float32)
    noise = build.neg(build.log(build.neg(build.log(build.maximum(draw, _LEAST)))))
    kind = _wide(logits.dtype)
    rows = build.reshape(build.cast(logits, dtype=kind), shape=(*batch, 1, classes))
    result: Value = build.argmax(
        build.add(rows, build.cast(noise, dtype=kind)), axis=len(batch) + 1, dtype=dtypes.int32
    )
    return result


def _categorical_samples() -> Iterable[Sample]:
    yield Sample((_KEYS[0], values((4,))), {"count": 5})
    yield Sample((_KEYS[1], values((2, 3, 4))), {"count": 2})
    yield Sample((_KEYS[2], np.array([[-np.inf, 0.0, -np.inf]])), {"count": 3})


random_categorical = Operator(
    name="random_categorical",
    infer=_categorical_type,
    reference=_categorical,
    samples=_categorical_samples,
    no_gradient="zero",
    decompose=_categorical_decomposition,
    traits=TRAITS,
    doc="`count` class numbers drawn for each row of logits, class i with probability softmax(logits)[i].",
)


# --- random_permutation: the order that sorts random words


def _permutation_type(key: TensorType, *, size: int) -> TensorType:
    check_key("random_permutation", key)
    try:
        count = python.index(size)
    except TypeError:
        count = -1
    if count < 0:
        raise ArgumentError(f"random_permutation: size must be a non-negative integer. Received: {size!r}")
    return TensorType(dtypes.int32, (count,))


def _permutation(key: Array, *, size: int) -> Array:
    return np.argsort(random_bits.reference(key, shape=(size,)), kind="stable").astype(np.int32)


def _permutation_decomposition(build: Build, inputs: Sequence[Value], *, size: int) -> Value:
    words = build.random_bits(inputs[0], shape=(size,))
    result: Value = build.argsort(words, axis=0, descending=False, dtype=dtypes.int32)
    return result


def _permutation_samples() -> Iterable[Sample]:
    for key, size in zip(_KEYS, (0, 1, 33), strict=True):
        yield Sample((key,), {"size": size})


random_permutation = Operator(
    name="random_permutation",
    infer=_permutation_type,
    reference=_permutation,
    samples=_permutation_samples,
    no_gradient="zero",
    decompose=_permutation_decomposition,
    traits=TRAITS,
    doc="The integers 0 ... size - 1 in random order: the stable order that sorts random words.",
)


# --- random_gamma: Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables" (2000)
#
# Round r has the key (w[2 r], w[2 r + 1]) of the key's own words, and draws a normal x and a uniform u for each
# element. With d = alpha - 1/3 and v = (1 + x / sqrt(9 d)) ** 3, the number d v is accepted if v > 0 and
# log(u) < x * x / 2 + d - d v + d log(v): at least 95 times in 100. The first accepted one counts; after 8 rounds,
# which happens once in 10 ** 10, d does. For alpha < 1, the draw for alpha + 1 times u ** (1 / alpha), with one
# uniform more (Marsaglia and Tsang, section 6), its key the words after the rounds'.

_ROUNDS = 8


def _gamma_type(key: TensorType, alpha: TensorType, *, shape: Any) -> TensorType:
    check_key("random_gamma", key)
    sizes = check_shape("random_gamma", shape)
    _check_parameter("random_gamma", "alpha", alpha, sizes)
    return TensorType(alpha.dtype, sizes)


def _gamma(key: Array, alpha: Array, *, shape: tuple[int, ...]) -> Array:
    dtype = _wide(dtypes.get(alpha.dtype))
    kind = dtype.numpy.type
    given = np.broadcast_to(alpha.astype(dtype.numpy), shape)
    keys = random_bits.reference(key, shape=(_ROUNDS + 1, 2))
    with np.errstate(all="ignore"):
        d = np.where(given < 1, given + kind(1.0), given) - kind(1.0 / 3.0)
        found = np.ones(shape, dtype.numpy)
        for row in keys[_ROUNDS - 1 :: -1]:
            x = random_normal.reference(row, shape=shape, dtype=dtype)
            u = kind(1.0) - random_uniform.reference(row ^ np.uint32(_STREAM), shape=shape, dtype=dtype)
            root = kind(1.0) + x / np.sqrt(kind(9.0) * d)
            v = root * root * root
            bound = kind(0.5) * x * x + d * (kind(1.0) - v + np.log(v))
            found = np.where((v > 0) & (np.log(u) < bound), v, found)
        u = kind(1.0) - random_uniform.reference(keys[_ROUNDS], shape=shape, dtype=dtype)
        boost = np.where(given < 1, np.exp(np.log(u) / given), kind(1.0))
        return np.asarray(d * found * boost, dtype=alpha.dtype)


_STREAM = 0x5BD1E995  # Keeps a round's uniforms apart from the words of its normals.


def _gamma_decomposition(build: Build, inputs: Sequence[Value], *, shape: tuple[int, ...]) -> Value:
    key, alpha = inputs
    kind = _wide(alpha.dtype)
    given = build.cast(alpha, dtype=kind)
    given = given if given.shape == shape else build.broadcast(given, shape=shape)
    words = build.random_bits(key, shape=(_ROUNDS + 1, 2))
    one = full(build, 1.0, given)
    small = build.less(given, one)
    d = build.sub(build.select(small, build.add(given, 1.0), given), 1.0 / 3.0)
    scale = build.rsqrt(build.mul(d, 9.0))
    found = one
    for turn in range(_ROUNDS - 1, -1, -1):
        row = build.reshape(build.slice(words, starts=(turn, 0), limits=(turn + 1, 2)), shape=(2,))
        x = build.random_normal(row, shape=shape, dtype=kind)
        other = build.bitwise_xor(row, _STREAM)
        u = build.sub(1.0, build.random_uniform(other, shape=shape, dtype=kind))
        root = build.add(build.mul(x, scale), 1.0)
        v = build.mul(build.mul(root, root), root)
        gain = build.mul(d, build.add(build.sub(1.0, v), build.log(v)))
        bound = build.add(build.mul(build.square(x), 0.5), gain)
        accepted = build.logical_and(build.greater(v, 0.0), build.less(build.log(u), bound))
        found = build.select(accepted, v, found)
    row = build.reshape(build.slice(words, starts=(_ROUNDS, 0), limits=(_ROUNDS + 1, 2)), shape=(2,))
    u = build.sub(1.0, build.random_uniform(row, shape=shape, dtype=kind))
    boost = build.select(small, build.exp(build.div(build.log(u), given)), one)
    return rounded(build, build.mul(build.mul(d, found), boost), alpha)


def _gamma_samples() -> Iterable[Sample]:
    yield Sample((_KEYS[0], np.array(2.5)), {"shape": (3, 7)})
    yield Sample((_KEYS[1], np.array([0.3, 1.0, 9.0])), {"shape": (8, 3)})
    yield Sample((_KEYS[2], np.array(1.5)), {"shape": ()})
    yield Sample((_KEYS[2], np.array(1.5)), {"shape": (0,)})


random_gamma = Operator(
    name="random_gamma",
    infer=_gamma_type,
    reference=_gamma,
    samples=_gamma_samples,
    no_gradient="the derivative of a draw by alpha is not written; draw from a fixed alpha (stop_gradient)",
    resolve=_shape_resolve("random_gamma"),
    decompose=_gamma_decomposition,
    traits=TRAITS,
    doc="Gamma numbers of shape alpha, which broadcasts to the shape of the draw, and scale 1.",
)
