"""Attention whose scores stay in the cache, and its gradient."""

import numpy as np
import pytest

from epochal.backends.native.backend import BACKEND
from epochal.backends.native.kernel import Target
from epochal.backends.native.kernels.lower import lower
from epochal.compile import compile_program
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.testing.launches import Launcher
from epochal.topi.inventory import BUILD

# batch, queries, keys, heads, key heads, depth, width; extra operands' shapes; parameters
CASES = {
    "one": ((1, 1, 1, 1, 1, 1, 1), {}, {}),
    "vectors": ((2, 64, 64, 2, 2, 32, 32), {}, {}),
    "tails": ((2, 33, 70, 4, 2, 20, 17), {}, {"scale": 0.3}),
    "wide": ((1, 20, 24, 1, 1, 150, 70), {}, {}),
    "causal": ((2, 70, 70, 2, 1, 16, 33), {}, {"causal": True}),
    "causal, more queries": ((1, 37, 21, 2, 1, 9, 16), {}, {"causal": True}),
    "causal, more keys": ((1, 21, 57, 2, 2, 16, 16), {}, {"causal": True}),
    "chunks": ((1, 200, 1100, 1, 1, 8, 8), {}, {}),
    "causal chunks": ((1, 600, 600, 2, 2, 8, 8), {}, {"causal": True}),
    "padding": ((2, 30, 45, 2, 2, 8, 8), {"mask": (2, 1, 1, 45)}, {}),
    "hidden rows": ((2, 30, 45, 2, 2, 8, 8), {"mask": (2, 1, 30, 45)}, {}),
    "hidden causal rows": ((2, 45, 45, 2, 2, 8, 8), {"mask": (2, 1, 1, 45)}, {"causal": True}),
    "columns": ((2, 30, 45, 2, 2, 8, 8), {"bias": (1, 2, 30, 1), "mask": (2, 1, 30, 1)}, {}),
    "dropout": ((2, 30, 45, 2, 2, 8, 8), {"kept": (2, 2, 30, 45)}, {"rate": 0.3}),
    "everything": (
        (2, 100, 115, 2, 1, 8, 24),
        {"bias": (1, 1, 100, 115), "mask": (1, 1, 100, 115), "kept": (2, 1, 100, 115)},
        {"rate": 0.3, "causal": True},
    ),
}


def make(case, dtype):
    """A graph of attention with its gradient, and arrays for its inputs."""
    (batch, queries, keys, heads, served, depth, width), extras, parameters = CASES[case]
    generator = np.random.default_rng(5)
    shapes = [(batch, queries, heads, depth), (batch, keys, served, depth), (batch, keys, served, width)]
    shapes.append((batch, queries, heads, width))
    arrays = [generator.standard_normal(shape).astype(dtype) for shape in shapes]
    found = []
    for name, shape in extras.items():
        if name == "bias":
            found.append(generator.standard_normal(shape).astype(dtype))
            continue
        chosen = generator.random(shape) > 0.4
        if "hidden" in case:
            chosen[:, :, : shape[2] // 2, : keys // 3] = False
            chosen[:, :, 0] &= shape[2] == 1
        found.append(chosen)
    arrays[3:3] = found
    inputs = [make_input(tensor_type(array.dtype.name, array.shape)) for array in arrays]
    results = BUILD.attention(*inputs[:-1], **parameters)
    gradients = BUILD.attention_gradient(*inputs[:-1], *results, inputs[-1], **parameters)
    return Graph(inputs, [*results, *gradients]), arrays


def expected(graph, arrays):
    """In double precision, by the reference."""
    attention, gradient = graph.outputs[0].node, graph.outputs[3].node
    wide = [array if array.dtype == bool else array.astype(np.float64) for array in arrays]
    results = attention.operator.reference(*wide[:-1], **attention.parameters)
    return [*results, *gradient.operator.reference(*wide[:-1], *results, wide[-1], **gradient.parameters)]


def launch(graph, arrays, target=None):
    """The results, and the launchers that made them."""
    given = dict(zip(graph.inputs, arrays, strict=True))
    launchers = []
    for node in (graph.outputs[0].node, graph.outputs[3].node):
        launcher = Launcher(lower(node), {value: given[value] for value in node.inputs}, target)
        launcher.run_apart()
        given.update({value: launcher.arrays[value] for value in node.outputs})
        launchers.append(launcher)
    return [given[value] for value in graph.outputs], launchers


def compare(found, wanted):
    for result, exact in zip(found, wanted, strict=True):
        room = (2e-5 if result.dtype == np.float32 else 2e-13) * max(1e-3, np.abs(exact).max())
        np.testing.assert_allclose(result, exact, rtol=0, atol=room)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_and_gradients(case, dtype):
    graph, arrays = make(case, dtype)
    found, launchers = launch(graph, arrays)
    compare(found, expected(graph, arrays))
    apart = [array.copy() for array in found]
    for launcher in launchers:
        launcher.run()
        for item, scratch in zip(launcher.launches, launcher._scratch, strict=True):
            start = -scratch.ctypes.data % 64 + item.kernel.scratch
            assert np.all(scratch[start:] == 0x7F), "scratch memory that was not asked for"
    for before, value in zip(apart, found, strict=True):
        assert before.tobytes() == value.tobytes()


@pytest.mark.parametrize("case", ["tails", "causal", "everything"])
def test_narrower_processors(case):
    graph, arrays = make(case, "float32")
    for width, registers in ((32, 16), (16, 16), (16, 32)):
        found, _ = launch(graph, arrays, Target("", "", width, registers, False))
        compare(found, expected(graph, arrays))


@pytest.mark.parametrize("case", ["vectors", "causal chunks", "everything"])
def test_threads_give_the_same_bits(case):
    graph, arrays = make(case, "float32")
    names = [tuple(f"{kind}{index}" for index in range(len(values)))
             for kind, values in (("a", graph.inputs), ("r", graph.outputs))]  # fmt: skip
    executable = compile_program(Program(graph, arguments=names[0], results=names[1], states=(), replaced=()), BACKEND)
    results = [[array.copy() for array in executable(arrays, [], threads)] for threads in (1, 2, 3, 4)]
    compare(results[0], expected(graph, arrays))
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            assert one.tobytes() == other.tobytes()


def test_not_a_number_and_infinity_stay_in_their_row():
    graph, arrays = make("padding", "float32")
    arrays[0][0, 3, 1, 2] = np.nan
    arrays[0][1, 5, 0, 1] = np.inf
    found, _ = launch(graph, arrays)
    with np.errstate(all="ignore"):
        wanted = expected(graph, arrays)
    np.testing.assert_array_equal(np.isfinite(found[0]), np.isfinite(wanted[0]))
    finite = np.isfinite(wanted[0])
    np.testing.assert_allclose(found[0][finite], wanted[0][finite], rtol=0, atol=1e-5)


def test_weights_far_below_the_largest_vanish():
    q = make_input(tensor_type("float32", (1, 1, 1, 1)))
    k, v = make_input(tensor_type("float32", (1, 4, 1, 1))), make_input(tensor_type("float32", (1, 4, 1, 1)))
    node = BUILD.attention(q, k, v, scale=1.0)[0].node
    keys = np.array([0, -20, -90, -1e30], np.float32).reshape(1, 4, 1, 1)
    values = np.array([0, 1e9, 1e30, 1e30], np.float32).reshape(1, 4, 1, 1)
    launcher = Launcher(lower(node), {q: np.ones((1, 1, 1, 1), np.float32), k: keys, v: values})
    launcher.run()
    np.testing.assert_allclose(launcher.arrays[node.outputs[0]].item(), 1e9 * np.exp(-20.0), rtol=1e-5)


def test_half_precision_is_computed_in_single():
    q = make_input(tensor_type("float16", (2, 5, 2, 4)))
    y = BUILD.attention(q, q, q)[0]
    assert lower(y.node) is None
    executable = compile_program(Program(Graph([q], [y]), arguments=("q",), results=("y",), states=(), replaced=()))
    x = np.random.default_rng(0).standard_normal((2, 5, 2, 4)).astype(np.float16)
    wanted = y.node.operator.reference(x, x, x, **y.node.parameters)[0]
    found = executable([x], [])[0]
    assert found.dtype == np.float16
    np.testing.assert_allclose(found.astype(np.float32), wanted.astype(np.float32), rtol=0, atol=2e-3)
