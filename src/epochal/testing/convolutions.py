"""Convolutions and their two gradients as nodes over inputs, for tests of kernels."""

from __future__ import annotations

from typing import Any

from epochal.ir import Value, make_input, tensor_type
from epochal.topi.inventory import BUILD

CONVOLUTIONS = ("conv", "conv_data_gradient", "conv_weight_gradient")


def convolution(
    name: str, x_shape: tuple[int, ...], kernel_shape: tuple[int, ...], dtype: str = "float32", **parameters: Any
) -> Value:
    """The result of one of `CONVOLUTIONS` of these shapes, its operands inputs of the graph."""
    x, kernel = make_input(tensor_type(dtype, x_shape)), make_input(tensor_type(dtype, kernel_shape))
    result: Value = BUILD.conv(x, kernel, **parameters)
    cotangent = make_input(result.type)
    if name == "conv_data_gradient":
        result = BUILD.conv_data_gradient(cotangent, kernel, input_shape=x_shape, **parameters)
    elif name == "conv_weight_gradient":
        result = BUILD.conv_weight_gradient(x, cotangent, kernel_shape=kernel_shape, **parameters)
    return result


__all__ = ["CONVOLUTIONS", "convolution"]
