"""Each row of the inventory is complete."""

from __future__ import annotations

import ast
import inspect
import math

import pytest

from epochal.ir import TRAITS, Operator
from epochal.topi import inventory
from epochal.topi.inventory import BUILD, INVENTORY, OPERATORS

DEFERRED = {"variable_read", "variable_assign", "gradient_request"}


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.name)
def test_row_is_complete(operator: Operator) -> None:
    assert operator.doc.strip()
    assert "\n" not in operator.doc
    assert set(operator.traits) <= {*TRAITS, "deferred"}
    # Either a gradient or the word why there is none.
    assert (operator.gradient is None) == bool(operator.no_gradient)
    assert ("composite" in operator.traits) == (operator.decompose is not None)
    if operator.name not in DEFERRED:
        samples = list(operator.samples())
        assert samples
        if operator.gradient is not None:
            assert any(_differentiable(sample) for sample in samples)


def _differentiable(sample: object) -> bool:
    positions = sample.differentiable  # type: ignore[attr-defined]
    return positions is None or bool(positions)


def test_names_are_unique() -> None:
    assert len(INVENTORY) == len(OPERATORS)
    assert all(INVENTORY[operator.name] is operator for operator in OPERATORS)


def test_no_row_is_forgotten() -> None:
    """Every module constant that is an operator is listed."""
    source = ast.parse(inspect.getsource(inventory))
    modules = [
        alias.name
        for node in ast.walk(source)
        if isinstance(node, ast.ImportFrom) and node.module == "epochal.topi"
        for alias in node.names
    ]
    found = {
        value
        for module in modules
        for value in vars(getattr(inventory, module)).values()
        if isinstance(value, Operator)
    }
    assert found <= set(OPERATORS)


def test_an_unknown_operator_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no operator 'frobnicate' in the inventory"):
        _ = BUILD.frobnicate


def test_the_builder_makes_broadcasts_explicit() -> None:
    x = BUILD.constant([[1.0, 2.0, 3.0]], "float32")
    y = BUILD.constant([[1.0], [2.0]], "float32")
    z = BUILD.add(x, y)
    assert [value.shape for value in z.node.inputs] == [(2, 3), (2, 3)]
    assert math.prod(z.shape) == 6
