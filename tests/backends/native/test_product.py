"""Matrix products against the operator's reference in float64, with and without an epilogue."""

import itertools

import numpy as np
import pytest

from epochal.backends.native.kernel import Target
from epochal.backends.native.kernels.epilogue import Epilogue, accepts
from epochal.backends.native.kernels.lower import lower
from epochal.ir import make_input, tensor_type
from epochal.testing.launches import Launcher
from epochal.topi.inventory import BUILD, INVENTORY

DOT = INVENTORY["dot_general"]
PLAIN, LEFT, RIGHT, BOTH = ((1,), (0,)), ((0,), (0,)), ((1,), (1,)), ((0,), (1,))
UNIT = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 1.2e-7, "float64": 2.2e-16}


def product(a_shape, b_shape, contract, batch=((), ()), dtype="float32"):
    a, b = make_input(tensor_type(dtype, a_shape)), make_input(tensor_type(dtype, b_shape))
    return BUILD.dot_general(a, b, contract=contract, batch=batch)


def draw(value, seed):
    generator = np.random.default_rng(seed)
    if value.dtype.is_floating:
        return generator.standard_normal(value.shape).astype(value.dtype.numpy)
    return generator.integers(-3, 4, value.shape).astype(value.dtype.numpy)


NARROW = [Target("", "", 32, 16, False), Target("", "", 16, 16, False), Target("", "", 16, 32, False)]
"""AVX2, SSE and NEON, as far as widths and registers go."""


def check(result, target=None):
    node = result.node
    arrays = {value: draw(value, seed) for seed, value in enumerate(node.inputs)}
    launches = lower(node)
    launcher = Launcher(launches, arrays, target)
    launcher.run_apart()
    found = launcher.arrays[result].copy()
    launcher.run()
    assert found.tobytes() == launcher.arrays[result].tobytes()
    wide = [array.astype(np.float64) for array in arrays.values()]
    expected = DOT.reference(*wide, **node.parameters)
    if not result.dtype.is_floating:
        np.testing.assert_array_equal(found, expected.astype(result.dtype.numpy))
        return
    magnitude = DOT.reference(*map(abs, wide), **node.parameters)
    depth = np.prod([node.inputs[0].shape[axis] for axis in node.parameters["contract"][0]])
    unit = UNIT[result.dtype.name]
    room = (unit + UNIT["float64" if unit < 1e-10 else "float32"] * (2 + depth)) * magnitude + 1e-30
    assert (np.abs(found.astype(np.float64) - expected) <= room).all()


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_the_samples(dtype):
    for sample in DOT.samples():
        a, b = sample.arguments
        if a.dtype.kind == "f" or dtype == "int32":
            check(product(a.shape, b.shape, **sample.parameters, dtype=dtype))


SIZES = [(1, 1, 2), (1, 1, 40), (1, 70, 33), (2, 10, 50), (3, 5, 7), (13, 1, 33), (29, 33, 20), (30, 100, 17)]


@pytest.mark.parametrize(("rows", "columns", "depth"), SIZES)
@pytest.mark.parametrize("contract", [PLAIN, LEFT, RIGHT, BOTH])
def test_shapes_and_transposes(rows, columns, depth, contract):
    a = (depth, rows) if contract[0] == (0,) else (rows, depth)
    b = (columns, depth) if contract[1] == (1,) else (depth, columns)
    check(product(a, b, contract))


@pytest.mark.parametrize("target", NARROW)
@pytest.mark.parametrize("contract", [PLAIN, LEFT, RIGHT, BOTH])
def test_narrower_processors(target, contract):
    for rows, columns, depth in ((1, 70, 33), (29, 33, 20), (3, 5, 70)):
        a = (depth, rows) if contract[0] == (0,) else (rows, depth)
        b = (columns, depth) if contract[1] == (1,) else (depth, columns)
        check(product(a, b, contract), target)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "int8", "int64"])
@pytest.mark.parametrize("contract", [PLAIN, RIGHT])
def test_element_types(dtype, contract):
    check(product((17, 35), (37, 35) if contract == RIGHT else (35, 37), contract, dtype=dtype))


@pytest.mark.parametrize(
    ("a", "b", "contract", "batch"),
    [
        ((2, 3, 8, 16), (2, 3, 8, 16), ((3,), (3,)), ((0, 1), (0, 1))),
        ((2, 8, 3, 16), (2, 9, 3, 16), ((3,), (3,)), ((0, 2), (0, 2))),
        ((2, 3, 8, 9), (2, 9, 3, 16), ((3,), (1,)), ((0, 1), (0, 2))),
        ((4, 5, 6), (6, 5, 20), ((1, 2), (1, 0)), ((), ())),
        ((4, 5, 6), (7, 6, 20), ((2,), (1,)), ((), ())),
        ((40, 20), (20,), ((1,), (0,)), ((), ())),
        ((20, 40), (20,), ((0,), (0,)), ((), ())),
        ((300,), (300, 40), ((0,), (0,)), ((), ())),
    ],
)
def test_axes_anywhere(a, b, contract, batch):
    check(product(a, b, contract, batch))


def test_large_enough_for_every_path():
    # Many pieces; a larger than b; a packed panel; a deep reduction.
    for a, b, contract in (
        ((128, 784), (784, 160), PLAIN),
        ((1500, 200), (200, 96), PLAIN),
        ((1500, 200), (96, 200), RIGHT),
        ((4500, 40), (4500, 72), LEFT),
        ((3, 40000), (2, 40000), RIGHT),
        ((4, 100), (100, 203), PLAIN),
        ((6, 100), (100, 203), PLAIN),
        ((9, 100), (203, 100), RIGHT),
        ((6, 40000), (7, 40000), RIGHT),
    ):
        check(product(a, b, contract))


def run_epilogue(result, build, arrays, transposed=False):
    """The outputs of an epilogue, and what NumPy makes of the same nodes."""
    nodes, inputs, outputs = build(result)
    epilogue = Epilogue(tuple(nodes), tuple(inputs), tuple(outputs))
    assert accepts(epilogue, result)
    given = dict(zip((*result.node.inputs, *inputs), arrays, strict=True))
    launcher = Launcher(lower(result.node, epilogue), given)
    launcher.run_apart()
    values = dict(given)
    for node in (result.node, *nodes):
        results = node.operator.reference(*(values[value] for value in node.inputs), **node.parameters)
        values[node.outputs[0]] = results
    return [launcher.arrays[value] for value in outputs], [values[value] for value in outputs], launcher


SHAPES = [((29, 33), (33, 70), PLAIN), ((40, 50), (1, 50), RIGHT), ((60, 9), (60, 1), LEFT), ((5, 64), (64, 3), PLAIN)]


@pytest.mark.parametrize(("a", "b", "contract"), SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bias_and_relu(a, b, contract, dtype):
    result = product(a, b, contract, dtype=dtype)
    columns = result.shape[-1]

    def build(result):
        bias = make_input(tensor_type(dtype, (columns,)))
        spread = BUILD.broadcast(bias, shape=result.shape)
        shifted = BUILD.add(result, spread)
        activated = BUILD.relu(shifted)
        positive = BUILD.greater(activated, BUILD.broadcast(BUILD.constant(0.0, dtype), shape=result.shape))
        zeros = positive.node.inputs[1].node
        nodes = [spread.node, shifted.node, activated.node, zeros.inputs[0].node, zeros, positive.node]
        return nodes, [bias], [activated, positive]

    arrays = [draw(value, seed) for seed, value in enumerate(result.node.inputs)]
    arrays.append(draw(make_input(tensor_type(dtype, (columns,))), 9))
    found, expected, _ = run_epilogue(result, build, arrays)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-4)
    assert (found[1] != expected[1]).sum() <= (np.abs(expected[0]) < 1e-5).sum()


DEPTHS = [((depth, 64), (depth, 96), LEFT) for depth in (8, 14, 40, 60, 300)]
"""What an epilogue reads is asked for ahead: not at all, in part, row by row, line by line, at the end."""


@pytest.mark.parametrize(("a", "b", "contract"), SHAPES + DEPTHS)
def test_an_update_in_place(a, b, contract):
    """w - rate * (decay * m + gradient), with a rate by row: two results over their own inputs."""
    result = product(a, b, contract)

    def build(result):
        type_ = result.type
        weights, momentum = make_input(type_), make_input(type_)
        rate = make_input(tensor_type("float32", (type_.shape[0], 1)))
        spread = BUILD.broadcast(rate, shape=type_.shape)
        decay = BUILD.constant(np.full(type_.shape, 0.9), "float32")
        scaled = BUILD.mul(momentum, decay)
        moved = BUILD.add(scaled, result)
        step = BUILD.mul(spread, moved)
        updated = BUILD.sub(weights, step)
        nodes = [value.node for value in (spread, decay, scaled, moved, step, updated)]
        return nodes, [weights, momentum, rate], [updated, moved]

    shape = result.shape
    arrays = [draw(value, seed) for seed, value in enumerate(result.node.inputs)]
    arrays += [draw(make_input(tensor_type("float32", size)), 7) for size in (shape, shape, (shape[0], 1))]
    found, expected, launcher = run_epilogue(result, build, arrays)
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-4)
    launch = launcher.launches[-1]
    pairs = launch.kernel.inplace
    if shape[1] > 1:
        assert pairs == {(2, 0), (2, 1), (3, 0), (3, 1)}
    # In place: the same buffers for what is read and written.
    weights, momentum = launch.inputs[2], launch.inputs[3]
    given = dict(zip((*result.node.inputs, *launch.inputs[2:]), arrays, strict=True))
    shared = Launcher([launch], given)
    table = shared._tables[0]
    table[len(launch.inputs)] = shared.arrays[weights].ctypes.data
    table[len(launch.inputs) + 1] = shared.arrays[momentum].ctypes.data
    shared.run()
    assert shared.arrays[weights].tobytes() == found[0].tobytes()
    assert shared.arrays[momentum].tobytes() == found[1].tobytes()


def test_unfit_epilogues_are_refused():
    result = product((4, 5), (5, 6), PLAIN)
    turned = BUILD.transpose(make_input(tensor_type("float32", (6, 4))), permutation=(1, 0))
    total = BUILD.add(result, turned)
    assert not accepts(Epilogue((turned.node, total.node), (turned.node.inputs[0],), (total,)), result)
    other = BUILD.sum(result, axes=(0,))
    assert not accepts(Epilogue((other.node,), (), (other,)), result)


def test_keys_say_what_the_code_depends_on():
    keys = set()
    for shape, dtype, contract in itertools.product(((4, 4), (8, 8)), ("float32", "float64"), (PLAIN, LEFT, RIGHT)):
        keys.add(lower(product(shape, shape, contract, dtype=dtype).node)[0].kernel.key)
    assert len(keys) == 12
    one, two = (lower(product((4, 4), (4, 4), PLAIN).node)[0].kernel.key for _ in range(2))
    assert one == two


def test_pieces_come_from_shapes_alone():
    kernel = lower(product((128, 512), (512, 512), PLAIN).node)[0].kernel
    assert kernel.pieces >= 8
    assert lower(product((1, 2), (2, 1), PLAIN).node)[0].kernel.pieces == 1
    assert lower(product((0, 2), (2, 1), PLAIN).node)[0].kernel.pieces == 0
