"""Convolution (as neural networks say: the kernel is not turned round) and its two transposes.

Channels last: x is [N, *space, C], a kernel [*sizes, C / groups, O]. The three operators are bilinear and each one's
gradients are the other two, so they are closed under differentiation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from epochal.errors import ShapeError
from epochal.ir import Array, Build, Operator, Parameters, Sample, Shape, Symbol, TensorType, Value, is_static
from epochal.topi._rules import FLOAT, check_dtype, check_same_dtype, check_shape, merge, values, widened
from epochal.topi._sliding import Geometry, Pairs, positive

CONTRACTION = frozenset({"contraction", "window", "heavy"})


def _geometry(name: str, kernel: Shape, strides: Any, padding: Any, dilations: Any) -> Geometry:
    """The geometry of a kernel shape; its sizes must be known."""
    count = len(kernel) - 2
    if count not in (1, 2, 3) or not is_static(kernel):
        raise ShapeError(
            f"{name}: a kernel must have known sizes [*window, channels / groups, filters] with one to three spatial "
            f"axes. Received shape: {kernel}."
        )
    sizes = positive(name, "the kernel's spatial sizes", kernel[:-2], count)
    return Geometry(
        name, sizes, positive(name, "strides", strides, count), positive(name, "dilations", dilations, count), padding
    )


def _result_shape(name: str, x: Shape, kernel: Shape, geometry: Geometry, groups: int) -> Shape:
    """Shape of the convolution of `x`.

    Raises:
        ShapeError: Ranks or channels do not fit.
    """
    if len(x) != len(kernel):
        raise ShapeError(
            f"{name}: the input must have {len(kernel)} axes [batch, *space, channels] for a kernel of shape {kernel}. "
            f"Received shape: {x}."
        )
    positive(name, "groups", groups, 1)
    channels, inputs, filters = x[-1], kernel[-2], kernel[-1]
    assert isinstance(inputs, int)
    assert isinstance(filters, int)
    if filters % groups or (not isinstance(channels, Symbol) and channels != inputs * groups):
        raise ShapeError(
            f"{name}: with groups={groups} a kernel of shape {kernel} takes {inputs * groups} channels and its filters "
            f"must be a multiple of {groups}. Received an input of {channels} channels, shape {x}."
        )
    return (x[0], *geometry.windows(x[1:-1]), filters)


def _agree(name: str, what: str, received: Shape, expected: Shape) -> None:
    if len(received) != len(expected):
        raise ShapeError(f"{name}: {what} must have shape {expected}. Received: {received}.")
    for first, second in zip(received, expected, strict=True):
        merge(name, f"{what} of shape {received} must have shape {expected}: sizes", first, second)


def _conv_type(
    x: TensorType, kernel: TensorType, *, strides: Any = 1, padding: Any = "valid", dilations: Any = 1, groups: int = 1
) -> TensorType:
    check_dtype("conv", x, FLOAT)
    check_same_dtype("conv", x, kernel)
    geometry = _geometry("conv", kernel.shape, strides, padding, dilations)
    return x.with_shape(_result_shape("conv", x.shape, kernel.shape, geometry, groups))


def _data_type(
    g: TensorType,
    kernel: TensorType,
    *,
    input_shape: Any,
    strides: Any = 1,
    padding: Any = "valid",
    dilations: Any = 1,
    groups: int = 1,
) -> TensorType:
    name = "conv_data_gradient"
    check_dtype(name, g, FLOAT)
    check_same_dtype(name, g, kernel)
    shape = check_shape(name, input_shape)
    geometry = _geometry(name, kernel.shape, strides, padding, dilations)
    _agree(name, "the cotangent", g.shape, _result_shape(name, shape, kernel.shape, geometry, groups))
    return g.with_shape(shape)


def _weight_type(
    x: TensorType,
    g: TensorType,
    *,
    kernel_shape: Any,
    strides: Any = 1,
    padding: Any = "valid",
    dilations: Any = 1,
    groups: int = 1,
) -> TensorType:
    name = "conv_weight_gradient"
    check_dtype(name, x, FLOAT)
    check_same_dtype(name, x, g)
    shape = check_shape(name, kernel_shape)
    geometry = _geometry(name, shape, strides, padding, dilations)
    _agree(name, "the cotangent", g.shape, _result_shape(name, x.shape, shape, geometry, groups))
    return x.with_shape(shape)


def _resolver(
    name: str, shapes: Callable[[Sequence[TensorType], Parameters], tuple[Shape, Shape]]
) -> Callable[[Sequence[TensorType], Parameters], Parameters]:
    """Resolves strides, dilations and padding; `shapes` finds the input's and the kernel's."""

    def resolve(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
        x, kernel = shapes(types, parameters)
        geometry = _geometry(
            name, kernel, parameters.get("strides", 1), parameters.get("padding", "valid"),
            parameters.get("dilations", 1),
        )  # fmt: skip
        space = x[1:-1]
        return {
            **parameters,
            "strides": geometry.strides,
            "padding": geometry.resolved(space) if is_static(space) and len(x) == len(kernel) else geometry.padding,
            "dilations": geometry.dilations,
            "groups": parameters.get("groups", 1),
        }

    return resolve


def _padded(x: Array, padding: Pairs) -> Array:
    return np.pad(x, ((0, 0), *padding, (0, 0))) if any(map(any, padding)) else x


def _grouped(array: Array, groups: int) -> Array:
    """[..., groups * n] as [groups, rows, n]."""
    return array.reshape(-1, groups, array.shape[-1] // groups).swapaxes(0, 1)


def _weights(kernel: Array, entry: tuple[int, ...], groups: int) -> Array:
    """The matrices of one entry of the window: [groups, C / groups, O / groups]."""
    matrix = kernel[entry]
    shape = (matrix.shape[0], groups, matrix.shape[1] // groups)
    return np.asarray(matrix.reshape(shape).swapaxes(0, 1))


def _ungrouped(products: Array) -> Array:
    """[groups, rows, n] as [rows, groups * n]."""
    groups, rows, columns = products.shape
    return products.swapaxes(0, 1).reshape(rows, groups * columns)


def _conv(
    x: Array, kernel: Array, *, strides: Any = 1, padding: Any = "valid", dilations: Any = 1, groups: int = 1
) -> Array:
    """One batched matrix product for each entry of the window, over a strided view of the input."""
    geometry = _geometry("conv", kernel.shape, strides, padding, dilations)
    pairs = geometry.resolved(x.shape[1:-1])
    shape = _result_shape("conv", x.shape, kernel.shape, geometry, groups)
    padded = _padded(x, pairs)
    assert is_static(shape)
    result: Array = np.zeros((int(np.prod(shape[:-1], dtype=np.int64)), kernel.shape[-1]), x.dtype)
    for entry in geometry.entries():
        rows = _grouped(geometry.view(padded, entry, shape[1:-1]), groups)
        result += _ungrouped(np.matmul(rows, _weights(kernel, entry, groups)))
    return result.reshape(shape)


def _conv_data_gradient(
    g: Array,
    kernel: Array,
    *,
    input_shape: tuple[int, ...],
    strides: Any = 1,
    padding: Any = "valid",
    dilations: Any = 1,
    groups: int = 1,
) -> Array:
    """Adds, for each entry of the window, what the cotangent sends back through it to where it looked."""
    geometry = _geometry("conv_data_gradient", kernel.shape, strides, padding, dilations)
    space = input_shape[1:-1]
    pairs = geometry.resolved(space)
    room = [before + size + after for size, (before, after) in zip(space, pairs, strict=True)]
    padded = np.zeros((input_shape[0], *room, input_shape[-1]), g.dtype)
    rows = _grouped(g, groups)
    for entry in geometry.entries():
        back = _ungrouped(np.matmul(rows, _weights(kernel, entry, groups).swapaxes(1, 2)))
        view = geometry.view(padded, entry, g.shape[1:-1])
        view += back.reshape(view.shape)
    return padded[(slice(None), *(slice(low, low + size) for size, (low, _) in zip(space, pairs, strict=True)))]


def _conv_weight_gradient(
    x: Array,
    g: Array,
    *,
    kernel_shape: tuple[int, ...],
    strides: Any = 1,
    padding: Any = "valid",
    dilations: Any = 1,
    groups: int = 1,
) -> Array:
    """For each entry of the window the product of what it saw with the cotangent."""
    geometry = _geometry("conv_weight_gradient", kernel_shape, strides, padding, dilations)
    padded = _padded(x, geometry.resolved(x.shape[1:-1]))
    result = np.empty(kernel_shape, x.dtype)
    cotangent = _grouped(g, groups)
    for entry in geometry.entries():
        rows = _grouped(geometry.view(padded, entry, g.shape[1:-1]), groups)
        products = np.matmul(rows.swapaxes(1, 2), cotangent)
        result[entry] = products.swapaxes(0, 1).reshape(kernel_shape[-2:])
    return result


def _conv_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    **geometry: Any,
) -> Sequence[Value | None]:
    (x, kernel), g = inputs, cotangents[0]
    return [
        build.conv_data_gradient(g, kernel, input_shape=x.shape, **geometry),
        build.conv_weight_gradient(x, g, kernel_shape=kernel.shape, **geometry),
    ]


def _data_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    input_shape: Shape,
    **geometry: Any,
) -> Sequence[Value | None]:
    (g, kernel), x = inputs, cotangents[0]
    return [
        build.conv(x, kernel, **geometry),
        build.conv_weight_gradient(x, g, kernel_shape=kernel.shape, **geometry),
    ]


def _weight_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    kernel_shape: Shape,
    **geometry: Any,
) -> Sequence[Value | None]:
    (x, g), kernel = inputs, cotangents[0]
    return [
        build.conv_data_gradient(g, kernel, input_shape=x.shape, **geometry),
        build.conv(x, kernel, **geometry),
    ]


# Input shape, kernel shape, parameters.
_CASES: tuple[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 5, 4, 3), (3, 3, 3, 2), {"strides": (1, 1), "padding": "valid", "dilations": (1, 1), "groups": 1}),
    ((2, 4, 5, 2), (3, 2, 2, 3), {"strides": (1, 1), "padding": "same"}),
    ((1, 5, 6, 2), (3, 3, 2, 2), {"strides": (2, 3), "padding": "same"}),
    ((1, 7, 6, 2), (2, 3, 2, 2), {"strides": (2, 1), "padding": "valid", "dilations": (2, 2)}),
    ((2, 4, 4, 4), (2, 2, 2, 6), {"padding": "same", "groups": 2}),
    ((1, 4, 5, 3), (3, 3, 1, 6), {"strides": (2, 2), "padding": "same", "groups": 3}),
    ((1, 3, 4, 2), (2, 3, 2, 1), {"padding": ((1, 2), (0, 3)), "strides": 2}),
    ((2, 3, 3, 4), (1, 1, 4, 3), {}),
    ((1, 5, 5, 2), (1, 1, 2, 2), {"strides": 2}),
    ((2, 7, 2), (3, 2, 3), {"padding": "causal", "dilations": 2}),
    ((2, 6, 2), (3, 2, 2), {"padding": "same", "strides": 2}),
    ((1, 6, 4), (2, 2, 4), {"groups": 2, "strides": 3}),
    ((1, 3, 4, 3, 2), (2, 2, 2, 2, 1), {"padding": "same", "strides": (1, 2, 1)}),
    ((0, 4, 4, 1), (3, 3, 1, 2), {}),
)
# Large enough to reach a register-blocked kernel's main loops; values only.
_LARGE: tuple[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 9, 11, 20), (3, 3, 20, 35), {"padding": "same"}),
    ((3, 12, 10, 1), (5, 5, 1, 33), {}),
    ((2, 9, 9, 16), (3, 3, 16, 32), {"strides": 2, "padding": "same"}),
    ((2, 37, 19), (4, 19, 21), {}),
)


def _arguments(which: str) -> Iterable[Sample]:
    """Samples of one of the three: its operands are two of input, kernel and cotangent."""
    for cases, differentiable in ((_CASES, None), (_LARGE, ())):
        for x, kernel, parameters in cases:
            geometry = _geometry(
                which, kernel, parameters.get("strides", 1), parameters.get("padding", "valid"),
                parameters.get("dilations", 1),
            )  # fmt: skip
            g = _result_shape(which, x, kernel, geometry, parameters.get("groups", 1))
            assert is_static(g)
            if which == "conv":
                yield Sample((values(x), values(kernel, seed=1)), parameters, differentiable)
            elif which == "conv_data_gradient":
                given = {**parameters, "input_shape": x}
                yield Sample((values(g), values(kernel, seed=1)), given, differentiable)
            else:
                given = {**parameters, "kernel_shape": kernel}
                yield Sample((values(x), values(g, seed=1)), given, differentiable)


conv = Operator(
    name="conv",
    infer=_conv_type,
    reference=widened(_conv),
    samples=lambda: _arguments("conv"),
    gradient=_conv_gradient,
    resolve=_resolver("conv", lambda types, parameters: (types[0].shape, types[1].shape)),
    traits=CONTRACTION,
    doc="Convolution over one to three spatial axes.",
)
conv_data_gradient = Operator(
    name="conv_data_gradient",
    infer=_data_type,
    reference=widened(_conv_data_gradient),
    samples=lambda: _arguments("conv_data_gradient"),
    gradient=_data_gradient,
    resolve=_resolver(
        "conv_data_gradient",
        lambda types, parameters: (check_shape("conv_data_gradient", parameters["input_shape"]), types[1].shape),
    ),
    traits=CONTRACTION,
    doc="Transpose of conv in its input: what a cotangent sends back to the input (transposed convolution).",
)
conv_weight_gradient = Operator(
    name="conv_weight_gradient",
    infer=_weight_type,
    reference=widened(_conv_weight_gradient),
    samples=lambda: _arguments("conv_weight_gradient"),
    gradient=_weight_gradient,
    resolve=_resolver(
        "conv_weight_gradient",
        lambda types, parameters: (types[0].shape, check_shape("conv_weight_gradient", parameters["kernel_shape"])),
    ),
    traits=CONTRACTION,
    doc="Transpose of conv in its kernel: what a cotangent sends back to the kernel.",
)
