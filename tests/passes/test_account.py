"""What passes did, counted."""

from itertools import pairwise

from epochal.ir import Graph, make_input, tensor_type
from epochal.passes.account import count_operators, run_accounted
from epochal.passes.pattern import TALLY
from epochal.passes.pipeline import run_pipeline
from epochal.passes.pipelines import for_engine
from epochal.topi.inventory import BUILD


def graph() -> Graph:
    x = make_input(tensor_type("float32", (3, 4)))
    twice = [BUILD.exp(BUILD.neg(BUILD.neg(x))) for _ in range(2)]
    return Graph([x], [BUILD.softmax(BUILD.add(*twice), axis=1)])


def test_the_graph_is_the_pipelines_and_every_change_is_told():
    source = graph()
    found, accounts = run_accounted(source, for_engine(frozenset()))
    plain = run_pipeline(source, for_engine(frozenset()))
    assert count_operators(found) == count_operators(plain)
    assert accounts[0].before == count_operators(source).total()
    assert accounts[-1].after == count_operators(found).total()
    for before, after in pairwise(accounts):
        assert before.after == after.before
    for one in accounts:
        assert one.after - one.before == sum(one.more.values()) - sum(one.fewer.values())


def test_rules_are_told_as_they_are_written():
    _, accounts = run_accounted(graph(), for_engine(frozenset()))
    rules = {rule: count for one in accounts for rule, count in one.rules.items()}
    assert rules["neg(neg(x)) -> x"] == 2
    merging = next(one for one in accounts if one.name == "EliminateCommonSubexpressions")
    assert merging.fewer["exp"] == 1
    assert TALLY.get() is None
