"""The three convolution operators seen as one: an image swept by a kernel, with every stride in elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from epochal.backends.native.kernels.epilogue import static_shape
from epochal.backends.native.kernels.phase import Phase, backward_phases, forward_phases
from epochal.dtypes import DType
from epochal.ir import Node


@dataclass(frozen=True, slots=True)
class Geometry:
    """A two-dimensional convolution (one spatial axis: of height 1) that an operator is, or is a gradient of.

    Attributes:
        dtype: Element type.
        images: N.
        x: Height, width and channels of the convolution's input.
        y: Height, width and channels of its output.
        window: Height and width of its kernel.
        strides, dilations, before: A number for each spatial axis; `before` are the zeros in front.
        groups: Groups of channels.
    """

    dtype: DType
    images: int
    x: tuple[int, int, int]
    y: tuple[int, int, int]
    window: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    before: tuple[int, int]
    groups: int

    @property
    def inputs(self) -> int:
        """Channels of the input in a group."""
        return self.x[2] // self.groups

    @property
    def outputs(self) -> int:
        """Channels of the output in a group."""
        return self.y[2] // self.groups

    @property
    def taps(self) -> int:
        return self.window[0] * self.window[1]

    @property
    def work(self) -> int:
        """Floating point operations, those on padding included."""
        return 2 * self.images * self.y[0] * self.y[1] * self.taps * self.inputs * self.y[2]

    @property
    def padded(self) -> bool:
        """Whether any window reaches outside the input."""
        return not all(phase.inside for axis in (0, 1) for phase in self.forward(axis))

    @property
    def depthwise(self) -> bool:
        """Whether each channel has one filter of its own."""
        return self.groups > 1 and self.groups == self.x[2] == self.y[2]

    @property
    def pointwise(self) -> bool:
        """Whether each output pixel sees one input pixel, that of its own place."""
        return self.taps == 1 and self.strides == (1, 1) and not self.padded and self.x[:2] == self.y[:2]

    def forward(self, axis: int) -> list[Phase]:
        return forward_phases(*self._axis(axis))

    def backward(self, axis: int) -> list[Phase]:
        return backward_phases(*self._axis(axis))

    def _axis(self, axis: int) -> tuple[int, int, int, int, int, int]:
        return (
            self.x[axis], self.y[axis], self.window[axis], self.strides[axis], self.dilations[axis], self.before[axis],
        )  # fmt: skip


def geometry_of(node: Node) -> Geometry | None:
    """The geometry of a convolution or of one of its gradients; ``None`` for three spatial axes."""
    first, second, result = (static_shape(value) for value in (*node.inputs, node.outputs[0]))
    x, kernel, y = {
        "conv": (first, second, result),
        "conv_data_gradient": (result, second, first),
        "conv_weight_gradient": (first, result, second),
    }[node.operator.name]
    if len(x) == 5:
        return None
    parameters = node.parameters
    steps = [tuple(parameters[name]) for name in ("strides", "dilations")]
    before = tuple(low for low, _ in parameters["padding"])
    if len(x) == 3:
        x, y = (x[0], 1, *x[1:]), (y[0], 1, *y[1:])
        kernel = (1, *kernel)
        steps, before = [(1, *step) for step in steps], (0, *before)
    return Geometry(
        node.inputs[0].dtype, x[0], (x[1], x[2], x[3]), (y[1], y[2], y[3]), (kernel[0], kernel[1]),
        (steps[0][0], steps[0][1]), (steps[1][0], steps[1][1]), (before[0], before[1]), parameters["groups"],
    )  # fmt: skip


def plain_geometry(
    dtype: DType, x: tuple[int, ...], kernel: tuple[int, ...], padding: Sequence[tuple[int, int]]
) -> Geometry:
    """The geometry of a convolution of two spatial axes, without strides, dilations or groups."""
    y = tuple(x[1 + i] + sum(padding[i]) - kernel[i] + 1 for i in (0, 1))
    return Geometry(
        dtype, x[0], (x[1], x[2], x[3]), (y[0], y[1], kernel[3]), (kernel[0], kernel[1]),
        (1, 1), (1, 1), (padding[0][0], padding[1][0]), 1,
    )  # fmt: skip


__all__ = ["Geometry", "geometry_of", "plain_geometry"]
