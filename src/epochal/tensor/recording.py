"""The gradient tapes that are recording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from epochal.ir import Graph, Operator
from epochal.tensor.tensor import Tensor


class Recorder(Protocol):
    """What a tape offers to the dispatcher."""

    def record(
        self,
        operation: Operator | Graph,
        parameters: Mapping[str, Any],
        inputs: tuple[Tensor, ...],
        outputs: tuple[Tensor, ...],
    ) -> None:
        """Notes an operation, or a whole graph that ran at once."""
        ...

    def read(self, variable: Any, tensor: Tensor) -> None:
        """Notes that `tensor` is what a variable held when it was read."""
        ...


TAPES: ContextVar[tuple[Recorder, ...]] = ContextVar("tapes", default=())


@contextmanager
def without(recorder: Recorder) -> Iterator[None]:
    """Inside the block `recorder` does not record."""
    token = TAPES.set(tuple(tape for tape in TAPES.get() if tape is not recorder))
    try:
        yield
    finally:
        TAPES.reset(token)
