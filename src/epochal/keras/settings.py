"""Keras's process-wide settings: numeric defaults, logging, safety of loading, limits."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

from epochal import config, dtypes
from epochal.errors import ArgumentError, NotSupportedError


@dataclass
class _State:
    epsilon: float = 1e-7
    image_data_format: str = "channels_last"
    interactive_logging: bool = True
    unsafe_deserialization: bool = False
    traceback_filtering: bool = True
    max_epochs: int | None = None
    max_steps_per_epoch: int | None = None


_state = _State()


def floatx() -> str:
    """Element type of weights and of Python floats, ``"float32"`` unless changed."""
    return config.floatx()


def set_floatx(value: str) -> None:
    """Sets `floatx`.

    Raises:
        ArgumentError: Not a floating point type.
    """
    config.set_floatx(value)


def epsilon() -> float:
    """The fuzz factor, 1e-7 unless changed."""
    return _state.epsilon


def set_epsilon(value: float) -> None:
    """Sets `epsilon`."""
    _state.epsilon = float(value)


def image_data_format() -> str:
    """``"channels_last"``."""
    return _state.image_data_format


def set_image_data_format(data_format: str) -> None:
    """Sets where the channels axis of images is by default.

    Raises:
        ArgumentError: Neither ``"channels_last"`` nor ``"channels_first"``.
    """
    _state.image_data_format = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """`data_format` checked; ``None`` is the default."""
    if data_format is None:
        return _state.image_data_format
    name = str(data_format).lower()
    if name not in ("channels_first", "channels_last"):
        raise ArgumentError(
            "The `data_format` argument must be one of {'channels_first', 'channels_last'}. "
            f"Received: data_format={data_format}"
        )
    return name


def standardize_dtype(dtype: Any) -> str:
    """The name of an element type; ``None`` is `floatx`."""
    return floatx() if dtype is None else dtypes.get(dtype).name


def is_float_dtype(dtype: Any) -> bool:
    return dtypes.get(dtype).is_floating


def is_int_dtype(dtype: Any) -> bool:
    return dtypes.get(dtype).is_integer


def backend() -> str:
    """The name of the engine under Keras."""
    return "epochal"


def set_backend(backend: str) -> None:
    """Keras's switch between frameworks. Epochal is its own; see `epochal.config.set_backend` for its engines."""
    if backend != "epochal":
        raise NotSupportedError(
            f"Epochal runs Keras on its own engine. Received: backend={backend!r}. "
            "Choose an engine with epochal.config.set_backend."
        )


def is_interactive_logging_enabled() -> bool:
    return _state.interactive_logging


def enable_interactive_logging() -> None:
    """Progress goes to standard output as a bar."""
    _state.interactive_logging = True


def disable_interactive_logging() -> None:
    """Progress goes to the log, without a bar."""
    _state.interactive_logging = False


def enable_unsafe_deserialization() -> None:
    """Allows loading models that carry Python code (`Lambda`). Only for files you trust."""
    _state.unsafe_deserialization = True


def is_unsafe_deserialization_enabled() -> bool:
    return _state.unsafe_deserialization


def enable_traceback_filtering() -> None:
    _state.traceback_filtering = True


def disable_traceback_filtering() -> None:
    _state.traceback_filtering = False


def is_traceback_filtering_enabled() -> bool:
    return _state.traceback_filtering


def max_epochs() -> int | None:
    """Limit on the epochs of `fit`, or ``None``."""
    return _state.max_epochs


def set_max_epochs(max_epochs: int | None) -> None:
    _state.max_epochs = None if max_epochs is None else operator.index(max_epochs)


def max_steps_per_epoch() -> int | None:
    """Limit on the steps of an epoch, or ``None``."""
    return _state.max_steps_per_epoch


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    _state.max_steps_per_epoch = None if max_steps_per_epoch is None else operator.index(max_steps_per_epoch)


def is_nnx_enabled() -> bool:
    return False


def is_flash_attention_enabled() -> bool:
    return False


def enable_flash_attention() -> None:
    """No effect: attention is compiled as a whole."""


def disable_flash_attention() -> None:
    """No effect: attention is compiled as a whole."""
