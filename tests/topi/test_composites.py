"""Composites: extreme arguments, messages, and unknown shapes. Values and gradients are tested on the samples."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.autodiff import gradients
from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.ir import Graph, Symbol, Value, make_input, tensor_type
from epochal.passes.decompose import Decompose
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD


def tensor(*shape: int | Symbol, dtype: str = "float32") -> Value:
    return make_input(tensor_type(dtype, shape))


def evaluate(inputs: list[Value], outputs: list[Value], *arrays: object) -> list[np.ndarray]:
    """Outputs by the references, checked against the decompositions."""
    values = [np.asarray(array, dtype=value.dtype.numpy) for array, value in zip(arrays, inputs, strict=True)]
    graph = Graph(inputs, outputs)
    found = interpret(graph, values)
    for one, other in zip(interpret(Decompose().run(graph), values), found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    return found


def test_softmax_of_extreme_logits() -> None:
    x = tensor(3)
    y, z = evaluate([x], [BUILD.softmax(x, axis=0), BUILD.log_softmax(x, axis=0)], [1e4, -1e4, 0])
    np.testing.assert_array_equal(y, [1, 0, 0])
    np.testing.assert_array_equal(z, [0, -2e4, -1e4])


def test_gradients_of_extreme_logits_are_finite() -> None:
    x = tensor(2, 2)
    labels = tensor(2, dtype="int32")
    loss = BUILD.sparse_softmax_cross_entropy(x, labels)
    (gradient,) = gradients([loss], [x])
    assert gradient is not None
    losses, slopes = evaluate([x, labels], [loss, gradient], [[1e4, -1e4], [3e4, 0]], [1, 0])
    np.testing.assert_array_equal(losses, [2e4, 0])
    np.testing.assert_array_equal(slopes, [[1, -1], [0, 0]])


def test_logsumexp_of_infinities() -> None:
    x = tensor(3, 2)
    (y,) = evaluate([x], [BUILD.logsumexp(x, axes=(1,))], [[-np.inf, -np.inf], [np.inf, 0], [5, -np.inf]])
    np.testing.assert_array_equal(y, [-np.inf, np.inf, 5])


def test_sigmoid_cross_entropy_of_extreme_logits() -> None:
    x, p = tensor(3), tensor(3)
    (y,) = evaluate([x, p], [BUILD.sigmoid_cross_entropy(x, p)], [-1e5, 1e5, 1e5], [0, 1, 0])
    np.testing.assert_array_equal(y, [0, 0, 1e5])


def test_normalising_equal_elements() -> None:
    x, gamma, beta = tensor(2, 4), tensor(4), tensor(4)
    y, mean, rstd = BUILD.layer_norm(x, gamma, beta, axes=(1,), epsilon=1e-2)
    found = evaluate([x, gamma, beta], [y, mean, rstd], np.full((2, 4), 3.0), np.ones(4), np.arange(4.0))
    np.testing.assert_array_equal(found[0], [np.arange(4.0)] * 2)
    np.testing.assert_allclose(found[2], [10, 10], rtol=1e-6)


def test_labels_do_not_fit() -> None:
    x = tensor(4, 3)
    with pytest.raises(ShapeError, match="labels must have the shape of logits without the last axis"):
        BUILD.sparse_softmax_cross_entropy(x, tensor(4, 3, dtype="int32"))
    with pytest.raises(ShapeError, match="logits and labels differ: 4 and 5"):
        BUILD.sparse_softmax_cross_entropy(x, tensor(5, dtype="int32"))
    with pytest.raises(DTypeError, match="sparse_softmax_cross_entropy takes integers"):
        BUILD.sparse_softmax_cross_entropy(x, tensor(4))
    with pytest.raises(ShapeError, match="logits and labels differ: 3 and 2"):
        BUILD.softmax_cross_entropy(x, tensor(4, 2))
    with pytest.raises(ShapeError, match="must have one shape"):
        BUILD.sigmoid_cross_entropy(x, tensor(4))


def test_normalisations_check_their_arguments() -> None:
    x = tensor(4, 3)
    with pytest.raises(ArgumentError, match=r"axes must be the last axes of x, float32\[4,3\]\. Received: \(0,\)"):
        BUILD.layer_norm(x, tensor(4), tensor(4), axes=(0,), epsilon=1e-3)
    with pytest.raises(ShapeError, match=r"gamma must have shape \(3,\)\. Received: float32\[3,1\]"):
        BUILD.layer_norm(x, tensor(3, 1), tensor(3), axes=(1,), epsilon=1e-3)
    with pytest.raises(ShapeError, match="the sizes of x and beta differ: 3 and 4"):
        BUILD.batch_norm_training(x, tensor(3), tensor(4), epsilon=1e-3)
    with pytest.raises(ShapeError, match="at least 2 axes, channels last"):
        BUILD.batch_norm_training(tensor(4), tensor(4), tensor(4), epsilon=1e-3)
    with pytest.raises(ArgumentError, match=r"softmax: axis must lie in \[-2, 2\)"):
        BUILD.softmax(x, axis=2)


def test_unknown_shapes_pass_through() -> None:
    n = Symbol("n")
    x, labels = tensor(n, 3), tensor(Symbol("m"), dtype="int32")
    assert BUILD.softmax(x, axis=-1).shape == (n, 3)
    assert BUILD.logsumexp(x, axes=(1,)).shape == (n,)
    assert BUILD.sparse_softmax_cross_entropy(x, labels).shape == (n,)
    y, mean, _ = BUILD.batch_norm_training(x, tensor(3), tensor(3), epsilon=1e-3)
    assert y.shape == (n, 3)
    assert mean.shape == (3,)


@pytest.mark.parametrize("shape", [(4, 6, 7, 5), (3, 9, 5), (40, 5), (4, 3, 2, 5)])
@pytest.mark.parametrize("offset", [0.0, 1e3, -1e5])
def test_moments_far_from_zero(shape: tuple[int, ...], offset: float) -> None:
    """The decomposition's variance is that of the numbers as they are, however far their mean is from 0."""
    x = tensor(*shape)
    scales = tensor(shape[-1]), tensor(shape[-1])
    _, mean, variance = BUILD.batch_norm_training(x, *scales, epsilon=1e-3)
    array = (np.random.default_rng(4).standard_normal(shape) + offset).astype(np.float32)
    graph = Decompose().run(Graph([x, *scales], [mean, variance]))
    ones = np.ones(shape[-1], np.float32)
    found = interpret(graph, [array, ones, ones])
    wide = array.astype(np.float64).reshape(-1, shape[-1])
    np.testing.assert_allclose(found[0], wide.mean(0), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found[1], wide.var(0), rtol=2e-3 if abs(offset) > 1e4 else 2e-5)


def test_a_channel_of_equal_numbers_has_no_variance() -> None:
    x = tensor(2, 5, 6, 3)
    _, mean, variance = BUILD.batch_norm_training(x, tensor(3), tensor(3), epsilon=1e-3)
    graph = Decompose().run(Graph([x], [mean, variance]))
    found = interpret(graph, [np.full((2, 5, 6, 3), 0.1, np.float32)])
    np.testing.assert_allclose(found[0], 0.1, rtol=1e-6)
    assert (found[1] >= 0).all()
    assert (found[1] < 1e-13).all()
