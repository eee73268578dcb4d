"""The context of a call: what a layer hands down to the layers inside it, and what its signature asks for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from epochal.ir import Origin, current_origin
from epochal.tensor import Tensor


class CallContext:
    """What holds during the call of a layer and of all it calls.

    Attributes:
        entry: The outermost layer.
        training: The training flag in force; ``None`` if no one gave one.
    """

    __slots__ = ("entry", "training")

    def __init__(self, entry: Any, training: bool | None) -> None:
        self.entry = entry
        self.training = training


_context: ContextVar[CallContext | None] = ContextVar("call", default=None)


def current_call() -> CallContext | None:
    """The call in progress."""
    return _context.get()


@contextmanager
def calling(layer: Any, training: bool | None) -> Iterator[CallContext]:
    """The context inside the call of `layer`."""
    outer = _context.get()
    context = CallContext(layer if outer is None else outer.entry, training)
    token = _context.set(context)
    try:
        yield context
    finally:
        _context.reset(token)


def origin_of(name: str, outer: CallContext | None) -> Origin:
    """Where what a layer of that name computes comes from: itself, after the layers around it but the model."""
    around = current_origin().layer
    if outer is None or not around or (around == outer.entry.name and hasattr(outer.entry, "train_step")):
        return Origin(layer=name)
    return Origin(layer=f"{around}/{name}")


@dataclass(frozen=True)
class CallSignature:
    """What a `call` method takes.

    Attributes:
        signature: Its parameters, without ``self``.
        names: Names of the parameters that may be positional.
        has_training: Whether it takes ``training``.
        masks: For each parameter that has one, the name of its mask parameter.
        training_default: Default of ``training``.
    """

    signature: inspect.Signature
    names: tuple[str, ...]
    has_training: bool
    masks: dict[str, str]
    training_default: Any

    def position(self, name: str) -> int:
        """How many parameters come before that one."""
        return self.names.index(name) if name in self.names else len(self.names)


_signatures: WeakKeyDictionary[Any, CallSignature] = WeakKeyDictionary()


def call_signature(method: Callable[..., Any]) -> CallSignature:
    """The signature of a class's `call`, worked out once."""
    found = _signatures.get(method)
    if found is None:
        found = _signatures[method] = _analyse(method)
    return found


def _analyse(method: Callable[..., Any]) -> CallSignature:
    signature = inspect.signature(method)
    parameters = list(signature.parameters.values())[1:]
    signature = signature.replace(parameters=parameters)
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = tuple(parameter.name for parameter in parameters if parameter.kind in positional)
    all_names = {parameter.name for parameter in parameters}
    masks = {}
    for index, name in enumerate(names):
        if f"{name}_mask" in all_names:
            masks[name] = f"{name}_mask"
        elif index == 0 and "mask" in all_names:
            masks[name] = "mask"
    training = signature.parameters.get("training")
    default = None if training is None or training.default is inspect.Parameter.empty else training.default
    return CallSignature(signature, names, training is not None, masks, default)


def get_mask(x: Any) -> Any:
    """The mask that a layer attached to a tensor: bool ``[batch, time]``, or ``None``."""
    return getattr(x, "_keras_mask", None)


def set_mask(x: Any, mask: Any) -> None:
    """Attaches a mask to a tensor."""
    if isinstance(x, Tensor):
        x._keras_mask = mask
