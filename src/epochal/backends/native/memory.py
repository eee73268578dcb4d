"""Where the buffers of a program lie in its arena: liveness, then sharing.

A buffer lives from the first step that touches it to the last; one that is older than a loop and read in it lives to
the loop's end, and one whose slices a loop fills lives all through that loop. A result may take over the memory of an
operand that dies with it where the kernel allows, a copy's destination that of a source that dies. Everything else
is placed best-fit among the buffers alive at the time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from epochal.backends.native.memory_fit import fit_by_size
from epochal.backends.native.program import (
    Buffer,
    Copy,
    LoopBegin,
    LoopEnd,
    Lowered,
    Place,
    Step,
    Work,
    buffers_of,
)

ALIGNMENT = 64

# Smaller arenas are laid out in order of time alone: what was used last is in the caches.
_LARGE_BYTES = 4 << 20
_WASTE = 1.02
_MOST_FITTED = 3000  # what takes time grows with the square of how many buffers there are: half a second for these


@dataclass(slots=True)
class MemoryPlan:
    """Offsets of the arena's buffers.

    Attributes:
        size: Bytes of the arena.
        offsets: Where each buffer starts.
    """

    size: int = 0
    offsets: dict[Buffer, int] = field(default_factory=dict)


def plan(lowered: Lowered) -> MemoryPlan:
    """Places every arena buffer of a program."""
    lives, owners = lives_and_owners(lowered)
    offsets, size = _place(lives, owners)
    if size > _LARGE_BYTES and len(lives) <= _MOST_FITTED and size > _WASTE * most_live(lives, owners):
        offsets, size = min((offsets, size), _place_by_size(lives, owners), key=lambda found: found[1])
    return MemoryPlan(size, {buffer: offsets[_owner(buffer, owners)] for buffer in lives})


def lives_and_owners(lowered: Lowered) -> tuple[dict[Buffer, list[int]], dict[Buffer, Buffer]]:
    """First and last step of every arena buffer, and the buffer whose memory it uses where it has none of its own."""
    lives = _liveness(lowered)
    return lives, _share(lowered.steps, lives)


def _liveness(lowered: Lowered) -> dict[Buffer, list[int]]:
    """First and last step of every arena buffer."""
    lives: dict[Buffer, list[int]] = {}
    spans = _loop_spans(lowered.steps)
    inside = _enclosing(lowered.steps)
    for index, step in enumerate(lowered.steps):
        for place, _ in buffers_of(step):
            if place.buffer.kind == "arena":
                _extend(lives, place, index, spans)
    end = len(lowered.steps)
    for place in lowered.results:
        if place.buffer.kind == "arena":
            _extend(lives, place, end, spans)
    # Innermost loops come first, so a life that an inner loop stretches is seen by the outer one.
    for index, step in enumerate(lowered.steps):
        for place, _ in buffers_of(step):
            life = lives.get(place.buffer)
            if life is None:
                continue
            for begin, finish in inside[index]:
                if life[0] < begin:
                    life[1] = max(life[1], finish)
    return lives


def _extend(lives: dict[Buffer, list[int]], place: Place, index: int, spans: dict[int, tuple[int, int]]) -> None:
    life = lives.setdefault(place.buffer, [index, index])
    life[1] = max(life[1], index)
    for loop, _ in place.strides:
        begin, finish = spans[loop.serial]
        life[0] = min(life[0], begin)
        life[1] = max(life[1], finish)


def _loop_spans(steps: Sequence[Step]) -> dict[int, tuple[int, int]]:
    """First and last step of every loop, by its counter."""
    begins: dict[int, int] = {}
    spans: dict[int, tuple[int, int]] = {}
    for index, step in enumerate(steps):
        if isinstance(step, LoopBegin):
            begins[step.loop.serial] = index
        elif isinstance(step, LoopEnd):
            spans[step.loop.serial] = (begins[step.loop.serial], index)
    return spans


def _enclosing(steps: Sequence[Step]) -> list[tuple[tuple[int, int], ...]]:
    """For every step the loops around it, innermost first."""
    spans = _loop_spans(steps)
    result: list[tuple[tuple[int, int], ...]] = []
    stack: tuple[tuple[int, int], ...] = ()
    for step in steps:
        if isinstance(step, LoopBegin):
            stack = (spans[step.loop.serial], *stack)
        result.append(stack)
        if isinstance(step, LoopEnd):
            stack = stack[1:]
    return result


def _owner(buffer: Buffer, owners: dict[Buffer, Buffer]) -> Buffer:
    while buffer in owners:
        buffer = owners[buffer]
    return buffer


def _share(steps: Sequence[Step], lives: dict[Buffer, list[int]]) -> dict[Buffer, Buffer]:
    """Lets results take over the memory of operands: buffer to the buffer whose memory it uses."""
    owners: dict[Buffer, Buffer] = {}
    for index, step in enumerate(steps):
        if isinstance(step, Work):
            taken: set[Buffer] = set()
            for source, target in sorted(step.kernel.inplace):
                buffer = step.inputs[source].buffer
                # Every operand in that memory must be read in step with the result.
                in_step = all(
                    place.buffer is not buffer or (number, target) in step.kernel.inplace
                    for number, place in enumerate(step.inputs)
                )
                if (
                    in_step
                    and buffer not in taken
                    and _take_over(step.inputs[source], step.outputs[target], index, lives, owners)
                ):
                    taken.add(buffer)
        elif isinstance(step, Copy):
            _take_over(step.source, step.destination, index, lives, owners)
    return owners


def _take_over(
    source: Place, target: Place, index: int, lives: dict[Buffer, list[int]], owners: dict[Buffer, Buffer]
) -> bool:
    if not (source.is_whole_arena_buffer and target.is_whole_arena_buffer) or target.buffer in owners:
        return False
    owner = _owner(source.buffer, owners)
    if owner is target.buffer or owner.size != target.buffer.size:
        return False
    # The owner's life includes those of all that have taken it over so far.
    if lives[owner][1] != index or lives[target.buffer][0] != index:
        return False
    owners[target.buffer] = owner
    lives[owner][1] = lives[target.buffer][1]
    return True


def _place(lives: dict[Buffer, list[int]], owners: dict[Buffer, Buffer]) -> tuple[dict[Buffer, int], int]:
    """Offsets of the owners, and the arena's size: in order of time, into the smallest gap that fits."""
    offsets: dict[Buffer, int] = {}
    starting = sorted((life[0], number, buffer) for number, (buffer, life) in enumerate(lives.items()))
    ending = sorted((life[1], number, buffer) for number, (buffer, life) in enumerate(lives.items()))
    gaps: list[tuple[int, int]] = []  # (start, end), sorted, not adjacent
    top = 0
    next_end = 0
    for start, _, buffer in starting:
        if buffer in owners:
            continue
        while next_end < len(ending) and ending[next_end][0] < start:
            dead = ending[next_end][2]
            next_end += 1
            if dead not in owners:
                _release(gaps, offsets[dead], offsets[dead] + padded(dead.size))
        need = padded(buffer.size)
        fitting = [(end - begin, number) for number, (begin, end) in enumerate(gaps) if end - begin >= need]
        if fitting:
            number = min(fitting)[1]
            begin, end = gaps[number]
            offsets[buffer] = begin
            gaps[number : number + 1] = [(begin + need, end)] if end - begin > need else []
        elif gaps and gaps[-1][1] == top:
            begin, _end = gaps.pop()  # grow the last gap
            offsets[buffer] = begin
            top = begin + need
        else:
            offsets[buffer] = top
            top += need
    return offsets, top


def _place_by_size(lives: dict[Buffer, list[int]], owners: dict[Buffer, Buffer]) -> tuple[dict[Buffer, int], int]:
    buffers = [buffer for buffer in lives if buffer not in owners]
    spans = [(lives[buffer][0], lives[buffer][1]) for buffer in buffers]
    offsets, size = fit_by_size([padded(buffer.size) for buffer in buffers], spans)
    return dict(zip(buffers, offsets, strict=True)), size


def most_live(lives: dict[Buffer, list[int]], owners: dict[Buffer, Buffer]) -> int:
    """The most bytes that live at one time: no plan can do with less."""
    changes: Counter[int] = Counter()
    for buffer, (first, last) in lives.items():
        if buffer not in owners:
            changes[first] += padded(buffer.size)
            changes[last + 1] -= padded(buffer.size)
    most = now = 0
    for step in sorted(changes):
        now += changes[step]
        most = max(most, now)
    return most


def _release(gaps: list[tuple[int, int]], begin: int, end: int) -> None:
    """Adds a gap, joined with its neighbours."""
    position = 0
    while position < len(gaps) and gaps[position][0] < begin:
        position += 1
    if position < len(gaps) and gaps[position][0] == end:
        end = gaps.pop(position)[1]
    if position and gaps[position - 1][1] == begin:
        position -= 1
        begin = gaps.pop(position)[0]
    gaps.insert(position, (begin, end))


def padded(size: int) -> int:
    """A buffer's size in whole lines of the cache."""
    return max(1, -(-size // ALIGNMENT)) * ALIGNMENT
