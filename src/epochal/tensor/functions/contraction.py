"""Products summed over shared axes: matrix products and Einstein sums."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from epochal import dtypes
from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Symbol, broadcast_shapes
from epochal.tensor.convert import cast
from epochal.tensor.dispatch import apply, axis_of
from epochal.tensor.functions.creation import diagonal
from epochal.tensor.functions.elementwise import add, as_number, multiply, operands
from epochal.tensor.functions.movement import (
    broadcast_to,
    expand_dims,
    moveaxis,
    reshape,
    slice_axis,
    squeeze,
    transpose,
)
from epochal.tensor.functions.reduction import sum as _sum
from epochal.tensor.tensor import Tensor


def _factors(*xs: Any) -> list[Tensor]:
    factors = [as_number(x) for x in operands(*xs)]
    if factors[0].dtype.is_integer and factors[0].dtype.itemsize < 4:
        return [cast(factor, dtypes.int32) for factor in factors]
    return factors


def matmul(a: Any, b: Any) -> Tensor:
    """Matrix product over the last axis of a and the last but one of b; the axes before broadcast.

    A vector stands for a row on the left and a column on the right, and that axis disappears.

    Raises:
        ShapeError: The inner sizes differ, or one is a scalar.
    """
    left, right = _factors(a, b)
    if not left.ndim or not right.ndim:
        raise ShapeError(f"matmul takes no scalars. Received shapes: {left.shape} and {right.shape}")
    inner, other = left.shape[-1], right.shape[0 if right.ndim == 1 else -2]
    if None not in (inner, other) and inner != other:
        raise ShapeError(
            f"matmul: the last axis of {left.shape} ({inner}) and the last but one of {right.shape} ({other}) differ."
        )
    if left.ndim == 1 and right.ndim > 1:
        return squeeze(matmul(expand_dims(left, 0), right), -2)
    if right.ndim <= 2:
        return _dot(left, right, (left.ndim - 1,), (0,))
    if left.ndim == 2:
        return moveaxis(_dot(left, right, (1,), (right.ndim - 2,)), 0, -2)
    batch = _batch(left, right)
    left = broadcast_to(left, (*batch, *left.dimensions[-2:]))
    right = broadcast_to(right, (*batch, *right.dimensions[-2:]))
    axes = tuple(range(len(batch)))
    return _dot(left, right, (left.ndim - 1,), (right.ndim - 2,), axes, axes)


def _batch(left: Tensor, right: Tensor) -> tuple[Any, ...]:
    """The shape in which the axes before the last two meet."""
    shape = broadcast_shapes(left.dimensions[:-2], right.dimensions[:-2])
    known = (*left.dimensions, *right.dimensions)
    if all(not isinstance(size, Symbol) or any(size is other for other in known) for size in shape):
        return shape
    # Whether two unknown sizes broadcast, an elementwise operator finds out; of its result only the shape is used.
    corners = [slice_axis(slice_axis(one, one.ndim - 1, 0, 1), one.ndim - 2, 0, 1) for one in (left, right)]
    return add(*corners).dimensions[:-2]


def _dot(
    a: Tensor,
    b: Tensor,
    a_axes: tuple[int, ...],
    b_axes: tuple[int, ...],
    a_batch: tuple[int, ...] = (),
    b_batch: tuple[int, ...] = (),
) -> Tensor:
    result: Tensor = apply("dot_general", a, b, contract=(a_axes, b_axes), batch=(a_batch, b_batch))
    return result


def dot(a: Any, b: Any) -> Tensor:
    """Sum over the last axis of a and the last but one of b (its only one, if b is a vector); scalars multiply."""
    left, right = _factors(a, b)
    if not left.ndim or not right.ndim:
        return multiply(left, right)
    return _dot(left, right, (left.ndim - 1,), (max(right.ndim - 2, 0),))


def vdot(a: Any, b: Any) -> Tensor:
    """Sum of the products of all elements."""
    left, right = _factors(a, b)
    return _dot(reshape(left, (-1,)), reshape(right, (-1,)), (0,), (0,))


def inner(a: Any, b: Any) -> Tensor:
    """Sum over the last axis of both."""
    left, right = _factors(a, b)
    if not left.ndim or not right.ndim:
        return multiply(left, right)
    return _dot(left, right, (left.ndim - 1,), (right.ndim - 1,))


def outer(a: Any, b: Any) -> Tensor:
    """Product of each element of a with each of b."""
    left, right = operands(a, b)
    return multiply(reshape(left, (-1, 1)), reshape(right, (1, -1)))


def tensordot(a: Any, b: Any, axes: int | Sequence[Any] = 2) -> Tensor:
    """Sum over shared axes.

    Args:
        a: Tensor.
        b: Tensor.
        axes: How many last axes of a meet first axes of b, or a pair: axes of a, axes of b.
    """
    left, right = _factors(a, b)
    if isinstance(axes, int):
        a_axes, b_axes = tuple(range(left.ndim - axes, left.ndim)), tuple(range(axes))
    else:
        first, second = axes
        a_axes = tuple(axis_of(axis, left.ndim) for axis in ((first,) if isinstance(first, int) else first))
        b_axes = tuple(axis_of(axis, right.ndim) for axis in ((second,) if isinstance(second, int) else second))
    if len(a_axes) != len(b_axes) or any(axis < 0 for axis in a_axes):
        raise ArgumentError(f"tensordot of shapes {left.shape} and {right.shape} cannot sum over axes {axes!r}.")
    return _dot(left, right, a_axes, b_axes)


def einsum(subscripts: str, *xs: Any) -> Tensor:
    """Einstein's summation, such as ``einsum("bij,bjk->bik", x, y)``; ``...`` stands for axes that broadcast.

    Operands are multiplied from left to right.

    Raises:
        ArgumentError: The subscripts do not fit the operands.
    """
    inputs, output = _parse(subscripts, xs)
    tensors = _factors(*xs)
    terms = [_diagonals(tensor, labels, subscripts) for tensor, labels in zip(tensors, inputs, strict=True)]
    tensor, labels = terms[0]
    for position, (other, other_labels) in enumerate(terms[1:], 1):
        needed = set(output).union(*(labels for _, labels in terms[position + 1 :]))
        tensor, labels = _contract(tensor, labels, other, other_labels, needed)
    unwanted = tuple(axis for axis, label in enumerate(labels) if label not in output)
    if unwanted:
        tensor = _sum(tensor, unwanted)
        labels = "".join(label for label in labels if label in output)
    return transpose(tensor, [labels.index(label) for label in output])


def _parse(subscripts: str, xs: Sequence[Any]) -> tuple[list[str], str]:
    """Labels of each operand and of the result, an ellipsis spelled out in capital Greek letters."""
    text = subscripts.replace(" ", "")
    left, arrow, output = text.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(xs):
        raise ArgumentError(f"einsum {subscripts!r} names {len(inputs)} operands. Received: {len(xs)}")
    longest = 0
    spelled = []
    for labels, x in zip(inputs, xs, strict=True):
        rank = len(x.shape) if hasattr(x, "shape") else as_number(x).ndim
        extra = rank - len(labels.replace("...", ""))
        if extra < 0 or ("..." not in labels and extra):
            raise ArgumentError(f"einsum {subscripts!r}: {labels!r} does not fit an operand of {rank} axes.")
        longest = max(longest, extra if "..." in labels else 0)
        spelled.append(labels.replace("...", _ELLIPSIS[len(_ELLIPSIS) - extra :] if extra else ""))
    hidden = _ELLIPSIS[len(_ELLIPSIS) - longest :] if longest else ""
    if not arrow:
        once = sorted({label for label in left if label in string.ascii_letters and left.count(label) == 1})
        output = hidden + "".join(once)
    else:
        output = output.replace("...", hidden)
    if set(output) - set("".join(spelled)) or len(set(output)) != len(output):
        raise ArgumentError(f"einsum {subscripts!r}: the result's labels must stand once, and in an operand.")
    return spelled, output


_ELLIPSIS = "ΑΒΓΔΕΖΗΘ"


def _diagonals(tensor: Tensor, labels: str, subscripts: str) -> tuple[Tensor, str]:
    """An operand in which each label stands once: where one stands twice, its diagonal."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if tensor.shape[first] != tensor.shape[second]:
                raise ShapeError(f"einsum {subscripts!r}: axes named {label!r} differ in shape {tensor.shape}.")
            tensor = diagonal(moveaxis(tensor, (first, second), (-2, -1)))
            labels = "".join(one for place, one in enumerate(labels) if place not in (first, second)) + label
    return tensor, labels


def _contract(a: Tensor, a_labels: str, b: Tensor, b_labels: str, needed: set[str]) -> tuple[Tensor, str]:
    """Two operands' product, summed over the labels that nothing else needs."""
    for labels, other in ((a_labels, b_labels), (b_labels, a_labels)):
        alone = [label for label in labels if label not in other and label not in needed]
        if alone:
            axes = tuple(labels.index(label) for label in alone)
            rest = "".join(label for label in labels if label not in alone)
            if labels is a_labels:
                a, a_labels = _sum(a, axes), rest
            else:
                b, b_labels = _sum(b, axes), rest
    a, b = _match(a, a_labels, b, b_labels)
    shared = [label for label in a_labels if label in b_labels]
    batch = [label for label in shared if label in needed]
    summed = [label for label in shared if label not in needed]
    result = _dot(
        a,
        b,
        tuple(a_labels.index(label) for label in summed),
        tuple(b_labels.index(label) for label in summed),
        tuple(a_labels.index(label) for label in batch),
        tuple(b_labels.index(label) for label in batch),
    )
    free = "".join(label for label in a_labels if label not in shared)
    return result, "".join(batch) + free + "".join(label for label in b_labels if label not in shared)


def _match(a: Tensor, a_labels: str, b: Tensor, b_labels: str) -> tuple[Tensor, Tensor]:
    """Axes of size 1 repeated to the size that the other operand has under the same label."""
    a_shape, b_shape = list(a.dimensions), list(b.dimensions)
    for axis, label in enumerate(a_labels):
        if label in b_labels:
            other = b_labels.index(label)
            if a_shape[axis] == 1:
                a_shape[axis] = b_shape[other]
            elif b_shape[other] == 1:
                b_shape[other] = a_shape[axis]
            elif None not in (a.shape[axis], b.shape[other]) and a.shape[axis] != b.shape[other]:
                raise ShapeError(f"einsum: axes named {label!r} differ: shapes {a.shape} and {b.shape}.")
    return broadcast_to(a, tuple(a_shape)), broadcast_to(b, tuple(b_shape))
