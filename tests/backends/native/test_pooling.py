"""Pooling against the operators' references: ties, NaNs, padding."""

import numpy as np
import pytest

from epochal.backends.native.kernels.epilogue import Epilogue, accepts
from epochal.backends.native.kernels.lower import lower
from epochal.ir import make_input, tensor_type
from epochal.testing.launches import Launcher
from epochal.topi.inventory import BUILD, INVENTORY

NAMES = ("max_pool", "max_pool_gradient", "max_pool_select", "avg_pool", "avg_pool_gradient")


def check(result, arrays):
    node = result.node
    given = {value: np.asarray(array, value.dtype.numpy) for value, array in zip(node.inputs, arrays, strict=True)}
    launcher = Launcher(lower(node), given)
    launcher.run_apart()
    found = launcher.arrays[result].copy()
    launcher.run()
    assert found.tobytes() == launcher.arrays[result].tobytes()
    expected = node.operator.reference(*given.values(), **node.parameters)
    small = result.dtype.itemsize == 2
    rtol, atol = (1e-2, 3e-2) if small else (1e-5, 1e-5)
    np.testing.assert_allclose(found.astype(np.float64), expected.astype(np.float64), rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_the_samples(name, dtype):
    for sample in INVENTORY[name].samples():
        kind = dtype if sample.arguments[0].dtype.kind == "f" else sample.arguments[0].dtype.name
        values = [make_input(tensor_type(kind, array.shape)) for array in sample.arguments]
        result = getattr(BUILD, name)(*values, **sample.parameters)
        if result.type.rank == 5:
            assert lower(result.node) is None
        else:
            check(result, sample.arguments)


CASES = [
    ((2, 13, 13, 64), {"window": 2}),
    ((20, 6, 6, 7), {"window": 2}),
    ((3, 9, 11, 5), {"window": 3, "strides": 2, "padding": "same"}),
    ((2, 12, 13, 33), {"window": (5, 4), "strides": 1, "padding": "same"}),
    ((1, 12, 11, 100), {"window": 7, "strides": 1}),
    ((2, 50, 130), {"window": 5, "strides": 2, "padding": "same"}),
    ((4, 8, 8, 96), {"window": 8}),
    ((2, 10, 9, 3), {"window": 2, "strides": (3, 4)}),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("shape", "parameters"), CASES)
def test_geometries_with_ties_and_not_a_number(name, shape, parameters):
    generator = np.random.default_rng(5)
    x = np.round(generator.standard_normal(shape)).astype(np.float32)
    value = make_input(tensor_type("float32", shape))
    pooled = BUILD.max_pool(value, **parameters)
    other = generator.standard_normal(shape if name == "max_pool_select" else pooled.shape)
    if name == "avg_pool_gradient":
        result = BUILD.avg_pool_gradient(make_input(pooled.type), input_shape=shape, **parameters)
        check(result, [other])
        return
    if name.startswith("avg"):
        check(BUILD.avg_pool(value, **parameters), [x])
        return
    x[generator.random(shape) < 0.2] = np.nan
    x[generator.random(shape) < 0.2] = -np.inf
    if name == "max_pool":
        check(pooled, [x])
    else:
        second = make_input(value.type if name == "max_pool_select" else pooled.type)
        check(getattr(BUILD, name)(value, second, **parameters), [x, other])


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint8", "int64"])
def test_integers(dtype):
    generator = np.random.default_rng(6)
    x = generator.integers(0, 100, (2, 7, 8, 21)).astype(dtype)
    check(BUILD.max_pool(make_input(tensor_type(dtype, x.shape)), window=3, strides=2, padding="same"), [x])


def test_very_large_windows():
    """The largest element is found in a loop; which it was is left to the reference."""
    value = make_input(tensor_type("float32", (2, 9, 10, 3)))
    x = np.random.default_rng(7).standard_normal(value.shape)
    check(BUILD.max_pool(value, window=9), [x])
    check(BUILD.avg_pool(value, window=9), [x])
    gradient = BUILD.max_pool_gradient(value, make_input(tensor_type("float32", (2, 1, 1, 3))), window=9)
    assert lower(gradient.node) is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(2, 8, 6, 33), (3, 11, 9, 64), (1, 9, 20)])
def test_epilogues(name, shape):
    """A bias and a mask: also on elements that no window sees."""
    value = make_input(tensor_type("float32", shape))
    pooled = BUILD.max_pool(value, window=2)
    other = make_input(value.type if name == "max_pool_select" else pooled.type)
    operands = {"max_pool": (value,), "avg_pool": (value,), "avg_pool_gradient": (other,)}.get(name, (value, other))
    parameters = {"window": 2} | ({"input_shape": shape} if name == "avg_pool_gradient" else {})
    result = getattr(BUILD, name)(*operands, **parameters)
    bias, mask = make_input(tensor_type("float32", shape[-1:])), make_input(result.type)
    spread = BUILD.broadcast(bias, shape=result.shape)
    shifted = BUILD.add(result, spread)
    masked = BUILD.mul(shifted, mask)
    epilogue = Epilogue((spread.node, shifted.node, masked.node), (bias, mask), (masked, result))
    assert accepts(epilogue, result)
    generator = np.random.default_rng(2)
    arrays = {item: generator.standard_normal(item.shape).astype(np.float32) for item in (*operands, bias, mask)}
    launcher = Launcher(lower(result.node, epilogue), arrays)
    launcher.run_apart()
    plain = result.node.operator.reference(*(arrays[item] for item in operands), **result.node.parameters)
    np.testing.assert_allclose(launcher.arrays[result], plain, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(launcher.arrays[masked], (plain + arrays[bias]) * arrays[mask], rtol=1e-5, atol=1e-5)


def test_gradients_of_shared_elements_take_no_epilogue():
    value = make_input(tensor_type("float32", (2, 9, 9, 8)))
    for parameters, fits in (({"window": 3, "strides": 2}, False), ({"window": 3}, True)):
        pooled = BUILD.max_pool(value, **parameters)
        gradient = BUILD.max_pool_gradient(value, make_input(pooled.type), **parameters)
        total = BUILD.relu(gradient)
        assert accepts(Epilogue((total.node,), (), (total,)), gradient) is fits
