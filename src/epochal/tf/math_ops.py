"""Arithmetic, comparison and reductions under TensorFlow's names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError
from epochal.tensor import Tensor, functions
from epochal.tf.conversion import axes, flat_if_rankless, pair, to_tensor
from epochal.tf.graph import operation


def _unary(kind: str, function: Callable[[Any], Tensor], about: str) -> Callable[..., Tensor]:
    @operation(kind)
    def apply(x: Any) -> Tensor:
        return function(to_tensor(x))

    apply.__doc__ = f"{about}, element by element; the shape and dtype of `x`."
    return apply


def _binary(kind: str, function: Callable[[Any, Any], Tensor], about: str) -> Callable[..., Tensor]:
    @operation(kind)
    def apply(x: Any, y: Any) -> Tensor:
        return function(*pair(kind, x, y))

    apply.__doc__ = f"{about}, element by element with broadcasting. Both operands must have one dtype."
    return apply


abs = _unary("Abs", functions.absolute, "``|x|``")
negative = _unary("Neg", functions.negative, "``-x``")
sign = _unary("Sign", functions.sign, "-1, 0 or 1")
square = _unary("Square", functions.square, "``x * x``")
sqrt = _unary("Sqrt", functions.sqrt, "The square root")
rsqrt = _unary("Rsqrt", functions.rsqrt, "``1 / sqrt(x)``")
reciprocal = _unary("Reciprocal", functions.reciprocal, "``1 / x``")
exp = _unary("Exp", functions.exp, "The exponential")
expm1 = _unary("Expm1", functions.expm1, "``exp(x) - 1``, exact near 0")
log = _unary("Log", functions.log, "The natural logarithm")
log1p = _unary("Log1p", functions.log1p, "``log(1 + x)``, exact near 0")
sin = _unary("Sin", functions.sin, "The sine")
cos = _unary("Cos", functions.cos, "The cosine")
tan = _unary("Tan", functions.tan, "The tangent")
asin = _unary("Asin", functions.arcsin, "The inverse sine")
acos = _unary("Acos", functions.arccos, "The inverse cosine")
atan = _unary("Atan", functions.arctan, "The inverse tangent")
sinh = _unary("Sinh", functions.sinh, "The hyperbolic sine")
cosh = _unary("Cosh", functions.cosh, "The hyperbolic cosine")
tanh = _unary("Tanh", functions.tanh, "The hyperbolic tangent")
sigmoid = _unary("Sigmoid", functions.sigmoid, "``1 / (1 + exp(-x))``")
erf = _unary("Erf", functions.erf, "The error function")
floor = _unary("Floor", functions.floor, "The largest integer not above x")
ceil = _unary("Ceil", functions.ceil, "The smallest integer not below x")
round = _unary("Round", functions.round, "The nearest integer, halves to even")
logical_not = _unary("LogicalNot", functions.logical_not, "``not x``")
asinh = _unary("Asinh", functions.arcsinh, "The inverse hyperbolic sine")
acosh = _unary("Acosh", functions.arccosh, "The inverse hyperbolic cosine")
atanh = _unary("Atanh", functions.arctanh, "The inverse hyperbolic tangent")
erfc = _unary("Erfc", functions.erfc, "1 minus the error function")
erfinv = _unary("Erfinv", functions.erfinv, "The inverse error function")
lgamma = _unary("Lgamma", functions.lgamma, "The logarithm of the size of the gamma function")
digamma = _unary("Digamma", functions.digamma, "The derivative of `lgamma`")
log_sigmoid = _unary("LogSigmoid", functions.log_sigmoid, "``log(sigmoid(x))``, without overflow")
is_inf = _unary("IsInf", functions.isinf, "Whether x is infinite")
is_nan = _unary("IsNan", functions.isnan, "Whether x is not a number")
is_finite = _unary("IsFinite", functions.isfinite, "Whether x is neither infinite nor NaN")

add = _binary("Add", functions.add, "``x + y``")
subtract = _binary("Sub", functions.subtract, "``x - y``")
multiply = _binary("Mul", functions.multiply, "``x * y``")
floordiv = _binary("FloorDiv", functions.floor_divide, "``x // y``")
mod = _binary("FloorMod", functions.mod, "``x % y``, with the sign of y")
pow = _binary("Pow", functions.power, "``x ** y``")
maximum = _binary("Maximum", functions.maximum, "The larger")
minimum = _binary("Minimum", functions.minimum, "The smaller")
atan2 = _binary("Atan2", functions.arctan2, "The angle of the point (y, x)")
equal = _binary("Equal", functions.equal, "``x == y``")
not_equal = _binary("NotEqual", functions.not_equal, "``x != y``")
less = _binary("Less", functions.less, "``x < y``")
less_equal = _binary("LessEqual", functions.less_equal, "``x <= y``")
greater = _binary("Greater", functions.greater, "``x > y``")
greater_equal = _binary("GreaterEqual", functions.greater_equal, "``x >= y``")
logical_and = _binary("LogicalAnd", functions.logical_and, "``x and y``")
logical_or = _binary("LogicalOr", functions.logical_or, "``x or y``")
divide_no_nan = _binary("DivNoNan", functions.divide_no_nan, "``x / y``, 0 where y is 0")
logical_xor = _binary("LogicalXor", functions.logical_xor, "Whether exactly one is true")


@operation("RealDiv")
def divide(x: Any, y: Any) -> Tensor:
    """``x / y``; integers are divided as float64, as in TensorFlow."""
    first, second = pair("RealDiv", x, y)
    if not first.dtype.is_floating:
        first, second = functions.cast(first, "float64"), functions.cast(second, "float64")
    return functions.divide(first, second)


@operation("SquaredDifference")
def squared_difference(x: Any, y: Any) -> Tensor:
    """``(x - y) ** 2``."""
    return functions.square(functions.subtract(*pair("SquaredDifference", x, y)))


@operation("Xlogy")
def xlogy(x: Any, y: Any) -> Tensor:
    """``x log(y)``, 0 where x is 0."""
    first, second = pair("Xlogy", x, y)
    zero = functions.equal(first, 0)
    return functions.where(zero, functions.zeros_like(first), first * functions.log(functions.where(zero, 1.0, second)))


@operation("MulNoNan")
def multiply_no_nan(x: Any, y: Any) -> Tensor:
    """``x y``, 0 where y is 0 even if x is infinite."""
    first, second = pair("MulNoNan", x, y)
    zero = functions.equal(second, 0)
    return functions.where(zero, functions.zeros_like(second), functions.where(zero, 0.0, first) * second)


@operation("ScalarMul")
def scalar_mul(scalar: Any, x: Any) -> Tensor:
    """A number times a tensor."""
    tensor = to_tensor(x)
    return functions.multiply(to_tensor(scalar, like=tensor.dtype), tensor)


@operation("CountNonzero")
def count_nonzero(
    input: Any = None, axis: Any = None, keepdims: bool | None = None, dtype: Any = dtypes.int64,
    input_tensor: Any = None, reduction_indices: Any = None, keep_dims: bool | None = None,
) -> Tensor:  # fmt: skip
    """How many elements are not 0 along `axis`."""
    tensor = to_tensor(input if input is not None else input_tensor)
    flags = functions.not_equal(tensor, functions.zeros_like(tensor))
    chosen = axes(axis if axis is not None else reduction_indices)
    keep = bool(keepdims if keepdims is not None else keep_dims)
    return functions.sum(functions.cast(flags, dtypes.get(dtype)), axis=chosen, keepdims=keep)


@operation("ConfusionMatrix")
def confusion_matrix(
    labels: Any, predictions: Any, num_classes: int | None = None, weights: Any = None, dtype: Any = dtypes.int32
) -> Tensor:
    """How often each label (row) is predicted as each class (column); a graph needs `num_classes`."""
    truth, guess = (functions.cast(to_tensor(value), "int32") for value in (labels, predictions))
    if num_classes is None:
        if truth.data is None or guess.data is None:
            raise ArgumentError("confusion_matrix in a graph needs num_classes: it shapes the result.")
        num_classes = int(max(truth.data.max(initial=-1), guess.data.max(initial=-1))) + 1
    kind = dtypes.get(dtype)
    amounts = functions.ones_like(truth, kind) if weights is None else functions.cast(to_tensor(weights), kind)
    flat = functions.scatter_add(
        functions.zeros((num_classes * num_classes,), kind), truth * num_classes + guess, amounts
    )
    return functions.reshape(flat, (num_classes, num_classes))


@operation("Polyval")
def polyval(coeffs: Sequence[Any], x: Any) -> Tensor:
    """The polynomial with these coefficients, the highest power's first, at `x`."""
    tensor = to_tensor(x)
    result = functions.zeros_like(tensor)
    for coefficient in coeffs:
        result = result * tensor + to_tensor(coefficient, like=tensor.dtype)
    return result


@operation("AddN")
def add_n(inputs: Sequence[Any]) -> Tensor:
    """The sum of several tensors of one shape and dtype."""
    total = to_tensor(inputs[0])
    for term in inputs[1:]:
        total = functions.add(*pair("AddN", total, term))
    return total


@operation("ClipByValue")
def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any) -> Tensor:
    """`t` limited to ``[clip_value_min, clip_value_max]``."""
    tensor = to_tensor(t)
    low = to_tensor(clip_value_min, like=tensor.dtype)
    high = to_tensor(clip_value_max, like=tensor.dtype)
    return functions.minimum(functions.maximum(tensor, low), high)


@operation("Cast")
def cast(x: Any, dtype: Any) -> Tensor:
    """`x` with another element type; floats are truncated towards 0 when they become integers."""
    return functions.cast(to_tensor(x), dtypes.get(dtype))


def to_float(x: Any, name: str = "ToFloat") -> Tensor:
    """`x` as float32."""
    return cast(x, dtypes.float32, name=name)


def to_double(x: Any, name: str = "ToDouble") -> Tensor:
    """`x` as float64."""
    return cast(x, dtypes.float64, name=name)


def to_int64(x: Any, name: str = "ToInt64") -> Tensor:
    """`x` as int64."""
    return cast(x, dtypes.int64, name=name)


def to_int32(x: Any, name: str = "ToInt32") -> Tensor:
    """`x` as int32."""
    return cast(x, dtypes.int32, name=name)


def _reduction(kind: str, function: Callable[..., Tensor], about: str) -> Callable[..., Tensor]:
    @operation(kind)
    def apply(
        input_tensor: Any,
        axis: Any = None,
        keepdims: bool | None = None,
        reduction_indices: Any = None,
        keep_dims: bool | None = None,
    ) -> Tensor:
        chosen = axis if axis is not None else reduction_indices
        keep = bool(keepdims if keepdims is not None else keep_dims)
        tensor = to_tensor(input_tensor) if chosen is not None else flat_if_rankless(to_tensor(input_tensor))
        result = function(tensor, axis=axes(chosen), keepdims=keep)
        # TensorFlow's reductions keep the operand's element type, where Keras's promote small integers.
        return result if result.dtype is tensor.dtype else functions.cast(result, tensor.dtype)

    apply.__doc__ = (
        f"{about} over `axis` (all axes if ``None``). `reduction_indices` and `keep_dims` are TensorFlow 1's names."
    )
    return apply


reduce_sum = _reduction("Sum", functions.sum, "The sum")
reduce_mean = _reduction("Mean", functions.mean, "The mean (integers: rounded towards 0)")
reduce_prod = _reduction("Prod", functions.prod, "The product")
reduce_max = _reduction("Max", functions.max, "The largest element")
reduce_min = _reduction("Min", functions.min, "The smallest element")
reduce_any = _reduction("Any", functions.any, "Whether any element is true")
reduce_all = _reduction("All", functions.all, "Whether all elements are true")
reduce_logsumexp = _reduction("LogSumExp", functions.logsumexp, "``log(sum(exp(x)))``, without overflow")
reduce_variance = _reduction("Variance", functions.var, "The (biased) variance")
reduce_std = _reduction("Std", functions.std, "The (biased) standard deviation")


def _arg(kind: str, function: Callable[..., Tensor], about: str) -> Callable[..., Tensor]:
    @operation(kind)
    def apply(input: Any, axis: Any = None, output_type: Any = dtypes.int64, dimension: Any = None) -> Tensor:
        chosen = axis if axis is not None else (dimension if dimension is not None else 0)
        result = function(to_tensor(input), axis=axes(chosen))
        return functions.cast(result, dtypes.get(output_type))

    apply.__doc__ = f"The index of the {about} element along `axis` (default 0), the first of equal ones."
    return apply


argmax = _arg("ArgMax", functions.argmax, "largest")
argmin = _arg("ArgMin", functions.argmin, "smallest")


@operation("CumSum")
def cumsum(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Running sums along `axis`."""
    return functions.cumsum(to_tensor(x), axis=axis, exclusive=exclusive, reverse=reverse)


@operation("CumProd")
def cumprod(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Running products along `axis`."""
    return functions.cumprod(to_tensor(x), axis=axis, exclusive=exclusive, reverse=reverse)


@operation("MatMul")
def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
) -> Tensor:
    """The matrix product of the last two axes; leading axes are batches and broadcast.

    Args:
        a: Shape [..., m, k] ([..., k, m] if transposed).
        b: Shape [..., k, n] ([..., n, k] if transposed).
        transpose_a: Whether to transpose `a` first; `adjoint_a` means the same for real numbers.
        transpose_b: Likewise.
        adjoint_a: See `transpose_a`.
        adjoint_b: See `transpose_b`.
    """
    first, second = pair("MatMul", a, b)
    if transpose_a or adjoint_a:
        first = functions.swapaxes(first, -1, -2)
    if transpose_b or adjoint_b:
        second = functions.swapaxes(second, -1, -2)
    return functions.matmul(first, second)


@operation("Tensordot")
def tensordot(a: Any, b: Any, axes: Any) -> Tensor:
    """The product of `a` and `b` summed over `axes`."""
    return functions.tensordot(*pair("Tensordot", a, b), axes=axes)


def einsum(equation: str, *inputs: Any, name: str | None = None) -> Tensor:
    """Einstein's summation, such as ``einsum("bij,bjk->bik", a, b)``."""
    return _einsum(equation, [to_tensor(value) for value in inputs], name=name)


@operation("Einsum")
def _einsum(equation: str, inputs: list[Tensor]) -> Tensor:
    return functions.einsum(equation, *inputs)


@operation("Norm")
def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool | None = None) -> Tensor:
    """The Euclidean (2), sum (1) or maximum (``inf``) norm over `axis`."""
    x = to_tensor(tensor)
    keep = bool(keepdims)
    if ord in ("euclidean", 2):
        return functions.sqrt(functions.sum(functions.square(x), axis=axes(axis), keepdims=keep))
    if ord == 1:
        return functions.sum(functions.absolute(x), axis=axes(axis), keepdims=keep)
    if ord == float("inf"):
        return functions.max(functions.absolute(x), axis=axes(axis), keepdims=keep)
    raise ValueError(f"Unsupported ord: {ord!r}. Expected 'euclidean', 1, 2 or inf.")


truediv = div = divide
floormod = mod
mul, sub, neg = multiply, subtract, negative
rint = round
accumulate_n = add_n
batch_matmul = matmul


@operation("EuclideanNorm")
def reduce_euclidean_norm(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The root of the sum of squares along `axis`."""
    return functions.sqrt(functions.sum(functions.square(to_tensor(input_tensor)), axis=axes(axis), keepdims=keepdims))


@operation("ReciprocalNoNan")
def reciprocal_no_nan(x: Any) -> Tensor:
    """``1 / x``, 0 where x is 0."""
    tensor = to_tensor(x)
    return functions.divide_no_nan(functions.ones_like(tensor), tensor)


@operation("Xdivy")
def xdivy(x: Any, y: Any) -> Tensor:
    """``x / y``, 0 where x is 0."""
    first, second = pair("Xdivy", x, y)
    zero = functions.equal(first, 0)
    return functions.where(zero, functions.zeros_like(first), first / functions.where(zero, 1.0, second))


@operation("Xlog1py")
def xlog1py(x: Any, y: Any) -> Tensor:
    """``x log(1 + y)``, 0 where x is 0."""
    first, second = pair("Xlog1py", x, y)
    zero = functions.equal(first, 0)
    return functions.where(
        zero, functions.zeros_like(first), first * functions.log1p(functions.where(zero, 1.0, second))
    )


@operation("IsNonDecreasing")
def is_non_decreasing(x: Any) -> Tensor:
    """Whether no element is below the one before it."""
    flat = functions.ravel(to_tensor(x))
    return functions.all(functions.greater_equal(flat[1:], flat[:-1]))


@operation("IsStrictlyIncreasing")
def is_strictly_increasing(x: Any) -> Tensor:
    """Whether each element is above the one before it."""
    flat = functions.ravel(to_tensor(x))
    return functions.all(functions.greater(flat[1:], flat[:-1]))


@operation("TruncateDiv")
def truncatediv(x: Any, y: Any) -> Tensor:
    """``x / y`` rounded towards 0; integers stay integers."""
    first, second = pair("TruncateDiv", x, y)
    return functions.cast(functions.trunc(_exact(first) / _exact(second)), first.dtype)


def _exact(x: Tensor) -> Tensor:
    return x if x.dtype.is_floating else functions.cast(x, "float64")


@operation("SaturateCast")
def saturate_cast(value: Any, dtype: Any) -> Tensor:
    """`cast`, with what `dtype` cannot hold cut to its range."""
    tensor, kind = to_tensor(value), dtypes.get(dtype)
    if not kind.is_floating:
        limits = np.iinfo(kind.numpy)
        tensor = functions.clip(tensor, limits.min, limits.max)
    return functions.cast(tensor, kind)


@operation("InvertPermutation")
def invert_permutation(x: Any) -> Tensor:
    """The permutation that undoes `x`."""
    order = to_tensor(x)
    return functions.cast(functions.argsort(order), order.dtype)


def arg_max(input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None) -> Tensor:
    """`argmax` under TensorFlow 1's name."""
    return argmax(input, dimension, output_type, name=name)


def arg_min(input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None) -> Tensor:
    """`argmin` under TensorFlow 1's name."""
    return argmin(input, dimension, output_type, name=name)
