"""Schedules kept on disk: what a process before has fused, this one need not think about again.

A schedule follows from the graph and the settings alone, so its key is theirs. An entry says, for every launch, which
kernel (key, pieces, cost ...) works on which values; the kernel's text is not kept, because its object code is in the
cache too. If that has gone, the schedule is made after all.
"""

from __future__ import annotations

import hashlib
import marshal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from epochal import config, dtypes
from epochal.backends.native import engine
from epochal.backends.native.inplace import ScheduleItem, root
from epochal.backends.native.kernel import Kernel, Launch, Slabs, Target
from epochal.backends.native.slabs import Cut, Schedule
from epochal.ir import Graph, Node, TensorType, Value, graph_key, make_input

FEWEST_NODES = 40
"""Smaller graphs are scheduled sooner than a file is read."""


def remembered(schedule: Schedule) -> Schedule:
    """`schedule`, asked only for graphs that have no entry in the cache."""

    def recall(graph: Graph, cut: Cut | None = None) -> Sequence[ScheduleItem]:
        nodes = graph.nodes()
        if len(nodes) < FEWEST_NODES:
            return schedule(graph, cut)
        cache, salt = engine.engine().cache, engine.engine().salt
        text = f"schedule {graph_key(graph)} {cut} {sys.version} {config.winograd()}".encode()
        key = hashlib.blake2b(text + salt, digest_size=20).hexdigest()
        values = _numbered(graph, nodes)
        entry = cache.read(key)
        if entry is not None:
            return _decode(marshal.loads(entry), values, _Anew(schedule, graph, cut))
        items = schedule(graph, cut)
        encoded = _encode(items, values)
        if encoded is not None:
            cache.write(key, marshal.dumps(encoded))
        return items

    return recall


class _Anew:
    """Emits kernels by scheduling after all, once."""

    def __init__(self, schedule: Schedule, graph: Graph, cut: Cut | None) -> None:
        self._schedule = schedule
        self._graph = graph
        self._cut = cut
        self._kernels: dict[str, Kernel] | None = None

    def emitter(self, key: str) -> Callable[[Target], str]:
        def emit(target: Target) -> str:
            if self._kernels is None:
                items = self._schedule(self._graph, self._cut)
                self._kernels = {item.kernel.key: item.kernel for item in items if isinstance(item, Launch)}
            return self._kernels[key].emit(target)

        return emit


def _numbered(graph: Graph, nodes: Sequence[Node]) -> list[Value]:
    """The values of a graph, in an order that graphs of equal keys share."""
    values = list(graph.inputs)
    given = set(values)
    for node in nodes:
        if node.outputs[0] not in given:
            values.extend(node.outputs)
    return values


def _encode(items: Sequence[ScheduleItem], values: Sequence[Value]) -> Any:
    """The items in numbers and strings, or ``None`` if they hold something that no graph of that key would have.

    A value is its number; those beyond the graph's, which the schedule has made up (partial sums), are listed with
    their types.
    """
    numbers = {value: number for number, value in enumerate(values)}
    made: list[tuple[str, tuple[int, ...]]] = []

    def number(value: Value) -> int:
        value = root(value)
        if value not in numbers:
            numbers[value] = len(numbers)
            made.append((value.dtype.name, value.shape))  # type: ignore[arg-type]
        return numbers[value]

    rows: list[Any] = []
    for item in items:
        if isinstance(item, Node):
            if item.outputs[0] not in numbers:
                return None
            rows.append(numbers[item.outputs[0]])
            continue
        kernel = item.kernel
        slabs = kernel.slabs and (kernel.slabs.rows, kernel.slabs.block, tuple(kernel.slabs.operands))
        facts = (kernel.key, kernel.pieces, kernel.cost, kernel.scratch, tuple(kernel.inplace), slabs)
        operands = [number(value) for value in item.inputs]
        rows.append((facts, operands, [number(value) for value in item.outputs]))
    results = {root(output) for item in items for output in item.outputs}
    if any(value not in results for value in list(numbers)[len(values) :]):
        return None  # a constant that the schedule has made, say
    return rows, made


def _decode(entry: Any, values: Sequence[Value], anew: _Anew) -> list[ScheduleItem]:
    rows, made = entry
    known = [*values, *(make_input(TensorType(dtypes.get(name), tuple(shape))) for name, shape in made)]
    items: list[ScheduleItem] = []
    for row in rows:
        if isinstance(row, int):
            items.append(known[row].node)
            continue
        (key, pieces, cost, scratch, inplace, slabs), inputs, outputs = row
        shared = slabs and Slabs(slabs[0], slabs[1], frozenset(slabs[2]))
        kernel = Kernel(key, anew.emitter(key), pieces, cost, scratch, frozenset(inplace), shared)
        items.append(Launch(kernel, tuple(known[i] for i in inputs), tuple(known[i] for i in outputs)))
    return items
