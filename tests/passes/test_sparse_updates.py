"""Updates by a gradient of a few rows are applied to those rows."""

from __future__ import annotations

import numpy as np
import pytest

from epochal import dtypes
from epochal.ir import Graph, Value, make_input, tensor_type
from epochal.ir.verify import verify
from epochal.passes.sparse_updates import SparseUpdates
from epochal.testing import assert_close
from epochal.topi.interpret import interpret
from epochal.topi.inventory import BUILD

TABLE = make_input(tensor_type("float64", (6, 3)), "table")
INDICES = make_input(tensor_type("int32", (2, 2)), "indices")
ROWS = make_input(tensor_type("float64", (2, 2, 3)), "rows")
RATE = make_input(tensor_type("float64", ()), "rate")
INPUTS = [TABLE, INDICES, ROWS, RATE]


def _gradient(start: float = 0.0) -> Value:
    zeros = BUILD.broadcast(BUILD.constant(start, dtypes.float64), shape=(6, 3))
    found: Value = BUILD.scatter_add(zeros, INDICES, ROWS, axis=0)
    return found


def _rate() -> Value:
    found: Value = BUILD.broadcast(RATE, shape=(6, 3))
    return found


def _updates() -> dict[str, Value]:
    return {
        "w - g * rate": BUILD.sub(TABLE, BUILD.mul(_gradient(), _rate())),
        "w - rate * g": BUILD.sub(TABLE, BUILD.mul(_rate(), _gradient())),
        "w + rate * g": BUILD.add(TABLE, BUILD.mul(_rate(), _gradient())),
        "rate * g + w": BUILD.add(BUILD.mul(_rate(), _gradient()), TABLE),
        "w - g": BUILD.sub(TABLE, _gradient()),
    }


@pytest.mark.parametrize("update", _updates())
def test_an_update_becomes_one_of_rows(update: str) -> None:
    graph = Graph(INPUTS, [_updates()[update]])
    found = SparseUpdates().run(graph)
    verify(found)
    assert found.outputs[0].operator.name == "scatter_add"
    assert found.outputs[0].node.inputs[0] is TABLE
    generator = np.random.default_rng(0)
    arrays = [
        generator.standard_normal((6, 3)), np.array([[4, 0], [4, 2]], np.int32), generator.standard_normal((2, 2, 3)),
        np.array(0.3),
    ]  # fmt: skip
    assert_close(interpret(found, arrays)[0], interpret(graph, arrays)[0])


def test_what_is_used_twice_or_starts_elsewhere_or_is_subtracted_from_stays() -> None:
    shared = _gradient()
    scaled = BUILD.mul(_gradient(), _rate())
    for outputs in (
        [BUILD.sub(TABLE, BUILD.mul(shared, _rate())), shared],
        [BUILD.sub(TABLE, scaled), scaled],
        [BUILD.sub(TABLE, BUILD.mul(_gradient(1.0), _rate()))],
        [BUILD.sub(BUILD.mul(_gradient(), _rate()), TABLE)],
    ):
        graph = Graph(INPUTS, outputs)
        assert SparseUpdates().run(graph) is graph
