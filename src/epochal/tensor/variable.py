"""State that outlives a run: an array of its own which assignments and compiled programs write in place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.dtypes import DType
from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Array, TensorType
from epochal.tensor import context as contexts
from epochal.tensor.convert import convert
from epochal.tensor.dispatch import apply, as_value
from epochal.tensor.recording import TAPES
from epochal.tensor.storage import stored
from epochal.tensor.tensor import Tensor, eager


class Variable:
    """A mutable tensor. It behaves as a `Tensor` wherever one is expected.

    Attributes:
        data: The numbers, C-contiguous; engines write them in place, so hold copies (`numpy`), not this.
        trainable: Whether tapes watch it by themselves.
        name: For messages and programs' states.

    Example:
        >>> from epochal.tensor import Variable
        >>> counter = Variable(1.0)
        >>> float(counter.assign_add(2.0) * 2)
        6.0
    """

    __array_priority__ = 100

    def __init__(
        self,
        value: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        name: str | None = None,
        shape: Iterable[int] | None = None,
    ) -> None:
        """A variable with a first value.

        Args:
            value: Tensor, array, scalar, or a function without arguments that returns one; ``None``: zeros of `shape`.
            dtype: Element type; ``None``: that of `value`.
            trainable: Whether tapes watch it by themselves.
            name: ``None``: ``"variable"``.
            shape: What `value` must have, if given.

        Raises:
            ArgumentError: `value` is symbolic.
            ShapeError: `value` has another shape than `shape`.
        """
        with contexts.eagerly():
            if callable(value) and not hasattr(value, "dtype"):
                value = value()
            if value is None:
                if shape is None:
                    raise ArgumentError("A Variable needs a value or a shape.")
                value = np.zeros(tuple(shape), dtypes.get(dtype or "float32").numpy)
            tensor = _without_copy(value, dtype) if type(value) is np.ndarray else convert(value, dtype)
        if tensor.data is None:
            raise ArgumentError(
                f"The first value of a Variable must be concrete. Received a symbolic tensor: {tensor.type}. Create "
                "variables outside traced functions, or give a function that computes the value."
            )
        if shape is not None and tuple(shape) != tensor.data.shape:
            raise ShapeError(f"Variable of shape {tuple(shape)} given a value of shape {tensor.data.shape}.")
        self.data: Array = stored(tensor.data)
        self.type = TensorType(tensor.dtype, self.data.shape)
        self.trainable = trainable
        self.name = name or "variable"
        context = contexts.current()
        if context is not None:
            context.created(self)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dimensions(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> DType:
        return self.type.dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

    def numpy(self) -> Array:
        """A copy of the numbers (of what the variable holds outside any trace)."""
        return self.data.copy()

    @property
    def value(self) -> Tensor:
        """What it holds now: the numbers copied, or within a trace its value at this point."""
        context = contexts.current()
        if context is None:
            tensor = eager(self.data.copy())
        else:
            tensor = context.wrap(context.read(self))
        for tape in TAPES.get():
            tape.read(self, tensor)
        return tensor

    def __epochal_tensor__(self) -> Tensor:
        return self.value

    def assign(self, value: Any) -> Variable:
        """Replaces what it holds, within a trace what later reads see and the program leaves behind. Returns itself.

        Raises:
            ShapeError: `value` has another shape.
        """
        tensor = convert(value, self.dtype)
        if tensor.ndim != self.ndim or any(
            new is not None and new != size for new, size in zip(tensor.shape, self.shape, strict=True)
        ):
            raise ShapeError(
                f"Variable {self.name!r} has shape {self.shape} and cannot be assigned a value of shape {tensor.shape}."
            )
        context = contexts.current()
        if context is None and tensor.data is not None:
            np.copyto(self.data, tensor.data)
        else:
            contexts.effective().assign(self, as_value(tensor))
        return self

    def assign_add(self, value: Any) -> Variable:
        """Adds `value` to what it holds and returns itself."""
        return self.assign(apply("add", self, convert(value, self.dtype)))

    def assign_sub(self, value: Any) -> Variable:
        """Subtracts `value` from what it holds and returns itself."""
        return self.assign(apply("sub", self, convert(value, self.dtype)))

    def read_value(self) -> Tensor:
        """`value`, under TensorFlow's name."""
        return self.value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.data.copy() if dtype is None else self.data.astype(dtype)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __index__(self) -> int:
        return self.value.__index__()

    def __len__(self) -> int:
        return len(self.value)

    def __format__(self, specification: str) -> str:
        return format(self.value, specification)

    def __repr__(self) -> str:
        text = repr(self.data) if self.data.ndim else str(self.data)
        text = f"\n{text}" if "\n" in text else text
        return f"<tf.Variable {self.name!r} shape={self.shape} dtype={self.dtype.name}, numpy={text}>"


def _without_copy(array: Array, dtype: Any) -> Tensor:
    """The array as a tensor for the moment, which `stored` copies: large ones would be copied twice."""
    if array.dtype.kind not in "fiub" or not array.dtype.isnative:
        return convert(array, dtype)
    wanted = dtypes.get(array.dtype if dtype is None else dtype).numpy
    return Tensor(array.astype(wanted, copy=False))
