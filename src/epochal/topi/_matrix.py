"""What the rows of linear algebra share: checks, products of the last two axes, and LAPACK's errors as ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from epochal.errors import ExecutionError, ShapeError
from epochal.ir import Array, Build, Dimension, Shape, Symbol, TensorType, Value
from epochal.topi._results import widened_results
from epochal.topi._rules import FLOAT, check_dtype, check_same_dtype, merge, values, widened


def check_matrix(name: str, x: TensorType) -> None:
    """Raises unless the operand holds matrices in its last two axes."""
    check_dtype(name, x, FLOAT)
    if x.rank < 2:
        raise ShapeError(f"{name}: the operand must have at least 2 axes, [*batch, rows, columns]. Received: {x}.")


def check_square(name: str, x: TensorType) -> None:
    """Raises unless the operand holds square matrices in its last two axes."""
    check_matrix(name, x)
    rows, columns = x.shape[-2:]
    if rows != columns and not isinstance(rows, Symbol) and not isinstance(columns, Symbol):
        raise ShapeError(f"{name}: the matrices must be square. Received: {x}.")


def check_system(name: str, a: TensorType, b: TensorType) -> TensorType:
    """The type of x in a x = b, b holding matrices of as many rows as a, in as many axes and of the same batch."""
    check_square(name, a)
    check_same_dtype(name, a, b)
    if a.rank != b.rank:
        raise ShapeError(
            f"{name}: the right hand sides must be [*batch, rows, count] of as many axes as a. Received: {a} and {b}."
        )
    batch: list[Dimension] = [
        merge(name, f"axes {axis} of {a} and {b}", a.shape[axis], b.shape[axis]) for axis in range(a.rank - 2)
    ]
    rows = merge(name, f"the rows of {a} and {b}", a.shape[-2], b.shape[-2])
    return b.with_shape((*batch, rows, b.shape[-1]))


def smaller(rows: Dimension, columns: Dimension) -> Dimension:
    """The rank of a matrix of full rank; unknown if a size is."""
    if isinstance(rows, Symbol) or isinstance(columns, Symbol):
        return rows if rows is columns else Symbol()
    return min(rows, columns)


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arrays: Array, **parameters: Any) -> Any:
        try:
            return function(*arrays, **parameters)
        except np.linalg.LinAlgError as error:
            raise ExecutionError(f"{name}: {error}.") from error

    return call


def guarded(name: str, function: Callable[..., Any]) -> Callable[..., Array]:
    """A reference of one result, `widened`, that turns LAPACK's complaints into ExecutionError."""
    return widened(_guarded(name, function))


def guarded_results(name: str, function: Callable[..., Any]) -> Callable[..., tuple[Array, ...]]:
    """A reference of several results, `widened_results`, that turns LAPACK's complaints into ExecutionError."""
    return widened_results(_guarded(name, function))


def product(build: Build, a: Value, b: Value, left: bool = False, right: bool = False) -> Value:
    """a b for each matrix of a batch; `left` and `right`: that factor transposed."""
    rank = len(a.shape)
    batch = tuple(range(rank - 2))
    summed = ((rank - 2 if left else rank - 1,), (rank - 1 if right else rank - 2,))
    result: Value = build.dot_general(a, b, contract=summed, batch=(batch, batch))
    return result


def transposed(build: Build, x: Value) -> Value:
    rank = len(x.shape)
    result: Value = build.transpose(x, permutation=(*range(rank - 2), rank - 1, rank - 2))
    return result


def symmetric(build: Build, x: Value) -> Value:
    """(x + x^T) / 2"""
    result: Value = build.mul(build.add(x, transposed(build, x)), 0.5)
    return result


def weighted(build: Build, x: Value, weights: Array) -> Value:
    """Each matrix times fixed weights, element by element; where a weight is 0 the result is, whatever x holds."""
    scaled = build.mul(x, build.constant(np.where(weights == 0, 1.0, weights), x.dtype))
    if np.all(weights != 0):
        result: Value = scaled
        return result
    mask = build.broadcast(build.constant(weights != 0), shape=x.shape)
    nothing = build.broadcast(build.constant(0.0, x.dtype), shape=x.shape)
    chosen: Value = build.select(mask, scaled, nothing)
    return chosen


def diagonal(build: Build, vector: Value) -> Value:
    """Matrices with `vector`, [*batch, n], on the diagonal."""
    size = vector.shape[-1]
    assert isinstance(size, int)
    rows = build.broadcast(build.reshape(vector, shape=(*vector.shape, 1)), shape=(*vector.shape, size))
    return weighted(build, rows, np.eye(size))


def as_row(build: Build, vector: Value) -> Value:
    """[*batch, n] as [*batch, 1, n]"""
    result: Value = build.reshape(vector, shape=(*vector.shape[:-1], 1, vector.shape[-1]))
    return result


def as_column(build: Build, vector: Value) -> Value:
    """[*batch, n] as [*batch, n, 1]"""
    result: Value = build.reshape(vector, shape=(*vector.shape, 1))
    return result


def total(build: Build, parts: Iterable[Value | None]) -> Value | None:
    """The sum of those that are not ``None``."""
    result: Value | None = None
    for part in parts:
        if part is not None:
            result = part if result is None else build.add(result, part)
    return result


def dominant(shape: tuple[int, ...], seed: int = 0) -> Array:
    """Well conditioned sample matrices that are not symmetric."""
    return values(shape, -1.0, 1.0, seed) + 2.0 * np.eye(shape[-2], shape[-1]) * (1.0 + 0.3 * np.arange(shape[-1]))


def batch_of(x: TensorType) -> Shape:
    return x.shape[:-2]
