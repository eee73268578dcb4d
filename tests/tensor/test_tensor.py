"""Tensor, conversion, Python's operators and the errors of symbolic tensors."""

from __future__ import annotations

import copy
import pickle

import ml_dtypes
import numpy as np
import pytest

from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.tensor import Tensor, TensorSpec, Variable, apply, constant, convert, is_tensor, symbolic_input, trace


@pytest.mark.parametrize(
    ("value", "dtype", "shape"),
    [
        (1, "int32", ()),
        (1.5, "float32", ()),
        (True, "bool", ()),
        (2**40, "int64", ()),
        ([1, 2], "int32", (2,)),
        ([1, 2.5], "float32", (2,)),
        ([[True], [False]], "bool", (2, 1)),
        (np.float64(2.0), "float64", ()),
        (np.ones(3), "float64", (3,)),
        (np.arange(3), "int64", (3,)),
        ([np.float64(1.0)], "float64", (1,)),
        (np.ones(2, ml_dtypes.bfloat16), "bfloat16", (2,)),
        ([], "float32", (0,)),
        ([[1.0, 2.0], (3.0, 4.0)], "float32", (2, 2)),
    ],
)
def test_convert(value, dtype, shape):
    tensor = convert(value)
    assert is_tensor(tensor)
    assert tensor.dtype == dtype
    assert tensor.shape == shape


def test_convert_with_a_dtype():
    assert convert(3, "float16").dtype == "float16"
    assert convert(2.75, "int32").tolist() == 2
    assert convert(np.ones(2), "float32").dtype == "float32"
    assert convert(convert([1, 0, 2]), "bool").tolist() == [True, False, True]
    assert convert(300, "uint8").tolist() == 44
    x = convert(1.0)
    assert convert(x) is x
    assert convert(x, "float32") is x


def test_lists_of_tensors():
    x = convert([1.0, 2.0])
    assert convert([x, [3.0, x[0]]]).tolist() == [[1.0, 2.0], [3.0, 1.0]]
    traced = trace(lambda y: convert([y, 2.0 * y]), TensorSpec(()))
    assert traced(np.float32(3.0)).tolist() == [3.0, 6.0]


def test_convert_errors():
    with pytest.raises(ShapeError, match="rectangular array"):
        convert([[1.0], [2.0, 3.0]])
    with pytest.raises(DTypeError, match="array of numbers"):
        convert("three")
    with pytest.raises(DTypeError, match="array or tensor"):
        convert(None)
    with pytest.raises(DTypeError, match="array or tensor"):
        convert({"a": 1})


def test_a_tensor_owns_its_numbers():
    array = np.ones(3, np.float32)
    tensor = convert(array)
    array[0] = 5.0
    assert tensor.tolist() == [1.0, 1.0, 1.0]
    copied = tensor.numpy()
    copied[0] = 7.0
    assert tensor.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(tensor)[0] = 1.0


def test_constant():
    assert constant(2, "float32", (2, 2)).tolist() == [[2.0, 2.0], [2.0, 2.0]]
    assert constant([1, 2, 3, 4], shape=(2, 2)).tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ArgumentError, match=r"3 numbers do not fill the shape \(2, 2\)"):
        constant([1, 2, 3], shape=(2, 2))


def test_operators():
    x, y = convert([4.0, -2.0]), np.array([2.0, 3.0], np.float32)
    assert (x + y).tolist() == (y + x).tolist() == [6.0, 1.0]
    assert isinstance(y + x, Tensor)
    assert (x - 1).tolist() == [3.0, -3.0]
    assert (1 - x).tolist() == [-3.0, 3.0]
    assert (x * y).tolist() == [8.0, -6.0]
    assert (x / y).tolist() == [2.0, pytest.approx(-2 / 3)]
    assert (8 / x).tolist() == [2.0, -4.0]
    assert (x // 3).tolist() == [1.0, -1.0]
    assert (x % 3).tolist() == [1.0, 1.0]
    assert (x**2).tolist() == [16.0, 4.0]
    assert (2**x).tolist() == [16.0, 0.25]
    assert (-x).tolist() == [-4.0, 2.0]
    assert (+x).tolist() == x.tolist()
    assert abs(x).tolist() == [4.0, 2.0]
    assert round(convert(2.5)).tolist() == 2.0
    assert (x @ y).tolist() == 2.0
    assert (x > y).tolist() == [True, False]
    assert (3 < x).tolist() == [True, False]  # noqa: SIM300
    assert (x == 4).tolist() == [True, False]
    assert (x != y).tolist() == [True, True]
    assert (x == "four") is False
    assert (x != None) is True  # noqa: E711
    flags = convert([True, False])
    assert (~flags).tolist() == [False, True]
    assert (flags & [True, True]).tolist() == [True, False]
    assert (flags | [True, True]).tolist() == [True, True]
    assert (flags ^ [True, True]).tolist() == [False, True]
    assert (convert(5) << 1).tolist() == 10
    assert (convert(5) >> 1).tolist() == 2
    with pytest.raises(TypeError):
        x + object()


def test_operators_in_place_make_new_tensors():
    x = y = convert([1.0])
    x += 1.0
    assert (x.tolist(), y.tolist()) == ([2.0], [1.0])


def test_python_protocols():
    x = convert(3.5)
    assert float(x) == 3.5
    assert int(x) == 3
    assert bool(x)
    assert f"{x:.2f}" == "3.50"
    assert [10, 20, 30][convert(1)] == 20
    assert len(convert([1, 2])) == 2
    assert pickle.loads(pickle.dumps(x)).tolist() == 3.5
    assert copy.deepcopy(x) is x
    assert len({x: 1, convert(3.5): 2}) == 2
    assert repr(convert([1, 2])) == "<tf.Tensor: shape=(2,), dtype=int32, numpy=array([1, 2], dtype=int32)>"
    assert str(convert([1.5, 2])) == "tf.Tensor([1.5 2. ], shape=(2,), dtype=float32)"
    assert str(convert([[1], [2]])) == "tf.Tensor(\n[[1]\n [2]], shape=(2, 1), dtype=int32)"
    assert repr(convert(2.5)) == "<tf.Tensor: shape=(), dtype=float32, numpy=2.5>"
    assert np.asarray(x, np.float64).dtype == np.float64
    with pytest.raises(TypeError, match="scalar tensor has no len"):
        len(x)
    with pytest.raises(ArgumentError, match=r"truth of a tensor of shape \(2,\) is ambiguous"):
        bool(convert([1, 2]))
    with pytest.raises(TypeError, match="one element"):
        float(convert([1, 2]))
    with pytest.raises(TypeError, match="integer scalar"):
        [1, 2][convert(1.0)]


def test_shape_and_size():
    x = symbolic_input((None, 3), name="x")
    assert x.shape == (None, 3)
    assert x.ndim == 2
    assert x.size is None
    assert convert(np.ones((2, 3))).size == 6
    assert "symbolic shape=(None, 3)" in repr(x)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (bool, "cond, while_loop, where"),
        (float, "conversion to float"),
        (int, "conversion to int"),
        (np.asarray, "NumPy array"),
        (len, "first dimension"),
        (list, r"Python loop over it.*tf\.while_loop"),
        (lambda x: x.numpy(), r"numpy\(\)"),
        (lambda x: range(x[0, 0]), "Python index"),
    ],
)
def test_symbolic_tensors_have_no_numbers(use, message):
    with pytest.raises(ArgumentError, match=message):
        use(symbolic_input((None, 3), "int32"))


def test_dispatch_errors_say_what_does_not_fit():
    x = convert(np.ones((2, 3), np.float32))
    with pytest.raises(ShapeError, match=r"\(2, 3\) and \(2,\) do not broadcast: 3 and 2 differ"):
        x + np.ones(2, np.float32)
    with pytest.raises(DTypeError, match="one dtype"):
        apply("add", x, convert(1))
    with pytest.raises(DTypeError, match="floating point"):
        apply("exp", convert(1))
    with pytest.raises(ShapeError, match=r"\(2, 3\).*\(3\).*\(2, 3\).*\(2\) differ"):
        x @ x
    with pytest.raises(KeyError):
        apply("no_such_operator", x)


def test_results_do_not_share_memory_with_variables():
    v = Variable([1.0, 2.0])
    views = [
        apply("reshape", v, shape=(2, 1)),
        apply("stop_gradient", v),
        v[:1],
        v.value,
        apply("broadcast", v, shape=(2, 2)),
    ]
    v.assign([5.0, 6.0])
    assert [view.numpy().reshape(-1)[0] for view in views] == [1.0] * 5
