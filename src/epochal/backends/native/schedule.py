"""From a region's nodes to the launches that compute it: groups, their plans, and an order.

Nests that take next to no time (scalars, biases, metrics) are gathered into common kernels, as far as the order
allows: what a small program costs is launches and compilations, not arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from epochal.backends.native.fusion import Fusion
from epochal.backends.native.fusion_epilogue import epilogue_of
from epochal.backends.native.fusion_group import Group, NotFusableError, analyse, is_reduction
from epochal.backends.native.fusion_kernel import memory_root, nest_launch
from epochal.backends.native.fusion_rules import is_small_product
from epochal.backends.native.fusion_split import combination, split
from epochal.backends.native.fusion_sums import partial_sums, with_sums
from epochal.backends.native.kernel import ALIASES, CONTROL, Launch
from epochal.backends.native.kernels.epilogue import Epilogue
from epochal.backends.native.kernels.lower import ATTENTION, lower
from epochal.backends.native.kernels.lower import LOWERS as PRODUCTS
from epochal.backends.native.kernels.rows import lower_rows
from epochal.backends.native.loops_plan import Plan, cut_by_rows, plan_nest
from epochal.backends.native.loops_scan import SCANS, scan_launch
from epochal.backends.native.loops_scatter import SCATTERS, operands_read, scatter_launch
from epochal.backends.native.movement import sizes
from epochal.backends.native.reduce import Space, space
from epochal.backends.native.slabs import Cut
from epochal.ir import Node, Value, origin

LOWERS: frozenset[str] = frozenset(ATTENTION)
"""Composite operators that are not decomposed before they come here."""

SPECIAL = {**dict.fromkeys(SCATTERS, scatter_launch), **dict.fromkeys(SCANS, scan_launch)}
"""Operators with a nest of their own."""

TINY = 2000.0  # nanoseconds
MOST_IN_TINY = 160  # members of a kernel of tiny nests


@dataclass(frozen=True, eq=False, slots=True)
class Partial:
    """The launch of a reduction's partial results."""

    launch: Launch


Item: TypeAlias = Group | Node | Partial


def schedule(
    nodes: Sequence[Node], outputs: Sequence[Value], cut: Cut | None = None, fixed: Sequence[Value] = ()
) -> list[Launch | Node]:
    """See `kernel`.

    Args:
        nodes: Operands first.
        outputs: Values that are needed.
        cut: For a loop's body, how to cut what can be cut; see `slabs`.
        fixed: Inputs of such a body that are the same in every step.
    """
    products = frozenset(node for node in nodes if _has_kernel(node))
    fusion = Fusion(nodes, outputs, products, sums=cut is None)
    fusion.run()
    return _Order(fusion, outputs, cut, fixed).launches()


def _has_kernel(node: Node) -> bool:
    name = node.operator.name
    if name not in PRODUCTS or any(value.type.size == 0 for value in (*node.inputs, *node.outputs)):
        return False
    if name == "dot_general" and is_small_product(node):
        return False
    return lower(node) is not None


class _Order:
    """Puts groups and lone nodes in order, and makes their launches."""

    def __init__(self, fusion: Fusion, outputs: Sequence[Value], cut: Cut | None, fixed: Sequence[Value]) -> None:
        self.fusion = fusion
        self.cut = cut
        self.fixed = frozenset(fixed)
        self.plans: dict[Group, Plan] = {}
        self.lowered: dict[Group, Sequence[Launch]] = {}
        self.renamed: dict[Value, Value] = {}
        self.items: list[Item] = []
        self.producer: dict[Value, Item] = {}
        self.reads: dict[Item, list[Value]] = {}
        self.needed = {memory_root(value) for value in outputs}
        for node in fusion.foreign:
            self._enter(node)
        for group in fusion.groups:
            self._enter(group)
        self.users: dict[Value, set[Item]] = {}
        for item, values in self.reads.items():
            for value in values:
                self.users.setdefault(value, set()).add(item)

    def _enter(self, item: Group | Node) -> None:
        if isinstance(item, Node):
            self._add(item, operands_read(item), item.outputs)
        elif item.sums:
            self._enter_sums(item)
        elif item.product is not None:
            epilogue = epilogue_of(item, item.product)
            assert epilogue is not None
            self._add(item, (*item.product.inputs, *epilogue.inputs), tuple(item.roots))
        else:
            try:
                analysis = analyse(item)
            except NotFusableError:
                self._enter_apart(item)
                return
            plan = plan_nest(item, analysis)
            by_rows = cut_by_rows(plan, self.cut) if self.cut else None
            if by_rows is not None:
                self._add_nest(by_rows, item.results)
                return
            parts = split(plan)
            if parts is None:
                self._add_nest(plan, item.results)
                return
            launch, combination, renamed = parts
            self.renamed.update(renamed)
            self._add(Partial(launch), launch.inputs, launch.outputs)
            self._add_nest(combination, tuple(renamed.values()))

    def _enter_sums(self, group: Group) -> None:
        """A product with sums in its epilogue, and the nests that add its parts' sums."""
        assert group.product is not None
        epilogue = with_sums(group, group.product)
        assert epilogue is not None
        with origin(group.product.origin):
            launches = self._lower(group.product, epilogue)
            assert launches is not None
        self.lowered[group] = launches
        parts = partial_sums(group, group.product, launches[-1])
        made = [value for _, partials in parts for value in partials.values()]
        self._add(group, (*group.product.inputs, *epilogue.inputs), (*epilogue.outputs, *made))
        for part, partials in parts:
            plan, renamed = combination(plan_nest(part, analyse(part)), partials)
            self.renamed.update(renamed)
            self._add_nest(plan, tuple(renamed.values()))

    def _enter_apart(self, group: Group) -> None:
        """Each member in a nest of its own: what is left if their indices turn out not to fit together."""
        for node in sorted(group.members, key=lambda node: node.serial):
            if node.operator.name not in ALIASES:
                where = space(node) if is_reduction(node) else Space(sizes(node.outputs[0]), frozenset())
                self._enter(Group(where, {node: None}, {node.outputs[0]: None}))

    def _add_nest(self, plan: Plan, made: Sequence[Value]) -> None:
        self.plans[plan.group] = plan
        self._add(plan.group, plan.analysis.inputs, made)

    def _add(self, item: Item, values: Iterable[Value], made: Iterable[Value]) -> None:
        self.items.append(item)
        self.reads[item] = [memory_root(value) for value in values]
        self.producer.update((value, item) for value in made)

    def launches(self) -> list[Launch | Node]:
        waiting = {
            item: {self.producer[value] for value in values if value in self.producer}
            for item, values in self.reads.items()
        }
        followers: dict[Item, list[Item]] = {}
        for item, before in waiting.items():
            for other in before:
                followers.setdefault(other, []).append(item)
        ready = [item for item in waiting if not waiting[item]]
        result: list[Launch | Node] = []
        done = 0

        def finish(item: Item) -> None:
            nonlocal done
            done += 1
            for follower in followers.get(item, ()):
                waiting[follower].discard(item)
                if not waiting[follower]:
                    ready.append(follower)

        while ready:
            tiny = next((item for item in ready if self._is_tiny(item)), None)
            large = next((item for item in ready if not self._is_tiny(item)), None)
            if large is not None:
                ready.remove(large)
                result.extend(self._launch(large))
                finish(large)
                continue
            cluster: list[Plan] = []
            members: set[Item] = set()
            size = 0
            while (tiny is not None and size + len(tiny.members) <= MOST_IN_TINY) or not cluster:  # type: ignore[union-attr]
                assert isinstance(tiny, Group)
                ready.remove(tiny)
                cluster.append(self.plans[tiny])
                members.add(tiny)
                size += len(tiny.members)
                finish(tiny)
                tiny = next((item for item in ready if self._is_tiny(item)), None)
            result.append(nest_launch(cluster, self._visible(cluster, members), self._names(cluster)))
        assert done == len(self.items), "the groups of a region depend on one another in a circle"
        return result

    def _visible(self, cluster: Sequence[Plan], members: set[Item]) -> set[Value]:
        """Results of a cluster that others read."""
        made = [self.renamed.get(value, value) for plan in cluster for value in plan.group.results]
        return {value for value in made if value in self.needed or self.users.get(value, set()) - members}

    def _names(self, cluster: Sequence[Plan]) -> dict[Value, Value]:
        """What the results of combinations in a cluster stand for."""
        made = [value for plan in cluster for value in plan.group.roots]
        return {value: self.renamed[value] for value in made if value in self.renamed}

    def _is_tiny(self, item: Item) -> bool:
        if not isinstance(item, Group) or item.product is not None:
            return False
        plan = self.plans[item]
        return plan.pieces == 1 and plan.cost <= TINY

    def _launch(self, item: Item) -> list[Launch | Node]:
        if isinstance(item, Group):
            if item.product is not None:
                return list(self._product(item))
            plan = self.plans[item]
            return [nest_launch([plan], (), self._names([plan]))]
        if isinstance(item, Partial):
            return [item.launch]
        name = item.operator.name
        if name in CONTROL:
            return [item]
        if name in SPECIAL and item.outputs[0].type.size:
            return [SPECIAL[name](item)]
        with origin(item.origin):  # of values that the launches hand one another
            launches = self._lower(item) if item in self.fusion.products else None
        return [item] if launches is None else list(launches)

    def _lower(self, node: Node, epilogue: Epilogue | None = None) -> Sequence[Launch] | None:
        if self.cut is not None and node.operator.name == "dot_general":
            launches = lower_rows(node, epilogue, self.cut, memory_root(node.inputs[1]) in self.fixed)
            if launches is not None:
                return launches
        return lower(node, epilogue)

    def _product(self, group: Group) -> Sequence[Launch]:
        assert group.product is not None
        if group in self.lowered:
            return self.lowered[group]
        with origin(group.product.origin):
            launches = self._lower(group.product, epilogue_of(group, group.product))
        assert launches is not None
        return launches


__all__ = ["LOWERS", "schedule"]
