"""A small, fast writer of LLVM text.

Code is written into *sections*: straight-line stretches, one for each place between loop headers. A section's parent
dominates it, so an instruction may be put into any ancestor of the current section: that is how code that does not
depend on a loop's counter is hoisted out of it without an optimiser. Pure instructions are remembered by their text in
the section that holds them, so equal ones are written once.

No objects stand for instructions: a register is a name, a scalar kind and a number of lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from epochal.backends.native.constants import float_text
from epochal.backends.native.kernel import Target
from epochal.backends.native.substitutes import ROUNDINGS, float_to_bfloat16, float_to_half, half_to_float, rounded
from epochal.dtypes import DType

ARITHMETIC_KIND: dict[str, str] = {
    "float16": "float",
    "bfloat16": "float",
    "float32": "float",
    "float64": "double",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "uint8": "i8",
    "uint16": "i16",
    "uint32": "i32",
    "uint64": "i64",
    "bool": "i1",
}
"""How an element type lies in a register: the small floats are computed in float32, a bool is one bit."""

MEMORY_KIND: dict[str, str] = {**ARITHMETIC_KIND, "float16": "half", "bfloat16": "i16", "bool": "i8"}
"""How an element type lies in memory."""

KIND_BYTES: dict[str, int] = {"i1": 1, "i8": 1, "i16": 2, "half": 2, "i32": 4, "float": 4, "i64": 8, "double": 8}
_SUFFIX = {"float": "f32", "double": "f64", "half": "f16"}


class Register(NamedTuple):
    """A value in LLVM: `name` is its text (a register or a constant), `lanes` 1 for a scalar."""

    name: str
    kind: str
    lanes: int = 1

    @property
    def type(self) -> str:
        return self.kind if self.lanes == 1 else f"<{self.lanes} x {self.kind}>"

    @property
    def typed(self) -> str:
        return f"{self.type} {self.name}"


class Section:
    """A straight-line stretch of code.

    Attributes:
        parent: The section that dominates it.
        depth: Number of ancestors.
        head, lines, tail: Label and phis, instructions, terminator.
        memo: Pure instructions in it, by their text.
        values: For emitters: what else is known here, by any key.
    """

    __slots__ = ("depth", "head", "lines", "memo", "parent", "tail", "values")

    def __init__(self, parent: Section | None) -> None:
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.head: list[str] = []
        self.lines: list[str] = []
        self.tail: list[str] = []
        self.memo: dict[str, Register] = {}
        self.values: dict[object, Register] = {}


class Loop:
    """An open counted loop: `index` runs from begin to end (exclusive). Made by `Writer.loop`."""

    __slots__ = ("_after", "_phis", "_static", "_writer", "entry", "header", "index", "step")

    def __init__(self, writer: Writer, index: Register, header: Section, entry: str, static: bool) -> None:
        self._writer = writer
        self._static = static
        self._phis: list[tuple[Register, Register]] = []
        self._after: dict[Register, Register] = {}
        self.index = index
        self.header = header
        self.entry = entry

    def carry(self, initial: Register) -> Register:
        """A value carried from one iteration to the next; give its next value to `set`."""
        phi = Register(self._writer.fresh(), initial.kind, initial.lanes)
        self._phis.append((phi, initial))
        return phi

    def set(self, phi: Register, value: Register) -> None:
        self._after[phi] = value

    def result(self, phi: Register) -> Register:
        """The carried value once the loop has ended."""
        return self._after[phi] if self._static else phi

    def _finish(self, label: str, index_next: Register) -> None:
        begin = self.header.head.pop()
        name, kind = self.index.name, self.index.kind
        self.header.head.append(f" {name} = phi {kind} [{begin}, %{self.entry}], [{index_next.name}, %{label}]")
        for phi, initial in self._phis:
            after = self._after[phi]
            self.header.head.append(
                f" {phi.name} = phi {phi.type} [{initial.name}, %{self.entry}], [{after.name}, %{label}]"
            )


def vector_lanes(target: Target, kind: str = "float") -> int:
    """Lanes of one vector register of that scalar kind."""
    return max(1, target.vector_bytes // KIND_BYTES[kind])


class Writer:
    """Writes one function of one module. See the module's text."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._count = 0
        self._sections: list[Section] = []
        self.section = self._open(None)
        self.label = "entry"
        self._declarations: dict[str, None] = {}
        self._globals: dict[str, str] = {}
        self._functions: dict[str, str] = {}

    # Names, sections and blocks

    def fresh(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def _open(self, parent: Section | None) -> Section:
        section = Section(parent)
        self._sections.append(section)
        return section

    def begin_block(self, name: str, parent: Section | None = None) -> Section:
        """Starts a labelled block, in a new section dominated by `parent` (default: the current section)."""
        self.section = self._open(self.section if parent is None else parent)
        self.section.head.append(f"{name}:")
        self.label = name
        return self.section

    def block_name(self, hint: str) -> str:
        self._count += 1
        return f"{hint}{self._count}"

    @contextmanager
    def inside(self, section: Section) -> Iterator[None]:
        """Straight-line code inside the block goes to the end of `section`, an ancestor of the current one."""
        saved, self.section = self.section, section
        try:
            yield
        finally:
            self.section = saved

    @property
    def entry(self) -> Section:
        """The function's first section, which dominates all."""
        return self._sections[0]

    @contextmanager
    def loop(self, begin: int | Register, end: int | Register, step: int = 1) -> Iterator[Loop]:
        """A loop over ``range(begin, end, step)`` with an i64 counter.

        With static bounds the loop must run at least once and is tested at the bottom; otherwise it is tested at the
        top. Values may be carried (`Loop.carry`).
        """
        static = isinstance(begin, int) and isinstance(end, int)
        assert not static or begin < end  # type: ignore[operator]
        begin_register, end_register = self._index(begin), self._index(end)
        header, after = self.block_name("loop"), self.block_name("after")
        entry, outer = self.label, self.section
        outer.tail.append(f" br label %{header}")
        section = self.begin_block(header)
        index = Register(self.fresh(), "i64")
        section.head.append(begin_register.name)
        loop = Loop(self, index, section, entry, static)
        if not static:
            body = self.block_name("body")
            inside = self.fresh()
            section.tail.append(f" {inside} = icmp slt i64 {index.name}, {end_register.name}")
            section.tail.append(f" br i1 {inside}, label %{body}, label %{after}")
            self.begin_block(body)
        yield loop
        following = Register(self.fresh(), "i64")
        tail = self.section.tail
        tail.append(f" {following.name} = add nsw i64 {index.name}, {step}")
        if static:
            again = self.fresh()
            tail.append(f" {again} = icmp slt i64 {following.name}, {end_register.name}")
            tail.append(f" br i1 {again}, label %{header}, label %{after}")
        else:
            tail.append(f" br label %{header}")
        loop._finish(self.label, following)
        self.begin_block(after, outer)

    @contextmanager
    def when(self, condition: Register) -> Iterator[None]:
        """The block runs only if the scalar `condition` (i1) holds."""
        then, after = self.block_name("then"), self.block_name("after")
        outer = self.section
        outer.tail.append(f" br i1 {condition.name}, label %{then}, label %{after}")
        self.begin_block(then)
        yield
        self.section.tail.append(f" br label %{after}")
        self.begin_block(after, outer)

    def only_if_any(
        self, condition: Register, otherwise: Sequence[Register], body: Callable[[], Sequence[Register]]
    ) -> list[Register]:
        """The results of `body` if any lane of `condition` holds, else `otherwise`; in a function that `call` calls."""
        slots = [self.effect(f"alloca {value.type}, align 64", "ptr") for value in otherwise]
        for slot, value in zip(slots, otherwise, strict=True):
            self.line(f"store {value.typed}, ptr {slot.name}, align 64")
        with self.when(self.any_lane(condition)):
            for slot, value in zip(slots, body(), strict=True):
                self.line(f"store {value.typed}, ptr {slot.name}, align 64")
        return [
            self.effect(f"load {value.type}, ptr {slot.name}, align 64", value.kind, value.lanes)
            for slot, value in zip(slots, otherwise, strict=True)
        ]

    def line(self, text: str) -> None:
        """An instruction without a result, or one that must not be merged."""
        self.section.lines.append(" " + text)

    # Pure instructions

    def pure(self, text: str, kind: str, lanes: int = 1) -> Register:
        """The result of an instruction without effects; an equal one in reach is used again."""
        section: Section | None = self.section
        while section is not None:
            found = section.memo.get(text)
            if found is not None:
                return found
            section = section.parent
        register = Register(self.fresh(), kind, lanes)
        self.section.lines.append(f" {register.name} = {text}")
        self.section.memo[text] = register
        return register

    def effect(self, text: str, kind: str, lanes: int = 1) -> Register:
        """The result of an instruction that depends on memory."""
        register = Register(self.fresh(), kind, lanes)
        self.section.lines.append(f" {register.name} = {text}")
        return register

    def constant(self, value: float | int | bool, kind: str, lanes: int = 1) -> Register:
        """A number, repeated to every lane."""
        if kind in ("float", "double"):
            text = float_text(float(value), kind)
        elif kind == "i1":
            text = "true" if value else "false"
        else:
            bits = int(kind[1:])
            number = int(value) & ((1 << bits) - 1)
            text = str(number - (1 << bits) if number >> (bits - 1) else number)
        if lanes > 1:
            text = f"splat ({kind} {text})"
        return Register(text, kind, lanes)

    def vector_constant(self, values: Sequence[float | int | bool], kind: str) -> Register:
        """A vector of given lanes."""
        parts = ", ".join(self.constant(value, kind).typed for value in values)
        return Register(f"<{parts}>", kind, len(values))

    def iota(self, lanes: int, kind: str = "i64", step: int = 1) -> Register:
        """0, 1, 2 ... in the lanes."""
        return self.vector_constant(range(0, lanes * step, step), kind) if lanes > 1 else self.constant(0, kind)

    def _index(self, value: int | Register) -> Register:
        return self.constant(value, "i64") if isinstance(value, int) else value

    def binary(self, operation: str, left: Register, right: Register) -> Register:
        """``add``, ``fmul``, ``and`` ... on equal types; a scalar operand is splatted to the other's lanes."""
        left, right = self.level(left, right)
        return self.pure(f"{operation} {left.type} {left.name}, {right.name}", left.kind, left.lanes)

    def compare(self, predicate: str, left: Register, right: Register) -> Register:
        """``icmp``/``fcmp`` by the kind of the operands."""
        left, right = self.level(left, right)
        instruction = "fcmp" if left.kind in ("float", "double") else "icmp"
        return self.pure(f"{instruction} {predicate} {left.type} {left.name}, {right.name}", "i1", left.lanes)

    def select(self, condition: Register, yes: Register, no: Register) -> Register:
        yes, no = self.level(yes, no)
        if condition.lanes > yes.lanes:
            yes, no = self.splat(yes, condition.lanes), self.splat(no, condition.lanes)
        return self.pure(f"select {condition.typed}, {yes.typed}, {no.typed}", yes.kind, yes.lanes)

    def convert(self, operation: str, value: Register, kind: str) -> Register:
        """``sext``, ``fptrunc``, ``bitcast`` ... to another scalar kind of as many lanes."""
        if value.kind == kind:
            return value
        result = Register("", kind, value.lanes)
        return self.pure(f"{operation} {value.typed} to {result.type}", kind, value.lanes)

    def negate(self, value: Register) -> Register:
        return self.pure(f"fneg {value.typed}", value.kind, value.lanes)

    def level(self, left: Register, right: Register) -> tuple[Register, Register]:
        """Both operands with the lanes of the wider."""
        if left.lanes == right.lanes:
            return left, right
        lanes = max(left.lanes, right.lanes)
        return self.splat(left, lanes), self.splat(right, lanes)

    def splat(self, value: Register, lanes: int) -> Register:
        """A scalar in every lane (a vector of that many lanes is returned as it is)."""
        if value.lanes == lanes:
            return value
        assert value.lanes == 1, f"{value} can't be widened to {lanes} lanes"
        if not value.name.startswith("%"):
            return Register(f"splat ({value.kind} {value.name})", value.kind, lanes)
        vector = f"<{lanes} x {value.kind}>"
        first = self.pure(f"insertelement {vector} poison, {value.typed}, i64 0", value.kind, lanes)
        return self.pure(
            f"shufflevector {first.typed}, {vector} poison, <{lanes} x i32> zeroinitializer", value.kind, lanes
        )

    def shuffle(self, left: Register, right: Register | None, indices: Sequence[int]) -> Register:
        """``shufflevector``; `right` may be absent."""
        other = f"{left.type} poison" if right is None else right.typed
        mask = ", ".join(f"i32 {index}" for index in indices)
        return self.pure(
            f"shufflevector {left.typed}, {other}, <{len(indices)} x i32> <{mask}>", left.kind, len(indices)
        )

    def extract(self, vector: Register, lane: int) -> Register:
        if vector.lanes == 1:
            return vector
        return self.pure(f"extractelement {vector.typed}, i64 {lane}", vector.kind)

    def insert(self, vector: Register, scalar: Register, lane: int) -> Register:
        return self.pure(f"insertelement {vector.typed}, {scalar.typed}, i64 {lane}", vector.kind, vector.lanes)

    # Calls

    def suffix(self, kind: str, lanes: int) -> str:
        """How an intrinsic's name is overloaded on a type."""
        scalar = _SUFFIX.get(kind, kind)
        return scalar if lanes == 1 else f"v{lanes}{scalar}"

    def declare(self, text: str) -> None:
        self._declarations[text] = None

    def intrinsic(self, name: str, *operands: Register, extra: str = "") -> Register:
        """An intrinsic overloaded on one type that its operands and result all have, such as ``llvm.fma``.

        `extra` is a last operand that is not of that type, such as ``"i1 false"``.
        """
        lanes = max(operand.lanes for operand in operands)
        operands = tuple(self.splat(operand, lanes) for operand in operands)
        first = operands[0]
        if name in ROUNDINGS and not self.target.rounds:
            return rounded(self, name, first)
        types = [first.type] * len(operands)
        arguments = [operand.typed for operand in operands]
        if extra:
            types.append(extra.split()[0])
            arguments.append(extra)
        full = f"@{name}.{self.suffix(first.kind, lanes)}"
        self.declare(f"declare {first.type} {full}({', '.join(types)})")
        return self.pure(f"call {first.type} {full}({', '.join(arguments)})", first.kind, lanes)

    def fma(self, a: Register, b: Register, c: Register) -> Register:
        """``a * b + c``, rounded once if the target can (`Target.fused`), else twice."""
        if not self.target.fused:
            return self.binary("fadd", self.binary("fmul", a, b), c)
        return self.intrinsic("llvm.fma", a, b, c)

    def reduce(self, operation: str, vector: Register) -> Register:
        """One lane from all, as a fixed tree: halves are combined until one lane is left.

        `operation` is a `binary` operation, an intrinsic's name (``llvm.maximum``), or a function of two registers
        elsewhere; see `reduce_with` for the last.
        """
        if operation.startswith("llvm."):
            return self.reduce_with(lambda a, b: self.intrinsic(operation, a, b), vector)
        return self.reduce_with(lambda a, b: self.binary(operation, a, b), vector)

    def reduce_with(self, combine: object, vector: Register) -> Register:
        """`reduce` with any function of two registers."""
        assert callable(combine)
        while vector.lanes > 1:
            half = vector.lanes // 2
            low = self.halves(vector, range(half))
            high = self.halves(vector, range(half, vector.lanes))
            vector = combine(low, high)
        return vector

    def halves(self, vector: Register, lanes: range) -> Register:
        """Some lanes of a vector; a scalar where there is one."""
        if len(lanes) == 1:
            return self.extract(vector, lanes[0])
        return self.shuffle(vector, None, lanes)

    # Memory

    def argument(self, position: int) -> Register:
        """The pointer at a position of ``%arguments``, loaded at the function's entry."""
        with self.inside(self._sections[0]):
            slot = self.pure(f"getelementptr ptr, ptr %arguments, i64 {position}", "ptr")
            return self.pure(f"load ptr, ptr {slot.name}, align 8", "ptr")

    def offset(self, pointer: Register, dtype_or_kind: DType | str, index: int | Register) -> Register:
        """A pointer moved by a number of elements."""
        kind = MEMORY_KIND[dtype_or_kind.name] if isinstance(dtype_or_kind, DType) else dtype_or_kind
        if index == 0:
            return pointer
        text = str(index) if isinstance(index, int) else index.name
        return self.pure(f"getelementptr {kind}, ptr {pointer.name}, i64 {text}", "ptr")

    def load(self, pointer: Register, dtype: DType, lanes: int = 1, mask: Register | None = None) -> Register:
        """Elements from memory, in their arithmetic form. Lanes outside `mask` are not read and are zero."""
        kind = MEMORY_KIND[dtype.name]
        align = KIND_BYTES[kind]
        vector = Register("", kind, lanes)
        if mask is None:
            raw = self.effect(f"load {vector.type}, ptr {pointer.name}, align {align}", kind, lanes)
        elif lanes == 1:
            raise AssertionError("a scalar load has no mask")
        else:
            name = f"@llvm.masked.load.{self.suffix(kind, lanes)}.p0"
            self.declare(f"declare {vector.type} {name}(ptr, i32, <{lanes} x i1>, {vector.type})")
            arguments = f"ptr {pointer.name}, i32 {align}, {mask.typed}, {vector.type} zeroinitializer"
            raw = self.effect(f"call {vector.type} {name}({arguments})", kind, lanes)
        return self.from_memory(raw, dtype)

    def store(self, pointer: Register, value: Register, dtype: DType, mask: Register | None = None) -> None:
        """Writes elements, given in their arithmetic form. Lanes outside `mask` are left."""
        if mask is not None and mask == self.tail_mask(1, mask.lanes):
            # LLVM 22 writes four bytes here where two were meant: a masked store of one lane of a truncated vector.
            value, mask = self.extract(value, 0), None
        raw = self.to_memory(value, dtype)
        align = KIND_BYTES[raw.kind]
        if mask is None:
            self.line(f"store {raw.typed}, ptr {pointer.name}, align {align}")
            return
        name = f"@llvm.masked.store.{self.suffix(raw.kind, raw.lanes)}.p0"
        self.declare(f"declare void {name}({raw.type}, ptr, i32, <{raw.lanes} x i1>)")
        self.line(f"call void {name}({raw.typed}, ptr {pointer.name}, i32 {align}, {mask.typed})")

    def prefetch(self, pointer: Register, level: int = 3, write: bool = False) -> None:
        """Asks for the line of memory at `pointer`, valid or not. `level`: 3 the nearest cache, 2 the second."""
        self.declare("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        self.line(f"call void @llvm.prefetch.p0(ptr {pointer.name}, i32 {int(write)}, i32 {level}, i32 1)")

    def gather(self, base: Register, dtype: DType, index: Register, mask: Register | None = None) -> Register:
        """Elements at `base` plus the lanes of `index` (i64, in elements)."""
        kind, lanes = MEMORY_KIND[dtype.name], index.lanes
        vector = Register("", kind, lanes)
        pointers = self.pure(f"getelementptr {kind}, ptr {base.name}, {index.typed}", "ptr", lanes)
        mask = self.constant(True, "i1", lanes) if mask is None else mask
        name = f"@llvm.masked.gather.{self.suffix(kind, lanes)}.v{lanes}p0"
        self.declare(f"declare {vector.type} {name}(<{lanes} x ptr>, i32, <{lanes} x i1>, {vector.type})")
        raw = self.effect(
            f"call {vector.type} {name}({pointers.typed}, i32 {KIND_BYTES[kind]}, {mask.typed}, "
            f"{vector.type} zeroinitializer)",
            kind,
            lanes,
        )
        return self.from_memory(raw, dtype)

    def scatter(
        self, base: Register, value: Register, dtype: DType, index: Register, mask: Register | None = None
    ) -> None:
        """Writes elements at `base` plus the lanes of `index` (i64, in elements)."""
        raw = self.to_memory(value, dtype)
        lanes = raw.lanes
        pointers = self.pure(f"getelementptr {raw.kind}, ptr {base.name}, {index.typed}", "ptr", lanes)
        mask = self.constant(True, "i1", lanes) if mask is None else mask
        name = f"@llvm.masked.scatter.{self.suffix(raw.kind, lanes)}.v{lanes}p0"
        self.declare(f"declare void {name}({raw.type}, <{lanes} x ptr>, i32, <{lanes} x i1>)")
        self.line(f"call void {name}({raw.typed}, {pointers.typed}, i32 {KIND_BYTES[raw.kind]}, {mask.typed})")

    def from_memory(self, raw: Register, dtype: DType) -> Register:
        """Memory form to arithmetic form."""
        if dtype.name == "bool":
            return self.convert("trunc", raw, "i1")
        if dtype.name == "float16":
            return self.convert("fpext", raw, "float") if self.target.halves else half_to_float(self, raw)
        if dtype.name == "bfloat16":
            wide = self.convert("zext", raw, "i32")
            return self.convert("bitcast", self.binary("shl", wide, self.constant(16, "i32", wide.lanes)), "float")
        return raw

    def to_memory(self, value: Register, dtype: DType) -> Register:
        """Arithmetic form to memory form, rounded to nearest even where it is narrower."""
        if dtype.name == "bool":
            return self.convert("zext", value, "i8")
        if dtype.name == "float16":
            return self.convert("fptrunc", value, "half") if self.target.halves else float_to_half(self, value)
        if dtype.name == "bfloat16":
            return float_to_bfloat16(self, value)
        return value

    def tail_mask(self, count: int | Register, lanes: int) -> Register:
        """The first `count` lanes."""
        if isinstance(count, int):
            return self.vector_constant([lane < count for lane in range(lanes)], "i1")
        narrow = self.convert("trunc", count, "i32")
        return self.compare("ult", self.iota(lanes, "i32"), self.splat(narrow, lanes))

    def any_lane(self, condition: Register) -> Register:
        """Whether any lane holds."""
        if condition.lanes == 1:
            return condition
        packed = self.pure(f"bitcast {condition.typed} to i{condition.lanes}", f"i{condition.lanes}")
        return self.pure(f"icmp ne {packed.typed}, 0", "i1")

    def raise_error(self, condition: Register, code: int) -> None:
        """Stores `code` to ``%error`` if any lane of `condition` holds."""
        condition = self.any_lane(condition)
        old = self.effect("load i32, ptr %error, align 4", "i32")
        chosen = self.select(condition, self.constant(code, "i32"), old)
        self.line(f"store {chosen.typed}, ptr %error, align 4")

    # The module

    def global_array(self, values: Sequence[float | int], kind: str) -> Register:
        """A constant array of the module."""
        parts = ", ".join(self.constant(value, kind).typed for value in values)
        text = f"[{len(values)} x {kind}] [{parts}], align 64"
        name = self._globals.get(text)
        if name is None:
            name = self._globals[text] = f"@table{len(self._globals)}"
        return Register(name, "ptr")

    def call(
        self, name: str, operands: Sequence[Register], results: Sequence[Register], body: FunctionBody
    ) -> list[Register]:
        """Calls a function of the module that is written once, however often it is called.

        Args:
            name: What it computes, with the types in it.
            operands: Arguments.
            results: Types of what it returns; their names don't matter.
            body: Writes it: ``body(writer, parameters)`` returns the results.
        """
        if name not in self._functions:
            inner = Writer(self.target)
            inner._globals, inner._functions = self._globals, self._functions
            parameters = [Register(f"%p{index}", value.kind, value.lanes) for index, value in enumerate(operands)]
            returned = body(inner, parameters)
            self._declarations.update(inner._declarations)
            value = Register("poison", _structure(returned))
            for index, part in enumerate(returned):
                value = inner.pure(f"insertvalue {value.kind} {value.name}, {part.typed}, {index}", value.kind)
            head = f"{value.kind} @{name}({', '.join(parameter.typed for parameter in parameters)})"
            self._functions[name] = inner._function(f"internal {head}", f"{value.kind} {value.name}")
        structure = _structure(results)
        arguments = ", ".join(operand.typed for operand in operands)
        value = self.pure(f"call {structure} @{name}({arguments})", structure)
        return [
            self.pure(f"extractvalue {structure} {value.name}, {index}", part.kind, part.lanes)
            for index, part in enumerate(results)
        ]

    def _function(self, head: str, result: str) -> str:
        parts = [f"define {head} #0 {{\nentry:"]
        for section in self._sections:
            parts.extend(section.head)
            parts.extend(section.lines)
            parts.extend(section.tail)
        parts.append(f" ret {result}\n}}\n")
        return "\n".join(parts)

    def module(self) -> str:
        """The whole module. Attribute group #0 is the engine's to define."""
        parts = [f"{name} = private unnamed_addr constant {text}" for text, name in self._globals.items()]
        parts.extend(self._declarations)
        parts.extend(self._functions.values())
        kernel = "void @kernel(ptr %arguments, i64 %begin, i64 %end, ptr %scratch, ptr %error)"
        parts.append(self._function(kernel, "void"))
        return "\n".join(parts)


FunctionBody = Callable[[Writer, "Sequence[Register]"], "Sequence[Register]"]


def _structure(parts: Sequence[Register]) -> str:
    return f"{{{', '.join(part.type for part in parts)}}}"
