"""What wrong operands and parameters are told."""

from __future__ import annotations

import re
from typing import Any

import pytest

from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.ir import Value, make_input, tensor_type
from epochal.topi.inventory import BUILD


def value(*shape: Any, dtype: str = "float32") -> Value:
    return make_input(tensor_type(dtype, shape))


def ints(*shape: int) -> Value:
    return value(*shape, dtype="int32")


def bools(*shape: int) -> Value:
    return value(*shape, dtype="bool")


CASES: list[tuple[str, tuple[Value, ...], dict[str, Any], type[Exception], str]] = [
    ("exp", (ints(2),), {}, DTypeError, "exp takes floating point values. Received: int32[2]. Cast the operand"),
    ("neg", (bools(2),), {}, DTypeError, "neg takes numbers. Received: bool[2]."),
    ("logical_not", (value(2),), {}, DTypeError, "logical_not takes bool values. Received: float32[2]."),
    ("add", (value(2), ints(2)), {}, DTypeError, "add takes operands of one dtype. Received: float32[2], int32[2]."),
    ("add", (value(2, 3), value(2, 4)), {}, ShapeError, "Shapes (2, 3) and (2, 4) do not broadcast: 3 and 4 differ"),
    ("div", (ints(2), ints(2)), {}, DTypeError, "div takes floating point values. Received: int32[2]."),
    ("bitwise_and", (value(1), value(1)), {}, DTypeError, "bitwise_and takes integers. Received: float32[1]."),
    ("select", (value(2), value(2), value(2)), {}, DTypeError, "the condition must be bool. Received: float32[2]."),
    ("reshape", (value(2, 3),), {"shape": (4, 2)}, ShapeError, "it has 6 elements, the shape has room for 8"),
    ("reshape", (value(2, 3),), {"shape": (4, -1)}, ShapeError, "6 elements are no multiple of 4"),
    ("reshape", (value(2, 3),), {"shape": (-1, -1)}, ArgumentError, "at most one -1. Received: (-1, -1)"),
    ("broadcast", (value(2, 3),), {"shape": (3, 3)}, ShapeError, "does not broadcast to (3, 3): 2 is neither 1 nor 3"),
    ("broadcast", (value(2, 3),), {"shape": (3,)}, ShapeError, "must have at least the operand's axes"),
    ("transpose", (value(2, 3),), {"permutation": (0, 0)}, ArgumentError, "must hold each axis of float32[2,3] once"),
    ("sum", (value(2, 3),), {"axes": (2,)}, ArgumentError, "axis must lie in [-2, 2) for 2 axes. Received: 2"),
    ("sum", (value(2, 3),), {"axes": (1, -1)}, ArgumentError, "an axis stands twice in axes. Received: (1, -1)"),
    ("sum", (value(),), {"axes": (0,)}, ArgumentError, "the operand is a scalar and has no axis"),
    ("any", (value(2),), {"axes": (0,)}, DTypeError, "any takes bool values. Received: float32[2]."),
    ("slice", (value(4),), {"starts": (0,), "limits": (4,), "strides": (0,)}, ArgumentError, "strides must be at"),
    ("slice", (value(4),), {"starts": (0, 0), "limits": (4,)}, ArgumentError, "starts must have 1 entries"),
    ("pad", (value(3),), {"low": (-2,), "high": (-2,)}, ShapeError, "cropping (-2, -2) leaves less than nothing"),
    ("concat", (value(2, 3), value(3, 3)), {"axis": 1}, ShapeError, "axes 0 of float32[2,3], float32[3,3] differ"),
    ("concat", (value(2, 3), value(3)), {"axis": 0}, ShapeError, "must have the same number of axes"),
    ("dynamic_slice", (value(4), ints(2)), {"sizes": (2,)}, ShapeError, "starts must be a vector of 1 integers"),
    ("dynamic_slice", (value(4), ints(1)), {"sizes": (5,)}, ShapeError, "a part of shape (5,) does not fit into"),
    (
        "dot_general", (value(2, 3), value(4, 5)), {"contract": ((1,), (0,))}, ShapeError,
        "the summed axes 1 of float32[2,3] and 0 of float32[4,5] differ: 3 and 4",
    ),
    (
        "dot_general", (value(2, 3), ints(3, 5)), {"contract": ((1,), (0,))}, DTypeError,
        "operands of one dtype. Received: float32[2,3] and int32[3,5]",
    ),
    (
        "dot_general", (value(2, 3), value(3, 5)), {"contract": ((1, 0), (0,))}, ArgumentError,
        "contract must name as many axes of a as of b",
    ),
    (
        "conv", (value(2, 5, 5, 3), value(3, 3, 4, 8)), {}, ShapeError,
        "a kernel of shape (3, 3, 4, 8) takes 4 channels and its filters must be a multiple of 1. Received an input of "
        "3 channels",
    ),
    ("conv", (value(2, 5, 3), value(3, 3, 3, 8)), {}, ShapeError, "the input must have 4 axes [batch, *space"),
    (
        "conv", (value(2, 2, 5, 3), value(3, 3, 3, 8)), {}, ShapeError,
        'a window of 3 does not fit spatial axis 0 of size 2 with padding (0, 0). Use padding="same"',
    ),
    ("conv", (value(2, 5, 5, 3), value(3, 3, 3, 8)), {"padding": "full"}, ArgumentError, 'padding must be "valid"'),
    ("conv", (value(2, 5, 5, 3), value(3, 3, 3, 8)), {"strides": 0}, ArgumentError, "strides must be 2 integers of at"),
    ("max_pool", (value(2, 4),), {"window": 2}, ShapeError, "the input must be [batch, *space, channels]"),
    (
        "max_pool", (value(2, 4, 1),), {"window": 2, "padding": ((2, 0),)}, ArgumentError,
        "padding must be less than the window",
    ),
    ("gather", (value(4), value(2)), {"axis": 0}, DTypeError, "indices must be integers. Received: float32[2]."),
    (
        "scatter_add", (value(4, 2), ints(3), value(3, 3)), {"axis": 0}, ShapeError,
        "float32[3,3] are no updates of shape (3, 2): sizes differ: 3 and 2",
    ),
    ("random_uniform", (ints(2),), {"shape": (3,)}, DTypeError, "the key must be uint32[2], (seed, counter)"),
    (
        "random_normal", (value(2, dtype="uint32"),), {"shape": (3,), "dtype": "int32"}, DTypeError,
        "random_normal takes floating point values",
    ),
    ("iota", (), {"shape": (3,), "axis": 1, "dtype": "int32"}, ArgumentError, "axis must lie in [-1, 1)"),
    ("cast", (value(2),), {"dtype": "float33"}, DTypeError, "Unknown dtype: 'float33'. Expected one of float16"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "operands", "parameters", "error", "text"), CASES, ids=lambda entry: str(entry)[:40])
def test_message(
    name: str, operands: tuple[Value, ...], parameters: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=re.escape(text)):
        getattr(BUILD, name)(*operands, **parameters)
