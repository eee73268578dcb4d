"""Moves sums over a product's result from nests of their own into its epilogue: see `fusion_sums`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from epochal.backends.native.fusion_group import Group, NotFusableError, analyse
from epochal.backends.native.fusion_kernel import memory_root
from epochal.backends.native.fusion_rules import VIEWS
from epochal.backends.native.fusion_sums import can_sum, summed
from epochal.backends.native.movement import sizes
from epochal.backends.native.reduce import Space
from epochal.ir import Node, Value

if TYPE_CHECKING:
    from epochal.backends.native.fusion import Fusion


class SumTaker:
    """Takes what it can of the groups that sum over one product's result."""

    def __init__(self, fusion: Fusion, node: Node) -> None:
        self.fusion, self.node = fusion, node
        self.order = fusion.order
        self.shape = sizes(node.outputs[0])
        self.kept = Space(self.shape[-1:], frozenset())

    def run(self) -> None:
        fusion, seen = self.fusion, set[Group]()
        waiting = [*self.node.outputs, *(root for group in self._group() for root in group.roots)]
        while waiting:
            for part in list(fusion.readers.get(waiting.pop(), ())):
                if part not in seen and part.product is None and part.space.reduced:
                    seen.add(part)
                    waiting.extend(self._take(part))
        for group in self._group():
            if group.sums:
                self._drop_unread(group)

    def _group(self) -> tuple[Group, ...]:
        """The product's group, if it has one."""
        found = self.fusion.hosts_of_products.get(self.node)
        return () if found is None else (found,)

    def _take(self, part: Group) -> Iterable[Value]:
        """Takes a group's sums, if it is one of sums and can be; gives what can be read of the product now."""
        found = summed(part, self.node)
        if found is None:
            return ()
        sums = [node.outputs[0] for node in found.reductions]
        small = self._apart(found.members)
        members = {node: None for node in found.members if node not in small}
        core = Group(part.space, {**members, **dict.fromkeys(found.reductions)}, dict.fromkeys((*sums, *found.whole)))
        later = [root for root in part.roots if root not in core.roots]
        rest = Group(self.kept, _behind(part, later, set(sums)), dict.fromkeys(later))
        roots = [value for value in _read_by(members, small) if value not in self.fusion.host]
        before = Group(self.kept, _behind(part, roots, set()), dict.fromkeys(roots))
        group = next(iter(self._group()), None)
        item: Group | Node = self.node if group is None else group
        made = {*self.node.outputs, *(result for one in self._group() for result in self._results(one))}
        inputs = [value for value in _inputs(core) if value not in made and value not in before.roots]
        if any(memory_root(value) in self._own_sums() for value in (*_inputs(core), *_inputs(before))):
            return ()  # they are whole only after the launch
        sources = [source for value in (*inputs, *_inputs(before)) if (source := self._source(value)) is not None]
        following = [other for other in self.fusion.successors(item) if other is not part]
        if any(source is part or self.order.reaches(following, source) for source in sources):
            return ()
        host = group or Group(Space(self.shape, frozenset()), {}, {self.node.outputs[0]: None}, self.node)
        if not (_is_nest(rest) and _is_nest(before)) or not self._fits(host, core):
            return ()
        if group is None:
            self._enter(host)
        self._replace(host, part, core, rest)
        if before.roots:
            self.order.add_first(before)
            self._add(before)
            for source in sources:
                self.order.put_before(source, [before])
            self.order.put_before(before, [host])
        for value in (*inputs, *before.roots):
            self.fusion.readers.setdefault(value, {})[host] = None
        for source in sources:
            self.order.put_before(source, [host])
        return core.roots

    def _apart(self, members: Iterable[Node]) -> dict[Node, None]:
        """Members of one element a column that are no views: they are computed before."""
        return {
            node: None for node in members if node.operator.name not in VIEWS and sizes(node.outputs[0]) != self.shape
        }

    def _fits(self, host: Group, core: Group) -> bool:
        had = host.sums
        host.sums = (*had, core)
        fits = can_sum(host, self.node)
        host.sums = had
        return fits

    @staticmethod
    def _results(group: Group) -> list[Value]:
        return [*group.roots, *(root for part in group.sums for root in part.roots)]

    def _own_sums(self) -> set[Value]:
        """Sums that the product's group has taken already."""
        roots = (root for group in self._group() for part in group.sums for root in part.roots)
        return {root for root in roots if sizes(root) != self.shape}

    def _source(self, value: Value) -> Group | Node | None:
        """What computes a value, if it is not the product at hand."""
        held = memory_root(value)
        source: Group | Node | None = self.fusion.host.get(held) or self.fusion.hosts_of_products.get(held.node)
        if source is None and self.order.has(held.node):
            source = held.node
        return None if source is self.node or (source is not None and source in self._group()) else source

    def _enter(self, host: Group) -> None:
        """A product that has had no epilogue gets a group."""
        fusion, node = self.fusion, self.node
        self.order.replace(node, host)
        fusion.groups[host] = None
        fusion.hosts_of_products[node] = host
        fusion.foreign.remove(node)
        fusion.host[node.outputs[0]] = host
        for value in node.inputs:
            fusion.readers.setdefault(value, {})[host] = None

    def _replace(self, host: Group, part: Group, core: Group, rest: Group) -> None:
        """The product's group computes the core of a part, and the rest stands where the part has stood."""
        fusion = self.fusion
        for node in part.members:
            for value in node.inputs:
                fusion.readers.get(value, {}).pop(part, None)
        del fusion.groups[part]
        for root in core.roots:
            fusion.host[root] = host
        host.sums = (*host.sums, core)
        if rest.roots:
            self.order.replace(part, rest)
            self._add(rest)
        else:
            self.order.remove(part)

    def _add(self, group: Group) -> None:
        self.fusion.groups[group] = None
        for root in group.roots:
            self.fusion.host[root] = group
            self.fusion.stored.add(root)
        for value in _inputs(group):
            self.fusion.readers.setdefault(value, {})[group] = None

    def _drop_unread(self, group: Group) -> None:
        """What only the sums have read need not be stored."""
        fusion = self.fusion
        for roots in (group.roots, *(part.roots for part in group.sums)):
            for root in list(roots):
                read = fusion.readers.get(root) or fusion.foreign_readers.get(root) or root in fusion.outputs
                if not read and sizes(root) == self.shape:
                    del roots[root]


def _inputs(group: Group) -> list[Value]:
    """Values that members read and others compute."""
    found = dict.fromkeys(value for node in group.members for value in node.inputs)
    return [value for value in found if value.node not in group.members]


def _read_by(readers: Iterable[Node], members: dict[Node, None]) -> list[Value]:
    """Results of members that readers use."""
    return list(dict.fromkeys(value for node in readers for value in node.inputs if value.node in members))


def _behind(part: Group, roots: Iterable[Value], sums: set[Value]) -> dict[Node, None]:
    """Members that roots are computed by from sums and from what is not computed here."""
    found: set[Node] = set()
    stack = list(roots)
    while stack:
        value = stack.pop()
        if value not in sums and value.node in part.members and value.node not in found:
            found.add(value.node)
            stack.extend(value.node.inputs)
    return {node: None for node in part.members if node in found}


def _is_nest(group: Group) -> bool:
    """Whether a group, if it has anything to do, is a nest over its space."""
    try:
        return not group.roots or analyse(group) is not None
    except NotFusableError:
        return False


__all__ = ["SumTaker"]
