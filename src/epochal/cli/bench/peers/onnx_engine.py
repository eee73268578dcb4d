"""ONNX Runtime: the PyTorch models, exported once and run by a session."""

from __future__ import annotations

import contextlib
import importlib
import io
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .weights import ByKind
from .workloads import Workload


class OnnxEngine:
    """ONNX Runtime in this process.

    Args:
        peer: ``onnxruntime``.
        threads: For its kernels.
    """

    def __init__(self, peer: str, threads: int) -> None:
        warnings.simplefilter("ignore")
        self.threads = threads
        self.runtime = importlib.import_module("onnxruntime")
        self.onnx = importlib.import_module("onnx")
        self.torch = importlib.import_module("torch")
        importlib.import_module("onnxscript")
        self.models = importlib.import_module(f"{__package__}.torch_models")
        self.versions = {"onnxruntime": self.runtime.__version__}

    def predictor(
        self, workload: Workload, x: NDArray[Any], given: ByKind | None
    ) -> tuple[list[Callable[[], Any]], Callable[[], NDArray[Any]], dict[str, Any]]:
        """Ways to run all of `x`, of which the quickest counts; outputs to compare; facts."""
        torch = self.torch
        model = self.models.for_inference(workload.name, given)
        facts = {"parameters": self.models.parameter_count(model)}
        model = model.to(memory_format=torch.contiguous_format)  # channels first, as the runtime's kernels are
        inputs = self.models.as_input(x).contiguous()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            with contextlib.redirect_stdout(io.StringIO()):
                torch.onnx.export(model, (inputs,), path, dynamo=True, verbose=False, external_data=True)
            _pad_as_keras(self.onnx, path)
            # A single sample is quicker without handing work over where the network is small: both are tried.
            counts = {self.threads, 1} if len(x) == 1 else {self.threads}
            ways = [self._way(path, inputs.numpy(), count) for count in sorted(counts)]
        return ways, ways[0], facts

    def _way(self, path: Path, x: NDArray[Any], threads: int) -> Callable[[], NDArray[Any]]:
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = self.runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
        session = self.runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        feed = {session.get_inputs()[0].name: np.ascontiguousarray(x)}
        return lambda: session.run(None, feed)[0]


def _pad_as_keras(onnx: Any, path: Path) -> None:
    """Convolutions of stride 2 padded by one are padded below and on the right alone, as Keras does; free here."""
    model = onnx.load(path, load_external_data=False)
    for node in model.graph.node:
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type == "Conv" and list(attributes["strides"].ints) == [2, 2]:
            pads = attributes.get("pads")
            if pads is not None and list(pads.ints) == [1, 1, 1, 1]:
                pads.ints[:] = [0, 0, 1, 1]
    onnx.save(model, path)
