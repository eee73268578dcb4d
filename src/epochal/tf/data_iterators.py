"""Iterators of data sets in graphs: placeholders that a session feeds with the next element of a data set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from epochal import dtypes, tree
from epochal.ir import Array, Symbol, TensorType, make_input
from epochal.tf.data import Dataset
from epochal.tf.errors import FailedPreconditionError, OutOfRangeError
from epochal.tf.graph import Graph, GraphTensor, Operation, get_default_graph


class GraphIterator:
    """Reads a data set in a graph. Each session has a place of its own in it.

    Each run of a session that needs tensors of `get_next` moves on by one element, however many of them it needs.
    Their number of axes is that of the first element; all sizes may differ from element to element, but for those
    inside a batch.

    Attributes:
        initializer: The operation that starts anew.
    """

    def __init__(self, dataset: Dataset, ready: bool) -> None:
        self._dataset = dataset
        self._ready = ready
        self._running: WeakKeyDictionary[Any, Iterator[Any]] = WeakKeyDictionary()
        self._graph: Graph = get_default_graph()
        self._next: Any = None
        self.initializer: Operation = self._graph.add_operation("MakeIterator", "MakeIterator", None)
        self._graph.starters[self.initializer] = self

    def get_next(self, name: str | None = None) -> Any:
        """The next element, as tensors of the graph."""
        if self._next is None:
            leaves, structure = tree.flatten_with_structure(self._dataset.first())
            tensors = [self._source(index, np.asarray(leaf)) for index, leaf in enumerate(leaves)]
            self._next = tree.unflatten(structure, tensors)
        return self._next

    def _source(self, index: int, leaf: Array) -> GraphTensor:
        graph = self._graph
        name = graph.unique_name("IteratorGetNext")
        # The first size is the batch's, and the last batch may be smaller.
        sizes = tuple(Symbol(f"{name}.{axis}") if axis == 0 else size for axis, size in enumerate(leaf.shape))
        value = make_input(TensorType(dtypes.get(leaf.dtype), sizes), name)
        graph.record(value.node)
        graph.register(name, "IteratorGetNext", value.node)
        graph.sources[value] = self, index
        return graph.wrap(value)

    def start(self, session: Any) -> None:
        """Starts anew in a session."""
        self._running[session] = self._dataset._make()

    def advance(self, session: Any) -> list[Array]:
        """The arrays of the next element in a session.

        Raises:
            OutOfRangeError: There is none.
            FailedPreconditionError: The iterator was not started.
        """
        if session not in self._running:
            if not self._ready:
                raise FailedPreconditionError(
                    None, None, "The iterator has not been initialized. Run iterator.initializer in this session first."
                )
            self.start(session)
        try:
            element = next(self._running[session])
        except StopIteration:
            raise OutOfRangeError(None, None, "End of sequence") from None
        return [np.ascontiguousarray(leaf) for leaf in tree.flatten(element)]

    @property
    def output_shapes(self) -> Any:
        return tree.map_structure(lambda tensor: tensor.get_shape(), self.get_next())

    @property
    def output_types(self) -> Any:
        return tree.map_structure(lambda tensor: tensor.dtype, self.get_next())

    def make_initializer(self, dataset: Dataset, name: str | None = None) -> Operation:
        """An operation that starts this iterator on a data set whose elements are alike."""
        starter = _Starter(self, dataset)
        operation = self._graph.add_operation("MakeIterator", "MakeIterator", None)
        self._graph.starters[operation] = starter
        return operation


class _Starter:
    """Starts an iterator on another data set."""

    def __init__(self, iterator: GraphIterator, dataset: Dataset) -> None:
        self._iterator, self._dataset = iterator, dataset

    def start(self, session: Any) -> None:
        self._iterator._running[session] = self._dataset._make()
