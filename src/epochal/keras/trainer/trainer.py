"""Training, evaluation and prediction: what `Model` adds to a layer."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from epochal import tree
from epochal.errors import ArgumentError
from epochal.keras import optimizers as keras_optimizers
from epochal.keras import settings
from epochal.keras.callbacks.callback_list import CallbackList
from epochal.keras.callbacks.history import History
from epochal.keras.metrics.reduction import Mean
from epochal.keras.saving.serialization import deserialize_keras_object, serialize_keras_object
from epochal.keras.trainer.arguments import (
    check_counts,
    draw_seed,
    is_due,
    layer_dtype,
    split_off,
    to_logs,
    to_source,
    to_validation_source,
    with_class_weight,
)
from epochal.keras.trainer.compiled_loss import CompiledLoss
from epochal.keras.trainer.compiled_metrics import CompiledMetrics
from epochal.keras.trainer.data import ArrayData, BatchData, unpack
from epochal.keras.trainer.loops import Batches, Loop, Rows, SlicedArrays
from epochal.keras.trainer.programs import Programs, run_eagerly
from epochal.tensor import GradientTape, Tensor, convert, functions
from epochal.tensor.trace import symbolic_input

DEFAULT_BATCH_SIZE = 32


class Trainer:
    """`compile`, `fit`, `evaluate`, `predict` and their kin.

    Attributes:
        optimizer: What `compile` was given, or ``None``.
        loss: Likewise.
        history: The last `fit`'s record.
        stop_training: Set it from a callback to end training after the running step.
        run_eagerly: Whether steps are executed operation by operation instead of compiled.
    """

    optimizer: Any = None
    loss: Any = None
    compiled: bool = False
    history: History | None = None
    stop_training: bool = False
    stop_evaluating: bool = False
    stop_predicting: bool = False
    run_eagerly: bool = False
    jit_compile: Any = "auto"
    steps_per_execution: int = 1
    _compile_loss: CompiledLoss | None = None
    _compile_metrics: CompiledMetrics | None = None
    _loss_tracker: Mean | None = None
    _compile_arguments: dict[str, Any] | None = None
    _program_cache: Programs | None = None

    def _put(self, **attributes: Any) -> None:
        """Sets attributes past a layer's tracking: what belongs to training is no part of the layer."""
        for name, value in attributes.items():
            object.__setattr__(self, name, value)

    # Compiling ---------------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Says how to train.

        Args:
            optimizer: An optimizer or its name.
            loss: A loss, its name or a function of ``(y_true, y_pred)``; a list or dictionary for several outputs.
            loss_weights: Factors of the outputs' losses.
            metrics: Metrics, their names or functions; by output where there are several.
            weighted_metrics: Metrics that take sample weights into account.
            run_eagerly: Execute operation by operation instead of compiling (slow; for looking inside).
            steps_per_execution: Accepted and not needed: whole epochs are one program.
            jit_compile: Accepted and not needed: everything is compiled.
            auto_scale_loss: Accepted; float16 training does not scale its loss.

        Raises:
            ArgumentError: Something is not known by that name.
        """
        names = getattr(self, "output_names", None)
        optimizer = keras_optimizers.get(optimizer)
        compiled_loss = None if loss is None else CompiledLoss(loss, loss_weights, names)
        compiled_metrics = None
        if metrics is not None or weighted_metrics is not None:
            compiled_metrics = CompiledMetrics(metrics, weighted_metrics, names)
        self._put(
            optimizer=optimizer,
            loss=loss,
            run_eagerly=bool(run_eagerly),
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            stop_training=False,
            compiled=True,
            _compile_loss=compiled_loss,
            _compile_metrics=compiled_metrics,
            _loss_tracker=Mean(name="loss"),
            _program_cache=None,
            _compile_arguments={
                "optimizer": optimizer,
                "loss": loss,
                "loss_weights": loss_weights,
                "metrics": metrics,
                "weighted_metrics": weighted_metrics,
                "run_eagerly": bool(run_eagerly),
                "steps_per_execution": steps_per_execution,
                "jit_compile": bool(jit_compile) and jit_compile != "auto",
            },
        )

    def get_compile_config(self) -> dict[str, Any]:
        """The arguments of `compile` as plain data."""
        if self._compile_arguments is None:
            return {}
        config: dict[str, Any] = serialize_keras_object(self._compile_arguments)
        return config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles with what `get_compile_config` returned."""
        if type(self).compile is not Trainer.compile:
            warnings.warn(
                "`compile()` was not called as part of model loading because the model's `compile()` method is custom. "
                "Override `get_compile_config()` and `compile_from_config(config)` too, or call `compile()` after "
                "loading.",
                stacklevel=2,
            )
            return
        self.compile(**deserialize_keras_object(config))
        if self.optimizer is not None and self.built:  # type: ignore[attr-defined]
            self.optimizer.build(self.trainable_variables)  # type: ignore[attr-defined]

    def _forget_programs(self) -> None:
        """Called when the model's structure changes: nothing compiled fits any more."""
        self._put(_program_cache=None)

    @property
    def _programs(self) -> Programs:
        if self._program_cache is None:
            self._put(_program_cache=Programs())
        assert self._program_cache is not None
        return self._program_cache

    def _require_compiled(self, method: str) -> None:
        if not self.compiled:
            raise ArgumentError(f"You must call `compile()` before calling `{method}()`.")

    # Metrics -----------------------------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[Any]:
        """The loss, the metrics of `compile`, the losses of single outputs, then those that layers hold."""
        found: list[Any] = []
        if self.compiled:
            found += [metric for metric in (self._loss_tracker, self._compile_metrics) if metric is not None]
            if self._compile_loss is not None:
                found += self._compile_loss.metrics
        found += getattr(self, "_metrics", [])
        for layer in self._flatten_layers():  # type: ignore[attr-defined]
            if layer is not self and not isinstance(layer, Trainer):
                found += layer._metrics
        return found

    @property
    def metrics_names(self) -> list[str]:
        return [metric.name for metric in self.metrics]

    def _result_names(self) -> list[str]:
        """Names of single metrics, in order."""
        names: list[str] = []
        for metric in self.metrics:
            names += [one.name for one in metric.metrics] if isinstance(metric, CompiledMetrics) else [metric.name]
        return names

    def reset_metrics(self) -> None:
        """Starts all metrics anew."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """All results by name."""
        results: dict[str, Any] = {}
        for metric in self.metrics:
            result = metric.result()
            if isinstance(result, Mapping):
                results.update(result)
            else:
                results[metric.name] = result
        return results

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Adds a batch to the metrics and returns all results. Override it for metrics of your own."""
        if self._compile_metrics is not None and y is not None:
            self._compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    # Steps -------------------------------------------------------------------------------------------------------

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """The loss of a batch: that of `compile`, what layers added, and penalties. Override it for your own.

        Raises:
            ArgumentError: There is none.
        """
        losses = []
        if self._compile_loss is not None and y is not None:
            loss = self._compile_loss(y, y_pred, sample_weight)
            if loss is not None:
                losses.append(loss)
        losses += [
            functions.sum(functions.cast(convert(loss), settings.floatx()))
            for loss in self.losses  # type: ignore[attr-defined]
        ]
        if not losses:
            hint = " The data has no targets `y`." if self._compile_loss is not None else ""
            raise ArgumentError(f"No loss to compute. Provide a `loss` argument in `compile()`.{hint}")
        total = losses[0]
        for loss in losses[1:]:
            total = total + loss
        return total

    def _compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Tensor:
        arguments = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": sample_weight}
        if "training" in inspect.signature(self.compute_loss).parameters:
            arguments["training"] = training
        return self.compute_loss(**arguments)

    def train_step(self, data: Any) -> Any:
        """One step of training on a batch ``(x, y, sample_weight)``; returns results by name. May be overridden."""
        x, y, sample_weight = unpack(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)  # type: ignore[operator]
            loss = self._compute_loss(x, y, y_pred, sample_weight, training=True)
            self._track_loss(loss, x)
            scaled = loss if self.optimizer is None else self.optimizer.scale_loss(loss)
        variables = self.trainable_weights  # type: ignore[attr-defined]
        if variables:
            self.optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables, strict=True))
        else:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def test_step(self, data: Any) -> Any:
        """One step of evaluation on a batch; returns results by name. Override it for your own."""
        x, y, sample_weight = unpack(data)
        y_pred = self(x, training=False)  # type: ignore[operator]
        self._track_loss(self._compute_loss(x, y, y_pred, sample_weight, training=False), x)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data: Any) -> Any:
        """One step of prediction on a batch; returns outputs. Override it for your own."""
        x, _, _ = unpack(data)
        return self(x, training=False)  # type: ignore[operator]

    def _track_loss(self, loss: Tensor, x: Any) -> None:
        if self._loss_tracker is not None:
            batch = tree.flatten(x)[0].shape[0]
            self._loss_tracker.update_state(loss, sample_weight=float(batch))

    def _step_function(self, kind: str) -> Any:
        method = getattr(self, f"{kind}_step")

        def step(data: Any) -> Any:
            try:
                return method(data)
            finally:
                # What layers added belongs to this trace alone.
                self._clear_losses()  # type: ignore[attr-defined]

        return step

    def _step_key(self, kind: str) -> Any:
        """What a step depends on beyond its data."""
        if kind != "train":
            return (kind,)
        settings_of_optimizer = tuple(
            value for value in vars(self.optimizer).values() if value is None or isinstance(value, (bool, int, float))
        )
        trained = tuple(id(variable) for variable in self.trainable_variables)  # type: ignore[attr-defined]
        return kind, id(self.optimizer), settings_of_optimizer, trained

    def _run_batch(self, kind: str, data: ArrayData, num_threads: int | None = None) -> Any:
        """The results of one step on a batch, nested as the step nested them."""
        function = self._step_function(kind)
        if self.run_eagerly:
            return run_eagerly(data, function)
        self._ensure_built(data)
        step = self._programs.batch(self._step_key(kind), data, function)
        if kind != "predict" and self._compile_loss is not None:
            self._compile_loss.check_targets(data.data[1])
        return step.pack(step.run(data.leaves, num_threads))

    def _ensure_built(self, data: ArrayData) -> None:
        """Makes weights that wait for the shape of the input, and the optimizer's slots."""
        if not self.built:  # type: ignore[attr-defined]
            x = tree.map_structure(
                lambda leaf: symbolic_input((None, *leaf.shape[1:]), layer_dtype(leaf.dtype)), data.data[0]
            )
            try:
                self(x)  # type: ignore[operator]
            except Exception:  # noqa: BLE001 - whatever it is, tracing the step meets it again and says it better
                return
        optimizer = self.optimizer
        if optimizer is not None and not optimizer.built and type(self).train_step is Trainer.train_step:
            optimizer.build(self.trainable_variables)  # type: ignore[attr-defined]

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
        if isinstance(data, ArrayData) and self.run_eagerly:
            data = BatchData(SlicedArrays(data, batch_size or DEFAULT_BATCH_SIZE, generator))
        if isinstance(data, BatchData):
            return Batches(data, lambda batch: self._run_batch(kind, batch, num_threads), steps, class_weight)
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
        callbacks.on_train_begin()
        logs: dict[str, Any] = {}
        for epoch in range(initial_epoch, epochs):
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
        self, callbacks: Any, verbose: Any, loop: Loop, epochs: int = 1, add_history: bool = False
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
        names = [name for name in self._result_names() if name in logs]
        values = [logs[name] for name in (*names, *sorted(set(logs) - set(names)))]
        return values[0] if len(values) == 1 else values

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

    def _predict(
        self, x: Any, batch_size: int | None, verbose: Any, steps: int | None, callbacks: Any, num_threads: int | None
    ) -> Any:
        check_counts(batch_size=batch_size, steps=steps)
        data = to_source(x, None, None)
        single = isinstance(data, ArrayData) and data.rows <= (batch_size or DEFAULT_BATCH_SIZE)
        if isinstance(data, ArrayData):
            batches = BatchData(SlicedArrays(data, batch_size or DEFAULT_BATCH_SIZE, None))
        else:
            batches = data
        loop = Batches(batches, lambda batch: self._run_batch("predict", batch, num_threads), steps)
        callbacks = self._callback_list(callbacks, verbose, loop)
        outputs = self._predict_loop(loop, callbacks)
        if single and type(x) is np.ndarray and not self.run_eagerly and len(tree.flatten(outputs)) == 1:
            step = self._programs.batch(self._step_key("predict"), data, self._step_function("predict"))
            self._programs.predictions[x.shape, x.dtype, batch_size, steps] = step
        return outputs

    def _predict_loop(self, loop: Batches, callbacks: CallbackList) -> Any:
        self.stop_predicting = False
        callbacks.on_predict_begin()
        loop.start()
        parts: list[list[Any]] = []
        nesting: Any = None
        while True:
            callbacks.on_predict_batch_begin(len(parts))
            count, outputs = loop.advance(1)
            if not count:
                break
            leaves, nesting = tree.flatten_with_structure(outputs)
            parts.append(leaves)
            callbacks.on_predict_batch_end(len(parts) - 1, {"outputs": outputs})
            if self.stop_predicting or (loop.steps is not None and len(parts) >= loop.steps):
                break
        callbacks.on_predict_end()
        columns = zip(*parts, strict=True)
        return tree.unflatten(
            nesting, [column[0] if len(column) == 1 else np.concatenate(column) for column in columns]
        )

    # Single batches ----------------------------------------------------------------------------------------------

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

    def predict_on_batch(self, x: Any, num_threads: int | None = None) -> Any:
        """The outputs for one batch, as arrays."""
        return self._run_batch("predict", ArrayData(x), num_threads)
