"""Where variables lie."""

from __future__ import annotations

import gc
import itertools
import threading
import weakref

import numpy as np
import pytest

from epochal.tensor import Variable
from epochal.tensor.storage import HUGE_PAGE, LINE, SHARED_BYTES, SHARED_FROM, SHARED_UP_TO, stored

SIZES = [0, 1, 15, 16, 1000, SHARED_FROM // 4, 100_003, SHARED_UP_TO // 4, SHARED_UP_TO // 4 + 1, 1_000_003]


@pytest.mark.parametrize("size", SIZES)
def test_copies_hold_the_numbers_on_a_line_of_their_own(size: int) -> None:
    array = np.random.default_rng(0).random(size, np.float32)
    copy = stored(array)
    np.testing.assert_array_equal(copy, array)
    assert copy.flags.c_contiguous
    assert copy.flags.writeable
    assert not np.shares_memory(copy, array)
    assert copy.nbytes < LINE or copy.ctypes.data % LINE == 0


@pytest.mark.parametrize(
    "array", [np.ones(()), np.zeros((0, 3)), np.arange(12.0).reshape(3, 4).T, np.ones((2, 3), bool)]
)
def test_shapes_and_element_types_stay(array: np.ndarray) -> None:
    copy = stored(array)
    assert (copy.shape, copy.dtype) == (array.shape, array.dtype)
    assert copy.flags.c_contiguous
    np.testing.assert_array_equal(copy, array)


def test_arrays_do_not_overlap() -> None:
    generator = np.random.default_rng(1)
    arrays = [generator.integers(0, 255, size).astype(np.uint8) for size in generator.integers(1, 400_000, 60)]
    copies = [stored(array) for array in arrays]
    for copy, array in zip(copies, arrays, strict=True):
        np.testing.assert_array_equal(copy, array)
    spans = sorted((copy.ctypes.data, copy.ctypes.data + copy.nbytes) for copy in copies)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_large_arrays_have_huge_pages_and_stand_apart_in_the_sets_of_a_cache() -> None:
    copies = [stored(np.ones(SHARED_UP_TO // 4 + 1, np.float32)) for _ in range(4)]
    places = [copy.ctypes.data % HUGE_PAGE for copy in copies]
    assert max(places) < 64 * LINE
    assert len(set(places)) == 4


def test_memory_is_freed_with_the_last_array_that_shares_it() -> None:
    rest = SHARED_BYTES // (SHARED_UP_TO // 2) + 2
    copies = [stored(np.ones(SHARED_UP_TO // 8, np.float32)) for _ in range(rest)]
    bases = {id(copy.base): copy.base for copy in copies}
    assert 2 <= len(bases) <= 3
    seen = [weakref.ref(base) for base in bases.values()]
    del bases
    kept = copies[-1]
    del copies
    gc.collect()
    assert [reference() is not None for reference in seen] == [reference() is kept.base for reference in seen]
    np.testing.assert_array_equal(kept, 1)


def test_threads_do_not_share_arrays() -> None:
    found: list[tuple[int, np.ndarray]] = []

    def work(number: int) -> None:
        found.extend((number, stored(np.full(5000, number, np.float32))) for _ in range(30))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, array in found:
        np.testing.assert_array_equal(array, number)


def test_variables_lie_on_lines() -> None:
    variable = Variable(np.arange(5000, dtype=np.float32))
    assert variable.data.ctypes.data % LINE == 0
    variable.assign_add(np.ones(5000, np.float32))
    np.testing.assert_array_equal(variable.numpy(), np.arange(1, 5001))
