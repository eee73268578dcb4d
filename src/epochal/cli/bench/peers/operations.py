"""Dense floating point operations of a model, counted from its layers' shapes.

Products and convolutions alone are counted, a multiplication and an addition as two; what is elementwise is not. By
this count a program that skips work which need not be done (the zeros of a max-pooling's gradient) can exceed the peak.
"""

from __future__ import annotations

import math
from typing import Any


def training(model: Any, causal: bool = False) -> float:
    """Operations of one sample's forward pass and both gradients.

    Nothing needs the gradient of the first layer's input; all that follow it have weights before them.
    """
    first = next((layer for layer in model.layers if layer.weights), None)
    return sum(forward_of(layer, causal) * (2 if layer is first else 3) for layer in model.layers)


def inference(model: Any, causal: bool = False) -> float:
    """Operations of one sample's forward pass."""
    return sum(forward_of(layer, causal) for layer in model.layers)


def forward_of(layer: Any, causal: bool) -> float:
    """Operations of one layer for one sample; 0 for a layer without products."""
    kind = type(layer).__name__
    if kind in ("Dense", "Conv2D"):
        return 2.0 * math.prod(layer.output.shape[1:]) * math.prod(layer.kernel.shape[:-1])
    if kind == "LSTM":
        matrices = [weight.shape for weight in layer.weights if len(weight.shape) == 2]
        return 2.0 * layer.input.shape[1] * sum(map(math.prod, matrices))
    if kind == "MultiHeadAttention":
        return _attention(layer, causal)
    return 0.0


def _attention(layer: Any, causal: bool) -> float:
    """Four projections; scores and their product with the values, of which a causal mask needs about half."""
    kernels = [weight.shape for weight in layer.weights if len(weight.shape) == 3]
    tokens = layer.output.shape[1]
    pairs = tokens * (tokens + 1) / 2 if causal else tokens**2
    heads_width = math.prod(kernels[0][1:])
    return 2.0 * tokens * sum(map(math.prod, kernels)) + 2 * 2.0 * pairs * heads_width
