"""The pattern of a convolution before a max-pooling, found in whole training steps, and what it computes."""

import numpy as np
import pytest

from epochal.autodiff import BUILD, gradients
from epochal.backends.base import get
from epochal.backends.native.pool_fusion import fuse_pools
from epochal.compile import compile_program
from epochal.ir import Graph, Program, make_input, tensor_type


def names(graph):
    return sorted(node.operator.name for node in graph.nodes() if node.operator.name not in ("input", "constant"))


def step(dtype="float32", padding="valid", activation="relu", window=2, strides=None, extra=False):
    """A convolution, its activation and pooling, and the gradients of a loss for input, kernel and bias."""
    x = make_input(tensor_type(dtype, (5, 11, 10, 3)))
    kernel, bias = make_input(tensor_type(dtype, (3, 3, 3, 20))), make_input(tensor_type(dtype, (20,)))
    shifted = BUILD.add(BUILD.conv(x, kernel, padding=padding), bias)
    active = shifted if activation is None else getattr(BUILD, activation)(shifted)
    pooled = BUILD.max_pool(active, window=window, strides=window if strides is None else strides)
    loss = BUILD.sum(BUILD.square(pooled), axes=(0, 1, 2, 3))
    found = gradients([loss], [kernel, bias])
    outputs = [loss, *found]
    if extra:
        outputs.append(active)
    return Graph([x, kernel, bias], outputs)


def run(graph, backend):
    program = Program(graph, ("x", "kernel", "bias"), tuple(f"r{index}" for index in range(len(graph.outputs))))
    generator = np.random.default_rng(21)
    arrays = [generator.standard_normal(value.shape).astype(value.dtype.numpy) for value in graph.inputs]
    return compile_program(program, backend)(arrays)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_step_computes_the_same(dtype, padding):
    graph = step(dtype, padding)
    fused = fuse_pools(graph)
    assert {"pooled_conv", "pooled_weight_gradient"} <= set(names(fused))
    assert not {"conv", "max_pool", "max_pool_gradient", "conv_weight_gradient"} & set(names(fused))
    rtol = 1e-4 if dtype == "float32" else 1e-11
    for found, expected in zip(run(graph, "native"), run(graph, "reference"), strict=True):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


def test_through_two_layers():
    """The second convolution's data gradient is the first pooling's cotangent."""
    x = make_input(tensor_type("float32", (3, 18, 18, 1)))
    shapes = ((3, 3, 1, 16), (16,), (3, 3, 16, 24), (24,))
    weights = [make_input(tensor_type("float32", shape)) for shape in shapes]
    value = x
    for kernel, bias in (weights[:2], weights[2:]):
        value = BUILD.max_pool(BUILD.relu(BUILD.add(BUILD.conv(value, kernel), bias)), window=2)
    loss = BUILD.sum(BUILD.square(value), axes=(0, 1, 2, 3))
    graph = Graph([x, *weights], [loss, *gradients([loss], weights)])
    assert names(fuse_pools(graph)).count("pooled_data_gradient") == 1
    program = Program(graph, tuple("xabcd"), tuple(f"r{index}" for index in range(5)))
    generator = np.random.default_rng(3)
    arrays = [generator.standard_normal(item.shape).astype(np.float32) for item in graph.inputs]
    results = [compile_program(program, get(name))(arrays) for name in ("native", "reference")]
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_prediction_alone():
    x, kernel, bias = (make_input(tensor_type("float32", shape)) for shape in ((2, 9, 9, 4), (3, 3, 4, 8), (8,)))
    pooled = BUILD.max_pool(BUILD.relu(BUILD.add(BUILD.conv(x, kernel), bias)), window=2)
    graph = Graph([x, kernel, bias], [pooled])
    assert "pooled_conv" in names(fuse_pools(graph))
    np.testing.assert_allclose(run(graph, "native")[0], run(graph, "reference")[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "changed",
    [{"extra": True}, {"activation": None}, {"activation": "tanh"}, {"window": 3, "strides": 2}, {"window": 4}],
)
def test_what_is_left_alone(changed):
    graph = step(**changed)
    assert fuse_pools(graph) is graph
    for found, expected in zip(run(graph, "native"), run(graph, "reference"), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_second_order_gradients_are_left_alone():
    """They read the cotangent, which the fused operators do not keep."""
    x, kernel, bias = (make_input(tensor_type("float64", shape)) for shape in ((2, 8, 8, 2), (3, 3, 2, 16), (16,)))
    pooled = BUILD.max_pool(BUILD.relu(BUILD.add(BUILD.conv(x, kernel), bias)), window=2)
    first = gradients([BUILD.sum(BUILD.square(pooled), axes=(0, 1, 2, 3))], [kernel])
    second = gradients([BUILD.sum(BUILD.square(first[0]), axes=(0, 1, 2, 3))], [kernel])
    graph = Graph([x, kernel, bias], second)
    for found, expected in zip(run(graph, "native"), run(graph, "reference"), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())
