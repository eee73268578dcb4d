"""Which element type a layer computes in and which its weights have."""

from __future__ import annotations

from typing import Any

from epochal import dtypes
from epochal.errors import ArgumentError, DTypeError, NotSupportedError
from epochal.keras import settings

_MIXED = {"mixed_float16": ("float16", "float32"), "mixed_bfloat16": ("bfloat16", "float32")}


class DTypePolicy:
    """A pair of element types.

    Args:
        name: An element type, used for both, or ``"mixed_float16"`` or ``"mixed_bfloat16"``: compute in the
            narrow type with float32 weights. ``None`` is the global policy.

    Attributes:
        name: As given.
        compute_dtype: Name of the type of activations.
        variable_dtype: Name of the type of weights.
    """

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = dtype_policy().name
        if not isinstance(name, str):
            raise DTypeError(
                f"'name' must be a string, such as 'mixed_float16'. Received: name={name} (of type {type(name)})"
            )
        self._name = name
        if name in _MIXED:
            self._compute, self._variable = _MIXED[name]
            return
        try:
            self._compute = self._variable = dtypes.get(name).name
        except DTypeError:
            raise ArgumentError(
                f"Cannot convert '{name}' to a mixed precision DTypePolicy. Valid policies include 'mixed_float16', "
                "'mixed_bfloat16', and the name of any float dtype such as 'float32'."
            ) from None

    @property
    def name(self) -> str:
        return self._name

    @property
    def compute_dtype(self) -> str:
        return self._compute

    @property
    def variable_dtype(self) -> str:
        return self._variable

    @property
    def quantization_mode(self) -> None:
        return None

    def get_config(self) -> dict[str, Any]:
        return {"name": self._name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other._name == self._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self._name}">'


FloatDTypePolicy = DTypePolicy
_global: dict[str, DTypePolicy | None] = {"policy": None}


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are not given one; follows `floatx` until it is set."""
    return _global["policy"] or DTypePolicy(settings.floatx())


def set_dtype_policy(policy: Any) -> None:
    """Sets the global policy; ``None`` restores the default."""
    _global["policy"] = None if policy is None else get(policy)


def get(identifier: Any) -> DTypePolicy:
    """A policy from a policy, its configuration, its name or an element type."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    return DTypePolicy(dtypes.get(identifier).name)


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """A policy as plain data, as Keras writes it."""
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": dtype_policy.get_config(),
        "registered_name": None,
    }


def deserialize(config: dict[str, Any], custom_objects: Any = None) -> DTypePolicy:
    """The policy that `serialize` wrote.

    Raises:
        NotSupportedError: A quantised policy.
    """
    class_name = config.get("class_name", "DTypePolicy")
    if class_name not in ("DTypePolicy", "FloatDTypePolicy"):
        raise NotSupportedError(f"The dtype policy {class_name} is not supported. Expected DTypePolicy.")
    return DTypePolicy(**config["config"])
