"""Where variables lie: every array starts on a line of the cache, and those of one model share huge pages.

A vector that straddles two lines costs two accesses, and a column of a matrix touches a page a row or two: with lines
and pages respected, the steps of a network of some megabytes of variables are a fifth faster. Arrays that are walked
side by side (a variable and its slots) are kept a few lines apart in the sets of a cache.
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from typing import Final

import numpy as np

from epochal.ir import Array

LINE: Final = 64
HUGE_PAGE: Final = 1 << 21
SHARED_BYTES: Final = 1 << 23
"""What is asked of the system at a time for arrays that share pages. NumPy advises it to use huge pages for so much."""

SHARED_FROM: Final = 1 << 14
SHARED_UP_TO: Final = 1 << 21
"""Sizes of arrays that share pages: smaller ones gain nothing, larger ones have pages of their own."""

_APART: Final = 5
"""Lines between arrays that follow one another: as many as a tile of results is wide, and no power of two."""

_lock = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
_turn = itertools.count()


class _Shared:
    """Memory that arrays are cut from in turn; it is freed with the last of them."""

    def __init__(self) -> None:
        self._memory: weakref.ref[Array] | None = None
        self._position = 0

    def cut(self, size: int) -> Array:
        """So many bytes on a line."""
        memory = None if self._memory is None else self._memory()
        if memory is None or self._position + size > memory.nbytes:
            memory = np.empty(SHARED_BYTES + HUGE_PAGE, np.uint8)
            self._memory = weakref.ref(memory)
            self._position = -memory.ctypes.data % HUGE_PAGE
        start = self._position
        self._position += (-(-size // LINE) + _APART) * LINE
        part: Array = memory[start : start + size]
        return part


_shared = _Shared()


def stored(array: Array) -> Array:
    """A C-contiguous copy that lies well.

    Example:
        >>> import numpy as np
        >>> copy = stored(np.ones((300, 7), np.float32))
        >>> copy.ctypes.data % 64, float(copy.sum())
        (0, 2100.0)
    """
    size = array.nbytes
    if size < LINE or array.dtype.hasobject:
        return np.array(array, order="C", copy=True)
    if SHARED_FROM <= size <= SHARED_UP_TO:
        with _lock:
            memory = _shared.cut(size)
    else:
        alignment = HUGE_PAGE if size > SHARED_UP_TO else LINE
        shift = next(_turn) % 12 * _APART * LINE if size > SHARED_UP_TO else 0
        raw = np.empty(size + alignment + shift, np.uint8)
        start = -raw.ctypes.data % alignment + shift
        memory = raw[start : start + size]
    result: Array = memory.view(array.dtype).reshape(array.shape)
    result[...] = array
    return result


__all__ = ["stored"]
