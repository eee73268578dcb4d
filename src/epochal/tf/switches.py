"""Switches and options of TensorFlow that mean nothing here: accepted, so that programs which set them run."""

from __future__ import annotations

import logging
from typing import Any


class RunOptions:
    """Options of one run: kept, without effect."""

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = 0, 1, 2, 3

    def __init__(self, trace_level: int = 0, timeout_in_ms: int = 0, **others: Any) -> None:
        self.trace_level, self.timeout_in_ms = trace_level, timeout_in_ms
        self.__dict__.update(others)


class RunMetadata:
    """What a run would report: empty."""


class GraphOptions:
    """Options of a session about graphs: kept, without effect."""

    def __init__(self, **options: Any) -> None:
        self.__dict__.update(options)


class OptimizerOptions(GraphOptions):
    """Options of a session about the compiler: kept, without effect."""

    L0, L1, DEFAULT, OFF, ON_1, ON_2 = -1, 0, 0, -1, 1, 2


def _switch(about: str) -> Any:
    def switch() -> None:
        pass

    switch.__doc__ = f"Accepted: {about}."
    return switch


enable_resource_variables = _switch("variables keep their order of reads and assignments in any case")
disable_resource_variables = _switch("variables keep their order of reads and assignments in any case")
enable_control_flow_v2 = _switch("there is one kind of control flow")
disable_control_flow_v2 = _switch("there is one kind of control flow")
enable_v2_tensorshape = _switch("shapes answer to both versions")
disable_v2_tensorshape = _switch("shapes answer to both versions")
enable_tensor_equality = _switch("== compares elements")
disable_tensor_equality = _switch("== compares elements in any case")


def get_logger() -> logging.Logger:
    """The logger named ``"tensorflow"``."""
    return logging.getLogger("tensorflow")
