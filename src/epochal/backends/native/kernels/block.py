"""The register block: a tile of results that stays in registers while its products are summed.

One form covers matrix products, convolutions and their gradients. A tile has some rows and some vectors of columns.
At every step of the reduction one element a row is read from `a` and spread over a vector, one vector of columns after
the other is read from `b`, and each pair is multiplied into its accumulator (the batch-reduce product of Georganas et
al., "High-Performance Deep Learning via a Single Building Block"). All offsets are known when code is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.kernel import Target
from epochal.dtypes import DType

Tile: TypeAlias = list[list[Register]]


@dataclass(frozen=True, slots=True)
class Step:
    """A loop of the reduction: how often, and elements that `a` and `b` move each time."""

    count: int | Register
    a: int
    b: int


@dataclass(frozen=True, slots=True)
class Term:
    """An unrolled part of the reduction: offsets of `a` and `b`, and the rows it adds to (``None``: all)."""

    a: int = 0
    b: int = 0
    rows: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A tile and its reduction: loops around unrolled terms around loops.

    Attributes:
        dtype: Element type of `a` and `b`.
        rows: For each row, the offset of its element of `a`, in elements.
        lanes: Lanes of a full vector.
        widths: For each vector, how many of its lanes are in use.
        outer: Loops, outermost first.
        terms: What is done in them, one after the other.
        inner: Loops in each term.
        spread: Whether a row reads one element, for all columns; else one a column, side by side.
        ahead: Elements of `b` behind those in use that are asked for already; 0: none are.
        together: Whether every sum has one accumulator, so that its bits do not depend on the tile it is in.
    """

    dtype: DType
    rows: tuple[int, ...]
    lanes: int
    widths: tuple[int, ...]
    outer: tuple[Step, ...]
    terms: tuple[Term, ...] = (Term(),)
    inner: tuple[Step, ...] = ()
    spread: bool = True
    together: bool = False
    ahead: int = 0


def accumulate(writer: Writer, block: Block, a: Register, b: Register, start: Tile | None = None) -> Tile:
    """The tile of sums. `a` and `b` point to the elements of row 0 and vector 0 at the reduction's first step."""
    kind = ARITHMETIC_KIND[block.dtype.name]
    zero = writer.constant(0, kind, block.lanes)
    tile = [[zero] * len(block.widths) for _ in block.rows] if start is None else start

    copies = _copies(block)
    if copies > 1:
        return _accumulate_apart(writer, block, a, b, tile, copies)

    def terms(a: Register, b: Register, tile: Tile) -> Tile:
        for term in block.terms:
            chosen = range(len(block.rows)) if term.rows is None else term.rows
            a_term, b_term = writer.offset(a, block.dtype, term.a), writer.offset(b, block.dtype, term.b)

            def add(a: Register, b: Register, part: Tile, chosen: Sequence[int] = chosen) -> Tile:
                return products(writer, block, a, b, part, [block.rows[row] for row in chosen])

            part = _nest(writer, block.dtype, block.inner, a_term, b_term, [tile[row] for row in chosen], add)
            tile = list(tile)
            for row, sums in zip(chosen, part, strict=True):
                tile[row] = sums
        return tile

    return _nest(writer, block.dtype, block.outer, a, b, tile, terms)


def _copies(block: Block) -> int:
    """How many tiles to sum into side by side: a tile of few accumulators waits for each multiply-add."""
    last = block.outer[-1].count if block.outer else 1
    copies = -(-FEWEST // (len(block.rows) * len(block.widths)))
    plain = block.terms == (Term(),) and not block.inner and not block.together
    return copies if plain and isinstance(last, int) and last >= 4 * copies else 1


def _accumulate_apart(writer: Writer, block: Block, a: Register, b: Register, tile: Tile, copies: int) -> Tile:
    """`accumulate` with every so many-th step of the innermost loop going to a tile of its own."""
    *outer, last = block.outer
    assert isinstance(last.count, int)
    rows, rest = len(tile), last.count % copies
    zero = writer.constant(0, tile[0][0].kind, block.lanes)

    def some(a: Register, b: Register, tiles: Tile, number: int) -> Tile:
        done: Tile = []
        for copy in range(number):
            here, there = writer.offset(a, block.dtype, copy * last.a), writer.offset(b, block.dtype, copy * last.b)
            done += products(writer, block, here, there, tiles[copy * rows : (copy + 1) * rows], block.rows)
        return done + tiles[number * rows :]

    def inside(a: Register, b: Register, tiles: Tile) -> Tile:
        assert isinstance(last.count, int)
        whole = Step(last.count // copies, copies * last.a, copies * last.b)
        tiles = _nest(writer, block.dtype, (whole,), a, b, tiles, lambda a, b, tiles: some(a, b, tiles, copies))
        end = last.count - rest
        a, b = writer.offset(a, block.dtype, end * last.a), writer.offset(b, block.dtype, end * last.b)
        return some(a, b, tiles, rest)

    tiles = tile + [[zero] * len(block.widths) for _ in range((copies - 1) * rows)]
    tiles = _nest(writer, block.dtype, outer, a, b, tiles, inside)
    add = "fadd" if zero.kind in ("float", "double") else "add"
    while len(tiles) > rows:
        half = -(-len(tiles) // rows // 2) * rows
        for index in range(half, len(tiles)):
            pairs = zip(tiles[index - half], tiles[index], strict=True)
            tiles[index - half] = [writer.binary(add, left, right) for left, right in pairs]
        tiles = tiles[:half]
    return tiles


def _nest(
    writer: Writer,
    dtype: DType,
    steps: Sequence[Step],
    a: Register,
    b: Register,
    tile: Tile,
    body: Callable[[Register, Register, Tile], Tile],
) -> Tile:
    """`body` inside loops that carry both pointers and the tile."""
    steps = [step for step in steps if step.count != 1]
    if not steps:
        return body(a, b, tile)
    if steps[0].count == 0:
        return tile
    with writer.loop(0, steps[0].count) as loop:
        a_here, b_here = loop.carry(a), loop.carry(b)
        carried = [[loop.carry(register) for register in row] for row in tile]
        after = _nest(writer, dtype, steps[1:], a_here, b_here, carried, body)
        loop.set(a_here, writer.offset(a_here, dtype, steps[0].a))
        loop.set(b_here, writer.offset(b_here, dtype, steps[0].b))
        for old, new in zip(carried, after, strict=True):
            for phi, value in zip(old, new, strict=True):
                loop.set(phi, value)
    return [[loop.result(phi) for phi in row] for row in carried]


def products(writer: Writer, block: Block, a: Register, b: Register, tile: Tile, rows: Sequence[int]) -> Tile:
    """The tile with one step of the reduction added to it; `rows` are the offsets of its rows in `a`."""
    columns = [
        load_columns(writer, writer.offset(b, block.dtype, index * block.lanes), block.dtype, block.lanes, width)
        for index, width in enumerate(block.widths)
    ]
    for index in range(len(block.widths) if block.ahead else 0):
        writer.prefetch(writer.offset(b, block.dtype, block.ahead + index * block.lanes))
    result = []
    for offset, sums in zip(rows, tile, strict=True):
        factors = _factors(writer, block, writer.offset(a, block.dtype, offset))
        trios = zip(factors, columns, sums, strict=True)
        result.append([multiply_add(writer, factor, column, old) for factor, column, old in trios])
    return result


def _factors(writer: Writer, block: Block, pointer: Register) -> list[Register]:
    """What a row multiplies each vector of columns by."""
    if block.spread:
        return [writer.splat(writer.load(pointer, block.dtype), block.lanes)] * len(block.widths)
    return [
        load_columns(writer, writer.offset(pointer, block.dtype, index * block.lanes), block.dtype, block.lanes, width)
        for index, width in enumerate(block.widths)
    ]


FEWEST = 8
"""Accumulators that hide the latency of a multiply-add: 4 cycles, two a cycle."""

UNROLL_DEPTH, UNROLL_PRODUCTS = 32, 64
"""A reduction of at most so many steps, and multiply-adds in all, is written without its loops."""


def unrolled(block: Block) -> Block:
    """The block without its inner loops, or any loops, if there is little in them."""
    block = replace(block, outer=joined(block.outer), inner=joined(block.inner))
    inner = _unrolled_terms(block, block.inner, inside=True)
    if inner is None:
        return block
    block = replace(block, terms=inner, inner=())
    outer = _unrolled_terms(block, block.outer, inside=False)
    return block if outer is None else replace(block, terms=outer, outer=())


def _unrolled_terms(block: Block, steps: Sequence[Step], inside: bool) -> tuple[Term, ...] | None:
    """The terms with `steps` multiplied out, inside of them or around; ``None`` if they are too many."""
    offsets = [(0, 0)]
    for step in steps:
        if not isinstance(step.count, int) or step.count * len(offsets) > UNROLL_DEPTH:
            return None
        offsets = [(a + index * step.a, b + index * step.b) for a, b in offsets for index in range(step.count)]
    rows = sum(len(block.rows if term.rows is None else term.rows) for term in block.terms)
    if len(offsets) > 1 and len(offsets) * rows * len(block.widths) > UNROLL_PRODUCTS:
        return None
    pairs = (
        [(term, offset) for term in block.terms for offset in offsets]
        if inside
        else [(term, offset) for offset in offsets for term in block.terms]
    )
    return tuple(Term(term.a + a, term.b + b, term.rows) for term, (a, b) in pairs)


def joined(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The loops, outermost first, without those that run once; two become one where memory allows."""
    result: list[Step] = []
    for step in steps:
        last = result[-1] if result else None
        if step.count == 1:
            continue
        if (
            last is not None
            and isinstance(last.count, int)
            and isinstance(step.count, int)
            and (last.a, last.b) == (step.a * step.count, step.b * step.count)
        ):
            result[-1] = Step(last.count * step.count, step.a, step.b)
        else:
            result.append(step)
    return tuple(result)


def multiply_add(writer: Writer, a: Register, b: Register, c: Register) -> Register:
    """``a * b + c``; fused where the processor can."""
    if a.kind in ("float", "double"):
        return writer.intrinsic("llvm.fmuladd", a, b, c)
    return writer.binary("add", writer.binary("mul", a, b), c)


def load_columns(writer: Writer, pointer: Register, dtype: DType, lanes: int, width: int) -> Register:
    """A vector of which `width` lanes are read and the others are zero."""
    mask = None if width == lanes else writer.tail_mask(width, lanes)
    return writer.load(pointer, dtype, lanes, mask)


def split_evenly(size: int, largest: int) -> tuple[int, int, int]:
    """`size` cut into as few parts of at most `largest` as can be, as even as can be.

    Returns:
        How many parts, the smaller part's size, and how many parts are one larger than that (the first ones).
    """
    count = max(1, -(-size // largest))
    return count, size // count, size % count


def most_rows(target: Target, vectors: int) -> int:
    """Rows of a tile that, with a step's columns and one spread element, fit the registers.

    At least about 10 accumulators hide the latency of a multiply-add; a spill costs a third of the speed.
    """
    rows = (target.registers - vectors - 1) // vectors
    return max(1, min(rows, 24 if target.registers >= 32 else 12))


__all__ = [
    "FEWEST",
    "Block",
    "Step",
    "Term",
    "Tile",
    "accumulate",
    "joined",
    "load_columns",
    "most_rows",
    "multiply_add",
    "products",
    "split_evenly",
    "unrolled",
]
