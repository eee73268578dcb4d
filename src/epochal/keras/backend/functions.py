"""Keras 2's functions over tensors (``K.mean``, ``K.square`` ...), with their own names and defaults.

New programs use `keras.ops`. Here are those whose arguments or defaults differ from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from epochal import tree
from epochal.errors import ShapeError
from epochal.keras import ops, random, settings
from epochal.keras.variable import Variable
from epochal.tensor import Tensor, convert


def argmax(x: Any, axis: int = -1) -> Tensor:
    """The index of the greatest entry along `axis`."""
    return ops.argmax(x, axis=axis)


def argmin(x: Any, axis: int = -1) -> Tensor:
    """The index of the least entry along `axis`."""
    return ops.argmin(x, axis=axis)


def batch_dot(x: Any, y: Any, axes: int | Sequence[int] | None = None) -> Tensor:
    """Products within each sample: `axes` of `x` and `y` (the first is that of samples) are summed over.

    Raises:
        ShapeError: An argument has no axis besides that of samples.
    """
    x, y = convert(x), convert(y)
    if x.ndim < 2 or y.ndim < 2:
        raise ShapeError(f"batch_dot needs two axes or more. Received shapes: {x.shape} and {y.shape}")
    if axes is None:
        axes = (x.ndim - 1, 1 if y.ndim == 2 else y.ndim - 2)
    first, second = (axes, axes) if isinstance(axes, int) else axes
    a = ops.moveaxis(x, first % x.ndim, -1)
    b = ops.moveaxis(y, second % y.ndim, 1)
    free_a, free_b = "cdefg"[: a.ndim - 2], "hijkl"[: b.ndim - 2]
    result = ops.einsum(f"a{free_a}b,ab{free_b}->a{free_a}{free_b}", a, b)
    return ops.expand_dims(result, 1) if result.ndim == 1 else result


def batch_flatten(x: Any) -> Tensor:
    """Each sample as one row."""
    x = convert(x)
    return ops.reshape(x, (-1, int(np.prod(x.shape[1:]))))


def batch_get_value(tensors: Sequence[Any]) -> list[Any]:
    """The numbers of each."""
    return [get_value(tensor) for tensor in tensors]


def batch_set_value(tuples: Sequence[tuple[Any, Any]]) -> None:
    """Gives each variable its value."""
    for variable, value in tuples:
        set_value(variable, value)


def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Tensor:
    """`bias` added along the last axis, or the second one where `data_format` is ``"channels_first"``."""
    x, bias = convert(x), convert(bias)
    if (data_format or settings.image_data_format()) == "channels_first" and bias.ndim == 1:
        bias = ops.reshape(bias, (-1, *(1,) * (x.ndim - 2)))
    return ops.add(x, bias)


def cast_to_floatx(x: Any) -> Any:
    """`x` in `floatx`: an array if it is one, else a tensor."""
    return ops.cast(x, settings.floatx()) if isinstance(x, (Tensor, Variable)) else np.asarray(x, settings.floatx())


def clip(x: Any, min_value: Any, max_value: Any) -> Tensor:
    """`x`, but at least `min_value` and at most `max_value`; ``None`` is no bound."""
    low, high = (-np.inf if min_value is None else min_value, np.inf if max_value is None else max_value)
    return ops.clip(x, low, high)


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Tensor:
    """Joined along an axis, by default the last one."""
    return ops.concatenate(tensors, axis=axis)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor, by default in `floatx`, filled up to `shape`."""
    tensor = convert(value, dtype or settings.floatx())
    return tensor if shape is None else ops.broadcast_to(tensor, shape)


def count_params(x: Any) -> int:
    """How many numbers a weight holds."""
    return int(np.prod(x.shape))


def cumprod(x: Any, axis: int = 0) -> Tensor:
    """Products of all entries up to each."""
    return ops.cumprod(x, axis=axis)


def cumsum(x: Any, axis: int = 0) -> Tensor:
    """Sums of all entries up to each."""
    return ops.cumsum(x, axis=axis)


def dropout(x: Any, level: float, noise_shape: Any = None, seed: Any = None) -> Tensor:
    """Entries zeroed with chance `level`, the others scaled up."""
    return random.dropout(x, level, noise_shape=noise_shape, seed=seed)


def dtype(x: Any) -> str:
    """The element type's name."""
    return convert(x).dtype.name


def expand_dims(x: Any, axis: int = -1) -> Tensor:
    """A new axis of length one, by default the last."""
    return ops.expand_dims(x, axis)


def eye(size: int, dtype: Any = None, name: str | None = None) -> Tensor:
    """The unit matrix."""
    return ops.eye(size, dtype=dtype or settings.floatx())


def flatten(x: Any) -> Tensor:
    """All entries in a row."""
    return ops.reshape(x, (-1,))


def gather(reference: Any, indices: Any) -> Tensor:
    """Rows by number."""
    return ops.take(reference, indices, axis=0)


def get_value(x: Any) -> Any:
    """The numbers of a variable or tensor."""
    return convert(x).numpy()


def int_shape(x: Any) -> tuple[int | None, ...]:
    """The shape, ``None`` where it is not known."""
    return tuple(x.shape)


def l2_normalize(x: Any, axis: int | None = None) -> Tensor:
    """Divided by the Euclidean norm along `axis`."""
    norm = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(norm, 1e-12)))


def map_fn(fn: Any, elems: Any, name: str | None = None, dtype: Any = None) -> Any:
    """`fn` of each row."""
    return ops.map(fn, elems)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean; bools count as 0 and 1."""
    x = convert(x)
    return ops.mean(ops.cast(x, settings.floatx()) if x.dtype.is_bool else x, axis=axis, keepdims=keepdims)


def moving_average_update(x: Any, value: Any, momentum: float) -> Any:
    """Moves `x` towards `value` by ``1 - momentum``."""
    return update(x, x * momentum + value * (1 - momentum))


def one_hot(indices: Any, num_classes: int) -> Tensor:
    """Rows with a 1 at each index."""
    return ops.one_hot(indices, num_classes)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Variable:
    """A variable of ones."""
    return Variable(np.ones(shape), dtype=dtype or settings.floatx(), name=name)


def permute_dimensions(x: Any, pattern: Sequence[int]) -> Tensor:
    """Axes in another order."""
    return ops.transpose(x, axes=tuple(pattern))


def random_bernoulli(shape: Any, p: float = 0.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """1 with chance `p`, else 0."""
    dtype = dtype or settings.floatx()
    return ops.cast(ops.less(random.uniform(shape, seed=seed), p), dtype)


def random_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Normal numbers."""
    return random.normal(shape, mean, stddev, dtype=dtype or settings.floatx(), seed=seed)


def random_uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Uniform numbers in ``[minval, maxval)``."""
    return random.uniform(shape, minval, maxval, dtype=dtype or settings.floatx(), seed=seed)


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Normal numbers within two standard deviations."""
    return random.truncated_normal(shape, mean, stddev, dtype=dtype or settings.floatx(), seed=seed)


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """``x`` at `threshold` or above it, ``alpha * (x - threshold)`` below, at most `max_value`."""
    x = convert(x)
    kept = ops.relu(x) if not threshold else ops.where(x >= threshold, x, ops.zeros_like(x))
    kept = kept if max_value is None else ops.minimum(kept, max_value)
    return kept if not alpha else ops.where(x < threshold, alpha * (x - threshold), kept)


def repeat(x: Any, n: int) -> Tensor:
    """Each row ``[samples, features]`` repeated `n` times: ``[samples, n, features]``."""
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def repeat_elements(x: Any, rep: int, axis: int) -> Tensor:
    """Each entry along `axis` repeated."""
    return ops.repeat(x, rep, axis=axis)


def reverse(x: Any, axes: int | Sequence[int]) -> Tensor:
    """Entries along `axes` in reverse."""
    return ops.flip(x, axis=axes)


def set_value(x: Any, value: Any) -> None:
    """Gives a variable a value."""
    x.assign(np.asarray(value))


def shape(x: Any) -> Tensor:
    """The shape as a tensor, so that sizes which are not known yet can be computed with."""
    return convert(list(ops.shape(x)), "int32")


def sqrt(x: Any) -> Tensor:
    """The square root; of negative numbers 0."""
    return ops.sqrt(ops.maximum(x, 0.0))


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """One or the other, each a tensor or a function that makes it."""
    condition = convert(condition)
    if condition.ndim == 0 and callable(then_expression):
        return tree.map_structure(convert, ops.cond(ops.cast(condition, "bool"), then_expression, else_expression))
    then, other = (branch() if callable(branch) else branch for branch in (then_expression, else_expression))
    extra = convert(then).ndim - condition.ndim
    condition = ops.reshape(condition, (*ops.shape(condition), *(1,) * extra)) if extra > 0 else condition
    return tree.map_structure(lambda a, b: ops.where(ops.cast(condition, "bool"), a, b), then, other)


def update(x: Any, new_x: Any) -> Any:
    """Assigns."""
    return x.assign(new_x)


def update_add(x: Any, increment: Any) -> Any:
    """Adds to a variable."""
    return x.assign_add(increment)


def update_sub(x: Any, decrement: Any) -> Any:
    """Subtracts from a variable."""
    return x.assign_sub(decrement)


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Variable:
    """A variable, by default in `floatx`."""
    made = Variable(np.asarray(convert(value)), dtype=dtype or settings.floatx(), name=name)
    made.constraint = constraint
    return made


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Variable:
    """A variable of zeros."""
    return Variable(np.zeros(shape), dtype=dtype or settings.floatx(), name=name)
