"""NumPy's functions that lay out or build tensors anew."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal.errors import ArgumentError
from epochal.tensor import Tensor, convert
from epochal.tensor import functions as F


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """Parts along an axis, the first ones longer by one where it does not come out even."""
    tensor = convert(x)
    if not isinstance(indices_or_sections, (int, np.integer)):
        return list(F.split(tensor, indices_or_sections, axis=axis))
    size = tensor.shape[axis]
    if size is None:
        raise ArgumentError(f"array_split needs a known size along axis {axis}. Received shape: {tensor.shape}")
    each, more = divmod(size, int(indices_or_sections))
    lengths = [each + 1] * more + [each] * (int(indices_or_sections) - more)
    return list(F.split(tensor, np.cumsum(lengths)[:-1].tolist(), axis=axis))


def hsplit(x: Any, indices_or_sections: Any) -> list[Tensor]:
    """Parts along axis 1 (axis 0 of a vector)."""
    return list(F.split(x, indices_or_sections, axis=0 if convert(x).ndim == 1 else 1))


def vsplit(x: Any, indices_or_sections: Any) -> list[Tensor]:
    """Parts along axis 0."""
    return list(F.split(x, indices_or_sections, axis=0))


def dsplit(x: Any, indices_or_sections: Any) -> list[Tensor]:
    """Parts along axis 2."""
    return list(F.split(x, indices_or_sections, axis=2))


def dstack(xs: Any) -> Tensor:
    """Joined along axis 2."""
    deep = []
    for x in xs:
        tensor = convert(x)
        tensor = F.expand_dims(tensor, 0) if tensor.ndim < 2 else tensor
        deep.append(F.expand_dims(tensor, 2) if tensor.ndim < 3 else tensor)
    return F.concatenate(deep, axis=2)


def fliplr(x: Any) -> Tensor:
    """Axis 1 the other way."""
    return F.flip(x, axis=1)


def flipud(x: Any) -> Tensor:
    """Axis 0 the other way."""
    return F.flip(x, axis=0)


def rot90(array: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """A plane turned by k quarters."""
    first, second = axes
    tensor, quarters = convert(array), k % 4
    if quarters == 2:
        return F.flip(F.flip(tensor, axis=first), axis=second)
    if quarters == 1:
        return F.swapaxes(F.flip(tensor, axis=second), first, second)
    return F.flip(F.swapaxes(tensor, first, second), axis=second) if quarters else tensor


def diagflat(x: Any, k: int = 0) -> Tensor:
    """A matrix with these numbers on its diagonal."""
    return F.diag(F.ravel(x), k)


def kron(x1: Any, x2: Any) -> Tensor:
    """Kronecker product."""
    a, b = convert(x1), convert(x2)
    rank = max(a.ndim, b.ndim)
    a = F.reshape(a, (1,) * (rank - a.ndim) + a.dimensions)
    b = F.reshape(b, (1,) * (rank - b.ndim) + b.dimensions)
    left = F.reshape(a, tuple(size for one in a.dimensions for size in (one, 1)))
    right = F.reshape(b, tuple(size for one in b.dimensions for size in (1, one)))
    shape = tuple(one * other for one, other in zip(a.dimensions, b.dimensions, strict=True))
    return F.reshape(F.multiply(left, right), shape)


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Tensor:
    """Powers of each number, the highest first."""
    tensor = convert(x)
    count = tensor.shape[0] if N is None else N
    powers = np.arange(count) if increasing else np.arange(count)[::-1]
    return F.power(F.expand_dims(tensor, 1), convert(powers.copy(), tensor.dtype))


def unravel_index(indices: Any, shape: Any) -> tuple[Tensor, ...]:
    """Places in an array of this shape, from places in the flattened one."""
    rest, places = convert(indices), []
    for size in reversed(tuple(shape)):
        places.append(F.mod(rest, size))
        rest = F.floor_divide(rest, size)
    return tuple(reversed(places))


def get_item(x: Any, key: Any) -> Tensor:
    """``x[key]``."""
    return convert(x)[key]


def view(x: Any, dtype: Any = None) -> Tensor:
    """The same bits as another element type of the same size."""
    return convert(x) if dtype is None else F.bitcast(x, dtype)


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10, dtype: Any = None, axis: int = 0
) -> Tensor:
    """``base ** linspace(start, stop)``."""
    if axis != 0:
        raise ArgumentError(f"`axis` of logspace must be 0. Received: {axis}")
    powers = F.power(convert(base, "float32"), F.linspace(start, stop, num, endpoint))
    return powers if dtype is None else F.cast(powers, dtype)


def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Groups of channels laid out as blocks of pixels."""
    if data_format != "channels_last":
        return F.moveaxis(depth_to_space(F.moveaxis(x, 1, -1), block_size), -1, 1)
    tensor = convert(x)
    n, h, w, c = tensor.dimensions
    parts = F.reshape(tensor, (n, h, w, block_size, block_size, c // block_size**2))
    shape = (n, h * block_size, w * block_size, c // block_size**2)
    return F.reshape(F.transpose(parts, (0, 1, 3, 2, 4, 5)), shape)


def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Blocks of pixels laid out as groups of channels."""
    if data_format != "channels_last":
        return F.moveaxis(space_to_depth(F.moveaxis(x, 1, -1), block_size), -1, 1)
    tensor = convert(x)
    n, h, w, c = tensor.dimensions
    parts = F.reshape(tensor, (n, h // block_size, block_size, w // block_size, block_size, c))
    shape = (n, h // block_size, w // block_size, c * block_size**2)
    return F.reshape(F.transpose(parts, (0, 1, 3, 2, 4, 5)), shape)


# Windows of signals; their length is a number, so they are constants.


def bartlett(x: int) -> Tensor:
    """Triangular window of length x."""
    return convert(np.bartlett(int(x)).astype("float32"))


def blackman(x: int) -> Tensor:
    """Blackman window of length x."""
    return convert(np.blackman(int(x)).astype("float32"))


def hamming(x: int) -> Tensor:
    """Hamming window of length x."""
    return convert(np.hamming(int(x)).astype("float32"))


def hanning(x: int) -> Tensor:
    """Hann window of length x."""
    return convert(np.hanning(int(x)).astype("float32"))


def kaiser(x: int, beta: float) -> Tensor:
    """Kaiser window of length x."""
    return convert(np.kaiser(int(x), float(beta)).astype("float32"))
