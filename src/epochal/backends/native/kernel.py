"""What the parts of the native compiler hand one another: targets, kernels and their launches.

Emitters write ``define void @kernel(...) #0 {`` and leave attribute group ``#0`` undefined (as well as the data layout
and the triple): `engine` appends ``attributes #0 = {...}`` with the vector width meant for the target. Helper functions
in the same module carry ``#0`` too, and are ``internal``.

`schedule.schedule(nodes, outputs)` turns nodes (operands first; inputs, constants and control flow may be among them)
into ``list[Launch | Node]`` in the order of execution, such that every value in `outputs` (those needed after) is
computed. A bare `Node` in that list is one that no kernel does: control flow (cond, while_loop, scan), which
`program` lowers to jumps, and any other operator, which runs its reference. Operators of `ALIASES` get
no launch: their result is their operand's memory, and a launch may name either value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from epochal.ir import Value


@dataclass(frozen=True, slots=True)
class Target:
    """What code is generated for.

    Attributes:
        cpu: LLVM's name of the processor.
        features: LLVM's feature string.
        vector_bytes: Width of a vector register: 64 (AVX-512), 32 (AVX2) or 16 (SSE, NEON).
        registers: Number of vector registers: 32 or 16.
        masked: Whether masked loads and stores are one instruction (AVX-512).
        fused: Whether a product and a sum are one instruction, rounded once (FMA).
        rounds: Whether rounding to an integral number is one instruction (SSE4.1).
        halves: Whether converting from and to float16 is (F16C).
    """

    cpu: str
    features: str
    vector_bytes: int
    registers: int
    masked: bool
    fused: bool = True
    rounds: bool = True
    halves: bool = True


@dataclass(frozen=True, slots=True)
class Slabs:
    """Operands that the pieces of a kernel share out among themselves; see `slabs`.

    Attributes:
        rows: Into how many equal rows, one after the other in memory, each of them is cut.
        block: Rows a piece: piece p touches rows [p * block, (p + 1) * block) of them and no other.
        operands: Which operands these are, by position among inputs and outputs.
    """

    rows: int
    block: int
    operands: frozenset[int]


@dataclass(frozen=True, slots=True)
class Kernel:
    """One function of machine code, before it is emitted.

    The module that `emit` writes defines
    ``void @kernel(ptr %arguments, i64 %begin, i64 %end, ptr %scratch, ptr %error)``: `arguments` points to an array of
    pointers, inputs then outputs, each to a dense row-major buffer (a bool is one byte, 0 or 1; only element alignment
    is certain); ``[begin, end)`` is the range of pieces to do; `error` is an i32 to which a nonzero `ERROR_...` code is
    stored if something is wrong. It calls nothing but ``memcpy`` and ``memset``.

    Attributes:
        key: Digest of all that the code depends on except the target; equal keys mean equal code.
        emit: Writes the LLVM module as text.
        pieces: Independent units of work. Depends on shapes alone, never on the number of threads, and each piece
            computes the same bits wherever it runs.
        cost: Estimated nanoseconds on one core for all pieces.
        scratch: Bytes of scratch memory a thread needs.
        inplace: Pairs (input, output) that may share memory: element i of the input is read before element i of the
            output is written, and never after.
        slabs: Operands of which a piece touches its own rows alone, if there are any.
    """

    key: str
    emit: Callable[[Target], str]
    pieces: int
    cost: float
    scratch: int = 0
    inplace: frozenset[tuple[int, int]] = frozenset()
    slabs: Slabs | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """A kernel applied to values of the graph."""

    kernel: Kernel
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]


CONTROL: frozenset[str] = frozenset({"cond", "while_loop", "scan"})

ALIASES: frozenset[str] = frozenset({"reshape", "stop_gradient"})

ERROR_INDEX = 1

ERROR_MESSAGES = {ERROR_INDEX: "an index is outside the axis it selects from"}
