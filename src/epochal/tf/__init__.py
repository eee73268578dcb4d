"""TensorFlow's interface: version 1's graphs, placeholders and sessions, and version 2's eager execution.

Both are here under one roof. Operations run at once unless a graph is current: inside
``with tf.Graph().as_default():``, or after ``tf.disable_eager_execution()``, which `epochal run` calls for scripts
written for version 1.
"""

from __future__ import annotations

import importlib
from typing import Any

from epochal.dtypes import (
    DType,
    bfloat16,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from epochal.dtypes import bool_ as bool
from epochal.dtypes import get as as_dtype
from epochal.tensor import GradientTape, Tensor, TensorSpec, function, is_tensor
from epochal.tf import compat, errors, losses, math, nn, random, train
from epochal.tf import initializers as initializers
from epochal.tf import logging as logging
from epochal.tf.array_ops import (
    broadcast_to,
    concat,
    constant,
    convert_to_tensor,
    expand_dims,
    eye,
    fill,
    gather,
    get_static_value,
    identity,
    linspace,
    one_hot,
    ones,
    ones_like,
    pad,
    range,
    rank,
    reshape,
    reverse,
    shape,
    size,
    slice,
    split,
    squeeze,
    stack,
    stop_gradient,
    tile,
    transpose,
    unstack,
    where,
    zeros,
    zeros_like,
)
from epochal.tf.config_proto import ConfigProto, GPUOptions
from epochal.tf.flow import (
    add_to_collection,
    cond,
    control_dependencies,
    device,
    get_collection,
    group,
    init_scope,
    name_scope,
    no_op,
    while_loop,
)
from epochal.tf.flow import tuple_ as tuple
from epochal.tf.gradients import clip_by_global_norm, clip_by_norm, global_norm, gradients
from epochal.tf.graph import (
    Graph,
    GraphKeys,
    Operation,
    disable_eager_execution,
    enable_eager_execution,
    executing_eagerly,
    get_default_graph,
    reset_default_graph,
)
from epochal.tf.initializers import (
    constant_initializer,
    glorot_normal_initializer,
    glorot_uniform_initializer,
    ones_initializer,
    random_normal_initializer,
    random_uniform_initializer,
    truncated_normal_initializer,
    zeros_initializer,
)
from epochal.tf.math_ops import (
    abs,
    acos,
    add,
    add_n,
    argmax,
    argmin,
    asin,
    atan,
    atan2,
    cast,
    ceil,
    clip_by_value,
    cos,
    cosh,
    cumsum,
    div,
    divide,
    einsum,
    equal,
    erf,
    exp,
    expm1,
    floor,
    floordiv,
    floormod,
    greater,
    greater_equal,
    is_finite,
    is_nan,
    less,
    less_equal,
    log,
    log1p,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    matmul,
    maximum,
    minimum,
    mod,
    mul,
    multiply,
    neg,
    negative,
    norm,
    not_equal,
    pow,
    reciprocal,
    reduce_all,
    reduce_any,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    squared_difference,
    sub,
    subtract,
    tan,
    tanh,
    tensordot,
    to_float,
    to_int32,
    truediv,
)
from epochal.tf.placeholders import placeholder, placeholder_with_default
from epochal.tf.random_ops import random_normal, random_shuffle, random_uniform, set_random_seed, truncated_normal
from epochal.tf.session import InteractiveSession, Session, get_default_session
from epochal.tf.shapes import Dimension, TensorShape
from epochal.tf.variables import (
    AUTO_REUSE,
    Variable,
    assign,
    assign_add,
    assign_sub,
    get_variable,
    get_variable_scope,
    global_variables,
    global_variables_initializer,
    initialize_all_variables,
    local_variables,
    local_variables_initializer,
    trainable_variables,
    variable_scope,
    variables_initializer,
)

newaxis = None
disable_v2_behavior = disable_eager_execution
enable_v2_behavior = enable_eager_execution
VERSION = __version__ = "2.21.0"
"""The TensorFlow whose interface this follows."""

_LAZY = {"keras": "epochal.keras"}


def __getattr__(name: str) -> Any:
    """Keras loads when it is first asked for; a name that is missing says so."""
    module = _LAZY.get(name)
    if module is not None:
        return importlib.import_module(module)
    raise AttributeError(f"module 'tensorflow' has no attribute {name!r} in Epochal yet")
