"""Functions whose gradient is written by hand."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from epochal import tree
from epochal.errors import ArgumentError, NotSupportedError
from epochal.ir import make_input
from epochal.tensor.convert import convert
from epochal.tensor.dispatch import apply, as_value
from epochal.tensor.functions.control import Body, close, trace_body
from epochal.tensor.functions.creation import zeros_like
from epochal.tensor.tensor import Tensor


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with a gradient of its own.

    Args:
        f: Takes tensors and returns ``(results, grad)``, where ``grad`` takes one gradient a result and returns one an
            argument (or ``None``). It is run on symbolic tensors at every call.

    Returns:
        A function of the same arguments that returns the results. What `f` uses from around it gets no gradient.

    Raises:
        NotSupportedError: `f` reads or assigns variables. Hand their values in as arguments.

    Example:
        >>> from epochal.tensor import GradientTape, constant
        >>> @custom_gradient
        ... def clipped(x):
        ...     return x * x, lambda upstream: 1.0 * upstream
        >>> x = constant(3.0)
        >>> with GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = clipped(x)
        >>> float(y), float(tape.gradient(y, x))
        (9.0, 1.0)
    """

    @functools.wraps(f)
    def call(*arguments: Any) -> Any:
        leaves, structure = tree.flatten_with_structure(list(arguments))
        tensors = [convert(leaf) for leaf in leaves]
        backward: list[Callable[..., Any]] = []

        def forward(*inner: Any) -> Any:
            outcome = f(*inner)
            if not isinstance(outcome, tuple) or len(outcome) != 2 or not callable(outcome[1]):
                raise ArgumentError(
                    "A function with a custom gradient must return its results and a function of their gradients: "
                    f"(results, grad). Received: {outcome!r}"
                )
            backward.append(outcome[1])
            return outcome[0]

        inputs = [make_input(tensor.type) for tensor in tensors]
        body = trace_body(forward, inputs, lambda inner: tree.unflatten(structure, inner))
        moving = [Tensor(None, value) for value in inputs if value.dtype.is_floating]

        def reverse(*upstream: Any) -> list[Tensor]:
            found = backward[0](*upstream)
            listed = list(found) if isinstance(found, (list, tuple)) else [found]
            if len(listed) == len(inputs) != len(moving):
                listed = [one for one, value in zip(listed, inputs, strict=True) if value.dtype.is_floating]
            if len(listed) != len(moving):
                raise ArgumentError(
                    f"The gradient function must return {len(inputs)} gradients, one an argument. "
                    f"Received: {len(listed)}"
                )
            pairs = zip(listed, moving, strict=True)
            return [zeros_like(tensor) if one is None else convert(one, tensor.dtype) for one, tensor in pairs]

        cotangents = [make_input(result.type) for result in body.results]
        slopes = trace_body(reverse, cotangents, list)
        if body.branch.placeholders or slopes.branch.placeholders:
            raise NotSupportedError(
                "A function with a custom gradient cannot use variables. Hand their values in as arguments."
            )
        # The gradient may use what the function computed: its graph begins where the function's does.
        whole = Body([*inputs, *cotangents], slopes.results, slopes.structure, slopes.branch, body.start)
        captured = list(dict.fromkeys([*body.captured(()), *whole.captured(())]))
        found = apply(
            "call",
            *(Tensor(None, value) for value in captured),
            *tensors,
            body=close([*captured, *inputs], [as_value(result) for result in body.results]),
            gradient=close([*captured, *inputs, *cotangents], [as_value(result) for result in slopes.results]),
            fixed=len(captured),
        )
        return tree.unflatten(body.structure, list(found) if isinstance(found, tuple) else [found])

    return call
