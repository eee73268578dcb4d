"""Hand-written JAX: an epoch as one `lax.scan` over shuffled batches, compiled once, its state donated.

What someone who knows JAX well would write for a model so small that calling a compiled step from Python costs more
than the step.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .workloads import Workload

Parameters = Any


class JaxEngine:
    """JAX in this process; it runs as many threads as it may use cores.

    Args:
        peer: ``jax-scan``.
        threads: For its kernels.
    """

    def __init__(self, peer: str, threads: int) -> None:
        os.environ["JAX_PLATFORMS"] = "cpu"
        self.jax = importlib.import_module("jax")
        importlib.import_module("jax.numpy")
        self.versions = {"jax": self.jax.__version__}

    def trainer(self, workload: Workload, x: NDArray[Any], y: NDArray[Any]) -> Any:
        """What trains an epoch or its first step."""
        return _Trainer(self.jax, workload, x, y)


class _Trainer:
    def __init__(self, jax: Any, workload: Workload, x: NDArray[Any], y: NDArray[Any]) -> None:
        self.jax, self.x, self.y, self.batch_size = jax, jax.numpy.asarray(x), jax.numpy.asarray(y), workload.batch_size
        make, loss, update = {"seed": _seed, "mlp": _mlp, "cnn": _cnn}[workload.name](jax)
        self.parameters = make()
        self.facts = {"parameters": sum(leaf.size for leaf in jax.tree.leaves(self.parameters))}
        self.state = update.init(self.parameters)
        self.key = jax.random.key(0)
        epoch = _epoch(jax, loss, update)
        self.run = jax.jit(epoch, static_argnums=(5, 6), donate_argnums=(0, 1))

    def epoch(self) -> None:
        self._run(len(self.x) // self.batch_size)

    def first_step(self) -> None:
        self._run(1)

    def _run(self, steps: int) -> None:
        self.parameters, self.state, self.key, loss = self.run(
            self.parameters, self.state, self.key, self.x, self.y, steps, self.batch_size
        )
        loss.block_until_ready()


def _epoch(jax: Any, loss: Callable[..., Any], update: Any) -> Callable[..., Any]:
    gradient = jax.value_and_grad(loss)

    def epoch(parameters, state, key, x, y, steps, batch_size):  # type: ignore[no-untyped-def]
        key, shuffle, dropout = jax.random.split(key, 3)
        order = jax.random.permutation(shuffle, len(x))[: steps * batch_size].reshape(steps, batch_size)

        def step(carry: Any, given: Any) -> Any:
            parameters, state = carry
            rows, key = given
            value, gradients = gradient(parameters, x[rows], y[rows], key)
            parameters, state = update.apply(parameters, gradients, state)
            return (parameters, state), value

        given = (order, jax.random.split(dropout, steps))
        (parameters, state), losses = jax.lax.scan(step, (parameters, state), given)
        return parameters, state, key, losses.mean()

    return epoch


class _Sgd:
    def __init__(self, jax: Any) -> None:
        self.jax = jax

    def init(self, parameters: Parameters) -> Any:
        return ()

    def apply(self, parameters: Parameters, gradients: Any, state: Any) -> Any:
        return self.jax.tree.map(lambda p, g: p - 0.01 * g, parameters, gradients), state


class _Adam:
    """Kingma and Ba 2015, in the order of operations of section 2's last paragraph, as Keras has it."""

    def __init__(self, jax: Any) -> None:
        self.jax = jax

    def init(self, parameters: Parameters) -> Any:
        zeros = self.jax.numpy.zeros_like
        return self.jax.tree.map(zeros, parameters), self.jax.tree.map(zeros, parameters), self.jax.numpy.zeros(())

    def apply(self, parameters: Parameters, gradients: Any, state: Any) -> Any:
        jnp, tree = self.jax.numpy, self.jax.tree
        first, second, count = state
        count = count + 1
        rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        first = tree.map(lambda m, g: m + 0.1 * (g - m), first, gradients)
        second = tree.map(lambda v, g: v + 0.001 * (g * g - v), second, gradients)
        new = tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), parameters, first, second)
        return new, (first, second, count)


def _dense(generator: np.random.Generator, inputs: int, outputs: int) -> Parameters:
    limit = math.sqrt(6 / (inputs + outputs))
    kernel = generator.uniform(-limit, limit, (inputs, outputs)).astype("float32")
    return kernel, np.zeros(outputs, "float32")


def _cross_entropy(jax: Any, logits: Any, y: Any) -> Any:
    chosen = jax.numpy.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1)
    return -chosen.mean()


def _on_device(jax: Any, make: Callable[[np.random.Generator], Parameters]) -> Callable[[], Parameters]:
    return lambda: jax.tree.map(jax.numpy.asarray, make(np.random.default_rng(0)))


def _seed(jax: Any) -> Any:
    def loss(parameters: Parameters, x: Any, y: Any, key: Any) -> Any:
        kernel, bias = parameters
        return ((x @ kernel + bias - y) ** 2).mean()

    return _on_device(jax, lambda generator: _dense(generator, 2, 1)), loss, _Sgd(jax)


def _mlp(jax: Any) -> Any:
    def loss(parameters: Parameters, x: Any, y: Any, key: Any) -> Any:
        *hidden, (kernel, bias) = parameters
        for weights, offset in hidden:
            x = jax.nn.relu(x @ weights + offset)
        return _cross_entropy(jax, x @ kernel + bias, y)

    sizes = ((784, 512), (512, 512), (512, 10))
    return _on_device(jax, lambda generator: [_dense(generator, *size) for size in sizes]), loss, _Adam(jax)


def _cnn(jax: Any) -> Any:
    jnp, lax = jax.numpy, jax.lax

    def make(generator: np.random.Generator) -> Parameters:
        flat = [_dense(generator, 9, 32), _dense(generator, 288, 64), _dense(generator, 1600, 10)]
        shapes = ((3, 3, 1, 32), (3, 3, 32, 64), (1600, 10))
        return [(kernel.reshape(shape), bias) for (kernel, bias), shape in zip(flat, shapes, strict=True)]

    def loss(parameters: Parameters, x: Any, y: Any, key: Any) -> Any:
        *convolutions, (kernel, bias) = parameters
        for weights, offset in convolutions:
            x = lax.conv_general_dilated(x, weights, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = lax.reduce_window(jax.nn.relu(x + offset), -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        x = x.reshape(len(x), -1)
        x = jnp.where(jax.random.bernoulli(key, 0.5, x.shape), x * 2, 0.0)
        return _cross_entropy(jax, x @ kernel + bias, y)

    return _on_device(jax, make), loss, _Adam(jax)
