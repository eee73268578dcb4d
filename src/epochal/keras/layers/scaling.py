"""Normalisation without batch statistics: fixed, by length, by root mean square, by groups of channels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from epochal.errors import ArgumentError, ShapeError
from epochal.keras import constraints, initializers, regularizers
from epochal.keras.layers.input_spec import InputSpec
from epochal.keras.layers.layer import Layer
from epochal.tensor import Tensor, convert
from epochal.tensor import functions as F


class Normalization(Layer):
    """``(inputs - mean) / sqrt(variance)`` with statistics that are given or taken from data with `adapt`.

    Args:
        axis: Axes that have a mean and a variance each; ``None``: one of everything.
        mean: The mean, where it is known.
        variance: The variance, where it is known.
        invert: Whether to do the reverse, ``inputs * sqrt(variance) + mean``.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if (mean is None) != (variance is None):
            raise ArgumentError(
                f"When setting values directly, both `mean` and `variance` must be set. Received: {mean} and {variance}"
            )
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.input_mean = mean
        self.input_variance = variance
        self.invert = invert
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        self._kept = tuple(sorted(axis % rank for axis in self.axis))
        sizes = tuple(input_shape[axis] for axis in self._kept)
        if None in sizes:
            raise ShapeError(
                f"Layer '{self.name}' (Normalization): all `axis` values to be kept must have a known shape. "
                f"Received axis={self.axis}, inputs.shape={tuple(input_shape)}"
            )
        self._broadcast = tuple(input_shape[axis] if axis in self._kept else 1 for axis in range(rank))
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(name="mean", shape=sizes, initializer="zeros", trainable=False)
            self.adapt_variance = self.add_weight(name="variance", shape=sizes, initializer="ones", trainable=False)
            self.count = self.add_weight(name="count", shape=(), dtype="int32", initializer="zeros", trainable=False)

    def adapt(self, data: Any) -> None:
        """Takes mean and variance from arrays (or from an iterable of batches)."""
        batches = [data] if hasattr(data, "shape") else list(data)
        arrays = [np.asarray(batch[0] if isinstance(batch, tuple) else batch, np.float64) for batch in batches]
        if not self.built:
            self.build((None, *arrays[0].shape[1:]))
        rows = np.concatenate(arrays)
        axes = tuple(axis for axis in range(rows.ndim) if axis not in self._kept)
        self.adapt_mean.assign(rows.mean(axes).astype("float32"))
        self.adapt_variance.assign(rows.var(axes).astype("float32"))

    def _statistics(self) -> tuple[Tensor, Tensor]:
        if self.input_mean is None:
            parts = [convert(self.adapt_mean), convert(self.adapt_variance)]
        else:
            parts = [convert(np.asarray(x, "float32")) for x in (self.input_mean, self.input_variance)]
        shaped = [F.broadcast_to(F.reshape(x, _shape_for(x, self._broadcast)), self._broadcast) for x in parts]
        return F.cast(shaped[0], self.compute_dtype), F.cast(shaped[1], self.compute_dtype)

    def call(self, inputs: Any) -> Tensor:
        x = F.cast(inputs, self.compute_dtype)
        mean, variance = self._statistics()
        deviation = F.maximum(F.sqrt(variance), 1e-7)
        if self.invert:
            return F.add(mean, F.multiply(x, deviation))
        return F.divide(F.subtract(x, mean), deviation)

    @property
    def mean(self) -> Tensor:
        """The mean, shaped to broadcast against inputs."""
        return self._statistics()[0]

    @property
    def variance(self) -> Tensor:
        """The variance, shaped to broadcast against inputs."""
        return self._statistics()[1]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        mean, variance = (None if x is None else np.asarray(x).tolist() for x in (self.input_mean, self.input_variance))
        return {**super().get_config(), "axis": self.axis, "invert": self.invert, "mean": mean, "variance": variance}


def _shape_for(x: Tensor, broadcast: tuple[int, ...]) -> tuple[int, ...]:
    return broadcast if x.size == math.prod(broadcast) else (1,) * (len(broadcast) - x.ndim) + tuple(x.shape)  # type: ignore[arg-type]


class UnitNormalization(Layer):
    """Inputs over their Euclidean length along `axis`.

    Args:
        axis: One axis or several.
        **kwargs: Of `Layer`.
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Tensor:
        return F.normalize(inputs, axis=self.axis, epsilon=1e-12)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class RMSNormalization(Layer):
    """Inputs over the root of their mean square along `axis`, times a learnt factor (Zhang and Sennrich 2019).

    Args:
        axis: One axis or several.
        epsilon: Added to the mean square.
        **kwargs: Of `Layer`.
    """

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.epsilon = epsilon
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        self.scale = self.add_weight(
            name="scale", shape=tuple(input_shape[axis] for axis in axes), initializer="ones", autocast=False
        )

    def call(self, inputs: Any) -> Tensor:
        x = F.cast(inputs, "float32") if inputs.dtype.itemsize < 4 else inputs
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        places = {axis % x.ndim for axis in axes}
        shape = tuple(size if axis in places else 1 for axis, size in enumerate(x.shape))
        return F.cast(
            F.multiply(F.rms_norm(x, None, self.axis, self.epsilon), F.reshape(self.scale, shape)), self.compute_dtype
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}


class GroupNormalization(Layer):
    """Each group of channels of a sample brought to mean 0 and variance 1 (Wu and He 2018).

    Args:
        groups: Number of groups; -1: one a channel.
        axis: The channels.
        epsilon: Added to the variance.
        center: Whether a learnt shift (beta) is added.
        scale: Whether there is a learnt factor (gamma).
        beta_initializer: Start of beta.
        gamma_initializer: Start of gamma.
        beta_regularizer: Penalty on beta.
        gamma_regularizer: Penalty on gamma.
        beta_constraint: Projection of beta after updates.
        gamma_constraint: Projection of gamma after updates.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups = groups
        self.axis = axis
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.supports_masking = True
        self.gamma = None
        self.beta = None

    def build(self, input_shape: Any) -> None:
        channels = input_shape[self.axis]
        if channels is None:
            raise ShapeError(
                f"Layer '{self.name}' (GroupNormalization): axis {self.axis} of the inputs must be known. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ArgumentError(
                f"Layer '{self.name}' (GroupNormalization): the number of channels ({channels}) must be a multiple of "
                f"the number of groups ({self.groups}). Received: input_shape={tuple(input_shape)}"
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        for name, wanted in (("gamma", self.scale), ("beta", self.center)):
            if wanted:
                weight = self.add_weight(
                    name=name,
                    shape=(channels,),
                    initializer=getattr(self, f"{name}_initializer"),
                    regularizer=getattr(self, f"{name}_regularizer"),
                    constraint=getattr(self, f"{name}_constraint"),
                )
                setattr(self, name, weight)

    def call(self, inputs: Any) -> Tensor:
        x = F.cast(inputs, "float32") if inputs.dtype.itemsize < 4 else inputs
        axis = self.axis % x.ndim
        dimensions = x.dimensions
        channels = int(x.shape[axis])
        split = (*dimensions[:axis], self.groups, channels // self.groups, *dimensions[axis + 1 :])
        grouped = F.reshape(x, split)
        over = tuple(place for place in range(1, len(split)) if place != axis)
        mean, variance = F.moments(grouped, over, keepdims=True)
        normal = F.multiply(F.subtract(grouped, mean), F.rsqrt(F.add(variance, self.epsilon)))
        outputs = F.reshape(normal, dimensions)
        shape = tuple(channels if place == axis else 1 for place in range(x.ndim))
        if self.gamma is not None:
            outputs = F.multiply(outputs, F.reshape(self.gamma, shape))
        if self.beta is not None:
            outputs = F.add(outputs, F.reshape(self.beta, shape))
        return F.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "groups": self.groups,
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }
