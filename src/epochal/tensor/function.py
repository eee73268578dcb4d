"""Python functions that run as compiled programs, one for each kind of arguments they meet."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any

import numpy as np

from epochal import config, tree
from epochal.errors import ArgumentError
from epochal.ir import Graph
from epochal.tensor import context as contexts
from epochal.tensor.convert import convert
from epochal.tensor.lengths import Lengths, Place, Shapes
from epochal.tensor.padded import PaddedTraced, padded_traced
from epochal.tensor.recording import TAPES
from epochal.tensor.tensor import Tensor, TensorSpec
from epochal.tensor.trace import Traced, trace

_PATIENCE = 4
"""Sizes of an axis that are traced one by one, as other implementations do, before later ones share programs."""


class Function:
    """A function that is traced and compiled for each new kind of arguments; see `function`.

    Attributes:
        python_function: What was given.
    """

    def __init__(
        self, python_function: Callable[..., Any], input_signature: Any = None, reduce_retracing: bool = False
    ) -> None:
        self.python_function = python_function
        self._signature = None if input_signature is None else tuple(input_signature)
        self._cache: dict[Any, tuple[Traced, list[Any]]] = {}
        self._quick: dict[Any, Traced | PaddedTraced] = {}
        self._padded: dict[Any, PaddedTraced] = {}
        self._reduce_retracing = reduce_retracing
        self._lengths = Lengths(exact=2 if reduce_retracing else _PATIENCE)
        self._bound: weakref.WeakKeyDictionary[Any, Function] = weakref.WeakKeyDictionary()
        self._made_variables = False
        self._lock = RLock()
        self.__name__ = getattr(python_function, "__name__", type(python_function).__name__)
        functools.update_wrapper(self, python_function)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """The function of a method: each instance has its own cache, which dies with it."""
        if instance is None:
            return self
        try:
            found = self._bound.get(instance)
        except TypeError:  # no hash or no weak references: the instance counts as an argument
            return functools.partial(self, instance)
        if found is None:
            reference = weakref.ref(instance)
            python_function = self.python_function

            @functools.wraps(python_function)
            def method(*arguments: Any, **keywords: Any) -> Any:
                return python_function(reference(), *arguments, **keywords)

            found = self._bound[instance] = Function(method, self._signature, self._reduce_retracing)
        return found

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if contexts.current() is not None:
            return self.python_function(*arguments, **keywords)
        quick: list[Any] | None = [config.backend(), config.floatx()]
        arrays = []
        for argument in arguments:
            if argument.__class__ is not Tensor or argument.data is None:
                quick = None
                break
            arrays.append(argument.data)
            quick += (argument.data.dtype, argument.data.shape)  # type: ignore[operator]
        if quick is None or keywords or TAPES.get():
            return self._call(arguments, keywords, None)
        traced = self._quick.get(tuple(quick))
        if traced is None:
            return self._call(arguments, keywords, tuple(quick))
        return traced.run([np.asarray(array, order="C") for array in arrays])

    def _call(self, arguments: tuple[Any, ...], keywords: dict[str, Any], quick: Any) -> Any:
        """A call of any kind; `quick` is the short key under which one of plain tensors is found the next time."""
        leaves, structure = tree.flatten_with_structure((arguments, keywords))
        tensors: list[Tensor] = []
        key: list[Any] = []
        for leaf in leaves:
            tensor = _as_tensor(leaf)
            if tensor is None:
                key.append(_static_key(leaf))
            elif tensor.data is None:
                return self.python_function(*arguments, **keywords)
            else:
                tensors.append(tensor)
                key.append((tensor.data.dtype, tensor.data.shape))
        full = (structure, tuple(key), config.backend(), config.floatx())
        tapes = TAPES.get()
        arrays = [np.asarray(tensor.data, order="C") for tensor in tensors]
        if not tapes and full not in self._cache:
            padded = self._of_any_length(full, leaves, structure, tensors)
            if padded is not None:
                if quick is not None:
                    self._quick[quick] = padded
                return padded.run(arrays)
        traced = self._traced(full, leaves, structure)
        if quick is not None:
            self._quick[quick] = traced
        if not tapes:
            return traced.run(arrays)
        return _recorded(traced, tensors, arrays)

    def _traced(self, key: Any, leaves: list[Any], structure: tree.Structure) -> Traced:
        found = self._cache.get(key)
        if found is not None:
            return found[0]
        with self._lock:
            found = self._cache.get(key)
            if found is None:
                found = self._cache[key] = (self._trace(leaves, structure), [])
                # Objects that the key names by identity must live as long as it does.
                found[1].extend(leaf for leaf in leaves if _as_tensor(leaf) is None)
        return found[0]

    def _of_any_length(
        self, key: Any, leaves: list[Any], structure: tree.Structure, tensors: list[Tensor]
    ) -> PaddedTraced | None:
        """A program that serves arguments like these of many sizes, if there have been so many; see `Lengths`."""
        found = self._padded.get(key)
        if found is not None:
            return found

        def make(shapes: Sequence[Shapes], sizes: Sequence[int], place: Place) -> PaddedTraced:
            return padded_traced([self._trace(leaves, structure, each) for each in shapes], shapes, sizes, place)

        kinds = tuple(_as_kind(leaf) for leaf in leaves)
        with self._lock:
            shapes = tuple(tensor.data.shape for tensor in tensors)  # type: ignore[union-attr]
            found = self._lengths.program((structure, kinds, *key[2:]), shapes, make)
            if found is not None:
                self._padded[key] = found
        return found

    def _trace(self, leaves: list[Any], structure: tree.Structure, shapes: Shapes | None = None) -> Traced:
        """A new trace; `shapes`: in place of those that the tensors have."""
        others = None if shapes is None else iter(shapes)
        specs = []
        for leaf in leaves:
            tensor = _as_tensor(leaf)
            shape = None if tensor is None else tensor.shape if others is None else next(others)
            specs.append(leaf if tensor is None else TensorSpec(shape, tensor.dtype))
        arguments, keywords = tree.unflatten(structure, specs)

        def run(positional: Any, named: Any) -> Any:
            return self.python_function(*positional, **named)

        traced = trace(run, arguments, keywords)
        if traced.created:
            if self._made_variables:
                raise ArgumentError(
                    f"{self.__name__} made variables in a call that was not its first. Make variables once, outside "
                    "the function or only if they do not exist yet."
                )
            self._made_variables = True
        return traced

    def get_concrete_function(self, *arguments: Any, **keywords: Any) -> Traced:
        """The traced program for arguments of these kinds; `TensorSpec` stands for a tensor."""
        leaves, structure = tree.flatten_with_structure((arguments, keywords))
        key = []
        for leaf in leaves:
            tensor = _as_tensor(leaf)
            if isinstance(leaf, TensorSpec):
                key.append((leaf.dtype.numpy, leaf.shape))
            else:
                key.append(_static_key(leaf) if tensor is None else (tensor.dtype.numpy, tensor.shape))
        return self._traced((structure, tuple(key), config.backend(), config.floatx()), leaves, structure)

    def experimental_get_tracing_count(self) -> int:
        """How many kinds of arguments it has been traced for."""
        return len(self._cache)

    def __repr__(self) -> str:
        return f"<epochal function {self.__name__}>"


def _as_tensor(leaf: Any) -> Tensor | None:
    if isinstance(leaf, Tensor):
        return leaf
    if isinstance(leaf, (np.ndarray, np.generic)):
        return convert(leaf)
    return None


def _as_kind(leaf: Any) -> Any:
    """What a leaf says to a program of any size."""
    tensor = _as_tensor(leaf)
    return _static_key(leaf) if tensor is None else tensor.dtype.numpy


def _static_key(leaf: Any) -> Any:
    """What stands for an argument that is no tensor: its value, or its identity if that has no hash."""
    if hasattr(leaf, "__epochal_tensor__"):
        return (type(leaf), id(leaf))
    try:
        hash(leaf)
    except TypeError:
        return (type(leaf), id(leaf))
    return (type(leaf), leaf)


def _recorded(traced: Traced, tensors: list[Tensor], arrays: list[Any]) -> Any:
    """Runs under tapes, which note the whole program as one operation."""
    inputs = (*tensors, *(convert(variable) for variable in traced.variables))
    results = traced.compiled()(arrays, [variable.data for variable in traced.variables], None)
    outputs = tuple(Tensor(result) for result in results)
    program = traced.program
    graph = Graph(program.graph.inputs, program.result_values)
    for tape in TAPES.get():
        tape.record(graph, {}, inputs, outputs)
    return traced.pack(outputs)


def function(python_function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Makes `python_function` run as a compiled program.

    It is run as Python once for each new kind of arguments (their nesting, shapes and element types; arguments that
    are no tensors count by value) with symbolic tensors, and compiled; after that only the program runs. So Python
    side effects happen at tracing alone, and Python's `if` and `while` on tensors are errors: use
    `functions.cond`, `while_loop` and `where`. Called inside another traced function it is a part of that.

    Args:
        python_function: The function; ``None`` to use it as a decorator with options.
        **options: `input_signature`; `reduce_retracing`: from the third size of an axis on, and not only from the
            fifth, sizes share programs that pad arguments where that is exact (each is traced at three sizes);
            `jit_compile` and `autograph` are accepted and change nothing.

    Example:
        >>> import numpy as np
        >>> from epochal.tensor import function
        >>> @function
        ... def scaled(x, factor):
        ...     return x * factor
        >>> scaled(np.ones(2, np.float32), 3.0).tolist()
        [3.0, 3.0]
    """
    known = {"input_signature", "jit_compile", "reduce_retracing", "autograph", "name", "experimental_relax_shapes"}
    unknown = set(options) - known
    if unknown:
        raise ArgumentError(
            f"Unknown options of function: {', '.join(sorted(unknown))}. Expected some of {sorted(known)}."
        )
    if python_function is None:
        return lambda given: function(given, **options)
    relaxed = bool(options.get("reduce_retracing") or options.get("experimental_relax_shapes"))
    return Function(python_function, options.get("input_signature"), relaxed)
