"""What a user holds: tensors, variables, tapes, traced functions and random numbers."""

from epochal.tensor import functions, random
from epochal.tensor.context import Context, Deferred, Trace, current, eagerly
from epochal.tensor.convert import constant, convert
from epochal.tensor.dispatch import apply
from epochal.tensor.function import Function, function
from epochal.tensor.operators import attach
from epochal.tensor.promotion import result_dtype
from epochal.tensor.tape import GradientTape, gradients
from epochal.tensor.tensor import Tensor, TensorSpec, is_tensor
from epochal.tensor.trace import Traced, symbolic_input, trace
from epochal.tensor.variable import Variable

attach(Tensor)
attach(Variable)

__all__ = [
    "Context",
    "Deferred",
    "Function",
    "GradientTape",
    "Tensor",
    "TensorSpec",
    "Trace",
    "Traced",
    "Variable",
    "apply",
    "constant",
    "convert",
    "current",
    "eagerly",
    "function",
    "functions",
    "gradients",
    "is_tensor",
    "random",
    "result_dtype",
    "symbolic_input",
    "trace",
]
