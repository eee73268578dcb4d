"""Large products: copied operands, runs of the reduction, what is asked for ahead."""

import ctypes
import mmap
import sys

import numpy as np
import pytest

from epochal.backends.native.emit import Writer
from epochal.backends.native.engine import engine
from epochal.backends.native.kernel import Target
from epochal.backends.native.kernels.epilogue import Epilogue
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.lower import lower
from epochal.backends.native.kernels.problem import problem_of
from epochal.backends.native.kernels.tiled import TiledProduct, suits_tiled
from epochal.ir import make_input, tensor_type
from epochal.testing.launches import Launcher, aligned
from epochal.topi.inventory import BUILD

PLAIN, LEFT, RIGHT, BOTH = ((1,), (0,)), ((0,), (0,)), ((1,), (1,)), ((0,), (1,))
NARROW = [Target("", "", 32, 16, False), Target("", "", 16, 16, False)]
"""AVX2 and SSE, as far as widths and registers go."""


def product(rows, depth, columns, contract, dtype="float32", batch=()):
    a = (depth, rows) if contract in (LEFT, BOTH) else (rows, depth)
    b = (columns, depth) if contract in (RIGHT, BOTH) else (depth, columns)
    left, right = (make_input(tensor_type(dtype, (*batch, *shape))) for shape in (a, b))
    many = tuple(range(len(batch)))
    moved = tuple(tuple(axis + len(batch) for axis in axes) for axes in contract)
    return BUILD.dot_general(left, right, contract=moved, batch=(many, many))


def tiled(result):
    finish = Finish(result, None)
    problem = problem_of(result.node, finish.strides)
    assert suits_tiled(problem)
    return TiledProduct(problem, finish)


def draw(result):
    generator = np.random.default_rng(0)
    return {value: generator.standard_normal(value.shape).astype(value.dtype.numpy) for value in result.node.inputs}


def check(result, target=None):
    arrays = draw(result)
    launcher = Launcher(lower(result.node), arrays, target)
    launcher.run_apart()
    found = launcher.arrays[result].copy()
    launcher.run()
    assert found.tobytes() == launcher.arrays[result].tobytes()
    for scratch, launch in zip(launcher._scratch, launcher.launches, strict=True):
        start = -scratch.ctypes.data % 64
        assert (scratch[start + launch.kernel.scratch :] == 0x7F).all()
    wide = [array.astype(np.float64) for array in arrays.values()]
    reference = result.node.operator.reference
    expected = reference(*wide, **result.node.parameters)
    magnitude = reference(*map(abs, wide), **result.node.parameters)
    unit = np.finfo(result.dtype.numpy).eps
    assert (abs(found - expected) <= unit * 40 * magnitude).all()


SIZES = [
    (64, 600, 300),  # several runs, the last one shorter
    (130, 64, 1040),  # one run
    (65, 1024, 129),  # rows of a that fall into the same sets are copied; a last panel of one column
    (300, 257, 270),  # a last run of one step
    (141, 777, 171),
]


@pytest.mark.parametrize("contract", [PLAIN, LEFT, RIGHT, BOTH])
@pytest.mark.parametrize("size", SIZES)
def test_sizes_and_transposes(size, contract):
    result = product(*size, contract)
    tiled(result)
    check(result)


@pytest.mark.parametrize("contract", [PLAIN, LEFT, RIGHT, BOTH])
def test_double_precision_and_narrower_processors(contract):
    check(product(90, 333, 150, contract, "float64"))
    for target in NARROW:
        check(product(67, 1024, 131, contract), target)


def test_batches():
    check(product(70, 512, 160, PLAIN, batch=(3,)))
    check(product(70, 512, 160, LEFT, batch=(2, 2)))


def test_what_stays_near_is_copied_where_its_reduction_is_long():
    """A panel of b would fill the first-level cache by itself."""
    finish = Finish(product(128, 256, 128, PLAIN), None)
    assert suits_tiled(problem_of(product(128, 256, 128, PLAIN).node, finish.strides))
    assert not suits_tiled(problem_of(product(128, 128, 128, PLAIN).node, finish.strides))
    assert suits_tiled(problem_of(product(128, 128, 128, PLAIN).node, finish.strides), 128)


@pytest.mark.parametrize("contract", [PLAIN, LEFT, RIGHT])
def test_long_reductions_of_few_results(contract):
    check(product(70, 264, 130, contract))


def test_weight_gradients_of_narrow_layers_are_tiled_in_parts():
    result = product(128, 1024, 128, LEFT)
    launches = lower(result.node)
    assert len(launches) == 2
    assert "TiledProduct" in repr(launches[0].kernel.emit)
    check(result)


def test_many_summed_rows_and_few_results_are_summed_in_parts():
    result = product(128, 2048, 300, LEFT)
    launches = lower(result.node)
    assert [launch.outputs[0].shape for launch in launches] == [(8, 128, 300), (128, 300)]
    check(result)


def test_runs_cover_the_reduction():
    for depth in (64, 255, 256, 257, 513, 1000, 4097, 50257):
        made = tiled(product(512, depth, 2000, PLAIN))
        assert made.run % 16 == 0
        assert (made.runs - 1) * made.run < depth <= made.runs * made.run


@pytest.mark.parametrize("size", [(512, 768, 50257), (128, 784, 512), (1000, 1000, 1000), (50257, 512, 768)])
def test_pieces_keep_several_threads_busy(size):
    made = tiled(product(*size, PLAIN))
    for threads in (2, 3, 4):
        share = -(-made.pieces // threads) * threads / made.pieces
        assert share <= 1.2


@pytest.mark.parametrize("contract", [PLAIN, LEFT, RIGHT, BOTH])
@pytest.mark.parametrize("size", [(66, 512, 1061), (65, 700, 777)])
def test_operands_from_beyond_the_caches(size, contract):
    """They are asked for at equal distances, and one run is enough for what is not deep."""
    result = product(*size, contract)
    made = tiled(result)
    assert made.far
    assert (made.runs == 1) == (size[1] <= 512)
    check(result)


def test_what_is_asked_for_ahead():
    """Of memory beyond the caches every line that a tile touches, and results that replace no input."""
    result = product(64, 128, 129, PLAIN)
    weights = make_input(result.type)
    sub = BUILD.sub(weights, result)

    def stretches(epilogue, far):
        finish = Finish(result, epilogue)
        writer = Writer(engine().target)
        places = [writer.constant(0, "i64")] * len(finish.strides)
        rows = [(0, 129)] * len(finish.strides)
        found = finish.stretches(writer, 2, places, rows, [1] * len(finish.strides), 32, far)
        return [(one.pitch, one.lines, one.write) for one in found]

    assert stretches(None, far=False) == []
    assert stretches(None, far=True) == [(516, 3, True)]
    update = Epilogue((sub.node,), (weights,), (sub,))
    assert stretches(update, far=False) == [(516, 2, False)]
    assert stretches(update, far=True) == [(516, 3, False)]


def test_an_optimizer_in_the_epilogue_acts_once():
    """Of several runs, the last one alone stores."""
    result = product(100, 600, 200, LEFT)
    weights = make_input(result.type)
    updated = BUILD.sub(weights, result)
    epilogue = Epilogue((updated.node,), (weights,), (updated,))
    arrays = draw(result)
    arrays[weights] = np.ones(weights.shape, np.float32)
    (launch,) = lower(result.node, epilogue)
    assert launch.kernel.inplace == {(2, 0)}
    launcher = Launcher([launch], arrays)
    launcher._tables[0][len(launch.inputs)] = launcher.arrays[weights].ctypes.data
    launcher.run_apart()
    a, b = (arrays[value].astype(np.float64) for value in result.node.inputs)
    np.testing.assert_allclose(launcher.arrays[weights], 1 - a.T @ b, rtol=1e-4, atol=2e-4)


class AtTheEnd:
    """Memory behind which there is none."""

    def __init__(self, array):
        pages = -(-array.nbytes // mmap.PAGESIZE)
        self.memory = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        assert protect(ctypes.c_void_p(address + pages * mmap.PAGESIZE), ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
        self.address = address + pages * mmap.PAGESIZE - array.nbytes
        ctypes.memmove(self.address, array.ctypes.data, array.nbytes)


@pytest.mark.skipif(sys.platform == "win32", reason="memory is protected by mprotect")
@pytest.mark.parametrize("contract", [PLAIN, LEFT, RIGHT, BOTH])
def test_nothing_behind_an_operand_is_touched(contract):
    """What is asked for ahead lies behind the operands at times, and is not read: that would end this process."""
    result = product(67, 1000, 133, contract)
    arrays = draw(result)
    (launch,) = lower(result.node)
    operands = [AtTheEnd(arrays[value]) for value in launch.inputs]
    found = aligned(result.shape, np.float32)
    scratch = aligned((launch.kernel.scratch,), np.uint8)
    pointers = (ctypes.c_void_p * 3)(*(operand.address for operand in operands), found.ctypes.data)
    error = np.zeros(1, np.int32)
    code = engine().load(launch.kernel)
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
    run(code.address)(ctypes.addressof(pointers), 0, launch.kernel.pieces, scratch.ctypes.data, error.ctypes.data)
    expected = Launcher([launch], arrays)
    expected.run()
    assert found.tobytes() == expected.arrays[result].tobytes()
