"""The threads that help a caller run a program.

They are Python daemon threads that enter machine code once (ctypes drops the interpreter's lock) and stay there,
waiting at a mailbox in memory: they spin for a moment, then sleep until woken (a futex on Linux, short naps
elsewhere). A caller hands them work from machine code, which costs under a microsecond while they spin.

After a fork the child has none and starts its own; at the end of the process they are told to leave.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import numpy as np

from epochal import config
from epochal.backends.native import driver
from epochal.backends.native.engine import Code
from epochal.ir import Array

BARRIER_SPIN_US: Final = 40.0
"""How long a thread spins at a barrier before it sleeps."""

IDLE_SPIN_US: Final = 1000.0
"""How long a worker spins for its next call before it sleeps, as far as there are cores: what a program does between
two predictions or two steps of training takes less, and waking it takes 50 us."""

CROWDED_IDLE_SPIN_US: Final = 80.0
"""The same for those that share a core with others."""

YIELD_US: Final = 0.5
"""How often a spinning thread lets others run: cheap where no one waits, and where the cores are busy with something
else the awaited thread comes sooner (barriers of 1.5 us instead of 8)."""

CROWDED_YIELD_US: Final = 0.3
"""The same with more threads than cores, where spinning may keep the awaited thread from running."""

_MAILBOX_WORDS: Final = 16
_FUTEX_NUMBERS: Final = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221, "s390x": 238}
_FUTEX_WAIT_PRIVATE: Final = 128
_FUTEX_WAKE_PRIVATE: Final = 129


def aligned(count: int, dtype: Any, alignment: int = 64) -> Array:
    """An uninitialised vector whose data is aligned."""
    item = np.dtype(dtype).itemsize
    raw = np.empty(count * item + alignment, dtype=np.uint8)
    start = -raw.ctypes.data % alignment
    result: Array = raw[start : start + count * item].view(dtype)
    return result


class Runtime:
    """The driver's code, the table of system functions it uses, and how fast this processor spins.

    Attributes:
        launch: ``launch(context address, count) -> status``; see `driver.text`.

    Args:
        ticking: Whether the driver is the one that measures.
    """

    def __init__(self, ticking: bool = False) -> None:
        self.code: Code = driver.load(ticking)
        addresses = self.code.addresses
        self.launch: Callable[[int, int], int] = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(
            addresses["launch"]
        )
        pointer_and_number = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)
        self.park: Callable[[int, int, int], None] = ctypes.CFUNCTYPE(None, *pointer_and_number)(addresses["park"])
        self.dismiss: Callable[[int, int], None] = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(
            addresses["dismiss"]
        )
        self._pauses_per_us = _pauses_per_microsecond(addresses["spin"])
        self._tables = [_system_table(int(duration * self._pauses_per_us)) for duration in (YIELD_US, CROWDED_YIELD_US)]
        self._cores = config.available_cores()

    def system(self, threads: int) -> int:
        """Address of the table of system functions for so many threads."""
        return int(self._tables[threads > self._cores][0].ctypes.data)

    def barrier_pauses(self) -> int:
        """Pauses before a thread at a barrier sleeps."""
        return max(1, int(BARRIER_SPIN_US * self._pauses_per_us))

    def idle_pauses(self, number: int) -> int:
        """Pauses before the idle worker of this number (from 0) sleeps; the caller has a core of its own."""
        if self._cores == 1:
            return 1
        duration = IDLE_SPIN_US if number + 1 < self._cores else CROWDED_IDLE_SPIN_US
        return max(1, int(duration * self._pauses_per_us))


class Worker:
    """One parked thread.

    Args:
        runtime: The process's.
        number: How many there were before it.

    Attributes:
        address: Of its mailbox.
    """

    __slots__ = ("_mailbox", "_thread", "address")

    def __init__(self, runtime: Runtime, number: int) -> None:
        self._mailbox = aligned(_MAILBOX_WORDS, np.int64)
        self._mailbox[:] = 0
        self.address: int = self._mailbox.ctypes.data
        arguments = (runtime, self._mailbox, self.address, runtime.idle_pauses(number), _another_core(number))
        self._thread = threading.Thread(target=_work, args=arguments, name="epochal-worker", daemon=True)
        self._thread.start()

    def leave(self, runtime: Runtime) -> None:
        runtime.dismiss(self.address, runtime.system(1))

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)


class Pool:
    """Idle workers. A caller takes as many as it needs for one launch; more are started when none is idle."""

    def __init__(self) -> None:
        self._idle: list[Worker] = []
        self._all: list[Worker] = []

    def take(self, count: int, runtime: Runtime) -> list[Worker]:
        """`count` workers, the ones used last first: they may still be spinning."""
        return [self._one(runtime) for _ in range(count)]

    def _one(self, runtime: Runtime) -> Worker:
        try:
            return self._idle.pop()
        except IndexError:  # another caller may have been faster, so asking before would not do
            worker = Worker(runtime, len(self._all))
            self._all.append(worker)
            return worker

    def give_back(self, workers: list[Worker]) -> None:
        self._idle.extend(reversed(workers))

    @property
    def size(self) -> int:
        """Workers started."""
        return len(self._all)

    def close(self, runtime: Runtime) -> None:
        """Ends the idle workers; those at work end with the process."""
        leaving, self._idle = self._idle, []
        for worker in leaving:
            worker.leave(runtime)
        for worker in leaving:
            worker.join(0.5)


_runtime: Runtime | None = None
_lock = threading.Lock()
_pool = Pool()


def runtime() -> Runtime:
    """The process's runtime, made on first use."""
    global _runtime
    if _runtime is None:
        with _lock:
            if _runtime is None:
                _runtime = Runtime()
    return _runtime


def pool() -> Pool:
    """The process's workers."""
    return _pool


def _another_core(number: int) -> set[int]:
    """A core that the calling thread is not on, for the worker of that number; none if that can't be told."""
    get_core = getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None
    others = [] if get_core is None else sorted(os.sched_getaffinity(0) - {get_core()})
    return {others[number % len(others)]} if others else set()


def _move_to(cores: set[int]) -> None:
    """Moves this thread there; from then on it may go where it likes.

    A thread begins on the core of the one that starts it. Two that spin in turn never sleep, and only a thread that
    wakes is placed anew, so they may stay there together for good.
    """
    with suppress(OSError):  # some containers forbid it
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cores)
        os.sched_setaffinity(0, allowed)


def _work(runtime: Runtime, mailbox: Array, address: int, pauses: int, cores: set[int]) -> None:
    if hasattr(signal, "pthread_sigmask"):
        # Signals are for the thread that runs Python: here they would only cut sleeps short.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    if cores:
        _move_to(cores)
    runtime.park(address, pauses, runtime.system(1))
    del mailbox


def _system_table(yield_pauses: int) -> tuple[Array, Any]:
    """How to sleep and wake (see `driver`), and what must stay alive for it."""
    table = aligned(8, np.int64)
    table[:] = 0
    number = _FUTEX_NUMBERS.get(platform.machine())
    if sys.platform == "linux" and number is not None and sys.maxsize > 2**32:
        function: Any = ctypes.CDLL(None).syscall
        give_way: Any = ctypes.CDLL(None).sched_yield
        settings = (1, number, _FUTEX_WAIT_PRIVATE, _FUTEX_WAKE_PRIVATE, 0)
    elif sys.platform == "win32":
        function = ctypes.windll.kernel32.Sleep
        give_way = ctypes.windll.kernel32.SwitchToThread
        settings = (0, 4, 0, 0, 1)  # milliseconds
    else:
        function = ctypes.CDLL(None).usleep
        give_way = ctypes.CDLL(None).sched_yield
        settings = (0, 2000, 0, 0, 50)  # microseconds
    table[0] = settings[0]
    table[1] = ctypes.cast(function, ctypes.c_void_p).value
    table[2:6] = settings[1:]
    table[6] = ctypes.cast(give_way, ctypes.c_void_p).value
    table[7] = (1 << max(1, yield_pauses).bit_length()) - 1
    return table, (function, give_way)


def _pauses_per_microsecond(address: int) -> float:
    """Speed of the processor's pause instruction, which differs by a factor of ten between models."""
    spin = ctypes.CFUNCTYPE(None, ctypes.c_int64)(address)
    count, best = 1000, float("inf")
    for _ in range(4):
        start = time.perf_counter()
        spin(count)
        best = min(best, time.perf_counter() - start)
    return count / max(best, 1e-7) * 1e-6


def _after_fork() -> None:
    """The child has none of the threads."""
    global _pool
    _pool = Pool()
    _lock.release()


def _at_exit() -> None:
    if _runtime is not None:
        _pool.close(_runtime)


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork)
