"""From a program to a list of steps over buffers: control flow becomes jumps, and every value gets a place.

A value that a loop carries, that a cond returns, that a scan stacks or that replaces a state has a place of its own
that others read. Whoever computes it writes there directly where that is safe, else a copy at the end of the region
does. Which memory the other buffers share is `memory`'s work; slots and barriers are `records`'s.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from epochal.backends.native.inplace import ScheduleItem, Wishes, root
from epochal.backends.native.kernel import Kernel, Launch
from epochal.backends.native.slabs import Cut, Schedule, cut_of
from epochal.ir import Array, Graph, Node, Program, Value


@dataclass(eq=False, slots=True)
class Buffer:
    """A stretch of memory.

    Attributes:
        size: Bytes.
        kind: ``"arena"``, ``"argument"``, ``"state"`` or ``"constant"``.
        index: Which argument or state.
        value: The constant's array.
    """

    size: int
    kind: str = "arena"
    index: int = 0
    value: Array | None = None


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop of the program.

    Attributes:
        serial: Number of its counter.
        limit: Iterations, or ``None`` where only a predicate ends it.
    """

    serial: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lies: in a buffer, moving by a stride with each iteration of the loops in `strides`."""

    buffer: Buffer
    offset: int = 0
    strides: tuple[tuple[Loop, int], ...] = ()

    def window(self, loop: Loop, stride: int, reverse: bool) -> Place:
        """The slice that iteration t of `loop` uses: t, or from the end."""
        last = ((loop.limit or 1) - 1) * stride
        offset, step = (self.offset + last, -stride) if reverse else (self.offset, stride)
        return Place(self.buffer, offset, (*self.strides, (loop, step)))

    def moved(self, by: int) -> Place:
        """The place `by` bytes on."""
        return Place(self.buffer, self.offset + by, self.strides)

    def apart(self, other: Place, size: int) -> bool:
        """Whether two places of `size` bytes in one buffer never touch at the same time."""
        return self.strides == other.strides and abs(self.offset - other.offset) >= size

    @property
    def is_whole_arena_buffer(self) -> bool:
        return self.buffer.kind == "arena" and self.offset == 0 and not self.strides


@dataclass(frozen=True, slots=True)
class Work:
    """A kernel."""

    launch: Launch
    inputs: tuple[Place, ...]
    outputs: tuple[Place, ...]

    @property
    def kernel(self) -> Kernel:
        return self.launch.kernel


@dataclass(frozen=True, slots=True)
class Copy:
    """Bytes copied; `cut`: in pieces of rows, as the launches around it."""

    source: Place
    destination: Place
    size: int
    cut: Cut | None = None


@dataclass(frozen=True, slots=True)
class CallOut:
    """An operator that Python runs."""

    node: Node
    inputs: tuple[Place, ...]
    outputs: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Label:
    name: int


@dataclass(frozen=True, slots=True)
class Jump:
    label: Label


@dataclass(frozen=True, slots=True)
class JumpIfFalse:
    label: Label
    predicate: Place


@dataclass(frozen=True, slots=True)
class LoopBegin:
    """Sets the counter to 0; goes to `exit` if the limit is 0."""

    loop: Loop
    exit: Label


@dataclass(frozen=True, slots=True)
class LoopEnd:
    """Moves the windows on and goes to `top` unless the limit is reached."""

    loop: Loop
    top: Label


Step: TypeAlias = Work | Copy | CallOut | Label | Jump | JumpIfFalse | LoopBegin | LoopEnd


@dataclass(frozen=True, slots=True)
class Lowered:
    """A program as steps.

    Attributes:
        steps: In order; the end of the list is the end of a run.
        results: Where each result lies then.
        loops: How many counters there are.
    """

    steps: tuple[Step, ...]
    results: tuple[Place, ...]
    loops: int


def lower(program: Program, schedule: Schedule) -> Lowered:
    """Lowers a whole program."""
    lowering = _Lowering(schedule)
    places: dict[Value, Place] = {}
    for index, value in enumerate(program.argument_values):
        places[value] = Place(Buffer(value.type.bytes, "argument", index))
    for index, value in enumerate(program.state_values):
        places.setdefault(value, Place(Buffer(value.type.bytes, "state", index)))
    replaced = {program.state_values[index] for index in program.replaced}
    # The old value of a state must be saved before the new one takes its place.
    targets = [Place(Buffer(value.type.bytes)) if root(value) in replaced else None for value in program.result_values]
    targets.extend(places[program.state_values[index]] for index in program.replaced)
    outputs = lowering.region(program.graph, places, targets)
    return Lowered(tuple(lowering.steps), tuple(outputs[: len(program.results)]), lowering.loops)


@dataclass(slots=True)
class _Body:
    """A loop's body.

    Attributes:
        cut: How its launches are cut.
        start: Number of the step with which the loop begins.
        fixed: Values that are the same in every step.
    """

    cut: Cut | None
    start: int
    fixed: set[Value]

    def is_fixed(self, launch: Launch, direct: Container[Value]) -> bool:
        """Whether a launch gives the same in every step, and does not write where every step must (`direct`)."""
        inputs, outputs = map(root, launch.inputs), map(root, launch.outputs)
        return self.fixed.issuperset(inputs) and not any(value in direct for value in outputs)


def _has_rows(value: Value, cut: Cut) -> bool:
    return value.type.rank > 0 and value.shape[0] == cut.rows


class _Lowering:
    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.steps: list[Step] = []
        self.loops = 0
        self._labels = 0
        self._constants: dict[int, Place] = {}

    def region(
        self, graph: Graph, given: Mapping[Value, Place], targets: Sequence[Place | None], loop: _Body | None = None
    ) -> list[Place]:
        """Lowers a graph whose inputs lie where `given` says, each output to its target (``None``: anywhere).

        Args:
            graph: The graph.
            given: Where its inputs lie.
            targets: Where its outputs should lie at the end.
            loop: What is known of the loop whose body it is, if it is one.

        Returns:
            Where the outputs lie at the end.
        """
        places = {value: given[value] for value in graph.inputs}
        cut = None if loop is None else loop.cut
        items = list(self.schedule(graph) if cut is None else self.schedule(graph, cut))
        buffers = {value: place.buffer for value, place in places.items()}
        wishes = Wishes(graph, buffers, targets, lambda value, target: given[value].apart(target, value.type.bytes))
        items = wishes.ordered(items)
        direct = wishes.granted(items)
        for item in items:
            if isinstance(item, Node) and item.operator.name == "scan":
                places.update(_rows_of_carries(item, direct))
            for output in item.outputs:
                key = root(output)
                if key not in places:
                    places[key] = direct.get(key) or Place(Buffer(output.type.bytes))
            if loop is not None and isinstance(item, Launch) and loop.is_fixed(item, direct):
                self._before(loop, item, places)
            else:
                self._item(item, places)
        copies = []
        result = []
        for output, target in zip(graph.outputs, targets, strict=True):
            place = self._place(output, places)
            if target is not None and place != target:
                rows = cut if cut is not None and _has_rows(output, cut) else None
                copies.append(Copy(place, target, output.type.bytes, rows))
            result.append(target or place)
        self._copy_all(copies)
        return result

    def _item(self, item: ScheduleItem, places: dict[Value, Place]) -> None:
        inputs = tuple(self._place(value, places) for value in item.inputs)
        outputs = tuple(self._place(value, places) for value in item.outputs)
        if isinstance(item, Launch):
            self.steps.append(Work(item, inputs, outputs))
        elif item.operator.name == "cond":
            self._cond(item, inputs, outputs)
        elif item.operator.name == "while_loop":
            self._while(item, inputs, outputs)
        elif item.operator.name == "scan":
            self._scan(item, inputs, outputs)
        elif item.operator.name == "after":  # its other operands only had to come before
            self.steps.append(Copy(inputs[0], outputs[0], item.outputs[0].type.bytes))
        else:
            self.steps.append(CallOut(item, inputs, outputs))

    def _before(self, loop: _Body, launch: Launch, places: dict[Value, Place]) -> None:
        """A launch that gives the same in every step, before the loop begins."""
        inputs = tuple(self._place(value, places) for value in launch.inputs)
        outputs = tuple(self._place(value, places) for value in launch.outputs)
        self.steps.insert(loop.start, Work(launch, inputs, outputs))
        loop.start += 1
        loop.fixed.update(map(root, launch.outputs))

    def _cond(self, node: Node, inputs: tuple[Place, ...], outputs: tuple[Place, ...]) -> None:
        otherwise, end = self._label(), self._label()
        self.steps.append(JumpIfFalse(otherwise, inputs[0]))
        then_graph: Graph = node.parameters["then_graph"]
        else_graph: Graph = node.parameters["else_graph"]
        self.region(then_graph, dict(zip(then_graph.inputs, inputs[1:], strict=True)), outputs)
        self.steps += [Jump(end), otherwise]
        self.region(else_graph, dict(zip(else_graph.inputs, inputs[1:], strict=True)), outputs)
        self.steps.append(end)

    def _while(self, node: Node, inputs: tuple[Place, ...], outputs: tuple[Place, ...]) -> None:
        condition: Graph = node.parameters["condition"]
        body: Graph = node.parameters["body"]
        constants: int = node.parameters["constants"]
        self._begin_carries(node, inputs[constants:], outputs)
        inside = self._body(body, constants, len(outputs))
        loop = self._loop(node.parameters.get("maximum_iterations"))
        top, leave = self._label(), self._label()
        operands = (*inputs[:constants], *outputs)
        self.steps += [LoopBegin(loop, leave), top]
        (predicate,) = self.region(condition, dict(zip(condition.inputs, operands, strict=True)), [None])
        self.steps.append(JumpIfFalse(leave, predicate))
        self.region(body, dict(zip(body.inputs, operands, strict=True)), outputs, inside)
        self.steps += [LoopEnd(loop, top), leave]

    def _scan(self, node: Node, inputs: tuple[Place, ...], outputs: tuple[Place, ...]) -> None:
        body: Graph = node.parameters["body"]
        constants: int = node.parameters["constants"]
        carries: int = node.parameters["carries"]
        reverse = bool(node.parameters.get("reverse", False))
        loop = self._loop(int(node.parameters["length"]))
        top, leave = self._label(), self._label()
        slices = [
            place.window(loop, value.type.bytes, reverse)
            for place, value in zip(inputs[constants + carries :], body.inputs[constants + carries :], strict=True)
        ]
        stacks = [
            place.window(loop, value.type.bytes, reverse)
            for place, value in zip(outputs[carries:], body.outputs[carries:], strict=True)
        ]
        before, after, starts = list(outputs[:carries]), list(outputs[:carries]), list(outputs[:carries])
        for number, stack in _stacked_carries(node).items():
            place, size = outputs[carries + stack], body.outputs[carries + stack].type.bytes
            if place.buffer is outputs[number].buffer:  # laid out by `_rows_of_carries`
                before[number] = stacks[stack]
                after[number] = before[number].moved(-size if reverse else size)
                starts[number] = place.moved(((loop.limit or 0) - 1) * size) if reverse else place
        self._begin_carries(node, inputs[constants : constants + carries], starts)
        operands = (*inputs[:constants], *before, *slices)
        inside = self._body(body, constants, carries)
        self.steps += [LoopBegin(loop, leave), top]
        self.region(body, dict(zip(body.inputs, operands, strict=True)), [*after, *stacks], inside)
        self.steps += [LoopEnd(loop, top), leave]

    def _begin_carries(self, node: Node, starts: Sequence[Place], carries: Sequence[Place]) -> None:
        for start, carry, output in zip(starts, carries, node.outputs[: len(carries)], strict=True):
            if start != carry:
                self.steps.append(Copy(start, carry, output.type.bytes))

    def _copy_all(self, copies: Sequence[Copy]) -> None:
        """Copies as if all at once: no copy overwrites what another still has to read."""
        waiting = list(copies)
        while waiting:
            read = [copy.source.buffer for copy in waiting]
            free = next(
                (
                    copy
                    for copy in waiting
                    if read.count(copy.destination.buffer) == (copy.source.buffer is copy.destination.buffer)
                ),
                None,
            )
            if free is None:  # a circle: one value steps aside
                first = waiting[0]
                temporary = Place(Buffer(first.size))
                self.steps.append(Copy(first.source, temporary, first.size))
                waiting[0] = replace(first, source=temporary)
                continue
            waiting.remove(free)
            self.steps.append(free)

    def _place(self, value: Value, places: dict[Value, Place]) -> Place:
        value = root(value)
        place = places.get(value)
        if place is None:
            node = value.node
            assert node.operator.name == "constant", f"{value!r} of {node!r} is used before it is computed"
            place = self._constants.get(node.serial)
            if place is None:
                place = Place(Buffer(value.type.bytes, "constant", 0, node.parameters["value"]))
                self._constants[node.serial] = place
        return place

    def _label(self) -> Label:
        self._labels += 1
        return Label(self._labels)

    def _body(self, body: Graph, constants: int, carries: int) -> _Body:
        """What is known of a loop that is about to begin."""
        return _Body(cut_of(body, constants, carries), len(self.steps), set(body.inputs[:constants]))

    def _loop(self, limit: int | None) -> Loop:
        self.loops += 1
        return Loop(self.loops - 1, limit)


def _stacked_carries(scan: Node) -> dict[int, int]:
    """Carries of which a scan stacks the value before each iteration: number to the number of the stack."""
    body: Graph = scan.parameters["body"]
    constants, carries = scan.parameters["constants"], scan.parameters["carries"]
    numbers = {value: index for index, value in enumerate(body.inputs[constants : constants + carries])}
    found: dict[int, int] = {}
    for stack, value in enumerate(body.outputs[carries:]):
        number = numbers.get(root(value))
        if number is not None:
            found.setdefault(number, stack)
    return found


def _rows_of_carries(scan: Node, taken: Container[Value]) -> dict[Value, Place]:
    """Places for such stacks and their carries, which then need no copies.

    The stack has one row more: iteration t finds its carry in the row that it would have to copy it to, and leaves
    the next one in the row beside it; the last is the final carry. In a reversed scan the rows run backwards.
    """
    carries, length = scan.parameters["carries"], int(scan.parameters["length"])
    places: dict[Value, Place] = {}
    for number, stack in _stacked_carries(scan).items():
        last, rows = scan.outputs[number], scan.outputs[carries + stack]
        size = last.type.bytes
        if last in taken or rows in taken or not length:
            continue
        buffer = Buffer((length + 1) * size)
        first = bool(scan.parameters.get("reverse", False))
        places[rows] = Place(buffer, size if first else 0)
        places[last] = Place(buffer, 0 if first else length * size)
    return places


def buffers_of(step: Step) -> Iterable[tuple[Place, bool]]:
    """The places a step touches, with whether it writes them."""
    if isinstance(step, (Work, CallOut)):
        yield from ((place, False) for place in step.inputs)
        yield from ((place, True) for place in step.outputs)
    elif isinstance(step, Copy):
        yield step.source, False
        yield step.destination, True
    elif isinstance(step, JumpIfFalse):
        yield step.predicate, False
