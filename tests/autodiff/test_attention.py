"""Attention that programs write out, found by gradients and put in the composite's terms."""

from collections import Counter

import numpy as np
import pytest

from epochal.autodiff import gradients, reverse
from epochal.autodiff.attention import find
from epochal.compile import optimise
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD

TIME = 7


def value(*shape, dtype="float64"):
    return make_input(tensor_type(dtype, shape))


def softmax(x):
    return BUILD.softmax(x, axis=len(x.shape) - 1)


def heads(q, k, v, before=lambda x: x, after=lambda x: x):
    """Operands [batch, heads, time, size]."""
    scores = BUILD.mul(BUILD.dot_general(q, k, contract=((3,), (3,)), batch=((0, 1), (0, 1))), 0.3)
    weights = after(softmax(before(scores)))
    return BUILD.dot_general(weights, v, contract=((3,), (2,)), batch=((0, 1), (0, 1)))


def triples():
    return [value(2, 3, TIME, 4), value(2, 3, TIME, 4), value(2, 3, TIME, 5)]


def projected(q, k, v):
    """Operands [batch, time, heads * size], taken apart and put together again."""
    parts = [
        BUILD.transpose(BUILD.reshape(x, shape=(2, TIME, 3, x.shape[2] // 3)), permutation=(0, 2, 1, 3))
        for x in (q, k, v)
    ]
    return BUILD.reshape(BUILD.transpose(heads(*parts), permutation=(0, 2, 1, 3)), shape=(2, TIME, v.shape[2]))


def single(q, k, v):
    scores = BUILD.dot_general(q, k, contract=((2,), (2,)), batch=((0,), (0,)))
    return BUILD.dot_general(softmax(scores), v, contract=((2,), (1,)), batch=((0,), (0,)))


def turned(q, k, v):
    scores = BUILD.dot_general(k, q, contract=((2,), (2,)), batch=((0,), (0,)))
    return BUILD.dot_general(v, BUILD.softmax(scores, axis=1), contract=((1,), (1,)), batch=((0,), (0,)))


def matrices(q, k, v):
    scores = BUILD.div(BUILD.dot_general(q, k, contract=((1,), (1,)), batch=((), ())), 2.0)
    return BUILD.dot_general(softmax(scores), v, contract=((1,), (0,)), batch=((), ()))


def by_hand(q, k, v):
    scores = BUILD.dot_general(q, k, contract=((2,), (2,)), batch=((0,), (0,)))
    peak = BUILD.reshape(BUILD.max(scores, axes=(2,)), shape=(2, TIME, 1))
    powers = BUILD.exp(BUILD.sub(scores, peak))
    weights = BUILD.div(powers, BUILD.reshape(BUILD.sum(powers, axes=(2,)), shape=(2, TIME, 1)))
    return BUILD.dot_general(weights, v, contract=((2,), (1,)), batch=((0,), (0,)))


def earlier():
    places = BUILD.iota(shape=(TIME,), axis=0, dtype="int32")
    return BUILD.greater_equal(BUILD.reshape(places, shape=(TIME, 1)), places)


def spread(mask, scores):
    return BUILD.broadcast(mask, shape=scores.shape)


def rows(size):
    return [value(2, TIME, size), value(2, TIME, size), value(2, TIME, size)]


def bits(*shape):
    return value(*shape, dtype="bool")


def hiding(number):
    return lambda q, k, v: heads(q, k, v, lambda s: BUILD.select(spread(earlier(), s), s, number))


# inputs, program, what the composite is given
PROGRAMS = {
    "heads": (triples, heads, {"scale": 0.3}),
    "projected": (lambda: rows(12), projected, {"shape": (2, TIME, 3, 4)}),
    "single": (lambda: rows(4), single, {"scale": 1.0, "shape": (2, TIME, 1, 4)}),
    "turned": (lambda: rows(4), turned, {}),
    "matrices": (lambda: [value(TIME, 4), value(TIME, 4), value(TIME, 5)], matrices, {"scale": 0.5}),
    "by hand": (lambda: rows(4), by_hand, {}),
    "of one value": (lambda: [value(2, TIME, 4)], lambda x: single(BUILD.tanh(x), x, BUILD.mul(x, x)), {}),
    "causal": (triples, hiding(-1e9), {"causal": True, "operands": 3}),
    "causal, infinite": (triples, hiding(-np.inf), {"causal": True, "operands": 3}),
    "causal, added": (
        triples,
        lambda q, k, v: heads(
            q, k, v, lambda s: BUILD.add(s, BUILD.mul(BUILD.sub(1.0, BUILD.cast(earlier(), dtype="float64")), -1e9))
        ),
        {"causal": True, "operands": 3},
    ),
    "padding": (
        lambda: [*triples(), bits(2, 1, 1, TIME)],
        lambda q, k, v, m: heads(q, k, v, lambda s: BUILD.select(spread(m, s), s, -1e9)),
        {"causal": False, "operands": 4},
    ),
    "padding and causal": (
        lambda: [*triples(), bits(2, 1, 1, TIME)],
        lambda q, k, v, m: heads(q, k, v, lambda s: BUILD.select(spread(BUILD.logical_and(m, earlier()), s), s, -1e9)),
        {"causal": True, "operands": 4},
    ),
    "a number where masked": (
        lambda: [*triples(), bits(2, 1, TIME, TIME)],
        lambda q, k, v, m: heads(q, k, v, lambda s: BUILD.select(spread(m, s), s, BUILD.add(s, -1e9))),
        {"operands": 4},
    ),
    "bias": (
        lambda: [*triples(), value(3, TIME, TIME)],
        lambda q, k, v, b: heads(q, k, v, lambda s: BUILD.mul(BUILD.add(s, b), 0.5)),
        {"scale": 0.15, "operands": 4},
    ),
    "subtracted bias": (
        lambda: [*triples(), value(TIME, TIME)],
        lambda q, k, v, b: heads(q, k, v, lambda s: BUILD.sub(s, b)),
        {"operands": 4},
    ),
    "dropout": (
        lambda: [*triples(), bits(2, 3, TIME, TIME)],
        lambda q, k, v, m: heads(q, k, v, after=lambda p: BUILD.select(m, BUILD.mul(p, 1.25), 0.0)),
        {"operands": 4, "rate": 0.2},
    ),
    "dropout by multiplying": (
        lambda: [*triples(), bits(2, 3, TIME, TIME)],
        lambda q, k, v, m: heads(q, k, v, after=lambda p: BUILD.mul(p, BUILD.cast(m, dtype="float64"))),
        {"operands": 4, "rate": 0.0},
    ),
}


def graphs(case):
    """The program with its gradients, and the same with gradients of what is written."""
    make, program, _ = PROGRAMS[case]
    inputs = make()
    result = program(*inputs)
    wanted = [x for x in inputs if x.dtype.is_floating]
    given = value(*result.shape)
    found = gradients([result], wanted, [given])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reverse, "find", lambda node, opaque: None)
        plain = gradients([result], wanted, [given])
    return [Graph([*inputs, given], [result, *parts]) for parts in (found, plain)]


def names(graph):
    return Counter(node.operator.name for node in graph.nodes())


def optimised(graph):
    arguments = tuple(f"a{index}" for index in range(len(graph.inputs)))
    results = tuple(f"r{index}" for index in range(len(graph.outputs)))
    program = Program(graph, arguments=arguments, results=results, states=(), replaced=())
    return optimise(program, frozenset({"attention", "attention_gradient"})).graph


@pytest.mark.parametrize("case", PROGRAMS)
def test_found(case):
    graph, plain = graphs(case)
    generator = np.random.default_rng(1)
    arrays = [
        generator.random(x.shape) > 0.3 if x.dtype.is_bool else generator.standard_normal(x.shape) for x in graph.inputs
    ]
    expected = interpret(plain, arrays)
    final = optimised(graph)
    for found in (interpret(graph, arrays), interpret(final, arrays)):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)
    counts = names(final)
    assert (counts["attention"], counts["attention_gradient"]) == (1, 1)
    composite = next(node for node in final.nodes() if node.operator.name == "attention")
    wanted = dict(PROGRAMS[case][2])
    assert len(composite.inputs) == wanted.pop("operands", 3)
    assert composite.inputs[0].shape == wanted.pop("shape", composite.inputs[0].shape)
    for name, expected_parameter in wanted.items():
        assert composite.parameters[name] == pytest.approx(expected_parameter), name
    if case != "bias" and case != "subtracted bias":
        assert counts["dot_general"] == 0
    if case != "turned":
        assert counts["transpose"] == 0


def test_a_bias_that_is_trained_is_differentiated_by_itself():
    graph, _ = graphs("bias")
    assert names(optimised(graph))["dot_general"] == 2
    untrained = Graph(graph.inputs, graph.outputs[:4])
    assert names(optimised(untrained))["dot_general"] == 0


@pytest.mark.parametrize(
    "program",
    [
        lambda q, k, v: heads(q, k, v, BUILD.tanh),
        lambda q, k, v: heads(q, k, v, lambda s: BUILD.select(spread(earlier(), s), s, 0.0)),
        lambda q, k, v: heads(q, k, v, after=BUILD.square),
        lambda q, k, v: heads(q, k, v, after=lambda p: BUILD.add(p, 1.0)),
    ],
)
def test_not_attention(program):
    assert find(program(*triples()).node) is None


def test_what_is_differentiated_with_respect_to_is_not_looked_through():
    q, k, v = rows(4)
    scores = BUILD.dot_general(q, k, contract=((2,), (2,)), batch=((0,), (0,)))
    weights = softmax(scores)
    result = BUILD.dot_general(weights, v, contract=((2,), (1,)), batch=((0,), (0,)))
    assert find(result.node) is not None
    assert find(result.node, {weights}) is None
    assert find(result.node, {scores}) is None
    of_scores, of_query = gradients([result], [scores, q])
    assert of_scores is not None
    assert of_query is not None
    assert names(Graph([q, k, v], [of_scores, of_query]))["attention_gradient"] == 0


def test_probabilities_that_others_want_are_computed_once():
    q, k, v = rows(4)
    weights = softmax(BUILD.dot_general(q, k, contract=((2,), (2,)), batch=((0,), (0,))))
    result = BUILD.dot_general(weights, v, contract=((2,), (1,)), batch=((0,), (0,)))
    assert names(optimised(Graph([q, k, v], [result])))["attention"] == 1
    assert names(optimised(Graph([q, k, v], [result, weights])))["attention"] == 0
    assert names(optimised(Graph([q, k, v], [result, BUILD.sum(weights, axes=(0,))])))["attention"] == 0


def test_a_constant_mask_of_the_composite_is_told():
    q = value(2, TIME, 3, 4)
    mask = BUILD.reshape(earlier(), shape=(1, 1, TIME, TIME))
    results = BUILD.attention(q, q, q, mask)
    graph = optimised(Graph([q], [*results, *BUILD.attention_gradient(q, q, q, mask, *results, q)]))
    composites = [node for node in graph.nodes() if node.operator.name.startswith("attention")]
    assert [node.parameters["causal"] for node in composites] == [True, True]
    assert [len(node.inputs) for node in composites] == [3, 7]
