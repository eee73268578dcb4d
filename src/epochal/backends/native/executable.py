"""A compiled program ready to run: its table, its memory, and what a call costs in Python.

A `Workspace` is the memory of one call at a time: arena, frames, scratch. An executable keeps the ones that are not
in use, so calls from several threads are safe and none allocates anew.
"""

from __future__ import annotations

import ctypes
import signal
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from epochal import config
from epochal.backends.arrays import check_arrays
from epochal.backends.native import driver, room, workers
from epochal.backends.native.engine import Code
from epochal.backends.native.failure import explain
from epochal.backends.native.program import CallOut, Place, Work
from epochal.backends.native.records import BASE_ARENA, BASE_FIRST, Table
from epochal.errors import ArgumentError, ExecutionError
from epochal.ir import Array, Program, TensorType

SMALL_NANOSECONDS = 20_000.0
"""A program below this runs on the caller alone."""

_Result: TypeAlias = tuple[Place, int, TensorType]
"""Where a result lies, where its buffer starts in the arena, and its type."""

_IDLE_WORKSPACES = 2
_CONTEXT_WORDS = driver.CONTEXT_MAILBOXES
_DATA_OFFSET = object.__basicsize__
"""Where NumPy's array object keeps the address of its data: right after Python's header, part of its binary
interface. Reading it there takes a fifth of what `array.ctypes.data` does; `_address` checks once that it is so."""


class NativeExecutable:
    """A program compiled for this processor. See `epochal.backends.base.Executable`.

    Attributes:
        program: The program.
        table: What the driver runs.
        arena_bytes: Memory of intermediate values, a workspace.
    """

    def __init__(
        self,
        program: Program,
        table: Table,
        results: Sequence[tuple[Place, int]],
        needs: room.Needs,
        codes: Sequence[Code],
    ) -> None:
        self.program = program
        self.table = table
        self.arena_bytes = needs.arena
        self._needs = needs
        self._codes = tuple(codes)
        self._runtime = workers.runtime()
        self._arguments = tuple(_Check(type_) for type_ in program.argument_types)
        self._states = tuple(_Check(type_) for type_ in program.state_types)
        self._results = tuple(
            (place, offset, value.type) for (place, offset), value in zip(results, program.result_values, strict=True)
        )
        self._idle: list[Workspace] = []

    def __call__(
        self, arguments: Sequence[Array], state: Sequence[Array] = (), num_threads: int | None = None
    ) -> list[Array]:
        """One run.

        Args:
            arguments: One array an argument, of its shape and element type.
            state: One array a state; those that the program replaces are written in place.
            num_threads: At most so many threads; default `config.num_threads`.

        Returns:
            The results, as new arrays.

        Raises:
            ShapeError, DTypeError, ArgumentError: An array does not fit.
            ExecutionError: An operator failed while running.
        """
        if len(arguments) != len(self._arguments) or len(state) != len(self._states):
            check_arrays(self.program, arguments, state)
        for check, value in zip(self._arguments, arguments):  # noqa: B905 - checked, and strict costs time
            if not check.fits(value):
                check_arrays(self.program, arguments, state)
                arguments = [np.asarray(value, order="C") for value in arguments]
                break
        workspace = self._take(self.threads(num_threads))
        workspace.point(self, arguments, state)
        if workspace.shares:
            arguments = [value.copy() for value in arguments]
            workspace.point(self, arguments, state)
        workspace.run(1)
        results = workspace.results()
        self.give_back(workspace)
        return results

    def bind(
        self, arguments: Sequence[Array], state: Sequence[Array] = (), num_threads: int | None = None
    ) -> NativeBinding:
        """Checks the arrays once. They must be C-contiguous and of the exact type: they are read and written in place.

        Raises:
            ShapeError, DTypeError, ArgumentError: An array does not fit.
        """
        check_arrays(self.program, arguments, state)
        for name, value in zip(self.program.arguments, arguments, strict=True):
            _require_contiguous("argument", name, value)
        workspace = self._take(self.threads(num_threads))
        workspace.point(self, arguments, state)
        return NativeBinding(self, workspace, arguments, state)

    def threads(self, requested: int | None) -> int:
        """How many threads a call uses: one if the program is small."""
        threads = config.num_threads() if requested is None else config.check_num_threads(requested)
        if threads > 1 and (not self.table.parallel or self.table.cost < SMALL_NANOSECONDS):
            return 1
        return threads

    def check_state(self, index: int, state: Sequence[Array], arguments: Sequence[Array]) -> None:
        """Raises unless state `index` can be used where it lies."""
        value = state[index]
        if not self._states[index].fits(value) or not value.flags.writeable:
            check_arrays(self.program, arguments, state)
            _require_contiguous("state", self.program.states[index], value)

    def _take(self, threads: int) -> Workspace:
        try:
            workspace = self._idle.pop()
        except IndexError:
            return self._new_workspace(threads)
        return workspace if workspace.threads == threads else self._new_workspace(threads)

    def _new_workspace(self, threads: int) -> Workspace:
        room.check(self._needs)
        try:
            return Workspace(self, threads)
        except MemoryError:
            raise room.refusal(self._needs, "the system has no more for this process") from None

    def trim(self, kept: int) -> None:
        """Frees the memory that no call uses, if an idle workspace holds more than `kept` bytes."""
        if self.arena_bytes > kept:
            self._idle.clear()

    def give_back(self, workspace: Workspace) -> None:
        """Keeps a workspace that no call uses for the next one."""
        workspace.release()
        if len(self._idle) < _IDLE_WORKSPACES:
            self._idle.append(workspace)


class NativeBinding:
    """An executable tied to arrays. See `epochal.backends.base.Binding`."""

    __slots__ = ("_arguments", "_executable", "_run", "_state", "_views", "_workspace")

    def __init__(
        self, executable: NativeExecutable, workspace: Workspace, arguments: Sequence[Array], state: Sequence[Array]
    ) -> None:
        self._executable = executable
        self._workspace = workspace
        self._arguments = tuple(arguments)
        self._state = tuple(state)
        self._run = workspace.run
        self._views = workspace.views

    def run(self, count: int = 1) -> list[Array]:
        """Runs the program `count` times in a row, state carried over; the results of the last run as new arrays.

        Raises:
            ArgumentError: `count` is below 1.
            ExecutionError: An operator failed; the runs before have taken effect.
        """
        if count < 1:
            raise ArgumentError(f"count must be at least 1. Received: {count}")
        self._run(count)
        return [view.copy() for view in self._views]

    def __del__(self) -> None:
        workspace = getattr(self, "_workspace", None)
        if workspace is not None:
            self._executable.give_back(workspace)


class Workspace:
    """The memory of one call at a time.

    Attributes:
        threads: How many threads it is laid out for.
        views: The results where they lie.
        shares: Whether an argument lies where a replaced state does, which would be overwritten too early.
    """

    def __init__(self, executable: NativeExecutable, threads: int) -> None:
        table = executable.table
        self.threads = threads
        self.views: list[Array] = []
        self.shares = False
        self._replaced = executable.program.replaced
        self._table = table
        self._runtime = executable._runtime
        self._launch = self._runtime.launch
        self._results = executable._results
        self._has_foreign = any(place.buffer.kind in ("argument", "state") for place, _, _ in self._results)
        self._arena = workers.aligned(max(64, executable.arena_bytes), np.uint8)
        slots_start = -(-(driver.FRAME_COUNTERS + table.counters) // 8) * 8
        frame_words = slots_start + -(-len(table.bases) // 8) * 8 + 8
        self._frames = workers.aligned(threads * frame_words, np.int64).reshape(threads, frame_words)
        self._frames[...] = 0
        self._slots = self._frames[:, slots_start : slots_start + len(table.bases)]
        scratch = -(-table.scratch // 4096) * 4096
        self._scratch = workers.aligned(max(64, threads * scratch), np.uint8, 4096)
        states = len(executable._states)
        self._bases = np.zeros(BASE_FIRST + len(executable._arguments) + states, dtype=np.int64)
        self._bases[BASE_ARENA] = self._arena.ctypes.data
        self._first_state = BASE_FIRST + len(executable._arguments)
        self._addresses = [0] * (len(self._bases) - BASE_FIRST)
        self._seen: list[Any] = [_nothing] * states
        self._context = workers.aligned(_CONTEXT_WORDS + threads, np.int64)
        self._context[:] = 0
        self._context[:9] = (
            table.records.ctypes.data,
            self._frames.ctypes.data,
            frame_words * 8,
            slots_start * 8,
            self._scratch.ctypes.data,
            scratch,
            threads,
            self._runtime.barrier_pauses(),
            self._runtime.system(threads),
        )
        self._address = self._context.ctypes.data
        self._team: list[workers.Worker] = []
        self._stale = True

    def point(self, executable: NativeExecutable, arguments: Sequence[Array], state: Sequence[Array]) -> None:
        """Aims all pointers at these arrays; states are checked unless they are the ones of the last time."""
        addresses = self._addresses
        changed = self._stale
        for index, value in enumerate(arguments):
            address = _address(value)
            if addresses[index] != address:
                addresses[index] = address
                changed = True
        first = len(arguments)
        seen = self._seen
        for index, value in enumerate(state):
            if seen[index]() is not value:
                executable.check_state(index, state, arguments)
                seen[index] = weakref.ref(value)
                address = _address(value)
                if addresses[first + index] != address:
                    addresses[first + index] = address
                    changed = True
        if changed:
            self._bases[BASE_FIRST:] = addresses
            self._aim()
            self.shares = not {addresses[first + index] for index in self._replaced}.isdisjoint(addresses[:first])
        if self._has_foreign or not self.views:
            self.views = [self._view(result, arguments, state) for result in self._results]

    def run(self, count: int) -> None:
        """Runs the table; the workers are at rest when it returns.

        Ctrl-C is met between runs: a step is done wholly or not at all.
        """
        if self._table.calls:
            with _interrupts_held():
                self._run(count)
        else:
            self._run(count)

    def _run(self, count: int) -> None:
        if self._stale:
            self._aim()
        self._stale = True  # loops may leave pointers in mid-way, until the table has come to its end
        if self.threads == 1:
            status = self._launch(self._address, count)
            if status:
                self._go_on(status)
            self._stale = False
            return
        pool = workers.pool()  # another one after a fork
        team = pool.take(self.threads - 1, self._runtime)
        try:
            if team != self._team:
                self._context[driver.CONTEXT_MAILBOXES : driver.CONTEXT_MAILBOXES + len(team)] = [
                    worker.address for worker in team
                ]
                self._team = team
            status = self._launch(self._address, count)
            if status:
                self._go_on(status)
            self._stale = False
        finally:
            pool.give_back(team)

    def results(self) -> list[Array]:
        """Copies of the results."""
        return [view.copy() for view in self.views]

    def release(self) -> None:
        """Lets go of the caller's arrays."""
        if self._has_foreign:
            self.views = []

    def _aim(self) -> None:
        np.add(self._bases[self._table.bases], self._table.offsets, out=self._slots)
        self._stale = False

    def _go_on(self, status: int) -> None:
        """Serves call-outs until the end of the run, or raises the error."""
        while status > 0:
            step, slot = self._table.calls[status - 1]
            self._call(step, slot)
            status = self._launch(self._address, 0)
        if status < 0:
            raise ExecutionError(self._explain(-status))

    def _explain(self, code: int) -> str:
        record = int(self._context[driver.CONTEXT_BLAME]) - 1
        step = self._table.steps[record] if record >= 0 else None
        if not isinstance(step, Work):
            return explain(code, None)
        launch, slot = step.launch, int(self._table.records[record, 2])
        return explain(
            code,
            launch,
            lambda position: _array_at(int(self._slots[0, slot + position]), launch.inputs[position].type),
        )

    def _call(self, step: CallOut, slot: int) -> None:
        """Runs an operator's reference on the memory where its operands lie."""
        node = step.node
        pointers = self._slots[0]
        inputs = []
        for value in node.inputs:
            view = _array_at(int(pointers[slot]), value.type)
            view.flags.writeable = False
            inputs.append(view)
            slot += 1
        computed = node.operator.reference(*inputs, **node.parameters)
        for value, result in zip(node.outputs, computed if isinstance(computed, tuple) else (computed,), strict=True):
            _array_at(int(pointers[slot]), value.type)[...] = result
            slot += 1

    def _view(self, result: _Result, arguments: Sequence[Array], state: Sequence[Array]) -> Array:
        """A result where it lies."""
        place, base, type_ = result
        buffer = place.buffer
        if buffer.kind == "arena":
            return _array_in(self._arena.data, base + place.offset, type_)
        if buffer.kind == "constant":
            assert buffer.value is not None
            given = buffer.value
        else:
            given = (state if buffer.kind == "state" else arguments)[buffer.index]
        return given.reshape(type_.shape)  # type: ignore[arg-type]


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits: where Python computes some of a step, it would be met in the middle of it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Check:
    """What an array must be, in the quickest form; `check_arrays` explains."""

    __slots__ = ("_dtype", "_shape")

    def __init__(self, type_: TensorType) -> None:
        self._dtype = type_.dtype.numpy
        self._shape = type_.shape

    def fits(self, value: Array) -> bool:
        """Whether the array can be used where it lies."""
        return (
            type(value) is np.ndarray
            and value.dtype == self._dtype
            and value.shape == self._shape
            and value.flags.c_contiguous
        )


def _array_in(memory: Any, offset: int, type_: TensorType) -> Array:
    array: Array = np.ndarray(type_.shape, type_.dtype.numpy, buffer=memory, offset=offset)  # type: ignore[arg-type]
    return array


def _array_at(address: int, type_: TensorType) -> Array:
    return _array_in((ctypes.c_char * max(1, type_.bytes)).from_address(address), 0, type_)


def _require_contiguous(what: str, name: str, value: Array) -> None:
    if not value.flags.c_contiguous:
        raise ArgumentError(
            f"The {what} {name!r} must be C-contiguous, because it is used where it lies. "
            "Pass numpy.ascontiguousarray(...) of it."
        )


def _nothing() -> None:
    """A weak reference to no array."""


def _by_interface(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


def _by_layout(array: Array) -> int:
    return _pointer_at(id(array) + _DATA_OFFSET).value or 0


_pointer_at = ctypes.c_size_t.from_address
_probe = np.zeros(3)
_address = _by_layout if _by_layout(_probe[1:]) == _by_interface(_probe[1:]) else _by_interface
