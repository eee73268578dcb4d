"""Discrete Fourier transforms along one axis.

There are no complex element types: a complex array is a pair of real ones, its real and its imaginary part, as in
`keras.ops.fft`. The transforms are linear maps of such pairs, so their gradients are transforms again.

fft:   y[k] = sum over t of x[t] exp(-2 pi i k t / n)
ifft:  its inverse, with the factor 1 / n
rfft:  fft of a real array, entries 0 ... n // 2
irfft: the real array of `length` entries of which that is the rfft
"""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Array, Build, Dimension, Operator, Parameters, Sample, Symbol, TensorType, Value
from epochal.topi._results import widened_results
from epochal.topi._rules import FLOAT, axis_resolver, check_axis, check_dtype, check_same_dtype, merge, values, widened


def _pair_type(name: str, real: TensorType, imaginary: TensorType, axis: int) -> TensorType:
    check_dtype(name, real, FLOAT)
    check_same_dtype(name, real, imaginary)
    if real.rank != imaginary.rank:
        raise ShapeError(f"{name}: the real and the imaginary part must have one shape. Got: {real} and {imaginary}.")
    sizes = zip(real.shape, imaginary.shape, strict=True)
    shape = [merge(name, f"sizes of the parts {real} and {imaginary}", one, other) for one, other in sizes]
    if shape[check_axis(name, axis, real.rank)] == 0:
        raise ShapeError(f"{name} of no elements has no value. Received: {real} along axis {axis}.")
    return real.with_shape(shape)


def _parts(spectrum: Any, like: Array) -> tuple[Array, Array]:
    """Real and imaginary part in the element type of `like` (NumPy before 2.0 transforms in double precision)."""
    return (
        np.ascontiguousarray(spectrum.real, dtype=like.dtype),
        np.ascontiguousarray(spectrum.imag, dtype=like.dtype),
    )


def _join(real: Array, imaginary: Array) -> Any:
    return real + 1j * imaginary


def _zeros(build: Build, like: Value) -> Value:
    result: Value = build.broadcast(build.constant(0.0, like.dtype), shape=like.shape)
    return result


def _length(x: Value, axis: int) -> int:
    size = x.shape[axis]
    assert isinstance(size, int)
    return size


def _complex(name: str, inverse: str, doc: str, function: Callable[..., Any], is_inverse: bool) -> Operator:
    def infer(real: TensorType, imaginary: TensorType, *, axis: int = -1) -> tuple[TensorType, TensorType]:
        result = _pair_type(name, real, imaginary, axis)
        return result, result

    def reference(real: Array, imaginary: Array, *, axis: int = -1) -> tuple[Array, Array]:
        return _parts(function(_join(real, imaginary), axis=axis), real)

    def gradient(
        build: Build,
        inputs: Sequence[Value],
        outputs: Sequence[Value],
        cotangents: Sequence[Value | None],
        *,
        axis: int,
    ) -> Sequence[Value | None]:
        """The transpose of the matrix of cosines and sines is the inverse transform without its factor 1 / n."""
        size = float(_length(inputs[0], axis))
        real, imaginary = (_zeros(build, inputs[0]) if part is None else part for part in cotangents)
        parts = getattr(build, inverse)(real, imaginary, axis=axis)
        return [build.mul(part, 1.0 / size if is_inverse else size) for part in parts]

    return Operator(
        name=name,
        infer=infer,
        reference=widened_results(reference),
        samples=_complex_samples,
        gradient=gradient,
        resolve=_axis(name),
        doc=doc,
    )


def _axis(name: str) -> Callable[[Sequence[TensorType], Parameters], Parameters]:
    resolve = axis_resolver(name)
    return lambda types, parameters: resolve(types, {"axis": -1, **parameters})


def _complex_samples() -> Iterable[Sample]:
    yield Sample((values((2, 5)), values((2, 5), seed=1)))
    yield Sample((values((4, 3)), values((4, 3), seed=1)), {"axis": 0})
    yield Sample((values((1,)), values((1,), seed=1)))


fft = _complex(
    "fft", "ifft", "Discrete Fourier transform along an axis, as real and imaginary part.", np.fft.fft, False
)
ifft = _complex("ifft", "fft", "Inverse of fft, as real and imaginary part.", np.fft.ifft, True)


# --- rfft and irfft


def _rfft_type(x: TensorType, *, axis: int = -1) -> tuple[TensorType, TensorType]:
    check_dtype("rfft", x, FLOAT)
    where = check_axis("rfft", axis, x.rank)
    size = x.shape[where]
    if size == 0:
        raise ShapeError(f"rfft of no elements has no value. Received: {x} along axis {axis}.")
    half: Dimension = Symbol() if isinstance(size, Symbol) else size // 2 + 1
    result = x.with_shape((*x.shape[:where], half, *x.shape[where + 1 :]))
    return result, result


def _rfft_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], *, axis: int
) -> Sequence[Value | None]:
    """The real part of the unscaled inverse transform of the cotangents, followed by zeros."""
    size = _length(inputs[0], axis)
    half = size // 2 + 1
    high = tuple(size - half if other == axis else 0 for other in range(len(inputs[0].shape)))
    low = (0,) * len(high)
    given = [_zeros(build, outputs[0]) if part is None else part for part in cotangents]
    real, _ = build.ifft(*(build.pad(part, low=low, high=high) for part in given), axis=axis)
    return [build.mul(real, float(size))]


def _rfft_samples() -> Iterable[Sample]:
    yield Sample((values((2, 6)),))
    yield Sample((values((5, 2), seed=1),), {"axis": 0})
    yield Sample((values((1,)),))


rfft = Operator(
    name="rfft",
    infer=_rfft_type,
    reference=widened_results(lambda x, *, axis=-1: _parts(np.fft.rfft(x, axis=axis), x)),
    samples=_rfft_samples,
    gradient=_rfft_gradient,
    resolve=_axis("rfft"),
    doc="Entries 0 ... n // 2 of the fft of a real array (the others are their conjugates), real and imaginary part.",
)


def _irfft_type(real: TensorType, imaginary: TensorType, *, length: int, axis: int = -1) -> TensorType:
    result = _pair_type("irfft", real, imaginary, axis)
    where = check_axis("irfft", axis, real.rank)
    try:
        size = python.index(length)
    except TypeError:
        size = 0
    if size < 1:
        raise ArgumentError(f"irfft: length must be a positive integer. Received: {length!r}")
    half = result.shape[where]
    if not isinstance(half, Symbol) and half != size // 2 + 1:
        raise ShapeError(
            f"irfft: a result of {size} entries needs {size // 2 + 1} along axis {where}. Received: {real}."
        )
    return result.with_shape((*result.shape[:where], size, *result.shape[where + 1 :]))


def _irfft(real: Array, imaginary: Array, *, length: int, axis: int = -1) -> Array:
    return np.fft.irfft(_join(real, imaginary), length, axis).astype(real.dtype)


def _irfft_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    length: int,
    axis: int,
) -> Sequence[Value | None]:
    """rfft of the cotangent; entries that stand for two conjugates count twice."""
    weights = np.full(length // 2 + 1, 2.0 / length)
    weights[0] = 1.0 / length
    if length % 2 == 0:
        weights[-1] = 1.0 / length
    shape = [1] * len(inputs[0].shape)
    shape[axis] = len(weights)
    scale = build.constant(weights.reshape(shape), inputs[0].dtype)
    return [build.mul(part, scale) for part in build.rfft(cotangents[0], axis=axis)]


def _irfft_samples() -> Iterable[Sample]:
    yield Sample((values((2, 4)), values((2, 4), seed=1)), {"length": 6})
    yield Sample((values((3, 2)), values((3, 2), seed=1)), {"length": 5, "axis": 0})
    yield Sample((values((1,)), values((1,), seed=1)), {"length": 1})


irfft = Operator(
    name="irfft",
    infer=_irfft_type,
    reference=widened(_irfft),
    samples=_irfft_samples,
    gradient=_irfft_gradient,
    resolve=lambda types, parameters: {
        **_axis("irfft")(types, parameters), "length": python.index(parameters["length"])
    },
    doc="The real array of `length` entries of which real and imaginary part are the rfft.",
)  # fmt: skip
