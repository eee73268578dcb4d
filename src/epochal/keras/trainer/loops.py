"""How the batches of one epoch come and are run: rows of arrays inside the program, or batch by batch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Array
from epochal.keras.trainer.batches import BatchRunner
from epochal.keras.trainer.data import ArrayData, BatchData, class_weights, to_direct, unpack
from epochal.learn.epoch import RowLoop
from epochal.learn.step import Step


class Loop(Protocol):
    """The batches of epochs, one epoch after another.

    Attributes:
        steps: Batches of an epoch; ``None`` if not known before its end.
    """

    steps: int | None

    def start(self) -> None:
        """Begins an epoch."""
        ...

    def advance(self, limit: int) -> tuple[int, Any]:
        """Runs up to `limit` batches; how many, and the results of the last. (0, None): the epoch is over."""
        ...

    def finish(self) -> None:
        """Ends an epoch."""
        ...


class Rows:
    """Arrays in memory, through programs that pick their own rows.

    Args:
        loop: The programs.
        rows: How many rows there are.
        random: Where orders come from, ``None`` to take rows as they lie.
        steps: Batches of an epoch, if not all of a pass; passes then go on from one epoch to the next.
    """

    def __init__(self, loop: RowLoop, rows: int, random: np.random.BitGenerator | None, steps: int | None) -> None:
        self._loop = loop
        self._rows = rows
        self._random = random
        self._continues = steps is not None
        self._begun = False
        self.steps = loop.steps if steps is None else steps
        self._left = 0

    def start(self) -> None:
        self._left = self.steps
        if not self._begun or not self._continues:
            self._new_pass()

    def _new_pass(self) -> None:
        self._begun = True
        self._loop.start(None if self._random is None else random_order(self._random, self._rows))

    def advance(self, limit: int) -> tuple[int, Any]:
        if not self._left:
            return 0, None
        if self._loop.position >= self._loop.steps:
            self._new_pass()
        count, leaves = self._loop.advance(min(limit, self._left))
        self._left -= count
        return count, self._loop.pack(leaves)

    def finish(self) -> None:
        pass


def random_order(random: Any, rows: int) -> Array:
    """The numbers below `rows` in random order: those of as many random words sorted."""
    return np.argsort(random.random_raw(rows), kind="stable")


class Batches:
    """Batches that come from outside, one program run each.

    Args:
        data: Where they come from.
        runner: Runs a batch and returns its results.
        steps: Batches of an epoch, if it is not the source that says.
        class_weight: Weights by class.
    """

    def __init__(self, data: BatchData, runner: BatchRunner, steps: int | None, class_weight: Any = None) -> None:
        self._data = data
        self._runner = runner
        self._limit = steps
        self._class_weight = class_weight
        self._iterator: Iterator[Any] | None = None
        self._done = 0
        self.steps = data.steps if steps is None else steps

    def start(self) -> None:
        self._done = 0
        self._data.on_epoch_begin()
        self._runner.begin()
        # A pass goes on into the next epoch where the epochs' length is given or nothing can begin anew.
        if self._iterator is None or not (self._limit is not None or self._data.endless_source):
            self._iterator = self._data.passes()

    def advance(self, limit: int = 1) -> tuple[int, Any]:
        if self._limit is not None and self._done >= self._limit:
            return 0, None
        batch = self._next()
        if batch is None:
            if not self._done:
                raise ArgumentError("The data is empty: not one batch came. Expected at least one.")
            if self._limit is not None:
                warnings.warn(
                    "Your input ran out of data; interrupting the epoch. Make sure that your dataset or generator can "
                    f"generate at least `steps_per_epoch * epochs` batches. Got {self._done} of {self._limit}.",
                    stacklevel=4,
                )
            return 0, None
        x, y, sample_weight = unpack(batch)
        if self._class_weight is None:
            results = self._runner.run(x, y, sample_weight)
        else:
            if sample_weight is not None:
                raise ArgumentError("You cannot use `class_weight` and `sample_weight` at the same time.")
            labels = ArrayData(x, y).data[1]
            results = self._runner.run_weighted(ArrayData(x, y, class_weights(labels, self._class_weight)))
        self._done += 1
        return 1, results

    def _next(self) -> Any:
        assert self._iterator is not None
        batch = next(self._iterator, None)
        if batch is None and self._limit is not None and not self._data.endless_source:
            self._iterator = self._data.passes()
            batch = next(self._iterator, None)
        return batch

    def finish(self) -> None:
        self._data.on_epoch_end()


class PredictedRows:
    """Outputs for arrays in memory, batch by batch into arrays of all outputs.

    Args:
        data: The inputs.
        batch_size: Rows of a batch; the last one may be smaller.
        step: The program for a batch like this one.
        steps: Batches to take, if not all.
        num_threads: Threads.
    """

    def __init__(
        self,
        data: ArrayData,
        batch_size: int,
        step: Callable[[ArrayData], Step],
        steps: int | None,
        num_threads: int | None,
    ) -> None:
        self._leaves = data.leaves
        self._rows = data.rows
        self._size = batch_size
        self._num_threads = num_threads
        full, rest = divmod(data.rows, batch_size)
        self._whole = step(data.head(batch_size).direct()) if full else None
        self._rest = step(data.head(rest).direct()) if rest else None
        self.steps = full + (1 if rest else 0)
        if steps is not None:
            self.steps = min(steps, self.steps)
        self._done = 0
        self._outputs: list[Array] = []
        self.pack = (self._whole or self._rest).pack  # type: ignore[union-attr]

    def advance(self) -> tuple[int, Any]:
        """Computes the next batch: its number and outputs. (0, None): there is none."""
        if self._done >= self.steps:
            return 0, None
        begin = self._done * self._size
        step = self._whole if begin + self._size <= self._rows else self._rest
        assert step is not None
        batch = [to_direct(leaf[begin : begin + self._size]) for leaf in self._leaves]
        leaves = step.run(batch, self._num_threads)
        if self.steps == 1:
            self._outputs = leaves
        else:
            self._keep(begin, leaves)
        self._done += 1
        return 1, leaves

    def _keep(self, begin: int, leaves: list[Array]) -> None:
        if not self._outputs:
            rows = min(self._rows, self.steps * self._size)
            for leaf in leaves:
                if leaf.ndim == 0 or leaf.shape[0] != self._size:
                    raise ShapeError(
                        f"predict joins batches along axis 0. Expected outputs of {self._size} rows. "
                        f"Received an output of shape {leaf.shape} for a batch of {self._size} samples."
                    )
            self._outputs = [np.empty((rows, *leaf.shape[1:]), leaf.dtype) for leaf in leaves]
        for whole, part in zip(self._outputs, leaves, strict=True):
            whole[begin : begin + len(part)] = part

    def outputs(self) -> Any:
        """All outputs so far, nested as the model nests them."""
        rows = min(self._rows, self._done * self._size)
        return self.pack(self._outputs if self.steps == 1 else [leaf[:rows] for leaf in self._outputs])


class SlicedArrays:
    """Arrays in memory cut into batches by Python, for steps that are not compiled. A source for `BatchData`."""

    def __init__(self, data: ArrayData, batch_size: int, random: np.random.BitGenerator | None) -> None:
        self._data = data
        self._batch_size = batch_size
        self._random = random

    def __len__(self) -> int:
        return -(-self._data.rows // self._batch_size)

    def __iter__(self) -> Iterator[Any]:
        rows = self._data.rows
        order = None if self._random is None else random_order(self._random, rows)
        for begin in range(0, rows, self._batch_size):
            chosen: Any = slice(begin, begin + self._batch_size)
            yield self._data.take(chosen if order is None else order[chosen])
