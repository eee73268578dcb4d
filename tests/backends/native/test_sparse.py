"""Gradients of a convolution before a max-pooling, which visit nonzero elements alone."""

import numpy as np
import pytest

from epochal.backends.native.kernel import Target
from epochal.backends.native.kernels.epilogue import Epilogue, accepts
from epochal.backends.native.kernels.lower import lower
from epochal.backends.native.kernels.sparse import is_sparse
from epochal.ir import make_input, tensor_type
from epochal.testing.launches import Launcher
from epochal.topi.inventory import BUILD

CASES = [
    ((3, 9, 8, 5), (3, 3, 5, 20), 2),
    ((9, 12, 11, 32), (3, 3, 32, 64), 2),
    ((2, 12, 11, 16), (5, 5, 16, 100), 2),
    ((2, 12, 11, 7), (5, 5, 7, 33), 3),
    ((2, 30, 9), (4, 9, 40), 4),
]


def make(x_shape, kernel_shape, window, dtype="float32"):
    """Both gradients, and values for what they read."""
    x, kernel = make_input(tensor_type(dtype, x_shape)), make_input(tensor_type(dtype, kernel_shape))
    y = make_input(BUILD.conv(x, kernel).type)
    pooled = make_input(BUILD.max_pool(y, window=window).type)
    zeros = BUILD.broadcast(BUILD.constant(0.0, dtype), shape=y.shape)
    chosen = BUILD.select(BUILD.greater(y, zeros), BUILD.max_pool_gradient(y, pooled, window=window), zeros)
    data = BUILD.conv_data_gradient(chosen, kernel, input_shape=x_shape)
    weights = BUILD.conv_weight_gradient(x, chosen, kernel_shape=kernel_shape)
    generator = np.random.default_rng(4)
    arrays = {value: generator.standard_normal(value.shape) for value in (x, kernel, y, pooled)}
    gradient = chosen.node.inputs[1].node
    sent = gradient.operator.reference(arrays[y], arrays[pooled], **gradient.parameters)
    arrays[chosen] = np.where(arrays[y] > 0, sent, 0)
    return data, weights, arrays


def check(result, arrays, target=None):
    node = result.node
    given = {value: arrays[value].astype(value.dtype.numpy) for value in node.inputs}
    launches = lower(node)
    launcher = Launcher(launches, given, target)
    launcher.run_apart()
    found = launcher.arrays[result].copy()
    launcher.run()
    assert found.tobytes() == launcher.arrays[result].tobytes()
    expected = node.operator.reference(*(arrays[value] for value in node.inputs), **node.parameters)
    room = (1e-5 if result.dtype == "float32" else 1e-13) * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=room)
    return launches


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients(case, dtype):
    data, weights, arrays = make(*case, dtype=dtype)
    assert is_sparse(data.node.inputs[0])
    check(data, arrays)
    assert len(check(weights, arrays)) == 3, "this is not the sparse kernel"


def test_narrower_processors():
    data, weights, arrays = make(*CASES[1])
    for width, registers in ((32, 16), (16, 32)):
        target = Target("", "", width, registers, False)
        check(data, arrays, target)
        check(weights, arrays, target)


def test_an_epilogue():
    data, weights, arrays = make(*CASES[0])
    for result in (data, weights):
        bias, scale = make_input(tensor_type("float32", result.shape[-1:])), make_input(result.type)
        spread = BUILD.broadcast(bias, shape=result.shape)
        shifted = BUILD.add(result, spread)
        scaled = BUILD.mul(shifted, scale)
        epilogue = Epilogue((spread.node, shifted.node, scaled.node), (bias, scale), (scaled, shifted))
        assert accepts(epilogue, result)
        given = {value: arrays[value].astype(np.float32) for value in result.node.inputs}
        given[bias] = np.linspace(-1, 1, bias.type.size, dtype=np.float32)
        given[scale] = np.random.default_rng(1).standard_normal(scale.shape).astype(np.float32)
        launcher = Launcher(lower(result.node, epilogue), given)
        launcher.run_apart()
        node = result.node
        plain = node.operator.reference(*(given[value] for value in node.inputs), **node.parameters)
        np.testing.assert_allclose(launcher.arrays[shifted], plain + given[bias], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(launcher.arrays[scaled], (plain + given[bias]) * given[scale], rtol=1e-4, atol=1e-4)


def test_what_counts_as_sparse():
    x = make_input(tensor_type("float32", (2, 8, 8, 16)))
    pooled = BUILD.max_pool(x, window=2)
    gradient = BUILD.max_pool_gradient(x, make_input(pooled.type), window=2)
    assert is_sparse(gradient)
    assert is_sparse(BUILD.mul(x, gradient))
    assert not is_sparse(BUILD.add(x, gradient))
    assert not is_sparse(x)
    assert not is_sparse(BUILD.select(BUILD.greater(x, x), gradient, x))
    overlapping = BUILD.max_pool(x, window=3, strides=1)
    assert not is_sparse(BUILD.max_pool_gradient(x, make_input(overlapping.type), window=3, strides=1))
