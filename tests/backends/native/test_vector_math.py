"""Elementary functions in machine code against extended precision, in units of the last place."""

import ctypes
import math

import numpy as np
import pytest

from epochal import dtypes
from epochal.backends.native.emit import Register, Writer
from epochal.backends.native.engine import engine
from epochal.backends.native.kernel import Kernel
from epochal.backends.native.vector_math import FUNCTIONS

FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
FLOATS = [dtypes.float32, dtypes.float64]
SPECIAL = [
    math.nan,
    math.inf,
    -math.inf,
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.0,
    1e-45,
    -1e-45,
    1e-310,
    3.0,
    1e30,
    -1e30,
    20.0,
]


def sigmoid(x):
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


# Name: reference in extended precision, domain in float32 and in float64, bound in units of the last place.
CASES = {
    "exp": (np.exp, (-103, 88), (-744, 709), 2.0),
    "expm1": (np.expm1, (-30, 88), (-50, 709), 2.0),
    "log": (np.log, (1e-38, 1e38), (1e-300, 1e300), 2.0),
    "log1p": (np.log1p, (-0.999, 10), (-0.999, 10), 2.0),
    "tanh": (np.tanh, (-12, 12), (-25, 25), 2.0),
    "sigmoid": (sigmoid, (-87, 100), (-700, 700), 2.0),
    "sin": (np.sin, (-1e38, 1e38), (-1e300, 1e300), 2.0),
    "cos": (np.cos, (-1e38, 1e38), (-1e300, 1e300), 2.0),
    "tan": (np.tan, (-1e38, 1e38), (-1e300, 1e300), 2.0),
    "asin": (np.arcsin, (-1, 1), (-1, 1), 2.0),
    "acos": (np.arccos, (-1, 1), (-1, 1), 2.0),
    "atan": (np.arctan, (-50, 50), (-50, 50), 2.0),
    "sinh": (np.sinh, (-88, 88), (-700, 700), 2.0),
    "cosh": (np.cosh, (-88, 88), (-700, 700), 2.0),
    "asinh": (np.arcsinh, (-100, 100), (-100, 100), 2.0),
    "acosh": (np.arccosh, (1, 100), (1, 100), 2.0),
    "atanh": (np.arctanh, (-1, 1), (-1, 1), 2.0),
}


def compiled(name, dtype, operands=1, lanes=16):
    """The function on arrays whose size is a multiple of `lanes`."""

    def emit(target):
        writer = Writer(target)
        pointers = [writer.argument(index) for index in range(operands + 1)]
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64"), lanes) as loop:
            values = [writer.load(writer.offset(p, dtype, loop.index), dtype, lanes) for p in pointers[:-1]]
            result = FUNCTIONS[name](writer, *values)
            writer.store(writer.offset(pointers[-1], dtype, loop.index), result, dtype)
        return writer.module()

    code = engine().load(Kernel(f"test math {name} {dtype} {operands} {lanes}", emit, 1, 1.0))

    def call(*arrays):
        arrays = [np.array(array, dtype.numpy) for array in arrays]
        result = np.empty_like(arrays[0])
        table = (ctypes.c_void_p * (operands + 1))(*(array.ctypes.data for array in (*arrays, result)))
        FUNCTION(code.address)(ctypes.addressof(table), 0, result.size, None, None)
        return result

    return call


def samples(domain, dtype, count=1 << 14):
    """Evenly spread and, near zero, spread over many magnitudes."""
    random = np.random.default_rng(1)
    low, high = domain
    even = random.uniform(low, high, count)
    if low > 0:
        even[::2] = np.exp(random.uniform(math.log(low), math.log(high), count // 2))
    else:
        edge = min(-low, high) if low < 0 else high
        tiny = np.exp(random.uniform(-60.0, math.log(edge), count // 2))
        even[::2] = tiny * random.choice([-1.0, 1.0], count // 2)
    return np.clip(even.astype(dtype.numpy), low, high).astype(dtype.numpy)


def units_in_last_place(actual, expected):
    """Largest difference in units of the expected value's last place."""
    rounded = expected.astype(actual.dtype)
    gap = np.spacing(np.abs(rounded)).astype(np.longdouble)
    error = np.abs(actual.astype(np.longdouble) - expected) / gap
    error = np.where(actual == rounded, 0.0, error)
    return float(np.max(error))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_within_units_in_the_last_place(name, dtype):
    reference, single, double, bound = CASES[name]
    x = samples(single if dtype is dtypes.float32 else double, dtype)
    with np.errstate(all="ignore"):
        expected = reference(x.astype(np.longdouble))
        assert units_in_last_place(compiled(name, dtype)(x), expected) <= bound


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize(("name", "function"), [("erf", math.erf), ("erfc", math.erfc)])
def test_error_functions(name, function, dtype):
    """Against C's, which are within one unit in float64."""
    x = samples((-6.0, 6.0 if name == "erf" or dtype is dtypes.float32 else 26.0), dtype, 1 << 12)
    expected = np.array([function(float(value)) for value in x], np.longdouble)
    bound = 2.0 if dtype is dtypes.float32 else 4.0
    assert units_in_last_place(compiled(name, dtype)(x), expected) <= bound


def normal_cdf(x):
    return 0.5 * np.array([math.erfc(-value * math.sqrt(0.5)) for value in x])


def normal_cdf_tanh(x):
    return 1 / (1 + np.exp(-2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@pytest.mark.parametrize(("name", "function", "least"), [
    ("normal_cdf", normal_cdf, -12.5), ("normal_cdf_tanh", normal_cdf_tanh, -9.9),
])  # fmt: skip
def test_gelu_and_its_share(name, function, least):
    """In float32; what is left far below zero is as exact as the rest."""
    x = np.concatenate([np.linspace(least, 8.0, 1 << 13), samples((least, 8.0), dtypes.float32, 1 << 13)])
    x = x.astype(np.float32)
    actual, expected = compiled(name, dtypes.float32)(x), function(x.astype(np.float64))
    assert units_in_last_place(actual, expected) <= 2.0
    assert units_in_last_place(actual * x, expected * x) <= 2.0


def normal_pdf(x):
    return np.exp(-0.5 * np.square(x)) / np.sqrt(2 * np.longdouble(math.pi))


@pytest.mark.parametrize(
    ("dtype", "least"), [(dtypes.float32, -12.9), (dtypes.float64, -37.0)], ids=["float32", "float64"]
)
def test_normal_density(dtype, least):
    x = samples((least, -least), dtype)
    assert units_in_last_place(compiled("normal_pdf", dtype)(x), normal_pdf(x.astype(np.longdouble))) <= 2.0


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_normal_distribution_at_the_edges(dtype):
    """Far below zero the mass and the density vanish, far above only the density; NaN stays."""
    x = [-math.inf, -1e30, -40.0, -0.0, 0.0, 40.0, 1e30, math.inf, math.nan]
    np.testing.assert_array_equal(
        compiled("normal_cdf", dtype)([*x, *x[:7]])[:9], [0, 0, 0, 0.5, 0.5, 1, 1, 1, math.nan]
    )
    top = dtype.numpy.type(1 / math.sqrt(2 * math.pi))
    np.testing.assert_array_equal(
        compiled("normal_pdf", dtype)([*x, *x[:7]])[:9], [0, 0, 0, top, top, 0, 0, 0, math.nan]
    )


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_special_values(name, dtype):
    x = np.array(SPECIAL).astype(np.float32 if dtype is dtypes.float32 else np.float64)
    actual = compiled(name, dtype)(x)
    with np.errstate(all="ignore"):
        expected = CASES[name][0](x.astype(np.longdouble)).astype(dtype.numpy)
    assert np.array_equal(np.isnan(actual), np.isnan(expected))
    number = ~np.isnan(expected)
    assert np.array_equal(np.isinf(actual), np.isinf(expected))
    assert np.array_equal(np.signbit(actual[number]), np.signbit(expected[number]))
    finite = np.isfinite(expected)
    single = dtype is dtypes.float32
    smallest = 3e-45 if single else 1e-323  # two denormal steps
    np.testing.assert_allclose(actual[finite], expected[finite], rtol=1e-6 if single else 1e-15, atol=smallest)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_pow(dtype):
    random = np.random.default_rng(2)
    x = np.exp(random.uniform(-8, 8, 1 << 13)).astype(dtype.numpy)
    y = random.uniform(-8, 8, 1 << 13).astype(dtype.numpy)
    expected = np.power(x.astype(np.longdouble), y.astype(np.longdouble))
    assert units_in_last_place(compiled("pow", dtype, 2)(x, y), expected) <= 2.0


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize(("name", "function"), [("pow", np.power), ("atan2", np.arctan2)])
def test_special_values_of_two_operands(name, function, dtype):
    edges = np.array(
        [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 2.5, -2.5, 1e20]
    )
    x, y = (grid.ravel().astype(dtype.numpy) for grid in np.meshgrid(edges, edges))
    actual = compiled(name, dtype, 2)(x, y)
    with np.errstate(all="ignore"):
        expected = function(x, y)
    assert np.array_equal(np.isnan(actual), np.isnan(expected))
    number = ~np.isnan(expected)
    assert np.array_equal(np.signbit(actual[number]), np.signbit(expected[number]))
    np.testing.assert_allclose(actual[number], expected[number], rtol=1e-6 if dtype is dtypes.float32 else 1e-14)


@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 32])
def test_the_same_bits_for_any_number_of_lanes(lanes):
    x = np.linspace(-20.0, 20.0, 256).astype(np.float32)
    for name in ("exp", "tanh", "erf", "log1p"):
        expected = compiled(name, dtypes.float32)(x)
        assert np.array_equal(compiled(name, dtypes.float32, lanes=lanes)(x), expected, equal_nan=True)
