"""What a layer expects of its inputs, and the check of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epochal import tree
from epochal.errors import ArgumentError, ShapeError


class InputSpec:
    """Constraints on one input.

    Args:
        dtype: Element type.
        shape: Shape; ``None`` in it fits any size.
        ndim: Number of axes.
        max_ndim: Most axes.
        min_ndim: Fewest axes.
        axes: Sizes of some axes, ``{axis: size}``; a size of ``None`` fits any.
        allow_last_axis_squeeze: Whether a last axis of size 1 may be missing or more.
        name: Key of the input where inputs are a dictionary.
        optional: Whether it may be ``None``.
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = dtype
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        try:
            self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        except (TypeError, ValueError):
            raise ArgumentError(f"Argument `axes` must be a dict with integer keys. Received: axes={axes}") from None
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional

    def __repr__(self) -> str:
        parts = {"dtype": self.dtype, "shape": self.shape, "ndim": self.ndim, "max_ndim": self.max_ndim}
        parts.update(min_ndim=self.min_ndim, axes=self.axes or None)
        inside = ", ".join(f"{key}={value}" for key, value in parts.items() if value is not None)
        return f"InputSpec({inside})"

    def get_config(self) -> dict[str, Any]:
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes,
            "optional": self.optional,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        return cls(**config)


def assert_input_compatibility(input_spec: Any, inputs: Any, layer: str, cls: str) -> None:
    """Checks that `inputs` meet `input_spec`.

    Args:
        input_spec: One `InputSpec`, or nested ones.
        inputs: Tensors.
        layer: Name of the layer, for the message.
        cls: Its class, likewise.

    Raises:
        ShapeError: They do not; the message names layer, expected and received.
    """
    if not input_spec:
        return
    specs = tree.flatten(input_spec)
    if isinstance(inputs, dict) and all(spec is not None and spec.name is not None for spec in specs):
        missing = [spec.name for spec in specs if spec.name not in inputs and not spec.optional]
        if missing:
            raise ArgumentError(
                f"Missing data for input {missing}. Layer '{layer}' ({cls}) expects a dictionary with the keys "
                f"{[spec.name for spec in specs]}. Received the keys {list(inputs)}."
            )
        inputs = [inputs.get(spec.name) for spec in specs]
    flat = tree.flatten(inputs)
    if len(flat) != len(specs):
        raise ArgumentError(
            f"Layer '{layer}' ({cls}) expects {len(specs)} input(s), but it received {len(flat)} input tensors. "
            f"Pass {'one tensor' if len(specs) == 1 else f'a list of {len(specs)} tensors'}. "
            f"Received shapes: {[getattr(x, 'shape', x) for x in flat]}"
        )
    for index, (x, spec) in enumerate(zip(flat, specs, strict=True)):
        if spec is None or (x is None and spec.optional):
            continue
        if x is None:
            raise ArgumentError(f"Input {index} of layer '{layer}' ({cls}) is None, and the layer does not allow that.")
        _check(spec, x, f"Input {index} of layer '{layer}' ({cls}) is incompatible with the layer: ")


def _check(spec: InputSpec, x: Any, start: str) -> None:
    shape = tuple(x.shape)
    rank = len(shape)
    if spec.ndim is not None and not spec.allow_last_axis_squeeze and rank != spec.ndim:
        wanted = f"ndim={spec.ndim}" if spec.shape is None else f"shape={spec.shape}"
        raise ShapeError(
            f"{start}expected {wanted}, found ndim={rank}. Full shape received: {shape}{_advice(rank, spec.ndim)}"
        )
    if spec.max_ndim is not None and rank > spec.max_ndim:
        raise ShapeError(f"{start}expected max_ndim={spec.max_ndim}, found ndim={rank}. Full shape received: {shape}")
    if spec.min_ndim is not None and rank < spec.min_ndim:
        raise ShapeError(
            f"{start}expected min_ndim={spec.min_ndim}, found ndim={rank}. Full shape received: {shape}"
            f"{_advice(rank, spec.min_ndim)}"
        )
    if spec.dtype is not None and x.dtype != spec.dtype:
        raise ShapeError(f"{start}expected dtype={spec.dtype}, found dtype={x.dtype}. Cast the input.")
    for axis, size in spec.axes.items():
        if size is not None and shape[axis] not in (size, None):
            raise ShapeError(
                f"{start}expected axis {axis} of input shape to have value {size}, but received input with shape "
                f"{shape}. The layer's weights were built for {size}; give it such an input, or make a new layer."
            )
    if spec.shape is not None:
        _check_shape(spec, shape, start)


def _check_shape(spec: InputSpec, shape: tuple[Any, ...], start: str) -> None:
    wanted = spec.shape or ()
    if spec.allow_last_axis_squeeze:
        if shape and shape[-1] == 1:
            shape = shape[:-1]
        if wanted and wanted[-1] == 1:
            wanted = wanted[:-1]
    pairs_differ = any(w is not None and s is not None and w != s for w, s in zip(wanted, shape, strict=False))
    if len(wanted) != len(shape) or pairs_differ:
        raise ShapeError(f"{start}expected shape={spec.shape}, found shape={shape}.")


def _advice(rank: int, wanted: int) -> str:
    if rank == wanted - 1:
        return ". Add an axis, for example with numpy.expand_dims or a Reshape layer."
    return ""
