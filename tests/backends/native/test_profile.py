"""Measuring a program: it computes the same, every record is seen, and operations are those of the definition."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.backends.native import peak
from epochal.backends.native.backend import BACKEND
from epochal.backends.native.operations import members, operations
from epochal.backends.native.prepare import plain_schedule
from epochal.compile import optimise
from epochal.ir import Graph, Node, Program, make_input, tensor_type
from epochal.topi.inventory import BUILD

ROWS, INNER, COLUMNS = 256, 128, 192


def program() -> Program:
    """y = relu(x w), and a state that grows by its sum."""
    x, w = make_input(tensor_type("float32", (ROWS, INNER))), make_input(tensor_type("float32", (INNER, COLUMNS)))
    total = make_input(tensor_type("float32", ()))
    y = BUILD.relu(BUILD.dot_general(x, w, contract=((1,), (0,)), batch=((), ())))
    new = BUILD.add(total, BUILD.sum(y, axes=(0, 1)))
    return Program(Graph([x, w, total], [BUILD.exp(y), new]), ("x", "w"), ("y",), ("total",), (0,))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_records_are_measured_and_the_program_computes_the_same(threads):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ROWS, INNER)).astype("float32")
    w = generator.normal(size=(INNER, COLUMNS)).astype("float32")
    source = optimise(program(), BACKEND.lowers)
    measured_state, state = np.zeros((), np.float32), np.zeros((), np.float32)
    measured = BACKEND.profile(source, [x, w], [measured_state], seconds=0.01, num_threads=threads)
    executable = BACKEND.compile(source)
    for _ in range(measured.total):
        executable([x, w], [state], threads)
    assert measured_state == state
    kernels = [record for record in measured.records if record.kind == "kernel"]
    assert all(record.times == measured.runs for record in kernels)
    assert all(len(record.worked) == measured.threads for record in kernels)
    assert 0 < sum(record.seconds for record in kernels) <= 1.05 * measured.seconds
    counted = sum(sum(record.costs) for record in kernels)
    assert counted >= 2.0 * ROWS * INNER * COLUMNS + 3 * ROWS * COLUMNS
    assert counted < 2.0 * ROWS * INNER * COLUMNS + 8 * ROWS * COLUMNS


def test_every_computed_node_belongs_to_a_launch():
    graph = optimise(program(), BACKEND.lowers).graph
    items = plain_schedule(graph)
    found = {node for share in members(items, graph.inputs) for node in share.nodes}
    assert {node for node in graph.nodes() if node.operator.name not in ("input", "constant")} <= found


def test_partial_sums_go_to_the_launch_that_does_the_work():
    x = make_input(tensor_type("float32", (4096, 512)))
    graph = Graph([x], [BUILD.sum(BUILD.exp(x), axes=(0, 1))])
    items = plain_schedule(graph)
    shares = members(items, graph.inputs)
    assert len(items) == 2
    assert [node.operator.name for node in shares[0].nodes] == ["exp", "sum"]
    assert shares[1].helps == "combines partial of sum"


def test_operations_of_products_and_convolutions():
    x, k = make_input(tensor_type("float32", (2, 8, 8, 3))), make_input(tensor_type("float32", (3, 3, 3, 5)))
    given = {"strides": (1, 1), "padding": ((1, 1), (1, 1)), "dilations": (1, 1), "groups": 1}
    y = BUILD.conv(x, k, **given)
    assert operations(y.node) == 2 * 2 * 8 * 8 * 27 * 5
    sent = BUILD.conv_weight_gradient(x, y, kernel_shape=(3, 3, 3, 5), **given)
    assert operations(sent.node) == operations(y.node)
    softmax = BUILD.softmax(x, axis=3).node
    assert isinstance(softmax, Node)
    assert operations(softmax) > 3 * 2 * 8 * 8 * 3
    assert operations(BUILD.transpose(x, permutation=(3, 1, 2, 0)).node) == 0


def test_peaks_are_positive():
    found = peak.measure(1, repeat=1)
    assert found.operations > 1e8
    assert found.bytes > 1e7
