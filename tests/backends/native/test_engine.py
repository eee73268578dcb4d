"""Machine code: sharing, lifetime, the cache on disk and what may go wrong with it."""

import ctypes
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from epochal.backends.native.cache import ObjectCache
from epochal.backends.native.engine import Engine, detect_target
from epochal.backends.native.kernel import Kernel


def run(code, *arrays, pieces):
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
    pointers = np.array([array.ctypes.data for array in arrays], np.int64)
    error = np.zeros(1, np.int32)
    function(code.address)(pointers.ctypes.data, 0, pieces, None, error.ctypes.data)


def check(code, size=64):
    a, b, c = np.arange(size, dtype=np.float32), np.ones(size, np.float32), np.zeros(size, np.float32)
    run(code, a, b, c, pieces=size)
    np.testing.assert_array_equal(c, a + b)


def counted(kernel):
    """The kernel, and a list that grows each time it is emitted."""
    calls = []

    def emit(target):
        calls.append(target)
        return kernel.emit(target)

    return Kernel(kernel.key, emit, kernel.pieces, kernel.cost), calls


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def test_a_kernel_computes(folder, fresh_kernel):
    check(Engine(ObjectCache(folder)).load(fresh_kernel()))


def test_equal_keys_share_code_and_the_last_user_frees_it(folder, fresh_kernel):
    engine = Engine(ObjectCache(folder))
    kernel, calls = counted(fresh_kernel())
    first = engine.load(kernel)
    second = engine.load(Kernel(kernel.key, kernel.emit, 1, 1.0))
    assert first is second
    assert len(calls) == 1
    assert engine.live == 1
    del first, second
    assert engine.live == 0


def test_the_cache_saves_emission(folder, fresh_kernel):
    kernel, calls = counted(fresh_kernel())
    Engine(ObjectCache(folder)).load(kernel)
    engine = Engine(ObjectCache(folder))
    check(engine.load(kernel))
    assert len(calls) == 1
    assert engine.compiled == 0


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_the_cache_is_private(folder, fresh_kernel):
    kernel, calls = counted(fresh_kernel())
    Engine(ObjectCache(folder)).load(kernel)
    objects = folder / "objects"
    assert objects.stat().st_mode & 0o777 == 0o700
    (entry,) = (objects / name for name in names_of(folder))
    assert entry.stat().st_mode & 0o077 == 0
    objects.chmod(0o777)
    check(Engine(ObjectCache(folder)).load(kernel))
    assert len(calls) == 2, "code that others could have written must not be loaded"


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "garbage"])
def test_damaged_entries_are_compiled_anew(folder, fresh_kernel, damage):
    kernel, calls = counted(fresh_kernel())
    Engine(ObjectCache(folder)).load(kernel)
    (entry,) = (folder / "objects" / name for name in names_of(folder))
    data = bytearray(entry.read_bytes())
    if damage == "truncate":
        data = data[: len(data) // 2]
    elif damage == "flip":
        data[-100] ^= 1
    elif damage == "empty":
        data = b""
    else:
        data = b"nonsense" * 50
    entry.write_bytes(bytes(data))
    check(Engine(ObjectCache(folder)).load(kernel))
    assert len(calls) == 2
    check(Engine(ObjectCache(folder)).load(kernel))
    assert len(calls) == 2, "the entry is whole again"


def test_an_entry_under_another_name_is_not_used(folder, fresh_kernel):
    kernel, calls = counted(fresh_kernel())
    other = fresh_kernel()
    Engine(ObjectCache(folder)).load(kernel)
    (entry,) = (folder / "objects" / name for name in names_of(folder))
    Engine(ObjectCache(folder)).load(other)
    (another,) = (folder / "objects" / name for name in names_of(folder) if name != entry.name)
    entry.write_bytes(another.read_bytes())
    check(Engine(ObjectCache(folder)).load(kernel))
    assert len(calls) == 2


def test_several_kernels_are_linked_at_once(folder, fresh_kernel):
    engine = Engine(ObjectCache(folder))
    kernels = [fresh_kernel() for _ in range(10)]
    first = engine.load(kernels[3])
    codes = engine.load_all(kernels)
    assert codes[kernels[3].key] is first
    assert engine.loaded == 10
    one = codes[kernels[5].key]
    del codes, first
    check(one)
    assert engine.live == 1
    check(engine.load(kernels[6]))


def test_a_full_or_missing_disk_does_no_harm(folder, fresh_kernel, monkeypatch):
    def full(*arguments, **others):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("epochal.backends.native.cache.os.replace", full)
    check(Engine(ObjectCache(folder)).load(fresh_kernel()))
    assert names_of(folder) == []
    blocked = folder / "file"
    blocked.write_text("a file where the folder should be")
    check(Engine(ObjectCache(blocked)).load(fresh_kernel()))


def test_no_cache_at_all(monkeypatch, fresh_kernel):
    monkeypatch.setenv("EPOCHAL_CACHE", "0")
    check(Engine().load(fresh_kernel()))


def names_of(folder):
    return sorted(path.name for path in (folder / "objects").iterdir() if not path.name.startswith("."))


def test_the_cache_is_bounded(folder):
    cache = ObjectCache(folder, limit_bytes=10_000)
    for number in range(40):
        cache.write(f"entry{number:02}", bytes(1000))
        os.utime(folder / "objects" / f"entry{number:02}", (number, number))
    names = names_of(folder)
    assert sum((folder / "objects" / name).stat().st_size for name in names) <= 12_000
    assert names[-1] == "entry39"
    assert "entry00" not in names


def test_the_number_of_entries_is_bounded(folder, monkeypatch):
    monkeypatch.setattr("epochal.backends.native.cache.LIMIT_ENTRIES", 8)
    for number in range(20):
        ObjectCache(folder).write(f"entry{number:02}", b"x")
    assert len(names_of(folder)) == 20, "looked through a moment ago"
    os.utime(folder / "objects" / ".looked", (0, 0))
    ObjectCache(folder).write("entry99", b"x")
    assert len(names_of(folder)) == 6


def test_threads_that_load_the_same_kernel(folder, fresh_kernel):
    engine = Engine(ObjectCache(folder))
    kernel, calls = counted(fresh_kernel())
    codes = []
    threads = [threading.Thread(target=lambda: codes.append(engine.load(kernel))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len({code.address for code in codes}) == 1


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_loading_and_freeing_keeps_memory_flat(folder, fresh_kernel):
    engine = Engine(ObjectCache(folder))
    kernel = fresh_kernel()
    for _ in range(100):
        engine.load(kernel)
    before = resident_bytes()
    for _ in range(400):
        engine.load(kernel)
    assert engine.loaded == 500
    assert resident_bytes() - before < 1 << 20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_compiling_keeps_memory_flat(fresh_kernel, monkeypatch):
    monkeypatch.setenv("EPOCHAL_CACHE", "0")
    engine = Engine()
    kernel = fresh_kernel()
    for _ in range(50):
        engine.load(kernel)
    before = resident_bytes()
    for _ in range(200):
        engine.load(kernel)
    assert engine.compiled == 250
    assert resident_bytes() - before < 2 << 20


def test_the_target_is_described():
    target = detect_target()
    assert target.vector_bytes in (16, 32, 64)
    assert target.registers in (16, 32)
    assert target.cpu


def test_llvm_is_loaded_on_first_use_only():
    code = "import sys, epochal.backends.native.backend; assert 'llvmlite' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
