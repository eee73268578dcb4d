"""Concatenations whose parts one nest computes and stores."""

import numpy as np
import pytest

from epochal.backends.native.backend import BACKEND
from epochal.backends.native.kernel import Launch
from epochal.backends.native.schedule import schedule
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD


def check(build, *shapes, dtype="float32"):
    """Compares with the interpreter; the names of what each launch stores."""
    inputs = [make_input(tensor_type(dtype, shape), f"x{i}") for i, shape in enumerate(shapes)]
    outputs = build(*inputs)
    graph = Graph(inputs, outputs)
    names = tuple(f"x{i}" for i in range(len(inputs)))
    program = Program(graph, names, tuple(f"r{i}" for i in range(len(outputs))), (), ())
    rng = np.random.default_rng(0)
    arrays = [(rng.normal(size=shape) / np.sqrt(shape[-1])).astype(dtype) for shape in shapes]
    executable = BACKEND.compile(program)
    for threads in (1, 3):
        received = executable(arrays, num_threads=threads)
        for one, other in zip(received, interpret(graph, arrays), strict=True):
            small = 1e-5 if dtype == "float32" else 1e-9
            np.testing.assert_allclose(one, other, rtol=small, atol=small)
    items = schedule(graph.nodes(), graph.outputs)
    return [[value.node.operator.name for value in item.outputs] for item in items if isinstance(item, Launch)]


def gates(x, y, axis):
    common = BUILD.tanh(BUILD.mul(x, y))
    parts = [BUILD.mul(common, x), BUILD.sub(common, y), BUILD.square(common)]
    return BUILD.concat(*parts, axis=axis), common


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_what_parts_share_is_computed_once(axis):
    stored = check(lambda x, y: [gates(x, y, axis)[0]], (9, 7, 50), (9, 7, 50))
    assert stored == [["concat"]]


def test_narrow_parts_are_not_joined_along_the_last_axis():
    def build(x, y):
        return [BUILD.concat(BUILD.mul(x, y), BUILD.sub(x, y), axis=1)]

    check(build, (300, 3), (300, 3))
    check(build, (300, 20), (300, 20), dtype="float64")


def test_concatenations_that_share_parts():
    def build(x, y):
        _, common = gates(x, y, 1)
        one, two, three = BUILD.mul(common, x), BUILD.sub(common, y), BUILD.square(common)
        return [BUILD.concat(one, two, axis=1), BUILD.concat(three, one, axis=1)]

    assert check(build, (30, 40), (30, 40)) == [["concat", "concat"]]


def test_a_part_that_others_read():
    def build(x, y):
        part = BUILD.mul(x, y)
        return [BUILD.concat(part, BUILD.sub(x, y), axis=1), BUILD.sum(BUILD.square(part), axes=(0,)), part]

    check(build, (30, 40), (30, 40))

    def used_by_a_product(x, y):
        part = BUILD.tanh(BUILD.mul(x, y))
        other = BUILD.dot_general(part, y, contract=((1,), (1,)))
        return [BUILD.concat(part, BUILD.sub(x, y), axis=1), other]

    check(used_by_a_product, (30, 40), (30, 40))


def test_a_part_that_another_is_made_from():
    def build(x, y, w):
        part = BUILD.tanh(BUILD.mul(x, y))
        later = BUILD.mul(BUILD.dot_general(part, w, contract=((1,), (0,))), x)
        return [BUILD.concat(part, later, axis=1)]

    check(build, (30, 40), (30, 40), (40, 40))


def test_a_part_made_from_a_concatenation_that_shares_another():
    def build(x, y, w):
        shared, own = BUILD.tanh(BUILD.mul(x, y)), BUILD.sub(x, y)
        first = BUILD.concat(shared, own, axis=1)
        made = BUILD.mul(BUILD.dot_general(first, w, contract=((1,), (0,))), x)
        return [BUILD.concat(made, shared, axis=1)]

    check(build, (30, 40), (30, 40), (80, 40))


def test_a_part_that_is_shifted_for_another_reader():
    def build(x, y):
        part = BUILD.mul(x, y)
        turned = BUILD.add(BUILD.reverse(part, axes=(0,)), x)
        return [BUILD.concat(part, BUILD.sub(x, y), axis=1), turned]

    check(build, (30, 40), (30, 40))


def test_random_graphs():
    """Parts, concatenations, products and sums in any order."""
    for seed in range(30):
        rng = np.random.default_rng(seed)

        def build(*inputs, rng=rng):
            values, results = list(inputs), []
            for _ in range(rng.integers(4, 12)):
                a, b = (values[rng.integers(len(values))] for _ in range(2))
                kind = rng.integers(6)
                if kind == 0:
                    values.append(BUILD.dot_general(a, b, contract=((1,), (1,))))
                elif kind == 1 and a is not b:
                    whole = BUILD.concat(a, b, axis=int(rng.integers(2)))
                    results.append(whole)
                    start = (0, 20) if whole.shape == (20, 40) else (20, 0)
                    values.append(BUILD.slice(BUILD.tanh(whole), starts=start, limits=whole.shape))
                elif kind == 2:
                    total = BUILD.sum(a, axes=(int(rng.integers(2)),))
                    values.append(BUILD.mul(b, BUILD.broadcast(total, shape=(20, 20))))
                else:
                    values.append(BUILD.tanh(BUILD.mul(a, b)) if kind == 3 else BUILD.sub(BUILD.sigmoid(a), b))
            return [*results, values[-1], values[int(rng.integers(len(values)))]]

        check(build, (20, 20), (20, 20), dtype="float64")
