"""Initializers under TensorFlow 1's names: made with their options, called with a shape."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError
from epochal.learn.initializers import TRUNCATED_DEVIATION, compute_fans
from epochal.tensor import Tensor, functions
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


class variance_scaling_initializer(Initializer):  # noqa: N801
    """Of variance ``scale / n``: n is the number of inputs (``"fan_in"``), outputs, or their mean (``"fan_avg"``)."""

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        if scale <= 0.0 or mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ArgumentError(
                f"Expected a positive scale, and mode 'fan_in', 'fan_out' or 'fan_avg'. Received: {scale!r}, {mode!r}"
            )
        if distribution not in ("normal", "truncated_normal", "untruncated_normal", "uniform"):
            raise ArgumentError(
                f"Expected distribution 'truncated_normal', 'untruncated_normal' or 'uniform'. Received: "
                f"{distribution!r}"
            )
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.seed, self.dtype = seed, dtype

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        inputs, outputs = compute_fans([int(size) for size in shape])
        count = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2.0}[self.mode]
        variance, kind = self.scale / max(1.0, count), dtype or self.dtype
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random_ops.random_uniform(shape, -limit, limit, kind, self.seed)
        if self.distribution == "untruncated_normal":
            return random_ops.random_normal(shape, 0.0, math.sqrt(variance), kind, self.seed)
        return random_ops.truncated_normal(shape, 0.0, math.sqrt(variance) / TRUNCATED_DEVIATION, kind, self.seed)


class orthogonal_initializer(Initializer):  # noqa: N801
    """A matrix with orthonormal rows or columns, times `gain` (Saxe et al. 2014)."""

    def __init__(self, gain: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        self.gain, self.seed, self.dtype = gain, seed, dtype

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        sizes = [int(size) for size in shape]
        if len(sizes) < 2:
            raise ArgumentError(f"orthogonal_initializer needs two dimensions or more. Received: {sizes}")
        rows, columns = math.prod(sizes[:-1]), sizes[-1]
        draw = random_ops.random_normal(
            [max(rows, columns), min(rows, columns)], 0.0, 1.0, dtype or self.dtype, self.seed
        )
        q, r = functions.qr(draw)
        q = q * functions.sign(functions.diagonal(r))
        if rows < columns:
            q = functions.transpose(q)
        return functions.reshape(q, sizes) * self.gain


class identity_initializer(Initializer):  # noqa: N801
    """The identity matrix times `gain`."""

    def __init__(self, gain: float = 1.0, dtype: Any = dtypes.float32) -> None:
        self.gain, self.dtype = gain, dtype

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        rows, columns = (int(size) for size in shape)
        return array_ops.constant(np.eye(rows, columns) * self.gain, dtype or self.dtype)


def _scaled(scale: float, mode: str, distribution: str, about: str) -> Any:
    def make(seed: int | None = None) -> variance_scaling_initializer:
        return variance_scaling_initializer(scale, mode, distribution, seed)

    make.__doc__ = about
    return make


he_normal = _scaled(2.0, "fan_in", "truncated_normal", "Truncated normal of variance 2 / inputs (He et al. 2015).")
he_uniform = _scaled(2.0, "fan_in", "uniform", "Uniform of variance 2 / inputs (He et al. 2015).")
lecun_normal = _scaled(
    1.0, "fan_in", "truncated_normal", "Truncated normal of variance 1 / inputs (LeCun et al. 1998)."
)
lecun_uniform = _scaled(1.0, "fan_in", "uniform", "Uniform of variance 1 / inputs (LeCun et al. 1998).")

zeros, ones, constant = zeros_initializer, ones_initializer, constant_initializer
random_normal, truncated_normal = random_normal_initializer, truncated_normal_initializer
random_uniform, variance_scaling = random_uniform_initializer, variance_scaling_initializer
glorot_uniform, glorot_normal = glorot_uniform_initializer, glorot_normal_initializer
orthogonal, identity = orthogonal_initializer, identity_initializer


def __getattr__(name: str) -> Any:
    """TensorFlow 2's names, such as ``GlorotUniform``, are Keras's."""
    if name[:1].isupper():
        return getattr(importlib.import_module("epochal.keras.initializers"), name)
    raise AttributeError(f"module 'tensorflow.initializers' has no attribute {name!r} in Epochal yet")
