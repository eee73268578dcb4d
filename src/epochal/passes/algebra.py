"""Algebra of elementwise operators that does not change a value.

Every rule keeps each element as it was, NaN, infinities and the sign of zero included; the few that round once more or
once less say so. x + 0 stays (it turns -0.0 into 0.0) unless x cannot be -0.0, and x * 0 stays (x may be NaN).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from epochal.dtypes import DType
from epochal.ir import Builder, Graph, Node, Value
from epochal.passes.pattern import Match, Number, Parameter, Rule, by_operator, first_match, op
from epochal.passes.rebuild import RewritingBuilder, on_operands, rebuild
from epochal.topi.inventory import BUILD

# Results of these operators are never -0.0.
_NEVER_NEGATIVE_ZERO = frozenset(
    {
        "abs",
        "square",
        "exp",
        "sigmoid",
        "softmax",
        "softplus",
        "relu",
        "cosh",
        "erfc",
        "normal_cdf",
        "normal_pdf",
        "random_uniform",
        "logsumexp",
    }
)
# Results of these are >= 0, or NaN.
_NONNEGATIVE = _NEVER_NEGATIVE_ZERO - {"logsumexp"}


def _is_floating(match: Match) -> bool:
    dtype: DType = match["root"].dtype
    return dtype.is_floating


def _is_signed(match: Match) -> bool:
    dtype: DType = match["root"].dtype
    return dtype.kind != "uint"


def _is_integer(match: Match) -> bool:
    dtype: DType = match["root"].dtype
    return dtype.is_integer


def _adding_zero_keeps(match: Match) -> bool:
    x: Value = match["x"]
    return x.dtype.is_integer or x.operator.name in _NEVER_NEGATIVE_ZERO


def _is_nonnegative(match: Match) -> bool:
    x: Value = match["x"]
    return x.operator.name in _NONNEGATIVE


def _has_exact_reciprocal(match: Match) -> bool:
    """Whether dividing by the number is multiplying by a number: a power of two well inside every floating range."""
    number = float(match["c"])
    if number == 0 or not math.isfinite(number):
        return False
    mantissa, exponent = math.frexp(number)
    return abs(mantissa) == 0.5 and abs(exponent) < 14


def _times_reciprocal(build: Builder, match: Match) -> Value | None:
    product: Value = build.mul(match["x"], 1.0 / float(match["c"]))
    return product


def _times_negative(build: Builder, match: Match) -> Value | None:
    product: Value = build.mul(match["x"], -match["c"])
    return product


def _cast_of_cast(build: Builder, match: Match) -> Value | None:
    """Valid where the inner cast loses nothing."""
    x: Value = match["x"]
    if not _holds_all_of(match["between"], x.dtype):
        return None
    converted: Value = x if x.dtype is match["dtype"] else build.cast(x, dtype=match["dtype"])
    return converted


def _holds_all_of(wide: DType, narrow: DType) -> bool:
    if narrow.is_bool:
        return True
    if wide.kind == narrow.kind and wide.itemsize > narrow.itemsize:
        return True
    return wide.kind == "int" and narrow.kind == "uint" and wide.itemsize > narrow.itemsize


def _same_type(match: Match) -> bool:
    x: Value = match["x"]
    root: Value = match["root"]
    return x.dtype is root.dtype


RULES: tuple[Rule, ...] = (
    Rule(op("add", "x", -0.0), "x"),  # x + -0 -> x
    Rule(op("add", "x", 0), "x", _adding_zero_keeps),  # x + 0 -> x
    Rule(op("add", "x", op("neg", "y")), op("sub", "x", "y")),  # x + -y -> x - y
    Rule(op("sub", "x", 0), "x"),  # x - 0 -> x
    Rule(op("sub", -0.0, "x"), op("neg", "x")),  # -0 - x -> -x
    Rule(op("sub", 0, "x"), op("neg", "x"), _is_integer),  # 0 - x -> -x
    Rule(op("sub", "x", op("neg", "y")), op("add", "x", "y")),  # x - -y -> x + y
    Rule(op("sub", "x", "x"), 0, _is_integer),  # x - x -> 0
    Rule(op("mul", "x", 1), "x"),  # x * 1 -> x
    Rule(op("mul", "x", -1), op("neg", "x")),  # x * -1 -> -x
    Rule(op("mul", "x", 0), 0, _is_integer),  # x * 0 -> 0
    Rule(op("mul", op("neg", "x"), op("neg", "y")), op("mul", "x", "y")),  # -x * -y -> x * y
    Rule(op("mul", op("neg", "x"), Number("c")), _times_negative, _is_floating),  # -x * c -> x * -c
    Rule(op("mul", "x", "x"), op("square", "x")),  # x * x -> square(x)
    Rule(op("div", "x", 1), "x"),  # x / 1 -> x
    Rule(op("div", "x", -1), op("neg", "x")),  # x / -1 -> -x
    Rule(op("div", 1, "x"), op("reciprocal", "x")),  # 1 / x -> reciprocal(x)
    Rule(op("div", op("neg", "x"), op("neg", "y")), op("div", "x", "y")),  # -x / -y -> x / y
    Rule(op("div", "x", Number("c")), _times_reciprocal, _has_exact_reciprocal),  # x / 2^k -> x * 2^-k
    Rule(op("neg", op("neg", "x")), "x"),  # -(-x) -> x
    Rule(op("neg", op("mul", "x", Number("c"))), _times_negative, _is_floating),  # -(x * c) -> x * -c
    Rule(op("square", op("neg", "x")), op("square", "x")),  # square(-x) -> square(x)
    Rule(op("square", op("abs", "x")), op("square", "x")),  # square(|x|) -> square(x)
    Rule(op("abs", op("neg", "x")), op("abs", "x"), _is_signed),  # |-x| -> |x|
    Rule(op("abs", "x"), "x", _is_nonnegative),  # |x| -> x where x >= 0
    Rule(op("relu", "x"), "x", _is_nonnegative),  # max(x, 0) -> x where x >= 0
    Rule(op("maximum", "x", "x"), "x"),  # max(x, x) -> x
    Rule(op("minimum", "x", "x"), "x"),  # min(x, x) -> x
    Rule(op("pow", "x", 0), 1),  # x ** 0 -> 1, NaN ** 0 too
    Rule(op("pow", "x", 1), "x"),  # x ** 1 -> x
    Rule(op("pow", "x", 2), op("square", "x")),  # x ** 2 -> square(x)
    Rule(op("pow", "x", 3), op("mul", op("square", "x"), "x")),  # x ** 3 -> square(x) * x, rounded twice
    Rule(op("pow", "x", -1), op("reciprocal", "x"), _is_floating),  # x ** -1 -> 1 / x
    Rule(op("reciprocal", op("sqrt", "x")), op("rsqrt", "x")),  # 1 / sqrt(x) -> rsqrt(x)
    Rule(op("logical_not", op("logical_not", "x")), "x"),  # not not x -> x
    Rule(op("logical_not", op("equal", "x", "y")), op("not_equal", "x", "y")),  # not x == y -> x != y
    Rule(op("logical_not", op("not_equal", "x", "y")), op("equal", "x", "y")),  # not x != y -> x == y
    Rule(op("logical_and", "x", True), "x"),  # x and True -> x
    Rule(op("logical_and", "x", False), False),  # x and False -> False
    Rule(op("logical_and", "x", "x"), "x"),  # x and x -> x
    Rule(op("logical_or", "x", False), "x"),  # x or False -> x
    Rule(op("logical_or", "x", True), True),  # x or True -> True
    Rule(op("logical_or", "x", "x"), "x"),  # x or x -> x
    Rule(op("select", True, "x", "y"), "x"),  # True ? x : y -> x
    Rule(op("select", False, "x", "y"), "y"),  # False ? x : y -> y
    Rule(op("select", "c", "x", "x"), "x"),  # c ? x : x -> x
    Rule(op("select", op("logical_not", "c"), "x", "y"), op("select", "c", "y", "x")),  # not c ? x : y -> c ? y : x
    Rule(op("cast", "x"), "x", _same_type),  # a cast that changes nothing
    Rule(op("cast", op("cast", "x", dtype=Parameter("between")), dtype=Parameter("dtype")), _cast_of_cast),
    Rule(op("stop_gradient", "x"), "x"),  # an identity, once gradients are taken
)
_TABLE = by_operator(RULES)


@dataclass(frozen=True)
class Algebra:
    """Applies `RULES` until none applies."""

    def run(self, graph: Graph) -> Graph:
        build = RewritingBuilder(BUILD, _rewrite)

        def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            if node.operator.name not in _TABLE:
                return None
            node = on_operands(node, operands)
            return _rewrite(build, node) or node.outputs

        return rebuild(graph, visit)


def _rewrite(build: Builder, node: Node) -> Sequence[Value] | None:
    found = first_match(_TABLE, build, node)
    return None if found is None else (found,)
