"""Element types: one interned object a type, shared by every layer.

A `DType` compares equal to its name and to the NumPy dtype, so `tensor.dtype == "float32"` works as in Keras.
"""

from __future__ import annotations

from typing import Any, Final

import ml_dtypes
import numpy as np

from epochal.errors import DTypeError


class DType:
    """An element type.

    Attributes:
        name: The name that Keras and TensorFlow use, such as ``"float32"``.
        numpy: The NumPy dtype that stores it.
        kind: One of ``"float"``, ``"int"``, ``"uint"``, ``"bool"``.
        itemsize: Bytes an element.
    """

    __slots__ = ("itemsize", "kind", "name", "numpy")

    def __init__(self, name: str, numpy: Any, kind: str) -> None:
        self.name = name
        self.numpy: np.dtype[Any] = np.dtype(numpy)
        self.kind = kind
        self.itemsize = self.numpy.itemsize

    @property
    def is_floating(self) -> bool:
        return self.kind == "float"

    @property
    def is_integer(self) -> bool:
        return self.kind in ("int", "uint")

    @property
    def is_bool(self) -> bool:
        return self.kind == "bool"

    @property
    def as_numpy_dtype(self) -> type:
        """The NumPy scalar type, under TensorFlow's name."""
        return self.numpy.type

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DType):
            return self is other
        if isinstance(other, str):
            return self.name == other
        if isinstance(other, (np.dtype, type)):
            return _BY_NUMPY.get(np.dtype(other)) is self if _is_numpy_type(other) else False
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"epochal.{self.name}"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return get, (self.name,)


def _is_numpy_type(value: object) -> bool:
    if isinstance(value, np.dtype):
        return True
    return isinstance(value, type) and (issubclass(value, np.generic) or value in (float, int, bool))


float16: Final = DType("float16", np.float16, "float")
bfloat16: Final = DType("bfloat16", ml_dtypes.bfloat16, "float")
float32: Final = DType("float32", np.float32, "float")
float64: Final = DType("float64", np.float64, "float")
int8: Final = DType("int8", np.int8, "int")
int16: Final = DType("int16", np.int16, "int")
int32: Final = DType("int32", np.int32, "int")
int64: Final = DType("int64", np.int64, "int")
uint8: Final = DType("uint8", np.uint8, "uint")
uint16: Final = DType("uint16", np.uint16, "uint")
uint32: Final = DType("uint32", np.uint32, "uint")
uint64: Final = DType("uint64", np.uint64, "uint")
bool_: Final = DType("bool", np.bool_, "bool")

ALL: Final[tuple[DType, ...]] = (
    float16, bfloat16, float32, float64,
    int8, int16, int32, int64, uint8, uint16, uint32, uint64, bool_,
)  # fmt: skip
FLOATS: Final = tuple(dtype for dtype in ALL if dtype.is_floating)
_BY_NAME: Final = {**{dtype.name: dtype for dtype in ALL}, "float": float32}  # TensorFlow calls float32 so, too
_BY_NUMPY: Final = {dtype.numpy: dtype for dtype in ALL}


def get(dtype: Any) -> DType:
    """The `DType` for a name, a NumPy dtype, a Python type or a `DType`.

    Raises:
        DTypeError: If there is no such element type.
    """
    if isinstance(dtype, DType):
        return dtype
    if isinstance(dtype, str):
        found = _BY_NAME.get(dtype)
        if found is not None:
            return found
    if dtype is float:
        return float32
    if dtype is int:
        return int32
    try:
        found = _BY_NUMPY.get(np.dtype(dtype).newbyteorder("="))  # arrays of the other byte order are converted
    except TypeError:
        found = None
    if found is None:
        names = ", ".join(known.name for known in ALL)
        raise DTypeError(f"Unknown dtype: {dtype!r}. Expected one of {names}, or the NumPy dtype of that name.")
    return found
