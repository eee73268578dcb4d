"""Runs launches of native kernels one by one, without the driver: for tests of kernels and for measuring them."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from epochal.backends.native.engine import Code, engine
from epochal.backends.native.kernel import Launch, Target
from epochal.ir import Array, Value

_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
_GUARD = 64


def aligned(shape: Sequence[int], dtype: Any, offset: int = 0) -> Array:
    """A dense array whose first element lies `offset` bytes behind a multiple of 64; filled with 0x7F bytes."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    raw = np.full(size + 192 + offset, 0x7F, np.uint8)
    start = -raw.ctypes.data % 64 + offset
    array: Array = raw[start : start + size].view(dtype).reshape(shape)
    return array


def _for_target(launch: Launch, target: Target) -> Launch:
    kernel = launch.kernel
    changed = replace(kernel, key=f"{kernel.key} {target}", emit=lambda _: kernel.emit(target))
    return replace(launch, kernel=changed)


class Launcher:
    """Launches with their buffers.

    Attributes:
        arrays: The buffer of each value, those of results and of values between launches made here.
    """

    def __init__(self, launches: Sequence[Launch], arrays: Mapping[Value, Array], target: Target | None = None) -> None:
        """`target`: emit for another processor, of which this one understands the code."""
        if target is not None:
            launches = [_for_target(launch, target) for launch in launches]
        self.launches = launches
        self.codes: list[Code] = [engine().load(launch.kernel) for launch in launches]
        self.arrays: dict[Value, Array] = {}
        for value, array in arrays.items():
            self.arrays[value] = aligned(array.shape, value.dtype.numpy)
            self.arrays[value][...] = array
        for launch in launches:
            for value in launch.outputs:
                if value not in self.arrays:
                    self.arrays[value] = aligned(tuple(map(int, value.shape)), value.dtype.numpy)  # type: ignore[arg-type]
        self._scratch = [np.full(launch.kernel.scratch + 2 * _GUARD, 0x7F, np.uint8) for launch in launches]
        self._error = np.zeros(1, np.int32)
        self._functions = [_FUNCTION(code.address) for code in self.codes]
        self._tables = [
            (ctypes.c_void_p * (len(launch.inputs) + len(launch.outputs)))(
                *(self.arrays[value].ctypes.data for value in (*launch.inputs, *launch.outputs))
            )
            for launch in launches
        ]

    def run(self) -> None:
        """Every launch, all pieces at once."""
        self._run(lambda pieces: [(0, pieces)])

    def run_apart(self) -> None:
        """Every launch, the pieces one by one, from the last to the first."""
        self._run(lambda pieces: [(piece, piece + 1) for piece in reversed(range(pieces))])

    def _run(self, ranges: Any) -> None:
        for launch, function, table, scratch in zip(
            self.launches, self._functions, self._tables, self._scratch, strict=True
        ):
            start = scratch.ctypes.data + -scratch.ctypes.data % _GUARD
            for begin, end in ranges(launch.kernel.pieces):
                function(ctypes.addressof(table), begin, end, start, self._error.ctypes.data)

    def seconds(self, limit: float = 0.3) -> float:
        """The best time of a run, within about `limit` seconds."""
        self.run()
        best, started = float("inf"), time.perf_counter()
        while time.perf_counter() - started < limit:
            before = time.perf_counter()
            self.run()
            best = min(best, time.perf_counter() - before)
        return best


__all__ = ["Launcher", "aligned"]
