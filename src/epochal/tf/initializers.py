"""Initializers under TensorFlow 1's names: made with their options, called with a shape."""

from __future__ import annotations

import math
from typing import Any

from epochal import dtypes
from epochal.learn.initializers import TRUNCATED_DEVIATION, compute_fans
from epochal.tensor import Tensor
from epochal.tf import array_ops, random_ops


class Initializer:
    """A function of (shape, dtype) that returns a variable's first value."""

    def __call__(self, shape: Any, dtype: Any = dtypes.float32, partition_info: Any = None) -> Tensor:
        raise NotImplementedError


class zeros_initializer(Initializer):  # noqa: N801 - TensorFlow's name
    """All 0."""

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = dtype

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return array_ops.zeros(shape, dtype or self.dtype)


class ones_initializer(Initializer):  # noqa: N801
    """All 1."""

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = dtype

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return array_ops.ones(shape, dtype or self.dtype)


class constant_initializer(Initializer):  # noqa: N801
    """`value` everywhere, or laid out in the shape."""

    def __init__(self, value: Any = 0, dtype: Any = dtypes.float32, verify_shape: bool = False) -> None:
        self.value = value
        self.dtype = dtype

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return array_ops.constant(self.value, dtype or self.dtype, shape)


class random_normal_initializer(Initializer):  # noqa: N801
    """Normal."""

    def __init__(
        self, mean: float = 0.0, stddev: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32
    ) -> None:
        self.mean, self.stddev, self.seed, self.dtype = mean, stddev, seed, dtype

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return random_ops.random_normal(shape, self.mean, self.stddev, dtype or self.dtype, self.seed)


class truncated_normal_initializer(random_normal_initializer):  # noqa: N801
    """Normal, without what lies beyond two deviations."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return random_ops.truncated_normal(shape, self.mean, self.stddev, dtype or self.dtype, self.seed)


class random_uniform_initializer(Initializer):  # noqa: N801
    """Uniform on ``[minval, maxval)``."""

    def __init__(
        self, minval: float = 0.0, maxval: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32
    ) -> None:
        self.minval, self.maxval, self.seed, self.dtype = minval, maxval, seed, dtype

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return random_ops.random_uniform(shape, self.minval, self.maxval, dtype or self.dtype, self.seed)


class glorot_uniform_initializer(Initializer):  # noqa: N801
    """Uniform within ``sqrt(6 / (inputs + outputs))`` (Glorot and Bengio 2010)."""

    def __init__(self, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        self.seed, self.dtype = seed, dtype

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        limit = math.sqrt(6.0 / sum(compute_fans([int(size) for size in shape])))
        return random_ops.random_uniform(shape, -limit, limit, dtype or self.dtype, self.seed)


class glorot_normal_initializer(glorot_uniform_initializer):  # noqa: N801
    """Truncated normal of variance ``2 / (inputs + outputs)`` (Glorot and Bengio 2010)."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        deviation = math.sqrt(2.0 / sum(compute_fans([int(size) for size in shape]))) / TRUNCATED_DEVIATION
        return random_ops.truncated_normal(shape, 0.0, deviation, dtype or self.dtype, self.seed)
