"""Writes the loop nest of a fused group as LLVM (see `loops_plan` for its shapes, `loops_values` for what is in it)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from epochal.backends.native.emit import ARITHMETIC_KIND, KIND_BYTES, Loop, Register, Writer
from epochal.backends.native.fusion_group import node_cost
from epochal.backends.native.kernel import Target
from epochal.backends.native.loops_plan import Plan, Stage
from epochal.backends.native.loops_values import Lanes, Values
from epochal.backends.native.movement import Atom, Demand, Index, sizes
from epochal.backends.native.reduce import Reducer, State, element_demands, position_form
from epochal.ir import Node, Value

Body = Callable[[], None]
SCALAR = Lanes(1, Register("0", "i64"), None)


class Nest:
    """Writes one nest."""

    def __init__(self, writer: Writer, plan: Plan, pointers: Mapping[Value, Register]) -> None:
        self.writer = writer
        self.plan = plan
        self.pointers = pointers
        self.values = Values(writer, frozenset(plan.group.members), pointers, plan.loops, plan.innermost)
        self.count = lanes_of(plan, writer.target)
        self._part: tuple[Register, Register] | None = None  # the piece's part of the outermost reduced loop
        self._columns: tuple[Register, Register] | None = None  # the piece's part of the vectorised kept loop
        self._chunk: Register | None = None  # which partial result
        self._reducers = {node: Reducer(node) for node in plan.analysis.reductions}

    def write(self, begin: Register, end: Register) -> None:
        """All pieces in [begin, end); a nest of one piece runs it."""
        if self.plan.pieces == 1:
            self._kept(self._scalar_loops(), self._row)
            return
        with self.writer.loop(begin, end) as loop:
            self._piece(self.values.settle(loop.index))

    # Kept loops

    def _scalar_loops(self) -> tuple[Atom, ...]:
        plan = self.plan
        return tuple(loop for loop in plan.kept if loop is not plan.vector and loop is not plan.inside)

    def _kept(self, loops: Sequence[Atom], body: Body) -> None:
        if not loops:
            body()
            return
        with self.writer.loop(0, loops[0].size) as loop:
            self.values.counters[loops[0]] = self.values.settle(loop.index)
            self._kept(loops[1:], body)

    def _piece(self, piece: Register) -> None:
        """One piece: which chunk, which block of points of the outer loops."""
        plan, writer = self.plan, self.writer
        loops = self._scalar_loops()
        outer, rest = loops[: plan.prefix], loops[plan.prefix :]
        if plan.reduce_chunk:
            size = plan.gone[0].size
            piece, chunk = self._split(piece, -(-size // plan.reduce_chunk))
            self._chunk = chunk
            self._part = self._bounds(chunk, plan.reduce_chunk, size)
        if plan.vector_chunk:
            assert plan.vector is not None
            piece, chunk = self._split(piece, -(-plan.vector.size // plan.vector_chunk))
            self._columns = self._bounds(chunk, plan.vector_chunk, plan.vector.size)
        points = math.prod(loop.size for loop in outer)
        if not outer:
            self._kept(rest, self._row)
        elif plan.block == 1:
            self._point(piece, outer)
            self._kept(rest, self._row)
        else:
            first, after = self._bounds(piece, plan.block, points)
            with writer.loop(first, after) as loop:
                self._point(self.values.settle(loop.index), outer)
                self._kept(rest, self._row)

    def _split(self, number: Register, size: int) -> tuple[Register, Register]:
        """Quotient and remainder."""
        if size == 1:
            return number, self.writer.constant(0, "i64")
        divisor = self.writer.constant(size, "i64")
        quotient = self.values.settle(self.writer.binary("udiv", number, divisor))
        return quotient, self.values.settle(self.writer.binary("urem", number, divisor))

    def _bounds(self, number: Register, step: int, size: int) -> tuple[Register, Register]:
        """Begin and end of a chunk."""
        writer = self.writer
        first = self.values.settle(writer.binary("mul", number, writer.constant(step, "i64")))
        after = writer.binary("add", first, writer.constant(step, "i64"))
        if size % step:
            most = writer.constant(size, "i64")
            after = writer.select(writer.compare("ult", after, most), after, most)
        return first, self.values.settle(after)

    def _point(self, number: Register, loops: Sequence[Atom]) -> None:
        """Counters of the outer loops from the number of a point."""
        for loop in reversed(loops[1:]):
            number, self.values.counters[loop] = self._split(number, loop.size)
        self.values.counters[loops[0]] = number

    # Rows and columns

    def _row(self) -> None:
        """What is inside the scalar kept loops."""
        plan = self.plan
        if plan.is_row or plan.vector is None:
            self._stages()
            return
        limits = self._columns
        self._vectorise(plan.vector, limits, self._stages if plan.inside is None else self._inner)

    def _inner(self) -> None:
        assert self.plan.inside is not None
        self._kept((self.plan.inside,), self._stages)

    def _vectorise(self, atom: Atom, limits: tuple[Register, Register] | None, body: Body) -> None:
        """Runs `body` for all of a loop, `count` lanes at a time, then for what is left."""
        values, writer = self.values, self.writer
        values.vector = atom
        if limits is not None:
            first, after = limits
            last = self._whole_end(first, after)
            with writer.loop(first, last, self.count) as loop:
                values.lanes = Lanes(self.count, values.settle(loop.index), None)
                body()
            if atom.size % self.count or self.plan.vector_chunk % self.count:
                with writer.when(writer.compare("slt", last, after)):
                    values.lanes = self._dynamic_tail(last, after)
                    body()
        else:
            whole, rest = divmod(atom.size, self.count)
            if whole == 1:
                values.lanes = Lanes(self.count, writer.constant(0, "i64"), None)
                body()
            elif whole:
                with writer.loop(0, whole * self.count, self.count) as loop:
                    values.lanes = Lanes(self.count, values.settle(loop.index), None)
                    body()
            if rest:
                values.lanes = self._static_tail(whole * self.count, rest)
                body()
        values.vector, values.lanes = None, SCALAR

    def _whole_end(self, first: Register, after: Register) -> Register:
        """Where the last whole vector of [first, after) ends."""
        writer = self.writer
        span = writer.binary("sub", after, first)
        whole = writer.binary("and", span, writer.constant(-self.count, "i64"))
        return self.values.settle(writer.binary("add", first, whole))

    def _dynamic_tail(self, last: Register, after: Register) -> Lanes:
        writer = self.writer
        mask = self.values.settle(writer.tail_mask(writer.binary("sub", after, last), self.count))
        return Lanes(self.count, last, mask if self.count > 1 else None)

    def _static_tail(self, start: int, rest: int) -> Lanes:
        lanes = 1 << (rest - 1).bit_length()
        mask = None if lanes == rest else self.writer.tail_mask(rest, lanes)
        return Lanes(lanes, self.writer.constant(start, "i64"), mask)

    # Stages

    def _stages(self) -> None:
        plan = self.plan
        self._store(plan.first)
        for stage, roots in zip(plan.stages, plan.after, strict=True):
            (self._row_stage if plan.is_row else self._column_stage)(stage)
            self._store(roots)

    def _store(self, roots: Sequence[Value]) -> None:
        """Stores results on the kept axes; all are computed first, as one may lie in the memory of an operand."""
        demands = self.plan.analysis.root_demands
        registers = [self.values.get(demands[root]) for root in roots]
        for root, register in zip(roots, registers, strict=True):
            self._store_one(root, register)

    def _store_one(self, root: Value, register: Register) -> None:
        for result, form in self.plan.analysis.stores[root]:
            pointer = self.pointers[result]
            if self._chunk is not None:
                # A partial result: its chunk's copy of the result.
                size = self.writer.constant(root.type.size, "i64")
                offset = self.values.settle(self.writer.binary("mul", self._chunk, size))
                pointer = self.values.settle(self.writer.offset(pointer, root.dtype, offset))
            self.values.store(root, pointer, form, register)

    def _visit(self, stage: Stage, states: dict[Node, State]) -> dict[Node, State]:
        """One point (a vector of them) of a stage."""
        values, writer = self.values, self.writer
        result = {}
        for node in stage.reductions:
            index: Index = self.plan.analysis.reduction_index(node)
            elements = [values.get(demand) for demand in element_demands(node, index)]
            form = position_form(node, index)
            where = None
            if form is not None:
                where = values.spread(values.position(form), "i64")
            mask = values.lanes.mask if self.plan.is_row else None
            result[node] = self._reducers[node].add(writer, states[node], elements, where, mask)
        demands = self.plan.analysis.root_demands
        registers = [values.get(demands[root]) for root in stage.roots]
        for root, register in zip(stage.roots, registers, strict=True):
            for held, form in self.plan.analysis.stores[root]:
                values.store(root, self.pointers[held], form, register)
        return result

    def _column_stage(self, stage: Stage) -> None:
        lanes = self.values.lanes.width
        states = {node: self._reducers[node].start(self.writer, lanes) for node in stage.reductions}
        states = self._reduced_loops(list(self.plan.gone), self._part, states, lambda inner: self._visit(stage, inner))
        for node, state in states.items():
            self._finish(node, self._reducers[node].result(self.writer, state))

    def _finish(self, node: Node, register: Register) -> None:
        """Makes a reduction's result known at the point at hand."""
        output = node.outputs[0]
        demand = Demand(output, self.plan.analysis.domain.kept_identity(sizes(output)))
        self.values.remember(self.values.key(demand), self.values.settle(register))

    def _reduced_loops(
        self,
        loops: list[Atom],
        limits: tuple[Register, Register] | None,
        states: dict[Node, State],
        body: Callable[[dict[Node, State]], dict[Node, State]],
    ) -> dict[Node, State]:
        """Runs `body` in nested scalar loops, carrying the states; `limits` are those of the first loop."""
        if not loops:
            return body(states)
        bounds = (0, loops[0].size) if limits is None else limits
        with self.writer.loop(*bounds) as loop:
            self.values.counters[loops[0]] = self.values.settle(loop.index)
            carried = {
                node: tuple(self.values.settle(loop.carry(part)) for part in state) for node, state in states.items()
            }
            after = self._reduced_loops(loops[1:], None, carried, body)
            for node, state in carried.items():
                for phi, part in zip(state, after[node], strict=True):
                    loop.set(phi, part)
        return {node: tuple(self.values.move(loop.result(phi)) for phi in state) for node, state in carried.items()}

    def _row_stage(self, stage: Stage) -> None:
        """A pass over a row: vectors of accumulators for its whole part, others for what is left."""
        plan, writer = self.plan, self.writer
        atom = plan.gone[-1]
        whole, rest = divmod(atom.size, self.count)
        dynamic = self._part if len(plan.gone) == 1 else None
        tail = self._static_tail(whole * self.count, rest) if rest and dynamic is None else None
        starts: dict[Node, State] = {}
        for node in stage.reductions:
            reducer = self._reducers[node]
            state = reducer.start(writer, self.count) if whole or dynamic is not None else ()
            starts[node] = state + (reducer.start(writer, tail.width) if tail is not None else ())

        def body(states: dict[Node, State]) -> dict[Node, State]:
            return self._row_pass(stage, states, whole, tail, dynamic)

        limits = self._part if dynamic is None else None
        states = self._reduced_loops(list(plan.gone[:-1]), limits, starts, body)
        for node, state in states.items():
            reducer = self._reducers[node]
            width = len(reducer.start(writer, 1))
            parts = [reducer.finish(writer, state[at : at + width]) for at in range(0, len(state), width)]
            total = parts[0] if len(parts) == 1 else reducer.combine(writer, parts[0], parts[1])
            self._finish(node, reducer.result(writer, total))

    def _row_pass(
        self,
        stage: Stage,
        states: dict[Node, State],
        whole: int,
        tail: Lanes | None,
        dynamic: tuple[Register, Register] | None,
    ) -> dict[Node, State]:
        values, writer = self.values, self.writer
        values.vector = self.plan.gone[-1]
        widths = {node: len(self._reducers[node].start(writer, 1)) for node in states}
        main = {node: state[: widths[node]] for node, state in states.items()}
        left = {node: state[len(state) - widths[node] :] for node, state in states.items()}
        if dynamic is not None:
            main = self._dynamic_pass(stage, main, dynamic)
        elif whole == 1:
            values.lanes = Lanes(self.count, writer.constant(0, "i64"), None)
            main = self._visit(stage, main)
        elif whole:
            with writer.loop(0, whole * self.count, self.count) as loop:
                carried = self._carry(stage, main, loop)
            main = {node: tuple(values.move(loop.result(phi)) for phi in state) for node, state in carried.items()}
        if tail is not None:
            values.lanes = tail
            left = self._visit(stage, left)
        values.vector, values.lanes = None, SCALAR
        if tail is None:
            return main
        return {node: (main[node] if whole else ()) + left[node] for node in states}

    def _carry(self, stage: Stage, states: dict[Node, State], loop: Loop) -> dict[Node, State]:
        """One step of a loop along a row; returns the carried values."""
        values = self.values
        values.lanes = Lanes(self.count, values.settle(loop.index), None)
        carried = {node: tuple(values.settle(loop.carry(part)) for part in state) for node, state in states.items()}
        after = self._visit(stage, carried)
        for node, state in carried.items():
            for phi, part in zip(state, after[node], strict=True):
                loop.set(phi, part)
        return carried

    def _dynamic_pass(
        self, stage: Stage, states: dict[Node, State], limits: tuple[Register, Register]
    ) -> dict[Node, State]:
        """A pass over a chunk of a row, whose end is known only when it runs."""
        values = self.values
        first, after = limits
        last = self._whole_end(first, after)
        with self.writer.loop(first, last, self.count) as loop:
            carried = self._carry(stage, states, loop)
        states = {node: tuple(values.move(loop.result(phi)) for phi in state) for node, state in carried.items()}
        if self.plan.gone[-1].size % self.count or self.plan.reduce_chunk % self.count:
            values.lanes = self._dynamic_tail(last, after)
            states = self._visit(stage, states)
        return states


def lanes_of(plan: Plan, target: Target) -> int:
    """How many elements the vectorised loop takes at a time.

    Several vector registers where little is computed (running sums need that to hide the adders' delay) and where
    random words come four at a time; a whole row where it is short and passed over more than once.
    """
    if plan.vector is None:
        return 1
    analysis = plan.analysis
    results = [demand.value for demand in (*analysis.order, *analysis.loads)] + list(analysis.root_demands)
    widest = max((KIND_BYTES[ARITHMETIC_KIND[value.dtype.name]] for value in results), default=4)
    if any(node.operator.name.startswith("arg") for node in analysis.reductions):
        widest = max(widest, 4)
    width = max(1, target.vector_bytes // widest)
    size = plan.vector.size
    cost = sum(node_cost(demand.value.node) for demand in analysis.order)
    if plan.is_row and len(plan.stages) > 1 and size <= 8 * width and not plan.reduce_chunk:
        return 1 << (size - 1).bit_length()
    random = any("random" in demand.value.node.operator.traits for demand in analysis.order)
    streams = len(analysis.loads) + len(analysis.root_demands)
    most = 4 if random or (cost <= 12 and streams <= 4) else 2 if cost <= 40 and streams <= 8 else 1
    choices = [step for step in (4, 2, 1) if step <= most]
    if size <= width * choices[0] // 2:
        return min(width * choices[0], 1 << (size - 1).bit_length())
    best = min(choices, key=lambda step: (-(-size // (width * step)) * step, -step))
    return width * best
