"""Errors of the vector functions, in units of the last place, over their whole range.

``python bench/accuracy.py [NAME ...] [--stride 64]``; needs mpmath. float32: every `stride`-th number there is, against
numpy's float64. float64: numbers of all magnitudes and those near what is hard (zeros, ends of reductions), against
long double where that has the function and mpmath for the worst of them.
"""

from __future__ import annotations

import argparse
import ctypes
import math

import mpmath
import numpy as np

from epochal import dtypes
from epochal.backends.native.emit import Register, Writer
from epochal.backends.native.engine import engine
from epochal.backends.native.kernel import Kernel
from epochal.backends.native.vector_math import FUNCTIONS

CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
LANES = 16


def sigmoid(x):
    power = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, power) / (1.0 + power)


def each(function):
    return lambda x: np.array([function(float(value)) for value in x], x.dtype)


NUMPY = {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "tanh": np.tanh, "sigmoid": sigmoid,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "erf": None, "erfc": None, "pow": np.power, "atan2": np.arctan2,
}  # fmt: skip


def bent(x):
    return x + mpmath.mpf(44715) / 10**6 * x**3


SCALAR = {"erf": math.erf, "erfc": math.erfc}
EXACT = {
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)), "pow": mpmath.power, "atan2": mpmath.atan2,
    **{name: getattr(mpmath, name) for name in (*NUMPY.keys() - {"sigmoid", "pow", "atan2", "log1p"},)},
    "normal_cdf": lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "normal_pdf": lambda x: mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi),
    "normal_cdf_tanh": lambda x: 1 / (1 + mpmath.exp(-2 * mpmath.sqrt(2 / mpmath.pi) * bent(x))),
    "log1p": mpmath.log1p,
}  # fmt: skip
NAMES = [*NUMPY, "normal_cdf", "normal_pdf", "normal_cdf_tanh"]


def compiled(name, dtype, operands):
    """The function on arrays."""

    def emit(target):
        writer = Writer(target)
        pointers = [writer.argument(index) for index in range(operands + 1)]
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64"), LANES) as loop:
            values = [writer.load(writer.offset(p, dtype, loop.index), dtype, LANES) for p in pointers[:-1]]
            writer.store(writer.offset(pointers[-1], dtype, loop.index), FUNCTIONS[name](writer, *values), dtype)
        return writer.module()

    code = engine().load(Kernel(f"accuracy {name} {dtype}", emit, 1, 1.0))

    def call(*arrays):
        size = arrays[0].size
        arrays = [np.concatenate([array, np.ones(-size % LANES, array.dtype)]) for array in arrays]
        result = np.empty_like(arrays[0])
        table = (ctypes.c_void_p * (operands + 1))(*(array.ctypes.data for array in (*arrays, result)))
        CALL(code.address)(ctypes.addressof(table), 0, result.size, None, None)
        return result[:size]

    call.code = code
    return call


def errors(actual, expected):
    """In units of the last place; infinite where one is NaN or infinite and the other is not."""
    rounded = expected.astype(actual.dtype)
    least, most = np.finfo(actual.dtype).tiny, np.finfo(actual.dtype).max
    gap = np.spacing(np.clip(np.abs(rounded), least, most) / 2).astype(expected.dtype) * 2
    error = np.abs(actual.astype(expected.dtype) - expected) / gap
    same = (np.isnan(actual) & np.isnan(expected)) | (np.isinf(actual) & (actual == rounded))
    same |= (np.abs(expected) < least) & (actual == 0.0)  # compiled programs flush them
    return np.where(same, 0.0, np.where(np.isnan(error), np.inf, error))


def exact(name, *arguments):
    with mpmath.workprec(1400 if name in ("sin", "cos", "tan") else 400):
        try:
            value = EXACT[name](*(mpmath.mpf(float(argument)) for argument in arguments))
        except (ValueError, ZeroDivisionError, OverflowError):
            return None
        return value if isinstance(value, mpmath.mpf) else None


def value_or_nan(name, x):
    value = exact(name, x)
    return math.nan if value is None else float(value)


def true_error(name, actual, *arguments):
    value = exact(name, *arguments)
    if value is None or not mpmath.isfinite(value):
        return 0.0
    if not math.isfinite(actual):
        return 0.0 if abs(value) > np.finfo(actual.dtype).max else math.inf
    if actual == 0.0 and abs(value) < np.finfo(actual.dtype).tiny:
        return 0.0
    gap = float(np.spacing(max(actual.dtype.type(abs(float(value))), np.finfo(actual.dtype).tiny)))
    return float(abs(mpmath.mpf(float(actual)) - value) / mpmath.mpf(gap))


def hard(count, random):
    """float64 numbers of all magnitudes, near multiples of pi / 2, near 1 and of the size of usual arguments."""
    bits = random.integers(0, 2**63, count, dtype=np.uint64)
    magnitudes = bits.view(np.float64)
    multiples = random.integers(1, 2**40, count) * (math.pi / 2)
    ones = 1.0 + random.uniform(-1, 1, count) * 2.0 ** random.uniform(-52, 0, count)
    usual = 2.0 ** random.uniform(-40, 10.5, count)
    near = [random.uniform(0, 40, count), random.uniform(0, 2, count)]
    both = np.concatenate([magnitudes, multiples, ones, usual, *near])
    both = both[np.isfinite(both)]
    return np.concatenate([both, -both])


def measure_double(name, count=20000):
    random = np.random.default_rng(3)
    if name in ("pow", "atan2"):
        x, y = hard(count, random), hard(count, random)
        size = min(x.size, y.size)
        x, y = x[:size], y[random.permutation(size)]
        if name == "pow":
            x = np.abs(x)
            with np.errstate(all="ignore"):
                moderate = random.uniform(-745, 710, x.size) / np.log(x)
            y = np.where(random.uniform(size=x.size) < 0.8, moderate, y)
        arguments = (x, y)
    else:
        arguments = (hard(count if NUMPY.get(name) else 600, random),)
    actual = compiled(name, dtypes.float64, len(arguments))(*arguments)
    if NUMPY.get(name):
        with np.errstate(all="ignore"):
            expected = NUMPY[name](*(argument.astype(np.longdouble) for argument in arguments))
        error = errors(actual, expected)
        order = np.argsort(error)[::-1][:200]
    else:
        order = range(actual.size)
    places = [tuple(argument[i] for argument in arguments) for i in order]
    found = [(true_error(name, actual[i], *place), *map(float, place)) for i, place in zip(order, places, strict=True)]
    odd = [row for row in found if not math.isfinite(row[0])]
    return max(found), odd[:3]


def measure_single(name, stride):
    if name in ("pow", "atan2"):
        random = np.random.default_rng(4)
        x, y = (random.integers(0, 2**32, 1 << 22, dtype=np.uint32).view(np.float32) for _ in range(2))
        if name == "pow":
            with np.errstate(all="ignore"):
                moderate = (random.uniform(-104, 89, x.size) / np.log(np.abs(x))).astype(np.float32)
            y = np.where(random.uniform(size=x.size) < 0.8, moderate, y)
        arguments = (x, y)
    else:
        arguments = (np.arange(0, 2**32, stride, dtype=np.uint32).view(np.float32),)
        if not NUMPY.get(name):
            arguments = (arguments[0][:: max(1, 4096 // stride)],)
    actual = compiled(name, dtypes.float32, len(arguments))(*arguments)
    with np.errstate(all="ignore"):
        if NUMPY.get(name):
            expected = NUMPY[name](*(argument.astype(np.float64) for argument in arguments))
        elif name in SCALAR:
            expected = each(SCALAR[name])(arguments[0].astype(np.float64))
        else:
            expected = each(lambda x: value_or_nan(name, x))(arguments[0].astype(np.float64))
        error = errors(actual, expected)
    worst = int(np.argmax(error))
    return float(error[worst]), *(float(a[worst]) for a in arguments)


def main():
    np.seterr(all="ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[name for name in NAMES if name in FUNCTIONS])
    parser.add_argument("--stride", type=int, default=4097)
    options = parser.parse_args()
    for name in options.names:
        single = measure_single(name, options.stride)
        double, odd = measure_double(name)
        print(f"{name:16} float32 {single[0]:6.3f} at {single[1:]}", end="   ")
        print(f"float64 {double[0]:6.3f} at {double[1:]} {odd or ''}")


if __name__ == "__main__":
    main()
