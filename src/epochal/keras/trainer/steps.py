"""What training needs to know and one step of it: `compile`, metrics, losses, steps on single batches."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from epochal import tree
from epochal.errors import ArgumentError
from epochal.ir import Origin, origin
from epochal.keras import optimizers as keras_optimizers
from epochal.keras import settings
from epochal.keras.callbacks.history import History
from epochal.keras.metrics.reduction import Mean
from epochal.keras.saving.serialization import deserialize_keras_object, serialize_keras_object
from epochal.keras.trainer.arguments import layer_dtype
from epochal.keras.trainer.compiled_loss import CompiledLoss
from epochal.keras.trainer.compiled_metrics import CompiledMetrics
from epochal.keras.trainer.data import ArrayData, unpack
from epochal.keras.trainer.programs import Programs, run_eagerly
from epochal.learn.step import Step
from epochal.tensor import GradientTape, Tensor, convert, functions
from epochal.tensor.trace import symbolic_input


class Steps:
    """`compile` and single steps; `Trainer` adds the loops.

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
        if type(self).compile is not Steps.compile:
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
            if layer is not self and not isinstance(layer, Steps):
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
            with origin(Origin("loss", phase="loss")):
                loss = self._compute_loss(x, y, y_pred, sample_weight, training=True)
                self._track_loss(loss, x)
            scaled = loss if self.optimizer is None else self.optimizer.scale_loss(loss)
        variables = self.trainable_weights  # type: ignore[attr-defined]
        if variables:
            gradients = tape.gradient(scaled, variables)
            with origin(Origin("update", phase="update")):
                self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        else:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)
        with origin(Origin("metrics", phase="metrics")):
            return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def test_step(self, data: Any) -> Any:
        """One step of evaluation on a batch; returns results by name. Override it for your own."""
        x, y, sample_weight = unpack(data)
        y_pred = self(x, training=False)  # type: ignore[operator]
        with origin(Origin("loss", phase="loss")):
            self._track_loss(self._compute_loss(x, y, y_pred, sample_weight, training=False), x)
        with origin(Origin("metrics", phase="metrics")):
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
        if self.run_eagerly:
            return run_eagerly(data, self._step_function(kind))
        self._ensure_built(data)
        data = data.direct()
        step = self._batch_step(kind, data)
        if kind != "predict" and self._compile_loss is not None:
            self._compile_loss.check_targets(data.data[1])
        return step.pack(step.run(data.leaves, num_threads))

    def _batch_step(self, kind: str, data: ArrayData) -> Step:
        """The step on one batch like `data`."""
        return self._programs.batch(self._step_key(kind), data, self._step_function(kind))

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
        if optimizer is not None and not optimizer.built and type(self).train_step is Steps.train_step:
            optimizer.build(self.trainable_variables)  # type: ignore[attr-defined]
