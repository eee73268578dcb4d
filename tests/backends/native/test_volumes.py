"""Volumes and updates of a few rows in whole programs: on kernels, as the reference has them, on any threads."""

from __future__ import annotations

import numpy as np
import pytest

from epochal import config, keras
from epochal.backends.native.backend import BACKEND
from epochal.compile import optimise
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.testing.comparison import compare_backends, run_program
from epochal.topi.inventory import BUILD

SHAPES = {"x": (2, 6, 9, 8, 3), "kernel": (3, 3, 2, 3, 5)}


def _program(dtype: str) -> Program:
    """A convolution of stride 1 or 2, pooling, and the gradients of both."""
    x, kernel = (make_input(tensor_type(dtype, shape), name) for name, shape in SHAPES.items())
    outputs = []
    for strides in (1, (2, 1, 2)):
        y = BUILD.conv(x, kernel, padding="same", strides=strides)
        pooled = BUILD.max_pool(y, window=2, padding="same")
        g = BUILD.max_pool_gradient(y, BUILD.square(pooled), window=2, padding="same")
        outputs += [
            pooled, BUILD.avg_pool(y, window=(2, 3, 2)),
            BUILD.conv_data_gradient(g, kernel, input_shape=SHAPES["x"], padding="same", strides=strides),
            BUILD.conv_weight_gradient(x, g, kernel_shape=SHAPES["kernel"], padding="same", strides=strides),
        ]  # fmt: skip
    return Program(Graph([x, kernel], outputs), tuple(SHAPES), tuple(f"y{index}" for index in range(len(outputs))))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_volumes_run_on_kernels(dtype: str) -> None:
    program = _program(dtype)
    generator = np.random.default_rng(0)
    arrays = [generator.standard_normal(shape).astype(dtype) for shape in SHAPES.values()]
    compare_backends(program, arrays)
    one, three = (run_program(program, arrays, backend="native", num_threads=count)[0] for count in (1, 3))
    assert [array.tobytes() for array in one] == [array.tobytes() for array in three]
    plan = BACKEND.explain(optimise(program, BACKEND.lowers))
    assert {launch.kind for launch in plan.launches} == {"kernel"}


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_gradient_descent_moves_the_rows_that_a_batch_names(backend: str) -> None:
    model = keras.Sequential([keras.Input((3,), dtype="int32"), keras.layers.Embedding(500, 4), keras.layers.Flatten()])
    model.compile(keras.optimizers.SGD(0.5), keras.losses.MeanSquaredError())
    before = model.get_weights()[0]
    x = np.array([[7, 499, 7], [0, 7, 31]], np.int32)
    y = np.random.default_rng(0).standard_normal((2, 12)).astype(np.float32)
    config.set_backend(backend)
    try:
        model.fit(x, y, batch_size=2, epochs=3, verbose=0)
    finally:
        config.set_backend(None)
    expected = before.copy()
    for _ in range(3):
        gradient = (expected[x] - y.reshape(2, 3, 4)) * (2 / 24)
        change = np.zeros_like(expected)
        np.add.at(change, x, gradient)
        expected -= 0.5 * change
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-5, atol=1e-6)
    others = np.setdiff1d(np.arange(500), x)
    assert model.get_weights()[0][others].tobytes() == before[others].tobytes()
