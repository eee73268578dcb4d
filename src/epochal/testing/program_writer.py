"""The values of a random program while it is written: what may be used, within which bounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from epochal import dtypes
from epochal.dtypes import DType
from epochal.ir import Array, Shape, Value, make_input, tensor_type
from epochal.topi.inventory import BUILD

# Sizes of axes, sizes of the long axis that some shapes have, how often, and the most elements.
_SMALL = ((1, 2, 3, 4, 5, 7), (16, 17, 33), 0.3, 700)
_LARGE = ((2, 3, 9, 16, 31, 64), (130, 257, 1000), 0.8, 60_000)
_BOUND = 4.0  # No floating value in the pool exceeds it in magnitude.


class Writer:
    """Draws operands and keeps results.

    Attributes:
        rng: Source of all choices.
        dtype: Floating type of the program.
        inputs: Inputs so far.
        arrays: An array for each.
        settled: Inputs whose values an operator's domain depends on, such as a positive definite matrix: no state may
            replace them.
    """

    def __init__(self, rng: np.random.Generator, dtype: DType, large: bool = False) -> None:
        self.rng = rng
        self._sizes, self._long, self._often, self._most = _LARGE if large else _SMALL
        self.dtype = dtype
        self.inputs: list[Value] = []
        self.arrays: list[Array] = []
        self.settled: set[Value] = set()
        self._floats: list[Value] = []
        self._exact: list[Value] = []
        self._others: dict[DType, list[Value]] = {dtypes.int32: [], dtypes.bool_: []}
        self.keep(self.fresh(self.shape()), exact=True)

    # --- shapes and parameters

    def shape(self, least_rank: int = 0, most_rank: int = 4) -> tuple[int, ...]:
        """A random shape; now and then with an axis longer than a vector register."""
        sizes = [int(self.rng.choice(self._sizes)) for _ in range(int(self.rng.integers(least_rank, most_rank + 1)))]
        if sizes and self.rng.random() < self._often:
            sizes[int(self.rng.integers(len(sizes)))] = int(self.rng.choice(self._long))
        while int(np.prod(sizes)) > self._most:
            sizes[int(np.argmax(sizes))] = 2
        return tuple(sizes)

    def axes(self, x: Value) -> tuple[int, ...]:
        """At least one axis of `x`."""
        rank = len(x.shape)
        count = int(self.rng.integers(1, rank + 1))
        return tuple(sorted(int(axis) for axis in self.rng.choice(rank, count, replace=False)))

    # --- operands

    def input(self, array: Array) -> Value:
        self.inputs.append(make_input(tensor_type(array.dtype, array.shape), f"x{len(self.inputs)}"))
        self.arrays.append(np.array(array, order="C"))
        return self.inputs[-1]

    def fresh(self, shape: Shape, low: float = -2.0, high: float = 2.0) -> Value:
        """A new input of floating type."""
        return self.input(self.rng.uniform(low, high, shape).astype(self.dtype.numpy))  # type: ignore[arg-type]

    def indices(self, shape: Shape, size: int) -> Value:
        """A new input of integers in [0, size)."""
        return self.input(self.rng.integers(0, size, shape).astype(np.int32))  # type: ignore[arg-type]

    def of(self, domain: str, like: Value | None = None, least_rank: int = 0) -> Value:
        """A value in a domain: any, exact, positive (above 0.5), unit (within 0.9), above one (above 1.5)."""
        x = self._pick(self._exact if domain == "exact" else self._floats, like, least_rank)
        if domain == "positive":
            return self._plus(BUILD.abs(x), 0.5)
        if domain == "above one":
            return self._plus(BUILD.abs(x), 1.5)
        if domain == "unit":
            bounded: Value = BUILD.mul(BUILD.sin(x), 0.9)
            return bounded
        return x

    def _plus(self, x: Value, number: float) -> Value:
        result: Value = BUILD.add(x, number)
        return result

    def _pick(self, pool: Sequence[Value], like: Value | None, least_rank: int) -> Value:
        x = pool[int(self.rng.integers(len(pool)))]
        if like is not None:
            return self.fit(x, like.shape) if self.rng.random() < 0.7 else self._fresh_like(x, like.shape)
        if len(x.shape) < least_rank or self.rng.random() < 0.1:
            return self.fit(x, self.shape(max(1, least_rank)))
        return x

    def _fresh_like(self, x: Value, shape: Shape) -> Value:
        return self.fresh(shape) if x.dtype.is_floating else self.fit(x, shape)

    def shaped(self, shape: Shape, exact: bool = False) -> Value:
        """A floating value of a given shape."""
        if self.rng.random() < 0.4:
            return self.fresh(shape)
        pool = self._exact if exact else self._floats
        return self.fit(pool[int(self.rng.integers(len(pool)))], shape)

    def integer(self, like: Value | None = None) -> Value:
        pool = self._others[dtypes.int32]
        if not pool:
            self.keep(self.input(self.rng.integers(-50, 50, self.shape()).astype(np.int32)))
        return self._pick(pool, like, 0)

    def bool(self, like: Value | None = None) -> Value:
        pool = self._others[dtypes.bool_]
        if not pool:
            self.keep(self.input(self.rng.random(self.shape()) < 0.5))
        return self._pick(pool, like, 0)

    def fit(self, x: Value, shape: Shape) -> Value:
        """The elements of `x` moved into a shape: cut off or repeated as need be."""
        if x.shape == shape:
            return x
        if len(x.shape) <= len(shape) and all(
            size in (1, wanted) for size, wanted in zip(x.shape, shape[len(shape) - len(x.shape) :], strict=True)
        ):
            return BUILD.broadcast_to(x, shape)
        have, want = x.type.size, tensor_type("bool", shape).size
        flat = BUILD.reshape(x, shape=(have,))
        if have < want:
            copies = -(-want // max(have, 1))
            flat = BUILD.reshape(BUILD.broadcast(flat, shape=(copies, have)), shape=(copies * have,))
        if flat.shape != (want,):
            flat = BUILD.slice(flat, starts=(0,), limits=(want,), strides=(1,))
        result: Value = BUILD.reshape(flat, shape=shape)
        return result

    # --- results

    def keep(self, value: Value, bound: float = _BOUND, exact: bool = False) -> None:
        """Puts a result into the pool; brought back into bounds, and cut if it is large."""
        if value.type.size == 0:
            return
        if value.type.size > self._most:
            value = self.fit(value, (2, 3, 5))
        if value.dtype is self.dtype:
            if bound > _BOUND:
                value, exact = BUILD.tanh(BUILD.mul(value, 0.5)), False
            self._floats.append(value)
            if exact:
                self._exact.append(value)
        elif value.dtype is dtypes.int32:
            self._others[dtypes.int32].append(BUILD.rem(value, 97))
        elif value.dtype.is_integer:
            self._others[dtypes.int32].append(BUILD.rem(BUILD.cast(value, dtype=dtypes.int32), 97))
        elif value.dtype.is_bool:
            self._others[dtypes.bool_].append(value)

    def is_exact(self, value: Value) -> bool:
        return value in self._exact

    def results(self) -> list[Value]:
        """Some of the pool, the last ones always."""
        pool = [*self._floats[1:], *self._others[dtypes.int32], *self._others[dtypes.bool_]] or self._floats
        chosen = {id(value): value for value in self._floats[-2:]}
        for index in self.rng.choice(len(pool), min(5, len(pool)), replace=False):
            chosen[id(pool[int(index)])] = pool[int(index)]
        return list(chosen.values())
