"""Random numbers from counters: draw n of seed s is always the same, on every engine and for any number of threads.

A draw's key is (seed, counter); each draw moves the counter on by one. The state is a `Variable`, so that draws inside
a traced function differ from run to run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError
from epochal.tensor import context as contexts
from epochal.tensor.convert import cast, convert
from epochal.tensor.dispatch import apply
from epochal.tensor.functions.elementwise import (
    add,
    as_float,
    divide,
    floor,
    less,
    multiply,
    stop_gradient,
    subtract,
)
from epochal.tensor.functions.indexing import gather
from epochal.tensor.functions.movement import reshape, sizes_of, slice_axis
from epochal.tensor.promotion import floatx
from epochal.tensor.tensor import Tensor, eager
from epochal.tensor.variable import Variable


class SeedGenerator:
    """A stream of keys.

    Attributes:
        state: Variable uint32[2]: the seed, and how many draws were made.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        """A stream that begins at draw 0.

        Args:
            seed: ``None``: taken from the global stream's seed and a count if `set_seed` was called, else from the
                operating system.
            name: Of the state variable.
        """
        if seed is None:
            seed = make_default_seed()
        self.initial_seed = check_seed(seed)
        self.state = Variable(_first_key(self.initial_seed), trainable=False, name=name or "seed_generator_state")

    def next(self) -> Tensor:
        """The key of the next draw, uint32[2]."""
        key = self.state.value
        self.state.assign(apply("add", key, _STEP))
        return key

    def reset(self, seed: int | None = None) -> None:
        """Back to draw 0, of another seed if one is given."""
        if seed is not None:
            self.initial_seed = check_seed(seed)
        self.state.assign(_first_key(self.initial_seed))


_STEP = eager(np.array([0, 1], np.uint32))
_global: dict[str, Any] = {"generator": None, "seed": None, "made": 0}


def check_seed(seed: Any) -> int:
    """A seed as an integer.

    Raises:
        ArgumentError: It is none.
    """
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)):
        raise ArgumentError(f"A seed must be an integer. Received: {seed!r} of type {type(seed).__name__}")
    return int(seed)


def _first_key(seed: int) -> np.ndarray[Any, Any]:
    low, high = seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF
    return np.array([low ^ (high * 0x9E3779B9 & 0xFFFFFFFF), 0], np.uint32)


def set_seed(seed: int | None) -> None:
    """Fixes every later draw that is given no seed; ``None``: unpredictable again."""
    _global.update(seed=None if seed is None else check_seed(seed), made=0, generator=None)


def make_default_seed() -> int:
    """A seed for a new generator: one after another of the global seed, or unpredictable."""
    if _global["seed"] is None:
        return int.from_bytes(os.urandom(4), "little")
    _global["made"] += 1
    # Weyl's sequence keeps the streams of neighbouring seeds apart.
    return (_global["seed"] + _global["made"] * 0x9E3779B9) & 0xFFFFFFFF


def global_generator() -> SeedGenerator:
    """The stream that draws without a seed come from."""
    if _global["generator"] is None:
        seed = _global["seed"]
        with contexts.eagerly():
            _global["generator"] = SeedGenerator(make_default_seed() if seed is None else seed, "global_seed")
    generator: SeedGenerator = _global["generator"]
    return generator


def draw_key(seed: Any = None) -> Tensor:
    """The key of one draw.

    Args:
        seed: A `SeedGenerator` (or anything with `next`), which moves on; an integer, which gives the same draw each
            time; a key, used as it is; ``None``: the global stream.
    """
    if seed is None:
        return global_generator().next()
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return eager(_first_key(int(seed)))
    if isinstance(seed, (Tensor, np.ndarray)):
        key = convert(seed)
        return key if key.dtype is dtypes.uint32 else cast(key, dtypes.uint32)
    if hasattr(seed, "next"):
        return convert(seed.next())
    raise ArgumentError(f"seed must be an integer, a SeedGenerator or None. Received: {seed!r}")


def bits(shape: Any, seed: Any = None) -> Tensor:
    """Uniform uint32."""
    result: Tensor = apply("random_bits", draw_key(seed), shape=sizes_of(shape))
    return result


def _float_dtype(dtype: Any) -> dtypes.DType:
    kind = floatx() if dtype is None else dtypes.get(dtype)
    if not kind.is_floating:
        raise ArgumentError(f"The dtype must be a floating type. Received: {kind.name}")
    return kind


def uniform(shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Uniform in [minval, maxval). Integer types go to `randint`."""
    if dtype is not None and dtypes.get(dtype).is_integer:
        return randint(shape, minval, maxval, dtype, seed)
    kind = _float_dtype(dtype)
    draw: Tensor = apply("random_uniform", draw_key(seed), shape=sizes_of(shape), dtype=kind)
    if _is(minval, 0) and _is(maxval, 1):
        return draw
    low, high = convert(minval, kind), convert(maxval, kind)
    return add(multiply(draw, subtract(high, low)), low)


def _is(value: Any, number: int) -> bool:
    return isinstance(value, (int, float)) and value == number


def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Normally distributed."""
    kind = _float_dtype(dtype)
    draw: Tensor = apply("random_normal", draw_key(seed), shape=sizes_of(shape), dtype=kind)
    if not _is(stddev, 1):
        draw = multiply(draw, convert(stddev, kind))
    return draw if _is(mean, 0) else add(draw, convert(mean, kind))


def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Normally distributed within two standard deviations of the mean.

    The inverse of the distribution function at a uniform draw from the part within the bounds.
    """
    kind = _float_dtype(dtype)
    wide = dtypes.float32 if kind.itemsize < 4 else kind
    result: Tensor = apply("random_truncated_normal", draw_key(seed), shape=sizes_of(shape), dtype=wide)
    if not _is(stddev, 1):
        result = multiply(result, convert(stddev, wide))
    return cast(result if _is(mean, 0) else add(result, convert(mean, wide)), kind)


def randint(shape: Any, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Integers uniform in [minval, maxval), from 53 random bits."""
    kind = dtypes.get(dtype)
    if not kind.is_integer:
        raise ArgumentError(f"The dtype must be an integer type. Received: {kind.name}")
    draw = apply("random_uniform", draw_key(seed), shape=sizes_of(shape), dtype=dtypes.float64)
    low, high = convert(minval), convert(maxval)
    if low.data is not None and high.data is not None and (low.data >= high.data).any():
        raise ArgumentError(f"minval must be below maxval. Received: {minval} and {maxval}")
    span = subtract(cast(high, dtypes.float64), cast(low, dtypes.float64))
    whole = floor(multiply(draw, span))
    return cast(add(whole, cast(low, dtypes.float64)), kind)


def bernoulli(shape: Any, probability: Any = 0.5, dtype: Any = None, seed: Any = None) -> Tensor:
    """1 with the given probability, else 0."""
    chance = convert(probability, dtypes.float32)
    draw: Tensor = apply("random_uniform", draw_key(seed), shape=sizes_of(shape), dtype=dtypes.float32)
    return cast(less(draw, chance), floatx() if dtype is None else dtypes.get(dtype))


def permutation_order(n: int, seed: Any = None) -> np.ndarray[Any, Any]:
    """The integers below n in random order, int32: those of n random words sorted.

    Raises:
        ArgumentError: The seed is symbolic.
    """
    words = bits((n,), seed)
    if words.data is None:
        raise ArgumentError("A random order cannot be drawn inside a traced function. Draw it before and pass it in.")
    return np.argsort(words.data, kind="stable").astype(np.int32)


def permutation(x: Any, seed: Any = None) -> Tensor:
    """The integers below x in random order, or a tensor's slices along axis 0 in random order."""
    if isinstance(x, (int, np.integer)):
        result: Tensor = apply("random_permutation", draw_key(seed), size=int(x))
        return result
    return shuffle(x, 0, seed)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Tensor:
    """Slices along an axis in random order."""
    tensor = convert(x)
    size = tensor.shape[axis]
    if size is None:
        raise ArgumentError(f"shuffle needs a known size along axis {axis}. Received shape: {tensor.shape}")
    return gather(tensor, permutation(size, seed), axis)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Class numbers drawn with probabilities softmax(logits): for each row, `num_samples` of them (Gumbel's trick)."""
    result: Tensor = apply("random_categorical", draw_key(seed), as_float(logits), count=int(num_samples))
    return cast(result, dtypes.get(dtype))


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """Gamma distributed with shape parameter alpha, which broadcasts to `shape`, and scale 1. Has no gradient.

    Args:
        shape: Of the draw.
        alpha: Positive.
        dtype: A floating type; ``None``: `config.floatx()`.
        seed: See `draw_key`.
    """
    kind = _float_dtype(dtype)
    parameter = stop_gradient(convert(alpha, kind))
    result: Tensor = apply("random_gamma", draw_key(seed), parameter, shape=sizes_of(shape))
    return result


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """Beta distributed on (0, 1): x / (x + y) of two gamma draws, whose keys are the bits of one. Has no gradient."""
    words = apply("random_bits", draw_key(seed), shape=(2, 2))
    keys = [reshape(slice_axis(words, 0, row, row + 1), (2,)) for row in range(2)]
    x, y = gamma(shape, alpha, dtype, keys[0]), gamma(shape, beta, dtype, keys[1])
    return divide(x, add(x, y))


def dropout(x: Any, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Any = None) -> Tensor:
    """x with a fraction `rate` of its elements zero, and the others scaled up so that the mean stays.

    Args:
        x: Tensor.
        rate: In [0, 1).
        noise_shape: Axes of size 1 share one draw; ``None`` stands for x's size.
        seed: See `draw_key`.
    """
    if not 0 <= rate < 1:
        raise ArgumentError(f"rate must lie in [0, 1). Received: {rate}")
    tensor = convert(x)
    if rate == 0:
        return tensor
    sizes = tensor.dimensions
    if noise_shape is not None:
        sizes = tuple(own if size is None else size for size, own in zip(noise_shape, tensor.dimensions, strict=True))
    draw = apply("random_uniform", draw_key(seed), shape=sizes, dtype=dtypes.float32)
    keep = apply("greater_equal", draw, rate)
    scaled = multiply(tensor, 1.0 / (1.0 - rate))
    result: Tensor = apply("select", keep, scaled, convert(0, tensor.dtype))
    return result
