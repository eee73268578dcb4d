"""Calls that the real TensorFlow and ours both make; see tf_functions.py. Each takes the module and gives tensors."""

from __future__ import annotations

import numpy as np

R = np.random.RandomState(20261124)


def f(*shape, low=-2.0, high=2.0):
    return R.uniform(low, high, shape).astype("float32")


X, Y, P = f(3, 4), f(3, 4), f(3, 4, low=0.1, high=2.0)
IMAGES, KERNEL, DEEP = f(2, 7, 8, 3), f(3, 3, 3, 4), f(3, 3, 3, 2)
GROWN = f(2, 4, 4, 3)
BACK = f(5, 5, 2, 3)
SIGNAL = f(2, 9, 3)
VOLUME, CUBE = f(1, 4, 5, 6, 2), f(2, 2, 2, 2, 3)
SQUARE = f(4, 4) + 4.0 * np.eye(4, dtype="float32")
SYMMETRIC = SQUARE @ SQUARE.T
TABLE, IDS = f(6, 3), np.array([[0, 5], [2, 2]], "int32")
SEGMENTS = np.array([0, 0, 2], "int32")
LABELS, LOGITS = np.array([1, 0, 3], "int32"), f(3, 4, low=-3.0, high=3.0)
HOT = np.eye(4, dtype="float32")[LABELS]
ZEROS = np.zeros((3, 4), "float32")
STEPS = np.arange(0, 50, 7, dtype="int64")

UNARY = [
    "abs",
    "negative",
    "sign",
    "square",
    "exp",
    "expm1",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "sigmoid",
    "erf",
    "erfc",
    "floor",
    "ceil",
    "round",
    "asinh",
    "atan",
    "rint",
]
POSITIVE = ["sqrt", "rsqrt", "log", "log1p", "lgamma", "digamma", "reciprocal"]
BINARY = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "maximum",
    "minimum",
    "squared_difference",
    "floordiv",
    "floormod",
    "atan2",
    "divide_no_nan",
    "xlogy",
]
COMPARE = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]
REDUCE = [
    "reduce_sum",
    "reduce_mean",
    "reduce_max",
    "reduce_min",
    "reduce_prod",
    "reduce_logsumexp",
    "reduce_std",
    "reduce_variance",
]
ACTIVATIONS = ["relu", "relu6", "elu", "selu", "softplus", "softsign", "softmax", "log_softmax", "leaky_relu"]

CASES = {}
for name in UNARY:
    CASES[name] = lambda tf, name=name: getattr(tf.math, name)(X)
for name in POSITIVE:
    CASES[name] = lambda tf, name=name: getattr(tf.math, name)(P)
for name in BINARY:
    first = P if name == "xlogy" else X
    second = P if name in ("xlogy", "floordiv", "floormod") else Y
    CASES[name] = lambda tf, name=name, a=first, b=second: getattr(tf.math, name)(a, b)
for name in COMPARE:
    CASES[name] = lambda tf, name=name: getattr(tf, name)(np.round(X), np.round(Y))
for name in REDUCE:
    CASES[name] = lambda tf, name=name: getattr(tf.math, name)(X)
    CASES[f"{name} axis"] = lambda tf, name=name: getattr(tf.math, name)(X, axis=1, keepdims=True)
for name in ACTIVATIONS:
    CASES[name] = lambda tf, name=name: getattr(tf.nn, name)(X)
CASES |= {
    "acos": lambda tf: tf.acos(X / 3.0),
    "asin": lambda tf: tf.asin(X / 3.0),
    "atanh": lambda tf: tf.math.atanh(X / 3.0),
    "acosh": lambda tf: tf.math.acosh(P + 1.0),
    "reduce_sum ints": lambda tf: tf.reduce_sum(IDS),
    "reduce_mean ints": lambda tf: tf.reduce_mean(IDS, 0),
    "reduce_any": lambda tf: tf.reduce_any(X > 1.5, axis=0),
    "reduce_all": lambda tf: tf.reduce_all(X > -1.0, axis=1),
    "argmax": lambda tf: [tf.argmax(X, 1), tf.argmin(X, 0)],
    "cumsum": lambda tf: [tf.cumsum(X, 1), tf.cumsum(X, 1, exclusive=True, reverse=True), tf.cumprod(X, 0)],
    "div ints": lambda tf: [tf.divide(IDS, 4), tf.floordiv(IDS, 4), tf.truediv(IDS, 4)],
    "add_n": lambda tf: tf.add_n([X, Y, P]),
    "clip": lambda tf: [tf.clip_by_value(X, -1.0, 1.0), tf.clip_by_norm(X, 1.5), tf.clip_by_norm(X, 1.0, axes=[1])],
    "clip_by_global_norm": lambda tf: [*tf.clip_by_global_norm([tf.constant(X), tf.constant(Y)], 2.0)[0]],
    "cast": lambda tf: [tf.cast(X, tf.int32), tf.to_float(IDS), tf.cast(X > 0, tf.float32)],
    "matmul": lambda tf: [tf.matmul(X, Y, transpose_b=True), tf.matmul(X, Y, transpose_a=True)],
    "matmul batch": lambda tf: tf.matmul(IMAGES[:, :, :, 0], IMAGES[:, :, :, 1], transpose_b=True),
    "tensordot": lambda tf: [tf.tensordot(X, Y, [[1], [1]]), tf.tensordot(X, Y, 2)],
    "einsum": lambda tf: tf.einsum("ij,kj->ik", X, Y),
    "norm": lambda tf: [tf.norm(X), tf.norm(X, axis=1), tf.norm(X, ord=1), tf.norm(X, ord=np.inf, axis=0)],
    "count_nonzero": lambda tf: tf.math.count_nonzero(np.round(X), axis=1),
    "confusion_matrix": lambda tf: tf.math.confusion_matrix(LABELS, [1, 1, 3], 4),
    "polyval": lambda tf: tf.math.polyval([1.0, 2.0, 3.0], tf.constant(X)),
    "top_k": lambda tf: list(tf.nn.top_k(X, 2)),
    "in_top_k": lambda tf: tf.nn.in_top_k(LOGITS, LABELS, 2),
    "sort": lambda tf: [tf.sort(X), tf.sort(X, direction="DESCENDING", axis=0), tf.argsort(X)],
    "searchsorted": lambda tf: tf.searchsorted(np.sort(X[0])[None], X[1][None]),
    "segments": lambda tf: [
        tf.segment_sum(X, SEGMENTS), tf.segment_mean(X, SEGMENTS), tf.segment_max(X, SEGMENTS),
        tf.segment_min(X, SEGMENTS),
    ],
    "unsorted segments": lambda tf: [
        tf.unsorted_segment_sum(X, SEGMENTS, 4), tf.unsorted_segment_mean(X, SEGMENTS, 4),
        tf.unsorted_segment_max(X, SEGMENTS, 4), tf.unsorted_segment_min(X, SEGMENTS, 4),
        tf.unsorted_segment_sum(GROWN[0], [[0, 5, 2, 2], [1, 0, 0, 5], [3, 3, 3, 3], [0, 1, 2, 3]], 6),
    ],
    "bincount": lambda tf: tf.math.bincount(LABELS, minlength=6),
    "gather": lambda tf: [tf.gather(TABLE, IDS), tf.gather(TABLE, [2, 0], axis=1), tf.nn.embedding_lookup(TABLE, IDS)],
    "gather_nd": lambda tf: [tf.gather_nd(TABLE, [[0, 1], [5, 2]]), tf.gather_nd(TABLE, [[3], [1]])],
    "scatter_nd": lambda tf: tf.scatter_nd([[0], [2], [0]], [1.0, 2.0, 3.0], [4]),
    "tensor_scatter": lambda tf: [
        tf.tensor_scatter_nd_update(X, [[0, 1], [2, 3]], [9.0, 8.0]),
        tf.tensor_scatter_nd_add(X, [[0], [0]], Y[:2]),
    ],
    "one_hot": lambda tf: [tf.one_hot(LABELS, 5), tf.one_hot(LABELS, 4, 2.0, -1.0), tf.one_hot(LABELS, 4, axis=0)],
    "sequence_mask": lambda tf: tf.sequence_mask(LABELS, 4),
    "boolean_mask": lambda tf: tf.boolean_mask(X, np.array([True, False, True])),
    "shapes": lambda tf: [
        tf.reshape(X, [2, -1]), tf.transpose(X), tf.expand_dims(X, 1), tf.squeeze(tf.expand_dims(X, 0)),
        tf.concat([X, Y], 1), tf.stack([X, Y], 1), tf.tile(X, [2, 1]), tf.reverse(X, [1]),
        tf.pad(X, [[1, 0], [0, 2]]), tf.slice(X, [1, 0], [2, -1]), tf.roll(X, 1, 1), tf.repeat(X, 2, 0),
    ],
    "pads": lambda tf: [
        tf.pad(X, [[1, 2], [0, 1]], "REFLECT"), tf.pad(X, [[1, 2], [0, 1]], "SYMMETRIC"),
        tf.pad(X, [[1, 0], [0, 1]], constant_values=3.0), tf.where([True, False, True], X, Y),
        tf.gather(X, [[1], [0], [3]], batch_dims=1), tf.space_to_depth(GROWN, 2),
        tf.depth_to_space(VOLUME[0][..., [0, 1, 0, 1]], 2),
        tf.math.reduce_euclidean_norm(X, 1), tf.math.reciprocal_no_nan(np.round(X)), tf.truncatediv([-7, 7], 2),
    ],
    "splits": lambda tf: [*tf.split(X, 2, 1), *tf.split(X, [1, 3], 1), *tf.unstack(X)],
    "where": lambda tf: tf.where(X > 0.0, X, Y),
    "ranges": lambda tf: [tf.range(5), tf.range(2, 9, 3), tf.linspace(0.0, 1.0, 5), tf.eye(3), tf.fill([2, 2], 7)],
    "meshgrid": lambda tf: tf.meshgrid([1.0, 2.0], [3.0, 4.0, 5.0]),
    "size": lambda tf: [tf.shape(IMAGES), tf.size(X), tf.rank(IMAGES)],
    "diag": lambda tf: [tf.linalg.diag([1.0, 2.0]), tf.linalg.diag_part(SQUARE), tf.linalg.trace(SQUARE)],
    "strided": lambda tf: [tf.constant(X)[:, ::2], tf.constant(X)[..., tf.newaxis], tf.constant(X)[-1, 1:3]],
    "linalg": lambda tf: [
        tf.linalg.inv(SQUARE), tf.linalg.det(SQUARE), tf.linalg.solve(SQUARE, SQUARE[:, :2]),
        tf.linalg.cholesky(SYMMETRIC), tf.linalg.band_part(SQUARE, 1, 0), tf.linalg.matvec(SQUARE, SQUARE[0]),
        tf.linalg.matrix_transpose(SQUARE), tf.linalg.svd(SQUARE, compute_uv=False),
        tf.linalg.triangular_solve(np.tril(SQUARE), SQUARE[:, :1]), tf.linalg.eigh(SYMMETRIC)[0],
        tf.linalg.cross(TABLE[:2], TABLE[2:4]), tf.linalg.lstsq(np.asarray(TABLE), TABLE[:, :1], fast=False),
        tf.linalg.set_diag(SQUARE, [1.0, 2.0, 3.0, 4.0]), tf.linalg.logdet(SYMMETRIC),
    ],
    "windows": lambda tf: [
        tf.signal.hann_window(8), tf.signal.hann_window(7), tf.signal.hamming_window(8),
        tf.signal.hann_window(8, periodic=False), tf.signal.frame(SIGNAL[0, :, 0], 4, 2),
    ],
    "conv2d": lambda tf: [
        tf.nn.conv2d(IMAGES, KERNEL, [1, 1, 1, 1], "SAME"), tf.nn.conv2d(IMAGES, KERNEL, [1, 2, 2, 1], "VALID"),
        tf.nn.conv2d(IMAGES, KERNEL, 1, "SAME", dilations=[1, 2, 2, 1]),
        tf.nn.conv2d(IMAGES, KERNEL, 1, [[0, 0], [1, 2], [0, 1], [0, 0]]),
    ],
    "conv1d": lambda tf: tf.nn.conv1d(SIGNAL, KERNEL[0], 2, "SAME"),
    "conv3d": lambda tf: tf.nn.conv3d(VOLUME, CUBE, [1, 1, 1, 1, 1], "SAME"),
    "depthwise": lambda tf: [
        tf.nn.depthwise_conv2d(IMAGES, DEEP, [1, 1, 1, 1], "SAME"),
        tf.nn.separable_conv2d(IMAGES, DEEP, KERNEL[:1, :1].repeat(2, 2), [1, 1, 1, 1], "VALID"),
    ],
    "atrous": lambda tf: tf.nn.atrous_conv2d(IMAGES, KERNEL, 2, "SAME"),
    "conv2d_transpose": lambda tf: [
        tf.nn.conv2d_transpose(GROWN, BACK, [2, 8, 8, 2], [1, 2, 2, 1], "SAME"),
        tf.nn.conv2d_transpose(GROWN, BACK, [2, 7, 7, 2], [1, 2, 2, 1], "SAME"),
        tf.nn.conv2d_transpose(GROWN, BACK, [2, 11, 12, 2], [1, 2, 2, 1], "VALID"),
    ],
    "pools": lambda tf: [
        tf.nn.max_pool(IMAGES, [1, 2, 2, 1], [1, 2, 2, 1], "SAME"), tf.nn.max_pool(IMAGES, 3, 2, "VALID"),
        tf.nn.avg_pool(IMAGES, [1, 3, 3, 1], [1, 2, 2, 1], "SAME"),
    ],
    "moments": lambda tf: [*tf.nn.moments(tf.constant(IMAGES), [0, 1, 2])],
    "batch_normalization": lambda tf: tf.nn.batch_normalization(X, X[0], P[0], Y[0], P[1], 1e-3),
    "lrn": lambda tf: tf.nn.local_response_normalization(IMAGES, 1, 1.0, 0.5, 0.75),
    "l2": lambda tf: [tf.nn.l2_loss(X), tf.nn.l2_normalize(X, 1)],
    "bias_add": lambda tf: [tf.nn.bias_add(IMAGES, X[0, :3]), tf.nn.xw_plus_b(X, SQUARE, X[0])],
    "cross-entropies": lambda tf: [
        tf.nn.softmax_cross_entropy_with_logits(labels=HOT, logits=LOGITS),
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=LABELS, logits=LOGITS),
        tf.nn.sigmoid_cross_entropy_with_logits(labels=HOT, logits=LOGITS),
        tf.nn.weighted_cross_entropy_with_logits(labels=HOT, logits=LOGITS, pos_weight=3.0),
    ],
    "gradient at zero": lambda tf: _slopes(tf, ZEROS, lambda x: [
        tf.nn.sigmoid_cross_entropy_with_logits(labels=HOT, logits=x),
        tf.nn.softmax_cross_entropy_with_logits(labels=HOT, logits=x), tf.nn.relu(x), tf.abs(x), tf.maximum(x, 0.0),
        tf.nn.leaky_relu(x), tf.nn.elu(x),
    ]),
    "gradients": lambda tf: _slopes(tf, X, lambda x: [
        tf.nn.softmax(x) * Y, tf.tanh(x), tf.reduce_max(x, 1), tf.nn.l2_normalize(x, 1), tf.cumsum(x, 1) * Y,
        tf.gather(x, [0, 0, 2]), tf.matmul(x, Y, transpose_b=True), tf.nn.top_k(x, 2)[0], tf.reduce_logsumexp(x, 1),
        tf.unsorted_segment_sum(x, SEGMENTS, 3) * Y,
    ]),
    "losses": lambda tf: [
        tf.losses.mean_squared_error(X, Y), tf.losses.absolute_difference(X, Y, weights=P),
        tf.losses.softmax_cross_entropy(HOT, LOGITS), tf.losses.sparse_softmax_cross_entropy(LABELS, LOGITS),
        tf.losses.sigmoid_cross_entropy(HOT, LOGITS, label_smoothing=0.1), tf.losses.huber_loss(X, Y),
        tf.losses.hinge_loss(HOT, LOGITS), tf.losses.log_loss(HOT, P / 2.1), tf.losses.get_total_loss(),
    ],
    "schedules": lambda tf: [
        tf.train.exponential_decay(0.1, STEPS, 10, 0.5), tf.train.exponential_decay(0.1, STEPS, 10, 0.5, True),
        tf.train.inverse_time_decay(0.1, STEPS, 10, 0.5), tf.train.natural_exp_decay(0.1, STEPS, 10, 0.5),
        tf.train.polynomial_decay(0.1, STEPS, 30, 0.01, power=2.0),
        tf.train.cosine_decay(0.1, STEPS, 30), tf.train.linear_cosine_decay(0.1, STEPS, 30),
        tf.train.piecewise_constant(tf.constant(14), [10, 20], [1.0, 0.5, 0.1]),
    ],
    "map_fn": lambda tf: [
        tf.map_fn(lambda row: row * row[0], X), tf.scan(lambda a, x: a * x, X), tf.foldl(lambda a, x: a - x, X),
        tf.scan(lambda a, x: a + x, X, initializer=np.zeros(4, "float32"), reverse=True),
        tf.foldr(lambda a, x: a * 0.5 - x, X),
    ],
    "reverse_sequence": lambda tf: tf.reverse_sequence(SIGNAL, [4, 9], seq_axis=1, batch_axis=0),
    "image": lambda tf: [
        tf.image.resize_images(IMAGES, [5, 4], 1), tf.image.resize_images(IMAGES, [9, 5]),
        tf.image.resize_bilinear(IMAGES, [9, 5], align_corners=True),
        tf.image.resize_bilinear(IMAGES, [9, 5], half_pixel_centers=True),
        tf.image.resize_nearest_neighbor(IMAGES, [9, 5], half_pixel_centers=True),
        tf.image.flip_left_right(IMAGES), tf.image.flip_up_down(IMAGES[0]),
        tf.image.per_image_standardization(IMAGES), tf.image.rgb_to_grayscale(IMAGES),
        tf.image.adjust_brightness(IMAGES, 0.1), tf.image.adjust_contrast(IMAGES, 2.0),
        tf.image.central_crop(IMAGES, 0.5), tf.image.crop_to_bounding_box(IMAGES, 1, 2, 3, 4),
        tf.image.convert_image_dtype(np.uint8([[0, 128, 255]]), tf.float32),
    ],
}  # fmt: skip


def _slopes(tf, start, make):
    x = tf.placeholder_with_default(start, start.shape)
    return [tf.gradients(y, x)[0] for y in make(x)]
