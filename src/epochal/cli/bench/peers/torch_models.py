"""The same workloads in plain PyTorch: what a user of that library would write by hand.

Layers are created in the order in which the Keras models create theirs, so that weights can be carried over.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from . import workloads
from .weights import ByKind, consume

Parts: TypeAlias = tuple[nn.Module, Callable[..., torch.Tensor], Callable[..., torch.optim.Optimizer]]
"""A model, its loss, and what makes its optimizer. Models give logits."""

_adam = partial(torch.optim.Adam, lr=1e-3, eps=1e-7, fused=True)
_momentum = partial(torch.optim.SGD, lr=0.01, momentum=0.9, fused=True)
_norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)


class _LastState(nn.Module):
    """An LSTM's last output."""

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, units, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lstm(x)[0][:, -1]


def _seed() -> Parts:
    return nn.Linear(2, 1), nn.MSELoss(), partial(torch.optim.SGD, lr=0.01)


def _mlp() -> Parts:
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    return model, nn.CrossEntropyLoss(), _adam


class _FlattenLast(nn.Module):
    """Flattens images in the order rows, columns, channels: no copy where they are stored so."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


def _cnn() -> Parts:
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        _FlattenLast(), nn.Dropout(0.5), nn.Linear(1600, 10),
    ).to(memory_format=torch.channels_last)  # fmt: skip
    return model, nn.CrossEntropyLoss(), _adam


def _lstm() -> Parts:
    model = nn.Sequential(nn.Embedding(10000, 128), _LastState(128, 128), nn.Linear(128, 1))
    return model, nn.BCEWithLogitsLoss(), _adam


class _Attention(nn.Module):
    """Self-attention with one product for queries, keys and values."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.inner = nn.Linear(width, 3 * width)
        self.outer = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        q, k, v = self.inner(x).view(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.outer(y.transpose(1, 2).reshape(batch, tokens, width))


class _Block(nn.Module):
    """Attention and a two-layer perceptron, residuals around both, normalised before (GPT-2) or after."""

    def __init__(self, width: int, heads: int, epsilon: float, causal: bool, before: bool) -> None:
        super().__init__()
        self.before = before
        self.attention = _Attention(width, heads, causal)
        self.first = nn.LayerNorm(width, epsilon)
        self.second = nn.LayerNorm(width, epsilon)
        self.hidden = nn.Linear(width, 4 * width)
        self.back = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.before:
            x = x + self.attention(self.first(x))
            return x + self._perceptron(self.second(x))
        x = self.first(x + self.attention(x))
        return self.second(x + self._perceptron(x))

    def _perceptron(self, x: torch.Tensor) -> torch.Tensor:
        return self.back(functional.gelu(self.hidden(x)))


class _Mean(nn.Module):
    """Mean over tokens."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(1)


def _tfm() -> Parts:
    blocks = (_Block(128, 4, 1e-3, causal=False, before=False) for _ in range(2))
    return nn.Sequential(nn.Embedding(10000, 128), *blocks, _Mean(), nn.Linear(128, 2)), nn.CrossEntropyLoss(), _adam


class _Residual(nn.Module):
    """A path of convolutions and a shortcut."""

    def __init__(self, path: list[nn.Module], shortcut: list[nn.Module]) -> None:
        super().__init__()
        self.path = nn.Sequential(*path)
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.path(x) + self.shortcut(x))


class StridedConv(nn.Conv2d):
    """A 3x3 convolution of stride 2, padded as usual in PyTorch: by one on all sides.

    Keras's ``"same"`` pads an even image below and on the right alone. That costs a copy in PyTorch, so it is done only
    where outputs are compared (`as_keras`).
    """

    as_keras = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.as_keras:
            return functional.conv2d(functional.pad(x, (0, 1, 0, 1)), self.weight, None, self.stride)
        return super().forward(x)


def _same(inputs: int, channels: int, size: int, stride: int = 1) -> list[nn.Module]:
    """A convolution padded as usual in PyTorch, and its normalisation."""
    kind = StridedConv if size == 3 and stride == 2 else nn.Conv2d
    return [kind(inputs, channels, size, stride, size // 2, bias=False), _norm(channels)]


def _resnet() -> Parts:
    layers: list[nn.Module] = [*_same(3, 16, 3), nn.ReLU()]
    inputs = 16
    for channels in (16, 32, 64):
        for block in range(3):
            stride = 2 if channels > 16 and block == 0 else 1
            path = [*_same(inputs, channels, 3, stride), nn.ReLU(), *_same(channels, channels, 3)]
            layers.append(_Residual(path, _same(inputs, channels, 1, stride) if stride != 1 else []))
            inputs = channels
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last), nn.CrossEntropyLoss(), _momentum


def _resnet50() -> Parts:
    layers: list[nn.Module] = [*_same(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for channels, blocks, first in workloads.RESNET50_STAGES:
        for block in range(blocks):
            stride = first if block == 0 else 1
            path = [*_same(inputs, channels, 1, stride), nn.ReLU(), *_same(channels, channels, 3), nn.ReLU()]
            path += _same(channels, 4 * channels, 1)
            layers.append(_Residual(path, _same(inputs, 4 * channels, 1, stride) if block == 0 else []))
            inputs = 4 * channels
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1000)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last), nn.CrossEntropyLoss(), _momentum


class _Positions(nn.Module):
    """Adds a learned vector to each position."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(0.05 * torch.randn(tokens, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.table


def _gpt2() -> Parts:
    width = workloads.GPT2_WIDTH
    blocks = [_Block(width, workloads.GPT2_HEADS, 1e-5, causal=True, before=True) for _ in range(workloads.GPT2_LAYERS)]
    model = nn.Sequential(
        nn.Embedding(workloads.GPT2_VOCABULARY, width), _Positions(workloads.GPT2_TOKENS, width), *blocks,
        nn.LayerNorm(width, 1e-5), nn.Linear(width, workloads.GPT2_VOCABULARY, bias=False),
    )  # fmt: skip

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    return model, loss, partial(torch.optim.Adam, lr=1e-4, eps=1e-7, fused=True)


MODELS: dict[str, Callable[[], Parts]] = {
    "seed": _seed,
    "mlp": _mlp,
    "cnn": _cnn,
    "lstm": _lstm,
    "tfm": _tfm,
    "resnet": _resnet,
    "resnet50": _resnet50,
    "gpt2": _gpt2,
}


def as_input(x: NDArray[Any]) -> torch.Tensor:
    """A Keras model's input as PyTorch wants it: images with channels first, stored channels last."""
    tensor = torch.from_numpy(x)
    return tensor.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last) if x.ndim == 4 else tensor


def parameter_count(model: nn.Module) -> int:
    """Parameters and moving statistics; `nn.LSTM` has a second bias that changes nothing, which is left out."""
    named = [*model.named_parameters(), *model.named_buffers()]
    return sum(tensor.numel() for name, tensor in named if "bias_hh" not in name and "num_batches" not in name)


def for_inference(name: str, given: ByKind | None) -> nn.Module:
    """The model with its last activation, in evaluation mode."""
    model = MODELS[name]()[0]
    if given is not None:
        load(model, given)
    ends = {"lstm": nn.Sigmoid(), "seed": nn.Identity(), "gpt2": nn.Identity()}
    return nn.Sequential(model, ends.get(name, nn.Softmax(-1))).eval()


def has_strided(model: nn.Module) -> bool:
    """Whether the model's padding differs from the Keras model's."""
    return any(isinstance(module, StridedConv) for module in model.modules())


def outputs_as_keras(model: nn.Module, inputs: torch.Tensor) -> NDArray[Any]:
    """Outputs with Keras's padding."""
    StridedConv.as_keras = True
    try:
        with torch.inference_mode():
            outputs: NDArray[Any] = model(inputs).numpy()
            return outputs
    finally:
        StridedConv.as_keras = False


def load(model: nn.Module, given: ByKind) -> None:
    """Weights of the Keras model, layer by layer."""
    layers = consume(given)
    with torch.no_grad():
        for module in model.modules():
            _load_one(module, layers)


def _load_one(module: nn.Module, layers: dict[str, Any]) -> None:
    if isinstance(module, _Attention):
        *inner, outer, outer_bias = next(layers["MultiHeadAttention"])
        width = module.outer.in_features
        module.inner.weight.copy_(_tensor(np.concatenate([kernel.reshape(width, -1).T for kernel in inner[::2]])))
        module.inner.bias.copy_(_tensor(np.concatenate([bias.reshape(-1) for bias in inner[1::2]])))
        module.outer.weight.copy_(_tensor(outer.reshape(width, width).T))
        module.outer.bias.copy_(_tensor(outer_bias))
        module.inner.loaded = module.outer.loaded = True  # type: ignore[assignment]
    elif isinstance(module, nn.Linear) and not hasattr(module, "loaded"):
        kernel, *bias = next(layers["Dense"])
        _copy((module.weight, module.bias), (kernel.T, *bias))
    elif isinstance(module, nn.Conv2d):
        kernel, *bias = next(layers["Conv2D"])
        _copy((module.weight, module.bias), (kernel.transpose(3, 2, 0, 1), *bias))
    elif isinstance(module, nn.BatchNorm2d):
        arrays = next(layers["BatchNormalization"])
        _copy((module.weight, module.bias, module.running_mean, module.running_var), arrays)
    elif isinstance(module, nn.LayerNorm):
        _copy((module.weight, module.bias), next(layers["LayerNormalization"]))
    elif isinstance(module, nn.Embedding):
        _copy((module.weight,), next(layers["Embedding"]))
    elif isinstance(module, _Positions):
        _copy((module.table,), next(layers["Positions"]))
    elif isinstance(module, nn.LSTM):
        kernel, recurrent, bias = next(layers["LSTM"])
        arrays = (kernel.T, recurrent.T, bias, np.zeros_like(bias))
        _copy((module.weight_ih_l0, module.weight_hh_l0, module.bias_ih_l0, module.bias_hh_l0), arrays)


def _copy(tensors: Any, arrays: Any) -> None:
    for tensor, array in zip(tensors, arrays, strict=False):
        tensor.copy_(_tensor(array))


def _tensor(array: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
