"""The writer of LLVM text: constants, hoisting, loops, what is written once."""

import ctypes

import numpy as np
import pytest

from epochal import dtypes
from epochal.backends.native.emit import Register, Writer, float_text
from epochal.backends.native.engine import engine
from epochal.backends.native.kernel import Kernel

FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)


def run(name, write, *arrays, begin=0, end=1):
    """Runs what `write(writer, pointers)` writes, on arrays."""

    def emit(target):
        writer = Writer(target)
        write(writer, [writer.argument(index) for index in range(len(arrays))])
        return writer.module()

    code = engine().load(Kernel(f"test emit {name}", emit, 1, 1.0))
    table = (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
    error = np.zeros(1, np.int32)
    FUNCTION(code.address)(ctypes.addressof(table), begin, end, None, error.ctypes.data)
    return int(error[0])


def test_float_constants_are_bit_patterns():
    assert float_text(1.0, "double") == "0x3FF0000000000000"
    assert float_text(0.1, "float") == "0x3FB99999A0000000"
    assert float_text(1e300, "float") == "0x7FF0000000000000"
    assert float_text(float("-inf"), "float") == "0xFFF0000000000000"


def test_integer_constants_wrap():
    writer = Writer(engine().target)
    assert writer.constant(255, "i8").name == "-1"
    assert writer.constant(-1, "i64").name == "-1"
    assert writer.constant(2**31, "i32", 4).name == "splat (i32 -2147483648)"


def test_equal_pure_instructions_are_written_once():
    writer = Writer(engine().target)
    a, b = Register("%begin", "i64"), Register("%end", "i64")
    assert writer.binary("add", a, b) is writer.binary("add", a, b)
    assert writer.module().count("add i64") == 1


def test_a_loop_carries_and_hoists():
    x, y = np.arange(10.0), np.zeros(2)

    def write(writer, pointers):
        outer = writer.section
        with writer.loop(0, 10) as loop:
            total = loop.carry(writer.constant(0.0, "double"))
            with writer.inside(outer):
                scale = writer.load(writer.offset(pointers[0], dtypes.float64, 2), dtypes.float64)
            element = writer.load(writer.offset(pointers[0], dtypes.float64, loop.index), dtypes.float64)
            loop.set(total, writer.binary("fadd", total, writer.binary("fmul", element, scale)))
        writer.store(pointers[1], loop.result(total), dtypes.float64)

    run("carry", write, x, y)
    assert y[0] == 90.0


@pytest.mark.parametrize("bounds", [(0, 0), (3, 3), (2, 7)])
def test_a_loop_with_bounds_known_late_may_run_no_time(bounds):
    y = np.zeros(1, np.int64)

    def write(writer, pointers):
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as loop:
            count = loop.carry(writer.constant(0, "i64"))
            loop.set(count, writer.binary("add", count, writer.constant(1, "i64")))
        writer.store(pointers[0], loop.result(count), dtypes.int64)

    run("late", write, y, begin=bounds[0], end=bounds[1])
    assert y[0] == bounds[1] - bounds[0]


@pytest.mark.parametrize("count", range(17))
def test_masked_tails_touch_nothing_else(count):
    x, y = np.arange(1.0, 33.0, dtype=np.float32), np.full(32, -1.0, np.float32)

    def write(writer, pointers):
        mask = writer.tail_mask(count, 16)
        writer.store(pointers[1], writer.load(pointers[0], dtypes.float32, 16, mask), dtypes.float32, mask)

    run(f"tail {count}", write, x, y)
    assert np.array_equal(y[:count], x[:count])
    assert np.all(y[count:] == -1.0)


@pytest.mark.parametrize("dtype", [dtypes.float16, dtypes.bfloat16], ids=str)
def test_small_floats_are_rounded_as_numpy_rounds(dtype):
    wide = np.random.default_rng(0).standard_normal(4096).astype(np.float32) * np.float32(100.0)
    wide[:8] = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-7, 65519.0, 3e38]
    result = np.zeros(wide.shape, dtype.numpy)

    def write(writer, pointers):
        with writer.loop(0, wide.size, 16) as loop:
            value = writer.load(writer.offset(pointers[0], dtypes.float32, loop.index), dtypes.float32, 16)
            writer.store(writer.offset(pointers[1], dtype, loop.index), value, dtype)

    run(f"round {dtype}", write, wide, result)
    with np.errstate(all="ignore"):
        expected = wide.astype(dtype.numpy)
    assert np.array_equal(result.astype(np.float32), expected.astype(np.float32), equal_nan=True)


def test_an_error_is_raised_by_any_lane():
    x = np.arange(16, dtype=np.int32)

    def write(writer, pointers):
        value = writer.load(pointers[0], dtypes.int32, 16)
        writer.raise_error(writer.compare("eq", value, writer.constant(11, "i32", 16)), 7)

    assert run("error", write, x) == 7
    x[11] = 0
    assert run("error", write, x) == 0


def test_lanes_are_reduced_by_a_fixed_tree():
    x, y = np.array([1e8, 1.0, -1e8, 1.0], np.float32), np.zeros(1, np.float32)

    def write(writer, pointers):
        writer.store(pointers[1], writer.reduce("fadd", writer.load(pointers[0], dtypes.float32, 4)), dtypes.float32)

    run("tree", write, x, y)
    assert y[0] == (x[0] + x[2]) + (x[1] + x[3])
