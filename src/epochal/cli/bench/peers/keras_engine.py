"""A Keras, Epochal's or the real one on any of its backends, through its public `fit` and `predict`."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from . import operations, weights
from .workloads import Workload


class KerasEngine:
    """One Keras in this process.

    Args:
        peer: ``epochal`` or ``keras-BACKEND``.
        threads: For its kernels.
    """

    def __init__(self, peer: str, threads: int) -> None:
        self.peer = peer
        if peer == "epochal":
            self.keras = importlib.import_module("epochal.keras")
            importlib.import_module("epochal.config").set_num_threads(threads)
            self.versions = {"epochal": str(importlib.import_module("epochal").__version__)}
            return
        backend = peer.removeprefix("keras-")
        os.environ["KERAS_BACKEND"] = backend
        library = importlib.import_module(backend)
        if backend == "torch":
            library.set_num_threads(threads)
        if backend == "tensorflow":
            library.config.threading.set_intra_op_parallelism_threads(threads)
            library.config.threading.set_inter_op_parallelism_threads(threads)
        self.keras = importlib.import_module("keras")
        self.versions = {"keras": self.keras.__version__, backend: library.__version__}

    def facts(self, model: Any, workload: Workload) -> dict[str, Any]:
        """What must agree between engines, and the operations of a sample."""
        return {
            "parameters": int(model.count_params()),
            "training_operations": operations.training(model, workload.causal),
            "inference_operations": operations.inference(model, workload.causal),
        }

    def trainer(self, workload: Workload, x: NDArray[Any], y: NDArray[Any]) -> Any:
        """What trains an epoch or its first step."""
        return _Trainer(self, workload, x, y)

    def predictor(
        self, workload: Workload, x: NDArray[Any], given: weights.ByKind | None
    ) -> tuple[list[Callable[[], Any]], Callable[[], NDArray[Any]], dict[str, Any]]:
        """Ways to run all of `x`, of which the quickest counts; outputs to compare; facts."""
        model = workload.build(self.keras)
        if given is not None:
            weights.set_keras(model, given)
        ways = [lambda: model.predict(x, batch_size=len(x), verbose=0)]
        if self.peer != "epochal" and len(x) > 1:
            ways.append(lambda: model.predict_on_batch(x))
        return ways, ways[0], self.facts(model, workload)

    def make_weights(self, workload: Workload) -> weights.ByKind:
        """Weights for all engines."""
        return weights.made(workload.build(self.keras))


class _Trainer:
    def __init__(self, engine: KerasEngine, workload: Workload, x: NDArray[Any], y: NDArray[Any]) -> None:
        self.model = workload.build(engine.keras)
        self.x, self.y, self.batch_size = x, y, workload.batch_size
        if workload.steps_per_execution > 1:
            self.model.compile(
                optimizer=self.model.optimizer,
                loss=self.model.loss,
                steps_per_execution=workload.steps_per_execution,
            )
        self.facts = engine.facts(self.model, workload)

    def epoch(self) -> None:
        self.model.fit(self.x, self.y, batch_size=self.batch_size, epochs=1, verbose=0)

    def first_step(self) -> None:
        self.model.fit(self.x, self.y, batch_size=self.batch_size, epochs=1, steps_per_epoch=1, verbose=0)
