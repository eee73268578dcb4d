"""Square brackets against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from epochal.errors import NotSupportedError
from epochal.tensor import TensorSpec, Variable, convert, symbolic_input, trace

DATA = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
CASES = [
    np.s_[0],
    np.s_[-1],
    np.s_[:, 1],
    np.s_[..., 2],
    np.s_[1, ..., -2],
    np.s_[:, 1:3],
    np.s_[:, ::2, 1:],
    np.s_[:, ::-1],
    np.s_[:, :, 3:0:-2],
    np.s_[:, :, -1:-3:-1],
    np.s_[:, 5:],
    np.s_[:, 2:1],
    np.s_[None],
    np.s_[:, None, 1],
    np.s_[0, None, ..., None],
    np.s_[..., None],
    np.s_[()],
    np.s_[0, 1, 2, 3],
    np.s_[[0, 1, 0]],
    np.s_[:, [2, 0]],
    np.s_[:, [[2, 0], [1, 1]]],
    np.s_[:, :, [0, -1], [1, 2]],
    np.s_[[0, 1], :, [3, 2]],
    np.s_[[0, 1], 1],
    np.s_[0, [1, 2]],
    np.s_[0, :, [1, 2]],
    np.s_[:, [0, 1], [2, 3], 1:3],
    np.s_[:, 1:, [0, 3], ::-1],
    np.s_[[[0], [1]], [0, 2]],
    np.s_[None, [0, 1]],
    np.s_[[0, 1], None],
    np.s_[:, np.array([True, False, True])],
    np.s_[np.array([[True, False, True], [False, True, False]])],
]


@pytest.mark.parametrize("index", CASES, ids=str)
def test_eager(index):
    np.testing.assert_array_equal(np.asarray(convert(DATA)[index]), DATA[index])


@pytest.mark.parametrize("index", CASES, ids=str)
def test_traced(index):
    traced = trace(lambda x: x[index], TensorSpec(DATA.shape))
    np.testing.assert_array_equal(traced.compiled("reference")([DATA], [])[0], DATA[index])


@pytest.mark.parametrize("index", CASES[:5] + CASES[5:8] + CASES[12:17] + CASES[18:24], ids=str)
def test_unknown_batch_keeps_known_sizes(index):
    result = symbolic_input((None, *DATA.shape[1:]))[index]
    known = DATA[index].shape
    assert len(result.shape) == len(known)
    assert all(size in (None, other) for size, other in zip(result.shape, known, strict=True))


def test_random_indices_like_numpy():
    generator = np.random.default_rng(5)
    for _ in range(200):
        index = []
        for size in DATA.shape[: generator.integers(1, 5)]:
            kind = generator.integers(4)
            if kind == 0:
                index.append(int(generator.integers(-size, size)))
            elif kind == 1:
                low, high = (int(bound) for bound in generator.integers(-size - 1, size + 2, 2))
                index.append(slice(low, high, int(generator.choice([1, 2, -1, -2]))))
            elif kind == 2:
                index.append(slice(None))
            else:
                index.append(generator.integers(-size, size, 3))
        if generator.integers(3) == 0:
            index.insert(int(generator.integers(len(index) + 1)), None)
        key = tuple(index)
        np.testing.assert_array_equal(np.asarray(convert(DATA)[key]), DATA[key], err_msg=str(key))


def test_symbolic_integer_index():
    traced = trace(lambda x, i: x[:, i], TensorSpec(DATA.shape), TensorSpec((), "int32"))
    np.testing.assert_array_equal(traced.compiled("reference")([DATA, np.array(2, np.int32)], [])[0], DATA[:, 2])
    np.testing.assert_array_equal(traced.compiled("reference")([DATA, np.array(-1, np.int32)], [])[0], DATA[:, -1])


def test_variable_and_iteration():
    rows = list(Variable(DATA[0, 0]))
    assert len(rows) == 4
    np.testing.assert_array_equal(np.asarray(rows[2]), DATA[0, 0, 2])


def test_errors():
    x = convert(DATA)
    with pytest.raises(IndexError, match=r"Index 7 is outside an axis of size 3 of shape \(2, 3, 4, 5\)"):
        x[:, 7]
    with pytest.raises(IndexError, match="Too many indices for a tensor of 4 axes: 5"):
        x[0, 0, 0, 0, 0]
    with pytest.raises(IndexError, match="Index 9 is outside"):
        x[[0, 9]]
    with pytest.raises(IndexError, match="indexed by integers"):
        x[1.5]
    with pytest.raises(NotSupportedError, match="symbolic bool mask"):
        trace(lambda x: x[x > 0], TensorSpec((3,)))
