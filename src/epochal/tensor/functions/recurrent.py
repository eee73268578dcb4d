"""Recurrent layers over time, as operators of their own with gradients of their own. Gates in Keras's order."""

from __future__ import annotations

from typing import Any

from epochal import dtypes
from epochal.errors import ShapeError
from epochal.ir import Symbol
from epochal.tensor.convert import cast, convert
from epochal.tensor.dispatch import apply
from epochal.tensor.functions.creation import zeros
from epochal.tensor.functions.elementwise import as_float
from epochal.tensor.tensor import Tensor


def _operands(name: str, x: Any, kernel: Any, recurrent: Any, bias: Any, bias_shape: Any) -> list[Tensor]:
    tensor = as_float(x)
    if tensor.ndim != 3:
        raise ShapeError(f"{name} takes [batch, time, features]. Received shape: {tensor.shape}")
    weights = [convert(weight, tensor.dtype) for weight in (kernel, recurrent)]
    offset = zeros(bias_shape(weights[1].dimensions), tensor.dtype) if bias is None else convert(bias, tensor.dtype)
    return [tensor, *weights, offset]


def _states(x: Tensor, recurrent: Tensor, *states: Any) -> list[Tensor]:
    """Initial states; ``None``: zeros."""
    size = (x.dimensions[0], recurrent.dimensions[0])
    return [zeros(size, x.dtype) if state is None else convert(state, x.dtype) for state in states]


def _mask(mask: Any) -> list[Tensor]:
    return [] if mask is None else [cast(convert(mask), dtypes.bool_)]


def simple_rnn(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    initial_state: Any = None,
    mask: Any = None,
    activation: str = "tanh",
    go_backwards: bool = False,
) -> tuple[Tensor, Tensor]:
    """h[t] = f(x[t] kernel + bias + h[t-1] recurrent_kernel).

    Args:
        x: [batch, time, features].
        kernel: [features, units].
        recurrent_kernel: [units, units].
        bias: [units]; ``None``: none.
        initial_state: [batch, units]; ``None``: zeros.
        mask: Bool [batch, time]; a step where it is False leaves the state as it is.
        activation: "tanh", "relu", "sigmoid" or "linear".
        go_backwards: Whether the steps go from the last to the first. What belongs to x[:, t] lies at [:, t] either
            way (Keras's layers give the results in the order of the steps).

    Returns:
        All hidden states, [batch, time, units], and the one after the last step.
    """
    tensor, kernel, recurrent, bias = _operands("simple_rnn", x, kernel, recurrent_kernel, bias, lambda size: size[1:])
    (h,) = _states(tensor, recurrent, initial_state)
    how = {"activation": activation, "reverse": bool(go_backwards)}
    hidden, last = apply("simple_rnn", tensor, h, kernel, recurrent, bias, *_mask(mask), **how)
    return hidden, last


def lstm(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    initial_state: tuple[Any, Any] = (None, None),
    mask: Any = None,
    go_backwards: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Long short-term memory; parts of the kernels in the order i, f, c, o.

    Args:
        x: [batch, time, features].
        kernel: [features, 4 units].
        recurrent_kernel: [units, 4 units].
        bias: [4 units]; ``None``: none.
        initial_state: h and c, each [batch, units]; ``None``: zeros.
        mask: See `simple_rnn`.
        go_backwards: See `simple_rnn`.

    Returns:
        All hidden states, [batch, time, units], and h and c after the last step.
    """
    tensor, kernel, recurrent, bias = _operands("lstm", x, kernel, recurrent_kernel, bias, lambda size: size[1:])
    h, c = _states(tensor, recurrent, *initial_state)
    results = apply("lstm", tensor, h, c, kernel, recurrent, bias, *_mask(mask), reverse=bool(go_backwards))
    return results[0], results[1], results[2]


def _gru_bias(reset_after: bool) -> Any:
    def shape(size: tuple[int | Symbol, ...]) -> tuple[int | Symbol, ...]:
        return (2, size[1]) if reset_after else (size[1],)

    return shape


def gru(
    x: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    initial_state: Any = None,
    mask: Any = None,
    reset_after: bool = True,
    go_backwards: bool = False,
) -> tuple[Tensor, Tensor]:
    """Gated recurrent units; parts of the kernels in the order z, r, h.

    Args:
        x: [batch, time, features].
        kernel: [features, 3 units].
        recurrent_kernel: [units, 3 units].
        bias: [2, 3 units] with `reset_after` (of the input and of the recurrence), [3 units] without; ``None``: none.
        initial_state: [batch, units]; ``None``: zeros.
        mask: See `simple_rnn`.
        reset_after: Whether the gate r acts on the product with the recurrent kernel, or on the state before it.
        go_backwards: See `simple_rnn`.

    Returns:
        All hidden states, [batch, time, units], and the one after the last step.
    """
    tensor, kernel, recurrent, bias = _operands("gru", x, kernel, recurrent_kernel, bias, _gru_bias(reset_after))
    (h,) = _states(tensor, recurrent, initial_state)
    how = {"reset_after": bool(reset_after), "reverse": bool(go_backwards)}
    results = apply("gru", tensor, h, kernel, recurrent, bias, *_mask(mask), **how)
    return results[0], results[1]
