"""Arithmetic on vectors of float32 and float64: what elementary functions are written in."""

from __future__ import annotations

from collections.abc import Sequence

from epochal.backends.native.emit import Register, Writer

INFINITY = float("inf")
NAN = float("nan")

LN2_HIGH = {"float": 0.693145751953125, "double": 0.6931471803691238}
"""ln(2) to so few bits that its product with an exponent is exact."""

LN2_LOW = {"float": 1.4286068203094173e-06, "double": 1.9082149292705877e-10}

PI_2 = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
"""pi / 2 as a sum."""

# Mantissa bits, exponent bias, smallest normal number, a power of two that makes denormals normal, integers.
_FORMAT = {
    "float": (23, 127, 1.1754943508222875e-38, 23, "i32"),
    "double": (52, 1023, 2.2250738585072014e-308, 54, "i64"),
}


class Math:
    """Arithmetic on registers of one type, with constants written as numbers."""

    def __init__(self, writer: Writer, like: Register) -> None:
        self.writer = writer
        self.kind = like.kind
        self.lanes = like.lanes
        self.bits, self.bias, self.smallest, self.lift, self.integer = _FORMAT[like.kind]

    def number(self, value: float | Register) -> Register:
        if isinstance(value, Register):
            return value
        return self.writer.constant(value, self.kind, self.lanes)

    def whole(self, value: int) -> Register:
        return self.writer.constant(value, self.integer, self.lanes)

    def add(self, a: Register | float, b: Register | float) -> Register:
        return self.writer.binary("fadd", self.number(a), self.number(b))

    def sub(self, a: Register | float, b: Register | float) -> Register:
        return self.writer.binary("fsub", self.number(a), self.number(b))

    def mul(self, a: Register | float, b: Register | float) -> Register:
        return self.writer.binary("fmul", self.number(a), self.number(b))

    def div(self, a: Register | float, b: Register | float) -> Register:
        return self.writer.binary("fdiv", self.number(a), self.number(b))

    def fma(self, a: Register | float, b: Register | float, c: Register | float) -> Register:
        return self.writer.fma(self.number(a), self.number(b), self.number(c))

    def test(self, predicate: str, a: Register, b: Register | float) -> Register:
        return self.writer.compare(predicate, a, self.number(b))

    def pick(self, condition: Register, yes: Register | float, no: Register | float) -> Register:
        return self.writer.select(condition, self.number(yes), self.number(no))

    def unary(self, name: str, x: Register) -> Register:
        return self.writer.intrinsic(f"llvm.{name}", x)

    def abs(self, x: Register) -> Register:
        return self.unary("fabs", x)

    def with_sign(self, magnitude: Register, sign: Register) -> Register:
        return self.writer.intrinsic("llvm.copysign", magnitude, sign)

    def negate(self, x: Register) -> Register:
        return self.writer.negate(x)

    def product(self, a: Register | float, b: Register | float) -> tuple[Register, Register]:
        """a b rounded, and what the rounding lost (Dekker, 1971, where no instruction rounds a b + c once).

        Without such an instruction operands above 2^996 (2^115 in float32) overflow.
        """
        a, b = self.number(a), self.number(b)
        result = self.mul(a, b)
        if self.writer.target.fused:
            return result, self.fma(a, b, self.negate(result))
        (a_high, a_low), (b_high, b_low) = self._halves(a), self._halves(b)
        lost = self.sub(self.mul(a_high, b_high), result)
        lost = self.add(lost, self.add(self.mul(a_high, b_low), self.mul(a_low, b_high)))
        return result, self.add(lost, self.mul(a_low, b_low))

    def _halves(self, a: Register) -> tuple[Register, Register]:
        """Two numbers of half the mantissa's bits with the sum a."""
        scaled = self.mul(a, 2.0 ** ((self.bits + 2) // 2) + 1.0)
        high = self.sub(scaled, self.sub(scaled, a))
        return high, self.sub(a, high)

    def minus_product(self, a: Register, b: Register, c: Register) -> Register:
        """c - a b where the result is small beside c, so that only its own rounding counts."""
        if self.writer.target.fused:
            return self.fma(self.negate(a), b, c)
        high, low = self.product(a, b)
        return self.sub(self.sub(c, high), low)

    def total(self, a: Register | float, b: Register | float) -> tuple[Register, Register]:
        """a + b rounded, and what the rounding lost (Knuth)."""
        result = self.add(a, b)
        part = self.sub(result, a)
        return result, self.add(self.sub(a, self.sub(result, part)), self.sub(b, part))

    def ordered_total(self, a: Register | float, b: Register | float) -> tuple[Register, Register]:
        """`total` where a is zero or has no smaller exponent than b."""
        result = self.add(a, b)
        return result, self.sub(b, self.sub(result, a))

    def polynomial(self, coefficients: Sequence[float], x: Register) -> Register:
        """Horner's rule, coefficients lowest power first."""
        result = self.number(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            result = self.fma(result, x, coefficient)
        return result

    def clamp(self, x: Register, low: float, high: float) -> Register:
        """NaN stays."""
        x = self.pick(self.test("olt", x, low), low, x)
        return self.pick(self.test("ogt", x, high), high, x)

    def clamp_above(self, x: Register, high: float) -> Register:
        """NaN stays."""
        return self.pick(self.test("ogt", x, high), high, x)

    def to_bits(self, x: Register) -> Register:
        return self.writer.convert("bitcast", x, self.integer)

    def from_bits(self, x: Register) -> Register:
        return self.writer.convert("bitcast", x, self.kind)

    def power_of_two(self, exponent: Register) -> Register:
        """2^n for an integer register, n within the normal exponents."""
        biased = self.writer.binary("add", exponent, self.whole(self.bias))
        return self.from_bits(self.writer.binary("shl", biased, self.whole(self.bits)))

    def scale(self, x: Register, exponent: Register) -> Register:
        """x 2^n in two steps, so that n may be up to twice the largest exponent, and results denormal."""
        half = self.writer.binary("ashr", exponent, self.whole(1))
        rest = self.writer.binary("sub", exponent, half)
        return self.mul(self.mul(x, self.power_of_two(half)), self.power_of_two(rest))

    def nearest(self, x: Register, factor: float) -> tuple[Register, Register]:
        """x factor rounded to an integral number, as a float and as an integer, below 2^22 (2^51) in size.

        Adding 1.5 2^23 (2^52) leaves the number in the sum's last bits: quicker than instructions that convert, and
        some processors have none for float64. A NaN gives some integer.
        """
        magic = 1.5 * 2.0**self.bits
        shifted = self.fma(x, factor, magic)
        pattern = ((self.bias + self.bits) << self.bits) | (1 << (self.bits - 1))
        number = self.writer.binary("sub", self.to_bits(shifted), self.whole(pattern))
        return self.sub(shifted, magic), number

    def from_integer(self, x: Register) -> Register:
        """An integer below 2^22 (2^51) in size."""
        magic = 1.5 * 2.0**self.bits
        pattern = ((self.bias + self.bits) << self.bits) | (1 << (self.bits - 1))
        return self.sub(self.from_bits(self.writer.binary("add", x, self.whole(pattern))), magic)
