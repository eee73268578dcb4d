"""Training, evaluation and prediction: what `Model` adds to a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from epochal.errors import ArgumentError
from epochal.keras import settings
from epochal.keras.callbacks.callback_list import CallbackList
from epochal.keras.callbacks.history import History
from epochal.keras.trainer.arguments import (
    at_once,
    check_counts,
    draw_seed,
    is_due,
    join_outputs,
    split_off,
    to_logs,
    to_source,
    to_validation_source,
    with_class_weight,
)
from epochal.keras.trainer.batches import BatchRunner
from epochal.keras.trainer.data import ArrayData, BatchData
from epochal.keras.trainer.inspection import Inspection
from epochal.keras.trainer.loops import Batches, Loop, PredictedRows, Rows, SlicedArrays

DEFAULT_BATCH_SIZE = 32


class Trainer(Inspection):
    """`compile`, `fit`, `evaluate`, `predict` and their kin, which run at once in TensorFlow 1's graphs, too.

    Attributes:
        optimizer: What `compile` was given, or ``None``.
        loss: Likewise.
        history: The last `fit`'s record.
        stop_training: Set it from a callback to end training after the running step.
        run_eagerly: Whether steps are executed operation by operation instead of compiled.
    """

    # Loops -------------------------------------------------------------------------------------------------------

    def _loop(
        self,
        kind: str,
        data: ArrayData | BatchData,
        batch_size: int | None,
        steps: int | None,
        shuffle: bool = False,
        class_weight: Any = None,
        num_threads: int | None = None,
    ) -> Loop:
        """The batches of `data`, ready to run. Compiles, and so meets shapes that do not fit before anything runs."""
        generator = np.random.Philox(draw_seed()) if shuffle and isinstance(data, ArrayData) else None
        if isinstance(data, ArrayData) and (self.run_eagerly or not data.is_direct):
            size = min(batch_size or DEFAULT_BATCH_SIZE, data.rows)
            data = BatchData(SlicedArrays(data, size, generator))
        if isinstance(data, BatchData):
            return Batches(data, BatchRunner(self, kind, num_threads), steps, class_weight)
        self._ensure_built(data)
        size = min(batch_size or DEFAULT_BATCH_SIZE, data.rows)
        loop = self._programs.rows(self._step_key(kind), data, size, shuffle, self._step_function(kind), num_threads)
        if self._compile_loss is not None:
            self._compile_loss.check_targets(data.data[1])
        return Rows(loop, data.rows, generator, steps)

    def _run_epoch(self, kind: str, loop: Loop, callbacks: CallbackList, stop: str) -> dict[str, Any]:
        """All batches of an epoch; the results of the last."""
        each, listening = callbacks.batch_listeners(kind)
        begin = getattr(callbacks, f"on_{kind}_batch_begin")
        end = getattr(callbacks, f"on_{kind}_batch_end")
        limit = settings.max_steps_per_epoch() or 2**31
        loop.start()
        done, results = 0, None
        while done < limit:
            if each and (loop.steps is None or done < loop.steps):
                begin(done)
            count, latest = loop.advance(1 if each else limit - done)
            if not count:
                break
            done, results = done + count, latest
            if listening:
                end(done - 1, to_logs(results))
            if getattr(self, stop):
                break
        loop.finish()
        return to_logs(results)

    # fit ---------------------------------------------------------------------------------------------------------

    _first_epoch = 0

    def begin_at_epoch(self, epoch: int) -> None:
        """For callbacks, from `on_train_begin`: the running `fit` begins at this epoch."""
        self._put(_first_epoch=max(self._first_epoch, epoch))

    @at_once
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: Any = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        num_threads: int | None = None,
    ) -> History:
        """Trains for some epochs.

        An epoch over arrays is one compiled program, which comes back to Python a few times a second. Ctrl-C leaves
        the model as it was after the last finished step.

        Args:
            x: Inputs: an array, a list or dictionary of arrays, or what yields batches ``(x, y[, sample_weight])``.
            y: Targets, nested as the outputs; not with batches.
            batch_size: Samples of a step, 32 by default; not with batches.
            epochs: The number of the last epoch.
            verbose: 0 silent, 1 or ``"auto"`` a progress bar, 2 one line an epoch.
            callbacks: Callbacks, or a list of them.
            validation_split: The fraction of the (last) samples to validate on.
            validation_data: ``(x, y)`` or ``(x, y, sample_weight)`` to validate on, or batches.
            shuffle: Whether to take samples in a new order each epoch.
            class_weight: Weight of a sample by the number of its class.
            sample_weight: Weight of each sample.
            initial_epoch: Where to begin counting.
            steps_per_epoch: Steps of an epoch, where it is not one pass over the data.
            validation_steps: Likewise for validation.
            validation_batch_size: As `batch_size`, for validation.
            validation_freq: Validate every so many epochs, or at the epochs in this list.
            num_threads: Threads of the program.

        Returns:
            The record of losses and metrics.

        Raises:
            ArgumentError, ShapeError, DTypeError: The data does not fit the model. Nothing has changed then.
            ExecutionError: The program failed, such as at an index outside an embedding; finished steps count.

        Example:
            >>> import numpy as np
            >>> from epochal import keras
            >>> x = np.arange(8.0).reshape(8, 1) / 8
            >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
            >>> model.compile(keras.optimizers.SGD(0.5), "mse")
            >>> history = model.fit(x, 2 * x + 1, batch_size=4, epochs=200, verbose=0)
            >>> model.predict(np.array([[3.0]]), verbose=0).round(2).tolist()
            [[7.0]]
        """
        self._require_compiled("fit")
        check_counts(batch_size=batch_size, epochs=epochs, steps_per_epoch=steps_per_epoch)
        is_due(1, validation_freq)
        epochs = min(epochs, settings.max_epochs() or epochs)
        data: Any = to_source(x, y, sample_weight)
        if validation_split and validation_data is None:
            data, validation = split_off(data, validation_split)
        else:
            validation = None if validation_data is None else to_validation_source(validation_data)
        if class_weight is not None and isinstance(data, ArrayData):
            data = with_class_weight(data, class_weight)
        loop = self._loop("train", data, batch_size, steps_per_epoch, bool(shuffle), class_weight, num_threads)
        size = validation_batch_size or batch_size
        held_out = None
        if validation is not None and not isinstance(validation, BatchData):
            held_out = self._loop("test", validation, size, validation_steps, num_threads=num_threads)
        callbacks = self._callback_list(callbacks, verbose, loop, epochs=epochs, add_history=True)
        self.stop_training = False
        self._put(_first_epoch=initial_epoch)
        callbacks.on_train_begin()
        logs: dict[str, Any] = {}
        for epoch in range(self._first_epoch, epochs):
            self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            logs = self._run_epoch("train", loop, callbacks, "stop_training")
            if validation is not None and is_due(epoch + 1, validation_freq):
                if held_out is None:
                    held_out = self._loop("test", validation, size, validation_steps, num_threads=num_threads)
                results = self._evaluate_loop(held_out, callbacks)
                logs.update({f"val_{name}": value for name, value in results.items()})
            callbacks.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        if self.optimizer is not None and epochs > 0:
            self.optimizer.finalize_variable_values(self.trainable_weights)  # type: ignore[attr-defined]
        callbacks.on_train_end(logs)
        assert self.history is not None
        return self.history

    def _callback_list(
        self, callbacks: Any, verbose: Any, loop: Any, epochs: int = 1, add_history: bool = False
    ) -> CallbackList:
        if isinstance(callbacks, CallbackList):
            return callbacks
        verbose = 1 if verbose == "auto" else int(verbose)
        return CallbackList(
            callbacks,
            add_history=add_history,
            add_progbar=verbose != 0,
            model=self,
            verbose=verbose,
            epochs=epochs,
            steps=loop.steps,
        )

    # evaluate ----------------------------------------------------------------------------------------------------

    @at_once
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        num_threads: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """The loss and the metrics on data.

        Args:
            x: As in `fit`.
            y: As in `fit`.
            batch_size: As in `fit`.
            verbose: As in `fit`.
            sample_weight: As in `fit`.
            steps: Batches to look at, where it is not all.
            callbacks: As in `fit`.
            return_dict: Return results by name instead of the loss and a list.
            num_threads: Threads of the program.
            **kwargs: None are known.
        """
        self._require_compiled("evaluate")
        if kwargs:
            raise ArgumentError(f"Arguments not recognized: {kwargs}")
        check_counts(batch_size=batch_size, steps=steps)
        data = to_source(x, y, sample_weight)
        loop = self._loop("test", data, batch_size, steps, num_threads=num_threads)
        logs = self._evaluate_loop(loop, self._callback_list(callbacks, verbose, loop))
        return logs if return_dict else self._in_order(logs)

    def _evaluate_loop(self, loop: Loop, callbacks: CallbackList) -> dict[str, Any]:
        self.stop_evaluating = False
        callbacks.on_test_begin()
        self.reset_metrics()
        logs = self._run_epoch("test", loop, callbacks, "stop_evaluating")
        callbacks.on_test_end(logs)
        return logs

    def _in_order(self, logs: dict[str, Any]) -> Any:
        """Results as a list: in the order of the metrics, then the others by name; alone, not in a list."""
        if len(logs) == 1:
            return next(iter(logs.values()))
        names = [name for name in self._result_names() if name in logs]
        return [logs[name] for name in (*names, *sorted(set(logs) - set(names)))]

    # predict -----------------------------------------------------------------------------------------------------

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        num_threads: int | None = None,
    ) -> Any:
        """The outputs for inputs, as arrays.

        Args:
            x: As in `fit`.
            batch_size: Samples computed at a time, 32 by default.
            verbose: As in `fit`.
            steps: Batches to take, where it is not all.
            callbacks: As in `fit`.
            num_threads: Threads of the program.
        """
        if verbose == 0 and type(x) is np.ndarray and callbacks is None and self._program_cache is not None:
            # One batch of a kind seen before: the program and nothing else.
            known = self._program_cache.predictions.get((x.shape, x.dtype, batch_size, steps))
            if known is not None:
                leaves = known.run((x,), num_threads)
                return leaves[0] if len(leaves) == 1 else known.pack(leaves)
        return self._predict(x, batch_size, verbose, steps, callbacks, num_threads)

    @at_once
    def _predict(
        self, x: Any, batch_size: int | None, verbose: Any, steps: int | None, callbacks: Any, num_threads: int | None
    ) -> Any:
        check_counts(batch_size=batch_size, steps=steps)
        data = to_source(x, None, None)
        size = batch_size or DEFAULT_BATCH_SIZE
        if isinstance(data, ArrayData) and not self.run_eagerly:
            self._ensure_built(data)
            key, function = self._step_key("predict"), self._step_function("predict")

            def step_for(batch: ArrayData) -> Any:
                # Whole batches are what most of the work is; what is left over shares programs.
                return self._programs.batch(key, batch, function, exact=batch.rows == size)

            rows = PredictedRows(data, size, step_for, steps, num_threads)
            self._predict_loop(rows, rows.pack, self._callback_list(callbacks, verbose, rows))
            if type(x) is np.ndarray and data.rows <= size:
                step = self._programs.batch(key, data, function)
                self._programs.remember(step, (x.shape, x.dtype, batch_size, steps))
            return rows.outputs()
        if isinstance(data, ArrayData):
            data = BatchData(SlicedArrays(data, size, None))
        parts: list[Any] = []
        loop = Batches(data, BatchRunner(self, "predict", num_threads), steps)
        loop.start()

        def keep(outputs: Any) -> Any:
            parts.append(outputs)
            return outputs

        self._predict_loop(loop, keep, self._callback_list(callbacks, verbose, loop))
        return join_outputs(parts)

    def _predict_loop(self, loop: Any, pack: Any, callbacks: CallbackList) -> None:
        self.stop_predicting = False
        each, listening = callbacks.batch_listeners("predict")
        callbacks.on_predict_begin()
        done = 0
        while not self.stop_predicting and (loop.steps is None or done < loop.steps):
            if each:
                callbacks.on_predict_batch_begin(done)
            count, outputs = loop.advance()
            if not count:
                break
            done += 1
            outputs = pack(outputs) if each or not isinstance(loop, PredictedRows) else None
            if listening:
                callbacks.on_predict_batch_end(done - 1, {"outputs": outputs})
        callbacks.on_predict_end()

    # Single batches ----------------------------------------------------------------------------------------------

    @at_once
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
        num_threads: int | None = None,
    ) -> Any:
        """One step of training; its results."""
        self._require_compiled("train_on_batch")
        data = ArrayData(x, y, sample_weight)
        if class_weight is not None:
            data = with_class_weight(data, class_weight)
        self.reset_metrics()
        logs = to_logs(self._run_batch("train", data, num_threads))
        return logs if return_dict else self._in_order(logs)

    @at_once
    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
        num_threads: int | None = None,
    ) -> Any:
        """One step of evaluation; its results."""
        self._require_compiled("test_on_batch")
        self.reset_metrics()
        logs = to_logs(self._run_batch("test", ArrayData(x, y, sample_weight), num_threads))
        return logs if return_dict else self._in_order(logs)

    @at_once
    def predict_on_batch(self, x: Any, num_threads: int | None = None) -> Any:
        """The outputs for one batch, as arrays."""
        return self._run_batch("predict", ArrayData(x), num_threads)
