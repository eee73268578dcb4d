"""What the recurrent composites share: sizes by name, time as the first axis, steps as the body of a scan, masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.ir import Array, Build, Dimension, Graph, Symbol, TensorType, Value, make_input
from epochal.topi._rules import FLOAT, check_dtype, check_rank, check_same_dtype, merge
from epochal.topi.composite import COMPOSITE

TRAITS = COMPOSITE | {"heavy"}

# What an axis measures: a name, a name times a factor, or a fixed size.
Axis: TypeAlias = str | tuple[str, int] | int

X: tuple[Axis, ...] = ("batch", "time", "features")
STATE: tuple[Axis, ...] = ("batch", "units")
MASK: tuple[Axis, ...] = ("batch", "time")
KEPT: tuple[Axis, ...] = ("time", "batch", "units")
HIDDEN: tuple[Axis, ...] = ("batch", "time", "units")


def sizes_of(name: str, operands: Sequence[tuple[str, TensorType, tuple[Axis, ...]]]) -> dict[str, Dimension]:
    """The sizes that the operands' axes measure, found by name; checks that they agree.

    Raises:
        DTypeError: The operands are not all of one floating type (a mask: bool).
        ShapeError: Sizes of one name differ.
    """
    sizes: dict[str, Dimension] = {}
    floats = [type_ for what, type_, _ in operands if what != "mask"]
    check_dtype(name, floats[0], FLOAT)
    check_same_dtype(name, *floats)
    for what, type_, axes in operands:
        if what == "mask" and not type_.dtype.is_bool:
            raise DTypeError(f"{name}: the mask must be bool, True where there is a step. Received: {type_}.")
        check_rank(name, f"{what}, {_spelled(axes)},", type_, len(axes))
        for axis, size in zip(axes, type_.shape, strict=True):
            if isinstance(axis, int):
                merge(name, f"the sizes {axis} wanted and received in {what}, {type_},", axis, size)
                continue
            label, factor = (axis, 1) if isinstance(axis, str) else axis
            if factor != 1:
                if isinstance(size, Symbol):
                    continue
                if size % factor:
                    raise ShapeError(f"{name}: {what} must be {_spelled(axes)}. Received: {type_}.")
                size //= factor
            known = sizes.get(label, size)
            sizes[label] = merge(name, f"the {label} of the operands, as {what} of type {type_} shows,", known, size)
    return sizes


def _spelled(axes: Sequence[Axis]) -> str:
    words = [str(axis) if not isinstance(axis, tuple) else f"{axis[1]} * {axis[0]}" for axis in axes]
    return f"[{', '.join(words)}]"


def check_count(name: str, received: int, least: int) -> bool:
    """Whether the last of the forward operands is a mask."""
    if received not in (least, least + 1):
        raise ArgumentError(f"{name} takes {least} operands and perhaps a mask. Received: {received} operands.")
    return received > least


def shaped(like: TensorType, sizes: dict[str, Dimension], axes: Sequence[Axis]) -> TensorType:
    """A type of those axes, of `like`'s elements."""
    return like.with_shape(sizes[axis] for axis in axes if isinstance(axis, str))


# --- building


def swapped(build: Build, x: Value) -> Value:
    """Batch first to time first, and back."""
    result: Value = build.transpose(x, permutation=(1, 0, *range(2, len(x.shape))))
    return result


def matmul(build: Build, x: Value, matrix: Value, right: bool = False) -> Value:
    """x's last axis times the matrix, or times its transpose."""
    result: Value = build.dot_general(x, matrix, contract=((len(x.shape) - 1,), (1 if right else 0,)))
    return result


def over_steps(build: Build, x: Value, g: Value) -> Value:
    """x^T g summed over time and batch: the gradient of a matrix that every step used."""
    result: Value = build.dot_general(x, g, contract=((0, 1), (0, 1)))
    return result


def scanned(
    build: Build,
    step: Callable[..., tuple[Sequence[Value], Sequence[Value]]],
    constants: Sequence[Value],
    carries: Sequence[Value],
    sequences: Sequence[Value],
    reverse: bool,
) -> tuple[Sequence[Value], Sequence[Value]]:
    """Final carries and stacked results of ``step(*constants, *carries, *slices) -> (carries, results)``."""
    inputs = [make_input(value.type) for value in (*constants, *carries)]
    inputs += [make_input(value.type.with_shape(value.shape[1:])) for value in sequences]
    carried, results = step(*inputs)
    found = build.scan(
        *constants,
        *carries,
        *sequences,
        body=Graph(inputs, [*carried, *results]),
        constants=len(constants),
        carries=len(carries),
        length=sequences[0].shape[0],
        reverse=reverse,
    )
    return found[: len(carries)], found[len(carries) :]


def before(build: Build, stack: Value, first: Value, reverse: bool) -> Value:
    """The state each step began with: `first`, and what the step before it left in `stack` [time, batch, units]."""
    length = stack.shape[0]
    assert isinstance(length, int)
    start = build.reshape(first, shape=(1, *first.shape))
    rest = (0,) * (len(stack.shape) - 1)
    first_kept = 1 if reverse else 0
    limits = (length if reverse else length - 1, *stack.shape[1:])
    others = build.slice(stack, starts=(first_kept, *rest), limits=limits)
    result: Value = start
    if length > 1:
        result = build.concat(others, start, axis=0) if reverse else build.concat(start, others, axis=0)
    return result


def part(build: Build, x: Value, index: int, count: int) -> Value:
    """One of `count` equal parts of the last axis."""
    size = x.shape[-1]
    assert isinstance(size, int)
    units = size // count
    rest = (0,) * (len(x.shape) - 1)
    result: Value = build.slice(x, starts=(*rest, index * units), limits=(*x.shape[:-1], (index + 1) * units))
    return result


def parts(build: Build, x: Value, count: int) -> list[Value]:
    """The `count` equal parts of the last axis: the gates."""
    return [part(build, x, index, count) for index in range(count)]


def going(build: Build, mask: Sequence[Value], like: Value) -> Value | None:
    """A step's mask [batch] as wide as the state; ``None`` without one."""
    if not mask:
        return None
    column = build.reshape(mask[0], shape=(*mask[0].shape, 1))
    result: Value = build.broadcast(column, shape=like.shape)
    return result


def chosen(build: Build, where: Value | None, x: Value, otherwise: Value) -> Value:
    """x where the step counts."""
    result: Value = x if where is None else build.select(where, x, otherwise)
    return result


def split(build: Build, where: Value | None, g: Value) -> tuple[Value, Value | None]:
    """A state's cotangent: what goes through the step, and what passes it by."""
    if where is None:
        return g, None
    nothing = build.broadcast(build.constant(0.0, g.dtype), shape=g.shape)
    return build.select(where, g, nothing), build.select(where, nothing, g)


def plus(build: Build, x: Value, other: Value | None) -> Value:
    result: Value = x if other is None else build.add(x, other)
    return result


def sigmoid_slope(build: Build, y: Value) -> Value:
    """Of sigmoid, by its result."""
    result: Value = build.mul(y, build.sub(1.0, y))
    return result


def tanh_slope(build: Build, y: Value) -> Value:
    """Of tanh, by its result."""
    result: Value = build.sub(1.0, build.square(y))
    return result


# --- NumPy


def sigmoid(x: Array) -> Array:
    """Without overflow."""
    decay = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0, decay) / (1.0 + decay), dtype=x.dtype)


def steps_of(length: int, reverse: bool) -> Iterator[int]:
    """Times in the order of processing."""
    return iter(reversed(range(length)) if reverse else range(length))


def counting(mask: Sequence[Array], time: int) -> Array | bool:
    """Which samples have a step at that time, as a column."""
    return np.asarray(mask[0][:, time, None]) if mask else True
