"""Element by element: arithmetic, comparison, logic and the elementary functions, with NumPy's and Keras's names.

Operands broadcast and meet in the element type of `promotion.result_dtype`. Functions of real numbers turn integers
and bools into `config.floatx()` first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epochal import dtypes
from epochal.dtypes import DType
from epochal.errors import NotSupportedError
from epochal.tensor.convert import cast as _cast
from epochal.tensor.convert import convert
from epochal.tensor.dispatch import apply
from epochal.tensor.promotion import floatx, result_dtype
from epochal.tensor.tensor import Tensor

_BOOL = dtypes.bool_


def operands(*values: Any) -> list[Tensor]:
    """The values as tensors of the element type in which they meet."""
    dtype = result_dtype(*values)
    return [convert(value, dtype) for value in values]


def as_float(x: Any) -> Tensor:
    """`x` as a tensor of a floating type."""
    tensor = convert(x)
    return tensor if tensor.dtype.is_floating else _cast(tensor, floatx())


def as_number(x: Any) -> Tensor:
    """`x` as a tensor that is not bool (bools become int32)."""
    tensor = convert(x)
    return _cast(tensor, dtypes.int32) if tensor.dtype is _BOOL else tensor


def as_bool(x: Any) -> Tensor:
    """`x` as bool: whether each element differs from zero."""
    tensor = convert(x)
    return tensor if tensor.dtype is _BOOL else _cast(tensor, _BOOL)


def _binary(name: str, x: Any, y: Any, lowest: Any = None, on_bools: str | None = None) -> Tensor:
    """An operator on two operands.

    Args:
        name: The operator.
        x: One operand.
        y: The other.
        lowest: What the operands' types are joined with first, or ``None``.
        on_bools: The operator that stands in for it where both are bool.
    """
    if x.__class__ is Tensor and y.__class__ is Tensor and x.dtype is y.dtype and lowest is None:
        dtype: DType = x.dtype
    else:
        dtype = result_dtype(x, y) if lowest is None else result_dtype(x, y, lowest)
        if dtype is not _BOOL:
            x, y = convert(x, dtype), convert(y, dtype)
    if dtype is _BOOL:
        if on_bools is not None:
            result: Tensor = apply(on_bools, convert(x, _BOOL), convert(y, _BOOL))
            return result
        x, y = convert(x, dtypes.int32), convert(y, dtypes.int32)
    return apply(name, x, y)


def add(x: Any, y: Any) -> Tensor:
    """x + y; of bools: or."""
    return _binary("add", x, y, on_bools="logical_or")


def subtract(x: Any, y: Any) -> Tensor:
    """x - y"""
    return _binary("sub", x, y)


def multiply(x: Any, y: Any) -> Tensor:
    """x * y; of bools: and."""
    return _binary("mul", x, y, on_bools="logical_and")


def divide(x: Any, y: Any) -> Tensor:
    """x / y, always in a floating type."""
    return _binary("div", x, y, lowest=float)


true_divide = divide


def divide_no_nan(x: Any, y: Any) -> Tensor:
    """x / y, and 0 where y is 0 (with gradients 0 there too)."""
    x, y = operands(as_float(x), as_float(y))
    zero = equal(y, 0)
    return where(zero, 0.0, divide(x, where(zero, 1.0, y)))


def floor_divide(x: Any, y: Any) -> Tensor:
    """The largest integer not above x / y."""
    return _binary("floor_div", x, y)


def mod(x: Any, y: Any) -> Tensor:
    """What `floor_divide` leaves; it has y's sign."""
    return _binary("rem", x, y)


remainder = mod


def power(x: Any, y: Any) -> Tensor:
    """x to the power y. A small whole Python exponent is written out in products."""
    exact = y.__class__ in (int, float)
    if exact and y == 2:
        return square(x if y.__class__ is int else as_float(x))
    if exact and y in (0.5, 1.0, 3.0):
        tensor = as_float(x) if y.__class__ is float else as_number(x)
        if y == 0.5:
            return sqrt(tensor)
        return tensor if y == 1 else multiply(multiply(tensor, tensor), tensor)
    return _binary("pow", x, y)


def maximum(x: Any, y: Any) -> Tensor:
    """The larger of each pair; NaN if one is."""
    return _binary("maximum", x, y, on_bools="logical_or")


def minimum(x: Any, y: Any) -> Tensor:
    """The smaller of each pair; NaN if one is."""
    return _binary("minimum", x, y, on_bools="logical_and")


def arctan2(y: Any, x: Any) -> Tensor:
    """The angle of the point (x, y), in (-pi, pi]."""
    return _binary("atan2", y, x, lowest=float)


def squared_difference(x: Any, y: Any) -> Tensor:
    """(x - y) squared."""
    return square(subtract(x, y))


def _float_function(name: str, doc: str) -> Callable[[Any], Tensor]:
    def function(x: Any) -> Tensor:
        if x.__class__ is not Tensor or not x.dtype.is_floating:
            x = as_float(x)
        result: Tensor = apply(name, x)
        return result

    function.__doc__ = doc
    function.__name__ = function.__qualname__ = name
    return function


exp = _float_function("exp", "e to the power x.")
expm1 = _float_function("expm1", "exp(x) - 1, exact near 0.")
log = _float_function("log", "Natural logarithm.")
log1p = _float_function("log1p", "log(1 + x), exact near 0.")
sqrt = _float_function("sqrt", "Square root.")
rsqrt = _float_function("rsqrt", "1 / sqrt(x)")
reciprocal = _float_function("reciprocal", "1 / x")
sin = _float_function("sin", "Sine of radians.")
cos = _float_function("cos", "Cosine of radians.")
tan = _float_function("tan", "Tangent of radians.")
arcsin = _float_function("asin", "Inverse sine, in [-pi/2, pi/2].")
arccos = _float_function("acos", "Inverse cosine, in [0, pi].")
arctan = _float_function("atan", "Inverse tangent, in [-pi/2, pi/2].")
sinh = _float_function("sinh", "Hyperbolic sine.")
cosh = _float_function("cosh", "Hyperbolic cosine.")
tanh = _float_function("tanh", "Hyperbolic tangent.")
arcsinh = _float_function("asinh", "Inverse hyperbolic sine.")
arccosh = _float_function("acosh", "Inverse hyperbolic cosine.")
arctanh = _float_function("atanh", "Inverse hyperbolic tangent.")
erf = _float_function("erf", "2 / sqrt(pi) times the integral of exp(-t * t) from 0 to x.")
erfc = _float_function("erfc", "1 - erf(x), exact for large x.")
erfinv = _float_function("erf_inv", "The inverse of `erf`, on (-1, 1).")
sigmoid = _float_function("sigmoid", "1 / (1 + exp(-x))")


def log2(x: Any) -> Tensor:
    """Logarithm to base 2."""
    return multiply(log(x), 1.4426950408889634)


def log10(x: Any) -> Tensor:
    """Logarithm to base 10."""
    return multiply(log(x), 0.4342944819032518)


def logaddexp(x: Any, y: Any) -> Tensor:
    """log(exp(x) + exp(y)), without overflow."""
    x, y = operands(as_float(x), as_float(y))
    return add(maximum(x, y), log1p(exp(negative(absolute(subtract(x, y))))))


def negative(x: Any) -> Tensor:
    """-x"""
    result: Tensor = apply("neg", as_number(x))
    return result


def absolute(x: Any) -> Tensor:
    """Absolute value."""
    tensor = convert(x)
    return tensor if tensor.dtype is _BOOL else apply("abs", tensor)


def sign(x: Any) -> Tensor:
    """-1, 0 or 1; NaN stays."""
    result: Tensor = apply("sign", as_number(x))
    return result


def square(x: Any) -> Tensor:
    """x * x"""
    result: Tensor = apply("square", as_number(x))
    return result


def floor(x: Any) -> Tensor:
    """Largest integer not above x, in a floating type."""
    result: Tensor = apply("floor", as_float(x))
    return result


def ceil(x: Any) -> Tensor:
    """Smallest integer not below x, in a floating type."""
    result: Tensor = apply("ceil", as_float(x))
    return result


def round(x: Any, decimals: int = 0) -> Tensor:
    """Nearest multiple of 10 to the power -decimals; halves go to the even one."""
    tensor = as_number(x)
    if tensor.dtype.is_integer:
        if decimals < 0:
            raise NotSupportedError(f"round of integers to {decimals} decimals is not supported yet.")
        return tensor
    if decimals == 0:
        result: Tensor = apply("round", tensor)
        return result
    scale = 10.0**decimals
    return divide(apply("round", multiply(tensor, scale)), scale)


def trunc(x: Any) -> Tensor:
    """x without its fraction."""
    tensor = as_number(x)
    return tensor if tensor.dtype.is_integer else where(less(tensor, 0), ceil(tensor), floor(tensor))


def _compare(name: str, x: Any, y: Any) -> Tensor:
    if not (x.__class__ is Tensor and y.__class__ is Tensor and x.dtype is y.dtype):
        x, y = operands(x, y)
    if x.dtype is _BOOL and name not in ("equal", "not_equal"):
        x, y = _cast(x, dtypes.int32), _cast(y, dtypes.int32)
    result: Tensor = apply(name, x, y)
    return result


def equal(x: Any, y: Any) -> Tensor:
    """Whether x = y, as bool."""
    return _compare("equal", x, y)


def not_equal(x: Any, y: Any) -> Tensor:
    """Whether x and y differ, as bool."""
    return _compare("not_equal", x, y)


def less(x: Any, y: Any) -> Tensor:
    """Whether x < y, as bool."""
    return _compare("less", x, y)


def less_equal(x: Any, y: Any) -> Tensor:
    """Whether x <= y, as bool."""
    return _compare("less_equal", x, y)


def greater(x: Any, y: Any) -> Tensor:
    """Whether x > y, as bool."""
    return _compare("greater", x, y)


def greater_equal(x: Any, y: Any) -> Tensor:
    """Whether x >= y, as bool."""
    return _compare("greater_equal", x, y)


def logical_and(x: Any, y: Any) -> Tensor:
    """Whether both are true (differ from zero)."""
    result: Tensor = apply("logical_and", as_bool(x), as_bool(y))
    return result


def logical_or(x: Any, y: Any) -> Tensor:
    """Whether one is true (differs from zero)."""
    result: Tensor = apply("logical_or", as_bool(x), as_bool(y))
    return result


def logical_xor(x: Any, y: Any) -> Tensor:
    """Whether just one is true (differs from zero)."""
    result: Tensor = apply("logical_xor", as_bool(x), as_bool(y))
    return result


def logical_not(x: Any) -> Tensor:
    """True where x is false (zero)."""
    result: Tensor = apply("logical_not", as_bool(x))
    return result


def _bitwise(name: str, logical: str, x: Any, y: Any) -> Tensor:
    x, y = operands(x, y)
    result: Tensor = apply(logical if x.dtype is _BOOL else name, x, y)
    return result


def bitwise_and(x: Any, y: Any) -> Tensor:
    """And of each bit."""
    return _bitwise("bitwise_and", "logical_and", x, y)


def bitwise_or(x: Any, y: Any) -> Tensor:
    """Or of each bit."""
    return _bitwise("bitwise_or", "logical_or", x, y)


def bitwise_xor(x: Any, y: Any) -> Tensor:
    """Exclusive or of each bit."""
    return _bitwise("bitwise_xor", "logical_xor", x, y)


def bitwise_not(x: Any) -> Tensor:
    """All bits flipped; of bools: not."""
    tensor = convert(x)
    result: Tensor = apply("logical_not" if tensor.dtype is _BOOL else "bitwise_not", tensor)
    return result


def left_shift(x: Any, y: Any) -> Tensor:
    """Bits of x moved y places up."""
    result: Tensor = apply("shift_left", *operands(as_number(x), y))
    return result


def right_shift(x: Any, y: Any) -> Tensor:
    """Bits of x moved y places down; the sign stays."""
    result: Tensor = apply("shift_right", *operands(as_number(x), y))
    return result


def isfinite(x: Any) -> Tensor:
    """Neither NaN nor infinite."""
    tensor = convert(x)
    result: Tensor = apply("is_finite", tensor) if tensor.dtype.is_floating else equal(tensor, tensor)
    return result


def isnan(x: Any) -> Tensor:
    """Not a number."""
    tensor = convert(x)
    result: Tensor = apply("is_nan", tensor) if tensor.dtype.is_floating else not_equal(tensor, tensor)
    return result


def isinf(x: Any) -> Tensor:
    """Infinite, of either sign."""
    tensor = convert(x)
    if not tensor.dtype.is_floating:
        return not_equal(tensor, tensor)
    return equal(absolute(tensor), float("inf"))


def where(condition: Any, x: Any, y: Any) -> Tensor:
    """x where `condition` is true, else y."""
    x, y = operands(x, y)
    result: Tensor = apply("select", as_bool(condition), x, y)
    return result


def clip(x: Any, low: Any, high: Any) -> Tensor:
    """x, but at least `low` and at most `high`; ``None`` leaves that side open."""
    tensor = as_number(x)
    if low is None or high is None:
        if low is None:
            return tensor if high is None else minimum(tensor, high)
        return maximum(tensor, low)
    tensor, low, high = operands(tensor, low, high)
    result: Tensor = apply("clamp", tensor, low, high)
    return result


def cast(x: Any, dtype: Any) -> Tensor:
    """x with another element type; floats are cut off towards zero where integers are wanted."""
    return _cast(convert(x), dtypes.get(dtype))


def stop_gradient(x: Any) -> Tensor:
    """x, a constant to differentiation."""
    result: Tensor = apply("stop_gradient", convert(x))
    return result


def identity(x: Any) -> Tensor:
    """x itself, as a tensor."""
    return convert(x)
