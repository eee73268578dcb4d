"""The compiled steps of one model, kept as long as the model (and its `compile`) lives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from epochal import config, tree
from epochal.ir import Array
from epochal.keras import settings
from epochal.keras.trainer.data import ArrayData
from epochal.learn.epoch import Pace, RowLoop
from epochal.learn.padded_step import PaddedStep, compile_padded
from epochal.learn.step import Step, compile_batch, compile_rows, new_counter, specification, standard_floats
from epochal.tensor import Tensor, Variable, convert
from epochal.tensor.lengths import Lengths
from epochal.tensor.tensor import eager

_MOST_STEPS = 256


class Programs:
    """Steps by what they were compiled for.

    What is not part of a program's state is part of its key: shapes and element types of the data, batch size, which
    variables are trained, settings of the optimizer, the engine.
    """

    def __init__(self) -> None:
        self._steps: dict[Any, Step] = {}
        self._paces: dict[Any, Pace] = {}
        self._rows: dict[Any, tuple[int, int]] = {}
        self._counter: Variable | None = None
        self._lengths = Lengths()
        #: Single batches of `predict`, by shape and dtype.
        self.predictions: dict[Any, Step] = {}

    def batch(self, key: Any, data: ArrayData, function: Callable[[Any], Any], exact: bool = False) -> Step:
        """The step on one batch like `data`; `exact`: of its very size, where others may share a padded program."""
        floatx = settings.floatx()
        rest = ("batch", key, data.structure, floatx, config.backend(), tuple(leaf.dtype for leaf in data.leaves))
        shapes = tuple(leaf.shape for leaf in data.leaves)
        full = (*rest, shapes)
        step = self._steps.get(full)
        if step is None or (exact and isinstance(step, PaddedStep)):
            specs = _specifications(data)

            def body(leaves: list[Any]) -> Any:
                return function(data.nest(leaves))

            def padded(*family: Any) -> Step:
                return compile_padded(body, specs, *family, floatx)

            step = None if exact else self._lengths.program(rest, shapes, padded)
            if step is None:
                step = compile_batch(body, specs, floatx)
            self._put(full, step)
        return step

    def rows(
        self,
        key: Any,
        data: ArrayData,
        batch_size: int,
        shuffled: bool,
        function: Callable[[Any], Any],
        num_threads: int | None,
    ) -> RowLoop:
        """The loop over all rows of `data`."""
        if self._counter is None:
            self._counter = new_counter()
        counter = self._counter
        floatx = settings.floatx()
        rows = data.rows
        kinds = tuple((leaf.shape[1:], leaf.dtype) for leaf in data.leaves)
        full = ("rows", key, kinds, data.structure, shuffled, floatx, config.backend(), batch_size)
        leaves = _longer(data.leaves, self._capacity(full, rows))
        specs = [specification(leaf, name) for leaf, name in zip(leaves, data.names, strict=True)]

        def make(size: int) -> Callable[[], Step]:
            def get() -> Step:
                mine = (*full, len(leaves[0]), size)
                step = self._steps.get(mine)
                if step is None:
                    step = compile_rows(
                        lambda batch: function(data.nest(batch)), specs, counter, size, batch_size, shuffled, floatx
                    )
                    self._put(mine, step)
                return step

            return get

        pace = self._paces.setdefault(full, Pace())
        rest = rows % batch_size
        whole = make(batch_size)
        return RowLoop(leaves, rows, batch_size, counter, whole, make(rest), shuffled, pace, num_threads)

    def _capacity(self, key: Any, rows: int) -> int:
        """For how many rows to compile: the first time as many as there are, then for more, so that it fits others."""
        first, capacity = self._rows.setdefault(key, (rows, 0))
        if rows == first:
            return rows
        if not rows <= capacity <= 4 * rows:
            capacity = 1 << (rows - 1).bit_length()
            self._rows[key] = (first, capacity)
        return capacity

    def remember(self, step: Step, key: Any) -> None:
        """Keeps the step of single batches of this shape at hand."""
        if len(self.predictions) >= _MOST_STEPS:
            self.predictions.clear()
        self.predictions[key] = step

    def _put(self, key: Any, step: Step) -> None:
        if len(self._steps) >= _MOST_STEPS:
            self._steps.pop(next(iter(self._steps)))
        self._steps[key] = step


def _longer(leaves: Sequence[Array], rows: int) -> list[Array]:
    """`leaves` where they lie, said to have `rows` rows: a program reads those that it picks, which are there."""
    if len(leaves[0]) == rows:
        return list(leaves)
    longer = []
    for leaf in leaves:
        row = int(np.prod(leaf.shape[1:], dtype=np.int64)) * leaf.itemsize
        longer.append(as_strided(leaf, (rows, *leaf.shape[1:]), (row, *leaf.strides[1:]), writeable=False))
    return longer


def _specifications(data: ArrayData) -> list[Any]:
    names = data.names
    return [specification(leaf, name) for leaf, name in zip(data.leaves, names, strict=True)]


def run_eagerly(data: ArrayData, function: Callable[[Any], Any]) -> Any:
    """The results of a step executed operation by operation, as arrays."""
    floatx = settings.floatx()
    results = function(data.nest([standard_floats(_own(leaf), floatx) for leaf in data.leaves]))
    return tree.map_structure(lambda leaf: convert(leaf).numpy(), results)


def _own(array: Array) -> Tensor:
    return eager(array.copy())
