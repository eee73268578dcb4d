"""Sums over a product's result that its epilogue takes: the same values, the same bits for any number of threads."""

import numpy as np
import pytest

from epochal import dtypes
from epochal.backends.native.fusion_sums import FEWEST
from epochal.backends.native.schedule import schedule
from epochal.compile import compile_program
from epochal.ir import Graph, Program, TensorType, make_input
from epochal.testing.comparison import compare_backends
from epochal.topi.inventory import BUILD


def value(shape, dtype="float32"):
    return make_input(TensorType(dtypes.get(dtype), tuple(shape)))


def products(dtype):
    """Inputs and result of products that different kernels compute."""
    x, wide = value((2, 12, 12, 32), dtype), value((2, 24, 24, 16), dtype)
    same = {"padding": "same"}
    rows, few, large = value((600, 70), dtype), value((70, 40), dtype), value((70, 1200), dtype)
    pointwise, square, five = (value((n, n, m, 64), dtype) for n, m in ((1, 32), (3, 32), (5, 16)))
    cotangent = value((4, 12, 12, 64), dtype)
    return {
        "a product": ((rows, few), BUILD.dot_general(rows, few, contract=((1,), (0,)))),
        "a tiled product": ((rows, large), BUILD.dot_general(rows, large, contract=((1,), (0,)))),
        "a 1x1 convolution": ((x, pointwise), BUILD.conv(x, pointwise)),
        "a convolution": ((x, square), BUILD.conv(x, square, **same)),
        "a strided convolution": ((wide, five), BUILD.conv(wide, five, strides=2, **same)),
        "a data gradient": (
            (cotangent, square),
            BUILD.conv_data_gradient(cotangent, square, input_shape=(4, 12, 12, 32), **same),
        ),
    }


NAMES = tuple(products("float32"))


def sums_of(result):
    """Inputs, sums and what they are sums of: the bends of a batch normalisation's backward pass."""
    shape = result.shape
    other, mean = value(shape, result.dtype.name), value(shape[-1:], result.dtype.name)
    axes = tuple(range(len(shape) - 1))
    masked = BUILD.select(BUILD.greater(other, 0.0), result, 0.0)
    distance = BUILD.sub(other, BUILD.broadcast(BUILD.mul(mean, mean), shape=shape))
    first = BUILD.sum(masked, axes=axes)
    second = BUILD.sum(BUILD.mul(masked, distance), axes=axes)
    return (other, mean), (masked, BUILD.mul(first, 0.5), second)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_values_and_bits(name, dtype):
    inputs, result = products(dtype)[name]
    more, outputs = sums_of(result)
    inputs = (*inputs, *more)
    names = tuple(f"x{index}" for index in range(len(inputs)))
    program = Program(Graph(inputs, outputs), names, ("masked", "half", "second"))
    generator = np.random.default_rng(3)
    arrays = [generator.standard_normal(one.shape).astype(dtype) for one in inputs]
    compare_backends(program, arrays)
    executable = compile_program(program, "native")
    first, *others = ([np.copy(one) for one in executable(arrays, num_threads=n)] for n in (1, 2, 3, 4))
    for found in others:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(first, found, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_result_is_not_read_again(name):
    _, result = products("float32")[name]
    _, outputs = sums_of(result)
    assert result.type.size >= FEWEST
    items = schedule(Graph((), outputs).nodes(), outputs)
    readers = [item for item in items if outputs[0] in item.inputs or result in item.inputs]
    assert not readers
    assert any(outputs[0] in item.outputs for item in items)


def test_a_sum_that_comes_back_stays_apart():
    # What the second sum reads is computed from the product: it cannot be in the product's epilogue.
    x, kernel = value((600, 70)), value((70, 40))
    result = BUILD.dot_general(x, kernel, contract=((1,), (0,)))
    mean = BUILD.div(BUILD.sum(result, axes=(0,)), 600.0)
    spread = BUILD.sum(BUILD.square(BUILD.sub(result, BUILD.broadcast(mean, shape=result.shape))), axes=(0,))
    generator = np.random.default_rng(4)
    arrays = [generator.standard_normal(one.shape).astype("float32") for one in (x, kernel)]
    compare_backends(Program(Graph((x, kernel), (mean, spread)), ("x", "kernel"), ("mean", "spread")), arrays)


@pytest.mark.parametrize("divided", [True, False])
def test_a_sum_over_what_other_sums_change_stays_apart(divided):
    # As a convolution's bias before a batch normalisation: the sum's terms hold sums that the epilogue has taken.
    x, kernel, other = value((600, 70)), value((70, 40)), value((600, 40))
    result = BUILD.dot_general(x, kernel, contract=((1,), (0,)))
    masked = BUILD.select(BUILD.greater(other, 0.0), result, 0.0)
    first = BUILD.sum(masked, axes=(0,))
    second = BUILD.sum(BUILD.mul(masked, other), axes=(0,))
    parts = [BUILD.div(part, 600.0) if divided else part for part in (first, second)]
    shift, slope = (BUILD.broadcast(part, shape=result.shape) for part in parts)
    change = BUILD.sub(BUILD.sub(masked, shift), BUILD.mul(other, slope))
    bias = BUILD.sum(BUILD.square(change), axes=(0,))  # squares, which do not cancel
    generator = np.random.default_rng(5)
    arrays = [generator.standard_normal(one.shape).astype("float32") for one in (x, kernel, other)]
    program = Program(Graph((x, kernel, other), (change, bias)), ("x", "kernel", "other"), ("change", "bias"))
    compare_backends(program, arrays)
