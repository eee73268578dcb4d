"""From a node, and what is fused onto its result, to the launches that compute it."""

from __future__ import annotations

from dataclasses import replace

from epochal import config
from epochal.backends.native.kernel import Launch
from epochal.backends.native.kernels.attention_backward import attention_gradient_launch
from epochal.backends.native.kernels.attention_forward import attention_launch
from epochal.backends.native.kernels.axes import Axis
from epochal.backends.native.kernels.convolution import Sweep, sweep_launch
from epochal.backends.native.kernels.cotangent import Whole
from epochal.backends.native.kernels.epilogue import Epilogue, static_shape
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.geometry import Geometry, geometry_of, plain_geometry
from epochal.backends.native.kernels.grid import gather_launch, scatter_launch, suits_grid
from epochal.backends.native.kernels.pointwise_weights import pointwise_weight_launches, suits_copies
from epochal.backends.native.kernels.pooled_forward import pooled_forward
from epochal.backends.native.kernels.pooled_weights import pooled_data_gradient, pooled_weight_gradient
from epochal.backends.native.kernels.pooling import POOLS, lower_pool
from epochal.backends.native.kernels.problem import arrange
from epochal.backends.native.kernels.product import lower_product, product_launch
from epochal.backends.native.kernels.sparse import sparse_data_gradient, sparse_weight_gradient, suits_sparse
from epochal.backends.native.kernels.swap import swap_launch
from epochal.backends.native.kernels.weights import weight_gradient_launches
from epochal.backends.native.kernels.winograd import pays, suits
from epochal.backends.native.kernels.winograd_sweep import sweep_of, winograd_launches
from epochal.backends.native.kernels.winograd_weights import winograd_weight_launches
from epochal.ir import Node, TensorType, Value, make_input

FUSES = POOLS | {"dot_general", "conv", "conv_data_gradient", "conv_weight_gradient"}
"""Operators whose kernels take an epilogue (of the kind that `epilogue.accepts`)."""

WIDE = 256
"""Channels from which a data gradient of a 1x1 convolution is worth transposing the kernel panel by panel."""

GRADIENT_BUFFERS = 2
"""Transformed kernels that a weight gradient by Winograd's method writes and reads, in time, if not in number."""

MOST_SCRATCH = 1 << 28
"""Bytes of scratch beyond which a product is left to its reference: a packed panel of a million steps."""

POOLED = frozenset({"pooled_conv", "pooled_data_gradient", "pooled_weight_gradient"})
"""Operators of `pooled`."""

ATTENTION = {"attention": attention_launch, "attention_gradient": attention_gradient_launch}
"""Composite operators that are not decomposed before they come here."""

LOWERS = FUSES | POOLED | frozenset(ATTENTION)
"""Operators that have kernels here."""


def lower(node: Node, epilogue: Epilogue | None = None) -> tuple[Launch, ...] | None:
    """The launches, in order, that compute a node (or with an epilogue: the epilogue's outputs).

    A launch may write a value that no node computes (a transposed kernel, partial sums): it is made here, and read
    by a later launch of the same tuple alone.

    Returns:
        ``None`` if there is no kernel for the node and its element type: it is left to the operator's reference.
    """
    name = node.operator.name
    if name in POOLED:
        return _pooled(node)
    if name in ATTENTION:
        launch = ATTENTION[name](node)
        return None if launch is None or launch.kernel.scratch > MOST_SCRATCH else (launch,)
    if name in POOLS:
        return lower_pool(node, epilogue)
    if name == "dot_general":
        launches = None if node.inputs[0].dtype.is_bool else lower_product(node, epilogue)
        large = launches is not None and any(launch.kernel.scratch > MOST_SCRATCH for launch in launches)
        return None if large else launches
    if name == "conv":
        geometry = geometry_of(node)
        return None if geometry is None else _convolution(node, geometry, epilogue)
    if name == "conv_data_gradient":
        geometry = geometry_of(node)
        return None if geometry is None else _data_gradient(node, geometry, epilogue)
    if name == "conv_weight_gradient":
        geometry = geometry_of(node)
        finish = Finish(node.outputs[0], epilogue)
        if geometry is not None and suits_sparse(geometry, node.inputs[1]):
            return sparse_weight_gradient(geometry, finish, Whole(geometry), node.inputs[0], node.inputs[1:])
        if geometry is None:
            return None
        if _by_winograd(geometry, geometry.y, GRADIENT_BUFFERS):
            return winograd_weight_launches(node, geometry, finish)
        if suits_copies(geometry):
            return pointwise_weight_launches(node, geometry, finish)
        return weight_gradient_launches(node, geometry, finish)
    return None


def _pooled(node: Node) -> tuple[Launch, ...]:
    name, parameters = node.operator.name, node.parameters
    shapes = [static_shape(value) for value in node.inputs]
    if name == "pooled_conv":
        x, kernel = shapes[:2]
    elif name == "pooled_weight_gradient":
        x, kernel = shapes[0], parameters["kernel_shape"]
    else:
        x, kernel = parameters["input_shape"], shapes[2]
    geometry = plain_geometry(node.outputs[0].dtype, x, kernel, parameters["padding"])
    lowering = {
        "pooled_conv": pooled_forward,
        "pooled_weight_gradient": pooled_weight_gradient,
        "pooled_data_gradient": pooled_data_gradient,
    }[name]
    return lowering(node, geometry, parameters["window"])


def _convolution(node: Node, geometry: Geometry, epilogue: Epilogue | None) -> tuple[Launch, ...]:
    finish = Finish(node.outputs[0], epilogue)
    x, y, window = geometry.x, geometry.y, geometry.window
    single = geometry.y[:2] == (1, 1) and not geometry.padded
    if geometry.depthwise:
        return (_depthwise(node, geometry, finish),)
    if geometry.groups == 1 and (geometry.pointwise or single):
        return (_as_product(node, geometry, finish),)
    if suits_grid(geometry):
        gathered = gather_launch(node.inputs[0], geometry)
        dense = replace(geometry, x=(y[0], y[1], x[2]), strides=(1, 1))
        return (gathered, _on_others(_as_product(node, dense, finish), (gathered.outputs[0], node.inputs[1])))
    if _by_winograd(geometry, y):
        tiles = sweep_of(geometry.dtype, geometry.images, x, y, geometry.before)
        return winograd_launches(tiles, finish, node.inputs[0], node.inputs[1], turned=False)
    sweep = Sweep(
        geometry.dtype, geometry.images, geometry.groups, window, geometry.inputs, geometry.outputs,
        (x[0] * x[1] * x[2], x[1] * x[2], x[2], geometry.inputs),
        (window[1] * geometry.inputs * y[2], geometry.inputs * y[2], y[2], geometry.outputs),
        tuple(geometry.forward(0)), tuple(geometry.forward(1)), geometry.work,
    )  # fmt: skip
    return (sweep_launch(sweep, finish, *node.inputs),)


def _on_others(launch: Launch, operands: tuple[Value, ...]) -> Launch:
    """A launch whose first inputs are other values than the node's."""
    return replace(launch, inputs=(*operands, *launch.inputs[len(operands) :]))


def _by_winograd(geometry: Geometry, result: tuple[int, int, int], buffers: int = 1) -> bool:
    """Whether a convolution or one of its gradients, whose `result` is cut into tiles, is by Winograd's method."""
    return config.winograd() and suits(geometry) and pays(geometry, result, buffers)


def _depthwise(node: Node, geometry: Geometry, finish: Finish) -> Launch:
    """A convolution with a filter for each channel, or its data gradient: both read the kernel as it is."""
    forward = node.operator.name == "conv"
    x, window = geometry.x if forward else geometry.y, geometry.window
    heights, widths = (geometry.forward(i) if forward else geometry.backward(i) for i in (0, 1))
    sweep = Sweep(
        geometry.dtype, geometry.images, 1, window, 1, x[2],
        (x[0] * x[1] * x[2], x[1] * x[2], x[2], 0), (window[1] * x[2], x[2], 0, 0),
        tuple(heights), tuple(widths), geometry.work, depthwise=True,
    )  # fmt: skip
    return sweep_launch(sweep, finish, *node.inputs)


def _as_product(node: Node, geometry: Geometry, finish: Finish) -> Launch:
    """A convolution in which each pixel of the result is one row of a matrix product."""
    x, y, window = geometry.x, geometry.y, geometry.window
    places = [steps if len(steps) == 4 else (steps[0], 0, *steps[1:]) for steps in finish.strides]
    rows = [
        Axis(size, (step, 0, *(place[axis] for place in places)))
        for axis, (size, step) in enumerate(((geometry.images, x[0] * x[1] * x[2]), (y[0], x[1] * x[2]), (y[1], x[2])))
    ]
    columns = [Axis(y[2], (0, 1, *(place[3] for place in places)))]
    summed = [
        Axis(window[0], (geometry.dilations[0] * x[1] * x[2], window[1] * x[2] * y[2])),
        Axis(window[1], (geometry.dilations[1] * x[2], x[2] * y[2])),
        Axis(x[2], (1, y[2])),
    ]
    return product_launch(arrange(geometry.dtype, [], rows, columns, summed, len(places)), finish, node)


def _as_gradient_product(node: Node, geometry: Geometry, finish: Finish) -> Launch:
    """The data gradient of a 1x1 convolution: the cotangent's pixels times the kernel transposed, as it lies."""
    y = geometry.y
    places = [steps if len(steps) == 4 else (steps[0], 0, *steps[1:]) for steps in finish.strides]
    rows = [
        Axis(size, (step, 0, *(place[axis] for place in places)))
        for axis, (size, step) in enumerate(((geometry.images, y[0] * y[1] * y[2]), (y[0], y[1] * y[2]), (y[1], y[2])))
    ]
    columns = [Axis(geometry.x[2], (0, y[2], *(place[3] for place in places)))]
    problem = arrange(geometry.dtype, [], rows, columns, [Axis(y[2], (1, 1))], len(places))
    return product_launch(problem, finish, node)


def _data_gradient(node: Node, geometry: Geometry, epilogue: Epilogue | None) -> tuple[Launch, ...]:
    finish = Finish(node.outputs[0], epilogue)
    y, window = geometry.y, geometry.window
    if geometry.depthwise:
        return (_depthwise(node, geometry, finish),)
    if suits_sparse(geometry, node.inputs[0]):
        return sparse_data_gradient(geometry, finish, Whole(geometry), node.inputs[:1], node.inputs[1])
    if geometry.groups == 1 and geometry.pointwise and geometry.x[2] >= WIDE:
        return (_as_gradient_product(node, geometry, finish),)
    if suits_grid(geometry):
        dense = replace(geometry, x=(y[0], y[1], geometry.x[2]), strides=(1, 1))
        compact = Finish(make_input(TensorType(geometry.dtype, (geometry.images, *dense.x)), "grid"), None)
        product = _as_gradient_product(node, dense, compact)
        return (product, scatter_launch(product.outputs[0], geometry, finish))
    swapped = swap_launch(node.inputs[1], geometry.taps, geometry.inputs, y[2])
    if _by_winograd(geometry, geometry.x):
        before = (2 - geometry.before[0], 2 - geometry.before[1])
        tiles = sweep_of(geometry.dtype, geometry.images, y, geometry.x, before)
        return (swapped, *winograd_launches(tiles, finish, node.inputs[0], swapped.outputs[0], turned=True))
    sweep = Sweep(
        geometry.dtype, geometry.images, geometry.groups, window, geometry.outputs, geometry.inputs,
        (y[0] * y[1] * y[2], y[1] * y[2], y[2], geometry.outputs),
        (window[1] * geometry.inputs * y[2], geometry.inputs * y[2], geometry.inputs,
         geometry.outputs * geometry.inputs),
        tuple(geometry.backward(0)), tuple(geometry.backward(1)), geometry.work,
    )  # fmt: skip
    return (swapped, sweep_launch(sweep, finish, node.inputs[0], swapped.outputs[0]))


__all__ = ["ATTENTION", "FUSES", "LOWERS", "lower"]
