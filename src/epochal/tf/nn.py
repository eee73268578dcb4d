"""`tf.nn`: what neural networks are made of, under TensorFlow's names. Images are NHWC (channels last)."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, NotSupportedError, ShapeError
from epochal.tensor import Tensor, functions
from epochal.tf import random_ops
from epochal.tf.array_ops import depth_to_space, gather, space_to_depth
from epochal.tf.conversion import axes, pair, to_tensor
from epochal.tf.convolution import (
    atrous_conv2d,
    avg_pool,
    avg_pool1d,
    avg_pool3d,
    channels_last,
    conv1d,
    conv2d,
    conv2d_transpose,
    conv3d,
    depthwise_conv2d,
    max_pool,
    max_pool1d,
    max_pool3d,
    separable_conv2d,
)
from epochal.tf.graph import current_graph, operation
from epochal.tf.math_ops import sigmoid, tanh
from epochal.tf.picking import top_k
from epochal.tf.refused import MissingNameError

__all__ = [
    "atrous_conv2d",
    "avg_pool",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_normalization",
    "bias_add",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "crelu",
    "depth_to_space",
    "depthwise_conv2d",
    "depthwise_conv2d_native",
    "dropout",
    "elu",
    "embedding_lookup",
    "fused_batch_norm",
    "gelu",
    "in_top_k",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "local_response_normalization",
    "log_softmax",
    "lrn",
    "max_pool",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "moments",
    "relu",
    "relu6",
    "relu_layer",
    "selu",
    "separable_conv2d",
    "sigmoid",
    "sigmoid_cross_entropy_with_logits",
    "silu",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits_v2",
    "softplus",
    "softsign",
    "space_to_depth",
    "sparse_softmax_cross_entropy_with_logits",
    "swish",
    "tanh",
    "top_k",
    "weighted_cross_entropy_with_logits",
    "xw_plus_b",
    "zero_fraction",
]  # fmt: skip


@operation("Relu")
def relu(features: Any) -> Tensor:
    """``max(x, 0)``."""
    return functions.relu(to_tensor(features))


@operation("Relu6")
def relu6(features: Any) -> Tensor:
    """``min(max(x, 0), 6)``."""
    return functions.relu6(to_tensor(features))


@operation("LeakyRelu")
def leaky_relu(features: Any, alpha: float = 0.2) -> Tensor:
    """``x`` where positive, else ``alpha x``."""
    return functions.leaky_relu(to_tensor(features), alpha)


@operation("Elu")
def elu(features: Any) -> Tensor:
    """``x`` where positive, else ``exp(x) - 1``."""
    return functions.elu(to_tensor(features))


@operation("Selu")
def selu(features: Any) -> Tensor:
    """The scaled `elu` (Klambauer et al. 2017)."""
    return functions.selu(to_tensor(features))


@operation("Gelu")
def gelu(features: Any, approximate: bool = False) -> Tensor:
    """``x`` times the normal distribution function at x (Hendrycks and Gimpel 2016)."""
    return functions.gelu(to_tensor(features), approximate)


@operation("Softplus")
def softplus(features: Any) -> Tensor:
    """``log(1 + exp(x))``."""
    return functions.softplus(to_tensor(features))


@operation("Softsign")
def softsign(features: Any) -> Tensor:
    """``x / (1 + |x|)``."""
    return functions.softsign(to_tensor(features))


@operation("Silu")
def silu(features: Any) -> Tensor:
    """``x sigmoid(x)``."""
    return functions.silu(to_tensor(features))


swish = silu


@operation("Softmax")
def softmax(logits: Any, axis: int | None = None, dim: int | None = None) -> Tensor:
    """``exp(x)`` normalised to sum 1 along `axis` (default: last)."""
    return functions.softmax(to_tensor(logits), axis=_last(axis, dim))


@operation("LogSoftmax")
def log_softmax(logits: Any, axis: int | None = None, dim: int | None = None) -> Tensor:
    """The logarithm of `softmax`."""
    return functions.log_softmax(to_tensor(logits), axis=_last(axis, dim))


def _last(axis: int | None, dim: int | None) -> int:
    chosen = axis if axis is not None else dim
    return -1 if chosen is None else chosen


@operation("BiasAdd")
def bias_add(value: Any, bias: Any, data_format: str | None = None) -> Tensor:
    """`value` plus a vector along its last axis."""
    channels_last(data_format)
    return functions.add(*pair("BiasAdd", value, bias))


@operation("XwPlusB")
def xw_plus_b(x: Any, weights: Any, biases: Any) -> Tensor:
    """``matmul(x, weights) + biases``."""
    product = functions.matmul(*pair("XwPlusB", x, weights))
    return functions.add(*pair("XwPlusB", product, biases))


max_pool2d = max_pool
avg_pool2d = avg_pool
depthwise_conv2d_native = depthwise_conv2d


@operation("Dropout")
def dropout(
    x: Any,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: int | None = None,
    rate: Any = None,
) -> Tensor:
    """Each element 0 with probability `rate` (``1 - keep_prob``), else divided by ``1 - rate``.

    The second positional argument is TensorFlow 1's `keep_prob` in a graph, and TensorFlow 2's `rate` elsewhere.
    """
    tensor = to_tensor(x)
    if rate is None and keep_prob is not None and current_graph() is None:
        keep_prob, rate = None, keep_prob
    if (keep_prob is None) == (rate is None):
        raise ArgumentError("dropout needs either keep_prob (TensorFlow 1) or rate, not both.")
    keep = to_tensor(keep_prob, like=tensor.dtype) if rate is None else 1.0 - to_tensor(rate, like=tensor.dtype)
    shape = tensor.dimensions if noise_shape is None else noise_shape
    draw = random_ops.random_uniform(shape, dtype=tensor.dtype, seed=seed)
    return functions.where(functions.less(draw, keep), functions.divide(tensor, keep), functions.zeros_like(tensor))


@operation("L2Loss")
def l2_loss(t: Any) -> Tensor:
    """``sum(t ** 2) / 2``."""
    tensor = to_tensor(t)
    return functions.multiply(functions.sum(functions.square(tensor)), 0.5)


@operation("L2Normalize")
def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, dim: Any = None) -> Tensor:
    """`x` scaled to Euclidean norm 1 along `axis`."""
    tensor = to_tensor(x)
    chosen = axes(axis if axis is not None else dim)
    square = functions.sum(functions.square(tensor), axis=chosen, keepdims=True)
    return functions.multiply(tensor, functions.rsqrt(functions.maximum(square, epsilon)))


def moments(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None, keep_dims: bool | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and (biased) variance over `axes`."""
    tensor = to_tensor(x)
    keep = bool(keep_dims if keep_dims is not None else keepdims)
    chosen = tuple(axes) if not isinstance(axes, int) else axes
    return functions.mean(tensor, axis=chosen, keepdims=keep), functions.var(tensor, axis=chosen, keepdims=keep)


@operation("BatchNorm")
def batch_normalization(x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: float) -> Tensor:
    """``(x - mean) / sqrt(variance + epsilon) * scale + offset``; scale and offset may be ``None``."""
    tensor = to_tensor(x)
    factor = functions.rsqrt(functions.add(to_tensor(variance), variance_epsilon))
    if scale is not None:
        factor = functions.multiply(factor, to_tensor(scale))
    result = functions.multiply(functions.subtract(tensor, to_tensor(mean)), factor)
    return result if offset is None else functions.add(result, to_tensor(offset))


@operation("EmbeddingLookup")
def embedding_lookup(params: Any, ids: Any, partition_strategy: str = "mod", max_norm: Any = None) -> Tensor:
    """The rows of `params` that `ids` name."""
    if isinstance(params, (list, tuple)) and len(params) != 1:
        raise NotSupportedError("embedding_lookup over several partitions is not supported. Concatenate them first.")
    if max_norm is not None:
        raise NotSupportedError("embedding_lookup: max_norm is not supported yet.")
    table = params[0] if isinstance(params, (list, tuple)) else params
    return gather(table, ids)


@operation("SoftmaxCrossEntropyWithLogits")
def softmax_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, axis: int = -1, dim: int | None = None
) -> Tensor:
    """``-sum(labels * log(softmax(logits)))`` over the classes, one number a row."""
    _named(labels, logits)
    scores, targets = pair("SoftmaxCrossEntropyWithLogits", logits, labels)
    chosen = axis if dim is None else dim
    if chosen in (-1, scores.ndim - 1) and scores.ndim == targets.ndim:
        return functions.softmax_cross_entropy(scores, targets)
    return functions.negative(functions.sum(targets * functions.log_softmax(scores, axis=chosen), axis=chosen))


softmax_cross_entropy_with_logits_v2 = softmax_cross_entropy_with_logits


@operation("SparseSoftmaxCrossEntropyWithLogits")
def sparse_softmax_cross_entropy_with_logits(labels: Any = None, logits: Any = None) -> Tensor:
    """``-log(softmax(logits))[label]``, one number a row; labels are integers."""
    _named(labels, logits)
    scores = to_tensor(logits)
    classes = scores.shape[-1]
    if classes is None:
        raise ArgumentError("sparse_softmax_cross_entropy_with_logits needs a known number of classes in logits.")
    numbers = to_tensor(labels)
    if numbers.ndim != scores.ndim - 1:
        raise ShapeError(
            f"Rank mismatch: labels (one class a row) should have one axis less than logits. Received labels "
            f"{numbers.shape} and logits {scores.shape}. For one-hot labels use softmax_cross_entropy_with_logits."
        )
    return functions.sparse_softmax_cross_entropy(scores, numbers)


@operation("SigmoidCrossEntropyWithLogits")
def sigmoid_cross_entropy_with_logits(labels: Any = None, logits: Any = None) -> Tensor:
    """``max(x, 0) - x z + log(1 + exp(-|x|))`` for logits x and labels z, element by element."""
    _named(labels, logits)
    return functions.sigmoid_cross_entropy(*pair("SigmoidCrossEntropyWithLogits", logits, labels))


def _named(labels: Any, logits: Any) -> None:
    if labels is None or logits is None:
        raise ArgumentError("Both labels and logits must be given, by name: f(labels=..., logits=...).")


def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The share of elements that are 0."""
    tensor = to_tensor(value)
    return functions.mean(functions.cast(functions.equal(tensor, functions.zeros_like(tensor)), dtypes.float32))


def in_top_k(predictions: Any = None, targets: Any = None, k: int = 1, name: str | None = None) -> Tensor:
    """Whether fewer than `k` classes score above the target's, one bool a row."""
    scores, labels = to_tensor(predictions), to_tensor(targets)
    hot = functions.one_hot(labels, scores.shape[-1], dtype=scores.dtype)
    own = functions.sum(hot * scores, axis=-1, keepdims=True)
    above = functions.sum(functions.cast(functions.greater(scores, own), "int32"), axis=-1)
    return functions.less(above, k)


def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """``relu(matmul(x, weights) + biases)``."""
    return relu(xw_plus_b(x, weights, biases), name=name)


@operation("LRN")
def local_response_normalization(
    input: Any, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5
) -> Tensor:
    """``x / (bias + alpha * s) ** beta``; s sums squares of channels within `depth_radius` (Krizhevsky 2012)."""
    tensor = to_tensor(input)
    channels = tensor.shape[-1]
    if channels is None:
        raise ShapeError(f"local_response_normalization needs a known number of channels. Received: {tensor.shape}")
    places = np.arange(channels)
    near = (np.abs(places[:, None] - places[None, :]) <= depth_radius).astype(tensor.dtype.numpy)
    sums = functions.matmul(functions.square(tensor), near)
    return tensor * functions.power(bias + alpha * sums, -float(beta))


lrn = local_response_normalization


@operation("WeightedCrossEntropyWithLogits")
def weighted_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, pos_weight: Any = None, targets: Any = None
) -> Tensor:
    """`sigmoid_cross_entropy_with_logits` in which the error on positives counts `pos_weight` times."""
    x, z = pair("WeightedCrossEntropyWithLogits", logits, labels if labels is not None else targets)
    weight = 1.0 + (to_tensor(pos_weight, like=x.dtype) - 1.0) * z
    return (1.0 - z) * x + weight * functions.softplus(functions.negative(x))


@operation("CRelu")
def crelu(features: Any, axis: int = -1) -> Tensor:
    """`relu` of x and of -x, joined."""
    tensor = to_tensor(features)
    return functions.concatenate([functions.relu(tensor), functions.relu(functions.negative(tensor))], axis=axis)


def fused_batch_norm(
    x: Any, scale: Any, offset: Any, mean: Any = None, variance: Any = None, epsilon: float = 0.001,
    data_format: str = "NHWC", is_training: bool = True, name: str | None = None, exponential_avg_factor: float = 1.0,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Batch normalisation of images, and the mean and (while training unbiased) variance of each channel."""
    channels_last(data_format)
    images = to_tensor(x)
    if not is_training:
        given = to_tensor(mean), to_tensor(variance)
        return functions.batch_norm(images, *given, scale, offset, epsilon=epsilon), *given
    y, batch_mean, batch_variance = functions.batch_norm_training(images, scale, offset, epsilon=epsilon)
    sizes = functions.cast(functions.shape(images), images.dtype)
    count = functions.prod(sizes) / sizes[-1]
    return y, batch_mean, batch_variance * (count / functions.maximum(count - 1.0, 1.0))


_REFUSED = {
    "nce_loss": "tf.nn.sparse_softmax_cross_entropy_with_logits over all classes",
    "sampled_softmax_loss": "tf.nn.sparse_softmax_cross_entropy_with_logits over all classes",
    "ctc_loss": "a loss of your own",
    "embedding_lookup_sparse": "tf.nn.embedding_lookup and tf.reduce_sum",
    "raw_rnn": "tf.nn.dynamic_rnn",
    "fractional_max_pool": "tf.nn.max_pool",
    "dilation2d": "tf.nn.max_pool",
}

_LAZY = {
    "rnn_cell": "epochal.tf.rnn_cell",
    "dynamic_rnn": "epochal.tf.rnn",
    "static_rnn": "epochal.tf.rnn",
    "bidirectional_dynamic_rnn": "epochal.tf.rnn",
    "static_bidirectional_rnn": "epochal.tf.rnn",
}


def __getattr__(name: str) -> Any:
    """Recurrent networks load when asked for: their cells use this module."""
    if name in _REFUSED:
        raise MissingNameError(f"tf.nn.{name} is not supported. Use {_REFUSED[name]}.")
    if name not in _LAZY:
        raise AttributeError(f"module 'tensorflow.nn' has no attribute {name!r} in Epochal yet")
    module = importlib.import_module(_LAZY[name])
    value = module if name == "rnn_cell" else getattr(module, name)
    globals()[name] = value
    return value
