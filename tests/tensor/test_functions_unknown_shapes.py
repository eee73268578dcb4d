"""Functions on tensors of unknown shape: built once, specialised to real shapes, they give what eager calls give."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from epochal import compile as compiling
from epochal import tree
from epochal.errors import EpochalError
from epochal.passes.specialise import specialise_program
from epochal.tensor import Tensor, Variable, convert, functions, symbolic_input

FIGURES = Path(__file__).parents[1] / "figures"
_spec = importlib.util.spec_from_file_location("tensor_cases_of_unknown_shape", FIGURES / "tensor_cases.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
CASES = _module.CASES

# Calls that need a size when they are built: the number of results, of repeats, or the sizes of spatial axes.
NEED_SIZES = {
    "bincount", "split", "unstack", "scatter", "segment_sum", "diag", "diagonal", "trace", "take_along_axis",
    "normalize", "depthwise_conv", "conv_transpose", "repeat", "eye", "tri", "arange", "linspace", "in_top_k",
    "slice_update", "tile", "full", "zeros", "ones", "meshgrid", "pad", "roll", "einsum", "tensordot",
}  # fmt: skip


def results_of(outcome):
    return [convert(one) for one in tree.flatten(outcome if isinstance(outcome, (list, tuple)) else [outcome])]


def run_specialised(results, inputs, arrays):
    special = specialise_program(
        [one.value for one in results], [one.value for one in inputs], [convert(array).type for array in arrays]
    )
    executable = compiling.compile_program(special.program, "reference")
    return executable(arrays, [handle.data for handle in special.handles])


@pytest.mark.parametrize("unknown", [1, 9], ids=["batch", "all"])
@pytest.mark.parametrize("index", range(0, len(CASES), 2), ids=lambda index: f"{CASES[index][0]}-{index}")
def test_as_eager(index, unknown):
    name, _, arguments, keywords = CASES[index]
    if name in ("moments", "cast") or (unknown > 1 and name in NEED_SIZES):
        pytest.skip("needs sizes")
    arrays, inputs, given = [], [], []
    for one in arguments:
        is_kernel = "conv" in name and one is not arguments[0]
        if isinstance(one, np.ndarray) and one.ndim and not is_kernel:
            arrays.append(one)
            shape = [None] * min(unknown, one.ndim) + list(one.shape[min(unknown, one.ndim) :])
            inputs.append(symbolic_input(shape, one.dtype))
            given.append(inputs[-1])
        else:
            given.append(one)
    if not inputs:
        pytest.skip("takes no tensors")
    wanted = results_of(getattr(functions, name)(*arguments, **keywords))
    try:
        results = results_of(getattr(functions, name)(*given, **keywords))
    except EpochalError as error:
        if name in NEED_SIZES:
            pytest.skip(str(error))
        raise
    for one, other in zip(results, wanted, strict=True):
        assert one.dtype is other.dtype
        assert one.ndim == other.ndim
        assert all(a in (None, b) for a, b in zip(one.shape, other.shape, strict=True))
    symbolic = [one for one in results if one.data is None]
    found = iter(run_specialised(symbolic, inputs, arrays))
    for one, other in zip(results, wanted, strict=True):
        array = next(found) if one.data is None else one.data
        np.testing.assert_allclose(array.astype(np.float64), np.asarray(other).astype(np.float64), rtol=1e-6, atol=1e-6)


def test_sizes_taken_from_other_tensors():
    x, y = symbolic_input((None, 4)), symbolic_input((None, None))
    n = functions.shape(x)[0]
    results = [
        functions.reshape(x, (n, 2, 2)),
        functions.reshape(x, (-1, n)),
        functions.zeros((n, 3)),
        functions.broadcast_to(functions.ones((1, 4)), functions.shape(x)),
        functions.reshape(y, functions.shape(y)[::-1]),
        functions.arange(n),
        functions.one_hot(functions.arange(n), n),
        x / functions.cast(n, "float32"),
    ]
    assert results[0].shape == (None, 2, 2)
    a, b = np.arange(12, dtype=np.float32).reshape(3, 4), np.arange(10, dtype=np.float32).reshape(2, 5)
    found = run_specialised(results, [x, y], [a, b])
    wanted = [
        a.reshape(3, 2, 2), a.reshape(4, 3), np.zeros((3, 3)), np.ones((3, 4)), b.reshape(5, 2), np.arange(3),
        np.eye(3), a / 3,
    ]  # fmt: skip
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_layers_of_a_model_on_an_unknown_batch():
    w, b = Variable(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)), Variable(np.zeros(4, np.float32))
    x = symbolic_input((None, 3), name="x")
    hidden = functions.layer_norm(functions.gelu(x @ w + b))
    loss = functions.mean(functions.square(hidden)) + functions.sum(functions.logsumexp(hidden, axis=-1))
    data = np.sin(np.arange(15, dtype=np.float32)).reshape(5, 3)
    (found,) = run_specialised([loss], [x], [data])
    eager = functions.layer_norm(functions.gelu(convert(data) @ w + b))
    wanted = functions.mean(functions.square(eager)) + functions.sum(functions.logsumexp(eager, axis=-1))
    assert isinstance(wanted, Tensor)
    np.testing.assert_allclose(found, np.asarray(wanted), rtol=1e-5)
