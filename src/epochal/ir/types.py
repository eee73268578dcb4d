"""Types of values: an element type and a shape, whose dimensions may be unknown while a graph is built."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from epochal import dtypes
from epochal.dtypes import DType

if TYPE_CHECKING:
    from epochal.ir.graph import Value

_serial = itertools.count()


class Symbol:
    """A dimension that is not known yet. It is equal only to itself.

    Attributes:
        name: What a person sees in a printed shape.
        origin: The value and axis whose size this is, or ``(value, None)`` when the symbol is the integer that a
            scalar value holds. `specialise` follows it when nothing else has bound the symbol. ``None`` for the
            dimension of an input.
    """

    __slots__ = ("name", "origin", "serial")

    def __init__(self, name: str | None = None, origin: tuple[Value, int | None] | None = None) -> None:
        self.serial = next(_serial)
        self.name = name or f"n{self.serial}"
        self.origin = origin

    def __repr__(self) -> str:
        return self.name


Dimension: TypeAlias = int | Symbol
Shape: TypeAlias = tuple[Dimension, ...]


def is_static(shape: Iterable[Any]) -> TypeGuard[tuple[int, ...]]:
    """Whether every dimension of a shape is known."""
    return all(not isinstance(dimension, Symbol) for dimension in shape)


@dataclass(frozen=True, slots=True)
class TensorType:
    """The type of one value.

    Attributes:
        dtype: Element type.
        shape: One entry an axis; row-major.
    """

    dtype: DType
    shape: Shape = ()

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_static(self) -> bool:
        return is_static(self.shape)

    @property
    def size(self) -> int:
        """Number of elements; the shape must be static."""
        total = 1
        for dimension in self.shape:
            assert isinstance(dimension, int), f"the size of {self} is not known yet"
            total *= dimension
        return total

    @property
    def bytes(self) -> int:
        return int(self.size * self.dtype.itemsize)

    def with_shape(self, shape: Iterable[Dimension]) -> TensorType:
        return TensorType(self.dtype, tuple(shape))

    def with_dtype(self, dtype: DType) -> TensorType:
        return TensorType(dtype, self.shape)

    def __str__(self) -> str:
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]"


def tensor_type(dtype: Any, shape: Iterable[Dimension] = ()) -> TensorType:
    """`TensorType` from anything that names an element type."""
    return TensorType(dtypes.get(dtype), tuple(shape))
