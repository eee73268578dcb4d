"""Running sums, products and extremes along an axis, a vector of them where that axis is not the last."""

from __future__ import annotations

import math

from epochal.backends.native.elementwise import larger, smaller
from epochal.backends.native.emit import ARITHMETIC_KIND, KIND_BYTES, Register, Writer
from epochal.backends.native.kernel import Kernel, Launch, Target
from epochal.backends.native.loops_vector import each_vector
from epochal.backends.native.movement import sizes
from epochal.backends.native.reduce import identity_of
from epochal.ir import Node

SCANS = {"cumulative_sum": "sum", "cumulative_prod": "prod", "cumulative_max": "max", "cumulative_min": "min"}
"""The operators, with the reduction that each runs."""


def scan_launch(node: Node) -> Launch:
    """The kernel of a node in `SCANS`."""
    x = node.inputs[0]
    axis = int(node.parameters["axis"])
    shape = sizes(x)
    scan = _Scan(node, math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))
    kernel = Kernel(
        key=f"{node.operator.name} {x.type} {axis} {scan.reverse} {scan.exclusive}",
        emit=scan.emit,
        pieces=scan.outer,
        cost=x.type.size * (2.0 if scan.inner == 1 else 0.3) + 10.0,
        inplace=frozenset({(0, 0)}),
    )
    return Launch(kernel, (x,), node.outputs)


class _Scan:
    def __init__(self, node: Node, outer: int, length: int, inner: int) -> None:
        self.outer, self.length, self.inner = outer, length, inner
        self.reverse = bool(node.parameters.get("reverse", False))
        self.exclusive = bool(node.parameters.get("exclusive", False))
        self.dtype = node.outputs[0].dtype
        self.reduction = SCANS[node.operator.name]

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        lanes = target.vector_bytes // KIND_BYTES[ARITHMETIC_KIND[self.dtype.name]]
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as loop:
            base = writer.binary("mul", loop.index, writer.constant(self.length * self.inner, "i64"))

            def columns(index: Register, count: int, mask: Register | None) -> None:
                self._column(writer, writer.binary("add", base, index), count, mask)

            each_vector(writer, 0, self.inner, lanes, columns)
        return writer.module()

    def _column(self, writer: Writer, first: Register, count: int, mask: Register | None) -> None:
        """Sums along the axis, for `count` neighbouring lanes."""
        dtype = self.dtype
        kind = ARITHMETIC_KIND[dtype.name]
        source, result = writer.argument(0), writer.argument(1)
        with writer.loop(0, self.length) as loop:
            total = loop.carry(writer.constant(identity_of(self.reduction, dtype), kind, count))
            step = loop.index
            if self.reverse:
                step = writer.binary("sub", writer.constant(self.length - 1, "i64"), step)
            place = writer.binary("add", first, writer.binary("mul", step, writer.constant(self.inner, "i64")))
            element = writer.load(writer.offset(source, dtype, place), dtype, count, mask)
            after = self._combine(writer, total, element)
            loop.set(total, after)
            writer.store(writer.offset(result, dtype, place), total if self.exclusive else after, dtype, mask)

    def _combine(self, writer: Writer, total: Register, element: Register) -> Register:
        if self.reduction == "sum":
            return writer.binary("fadd" if self.dtype.is_floating else "add", total, element)
        if self.reduction == "prod":
            return writer.binary("fmul" if self.dtype.is_floating else "mul", total, element)
        return (larger if self.reduction == "max" else smaller)(writer, total, element, self.dtype)
