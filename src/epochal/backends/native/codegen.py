"""From LLVM text to object code, on as many cores as there are.

llvmlite lets one thread at a time into LLVM. Modules in contexts of their own may be worked on at once, as LLVM's
own parallel code generation does, so the two long calls (parsing and code generation) are made past llvmlite's lock:
twice as fast on two cores. Text is written by the calling thread alone, while the others are at work.
"""

from __future__ import annotations

import ctypes
import heapq
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from epochal import config
from epochal.backends.native.kernel import Target

WORTH_A_THREAD = 3
"""Modules for each thread that is started."""

_SWITCH_SECONDS = 1e-4
"""How long the thread that writes text keeps Python's lock from one that comes back from LLVM; 5 ms otherwise."""

one_at_a_time = threading.RLock()
"""Held while options of LLVM are not what others expect, and so that batches do not share out the cores twice."""


class Job(NamedTuple):
    """A module to compile.

    Attributes:
        text: Writes it.
        done: Is given the object code, by whichever thread made it.
    """

    text: Callable[[], str]
    done: Callable[[bytes], None]


class CodeGenerator:
    """LLVM's code generator for one target."""

    def __init__(self, llvm: Any, target: Target) -> None:
        self._llvm = llvm
        self._target = target
        self._attributes = _attributes(target)
        self._machines: list[Any] = []  # a machine serves one thread at a time

    def machine(self) -> Any:
        """A new target machine."""
        # Not position independent: constants would be addressed from a global offset table, and MCJIT relocates those
        # of all but one of the objects in an engine wrongly (kernels then read some other kernel's constants, or
        # crash).
        return self._llvm.Target.from_default_triple().create_target_machine(
            cpu=self._target.cpu, features=self._target.features, opt=3, reloc="static"
        )

    def assembly(self, text: str) -> str:
        """The code of a module as text, to look at."""
        with self._settings(), self._borrowed() as machine:
            return str(machine.emit_assembly(self._parse(text)))

    def compile_all(self, jobs: Iterable[Job]) -> None:
        """Compiles modules; returns when all are done.

        Raises:
            RuntimeError: LLVM does not take a text. Some of the others are not done then.
        """
        jobs = list(jobs)
        with self._settings():
            batch = _Batch(self._compile_one)
            threads = min(config.num_threads(), config.available_cores(), len(jobs) // WORTH_A_THREAD)
            helpers = [threading.Thread(target=batch.help, daemon=True) for _ in range(threads - 1)]
            interval = sys.getswitchinterval()
            try:
                if helpers:
                    sys.setswitchinterval(_SWITCH_SECONDS)
                for helper in helpers:
                    helper.start()
                for job in jobs:
                    batch.add(job.text(), job.done)
                batch.close()
                batch.help()
            except BaseException:  # Ctrl-C as well: modules begun are finished, others are not begun
                batch.abandon()
                raise
            finally:
                sys.setswitchinterval(interval)
                for helper in helpers:
                    if helper.ident is not None:
                        helper.join()
        if batch.error is not None:
            raise batch.error

    def _compile_one(self, text: str, done: Callable[[bytes], None]) -> None:
        with self._borrowed() as machine:
            done(self._emit(machine, self._parse(text)))

    @contextmanager
    def _borrowed(self) -> Iterator[Any]:
        try:
            machine = self._machines.pop()
        except IndexError:
            machine = self.machine()
        yield machine
        self._machines.append(machine)

    def _parse(self, text: str) -> Any:
        """A module in a context of its own; as `llvm.parse_assembly`, past the lock."""
        llvm = self._llvm
        context = llvm.create_context()
        encoded = ctypes.c_char_p((text + self._attributes).encode())
        with llvm.ffi.OutputString() as message:
            pointer = _unlocked(llvm.ffi.lib.LLVMPY_ParseAssembly)(context, encoded, message)
            if not pointer:
                raise RuntimeError(f"LLVM does not take this text: {message}")
        module = llvm.ModuleRef(pointer, context)
        module.verify()
        return module

    def _emit(self, machine: Any, module: Any) -> bytes:
        """Object code; as `TargetMachine.emit_object`, past the lock."""
        llvm = self._llvm
        lib = llvm.ffi.lib
        with llvm.ffi.OutputString() as message:
            buffer = _unlocked(lib.LLVMPY_TargetMachineEmitToMemory)(machine, module, 1, message)
            if not buffer:
                raise RuntimeError(f"LLVM makes no code: {message}")
        try:
            return ctypes.string_at(lib.LLVMPY_GetBufferStart(buffer), lib.LLVMPY_GetBufferSize(buffer))
        finally:
            lib.LLVMPY_DisposeMemoryBuffer(buffer)

    @contextmanager
    def _settings(self) -> Iterator[None]:
        """LLVM's options, which belong to the process, as they suit code that carries its pointers along by itself.

        Loop strength reduction takes a quarter of the time for code generation, three quarters for long unrolled
        bodies, and the code is no faster for it.
        """
        with one_at_a_time:
            self._llvm.set_option("epochal", "-disable-lsr=true")
            try:
                yield
            finally:
                self._llvm.set_option("epochal", "-disable-lsr=false")


class _Batch:
    """Texts shared out among threads, the longest first."""

    def __init__(self, compile_one: Callable[[str, Callable[[bytes], None]], None]) -> None:
        self._compile_one = compile_one
        self._waiting: list[tuple[int, int, str, Callable[[bytes], None]]] = []
        self._changed = threading.Condition()
        self._added = 0
        self._closed = False
        self.error: BaseException | None = None

    def add(self, text: str, done: Callable[[bytes], None]) -> None:
        with self._changed:
            self._added += 1
            heapq.heappush(self._waiting, (-len(text), self._added, text, done))
            self._changed.notify()

    def close(self) -> None:
        """No more come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Those that wait are dropped."""
        with self._changed:
            self._waiting.clear()
        self.close()

    def help(self) -> None:
        """Compiles until none is left and none comes."""
        try:
            while (found := self._next()) is not None:
                self._compile_one(*found)
        except Exception as error:  # noqa: BLE001 - raised by the thread that asked
            self.error = error
            self.abandon()

    def _next(self) -> tuple[str, Callable[[bytes], None]] | None:
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return None
                self._changed.wait()
            return heapq.heappop(self._waiting)[2:]


def _unlocked(function: Any) -> Any:
    """A function of llvmlite's library without the lock around it."""
    return getattr(function, "_cfn", function)


def _attributes(target: Target) -> str:
    """Attribute group 0, which emitters refer to. Without the width LLVM splits 512-bit vectors on some processors."""
    width = ""
    if target.vector_bytes == 64:
        width = '"prefer-vector-width"="512" "min-legal-vector-width"="512" '
    return f'\nattributes #0 = {{ nounwind {width}"no-trapping-math"="true" }}\n'
