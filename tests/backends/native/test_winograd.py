"""Winograd's method against direct sums in float64, for convolutions and both gradients."""

import numpy as np
import pytest

import epochal
from epochal import config
from epochal.backends.native.kernel import Target
from epochal.backends.native.kernels.epilogue import Epilogue
from epochal.backends.native.kernels.geometry import geometry_of
from epochal.backends.native.kernels.lower import lower
from epochal.backends.native.kernels.winograd import pays, suits
from epochal.ir import make_input, tensor_type
from epochal.testing.convolutions import CONVOLUTIONS, convolution
from epochal.testing.launches import Launcher
from epochal.topi.inventory import BUILD


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Wherever the method can be used it is, whatever that costs."""
    monkeypatch.setattr("epochal.backends.native.kernels.lower.pays", lambda *_: True)


def check(result, target=None):
    node = result.node
    generator = np.random.default_rng(5)
    arrays = {value: generator.standard_normal(value.shape).astype(value.dtype.numpy) for value in node.inputs}
    launcher = Launcher(lower(node), arrays, target)
    launcher.run_apart()
    found = launcher.arrays[result].copy()
    launcher.run()
    assert found.tobytes() == launcher.arrays[result].tobytes()
    wide = [array.astype(np.float64) for array in arrays.values()]
    expected = node.operator.reference(*wide, **node.parameters)
    room = {"float32": 2e-6, "float64": 1e-14}[result.dtype.name] * np.abs(expected).max()
    assert np.abs(found - expected).max() <= room
    assert len(launcher.launches) > (2 if node.operator.name == "conv_data_gradient" else 1)


CASES = {
    "even": ((2, 8, 8, 16), (3, 3, 16, 16), {"padding": "same"}),
    "uneven, few channels": ((3, 7, 9, 5), (3, 3, 5, 18), {"padding": "same"}),
    "no padding": ((2, 10, 13, 20), (3, 3, 20, 40), {}),
    "padding on some sides": ((2, 10, 13, 20), (3, 3, 20, 40), {"padding": ((2, 0), (1, 2))}),
    "several panels": ((5, 7, 7, 64), (3, 3, 64, 128), {"padding": "same"}),
    "three vectors, chunks that are not full": ((3, 10, 12, 16), (3, 3, 16, 48), {"padding": "same"}),
    "one row": ((1, 1, 4, 16), (3, 3, 16, 8), {"padding": "same"}),
    "one tile": ((1, 4, 4, 3), (3, 3, 3, 1), {}),
    "groups of columns": ((1, 6, 6, 16), (3, 3, 16, 400), {"padding": "same"}),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("case", CASES)
def test_geometries(name, case):
    x, kernel, parameters = CASES[case]
    check(convolution(name, x, kernel, **parameters))


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_float64(name):
    check(convolution(name, (2, 7, 6, 20), (3, 3, 20, 18), "float64", padding="same"))


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize(("registers", "width"), [(16, 32), (16, 16), (32, 16)])
def test_narrower_processors(name, registers, width):
    check(convolution(name, (2, 7, 9, 20), (3, 3, 20, 40), padding="same"), Target("", "", width, registers, False))


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_epilogues(name):
    """A bias along the channels, ReLU, and a sum with a whole tensor."""
    result = convolution(name, (2, 7, 9, 20), (3, 3, 20, 20), padding="same")
    bias, other = make_input(tensor_type("float32", result.shape[-1:])), make_input(result.type)
    spread = BUILD.broadcast(bias, shape=result.shape)
    active = BUILD.relu(BUILD.add(result, spread))
    total = BUILD.add(active, other)
    nodes = (spread.node, active.node.inputs[0].node, active.node, total.node)
    launches = lower(result.node, Epilogue(nodes, (bias, other), (total, active)))
    generator = np.random.default_rng(6)
    inputs = (*result.node.inputs, bias, other)
    arrays = {value: generator.standard_normal(value.shape).astype(np.float32) for value in inputs}
    launcher = Launcher(launches, arrays)
    launcher.run()
    wide = [arrays[value].astype(np.float64) for value in result.node.inputs]
    expected = np.maximum(result.node.operator.reference(*wide, **result.node.parameters) + arrays[bias], 0)
    room = 2e-6 * np.abs(expected).max()
    assert np.abs(launcher.arrays[active] - expected).max() <= room
    assert np.abs(launcher.arrays[total] - expected - arrays[other]).max() <= room


def test_what_it_suits():
    def suited(x, kernel, **parameters):
        return suits(geometry_of(convolution("conv", x, kernel, **parameters).node))

    assert suited((1, 8, 8, 16), (3, 3, 16, 16))
    assert not suited((1, 8, 8, 16), (3, 3, 16, 16), strides=2)
    assert not suited((1, 8, 8, 16), (3, 3, 16, 16), dilations=2)
    assert not suited((1, 8, 8, 16), (3, 3, 8, 16), groups=2)
    assert not suited((1, 8, 8, 16), (5, 5, 16, 16))
    assert not suited((1, 8, 16), (3, 16, 16))
    assert not suits(geometry_of(convolution("conv", (1, 8, 8, 16), (3, 3, 16, 16), "float16").node))


def test_where_it_pays():
    def paid(x, kernel):
        geometry = geometry_of(convolution("conv", x, kernel, padding="same").node)
        return pays(geometry, geometry.y, 1)

    assert paid((32, 32, 32, 16), (3, 3, 16, 16))
    assert paid((8, 14, 14, 256), (3, 3, 256, 256))
    assert not paid((32, 32, 32, 3), (3, 3, 3, 16))  # transforms cost more than products
    assert not paid((1, 4, 4, 512), (3, 3, 512, 512))  # so does the kernel's


def test_the_setting(monkeypatch):
    result = convolution("conv", (2, 8, 8, 16), (3, 3, 16, 16), padding="same")
    assert len(lower(result.node)) == 2
    epochal.set_winograd(False)
    try:
        assert len(lower(result.node)) == 1
    finally:
        epochal.set_winograd(None)
    monkeypatch.setenv("EPOCHAL_WINOGRAD", "0")
    try:
        assert not config.winograd()
    finally:
        monkeypatch.undo()
        epochal.set_winograd(None)
    assert config.winograd()
