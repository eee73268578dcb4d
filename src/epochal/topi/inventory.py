"""The inventory: every operator, listed once. To carry Epochal to another engine is to fill one table beside it."""

from __future__ import annotations

from epochal.ir import Builder, Operator
from epochal.topi import (
    activation,
    along_axis,
    attention,
    bitcast,
    call,
    composite,
    contraction,
    control,
    convolution,
    cross_entropy,
    cumulative,
    deferred,
    distributions,
    elementwise,
    elementwise_binary,
    factorization,
    fourier,
    group_normalization,
    gru,
    indexing,
    linear_solve,
    lstm,
    masking,
    movement,
    normalization,
    ordering,
    placement,
    random,
    reduction,
    scatter,
    simple_rnn,
    sorting,
    special,
    window,
)  # fmt: skip

OPERATORS: tuple[Operator, ...] = (
    # Elementwise, of one operand.
    elementwise.neg, elementwise.abs_, elementwise.sign, elementwise.square,
    elementwise.floor, elementwise.ceil, elementwise.round_,
    elementwise.exp, elementwise.expm1, elementwise.log, elementwise.log1p,
    elementwise.sqrt, elementwise.rsqrt, elementwise.reciprocal,
    elementwise.sin, elementwise.cos, elementwise.tan,
    elementwise.asin, elementwise.acos, elementwise.atan,
    elementwise.sinh, elementwise.cosh, elementwise.tanh,
    elementwise.asinh, elementwise.acosh, elementwise.atanh,
    elementwise.sigmoid, elementwise.erf, elementwise.erfc, elementwise.relu,
    elementwise.normal_cdf, elementwise.normal_pdf, elementwise.normal_cdf_tanh,
    elementwise.is_finite, elementwise.is_nan, elementwise.logical_not, elementwise.bitwise_not,
    elementwise.stop_gradient, elementwise.cast,
    special.erf_inv, special.lgamma, special.digamma, special.polygamma,
    bitcast.bitcast,
    # Elementwise, of two and three operands.
    elementwise_binary.add, elementwise_binary.sub, elementwise_binary.mul, elementwise_binary.div,
    elementwise_binary.floor_div, elementwise_binary.rem, elementwise_binary.pow_,
    elementwise_binary.maximum, elementwise_binary.minimum, elementwise_binary.atan2,
    elementwise_binary.equal, elementwise_binary.not_equal, elementwise_binary.less, elementwise_binary.less_equal,
    elementwise_binary.greater, elementwise_binary.greater_equal,
    elementwise_binary.logical_and, elementwise_binary.logical_or, elementwise_binary.logical_xor,
    elementwise_binary.bitwise_and, elementwise_binary.bitwise_or, elementwise_binary.bitwise_xor,
    elementwise_binary.shift_left, elementwise_binary.shift_right,
    elementwise_binary.select, elementwise_binary.clamp,
    # Movement.
    movement.broadcast, movement.reshape, movement.transpose, movement.reverse, movement.iota, movement.shape_of,
    placement.slice_, placement.pad, placement.concat, placement.dynamic_slice, placement.dynamic_update,
    # Reductions.
    reduction.sum_, reduction.prod, reduction.max_, reduction.min_, reduction.any_, reduction.all_,
    reduction.argmax, reduction.argmin, reduction.cumulative_sum,
    cumulative.cumulative_prod, cumulative.cumulative_max, cumulative.cumulative_min,
    sorting.sort, sorting.argsort, sorting.top_k, sorting.searchsorted,
    # Contractions.
    contraction.dot_general,
    convolution.conv, convolution.conv_data_gradient, convolution.conv_weight_gradient,
    # Linear algebra.
    linear_solve.solve, linear_solve.triangular_solve, linear_solve.inverse,
    linear_solve.determinant, linear_solve.log_determinant,
    factorization.cholesky, factorization.qr, factorization.eigh, factorization.svd,
    fourier.fft, fourier.ifft, fourier.rfft, fourier.irfft,
    # Windows.
    window.max_pool, window.max_pool_gradient, window.max_pool_select, window.avg_pool, window.avg_pool_gradient,
    # Indexing.
    indexing.gather, indexing.scatter_add,
    scatter.scatter_set, scatter.scatter_max, scatter.scatter_min,
    along_axis.take_along_axis, along_axis.scatter_add_along_axis,
    masking.mask_positions, masking.boolean_mask,
    # Random numbers.
    random.random_bits, random.random_uniform, random.random_normal,
    distributions.random_truncated_normal, distributions.random_bernoulli, distributions.random_categorical,
    distributions.random_permutation, distributions.random_gamma,
    # Control flow.
    control.cond, control.while_loop, control.scan, call.call, ordering.after,
    # Composites.
    composite.softmax, composite.log_softmax, composite.logsumexp, composite.softplus,
    activation.gelu, activation.silu,
    cross_entropy.softmax_cross_entropy, cross_entropy.sparse_softmax_cross_entropy,
    cross_entropy.sigmoid_cross_entropy,
    normalization.layer_norm, normalization.batch_norm_training, group_normalization.group_norm,
    attention.attention, attention.attention_gradient,
    simple_rnn.simple_rnn, simple_rnn.simple_rnn_gradient, lstm.lstm, lstm.lstm_gradient,
    gru.gru, gru.gru_gradient,
    # Deferred until shapes are known.
    deferred.variable_read, deferred.variable_assign, deferred.gradient_request,
)  # fmt: skip

INVENTORY: dict[str, Operator] = {operator.name: operator for operator in OPERATORS}

# Builds graphs without gradients; `epochal.autodiff` has the builder that differentiates.
BUILD = Builder(INVENTORY)
