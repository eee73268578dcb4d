"""Scatters: rows of the result in pieces; each piece takes the updates of its rows in the order of the indices."""

from __future__ import annotations

import math

from epochal.backends.native.elementwise import larger, smaller
from epochal.backends.native.emit import ARITHMETIC_KIND, KIND_BYTES, Register, Writer
from epochal.backends.native.kernel import ERROR_INDEX, Kernel, Launch, Target
from epochal.backends.native.loops_values import splat_element
from epochal.backends.native.loops_vector import each_vector
from epochal.backends.native.movement import sizes
from epochal.ir import Node, Value

SCATTERS = frozenset({"scatter_add", "scatter_set", "scatter_max", "scatter_min"})
MOST_BLOCKS = 8  # every block reads all indices


def scatter_launch(node: Node) -> Launch:
    """The kernel of a node in `SCATTERS`."""
    x, indices, updates = node.inputs
    axis = int(node.parameters["axis"])
    shape = sizes(x)
    outer, rows, inner = math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
    fill = _fill(node)
    work = x.type.bytes / 6 + updates.type.bytes / 4 + indices.type.size
    blocks = max(1, min(MOST_BLOCKS, rows, round(work / 8000))) if outer < MOST_BLOCKS else 1
    scatter = _Scatter(node, outer, rows, inner, -(-rows // blocks) if rows else 1, fill)
    blocks = -(-rows // scatter.block) if rows else 1
    inputs: tuple[Value, ...] = (indices, updates) if fill is not None else (x, indices, updates)
    types = " ".join(str(value.type) for value in (x, indices, updates))
    kernel = Kernel(
        key=f"{node.operator.name} {types} {axis} {blocks} {fill!r}",
        emit=scatter.emit,
        pieces=outer * blocks,
        cost=work,
        inplace=frozenset() if fill is not None else frozenset({(0, 0)}),
    )
    return Launch(kernel, inputs, node.outputs)


def operands_read(node: Node) -> tuple[Value, ...]:
    """A node's operands, without the one that a scatter's kernel writes as a constant."""
    return node.inputs[1:] if _fill(node) is not None else node.inputs


def _fill(node: Node) -> bool | int | float | None:
    """The element that a scatter starts from everywhere, as the zeros of a gradient; ``None``: there is none."""
    if node.operator.name not in SCATTERS or node.outputs[0].type.size == 0:
        return None
    start = node.inputs[0].node
    while start.operator.name in ("broadcast", "reshape"):
        start = start.inputs[0].node
    return splat_element(start) if start.operator.name == "constant" else None


class _Scatter:
    def __init__(
        self, node: Node, outer: int, rows: int, inner: int, block: int, fill: bool | int | float | None
    ) -> None:
        self.node = node
        self.outer, self.rows, self.inner, self.block = outer, rows, inner, block
        self.fill = fill
        self.dtype = node.outputs[0].dtype
        self.index_dtype = node.inputs[1].dtype
        self.count = node.inputs[1].type.size

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as loop:
            blocks = -(-self.rows // self.block)
            number = writer.constant(blocks, "i64")
            outer = writer.binary("udiv", loop.index, number)
            part = writer.binary("urem", loop.index, number)
            first = writer.binary("mul", part, writer.constant(self.block, "i64"))
            after = writer.binary("add", first, writer.constant(self.block, "i64"))
            most = writer.constant(self.rows, "i64")
            after = writer.select(writer.compare("ult", after, most), after, most)
            self._start(writer, outer, first, after)
            if self.count:
                with writer.loop(0, self.count) as step:
                    self._update(writer, outer, first, after, step.index)
        return writer.module()

    def _pointers(self, writer: Writer) -> tuple[Register | None, Register, Register, Register]:
        shift = 0 if self.fill is not None else 1
        x = None if self.fill is not None else writer.argument(0)
        return x, writer.argument(shift), writer.argument(shift + 1), writer.argument(shift + 2)

    def _start(self, writer: Writer, outer: Register, first: Register, after: Register) -> None:
        """Rows that already lie where the result goes are not copied: a table of which few rows change."""
        x, _, _, result = self._pointers(writer)
        if x is None:
            self._begin(writer, outer, first, after)
            return
        with writer.when(writer.compare("ne", x, result)):
            self._begin(writer, outer, first, after)

    def _begin(self, writer: Writer, outer: Register, first: Register, after: Register) -> None:
        """The rows as they are before the updates."""
        x, _, _, result = self._pointers(writer)
        kind = ARITHMETIC_KIND[self.dtype.name]
        rows, inner = writer.constant(self.rows, "i64"), writer.constant(self.inner, "i64")
        base = writer.binary("mul", writer.binary("mul", outer, rows), inner)
        start = writer.binary("add", base, writer.binary("mul", first, inner))
        end = writer.binary("add", base, writer.binary("mul", after, inner))
        lanes = writer.target.vector_bytes // KIND_BYTES[kind]

        def copy(index: Register, count: int, mask: Register | None) -> None:
            if x is None:
                value = writer.constant(self.fill or 0, kind, count)
            else:
                value = writer.load(writer.offset(x, self.dtype, index), self.dtype, count, mask)
            writer.store(writer.offset(result, self.dtype, index), value, self.dtype, mask)

        each_vector(writer, start, end, lanes, copy)

    def _update(self, writer: Writer, outer: Register, first: Register, after: Register, step: Register) -> None:
        _, indices, updates, result = self._pointers(writer)
        raw = writer.load(writer.offset(indices, self.index_dtype, step), self.index_dtype)
        row = writer.convert("sext" if self.index_dtype.kind == "int" else "zext", raw, "i64")
        rows = writer.constant(self.rows, "i64")
        writer.raise_error(writer.compare("uge", row, rows), ERROR_INDEX)
        mine = writer.binary("and", writer.compare("uge", row, first), writer.compare("ult", row, after))
        with writer.when(mine):
            inner = writer.constant(self.inner, "i64")
            place = writer.binary("add", writer.binary("mul", outer, rows), row)
            goal = writer.offset(result, self.dtype, writer.binary("mul", place, inner))
            number = writer.constant(self.count, "i64")
            source = writer.binary("add", writer.binary("mul", outer, number), step)
            origin = writer.offset(updates, self.dtype, writer.binary("mul", source, inner))
            kind = ARITHMETIC_KIND[self.dtype.name]

            def add(index: Register, count: int, mask: Register | None) -> None:
                here = writer.offset(goal, self.dtype, index)
                new = writer.load(writer.offset(origin, self.dtype, index), self.dtype, count, mask)
                if self.node.operator.name != "scatter_set":
                    new = self._combine(writer, writer.load(here, self.dtype, count, mask), new)
                writer.store(here, new, self.dtype, mask)

            lanes = writer.target.vector_bytes // KIND_BYTES[kind]
            if self.inner:
                each_vector(writer, 0, self.inner, lanes, add)

    def _combine(self, writer: Writer, old: Register, new: Register) -> Register:
        name = self.node.operator.name
        if name == "scatter_add":
            return writer.binary("fadd" if self.dtype.is_floating else "add", old, new)
        return (larger if name == "scatter_max" else smaller)(writer, old, new, self.dtype)
