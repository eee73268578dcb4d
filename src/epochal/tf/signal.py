"""`tf.signal`: Fourier transforms of real signals. There are no complex tensors: results are (real, imaginary)."""

from __future__ import annotations

from typing import Any

from epochal.errors import NotSupportedError
from epochal.tensor import Tensor, functions
from epochal.tf.conversion import to_tensor

__all__ = ["fft", "frame", "hamming_window", "hann_window", "ifft", "irfft", "rfft", "stft"]


def rfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> tuple[Tensor, Tensor]:
    """The transform of a real signal along the last axis, as (real, imaginary)."""
    return functions.rfft(to_tensor(input_tensor), _length(fft_length))


def irfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
    """The inverse of `rfft`, from (real, imaginary)."""
    return functions.irfft(_complex(input_tensor), _length(fft_length))


def fft(input: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """The transform of (real, imaginary) along the last axis."""
    return functions.fft(_complex(input))


def ifft(input: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """The inverse of `fft`."""
    return functions.ifft(_complex(input))


def _length(fft_length: Any) -> int | None:
    if fft_length is None:
        return None
    return int(fft_length[0]) if isinstance(fft_length, (list, tuple)) else int(fft_length)


def _complex(value: Any) -> tuple[Tensor, Tensor]:
    if not isinstance(value, tuple) or len(value) != 2:
        raise NotSupportedError("Complex tensors are not supported: pass a pair (real, imaginary) of real tensors.")
    real, imaginary = (to_tensor(part) for part in value)
    return real, imaginary


def _cosine_window(length: int, base: float, periodic: bool, dtype: Any) -> Tensor:
    # As TensorFlow: a window of odd length counts as symmetric in any case.
    count = int(length) - (0 if periodic and int(length) % 2 == 0 else 1)
    places = functions.arange(0, int(length), dtype=dtype)
    turn = places * (2.0 * 3.141592653589793 / max(count, 1))
    return base - (1.0 - base) * functions.cos(turn)


def hann_window(window_length: int, periodic: bool = True, dtype: Any = "float32", name: str | None = None) -> Tensor:
    """``0.5 - 0.5 cos(2 pi n / N)``."""
    return _cosine_window(window_length, 0.5, periodic, dtype)


def hamming_window(
    window_length: int, periodic: bool = True, dtype: Any = "float32", name: str | None = None
) -> Tensor:
    """``0.54 - 0.46 cos(2 pi n / N)``."""
    return _cosine_window(window_length, 0.54, periodic, dtype)


def frame(signal: Any, frame_length: int, frame_step: int, name: str | None = None) -> Tensor:
    """Overlapping stretches of a signal of known length: [..., frames, frame_length]."""
    tensor = to_tensor(signal)
    size = tensor.shape[-1]
    if size is None:
        raise NotSupportedError(f"frame needs a signal of known length. Received shape: {tensor.shape}")
    count = max(1 + (size - frame_length) // frame_step, 0)
    places = [[start * frame_step + offset for offset in range(frame_length)] for start in range(count)]
    return functions.take(tensor, places, axis=-1)


def stft(
    signals: Any, frame_length: int, frame_step: int, fft_length: int | None = None, window_fn: Any = hann_window,
    name: str | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The transforms of overlapping windows of a signal, as (real, imaginary)."""
    size = fft_length or 1 << max(int(frame_length) - 1, 0).bit_length()
    parts = frame(signals, frame_length, frame_step)
    if window_fn is not None:
        parts = parts * window_fn(frame_length, dtype=parts.dtype)
    return functions.rfft(parts, size)
