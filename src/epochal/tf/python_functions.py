"""Python functions as operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from epochal.errors import NotSupportedError
from epochal.tf.conversion import to_tensor


def numpy_function(
    func: Callable[..., Any],
    inp: Sequence[Any],
    Tout: Any,
    stateful: bool = True,
    name: str | None = None,
) -> Any:
    """`func` of the arrays, its results as tensors (eager execution).

    Raises:
        NotSupportedError: In a graph.
    """
    tensors = [to_tensor(value) for value in inp]
    if any(tensor.data is None for tensor in tensors):
        raise NotSupportedError(
            "Python functions in a graph (py_func, numpy_function, py_function) are not supported. Compute with NumPy "
            "before feeding, or after fetching."
        )
    result = func(*[tensor.numpy() for tensor in tensors])
    if isinstance(Tout, (list, tuple)):
        parts = result if isinstance(result, (list, tuple)) else [result]
        return [to_tensor(part, kind) for part, kind in zip(parts, Tout, strict=True)]
    return to_tensor(result, Tout)


py_func = py_function = numpy_function
