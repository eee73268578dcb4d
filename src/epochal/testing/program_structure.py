"""Makers of random programs for operators that are not elementwise: each draws operands and parameters for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.ir import Graph, Value, make_input, tensor_type
from epochal.testing.program_writer import Writer
from epochal.topi.inventory import BUILD

Maker = Callable[[Writer, str], None]


def _sizes(value: Value) -> tuple[int, ...]:
    return tuple(size for size in value.shape if isinstance(size, int))


# --- movement


def _operand(writer: Writer, least_rank: int = 0) -> tuple[Value, bool]:
    """A value to move, and whether it is exact."""
    exact = writer.rng.random() < 0.5
    return writer.of("exact" if exact else "any", least_rank=least_rank), exact


def _broadcast(writer: Writer, name: str) -> None:
    x, exact = _operand(writer)
    front = writer.shape(0, 2)
    writer.keep(BUILD.broadcast(x, shape=front + _sizes(x)), exact=exact)


def _reshape(writer: Writer, name: str) -> None:
    x, exact = _operand(writer, 1)
    sizes = list(_sizes(x))
    at = int(writer.rng.integers(len(sizes)))
    sizes = [*sizes[:at], 1, *sizes[at:]] if writer.rng.random() < 0.5 else [*sizes[1:], *sizes[:1]]
    writer.keep(BUILD.reshape(x, shape=tuple(sizes)), exact=exact)


def _transpose(writer: Writer, name: str) -> None:
    x, exact = _operand(writer, 2)
    permutation = tuple(int(axis) for axis in writer.rng.permutation(len(x.shape)))
    writer.keep(BUILD.transpose(x, permutation=permutation), exact=exact)


def _reverse(writer: Writer, name: str) -> None:
    x, exact = _operand(writer, 1)
    writer.keep(BUILD.reverse(x, axes=writer.axes(x)), exact=exact)


def _slice(writer: Writer, name: str) -> None:
    x, exact = _operand(writer, 1)
    starts = tuple(int(writer.rng.integers(size)) for size in _sizes(x))
    limits = tuple(int(writer.rng.integers(start + 1, size + 1)) for start, size in zip(starts, _sizes(x), strict=True))
    strides = tuple(int(stride) for stride in writer.rng.integers(1, 3, len(starts)))
    writer.keep(BUILD.slice(x, starts=starts, limits=limits, strides=strides), exact=exact)


def _pad(writer: Writer, name: str) -> None:
    x, exact = _operand(writer, 1)
    low, high, interior = (
        tuple(int(count) for count in writer.rng.integers(least, most, len(x.shape)))
        for least, most in ((0, 3), (0, 3), (0, 2))
    )
    if min(_sizes(x)) > 2:
        low = tuple(count - 1 for count in low)  # Some are cropped.
    writer.keep(BUILD.pad(x, low=low, high=high, interior=interior, value=0.25), exact=exact)


def _concat(writer: Writer, name: str) -> None:
    x, exact = _operand(writer, 1)
    axis = int(writer.rng.integers(len(x.shape)))
    others = []
    for _ in range(int(writer.rng.integers(1, 3))):
        shape = list(_sizes(x))
        shape[axis] = int(writer.rng.integers(1, 4))
        others.append(writer.shaped(tuple(shape), exact=exact))
    writer.keep(BUILD.concat(x, *others, axis=axis), exact=exact)


def _iota(writer: Writer, name: str) -> None:
    shape = writer.shape(1, 3)
    axis = int(writer.rng.integers(len(shape)))
    writer.keep(BUILD.iota(shape=shape, axis=axis, dtype=dtypes.int32))
    writer.keep(BUILD.iota(shape=shape, axis=axis, dtype=writer.dtype), 40)


def _shape_of(writer: Writer, name: str) -> None:
    writer.keep(BUILD.shape_of(writer.of("any", least_rank=1)))


def _starts(writer: Writer, rank: int) -> Value:
    return writer.input(writer.rng.integers(-2, 7, rank).astype(np.int32))


def _dynamic_slice(writer: Writer, name: str) -> None:
    x, exact = _operand(writer, 1)
    sizes = tuple(int(writer.rng.integers(1, size + 1)) for size in _sizes(x))
    writer.keep(BUILD.dynamic_slice(x, _starts(writer, len(sizes)), sizes=sizes), exact=exact)


def _dynamic_update(writer: Writer, name: str) -> None:
    x, exact = _operand(writer, 1)
    sizes = tuple(int(writer.rng.integers(1, size + 1)) for size in _sizes(x))
    update = writer.shaped(sizes, exact=exact)
    writer.keep(BUILD.dynamic_update(x, update, _starts(writer, len(sizes))), exact=exact)


# --- reductions


def _reduction(writer: Writer, name: str) -> None:
    if name in ("any", "all"):
        condition = writer.bool()
        if condition.shape:
            writer.keep(getattr(BUILD, name)(condition, axes=writer.axes(condition)))
        return
    x = writer.of("exact" if name in ("max", "min") else "any", least_rank=1)
    axes = writer.axes(x)
    count = float(np.prod([_sizes(x)[axis] for axis in axes]))
    if name == "prod":
        x = BUILD.add(BUILD.mul(BUILD.sin(x), 0.5 / count), 1.0)
    elif name == "sum":
        x = BUILD.mul(x, 1.0 / count)
    writer.keep(getattr(BUILD, name)(x, axes=axes))


def _integer_sum(writer: Writer, name: str) -> None:
    x = writer.integer()
    if x.shape:
        writer.keep(BUILD.sum(x, axes=writer.axes(x)))


def _sum(writer: Writer, name: str) -> None:
    (_integer_sum if writer.rng.random() < 0.2 else _reduction)(writer, name)


def _argument(writer: Writer, name: str) -> None:
    x = writer.of("exact", least_rank=1)
    axis = int(writer.rng.integers(len(x.shape)))
    dtype = dtypes.int64 if writer.rng.random() < 0.5 else dtypes.int32
    writer.keep(getattr(BUILD, name)(x, axis=axis, dtype=dtype))


def _cumulative_sum(writer: Writer, name: str) -> None:
    x = writer.of("any", least_rank=1)
    axis = int(writer.rng.integers(len(x.shape)))
    flags = {"reverse": bool(writer.rng.integers(2)), "exclusive": bool(writer.rng.integers(2))}
    writer.keep(BUILD.cumulative_sum(x, axis=axis, **flags), 1e3)


# --- contractions and windows


def _dot_general(writer: Writer, name: str) -> None:
    batch, rows, columns = writer.shape(0, 1), writer.shape(0, 2), writer.shape(0, 2)
    summed = int(writer.rng.choice((1, 3, 8, 19)))
    a = writer.shaped((*batch, *rows, summed) if writer.rng.random() < 0.5 else (*batch, summed, *rows))
    b = writer.shaped((*batch, summed, *columns))
    axis = a.shape.index(summed, len(batch)) if a.shape[-1] != summed else len(a.shape) - 1
    if a.shape[axis] != summed:
        return
    pairs: Any = (tuple(range(len(batch))),) * 2
    writer.keep(BUILD.dot_general(a, b, contract=((axis,), (len(batch),)), batch=pairs), 100)


def _spatial(writer: Writer, least: int) -> tuple[int, ...]:
    return tuple(int(size) for size in writer.rng.integers(least, 8, int(writer.rng.integers(1, 3))))


def _convolution(writer: Writer, name: str) -> None:
    space = _spatial(writer, 3)
    groups = int(writer.rng.choice((1, 1, 2)))
    channels, filters = groups * int(writer.rng.integers(1, 4)), groups * int(writer.rng.integers(1, 5))
    window = tuple(int(size) for size in writer.rng.integers(1, 4, len(space)))
    parameters: dict[str, Any] = {
        "strides": tuple(int(step) for step in writer.rng.integers(1, 3, len(space))),
        "padding": "same" if min(space) < 6 else str(writer.rng.choice(("same", "valid"))),
        "dilations": (1,) * len(space) if writer.rng.random() < 0.7 else (2,) * len(space),
        "groups": groups,
    }
    if parameters["padding"] == "valid" and parameters["dilations"][0] == 2:
        parameters["dilations"] = (1,) * len(space)
    x = writer.shaped((2, *space, channels))
    kernel = writer.shaped((*window, channels // groups, filters))
    y = BUILD.conv(x, kernel, **parameters)
    if name == "conv":
        writer.keep(y, 100)
        return
    cotangent = writer.shaped(y.shape)
    if name == "conv_data_gradient":
        writer.keep(BUILD.conv_data_gradient(cotangent, kernel, input_shape=x.shape, **parameters), 100)
    else:
        writer.keep(BUILD.conv_weight_gradient(x, cotangent, kernel_shape=kernel.shape, **parameters), 100)


def _pool(writer: Writer, name: str) -> None:
    space = _spatial(writer, 3)
    parameters: dict[str, Any] = {
        "window": tuple(int(size) for size in writer.rng.integers(1, 4, len(space))),
        "strides": tuple(int(step) for step in writer.rng.integers(1, 3, len(space))),
        "padding": str(writer.rng.choice(("same", "valid"))),
    }
    x = writer.shaped((2, *space, int(writer.rng.integers(1, 5))), exact=name.startswith("max"))
    if name in ("max_pool", "avg_pool"):
        writer.keep(getattr(BUILD, name)(x, **parameters))
        return
    y = BUILD.max_pool(x, **parameters)
    if name == "max_pool_gradient":
        writer.keep(BUILD.max_pool_gradient(x, writer.shaped(y.shape), **parameters), 40)
    elif name == "max_pool_select":
        writer.keep(BUILD.max_pool_select(x, writer.shaped(x.shape), **parameters))
    else:
        writer.keep(BUILD.avg_pool_gradient(writer.shaped(y.shape), input_shape=x.shape, **parameters), 40)


# --- indexing and random numbers


def _gather(writer: Writer, name: str) -> None:
    x, exact = _operand(writer, 1)
    axis = int(writer.rng.integers(len(x.shape)))
    indices = writer.indices(writer.shape(0, 2), _sizes(x)[axis])
    if name == "gather":
        writer.keep(BUILD.gather(x, indices, axis=axis), exact=exact)
        return
    updates = writer.shaped((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))
    writer.keep(BUILD.scatter_add(x, indices, updates, axis=axis), 1e3)


def _random(writer: Writer, name: str) -> None:
    key = writer.input(writer.rng.integers(0, 2**31, 2).astype(np.uint32))
    shape = writer.shape(0, 3)
    if name == "random_bits":
        bits = BUILD.random_bits(key, shape=shape)
        writer.keep(BUILD.cast(BUILD.shift_right(bits, 12), dtype=dtypes.int32))
    else:
        writer.keep(getattr(BUILD, name)(key, shape=shape, dtype=writer.dtype), 1 if name == "random_uniform" else 10)


# --- control flow


def _cond(writer: Writer, name: str) -> None:
    condition = writer.bool()
    predicate = BUILD.any(condition, axes=tuple(range(len(condition.shape)))) if condition.shape else condition
    x = writer.of("any")
    y = writer.of("any", like=x)
    branches = []
    for combine in (lambda a, b: [BUILD.mul(BUILD.sin(a), b), a], lambda a, b: [BUILD.sub(a, b), BUILD.tanh(b)]):
        a, b = make_input(x.type), make_input(y.type)
        branches.append(Graph([a, b], combine(a, b)))
    for result in BUILD.cond(predicate, x, y, then_graph=branches[0], else_graph=branches[1]):
        writer.keep(result, 8)


def _while_loop(writer: Writer, name: str) -> None:
    x = writer.of("any")
    count = tensor_type(dtypes.int32)
    w, limit = writer.of("unit", like=x), writer.input(np.array(writer.rng.integers(0, 5), np.int32))
    graphs = []
    for make in (
        lambda w, limit, step, x: [BUILD.less(step, limit)],
        lambda w, limit, step, x: [BUILD.add(step, 1), BUILD.add(BUILD.mul(x, w), 0.1)],
    ):
        inputs = [make_input(type_) for type_ in (w.type, count, count, x.type)]
        graphs.append(Graph(inputs, make(*inputs)))
    start = BUILD.constant(0, dtypes.int32)
    parameters: dict[str, Any] = {"condition": graphs[0], "body": graphs[1], "constants": 2}
    _, result = BUILD.while_loop(w, limit, start, x, maximum_iterations=4, **parameters)
    writer.keep(result, 5)


def _scan(writer: Writer, name: str) -> None:
    length = int(writer.rng.integers(1, 6))
    slice_shape = writer.shape(0, 2)
    w, state = writer.shaped(slice_shape), writer.shaped(slice_shape)
    xs = writer.shaped((length, *slice_shape))
    inputs = [make_input(tensor_type(writer.dtype, slice_shape)) for _ in range(3)]
    new = BUILD.tanh(BUILD.add(BUILD.mul(inputs[0], inputs[1]), inputs[2]))
    outputs = [new, BUILD.mul(new, inputs[2])]
    final, stacked = BUILD.scan(
        w, state, xs, body=Graph(inputs, outputs), constants=1, carries=1, length=length,
        reverse=bool(writer.rng.integers(2)),
    )  # fmt: skip
    writer.keep(final, 1)
    if writer.rng.random() < 0.7:
        writer.keep(stacked)


MAKERS: Mapping[str, Maker] = {
    "broadcast": _broadcast,
    "reshape": _reshape,
    "transpose": _transpose,
    "reverse": _reverse,
    "slice": _slice,
    "pad": _pad,
    "concat": _concat,
    "iota": _iota,
    "shape_of": _shape_of,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update": _dynamic_update,
    "sum": _sum,
    **dict.fromkeys(("prod", "max", "min", "any", "all"), _reduction),
    **dict.fromkeys(("argmax", "argmin"), _argument),
    "cumulative_sum": _cumulative_sum,
    "dot_general": _dot_general,
    **dict.fromkeys(("conv", "conv_data_gradient", "conv_weight_gradient"), _convolution),
    **dict.fromkeys(("max_pool", "avg_pool", "max_pool_gradient", "max_pool_select", "avg_pool_gradient"), _pool),
    **dict.fromkeys(("gather", "scatter_add"), _gather),
    **dict.fromkeys(("random_bits", "random_uniform", "random_normal"), _random),
    "cond": _cond,
    "while_loop": _while_loop,
    "scan": _scan,
}
