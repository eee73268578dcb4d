"""Checks of integer arguments and the arithmetic of window sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal.errors import ArgumentError, ShapeError


def integers(value: Any, count: int, name: str, allow_zero: bool = False) -> tuple[int, ...]:
    """`value`, or the same integer for each axis.

    Raises:
        ArgumentError: Of another length, no integers, or not positive.
    """
    least = 0 if allow_zero else 1
    wanted = f"The `{name}` argument must be a tuple of {count} integers"
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        result: tuple[Any, ...] = (int(value),) * count
    else:
        try:
            result = tuple(value)
        except TypeError:
            raise ArgumentError(f"{wanted}. Received {name}={value}") from None
        if len(result) != count:
            raise ArgumentError(f"{wanted}. Received {name}={value}")
        if not all(isinstance(item, (int, np.integer)) and not isinstance(item, bool) for item in result):
            kinds = {type(item).__name__ for item in result}
            raise ArgumentError(f"{wanted}. Received {name}={value}, including values of type {kinds}")
    bad = {int(item) for item in result if item < least}
    if bad:
        raise ArgumentError(
            f"{wanted}. Received {name}={value}, including values {bad} that do not satisfy `value >= {least}`"
        )
    return tuple(int(item) for item in result)


def positive(value: Any, name: str) -> int:
    """`value` if it is a positive integer.

    Raises:
        ArgumentError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value <= 0:
        raise ArgumentError(
            f"Received an invalid value for `{name}`, expected a positive integer. Received: {name}={value!r}"
        )
    return int(value)


def padding_name(value: Any, causal: bool = False) -> str:
    """``"valid"``, ``"same"`` or, where it is allowed, ``"causal"``.

    Raises:
        ArgumentError: Anything else.
    """
    allowed = ("valid", "same", "causal") if causal else ("valid", "same")
    if not isinstance(value, str) or value.lower() not in allowed:
        raise ArgumentError(f"The `padding` argument must be one of {allowed}. Received: padding={value!r}")
    return value.lower()


def window_output(size: int | None, window: int, stride: int, padding: str, dilation: int = 1) -> int | None:
    """Places of a window along an axis of `size`."""
    if size is None:
        return None
    if padding == "valid":
        return (size - (window - 1) * dilation - 1) // stride + 1
    return -(-size // stride)


def check_output(sizes: tuple[int | None, ...], message: str) -> None:
    """Refuses sizes that are not positive.

    Raises:
        ShapeError: With `message`.
    """
    if any(size is not None and size <= 0 for size in sizes):
        raise ShapeError(message)
