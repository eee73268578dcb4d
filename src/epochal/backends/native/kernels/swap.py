"""A convolution's kernel with its input and output channels exchanged, for the data gradient: one short launch."""

from __future__ import annotations

from collections.abc import Callable

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer, vector_lanes
from epochal.backends.native.kernel import Kernel, Launch, Target
from epochal.backends.native.kernels.axes import decode
from epochal.backends.native.kernels.transpose import pack_panel
from epochal.backends.native.kernels.work import digest
from epochal.dtypes import DType
from epochal.ir import TensorType, Value, make_input

WIDTH = 16
"""Columns that a piece transposes."""


def swap_launch(kernel: Value, taps: int, inputs: int, outputs: int) -> Launch:
    """``[taps][inputs][outputs]`` to a new value ``[taps][outputs][inputs]``."""
    result = make_input(TensorType(kernel.dtype, (taps, outputs, inputs)), "swapped")
    groups = -(-inputs // WIDTH)
    work = Kernel(
        key=digest("swap", kernel.dtype, taps, inputs, outputs),
        emit=_emitter(kernel.dtype, taps, inputs, outputs),
        pieces=taps * groups,
        cost=50 + taps * inputs * outputs / 4,
    )
    return Launch(work, (kernel,), (result,))


def _emitter(dtype: DType, taps: int, inputs: int, outputs: int) -> Callable[[Target], str]:
    def emit(target: Target) -> str:
        writer = Writer(target)
        lanes = min(WIDTH, vector_lanes(target, ARITHMETIC_KIND[dtype.name]))
        full, rest = divmod(inputs, WIDTH)
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
            tap, group = decode(writer, piece.index, [taps, full + (rest > 0)])
            image = writer.binary("mul", tap, writer.constant(inputs * outputs, "i64"))
            first = writer.binary("mul", group, writer.constant(WIDTH, "i64"))
            row = writer.binary("mul", first, writer.constant(outputs, "i64"))
            source = writer.offset(writer.argument(0), dtype, writer.binary("add", image, row))
            result = writer.offset(writer.argument(1), dtype, writer.binary("add", image, first))
            for width, predicate in ((WIDTH, "ult"), (rest, "eq")):
                if width == 0 or (width == WIDTH and not full):
                    continue
                widths = [min(lanes, width - start) for start in range(0, width, lanes)]
                with writer.when(writer.compare(predicate, group, writer.constant(full, "i64"))):
                    pack_panel(writer, dtype, lanes, widths, outputs, [(outputs, 1)], source, result, inputs)
        return writer.module()

    return emit


__all__ = ["swap_launch"]
