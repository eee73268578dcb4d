"""A fused group: what one loop nest computes, and what its indices turn out to be.

A group has a *domain*: a shape, of which some axes may be reduced. Every value it stores lies either on the whole
domain or on the kept axes. `analyse` asks, from the stored values backwards, which element of which value is needed at
a general point of the domain (see `movement`); if all of that is affine, and every reduction is asked for exactly the
point at hand, the group can be one nest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from epochal.backends.native.elementwise import COSTS
from epochal.backends.native.inplace import root
from epochal.backends.native.loops_values import splat_element
from epochal.backends.native.movement import (
    ZERO,
    Affine,
    Atom,
    Demand,
    Index,
    NotAffineError,
    dynamics,
    linear,
    moves,
    operand_demands,
    reshape_index,
    sizes,
)
from epochal.backends.native.reduce import REDUCTIONS, Space, element_demands, position_form, space
from epochal.ir import Node, Value

RANDOM_COST = {"random_bits": 12.0, "random_uniform": 15.0, "random_normal": 60.0}


class Domain:
    """The points a nest runs over.

    Attributes:
        shape: The whole shape.
        reduced: Axes of it that reductions remove.
        atoms: A counter for each axis that is not of size 1, split where a reshape in the group needs it.
        kept: Those of the axes that stay, in order.
        gone: Those of the reduced axes.
    """

    def __init__(self, shape: Sequence[int], reduced: frozenset[int], others: Iterable[Sequence[int]] = ()) -> None:
        self.shape = tuple(shape)
        self.reduced = reduced
        total = math.prod(self.shape)
        kept_total = math.prod(size for axis, size in enumerate(self.shape) if axis not in reduced)
        cuts = _cuts(total, others)
        kept_cuts = _cuts(kept_total, others) if reduced else []
        atoms: list[Atom] = []
        self.gone_set: set[Atom] = set()
        inner, kept_inner = total, kept_total
        for axis, size in enumerate(self.shape):
            if size == 1:
                continue
            inner //= max(size, 1)
            chosen = _split(size, inner, cuts)
            if axis not in reduced:
                kept_inner //= max(size, 1)
                if reduced and len(chosen) == 1:
                    chosen = _split(size, kept_inner, kept_cuts)
            for part in chosen:
                atoms.append(Atom(part))
                if axis in reduced:
                    self.gone_set.add(atoms[-1])
        self.atoms = tuple(atoms)
        self.kept = tuple(atom for atom in atoms if atom not in self.gone_set)
        self.gone = tuple(atom for atom in atoms if atom in self.gone_set)
        self.total = total
        self.kept_total = kept_total
        self._identities: dict[tuple[bool, tuple[int, ...]], Index] = {}

    def identity(self, shape: Sequence[int]) -> Index:
        """The point at hand as an index into a shape of as many elements."""
        return self._find(False, tuple(shape))

    def kept_identity(self, shape: Sequence[int]) -> Index:
        return self._find(True, tuple(shape))

    def _find(self, kept: bool, shape: tuple[int, ...]) -> Index:
        found = self._identities.get((kept, shape))
        if found is None:
            found = self._identities[kept, shape] = _identity(self.kept if kept else self.atoms, shape)
        return found

    def on_kept(self, shape: Sequence[int]) -> bool:
        """Whether values of that shape lie on the kept axes (which a map's do)."""
        return math.prod(shape) == self.kept_total

    def key(self) -> str:
        return f"{[(atom.size, atom in self.gone_set) for atom in self.atoms]}"


def _cuts(total: int, others: Iterable[Sequence[int]]) -> list[int]:
    """Products of trailing axes of the shapes with `total` elements."""
    found = set()
    for shape in others:
        if math.prod(shape) == total:
            product = 1
            for size in reversed(shape):
                product *= size
                found.add(product)
    return sorted(found)


def _split(size: int, inner: int, cuts: Sequence[int]) -> list[int]:
    """Factors of an axis with `inner` elements a step, outermost first."""
    parts: list[int] = []
    step = inner
    for cut in cuts:
        if step < cut < inner * size and cut % step == 0 and (inner * size) % cut == 0:
            parts.append(cut // step)
            step = cut
    parts.append(inner * size // step if step else size)
    return parts[::-1]


def _identity(atoms: Sequence[Atom], shape: Sequence[int]) -> Index:
    if math.prod(shape) != math.prod(atom.size for atom in atoms):
        raise NotAffineError
    index = tuple(Affine(0, ((atom, 1),)) for atom in atoms)
    return reshape_index(index, [atom.size for atom in atoms], shape)


class Join(NamedTuple):
    """Where a root lies in a concatenation that is never made otherwise: from `start` on along `axis` of `whole`."""

    whole: Value
    axis: int
    start: int


@dataclass(eq=False)
class Group:
    """Nodes computed in one nest.

    Attributes:
        space: Shape and reduced axes.
        members: Nodes computed in it; others' values are read.
        roots: Values stored, in order.
        joins: Roots that are stored as parts of other values.
        product: For a product or convolution with these nodes as its epilogue: that node.
        sums: Groups of sums over the product's result, each computed beside it in parts that are added later.
        repeated: Cost of nodes computed in other groups, too.
        analysis: The last one, of a subset of the members: adding a node that is no reshape and no reduction only
            changes what is read, so `reads` is kept up to date beside it.
        reads: The demands of values that are not computed here, by value.
        wasted: See `waste`.
    """

    space: Space
    members: dict[Node, None] = field(default_factory=dict)
    roots: dict[Value, None] = field(default_factory=dict)
    product: Node | None = None
    sums: tuple[Group, ...] = ()
    repeated: float = 0.0
    analysis: Analysis | None = None
    reads: dict[Value, dict[Demand, None]] = field(default_factory=dict)
    wasted: float = 0.0
    joins: dict[Value, tuple[Join, ...]] = field(default_factory=dict)

    @property
    def results(self) -> list[Value]:
        """What is in memory afterwards: the roots, or what they are parts of."""
        return list(dict.fromkeys(result for root in self.roots for result in self.results_of(root)))

    def results_of(self, root: Value) -> list[Value]:
        """What one root is stored in."""
        return [join.whole for join in self.joins[root]] if root in self.joins else [root]

    def reads_its_own(self, reads: Iterable[Value]) -> bool:
        """Whether one of these is a value of which roots are parts."""
        wholes = {join.whole for joins in self.joins.values() for join in joins}
        return bool(wholes) and any(root(read) in wholes for read in reads)

    def settle(self, analysis: Analysis) -> None:
        """Takes over a new analysis of all members."""
        self.analysis = analysis
        self.wasted = waste(analysis)
        self.reads = {}
        for demand in analysis.loads:
            self.reads.setdefault(demand.value, {})[demand] = None

    def current(self) -> Analysis:
        """An analysis whose domain and levels hold; its demands may be out of date, `reads` is not."""
        if self.analysis is None:
            self.settle(analyse(self))
        assert self.analysis is not None
        return self.analysis

    def trial(self, node: Node, space: Space | None = None, root: bool = False) -> Group:
        """This group with one more node."""
        members = {**self.members, node: None}
        roots = {**self.roots, node.outputs[0]: None} if root else self.roots
        space = self.space if space is None else space
        return Group(space, members, roots, self.product, repeated=self.repeated, joins=self.joins)


class NotFusableError(Exception):
    """The nodes can't be one nest."""


@dataclass(eq=False)
class Analysis:
    """What a group's nest asks for.

    Attributes:
        domain: Its counters.
        order: Demands of members, operands first.
        loads: Demands of values that are read.
        levels: How many reductions must be finished before a demand's value is known.
        reductions: The reductions, with the index of their space and their level.
        root_demands: What is stored.
        stores: Where in memory: at which positions of which values (itself, or what it is a part of).
    """

    domain: Domain
    order: list[Demand] = field(default_factory=list)
    loads: dict[Demand, None] = field(default_factory=dict)
    levels: dict[Demand, int] = field(default_factory=dict)
    reductions: dict[Node, int] = field(default_factory=dict)
    root_demands: dict[Value, Demand] = field(default_factory=dict)
    stores: dict[Value, list[tuple[Value, Affine]]] = field(default_factory=dict)

    def reduction_index(self, node: Node) -> Index:
        """The point at hand as an index into a reduction's space."""
        return self.domain.identity(space(node).shape)

    @property
    def inputs(self) -> list[Value]:
        """Values that are read, each once."""
        return list(dict.fromkeys(demand.value for demand in self.loads))


def is_reduction(node: Node) -> bool:
    """Whether a member is computed by reducing (a product among a nest's members is)."""
    return node.operator.name in REDUCTIONS or node.operator.name == "dot_general"


def analyse(group: Group) -> Analysis:
    """Works out a group's demands.

    Raises:
        NotFusableError: Some index is not affine, or a reduction is needed at another point than the one at hand.
    """
    shapes = [sizes(root) for root in group.roots]
    for node in group.members:
        if node.operator.name == "reshape":
            shapes += [sizes(node.inputs[0]), sizes(node.outputs[0])]
        elif is_reduction(node):
            shapes += [space(node).shape, sizes(node.outputs[0])]
    domain = Domain(group.space.shape, group.space.reduced, shapes)
    analysis = Analysis(domain)
    try:
        for root in group.roots:
            shape = sizes(root)
            on_kept = domain.on_kept(shape) and _is_kept(root, domain)
            index = domain.kept_identity(shape) if on_kept else domain.identity(shape)
            demand = Demand(root, index)
            analysis.root_demands[root] = demand
            analysis.stores[root] = _positions(demand, group.joins.get(root))
            _visit(group, analysis, demand)
    except NotAffineError as error:
        raise NotFusableError from error
    return analysis


def _positions(demand: Demand, joins: Sequence[Join] | None) -> list[tuple[Value, Affine]]:
    """Where a root's element is stored."""
    if joins is None:
        return [(demand.value, linear(demand.place, sizes(demand.value)))]
    found = []
    for join in joins:
        place = list(demand.place)
        place[join.axis] = place[join.axis].shifted(join.start)
        found.append((join.whole, linear(tuple(place), sizes(join.whole))))
    return found


def _is_kept(root: Value, domain: Domain) -> bool:
    """Whether a root lies on the kept axes; where both classes have as many elements, reductions' results do."""
    return domain.kept_total != domain.total or not domain.gone or is_reduction(root.node)


def _visit(group: Group, analysis: Analysis, demand: Demand) -> int:
    """Level of a demand, with all it asks for noted."""
    known = analysis.levels.get(demand)
    if known is not None:
        return known
    level = 0
    for source in dynamics(demand):
        if source.value is not None:
            level = max(level, _visit(group, analysis, Demand(source.value, source.place, source.guard)))
    node = demand.value.node
    if node not in group.members:
        if node.operator.name != "constant" or splat_element(node) is None:
            analysis.loads[demand] = None
    elif is_reduction(node):
        level = max(level, _visit_reduction(group, analysis, demand))
        analysis.order.append(demand)
    else:
        for part in operands(node, demand):
            if part is not None:
                level = max(level, _visit(group, analysis, part))
        analysis.order.append(demand)
    analysis.levels[demand] = level
    return level


def operands(node: Node, demand: Demand) -> Sequence[Demand | None]:
    """What a demanded element of a node that is no reduction is computed from."""
    if moves(node.operator.name):
        return operand_demands(node, demand.place, demand.guard)
    if node.operator.name == "shape_of":
        return []
    if "random" in node.operator.traits:
        return [Demand(node.inputs[0], (Affine(word),), ()) for word in range(2)]
    return [Demand(operand, demand.place, demand.guard) for operand in node.inputs]


def _visit_reduction(group: Group, analysis: Analysis, demand: Demand) -> int:
    node, domain = demand.value.node, analysis.domain
    if demand.place != domain.kept_identity(sizes(demand.value)):
        raise NotFusableError
    if node not in analysis.reductions:
        where = space(node)
        if math.prod(where.shape) != domain.total:
            raise NotFusableError
        index = domain.identity(where.shape)
        for axis, entry in enumerate(index):
            atoms = {atom for atom, _ in entry.terms}
            if atoms - domain.gone_set if axis in where.reduced else atoms & domain.gone_set:
                raise NotFusableError
        parts = element_demands(node, index)
        analysis.reductions[node] = -1  # being visited: a reduction can't need its own result
        analysis.reductions[node] = max(_visit(group, analysis, part) for part in parts)
    return analysis.reductions[node] + 1


def node_cost(node: Node) -> float:
    """Rough cost of one element, in additions."""
    name = node.operator.name
    if name in RANDOM_COST:
        return RANDOM_COST[name]
    if "elementwise" in node.operator.traits:
        return COSTS.get(name, 1.0)
    return 0.5 if moves(name) or name in ("iota", "shape_of") else 1.0


def evaluations(analysis: Analysis, demand: Demand) -> int:
    """How often a value is computed: once for every step of the innermost loop whose counter its index holds."""
    order = (*analysis.domain.kept, *analysis.domain.gone)
    depth = -1
    forms = [*demand.place, *(condition.affine for condition in demand.guard)]
    mentioned = {atom for form in forms for atom, _ in form.terms}
    for source in dynamics(demand):
        mentioned.update(atom for form in source.place for atom, _ in form.terms)
    for position, atom in enumerate(order):
        if atom in mentioned:
            depth = position
    return math.prod(atom.size for atom in order[: depth + 1])


def waste(analysis: Analysis) -> float:
    """Additions spent on computing values more often than they have elements."""
    counts: dict[Value, int] = {}
    for demand in analysis.order:
        counts[demand.value] = counts.get(demand.value, 0) + evaluations(analysis, demand)
    total = 0.0
    for value, count in counts.items():
        if not moves(value.node.operator.name):
            total += node_cost(value.node) * max(0, count - max(1, value.type.size))
    return total


def affine_uses(analysis: Analysis) -> list[Affine]:
    """Every affine form that code will be written for."""
    forms = [form for stores in analysis.stores.values() for _, form in stores]
    forms += [linear(demand.place, sizes(demand.value)) for demand in analysis.loads]
    for demand in analysis.levels:  # constants too: they are not loaded, but written under conditions
        forms.extend(condition.affine for condition in demand.guard)
        for source in dynamics(demand):
            forms.extend(source.place if source.kind == "quotient" else ())
            forms.extend(condition.affine for condition in source.guard)
        name = demand.value.node.operator.name
        if name == "shape_of":
            forms.append(demand.place[0])
        elif name == "iota":
            forms.append(demand.place[demand.value.node.parameters["axis"]])
        elif "random" in demand.value.node.operator.traits:
            forms.append(linear(demand.place, sizes(demand.value)))
    for node in analysis.reductions:
        form = position_form(node, analysis.reduction_index(node))
        if form is not None:
            forms.append(form)
    return forms


def is_identity(analysis: Analysis, demand: Demand) -> bool:
    """Whether a demand is the point at hand, on the whole domain or the kept axes."""
    if demand.guard:
        return False
    shape, domain = sizes(demand.value), analysis.domain
    try:
        if math.prod(shape) == domain.total and demand.place == domain.identity(shape):
            return True
        return domain.on_kept(shape) and demand.place == domain.kept_identity(shape)
    except NotAffineError:
        return False


__all__ = ["ZERO", "Analysis", "Domain", "Group", "NotFusableError", "affine_uses", "analyse", "is_identity"]
