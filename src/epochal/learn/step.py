"""One step of training, evaluation or prediction as one program.

A step is a Python function of tensors that reads and assigns variables. It is traced once for the shapes and element
types of its data; variables become the program's state. Two forms: `compile_batch`, whose arguments are a batch, and
`compile_rows`, whose arguments are whole data sets: it picks its own rows by a step counter that is state too, so an
engine can run many steps in a row without coming back to Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from epochal import config, dtypes, tree
from epochal.compile import compile_program
from epochal.errors import ExecutionError
from epochal.ir import Array, Origin, Program, graph_key, origin
from epochal.tensor import Tensor, Variable, convert, functions
from epochal.tensor.context import Trace
from epochal.tensor.dispatch import apply
from epochal.tensor.tensor import TensorSpec

# More state than this is not saved before a run; the small programs that fuse a check with an update have less.
_SAVED_BYTES = 1 << 20

StepFunction = Callable[[list[Tensor]], Any]
"""From the leaves of a batch to a structure of tensors."""


class Step:
    """A compiled step.

    Attributes:
        variables: The variables it reads and assigns, in the order of the program's states.
        structure: How its results are nested.
    """

    __slots__ = ("_executable", "_replaced", "_state", "structure", "variables")

    def __init__(
        self,
        executable: Any,
        variables: Sequence[Variable],
        structure: tree.Structure,
        replaced: Sequence[int] = (),
        may_fail: bool = False,
    ) -> None:
        self._executable = executable
        self.variables = tuple(variables)
        self.structure = structure
        # Variables keep their array for life, so the list of arrays can be made once.
        self._state = [variable.data for variable in self.variables]
        written = [self._state[index] for index in replaced] if may_fail else []
        self._replaced = written if sum(array.nbytes for array in written) <= _SAVED_BYTES else []

    def run(self, arguments: Sequence[Array], num_threads: int | None = None) -> list[Array]:
        """One run on these arguments; the leaves of its results. A run that fails changes nothing."""
        if not self._replaced:
            results: list[Array] = self._executable(arguments, self._state, num_threads)
            return results
        return self._undoing(lambda: self._executable(arguments, self._state, num_threads))

    def run_bound(self, binding: Any, count: int) -> list[Array]:
        """`count` runs in a row of what `bind` returned; one that fails changes nothing, those before it count."""
        if not self._replaced:
            results: list[Array] = binding.run(count)
            return results
        try:
            return self._undoing(lambda: binding.run(count))
        except ExecutionError:
            for _ in range(count - 1):
                self._undoing(lambda: binding.run(1))
            raise

    def _undoing(self, run: Callable[[], list[Array]]) -> list[Array]:
        """A kernel that fails may have written some of the new state already; this puts the old one back."""
        saved = [array.copy() for array in self._replaced]
        try:
            return run()
        except ExecutionError:
            for array, old in zip(self._replaced, saved, strict=True):
                array[...] = old
            raise

    def bind(self, arguments: Sequence[Array], num_threads: int | None = None) -> Any:
        """Ties it to arguments that are used where they lie; see `epochal.backends.base.Binding`."""
        return self._executable.bind(arguments, self._state, num_threads)

    def pack(self, leaves: Sequence[Any]) -> Any:
        """Results nested as the function nested them."""
        return tree.unflatten(self.structure, leaves)


def specification(array: Array, name: str) -> TensorSpec:
    """Shape and element type of an argument."""
    return TensorSpec(array.shape, dtypes.get(array.dtype), name)


def trace_step(
    body: Callable[[list[Tensor]], Any], specs: Sequence[TensorSpec]
) -> tuple[Program, list[Variable], tree.Structure]:
    """The program of a function of tensors, its variables in the order of the states, and how its results nest."""
    with Trace() as trace:
        results = body([trace.argument(spec) for spec in specs])
        leaves, structure = tree.flatten_with_structure(results)
        leaves = [convert(leaf) for leaf in leaves]
    return trace.finish(leaves), trace.variables, structure


def _compile(
    body: Callable[[list[Tensor]], Any], specs: Sequence[TensorSpec], backend: str | None, own_gathers: int = 0
) -> Step:
    program, variables, structure = trace_step(body, specs)
    executable, may_fail = executable_of(program, backend or config.backend(), own_gathers)
    return Step(executable, variables, structure, program.replaced, may_fail)


def executable_of(program: Program, backend: str, own_gathers: int = 0) -> tuple[Any, bool]:
    """The compiled program, and whether a run of it may fail on an index other than those of its own gathers."""
    checked = tuple(node.origin.layer for node in program.graph.nodes() if node.operator.name in _CHECKED)
    return _executable(program, checked, backend), len(checked) > own_gathers


# Operators that fail on an index outside their axis, or hold some that do.
_CHECKED = frozenset({"gather", "scatter_add", "scan", "while_loop", "cond"})

# Programs of equal structure share code as long as any of them lives: models made alike compile once.
_living: WeakValueDictionary[Any, Any] = WeakValueDictionary()


def _executable(program: Program, checked: tuple[str, ...], backend: str) -> Any:
    """The compiled program. `checked` are the layers that an error may name: they are part of what is equal."""
    settings = (backend, config.winograd())
    key = (graph_key(program.graph), program.replaced, len(program.arguments), checked, settings)
    executable = _living.get(key)
    if executable is None:
        executable = _living[key] = compile_program(program, backend)
    return executable


def standard_floats(tensor: Tensor, floatx: str) -> Tensor:
    """Floating point data in the type that layers compute in; other data as they are."""
    return functions.cast(tensor, floatx) if tensor.dtype.is_floating else tensor


def compile_batch(
    function: StepFunction, specs: Sequence[TensorSpec], floatx: str = "float32", backend: str | None = None
) -> Step:
    """A step whose arguments are the leaves of one batch."""
    return _compile(batch_body(function, floatx), specs, backend)


def batch_body(function: StepFunction, floatx: str) -> StepFunction:
    """`function` on a batch whose floating point numbers come in any type."""
    return lambda arguments: function([standard_floats(argument, floatx) for argument in arguments])


def compile_rows(
    function: StepFunction,
    specs: Sequence[TensorSpec],
    counter: Variable,
    size: int,
    stride: int,
    shuffled: bool,
    floatx: str = "float32",
    backend: str | None = None,
) -> Step:
    """A step that picks its own rows: those from ``counter * stride`` on, `size` of them; then counts up.

    Args:
        function: The step.
        specs: The data sets, each ``[n, ...]``.
        counter: int32 scalar: which step is next.
        size: Rows of a batch.
        stride: Rows from one batch to the next: `size`, but for a last batch that is smaller.
        shuffled: Whether there is one more argument, int32 ``[n]``: the order in which rows are taken.
        floatx: Type for floating point data.
        backend: Engine.
    """
    body, specs = rows_body(function, specs, counter, size, stride, shuffled, floatx)
    return _compile(body, specs, backend, own_gathers=len(specs) - 1 if shuffled else 0)


def rows_body(
    function: StepFunction,
    specs: Sequence[TensorSpec],
    counter: Variable,
    size: int,
    stride: int,
    shuffled: bool,
    floatx: str,
) -> tuple[StepFunction, list[TensorSpec]]:
    """What `compile_rows` compiles, and the specifications of its arguments."""
    specs = list(specs)
    if shuffled:
        specs.append(TensorSpec((specs[0].shape[0],), "int32", "order"))

    def body(arguments: list[Tensor]) -> Any:
        with origin(Origin("data", phase="data")):
            start = functions.reshape(counter * stride, (1,))
            if shuffled:
                rows = apply("dynamic_slice", arguments[-1], start, sizes=(size,))
                batch = [functions.gather(argument, rows, axis=0) for argument in arguments[:-1]]
            else:
                batch = [_slice_rows(argument, start, size) for argument in arguments]
        results = function([standard_floats(leaf, floatx) for leaf in batch])
        counter.assign(counter + 1)
        return results

    return body, specs


def _slice_rows(argument: Tensor, start: Tensor, size: int) -> Tensor:
    rank = len(argument.shape)
    starts = start if rank == 1 else functions.concatenate([start, np.zeros(rank - 1, np.int32)], axis=0)
    sliced: Tensor = apply("dynamic_slice", argument, starts, sizes=(size, *argument.shape[1:]))
    return sliced


def new_counter() -> Variable:
    """The counter that `compile_rows` takes."""
    return Variable(np.int32(0), dtype="int32", trainable=False, name="step")
