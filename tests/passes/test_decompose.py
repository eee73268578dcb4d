"""Composites an engine does not take are written with operators it does."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.ir import Graph, Operator, Sample, make_input, tensor_type
from epochal.ir.verify import verify
from epochal.passes.decompose import Decompose
from epochal.testing import all_samples, assert_close, sample_graph
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD

COMPOSITES = [pytest.param(*rest, id=name) for name, *rest in all_samples() if rest[0].decompose is not None]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize(("operator", "sample"), COMPOSITES)
def test_a_decomposition_computes_what_the_reference_does(operator: Operator, sample: Sample, dtype: str) -> None:
    graph, arrays = sample_graph(operator, sample, dtype)
    plain = Decompose().run(graph)
    verify(plain)
    assert not any(node.operator.decompose for node in plain.nodes())
    assert [value.type for value in plain.outputs] == [value.type for value in graph.outputs]
    for one, other in zip(interpret(plain, arrays), interpret(graph, arrays), strict=True):
        assert_close(one, other)


def test_what_the_engine_lowers_stays() -> None:
    x = make_input(tensor_type("float32", (2, 3)), "x")
    labels = make_input(tensor_type("int32", (2,)), "labels")
    graph = Graph([x, labels], [BUILD.sparse_softmax_cross_entropy(x, labels), BUILD.softplus(x)])
    names = {node.operator.name for node in Decompose(frozenset({"log_softmax"})).run(graph).nodes()}
    assert "log_softmax" in names
    assert names.isdisjoint({"sparse_softmax_cross_entropy", "softplus"})
    kept = Decompose(frozenset({"sparse_softmax_cross_entropy", "softplus"})).run(graph)
    assert kept is graph


def test_missing_classes_give_nan() -> None:
    x = make_input(tensor_type("float32", (3, 2)), "x")
    labels = make_input(tensor_type("int32", (3,)), "labels")
    graph = Decompose().run(Graph([x, labels], [BUILD.sparse_softmax_cross_entropy(x, labels)]))
    found = interpret(graph, [np.zeros((3, 2), np.float32), np.array([0, 2, -1], np.int32)])[0]
    np.testing.assert_allclose(found, [np.log(2), np.nan, np.nan], rtol=1e-6)
