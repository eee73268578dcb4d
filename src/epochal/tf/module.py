"""`tf.Module`: an object that finds the variables of its attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from epochal.tf.flow import name_scope
from epochal.tf.variables import Variable


class Module:
    """A thing with variables: those of its attributes, of lists and dicts among them, and of modules in those.

    Attributes:
        name: Given, or made from the class's.
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name or _snake_case(type(self).__name__)

    @property
    def name(self) -> str:
        return getattr(self, "_name", None) or _snake_case(type(self).__name__)

    @property
    def name_scope(self) -> AbstractContextManager[Any]:
        return name_scope(self.name)

    @property
    def variables(self) -> tuple[Any, ...]:
        return tuple(found for found in _leaves(self, set()) if isinstance(found, Variable))

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        return tuple(variable for variable in self.variables if variable.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Any, ...]:
        return tuple(variable for variable in self.variables if not variable.trainable)

    @property
    def submodules(self) -> tuple[Any, ...]:
        return tuple(found for found in _leaves(self, set()) if isinstance(found, Module) and found is not self)

    @classmethod
    def with_name_scope(cls, method: Any) -> Any:
        """Returns the method: names have no effect on what is computed."""
        return method


def _snake_case(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


def _leaves(value: Any, seen: set[int]) -> Iterator[Any]:
    """Variables and modules reachable from `value`, each once; attributes in the order of their names."""
    if id(value) in seen:
        return
    if isinstance(value, Variable):
        seen.add(id(value))
        yield value
    elif isinstance(value, Mapping):
        for key in value:
            yield from _leaves(value[key], seen)
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            yield from _leaves(item, seen)
    elif isinstance(value, Module):
        seen.add(id(value))
        yield value
        for key in sorted(vars(value)):
            yield from _leaves(vars(value)[key], seen)
    elif hasattr(value, "trainable_variables") and hasattr(value, "weights"):  # a layer of Keras
        seen.add(id(value))
        for variable in value.weights:
            yield from _leaves(getattr(variable, "value_variable", variable), seen)
