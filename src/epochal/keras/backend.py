"""Keras's ``backend`` module."""

from __future__ import annotations

from typing import Any

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


__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]
