"""Makers of random programs for operators that sort, scan along an axis, select and look up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from epochal import dtypes
from epochal.ir import Value
from epochal.testing.program_writer import Writer
from epochal.topi.inventory import BUILD

Maker = Callable[[Writer, str], None]


def _axis(writer: Writer, x: Value) -> int:
    return int(writer.rng.integers(len(x.shape)))


def _size(x: Value, axis: int) -> int:
    size = x.shape[axis]
    assert isinstance(size, int)
    return size


def _polygamma(writer: Writer, name: str) -> None:
    writer.keep(BUILD.polygamma(writer.of("positive"), order=int(writer.rng.integers(1, 3))), 20)


def _bitcast(writer: Writer, name: str) -> None:
    if writer.dtype is dtypes.float32:
        writer.keep(BUILD.bitcast(writer.of("exact"), dtype=dtypes.int32))
    else:
        bits = BUILD.bitcast(writer.of("exact"), dtype=dtypes.int64)
        writer.keep(BUILD.cast(BUILD.shift_right(bits, 40), dtype=dtypes.int32))


def _cumulative(writer: Writer, name: str) -> None:
    reverse = bool(writer.rng.integers(2))
    if name == "cumulative_prod":
        x = writer.of("any", least_rank=1)
        axis = _axis(writer, x)
        x = BUILD.add(BUILD.mul(BUILD.sin(x), 0.5 / _size(x, axis)), 1.0)
        exclusive = bool(writer.rng.integers(2))
        writer.keep(BUILD.cumulative_prod(x, axis=axis, reverse=reverse, exclusive=exclusive))
    else:
        x = writer.of("exact", least_rank=1)
        writer.keep(getattr(BUILD, name)(x, axis=_axis(writer, x), reverse=reverse))


def _sort(writer: Writer, name: str) -> None:
    x = writer.of("exact", least_rank=1)
    descending = bool(writer.rng.integers(2))
    result = getattr(BUILD, name)(x, axis=_axis(writer, x), descending=descending)
    writer.keep(result, exact=name == "sort")


def _top_k(writer: Writer, name: str) -> None:
    x = writer.of("exact", least_rank=1)
    largest, indices = BUILD.top_k(x, k=int(writer.rng.integers(1, _size(x, -1) + 1)))
    writer.keep(largest, exact=True)
    writer.keep(indices)


def _searchsorted(writer: Writer, name: str) -> None:
    vector = BUILD.sort(writer.fit(writer.of("exact"), (int(writer.rng.integers(1, 12)),)), axis=0)
    side = str(writer.rng.choice(("left", "right")))
    writer.keep(BUILD.searchsorted(vector, writer.of("exact"), side=side))


def _scatter(writer: Writer, name: str) -> None:
    x = writer.of("exact", least_rank=1)
    axis = _axis(writer, x)
    indices = writer.indices(writer.shape(0, 2), _size(x, axis))
    updates = writer.shaped((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), exact=True)
    writer.keep(getattr(BUILD, name)(x, indices, updates, axis=axis), exact=True)


def _along_axis(writer: Writer, name: str) -> None:
    x = writer.of("any", least_rank=1)
    axis = _axis(writer, x)
    shape = list(x.shape)
    shape[axis] = int(writer.rng.integers(1, 5))
    indices = writer.indices(tuple(shape), _size(x, axis))
    if name == "take_along_axis":
        writer.keep(BUILD.take_along_axis(x, indices, axis=axis))
    else:
        writer.keep(BUILD.scatter_add_along_axis(x, indices, writer.shaped(tuple(shape)), axis=axis), 1e3)


def _mask(writer: Writer, name: str) -> None:
    mask = writer.bool()
    if not mask.shape:
        mask = BUILD.broadcast(mask, shape=(3,))
    size = int(writer.rng.integers(1, mask.type.size + 1))
    if name == "mask_positions":
        positions, count = BUILD.mask_positions(mask, size=size)
        writer.keep(positions)
    else:
        x = writer.shaped((*mask.shape, *writer.shape(0, 1)))
        kept, count = BUILD.boolean_mask(x, mask, size=size, value=0.5)
        writer.keep(kept)
    writer.keep(count)


MAKERS: Mapping[str, Maker] = {
    "polygamma": _polygamma,
    "bitcast": _bitcast,
    **dict.fromkeys(("cumulative_prod", "cumulative_max", "cumulative_min"), _cumulative),
    **dict.fromkeys(("sort", "argsort"), _sort),
    "top_k": _top_k,
    "searchsorted": _searchsorted,
    **dict.fromkeys(("scatter_set", "scatter_max", "scatter_min"), _scatter),
    **dict.fromkeys(("take_along_axis", "scatter_add_along_axis"), _along_axis),
    **dict.fromkeys(("mask_positions", "boolean_mask"), _mask),
}
