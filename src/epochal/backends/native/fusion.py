"""Which nodes are computed together: greedy, from a region's results back to its inputs.

When a node's turn comes all its users have their places. It is computed inside them if that costs no repeated work
to speak of; otherwise it is stored: by a user's group that runs over just its elements, or by a group of its own.
Views (reshapes, broadcasts, slices ...) are repeated freely, cheap operators a little.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from epochal.backends.native.elementwise import has_emitter
from epochal.backends.native.fusion_epilogue import epilogue_of
from epochal.backends.native.fusion_group import (
    Analysis,
    Group,
    NotFusableError,
    analyse,
    is_identity,
    is_reduction,
    node_cost,
    waste,
)
from epochal.backends.native.fusion_kernel import memory_root
from epochal.backends.native.kernel import ALIASES
from epochal.backends.native.kernels.lower import FUSES
from epochal.backends.native.loops_values import splat_element
from epochal.backends.native.movement import Demand, moves, sizes
from epochal.backends.native.reduce import REDUCTIONS, Space, space
from epochal.ir import Node, Value

MOST_MEMBERS = 120
MOST_BUFFERS = 24
SMALL_PRODUCT = 4096  # multiply-adds
REPEATED = 3.0  # additions a group may spend on what other groups compute, too
VIEWS = frozenset({"broadcast", "reshape", "stop_gradient", "transpose", "slice", "reverse", "iota", "constant"})


def is_loop(node: Node) -> bool:
    """Whether a node can be computed in a loop nest. What has no elements is left to the reference."""
    name = node.operator.name
    if node.outputs[0].type.size == 0:
        return False
    if name in REDUCTIONS and node.inputs[0].type.size == 0:
        return False
    if name == "dot_general":
        return is_small_product(node)
    return (
        name in REDUCTIONS
        or name == "iota"
        or moves(name)
        or "random" in node.operator.traits
        or ("elementwise" in node.operator.traits and has_emitter(name))
    )


def is_small_product(node: Node) -> bool:
    """Whether a product is too small to be worth a register-blocked kernel."""
    return 0 < math.prod(space(node).shape) <= SMALL_PRODUCT


class Fusion:
    """The groups of one region.

    Attributes:
        groups: Fused groups, and lone nodes in a group of kind ``product`` or by themselves (`foreign`).
        foreign: Nodes that are no loops, each with its group if something is fused onto it.
        stored: Values that must be in memory.
    """

    def __init__(self, nodes: Sequence[Node], outputs: Iterable[Value], products: frozenset[Node]) -> None:
        self.nodes = [node for node in nodes if node.operator.name != "input"]
        self.products = products  # nodes that register-blocked kernels do
        self.groups: dict[Group, None] = {}
        self.stored: set[Value] = set()
        self.readers: dict[Value, dict[Group, None]] = {}
        self.foreign_readers: dict[Value, list[Node]] = {}
        self.host: dict[Value, Group] = {}
        self.foreign: list[Node] = []
        self._products: dict[Node, Group] = {}
        for value in outputs:
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

    # Bookkeeping

    def _need(self, value: Value) -> None:
        """The value must be in memory; so must what it is an alias of."""
        self.stored.add(value)

    def _read(self, group: Group, value: Value) -> None:
        self.readers.setdefault(value, {})[group] = None

    def _join(self, group: Group, node: Node) -> None:
        """Makes a node a member."""
        group.members[node] = None
        for value in node.inputs:
            self._read(group, value)

    def _used(self, node: Node) -> bool:
        return any(output in self.stored or self.readers.get(output) for output in node.outputs)

    # The three kinds of node

    def _foreign(self, node: Node) -> None:
        if not self._used(node):
            return
        self.foreign.append(node)
        for value in node.inputs:
            self._need(value)
            self.foreign_readers.setdefault(value, []).append(node)
        if node in self.products and node.operator.name in FUSES:
            self._epilogue(node)

    def _alias(self, node: Node) -> None:
        """A value with its operand's memory: members of whoever can index through it; others read the memory."""
        value, operand = node.outputs[0], node.inputs[0]
        if value in self.stored:
            self._need(operand)
            self.foreign_readers.setdefault(operand, []).extend(self.foreign_readers.get(value, ()))
        for group in self.readers.get(value, {}):
            if self._inlines(group, node):
                self._join(group, node)
            else:
                self._need(operand)
                self.stored.add(value)
                self._read(group, operand)

    def _loop(self, node: Node) -> None:
        if not self._used(node):
            return
        value = node.outputs[0]
        readers = list(self.readers.get(value, {}))
        if len(readers) > 1:
            readers = self._merge_readers(node, readers)
        refused = [group for group in readers if not self._inlines(group, node)]
        store = value in self.stored or bool(refused)
        if not store and (len(readers) == 1 or self._cheap(node, readers)):
            for group in readers:
                self._inline(group, node, len(readers) > 1)
            return
        if node.operator.name in VIEWS and not is_reduction(node):
            # A view that must lie in memory for someone is still a view for the others.
            for group in readers:
                if group not in refused:
                    self._inline(group, node, True)
            if not store:
                return
            refused_set = refused
        else:
            refused_set = readers
        self._store(node, refused_set)

    def _inline(self, group: Group, node: Node, repeated: bool) -> None:
        if is_reduction(node):
            group.space = self._joint_space(group, node) or group.space
        if repeated:
            group.repeated += 0.0 if node.operator.name in VIEWS else node_cost(node)
        self._join(group, node)

    def _store(self, node: Node, readers: Sequence[Group]) -> None:
        """A place for a node whose value goes to memory."""
        value = node.outputs[0]
        self.stored.add(value)
        for group in readers:
            if self._hosts(group, node):
                if is_reduction(node):
                    group.space = self._joint_space(group, node) or group.space
                group.roots[value] = None
                self._join(group, node)
                self.host[value] = group
                return
        where = space(node) if is_reduction(node) else Space(sizes(value), frozenset())
        group = Group(where, {}, {value: None})
        self.groups[group] = None
        self.host[value] = group
        self._join(group, node)

    # What is allowed

    def _cheap(self, node: Node, readers: Sequence[Group]) -> bool:
        """Whether each of several groups may compute a node for itself."""
        if node.operator.name in VIEWS:
            return True
        if is_reduction(node) or "random" in node.operator.traits or node.operator.name in ("gather", "concat", "pad"):
            return False
        if any(group.product is not None for group in readers):
            return False
        cost = node_cost(node)
        return node.outputs[0].type.size > 1 and all(group.repeated + cost <= REPEATED for group in readers)

    def _trial(self, group: Group, node: Node, root: bool) -> Analysis | None:
        """The analysis of a group with one more node, if it would be a good nest."""
        joint = self._joint_space(group, node) if is_reduction(node) else group.space
        if joint is None or len(group.members) >= MOST_MEMBERS:
            return None
        trial = group.trial(node, joint, root)
        try:
            analysis = analyse(trial)
        except NotFusableError:
            return None
        if len(analysis.inputs) + len(trial.roots) > MOST_BUFFERS:
            return None
        if any(memory_root(read) is node.outputs[0] for read in analysis.inputs):
            return None  # it reads the node's memory under another name
        budget = max(3.0 * analysis.domain.total, 4096.0)
        return analysis if waste(analysis) <= budget and _shape_pays(analysis) else None

    def _inlines(self, group: Group, node: Node) -> bool:
        """Whether `group` can compute `node` for itself without storing it."""
        if group.product is not None:
            return epilogue_of(group.trial(node), group.product) is not None and self._cheap_in_epilogue(node)
        return self._trial(group, node, False) is not None

    @staticmethod
    def _cheap_in_epilogue(node: Node) -> bool:
        return node.operator.name in ("broadcast", "reshape", "stop_gradient", "constant")

    def _hosts(self, group: Group, node: Node) -> bool:
        """Whether `group` can compute and store `node` for everyone."""
        if group.product is not None:
            return False
        value = node.outputs[0]
        analysis = self._trial(group, node, True)
        if analysis is None:
            return False
        demands = [demand for demand in analysis.order if demand.value is value]
        if any(not is_identity(analysis, demand) for demand in demands):
            return False
        others: list[Group | Node] = [other for other in self.readers.get(value, {}) if other is not group]
        others.extend(self.foreign_readers.get(value, ()))
        return not self._reaches(others, {group})

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

    def _merge_readers(self, node: Node, readers: list[Group]) -> list[Group]:
        """Groups over the same points that all want `node` become one, where no path between them stands against it."""
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
        merged = Group(first.space, {**second.members, **first.members}, {**second.roots, **first.roots})
        try:
            analysis = analyse(merged)
        except NotFusableError:
            return False
        if len(analysis.inputs) + len(merged.roots) > MOST_BUFFERS:
            return False
        for root in (*first.roots, *second.roots):
            if any(demand.value is root and not is_identity(analysis, demand) for demand in analysis.order):
                return False
        return not self._reaches_outside(first, second) and not self._reaches_outside(second, first)

    def _absorb(self, first: Group, second: Group) -> None:
        first.members.update(second.members)
        first.roots.update(second.roots)
        first.repeated = max(first.repeated, second.repeated)
        for root in second.roots:
            self.host[root] = first
        for groups in self.readers.values():
            if second in groups:
                del groups[second]
                groups[first] = None
        del self.groups[second]

    # Order

    def _successors(self, item: Group | Node) -> Iterable[Group | Node]:
        """Who reads what an item stores."""
        roots: Iterable[Value]
        if isinstance(item, Group):
            roots = item.roots if item.product is None else (*item.roots, *item.product.outputs)
        else:
            roots = item.outputs
        for root in roots:
            yield from self._readers_of(root)

    def _readers_of(self, value: Value) -> Iterable[Group | Node]:
        yield from (group for group in self.readers.get(value, ()) if value.node not in group.members)
        for node in self.foreign_readers.get(value, ()):
            yield self._products.get(node, node)

    def _reaches(self, starts: Iterable[Group | Node], goals: set[Group]) -> bool:
        """Whether a goal runs after one of the items."""
        stack = list(starts)
        seen: set[Group | Node] = set()
        while stack:
            item = stack.pop()
            if isinstance(item, Node):
                item = self._products.get(item, item)
            if item in seen:
                continue
            if item in goals:
                return True
            seen.add(item)
            stack.extend(self._successors(item))
        return False

    def _reaches_outside(self, first: Group, second: Group) -> bool:
        """Whether `second` runs after some item that runs after `first`."""
        between = [item for item in self._successors(first) if item is not second and item is not first]
        return self._reaches(between, {second})

    # Products

    def _epilogue(self, node: Node) -> None:
        """Fuses the group that uses a product onto it."""
        value = node.outputs[0]
        for group in list(self.readers.get(value, {})):
            if group.product is not None or group.space.reduced or len(group.members) > 24:
                continue
            others: list[Group | Node] = [other for other in self.readers[value] if other is not group]
            others.extend(self.foreign_readers.get(value, ()))
            if self._reaches(others, {group}):
                continue
            needed = value in self.stored or bool(others)
            trial = Group(group.space, dict(group.members), dict(group.roots))
            if needed:
                trial.roots = {value: None, **trial.roots}
            if epilogue_of(trial, node) is None:
                continue
            group.product = node
            self._products[node] = group
            if needed:
                group.roots = trial.roots
                self.host[value] = group
            self.foreign.remove(node)
            for operand in node.inputs:
                self._read(group, operand)
            return


def _shape_pays(analysis: Analysis) -> bool:
    """Whether one nest over a reduced domain is fast: a few rows of great length, or columns stored whole, are not."""
    domain = analysis.domain
    stages = max(analysis.reductions.values(), default=0) + 1 if analysis.reductions else 0
    whole = [demand for demand in analysis.root_demands.values() if _on_whole(analysis, demand)]
    late = any(analysis.levels[demand] > 0 for demand in whole)
    if not (stages > 1 or late) or domain.total <= 8192:
        return True
    return domain.atoms[-1] in domain.gone_set and domain.kept_total >= 8 and len(domain.gone) == 1


def _on_whole(analysis: Analysis, demand: Demand) -> bool:
    mentioned = {atom for form in demand.place for atom, _ in form.terms}
    return bool(mentioned & analysis.domain.gone_set)


def is_splat(node: Node) -> bool:
    """Whether a node is a constant of equal elements."""
    return node.operator.name == "constant" and splat_element(node) is not None
