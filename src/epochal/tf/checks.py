"""Assertions: made at once in eager execution; in a graph, only of what is known while it is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from epochal.errors import NotSupportedError
from epochal.tensor import Tensor
from epochal.tf.conversion import pair, to_tensor
from epochal.tf.errors import InvalidArgumentError
from epochal.tf.flow import no_op


def _comparison(symbol: str, holds: Callable[..., Any]) -> Callable[..., Any]:
    def check(
        x: Any, y: Any, message: str | None = None, summarize: Any = None, name: str | None = None, data: Any = None
    ) -> Any:
        first, second = pair("Assert", x, y)
        if first.data is None or second.data is None:
            return no_op()
        if not np.all(holds(first.data, second.data)):
            raise InvalidArgumentError(
                None, None, f"{message or ''} Condition x {symbol} y did not hold. x = {first.data}, y = {second.data}"
            )
        return no_op()

    check.__doc__ = f"""Raises unless ``x {symbol} y`` for all elements.

    In a graph only numbers known while it is built are compared; others are not checked when it runs.
    """
    return check


assert_equal = _comparison("==", np.equal)
assert_none_equal = _comparison("!=", np.not_equal)
assert_less = _comparison("<", np.less)
assert_less_equal = _comparison("<=", np.less_equal)
assert_greater = _comparison(">", np.greater)
assert_greater_equal = _comparison(">=", np.greater_equal)


def assert_positive(
    x: Any, data: Any = None, summarize: Any = None, message: str | None = None, name: str | None = None
) -> Any:
    """Raises unless all elements are above 0; see `assert_equal` about graphs."""
    return assert_greater(x, 0, message)


def assert_non_negative(
    x: Any, data: Any = None, summarize: Any = None, message: str | None = None, name: str | None = None
) -> Any:
    """Raises unless all elements are 0 or above; see `assert_equal` about graphs."""
    return assert_greater_equal(x, 0, message)


def assert_rank(
    x: Any, rank: int, data: Any = None, summarize: Any = None, message: str | None = None, name: str | None = None
) -> Any:
    """Raises unless `x` has `rank` axes."""
    tensor = to_tensor(x)
    if tensor.ndim != int(rank):
        raise InvalidArgumentError(
            None,
            None,
            f"{message or ''} Tensor must have rank {rank}. Received rank {tensor.ndim}, shape {tensor.shape}",
        )
    return no_op()


def check_numerics(tensor: Any, message: str = "", name: str | None = None) -> Tensor:
    """`tensor` itself, unless an element is infinite or NaN (eager execution).

    Raises:
        InvalidArgumentError: One is.
        NotSupportedError: In a graph.
    """
    value = to_tensor(tensor)
    if value.data is None:
        raise NotSupportedError("check_numerics in a graph is not supported. Fetch the tensor and look at its numbers.")
    if not np.isfinite(value.data).all():
        raise InvalidArgumentError(None, None, f"{message} : Tensor had NaN or Inf values")
    return value


def enable_check_numerics(stack_height_limit: int = 30, path_length_limit: int = 50) -> None:
    """Not supported.

    Raises:
        NotSupportedError: Always.
    """
    raise NotSupportedError("enable_check_numerics is not supported. Use tf.keras.callbacks.TerminateOnNaN.")
