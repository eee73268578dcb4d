"""Products of a few rows with a large matrix: against float64, through epilogues, the same bits for any threads."""

import numpy as np
import pytest

from epochal.backends.native.kernel import Target
from epochal.backends.native.kernels.epilogue import Epilogue
from epochal.backends.native.kernels.lower import lower
from epochal.compile import compile_program
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.testing.launches import Launcher
from epochal.topi.inventory import BUILD

TARGETS = [None, Target("", "", 32, 16, False), Target("", "", 16, 16, False), Target("", "", 16, 32, False)]
"""This processor; AVX2, SSE and NEON, as far as widths and registers go."""

SIZES = [(1, 784, 512), (2, 300, 515), (3, 201, 700), (4, 333, 2000), (1, 40, 50_001), (4, 67, 20_000)]
"""Rows, depth, columns: ranges of equal and unequal length, a rest of a vector, groups of columns."""


def product(rows, depth, columns, dtype="float32"):
    a, b = make_input(tensor_type(dtype, (rows, depth))), make_input(tensor_type(dtype, (depth, columns)))
    return BUILD.dot_general(a, b, contract=((1,), (0,)), batch=((), ()))


def draw(value, seed):
    return np.random.default_rng(seed).standard_normal(value.shape).astype(value.dtype.numpy)


def kinds(result):
    return [launch.kernel.kind for launch in lower(result.node)]


def close(found, a, b):
    a, b, unit = a.astype(np.float64), b.astype(np.float64), np.finfo(found.dtype).eps
    room = unit * (2 + a.shape[-1]) * (np.abs(a) @ np.abs(b))
    return bool((np.abs(found - a @ b) <= room).all())


@pytest.mark.parametrize(("rows", "depth", "columns"), SIZES)
@pytest.mark.parametrize("target", TARGETS)
def test_every_path(rows, depth, columns, target):
    result = product(rows, depth, columns)
    assert kinds(result)[0] == "product of few rows"
    arrays = {value: draw(value, seed) for seed, value in enumerate(result.node.inputs)}
    launcher = Launcher(lower(result.node), arrays, target)
    launcher.run_apart()
    found = launcher.arrays[result].copy()
    assert close(found, *arrays.values())
    launcher.run()
    assert found.tobytes() == launcher.arrays[result].tobytes()


def test_float64():
    result = product(3, 120, 520, "float64")
    arrays = {value: draw(value, seed) for seed, value in enumerate(result.node.inputs)}
    launcher = Launcher(lower(result.node), arrays)
    launcher.run()
    assert close(launcher.arrays[result], *arrays.values())


def test_a_matrix_times_a_vector_where_the_matrix_is_transposed():
    a, b = make_input(tensor_type("float32", (300, 400))), make_input(tensor_type("float32", (300,)))
    result = BUILD.dot_general(a, b, contract=((0,), (0,)), batch=((), ()))
    assert kinds(result)[0] == "product of few rows"
    arrays = {a: draw(a, 0), b: draw(b, 1)}
    launcher = Launcher(lower(result.node), arrays)
    launcher.run_apart()
    assert close(launcher.arrays[result], arrays[b], arrays[a])


@pytest.mark.parametrize(("rows", "depth", "columns"), [(2, 300, 515), (1, 40, 50_001)])
def test_bias_and_activation(rows, depth, columns):
    """Through the combination of ranges, and at the end of the only range."""
    result = product(rows, depth, columns)
    bias = make_input(tensor_type("float32", (columns,)))
    spread = BUILD.broadcast(bias, shape=result.shape)
    activated = BUILD.relu(BUILD.add(result, spread))
    shifted = activated.node.inputs[0].node
    epilogue = Epilogue((spread.node, shifted, activated.node), (bias,), (activated,))
    arrays = {value: draw(value, seed) for seed, value in enumerate((*result.node.inputs, bias))}
    launcher = Launcher(lower(result.node, epilogue), arrays)
    launcher.run_apart()
    a, b, c = (array.astype(np.float64) for array in arrays.values())
    np.testing.assert_allclose(launcher.arrays[activated], np.maximum(a @ b + c, 0), rtol=1e-4, atol=1e-4)


def test_the_same_bits_for_any_number_of_threads():
    x = make_input(tensor_type("float32", (1, 784)))
    first, second = (make_input(tensor_type("float32", shape)) for shape in ((784, 512), (512, 1030)))
    hidden = BUILD.tanh(BUILD.dot_general(x, first, contract=((1,), (0,)), batch=((), ())))
    result = BUILD.dot_general(hidden, second, contract=((1,), (0,)), batch=((), ()))
    program = Program(Graph([x, first, second], [result]), ("x", "first", "second"), ("result",))
    executable = compile_program(program, "native")
    arrays = [draw(value, seed) for seed, value in enumerate((x, first, second))]
    found = {executable(arrays, num_threads=threads)[0].tobytes() for threads in (1, 2, 3, 4)}
    assert len(found) == 1


@pytest.mark.parametrize(
    ("a", "b", "contract", "batch", "dtype"),
    [
        ((8, 784), (784, 512), ((1,), (0,)), ((), ()), "float32"),  # more rows
        ((1, 64), (64, 64), ((1,), (0,)), ((), ()), "float32"),  # a small matrix
        ((1, 784), (512, 784), ((1,), (1,)), ((), ()), "float32"),  # columns lie apart
        ((3, 1, 300), (3, 300, 400), ((2,), (1,)), ((0,), (0,)), "float32"),  # many matrices
        ((1, 784), (784, 512), ((1,), (0,)), ((), ()), "int32"),
        ((1, 784), (784, 512), ((1,), (0,)), ((), ()), "float16"),  # sums would be rounded
    ],
)
def test_other_products_are_left_to_other_kernels(a, b, contract, batch, dtype):
    a, b = make_input(tensor_type(dtype, a)), make_input(tensor_type(dtype, b))
    assert "product of few rows" not in kinds(BUILD.dot_general(a, b, contract=contract, batch=batch))


def test_pieces_come_from_shapes_and_costs_from_bytes():
    first, second = lower(product(1, 784, 512).node)
    assert first.kernel.pieces == 4
    assert second.kernel.kind == "combine"
    assert first.kernel.cost > 3 * lower(product(1, 784, 128).node)[0].kernel.cost
