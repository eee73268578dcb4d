"""`tf.layers` of TensorFlow 1: layers that keep their variables in the open variable scope.

Each is a class, made once and called on tensors, and a function (`dense`, `conv2d` ...) that makes one and calls it.
All work on graphs; in eager execution use `tf.keras.layers`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from epochal.errors import ArgumentError, NotSupportedError, ShapeError
from epochal.tensor import Tensor, functions
from epochal.tf import nn
from epochal.tf.array_ops import identity
from epochal.tf.conversion import to_tensor
from epochal.tf.flow import cond
from epochal.tf.graph import GraphKeys, current_graph, get_default_graph
from epochal.tf.initializers import ones_initializer, zeros_initializer
from epochal.tf.scopes import get_variable, variable_scope
from epochal.tf.variables import assign

__all__ = [
    "AveragePooling1D", "AveragePooling2D", "BatchNormalization", "Conv1D", "Conv2D", "Conv2DTranspose", "Dense",
    "Dropout", "Flatten", "Layer", "MaxPooling1D", "MaxPooling2D", "SeparableConv2D", "average_pooling1d",
    "average_pooling2d", "batch_normalization", "conv1d", "conv2d", "conv2d_transpose", "dense", "dropout",
    "flatten", "max_pooling1d", "max_pooling2d", "separable_conv2d",
]  # fmt: skip


class Layer:
    """What layers share: a variable scope that the first call opens and later calls enter again.

    Attributes:
        name: Of its scope; known after the first call if it was not given.
        weights: The variables, in the order in which they were made.
    """

    base_name = "layer"

    def __init__(self, name: str | None = None, trainable: bool = True, dtype: Any = None, _reuse: Any = None) -> None:
        self.name = name
        self.trainable = trainable
        self.weights: list[Any] = []
        self._reuse = _reuse
        self._scope: Any = None

    @property
    def variables(self) -> list[Any]:
        return list(self.weights)

    @property
    def trainable_variables(self) -> list[Any]:
        return [variable for variable in self.weights if variable.trainable]

    trainable_weights = trainable_variables

    @property
    def non_trainable_variables(self) -> list[Any]:
        return [variable for variable in self.weights if not variable.trainable]

    def __call__(self, inputs: Any, *arguments: Any, **keywords: Any) -> Tensor:
        if current_graph() is None:
            raise ArgumentError(
                f"tf.layers.{type(self).__name__} works on graphs. In eager execution use tf.keras.layers."
            )
        tensor = to_tensor(inputs)
        if self._scope is not None:
            with variable_scope(self._scope, reuse=True):
                return self.call(tensor, *arguments, **keywords)
        with variable_scope(self.name, self.base_name, reuse=self._reuse) as scope:
            self._scope = scope
            self.name = scope.name.split("/")[-1]
            self.build(tensor)
            return self.call(tensor, *arguments, **keywords)

    apply = __call__

    def build(self, inputs: Tensor) -> None:
        """Makes or finds the variables."""

    def call(self, inputs: Tensor) -> Any:
        """The layer's function."""
        raise NotImplementedError

    def add_weight(
        self, name: str, shape: Any, initializer: Any = None, regularizer: Any = None, trainable: bool = True
    ) -> Any:
        """A variable of the layer."""
        variable = get_variable(name, shape, None, initializer, regularizer, trainable and self.trainable)
        self.weights.append(variable)
        return variable


def _size(inputs: Tensor, axis: int, layer: Layer) -> int:
    size = inputs.shape[axis] if inputs.ndim else None
    if size is None:
        raise ShapeError(
            f"{type(layer).__name__} needs to know the size of axis {axis} of its input. Received shape: "
            f"{inputs.shape}. Give the placeholder that size, or use tf.reshape."
        )
    return size


def _channels_last(data_format: str, layer: Layer) -> None:
    if data_format != "channels_last":
        raise NotSupportedError(
            f"{type(layer).__name__}: data_format {data_format!r} is not supported. Expected 'channels_last'."
        )


def _rank(inputs: Tensor, rank: int, layer: Layer) -> None:
    if inputs.ndim != rank:
        raise ShapeError(
            f"Input of {type(layer).__name__} is incompatible with the layer: expected ndim={rank}, found "
            f"ndim={inputs.ndim}. Full shape received: {inputs.shape}"
        )


class _Kernel(Layer):
    """A layer with a kernel and perhaps a bias and an activation."""

    def __init__(
        self, activation: Any, use_bias: bool, kernel_initializer: Any, bias_initializer: Any, kernel_regularizer: Any,
        bias_regularizer: Any, activity_regularizer: Any, trainable: bool, name: str | None, others: dict[str, Any],
    ) -> None:  # fmt: skip
        super().__init__(name, trainable, **others)
        if activation is not None and not callable(activation):
            raise ArgumentError(f"activation must be a function such as tf.nn.relu, or None. Received: {activation!r}")
        self.activation = activation
        self.use_bias = use_bias
        self._initializers = kernel_initializer, bias_initializer or zeros_initializer()
        self._regularizers = kernel_regularizer, bias_regularizer
        self._activity_regularizer = activity_regularizer
        self.kernel: Any = None
        self.bias: Any = None

    def add_kernel(self, shape: Any, units: int) -> None:
        self.kernel = self.add_weight("kernel", shape, self._initializers[0], self._regularizers[0])
        self.add_bias(units)

    def add_bias(self, units: int) -> None:
        if self.use_bias:
            self.bias = self.add_weight("bias", [units], self._initializers[1], self._regularizers[1])

    def finish(self, result: Tensor) -> Tensor:
        if self.bias is not None:
            result = nn.bias_add(result, self.bias)
        if self.activation is not None:
            result = self.activation(result)
        if self._activity_regularizer is not None:
            penalty = self._activity_regularizer(result)
            get_default_graph().add_to_collection(GraphKeys.REGULARIZATION_LOSSES, penalty)
        return result


class Dense(_Kernel):
    """``activation(inputs kernel + bias)`` along the last axis."""

    base_name = "dense"

    def __init__(
        self, units: int, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = None,
        bias_initializer: Any = None, kernel_regularizer: Any = None, bias_regularizer: Any = None,
        activity_regularizer: Any = None, kernel_constraint: Any = None, bias_constraint: Any = None,
        trainable: bool = True, name: str | None = None, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            activity_regularizer, trainable, name, others,
        )  # fmt: skip
        self.units = int(units)

    def build(self, inputs: Tensor) -> None:
        self.add_kernel([_size(inputs, -1, self), self.units], self.units)

    def call(self, inputs: Tensor) -> Tensor:
        return self.finish(functions.matmul(inputs, to_tensor(self.kernel)))


class _Conv(_Kernel):
    spatial = 2

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str = "channels_last", dilation_rate: Any = 1, activation: Any = None, use_bias: bool = True,
        kernel_initializer: Any = None, bias_initializer: Any = None, kernel_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None,
        bias_constraint: Any = None, trainable: bool = True, name: str | None = None, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            activity_regularizer, trainable, name, others,
        )  # fmt: skip
        _channels_last(data_format, self)
        self.filters = int(filters)
        self.kernel_size = _entries(kernel_size, self.spatial, "kernel_size")
        self.strides = _entries(strides, self.spatial, "strides")
        self.dilation_rate = _entries(dilation_rate, self.spatial, "dilation_rate")
        self.padding = padding.lower()

    def build(self, inputs: Tensor) -> None:
        _rank(inputs, self.spatial + 2, self)
        self.add_kernel([*self.kernel_size, _size(inputs, -1, self), self.filters], self.filters)

    def call(self, inputs: Tensor) -> Tensor:
        kernel = to_tensor(self.kernel)
        return self.finish(functions.conv(inputs, kernel, self.strides, self.padding, self.dilation_rate))


def _entries(value: Any, count: int, what: str) -> tuple[int, ...]:
    found = (value,) * count if isinstance(value, int) else tuple(int(one) for one in value)
    if len(found) == 1:
        found *= count
    if len(found) != count:
        raise ArgumentError(f"The `{what}` argument must be {count} integers. Received: {value!r}")
    return found


class Conv1D(_Conv):
    """The convolution of [n, width, channels]."""

    base_name = "conv1d"
    spatial = 1


class Conv2D(_Conv):
    """The convolution of [n, height, width, channels]."""

    base_name = "conv2d"


class Conv2DTranspose(_Kernel):
    """The transpose of a convolution: height and width grow by the strides."""

    base_name = "conv2d_transpose"

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str = "channels_last", activation: Any = None, use_bias: bool = True,
        kernel_initializer: Any = None, bias_initializer: Any = None, kernel_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None,
        bias_constraint: Any = None, trainable: bool = True, name: str | None = None, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            activity_regularizer, trainable, name, others,
        )  # fmt: skip
        _channels_last(data_format, self)
        self.filters = int(filters)
        self.kernel_size = _entries(kernel_size, 2, "kernel_size")
        self.strides = _entries(strides, 2, "strides")
        self.padding = padding.lower()

    def build(self, inputs: Tensor) -> None:
        _rank(inputs, 4, self)
        self.add_kernel([*self.kernel_size, self.filters, _size(inputs, -1, self)], self.filters)

    def call(self, inputs: Tensor) -> Tensor:
        kernel = to_tensor(self.kernel)
        return self.finish(functions.conv_transpose(inputs, kernel, self.strides, self.padding))


class SeparableConv2D(_Kernel):
    """A convolution of each channel by itself, then one of 1 by 1 across channels."""

    base_name = "separable_conv2d"

    def __init__(
        self, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid",
        data_format: str = "channels_last", dilation_rate: Any = 1, depth_multiplier: int = 1, activation: Any = None,
        use_bias: bool = True, depthwise_initializer: Any = None, pointwise_initializer: Any = None,
        bias_initializer: Any = None, depthwise_regularizer: Any = None, pointwise_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None, depthwise_constraint: Any = None,
        pointwise_constraint: Any = None, bias_constraint: Any = None, trainable: bool = True,
        name: str | None = None, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            activation, use_bias, None, bias_initializer, None, bias_regularizer, activity_regularizer, trainable,
            name, others,
        )  # fmt: skip
        _channels_last(data_format, self)
        self.filters, self.depth_multiplier = int(filters), int(depth_multiplier)
        self.kernel_size = _entries(kernel_size, 2, "kernel_size")
        self.strides = _entries(strides, 2, "strides")
        self.dilation_rate = _entries(dilation_rate, 2, "dilation_rate")
        self.padding = padding.lower()
        self._kernels = (depthwise_initializer, depthwise_regularizer), (pointwise_initializer, pointwise_regularizer)

    def build(self, inputs: Tensor) -> None:
        _rank(inputs, 4, self)
        channels = _size(inputs, -1, self)
        depthwise, pointwise = self._kernels
        shape = [*self.kernel_size, channels, self.depth_multiplier]
        self.depthwise_kernel = self.add_weight("depthwise_kernel", shape, *depthwise)
        shape = [1, 1, channels * self.depth_multiplier, self.filters]
        self.pointwise_kernel = self.add_weight("pointwise_kernel", shape, *pointwise)
        self.add_bias(self.filters)

    def call(self, inputs: Tensor) -> Tensor:
        kernels = to_tensor(self.depthwise_kernel), to_tensor(self.pointwise_kernel)
        return self.finish(functions.separable_conv(inputs, *kernels, self.strides, self.padding, self.dilation_rate))


class _Pooling(Layer):
    spatial = 2
    function: Callable[..., Tensor]

    def __init__(
        self, pool_size: Any, strides: Any, padding: str = "valid", data_format: str = "channels_last",
        name: str | None = None, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(name, **others)
        _channels_last(data_format, self)
        self.pool_size = _entries(pool_size, self.spatial, "pool_size")
        self.strides = _entries(strides, self.spatial, "strides")
        self.padding = padding.lower()

    def call(self, inputs: Tensor) -> Tensor:
        _rank(inputs, self.spatial + 2, self)
        return type(self).function(inputs, self.pool_size, self.strides, self.padding)


class MaxPooling1D(_Pooling):
    """The largest element of each window."""

    base_name, spatial, function = "max_pooling1d", 1, staticmethod(functions.max_pool)


class MaxPooling2D(_Pooling):
    """The largest element of each window."""

    base_name, function = "max_pooling2d", staticmethod(functions.max_pool)


class AveragePooling1D(_Pooling):
    """The mean of each window, padding not counted."""

    base_name, spatial, function = "average_pooling1d", 1, staticmethod(functions.average_pool)


class AveragePooling2D(_Pooling):
    """The mean of each window, padding not counted."""

    base_name, function = "average_pooling2d", staticmethod(functions.average_pool)


class Flatten(Layer):
    """All axes but the first as one."""

    base_name = "flatten"

    def __init__(self, data_format: str = "channels_last", name: str | None = None, **others: Any) -> None:
        super().__init__(name, **others)
        _channels_last(data_format, self)

    def call(self, inputs: Tensor) -> Tensor:
        rest = inputs.shape[1:]
        if None in rest:
            raise ShapeError(f"Flatten needs known sizes beside the first. Received shape: {inputs.shape}")
        return functions.reshape(inputs, (inputs.dimensions[0], math.prod(rest)))  # type: ignore[arg-type]


class Dropout(Layer):
    """While training each element is 0 with probability `rate`, else divided by ``1 - rate``."""

    base_name = "dropout"

    def __init__(
        self, rate: Any = 0.5, noise_shape: Any = None, seed: int | None = None, name: str | None = None, **others: Any
    ) -> None:
        super().__init__(name, **others)
        self.rate, self._noise_shape, self._seed = rate, noise_shape, seed

    def call(self, inputs: Tensor, training: Any = False) -> Tensor:
        if training is None or (isinstance(training, (bool, int)) and not training):
            return identity(inputs)
        dropped = nn.dropout(inputs, rate=self.rate, noise_shape=self._noise_shape, seed=self._seed)
        if isinstance(training, (bool, int)):
            return dropped
        return functions.where(functions.cast(to_tensor(training), "bool"), dropped, inputs)


class BatchNormalization(Layer):
    """Normalisation by the batch's statistics while training, by running ones otherwise (Ioffe and Szegedy 2015).

    The running ones move when the graph's collection `tf.GraphKeys.UPDATE_OPS` runs. As in TensorFlow, images (four
    axes) move the running variance by the unbiased one of the batch.
    """

    base_name = "batch_normalization"

    def __init__(
        self, axis: int = -1, momentum: float = 0.99, epsilon: float = 1e-3, center: bool = True, scale: bool = True,
        beta_initializer: Any = None, gamma_initializer: Any = None, moving_mean_initializer: Any = None,
        moving_variance_initializer: Any = None, beta_regularizer: Any = None, gamma_regularizer: Any = None,
        beta_constraint: Any = None, gamma_constraint: Any = None, trainable: bool = True, name: str | None = None,
        renorm: bool = False, fused: Any = None, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(name, trainable, **others)
        if renorm:
            raise NotSupportedError("BatchNormalization: renorm is not supported.")
        self.axis, self.momentum, self.epsilon, self._fused = axis, momentum, epsilon, fused
        self._own = {
            "gamma": (scale, gamma_initializer or ones_initializer(), gamma_regularizer),
            "beta": (center, beta_initializer or zeros_initializer(), beta_regularizer),
        }
        self._moving = (
            moving_mean_initializer or zeros_initializer(),
            moving_variance_initializer or ones_initializer(),
        )
        self.gamma: Any = None
        self.beta: Any = None

    def build(self, inputs: Tensor) -> None:
        size = [_size(inputs, self.axis, self)]
        for name, (wanted, initializer, regularizer) in self._own.items():
            if wanted:
                setattr(self, name, self.add_weight(name, size, initializer, regularizer))
        self.moving_mean = self.add_weight("moving_mean", size, self._moving[0], trainable=False)
        self.moving_variance = self.add_weight("moving_variance", size, self._moving[1], trainable=False)

    def call(self, inputs: Tensor, training: Any = False) -> Tensor:
        axis = self.axis % inputs.ndim
        gamma, beta = (None if own is None else to_tensor(own) for own in (self.gamma, self.beta))
        mean, variance = to_tensor(self.moving_mean), to_tensor(self.moving_variance)

        def learn() -> tuple[Tensor, Tensor, Tensor]:
            y, batch_mean, batch_variance = functions.batch_norm_training(inputs, gamma, beta, axis, self.epsilon)
            if inputs.ndim == 4 and self._fused is not False:
                batch_variance = batch_variance * _bessel(inputs, axis)
            keep = self.momentum
            return y, mean * keep + batch_mean * (1.0 - keep), variance * keep + batch_variance * (1.0 - keep)

        def use() -> tuple[Tensor, Tensor, Tensor]:
            return functions.batch_norm(inputs, mean, variance, gamma, beta, axis, self.epsilon), mean, variance

        if training is None or isinstance(training, (bool, int)):
            if not training:
                return use()[0]
            y, new_mean, new_variance = learn()
        else:
            y, new_mean, new_variance = cond(functions.cast(to_tensor(training), "bool"), learn, use)
        graph = get_default_graph()
        graph.add_to_collection(GraphKeys.UPDATE_OPS, assign(self.moving_mean, new_mean))
        graph.add_to_collection(GraphKeys.UPDATE_OPS, assign(self.moving_variance, new_variance))
        return y


def _bessel(inputs: Tensor, axis: int) -> Tensor:
    """``n / (n - 1)`` for the n elements of a channel."""
    sizes = functions.cast(functions.shape(inputs), inputs.dtype)
    count = functions.prod(sizes) / sizes[axis]
    return count / functions.maximum(count - 1.0, 1.0)


def _function(layer: type[Layer], name: str, extra: str | None = None) -> Callable[..., Tensor]:
    """The function that makes a layer of this class and calls it.

    Args:
        layer: Its options are the function's, after `inputs`.
        name: Of the function.
        extra: An argument of the layer's call, False by default, that stands before `name`.
    """
    own = [p for p in inspect.signature(layer.__init__).parameters.values() if p.kind is not p.VAR_KEYWORD][1:]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    added = [inspect.Parameter("reuse", kind, default=None)] if issubclass(layer, (_Kernel, BatchNormalization)) else []
    if extra is not None:
        place = next(i for i, p in enumerate(own) if p.name in ("trainable", "name"))
        own.insert(place, inspect.Parameter(extra, kind, default=False))
    signature = inspect.Signature([inspect.Parameter("inputs", kind), *own, *added])

    def apply(*arguments: Any, **keywords: Any) -> Tensor:
        given = signature.bind(*arguments, **keywords).arguments
        inputs = given.pop("inputs")
        called = {extra: given.pop(extra)} if extra in given else {}
        result: Tensor = layer(_reuse=given.pop("reuse", None), **given)(inputs, **called)
        return result

    apply.__name__ = apply.__qualname__ = name
    apply.__signature__ = signature  # type: ignore[attr-defined]
    apply.__doc__ = layer.__doc__
    return apply


dense = _function(Dense, "dense")
conv1d = _function(Conv1D, "conv1d")
conv2d = _function(Conv2D, "conv2d")
conv2d_transpose = _function(Conv2DTranspose, "conv2d_transpose")
separable_conv2d = _function(SeparableConv2D, "separable_conv2d")
max_pooling1d = _function(MaxPooling1D, "max_pooling1d")
max_pooling2d = _function(MaxPooling2D, "max_pooling2d")
average_pooling1d = _function(AveragePooling1D, "average_pooling1d")
average_pooling2d = _function(AveragePooling2D, "average_pooling2d")
flatten = _function(Flatten, "flatten")
dropout = _function(Dropout, "dropout", "training")
batch_normalization = _function(BatchNormalization, "batch_normalization", "training")
