"""Batch and layer normalisation."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError, NotSupportedError, ShapeError
from epochal.keras import constraints, initializers, regularizers
from epochal.keras.layers.input_spec import InputSpec
from epochal.keras.layers.layer import Layer
from epochal.tensor import Tensor
from epochal.tensor import functions as F


def _axis(axis: int, rank: int, layer: Layer) -> int:
    if not -rank <= axis < rank:
        raise ArgumentError(
            f"Layer '{layer.name}' ({type(layer).__name__}): invalid `axis`. Expected one in [{-rank}, {rank}) for "
            "inputs "
            f"of {rank} axes. Received: axis={axis}"
        )
    return axis % rank


class BatchNormalization(Layer):
    """Each channel brought to mean 0 and variance 1 over the batch, then scaled and shifted (Ioffe and Szegedy 2015).

    In training the batch's own statistics are used, and moving averages of them are kept for use elsewhere.

    Args:
        axis: The channels.
        momentum: Weight of the old value in the moving averages.
        epsilon: Added to the variance.
        center: Whether a learnt shift (beta) is added.
        scale: Whether there is a learnt factor (gamma).
        beta_initializer: Start of beta.
        gamma_initializer: Start of gamma.
        moving_mean_initializer: Start of the moving mean.
        moving_variance_initializer: Start of the moving variance.
        beta_regularizer: Penalty on beta.
        gamma_regularizer: Penalty on gamma.
        beta_constraint: Projection of beta after updates.
        gamma_constraint: Projection of gamma after updates.
        renorm: Not supported.
        renorm_clipping: Not supported.
        renorm_momentum: Kept for the configuration.
        synchronized: Across replicas; one process is always synchronised.
        **kwargs: Of `Layer`.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if renorm:
            raise NotSupportedError("BatchNormalization with `renorm=True` is not supported.")
        self.axis = int(axis[0] if isinstance(axis, (list, tuple)) else axis)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.renorm_momentum = renorm_momentum
        self.synchronized = synchronized
        self.supports_masking = True
        self.gamma = None
        self.beta = None

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        axis = _axis(self.axis, rank, self)
        channels = input_shape[axis]
        if channels is None:
            raise ShapeError(
                f"Layer '{self.name}' (BatchNormalization): axis {self.axis} of the inputs must be known. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        shape = (channels,)
        if self.scale:
            self.gamma = self.add_weight(
                name="gamma",
                shape=shape,
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                autocast=False,
            )
        if self.center:
            self.beta = self.add_weight(
                name="beta",
                shape=shape,
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                autocast=False,
            )
        self.moving_mean = self.add_weight(
            name="moving_mean", shape=shape, initializer=self.moving_mean_initializer, trainable=False, autocast=False
        )
        self.moving_variance = self.add_weight(
            name="moving_variance",
            shape=shape,
            initializer=self.moving_variance_initializer,
            trainable=False,
            autocast=False,
        )
        self.input_spec = InputSpec(ndim=rank, axes={axis: channels})

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Tensor:
        x = F.cast(inputs, "float32") if inputs.dtype.itemsize < 4 else inputs
        if not (training and self.trainable):
            outputs = F.batch_norm(
                x, self.moving_mean, self.moving_variance, self.gamma, self.beta, self.axis, self.epsilon
            )
            return F.cast(outputs, self.compute_dtype)
        if mask is None:
            outputs, mean, variance = F.batch_norm_training(x, self.gamma, self.beta, self.axis, self.epsilon)
        else:
            mean, variance = self._masked_moments(x, mask)
            outputs = F.batch_norm(x, mean, variance, self.gamma, self.beta, self.axis, self.epsilon)
        self._move(self.moving_mean, mean)
        self._move(self.moving_variance, variance)
        return F.cast(outputs, self.compute_dtype)

    def _move(self, average: Any, value: Any) -> None:
        kept = F.multiply(average, self.momentum)
        average.assign(F.add(kept, F.multiply(F.stop_gradient(F.cast(value, average.dtype)), 1.0 - self.momentum)))

    def _masked_moments(self, x: Any, mask: Any) -> tuple[Tensor, Tensor]:
        """Mean and variance over the places that the mask keeps."""
        weights = F.cast(mask, x.dtype)
        weights = F.reshape(weights, (*weights.dimensions, *(1,) * (x.ndim - weights.ndim)))
        axes = tuple(axis for axis in range(x.ndim) if axis != self.axis % x.ndim)
        count = F.add(F.sum(F.multiply(F.ones_like(x), weights), axis=axes, keepdims=True), 1e-7)
        mean = F.divide(F.sum(F.multiply(x, weights), axis=axes, keepdims=True), count)
        square = F.divide(F.sum(F.multiply(F.square(F.subtract(x, mean)), weights), axis=axes, keepdims=True), count)
        return F.reshape(mean, (-1,)), F.reshape(square, (-1,))

    def compute_output_shape(self, input_shape: Any) -> Any:
        _axis(self.axis, len(input_shape), self)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
            "synchronized": self.synchronized,
            "renorm": False,
            "renorm_clipping": None,
            "renorm_momentum": self.renorm_momentum,
        }


class LayerNormalization(Layer):
    """Each sample brought to mean 0 and variance 1 along `axis`, then scaled and shifted (Ba et al. 2016).

    Args:
        axis: One axis or several.
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
        axis: Any = -1,
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
        if kwargs.pop("rms_scaling", False):
            raise NotSupportedError(
                "LayerNormalization with `rms_scaling=True` is not supported. Use RMSNormalization."
            )
        super().__init__(**kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {axis!r}")
        self.axis = axis if isinstance(axis, int) else list(axis)
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

    def _axes(self, rank: int) -> tuple[int, ...]:
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        return tuple(sorted(_axis(axis, rank, self) for axis in axes))

    def build(self, input_shape: Any) -> None:
        shape = tuple(input_shape[axis] for axis in self._axes(len(input_shape)))
        if self.scale:
            self.gamma = self.add_weight(
                name="gamma",
                shape=shape,
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                autocast=False,
            )
        if self.center:
            self.beta = self.add_weight(
                name="beta",
                shape=shape,
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                autocast=False,
            )

    def call(self, inputs: Any) -> Tensor:
        x = F.cast(inputs, "float32") if inputs.dtype.itemsize < 4 else inputs
        outputs = F.layer_norm(x, self.gamma, self.beta, axis=self._axes(x.ndim), epsilon=self.epsilon)
        return F.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        self._axes(len(input_shape))
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "rms_scaling": False,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }
