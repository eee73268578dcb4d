"""TensorFlow's interface: version 1's graphs, placeholders and sessions, and version 2's eager execution.

Both are here under one roof. Operations run at once unless a graph is current: inside
``with tf.Graph().as_default():``, or after ``tf.disable_eager_execution()``, which `epochal run` calls for scripts
written for version 1.
"""

from __future__ import annotations

import importlib
from typing import Any

# What each module contributes, loaded when a name of it is first asked for: ``public`` or ``public=own name there``.
_NAMES = {
    "epochal.dtypes": (
        "DType as_dtype=get bfloat16 bool=bool_ float16 float32 float64 int16 int32 int64 int8 uint16 uint32 "
        "uint64 uint8"
    ),
    "epochal.tensor.functions": ("custom_gradient"),
    "epochal.tensor": ("GradientTape Tensor TensorSpec function is_tensor"),
    "epochal.tf.array_ops": (
        "broadcast_static_shape depth_to_space dimension_value ensure_shape lin_space=linspace space_to_depth "
        "broadcast_to concat constant convert_to_tensor expand_dims eye fill gather get_static_value identity "
        "linspace one_hot ones ones_like pad range rank reshape reverse shape size slice split squeeze stack "
        "stop_gradient tile transpose unstack where zeros zeros_like"
    ),
    "epochal.tf.checks": (
        "assert_equal assert_greater assert_greater_equal assert_less assert_less_equal assert_non_negative "
        "assert_positive assert_rank check_numerics"
    ),
    "epochal.tf.config_proto": ("ConfigProto GPUOptions"),
    "epochal.tf.flow": (
        "initialize_all_tables tables_initializer add_to_collections get_collection_ref "
        "add_to_collection case cond control_dependencies device get_collection group init_scope name_scope no_op "
        "switch_case tuple=tuple_ while_loop"
    ),
    "epochal.tf.differentiation": (
        "UnconnectedGradients clip_by_average_norm hessians clip_by_global_norm clip_by_norm global_norm gradients"
    ),
    "epochal.tf.functional": ("vectorized_map foldl foldr map_fn scan"),
    "epochal.tf.graph": (
        "Graph GraphKeys Operation disable_eager_execution enable_eager_execution executing_eagerly "
        "get_default_graph reset_default_graph disable_v2_behavior=disable_eager_execution "
        "enable_v2_behavior=enable_eager_execution"
    ),
    "epochal.tf.initializers": (
        "constant_initializer glorot_normal_initializer glorot_uniform_initializer ones_initializer "
        "identity_initializer orthogonal_initializer random_normal_initializer random_uniform_initializer "
        "truncated_normal_initializer variance_scaling_initializer zeros_initializer"
    ),
    "epochal.tf.linalg": (
        "matrix_diag=diag matrix_diag_part=diag_part matrix_solve_ls=lstsq qr cross "
        "cholesky matrix_band_part=band_part matrix_determinant=det matrix_inverse=inv "
        "matrix_set_diag=set_diag matrix_solve=solve matrix_transpose "
        "matrix_triangular_solve=triangular_solve self_adjoint_eig=eigh svd"
    ),
    "epochal.tf.math_ops": (
        "arg_max arg_min invert_permutation saturate_cast truncatediv "
        "abs accumulate_n acos acosh add add_n argmax argmin asin asinh atan atan2 atanh batch_matmul cast "
        "ceil clip_by_value confusion_matrix cos cosh count_nonzero cumprod cumsum digamma div "
        "div_no_nan=divide_no_nan divide einsum equal erf erfc exp expm1 floor floor_div=floordiv floordiv "
        "floormod greater greater_equal is_finite is_inf is_nan less less_equal lgamma log log1p log_sigmoid "
        "logical_and logical_not logical_or logical_xor matmul maximum minimum mod mul multiply neg negative "
        "norm not_equal pow realdiv=truediv reciprocal reduce_all reduce_any reduce_logsumexp reduce_max "
        "reduce_mean reduce_min reduce_prod reduce_sum rint round rsqrt scalar_mul sigmoid sign sin sinh sqrt "
        "square squared_difference sub subtract tan tanh tensordot to_double to_float to_int32 to_int64 "
        "truediv"
    ),
    "epochal.tf.module": ("Module"),
    "epochal.tf.nn": ("l2_normalize"),
    "epochal.tf.picking": (
        "argsort boolean_mask diag diag_part dynamic_partition gather_nd meshgrid repeat roll scatter_nd "
        "searchsorted sequence_mask sort tensor_scatter_nd_add tensor_scatter_nd_update "
        "tensor_scatter_add=tensor_scatter_nd_add tensor_scatter_update=tensor_scatter_nd_update trace unique"
    ),
    "epochal.tf.placeholders": ("placeholder placeholder_with_default"),
    "epochal.tf.printing": ("Print print"),
    "epochal.tf.python_functions": ("numpy_function py_func py_function"),
    "epochal.tf.random_ops": (
        "multinomial random_gamma random_normal random_shuffle random_uniform set_random_seed truncated_normal"
    ),
    "epochal.tf.rnn": ("reverse_sequence"),
    "epochal.tf.segments": (
        "bincount segment_max segment_mean segment_min segment_sum unsorted_segment_max unsorted_segment_mean "
        "unsorted_segment_min unsorted_segment_sum"
    ),
    "epochal.tf.session": ("InteractiveSession Session get_default_session"),
    "epochal.tf.shapes": ("Dimension TensorShape"),
    "epochal.tf.scopes": (
        "VariableScope get_local_variable make_template AUTO_REUSE get_variable get_variable_scope variable_scope"
    ),
    "epochal.tf.image": ("random_crop"),
    "epochal.tf.errors": ("OpError"),
    "epochal.tf.refused": ("distribute distributions estimator feature_column lookup ragged saved_model tpu"),
    "epochal.tf.switches": (
        "GraphOptions OptimizerOptions RunMetadata RunOptions disable_control_flow_v2 disable_resource_variables "
        "disable_tensor_equality disable_v2_tensorshape enable_control_flow_v2 enable_resource_variables "
        "enable_tensor_equality enable_v2_tensorshape get_logger"
    ),
    "epochal.tf.variables": (
        "all_variables initialize_local_variables initialize_variables model_variables moving_average_variables "
        "Variable assign assign_add assign_sub is_variable_initialized report_uninitialized_variables scatter_add "
        "scatter_sub scatter_update global_variables global_variables_initializer initialize_all_variables "
        "local_variables local_variables_initializer trainable_variables variables_initializer"
    ),
}
_MODULES = {
    "app": "epochal.tf.app",
    "compat": "epochal.tf.compat",
    "config": "epochal.tf.config",
    "contrib": "epochal.tf.contrib",
    "data": "epochal.tf.data",
    "debugging": "epochal.tf.debugging",
    "errors": "epochal.tf.errors",
    "flags": "epochal.tf.flags",
    "gfile": "epochal.tf.gfile",
    "image": "epochal.tf.image",
    "initializers": "epochal.tf.initializers",
    "io": "epochal.tf.io",
    "keras": "epochal.keras",
    "layers": "epochal.tf.layers",
    "linalg": "epochal.tf.linalg",
    "logging": "epochal.tf.logging",
    "losses": "epochal.tf.losses",
    "math": "epochal.tf.math",
    "metrics": "epochal.tf.metrics",
    "nest": "epochal.tf.nest",
    "nn": "epochal.tf.nn",
    "optimizers": "epochal.keras.optimizers",
    "random": "epochal.tf.random",
    "signal": "epochal.tf.signal",
    "sparse": "epochal.tf.sparse",
    "strings": "epochal.tf.strings",
    "summary": "epochal.tf.summary",
    "test": "epochal.tf.test",
    "train": "epochal.tf.train",
}
_SOURCES = {
    public: (module, own or public)
    for module, names in _NAMES.items()
    for public, _, own in (entry.partition("=") for entry in names.split())
}

newaxis = None
VERSION = __version__ = "2.21.0"  # the TensorFlow whose interface this follows


def __getattr__(name: str) -> Any:
    source = _SOURCES.get(name)
    if source is not None:
        value = getattr(importlib.import_module(source[0]), source[1])
    elif name in _MODULES:
        value = importlib.import_module(_MODULES[name])
    else:
        refused = importlib.import_module("epochal.tf.refused")
        if name in refused.NAMES:
            refused.refuse(name)
        raise AttributeError(f"module 'tensorflow' has no attribute {name!r} in Epochal yet")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_SOURCES, *_MODULES})
