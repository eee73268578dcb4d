"""What a rule for a padded axis is handed: an operator at three sizes side by side, and how to mask its operands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from epochal import dtypes
from epochal.ir import Node, Value, with_inputs
from epochal.topi.inventory import BUILD

Extent = tuple[int, int]
"""``(times, plus)``: of an axis ``times * length + plus`` entries count, the first ones."""


class InexactError(Exception):
    """Why padding would change results."""


class Context:
    """The sizes and the length inside one graph.

    Attributes:
        sizes: The capacity, one less, the least length.
        length: int32 scalar.
    """

    def __init__(self, sizes: tuple[int, ...], length: Value) -> None:
        self.sizes = sizes
        self.length = length
        self._counts: dict[Extent, Value] = {}

    def extents(self, values: Sequence[Value]) -> dict[int, Extent]:
        """The axes that grow with the length, from one value at the three sizes.

        Raises:
            InexactError: A size is no linear function of the length.
        """
        if len({len(value.shape) for value in values}) > 1 or len({value.dtype for value in values}) > 1:
            raise InexactError("a value's rank or type depends on the size")
        return {
            axis: extent
            for axis, sizes in enumerate(zip(*(value.shape for value in values), strict=True))
            if (extent := self.extent(sizes)) is not None
        }

    def extent(self, given: Sequence[Any]) -> Extent | None:
        """The linear function that takes the three sizes to these; ``None`` if they are equal."""
        if given[0] == given[1] == given[2]:
            return None
        times = given[0] - given[1]
        plus = given[0] - times * self.sizes[0]
        if times < 1 or given[2] != times * self.sizes[2] + plus:
            raise InexactError(f"sizes {tuple(given)} do not grow in step with {self.sizes}")
        return times, plus

    def count(self, extent: Extent) -> Value:
        """``times * length + plus``, int32 scalar."""
        if extent not in self._counts:
            times, plus = extent
            value = self.length if times == 1 else BUILD.mul(self.length, times)
            self._counts[extent] = value if plus == 0 else BUILD.add(value, plus)
        return self._counts[extent]

    def within(self, shape: Sequence[Any], axis: int, extent: Extent) -> Value:
        """Bool of that shape: which positions along the axis count."""
        positions = BUILD.iota(shape=(shape[axis],), axis=0, dtype=dtypes.int32)
        inside = BUILD.less(positions, BUILD.broadcast_to(self.count(extent), (shape[axis],)))
        if len(shape) > 1:
            along = tuple(size if index == axis else 1 for index, size in enumerate(shape))
            inside = BUILD.broadcast_to(BUILD.reshape(inside, shape=along), tuple(shape))
        result: Value = inside
        return result

    def masked(self, value: Value, extents: dict[int, Extent], fill: Any = 0) -> Value:
        """A value with `fill` where it does not count along these axes."""
        for axis, extent in extents.items():
            inside = self.within(value.shape, axis, extent)
            value = BUILD.select(inside, value, BUILD.broadcast_to(BUILD.constant(fill, value.dtype), value.shape))
        return value


class Site:
    """One operator at the three sizes.

    Attributes:
        nodes: The three nodes.
        node: That of the capacity.
        operands: Its operands in the rewritten graph.
        inputs: For each operand the extents of its padded axes.
        outputs: The same for each result.
    """

    def __init__(self, nodes: Sequence[Node], operands: tuple[Value, ...], context: Context) -> None:
        self.nodes = nodes
        self.node = nodes[0]
        self.operands = operands
        self.context = context
        self.inputs = [context.extents(values) for values in zip(*(node.inputs for node in nodes), strict=True)]
        self.outputs = [context.extents(values) for values in zip(*(node.outputs for node in nodes), strict=True)]

    def parameter(self, name: str) -> tuple[Any, ...]:
        """A parameter at the three sizes."""
        return tuple(node.parameters[name] for node in self.nodes)

    def masked(self, index: int, fill: Any = 0, axes: Collection[int] | None = None) -> Value:
        """An operand with `fill` where it does not count along those of its padded axes."""
        chosen = {axis: extent for axis, extent in self.inputs[index].items() if axes is None or axis in axes}
        return self.context.masked(self.operands[index], chosen, fill)

    def copy(self, *operands: Value, **changes: Any) -> Sequence[Value]:
        """The node on these operands; other parameters are those of the capacity."""
        return with_inputs(self.node, operands, {**self.node.parameters, **changes} if changes else None).outputs
