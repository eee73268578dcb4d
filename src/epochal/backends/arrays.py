"""The check that every engine makes of the arrays it is handed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.ir import Array, Program, TensorType


def check_arrays(program: Program, arguments: Sequence[Array], state: Sequence[Array]) -> None:
    """Raises unless the arrays are what a program of static shapes takes.

    Raises:
        ArgumentError: There are too few or too many, or a replaced state is read-only.
        DTypeError: One has another element type.
        ShapeError: One has another shape.
    """
    _check("argument", program.arguments, program.argument_types, arguments)
    _check("state", program.states, program.state_types, state)
    for index in program.replaced:
        if not state[index].flags.writeable:
            raise ArgumentError(f"State {program.states[index]!r} is replaced by the program and must be writable.")


def _check(what: str, names: Sequence[str], types: Sequence[TensorType], arrays: Sequence[Array]) -> None:
    if len(arrays) != len(types):
        listed = ", ".join(f"{name}: {type_}" for name, type_ in zip(names, types, strict=True))
        raise ArgumentError(f"The program takes {len(types)} {what}s ({listed}). Received: {len(arrays)}.")
    for name, type_, array in zip(names, types, arrays, strict=True):
        if not isinstance(array, np.ndarray) or array.dtype != type_.dtype.numpy:
            received = array.dtype.name if isinstance(array, np.ndarray) else type(array).__name__
            raise DTypeError(f"The {what} {name!r} must be an array of {type_}. Received: {received}.")
        if array.shape != type_.shape:
            raise ShapeError(f"The {what} {name!r} must be an array of {type_}. Received shape: {array.shape}.")
