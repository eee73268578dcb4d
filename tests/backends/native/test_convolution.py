"""Convolutions and both gradients against the operators' references in float64."""

import numpy as np
import pytest

from epochal.backends.native.kernel import Target
from epochal.backends.native.kernels.epilogue import Epilogue, accepts
from epochal.backends.native.kernels.lower import lower
from epochal.backends.native.kernels.phase import backward_phases
from epochal.ir import make_input, tensor_type
from epochal.testing.convolutions import CONVOLUTIONS, convolution
from epochal.testing.launches import Launcher
from epochal.topi.inventory import BUILD, INVENTORY

ROUNDING = {"float16": 3e-3, "bfloat16": 3e-2, "float32": 1e-5, "float64": 1e-13}


def draws(node):
    generator = np.random.default_rng(3)
    return {value: generator.standard_normal(value.shape).astype(value.dtype.numpy) for value in node.inputs}


def check(result, target=None):
    node = result.node
    arrays = draws(node)
    launcher = Launcher(lower(node), arrays, target)
    launcher.run_apart()
    found = launcher.arrays[result].copy()
    launcher.run()
    assert found.tobytes() == launcher.arrays[result].tobytes()
    wide = [array.astype(np.float64) for array in arrays.values()]
    expected = node.operator.reference(*wide, **node.parameters)
    magnitude = node.operator.reference(*map(abs, wide), **node.parameters)
    room = ROUNDING[result.dtype.name] * magnitude + 1e-30
    assert (np.abs(found.astype(np.float64) - expected) <= room).all()


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_samples(name, dtype):
    for sample in INVENTORY[name].samples():
        values = [make_input(tensor_type(dtype, array.shape)) for array in sample.arguments]
        result = getattr(BUILD, name)(*values, **sample.parameters)
        if result.type.rank == 5 or (name == "conv_weight_gradient" and len(sample.arguments[0].shape) == 5):
            assert lower(result.node) is None
        else:
            check(result)


CASES = {
    "one input channel": ((2, 28, 28, 1), (3, 3, 1, 32), {}),
    "one input channel, padded": ((2, 28, 28, 1), (3, 3, 1, 32), {"padding": "same"}),
    "the second of two": ((2, 13, 13, 32), (3, 3, 32, 64), {}),
    "three vectors of channels": ((2, 13, 13, 32), (3, 3, 32, 48), {"padding": "same"}),
    "rows of seven": ((3, 7, 7, 16), (3, 3, 16, 24), {"padding": "same"}),
    "rows of four": ((3, 4, 4, 16), (3, 3, 16, 24), {"padding": "same"}),
    "rows of two": ((3, 2, 2, 16), (3, 3, 16, 24), {"padding": "same"}),
    "one row": ((3, 1, 9, 16), (1, 3, 16, 24), {"padding": "same"}),
    "three input channels, strides": ((2, 32, 32, 3), (7, 7, 3, 20), {"strides": 2, "padding": "same"}),
    "uneven": ((2, 15, 17, 5), (5, 3, 5, 9), {"strides": (3, 2), "padding": ((2, 1), (0, 2))}),
    "strides and dilations": (
        (2, 15, 17, 5), (3, 3, 5, 9), {"strides": 2, "padding": ((3, 4), (5, 2)), "dilations": (2, 3)},
    ),
    "a stride beyond the kernel": ((1, 11, 12, 4), (2, 2, 4, 5), {"strides": (3, 4)}),
    "a stride that shares with a dilation": ((1, 14, 15, 4), (3, 3, 4, 5), {"strides": (4, 2), "dilations": (2, 4)}),
    "causal": ((2, 30, 6), (4, 6, 18), {"padding": "causal", "dilations": 3}),
    "causal, far": ((2, 64, 6), (3, 6, 18), {"padding": "causal", "dilations": 16}),
    "depthwise": ((4, 9, 9, 8), (3, 3, 1, 8), {"groups": 8, "padding": "same"}),
    "depthwise, strides": ((2, 11, 10, 40), (3, 3, 1, 40), {"groups": 40, "padding": "same", "strides": 2}),
    "depthwise, two each": ((2, 9, 9, 8), (3, 3, 1, 16), {"groups": 8, "padding": "same"}),
    "groups": ((4, 9, 9, 8), (3, 3, 2, 24), {"groups": 4, "padding": "same", "strides": 2}),
    "more images than pieces": ((17, 6, 6, 32), (3, 3, 32, 64), {"strides": 2, "padding": "same"}),
    "one image": ((1, 40, 40, 8), (3, 3, 8, 100), {"padding": "same"}),
    "pointwise": ((5, 8, 8, 64), (1, 1, 64, 32), {}),
    "pointwise, strides": ((5, 8, 8, 64), (1, 1, 64, 32), {"strides": 2}),
    "the whole input": ((6, 5, 5, 7), (5, 5, 7, 10), {}),
    "flat": ((2, 5, 40, 4), (3, 3, 4, 16), {"padding": "same"}),
    "tall": ((2, 50, 3, 4), (3, 3, 4, 16), {"padding": "same"}),
    "pointwise, several groups of channels": ((3, 9, 9, 300), (1, 1, 300, 260), {}),
    "pointwise, one row, wide": ((3, 19, 264), (1, 264, 33), {}),
    "pointwise, groups of pixels, strides": ((4, 40, 40, 33), (1, 1, 33, 40), {"strides": 2}),
    "a grid of pixels, not to the end": ((8, 20, 23, 132), (1, 1, 132, 70), {"strides": (2, 3)}),
    "one output channel": ((2, 9, 9, 20), (3, 3, 20, 1), {"padding": "same"}),
    "one output channel, along the vectors": ((2, 9, 9, 32), (3, 3, 32, 1), {"padding": "same"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("case", CASES)
def test_geometries(name, case):
    x, kernel, parameters = CASES[case]
    check(convolution(name, x, kernel, **parameters))


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("case", ["one input channel, padded", "three vectors of channels", "rows of four", "groups"])
def test_narrower_processors(name, case):
    x, kernel, parameters = CASES[case]
    for registers, width in ((16, 32), (16, 16), (32, 16)):
        check(convolution(name, x, kernel, **parameters), Target("", "", width, registers, False))


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_element_types(name, dtype):
    check(convolution(name, (2, 9, 9, 6), (3, 3, 6, 18), dtype, padding="same"))
    check(convolution(name, (2, 9, 9, 1), (3, 3, 1, 18), dtype, padding="same", strides=2))


WITH_EPILOGUES = (
    "the second of two", "rows of four", "causal", "pointwise", "depthwise, strides",
    "a grid of pixels, not to the end",
)  # fmt: skip


@pytest.mark.parametrize("case", WITH_EPILOGUES)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_epilogues(name, case):
    """A bias along the channels, ReLU, and a product with a whole tensor."""
    x, kernel, parameters = CASES[case]
    result = convolution(name, x, kernel, **parameters)
    bias, scale = make_input(tensor_type("float32", result.shape[-1:])), make_input(result.type)
    spread = BUILD.broadcast(bias, shape=result.shape)
    shifted = BUILD.add(result, spread)
    activated = BUILD.relu(shifted)
    scaled = BUILD.mul(scale, activated)
    nodes = tuple(value.node for value in (spread, shifted, activated, scaled))
    epilogue = Epilogue(nodes, (bias, scale), (activated, scaled))
    assert accepts(epilogue, result)
    arrays = draws(result.node)
    generator = np.random.default_rng(8)
    for value in (bias, scale):
        arrays[value] = generator.standard_normal(value.shape).astype(np.float32)
    launcher = Launcher(lower(result.node, epilogue), arrays)
    launcher.run_apart()
    plain = result.node.operator.reference(*(arrays[value] for value in result.node.inputs), **result.node.parameters)
    expected = np.maximum(plain + arrays[bias], 0)
    np.testing.assert_allclose(launcher.arrays[activated], expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(launcher.arrays[scaled], expected * arrays[scale], rtol=1e-3, atol=1e-3)
    final = launcher.launches[-1]
    operands = len(final.inputs) - 2
    assert final.kernel.inplace == {(operands + 1, 0), (operands + 1, 1)}


def test_phases_send_each_cotangent_back_once():
    """Every pair (output, tap) of the convolution appears in exactly one phase of its data gradient."""
    for size, taps, stride, dilation, before, after in (
        (9, 3, 1, 1, 1, 1), (10, 3, 2, 1, 0, 1), (11, 4, 3, 2, 2, 0), (12, 3, 4, 2, 1, 3), (7, 2, 3, 1, 0, 0),
    ):  # fmt: skip
        count = (size + before + after - (taps - 1) * dilation - 1) // stride + 1
        expected = {
            (output * stride - before + tap * dilation, output, tap)
            for output in range(count)
            for tap in range(taps)
            if 0 <= output * stride - before + tap * dilation < size
        }
        found = [
            (
                phase.first + i * phase.spacing,
                i * phase.stride + phase.base + j * phase.reach,
                phase.entry + j * phase.skip,
            )
            for phase in backward_phases(size, count, taps, stride, dilation, before)
            for i in range(phase.count)
            for j in range(phase.taps)
            if phase.valid(i, j)
        ]
        assert len(found) == len(set(found))
        assert set(found) == expected


def test_pieces_come_from_shapes_alone():
    x, kernel, parameters = CASES["the second of two"]
    for name in CONVOLUTIONS:
        launches = lower(convolution(name, (128, *x[1:]), kernel, **parameters).node)
        assert max(launch.kernel.pieces for launch in launches) >= 8


def test_strided_pointwise_convolutions_are_products_over_a_grid():
    x, kernel, parameters = CASES["a grid of pixels, not to the end"]
    assert len(lower(convolution("conv", x, kernel, **parameters).node)) == 2
    assert len(lower(convolution("conv_data_gradient", x, kernel, **parameters).node)) == 2
    assert len(lower(convolution("conv_data_gradient", (2, 7, 9, 260), (1, 1, 260, 40)).node)) == 1
    assert len(lower(convolution("conv", (1, 4, 4, 132), kernel, **parameters).node)) == 1
