"""Schedules from disk: equal to fresh ones, and good without the objects they go with."""

import numpy as np
import pytest

from epochal.autodiff import gradients
from epochal.backends.native import engine
from epochal.backends.native.assemble import assemble
from epochal.backends.native.cache import ObjectCache
from epochal.backends.native.remembered import remembered
from epochal.backends.native.schedule import schedule
from epochal.compile import optimise
from epochal.ir import Graph, Program, make_input, tensor_type
from epochal.topi.inventory import BUILD


def training_step(backwards=False, batch=300):
    """Two layers, a loop and a cond; with `backwards` the inputs are made in another order."""
    types = [tensor_type("float32", shape) for shape in ((batch, 20), (20, 30), (30,), (30, 5))]
    inputs = [make_input(type_) for type_ in (reversed(types) if backwards else types)]
    x, a, b, c = reversed(inputs) if backwards else inputs
    hidden = BUILD.tanh(BUILD.add(BUILD.dot_general(x, a, contract=((1,), (0,)), batch=((), ())), b))
    for _ in range(6):
        hidden = BUILD.mul(BUILD.tanh(hidden), 1.1)
    body_inputs = [make_input(hidden.type), make_input(b.type)]
    body = Graph(body_inputs, [BUILD.add(BUILD.tanh(body_inputs[0]), body_inputs[1]), body_inputs[0]])
    hidden, stack = BUILD.scan(hidden, BUILD.broadcast_to(b, (3, 30)), body=body, constants=0, carries=1, length=3)
    y = BUILD.dot_general(hidden, c, contract=((1,), (0,)), batch=((), ()))
    loss = BUILD.add(BUILD.sum(BUILD.square(y), axes=(0, 1)), BUILD.sum(stack, axes=(0, 1, 2)))
    found = gradients([loss], [a, b, c], [BUILD.constant(1.0, "float32")])
    new = [BUILD.sub(weight, BUILD.mul(gradient, 1e-4)) for weight, gradient in zip((a, b, c), found, strict=True)]
    names = ("a", "b", "c")
    return optimise(Program(Graph((x, a, b, c), (loss, *new)), ("x",), ("loss",), names, (0, 1, 2)))


def run(executable):
    rng = np.random.default_rng(0)
    state = [rng.standard_normal(type_.shape).astype(np.float32) * 0.1 for type_ in executable.program.state_types]
    x = rng.standard_normal(executable.program.argument_types[0].shape).astype(np.float32)
    results = executable.bind([x], state).run(3)
    return [*results, *state]


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """An engine with a cache of its own, and a schedule that counts how often it is asked."""
    private = engine.Engine(ObjectCache(tmp_path))
    monkeypatch.setattr(engine, "_engine", private)
    calls = []

    def counted(graph, cut=None):
        calls.append(graph)
        return schedule(graph.nodes(), graph.outputs, cut, graph.inputs[: cut.fixed] if cut else ())

    return private, remembered(counted), calls


@pytest.mark.parametrize("backwards", [False, True])
def test_a_remembered_schedule_is_the_same(fresh, backwards):
    private, recall, calls = fresh
    expected = run(assemble(training_step(), recall))
    large = sum(len(graph.nodes()) >= 40 for graph in calls)
    assert large == 1
    compiled = private.compiled
    found = run(assemble(training_step(backwards), recall))
    assert sum(len(graph.nodes()) >= 40 for graph in calls) == 1
    assert private.compiled == compiled
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_objects_that_are_gone_are_compiled_again(fresh, tmp_path):
    private, recall, calls = fresh
    expected = run(assemble(training_step(), recall))
    compiled = private.compiled
    folder = tmp_path / "objects"
    for path in folder.iterdir():
        if b"ELF" in path.read_bytes()[:64] or b"\xcf\xfa\xed\xfe" in path.read_bytes()[:64]:
            path.unlink()
    before = len(calls)
    found = run(assemble(training_step(), recall))
    assert private.compiled > compiled
    assert len(calls) > before
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_graph_has_another_entry(fresh):
    _, recall, calls = fresh
    assemble(training_step(), recall)
    before = len(calls)
    assemble(training_step(batch=299), recall)
    assert len(calls) > before
