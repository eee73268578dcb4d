"""From a Python function to a program: run once with symbolic tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from epochal import compile as compiling
from epochal import config, tree
from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.ir import Array, Program, Symbol, TensorType, make_input
from epochal.tensor.context import Trace
from epochal.tensor.convert import convert
from epochal.tensor.recording import TAPES
from epochal.tensor.tensor import Tensor, TensorSpec, eager


@dataclass(frozen=True)
class Static:
    """A result that is no tensor and is handed back as it is."""

    value: Any


@dataclass(eq=False)
class Traced:
    """A traced function.

    Attributes:
        program: Arguments in order of the tensor leaves of the specs; states as `variables`; results the tensor leaves.
        variables: Whose states the program reads and replaces, in the order of ``program.states``.
        structure: How the results are nested.
        leaves: The results' leaves: ``None`` for a tensor of the program, `Static` for anything else.
        created: Variables made during the trace.
    """

    program: Program
    variables: tuple[Any, ...]
    structure: tree.Structure
    leaves: tuple[Static | None, ...]
    created: tuple[Any, ...] = ()
    _executables: dict[str, Any] = field(default_factory=dict, repr=False)

    def compiled(self, backend: str | None = None) -> Any:
        """The executable for a backend (``None``: the configured one), compiled on first use."""
        name = backend or config.backend()
        if name not in self._executables:
            self._executables[name] = compiling.compile_program(self.program, name)
        return self._executables[name]

    def __call__(self, *arguments: Any, num_threads: int | None = None) -> Any:
        """Runs the program on the variables as they are.

        Args:
            *arguments: Values for the tensor leaves, nested in any way.
            num_threads: See `config.set_num_threads`.

        Raises:
            ShapeError, DTypeError, ArgumentError: They do not fit the traced types.
        """
        arrays = self._arrays(tree.flatten(arguments))
        return self.run(arrays, num_threads)

    def run(self, arrays: Sequence[Array], num_threads: int | None = None) -> Any:
        """Like a call, on arrays that are known to fit."""
        results = self.compiled()(arrays, [variable.data for variable in self.variables], num_threads)
        return self.pack([eager(result) for result in results])

    def pack(self, results: Sequence[Any]) -> Any:
        """The program's results nested as the function returned them."""
        remaining = iter(results)
        return tree.unflatten(self.structure, [next(remaining) if leaf is None else leaf.value for leaf in self.leaves])

    def _arrays(self, values: Sequence[Any]) -> list[Array]:
        types = self.program.argument_types
        if len(values) != len(types):
            raise ArgumentError(f"The traced function takes {len(types)} tensors. Received: {len(values)}")
        arrays = []
        for name, value, type_ in zip(self.program.arguments, values, types, strict=True):
            tensor = convert(value)
            if tensor.data is None:
                raise ArgumentError(f"Argument {name!r} must be concrete. Received: {tensor!r}")
            if tensor.dtype is not type_.dtype:
                raise DTypeError(f"Argument {name!r} must have dtype {type_.dtype}. Received: {tensor.dtype}")
            if tensor.shape != type_.shape:
                raise ShapeError(f"Argument {name!r} must have shape {type_.shape}. Received: {tensor.shape}")
            arrays.append(np.asarray(tensor.data, order="C"))
        return arrays


def trace(function: Callable[..., Any], *specs: Any, variables: Iterable[Any] = (), **static: Any) -> Traced:
    """Runs `function` once on symbolic tensors of static shape.

    Variables that it reads or assigns become states of the program, in order of first use; assignments take effect
    on what it reads later, and on the variables when the program runs.

    Args:
        function: Called as ``function(*arguments, **static)``.
        *specs: One an argument, nested: `TensorSpec`, `TensorType`, and tensors or arrays (their type) stand for
            tensors; anything else is handed over as it is.
        variables: Variables that are the first states, in this order, used or not.
        **static: Keyword arguments handed over as they are.

    Raises:
        ArgumentError: A spec's shape is not static, or the function uses numbers that it does not have yet.

    Example:
        >>> import numpy as np
        >>> from epochal.tensor import TensorSpec, Variable, trace
        >>> total = Variable(0.0)
        >>> traced = trace(lambda x: total.assign_add(x).value * 2.0, TensorSpec((), "float32"))
        >>> float(traced(np.float32(3.0))), float(total)
        (6.0, 3.0)
    """
    context = Trace(list(variables))
    token = TAPES.set(())
    try:
        with context:
            arguments = tree.map_structure(lambda leaf: _argument(context, leaf), list(specs))
            outcome = function(*arguments, **static)
            results, structure, leaves = describe(outcome)
            program = context.finish(results)
    finally:
        TAPES.reset(token)
    return Traced(program, tuple(context.variables), structure, tuple(leaves), tuple(context.new_variables))


def _argument(context: Trace, leaf: Any) -> Any:
    if isinstance(leaf, (TensorSpec, TensorType)):
        return context.argument(leaf)
    if isinstance(leaf, (Tensor, np.ndarray, np.generic)):
        return context.argument(convert(leaf).type)
    return leaf


def describe(outcome: Any) -> tuple[list[Tensor], tree.Structure, list[Static | None]]:
    """What a traced function returned: its tensors, how they are nested, and the leaves that are none."""
    found, structure = tree.flatten_with_structure(outcome)
    tensors: list[Tensor] = []
    leaves: list[Static | None] = []
    for leaf in found:
        is_array = isinstance(leaf, (Tensor, np.ndarray, np.generic, bool, int, float))
        if is_array or hasattr(leaf, "__epochal_tensor__"):
            tensors.append(convert(leaf))
            leaves.append(None)
        else:
            leaves.append(Static(leaf))
    return tensors, structure, leaves


def symbolic_input(shape: Iterable[int | Symbol | None], dtype: Any = "float32", name: str = "") -> Tensor:
    """A free-standing symbolic tensor: the input of a functional model.

    Args:
        shape: With the batch; ``None`` is an unknown size, a new symbol of its own.
        dtype: Element type.
        name: For messages.
    """
    sizes = tuple(size if isinstance(size, Symbol) else -1 if size is None else int(size) for size in shape)
    spec = TensorSpec((), dtype)
    dims = tuple(Symbol() if not isinstance(size, Symbol) and size < 0 else size for size in sizes)
    return Tensor(None, make_input(TensorType(spec.dtype, dims), name))
