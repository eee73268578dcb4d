"""Variables, traces and compiled functions."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

from epochal import config
from epochal.errors import ArgumentError, DTypeError, ShapeError
from epochal.ir import TensorType
from epochal.tensor import (
    Deferred,
    Tensor,
    TensorSpec,
    Trace,
    Variable,
    convert,
    eagerly,
    function,
    functions,
    symbolic_input,
    trace,
)


def test_variable():
    v = Variable([1, 2], dtype="float32", name="v", trainable=False)
    assert (v.shape, v.dtype, v.name, v.trainable, v.ndim, v.size) == ((2,), "float32", "v", False, 1, 2)
    assert v.assign([3.0, 4.0]) is v
    v.assign_add([1.0, 1.0])
    v.assign_sub(2.0 * v)
    assert v.numpy().tolist() == [-4.0, -5.0]
    assert (v + 1).tolist() == [-3.0, -4.0]
    assert (np.float32(1) + v).tolist() == [-3.0, -4.0]
    assert float(Variable(2.5)) == 2.5
    assert Variable(shape=(2,), dtype="int32").numpy().tolist() == [0, 0]
    assert Variable(lambda: np.ones(2)).dtype == "float64"
    assert "Variable 'v' shape=(2,)" in repr(v)


def test_variables_own_their_numbers():
    array = np.ones(2, np.float32)
    v = Variable(array)
    array[0] = 5
    before, data = v.value, v.data
    v.assign([7.0, 7.0])
    assert before.tolist() == [1.0, 1.0]
    assert v.data is data


def test_variable_errors():
    v = Variable([1.0, 2.0], name="v")
    with pytest.raises(ShapeError, match=r"'v' has shape \(2,\) and cannot be assigned a value of shape \(3,\)"):
        v.assign([1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match=r"shape \(3,\) given a value of shape \(2,\)"):
        Variable([1.0, 2.0], shape=(3,))
    with pytest.raises(ArgumentError, match="a value or a shape"):
        Variable()
    with pytest.raises(ArgumentError, match=r"must be concrete.*symbolic"):
        Variable(symbolic_input((2,)))
    with pytest.raises(ArgumentError, match="'v' was assigned a symbolic tensor"):
        v.assign(symbolic_input((2,)))


def test_traced_variables_become_state_in_order_of_use():
    a, b, unused = Variable(1.0, name="a"), Variable(2.0, name="b"), Variable(0.0, name="unused")

    def run(x):
        old = b.value
        b.assign(b * x)
        return old, a + b

    traced = trace(run, TensorSpec((), name="x"), variables=[unused])
    assert traced.program.states == ("unused", "b", "a")
    assert traced.program.replaced == (1,)
    assert traced.program.arguments == ("x",)
    assert (a.numpy(), b.numpy()) == (1.0, 2.0)
    old, total = traced(np.float32(3.0))
    assert (float(old), float(total), float(b)) == (2.0, 7.0, 6.0)


def test_traced_results_keep_their_nesting():
    traced = trace(lambda x, k: {"b": [x, None, "text"], "a": (x * k, 3)}, TensorSpec(()), 2.0)
    found = traced(np.float32(4.0))
    assert list(found) == ["b", "a"]
    assert found["b"][1:] == [None, "text"]
    assert float(found["a"][0]) == 8.0
    assert int(found["a"][1]) == 3


def test_traced_arguments_are_checked():
    traced = trace(lambda x: x, TensorSpec((2,), name="x"))
    with pytest.raises(ShapeError, match=r"Argument 'x' must have shape \(2,\). Received: \(3,\)"):
        traced(np.ones(3, np.float32))
    with pytest.raises(DTypeError, match=r"Argument 'x' must have dtype float32. Received: int32"):
        traced(np.ones(2, np.int32))
    with pytest.raises(ArgumentError, match=r"takes 1 tensors. Received: 2"):
        traced(np.ones(2, np.float32), 1.0)
    with pytest.raises(ArgumentError, match="static shape"):
        trace(lambda x: x, TensorSpec((None, 2)))


def test_symbolic_tensors_do_not_leak_between_traces():
    kept = []
    trace(lambda x: kept.append(x) or x, TensorSpec(()))
    with pytest.raises(ArgumentError, match=r"another trace.*leaked"):
        trace(lambda x: x + kept[0], TensorSpec(()))
    with pytest.raises(ArgumentError, match="symbolic"):
        float(kept[0])


def test_a_trace_by_hand():
    v = Variable(2.0)
    with Trace() as context:
        x = context.argument(TensorType(convert(1.0).dtype, (3,)), "x")
        y = x * v
        v.assign_add(1.0)
        with eagerly():
            assert float(v * 2.0) == 4.0
    program = context.finish([y], ("y",))
    assert (program.arguments, program.results, program.states) == (("x",), ("y",), ("variable",))
    assert float(v) == 2.0


def test_deferred_building_does_not_change_state():
    v = Variable(2.0)
    with Deferred():
        x = symbolic_input((None, 2))
        v.assign_add(1.0)
        y = x * v
    assert y.shape == (None, 2)
    assert float(v) == 2.0
    assert (symbolic_input((None, 3)) @ Variable(np.ones((3, 4)), dtype="float32")).shape == (None, 4)


def test_a_function_is_traced_once_for_each_kind_of_arguments():
    calls = []

    @function
    def run(x, scale=1.0):
        calls.append(x.shape)
        return x * scale

    one = np.ones(2, np.float32)
    for _ in range(3):
        run(one)
    assert len(calls) == 1
    run(np.ones(3, np.float32))
    run(one, scale=2.0)
    run(one, scale=convert(2.0))
    run(one, scale=convert(3.0))
    run(np.ones(2, np.int32))
    assert len(calls) == 5
    assert run.experimental_get_tracing_count() == 5
    assert run(one, scale=2.0).tolist() == [2.0, 2.0]
    assert run({"a": 1}["a"] * one).tolist() == [1.0, 1.0]


def test_a_function_of_nested_arguments_and_static_values():
    @function
    def run(batch, training=False, mode="sum"):
        total = batch["x"] + batch["y"][0]
        return (total if training else -total), mode

    batch = {"x": convert(1.0), "y": [convert(2.0)]}
    assert float(run(batch, training=True)[0]) == 3.0
    result, mode = run(batch, mode="mean")
    assert (float(result), mode) == (-3.0, "mean")


def test_functions_read_and_write_variables():
    v = Variable(1.0)

    @function
    def step(x):
        v.assign_add(x)
        return v * 1.0

    assert [float(step(convert(2.0))) for _ in range(3)] == [3.0, 5.0, 7.0]
    v.assign(0.0)
    assert float(step(convert(2.0))) == 2.0


def test_a_function_inside_a_function_is_part_of_it():
    @function
    def inner(x):
        return x + 1.0

    @function
    def outer(x):
        return inner(x) * inner(x)

    assert float(outer(convert(2.0))) == 9.0
    assert inner.experimental_get_tracing_count() == 0


def test_methods():
    class Model:
        def __init__(self, factor):
            self.factor = Variable(factor)

        @function
        def run(self, x):
            return x * self.factor

    one, two = Model(2.0), Model(3.0)
    assert (float(one.run(convert(1.0))), float(two.run(convert(1.0)))) == (2.0, 3.0)
    gone = weakref.ref(one)
    del one
    gc.collect()
    assert gone() is None


def test_methods_of_objects_without_weak_references():
    class Model:
        __slots__ = ("factor",)

        @function
        def run(self, x):
            return x * self.factor

    one = Model()
    one.factor = Variable(2.0)
    assert [float(one.run(convert(float(x)))) for x in range(3)] == [0.0, 2.0, 4.0]
    assert Model.run.experimental_get_tracing_count() == 1


def test_variables_are_made_in_the_first_call_alone():
    made = []

    @function
    def lazily(x):
        if not made:
            made.append(Variable(2.0))
        return x * made[0]

    assert float(lazily(convert(3.0))) == 6.0
    assert lazily(convert([1.0, 2.0])).tolist() == [2.0, 4.0]

    @function
    def always(x):
        return x * Variable(2.0)

    always(convert(1.0))
    with pytest.raises(ArgumentError, match="always made variables in a call that was not its first"):
        always(convert([1.0]))


def test_python_control_flow_on_tensors_is_an_error():
    @function
    def run(x):
        return x if x > 0 else -x

    with pytest.raises(ArgumentError, match=r"if, while.*cond, while_loop, where"):
        run(convert(1.0))


def test_a_failed_trace_leaves_nothing_behind():
    v = Variable(1.0)

    @function
    def run(x):
        v.assign(x)
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        run(convert(5.0))
    assert float(v) == 1.0
    assert float(v * 2.0) == 2.0


def test_function_options():
    assert float(function(jit_compile=True)(lambda x: x + 1.0)(convert(1.0))) == 2.0
    with pytest.raises(ArgumentError, match="Unknown options of function: fast"):
        function(fast=True)


def test_concrete_functions():
    run = function(lambda x: x * 2.0)
    traced = run.get_concrete_function(TensorSpec((2,)))
    assert traced(np.ones(2, np.float32)).tolist() == [2.0, 2.0]
    run(np.ones(2, np.float32))
    assert run.experimental_get_tracing_count() == 1


def test_nothing_keeps_functions_and_variables_alive():
    def make():
        v = Variable(np.zeros(10))
        run = function(lambda x: v.assign_add(x).value * 1.0)
        run(np.ones(10))
        return [weakref.ref(v), weakref.ref(run)]

    gone = make()
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_the_float_type_is_part_of_the_key():
    run = function(lambda x: functions.mean(x))
    assert run(np.arange(3)).dtype == "float32"
    try:
        config.set_floatx("float64")
        assert run(np.arange(3)).dtype == "float64"
    finally:
        config.set_floatx(None)
    assert isinstance(run(np.arange(3)), Tensor)


def test_threads_have_contexts_of_their_own():
    v = Variable(1.0)
    shared = Deferred()
    seen, barrier = [], threading.Barrier(2, timeout=10)

    def work():
        for _ in range(50):
            with shared:
                barrier.wait()
                assert (v * 1.0).is_symbolic
            assert not (v * 1.0).is_symbolic
        seen.append(True)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True, True]


def test_calls_of_one_function_from_several_threads():
    run = function(lambda x: functions.sum(x * 2.0))
    results = []

    def work(number):
        results.extend(
            float(run(np.full(size, number, np.float32))) == 2 * size * number for _ in range(20) for size in (3, 5)
        )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 160
    assert run.experimental_get_tracing_count() == 2


@pytest.mark.parametrize("number", [0.0, -0.0, float("nan"), 1.5])
def test_large_arrays_of_equal_numbers_are_no_part_of_a_graph(number):
    array = np.full((64, 64), number, np.float32)
    other = array.copy()
    other[3, 5] = 7

    def run(x):
        return x * array, x * other

    traced = trace(run, TensorSpec((64, 64), "float32"))
    constants = [node for node in traced.program.graph.nodes() if node.operator.name == "constant"]
    assert sorted(node.outputs[0].type.size for node in constants) == [1, 64 * 64]
    x = np.arange(64 * 64, dtype=np.float32).reshape(64, 64)
    for result, expected in zip(traced.run([x]), (x * array, x * other), strict=True):
        np.testing.assert_array_equal(np.asarray(result), expected)
