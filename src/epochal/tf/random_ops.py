"""Random tensors under TensorFlow's names. In a graph each operation has a counter of its own in every session."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError
from epochal.ir import Array, TensorType
from epochal.tensor import Tensor, functions, random
from epochal.tensor import context as contexts
from epochal.tf.conversion import integers, to_tensor
from epochal.tf.graph import Graph, current_graph, operation
from epochal.tf.state import State
from epochal.topi.inventory import BUILD

_KEY = TensorType(dtypes.uint32, (2,))
_STEP = np.array([0, 1], np.uint32)


def set_random_seed(seed: int) -> None:
    """Sets the seed from which random operations without one of their own take theirs."""
    graph = current_graph()
    if graph is None:
        random.set_seed(seed)
    else:
        graph.seed = int(seed)


class _OperationKeys:
    """The keys of one random operation of a graph: hidden state (seed, counter), which moves on whenever it is used."""

    def __init__(self, graph: Graph, seed: int | None) -> None:
        self._graph = graph
        graph.random_operations += 1
        number = graph.random_operations
        self._state = State(_KEY, f"random_{number}", _first_key(graph.seed, seed, number))

    def next(self) -> Tensor:
        """The key, as the tensor layer asks for it."""
        context = contexts.current()
        if context is not None and context is not self._graph:  # in a loop's body, which carries the counter along
            value = context.read(self._state)
            context.assign(self._state, BUILD.add(value, BUILD.constant(_STEP)))
            return context.wrap(value)
        key = self._graph.read(self._state)
        advanced = BUILD.variable_assign(BUILD.add(key, BUILD.constant(_STEP)), state=self._state)
        self._graph.attach(key.node, advanced.node)
        return self._graph.wrap(key)


def _first_key(graph_seed: int | None, seed: int | None, number: int) -> Callable[[], Array]:
    """TensorFlow's rule: from the graph's seed and the operation's (or its number), or unpredictable without both."""
    if graph_seed is None and seed is None:
        return lambda: np.array([secrets.randbits(32), 0], np.uint32)
    text = f"{graph_seed} {seed if seed is not None else f'operation {number}'}"
    word = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little")
    return lambda: np.array([word, 0], np.uint32)


def _source(seed: int | None) -> Any:
    graph = current_graph()
    return seed if graph is None else _OperationKeys(graph, seed)


@operation("RandomUniform")
def random_uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32, seed: int | None = None
) -> Tensor:
    """Uniform on ``[minval, maxval)``; `maxval` is 1 for floats and needed for integers."""
    element = dtypes.get(dtype)
    if maxval is None:
        if not element.is_floating:
            raise ArgumentError(f"random_uniform needs maxval for dtype {element.name}.")
        maxval = 1
    return random.uniform(integers(shape), minval, maxval, dtype=element, seed=_source(seed))


@operation("RandomStandardNormal")
def random_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32, seed: int | None = None
) -> Tensor:
    """Normal."""
    return random.normal(integers(shape), mean, stddev, dtype=dtype, seed=_source(seed))


@operation("TruncatedNormal")
def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32, seed: int | None = None
) -> Tensor:
    """Normal, without what lies beyond two deviations from the mean."""
    return random.truncated_normal(integers(shape), mean, stddev, dtype=dtype, seed=_source(seed))


@operation("RandomShuffle")
def random_shuffle(value: Any, seed: int | None = None) -> Tensor:
    """The rows in random order."""
    tensor = to_tensor(value)
    if current_graph() is None:
        return random.shuffle(tensor, seed=seed)
    order = functions.argsort(random.uniform((tensor.dimensions[0],), seed=_source(seed)), axis=0)
    return functions.take(tensor, order, axis=0)


@operation("Multinomial")
def multinomial(logits: Any, num_samples: int, seed: int | None = None, output_dtype: Any = dtypes.int64) -> Tensor:
    """Classes drawn for each row of unnormalised log-probabilities: [rows, num_samples].

    By Gumbel's trick: the largest of ``logits - log(-log(uniform))``.
    """
    scores = to_tensor(logits)
    sizes = (scores.dimensions[0], int(num_samples), scores.dimensions[1])
    draw = random.uniform(sizes, 1e-20, 1.0, dtype=scores.dtype, seed=_source(seed))
    noise = functions.negative(functions.log(functions.negative(functions.log(draw))))
    picked = functions.argmax(functions.expand_dims(scores, 1) + noise, axis=-1)
    return functions.cast(picked, dtypes.get(output_dtype))


@operation("RandomGamma")
def random_gamma(
    shape: Any, alpha: Any, beta: Any = None, dtype: Any = dtypes.float32, seed: int | None = None
) -> Tensor:
    """Gamma-distributed, of shape `alpha` (one number) and rate `beta`."""
    drawn = random.gamma(integers(shape), alpha, dtype=dtype, seed=_source(seed))
    return drawn if beta is None else drawn / to_tensor(beta, like=drawn.dtype)


@operation("StatelessRandomUniform")
def stateless_random_uniform(
    shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32, alg: Any = None
) -> Tensor:
    """Uniform on ``[minval, maxval)``, the same for the same `seed` (two integers)."""
    key = functions.cast(to_tensor(seed), "uint32")
    return random.uniform(integers(shape), minval, 1 if maxval is None else maxval, dtype=dtype, seed=key)


@operation("StatelessRandomNormal")
def stateless_random_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32, alg: Any = None
) -> Tensor:
    """Normal, the same for the same `seed` (two integers)."""
    return random.normal(integers(shape), mean, stddev, dtype=dtype, seed=functions.cast(to_tensor(seed), "uint32"))
