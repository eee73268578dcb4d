"""Keras's ``backend`` module, with the functions over tensors that programs for Keras 2 call ``K.mean`` and so on."""

from __future__ import annotations

import importlib
from typing import Any

from epochal.errors import ArgumentError
from epochal.keras.naming import get_uid, reset_names
from epochal.keras.settings import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    is_float_dtype,
    is_int_dtype,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    standardize_dtype,
)
from epochal.tensor import Tensor
from epochal.tensor import result_dtype as _result_dtype


def clear_session(free_memory: bool = True) -> None:
    """Starts the numbering of names anew. Models hold their own state, so that there is nothing else to clear."""
    reset_names()


def is_keras_tensor(x: Any) -> bool:
    """Whether `x` is a symbolic tensor of a functional model."""
    return isinstance(x, Tensor) and x.is_symbolic


def result_type(*dtypes: Any) -> str:
    """The element type in which these meet."""
    return _result_dtype(*dtypes).name


_session: list[Any] = [None]

# Loaded on first use: from `keras.ops`, where name and arguments are the same or another name says the same ...
_OPS = {
    name: name
    for name in (
        "abs", "all", "any", "arange", "binary_crossentropy", "cast", "categorical_crossentropy", "cos", "dot", "elu",
        "equal", "exp", "greater", "greater_equal", "hard_sigmoid", "in_top_k", "less", "less_equal", "log",
        "max", "maximum", "min", "minimum", "ndim", "not_equal", "ones_like", "prod", "reshape", "round", "sigmoid",
        "sign", "sin", "softmax", "softplus", "softsign", "sparse_categorical_crossentropy", "square", "squeeze",
        "stack", "std", "stop_gradient", "sum", "tanh", "tile", "transpose", "var", "zeros_like",
    )
} | {"pow": "power", "logsumexp": "logsumexp"}  # fmt: skip
# ... and from `functions`, where Keras 2 had other arguments or defaults.
_FUNCTIONS = {
    name: name
    for name in (
        "argmax", "argmin", "batch_dot", "batch_flatten", "batch_get_value", "batch_set_value", "bias_add",
        "cast_to_floatx", "clip", "concatenate", "constant", "count_params", "cumprod", "cumsum", "dropout", "dtype",
        "expand_dims", "eye", "flatten", "gather", "get_value", "int_shape", "l2_normalize", "map_fn", "mean",
        "moving_average_update", "one_hot", "ones", "permute_dimensions", "random_bernoulli", "random_normal",
        "random_uniform", "relu", "repeat", "repeat_elements", "reverse", "set_value", "shape", "sqrt", "switch",
        "truncated_normal", "update", "update_add", "update_sub", "variable", "zeros",
    )
} | {"eval": "get_value"}  # fmt: skip


def __getattr__(name: str) -> Any:
    for home, names in (("keras.ops", _OPS), ("keras.backend.functions", _FUNCTIONS)):
        if name in names:
            return getattr(importlib.import_module(f"epochal.{home}"), names[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def set_session(session: Any) -> None:
    """Keeps the session for `get_session`. Older programs make one to set options; models here run without."""
    _session[0] = session


def get_session() -> Any:
    """The session that `set_session` was given.

    Raises:
        ArgumentError: None was.
    """
    if _session[0] is None:
        raise ArgumentError("There is no session: models run without one. Call `keras.backend.set_session` first.")
    return _session[0]


__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_session",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_session",
    "standardize_dtype",
]
