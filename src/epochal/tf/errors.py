"""TensorFlow's exceptions, each also the built-in exception that Epochal raises below."""

from __future__ import annotations

from epochal.errors import ArgumentError, DTypeError, EpochalError, ExecutionError, FileFormatError, NotSupportedError


class OpError(EpochalError, RuntimeError):
    """Base of the errors that a graph raises while it runs.

    Attributes:
        node_def: The operation's name, or ``None``.
        op: The operation, or ``None``.
        message: What went wrong.
    """

    def __init__(self, node_def: object, op: object, message: str) -> None:
        super().__init__(message)
        self.node_def = node_def
        self.op = op
        self.message = message


class InvalidArgumentError(OpError, ArgumentError):
    """An argument that the operation cannot take, such as a placeholder that was not fed."""


class FailedPreconditionError(OpError):
    """The system is not in the state that the operation needs, such as a variable that has no value yet."""


class NotFoundError(OpError, LookupError):
    """Something that does not exist, such as a file or a name in a graph."""


class OutOfRangeError(OpError, LookupError):
    """Iterating past the end."""


__all__ = [
    "ArgumentError",
    "DTypeError",
    "ExecutionError",
    "FailedPreconditionError",
    "FileFormatError",
    "InvalidArgumentError",
    "NotFoundError",
    "NotSupportedError",
    "OpError",
    "OutOfRangeError",
]
