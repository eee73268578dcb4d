"""`tf.config`: the devices (the CPU) and how many threads compiled programs use."""

from __future__ import annotations

import types
from collections import namedtuple
from typing import Any

from epochal.errors import NotSupportedError
from epochal.tf import threading_config as threading

__all__ = [
    "PhysicalDevice", "experimental", "get_visible_devices", "list_logical_devices", "list_physical_devices",
    "optimizer", "run_functions_eagerly", "set_visible_devices", "threading",
]  # fmt: skip

PhysicalDevice = namedtuple("PhysicalDevice", ("name", "device_type"))
PhysicalDevice.__doc__ = "A device that programs can run on."
LogicalDevice = PhysicalDevice


def list_physical_devices(device_type: str | None = None) -> list[Any]:
    """The devices of a type: one CPU, and no other."""
    return [PhysicalDevice("/physical_device:CPU:0", "CPU")] if device_type in (None, "CPU") else []


def list_logical_devices(device_type: str | None = None) -> list[Any]:
    """See `list_physical_devices`."""
    return [LogicalDevice("/device:CPU:0", "CPU")] if device_type in (None, "CPU") else []


get_visible_devices = list_physical_devices


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Accepted: there is one device."""


def set_soft_device_placement(enabled: bool) -> None:
    """Accepted: there is one device."""


def get_soft_device_placement() -> bool:
    """True: whatever device is asked for, programs run."""
    return True


def set_memory_growth(device: Any, enable: bool) -> None:
    """Accepted: it is about GPUs."""


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Not supported: functions are compiled.

    Raises:
        NotSupportedError: `run_eagerly` is true.
    """
    if run_eagerly:
        raise NotSupportedError("run_functions_eagerly(True) is not supported. Leave the @tf.function away instead.")


experimental_run_functions_eagerly = run_functions_eagerly


def functions_run_eagerly() -> bool:
    """False: functions are compiled."""
    return False


def set_jit(enabled: Any) -> None:
    """Accepted: everything is compiled."""


def set_experimental_options(options: Any) -> None:
    """Accepted: they are options of another compiler."""


experimental = types.SimpleNamespace(
    list_physical_devices=list_physical_devices,
    list_logical_devices=list_logical_devices,
    set_memory_growth=set_memory_growth,
    set_visible_devices=set_visible_devices,
    get_visible_devices=get_visible_devices,
)
optimizer = types.SimpleNamespace(set_jit=set_jit, set_experimental_options=set_experimental_options)
