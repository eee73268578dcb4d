"""Which layers keep nothing for the way back: `RematScope`, and `remat` for functions."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from epochal import tree
from epochal.errors import ArgumentError
from epochal.keras.layers.call import get_mask, set_mask
from epochal.tensor import Tensor, functions

MODES = ("full", "activations", "larger_than", "list_of_layers", None)


@dataclass(frozen=True)
class RematMode:
    """What a layer made inside a scope remembers of it; see `RematScope`."""

    mode: str | None
    output_size_threshold: int
    layer_names: tuple[str, ...]


_scopes: ContextVar[tuple[RematMode, ...]] = ContextVar("remat_scopes", default=())


class RematScope:
    """Layers made inside compute their intermediate values anew in the backward pass instead of keeping them.

    Less memory for more arithmetic; the numbers stay the same up to rounding. The innermost scope counts.

    Args:
        mode: ``"full"``: every layer. ``"activations"``: only the activation functions of layers.
            ``"larger_than"``: layers whose output has more elements (the batch counting as 1 where it is not known)
            than `output_size_threshold`. ``"list_of_layers"``: the layers named in `layer_names`. ``None``: none.
        output_size_threshold: For ``"larger_than"``.
        layer_names: For ``"list_of_layers"``.

    Raises:
        ArgumentError: Another mode.

    Example:
        >>> from epochal import keras
        >>> with keras.RematScope(mode="full"):
        ...     layer = keras.layers.Dense(4, activation="relu")
    """

    def __init__(
        self, mode: str | None = "full", output_size_threshold: int = 1024, layer_names: Sequence[str] | None = None
    ) -> None:
        if mode not in MODES:
            raise ArgumentError(f"Invalid mode {mode!r}. Supported modes are: {', '.join(map(repr, MODES))}.")
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = list(layer_names or ())
        self._tokens: list[Any] = []

    def __enter__(self) -> RematScope:
        mode = RematMode(self.mode, self.output_size_threshold, tuple(self.layer_names))
        self._tokens.append(_scopes.set((*_scopes.get(), mode)))
        return self

    def __exit__(self, *error: object) -> None:
        _scopes.reset(self._tokens.pop())


def get_current_remat_mode() -> RematMode | None:
    """The scope in force; ``None`` outside any."""
    scopes = _scopes.get()
    return scopes[-1] if scopes else None


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function (or layer) `f`, whose intermediate values are computed anew in the backward pass.

    Example:
        >>> import numpy as np
        >>> from epochal import keras
        >>> dense = keras.layers.Dense(4, activation="relu")
        >>> keras.remat(dense)(np.ones((2, 3), "float32")).shape
        (2, 4)
    """

    @functools.wraps(f)
    def call(*arguments: Any, **keywords: Any) -> Any:
        masks: list[Any] = []

        def noting(*inner: Any, **named: Any) -> Any:
            outputs = f(*inner, **named)
            masks.extend(get_mask(leaf) for leaf in tree.flatten(outputs))
            return outputs

        outputs = functions.remat(noting)(*arguments, **keywords)
        for leaf, mask in zip(tree.flatten(outputs), masks, strict=True):  # other tensors now
            if mask is not None:
                set_mask(leaf, mask)
        return outputs

    return call


def rematerialized(layer: Any, mode: RematMode, call: Callable[..., Any]) -> Callable[..., Any]:
    """What stands for `call` of a layer that was made in a scope."""
    if mode.mode == "full" or (mode.mode == "list_of_layers" and layer.name in mode.layer_names):
        return remat(call)
    if mode.mode == "larger_than":
        return functools.partial(_if_larger, layer, call, mode.output_size_threshold)
    if mode.mode == "activations" and callable(getattr(layer, "activation", None)):
        return functools.partial(_with_activation, layer, call)
    return call


def _if_larger(layer: Any, call: Callable[..., Any], threshold: int, *arguments: Any, **keywords: Any) -> Any:
    specifications = layer.compute_output_spec(*arguments, **keywords)
    sizes = [
        math.prod(size or 1 for size in leaf.shape) for leaf in tree.flatten(specifications) if isinstance(leaf, Tensor)
    ]
    return (remat(call) if sum(sizes) > threshold else call)(*arguments, **keywords)


def _with_activation(layer: Any, call: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    activation = layer.activation
    object.__setattr__(layer, "activation", remat(activation))
    try:
        return call(*arguments, **keywords)
    finally:
        object.__setattr__(layer, "activation", activation)
