"""Messages of errors that kernels raise."""

import numpy as np
import pytest

from epochal.compile import compile_program
from epochal.errors import ExecutionError
from epochal.ir import Graph, Origin, Program, make_input, origin, tensor_type
from epochal.topi.inventory import BUILD


def lookup(where, index_dtype="int32"):
    """Rows of a table, doubled, and the sum of it all as a state."""
    table = make_input(tensor_type("float32", (10, 64)))
    indices = make_input(tensor_type(index_dtype, (500,)))
    total = make_input(tensor_type("float32", (64,)))
    with origin(where):
        rows = BUILD.gather(table, indices, axis=0)
    rows = BUILD.mul(rows, 2.0)
    graph = Graph((table, indices, total), (rows, BUILD.add(total, BUILD.sum(rows, axes=(0,)))))
    return compile_program(Program(graph, ("table", "indices"), ("rows",), ("total",), (0,)), "native")


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("wrong", [10, -1, 2_000_000_000])
def test_the_operator_the_layer_and_the_index_are_named(threads, wrong):
    executable = lookup(Origin(layer="words"))
    table, indices, total = np.ones((10, 64), np.float32), np.zeros(500, np.int32), np.zeros(64, np.float32)
    binding = executable.bind([table, indices], [total], num_threads=threads)
    binding.run(2)
    assert total[0] == 2000
    indices[321] = wrong
    expected = rf"gather: an index must lie in \[0, 10\), .* Received: {wrong} \(layer 'words'\)\."
    with pytest.raises(ExecutionError, match=expected):
        binding.run(3)
    indices[321] = 9
    total[:] = 0
    binding.run(1)
    assert total[0] == 1000


@pytest.mark.parametrize("dtype", ["int64", "uint8"])
def test_other_indices(dtype):
    executable = lookup(Origin(), dtype)
    indices = np.full(500, 77, dtype)
    with pytest.raises(ExecutionError, match=r"Received: 77\."):
        executable([np.ones((10, 64), np.float32), indices], [np.zeros(64, np.float32)])


def test_scatter_add():
    x, indices, updates = (
        make_input(tensor_type(dtype, shape))
        for dtype, shape in (("float32", (10, 64)), ("int32", (500,)), ("float32", (500, 64)))
    )
    graph = Graph((x, indices, updates), (BUILD.scatter_add(x, indices, updates, axis=0),))
    executable = compile_program(Program(graph, ("x", "i", "u"), ("y",)), "native")
    arrays = [np.zeros((10, 64), np.float32), np.arange(500, dtype=np.int32) % 11, np.ones((500, 64), np.float32)]
    with pytest.raises(ExecutionError, match=r"scatter_add: an index must lie in \[0, 10\).*Received: 10"):
        executable(arrays)
