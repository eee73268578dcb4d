"""What `fit`, `evaluate` and `predict` take for data: arrays in memory, or batches as they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from epochal import dtypes, tree
from epochal.errors import ArgumentError, DTypeError, NotSupportedError, ShapeError
from epochal.ir import Array
from epochal.tensor import Tensor, Variable

_COPIED_BYTES = 1 << 20
"""Arrays up to so many bytes are rather copied as a whole than batch by batch."""


def unpack(data: Any) -> tuple[Any, Any, Any]:
    """``(x, y, sample_weight)`` from a batch as generators give it; what is missing is ``None``.

    Raises:
        ArgumentError: More than three.
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if 1 <= len(data) <= 3:
        return (*data, None, None)[:3]
    raise ArgumentError(
        "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`. "
        f"Received a tuple of {len(data)}."
    )


def pack(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """A batch as `train_step` takes it."""
    if y is None:
        return (x,) if tree.is_nested(x) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def is_batches(x: Any) -> bool:
    """Whether `x` yields batches rather than being arrays."""
    if x is None or isinstance(x, (np.ndarray, Tensor, Variable, Mapping, list, tuple, str)) or hasattr(x, "__array__"):
        return False
    return hasattr(x, "__next__") or hasattr(x, "__iter__") or hasattr(x, "__getitem__")


def to_arrays(value: Any, name: str) -> Any:
    """`value` with each leaf a C-contiguous array of numbers.

    Raises:
        DTypeError: A leaf is no array of numbers.
        ArgumentError: A leaf is nothing like an array.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {key: to_arrays(item, f"{name}[{key!r}]") for key, item in value.items()}
    if isinstance(value, (list, tuple)) and value and all(_is_array(item) for item in value):
        return type(value)(to_arrays(item, f"{name}[{index}]") for index, item in enumerate(value))
    return to_array(value, name)


def _is_array(value: Any) -> bool:
    known = isinstance(value, (np.ndarray, Tensor, Variable))
    return known or (hasattr(value, "__array__") and hasattr(value, "shape"))


def is_direct(array: Array) -> bool:
    """Whether compiled programs can use the array where it lies."""
    return array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative


def to_direct(array: Array) -> Array:
    """The array, or a copy that compiled programs can use."""
    if is_direct(array):
        return array
    return np.array(array, array.dtype.newbyteorder("="), order="C")


def to_array(value: Any, name: str) -> Array:
    """`value` as an array of numbers; nothing of size is copied that is one already.

    Arrays that programs cannot use where they lie (slices with steps, transposes, other byte orders) stay as they are
    if they are large: their batches are copied one by one.
    """
    if isinstance(value, Tensor) and value.data is None:
        raise ArgumentError(f"{name} is a symbolic tensor ({value.type}). Expected arrays.")
    if isinstance(value, (str, bytes)) or (callable(value) and not hasattr(value, "__array__")):
        raise ArgumentError(
            f"Unrecognized data type for {name}: {value!r} (of type {type(value).__name__}). Expected arrays."
        )
    try:
        given = value.data if isinstance(value, Tensor) else value
        array = given if type(given) is np.ndarray else np.asarray(given)
    except ValueError:
        raise ShapeError(
            f"{name} is no rectangular array: its rows have different lengths. Pad them to one length first."
        ) from None
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float32)
        except (TypeError, ValueError):
            raise DTypeError(
                f"{name} is an array of dtype object, which cannot be converted to numbers. "
                "Expected numbers. Convert texts and missing values first."
            ) from None
    try:
        dtypes.get(array.dtype.newbyteorder("="))
    except DTypeError:
        raise DTypeError(
            f"{name} has dtype {array.dtype}. Expected numbers (floats, integers or bools). "
            "Encode texts and dates as numbers first."
        ) from None
    return array if array.nbytes > _COPIED_BYTES else to_direct(array)


class ArrayData:
    """Data sets that lie in memory.

    Attributes:
        leaves: The arrays, each ``[n, ...]``.
        structure: How ``(x, y, sample_weight)`` nests them.
        rows: n.
    """

    def __init__(self, x: Any, y: Any = None, sample_weight: Any = None, what: str = "x") -> None:
        x, y = to_arrays(x, "x"), to_arrays(y, "y")
        sample_weight = to_arrays(sample_weight, "sample_weight")
        self.data = (x, y, sample_weight)
        self.leaves: list[Array]
        with_none, self._structure = tree.flatten_with_structure(self.data)
        self._present = [leaf is not None for leaf in with_none]
        self.leaves = [leaf for leaf in with_none if leaf is not None]
        self.rows = _common_rows(x, y, sample_weight, what)

    @property
    def is_direct(self) -> bool:
        """Whether compiled programs can pick rows from the arrays where they lie."""
        return all(map(is_direct, self.leaves))

    def direct(self) -> ArrayData:
        """The same data, copied where programs could not use them: for single batches."""
        return self if self.is_direct else ArrayData(*tree.map_structure(_to_direct, self.data))

    @property
    def names(self) -> list[str]:
        """A name for each leaf, for messages."""
        paths = tree.flatten_with_path(dict(zip(("x", "y", "z"), self.data, strict=True)))
        labels = {"x": "x", "y": "y", "z": "sample_weight"}
        return ["_".join([labels[path[0]], *map(str, path[1:])]) for path, leaf in paths if leaf is not None]

    @property
    def structure(self) -> Any:
        return self._structure, tuple(self._present)

    def nest(self, leaves: list[Any]) -> Any:
        """Leaves of one batch as `train_step` takes them."""
        remaining = iter(leaves)
        return pack(*tree.unflatten(self._structure, [next(remaining) if here else None for here in self._present]))

    def take(self, rows: Any) -> tuple[Any, Any, Any]:
        """``(x, y, sample_weight)`` of some rows."""
        taken: tuple[Any, Any, Any] = tree.map_structure(lambda leaf: None if leaf is None else leaf[rows], self.data)
        return taken

    def head(self, rows: int) -> ArrayData:
        """The first rows."""
        return self if rows == self.rows else ArrayData(*self.take(slice(0, rows)))

    def split(self, fraction: float) -> tuple[ArrayData, ArrayData]:
        """All but the last `fraction` of the rows, and those.

        Raises:
            ArgumentError: One of the two would be empty.
        """
        at = int(np.floor(self.rows * (1.0 - fraction)))
        if not 0 < at < self.rows:
            raise ArgumentError(
                f"Training data contains {self.rows} samples, which is not sufficient to split it into a validation "
                f"and training set as specified by `validation_split={fraction}`. Either provide more data, or a "
                "different value for the `validation_split` argument."
            )
        return ArrayData(*self.take(slice(0, at))), ArrayData(*self.take(slice(at, None)))


def _to_direct(leaf: Any) -> Any:
    return None if leaf is None else to_direct(leaf)


def _common_rows(x: Any, y: Any, sample_weight: Any, what: str) -> int:
    counts: dict[str, int] = {}
    for name, value in (("x", x), ("y", y), ("sample_weight", sample_weight)):
        for path, leaf in tree.flatten_with_path(value):
            if leaf is None:
                continue
            label = name + "".join(f"[{key!r}]" for key in path)
            if leaf.ndim == 0:
                raise ShapeError(f"{label} is a single number. Expected an array whose first axis counts samples.")
            counts[label] = leaf.shape[0]
    if not counts:
        raise ArgumentError(f"Expected data. Received {what}=None.")
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{label}: {rows}" for label, rows in counts.items())
        raise ShapeError(f"Data cardinality is ambiguous: all arrays must have as many samples. Received {listed}.")
    rows = next(iter(counts.values()))
    if rows == 0:
        raise ArgumentError(f"The data is empty: {', '.join(counts)} has no samples. Expected at least one.")
    if rows >= 2**31:
        raise NotSupportedError(f"More than {2**31 - 1} samples in one array are not supported. Received: {rows}.")
    return rows


class BatchData:
    """Batches as they come: a generator, an iterable, or an indexable sequence of them.

    Attributes:
        steps: How many batches one pass has, ``None`` if not known.
    """

    def __init__(self, source: Any) -> None:
        self._source = source
        self._indexed = hasattr(source, "__getitem__") and hasattr(source, "__len__")
        if self._indexed:
            self.steps: int | None = len(source)
        elif hasattr(source, "num_batches") and isinstance(source.num_batches, int):
            self.steps = source.num_batches
        elif callable(getattr(source, "cardinality", None)):  # a data set, whose len() raises where it has no end
            known = int(source.cardinality())
            self.steps = known if known >= 0 else None
        else:
            self.steps = len(source) if hasattr(source, "__len__") else None
        self.endless_source = hasattr(source, "__next__")

    def passes(self) -> Iterator[Any]:
        """The batches of one pass."""
        if self._indexed and not hasattr(self._source, "__iter__"):
            return (self._source[index] for index in range(len(self._source)))
        if self._indexed and hasattr(self._source, "on_epoch_end"):
            return (self._source[index] for index in range(len(self._source)))
        return iter(self._source)

    def on_epoch_begin(self) -> None:
        hook = getattr(self._source, "on_epoch_begin", None)
        if callable(hook):
            hook()

    def on_epoch_end(self) -> None:
        hook = getattr(self._source, "on_epoch_end", None)
        if callable(hook):
            hook()


def class_weights(y: Any, class_weight: Mapping[int, float]) -> Array:
    """A weight for each sample from the weight of its class; 1 for classes that are not named.

    Args:
        y: Class numbers ``[n]`` or ``[n, 1]``, or one-hot rows.
        class_weight: From class number to weight.

    Raises:
        ArgumentError: Several targets, or keys that are no class numbers.
    """
    if tree.is_nested(y) or y is None:
        raise ArgumentError("`class_weight` is only supported for models with a single output.")
    if not isinstance(class_weight, Mapping) or not all(isinstance(key, (int, np.integer)) for key in class_weight):
        raise ArgumentError(
            "Expected `class_weight` to be a dict with keys from 0 to one less than the number of classes. "
            f"Received: {class_weight!r}"
        )
    labels = np.asarray(y)
    if labels.ndim > 1:
        labels = np.argmax(labels, axis=-1) if labels.shape[-1] != 1 else labels[..., 0]
    labels = np.round(labels).astype(np.int64)
    weights = np.ones(labels.shape, np.float32)
    for label, weight in class_weight.items():
        weights[labels == label] = weight
    return weights
