"""Convolutions and pooling over volumes, written with those over images: engines have kernels for two spatial axes.

A slice of a volume's convolution sees some slices of the input. Laid side by side as channels, they are an image
whose convolution is that slice, summed in one go; gradients likewise. A window's maximum or mean over a volume is the
one over each slice and then over slices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from epochal.ir import Builder, Graph, Node, Value, is_static
from epochal.passes.rebuild import on_operands, rebuild
from epochal.topi.inventory import BUILD

DTYPES = ("float32", "float64")
"""Shorter numbers are left as they are: their sums would be rounded once more between slices."""


@dataclass(frozen=True)
class Volumes:
    """Takes operators of three spatial axes to those of two, in float32 and float64 and of known shapes."""

    def run(self, graph: Graph) -> Graph:
        def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            rewrite = _REWRITES.get(node.operator.name)
            if rewrite is None or not _suits(node):
                return None
            return (rewrite(BUILD, on_operands(node, operands)),)

        return rebuild(graph, visit)


def _suits(node: Node) -> bool:
    values = (*node.inputs, node.outputs[0])
    static = all(is_static(value.shape) for value in values)
    known = static and len(node.inputs[0].shape) == 5 and all(value.type.size for value in values)
    return known and node.inputs[0].dtype.name in DTYPES


def _sizes(value: Value) -> tuple[int, ...]:
    """A shape that `_suits` has seen to be known, or of what was built from one."""
    shape = value.shape
    assert is_static(shape)
    return shape


def _flat(build: Builder, x: Value) -> Value:
    """[N, D, H, W, C] as N D images [H, W, C]."""
    n, depth, *rest = _sizes(x)
    found: Value = build.reshape(x, shape=(n * depth, *rest))
    return found


def _beside(build: Builder, taps: Sequence[Value], groups: int) -> Value:
    """Slices [N, D, H, W, C], one a tap, as images [N D, H, W, groups (tap, channel of the group)]."""
    n, depth, height, width, channels = _sizes(taps[0])
    if len(taps) == 1:
        return _flat(build, taps[0])
    split = (n * depth, height, width, groups, channels // groups)
    joined = build.concat(*(build.reshape(tap, shape=split) for tap in taps), axis=4)
    found: Value = build.reshape(joined, shape=(n * depth, height, width, len(taps) * channels))
    return found


def _shifted(build: Builder, x: Value, low: int, depth: int, interior: int = 0) -> Value:
    """`depth` slices of x, of which the first `low` are zero (or with a negative `low`: left out)."""
    length = (_sizes(x)[1] - 1) * (1 + interior) + 1
    axes = range(5)
    found: Value = build.pad(
        x, low=tuple(low if axis == 1 else 0 for axis in axes),
        high=tuple(depth - low - length if axis == 1 else 0 for axis in axes),
        interior=tuple(interior if axis == 1 else 0 for axis in axes), value=0.0,
    )  # fmt: skip
    return found


@dataclass(frozen=True)
class _Depth:
    """The first spatial axis of a convolution: its number of taps, and where they look."""

    taps: int
    stride: int
    dilation: int
    before: int

    def seen(self, build: Builder, x: Value, count: int, groups: int) -> Value:
        """What each of `count` slices of the result sees of x, as images."""
        reach = (count - 1) * self.stride + 1
        taps = [_shifted(build, x, self.before - tap * self.dilation, reach) for tap in range(self.taps)]
        if self.stride > 1:
            steps = {"starts": (0,) * 5, "limits": (None,) * 5, "strides": (1, self.stride, 1, 1, 1)}
            taps = [build.slice(tap, **steps) for tap in taps]
        return _beside(build, taps, groups)

    def sent(self, build: Builder, g: Value, depth: int, groups: int) -> Value:
        """What each of `depth` slices of the input gets back from the cotangent g, as images."""
        taps = [
            _shifted(build, g, tap * self.dilation - self.before, depth, self.stride - 1) for tap in range(self.taps)
        ]
        return _beside(build, taps, groups)


def _parts(node: Node, taps: int) -> tuple[_Depth, dict[str, Any], int]:
    """The depth, the parameters of the other two axes, and the groups."""
    given = node.parameters
    strides, padding, dilations = given["strides"], given["padding"], given["dilations"]
    plane = {
        "strides": strides[1:], "padding": padding[1:], "dilations": dilations[1:], "groups": given["groups"],
    }  # fmt: skip
    return _Depth(taps, strides[0], dilations[0], padding[0][0]), plane, given["groups"]


def _conv(build: Builder, node: Node) -> Value:
    x, kernel = node.inputs
    result = _sizes(node.outputs[0])
    taps, height, width, inputs, filters = _sizes(kernel)
    depth, plane, groups = _parts(node, taps)
    flat = build.reshape(
        build.transpose(kernel, permutation=(1, 2, 0, 3, 4)), shape=(height, width, taps * inputs, filters)
    )
    images = build.conv(depth.seen(build, x, result[1], groups), flat, **plane)
    found: Value = build.reshape(images, shape=result)
    return found


def _data_gradient(build: Builder, node: Node) -> Value:
    g, kernel = node.inputs
    shape = _sizes(node.outputs[0])
    taps, height, width, inputs, filters = _sizes(kernel)
    depth, plane, groups = _parts(node, taps)
    split = build.reshape(kernel, shape=(taps, height, width, inputs, groups, filters // groups))
    turned = build.transpose(split, permutation=(1, 2, 3, 4, 0, 5))
    flat = build.reshape(turned, shape=(height, width, inputs, taps * filters))
    images = depth.sent(build, g, shape[1], groups)
    back = build.conv_data_gradient(images, flat, input_shape=(shape[0] * shape[1], *shape[2:]), **plane)
    found: Value = build.reshape(back, shape=shape)
    return found


def _weight_gradient(build: Builder, node: Node) -> Value:
    x, g = node.inputs
    taps, height, width, inputs, filters = _sizes(node.outputs[0])
    depth, plane, groups = _parts(node, taps)
    images = depth.seen(build, x, _sizes(g)[1], groups)
    flat = build.conv_weight_gradient(
        images, _flat(build, g), kernel_shape=(height, width, taps * inputs, filters), **plane
    )
    split = build.reshape(flat, shape=(height, width, taps, inputs, filters))
    found: Value = build.transpose(split, permutation=(2, 0, 1, 3, 4))
    return found


def _pool_parts(node: Node) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of a pooling over each slice, and over slices of rows that are whole slices."""
    window, strides, padding = (node.parameters[name] for name in ("window", "strides", "padding"))
    return (
        {"window": window[1:], "strides": strides[1:], "padding": padding[1:]},
        {"window": (window[0], 1), "strides": (strides[0], 1), "padding": (padding[0], (0, 0))},
    )


def _rows(build: Builder, images: Value, volumes: int) -> Value:
    """[N D, H, W, C] as [N, D, H W, C]."""
    count, height, width, channels = _sizes(images)
    found: Value = build.reshape(images, shape=(volumes, count // volumes, height * width, channels))
    return found


def _pool(name: str) -> Callable[[Builder, Node], Value]:
    def rewrite(build: Builder, node: Node) -> Value:
        plane, depth = _pool_parts(node)
        pool = getattr(build, name)
        slices = pool(_flat(build, node.inputs[0]), **plane)
        pooled = pool(_rows(build, slices, _sizes(node.inputs[0])[0]), **depth)
        found: Value = build.reshape(pooled, shape=_sizes(node.outputs[0]))
        return found

    return rewrite


def _max_pool_gradient(build: Builder, node: Node) -> Value:
    """The first maximum of a window is the first of the first slice that has it."""
    x, g = node.inputs
    plane, depth = _pool_parts(node)
    images = _flat(build, x)
    slices = build.max_pool(images, **plane)
    across = build.max_pool_gradient(
        _rows(build, slices, _sizes(x)[0]), _rows(build, _flat(build, g), _sizes(x)[0]), **depth
    )
    pooled = build.max_pool_gradient(images, build.reshape(across, shape=_sizes(slices)), **plane)
    found: Value = build.reshape(pooled, shape=_sizes(x))
    return found


def _max_pool_select(build: Builder, node: Node) -> Value:
    x, t = node.inputs
    plane, depth = _pool_parts(node)
    images = _flat(build, x)
    slices, chosen = build.max_pool(images, **plane), build.max_pool_select(images, _flat(build, t), **plane)
    rows = (_rows(build, value, _sizes(x)[0]) for value in (slices, chosen))
    pooled = build.max_pool_select(*rows, **depth)
    found: Value = build.reshape(pooled, shape=_sizes(node.outputs[0]))
    return found


def _avg_pool_gradient(build: Builder, node: Node) -> Value:
    g = node.inputs[0]
    n, size, height, width, channels = _sizes(node.outputs[0])
    plane, depth = _pool_parts(node)
    shape = (n, size, _sizes(g)[2] * _sizes(g)[3], channels)
    across = build.avg_pool_gradient(_rows(build, _flat(build, g), n), input_shape=shape, **depth)
    slices = build.reshape(across, shape=(n * size, *_sizes(g)[2:]))
    pooled = build.avg_pool_gradient(slices, input_shape=(n * size, height, width, channels), **plane)
    found: Value = build.reshape(pooled, shape=_sizes(node.outputs[0]))
    return found


_REWRITES: dict[str, Callable[[Builder, Node], Value]] = {
    "conv": _conv,
    "conv_data_gradient": _data_gradient,
    "conv_weight_gradient": _weight_gradient,
    "max_pool": _pool("max_pool"),
    "max_pool_gradient": _max_pool_gradient,
    "max_pool_select": _max_pool_select,
    "avg_pool": _pool("avg_pool"),
    "avg_pool_gradient": _avg_pool_gradient,
}
