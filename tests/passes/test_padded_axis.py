"""Whatever lies beyond the length, what counts is what an exact program computes."""

import numpy as np
import pytest

from epochal.ir.verify import verify
from epochal.passes.padded_axis import padded_graph
from epochal.passes.padded_rules import RULES
from epochal.passes.padded_site import InexactError
from epochal.tensor import GradientTape, TensorSpec, functions, trace
from epochal.tensor.dispatch import apply
from epochal.topi.interpret import interpret

SIZES = (12, 11, 3)


def traced(body, size):
    """The graph of a body on [2, size, 4] and a kernel [3, 4, 4]."""
    specs = (TensorSpec((2, size, 4), "float32"), TensorSpec((3, 4, 4), "float32"))
    return trace(body, *specs).program.graph


def with_gradient(body):
    def both(x, kernel):
        with GradientTape() as tape:
            tape.watch(x)
            tape.watch(kernel)
            y = body(x, kernel)
            total = functions.sum(y * y)
        gradients = tape.gradient(total, [x, kernel])
        return [y, *(gradient for gradient in gradients if gradient is not None)]

    return both


def heads(x):
    return functions.reshape(x, (2, x.shape[1], 2, 2))


BODIES = {
    "mean": lambda x, k: functions.mean(functions.exp(x), axis=1),
    "product": lambda x, k: functions.matmul(functions.transpose(x, (0, 2, 1)), functions.tanh(x)),
    "convolution": lambda x, k: apply("conv", x, k, padding=((1, 1),), strides=(1,), dilations=(1,), groups=1),
    "short convolution": lambda x, k: apply("conv", x, k, padding=((0, 0),), strides=(1,), dilations=(1,), groups=1),
    "softmax": lambda x, k: apply("softmax", x, axis=1) * x,
    "log softmax": lambda x, k: apply("log_softmax", x, axis=1),
    "logsumexp": lambda x, k: apply("logsumexp", x, axes=(1,)),
    "attention": lambda x, k: apply("attention", heads(x), heads(x), heads(x * 2.0), scale=0.5)[0],
    "causal attention": lambda x, k: apply("attention", heads(x), heads(x), heads(x), scale=0.5, causal=True)[0],
    "last": lambda x, k: x[:, -1],
    "shifted": lambda x, k: x[:, 1:] * x[:, :-1],
    "reversed": lambda x, k: functions.flip(x, 1) * x,
    "running sum": lambda x, k: functions.cumsum(x, 1) * x,
    "deviation": lambda x, k: x - functions.max(x, axis=1, keepdims=True),
    "rows": lambda x, k: apply("gather", k[0], functions.cast(x, "int32"), axis=0),
    "normalised": lambda x, k: apply("batch_norm_training", x, k[0, 0] + 1.0, k[0, 1], epsilon=1e-3)[0],
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("beyond", [0.0, 1.0, np.nan, np.inf])
@pytest.mark.parametrize("name", BODIES)
def test_results_and_gradients_do_not_depend_on_what_lies_beyond(name, beyond):
    body = with_gradient(BODIES[name])
    padded = padded_graph([traced(body, size) for size in SIZES], SIZES, RULES)
    verify(padded.graph)
    rng = np.random.default_rng(0)
    kernel = rng.uniform(0.2, 1.0, (3, 4, 4)).astype(np.float32)
    for length in (3, 7, 12):
        x = rng.uniform(0.2, 1.9, (2, length, 4)).astype(np.float32)
        wide = np.full((2, 12, 4), beyond, np.float32)
        wide[:, :length] = x
        found = interpret(padded.graph, [wide, kernel, np.array(length, np.int32)])
        wanted = interpret(traced(body, length), [x, kernel])
        for one, other, cut in zip(found, wanted, padded.cuts, strict=True):
            for axis, (times, plus) in cut.items():
                one = np.moveaxis(np.moveaxis(one, axis, 0)[: times * length + plus], 0, axis)
            np.testing.assert_allclose(one, other, rtol=3e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (lambda x, k: functions.sort(x, axis=1), "works along"),
        (lambda x, k: functions.reshape(x, (-1,)), "merges"),
        (lambda x, k: x * float(np.log(x.shape[1])), "not known"),
        (lambda x, k: x if x.shape[1] < 5 else x + 1.0, "another size"),
        (lambda x, k: apply("conv", x, k, padding=((1, 1),), strides=(2,), dilations=(1,), groups=1), "in step"),
        (lambda x, k: functions.concatenate([x, x], 1), "joined"),
        (lambda x, k: x + np.arange(x.shape[1], 0, -1, dtype=np.float32)[:, None], "table"),
    ],
)
def test_what_no_mask_repairs_is_refused(body, why):
    with pytest.raises(InexactError, match=why):
        padded_graph([traced(body, size) for size in SIZES], SIZES, RULES)
