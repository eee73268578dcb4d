"""Names under which a program's own classes and functions are written to files and found again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

from epochal.errors import ArgumentError

_custom_objects: dict[str, Any] = {}
_registered_names: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
_scoped: ContextVar[tuple[Mapping[str, Any], ...]] = ContextVar("custom_objects", default=())


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Decorator: lets files name a class or function as ``package>name``.

    Args:
        package: Whose it is.
        name: Its name; by default the class's or function's own.

    Raises:
        ArgumentError: A class without `get_config`.
    """

    def register(target: Any) -> Any:
        full_name = f"{package}>{name or target.__name__}"
        if inspect.isclass(target) and not hasattr(target, "get_config"):
            raise ArgumentError(
                f"Cannot register a class that does not have a get_config() method. Received: {target.__name__}. "
                "Define get_config, which returns the arguments of its constructor."
            )
        _custom_objects[full_name] = target
        _registered_names[target] = full_name
        return target

    return register


class CustomObjectScope:
    """Within ``with CustomObjectScope({"MyLayer": MyLayer}):`` loading and look-ups by name know these names."""

    def __init__(self, custom_objects: Mapping[str, Any]) -> None:
        self.custom_objects = dict(custom_objects or {})
        self._tokens: list[Any] = []

    def __enter__(self) -> CustomObjectScope:
        self._tokens.append(_scoped.set((self.custom_objects, *_scoped.get())))
        return self

    def __exit__(self, *_: object) -> None:
        _scoped.reset(self._tokens.pop())


custom_object_scope = CustomObjectScope


@contextmanager
def maybe_scope(custom_objects: Mapping[str, Any] | None) -> Iterator[None]:
    """`CustomObjectScope`, or nothing where there are no objects."""
    if not custom_objects:
        yield
        return
    with CustomObjectScope(custom_objects):
        yield


def get_custom_objects() -> dict[str, Any]:
    """The process-wide names; writing to the dictionary adds to them."""
    return _custom_objects


def get_registered_name(obj: Any) -> str:
    """The name `obj` (a class or function) is registered under, or its own."""
    try:
        return _registered_names.get(obj) or obj.__name__
    except TypeError:  # no weak reference can be made to it
        return obj.__name__


def is_registered(obj: Any) -> bool:
    try:
        return obj in _registered_names
    except TypeError:
        return False


def function_name(function: Any) -> str:
    """How a file names a function."""
    return get_registered_name(function)


def registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """The class or function of that name, or ``None``. Scopes come before `custom_objects`, `module_objects` last."""
    for known in (*_scoped.get(), _custom_objects, custom_objects or {}, module_objects or {}):
        if name in known:
            return known[name]
    return None


get_registered_object = registered_object
