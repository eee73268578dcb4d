"""The same workloads in plain PyTorch: what a user of that library would write by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from torch import nn

Parts: TypeAlias = tuple[nn.Module, nn.Module, Callable[..., torch.optim.Optimizer]]
"""A model, its loss, and what makes its optimizer."""


class _LastState(nn.Module):
    """An LSTM's last output."""

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, units, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lstm(x)[0][:, -1]


def _seed() -> Parts:
    return nn.Linear(2, 1), nn.MSELoss(), torch.optim.SGD


def _mlp() -> Parts:
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    return model, nn.CrossEntropyLoss(), torch.optim.Adam


def _cnn() -> Parts:
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10),
    )  # fmt: skip
    return model, nn.CrossEntropyLoss(), torch.optim.Adam


def _lstm() -> Parts:
    model = nn.Sequential(nn.Embedding(10000, 128), _LastState(128, 128), nn.Linear(128, 1))
    return model, nn.BCEWithLogitsLoss(), torch.optim.Adam


class _Encoder(nn.Module):
    """Embedding, two post-norm transformer blocks, mean over tokens, two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10000, 128)
        self.blocks = nn.Sequential(
            *(nn.TransformerEncoderLayer(128, 4, 512, 0.0, activation="gelu", batch_first=True) for _ in range(2))
        )
        self.head = nn.Linear(128, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.embedding(tokens)).mean(1))


class _Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv2d(inputs, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip
        shortcut = (nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))
        self.shortcut = nn.Sequential(*shortcut) if stride != 1 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.path(x) + self.shortcut(x))


def _tfm() -> Parts:
    return _Encoder(), nn.CrossEntropyLoss(), torch.optim.Adam


def _resnet() -> Parts:
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    inputs = 16
    for channels in (16, 32, 64):
        for block in range(3):
            layers.append(_Residual(inputs, channels, 2 if channels > 16 and block == 0 else 1))
            inputs = channels
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    model = nn.Sequential(*layers).to(memory_format=torch.channels_last)
    return model, nn.CrossEntropyLoss(), partial(torch.optim.SGD, momentum=0.9)


MODELS: dict[str, Callable[[], Parts]] = {
    "seed": _seed,
    "mlp": _mlp,
    "cnn": _cnn,
    "lstm": _lstm,
    "tfm": _tfm,
    "resnet": _resnet,
}


def epoch(name: str, x: np.ndarray, y: np.ndarray, batch_size: int) -> Callable[[], None]:
    """A function that trains one epoch over shuffled batches."""
    model, loss, optimizer_class = MODELS[name]()
    inputs = torch.from_numpy(x.transpose(0, 3, 1, 2).copy() if x.ndim == 4 else x)
    targets = torch.from_numpy(y.astype("int64") if y.dtype == np.int32 else y)
    optimizer = optimizer_class(model.parameters(), lr=0.01 if name in ("seed", "resnet") else 0.001)
    model.train()

    def run() -> None:
        order = torch.randperm(len(inputs))
        for start in range(0, len(inputs), batch_size):
            rows = order[start : start + batch_size]
            optimizer.zero_grad(set_to_none=True)
            loss(model(inputs[rows]), targets[rows]).backward()
            optimizer.step()

    return run
