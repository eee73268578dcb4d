"""Elementary functions on vectors of float32 and float64, as straight-line code.

Every function takes and returns `Register`s (``float`` or ``double``, any number of lanes), and is within 2 units in
the last place over its whole range. In float32 everything rare is computed in float64 and rounded once. Infinities,
NaN, signed zeros and denormals follow C99, as far as the processor's mode does (`driver` flushes denormals to zero).

Method: the usual one (Cody and Waite, "Software Manual for the Elementary Functions", 1980; Muller, "Elementary
Functions", 2016): reduce the range, evaluate a polynomial, put the exponent back through integer arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable

from epochal.backends.native.emit import Register, Writer
from epochal.backends.native.vector_angles import (
    acos,
    asin,
    atan,
    atan2,
    cos,
    sin,
    single_cos,
    single_sin,
    single_tan,
    tan,
)
from epochal.backends.native.vector_base import INFINITY, NAN, Math
from epochal.backends.native.vector_exponentials import cosh, erf, erfc, exp, expm1, sigmoid, sinh, tanh
from epochal.backends.native.vector_logarithms import acosh, asinh, atanh, log, log1p, power, single_power
from epochal.backends.native.vector_normal import normal_cdf, normal_cdf_tanh, normal_pdf

Function = Callable[..., Register]


def _widened(double: Function, single: Function | None = None) -> Function:
    """The function in float64, rounded once for float32 operands, for which there may be a quicker one."""

    def widened(writer: Writer, *operands: Register) -> Register:
        if operands[0].kind == "double":
            return double(writer, *operands)
        wide = [writer.convert("fpext", operand, "double") for operand in operands]
        return writer.convert("fptrunc", (single or double)(writer, *wide), "float")

    return widened


FUNCTIONS: dict[str, Function] = {
    "exp": exp,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "erf": erf,
    "erfc": _widened(erfc),
    "normal_cdf": normal_cdf,
    "normal_pdf": normal_pdf,
    "normal_cdf_tanh": normal_cdf_tanh,
    "sin": _widened(sin, single_sin),
    "cos": _widened(cos, single_cos),
    "tan": _widened(tan, single_tan),
    "asin": _widened(asin),
    "acos": _widened(acos),
    "atan": _widened(atan),
    "atan2": _widened(atan2),
    "sinh": _widened(sinh),
    "cosh": _widened(cosh),
    "asinh": _widened(asinh),
    "acosh": _widened(acosh),
    "atanh": _widened(atanh),
    "pow": _widened(power, single_power),
}
"""The operators computed here, for ``float`` and ``double`` operands."""

__all__ = ["FUNCTIONS", "INFINITY", "NAN", "Math"]
