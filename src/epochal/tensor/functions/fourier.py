"""Fourier transforms. A complex tensor is a pair (real, imaginary) of real ones, as in `keras.ops`."""

from __future__ import annotations

from typing import Any

from epochal.errors import ArgumentError
from epochal.tensor.convert import convert
from epochal.tensor.dispatch import apply, axis_of
from epochal.tensor.functions.elementwise import as_float, operands
from epochal.tensor.functions.movement import slice_axis
from epochal.tensor.tensor import Tensor

Pair = tuple[Tensor, Tensor]


def _pair(x: Any, name: str) -> Pair:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ArgumentError(f"{name} takes a pair of real tensors, (real, imaginary). Received: {x!r}")
    real, imaginary = operands(as_float(x[0]), as_float(x[1]))
    return real, imaginary


def _transform(name: str, pair: Pair, axis: int) -> Pair:
    place = axis_of(axis, pair[0].ndim)
    real, imaginary = apply(name, *pair, axis=place)
    return real, imaginary


def fft(x: Any, axis: int = -1) -> Pair:
    """The discrete Fourier transform of a pair along an axis: sum over t of x[t] exp(-2 pi i k t / n)."""
    return _transform("fft", _pair(x, "fft"), axis)


def ifft(x: Any, axis: int = -1) -> Pair:
    """The inverse of `fft`."""
    return _transform("ifft", _pair(x, "ifft"), axis)


def fft2(x: Any) -> Pair:
    """`fft` along the last two axes."""
    return fft(fft(x, -1), -2)


def ifft2(x: Any) -> Pair:
    """The inverse of `fft2`."""
    return ifft(ifft(x, -1), -2)


def _resized(x: Tensor, size: int) -> Tensor:
    """The last axis cropped, or filled up with zeros."""
    have = x.shape[-1]
    if have is None:
        raise ArgumentError(f"A transform of {size} entries needs a known last axis. Received shape: {x.shape}")
    if have >= size:
        return x if have == size else slice_axis(x, x.ndim - 1, 0, size)
    rest = (0,) * (x.ndim - 1)
    result: Tensor = apply("pad", x, low=(*rest, 0), high=(*rest, size - have), value=0.0)
    return result


def rfft(x: Any, fft_length: int | None = None) -> Pair:
    """Entries 0 ... n // 2 of the `fft` of a real tensor along the last axis; n is `fft_length`, or the axis's size."""
    tensor = as_float(convert(x))
    if fft_length is not None:
        tensor = _resized(tensor, int(fft_length))
    real, imaginary = apply("rfft", tensor, axis=tensor.ndim - 1)
    return real, imaginary


def irfft(x: Any, fft_length: int | None = None) -> Tensor:
    """The real tensor of which a pair is the `rfft`; its last axis has `fft_length` entries, or 2 (m - 1) of m."""
    real, imaginary = _pair(x, "irfft")
    if fft_length is None:
        if real.shape[-1] is None:
            raise ArgumentError("irfft of an unknown number of entries needs fft_length.")
        fft_length = 2 * (real.shape[-1] - 1)
    half = int(fft_length) // 2 + 1
    parts = (_resized(real, half), _resized(imaginary, half))
    result: Tensor = apply("irfft", *parts, axis=real.ndim - 1, length=int(fft_length))
    return result
