"""Keras's random functions."""

from __future__ import annotations

from typing import Any

from epochal import dtypes
from epochal.keras import settings
from epochal.tensor import Tensor
from epochal.tensor import random as draws
from epochal.tensor.random import SeedGenerator as _SeedGenerator
from epochal.tensor.random import draw_key


class SeedGenerator(_SeedGenerator):
    """A stream of random keys, kept as a variable.

    Args:
        seed: Integer that fixes the stream.
        name: Name.
        **kwargs: None are known.
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        if kwargs:
            raise TypeError(f"Unrecognized keyword arguments passed to SeedGenerator: {sorted(kwargs)}")
        self.name = name or "seed_generator"
        self._initial = seed
        super().__init__(seed, "seed_generator_state")

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._initial, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)


def _float(dtype: Any) -> Any:
    return dtypes.get(settings.floatx() if dtype is None else dtype)


def normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Normally distributed numbers."""
    return draws.normal(shape, mean, stddev, _float(dtype), seed)


def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers uniform in [minval, maxval)."""
    return draws.uniform(shape, minval, maxval, _float(dtype), seed)


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Normally distributed numbers within two deviations of the mean."""
    return draws.truncated_normal(shape, mean, stddev, _float(dtype), seed)


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Integers uniform in [minval, maxval)."""
    return draws.randint(shape, minval, maxval, dtype, seed)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Class numbers drawn with probabilities ``softmax(logits)``, `num_samples` a row."""
    return draws.categorical(logits, num_samples, dtype, seed)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Tensor:
    """Slices along an axis in random order."""
    return draws.shuffle(x, axis, seed)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Tensor:
    """`inputs`, a random fraction `rate` of them zero and the others scaled by 1 / (1 - rate)."""
    if rate >= 1:
        draw_key(seed)
        return inputs * 0
    return draws.dropout(inputs, rate, noise_shape, seed)


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers of the gamma distribution of shape `alpha` and scale 1."""
    return draws.gamma(shape, alpha, _float(dtype), seed)


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Tensor:
    """Numbers of the beta distribution."""
    return draws.beta(shape, alpha, beta, _float(dtype), seed)
