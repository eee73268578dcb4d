"""TensorFlow's `TensorShape`: a shape that may be unknown in part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from epochal.errors import ShapeError


class Dimension(int):
    """A known dimension, with TensorFlow 1's `value`."""

    @property
    def value(self) -> int:
        return int(self)


class TensorShape:
    """A shape; ``None`` is an unknown dimension.

    Attributes:
        rank: Number of dimensions.
    """

    __slots__ = ("_sizes",)

    def __init__(self, dims: Iterable[int | None] | int | None = ()) -> None:
        if dims is None:
            raise ShapeError("A shape of unknown rank is not supported. Give its rank, as in [None, None].")
        entries = (dims,) if isinstance(dims, int) else tuple(dims)
        self._sizes: tuple[int | None, ...] = tuple(None if size is None else int(size) for size in entries)

    @property
    def rank(self) -> int:
        return len(self._sizes)

    @property
    def ndims(self) -> int:
        return len(self._sizes)

    @property
    def dims(self) -> list[Any]:
        return [None if size is None else Dimension(size) for size in self._sizes]

    def as_list(self) -> list[int | None]:
        return list(self._sizes)

    def is_fully_defined(self) -> bool:
        return None not in self._sizes

    def num_elements(self) -> int | None:
        """Number of elements, or ``None`` if a dimension is unknown."""
        total = 1
        for size in self._sizes:
            if size is None:
                return None
            total *= size
        return total

    def is_compatible_with(self, other: Any) -> bool:
        """Whether some shape could be both."""
        sizes = tuple(other)
        return len(sizes) == len(self._sizes) and all(
            a is None or b is None or a == b for a, b in zip(self._sizes, sizes, strict=True)
        )

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[int | None]:
        return iter(self._sizes)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return TensorShape(self._sizes[key])
        size = self._sizes[key]
        return None if size is None else Dimension(size)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (TensorShape, tuple, list)):
            return tuple(self) == tuple(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._sizes)

    def __add__(self, other: Any) -> TensorShape:
        return TensorShape((*self._sizes, *other))

    def __str__(self) -> str:
        return (
            "("
            + ", ".join("None" if size is None else str(size) for size in self._sizes)
            + ("," if len(self._sizes) == 1 else "")
            + ")"
        )

    def __repr__(self) -> str:
        return f"TensorShape({list(self._sizes)})"
