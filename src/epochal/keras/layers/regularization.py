"""Layers that act in training alone: noise and penalties."""

from __future__ import annotations

import math
from typing import Any

from epochal.errors import ArgumentError
from epochal.keras import random, settings
from epochal.keras.layers.input_spec import InputSpec
from epochal.keras.layers.layer import Layer
from epochal.keras.regularizers import L1L2
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class _Noise(Layer):
    """A layer that leaves its input as it is outside training."""

    def __init__(self, rate: float, seed: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ArgumentError(
                "Invalid value received for argument `rate`. Expected a float value between 0 and 1. "
                f"Received: rate={rate}"
            )
        self.rate = rate
        self.seed = seed
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class Dropout(_Noise):
    """In training, a random fraction `rate` of the inputs is zero and the others are scaled by 1 / (1 - rate).

    Args:
        rate: Between 0 and 1.
        noise_shape: Axes of size 1 share one draw.
        seed: Integer that fixes the draws.
        **kwargs: Of `Layer`.
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, self._noise_shape(inputs), seed=self.seed_generator)

    def _noise_shape(self, inputs: Any) -> Any:
        return self.noise_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class SpatialDropout1D(Dropout):
    """Dropout of whole channels of a sequence.

    Args:
        rate: Between 0 and 1.
        seed: Integer that fixes the draws.
        name: Name.
        dtype: Element type or policy.
    """

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.input_spec = InputSpec(ndim=3)

    def _noise_shape(self, inputs: Any) -> Any:
        return (None, 1, None)

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype}


class SpatialDropout2D(Dropout):
    """Dropout of whole channels of an image.

    Args:
        rate: Between 0 and 1.
        data_format: Where the channels are.
        seed: Integer that fixes the draws.
        name: Name.
        dtype: Element type or policy.
    """

    _axes = 2

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = settings.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self._axes + 2)

    def _noise_shape(self, inputs: Any) -> Any:
        space = (1,) * self._axes
        return (None, None, *space) if self.data_format == "channels_first" else (None, *space, None)

    def get_config(self) -> dict[str, Any]:
        named = {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype}
        return {**named, "data_format": self.data_format}


class SpatialDropout3D(SpatialDropout2D):
    """Dropout of whole channels of a volume. Arguments: those of `SpatialDropout2D`."""

    _axes = 3


class AlphaDropout(_Noise):
    """Dropout that keeps mean and variance of what a SELU gives (Klambauer et al. 2017).

    Args:
        rate: Between 0 and 1.
        noise_shape: Axes of size 1 share one draw.
        seed: Integer that fixes the draws.
        **kwargs: Of `Layer`.
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        sizes: Any = self.noise_shape or (None,) * inputs.ndim
        shape = tuple(own if size is None else size for own, size in zip(inputs.dimensions, sizes, strict=True))
        kept = F.greater_equal(random.uniform(shape, seed=self.seed_generator), self.rate)
        least = -1.6732632423543772 * 1.0507009873554805  # SELU far to the left
        scale = ((1 - self.rate) * (1 + self.rate * least**2)) ** -0.5
        return F.add(F.multiply(F.where(kept, inputs, least), scale), -scale * least * self.rate)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class GaussianDropout(_Noise):
    """In training, inputs are multiplied by normal noise of mean 1 and variance rate / (1 - rate).

    Args:
        rate: Between 0 and 1.
        seed: Integer that fixes the draws.
        **kwargs: Of `Layer`.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed, **kwargs)

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        deviation = math.sqrt(self.rate / (1.0 - self.rate))
        noise = random.normal(inputs.dimensions, 1.0, deviation, dtype=self.compute_dtype, seed=self.seed_generator)
        return F.multiply(inputs, noise)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class GaussianNoise(_Noise):
    """In training, normal noise is added.

    Args:
        stddev: Its deviation, between 0 and 1.
        seed: Integer that fixes the draws.
        **kwargs: Of `Layer`.
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        if not 0 <= stddev <= 1:
            raise ArgumentError(
                "Invalid value received for argument `stddev`. Expected a float value between 0 and 1. Received: "
                f"{stddev}"
            )
        super().__init__(stddev, seed, **kwargs)
        self.stddev = stddev

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.stddev == 0:
            return inputs
        noise = random.normal(inputs.dimensions, 0.0, self.stddev, dtype=self.compute_dtype, seed=self.seed_generator)
        return F.add(inputs, noise)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class ActivityRegularization(Layer):
    """The input as it is, its penalty added to the loss.

    Args:
        l1: Factor of the sum of absolute values.
        l2: Factor of the sum of squares.
        **kwargs: Of `Layer`.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=L1L2(l1=l1, l2=l2), **kwargs)
        self.supports_masking = True
        self.l1 = l1
        self.l2 = l2
        self.built = True

    def call(self, inputs: Any) -> Tensor:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return {**config, "l1": self.l1, "l2": self.l2}
