"""A schedule of hand-made kernels, so that the engine is tested without the code generators."""

import itertools

import numpy as np
import pytest

from epochal.backends.native.assemble import assemble
from epochal.backends.native.kernel import ALIASES, Kernel, Launch

_TYPES = {"float32": ("float", "fadd", "fsub", "fmul", "fcmp olt"), "int32": ("i32", "add", "sub", "mul", "icmp slt")}
_BINARY = {"add": 1, "sub": 2, "mul": 3, "less": 4}


def kernel_text(operator, dtype):
    """One operator, an element a piece."""
    name, *instructions = _TYPES[dtype]
    instruction = instructions[_BINARY[operator] - 1]
    store = f"  store {name} %z, ptr %r"
    result = name
    if operator == "less":
        result, store = "i8", "  %zz = zext i1 %z to i8\n  store i8 %zz, ptr %r"
    return f"""
define void @kernel(ptr %arguments, i64 %begin, i64 %end, ptr %scratch, ptr %error) #0 {{
entry:
  %a = load ptr, ptr %arguments
  %b.p = getelementptr ptr, ptr %arguments, i64 1
  %b = load ptr, ptr %b.p
  %c.p = getelementptr ptr, ptr %arguments, i64 2
  %c = load ptr, ptr %c.p
  br label %loop
loop:
  %i = phi i64 [%begin, %entry], [%next, %loop]
  %p = getelementptr {name}, ptr %a, i64 %i
  %q = getelementptr {name}, ptr %b, i64 %i
  %r = getelementptr {result}, ptr %c, i64 %i
  %x = load {name}, ptr %p
  %y = load {name}, ptr %q
  %z = {instruction} {name} %x, %y
{store}
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %end
  br i1 %more, label %loop, label %out
out:
  ret void
}}
"""


def hand_made(operator, value, cost):
    dtype = value.dtype.name
    size = max(1, value.type.size)
    inplace = frozenset() if operator == "less" else frozenset({(0, 0), (1, 0)})
    return Kernel(
        key=f"test {operator} {dtype} {size}",
        emit=lambda target: kernel_text(operator, dtype),
        pieces=size,
        cost=cost,
        inplace=inplace,
    )


def make_schedule(cost=1e5, call_outs=()):
    """Launches for a few operators, call-outs for the others and for those named."""

    def schedule(graph, cut=None):
        items = []
        for node in graph.nodes():
            name = node.operator.name
            if name in ("input", "constant") or name in ALIASES:
                continue
            handled = name in _BINARY and node.inputs[0].dtype.name in _TYPES and name not in call_outs
            if handled and node.outputs[0].type.size:
                items.append(Launch(hand_made(name, node.inputs[0], cost), node.inputs, node.outputs))
            else:
                items.append(node)
        return items

    return schedule


@pytest.fixture
def compile_by_hand():
    """``compile_by_hand(program, cost=..., call_outs=...)``: a native executable of hand-made kernels."""

    def compile_(program, cost=1e5, call_outs=()):
        return assemble(program, make_schedule(cost, call_outs))

    return compile_


@pytest.fixture
def fresh_kernel():
    """A kernel that nothing else uses: float32 addition of `size` elements."""
    serial = itertools.count()

    def make(size=64, **others):
        return Kernel(
            key=f"test fresh {next(serial)} {np.random.default_rng().integers(1 << 60)}",
            emit=lambda target: kernel_text("add", "float32"),
            pieces=size,
            cost=1e5,
            **others,
        )

    return make
