"""Formulas that overflow or lose their digits, replaced by equal ones that do not.

`Stabilize` runs over finished graphs. `specialise` applies the same rules while it builds, before gradients are taken,
so that these are gradients of the stable formulas too. Only there are logarithms of probabilities that are clipped as
Keras clips them computed from logits, as Keras does on TensorFlow: done later, the loss would be that of the logits and
its gradient that of the clipped probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from epochal.ir import Builder, Graph, Node, Value
from epochal.passes.pattern import Match, Number, Op, Parameter, Rule, Table, by_operator, first_match, op
from epochal.passes.rebuild import RewritingBuilder, on_operands, rebuild
from epochal.topi.inventory import BUILD

_EPSILON = 1e-7  # Keras's: what it clips probabilities by before it takes their logarithms.


def _is_keepdims_total(match: Match) -> bool:
    """Whether `total` is the sum of `terms` along one axis, repeated along that axis."""
    total, terms, opaque = match["total"], match["terms"], match["opaque"]
    value: Value = total
    while value.operator.name in ("broadcast", "reshape") and value not in opaque:
        (value,) = value.node.inputs
    if value.operator.name != "sum" or value in opaque or terms in opaque or value.node.inputs[0] is not terms:
        return False
    axes = value.node.parameters["axes"]
    source = total.node
    if len(axes) != 1 or source.operator.name != "broadcast":
        return False
    kept = tuple(1 if axis == axes[0] else size for axis, size in enumerate(terms.shape))
    match["axis"] = axes[0]
    return bool(source.inputs[0].shape == kept)


def _is_normalised_softmax(match: Match) -> bool:
    return _is_keepdims_total(match) and bool(match["axis"] == match["terms"].node.parameters["axis"])


def _is_clipped_by_keras(match: Match) -> bool:
    return bool(abs(match["low"] - _EPSILON) < 1e-9 and abs(match["high"] - (1 - _EPSILON)) < 1e-7)


def _both(*conditions: Callable[[Match], bool]) -> Callable[[Match], bool]:
    return lambda match: all(condition(match) for condition in conditions)


def _softmax_of_terms(build: Builder, match: Match) -> Value:
    (x,) = match["terms"].node.inputs
    result: Value = build.softmax(x, axis=match["axis"])
    return result


def _is_power(match: Match) -> bool:
    terms: Value = match["terms"]
    return terms.operator.name == "exp" and _is_keepdims_total(match)


def _log_softmax_of_terms(build: Builder, match: Match) -> Value:
    (x,) = match["terms"].node.inputs
    result: Value = build.log_softmax(x, axis=match["axis"])
    return result


def _is_softmax(match: Match) -> bool:
    terms: Value = match["terms"]
    return terms.operator.name == "softmax" and _is_normalised_softmax(match)


def _clipped(x: Op | str) -> Op:
    return op("clamp", x, Number("low"), Number("high"))


_SOFTMAX = op("softmax", "x", axis=Parameter("axis"))
_LOG_SOFTMAX = op("log_softmax", "x", axis=Parameter("axis"))
_SIGMOID = op("sigmoid", "x")
_LOG_SIGMOID = op("neg", op("softplus", op("neg", "x")))
_LOG_NOT_SIGMOID = op("neg", op("softplus", "x"))

RULES: tuple[Rule, ...] = (
    # exp(x) / sum(exp(x)) -> softmax(x)
    Rule(op("div", "terms", "total"), _softmax_of_terms, _is_power),
    # log(softmax(x)) -> log_softmax(x), also where the probabilities are normalised once more
    Rule(op("log", _SOFTMAX), _LOG_SOFTMAX),
    Rule(op("log", op("div", "terms", "total")), _log_softmax_of_terms, _is_softmax),
    # log(sigmoid(x)) -> -softplus(-x)
    Rule(op("log", _SIGMOID), _LOG_SIGMOID),
    # log(1 - sigmoid(x)) -> -softplus(x)
    Rule(op("log", op("sub", 1, _SIGMOID)), _LOG_NOT_SIGMOID),
    Rule(op("log1p", op("neg", _SIGMOID)), _LOG_NOT_SIGMOID),
    # log(1 + exp(x)) -> softplus(x)
    Rule(op("log", op("add", 1, op("exp", "x"))), op("softplus", "x")),
    Rule(op("log1p", op("exp", "x")), op("softplus", "x")),
    # log(1 + x) -> log1p(x)
    Rule(op("log", op("add", 1, "x")), op("log1p", "x")),
    # exp(x) - 1 -> expm1(x)
    Rule(op("sub", op("exp", "x"), 1), op("expm1", "x")),
    Rule(op("add", op("exp", "x"), -1), op("expm1", "x")),
    # log(sum(exp(x))) -> logsumexp(x)
    Rule(op("log", op("sum", op("exp", "x"), axes=Parameter("axes"))), op("logsumexp", "x", axes=Parameter("axes"))),
    # log(exp(x)) -> x
    Rule(op("log", op("exp", "x")), "x"),
    # sqrt(square(x)) -> abs(x)
    Rule(op("sqrt", op("square", "x")), op("abs", "x")),
)
CLIPPED: tuple[Rule, ...] = (
    # log(clip(p)) -> log(p), where p is a softmax or a sigmoid
    Rule(op("log", _clipped(_SOFTMAX)), _LOG_SOFTMAX, _is_clipped_by_keras),
    Rule(
        op("log", _clipped(op("div", "terms", "total"))),
        _log_softmax_of_terms,
        _both(_is_clipped_by_keras, _is_softmax),
    ),
    Rule(op("log", _clipped(_SIGMOID)), _LOG_SIGMOID, _is_clipped_by_keras),
    Rule(op("log", op("sub", 1, _clipped(_SIGMOID))), _LOG_NOT_SIGMOID, _is_clipped_by_keras),
)
_TABLE = by_operator(RULES)
_TABLE_BEFORE_GRADIENTS = by_operator((*RULES, *CLIPPED))


@dataclass(frozen=True)
class Stabilize:
    """Applies `RULES` until none applies. Runs before composites are decomposed."""

    def run(self, graph: Graph) -> Graph:
        build = _builder(BUILD, _TABLE, ())

        def visit(node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            if node.operator.name not in _TABLE:
                return None
            node = on_operands(node, operands)
            found = first_match(_TABLE, build, node)
            return node.outputs if found is None else (found,)

        return rebuild(graph, visit)


def stable_builder(plain: Builder, opaque: Container[Value] = ()) -> RewritingBuilder:
    """A builder that applies `RULES` and `CLIPPED` to each node it makes.

    Args:
        plain: What it builds with.
        opaque: Values whose making it never looks at.
    """
    return _builder(plain, _TABLE_BEFORE_GRADIENTS, opaque)


def _builder(plain: Builder, table: Table, opaque: Container[Value]) -> RewritingBuilder:
    def rewrite(build: Builder, node: Node) -> Sequence[Value] | None:
        found = first_match(table, build, node, opaque)
        return None if found is None else (found,)

    return RewritingBuilder(plain, rewrite)
