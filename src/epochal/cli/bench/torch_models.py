"""The same workloads in plain PyTorch: what a user of that library would write by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn


class _LastState(nn.Module):
    """An LSTM's last output."""

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, units, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lstm(x)[0][:, -1]


def _seed() -> tuple[nn.Module, nn.Module, type]:
    return nn.Linear(2, 1), nn.MSELoss(), torch.optim.SGD


def _mlp() -> tuple[nn.Module, nn.Module, type]:
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    return model, nn.CrossEntropyLoss(), torch.optim.Adam


def _cnn() -> tuple[nn.Module, nn.Module, type]:
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10),
    )  # fmt: skip
    return model, nn.CrossEntropyLoss(), torch.optim.Adam


def _lstm() -> tuple[nn.Module, nn.Module, type]:
    model = nn.Sequential(nn.Embedding(10000, 128), _LastState(128, 128), nn.Linear(128, 1))
    return model, nn.BCEWithLogitsLoss(), torch.optim.Adam


MODELS: dict[str, Callable[[], tuple[nn.Module, nn.Module, type]]] = {
    "seed": _seed,
    "mlp": _mlp,
    "cnn": _cnn,
    "lstm": _lstm,
}


def epoch(name: str, x: np.ndarray, y: np.ndarray, batch_size: int) -> Callable[[], None]:
    """A function that trains one epoch over shuffled batches."""
    model, loss, optimizer_class = MODELS[name]()
    inputs = torch.from_numpy(x.transpose(0, 3, 1, 2).copy() if x.ndim == 4 else x)
    targets = torch.from_numpy(y.astype("int64") if y.dtype == np.int32 else y)
    optimizer = optimizer_class(model.parameters(), lr=0.01 if name == "seed" else 0.001)
    model.train()

    def run() -> None:
        order = torch.randperm(len(inputs))
        for start in range(0, len(inputs), batch_size):
            rows = order[start : start + batch_size]
            optimizer.zero_grad(set_to_none=True)
            loss(model(inputs[rows]), targets[rows]).backward()
            optimizer.step()

    return run
