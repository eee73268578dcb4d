"""Element types."""

from __future__ import annotations

import copy
import pickle

import ml_dtypes
import numpy as np
import pytest

from epochal import dtypes
from epochal.errors import DTypeError


def test_lookup():
    assert dtypes.get("float32") is dtypes.float32
    assert dtypes.get(np.dtype("int8")) is dtypes.int8
    assert dtypes.get(np.float64) is dtypes.float64
    assert dtypes.get(np.dtype(">f4")) is dtypes.float32
    assert dtypes.get(np.dtype(">i8")) is dtypes.int64
    assert dtypes.get(ml_dtypes.bfloat16) is dtypes.bfloat16
    assert dtypes.get(bool) is dtypes.bool_
    assert dtypes.get(float) is dtypes.float32
    assert dtypes.get(int) is dtypes.int32
    assert all(dtypes.get(dtype.name) is dtype and dtypes.get(dtype.numpy) is dtype for dtype in dtypes.ALL)


@pytest.mark.parametrize("unknown", ["complex64", "float33", np.complex128, object(), "O"])
def test_unknown(unknown):
    with pytest.raises(DTypeError, match="Unknown dtype"):
        dtypes.get(unknown)


def test_equality_with_names_and_numpy():
    assert dtypes.float32 == "float32"
    assert dtypes.float32 == np.float32
    assert dtypes.float32 == np.dtype("float32")
    assert dtypes.float32 != "float64"
    assert dtypes.float32 != np.float64
    assert dtypes.float32 != 3
    assert {dtypes.float32: 1}[dtypes.get("float32")] == 1


def test_kinds():
    assert [dtype.name for dtype in dtypes.FLOATS] == ["float16", "bfloat16", "float32", "float64"]
    assert dtypes.uint8.is_integer
    assert not dtypes.uint8.is_floating
    assert dtypes.bool_.is_bool
    assert dtypes.int64.itemsize == 8
    assert dtypes.int64.as_numpy_dtype is np.int64


def test_copies_are_the_same_object():
    assert pickle.loads(pickle.dumps(dtypes.bfloat16)) is dtypes.bfloat16
    assert copy.deepcopy(dtypes.int8) is dtypes.int8
    assert str(dtypes.int8) == "int8"
