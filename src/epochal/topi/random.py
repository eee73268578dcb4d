"""Random numbers as a function of a key (seed, counter): the same on every engine and for any number of threads.

Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011). Word w of a draw is word w % 4 of
block j = w // 4, which encrypts the counter (low half of j, high half of j, key[1], 0) under the key
(key[0], 0xCAFE5EED). Who draws twice advances key[1] in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.dtypes import DType
from epochal.errors import DTypeError, ShapeError
from epochal.ir import Array, Operator, Parameters, Sample, Symbol, TensorType
from epochal.topi._rules import check_dtype, check_shape

RANDOM = frozenset({"random"})
_ROUNDS = 10
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_STREAM = 0xCAFE5EED
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def encrypt(counter: tuple[Array, Array, Array, Array], key: tuple[int, int]) -> Array:
    """Philox4x32-10 of counters, each word a uint64 array of numbers below 2**32: uint32[..., 4]."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        first, second = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (second >> _HALF) ^ c1 ^ np.uint64(k0),
            second & _LOW,
            (first >> _HALF) ^ c3 ^ np.uint64(k1),
            first & _LOW,
        )
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def philox(key: Array, count: int) -> Array:
    """The first `count` words of the stream of a key, as uint32."""
    blocks = np.arange(-(-count // 4), dtype=np.uint64)
    counter = (blocks & _LOW, blocks >> _HALF, np.full_like(blocks, int(key[1])), np.zeros_like(blocks))
    return encrypt(counter, (int(key[0]), _STREAM)).reshape(-1)[:count]


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _bits(key: Array, *, shape: tuple[int, ...]) -> Array:
    return philox(key, _size(shape)).reshape(shape)


def _uniform(key: Array, *, shape: tuple[int, ...], dtype: DType = dtypes.float32) -> Array:
    """24 bits a number in single precision and below, 53 bits in double."""
    if dtype is not dtypes.float64:
        bits = philox(key, _size(shape)).reshape(shape)
        return ((bits >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)).astype(dtype.numpy)
    words = philox(key, 2 * _size(shape)).astype(np.uint64)
    joined = (words[0::2] << _HALF) | words[1::2]
    return np.asarray((joined >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)


def _normal(key: Array, *, shape: tuple[int, ...], dtype: DType = dtypes.float32) -> Array:
    """Box and Muller's transform of two 24 bit uniforms, the first in (0, 1]."""
    wide: type[np.floating[Any]] = np.float64 if dtype is dtypes.float64 else np.float32
    words = (philox(key, 2 * _size(shape)) >> np.uint32(8)).astype(wide)
    scale = wide(2.0**-24)
    radius = np.sqrt(wide(-2.0) * np.log((words[0::2] + wide(1.0)) * scale))
    angle = wide(2.0 * np.pi) * (words[1::2] * scale)
    return np.asarray((radius * np.cos(angle)).reshape(shape), dtype=dtype.numpy)


def check_key(name: str, key: TensorType) -> None:
    if key.dtype is not dtypes.uint32:
        raise DTypeError(f"{name}: the key must be uint32[2], (seed, counter). Received: {key}.")
    if key.rank != 1 or (key.shape[0] != 2 and not isinstance(key.shape[0], Symbol)):
        raise ShapeError(f"{name}: the key must be uint32[2], (seed, counter). Received: {key}.")


def _bits_type(key: TensorType, *, shape: Any) -> TensorType:
    check_key("random_bits", key)
    return TensorType(dtypes.uint32, check_shape("random_bits", shape))


def draw_type(name: str) -> Callable[..., TensorType]:
    def infer(key: TensorType, *, shape: Any, dtype: DType = dtypes.float32) -> TensorType:
        check_key(name, key)
        result = TensorType(dtypes.get(dtype), check_shape(name, shape))
        check_dtype(name, result, "floating point values")
        return result

    return infer


def resolve_draw(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
    return {
        "shape": check_shape("random", parameters["shape"]),
        "dtype": dtypes.get(parameters.get("dtype", dtypes.float32)),
    }


_SHAPES: tuple[tuple[int, ...], ...] = ((), (5,), (3, 7), (0, 2), (4, 33))
_KEYS = ((0, 0), (1, 2), (0xFFFFFFFF, 0xFFFFFFFF), (20261124, 77))


def _bits_samples() -> Iterable[Sample]:
    for index, shape in enumerate(_SHAPES):
        yield Sample((np.array(_KEYS[index % 4], np.uint32),), {"shape": shape})


def _draw_samples() -> Iterable[Sample]:
    for dtype in (dtypes.float32, dtypes.float64, dtypes.float16, dtypes.bfloat16):
        for index, shape in enumerate(_SHAPES):
            yield Sample((np.array(_KEYS[index % 4], np.uint32),), {"shape": shape, "dtype": dtype})


random_bits = Operator(
    name="random_bits",
    infer=_bits_type,
    reference=_bits,
    samples=_bits_samples,
    no_gradient="zero",
    resolve=lambda types, parameters: {"shape": check_shape("random_bits", parameters["shape"])},
    traits=RANDOM,
    doc="Independent uint32 numbers.",
)
random_uniform = Operator(
    name="random_uniform",
    infer=draw_type("random_uniform"),
    reference=_uniform,
    samples=_draw_samples,
    no_gradient="zero",
    resolve=resolve_draw,
    traits=RANDOM,
    doc="Uniform numbers in [0, 1).",
)
random_normal = Operator(
    name="random_normal",
    infer=draw_type("random_normal"),
    reference=_normal,
    samples=_draw_samples,
    no_gradient="zero",
    resolve=resolve_draw,
    traits=RANDOM,
    doc="Normal numbers of mean 0 and deviation 1.",
)
