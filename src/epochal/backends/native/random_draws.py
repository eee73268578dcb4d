"""Random numbers in registers: Philox4x32-10 of a key and an element's number (see `epochal.topi.random`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from epochal.backends.native.elementwise import round_to
from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer
from epochal.backends.native.vector_math import FUNCTIONS, Math
from epochal.dtypes import DType

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_STREAM = 0xCAFE5EED
_ROUNDS = 10


class Draw(NamedTuple):
    """What is drawn.

    Attributes:
        writer: Where the code goes.
        seed, counter: The key's two words.
        element: Numbers of the elements (i32).
        start: Number of the first, if the lanes follow one another and it is a multiple of 4: then each block of four
            words is encrypted once, not once a word.
    """

    writer: Writer
    seed: Register
    counter: Register
    element: Register
    start: Register | None


def emit(draw: Draw, name: str, dtype: DType) -> Register:
    """The result of ``random_bits``, ``random_uniform`` or ``random_normal``."""
    writer = draw.writer
    if name == "random_bits":
        return _words(draw)
    if name == "random_uniform" and dtype.name != "float64":
        bits = _shift(writer, _words(draw), 8)
        number = writer.convert("sitofp", bits, "float")
        return round_to(writer, Math(writer, number).mul(number, 2.0**-24), dtype)
    first, second = _pairs(draw)
    if name == "random_uniform":
        wide = [writer.convert("zext", word, "i64") for word in (first, second)]
        joined = writer.binary("or", writer.binary("shl", wide[0], writer.constant(32, "i64", first.lanes)), wide[1])
        number = writer.convert("uitofp", _shift(writer, joined, 11), "double")
        return Math(writer, number).mul(number, 2.0**-53)
    return round_to(writer, _normal(writer, first, second, ARITHMETIC_KIND[dtype.name]), dtype)


def _shift(writer: Writer, x: Register, amount: int) -> Register:
    return writer.binary("lshr", x, writer.constant(amount, x.kind, x.lanes))


def _normal(writer: Writer, first: Register, second: Register, kind: str) -> Register:
    """Box and Muller's transform."""
    left, right = (writer.convert("sitofp", _shift(writer, word, 8), kind) for word in (first, second))
    m = Math(writer, left)
    logarithm = FUNCTIONS["log"](writer, m.mul(m.add(left, 1.0), 2.0**-24))
    radius = m.unary("sqrt", m.mul(logarithm, -2.0))
    angle = m.mul(m.mul(right, 2.0**-24), 6.283185307179586)
    return m.mul(radius, FUNCTIONS["cos"](writer, angle))


def _words(draw: Draw) -> Register:
    """One word an element: word i % 4 of block i // 4."""
    writer, index = draw.writer, draw.element
    lanes = index.lanes
    if draw.start is not None and lanes >= 4:
        return _interleave(writer, _philox(draw, _blocks(draw, lanes // 4, 2)), (0, 1, 2, 3))
    words = _philox(draw, _shift(writer, index, 2))
    which = writer.binary("and", index, writer.constant(3, "i32", lanes))
    result = words[3]
    for number in (2, 1, 0):
        chosen = writer.compare("eq", which, writer.constant(number, "i32", lanes))
        result = writer.select(chosen, words[number], result)
    return result


def _pairs(draw: Draw) -> tuple[Register, Register]:
    """Two words an element: words 2 i and 2 i + 1, of block i // 2."""
    writer, index = draw.writer, draw.element
    lanes = index.lanes
    if draw.start is not None and lanes >= 4:
        words = _philox(draw, _blocks(draw, lanes // 2, 1))
        return _interleave(writer, words, (0, 2)), _interleave(writer, words, (1, 3))
    words = _philox(draw, _shift(writer, index, 1))
    odd = writer.compare("ne", writer.binary("and", index, writer.constant(1, "i32", lanes)),
                         writer.constant(0, "i32", lanes))  # fmt: skip
    return writer.select(odd, words[2], words[0]), writer.select(odd, words[3], words[1])


def _blocks(draw: Draw, lanes: int, shift: int) -> Register:
    """Numbers of consecutive blocks. The first lanes may lie before element 0, where they do not count."""
    writer = draw.writer
    assert draw.start is not None
    start = draw.start
    first = writer.convert("trunc", start, "i32") if start.name.startswith("%") else Register(start.name, "i32")
    base = writer.splat(writer.binary("ashr", first, writer.constant(shift, "i32")), lanes)
    return writer.binary("add", base, writer.iota(lanes, "i32")) if lanes > 1 else base


def _interleave(writer: Writer, words: Sequence[Register], chosen: Sequence[int]) -> Register:
    """Words of each block, block after block."""
    picked = [words[number] for number in chosen]
    lanes = picked[0].lanes
    if lanes == 1:
        result = Register("poison", "i32", len(picked))
        for lane, word in enumerate(picked):
            result = writer.insert(result, word, lane)
        return result
    if len(picked) == 2:
        return _zip(writer, picked[0], picked[1])
    return _zip(writer, _zip(writer, picked[0], picked[2]), _zip(writer, picked[1], picked[3]))


def _zip(writer: Writer, left: Register, right: Register) -> Register:
    lanes = left.lanes
    return writer.shuffle(left, right, [lane // 2 + (lane % 2) * lanes for lane in range(2 * lanes)])


def _philox(draw: Draw, block: Register) -> Sequence[Register]:
    """The four words of blocks: the counter (block, 0, key's counter, 0) encrypted under (seed, stream)."""
    name = f"philox{block.lanes}"
    return draw.writer.call(name, (block, draw.counter, draw.seed), (block,) * 4, _encrypt)


def _encrypt(writer: Writer, parameters: Sequence[Register]) -> Sequence[Register]:
    """Ten rounds, as a loop: unrolled it takes LLVM many times as long and runs no faster."""
    block, counter, seed = parameters
    lanes = block.lanes
    zero, repeated = writer.constant(0, "i32", lanes), writer.splat(counter, lanes)
    with writer.loop(0, _ROUNDS) as loop:
        c0, c1, c2, c3 = loop.carry(block), loop.carry(zero), loop.carry(repeated), loop.carry(zero)
        k0, k1 = loop.carry(seed), loop.carry(writer.constant(_STREAM, "i32"))
        high0, low0 = _multiply(writer, c0, _MULTIPLIERS[0])
        high2, low2 = _multiply(writer, c2, _MULTIPLIERS[1])
        loop.set(c0, writer.binary("xor", writer.binary("xor", high2, c1), writer.splat(k0, lanes)))
        loop.set(c2, writer.binary("xor", writer.binary("xor", high0, c3), writer.splat(k1, lanes)))
        loop.set(c1, low2)
        loop.set(c3, low0)
        loop.set(k0, writer.binary("add", k0, writer.constant(_WEYL[0], "i32")))
        loop.set(k1, writer.binary("add", k1, writer.constant(_WEYL[1], "i32")))
    return [loop.result(part) for part in (c0, c1, c2, c3)]


def _multiply(writer: Writer, x: Register, factor: int) -> tuple[Register, Register]:
    """High and low halves of a 32 by 32 bit product.

    Vector units multiply the even lanes only: even and odd lanes apart, then the halves are put together again.
    """
    lanes = x.lanes
    if lanes == 1:
        product = writer.binary("mul", writer.convert("zext", x, "i64"), writer.constant(factor, "i64"))
        return writer.convert("trunc", _shift(writer, product, 32), "i32"), writer.convert("trunc", product, "i32")
    half = lanes // 2
    low_half, shift = writer.constant(0xFFFFFFFF, "i64", half), writer.constant(32, "i64", half)
    high_half = writer.constant(0xFFFFFFFF << 32, "i64", half)
    multiplier = writer.constant(factor, "i64", half)
    pairs = _reinterpret(writer, x, "i64", half)
    even = writer.binary("mul", writer.binary("and", pairs, low_half), multiplier)
    odd = writer.binary("mul", writer.binary("lshr", pairs, shift), multiplier)
    high = writer.binary("or", writer.binary("lshr", even, shift), writer.binary("and", odd, high_half))
    low = writer.binary("or", writer.binary("and", even, low_half), writer.binary("shl", odd, shift))
    return _reinterpret(writer, high, "i32", lanes), _reinterpret(writer, low, "i32", lanes)


def _reinterpret(writer: Writer, x: Register, kind: str, lanes: int) -> Register:
    """The same bits in lanes of another width."""
    result = Register("", kind, lanes)
    return writer.pure(f"bitcast {x.typed} to {result.type}", kind, lanes)
