"""How a group's points are cut into loops and pieces. From shapes alone: nothing here knows the processor.

Three shapes of nest:

- *map*: nothing is reduced; the last loop is vectorised.
- *row*: the last loop is reduced and vectorised; the kept loops are outside. Several reductions over the same row,
  and what is computed from them, are stages, one pass over the row each.
- *column*: the last loop is kept and vectorised; the reduced loops run inside it, with vectors of accumulators.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from epochal.backends.native.fusion_group import Analysis, Group, affine_uses, evaluations, node_cost
from epochal.backends.native.movement import Affine, Atom, Demand, linear, sizes
from epochal.backends.native.slabs import Cut
from epochal.ir import Node, Value

PIECE_NANOSECONDS = 4000.0
MOST_PIECES = 64
ENOUGH_PIECES = 16
ALIGNED = 64  # elements; a multiple of every number of lanes


@dataclass(frozen=True, slots=True)
class Stage:
    """One pass over the reduced loops: reductions, and stored values on the whole domain."""

    reductions: tuple[Node, ...]
    roots: tuple[Value, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """A nest, ready to be written.

    Attributes:
        group, analysis: What it computes.
        loops: The loop that each counter of the domain is part of.
        innermost: The counters that carry their loop's coefficient.
        kept, gone: Loops, outermost first.
        vector: The vectorised loop.
        inside: A kept loop that runs inside the vectorised one, because some operand is contiguous along it.
        stages: Passes over the reduced loops.
        first: Stored values on the kept axes that need no reduction; `after[s]` those that need stages up to s.
        prefix: How many of the kept loops' outermost are spread over pieces, `block` points of them a piece.
        vector_chunk: Elements of the vectorised (kept) loop in a piece, or 0.
        reduce_chunk: Elements of the outermost reduced loop in a piece, or 0: then roots are partial results.
        pieces: Units of work.
        cost: Nanoseconds for all, on one core.
        cut: How the outermost loop is cut along with those of other kernels, if it is.
    """

    group: Group
    analysis: Analysis
    loops: dict[Atom, Atom]
    innermost: frozenset[Atom]
    kept: tuple[Atom, ...]
    gone: tuple[Atom, ...]
    vector: Atom | None
    inside: Atom | None
    stages: tuple[Stage, ...]
    first: tuple[Value, ...]
    after: tuple[tuple[Value, ...], ...]
    prefix: int
    block: int
    vector_chunk: int
    reduce_chunk: int
    pieces: int
    cost: float
    cut: Cut | None = None

    @property
    def is_row(self) -> bool:
        return bool(self.gone) and self.vector is self.gone[-1]


def plan_nest(group: Group, analysis: Analysis, reduce_chunk: int = 0) -> Plan:
    """Chooses loops and pieces. `reduce_chunk`: cut the outermost reduced loop into chunks of so many elements."""
    domain = analysis.domain
    uses = affine_uses(analysis)
    loops: dict[Atom, Atom] = {}
    innermost: set[Atom] = set()
    kept = _merge(domain.kept, uses, loops, innermost)
    gone = _merge(domain.gone, uses, loops, innermost)
    last = domain.atoms[-1] if domain.atoms else None
    vector = None if last is None else loops[last]
    inside = _inside(analysis, kept, loops, innermost) if vector is not None and not gone else None
    stages, first, after = _stages(analysis)
    cost = estimate(analysis)
    row = bool(gone) and vector is gone[-1]
    scalar_loops = [loop for loop in kept if loop is not vector and loop is not inside]
    wanted = max(1, min(MOST_PIECES, round(cost / PIECE_NANOSECONDS)))
    chunks = -(-gone[0].size // reduce_chunk) if reduce_chunk else 1
    prefix, points = 0, 1
    while prefix < len(scalar_loops) and points * chunks < wanted:
        points *= scalar_loops[prefix].size
        prefix += 1
    block = max(1, points * chunks // wanted)
    pieces = -(-points // block) * chunks
    vector_chunk = 0
    whole_rows = reduce_chunk > 0 and pieces >= ENOUGH_PIECES  # rows are read as they lie, not a part of each
    if vector is not None and not row and pieces < wanted and vector.size >= 4 * ALIGNED and not whole_rows:
        parts = min(-(-wanted // pieces), vector.size // (2 * ALIGNED))
        vector_chunk = -(-vector.size // (parts * ALIGNED)) * ALIGNED
        pieces *= -(-vector.size // vector_chunk)
    return Plan(
        group, analysis, loops, frozenset(innermost), tuple(kept), tuple(gone), vector, inside, stages, first, after,
        prefix, block, vector_chunk, reduce_chunk, pieces, cost,
    )  # fmt: skip


def cut_by_rows(plan: Plan, cut: Cut) -> Plan | None:
    """The plan with the pieces of a cut, if its outermost loop runs over the cut's rows."""
    loop = plan.kept[0] if plan.kept else None
    if loop is None or loop is plan.inside or plan.reduce_chunk or loop.size % cut.rows or plan.inside:
        return None
    pieces, block = -(-cut.rows // cut.block), cut.block * (loop.size // cut.rows)
    if pieces == 1:
        return None
    if loop is plan.vector:
        return replace(plan, prefix=0, block=1, vector_chunk=block, pieces=pieces, cut=cut)
    return replace(plan, prefix=1, block=block, vector_chunk=0, pieces=pieces, cut=cut)


def keeps_to_its_rows(plan: Plan, demand: Demand) -> bool:
    """Whether a piece of a plan that is cut by rows asks for a value in the rows of that piece alone."""
    loop, shape = plan.kept[0], sizes(demand.value)

    def touches(form: Affine) -> bool:
        return any(plan.loops[atom] is loop for atom, _ in form.terms)

    if any(form.dynamic for form in demand.place):
        return False
    # The axes in front are the loop, the others run within their own size.
    front = len(shape)
    while front and not touches(demand.place[front - 1]):
        front -= 1
    form = linear(demand.place[:front], shape[:front])
    terms = {atom: factor for atom, factor in form.terms if plan.loops[atom] is not loop or atom in plan.innermost}
    if math.prod(shape[:front]) == loop.size and form.const == 0 and list(terms.values()) == [1]:
        return True
    return stays(plan, linear(demand.place, shape), demand.value.type.size)


def stays(plan: Plan, form: Affine, size: int) -> bool:
    """Whether a position among `size` elements is the outermost loop's counter times a step, plus less than that."""
    loop = plan.kept[0]
    step, rest = 0, Affine(form.const)
    for atom, factor in form.terms:
        if plan.loops[atom] is not loop:
            rest = rest.plus(Affine(0, ((atom, factor),)))
        elif atom in plan.innermost:
            step = factor
    low, high = rest.bounds()
    return step * loop.size == size and low >= 0 and high < step


def _merge(atoms: Sequence[Atom], uses: Sequence[Affine], loops: dict[Atom, Atom], innermost: set[Atom]) -> list[Atom]:
    """Neighbouring counters that every affine form treats as one become one loop."""
    tables = [dict(form.terms) for form in uses if form.terms]
    runs: list[list[Atom]] = []
    for atom in reversed(atoms):
        inner = runs[-1][-1] if runs else None
        if inner is not None and all(table.get(atom, 0) == table.get(inner, 0) * inner.size for table in tables):
            runs[-1].append(atom)
        else:
            runs.append([atom])
    result = []
    for run in reversed(runs):
        loop = Atom(math.prod(atom.size for atom in run))
        result.append(loop)
        innermost.add(run[0])
        loops.update((atom, loop) for atom in run)
    return result


def _inside(analysis: Analysis, kept: Sequence[Atom], loops: dict[Atom, Atom], innermost: set[Atom]) -> Atom | None:
    """The kept loop along which an operand that is strided along the last loop is contiguous, if there is one."""
    if len(kept) < 2:
        return None
    for demand in analysis.loads:
        form = linear(demand.place, sizes(demand.value))
        along = {loops[atom]: factor for atom, factor in form.terms if atom in innermost}
        if abs(along.get(kept[-1], 0)) > 1:
            for loop in kept[:-1]:
                if along.get(loop) == 1:
                    return loop
    return None


def _stages(analysis: Analysis) -> tuple[tuple[Stage, ...], tuple[Value, ...], tuple[tuple[Value, ...], ...]]:
    domain = analysis.domain
    whole: list[tuple[Value, int]] = []
    kept: list[tuple[Value, int]] = []
    for root, demand in analysis.root_demands.items():
        mentioned = {atom for form in demand.place for atom, _ in form.terms}
        on_kept = not domain.gone or not mentioned & domain.gone_set
        (kept if on_kept else whole).append((root, analysis.levels[demand]))
    count = 0
    if analysis.reductions:
        count = max(analysis.reductions.values()) + 1
    count = max([count, *(level + 1 for _, level in whole)])
    stages = tuple(
        Stage(
            tuple(node for node, level in analysis.reductions.items() if level == number),
            tuple(root for root, level in whole if level == number),
        )
        for number in range(count)
    )
    first = tuple(root for root, level in kept if level == 0)
    after = tuple(tuple(root for root, level in kept if level == number + 1) for number in range(count))
    return stages, first, after


def estimate(analysis: Analysis) -> float:
    """Nanoseconds on one core: an addition is 1/64 ns an element, a byte read or written 1/32 ns."""
    total = 5.0
    for demand in analysis.order:
        total += node_cost(demand.value.node) * evaluations(analysis, demand) / 64
    for node in analysis.reductions:
        total += analysis.domain.total / 64 * (4 if node.operator.name.startswith("arg") else 1)
    for demand in analysis.loads:
        total += (
            min(evaluations(analysis, demand), 4 * max(1, demand.value.type.size)) * demand.value.dtype.itemsize / 32
        )
    for root in analysis.root_demands:
        total += root.type.bytes / 32
    return total


__all__ = ["ALIGNED", "Plan", "Stage", "cut_by_rows", "estimate", "keeps_to_its_rows", "plan_nest", "stays"]
