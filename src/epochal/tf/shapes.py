"""TensorFlow's `TensorShape`: a shape that may be unknown in part. It is a tuple too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from epochal.errors import ShapeError


class Dimension(int):
    """A known dimension, with TensorFlow 1's `value`."""

    @property
    def value(self) -> int:
        return int(self)


class TensorShape(tuple):  # type: ignore[type-arg]
    """A shape; ``None`` is an unknown dimension.

    Attributes:
        rank: Number of dimensions.
    """

    __slots__ = ()

    def __new__(cls, dims: Iterable[int | None] | int | None = ()) -> TensorShape:
        if dims is None:
            raise ShapeError("A shape of unknown rank is not supported. Give its rank, as in [None, None].")
        entries = (dims,) if isinstance(dims, int) else tuple(dims)
        return super().__new__(cls, [None if size is None else Dimension(size) for size in entries])

    @property
    def rank(self) -> int:
        return len(self)

    @property
    def ndims(self) -> int:
        return len(self)

    @property
    def dims(self) -> list[Any]:
        return list(self)

    def as_list(self) -> list[int | None]:
        return [None if size is None else int(size) for size in self]

    def is_fully_defined(self) -> bool:
        return None not in self

    def assert_is_fully_defined(self) -> None:
        """Raises unless all dimensions are known.

        Raises:
            ShapeError: One is not.
        """
        if None in self:
            raise ShapeError(f"Shape {self} is not fully defined.")

    def assert_has_rank(self, rank: int) -> None:
        """Raises unless it has that many dimensions.

        Raises:
            ShapeError: It has not.
        """
        if len(self) != rank:
            raise ShapeError(f"Shape {self} must have rank {rank}.")

    def num_elements(self) -> int | None:
        """Number of elements, or ``None`` if a dimension is unknown."""
        total = 1
        for size in self:
            if size is None:
                return None
            total *= size
        return int(total)

    def is_compatible_with(self, other: Any) -> bool:
        """Whether some shape could be both."""
        sizes = tuple(other)
        return len(sizes) == len(self) and all(
            a is None or b is None or a == b for a, b in zip(self, sizes, strict=True)
        )

    def merge_with(self, other: Any) -> TensorShape:
        """What both know together.

        Raises:
            ShapeError: They contradict each other.
        """
        if not self.is_compatible_with(other):
            raise ShapeError(f"Shapes {self} and {TensorShape(other)} are not compatible.")
        return TensorShape([b if a is None else a for a, b in zip(self, other, strict=True)])

    def concatenate(self, other: Any) -> TensorShape:
        """The dimensions of both, one after another."""
        return self + TensorShape(other)

    def with_rank(self, rank: int) -> TensorShape:
        """Itself, if it has that many dimensions."""
        self.assert_has_rank(rank)
        return self

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return TensorShape(found) if isinstance(key, slice) else found

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, (tuple, list)) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return tuple(self) != tuple(other) if isinstance(other, (tuple, list)) else NotImplemented

    __hash__ = tuple.__hash__

    def __add__(self, other: Any) -> TensorShape:
        return TensorShape((*self, *other))

    def __radd__(self, other: Any) -> TensorShape:
        return TensorShape((*other, *self))

    def __str__(self) -> str:
        inner = ", ".join("None" if size is None else str(int(size)) for size in self)
        return f"({inner},)" if len(self) == 1 else f"({inner})"

    def __repr__(self) -> str:
        return f"TensorShape({self.as_list()})"
