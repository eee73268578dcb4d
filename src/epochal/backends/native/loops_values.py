"""Writes the value of any element of a fused group: demand-driven, each value once, hoisted as far out as it can be.

A loop nest (see `loops`) tells where its counters are and which of them is vectorised; this writes what is asked for
at an index: a load, an operator on registers, or what a moving operator turns the question into.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from epochal import dtypes
from epochal.backends.native import random_draws
from epochal.backends.native.elementwise import cast, emit_elementwise, round_to
from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Section, Writer
from epochal.backends.native.kernel import ERROR_INDEX
from epochal.backends.native.movement import (
    Affine,
    Atom,
    Condition,
    Demand,
    Dynamic,
    Guard,
    linear,
    moves,
    operand_demands,
    sizes,
)
from epochal.ir import Node, Value


class Position(NamedTuple):
    """An integer in every lane: ``scalar + stride * lane + vector``."""

    scalar: Register
    stride: int
    vector: Register | None


class Lanes(NamedTuple):
    """How the innermost loop's body runs: `width` lanes from the counter's `base`, those in `mask`."""

    width: int
    base: Register
    mask: Register | None


class Values:
    """The values of one loop nest.

    Counters of the domain that run as one loop (`loops_plan`) are named by their `Atom`s in every index; `loops` says
    which loop each belongs to, `innermost` which of them carries that loop's coefficient.

    Attributes:
        writer: Where code goes.
        members: Nodes computed here; all other values are loaded.
        pointers: Where the loaded values are.
        counters: Registers of the loops' counters; the vectorised one's is in `lanes`.
        vector: The vectorised loop, if any.
        lanes: The body being written.
    """

    def __init__(
        self,
        writer: Writer,
        members: frozenset[Node],
        pointers: Mapping[Value, Register],
        loops: Mapping[Atom, Atom],
        innermost: frozenset[Atom],
    ) -> None:
        self.writer = writer
        self.members = members
        self.pointers = pointers
        self.counters: dict[Atom, Register] = {}
        self.vector: Atom | None = None
        self.lanes = Lanes(1, Register("0", "i64"), None)
        self._loops = loops
        self._innermost = innermost
        self._root = writer.section  # where the nest begins: nothing is hoisted beyond
        self._homes: dict[str, Section] = {}

    # Where registers live

    def settle(self, register: Register) -> Register:
        """Notes that `register` was made in the current section."""
        if register.name.startswith("%"):
            self._homes.setdefault(register.name, self.writer.section)
        return register

    def move(self, register: Register) -> Register:
        """Notes that `register`, made in a loop that has ended, is known from here on."""
        if register.name.startswith("%"):
            self._homes[register.name] = self.writer.section
        return register

    def home(self, *registers: Register | None) -> Section:
        """The innermost section among those that the registers live in."""
        deepest = self._root
        for register in registers:
            if register is not None:
                section = self._homes.get(register.name)
                if section is not None and section.depth > deepest.depth:
                    deepest = section
        return deepest

    def _known(self, key: object) -> Register | None:
        section: Section | None = self.writer.section
        while section is not None:
            found = section.values.get(key)
            if found is not None:
                return found
            section = section.parent
        return None

    def remember(self, key: object, register: Register) -> Register:
        """Makes a register known where it lives."""
        self.home(register).values[key] = register
        return register

    def key(self, demand: Demand) -> object:
        """What a demanded value is known by; those that differ between lanes belong to the body that made them."""
        if self.vector is not None and self._varies(demand):
            return demand, self.lanes
        return demand

    def _varies(self, demand: Demand) -> bool:
        forms = [*demand.place, *(condition.affine for condition in demand.guard)]
        return any(self._form_varies(form) for form in forms)

    def _form_varies(self, form: Affine) -> bool:
        if any(self._loops[atom] is self.vector for atom, _ in form.terms):
            return True
        return any(
            any(self._form_varies(inner) for inner in source.place)
            or any(self._form_varies(condition.affine) for condition in source.guard)
            for source, _ in form.dynamic
        )

    # Values

    def get(self, demand: Demand) -> Register:
        """A demanded value, in arithmetic form: a scalar if it is the same in all lanes."""
        key = self.key(demand)
        found = self._known(key)
        if found is None and demand.guard:
            plain = demand._replace(guard=())
            found = self._known(self.key(plain))
        if found is None:
            found = self.remember(key, self._make(demand))
        return found

    def _make(self, demand: Demand) -> Register:
        value = demand.value
        node = value.node
        name = node.operator.name
        if name == "constant":
            element = splat_element(node)
            if element is not None:
                return self.writer.constant(element, ARITHMETIC_KIND[value.dtype.name])
        if node not in self.members:
            return self._load(demand)
        if moves(name):
            return self._move(node, demand)
        if name == "iota":
            return self._iota(node, demand)
        if name == "shape_of":
            return self._shape(node, demand)
        if "random" in node.operator.traits:
            return self._random(node, demand)
        operands = [self.get(Demand(operand, demand.place, demand.guard)) for operand in node.inputs]
        types = [operand.dtype for operand in node.inputs]
        with self.writer.inside(self.home(*operands)):
            width = max(operand.lanes for operand in operands)
            result = emit_elementwise(self.writer, name, operands, node.parameters, [*types, value.dtype], width)
            return self.settle(round_to(self.writer, result, value.dtype))

    def _move(self, node: Node, demand: Demand) -> Register:
        demands = operand_demands(node, demand.place, demand.guard)
        name = node.operator.name
        kind = ARITHMETIC_KIND[demand.value.dtype.name]
        if name == "pad":
            outside = self.writer.constant(node.parameters.get("value", 0.0), kind)
            return outside if demands[0] is None else self._choose(demands[0], demand.guard, outside)
        if name == "concat":
            asked = [part for part in demands if part is not None]
            result = self.get(asked[0]) if asked else self.writer.constant(0, kind)
            for part in asked[1:]:
                result = self._choose(part, demand.guard, result)
            return result
        assert demands[0] is not None
        if name == "dynamic_update":
            whole = self.get(demands[0])
            return whole if demands[1] is None else self._choose(demands[1], demand.guard, whole)
        return self.get(demands[0])

    def _choose(self, demand: Demand, outer: Guard, otherwise: Register) -> Register:
        """The demanded value where its guard (beyond `outer`) holds, `otherwise` elsewhere."""
        own = tuple(condition for condition in demand.guard if condition not in outer)
        value = self.get(demand)
        if not own:
            return value
        scalar, vector = self.guard(own)
        condition = self._and(scalar, vector)
        assert condition is not None
        with self.writer.inside(self.home(condition, value, otherwise)):
            return self.settle(self.writer.select(condition, value, otherwise))

    def _and(self, left: Register | None, right: Register | None) -> Register | None:
        if left is None or right is None:
            return right if left is None else left
        with self.writer.inside(self.home(left, right)):
            return self.settle(self.writer.binary("and", left, right))

    def _iota(self, node: Node, demand: Demand) -> Register:
        dtype = demand.value.dtype
        position = self.position(demand.place[node.parameters["axis"]])
        with self.writer.inside(self.home(position.scalar, position.vector, self._lane_home(position))):
            whole = self.spread(position, "i64" if dtype.itemsize == 8 else "i32")
            source = dtypes.int64 if dtype.itemsize == 8 else dtypes.int32
            return self.settle(cast(self.writer, whole, source, dtype))

    def _shape(self, node: Node, demand: Demand) -> Register:
        """An operand's sizes, picked by position."""
        shape = sizes(node.inputs[0])
        position = self.position(demand.place[0])
        with self.writer.inside(self.home(position.scalar, position.vector, self._lane_home(position))):
            which = self.spread(position, "i32")
            result = self.writer.constant(shape[0], "i32")
            for axis, size in enumerate(shape[1:], 1):
                here = self.writer.compare("eq", which, self.writer.constant(axis, "i32", which.lanes))
                result = self.writer.select(here, self.writer.constant(size, "i32"), result)
            return self.settle(result)

    def _random(self, node: Node, demand: Demand) -> Register:
        key = node.inputs[0]
        seed, counter = (self.get(Demand(key, (Affine(word),), ())) for word in range(2))
        form = linear(demand.place, sizes(demand.value))
        position = self.position(form)
        aligned = self._is_multiple(form, 4) and position.stride == 1 and self.lanes.width % 4 == 0
        home = self.home(seed, counter, position.scalar, position.vector, self._lane_home(position))
        with self.writer.inside(home):
            start = position.scalar if aligned and position.vector is None else None
            index = self.spread(position, "i32")
            draw = random_draws.Draw(self.writer, seed, counter, index, start)
            return self.settle(random_draws.emit(draw, node.operator.name, demand.value.dtype))

    def _is_multiple(self, form: Affine, step: int) -> bool:
        """Whether a position is certainly a multiple of `step` in lane 0."""
        if form.dynamic or form.const % step:
            return False
        for atom, coefficient in form.terms:
            if atom in self._innermost and self._loops[atom] is not self.vector and coefficient % step:
                return False
        return True

    # Positions

    def position(self, form: Affine) -> Position:
        """An affine form's value. Partial sums are made as far out as the counters in them are."""
        stride = 0
        parts: list[tuple[Register, int]] = []
        for atom, coefficient in form.terms:
            if atom not in self._innermost:
                continue
            loop = self._loops[atom]
            if loop is self.vector:
                stride = coefficient
                parts.append((self.lanes.base, coefficient))
            else:
                parts.append((self.counters[loop], coefficient))
        vector: Register | None = None
        for source, coefficient in form.dynamic:
            register = self._dynamic(source)
            if register.lanes == 1:
                parts.append((register, coefficient))
            else:
                scaled = self._scaled(register, coefficient)
                vector = scaled if vector is None else self._sum(vector, scaled)
        total = self.writer.constant(form.const, "i64")
        for register, coefficient in sorted(parts, key=lambda part: self.home(part[0]).depth):
            total = self._sum(total, self._scaled(register, coefficient))
        return Position(total, stride if self.lanes.width > 1 else 0, vector)

    def _scaled(self, register: Register, factor: int) -> Register:
        if factor == 1:
            return register
        if not register.name.startswith("%") and register.lanes == 1:
            return self.writer.constant(int(register.name) * factor, "i64")
        with self.writer.inside(self.home(register)):
            constant = self.writer.constant(factor, "i64", register.lanes)
            return self.settle(self.writer.binary("mul", register, constant))

    def _sum(self, left: Register, right: Register) -> Register:
        if left.name == "0" or right.name == "0":
            return right if left.name == "0" else left
        if not left.name.startswith("%") and not right.name.startswith("%"):
            return self.writer.constant(int(left.name) + int(right.name), "i64")
        with self.writer.inside(self.home(left, right)):
            return self.settle(self.writer.binary("add", left, right))

    def _lane_home(self, position: Position) -> Register | None:
        return self.lanes.base if position.stride else None

    def spread(self, position: Position, kind: str) -> Register:
        """A position as a register of `kind`: scalar if all lanes agree. Call inside the right section."""
        writer = self.writer
        lanes = self.lanes.width
        scalar = position.scalar
        if kind != "i64":
            scalar = writer.convert("trunc", scalar, kind) if scalar.name.startswith("%") else Register(
                scalar.name, kind
            )  # fmt: skip
        result = scalar
        if position.stride:
            offsets = writer.iota(lanes, kind, position.stride)
            result = writer.binary("add", writer.splat(scalar, lanes), offsets)
        if position.vector is not None:
            vector = position.vector if kind == "i64" else writer.convert("trunc", position.vector, kind)
            result = writer.binary("add", result, vector)
        return result

    def _dynamic(self, source: Dynamic) -> Register:
        key = (source, self.lanes) if self._form_varies(Affine(0, (), ((source, 1),))) else source
        found = self._known(key)
        if found is None:
            found = self.remember(key, self._make_dynamic(source))
        return found

    def _make_dynamic(self, source: Dynamic) -> Register:
        writer = self.writer
        if source.kind == "quotient":
            return self._quotient(source)
        assert source.value is not None
        element = self.get(Demand(source.value, source.place, source.guard))
        guard = self._and(*self.guard(source.guard)) if source.kind == "checked" else None
        if source.kind == "checked" and element.lanes > 1:
            guard = self._and(guard, self.lanes.mask)  # an index beyond the tail may be anything
        with writer.inside(self.home(element, guard)):
            signed = source.value.dtype.kind == "int"
            wide = writer.convert("sext" if signed else "zext", element, "i64")
            low, high = (writer.constant(bound, "i64", wide.lanes) for bound in (source.low, source.high))
            if source.kind == "clamped":
                wide = writer.select(writer.compare("slt" if signed else "ult", wide, low), low, wide)
                return self.settle(writer.select(writer.compare("sgt" if signed else "ugt", wide, high), high, wide))
            wrong = writer.compare("ugt", wide, high)
            reported = wrong if guard is None else writer.binary("and", wrong, guard)
            writer.raise_error(reported, ERROR_INDEX)
            return self.settle(writer.select(wrong, writer.constant(0, "i64", wide.lanes), wide))

    def _quotient(self, source: Dynamic) -> Register:
        writer = self.writer
        position = self.position(source.place[0])
        with writer.inside(self.home(position.scalar, position.vector, self._lane_home(position))):
            form = self.spread(position, "i32")
            shift = source.step.bit_length() - 1
            if source.step == 1 << shift:
                result = writer.binary("ashr", form, writer.constant(shift, "i32", form.lanes))
            else:
                result = writer.binary("sdiv", form, writer.constant(source.step, "i32", form.lanes))
            return self.settle(writer.convert("sext", result, "i64"))

    # Guards

    def guard(self, guard: Guard) -> tuple[Register | None, Register | None]:
        """The conjunction of the conditions equal in all lanes, and that of the others."""
        scalar: Register | None = None
        vector: Register | None = None
        for condition in guard:
            register = self._condition(condition)
            if register.lanes == 1:
                scalar = self._and(scalar, register)
            else:
                vector = self._and(vector, register)
        return scalar, vector

    def _condition(self, condition: Condition) -> Register:
        writer = self.writer
        position = self.position(condition.affine)
        least, most = condition.affine.bounds()
        kind = "i32" if least >= -(2**31) and most < 2**31 else "i64"
        with writer.inside(self.home(position.scalar, position.vector, self._lane_home(position))):
            form = self.spread(position, kind)
            shifted = writer.binary("sub", form, writer.constant(condition.low, kind, form.lanes))
            room = writer.constant(condition.high - condition.low, kind, form.lanes)
            result = writer.compare("ult", shifted, room)
            if condition.step > 1:
                rest = writer.binary("urem", form, writer.constant(condition.step, kind, form.lanes))
                zero = writer.constant(0, kind, form.lanes)
                result = writer.binary("and", result, writer.compare("eq", rest, zero))
            return self.settle(result)

    # Memory

    def _load(self, demand: Demand) -> Register:
        value = demand.value
        pointer = self.pointers[value]
        position = self.position(linear(demand.place, sizes(value)))
        scalar_guard, vector_guard = self.guard(demand.guard)
        writer = self.writer
        if not position.stride and position.vector is None:
            return self._load_scalar(value, pointer, position.scalar, scalar_guard)
        mask = self._and(self._and(scalar_guard, vector_guard), self.lanes.mask)
        with writer.inside(self.home(position.scalar, position.vector, self.lanes.base, mask)):
            lanes = self.lanes.width
            if mask is not None:
                mask = writer.splat(mask, lanes)
            if position.vector is None and position.stride == 1:
                address = self._address(pointer, value, position.scalar)
                return self.settle(writer.load(address, value.dtype, lanes, mask))
            if position.vector is None and position.stride == -1:
                first = writer.binary("add", position.scalar, writer.constant(1 - lanes, "i64"))
                turned = range(lanes - 1, -1, -1)
                mask = None if mask is None else writer.shuffle(mask, None, turned)
                loaded = writer.load(self._address(pointer, value, first), value.dtype, lanes, mask)
                return self.settle(writer.shuffle(loaded, None, turned))
            return self.settle(writer.gather(pointer, value.dtype, self.spread(position, "i64"), mask))

    def _load_scalar(self, value: Value, pointer: Register, offset: Register, guard: Register | None) -> Register:
        """One element; element 0 where the guard does not hold."""
        writer = self.writer
        with writer.inside(self.home(offset, guard, pointer)):
            if guard is not None:
                offset = writer.select(guard, offset, writer.constant(0, "i64"))
            return self.settle(writer.load(self._address(pointer, value, offset), value.dtype))

    def _address(self, pointer: Register, value: Value, offset: Register) -> Register:
        if offset.name == "0":
            return pointer
        return self.writer.offset(pointer, value.dtype, offset)

    def store(self, value: Value, pointer: Register, form: Affine, register: Register) -> None:
        """Writes a value of the current body."""
        writer = self.writer
        position = self.position(form)
        if self.lanes.width == 1 or (not position.stride and position.vector is None):
            writer.store(self._address(pointer, value, position.scalar), register, value.dtype)
            return
        register = writer.splat(register, self.lanes.width)
        mask = self.lanes.mask
        if position.stride == 1:
            writer.store(self._address(pointer, value, position.scalar), register, value.dtype, mask)
        else:
            writer.scatter(pointer, register, value.dtype, self.spread(position, "i64"), mask)


def splat_element(node: Node) -> bool | int | float | None:
    """The one element that a constant repeats, or ``None``."""
    array = node.parameters["value"]
    if array.size == 0 or array.size > 4096:
        return None
    first = array.flat[0]
    if array.size > 1 and array.tobytes() != first.tobytes() * array.size:
        return None
    element = first.item()
    assert isinstance(element, (bool, int, float))
    return element
