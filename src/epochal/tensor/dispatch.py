"""The one point where operations on tensors are carried out: run at once, or built into the current graph."""

from __future__ import annotations

import operator as python
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np

from epochal import compile as compiling
from epochal import config, dtypes
from epochal.errors import AllocationError, ArgumentError, DTypeError, ShapeError
from epochal.ir import (
    Array,
    Graph,
    Operator,
    Program,
    Symbol,
    TensorType,
    Value,
    broadcast_shapes,
    make_input,
    parameter_key,
)
from epochal.ir.structural import is_repeated
from epochal.tensor import context as contexts
from epochal.tensor.recording import TAPES
from epochal.tensor.tensor import Tensor, eager
from epochal.topi.inventory import BUILD, INVENTORY

# Below this many elements in operands and result, the reference beats looking up and entering compiled code.
HEAVY_ELEMENTS = 4096
# Below this many random numbers NumPy is done before code that draws them is compiled.
MANY_DRAWS = 2**19
_CACHE_SIZE = 32
# Memory that each of them may keep from one run to the next.
_KEPT_BYTES = 1 << 22
_LARGE_CONSTANT = 2048


def apply(operator: Operator | str, *operands: Any, **parameters: Any) -> Any:
    """The result of an operator, or a tuple of its results.

    Args:
        operator: A row of the inventory, or its name.
        operands: Tensors and variables; arrays and Python scalars take the element type of the first tensor.
            Elementwise operands broadcast.
        parameters: The operator's parameters.

    Raises:
        ShapeError, DTypeError, ArgumentError: From the operator's type rule.
        ExecutionError: The operator failed on these numbers, such as an index outside its axis.
    """
    row: Operator = INVENTORY[operator] if isinstance(operator, str) else operator
    context = contexts.current()
    arrays: list[Any] = []
    peeked = False
    for operand in operands:
        if operand.__class__ is not Tensor or operand.data is None:
            operands, peeked = _prepare(operands, context is None and not TAPES.get())
            arrays = [operand.data for operand in operands]
            if any(array is None for array in arrays):
                return _build(row, operands, parameters)
            break
        arrays.append(operand.data)
    if (context is not None and context.symbolic_only) or (parameters and _is_open(parameters)):
        return _build(row, operands, parameters)
    try:
        results, resolved = _run(row, arrays, parameters)
    except MemoryError as error:
        raise _refusal(row, arrays, error) from None
    if peeked:
        results = [_own(result, arrays) for result in results]
    outputs = tuple([eager(result) for result in results])
    tapes = TAPES.get()
    if tapes:
        for tape in tapes:
            tape.record(row, resolved, operands, outputs)
    return outputs[0] if len(outputs) == 1 else outputs


def _refusal(operator: Operator, arrays: Sequence[Array], error: MemoryError) -> MemoryError:
    """What a person is told where an operator's result does not fit into memory."""
    if isinstance(error, AllocationError):
        return error
    operands = ", ".join(f"{array.dtype}{list(array.shape)}" for array in arrays)
    return AllocationError(f"Not enough memory for {operator.name} of {operands or 'no operands'}: {error}")


def _is_open(parameters: Mapping[str, Any]) -> bool:
    """Whether a size among the parameters is not known yet."""
    for value in parameters.values():
        if value.__class__ is tuple:
            for entry in value:
                if entry.__class__ is Symbol:
                    return True
    return False


def to_tensor(value: Any, dtype: np.dtype[Any] | None = None) -> Tensor:
    """`value` as a tensor: its own if it is one or stands for one, else a new one.

    Args:
        value: A tensor, something with `__epochal_tensor__` (a variable), an array, a Python scalar or nested lists
            of scalars. Python floats become `config.floatx()`, Python integers int32 (int64 if they need it).
        dtype: Element type of what is not a tensor yet.

    Raises:
        DTypeError, ShapeError: It is no rectangular array of numbers.
    """
    if isinstance(value, Tensor):
        return value
    read = getattr(value, "__epochal_tensor__", None)
    if read is not None:
        tensor: Tensor = read()
        return tensor
    return eager(_as_array(value, dtype))


def _as_array(value: Any, dtype: np.dtype[Any] | None) -> Array:
    try:
        array = np.array(value, dtype, order="C")
    except ValueError as error:
        raise ShapeError(f"Expected a rectangular array of numbers. Received: {value!r} ({error})") from None
    except TypeError as error:
        raise DTypeError(f"Expected numbers. Received: {value!r} ({error})") from None
    if array.dtype.kind in "OSUV" and array.dtype != dtypes.bfloat16.numpy:
        raise DTypeError(f"Expected an array of numbers. Received: {value!r} of type {type(value).__name__}")
    if dtype is None:
        if array.dtype == np.float64 and not _from_numpy(value):
            return array.astype(dtypes.get(config.floatx()).numpy)
        if array.dtype == np.int64 and not _from_numpy(value):
            small = array.astype(np.int32)
            return small if (small == array).all() else array
        return array.astype(dtypes.get(array.dtype).numpy, copy=False)
    return array


def _from_numpy(value: Any) -> bool:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__")


def _prepare(operands: Sequence[Any], peek: bool) -> tuple[tuple[Tensor, ...], bool]:
    """The operands as tensors. With `peek`, a variable's array is used where it lies instead of being copied."""
    first = next((operand for operand in operands if hasattr(operand, "dtype")), None)
    dtype = None if first is None else dtypes.get(first.dtype).numpy
    peeked = False
    prepared = []
    for operand in operands:
        if isinstance(operand, Tensor):
            prepared.append(operand)
        elif peek and isinstance(data := getattr(operand, "data", None), np.ndarray) and hasattr(operand, "trainable"):
            prepared.append(Tensor(data))
            peeked = True
        elif hasattr(operand, "__epochal_tensor__"):
            prepared.append(operand.__epochal_tensor__())
        else:
            prepared.append(to_tensor(operand, None if hasattr(operand, "dtype") else dtype))
    if peeked and any(tensor.data is None for tensor in prepared):
        return _prepare(operands, peek=False)
    return tuple(prepared), peeked


def _own(result: Array, arrays: Sequence[Array]) -> Array:
    """`result`, copied if it may share memory with an operand."""
    return result.copy() if result.base is not None or any(result is array for array in arrays) else result


def _build(operator: Operator, operands: Sequence[Tensor], parameters: Mapping[str, Any]) -> Any:
    context = contexts.effective()
    values = [as_value(operand) for operand in operands]
    results = BUILD.apply(operator, values, parameters)
    context.record(results[0].node)
    outputs = tuple([context.wrap(value) for value in results])
    for tape in TAPES.get():
        tape.record(operator, results[0].node.parameters, tuple(operands), outputs)
    return outputs[0] if len(outputs) == 1 else outputs


def as_value(operand: Any) -> Value:
    """The graph's value for an operand; an eager tensor becomes a constant."""
    tensor = to_tensor(operand)
    if tensor.data is None:
        assert tensor.value is not None
        return tensor.value
    data = tensor.data
    if data.size >= _LARGE_CONSTANT and is_repeated(data):
        # Zeros and ones of a layer's shape, which gradients start from: a graph need not hold them, nor a key be
        # taken of them.
        return BUILD.broadcast_to(BUILD.constant(data[(0,) * data.ndim]), data.shape)
    return BUILD.constant(data)


# What was found out about an operator on operands of certain types: its resolved parameters, and whether to compile it.
_plans: dict[Any, tuple[Mapping[str, Any], bool]] = {}
_MOST_PLANS = 4096


def _run(
    operator: Operator, arrays: list[Array], parameters: Mapping[str, Any]
) -> tuple[list[Array], Mapping[str, Any]]:
    elementwise = not parameters and "elementwise" in operator.traits
    if elementwise:  # shapes do not matter: the reference broadcasts by itself
        key: Any = (operator, *[array.dtype for array in arrays])
    else:
        key = (operator, *parameters.items(), *[(array.dtype, array.shape) for array in arrays])
    try:
        plan = _plans.get(key)
    except TypeError:  # a parameter without a hash
        key, plan = None, None
    if plan is None:
        plan = _plan(operator, arrays, parameters)
        if key is not None and INVENTORY.get(operator.name) is operator and "control" not in operator.traits:
            if len(_plans) >= _MOST_PLANS:
                _plans.clear()
            _plans[key] = plan
    parameters, heavy = plan
    if heavy:
        return _run_compiled(operator, arrays, parameters), parameters
    if elementwise:
        try:
            results = operator.reference(*arrays)
        except ValueError:
            broadcast_shapes(*(array.shape for array in arrays))  # raises what says which shapes do not fit
            raise
    else:
        with np.errstate(all="ignore"):
            results = operator.reference(*arrays, **parameters)
    if results.__class__ is tuple:
        return [np.asarray(result) for result in results], parameters
    return [results if results.__class__ is np.ndarray else np.asarray(results)], parameters


def _plan(operator: Operator, arrays: Sequence[Array], parameters: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """Checks types and resolves parameters."""
    types = [TensorType(dtypes.get(array.dtype), array.shape) for array in arrays]
    if operator.resolve is not None:
        parameters = operator.resolve(types, parameters)
    if "elementwise" in operator.traits and len(types) > 1:
        shape = broadcast_shapes(*(type_.shape for type_ in types))
        types = [type_.with_shape(shape) for type_ in types]
    inferred = operator.infer(*types, **parameters)
    if "random" in operator.traits:  # NumPy takes a tenth of a microsecond a number
        return parameters, _is_big(types, inferred, MANY_DRAWS)
    return parameters, "heavy" in operator.traits and _is_big(types, inferred) and not _is_for_blas(operator, types[0])


def _is_for_blas(operator: Operator, type_: TensorType) -> bool:
    return operator.name == "dot_general" and type_.dtype.is_floating and type_.dtype.itemsize >= 4


def _is_big(
    types: Sequence[TensorType], inferred: TensorType | tuple[TensorType, ...], least: int = HEAVY_ELEMENTS
) -> bool:
    results = inferred if isinstance(inferred, tuple) else (inferred,)
    return sum(type_.size for type_ in (*types, *results)) >= least


_compiled: OrderedDict[Any, Any] = OrderedDict()
_lock = Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def _run_compiled(operator: Operator, arrays: Sequence[Array], parameters: Mapping[str, Any]) -> list[Array]:
    """A heavy operator as a compiled program of its own, the last few of which are kept."""
    types = [TensorType(dtypes.get(array.dtype), array.shape) for array in arrays]
    key = (operator, tuple(types), parameter_key(tuple(sorted(parameters.items()))), config.backend())
    with _lock:
        executable = _compiled.get(key)
        if executable is not None:
            _compiled.move_to_end(key)
    if executable is None:
        inputs = [make_input(type_, f"operand_{index}") for index, type_ in enumerate(types)]
        outputs = BUILD.apply(operator, inputs, parameters)
        names = tuple(f"operand_{index}" for index in range(len(inputs)))
        program = Program(Graph(inputs, outputs), names, tuple(f"result_{index}" for index in range(len(outputs))))
        executable = compiling.compile_program(program)
        with _lock:
            _compiled[key] = executable
            if len(_compiled) > _CACHE_SIZE:
                _compiled.popitem(last=False)
    results: list[Array] = executable([np.asarray(array, order="C") for array in arrays])
    executable.trim(_KEPT_BYTES)
    return results


def axis_of(axis: Any, rank: int, name: str = "axis") -> int:
    """`axis` counted from the front.

    Raises:
        ArgumentError: It is no integer, or outside [-rank, rank).
    """
    try:
        number = python.index(axis)
    except TypeError:
        raise ArgumentError(f"{name} must be an integer. Received: {axis!r}") from None
    if not -rank <= number < rank:
        raise ArgumentError(f"{name} must lie in [{-rank}, {rank}) for a tensor of {rank} axes. Received: {number}")
    return number % rank
