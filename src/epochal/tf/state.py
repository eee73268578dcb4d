"""Hidden state of sessions."""

from __future__ import annotations

from collections.abc import Callable

from epochal.ir import Array, TensorType
from epochal.tensor import Tensor
from epochal.tensor import context as contexts


class State:
    """Hidden state of a session that no program sees, such as a random operation's counter.

    Attributes:
        type: Element type and shape.
        name: For messages.
        first: A function that returns its first value in a session.
    """

    __slots__ = ("__weakref__", "first", "name", "type")

    def __init__(self, type_: TensorType, name: str, first: Callable[[], Array]) -> None:
        self.type = type_
        self.name = name
        self.first = first

    def __epochal_tensor__(self) -> Tensor:
        context = contexts.effective()
        return context.wrap(context.read(self))
