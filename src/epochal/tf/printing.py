"""`tf.print` and `tf.Print`."""

from __future__ import annotations

import builtins
import sys
from typing import Any

from epochal.errors import NotSupportedError
from epochal.tensor import Tensor
from epochal.tf.array_ops import identity
from epochal.tf.conversion import holds_tensor, to_tensor


def print(
    *inputs: Any, output_stream: Any = None, summarize: int = 3, sep: str = " ", end: str = "\n", name: Any = None
) -> None:
    """Prints values (eager execution).

    Raises:
        NotSupportedError: In a graph.
    """
    shown = [to_tensor(item) if holds_tensor(item) else item for item in inputs]
    if any(isinstance(item, Tensor) and item.data is None for item in shown):
        raise NotSupportedError("tf.print in a graph is not supported. Fetch the tensor with session.run and print it.")
    texts = [str(item.numpy()) if isinstance(item, Tensor) else str(item) for item in shown]
    builtins.print(*texts, sep=sep, end=end, file=output_stream or sys.stderr)


def Print(
    input_: Any,
    data: Any,
    message: str | None = None,
    first_n: Any = None,
    summarize: Any = None,
    name: str | None = None,
) -> Tensor:
    """`input_` itself; in eager execution `data` is printed, in a graph nothing is."""
    tensor = to_tensor(input_)
    if tensor.data is not None:
        print(message or "", *data)
        return tensor
    return identity(tensor)
