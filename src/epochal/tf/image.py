"""`tf.image`: resizing, flipping, cropping and the scale of pixels. Images are [height, width, channels] or batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, NotSupportedError, ShapeError
from epochal.tensor import Tensor, functions
from epochal.tf import random_ops
from epochal.tf.conversion import integers, to_tensor
from epochal.tf.graph import operation


class ResizeMethod:
    """How pixels between pixels are made."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"
    BICUBIC = "bicubic"
    AREA = "area"


def _batch(image: Any) -> tuple[Tensor, bool]:
    tensor = to_tensor(image)
    if tensor.ndim == 3:
        return functions.expand_dims(tensor, 0), True
    if tensor.ndim != 4:
        raise ShapeError(f"An image has the axes [height, width, channels], a batch one more. Received: {tensor.shape}")
    return tensor, False


def _sizes(images: Tensor) -> tuple[int, int]:
    height, width = images.shape[1:3]
    if height is None or width is None:
        raise ShapeError(f"The height and width of images must be known. Received: {images.shape}")
    return height, width


def resize(
    images: Any, size: Any, method: str = ResizeMethod.BILINEAR, preserve_aspect_ratio: bool = False,
    antialias: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Images in another size, by the nearest pixel or bilinearly, pixels taken at their centres.

    Args:
        images: Shape [height, width, channels], or a batch.
        size: The new [height, width].
        method: ``"bilinear"`` (the result is float32) or ``"nearest"``.
        preserve_aspect_ratio: Not supported: must be False.
        antialias: Not supported: must be False.
        name: Means nothing here.

    Raises:
        NotSupportedError: Another method.
    """
    if preserve_aspect_ratio or antialias:
        raise NotSupportedError("tf.image.resize: preserve_aspect_ratio and antialias are not supported.")
    kind = method if isinstance(method, str) else {0: "bilinear", 1: "nearest"}.get(method, str(method))
    if kind not in ("bilinear", "nearest"):
        raise NotSupportedError(f"tf.image.resize: method {method!r} is not supported. Use 'bilinear' or 'nearest'.")
    return _resized_both(images, size, kind == "nearest", _centres)


def _centres(new: int, old: int) -> Any:
    """Where new pixels lie among the old, pixels being squares: centres fall on centres."""
    return (np.arange(new) + 0.5) * (old / new) - 0.5


def _corners(new: int, old: int) -> Any:
    """TensorFlow 1's grid: the first pixels coincide."""
    return np.arange(new) * (old / new)


def _aligned(new: int, old: int) -> Any:
    """The first pixels and the last coincide."""
    return np.arange(new) * ((old - 1) / max(new - 1, 1))


def _resized_both(images: Any, size: Any, nearest: bool, grid: Callable[[int, int], Any]) -> Tensor:
    batch, single = _batch(images)
    result = batch if nearest else functions.cast(batch, dtypes.float32)
    for axis, (old, new) in enumerate(zip(_sizes(batch), integers(size), strict=True), 1):
        result = _resized(result, axis, old, grid(int(new), old), nearest, grid)
    return functions.squeeze(result, axis=0) if single else result


def _resized(x: Tensor, axis: int, old: int, places: Any, nearest: bool, grid: Any) -> Tensor:
    if nearest:
        # Pixels as squares: the one that the new centre lies in. On the other grids: the one at or before, or nearest.
        chosen = np.floor(places + 0.5) if grid is not _corners else np.floor(places)
        return functions.take(x, np.clip(chosen, 0, old - 1).astype(np.int32), axis=axis)
    places = np.clip(places, 0.0, old - 1.0)
    low = np.floor(places).astype(np.int32)
    high = np.minimum(low + 1, old - 1)
    share = (places - low).astype(np.float32).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    below, above = functions.take(x, low, axis=axis), functions.take(x, high, axis=axis)
    return below + (above - below) * share


def resize_images(
    images: Any, size: Any, method: Any = 0, align_corners: bool = False, preserve_aspect_ratio: bool = False,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Images in another size on TensorFlow 1's grid, where the first pixels coincide (and the last ones may)."""
    kind = {0: "bilinear", 1: "nearest"}.get(method, method)
    if kind not in ("bilinear", "nearest") or preserve_aspect_ratio:
        raise NotSupportedError(
            f"resize_images: method {method!r} or preserve_aspect_ratio is not supported. Use 'bilinear' or 'nearest'."
        )
    return _resized_both(images, size, kind == "nearest", _aligned if align_corners else _corners)


def resize_bilinear(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None, half_pixel_centers: bool = False
) -> Tensor:
    """`resize_images` bilinearly."""
    return resize(images, size) if half_pixel_centers else resize_images(images, size, "bilinear", align_corners)


def resize_nearest_neighbor(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None, half_pixel_centers: bool = False
) -> Tensor:
    """`resize_images` by the nearest pixel."""
    if half_pixel_centers:
        return resize(images, size, "nearest")
    return resize_images(images, size, "nearest", align_corners)


def _flipped(image: Any, axis: int) -> Tensor:
    tensor = to_tensor(image)
    return functions.flip(tensor, axis=tensor.ndim - 3 + axis)


@operation("FlipLeftRight")
def flip_left_right(image: Any) -> Tensor:
    """Mirrored about the vertical axis."""
    return _flipped(image, 1)


@operation("FlipUpDown")
def flip_up_down(image: Any) -> Tensor:
    """Mirrored about the horizontal axis."""
    return _flipped(image, 0)


@operation("RandomFlipLeftRight")
def random_flip_left_right(image: Any, seed: int | None = None) -> Tensor:
    """Each image mirrored about the vertical axis, or not."""
    return _at_random(image, 1, seed)


@operation("RandomFlipUpDown")
def random_flip_up_down(image: Any, seed: int | None = None) -> Tensor:
    """Each image mirrored about the horizontal axis, or not."""
    return _at_random(image, 0, seed)


def _at_random(image: Any, axis: int, seed: int | None) -> Tensor:
    tensor = to_tensor(image)
    sizes = (tensor.dimensions[0], 1, 1, 1) if tensor.ndim == 4 else (1,) * tensor.ndim
    draw = random_ops.random_uniform(sizes, seed=seed)
    return functions.where(functions.less(draw, 0.5), _flipped(tensor, axis), tensor)


@operation("PerImageStandardization")
def per_image_standardization(image: Any) -> Tensor:
    """``(x - mean) / max(deviation, 1 / sqrt(n))`` of each image by itself."""
    tensor = functions.cast(to_tensor(image), dtypes.float32)
    axes = tuple(range(tensor.ndim - 3, tensor.ndim))
    count = 1
    for axis in axes:
        if tensor.shape[axis] is None:
            raise ShapeError(f"per_image_standardization needs known sizes. Received: {tensor.shape}")
        count *= tensor.shape[axis]  # type: ignore[operator]
    mean = functions.mean(tensor, axis=axes, keepdims=True)
    deviation = functions.std(tensor, axis=axes, keepdims=True)
    return (tensor - mean) / functions.maximum(deviation, 1.0 / count**0.5)


@operation("RgbToGrayscale")
def rgb_to_grayscale(images: Any) -> Tensor:
    """The luma 0.2989 R + 0.587 G + 0.114 B, with one channel."""
    tensor = to_tensor(images)
    weights = np.array([0.2989, 0.587, 0.114], np.float32)
    gray = functions.sum(functions.cast(tensor, "float32") * weights, axis=-1, keepdims=True)
    return functions.cast(gray, tensor.dtype)


@operation("GrayscaleToRgb")
def grayscale_to_rgb(images: Any) -> Tensor:
    """The one channel three times."""
    tensor = to_tensor(images)
    return functions.concatenate([tensor, tensor, tensor], axis=-1)


@operation("AdjustBrightness")
def adjust_brightness(image: Any, delta: Any) -> Tensor:
    """`delta` added to all pixels of a float image."""
    tensor = to_tensor(image)
    if not tensor.dtype.is_floating:
        raise NotSupportedError("adjust_brightness takes float images here. Use tf.image.convert_image_dtype first.")
    return tensor + to_tensor(delta, like=tensor.dtype)


@operation("AdjustContrast")
def adjust_contrast(images: Any, contrast_factor: Any) -> Tensor:
    """``(x - mean) * factor + mean``, for each channel of each image."""
    tensor = functions.cast(to_tensor(images), "float32")
    mean = functions.mean(tensor, axis=(tensor.ndim - 3, tensor.ndim - 2), keepdims=True)
    return (tensor - mean) * to_tensor(contrast_factor, like=tensor.dtype) + mean


@operation("RandomBrightness")
def random_brightness(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """`adjust_brightness` by a number drawn from ``[-max_delta, max_delta)``."""
    return adjust_brightness(image, random_ops.random_uniform((), -max_delta, max_delta, seed=seed))


@operation("RandomContrast")
def random_contrast(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """`adjust_contrast` by a factor drawn from ``[lower, upper)``."""
    return adjust_contrast(image, random_ops.random_uniform((), lower, upper, seed=seed))


@operation("ConvertImageDtype")
def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False) -> Tensor:
    """Another element type; floats range over [0, 1], integers over all they can hold."""
    tensor, kind = to_tensor(image), dtypes.get(dtype)
    if tensor.dtype is kind:
        return tensor
    if tensor.dtype.is_floating and kind.is_floating:
        return functions.cast(tensor, kind)
    if kind.is_floating:
        return functions.cast(tensor, kind) * (1.0 / float(np.iinfo(tensor.dtype.numpy).max))
    if tensor.dtype.is_floating:
        top = float(np.iinfo(kind.numpy).max)
        return functions.cast(functions.clip(tensor * (top + 0.5), 0.0, top), kind)
    raise NotSupportedError(f"convert_image_dtype from {tensor.dtype.name} to {kind.name} is not supported.")


@operation("CropToBoundingBox")
def crop_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """The part of `target_height` by `target_width` that starts at the offsets."""
    batch, single = _batch(image)
    part = batch[:, offset_height : offset_height + target_height, offset_width : offset_width + target_width]
    return functions.squeeze(part, axis=0) if single else part


@operation("CentralCrop")
def central_crop(image: Any, central_fraction: float) -> Tensor:
    """The central part of each image."""
    if not 0.0 < central_fraction <= 1.0:
        raise ArgumentError(f"central_fraction must lie in (0, 1]. Received: {central_fraction}")
    batch, single = _batch(image)
    starts = [int((size - size * central_fraction) / 2) for size in _sizes(batch)]
    (top, left), (height, width) = starts, _sizes(batch)
    part = batch[:, top : height - top, left : width - left]
    return functions.squeeze(part, axis=0) if single else part


@operation("PadToBoundingBox")
def pad_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """The image at the offsets in one of 0 of `target_height` by `target_width`."""
    batch, single = _batch(image)
    height, width = _sizes(batch)
    pads = (
        (offset_height, target_height - height - offset_height),
        (offset_width, target_width - width - offset_width),
    )
    padded = functions.pad(batch, ((0, 0), *pads, (0, 0)))
    return functions.squeeze(padded, axis=0) if single else padded


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """A part of the given size at a random place (eager execution).

    Raises:
        NotSupportedError: In a graph.
    """
    tensor, sizes = to_tensor(value), integers(size)
    if tensor.data is None:
        raise NotSupportedError("random_crop in a graph is not supported. Crop in tf.data's map, or with NumPy.")
    spans = [have - want + 1 for have, want in zip(tensor.shape, sizes, strict=True)]  # type: ignore[operator]
    if min(spans) < 1:
        raise ShapeError(f"random_crop: {tuple(sizes)} does not fit into {tensor.shape}.")
    starts = [int(random_ops.random_uniform((), 0, span, dtypes.int32, seed)) for span in spans]
    return tensor[tuple(slice(start, start + want) for start, want in zip(starts, sizes, strict=True))]
