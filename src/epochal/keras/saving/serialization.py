"""Objects as plain data and back, in the form Keras 3 writes into ``config.json``.

Loading builds only classes of this package and ones that the program registered or passed; it imports no module that
a file names and runs no code that a file carries, unless `safe_mode` is off and the file holds a `Lambda`.
"""

from __future__ import annotations

import base64
import importlib
import inspect
import marshal
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from epochal.dtypes import DType
from epochal.errors import ArgumentError, NotSupportedError
from epochal.keras import settings
from epochal.keras.saving.registry import get_registered_name, is_registered, maybe_scope, registered_object
from epochal.tensor import Tensor, constant

# Where a file's module names lead. Classes are looked up nowhere else.
MODULES = {
    "activations": "epochal.keras.activations",
    "callbacks": "epochal.keras.callbacks",
    "constraints": "epochal.keras.constraints",
    "dtype_policies": "epochal.keras.dtype_policies",
    "initializers": "epochal.keras.initializers",
    "layers": "epochal.keras.layers",
    "losses": "epochal.keras.losses",
    "metrics": "epochal.keras.metrics",
    "models": "epochal.keras.models",
    "optimizers": "epochal.keras.optimizers",
    "random": "epochal.keras.random",
    "regularizers": "epochal.keras.regularizers",
}
_TOP_LEVEL = {"DTypePolicy": "dtype_policies", "Sequential": "models", "Model": "models", "Functional": "models"}
_FUNCTION_MODULES = ("activations", "losses", "metrics", "initializers", "regularizers", "constraints")
_PACKAGE = "epochal.keras."

_safe_mode: ContextVar[bool | None] = ContextVar("safe_mode", default=None)
_shared: ContextVar[dict[int, Any] | None] = ContextVar("shared", default=None)


@contextmanager
def loading(safe_mode: bool | None = None) -> Iterator[None]:
    """While a file is read: objects that it shares between places are made once, and `safe_mode` holds throughout."""
    tokens = _safe_mode.set(safe_mode if safe_mode is not None else _safe_mode.get()), _shared.set(_shared.get() or {})
    try:
        yield
    finally:
        _safe_mode.reset(tokens[0])
        _shared.reset(tokens[1])


def in_safe_mode() -> bool:
    """Whether code in files is refused."""
    mode = _safe_mode.get()
    return not settings.is_unsafe_deserialization_enabled() if mode is None else mode


def serialize_keras_object(obj: Any) -> Any:
    """`obj` as plain data: scalars, strings, lists and dictionaries.

    Raises:
        ArgumentError: It has no `get_config` and is not plain data.
    """
    if obj is None or isinstance(obj, (str, bool, int, float)):
        return obj
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, DType):
        return obj.name
    if isinstance(obj, np.dtype):
        return obj.name
    if isinstance(obj, (list, tuple)):
        return (
            type(obj)(serialize_keras_object(item) for item in obj)
            if type(obj) in (list, tuple)
            else [serialize_keras_object(item) for item in obj]
        )
    if isinstance(obj, Mapping):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    special = _serialize_special(obj)
    return _serialize_object(obj) if special is None else special


def _serialize_special(obj: Any) -> dict[str, Any] | None:
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8", "surrogateescape")}}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, slice):
        parts = {"start": obj.start, "stop": obj.stop, "step": obj.step}
        return {"class_name": "__slice__", "config": {key: serialize_keras_object(part) for key, part in parts.items()}}
    if isinstance(obj, Tensor) and obj.is_symbolic:
        history = getattr(obj, "keras_history", None)
        config = {"shape": obj.shape, "dtype": obj.dtype.name, "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(obj, Tensor):
        return {"class_name": "__tensor__", "config": {"value": obj.numpy().tolist(), "dtype": obj.dtype.name}}
    if isinstance(obj, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": obj.dtype.name}}
    if isinstance(obj, types.FunctionType) and obj.__name__ == "<lambda>":
        return {"class_name": "__lambda__", "config": {"value": _dump_lambda(obj)}}
    return None


def _dump_lambda(function: types.FunctionType) -> dict[str, Any]:
    code = base64.encodebytes(marshal.dumps(function.__code__)).decode("ascii")
    closure = tuple(cell.cell_contents for cell in function.__closure__) if function.__closure__ else None
    return {"code": code, "defaults": function.__defaults__, "closure": closure}


def public_module(obj: Any) -> str | None:
    """The module a class or function is written under: ``keras.layers`` for ours, its own for a program's."""
    module = getattr(obj, "__module__", None)
    if module is not None and module.startswith(_PACKAGE):
        part = module[len(_PACKAGE) :].split(".")[0]
        if module.endswith("optimizers.schedules"):
            return "keras.optimizers.schedules"
        return "keras" if _TOP_LEVEL.get(obj.__name__) == part else f"keras.{part}"
    return None if module in ("__main__", "builtins") else module


def _serialize_object(obj: Any) -> dict[str, Any]:
    if isinstance(obj, (types.FunctionType, types.BuiltinFunctionType)):
        name = get_registered_name(obj)
        return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    if inspect.isclass(obj):
        name = get_registered_name(obj)
        return {"module": public_module(obj), "class_name": "type", "config": name, "registered_name": name}
    if not hasattr(obj, "get_config"):
        raise ArgumentError(
            f"Cannot serialize object {obj} of type {type(obj)}. To be serializable, a class must implement the "
            "`get_config()` method."
        )
    cls = type(obj)
    ours = cls.__module__.startswith(_PACKAGE) and not is_registered(cls)
    config = {
        "module": public_module(cls) if ours else (None if is_registered(cls) else public_module(cls)),
        "class_name": cls.__name__,
        "config": obj.get_config(),
        "registered_name": None if ours else get_registered_name(cls),
    }
    if cls.__name__ == "Functional" and ours:
        config.update(module="keras.src.models.functional", registered_name="Functional")
    for key, method in (("build_config", "get_build_config"), ("compile_config", "get_compile_config")):
        value = getattr(obj, method, lambda: None)()
        if value is not None:
            config[key] = serialize_keras_object(value)
    return config


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool | None = None,
    module_objects: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Any:
    """The object that `serialize_keras_object` wrote.

    Args:
        config: Plain data.
        custom_objects: Classes and functions of the program by name.
        safe_mode: Whether to refuse Python code; ``None`` keeps what is in force (refused by default).
        module_objects: Where a bare name is looked up.
        **kwargs: None are known.

    Raises:
        ArgumentError: A class that is not known, or a configuration its class does not take.
    """
    if kwargs:
        raise ArgumentError(f"Unrecognized keyword arguments: {sorted(kwargs)}")
    with maybe_scope(custom_objects), loading(safe_mode):
        return _deserialize(config, module_objects)


def _deserialize(config: Any, module_objects: Mapping[str, Any] | None = None) -> Any:
    if isinstance(config, str):
        found = registered_object(config, module_objects=module_objects) if module_objects else None
        return config if found is None else found
    if isinstance(config, (list, tuple)):
        return type(config)(_deserialize(item, module_objects) for item in config)
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {key: _deserialize(value, module_objects) for key, value in config.items()}
    class_name, inner = config["class_name"], config["config"]
    if not isinstance(class_name, str):
        raise ArgumentError(f"`class_name` must be a string. Received: {class_name!r}")
    special = _SPECIAL.get(class_name)
    if special is not None:
        return special(inner or {})
    if class_name == "function":
        return _find_function(inner, config, module_objects)
    cls = find_class(config, module_objects)
    return cls if class_name == "type" else _instantiate(cls, config)


def _instantiate(cls: Any, config: dict[str, Any]) -> Any:
    shared, key = _shared.get(), config.get("shared_object_id")
    if shared is not None and key in shared:
        return shared[key]
    if not hasattr(cls, "from_config"):
        raise ArgumentError(f"Unable to reconstruct an instance of '{cls.__name__}': it has no from_config() method.")
    try:
        instance = cls.from_config(config["config"])
    except TypeError as error:
        raise ArgumentError(
            f"{cls} could not be deserialized properly: {error}. Expected a configuration of the constructor's "
            f"arguments, as its get_config() returns. Received: config={config['config']}"
        ) from error
    if config.get("build_config") and hasattr(instance, "build_from_config"):
        instance.build_from_config(config["build_config"])
    if config.get("compile_config") and hasattr(instance, "compile_from_config"):
        instance.compile_from_config(config["compile_config"])
    if shared is not None and key is not None:
        shared[key] = instance
    return instance


def module_key(module: Any) -> str | None:
    """The row of `MODULES` that a file's module name means: ``keras.src.layers.core.dense`` -> ``layers``."""
    if not isinstance(module, str):
        return None
    parts = module.split(".")
    if parts[0] == "tensorflow" or parts[0] == "tf_keras":
        parts = parts[1:]
    if not parts or parts[0] != "keras":
        return None
    parts = [part for part in parts[1:] if part not in ("src", "api")]
    if not parts:
        return ""
    return parts[0] if parts[0] in MODULES else None


def _builtin(key: str, name: str) -> Any:
    """An attribute of one of our modules that has been loaded on demand; ``None`` if there is none."""
    if name.startswith("_"):
        return None
    return getattr(importlib.import_module(MODULES[key]), name, None)


def find_class(config: Mapping[str, Any], module_objects: Mapping[str, Any] | None = None) -> Any:
    """The class that a configuration names.

    Raises:
        ArgumentError: It is neither ours nor known to the program.
    """
    name, registered = config["class_name"], config.get("registered_name")
    if name == "type":
        name = config["config"]
    for candidate in (registered, name):
        found = registered_object(candidate, module_objects=module_objects) if isinstance(candidate, str) else None
        if found is not None:
            return found
    key = module_key(config.get("module"))
    if key is not None:
        key = _TOP_LEVEL.get(name, key or "layers")
        found = _builtin(key, name)
        if inspect.isclass(found):
            return found
        raise NotSupportedError(f"{config.get('module')}.{name} is not supported yet.")
    if config.get("module") in (None, "builtins") and "module" not in config:
        for key in (
            "layers",
            "initializers",
            "regularizers",
            "constraints",
            "optimizers",
            "losses",
            "metrics",
            "models",
        ):
            found = _builtin(key, name)
            if inspect.isclass(found):
                return found
    raise ArgumentError(
        f"Could not locate class '{name}'. Expected a class of keras, or one that the program has registered with "
        "`@keras.saving.register_keras_serializable()` or passes in `custom_objects`; a module that a file names is "
        f"never imported. Received: module={config.get('module')!r}, registered_name={registered!r}"
    )


def _find_function(name: Any, config: Mapping[str, Any], module_objects: Mapping[str, Any] | None) -> Any:
    if isinstance(name, str):
        found = registered_object(name, module_objects=module_objects)
        if found is not None:
            return found
        for key in _FUNCTION_MODULES:
            found = _builtin(key, name)
            if found is not None and callable(found):
                return found
    raise ArgumentError(
        f"Could not locate function '{name}'. Expected a function of keras, or one that the program has registered "
        "with `@keras.saving.register_keras_serializable()` or passes in `custom_objects`. "
        f"Received: module={config.get('module')!r}"
    )


def _load_lambda(config: dict[str, Any]) -> Any:
    if in_safe_mode():
        raise ArgumentError(
            "Requested the deserialization of a Python lambda. Running code that a file carries is refused by default. "
            "If you trust the source of the file, pass `safe_mode=False` to the loading function or call "
            "`keras.config.enable_unsafe_deserialization()`."
        )
    value = config.get("value", config)
    code = marshal.loads(base64.decodebytes(value["code"].encode("ascii")))
    defaults = value.get("defaults")
    cells = tuple(types.CellType(item) for item in value["closure"]) if value.get("closure") else None
    return types.FunctionType(code, globals(), "<lambda>", tuple(defaults) if defaults else None, cells)


def _load_slice(config: dict[str, Any]) -> slice:
    return slice(*(_deserialize(config.get(key)) for key in ("start", "stop", "step")))


def _load_array(config: dict[str, Any]) -> Any:
    return np.array(config["value"], dtype=config["dtype"])


def _load_bytes(config: dict[str, Any]) -> bytes:
    return config["value"].encode("utf-8", "surrogateescape")


def _load_keras_tensor(config: dict[str, Any]) -> Any:
    raise ArgumentError("A symbolic tensor outside a functional model cannot be loaded.")


_SPECIAL = {
    "__tensor__": lambda config: constant(_load_array(config)),
    "__numpy__": _load_array,
    "__bytes__": _load_bytes,
    "__ellipsis__": lambda config: Ellipsis,
    "__slice__": _load_slice,
    "__lambda__": _load_lambda,
    "__keras_tensor__": _load_keras_tensor,
}
