"""Running batches as they come: what a batch costs in Python beyond its step."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal import config
from epochal.keras import settings
from epochal.keras.trainer.data import ArrayData
from epochal.learn.step import Step


class BatchRunner:
    """Runs one step a batch.

    What a step depends on beyond its batch (trained variables, settings of the optimizer) is looked up when an epoch
    begins. A batch of arrays of shapes and element types that were met since is run by the step it had then.

    Args:
        model: The model.
        kind: ``"train"``, ``"test"`` or ``"predict"``.
        num_threads: Threads.
    """

    def __init__(self, model: Any, kind: str, num_threads: int | None) -> None:
        self._model = model
        self._kind = kind
        self._num_threads = num_threads
        self._steps: dict[Any, Step] = {}
        self._circumstances: Any = None
        self._programs: Any = None

    def begin(self) -> None:
        """An epoch begins."""
        circumstances = (self._model._step_key(self._kind), settings.floatx(), config.backend())
        if circumstances != self._circumstances:
            self._circumstances = circumstances
            self._steps.clear()

    def run(self, x: Any, y: Any, sample_weight: Any) -> Any:
        """The results of a step on a batch, nested as the step nested them."""
        model = self._model
        if self._programs is not model._program_cache:
            self._programs = None
            self._steps.clear()
        if type(x) is np.ndarray and type(y) is np.ndarray and sample_weight is None:
            kind = (x.shape, x.dtype, y.shape, y.dtype)
            step = self._steps.get(kind)
            if step is not None:
                if self._kind != "predict" and model._compile_loss is not None:
                    model._compile_loss.check_targets(y)
                return step.pack(step.run((x, y), self._num_threads))
            return self._run_new(ArrayData(x, y), kind)
        return self._run_new(ArrayData(x, y, sample_weight), None)

    def run_weighted(self, data: ArrayData) -> Any:
        """The same for data that has been looked at."""
        return self._run_new(data, None)

    def _run_new(self, data: ArrayData, kind: Any) -> Any:
        model = self._model
        results = model._run_batch(self._kind, data, self._num_threads)
        if kind is not None and not model.run_eagerly:
            data = data.direct()
            if tuple((leaf.shape, leaf.dtype) for leaf in data.leaves) == ((kind[0], kind[1]), (kind[2], kind[3])):
                self._steps[kind] = model._batch_step(self._kind, data)
                self._programs = model._program_cache
        return results
