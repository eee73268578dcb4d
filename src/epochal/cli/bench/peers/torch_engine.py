"""Plain PyTorch, eager or compiled, as its tuning guide advises for processors.

https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html: threads set, channels last for convolutions, fused
optimizers, gradients set to none, `inference_mode`, fused attention; `torch.compile` with frozen weights and the C++
wrapper for inference.
"""

from __future__ import annotations

import copy
import importlib
import os
import shutil
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .weights import ByKind
from .workloads import Workload


class TorchEngine:
    """PyTorch in this process.

    Args:
        peer: ``torch`` or ``torch-compiled``.
        threads: For its kernels.
    """

    def __init__(self, peer: str, threads: int) -> None:
        warnings.simplefilter("ignore")
        self.compiled = peer == "torch-compiled"
        if self.compiled and not any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++"))):
            raise RuntimeError("torch.compile needs a C++ compiler, and neither g++ nor clang++ was found")
        self.torch = importlib.import_module("torch")
        self.torch.set_num_threads(threads)
        self.models = importlib.import_module(f"{__package__}.torch_models")
        if self.compiled:
            importlib.import_module("torch._inductor.config")  # compilation's own imports belong to the baseline
        self.versions = {"torch": self.torch.__version__}

    def trainer(self, workload: Workload, x: NDArray[Any], y: NDArray[Any]) -> Any:
        """What trains an epoch or its first step."""
        return _Trainer(self, workload, x, y)

    def predictor(
        self, workload: Workload, x: NDArray[Any], given: ByKind | None
    ) -> tuple[list[Callable[[], Any]], Callable[[], NDArray[Any]], dict[str, Any]]:
        """Ways to run all of `x`, of which the quickest counts; outputs to compare; facts."""
        torch = self.torch
        plain = self.models.for_inference(workload.name, given)
        facts = {"parameters": self.models.parameter_count(plain)}
        inputs = self.models.as_input(x)
        candidates = [(plain, inputs)]
        if self.compiled:
            inductor = importlib.import_module("torch._inductor.config")
            inductor.freezing = True
            inductor.cpp_wrapper = True
            candidates = [(torch.compile(plain), inputs)]
        elif x.ndim == 4:  # channels last is quicker for most convolutions, not for all
            first = copy.deepcopy(plain).to(memory_format=torch.contiguous_format)
            candidates.append((first, inputs.contiguous()))
        # freezing does not take part in `inference_mode`
        mode = torch.no_grad if self.compiled else torch.inference_mode

        def way(model: Any, inputs: Any) -> Callable[[], Any]:
            def run() -> Any:
                with mode():
                    return model(inputs)

            return run

        ways = [way(model, inputs) for model, inputs in candidates]
        strided = self.models.has_strided(plain)

        def outputs() -> NDArray[Any]:
            result: NDArray[Any] = self.models.outputs_as_keras(plain, inputs) if strided else ways[0]().numpy()
            return result

        return ways, outputs, facts


class _Trainer:
    def __init__(self, engine: TorchEngine, workload: Workload, x: NDArray[Any], y: NDArray[Any]) -> None:
        torch = engine.torch
        self.torch, self.batch_size = torch, workload.batch_size
        model, loss, optimizer = engine.models.MODELS[workload.name]()
        model.train()
        self.facts = {"parameters": engine.models.parameter_count(model)}
        self.optimizer = optimizer(model.parameters())
        self.inputs = engine.models.as_input(x)
        self.targets = torch.from_numpy(y.astype("int64") if y.dtype == np.int32 else y)

        def forward(x: Any, y: Any) -> Any:
            return loss(model(x), y)

        self.forward = torch.compile(forward) if engine.compiled else forward

    def epoch(self) -> None:
        for rows in self.torch.randperm(len(self.inputs)).split(self.batch_size):
            self._step(rows)

    def first_step(self) -> None:
        self._step(self.torch.randperm(len(self.inputs))[: self.batch_size])

    def _step(self, rows: Any) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self.forward(self.inputs[rows], self.targets[rows]).backward()
        self.optimizer.step()
