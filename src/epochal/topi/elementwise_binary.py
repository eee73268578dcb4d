"""Elementwise operators of two and three operands. Operands have one dtype and broadcast by NumPy's rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from epochal import dtypes
from epochal.dtypes import DType
from epochal.errors import DTypeError
from epochal.ir import Array, Build, Operator, Sample, TensorType, Value, broadcast_shapes
from epochal.topi._rules import (
    ANY,
    BOOL,
    FLOAT,
    INTEGER,
    NUMBER,
    check_dtype,
    check_same_dtype,
    full,
    values,
    widened,
)

# gradient(build, cotangent, x, y, result) -> cotangents of x and y
BinaryGradient: TypeAlias = Callable[[Build, Value, Value, Value, Value], Sequence["Value | None"]]

ELEMENTWISE = frozenset({"elementwise"})
COMPARISON = frozenset({"elementwise", "comparison"})
SYMMETRIC = frozenset({"commutative"})
EXACT = frozenset({"commutative", "associative"})
NONE: frozenset[str] = frozenset()

_EDGES = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.5, 3.0])


def binary(
    name: str,
    doc: str,
    function: Callable[[Any, Any], Any],
    gradient: BinaryGradient | None,
    takes: str = NUMBER,
    traits: frozenset[str] = NONE,
    domain: tuple[float, float] = (-2.0, 2.0),
    integers: tuple[int, int] = (-7, 8),
    result: DType | None = None,
) -> Operator:
    """A row for a function of two operands of one element type.

    Args:
        name: Name of the operator.
        doc: What it computes.
        function: On NumPy arrays.
        gradient: Of both operands; ``None``: piecewise constant.
        takes: Which element types.
        traits: Beyond elementwise.
        domain: Where floating point samples lie.
        integers: Range of the integer samples.
        result: Element type of the result, if not the operands'.
    """

    def infer(x: TensorType, y: TensorType) -> TensorType:
        check_dtype(name, x, takes)
        check_same_dtype(name, x, y)
        return TensorType(x.dtype if result is None else result, broadcast_shapes(x.shape, y.shape))

    def row_gradient(
        build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        assert gradient is not None
        assert cotangents[0] is not None
        return gradient(build, cotangents[0], inputs[0], inputs[1], outputs[0])

    def samples() -> Iterable[Sample]:
        if takes in (FLOAT, NUMBER, ANY):
            yield Sample((values((2, 3), *domain), values((2, 3), *domain, seed=1)))
            yield Sample((values((4, 1, 3), *domain), values((2, 1), *domain, seed=2)))
            yield Sample((values((), *domain), values((3,), *domain, seed=3)))
            yield Sample((np.zeros((0, 3)), np.ones((3,))))
            yield Sample((_EDGES[:, None], _EDGES[None, :]), differentiable=())
        if takes in (INTEGER, NUMBER, ANY):
            random = np.random.default_rng(5)
            pair = random.integers(*integers, size=(2, 4, 5))
            yield Sample((pair[0].astype(np.int32), pair[1].astype(np.int32)))
            yield Sample((abs(pair[0]).astype(np.uint8), abs(pair[1]).astype(np.uint8)))
        if takes in (BOOL, ANY):
            yield Sample((np.array([[False], [True]]), np.array([False, True])))

    return Operator(
        name=name,
        infer=infer,
        reference=widened(function),
        samples=samples,
        gradient=None if gradient is None else row_gradient,
        no_gradient="zero" if gradient is None else "",
        traits=(ELEMENTWISE if result is None else COMPARISON) | traits,
        doc=doc,
    )


def _floor_div(x: Array, y: Array) -> Array:
    if x.dtype.kind == "f":
        return np.asarray(np.floor(x / y), dtype=x.dtype)
    return np.asarray(np.floor_divide(x, y))


def _pow(x: Array, y: Array) -> Array:
    """Integers to a negative power: what 1 / x ** -y truncates to, so 1 for 1, 1 or -1 for -1, and 0 otherwise."""
    if x.dtype.kind != "i" or not np.any(y < 0):
        return np.asarray(np.power(x, y))
    power = np.power(x, np.abs(y))
    return np.asarray(np.where((y < 0) & (np.abs(x) != 1), np.zeros((), x.dtype), power))


def _div_gradient(build: Build, g: Value, x: Value, y: Value, z: Value) -> Sequence[Value | None]:
    dx = build.div(g, y)
    return [dx, build.neg(build.mul(dx, z))]


def _rem_gradient(build: Build, g: Value, x: Value, y: Value, z: Value) -> Sequence[Value | None]:
    return [g, build.neg(build.mul(g, build.floor_div(x, y)))]


def _pow_gradient(build: Build, g: Value, x: Value, y: Value, z: Value) -> Sequence[Value | None]:
    """y * x ** (y - 1), which is 0 for y = 0 even where x = 0; log(x) * x ** y, which is 0 unless x > 0."""
    flat = build.equal(y, 0.0)
    one = full(build, 1.0, y)
    slope = build.mul(y, build.pow(x, build.select(flat, one, build.sub(y, 1.0))))
    positive = build.greater(x, 0.0)
    logarithm = build.log(build.select(positive, x, full(build, 1.0, x)))
    return [build.mul(g, slope), build.mul(g, build.mul(z, logarithm))]


def _larger_gradient(build: Build, g: Value, x: Value, y: Value, z: Value) -> Sequence[Value | None]:
    nothing = full(build, 0.0, g)
    first = build.greater_equal(x, y)
    return [build.select(first, g, nothing), build.select(first, nothing, g)]


def _smaller_gradient(build: Build, g: Value, x: Value, y: Value, z: Value) -> Sequence[Value | None]:
    nothing = full(build, 0.0, g)
    first = build.less_equal(x, y)
    return [build.select(first, g, nothing), build.select(first, nothing, g)]


def _atan2_gradient(build: Build, g: Value, y: Value, x: Value, z: Value) -> Sequence[Value | None]:
    scaled = build.div(g, build.add(build.square(x), build.square(y)))
    return [build.mul(scaled, x), build.neg(build.mul(scaled, y))]


add = binary("add", "x + y", np.add, lambda build, g, x, y, z: [g, g], traits=SYMMETRIC)
sub = binary("sub", "x - y", np.subtract, lambda build, g, x, y, z: [g, build.neg(g)])
mul = binary(
    "mul", "x * y", np.multiply, lambda build, g, x, y, z: [build.mul(g, y), build.mul(g, x)], traits=SYMMETRIC
)
div = binary("div", "x / y of floating point values.", np.divide, _div_gradient, FLOAT, domain=(0.5, 2.0))
floor_div = binary("floor_div", "floor(x / y); integers by 0 give 0.", _floor_div, None, domain=(0.6, 2.0))
rem = binary(
    "rem", "x - y * floor(x / y), with y's sign as Python's %; integers by 0 give 0.", np.remainder, _rem_gradient,
    domain=(0.6, 2.0),
)  # fmt: skip
pow_ = binary(
    "pow", "x to the power y; an integer to a negative power is truncated.", _pow, _pow_gradient, domain=(0.5, 2.0),
    integers=(-3, 5),
)  # fmt: skip
maximum = binary(
    "maximum", "The larger one; NaN if either is; the gradient goes to x where x >= y.", np.maximum,
    _larger_gradient, traits=EXACT,
)  # fmt: skip
minimum = binary(
    "minimum", "The smaller one; NaN if either is; the gradient goes to x where x <= y.", np.minimum,
    _smaller_gradient, traits=EXACT,
)  # fmt: skip
atan2 = binary("atan2", "Angle of the point (y, x): atan2(y, x).", np.arctan2, _atan2_gradient, FLOAT)

equal = binary("equal", "x == y", np.equal, None, ANY, SYMMETRIC, result=dtypes.bool_)
not_equal = binary("not_equal", "x != y", np.not_equal, None, ANY, SYMMETRIC, result=dtypes.bool_)
less = binary("less", "x < y", np.less, None, result=dtypes.bool_)
less_equal = binary("less_equal", "x <= y", np.less_equal, None, result=dtypes.bool_)
greater = binary("greater", "x > y", np.greater, None, result=dtypes.bool_)
greater_equal = binary("greater_equal", "x >= y", np.greater_equal, None, result=dtypes.bool_)
logical_and = binary("logical_and", "Both.", np.logical_and, None, BOOL, EXACT)
logical_or = binary("logical_or", "Either or both.", np.logical_or, None, BOOL, EXACT)
logical_xor = binary("logical_xor", "Exactly one.", np.logical_xor, None, BOOL, EXACT)
bitwise_and = binary("bitwise_and", "Bits set in both.", np.bitwise_and, None, INTEGER, EXACT)
bitwise_or = binary("bitwise_or", "Bits set in either.", np.bitwise_or, None, INTEGER, EXACT)
bitwise_xor = binary("bitwise_xor", "Bits set in exactly one.", np.bitwise_xor, None, INTEGER, EXACT)
shift_left = binary(
    "shift_left", "x * 2**y, bits beyond the width lost; 0 for y outside [0, width).", np.left_shift, None, INTEGER,
    integers=(0, 9),
)  # fmt: skip
shift_right = binary(
    "shift_right", "floor(x / 2**y); for y outside [0, width) 0, or -1 for negative x.", np.right_shift, None, INTEGER,
    integers=(0, 9),
)  # fmt: skip


def _select_type(condition: TensorType, x: TensorType, y: TensorType) -> TensorType:
    if not condition.dtype.is_bool:
        raise DTypeError(
            f"select: the condition must be bool. Received: {condition}. Compare it with something first, "
            "for instance not_equal(condition, 0)."
        )
    check_same_dtype("select", x, y)
    return TensorType(x.dtype, broadcast_shapes(condition.shape, x.shape, y.shape))


def _select_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
) -> Sequence[Value | None]:
    g = cotangents[0]
    assert g is not None
    nothing = full(build, 0.0, g)
    return [None, build.select(inputs[0], g, nothing), build.select(inputs[0], nothing, g)]


def _select_samples() -> Iterable[Sample]:
    mask = np.array([[True, False, True], [False, False, True]])
    yield Sample((mask, values((2, 3)), values((2, 3), seed=1)))
    yield Sample((mask[:, :1], values((3,)), values((4, 1, 1), seed=1)))
    yield Sample((np.array(True), values(()), values((), seed=1)))
    yield Sample((mask, np.arange(6, dtype=np.int32).reshape(2, 3), np.full((2, 3), -1, np.int32)))
    yield Sample((mask, mask, ~mask))
    yield Sample((np.zeros((0,), np.bool_), np.zeros(0), np.ones(0)))
    yield Sample((mask, np.full((2, 3), np.nan), np.full((2, 3), np.inf)), differentiable=())


select = Operator(
    name="select",
    infer=_select_type,
    reference=lambda condition, x, y: np.asarray(np.where(condition, x, y)),
    samples=_select_samples,
    gradient=_select_gradient,
    traits=ELEMENTWISE,
    doc="x where the condition holds, y elsewhere.",
)


def _clamp_type(x: TensorType, low: TensorType, high: TensorType) -> TensorType:
    check_dtype("clamp", x, NUMBER)
    check_same_dtype("clamp", x, low, high)
    return TensorType(x.dtype, broadcast_shapes(x.shape, low.shape, high.shape))


def _clamp_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
) -> Sequence[Value | None]:
    """To x within the bounds, otherwise to the bound that holds."""
    x, low, high = inputs
    g = cotangents[0]
    assert g is not None
    nothing = full(build, 0.0, g)
    above = build.greater(build.maximum(x, low), high)
    below = build.less(x, low)
    return [
        build.select(build.logical_or(above, below), nothing, g),
        build.select(above, nothing, build.select(below, g, nothing)),
        build.select(above, g, nothing),
    ]


def _clamp_samples() -> Iterable[Sample]:
    yield Sample((values((3, 4)), values((3, 4), -1.5, -0.5, 1), values((3, 4), 0.5, 1.5, 2)))
    yield Sample((values((3, 4)), np.array(-0.7), np.array(0.9)))
    yield Sample((np.arange(-4, 5, dtype=np.int32), np.array(-2, np.int32), np.array(3, np.int32)))
    yield Sample((_EDGES, np.array(-1.0), np.array(2.0)), differentiable=())


clamp = Operator(
    name="clamp",
    infer=_clamp_type,
    reference=widened(lambda x, low, high: np.minimum(np.maximum(x, low), high)),
    samples=_clamp_samples,
    gradient=_clamp_gradient,
    traits=ELEMENTWISE,
    doc="min(max(x, low), high); NaN stays.",
)
