"""Layers that join several inputs into one."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from epochal.errors import ArgumentError, ShapeError
from epochal.keras.layers.call import get_mask
from epochal.keras.layers.layer import Layer
from epochal.keras.layers.shapes import is_shape
from epochal.tensor import Tensor
from epochal.tensor import functions as F


def _broadcast(left: tuple[Any, ...], right: tuple[Any, ...], layer: Layer) -> tuple[Any, ...]:
    sizes: list[Any] = list(left if len(left) >= len(right) else right)
    for axis in range(-min(len(left), len(right)), 0):
        one, other = left[axis], right[axis]
        if one == 1 or other == 1:
            sizes[axis] = other if one == 1 else one
        elif one is None or other is None or one == other:
            sizes[axis] = other if one is None else one
        else:
            raise ShapeError(
                f"Layer '{layer.name}' ({type(layer).__name__}): inputs have incompatible shapes. Expected sizes "
                "that are "
                f"equal or 1. Received shapes {left} and {right}"
            )
    return tuple(sizes)


class Merge(Layer):
    """Base of the elementwise ones. Called on a list of tensors whose shapes broadcast."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)

    def _check(self, input_shape: Any) -> None:
        if not isinstance(input_shape, (list, tuple)) or is_shape(input_shape):
            raise ArgumentError(
                f"Layer '{self.name}': a merge layer should be called on a list of inputs. "
                f"Received: input_shape={input_shape} (not a list of shapes)"
            )
        if len(input_shape) < 1:
            raise ArgumentError(f"Layer '{self.name}': a merge layer should be called on a list of at least 1 input.")
        if any(len(shape) == 0 for shape in input_shape):
            raise ArgumentError(f"Layer '{self.name}': cannot merge tensors without axes. Received: {input_shape}")

    def _merge_function(self, inputs: list[Tensor]) -> Tensor:
        raise NotImplementedError

    def call(self, inputs: Any) -> Tensor:
        if not isinstance(inputs, (list, tuple)):
            raise ArgumentError(
                f"Layer '{self.name}': a merge layer should be called on a list of inputs. Received: inputs={inputs}"
            )
        self.compute_output_shape([x.shape for x in inputs])
        return self._merge_function(list(inputs))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        self._check(input_shape)
        shapes = [tuple(shape) for shape in input_shape]
        batches = {shape[0] for shape in shapes}
        merged = reduce(lambda left, right: _broadcast(left, right, self), (shape[1:] for shape in shapes))
        known = batches - {None, 1}
        if len(known) > 1:
            raise ShapeError(
                f"Layer '{self.name}' ({type(self).__name__}): cannot merge tensors with different batch sizes. "
                f"Received tensors with shapes {shapes}"
            )
        batch = known.pop() if known else (None if None in batches else 1)
        return (batch, *merged)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        masks = [get_mask(x) for x in inputs]
        if any(mask is None for mask in masks):
            return None
        return reduce(F.logical_and, masks)


def _folded(name: str, function: Callable[[Any, Any], Tensor], doc: str) -> type[Merge]:
    def merge(self: Merge, inputs: list[Tensor]) -> Tensor:
        return reduce(function, inputs)

    return type(name, (Merge,), {"_merge_function": merge, "__doc__": doc, "__module__": __name__})


Add = _folded("Add", F.add, "Sum of the inputs.")
Multiply = _folded("Multiply", F.multiply, "Product of the inputs.")
Maximum = _folded("Maximum", F.maximum, "Greatest of the inputs, element by element.")
Minimum = _folded("Minimum", F.minimum, "Least of the inputs, element by element.")


class Average(Merge):
    """Mean of the inputs."""

    def _merge_function(self, inputs: list[Tensor]) -> Tensor:
        return F.divide(reduce(F.add, inputs), float(len(inputs)))


class Subtract(Merge):
    """First input minus the second."""

    def _merge_function(self, inputs: list[Tensor]) -> Tensor:
        if len(inputs) != 2:
            raise ArgumentError(
                f"Layer '{self.name}': a `Subtract` layer should be called on exactly 2 inputs. Received: {len(inputs)}"
            )
        return F.subtract(*inputs)


class Concatenate(Merge):
    """Inputs one after the other along `axis`.

    Args:
        axis: The axis.
        **kwargs: Of `Layer`.
    """

    _keeps_dtype = True

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def _check(self, input_shape: Any) -> None:
        if not isinstance(input_shape, (list, tuple)) or is_shape(input_shape) or len(input_shape) < 1:
            raise ArgumentError(
                f"Layer '{self.name}': a `Concatenate` layer should be called on a list of at least 1 input. "
                f"Received: input_shape={input_shape}"
            )

    def _merge_function(self, inputs: list[Tensor]) -> Tensor:
        return F.concatenate(inputs, axis=self.axis)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        self._check(input_shape)
        shapes = [list(shape) for shape in input_shape]
        result = list(shapes[0])
        if not -len(result) <= self.axis < len(result):
            raise ArgumentError(
                f"Layer '{self.name}' (Concatenate): axis {self.axis} is out of range. Received: input_shape={shapes}"
            )
        axis = self.axis % len(result)
        for shape in shapes[1:]:
            fits = len(shape) == len(result) and all(
                place == axis or a is None or b is None or a == b
                for place, (a, b) in enumerate(zip(shape, result, strict=True))
            )
            if not fits:
                raise ShapeError(
                    f"Layer '{self.name}': a `Concatenate` layer requires inputs with matching shapes except for the "
                    f"concatenation axis ({self.axis}). Received: input_shape={[tuple(shape) for shape in shapes]}"
                )
            grown = None if result[axis] is None or shape[axis] is None else result[axis] + shape[axis]
            result = [a if a is not None else b for a, b in zip(result, shape, strict=True)]
            result[axis] = grown
        return tuple(result)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        masks = [get_mask(x) for x in inputs]
        if all(mask is None for mask in masks):
            return None
        whole = []
        for x, mask in zip(inputs, masks, strict=True):
            if mask is None:
                mask = F.ones_like(x, dtype="bool")
            elif mask.ndim < x.ndim:
                mask = F.broadcast_to(F.expand_dims(mask, -1), x.dimensions)
            whole.append(mask)
        return F.all(F.concatenate(whole, axis=self.axis), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class Dot(Merge):
    """Products of two batches of tensors, summed over one axis of each.

    Args:
        axes: The axis of both, or one each; the batch axis is 0.
        normalize: Whether vectors along the axes are scaled to length one before (cosine similarity).
        **kwargs: Of `Layer`.
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axes, int) and (len(axes) != 2 or not all(isinstance(axis, int) for axis in axes)):
            raise ArgumentError(f"Invalid type or length for argument `axes`: expected an int or two. Received: {axes}")
        self.axes = axes
        self.normalize = normalize

    def _check(self, input_shape: Any) -> None:
        if not isinstance(input_shape, (list, tuple)) or is_shape(input_shape) or len(input_shape) != 2:
            raise ArgumentError(
                f"Layer '{self.name}': a `Dot` layer should be called on a list of 2 inputs. "
                f"Received: input_shape={input_shape}"
            )

    def _summed(self, left: int, right: int) -> tuple[int, int]:
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else tuple(self.axes)
        return axes[0] % left, axes[1] % right

    def _merge_function(self, inputs: list[Tensor]) -> Tensor:
        left, right = inputs
        a, b = self._summed(left.ndim, right.ndim)
        if self.normalize:
            left, right = F.normalize(left, axis=a), F.normalize(right, axis=b)
        letters = "abcdefghijklmnop"
        one = ["z", *letters[: left.ndim - 1]]
        two = ["z", *letters[left.ndim - 1 : left.ndim + right.ndim - 2]]
        two[b] = one[a]
        kept = "".join(x for x in [*one[1:], *two[1:]] if x != one[a])
        result = F.einsum(f"{''.join(one)},{''.join(two)}->z{kept}", left, right)
        return result if kept else F.expand_dims(result, 1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        self._check(input_shape)
        left, right = list(input_shape[0]), list(input_shape[1])
        a, b = self._summed(len(left), len(right))
        if None not in (left[a], right[b]) and left[a] != right[b]:
            raise ShapeError(
                f"Layer '{self.name}' (Dot): incompatible input shapes: axis values {left[a]} (at axis {a}) != "
                f"{right[b]} "
                f"(at axis {b}). Full input shapes: {tuple(left)}, {tuple(right)}"
            )
        left.pop(a)
        right.pop(b)
        shape = (*left, *right[1:])
        return shape if len(shape) > 1 else (*shape, 1)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> None:
        return None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def _function(cls: type[Layer], doc: str) -> Callable[..., Any]:
    def merged(inputs: Any, **kwargs: Any) -> Any:
        return cls(**kwargs)(inputs)

    merged.__doc__ = doc
    merged.__name__ = merged.__qualname__ = cls.__name__.lower()
    return merged


add = _function(Add, "Sum of a list of tensors.")
subtract = _function(Subtract, "Difference of two tensors.")
multiply = _function(Multiply, "Product of a list of tensors.")
average = _function(Average, "Mean of a list of tensors.")
maximum = _function(Maximum, "Greatest of a list of tensors, element by element.")
minimum = _function(Minimum, "Least of a list of tensors, element by element.")


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """A list of tensors one after the other along `axis`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """Products of two batches of tensors, summed over `axes`."""
    return Dot(axes=axes, **kwargs)(inputs)
