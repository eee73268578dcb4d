"""Linear algebra, transforms, attention and recurrence: types with unknown sizes, and what wrong operands are told."""

from __future__ import annotations

import re
from typing import Any

import pytest

from epochal.autodiff import gradients
from epochal.errors import ArgumentError, DTypeError, NotSupportedError, ShapeError
from epochal.ir import Symbol, Value, make_input, tensor_type
from epochal.topi.inventory import BUILD

N, M = Symbol("n"), Symbol("m")


def value(*shape: Any, dtype: str = "float32") -> Value:
    return make_input(tensor_type(dtype, shape))


def ints(*shape: Any) -> Value:
    return value(*shape, dtype="int32")


def bools(*shape: Any) -> Value:
    return value(*shape, dtype="bool")


def key() -> Value:
    return value(2, dtype="uint32")


def test_unknown_sizes_of_orders_and_indices() -> None:
    assert BUILD.sort(value(N, 3), axis=0).shape == (N, 3)
    assert [part.shape for part in BUILD.top_k(value(N, M), k=2)] == [(N, 2), (N, 2)]
    assert BUILD.searchsorted(value(M), value(N, 3)).shape == (N, 3)
    assert BUILD.cumulative_prod(value(N, M), axis=1).shape == (N, M)
    assert BUILD.take_along_axis(value(N, 5), ints(N, M), axis=1).shape == (N, M)
    assert BUILD.scatter_set(value(N, 3), ints(M), value(M, 3), axis=0).shape == (N, 3)
    assert BUILD.boolean_mask(value(N, 3), bools(N), size=4)[0].shape == (4, 3)
    assert BUILD.bitcast(value(N, 3), dtype="uint8").shape == (N, 3, 4)
    assert BUILD.bitcast(value(N, 4, dtype="uint8"), dtype="float32").shape == (N,)


def test_unknown_sizes_of_linear_algebra_and_transforms() -> None:
    assert BUILD.solve(value(N, 3, 3), value(N, 3, M)).shape == (N, 3, M)
    assert BUILD.determinant(value(N, M, M)).shape == (N,)
    assert [part.shape for part in BUILD.qr(value(N, 4, 3))] == [(N, 4, 3), (N, 3, 3)]
    assert [part.shape for part in BUILD.svd(value(N, 4, 3))] == [(N, 4, 3), (N, 3), (N, 3, 3)]
    assert isinstance(BUILD.svd(value(N, 3))[1].shape[0], Symbol)
    assert BUILD.rfft(value(N, 8))[0].shape == (N, 5)
    assert BUILD.irfft(value(N, 5), value(N, 5), length=9).shape == (N, 9)
    assert BUILD.fft(value(N, M), value(N, M))[1].shape == (N, M)


def test_unknown_sizes_of_attention_and_recurrence() -> None:
    y, peak, total = BUILD.attention(value(N, M, 2, 4), value(N, 7, 2, 4), value(N, 7, 2, 5), bools(N, 1, 1, 7))
    assert y.shape == (N, M, 2, 5)
    assert peak.shape == total.shape == (N, 2, M)
    hidden, h, c, *kept = BUILD.lstm(value(N, M, 3), value(N, 4), value(N, 4), value(3, 16), value(4, 16), value(16))
    assert hidden.shape == (N, M, 4)
    assert h.shape == c.shape == (N, 4)
    assert {part.shape for part in kept} == {(M, N, 4)}
    hidden, h, *_ = BUILD.gru(value(N, M, 3), value(N, 4), value(3, 12), value(4, 12), value(2, 12), bools(N, M))
    assert (hidden.shape, h.shape) == ((N, M, 4), (N, 4))
    assert BUILD.group_norm(value(N, M, 6), value(6), value(6), groups=3, epsilon=1e-3)[1].shape == (N, 3)


CASES: list[tuple[str, tuple[Value, ...], dict[str, Any], type[Exception], str]] = [
    ("lgamma", (ints(2),), {}, DTypeError, "lgamma takes floating point values. Received: int32[2]."),
    ("polygamma", (value(2),), {"order": 0}, ArgumentError, "order must be an integer in [1, 20]; order 0 is digamma"),
    ("bitcast", (bools(2),), {"dtype": "int8"}, DTypeError, "not bools. Received: bool[2] and int8. Use cast instead."),
    ("bitcast", (value(3),), {"dtype": "float64"}, ShapeError, "the last axis must have size 2. Got: float32[3]."),
    ("top_k", (value(2, 3),), {"k": 4}, ArgumentError, "k must lie in [0, 3], the size of the last axis"),
    ("searchsorted", (value(3), value(2)), {"side": "up"}, ArgumentError, 'side must be "left" or "right"'),
    ("searchsorted", (value(2, 3), value(2)), {}, ShapeError, "must be one vector, or one for each row"),
    ("take_along_axis", (value(2, 3), ints(3)), {"axis": 1}, ShapeError, "indices must have as many axes as x"),
    ("scatter_max", (bools(2), ints(1), bools(1)), {"axis": 0}, DTypeError, "scatter_max takes numbers."),
    ("boolean_mask", (value(2, 3), bools(3)), {"size": 2}, ShapeError, "axes 0 of float32[2,3] and bool[3] differ"),
    ("boolean_mask", (value(2), value(2)), {"size": 2}, DTypeError, "the mask must be bool. Received: float32[2]."),
    ("cholesky", (value(2, 3),), {}, ShapeError, "cholesky: the matrices must be square. Received: float32[2,3]."),
    ("inverse", (value(3),), {}, ShapeError, "must have at least 2 axes, [*batch, rows, columns]"),
    ("solve", (value(3, 3), value(3)), {}, ShapeError, "the right hand sides must be [*batch, rows, count]"),
    ("solve", (value(3, 3), value(2, 1)), {}, ShapeError, "the rows of float32[3,3] and float32[2,1] differ: 3 and 2"),
    ("fft", (value(3), value(2)), {}, ShapeError, "sizes of the parts float32[3] and float32[2] differ: 3 and 2"),
    ("irfft", (value(3), value(3)), {"length": 7}, ShapeError, "a result of 7 entries needs 4 along axis 0"),
    ("group_norm", (value(2, 4), value(4), value(4)), {"groups": 3, "epsilon": 0.1}, ArgumentError, "must divide"),
    (
        "attention", (value(2, 3, 4), value(2, 3, 1, 4), value(2, 3, 1, 4)), {}, ShapeError,
        "the query, [batch, time, heads, depth], must have 4 axes",
    ),
    (
        "attention", (value(2, 3, 1, 4), value(2, 3, 1, 5), value(2, 3, 1, 4)), {}, ShapeError,
        "the depths of float32[2,3,1,4] and float32[2,3,1,5] differ: 4 and 5",
    ),
    (
        "attention", (value(2, 3, 1, 4), value(2, 5, 1, 4), value(2, 5, 1, 4), bools(2, 1, 5, 3)), {}, ShapeError,
        "the mask must broadcast to (2, 1, 3, 5). Received: bool[2,1,5,3].",
    ),
    (
        "lstm", (value(2, 3, 4), value(2, 5), value(2, 5), value(4, 20), value(5, 16), value(20)), {}, ShapeError,
        "the units of the operands, as the recurrent kernel of type float32[5,16] shows, differ: 5 and 4",
    ),
    (
        "gru", (value(2, 3, 4), value(2, 5), value(4, 14), value(5, 15), value(2, 15)), {}, ShapeError,
        "the kernel must be [features, 3 * units]. Received: float32[4,14].",
    ),
    (
        "simple_rnn", (value(2, 3, 4), value(2, 5), value(4, 5), value(5, 5), value(5)), {"activation": "gelu"},
        ArgumentError, "activation must be one of ['linear', 'relu', 'sigmoid', 'tanh']. Received: 'gelu'",
    ),
    (
        "simple_rnn", (value(2, 3, 4), value(2, 5), value(4, 5), value(5, 5), value(5), value(2, 3)), {}, DTypeError,
        "the mask must be bool, True where there is a step. Received: float32[2,3].",
    ),
    ("random_bernoulli", (key(), value(3)), {"shape": (2,)}, ShapeError, "Shapes (3,) and (2,) do not broadcast"),
    ("random_gamma", (key(), value(2, 1)), {"shape": (2,)}, ShapeError, "alpha must broadcast to the shape of"),
    ("random_categorical", (key(), value()), {"count": 1}, ShapeError, "must hold at least one class"),
    ("random_permutation", (key(),), {"size": -1}, ArgumentError, "size must be a non-negative integer. Received: -1"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "operands", "parameters", "error", "text"), CASES, ids=lambda entry: str(entry)[:40])
def test_message(
    name: str, operands: tuple[Value, ...], parameters: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=re.escape(text)):
        getattr(BUILD, name)(*operands, **parameters)


def test_gradients_that_do_not_exist() -> None:
    tall = value(4, 2)
    q, _ = BUILD.qr(tall, complete=True)
    with pytest.raises(NotSupportedError, match="differentiates only with complete=False"):
        gradients([q], [tall])
    u, _, _ = BUILD.svd(tall, full_matrices=True)
    with pytest.raises(NotSupportedError, match="only with full_matrices=False"):
        gradients([u], [tall])
    alpha = value(3)
    with pytest.raises(NotSupportedError, match="'random_gamma' has no gradient: the derivative of a draw by alpha"):
        gradients([BUILD.random_gamma(key(), alpha, shape=(3,))], [alpha])
