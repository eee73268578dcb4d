"""A general product brought to one form: loops around ``[M, K] x [K, N]``, with strides for every operand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from epochal.backends.native.kernels.axes import Axis, merged, total
from epochal.backends.native.kernels.epilogue import dense_strides, static_shape
from epochal.dtypes import DType
from epochal.ir import Node


@dataclass(frozen=True, slots=True)
class Problem:
    """What a product kernel computes. Axes step through a, b, the outputs and the epilogue's inputs, in that order.

    Attributes:
        dtype: Element type of a and b.
        outer: Loops around the product.
        rows: M. Steps of b are 0.
        columns: N. Steps of a are 0, the step of the outputs is 1.
        summed: K, outermost loop first. Only steps of a and b.
        swapped: Whether a and b stand for the node's second and first operand.
    """

    dtype: DType
    outer: tuple[Axis, ...]
    rows: Axis
    columns: Axis
    summed: tuple[Axis, ...]
    swapped: bool = False

    @property
    def batch(self) -> int:
        return total(self.outer)

    @property
    def depth(self) -> int:
        return total(self.summed)

    @property
    def work(self) -> int:
        """Floating point operations."""
        return 2 * self.batch * self.rows.size * self.columns.size * self.depth

    @property
    def empty(self) -> bool:
        return self.batch * self.rows.size * self.columns.size == 0


def has_parts(problem: Problem) -> bool:
    """Whether chunks of rows are parts of the result with sums over its rows of their own."""
    return not problem.outer and not problem.swapped and problem.columns.steps[-1] == 1


def problem_of(node: Node, strides: Sequence[tuple[int, ...]]) -> Problem:
    """The form of a ``dot_general`` node. `strides`: of its outputs and epilogue inputs, along the result's axes."""
    a_shape, b_shape = static_shape(node.inputs[0]), static_shape(node.inputs[1])
    a_steps, b_steps = dense_strides(a_shape), dense_strides(b_shape)
    (a_summed, b_summed), (a_batch, b_batch) = node.parameters["contract"], node.parameters["batch"]
    result = iter(range(len(node.outputs[0].shape)))

    def axis(size: int, a: int, b: int) -> Axis:
        position = next(result)
        return Axis(size, (a, b, *(steps[position] for steps in strides)))

    batch = [axis(a_shape[i], a_steps[i], b_steps[j]) for i, j in zip(a_batch, b_batch, strict=True)]
    rows = [axis(a_shape[i], a_steps[i], 0) for i in range(len(a_shape)) if i not in (*a_summed, *a_batch)]
    columns = [axis(b_shape[i], 0, b_steps[i]) for i in range(len(b_shape)) if i not in (*b_summed, *b_batch)]
    summed = [Axis(a_shape[i], (a_steps[i], b_steps[j])) for i, j in zip(a_summed, b_summed, strict=True)]
    summed.sort(key=lambda axis: axis.steps, reverse=True)
    return arrange(node.inputs[0].dtype, batch, rows, columns, summed, len(strides))


def arrange(
    dtype: DType,
    batch: Sequence[Axis],
    rows: Sequence[Axis],
    columns: Sequence[Axis],
    summed: Sequence[Axis],
    operands: int,
) -> Problem:
    """Axes merged, the best of the rows and the last of the columns chosen for the product, the rest around it."""
    single = Axis(1, (0,) * (2 + operands))
    batch, rows, columns = merged(batch), merged(rows), merged(columns)
    inner_columns = columns.pop() if columns and columns[-1].steps[2] == 1 else single
    longest = max(range(len(rows)), key=lambda index: (rows[index].size, index), default=-1)
    inner_rows = rows.pop(longest) if rows else single
    problem = Problem(dtype, (*batch, *rows, *columns), inner_rows, inner_columns, tuple(merged(summed)))
    return _swapped(problem) if _better_swapped(problem) else problem


def _better_swapped(problem: Problem) -> bool:
    """A matrix times a vector, the matrix transposed: its rows can lie along the vectors' lanes."""
    rows = problem.rows
    return problem.columns.size == 1 and rows.size > 1 and rows.steps[0] == 1 and rows.steps[2] == 1


def _swapped(problem: Problem) -> Problem:
    def swap(axis: Axis) -> Axis:
        a, b, *rest = axis.steps
        return Axis(axis.size, (b, a, *rest))

    return replace(
        problem,
        outer=tuple(swap(axis) for axis in problem.outer),
        rows=swap(problem.columns),
        columns=swap(problem.rows),
        summed=tuple(swap(axis) for axis in problem.summed),
        swapped=True,
    )


__all__ = ["Problem", "arrange", "has_parts", "problem_of"]
