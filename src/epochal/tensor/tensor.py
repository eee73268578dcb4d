"""What a user holds: an immutable array that either has its numbers (eager) or stands for a value of a graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from epochal import dtypes
from epochal.dtypes import DType
from epochal.errors import ArgumentError
from epochal.ir import Array, Symbol, TensorType, Value

_DTYPES = {dtype.numpy: dtype for dtype in dtypes.ALL}


class Tensor:
    """An immutable, dense array.

    Python's operators, indexing and comparison come from `epochal.tensor.operators`.

    Attributes:
        data: The numbers, a read-only array; ``None`` if the tensor is symbolic.
        value: The graph's value that it stands for; ``None`` if it is eager.
    """

    __slots__ = ("__dict__", "__weakref__", "data", "value")
    __array_priority__ = 100

    def __init__(self, data: Array | None = None, value: Value | None = None) -> None:
        self.data = data
        self.value = value

    @property
    def is_symbolic(self) -> bool:
        return self.data is None

    @property
    def type(self) -> TensorType:
        """Element type and shape; unknown dimensions are symbols."""
        if self.data is None:
            return self.value.type  # type: ignore[union-attr]
        return TensorType(_DTYPES[self.data.dtype], self.data.shape)

    @property
    def dtype(self) -> DType:
        return self.value.type.dtype if self.data is None else _DTYPES[self.data.dtype]  # type: ignore[union-attr]

    @property
    def dimensions(self) -> tuple[int | Symbol, ...]:
        """The shape, an unknown dimension as its symbol."""
        return self.value.type.shape if self.data is None else self.data.shape  # type: ignore[union-attr]

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape, an unknown dimension as ``None``."""
        if self.data is not None:
            return self.data.shape
        return tuple(None if isinstance(size, Symbol) else size for size in self.value.type.shape)  # type: ignore[union-attr]

    @property
    def ndim(self) -> int:
        return len(self.dimensions)

    @property
    def size(self) -> int | None:
        """Number of elements, or ``None`` if it is not known."""
        total = 1
        for size in self.shape:
            if size is None:
                return None
            total *= size
        return total

    def numpy(self) -> Array:
        """The numbers, as an array of their own.

        Raises:
            ArgumentError: The tensor is symbolic.
        """
        return self._concrete("numpy()").copy()

    def item(self) -> Any:
        """The single element, as a Python scalar."""
        return self._concrete("item()").item()

    def tolist(self) -> Any:
        return self._concrete("tolist()").tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        data = self._concrete("conversion to a NumPy array")
        if dtype is not None and data.dtype != dtype:
            return data.astype(dtype)
        return data.copy() if copy else data

    def __bool__(self) -> bool:
        if self.data is None:
            self._refuse(
                "its use as a Python bool (if, while, and, or, not)",
                "Use functions.cond, while_loop, where or logical_and instead (keras.ops.cond, tf.cond ...).",
            )
        if self.data.size != 1:
            raise ArgumentError(
                f"The truth of a tensor of shape {self.data.shape} is ambiguous. Reduce it first with any or all."
            )
        return bool(self.data.item())

    def __float__(self) -> float:
        return float(self._scalar("float"))

    def __int__(self) -> int:
        return int(self._scalar("int"))

    def __complex__(self) -> complex:
        return complex(self._scalar("complex"))

    def __index__(self) -> int:
        data = self._concrete("its use as a Python index")
        if data.ndim or data.dtype.kind not in "iu":
            raise TypeError(f"Only an integer scalar can be an index. Received: {self.type}")
        return int(data)

    def __len__(self) -> int:
        shape = self.shape
        if not shape:
            raise TypeError("A scalar tensor has no len().")
        if shape[0] is None:
            self._refuse("len()", "Its first dimension is known only when the graph runs.")
        return shape[0]

    def __format__(self, specification: str) -> str:
        if self.data is not None and self.data.ndim == 0:
            return format(self.data.item(), specification)
        return format(str(self), specification)

    def __repr__(self) -> str:
        if self.data is None:
            return f"<Tensor symbolic shape={self.shape} dtype={self.dtype.name}>"
        text = repr(self.data) if self.data.ndim else str(self.data)
        text = f"\n{text}" if "\n" in text else text
        return f"<tf.Tensor: shape={self.shape}, dtype={self.dtype.name}, numpy={text}>"

    def __str__(self) -> str:
        """As TensorFlow prints: scripts' output is compared with what their tutorials show."""
        if self.data is None:
            return repr(self)
        text = str(self.data)
        text = f"\n{text}" if "\n" in text else text
        return f"tf.Tensor({text}, shape={self.shape}, dtype={self.dtype.name})"

    def __reduce__(self) -> tuple[Any, ...]:
        return eager, (self._concrete("pickling"),)

    def __copy__(self) -> Tensor:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        return self

    def _scalar(self, name: str) -> Any:
        data = self._concrete(f"conversion to {name}")
        if data.size != 1:
            raise TypeError(f"Only a tensor of one element converts to {name}. Received shape: {data.shape}")
        return data.item()

    def _concrete(self, use: str) -> Array:
        if self.data is None:
            self._refuse(use, "It has no numbers until the graph runs. Return it from the traced function instead.")
        return self.data

    def _refuse(self, use: str, remedy: str) -> NoReturn:
        raise ArgumentError(f"A symbolic tensor ({self.type}) does not allow {use}. {remedy}")


def eager(array: Array) -> Tensor:
    """A tensor around an array that no one else writes; it is made read-only."""
    array.flags.writeable = False
    return Tensor(array)


class TensorSpec:
    """Shape and element type of an argument.

    Attributes:
        shape: ``None`` stands for an unknown dimension.
        dtype: Element type.
        name: For messages.
    """

    __slots__ = ("dtype", "name", "shape")

    def __init__(self, shape: Iterable[int | None] = (), dtype: Any = "float32", name: str | None = None) -> None:
        self.shape: tuple[int | None, ...] = tuple(None if size is None else int(size) for size in shape)
        self.dtype = dtypes.get(dtype)
        self.name = name

    @property
    def type(self) -> TensorType:
        """The type; each unknown dimension a new symbol."""
        return TensorType(self.dtype, tuple(Symbol() if size is None else size for size in self.shape))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorSpec) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype.name}, name={self.name!r})"


def is_tensor(value: Any) -> bool:
    """Whether `value` is a `Tensor`."""
    return isinstance(value, Tensor)
