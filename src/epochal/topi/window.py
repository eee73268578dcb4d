"""Pooling over windows, and its transposes. Channels last: x is [N, *space, C]."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Array, Build, Operator, Parameters, Sample, Shape, TensorType, Value, is_static
from epochal.topi._rules import FLOAT, NUMBER, check_dtype, check_same_dtype, check_shape, merge, values, widened
from epochal.topi._sliding import Geometry, Pairs, positive

WINDOW = frozenset({"window"})


def _geometry(name: str, x: Shape, window: Any, strides: Any, padding: Any) -> Geometry:
    """The geometry over an input's shape; `strides` of ``None`` are the window's sizes."""
    count = len(x) - 2
    if count not in (1, 2, 3):
        raise ShapeError(
            f"{name}: the input must be [batch, *space, channels] with one to three spatial axes. Received shape: {x}."
        )
    sizes = positive(name, "window", window, count)
    geometry = Geometry(
        name, sizes, sizes if strides is None else positive(name, "strides", strides, count), (1,) * count, padding
    )
    for pair, size in zip(geometry.pairs(x[1:-1]), sizes, strict=True):
        if pair is not None and max(pair) >= size:
            raise ArgumentError(
                f"{name}: padding must be less than the window, or a window would see nothing. "
                f"Received: padding {pair} for a window of {size}."
            )
    return geometry


def _result_shape(x: Shape, geometry: Geometry) -> Shape:
    return (x[0], *geometry.windows(x[1:-1]), x[-1])


def _agree(name: str, received: Shape, expected: Shape) -> None:
    if len(received) != len(expected):
        raise ShapeError(f"{name}: the cotangent must have shape {expected}. Received: {received}.")
    for first, second in zip(received, expected, strict=True):
        merge(name, f"the cotangent of shape {received} must have shape {expected}: sizes", first, second)


def _resolver(
    name: str, shape: Callable[[Sequence[TensorType], Parameters], Shape]
) -> Callable[[Sequence[TensorType], Parameters], Parameters]:
    """Resolves window, strides and padding; `shape` finds the input's."""

    def resolve(types: Sequence[TensorType], parameters: Parameters) -> Parameters:
        x = shape(types, parameters)
        geometry = _geometry(
            name, x, parameters["window"], parameters.get("strides"), parameters.get("padding", "valid")
        )
        space = x[1:-1]
        return {
            **parameters,
            "window": geometry.sizes,
            "strides": geometry.strides,
            "padding": geometry.resolved(space) if is_static(space) else geometry.padding,
        }

    return resolve


def _padded(x: Array, padding: Pairs, value: Any) -> Array:
    return np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value) if any(map(any, padding)) else x


def _cropped(padded: Array, space: Sequence[int], padding: Pairs) -> Array:
    return padded[(slice(None), *(slice(low, low + size) for size, (low, _) in zip(space, padding, strict=True)))]


def _room(shape: Sequence[int], padding: Pairs) -> tuple[int, ...]:
    space = (low + size + high for size, (low, high) in zip(shape[1:-1], padding, strict=True))
    return (shape[0], *space, shape[-1])


def _lowest(dtype: np.dtype[Any]) -> Any:
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def _counts(x: Array, geometry: Geometry) -> tuple[int, ...]:
    counts = geometry.windows(x.shape[1:-1])
    assert is_static(counts)
    return counts


def _max_pool(x: Array, *, window: Any, strides: Any = None, padding: Any = "valid") -> Array:
    geometry = _geometry("max_pool", x.shape, window, strides, padding)
    counts = _counts(x, geometry)
    padded = _padded(x, geometry.resolved(x.shape[1:-1]), _lowest(x.dtype))
    result = np.full((x.shape[0], *counts, x.shape[-1]), _lowest(x.dtype), x.dtype)
    for entry in geometry.entries():
        np.maximum(result, geometry.view(padded, entry, counts), out=result)
    return result


def _winners(x: Array, geometry: Geometry, counts: tuple[int, ...]) -> Array:
    """Number of the entry that each window takes: its first maximum; a NaN is larger than all."""
    pairs = geometry.resolved(x.shape[1:-1])
    padded = _padded(x, pairs, _lowest(x.dtype))
    # The padding never wins, not even against an input of -inf.
    inside = _padded(np.ones((1, *x.shape[1:-1], 1), np.bool_), pairs, value=False)
    best = np.full((x.shape[0], *counts, x.shape[-1]), _lowest(x.dtype), x.dtype)
    winner = np.full(best.shape, -1, np.int32)
    for number, entry in enumerate(geometry.entries()):
        candidate = geometry.view(padded, entry, counts)
        better = (candidate > best) | (winner < 0) | ((candidate != candidate) & (best == best))
        better &= geometry.view(inside, entry, counts)
        winner[better] = number
        best = np.where(better, candidate, best)
    return winner


def _max_pool_gradient(x: Array, g: Array, *, window: Any, strides: Any = None, padding: Any = "valid") -> Array:
    geometry = _geometry("max_pool_gradient", x.shape, window, strides, padding)
    counts = _counts(x, geometry)
    pairs = geometry.resolved(x.shape[1:-1])
    winner = _winners(x, geometry, counts)
    padded = np.zeros(_room(x.shape, pairs), g.dtype)
    for number, entry in enumerate(geometry.entries()):
        view = geometry.view(padded, entry, counts)
        view += np.where(winner == number, g, np.zeros((), g.dtype))
    return _cropped(padded, x.shape[1:-1], pairs)


def _max_pool_select(x: Array, t: Array, *, window: Any, strides: Any = None, padding: Any = "valid") -> Array:
    geometry = _geometry("max_pool_select", x.shape, window, strides, padding)
    counts = _counts(x, geometry)
    winner = _winners(x, geometry, counts)
    padded = _padded(t, geometry.resolved(x.shape[1:-1]), 0)
    result = np.zeros(winner.shape, t.dtype)
    for number, entry in enumerate(geometry.entries()):
        result = np.where(winner == number, geometry.view(padded, entry, counts), result)
    return result


def _inside(shape: Sequence[int], geometry: Geometry, counts: tuple[int, ...], dtype: Any) -> Array:
    """How many elements that are not padding each window sees: [1, *counts, 1], at least 1."""
    pairs = geometry.resolved(tuple(shape[1:-1]))
    padded = _padded(np.ones((1, *shape[1:-1], 1), dtype), pairs, 0)
    total = np.zeros((1, *counts, 1), dtype)
    for entry in geometry.entries():
        total += geometry.view(padded, entry, counts)
    return np.asarray(np.maximum(total, 1))


def _avg_pool(x: Array, *, window: Any, strides: Any = None, padding: Any = "valid") -> Array:
    geometry = _geometry("avg_pool", x.shape, window, strides, padding)
    counts = _counts(x, geometry)
    padded = _padded(x, geometry.resolved(x.shape[1:-1]), 0)
    result = np.zeros((x.shape[0], *counts, x.shape[-1]), x.dtype)
    for entry in geometry.entries():
        result += geometry.view(padded, entry, counts)
    return np.asarray(result / _inside(x.shape, geometry, counts, x.dtype))


def _avg_pool_gradient(
    g: Array, *, input_shape: tuple[int, ...], window: Any, strides: Any = None, padding: Any = "valid"
) -> Array:
    geometry = _geometry("avg_pool_gradient", input_shape, window, strides, padding)
    pairs, counts = geometry.resolved(input_shape[1:-1]), g.shape[1:-1]
    share = g / _inside(input_shape, geometry, counts, g.dtype)
    padded = np.zeros(_room(input_shape, pairs), g.dtype)
    for entry in geometry.entries():
        view = geometry.view(padded, entry, counts)
        view += share
    return _cropped(padded, input_shape[1:-1], pairs)


def _pool_type(name: str, takes: str) -> Callable[..., TensorType]:
    def infer(x: TensorType, *, window: Any, strides: Any = None, padding: Any = "valid") -> TensorType:
        check_dtype(name, x, takes)
        return x.with_shape(_result_shape(x.shape, _geometry(name, x.shape, window, strides, padding)))

    return infer


def _max_pool_gradient_type(
    x: TensorType, g: TensorType, *, window: Any, strides: Any = None, padding: Any = "valid"
) -> TensorType:
    name = "max_pool_gradient"
    check_dtype(name, x, FLOAT)
    check_same_dtype(name, x, g)
    _agree(name, g.shape, _result_shape(x.shape, _geometry(name, x.shape, window, strides, padding)))
    return x


def _max_pool_select_type(
    x: TensorType, t: TensorType, *, window: Any, strides: Any = None, padding: Any = "valid"
) -> TensorType:
    name = "max_pool_select"
    check_dtype(name, x, FLOAT)
    check_same_dtype(name, x, t)
    _agree(name, t.shape, x.shape)
    return x.with_shape(_result_shape(x.shape, _geometry(name, x.shape, window, strides, padding)))


def _avg_pool_gradient_type(
    g: TensorType, *, input_shape: Any, window: Any, strides: Any = None, padding: Any = "valid"
) -> TensorType:
    name = "avg_pool_gradient"
    check_dtype(name, g, FLOAT)
    shape = check_shape(name, input_shape)
    _agree(name, g.shape, _result_shape(shape, _geometry(name, shape, window, strides, padding)))
    return g.with_shape(shape)


_CASES: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 4, 6, 3), {"window": (2, 2), "strides": (2, 2), "padding": "valid"}),
    ((1, 5, 7, 2), {"window": 2}),
    ((2, 5, 4, 2), {"window": (3, 2), "strides": (1, 1), "padding": "same"}),
    ((1, 5, 6, 2), {"window": 3, "strides": 2, "padding": "same"}),
    ((1, 4, 5, 1), {"window": (2, 3), "strides": (1, 2), "padding": ((1, 0), (1, 2))}),
    ((2, 7, 3), {"window": 3, "strides": 2}),
    ((1, 6, 2), {"window": 2, "padding": "same", "strides": 1}),
    ((1, 3, 4, 2, 2), {"window": 2, "strides": 1}),
    ((1, 6, 6, 2), {"window": 2, "strides": 3}),
    ((2, 12, 12, 32), {"window": 2}),
)


def _samples(name: str) -> Iterable[Sample]:
    for shape, parameters in _CASES:
        geometry = _geometry(
            name, shape, parameters["window"], parameters.get("strides"), parameters.get("padding", "valid")
        )
        g = _result_shape(shape, geometry)
        assert is_static(g)
        x = values(shape)
        differentiable: tuple[int, ...] | None = None if x.size < 1000 else ()
        if name in ("max_pool", "avg_pool"):
            yield Sample((x,), parameters, differentiable)
        elif name == "avg_pool_gradient":
            yield Sample((values(g),), {**parameters, "input_shape": shape}, differentiable)
        else:
            other = values(g if name == "max_pool_gradient" else shape, seed=1)
            yield Sample((x, other), parameters, differentiable)
    if name.startswith("max_pool"):
        tied = np.array([2.0, 2.0, 1.0, np.nan, 3.0, np.nan, -np.inf, -np.inf]).reshape(1, 8, 1)
        parameters = {"window": 2, "strides": 2, "padding": "valid"}
        others = {"max_pool": (), "max_pool_gradient": (values((1, 4, 1)),), "max_pool_select": (values((1, 8, 1)),)}
        yield Sample((tied, *others[name]), parameters, differentiable=())
    if name == "max_pool":
        yield Sample((np.arange(12, dtype=np.int32).reshape(1, 6, 2) % 5,), {"window": 3, "padding": "same"})


def _row(
    name: str,
    doc: str,
    infer: Callable[..., TensorType],
    reference: Callable[..., Array],
    gradient: Callable[..., Sequence[Value | None]],
) -> Operator:
    def shape(types: Sequence[TensorType], parameters: Parameters) -> Shape:
        return check_shape(name, parameters["input_shape"]) if "input_shape" in parameters else types[0].shape

    return Operator(
        name=name,
        infer=infer,
        reference=widened(reference),
        samples=lambda: _samples(name),
        gradient=gradient,
        resolve=_resolver(name, shape),
        traits=WINDOW,
        doc=doc,
    )


def _of_max_pool(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], **where: Any
) -> Sequence[Value | None]:
    return [build.max_pool_gradient(inputs[0], cotangents[0], **where)]


def _of_max_pool_gradient(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], **where: Any
) -> Sequence[Value | None]:
    """Which element wins does not change for small changes of x."""
    return [None, build.max_pool_select(inputs[0], cotangents[0], **where)]


def _of_max_pool_select(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], **where: Any
) -> Sequence[Value | None]:
    return [None, build.max_pool_gradient(inputs[0], cotangents[0], **where)]


def _of_avg_pool(
    build: Build, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None], **where: Any
) -> Sequence[Value | None]:
    return [build.avg_pool_gradient(cotangents[0], input_shape=inputs[0].shape, **where)]


def _of_avg_pool_gradient(
    build: Build,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    cotangents: Sequence[Value | None],
    *,
    input_shape: Shape,
    **where: Any,
) -> Sequence[Value | None]:
    return [build.avg_pool(cotangents[0], **where)]


max_pool = _row(
    "max_pool", "Largest element of each window; NaN if one is; padding never wins.", _pool_type("max_pool", NUMBER),
    _max_pool, _of_max_pool,
)  # fmt: skip
max_pool_gradient = _row(
    "max_pool_gradient", "A cotangent of max_pool(x) sent to the first maximum of each window.",
    _max_pool_gradient_type, _max_pool_gradient, _of_max_pool_gradient,
)  # fmt: skip
max_pool_select = _row(
    "max_pool_select", "The element of t where max_pool takes one of x, for each window.", _max_pool_select_type,
    _max_pool_select, _of_max_pool_select,
)  # fmt: skip
avg_pool = _row(
    "avg_pool", "Mean of the elements of each window; padding does not count.", _pool_type("avg_pool", FLOAT),
    _avg_pool, _of_avg_pool,
)  # fmt: skip
avg_pool_gradient = _row(
    "avg_pool_gradient", "A cotangent of avg_pool shared equally among each window's elements.",
    _avg_pool_gradient_type, _avg_pool_gradient, _of_avg_pool_gradient,
)  # fmt: skip
