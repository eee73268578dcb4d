"""`tf.data`: data sets as chains of Python iterators over NumPy arrays.

A data set yields eager tensors when iterated. Functions given to `map`, `filter` and the like get eager tensors and run
at once. In a graph, `make_one_shot_iterator` and `make_initializable_iterator` give placeholders that each
`session.run` that needs them feeds with the next element.
"""

from __future__ import annotations

import importlib
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from epochal import dtypes, tree
from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Array
from epochal.tensor import Tensor, TensorSpec, convert
from epochal.tensor.context import eagerly
from epochal.tf.conversion import holds_tensor, to_tensor

AUTOTUNE = -1
INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2


def _array(value: Any) -> Array:
    with eagerly():
        found: Array = np.asarray(to_tensor(value))
    return found


class Dataset:
    """A sequence of elements: nested arrays.

    Attributes:
        element_spec: Shapes and element types, nested as the elements.
    """

    def __init__(self, make: Callable[[], Iterator[Any]], size: int = UNKNOWN_CARDINALITY) -> None:
        """A data set.

        Args:
            make: Returns a new iterator over elements, nested NumPy arrays.
            size: How many there are, or one of the two constants of this module.
        """
        self._make = make
        self._size = size
        self._first: Any = None

    # --- making one

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """The slices along axis 0 of nested arrays of one length."""
        arrays = tree.map_structure(_array, tensors)
        leaves = tree.flatten(arrays)
        sizes = {leaf.shape[0] if leaf.ndim else None for leaf in leaves}
        if len(sizes) != 1 or None in sizes:
            shapes = [leaf.shape for leaf in leaves]
            raise ShapeError(f"from_tensor_slices needs arrays of one length along axis 0. Received shapes: {shapes}")
        count = leaves[0].shape[0]

        def make() -> Iterator[Any]:
            for index in range(count):
                yield tree.map_structure(operator.itemgetter(index), arrays)

        return Dataset(make, count)

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """One element."""
        arrays = tree.map_structure(_array, tensors)
        return Dataset(lambda: iter([arrays]), 1)

    @staticmethod
    def from_generator(
        generator: Callable[..., Iterable[Any]],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """What `generator()` yields, in the element types given."""
        kinds = output_types
        if output_signature is not None:
            kinds = tree.map_structure(lambda spec: spec.dtype, output_signature)

        def make() -> Iterator[Any]:
            for element in generator(*(args or ())):
                if kinds is None:
                    yield tree.map_structure(_array, element)
                else:
                    yield _typed(kinds, element)

        return Dataset(make)

    @staticmethod
    def range(*args: int, output_type: Any = "int64", **others: Any) -> Dataset:
        """The numbers of Python's `range`."""
        numbers = range(*[int(_array(arg)) for arg in args])
        kind = dtypes.get(output_type).numpy
        return Dataset(lambda: (np.asarray(number, kind) for number in numbers), len(numbers))

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Elements of several data sets side by side, as long as all have some."""
        parts = datasets if datasets is not None else args[0] if len(args) == 1 else args
        leaves, structure = tree.flatten_with_structure(tuple(parts) if isinstance(parts, list) else parts)

        def make() -> Iterator[Any]:
            for elements in zip(*[part._make() for part in leaves], strict=False):
                yield tree.unflatten(structure, list(elements))

        known = [part._size for part in leaves if part._size != INFINITE_CARDINALITY]
        size = UNKNOWN_CARDINALITY if UNKNOWN_CARDINALITY in known else min(known, default=INFINITE_CARDINALITY)
        return Dataset(make, size)

    # --- changing one

    def map(
        self, map_func: Callable[..., Any], num_parallel_calls: Any = None, deterministic: Any = None, **others: Any
    ) -> Dataset:
        """`map_func` of each element; a tuple is handed over as several arguments."""

        def make() -> Iterator[Any]:
            for element in self._make():
                yield _applied(map_func, element)

        return Dataset(make, self._size)

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements for which `predicate` holds."""
        return Dataset(lambda: (element for element in self._make() if bool(_applied(predicate, element))))

    def flat_map(self, map_func: Callable[..., Dataset], name: str | None = None) -> Dataset:
        """The elements of the data sets that `map_func` makes of the elements, one after another."""

        def make() -> Iterator[Any]:
            for element in self._make():
                yield from _call(map_func, element)._make()

        return Dataset(make)

    def interleave(self, map_func: Callable[..., Dataset], *arguments: Any, **options: Any) -> Dataset:
        """`flat_map`: the order of the elements may differ from TensorFlow's."""
        return self.flat_map(map_func)

    def batch(
        self, batch_size: Any, drop_remainder: bool = False, num_parallel_calls: Any = None,
        deterministic: Any = None, name: str | None = None,
    ) -> Dataset:  # fmt: skip
        """Each `batch_size` elements stacked; the last ones may be fewer, unless they are dropped."""
        size = int(_array(batch_size))
        if size < 1:
            raise ArgumentError(f"batch_size must be positive. Received: {size}")

        def make() -> Iterator[Any]:
            elements = self._make()
            while group := list(itertools.islice(elements, size)):
                if len(group) < size and drop_remainder:
                    return
                yield tree.map_structure(lambda *leaves: _stacked(leaves), group[0], *group[1:])

        count = self._size
        if count >= 0:
            count = count // size if drop_remainder else -(-count // size)
        return Dataset(make, count)

    def unbatch(self, name: str | None = None) -> Dataset:
        """The entries along axis 0 of the elements, one by one."""

        def make() -> Iterator[Any]:
            for element in self._make():
                for index in range(len(tree.flatten(element)[0])):
                    yield tree.map_structure(operator.itemgetter(index), element)

        return Dataset(make)

    def shuffle(
        self, buffer_size: Any, seed: Any = None, reshuffle_each_iteration: bool | None = None, name: str | None = None
    ) -> Dataset:
        """In random order, each drawn from a buffer of the next `buffer_size` elements; anew in each pass."""
        size = int(_array(buffer_size))
        again = reshuffle_each_iteration is not False
        source = np.random.SeedSequence(None if seed is None else int(seed))
        passes = itertools.count()

        def make() -> Iterator[Any]:
            number = next(passes) if again else 0
            random = np.random.default_rng([*source.generate_state(2).tolist(), number])
            elements, buffer = self._make(), []
            for element in elements:
                buffer.append(element)
                if len(buffer) >= size:
                    place = int(random.integers(len(buffer)))
                    buffer[place], buffer[-1] = buffer[-1], buffer[place]
                    yield buffer.pop()
            random.shuffle(buffer)
            yield from buffer

        return Dataset(make, self._size)

    def repeat(self, count: Any = None, name: str | None = None) -> Dataset:
        """Several passes, without end if `count` is ``None`` or -1."""
        times = None if count is None or int(_array(count)) == -1 else int(_array(count))

        def make() -> Iterator[Any]:
            for _ in itertools.count() if times is None else range(times):
                empty = True
                for element in self._make():
                    empty = False
                    yield element
                if empty:
                    return

        endless = times is None and self._size != 0
        size = INFINITE_CARDINALITY if endless else self._size * (times or 0) if self._size >= 0 else self._size
        return Dataset(make, size)

    def take(self, count: Any, name: str | None = None) -> Dataset:
        """The first `count` elements; all if it is -1."""
        number = int(_array(count))
        if number < 0:
            return self
        size = number if self._size == INFINITE_CARDINALITY else min(number, self._size) if self._size >= 0 else -2
        return Dataset(lambda: itertools.islice(self._make(), number), size)

    def skip(self, count: Any, name: str | None = None) -> Dataset:
        """All but the first `count` elements."""
        number = int(_array(count))
        size = max(self._size - number, 0) if self._size >= 0 else self._size
        return Dataset(lambda: itertools.islice(self._make(), number, None), size)

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Every `num_shards`-th element, from number `index`."""
        return Dataset(lambda: itertools.islice(self._make(), index, None, num_shards))

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """The elements of this data set, then of another."""
        sizes = (self._size, dataset._size)
        size = min(sizes) if min(sizes) < 0 else sum(sizes)
        return Dataset(lambda: itertools.chain(self._make(), dataset._make()), size)

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """Pairs of a number and the element."""
        return Dataset(
            lambda: ((np.int64(number), element) for number, element in enumerate(self._make(), start)), self._size
        )

    def cache(self, filename: Any = "", name: str | None = None) -> Dataset:
        """The elements kept in memory after the first pass."""
        kept: list[Any] = []
        done = [False]

        def make() -> Iterator[Any]:
            if done[0]:
                yield from kept
                return
            found = []
            for element in self._make():
                found.append(element)
                yield element
            kept[:], done[0] = found, True

        return Dataset(make, self._size)

    def prefetch(self, buffer_size: Any, name: str | None = None) -> Dataset:
        """The same elements: they are made when asked for."""
        return self

    def with_options(self, options: Any, name: str | None = None) -> Dataset:
        """The same elements."""
        return self

    def reduce(self, initial_state: Any, reduce_func: Callable[..., Any], name: str | None = None) -> Any:
        """The last of ``state = reduce_func(state, element)``."""
        state = tree.map_structure(to_tensor, initial_state)
        for element in self:
            state = reduce_func(state, element)
        return state

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """`transformation_func` of this data set."""
        return transformation_func(self)

    # --- reading one

    def __iter__(self) -> Iterator[Any]:
        return (tree.map_structure(_tensor, element) for element in self._make())

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements as NumPy arrays."""
        return (tree.map_structure(np.asarray, element) for element in self._make())

    def __len__(self) -> int:
        if self._size < 0:
            raise TypeError("The length of the data set is " + ("infinite." if self._size == -1 else "unknown."))
        return self._size

    def __bool__(self) -> bool:
        return True

    def cardinality(self) -> Tensor:
        """How many elements there are, or a constant that says it is infinite or unknown."""
        return convert(np.int64(self._size))

    @property
    def element_spec(self) -> Any:
        return tree.map_structure(lambda array: TensorSpec(np.shape(array), np.asarray(array).dtype), self.first())

    def first(self) -> Any:
        """The first element, as arrays.

        Raises:
            ArgumentError: There is none.
        """
        if self._first is None:
            self._first = next(self._make(), None)
            if self._first is None:
                raise ArgumentError("The data set has no elements.")
        return self._first

    def make_one_shot_iterator(self) -> Any:
        """An iterator that a graph reads; see `epochal.tf.data_iterators`."""
        return make_one_shot_iterator(self)

    def make_initializable_iterator(self, shared_name: str | None = None) -> Any:
        """An iterator that a graph reads after running its `initializer`."""
        return make_initializable_iterator(self)


def _tensor(value: Any) -> Tensor:
    return convert(np.array(value))


def _typed(kinds: Any, value: Any) -> Any:
    """What a generator yielded, as arrays of the element types that `kinds` nests."""
    if isinstance(kinds, dict):
        return {key: _typed(kind, value[key]) for key, kind in kinds.items()}
    if isinstance(kinds, (tuple, list)):
        return tuple(_typed(kind, part) for kind, part in zip(kinds, value, strict=True))
    return np.asarray(value, dtypes.get(kinds).numpy)


def _call(function: Callable[..., Any], element: Any) -> Any:
    with eagerly():
        arguments = tree.map_structure(_tensor, element)
        return function(*arguments) if isinstance(arguments, tuple) else function(arguments)


def _applied(function: Callable[..., Any], element: Any) -> Any:
    result = _call(function, element)
    if isinstance(result, list):
        result = tuple(result)
    return tree.map_structure(lambda value: np.asarray(value) if holds_tensor(value) else _array(value), result)


def _stacked(leaves: tuple[Array, ...]) -> Array:
    shapes = {np.shape(leaf) for leaf in leaves}
    if len(shapes) > 1:
        raise ShapeError(f"Cannot batch elements of different shapes: {sorted(shapes)}. Pad or resize them first.")
    return np.stack(leaves)


def _iterators() -> Any:
    return importlib.import_module("epochal.tf.data_iterators")


def make_one_shot_iterator(dataset: Dataset) -> Any:
    """An iterator that a graph reads, once from beginning to end."""
    return _iterators().GraphIterator(dataset, ready=True)


def make_initializable_iterator(dataset: Dataset, shared_name: str | None = None) -> Any:
    """An iterator that a graph reads after running its `initializer`, which starts it anew."""
    return _iterators().GraphIterator(dataset, ready=False)
