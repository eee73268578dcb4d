"""Every row that loops compute, against the reference, and the shapes of nests: tails, axes, strides."""

import dataclasses

import numpy as np
import pytest

from epochal import dtypes
from epochal.backends.native.engine import engine
from epochal.backends.native.fusion_rules import is_loop
from epochal.backends.native.kernel import Launch
from epochal.backends.native.schedule import SPECIAL, schedule
from epochal.errors import ExecutionError
from epochal.ir import Graph, Program, TensorType, make_input
from epochal.testing.comparison import compare_backends, run_program
from epochal.testing.launches import Launcher
from epochal.testing.tolerances import assert_close, tolerance
from epochal.topi.inventory import BUILD, INVENTORY

SKIPPED = {"control", "composite", "leaf"}
NAMES = [
    name
    for name, row in INVENTORY.items()
    if not row.traits & SKIPPED and name not in ("gradient_request", "variable_assign") and not name.startswith("conv")
]
FLOATS = [dtypes.float32, dtypes.float64]


def value(shape, dtype="float32"):
    return make_input(TensorType(dtypes.get(dtype), tuple(shape)))


def program(inputs, outputs):
    names = tuple(f"x{index}" for index in range(len(inputs)))
    return Program(Graph(inputs, outputs), names, tuple(f"y{index}" for index in range(len(outputs))))


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def check(inputs, outputs, arrays, threads=(1, 3)):
    """Native against the reference; the same bits for any number of threads."""
    compiled = program(inputs, outputs)
    compare_backends(compiled, arrays)
    first, *others = (run_program(compiled, arrays, backend="native", num_threads=count)[0] for count in threads)
    for other in others:
        for one, two in zip(first, other, strict=True):
            assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_rows(name, dtype):
    row = INVENTORY[name]
    for sample in row.samples():
        arrays = [array.astype(dtype.numpy) if array.dtype.kind == "f" else array for array in sample.arguments]
        inputs = [value(array.shape, array.dtype) for array in arrays]
        outputs = BUILD.apply(row, inputs, dict(sample.parameters))
        with np.errstate(all="ignore"):
            expected = row.reference(*arrays, **outputs[0].node.parameters)
        expected = expected if isinstance(expected, tuple) else (expected,)
        actual = run_program(program(inputs, outputs), arrays, backend="native")[0]
        for one, other in zip(actual, expected, strict=True):
            bound = tolerance(dtypes.get(other.dtype))
            assert_close(one, np.asarray(other), bound * 4 if dtypes.get(other.dtype).is_floating else None, name)


@pytest.mark.parametrize("dtype", [dtypes.float16, dtypes.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["add", "mul", "exp", "tanh", "relu", "sum", "max", "cast", "select", "softplus"])
def test_small_floats(name, dtype):
    row = INVENTORY[name]
    sample = next(iter(row.samples()))
    arrays = [array.astype(dtype.numpy) if array.dtype.kind == "f" else array for array in sample.arguments]
    inputs = [value(array.shape, array.dtype) for array in arrays]
    if row.decompose is not None:
        outputs = [row.decompose(BUILD, inputs, **sample.parameters)]
    else:
        outputs = BUILD.apply(row, inputs, dict(sample.parameters))
    compare_backends(program(inputs, outputs), arrays)


@pytest.mark.parametrize("size", [*range(1, 71), 127, 128, 129, 1000, 4097, 70001])
def test_sizes_and_tails(size):
    x, y = value((size,)), value((size,))
    total = BUILD.sum(BUILD.square(x), axes=(0,))
    check([x, y], [BUILD.add(BUILD.mul(x, y), y), total, BUILD.max(y, axes=(0,))], [normal(size), normal(size, seed=1)])


@pytest.mark.parametrize("shape", [(5, 7), (3, 64), (64, 3), (2, 300), (300, 17), (2, 3, 5, 33), (1, 9, 1, 70)])
def test_reductions_over_any_axes(shape):
    x = value(shape)
    for mask in range(1, 1 << len(shape)):
        axes = tuple(axis for axis in range(len(shape)) if mask >> axis & 1)
        outputs = [BUILD.sum(BUILD.square(x), axes=axes), BUILD.max(x, axes=axes), BUILD.min(x, axes=axes)]
        check([x], outputs, [normal(*shape)], threads=(1,))


@pytest.mark.parametrize("permutation", [(1, 0, 2), (2, 1, 0), (0, 2, 1), (2, 0, 1), (1, 2, 0)])
def test_transposes(permutation):
    x = value((19, 33, 18))
    y = BUILD.transpose(x, permutation=permutation)
    check([x], [BUILD.neg(y), BUILD.sum(y, axes=(1,))], [normal(19, 33, 18)])


@pytest.mark.parametrize(
    ("shape", "axes"), [((300000,), (0,)), ((70000, 5), (0,)), ((3, 90001), (1,)), ((4000, 3, 33), (0, 1))]
)
def test_long_reductions_are_cut_and_keep_their_bits(shape, axes):
    x = value(shape)
    total = BUILD.mul(BUILD.sum(BUILD.abs(x), axes=axes), 0.5)
    compiled = program([x], [total])
    assert len(schedule(compiled.graph.nodes(), compiled.graph.outputs)) == 2
    check([x], [total], [normal(*shape)], threads=(1, 2, 3))


@pytest.mark.parametrize("shape", [(128, 10), (33, 100), (7, 1000), (3, 5, 65), (1000, 3), (1, 40)])
def test_a_softmax_is_one_launch(shape):
    x = value(shape)
    y = INVENTORY["softmax"].decompose(BUILD, [x], axis=len(shape) - 1)
    compiled = program([x], [y])
    assert len(schedule(compiled.graph.nodes(), compiled.graph.outputs)) == 1
    check([x], [y], [normal(*shape)])


def test_nothing_is_read_outside_of_an_operand():
    """Padding, concatenation and gathering next to memory that is not ours: `Launcher` surrounds buffers with NaN."""
    x, indices = value((6, 5)), value((4,), "int32")
    padded = BUILD.pad(x, low=(2, 1), high=(1, 3), interior=(1, 2), value=0.5)
    joined = BUILD.concat(padded, BUILD.reverse(padded, axes=(0, 1)), axis=1)
    picked = BUILD.gather(x, indices, axis=1)
    check([x, indices], [joined, picked], [normal(6, 5), np.array([4, 0, 3, 3], np.int32)])


@pytest.mark.parametrize("index", [-1, 5, 2**31 - 1])
@pytest.mark.parametrize("name", ["gather", "scatter_add"])
def test_an_index_outside_is_an_error(name, index):
    x, indices = value((5, 3)), value((2,), "int32")
    y = BUILD.gather(x, indices, axis=0)
    outputs = [y] if name == "gather" else [BUILD.scatter_add(x, indices, BUILD.mul(y, 0.0), axis=0)]
    with pytest.raises(ExecutionError, match="index"):
        run_program(program([x, indices], outputs), [normal(5, 3), np.array([0, index], np.int32)], backend="native")


def test_a_computed_index_is_checked_inside_the_tail_only():
    x, offset = value((9,)), value((9,), "int32")
    indices = BUILD.add(BUILD.iota(shape=(9,), axis=0, dtype=dtypes.int32), offset)
    check([x, offset], [BUILD.gather(x, indices, axis=0)], [normal(9), np.zeros(9, np.int32)])


@pytest.mark.parametrize("draw", ["random_normal", "random_uniform", "random_bits"])
def test_draws_inside_of_something_longer(draw):
    key = value((2,), "uint32")
    drawn = getattr(BUILD, draw)(key, shape=(5,), **({} if draw == "random_bits" else {"dtype": dtypes.float32}))
    first = value((8,), drawn.dtype)
    outputs = [BUILD.concat(first, drawn, drawn, axis=0), BUILD.pad(drawn, low=(4,), high=(3,), interior=(1,), value=0)]
    check([key, first], outputs, [np.array([1, 2], np.uint32), np.zeros(8, drawn.dtype.numpy)])


def test_integer_division_never_traps():
    x, y = value((8,), "int32"), value((8,), "int32")
    numbers = np.array([7, -7, 5, -(2**31), 2**31 - 1, 0, -1, 9], np.int32)
    divisors = np.array([0, 2, -2, -1, -1, 0, 3, -4], np.int32)
    outputs = [BUILD.floor_div(x, y), BUILD.rem(x, y)]
    with np.errstate(all="ignore"):
        compare_backends(program([x, y], outputs), [numbers, divisors])


@pytest.mark.parametrize("vector_bytes", [32, 16])
def test_narrower_vectors(vector_bytes):
    """What is emitted for processors with shorter registers computes the same."""
    x, key, indices = value((37, 29)), value((2,), "uint32"), value((11,), "int32")
    shifted = BUILD.sub(x, BUILD.broadcast(BUILD.reshape(BUILD.max(x, axes=(1,)), shape=(37, 1)), shape=(37, 29)))
    outputs = [
        BUILD.exp(shifted),
        BUILD.sum(x, axes=(0,)),
        BUILD.random_normal(key, shape=(5, 13), dtype=dtypes.float32),
        BUILD.gather(BUILD.transpose(x, permutation=(1, 0)), indices, axis=0),
        BUILD.argmax(x, axis=1, dtype=dtypes.int64),
        BUILD.cast(BUILD.greater(x, 0.0), dtype=dtypes.float32),
    ]
    compiled = program([x, key, indices], outputs)
    arrays = [normal(37, 29), np.array([3, 4], np.uint32), np.arange(0, 22, 2, dtype=np.int32)]
    items = schedule(compiled.graph.nodes(), outputs)
    assert all(isinstance(item, Launch) for item in items)
    target = dataclasses.replace(engine().target, vector_bytes=vector_bytes, registers=16, masked=False)
    launcher = Launcher(items, dict(zip(compiled.graph.inputs, arrays, strict=True)), target)
    launcher.run_apart()
    expected = run_program(compiled, arrays)[0]
    for output, other in zip(outputs, expected, strict=True):
        assert_close(launcher.arrays[output], other, tolerance(output.dtype) * 4)


def test_common_rows_need_no_call_out():
    for name in NAMES:
        row = INVENTORY[name]
        sample = next(sample for sample in row.samples() if all(array.size for array in sample.arguments))
        inputs = [value(array.shape, array.dtype) for array in sample.arguments]
        node = BUILD.apply(row, inputs, dict(sample.parameters))[0].node
        if row.traits & {"elementwise", "movement", "reduction", "random", "indexing"}:
            assert is_loop(node) or name in SPECIAL, name
