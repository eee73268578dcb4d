"""A callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epochal.errors import ArgumentError
from epochal.keras.callbacks.callback import Callback

_Hook = Callable[..., Any] | None


class LambdaCallback(Callback):
    """Calls the functions it is given; any hook of `Callback` may be named.

    Example:
        >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    """

    def __init__(
        self,
        on_epoch_begin: _Hook = None,
        on_epoch_end: _Hook = None,
        on_train_begin: _Hook = None,
        on_train_end: _Hook = None,
        on_train_batch_begin: _Hook = None,
        on_train_batch_end: _Hook = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        hooks: dict[str, Any] = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, value in kwargs.items():
            if name.startswith("on_") and not hasattr(Callback, name):
                raise ArgumentError(f"LambdaCallback: {name!r} is no hook of a callback.")
            hooks[name] = value
        for name, value in hooks.items():
            if value is not None:
                setattr(self, name, value)
