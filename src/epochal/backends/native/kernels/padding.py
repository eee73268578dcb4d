"""An image with the zeros around it that a convolution's windows reach."""

from __future__ import annotations

from epochal.backends.native.emit import Register, Writer
from epochal.backends.native.kernels.axes import advance
from epochal.backends.native.kernels.geometry import Geometry


class Padded:
    """Images of the first argument, copied to scratch where the windows of a convolution leave them.

    Attributes:
        height, width: Of what is read: the input, or the part that all windows together see.
        pitch: Elements from one row to the next.
    """

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self.copied = geometry.padded
        g = geometry
        if self.copied:
            self.height = (g.y[0] - 1) * g.strides[0] + (g.window[0] - 1) * g.dilations[0] + 1
            self.width = (g.y[1] - 1) * g.strides[1] + (g.window[1] - 1) * g.dilations[1] + 1
        else:
            self.height, self.width = g.x[:2]
        self.pitch = self.width * g.x[2]

    @property
    def scratch(self) -> int:
        """Bytes of a copy."""
        return self.height * self.pitch * self.geometry.dtype.itemsize if self.copied else 0

    def image(self, writer: Writer, number: Register) -> Register:
        """Where an image is, after it has been copied if need be."""
        g = self.geometry
        (place,) = advance(writer, [writer.constant(0, "i64")], number, (g.x[0] * g.x[1] * g.x[2],))
        source = writer.offset(writer.argument(0), g.dtype, place)
        if not self.copied:
            return source
        scratch = Register("%scratch", "ptr")
        writer.declare("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        writer.line(f"call void @llvm.memset.p0.i64(ptr %scratch, i8 0, i64 {self.scratch}, i1 false)")
        top, left = g.before
        rows, pixels = min(g.x[0], self.height - top), min(g.x[1], self.width - left)
        if rows <= 0 or pixels <= 0:
            return scratch
        writer.declare("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
        corner = writer.offset(scratch, g.dtype, top * self.pitch + left * g.x[2])
        size = pixels * g.x[2] * g.dtype.itemsize
        with writer.loop(0, rows) as row:
            zero = writer.constant(0, "i64")
            places = advance(writer, [zero, zero], row.index, (g.x[1] * g.x[2], self.pitch))
            line, target = writer.offset(source, g.dtype, places[0]), writer.offset(corner, g.dtype, places[1])
            writer.line(f"call void @llvm.memcpy.p0.p0.i64(ptr {target.name}, ptr {line.name}, i64 {size}, i1 false)")
        return scratch


__all__ = ["Padded"]
