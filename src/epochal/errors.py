"""The exceptions Epochal raises beyond Python's own.

Each is also the built-in exception that a Keras or TensorFlow program would catch in its place, so
`except ValueError` keeps working.
"""

from __future__ import annotations


class EpochalError(Exception):
    """Base class of every error that Epochal raises on purpose."""


class ShapeError(EpochalError, ValueError):
    """Shapes that do not fit one another or a parameter that does not fit a shape."""


class DTypeError(EpochalError, TypeError):
    """Element types that do not fit one another or an operation."""


class ArgumentError(EpochalError, ValueError):
    """An argument out of its range, or a name that is not known."""


class NotSupportedError(EpochalError, NotImplementedError):
    """Something TensorFlow or Keras has and Epochal, so far, has not."""


class VerificationError(EpochalError, AssertionError):
    """A graph that breaks an invariant of the representation: a defect of Epochal, not of the program."""


class FileFormatError(EpochalError, ValueError):
    """A file that is truncated, damaged or of another format."""


class AllocationError(EpochalError, MemoryError):
    """Memory that cannot be had. Nothing has changed."""


class ExecutionError(EpochalError, RuntimeError):
    """A program that failed while it ran, such as an index outside its axis."""
