"""The one rule by which operands of different element types meet: Keras 3's lattice with weak Python scalars.

bool < integers < floats. A Python integer or float is weak: it takes the other operand's type if that is of its kind
or above. Signed and unsigned integers meet in the signed type twice as wide as the unsigned one; above 64 bits in a
weak float. float16 and bfloat16 meet in float32. (Keras on TensorFlow and JAX narrows uint64 to uint32; here uint64
stays what it is.)
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from epochal import config, dtypes
from epochal.dtypes import DType
from epochal.tensor.tensor import Tensor

_FLOATS = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)
_SIGNED = {1: dtypes.int8, 2: dtypes.int16, 4: dtypes.int32, 8: dtypes.int64}
_UNSIGNED = {1: dtypes.uint8, 2: dtypes.uint16, 4: dtypes.uint32, 8: dtypes.uint64}


def kind_of(operand: Any) -> DType | type:
    """What an operand counts as: a `DType`, or `int` or `float` for a weak Python scalar."""
    if isinstance(operand, (Tensor, np.ndarray, np.generic)) or hasattr(operand, "dtype"):
        return dtypes.get(operand.dtype)
    if isinstance(operand, DType):
        return operand
    if isinstance(operand, bool):
        return dtypes.bool_
    if isinstance(operand, int) or operand is int:
        return int
    if isinstance(operand, float) or operand is float:
        return float
    if isinstance(operand, (str, np.dtype, type)):
        return dtypes.get(operand)
    if isinstance(operand, (list, tuple)):
        return _kind_of_list(operand)
    if operand is None:
        return floatx()
    return dtypes.get(np.asarray(operand).dtype)


def _kind_of_list(items: list[Any] | tuple[Any, ...]) -> DType:
    """A list is not weak: its scalars have the default types."""
    if not items:
        return floatx()
    return join(tuple(default(kind_of(item)) for item in items))


def floatx() -> DType:
    """The element type that Python's floats become."""
    return dtypes.get(config.floatx())


def default(kind: DType | type) -> DType:
    """The type that a kind has on its own: a weak integer int32, a weak float `floatx`."""
    if isinstance(kind, DType):
        return kind
    return dtypes.int32 if kind is int else floatx()


def result_dtype(*operands: Any) -> DType:
    """The element type in which the operands meet.

    Args:
        *operands: Tensors, variables, arrays, Python scalars (weak), `DType` objects or names of them; the types
            `int` and `float` stand for a weak scalar.
    """
    return join(tuple(kind_of(operand) for operand in operands))


def join(kinds: tuple[DType | type, ...]) -> DType:
    """The least type above all of `kinds` (see `kind_of`)."""
    return _join(kinds, config.floatx())


@lru_cache(maxsize=4096)
def _join(kinds: tuple[DType | type, ...], float_name: str) -> DType:
    strong = {kind for kind in kinds if isinstance(kind, DType)}
    floats = {kind for kind in strong if kind.is_floating}
    if floats:
        if {dtypes.float16, dtypes.bfloat16} <= floats:
            floats.add(dtypes.float32)
        return max(floats, key=_FLOATS.index)
    if float in kinds or not kinds:
        return dtypes.get(float_name)
    integers = {kind for kind in strong if kind.is_integer}
    if not integers:
        return dtypes.int32 if int in kinds else dtypes.bool_
    signed = max((kind.itemsize for kind in integers if kind.kind == "int"), default=0)
    unsigned = max((kind.itemsize for kind in integers if kind.kind == "uint"), default=0)
    if not unsigned:
        return _SIGNED[signed]
    if not signed:
        return _UNSIGNED[unsigned]
    if unsigned == 8:
        return dtypes.get(float_name)
    return _SIGNED[max(signed, 2 * unsigned)]
