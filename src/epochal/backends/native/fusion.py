"""Which nodes are computed together: greedy, from a region's results back to its inputs.

When a node's turn comes all its users have their places. It is computed inside them if that costs no repeated work
to speak of; otherwise it is stored: by a user's group that runs over just its elements, or by a group of its own.
Views (reshapes, broadcasts, slices ...) are repeated freely, cheap operators a little.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from epochal.backends.native.fusion_epilogue import epilogue_of
from epochal.backends.native.fusion_group import (
    Analysis,
    Group,
    Join,
    NotFusableError,
    analyse,
    evaluations,
    is_identity,
    is_reduction,
    node_cost,
    operands,
    waste,
)
from epochal.backends.native.fusion_joins import joined, parts_of
from epochal.backends.native.fusion_kernel import memory_root
from epochal.backends.native.fusion_order import ItemOrder
from epochal.backends.native.fusion_rules import (
    MOST_BUFFERS,
    MOST_IN_EPILOGUE,
    MOST_MEMBERS,
    REPEATED,
    VIEWS,
    budget,
    is_light,
    is_loop,
    is_splat,
    needs_other_sums,
    repeat_cost,
    repeats_something_computed,
    rows_behind,
    shape_pays,
)
from epochal.backends.native.fusion_sums import SUMS
from epochal.backends.native.fusion_take import SumTaker
from epochal.backends.native.kernel import ALIASES
from epochal.backends.native.kernels.lower import FUSES
from epochal.backends.native.loops_scatter import operands_read
from epochal.backends.native.movement import Demand, NotAffineError, dynamics, moves, sizes
from epochal.backends.native.reduce import Space, space
from epochal.ir import Node, Value


@dataclass(frozen=True, slots=True)
class Step:
    """What adding a node to a group changes: a whole new analysis, or just the demands that take its place.

    `space` is the group's new space, if that changes.
    """

    analysis: Analysis | None
    demands: tuple[Demand, ...]
    waste: float
    space: Space | None = None


class Fusion:
    """The groups of one region.

    Attributes:
        groups: Fused groups, and lone nodes in a group of kind ``product`` or by themselves (`foreign`).
        foreign: Nodes that are no loops, each with its group if something is fused onto it.
        stored: Values that must be in memory.
    """

    def __init__(
        self, nodes: Sequence[Node], outputs: Iterable[Value], products: frozenset[Node], sums: bool = True
    ) -> None:
        self.nodes = [node for node in nodes if node.operator.name != "input"]
        self.products = products  # nodes that register-blocked kernels do
        self.groups: dict[Group, None] = {}
        self.stored: set[Value] = set()
        self.readers: dict[Value, dict[Group, None]] = {}
        self.foreign_readers: dict[Value, list[Node]] = {}
        self.host: dict[Value, Group] = {}
        self.users: dict[Value, list[Node]] = {}
        for node in nodes:
            for value in node.inputs:
                self.users.setdefault(value, []).append(node)
        self.placed: set[Node] = set()  # concatenations that have a group already
        self.parts: set[Value] = set()  # of those: their group is their host
        self.foreign: list[Node] = []
        self.hosts_of_products: dict[Node, Group] = {}
        self.order: ItemOrder[Group | Node] = ItemOrder(self.successors)
        self._with_sums = sums  # whether products may take sums into their epilogues
        self.outputs = {held for value in outputs for held in (value, memory_root(value))}
        for value in self.outputs:
            self._need(value)

    def run(self) -> None:
        for node in reversed(self.nodes):
            if node.operator.name == "constant":
                continue
            if node.operator.name in ALIASES:
                self._alias(node)
            elif is_loop(node) and node not in self.products:
                self._loop(node)
            else:
                self._foreign(node)
        for value in list(self.readers):
            if value.node.operator.name == "input":
                self._share(value)
        if self._with_sums:
            alone = set(self.foreign)
            for node in self.nodes:
                computed = node in self.hosts_of_products or (node in alone and node in self.products)
                if computed and node.operator.name in SUMS:
                    SumTaker(self, node).run()

    # Bookkeeping

    def _need(self, value: Value) -> None:
        """The value must be in memory; so must what it is an alias of."""
        self.stored.add(value)

    def _read(self, group: Group, value: Value) -> None:
        self.readers.setdefault(value, {})[group] = None

    def _join(self, group: Group, node: Node, step: Step | None = None) -> None:
        """Makes a node a member."""
        group.members[node] = None
        if step is not None and step.space is not None:
            group.space = step.space
        if step is None:
            group.analysis = None
        elif step.analysis is not None:
            group.settle(step.analysis)
        else:
            group.reads.pop(node.outputs[0], None)
            group.wasted += step.waste
            for demand in step.demands:
                if not is_splat(demand.value.node):
                    group.reads.setdefault(demand.value, {})[demand] = None
        for value in node.inputs:
            self._read(group, value)

    def _used(self, node: Node) -> bool:
        return any(output in self.stored or self.readers.get(output) for output in node.outputs)

    # The three kinds of node

    def _foreign(self, node: Node) -> None:
        if not self._used(node):
            return
        for output in node.outputs:
            self._share(output)
        self.foreign.append(node)
        self.order.add_first(node)
        for value in operands_read(node):
            self._need(value)
            self.foreign_readers.setdefault(value, []).append(node)
        if node in self.products and node.operator.name in FUSES:
            self._epilogue(node)

    def _share(self, value: Value) -> None:
        """Groups that run over all of a value that none of them computes read it together."""
        readers = [
            group for group in self.readers.get(value, {}) if math.prod(group.space.shape) == value.type.size > 1
        ]
        if len(readers) > 1:
            self._merge_readers(readers)

    def _alias(self, node: Node) -> None:
        """A value with its operand's memory: members of whoever can index through it; others read the memory."""
        value, operand = node.outputs[0], node.inputs[0]
        if value in self.stored:
            self._need(operand)
            self.foreign_readers.setdefault(operand, []).extend(self.foreign_readers.get(value, ()))
        for group in self.readers.get(value, {}):
            step = self._inlines(group, node) if moves(node.operator.name) else None
            if step is not None:
                self._join(group, node, step)
            else:
                self._need(operand)
                self.stored.add(value)
                self._read(group, operand)

    def _loop(self, node: Node) -> None:
        value = node.outputs[0]
        if not self._used(node) or node in self.placed or (value in self.parts and self._part(node)):
            return
        readers = list(self.readers.get(value, {}))
        if len(readers) > 1:
            readers = self._merge_readers(readers)
        steps = {group: self._inlines(group, node) for group in readers}
        accepted = {group: step for group, step in steps.items() if step is not None}
        refused = [group for group in readers if group not in accepted]
        store = value in self.stored or bool(refused)
        if not store and (len(readers) == 1 or self._cheap(node, readers)):
            for group, step in accepted.items():
                self._inline(group, node, step, len(readers) > 1)
            return
        if node.operator.name in VIEWS:
            # A view that must lie in memory for someone is still a view for the others.
            for group, step in accepted.items():
                self._inline(group, node, step, True)
            if store:
                self._store(node, refused)
            return
        self._store(node, readers)

    def _inline(self, group: Group, node: Node, step: Step, repeated: bool) -> None:
        if repeated:
            group.repeated += 0.0 if node.operator.name in VIEWS else repeat_cost(node)
        self._join(group, node, step)

    def _store(self, node: Node, readers: Sequence[Group]) -> None:
        """A place for a node whose value goes to memory."""
        value = node.outputs[0]
        self.stored.add(value)
        for group in readers:
            step = self._hosts(group, node)
            if step is not None:
                self.order.put_before(group, self._others(value, group))
                group.roots[value] = None
                self._join(group, node, step)
                self.host[value] = group
                return
        found = joined(node, self.users, self._is_computed)
        if found is not None:
            self._store_parts(found)
            return
        where = space(node) if is_reduction(node) else Space(sizes(value), frozenset())
        group = Group(where, {}, {value: None})
        self.groups[group] = None
        self.order.add_first(group)
        self.host[value] = group
        self._join(group, node)

    def _is_computed(self, value: Value) -> bool:
        node = value.node
        return "elementwise" in node.operator.traits and is_loop(node) and node not in self.products

    def _store_parts(self, nodes: Sequence[Node]) -> None:
        """A group for the parts of concatenations, each stored where it belongs."""
        parts = parts_of(nodes)
        shape = sizes(parts[0])
        group = Group(Space(shape, frozenset()), {}, dict.fromkeys(parts))
        self.groups[group] = None
        for node in nodes:
            axis, whole = node.parameters["axis"], node.outputs[0]
            for number, value in enumerate(node.inputs):
                group.joins[value] = (*group.joins.get(value, ()), Join(whole, axis, number * shape[axis]))
            self.stored.add(whole)
            self.host[whole] = group
            self.placed.add(node)
        for value in parts:
            self.host[value] = group
            self.parts.add(value)
            self._read(group, value)
        self.order.add_first(group)

    def _part(self, node: Node) -> bool:
        """Computes a part where it is stored, if nothing stands against that; else its group reads it like others."""
        value = node.outputs[0]
        group = self.host[value]
        others = self._others(value, group)
        if self.order.reaches(others, group):
            return False
        if others or value in self.stored:  # in a place of its own, too
            self.order.put_before(group, others)
            group.joins[value] = (*group.joins[value], Join(value, 0, 0))
            self.stored.add(value)
        self._join(group, node, self._trial(group, node, False))
        return True

    # What is allowed

    def _cheap(self, node: Node, readers: Sequence[Group]) -> bool:
        """Whether each of several groups may compute a node for itself."""
        if node.operator.name in VIEWS:
            return True
        if is_reduction(node) or "random" in node.operator.traits or node.operator.name in ("gather", "concat", "pad"):
            return False
        cost = repeat_cost(node)
        if any(group.product is not None for group in readers) and not is_light(node):
            return False
        return node.outputs[0].type.size > 1 and all(group.repeated + cost <= REPEATED for group in readers)

    def _trial(self, group: Group, node: Node, root: bool) -> Step | None:
        """What adding a node to a group would change, if the group stays a good nest."""
        if len(group.members) >= MOST_MEMBERS or group.reads_its_own(node.inputs):
            return None
        if not is_reduction(node) and node.operator.name != "reshape":
            try:
                return self._small_step(group, node, root)
            except NotAffineError:
                pass
        joint = self._joint_space(group, node) if is_reduction(node) else group.space
        return None if joint is None else self._large_step(group, node, joint, root)

    def _large_step(self, group: Group, node: Node, joint: Space, root: bool) -> Step | None:
        """The same by a whole new analysis, over a space that may be new."""
        trial = group.trial(node, joint, root)
        try:
            analysis = analyse(trial)
        except NotFusableError:
            return None
        demands = [demand for demand in analysis.order if demand.value is node.outputs[0]]
        if root and not all(is_identity(analysis, demand) for demand in demands):
            return None
        if not self._fits(analysis.inputs, len(trial.roots), node):
            return None
        if waste(analysis) > budget(analysis) or not shape_pays(analysis):
            return None
        return Step(analysis, (), 0.0, joint)

    def _small_step(self, group: Group, node: Node, root: bool) -> Step | None:
        """The same for a node that changes neither the group's counters nor its stages."""
        analysis, value = group.current(), node.outputs[0]
        demands = dict(group.reads.get(value, {}))
        if root:
            if not all(is_identity(analysis, demand) for demand in demands):
                return None
            shape, domain = sizes(value), analysis.domain
            place = domain.kept_identity(shape) if domain.on_kept(shape) else domain.identity(shape)
            demands[Demand(value, place)] = None
        parts: dict[Demand, None] = {}
        wasted, count = 0.0, 0
        for demand in demands:
            for part in operands(node, demand):
                if part is not None:
                    parts[part] = None
                    sources = dynamics(part)
                    parts.update((Demand(s.value, s.place, s.guard), None) for s in sources if s.value is not None)
            count += evaluations(analysis, demand)
        if not moves(node.operator.name):
            wasted = node_cost(node) * max(0, count - max(1, value.type.size))
        if wasted and group.wasted + wasted > budget(analysis):
            return None
        reads = dict.fromkeys([*group.reads, *(part.value for part in parts if not is_splat(part.value.node))])
        if not self._fits([read for read in reads if read is not value], len(group.roots) + root, node):
            return None
        return Step(None, tuple(parts), wasted)

    @staticmethod
    def _fits(reads: Sequence[Value], roots: int, node: Node) -> bool:
        """Whether there are not too many buffers, and none is the node's result under another name."""
        if len(reads) + roots > MOST_BUFFERS:
            return False
        return not any(read.node.operator.name in ALIASES and memory_root(read) is node.outputs[0] for read in reads)

    def _inlines(self, group: Group, node: Node) -> Step | None:
        """How `group` can compute `node` for itself without storing it."""
        if group.product is not None:
            fits = node.operator.name in ("broadcast", "reshape", "stop_gradient") or is_light(node)
            if not fits or epilogue_of(group.trial(node), group.product) is None:
                return None
            return Step(None, (), 0.0)
        return self._trial(group, node, False)

    def _hosts(self, group: Group, node: Node) -> Step | None:
        """How `group` can compute and store `node` for everyone."""
        if group.product is not None:
            return None
        sums = group.space.reduced and not is_reduction(node)
        if sums and (self._follows_product(node) or needs_other_sums(node, group.space)):
            return None
        value = node.outputs[0]
        if self.order.reaches(self._others(value, group), group):
            return None
        step = self._trial(group, node, True)
        if step is None and not group.space.reduced and not is_reduction(node):
            rows = rows_behind(node, math.prod(group.space.shape))
            step = None if rows is None else self._large_step(group, node, rows, True)
        return step

    def _follows_product(self, node: Node) -> bool:
        """Whether a node is better left to the epilogue of a product that it is computed from."""
        size = node.outputs[0].type.size
        for _ in range(4):
            if "elementwise" not in node.operator.traits:
                return False
            wide = [value.node for value in node.inputs if value.type.size == size]
            if any(repeats_something_computed(other) for other in wide):
                return False
            found = [other for other in wide if other in self.products and other.operator.name in FUSES]
            if found:
                return all(not self.readers.get(other.outputs[0]) for other in found)
            inner = [other for other in wide if "elementwise" in other.operator.traits]
            if not inner:
                return False
            node = inner[0]
        return False

    def _joint_space(self, group: Group, node: Node) -> Space | None:
        """The space of a group that takes in a reduction."""
        where = space(node)
        total, result = math.prod(where.shape), node.outputs[0].type.size
        whole = math.prod(group.space.shape)
        if group.space.reduced:
            return group.space if whole == total else None
        if whole == result:
            return where
        if whole == total:
            return where
        return None

    def _merge_readers(self, readers: list[Group]) -> list[Group]:
        """Groups over the same points that all want a node become one, unless a path between them stands against it."""
        first = readers[0]
        kept = [first]
        for group in readers[1:]:
            if not self._merges(first, group):
                kept.append(group)
                continue
            self._absorb(first, group)
        return kept

    def _merges(self, first: Group, second: Group) -> bool:
        if first.product is not None or second.product is not None or first.space != second.space:
            return False
        if len(first.members) + len(second.members) > MOST_MEMBERS:
            return False
        earlier, later = (first, second) if self.order.is_before(first, second) else (second, first)
        if self.order.reaches(self._between(earlier, later), later):
            return False
        joins = {**second.joins, **first.joins}
        merged = Group(first.space, {**second.members, **first.members}, {**second.roots, **first.roots}, joins=joins)
        try:
            analysis = analyse(merged)
        except NotFusableError:
            return False
        if len(analysis.inputs) + len(merged.roots) > MOST_BUFFERS:
            return False
        if not shape_pays(analysis):
            return False
        if any(memory_root(read) in merged.roots for read in analysis.inputs) or merged.reads_its_own(analysis.inputs):
            return False  # one reads a result of the other under another name
        for demand in analysis.order:
            if demand.value in merged.roots and not is_identity(analysis, demand):
                return False
        return True

    def _absorb(self, first: Group, second: Group) -> None:
        earlier, later = (first, second) if self.order.is_before(first, second) else (second, first)
        self.order.unite(first, second, self._between(earlier, later))
        first.members.update(second.members)
        first.roots.update(second.roots)
        first.joins.update(second.joins)
        first.repeated = max(first.repeated, second.repeated)
        first.analysis = None
        for root in (*second.roots, *second.results):
            self.host[root] = first
        for groups in self.readers.values():
            if second in groups:
                del groups[second]
                groups[first] = None
        del self.groups[second]

    # Order

    def successors(self, item: Group | Node) -> Iterable[Group | Node]:
        """Who reads what an item stores."""
        roots: Iterable[Value]
        if isinstance(item, Group):
            roots = item.results if item.product is None else (*item.roots, *item.product.outputs)
            roots = (*roots, *(result for part in item.sums for result in part.results))
        else:
            roots = item.outputs
        for root in roots:
            yield from self._readers_of(root)

    def _readers_of(self, value: Value) -> Iterable[Group | Node]:
        for group in self.readers.get(value, ()):
            if value.node not in group.members and all(value.node not in part.members for part in group.sums):
                yield group
        for node in self.foreign_readers.get(value, ()):
            yield self.hosts_of_products.get(node, node)

    def _others(self, value: Value, group: Group) -> list[Group | Node]:
        """Who else reads a value that a group is to compute."""
        others: list[Group | Node] = [other for other in self.readers.get(value, {}) if other is not group]
        others.extend(self.hosts_of_products.get(node, node) for node in self.foreign_readers.get(value, ()))
        return others

    def _between(self, earlier: Group, later: Group) -> list[Group | Node]:
        """What reads the results of the earlier of two groups, but the other."""
        return [item for item in self.successors(earlier) if item is not later and item is not earlier]

    # Products

    def _epilogue(self, node: Node) -> None:
        """Fuses the group that uses a product onto it."""
        value = node.outputs[0]
        for group in list(self.readers.get(value, {})):
            computed = [member for member in group.members if member.operator.name not in VIEWS]
            if group.product is not None or group.space.reduced or group.joins or len(computed) > MOST_IN_EPILOGUE:
                continue
            others = self._others(value, group)
            if self.order.reaches(others, group):
                continue
            needed = value in self.stored or bool(others)
            trial = Group(group.space, dict(group.members), dict(group.roots))
            if needed:
                trial.roots = {value: None, **trial.roots}
            if epilogue_of(trial, node) is None:
                continue
            self.order.put_before(group, others)
            self.order.remove(node)
            group.product = node
            self.hosts_of_products[node] = group
            if needed:
                group.roots = trial.roots
                self.host[value] = group
            self.foreign.remove(node)
            for operand in node.inputs:
                self._read(group, operand)
            return
