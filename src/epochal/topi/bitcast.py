"""The same bits read as another element type."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from epochal import dtypes
from epochal.dtypes import DType
from epochal.errors import DTypeError, ShapeError
from epochal.ir import Array, Operator, Sample, Symbol, TensorType


def _bitcast_type(x: TensorType, *, dtype: DType) -> TensorType:
    target = dtypes.get(dtype)
    if x.dtype.is_bool or target.is_bool:
        raise DTypeError(f"bitcast takes and gives numbers, not bools. Received: {x} and {target}. Use cast instead.")
    one, other = x.dtype.itemsize, target.itemsize
    if one == other:
        return x.with_dtype(target)
    if one > other:
        return TensorType(target, (*x.shape, one // other))
    ratio = other // one
    if not x.shape or (x.shape[-1] != ratio and not isinstance(x.shape[-1], Symbol)):
        raise ShapeError(f"bitcast to {target} joins {ratio} elements: the last axis must have size {ratio}. Got: {x}.")
    return TensorType(target, x.shape[:-1])


def _bitcast(x: Array, *, dtype: DType) -> Array:
    if x.dtype.itemsize == dtype.itemsize:
        return np.ascontiguousarray(x).view(dtype.numpy).reshape(x.shape)
    joined = np.ascontiguousarray(x).reshape(-1).view(dtype.numpy)
    ratio = x.dtype.itemsize // dtype.itemsize
    return joined.reshape((*x.shape, ratio) if ratio else x.shape[:-1])


def _bitcast_samples() -> Iterable[Sample]:
    single = np.array([[0.0, -0.0, 1.5], [np.inf, -2.0, 1e-40]], np.float32)
    yield Sample((single,), {"dtype": dtypes.int32})
    yield Sample((single,), {"dtype": dtypes.uint16})
    yield Sample((single[0, 2],), {"dtype": dtypes.uint8})
    yield Sample((np.array([0x3FC0, 0x4000], np.uint16),), {"dtype": dtypes.bfloat16})
    yield Sample((np.array([[1, 2**31], [3, 4]], np.uint32),), {"dtype": dtypes.int64})
    yield Sample((np.zeros((0, 3), np.int32),), {"dtype": dtypes.float32})


bitcast = Operator(
    name="bitcast",
    infer=_bitcast_type,
    reference=_bitcast,
    samples=_bitcast_samples,
    no_gradient="zero",
    resolve=lambda types, parameters: {"dtype": dtypes.get(parameters["dtype"])},
    doc="The bits of x as another type; a narrower one adds a last axis, a wider one takes the last axis away.",
)
