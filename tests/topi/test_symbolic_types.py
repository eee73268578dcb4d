"""Type rules with dimensions that are not known yet."""

from __future__ import annotations

from typing import Any

import pytest

from epochal.errors import ShapeError
from epochal.ir import Symbol, Value, make_input, tensor_type
from epochal.topi.inventory import BUILD

N, M = Symbol("n"), Symbol("m")


def value(*shape: Any, dtype: str = "float32") -> Value:
    return make_input(tensor_type(dtype, shape))


def test_elementwise_broadcasts_with_unknown_sizes() -> None:
    assert BUILD.add(value(N, 3), value(3)).shape == (N, 3)
    assert BUILD.add(value(N, 1), value(N, 3)).shape == (N, 3)
    assert BUILD.mul(value(N, 4), value(5, 4)).shape == (5, 4)
    (size,) = BUILD.add(value(N), value(M)).shape
    assert isinstance(size, Symbol)
    assert size not in (N, M)
    assert BUILD.select(value(N, dtype="bool"), value(N), value(1)).shape == (N,)


def test_reshape_cancels_unknown_sizes() -> None:
    assert BUILD.reshape(value(N, 28, 28), shape=(-1, 784)).shape == (N, 784)
    assert BUILD.reshape(value(N, 28, 28), shape=(N, -1)).shape == (N, 784)
    assert BUILD.reshape(value(N, M, 4), shape=(N, -1, 2)).shape[0] is N
    assert BUILD.reshape(value(N, M), shape=(N, M, 1)).shape == (N, M, 1)
    assert BUILD.reshape(value(N, 1, 1, 5), shape=(-1, 5)).shape == (N, 5)
    unknown = BUILD.reshape(value(N, 3), shape=(-1, 2)).shape
    assert isinstance(unknown[0], Symbol)
    assert unknown[0] is not N
    assert unknown[0].origin is not None
    for shape in ((N, 783), (N, -1, 10)):
        with pytest.raises(ShapeError, match="does not fit"):
            BUILD.reshape(value(N, 28, 28), shape=shape)


def test_slices_of_an_unknown_axis() -> None:
    x = value(N, 5)

    def size(start: Any, limit: Any, stride: int = 1) -> Any:
        return BUILD.slice(x, starts=(start, 0), limits=(limit, 5), strides=(stride, 1)).shape[0]

    assert size(0, None) is N
    assert size(3, 4) == 1
    assert size(-1, None) == 1
    assert size(-2, -1) == 1
    assert isinstance(size(-1, 0), Symbol)
    assert isinstance(size(0, 3), Symbol)
    assert isinstance(size(0, None, 2), Symbol)


def test_movement_and_reduction() -> None:
    x = value(N, 3, M)
    assert BUILD.transpose(x, permutation=(2, 0, 1)).shape == (M, N, 3)
    assert BUILD.sum(x, axes=(-1,)).shape == (N, 3)
    assert BUILD.argmax(x, axis=1).shape == (N, M)
    assert BUILD.cumulative_sum(x, axis=1).shape == (N, 3, M)
    assert BUILD.pad(x, low=(0, 1, 0), high=(0, 1, 0)).shape == (N, 5, M)
    assert isinstance(BUILD.pad(x, low=(1, 0, 0), high=(0, 0, 0)).shape[0], Symbol)
    assert BUILD.concat(x, value(N, 4, M), axis=1).shape == (N, 7, M)
    assert isinstance(BUILD.concat(x, x, axis=0).shape[0], Symbol)
    assert BUILD.concat(value(N, 2), value(7, 2), axis=1).shape == (7, 4)
    assert BUILD.broadcast(value(1, 3), shape=(N, 3)).shape == (N, 3)
    assert BUILD.iota(shape=(N,), axis=0, dtype="int32").shape == (N,)
    assert BUILD.shape_of(x).shape == (3,)
    assert BUILD.gather(x, value(4, dtype="int32"), axis=1).shape == (N, 4, M)
    assert BUILD.dynamic_slice(x, value(3, dtype="int32"), sizes=(2, 1, M)).shape == (2, 1, M)


def test_products_and_windows() -> None:
    product = BUILD.dot_general(value(N, 4), value(4, 5), contract=((1,), (0,)))
    assert product.shape == (N, 5)
    batched = BUILD.dot_general(value(N, M, 4), value(7, 4, M), contract=((2,), (1,)), batch=((0,), (0,)))
    assert batched.shape == (7, M, M)
    kernel = value(3, 3, 2, 8)
    assert BUILD.conv(value(N, 9, 9, 2), kernel, padding="same", strides=2).shape == (N, 5, 5, 8)
    same = BUILD.conv(value(N, M, 9, 2), kernel, padding="same")
    assert same.shape == (N, M, 9, 8)
    assert same.node.parameters["padding"] == "same"
    assert isinstance(BUILD.conv(value(N, M, 9, 2), kernel).shape[1], Symbol)
    assert BUILD.max_pool(value(N, 8, 8, 2), window=2).shape == (N, 4, 4, 2)
    assert isinstance(BUILD.avg_pool(value(N, M, 8, 2), window=2).shape[1], Symbol)
    data = BUILD.conv_data_gradient(value(N, 4, 4, 8), kernel, input_shape=(N, 8, 8, 2), padding="same", strides=2)
    assert data.shape == (N, 8, 8, 2)


def test_random_shapes_may_be_unknown() -> None:
    key = value(2, dtype="uint32")
    assert BUILD.random_uniform(key, shape=(N, 3), dtype="float32").shape == (N, 3)
