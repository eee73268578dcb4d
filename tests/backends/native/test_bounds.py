"""What every kernel must keep to: its buffers and scratch, and the same bits however its pieces are divided."""

import ctypes
import itertools

import numpy as np
import pytest

from epochal.autodiff import gradients
from epochal.backends.native import engine
from epochal.backends.native.backend import BACKEND
from epochal.backends.native.kernel import CONTROL, Launch
from epochal.backends.native.schedule import schedule
from epochal.compile import optimise
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.testing import all_samples, sample_program
from epochal.topi.inventory import BUILD

GUARD = 1 << 18
MARK = 0xAB
SIGNATURE = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p
)  # fmt: skip


class Guarded:
    """A buffer with marked memory on both sides."""

    def __init__(self, data):
        self.size = len(data)
        self.memory = np.full(self.size + 2 * GUARD, MARK, np.uint8)
        self.memory[GUARD : GUARD + self.size] = data
        self.address = self.memory.ctypes.data + GUARD

    @property
    def data(self):
        return self.memory[GUARD : GUARD + self.size]

    def check(self, what):
        assert (self.memory[:GUARD] == MARK).all(), f"{what}: written before its start"
        assert (self.memory[GUARD + self.size :] == MARK).all(), f"{what}: written after its end"


def run(launch, code, arrays, ranges):
    """The outputs' bytes after the pieces in `ranges`, in that order."""
    types = [value.type for value in (*launch.inputs, *launch.outputs)]
    buffers = [Guarded(array) for array in arrays]
    buffers += [Guarded(np.full(value.type.bytes, 0x11, np.uint8)) for value in launch.outputs]
    pointers = np.array([buffer.address for buffer in buffers], np.int64)
    scratch = Guarded(np.full(launch.kernel.scratch, 0x77, np.uint8))
    error = np.zeros(1, np.int32)
    for begin, end in ranges:
        code(pointers.ctypes.data, begin, end, scratch.address, error.ctypes.data)
    for number, buffer in enumerate(buffers):
        buffer.check(f"buffer {number} {types[number]} of {launch.kernel.key}, {len(launch.inputs)} of them inputs")
    scratch.check(f"scratch of {launch.kernel.key}")
    return [buffer.data.copy() for buffer in buffers[len(launch.inputs) :]]


def array_of(rng, type_):
    """Random bytes of an operand: small numbers, so that any index is likely to be in range."""
    shape, dtype = type_.shape, type_.dtype
    if dtype.is_floating:
        array = rng.uniform(-2, 2, shape)
    else:
        array = rng.integers(0, 2, shape)
    return np.atleast_1d(np.asarray(array).astype(dtype.numpy)).reshape(-1).view(np.uint8)


def check_program(program):
    program = optimise(program, BACKEND.lowers)
    rng = np.random.default_rng(0)
    for item in schedule(program.graph.nodes(), program.graph.outputs):
        if isinstance(item, Launch):
            check_launch(item, rng)
        elif item.operator.name in CONTROL:
            for graph in item.parameters.values():
                if isinstance(graph, Graph):
                    check_program(Program(graph, tuple(map(str, graph.inputs)), tuple(map(str, graph.outputs))))


def check_launch(launch, rng):
    kernel = launch.kernel
    loaded = engine.engine().load(kernel)
    code = SIGNATURE(loaded.address)
    arrays = [array_of(rng, value.type) for value in launch.inputs]
    pieces = kernel.pieces
    whole = run(launch, code, arrays, [(0, pieces)])
    single = run(launch, code, arrays, [(piece, piece + 1) for piece in reversed(range(pieces))])
    cuts = [pieces * part // 3 for part in range(4)]
    thirds = run(launch, code, arrays, list(itertools.pairwise(cuts)))
    for one, other, third in zip(whole, single, thirds, strict=True):
        assert (one == other).all(), f"{kernel.key}: other bits piece by piece"
        assert (one == third).all(), f"{kernel.key}: other bits in three parts"


SAMPLES = [pytest.param(operator, sample, id=name) for name, operator, sample in all_samples()]


@pytest.mark.parametrize(("operator", "sample"), SAMPLES)
def test_samples(operator, sample):
    if operator.name in ("variable_read", "variable_assign", "gradient_request"):
        pytest.skip("not in static graphs")
    program, _ = sample_program(operator, sample, "float32")
    check_program(program)


def dense(sizes, batch, classes_as_integers=True):
    """A training step of dense layers with momentum."""
    x = make_input(tensor_type("float32", (batch, sizes[0])))
    y = make_input(tensor_type("int32", (batch,)))
    weights = []
    for rows, columns in itertools.pairwise(sizes):
        weights += [make_input(tensor_type("float32", (rows, columns))), make_input(tensor_type("float32", (columns,)))]
    value = x
    for index in range(0, len(weights), 2):
        value = BUILD.add(
            BUILD.dot_general(value, weights[index], contract=((1,), (0,)), batch=((), ())), weights[index + 1]
        )
        if index + 2 < len(weights):
            value = BUILD.relu(value)
    losses = BUILD.sparse_softmax_cross_entropy(value, y)
    loss = BUILD.div(BUILD.sum(losses, axes=(0,)), float(batch))
    found = gradients([loss], weights, [BUILD.constant(1.0, "float32")])
    slots = [make_input(weight.type) for weight in weights]
    moved = [BUILD.add(BUILD.mul(slot, 0.9), gradient) for slot, gradient in zip(slots, found, strict=True)]
    new = [BUILD.sub(weight, BUILD.mul(slot, 0.01)) for weight, slot in zip(weights, moved, strict=True)]
    states = [*weights, *slots]
    names = tuple(f"s{index}" for index in range(len(states)))
    graph = Graph((x, y, *states), (loss, *new, *moved))
    return Program(graph, ("x", "y"), ("loss",), names, tuple(range(len(states))))


@pytest.mark.parametrize("sizes", [(7, 5, 3), (64, 128, 10), (100, 512, 33)])
@pytest.mark.parametrize("batch", [1, 13, 128])
def test_training_steps(sizes, batch):
    check_program(dense(sizes, batch))
