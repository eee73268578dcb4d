"""Writes a tile of results to memory, through an epilogue."""

from __future__ import annotations

from collections.abc import Sequence

from epochal.backends.native.elementwise import emit_elementwise
from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernels.ahead import LINE, Stretch
from epochal.backends.native.kernels.axes import advance
from epochal.backends.native.kernels.block import Tile
from epochal.backends.native.kernels.epilogue import Epilogue, View, dense_strides, nothing, static_shape, views
from epochal.dtypes import DType
from epochal.errors import NotSupportedError
from epochal.ir import TensorType, Value, make_input


class Finish:
    """An epilogue made ready for one kernel.

    Attributes:
        strides: How memory is addressed: first the outputs, then each view of an input; elements a step along each
            axis of the result; last, if there are sums, these.
        inputs: Values the launch reads besides the kernel's own.
        outputs: Values it writes, but for the partial sums.
    """

    def __init__(self, result: Value, epilogue: Epilogue | None) -> None:
        epilogue = nothing(result) if epilogue is None else epilogue
        found = views(epilogue)
        if found is None:
            raise NotSupportedError("an epilogue with an input that strides cannot describe")
        self.epilogue, self.result, self.found = epilogue, result, found
        needed = {value for node in epilogue.nodes if node.outputs[0] not in found for value in node.inputs}
        needed.update((*epilogue.outputs, *epilogue.sums))
        self.viewed = [value for value, view in found.items() if isinstance(view, View) and value in needed]
        self.strides: list[tuple[int, ...]] = [dense_strides(static_shape(result))]
        for value in self.viewed:
            view = found[value]
            assert isinstance(view, View)
            self.strides.append(view.strides)
        if epilogue.sums:
            shape = static_shape(result)
            self.strides.append((*(0 for _ in shape[:-1]), int(shape[-1] > 1)))
        self.inputs, self.outputs = epilogue.inputs, epilogue.outputs
        self.key = epilogue.key(result)

    def inplace(self, operands: int) -> frozenset[tuple[int, int]]:
        """Pairs (input, output) that may share memory, where the kernel's own operands are the first inputs.

        An input read once, element by element where the output is written.
        """
        dense, ways_in = self.strides[0], self.strides[1 : 1 + len(self.viewed)]
        seen: dict[int, list[tuple[int, ...]]] = {}
        for value, strides in zip(self.viewed, ways_in, strict=True):
            view = self.found[value]
            assert isinstance(view, View)
            seen.setdefault(view.source, []).append(strides)
        return frozenset(
            (operands + source, index)
            for source, ways in seen.items()
            for index, output in enumerate(self.outputs)
            if all(strides == dense for strides in ways)
            and self.inputs[source].dtype.itemsize == output.dtype.itemsize
            and static_shape(self.inputs[source]) == static_shape(output)
        )

    def partials(self, parts: int) -> tuple[Value, ...]:
        """Buffers for the sums of so many parts of the result, which the launch writes after `outputs`."""
        columns = static_shape(self.result)[-1]
        return tuple(make_input(TensorType(value.dtype, (parts, columns)), "partial") for value in self.epilogue.sums)

    def at_part(self, writer: Writer, places: Sequence[Register], part: Register) -> list[Register]:
        """Places of which the last are in one part's sums. A part belongs to one piece for each column."""
        if not self.epilogue.sums:
            return list(places)
        steps = [*(0 for _ in places[1:]), static_shape(self.result)[-1]]
        return advance(writer, places, part, steps)

    def clear_sums(
        self, writer: Writer, lanes: int, widths: Sequence[int], operands: int, places: Sequence[Register]
    ) -> None:
        """Sets a part's sums of some columns to zero, before anything is stored there."""
        for number in range(len(self.epilogue.sums)):
            for index, width in enumerate(widths):
                pointer, dtype, mask = self._sum_at(writer, number, operands, places[-1], lanes, index, width)
                writer.store(pointer, writer.constant(0, ARITHMETIC_KIND[dtype.name], lanes), dtype, mask)

    def _sum_at(
        self, writer: Writer, number: int, operands: int, place: Register, lanes: int, index: int, width: int
    ) -> tuple[Register, DType, Register | None]:
        """Where a vector of a sum is, and which lanes of it are in use."""
        dtype = self.epilogue.sums[number].dtype
        base = writer.argument(operands + len(self.inputs) + len(self.outputs) + number)
        pointer = writer.offset(writer.offset(base, dtype, place), dtype, index * lanes)
        return pointer, dtype, None if width == lanes else writer.tail_mask(width, lanes)

    def _add_sums(
        self,
        writer: Writer,
        found: Sequence[Sequence[Register]],
        lanes: int,
        widths: Sequence[int],
        operands: int,
        place: Register,
    ) -> None:
        """Adds a tile's sums, by vector and number, to those of its part."""
        for index, (width, sums) in enumerate(zip(widths, found, strict=True)):
            for number, value in enumerate(sums):
                pointer, dtype, mask = self._sum_at(writer, number, operands, place, lanes, index, width)
                before = writer.load(pointer, dtype, lanes, mask)
                writer.store(pointer, writer.binary("fadd", before, value), dtype, mask)

    def store(
        self,
        writer: Writer,
        tile: Tile,
        lanes: int,
        widths: Sequence[int],
        operands: int,
        places: Sequence[Register],
        rows: Sequence[Sequence[int]],
        columns: Sequence[int],
    ) -> None:
        """Applies the epilogue to a tile and stores its outputs.

        Args:
            writer: Writes.
            tile: Rows of vectors.
            lanes: Lanes of a vector.
            widths: Lanes in use, a vector.
            operands: How many operands of the kernel's own come before the epilogue's inputs among the arguments.
            places: For each entry of `strides`, the offset of the tile's first element.
            rows: For each entry of `strides`, the offsets of the rows.
            columns: For each entry of `strides`, 1 or 0: elements a column.
        """
        outputs = operands + len(self.inputs)
        cache: dict[tuple[int, int], Register] = {}
        added: list[list[Register]] = [[] for _ in widths]
        for row, sums in enumerate(tile):
            for index, value in enumerate(sums):
                at = index * lanes
                width = widths[index]
                environment = self._read(writer, lanes, width, operands, places, columns, row, at, rows, cache)
                environment[self.result] = value
                self._compute(writer, environment, lanes)
                for position, output in enumerate(self.outputs):
                    base = writer.argument(outputs + position)
                    start = writer.offset(base, output.dtype, places[0])
                    pointer = writer.offset(start, output.dtype, rows[0][row] + at)
                    mask = None if width == lanes else writer.tail_mask(width, lanes)
                    stored = writer.splat(environment[output], lanes)
                    writer.store(pointer, stored, output.dtype, mask)
                new = [writer.splat(environment[term], lanes) for term in self.epilogue.sums]
                old = added[index]
                added[index] = [writer.binary("fadd", a, b) for a, b in zip(old, new, strict=True)] if old else new
        if self.epilogue.sums:
            self._add_sums(writer, added, lanes, widths, operands, places[-1])

    def stretches(
        self,
        writer: Writer,
        operands: int,
        places: Sequence[Register],
        rows: Sequence[Sequence[int]],
        columns: Sequence[int],
        width: int,
        far: bool = False,
    ) -> list[Stretch]:
        """What `store` will touch of memory that has an element for each of the tile's, to be asked for ahead.

        The arguments are those of `store`; `width`: columns of the tile; `far`: whether memory beyond the caches is
        meant, of which every line counts, and those of outputs that share no input's memory, too.
        """
        found = []
        for entry, value in enumerate(self.viewed, 1):
            view = self.found[value]
            assert isinstance(view, View)
            size = value.dtype.itemsize
            pitch = (rows[entry][1] - rows[entry][0]) * size if len(rows[entry]) > 1 else 0
            if pitch and columns[entry]:
                start = writer.offset(writer.argument(operands + view.source), value.dtype, places[entry])
                found.append(Stretch(start, pitch, _lines(width * size, pitch if far else 0)))
        if not far:
            return found
        shared = {index for _, index in self.inplace(operands)}
        pitch = rows[0][1] - rows[0][0] if len(rows[0]) > 1 else 0
        for index, output in enumerate(self.outputs):
            size = output.dtype.itemsize
            if pitch and index not in shared:
                base = writer.argument(operands + len(self.inputs) + index)
                start = writer.offset(base, output.dtype, places[0])
                found.append(Stretch(start, pitch * size, _lines(width * size, pitch * size), write=True))
        return found

    def _read(
        self,
        writer: Writer,
        lanes: int,
        width: int,
        operands: int,
        places: Sequence[Register],
        columns: Sequence[int],
        row: int,
        at: int,
        rows: Sequence[Sequence[int]],
        cache: dict[tuple[int, int], Register],
    ) -> dict[Value, Register]:
        environment: dict[Value, Register] = {}
        for entry, value in enumerate(self.viewed, 1):
            view = self.found[value]
            assert isinstance(view, View)
            offset = rows[entry][row] + at * columns[entry]
            register = cache.get((entry, offset)) if entry else None
            if register is None:
                base = writer.argument(operands + view.source)
                start = writer.offset(base, value.dtype, places[entry])
                pointer = writer.offset(start, value.dtype, offset)
                if columns[entry] and lanes > 1:
                    mask = None if width == lanes else writer.tail_mask(width, lanes)
                    register = writer.load(pointer, value.dtype, lanes, mask)
                else:
                    register = writer.splat(writer.load(pointer, value.dtype), lanes)
                if rows[entry][row] != rows[0][row]:
                    cache[entry, offset] = register
            environment[value] = register
        for value, view in self.found.items():
            if not isinstance(view, View):
                environment[value] = writer.constant(view, ARITHMETIC_KIND[value.dtype.name], lanes)
        return environment

    def _compute(self, writer: Writer, environment: dict[Value, Register], lanes: int) -> None:
        for node in self.epilogue.nodes:
            if node.outputs[0] not in self.found:
                operands = [environment[value] for value in node.inputs]
                types = [value.dtype for value in (*node.inputs, *node.outputs)]
                environment[node.outputs[0]] = emit_elementwise(
                    writer, node.operator.name, operands, node.parameters, types, lanes
                )


def _lines(length: int, pitch: int) -> int:
    """Lines that so many bytes of each row touch: one more where rows do not begin with a line."""
    return -(-length // LINE) + (pitch % LINE != 0)


__all__ = ["Finish"]
