"""How near the processor's arithmetic peak the register-blocked kernels run, one thread, beside NumPy's BLAS.

    python bench/kernels.py [name ...]

The peak is measured: the best of some matrix products that stay in the caches. A padded convolution counts the products
with its zeros, which are never computed, so it can exceed the peak.
"""

# ruff: noqa: E402 - BLAS reads its number of threads when NumPy is imported
from __future__ import annotations

import os
import sys
import time

for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np

from epochal.backends.native.kernels.lower import lower
from epochal.backends.native.kernels.pooled import POOLED_CONV, POOLED_DATA_GRADIENT, POOLED_WEIGHT_GRADIENT
from epochal.ir import Value, make_input, tensor_type
from epochal.testing.launches import Launcher
from epochal.topi.inventory import BUILD

PLAIN, LEFT, RIGHT = ((1,), (0,)), ((0,), (0,)), ((1,), (1,))

# a, b, summed axes.
PRODUCTS = {
    "mlp forward 1": ((128, 784), (784, 512), PLAIN),
    "mlp forward 2": ((128, 512), (512, 512), PLAIN),
    "mlp forward 3": ((128, 512), (512, 10), PLAIN),
    "mlp input gradient 3": ((128, 10), (512, 10), RIGHT),
    "mlp input gradient 2": ((128, 512), (512, 512), RIGHT),
    "mlp weight gradient 1": ((128, 784), (128, 512), LEFT),
    "mlp weight gradient 2": ((128, 512), (128, 512), LEFT),
    "mlp weight gradient 3": ((128, 512), (128, 10), LEFT),
    "cnn dense forward": ((128, 1600), (1600, 10), PLAIN),
    "cnn dense input gradient": ((128, 10), (1600, 10), RIGHT),
    "cnn dense weight gradient": ((128, 1600), (128, 10), LEFT),
    "transformer forward": ((2048, 128), (128, 384), PLAIN),
    "transformer input gradient": ((2048, 384), (128, 384), RIGHT),
    "transformer weight gradient": ((2048, 128), (2048, 384), LEFT),
    "lstm step": ((32, 128), (128, 512), PLAIN),
    "square 1024": ((1024, 1024), (1024, 1024), PLAIN),
    "predict one": ((1, 784), (784, 512), PLAIN),
}
# Input, kernel, parameters.
CONVOLUTIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, object]]] = {
    "cnn conv 1": ((128, 28, 28, 1), (3, 3, 1, 32), {}),
    "cnn conv 2": ((128, 13, 13, 32), (3, 3, 32, 64), {}),
    "resnet 16": ((32, 32, 32, 16), (3, 3, 16, 16), {"padding": "same"}),
    "resnet 32": ((32, 16, 16, 32), (3, 3, 32, 32), {"padding": "same"}),
    "resnet 64": ((32, 8, 8, 64), (3, 3, 64, 64), {"padding": "same"}),
    "resnet 16-32, stride 2": ((32, 32, 32, 16), (3, 3, 16, 32), {"padding": "same", "strides": 2}),
    "deep": ((8, 4, 4, 256), (3, 3, 256, 256), {"padding": "same"}),
    "sequence": ((32, 400, 64), (5, 64, 64), {"padding": "same"}),
    "depthwise": ((16, 28, 28, 32), (3, 3, 1, 32), {"padding": "same", "groups": 32}),
}


# With bias, ReLU and 2 x 2 max-pooling as one operator; every window alive.
POOLED = {
    "cnn conv 1 pooled": ((128, 28, 28, 1), (3, 3, 1, 32)),
    "cnn conv 2 pooled": ((128, 13, 13, 32), (3, 3, 32, 64)),
}


def measure(result: Value, work: float) -> tuple[float, float]:
    """Seconds of a run and GFLOPS."""
    generator = np.random.default_rng(0)
    arrays = {
        value: generator.standard_normal(value.shape, np.float32)
        if value.dtype.is_floating
        else generator.integers(0, 4, value.shape, value.dtype.numpy)
        for value in result.node.inputs
    }
    launches = lower(result.node)
    assert launches is not None
    seconds = Launcher(launches, arrays).seconds(0.2)
    return seconds, work / seconds / 1e9


def product(a: tuple[int, ...], b: tuple[int, ...], contract: object) -> Value:
    left, right = make_input(tensor_type("float32", a)), make_input(tensor_type("float32", b))
    result: Value = BUILD.dot_general(left, right, contract=contract, batch=((), ()))
    return result


def blas(a: tuple[int, int], b: tuple[int, int], contract: object, work: float) -> float:
    """GFLOPS of the same product in NumPy."""
    generator = np.random.default_rng(0)
    left, right = (generator.standard_normal(shape, np.float32) for shape in (a, b))
    if contract == LEFT:
        left = left.T
    if contract == RIGHT:
        right = right.T
    out = np.empty((left.shape[0], right.shape[1]), np.float32)
    best, started = float("inf"), time.perf_counter()
    while time.perf_counter() - started < 0.2:
        before = time.perf_counter()
        np.matmul(left, right, out=out)
        best = min(best, time.perf_counter() - before)
    return work / best / 1e9


def convolutions(x: tuple[int, ...], kernel: tuple[int, ...], parameters: dict[str, object]) -> list[tuple[str, Value]]:
    """The convolution and its two gradients."""
    image, weights = make_input(tensor_type("float32", x)), make_input(tensor_type("float32", kernel))
    result: Value = BUILD.conv(image, weights, **parameters)
    cotangent = make_input(result.type)
    return [
        ("forward", result),
        ("input gradient", BUILD.conv_data_gradient(cotangent, weights, input_shape=x, **parameters)),
        ("weight gradient", BUILD.conv_weight_gradient(image, cotangent, kernel_shape=kernel, **parameters)),
    ]


def pooled(x: tuple[int, ...], kernel: tuple[int, ...]) -> list[tuple[str, Value, float]]:
    """A pooled convolution and its gradients, with the operations that the separate operators would do."""
    image, weights, bias = (make_input(tensor_type("float32", shape)) for shape in (x, kernel, kernel[-1:]))
    given = {"padding": ((0, 0), (0, 0)), "window": (2, 2)}
    result, winners = BUILD.apply(POOLED_CONV, (image, weights, bias), given)
    cotangent = make_input(result.type)
    work = 2.0 * BUILD.conv(image, weights).type.size * float(np.prod(kernel[:-1]))
    told = make_input(winners.type)
    weight = BUILD.apply(POOLED_WEIGHT_GRADIENT, (image, told, cotangent), {**given, "kernel_shape": kernel})[0]
    found = [("forward", result, work), ("weight gradient", weight, work)]
    if x[-1] > 1:
        data = BUILD.apply(POOLED_DATA_GRADIENT, (told, cotangent, weights), {**given, "input_shape": x})[0]
        found.append(("input gradient", data, work))
    return found


def main(names: list[str]) -> None:
    shapes = [((rows, 384), (384, 96), PLAIN) for rows in (288, 384, 480)]
    peak = max(measure(product(*shape), 2.0 * shape[0][0] * 384 * 96)[1] for shape in shapes)
    print(f"peak: {peak:.0f} GFLOPS, float32, one thread\n")
    print(f"{'kernel':44} {'us':>9} {'GFLOPS':>7} {'peak':>5}  BLAS")

    def line(name: str, seconds: float, rate: float, other: str = "") -> None:
        print(f"{name:44} {seconds * 1e6:9.1f} {rate:7.1f} {rate / peak:5.0%}  {other}", flush=True)

    for name, (a, b, contract) in PRODUCTS.items():
        if names and not any(wanted in name for wanted in names):
            continue
        value = product(a, b, contract)
        depth = a[contract[0][0]]
        work = 2.0 * value.type.size * depth
        line(name, *measure(value, work), f"{blas(a, b, contract, work):.0f}")
    for name, (x, kernel, parameters) in CONVOLUTIONS.items():
        if names and not any(wanted in name for wanted in names):
            continue
        values = convolutions(x, kernel, parameters)
        work = 2.0 * values[0][1].type.size * np.prod(kernel[:-1])
        for direction, value in values:
            line(f"{name}, {direction}", *measure(value, work))
    for name, (x, kernel) in POOLED.items():
        if names and not any(wanted in name for wanted in names):
            continue
        for direction, value, work in pooled(x, kernel):
            line(f"{name}, {direction}", *measure(value, work))


if __name__ == "__main__":
    main(sys.argv[1:])
