"""A convolution with bias, ReLU and max-pooling as one operator, and its gradients."""

import numpy as np
import pytest

from epochal.backends.native.kernel import Target
from epochal.backends.native.kernels.lower import lower
from epochal.backends.native.kernels.pooled import POOLED_CONV, POOLED_DATA_GRADIENT, POOLED_WEIGHT_GRADIENT
from epochal.ir import make_input, tensor_type
from epochal.testing.launches import Launcher
from epochal.topi.inventory import BUILD

NONE = ((0, 0), (0, 0))
SAME = ((1, 1), (1, 1))
# Input, kernel, padding, window.
CASES = [
    ((20, 12, 12, 1), (3, 3, 1, 32), NONE, (2, 2)),
    ((3, 9, 10, 1), (3, 3, 1, 20), SAME, (2, 2)),
    ((2, 13, 9, 3), (3, 3, 3, 40), NONE, (2, 3)),
    ((3, 11, 12, 2), (2, 4, 2, 5), ((0, 1), (2, 1)), (3, 3)),
    ((17, 13, 13, 32), (3, 3, 32, 64), NONE, (2, 2)),
    ((2, 12, 11, 16), (5, 5, 16, 100), NONE, (2, 2)),
    ((2, 8, 9, 7), (3, 3, 7, 33), NONE, (3, 2)),
]


def inputs(case, dtype):
    x_shape, kernel_shape, padding, window = case
    x, kernel = make_input(tensor_type(dtype, x_shape)), make_input(tensor_type(dtype, kernel_shape))
    bias = make_input(tensor_type(dtype, kernel_shape[-1:]))
    pooled, winners = BUILD.apply(POOLED_CONV, (x, kernel, bias), {"padding": padding, "window": window})
    generator = np.random.default_rng(11)
    arrays = {value: generator.standard_normal(value.shape).astype(dtype) for value in (x, kernel, bias)}
    return x, kernel, bias, pooled, winners, arrays


def run(node, arrays, target=None):
    launcher = Launcher(lower(node), arrays, target)
    launcher.run_apart()
    found = [launcher.arrays[value].copy() for value in node.outputs]
    launcher.run()
    for array, value in zip(found, node.outputs, strict=True):
        assert array.tobytes() == launcher.arrays[value].tobytes()
    return found


def check_forward(case, dtype, target=None):
    x, kernel, bias, pooled, _, arrays = inputs(case, dtype)
    node = pooled.node
    wide = [arrays[value].astype(np.float64) for value in (x, kernel, bias)]
    expected, won = POOLED_CONV.reference(*wide, **node.parameters)
    found, winners = run(node, arrays, target)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert (winners != won).mean() < 1e-3


def test_forward_is_the_chain_of_operators():
    x, kernel, bias, pooled, _, arrays = inputs(CASES[3], "float64")
    shifted = BUILD.add(BUILD.conv(x, kernel, padding=CASES[3][2]), bias)
    chain = [shifted.node.inputs[0].node, shifted.node.inputs[1].node, shifted.node]
    chain += [BUILD.relu(shifted).node]
    chain += [BUILD.max_pool(chain[-1].outputs[0], window=CASES[3][3]).node]
    values = dict(arrays)
    for node in chain:
        values[node.outputs[0]] = node.operator.reference(*(values[value] for value in node.inputs), **node.parameters)
    found, _ = run(pooled.node, arrays)
    np.testing.assert_allclose(found, values[chain[-1].outputs[0]], rtol=1e-12, atol=1e-12)


def test_ties_zeros_and_not_a_number():
    x, kernel, bias, pooled, _, arrays = inputs(((1, 6, 6, 1), (3, 3, 1, 16), NONE, (2, 2)), "float32")
    arrays[x][:] = 1
    arrays[kernel][..., :8] = -1
    arrays[bias][:] = 0
    found, winners = run(pooled.node, arrays)
    assert (winners[..., :8] == 255).all()
    assert (found[..., :8] == 0).all()
    positive = found[..., 8:] > 0
    assert (winners[..., 8:][positive] == 0).all(), "the first of equals wins"
    arrays[x][0, 3, 3, 0] = np.nan
    found, winners = run(pooled.node, arrays)
    assert np.isnan(found[0, 1, 1]).all()
    assert (winners[0, 1, 1] == 255).all()


def check_gradients(case, dtype, target=None):
    x, kernel, _, pooled, winners, arrays = inputs(case, dtype)
    _, padding, window = kernel, case[2], case[3]
    cotangent = make_input(pooled.type)
    arrays[cotangent] = np.random.default_rng(12).standard_normal(cotangent.shape).astype(dtype)
    arrays[winners] = run(pooled.node, arrays)[1]
    given = {"padding": padding, "window": window}
    nodes = [BUILD.apply(POOLED_WEIGHT_GRADIENT, (x, winners, cotangent), {**given, "kernel_shape": case[1]})[0].node]
    if padding == NONE:
        data = BUILD.apply(POOLED_DATA_GRADIENT, (winners, cotangent, kernel), {**given, "input_shape": case[0]})
        nodes.append(data[0].node)
    for node in nodes:
        operands = {value: arrays[value] for value in node.inputs}
        wide = [array.astype(np.float64) if array.dtype.kind == "f" else array for array in operands.values()]
        expected = node.operator.reference(*wide, **node.parameters)
        for found, right in zip(
            run(node, operands, target), expected if len(node.outputs) > 1 else [expected], strict=True
        ):
            np.testing.assert_allclose(found, right, rtol=0, atol=1e-5 * np.abs(right).max())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_against_the_reference(case, dtype):
    check_forward(case, dtype)
    check_gradients(case, dtype)


@pytest.mark.parametrize("case", [CASES[0], CASES[2], CASES[4]])
def test_narrower_processors(case):
    for width, registers in ((32, 16), (16, 32)):
        target = Target("", "", width, registers, False)
        check_forward(case, "float32", target)
        check_gradients(case, "float32", target)
