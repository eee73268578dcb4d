"""Philox against its published vectors; streams, ranges and moments of the draws."""

from __future__ import annotations

import numpy as np
import pytest

from epochal import dtypes
from epochal.topi.inventory import INVENTORY
from epochal.topi.random import encrypt, philox

bits, uniform, normal = (INVENTORY[name].reference for name in ("random_bits", "random_uniform", "random_normal"))
KEY = np.array([20261124, 3], np.uint32)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        # kat_vectors of Random123, the authors' own implementation.
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_published_vectors(counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]) -> None:
    words = encrypt(tuple(np.array([word], np.uint64) for word in counter), key)  # type: ignore[arg-type]
    np.testing.assert_array_equal(words[0], np.array(expected, np.uint32))


def test_a_draw_begins_as_a_longer_one_and_keys_differ() -> None:
    long = philox(KEY, 1000)
    np.testing.assert_array_equal(philox(KEY, 37), long[:37])
    np.testing.assert_array_equal(bits(KEY, shape=(10, 100)).ravel(), long)
    for other in ([20261124, 4], [20261125, 3]):
        assert np.sum(philox(np.array(other, np.uint32), 1000) == long) == 0


def test_uniforms_are_made_of_the_bits() -> None:
    words = philox(KEY, 20).astype(object)
    single = uniform(KEY, shape=(20,), dtype=dtypes.float32)
    np.testing.assert_array_equal(single, np.array([(w >> 8) * 2.0**-24 for w in words], np.float32))
    double = uniform(KEY, shape=(10,), dtype=dtypes.float64)
    expected = [(((words[2 * i] << 32) | words[2 * i + 1]) >> 11) * 2.0**-53 for i in range(10)]
    np.testing.assert_array_equal(double, np.array(expected, np.float64))


def test_normals_are_made_of_the_bits() -> None:
    words = (philox(KEY, 20) >> np.uint32(8)).astype(np.float64)
    expected = np.sqrt(-2 * np.log((words[0::2] + 1) / 2**24)) * np.cos(2 * np.pi * words[1::2] / 2**24)
    np.testing.assert_allclose(normal(KEY, shape=(10,), dtype=dtypes.float64), expected, rtol=1e-12)
    np.testing.assert_allclose(normal(KEY, shape=(10,), dtype=dtypes.float32), expected, rtol=1e-5, atol=1e-6)


def test_moments() -> None:
    u = uniform(KEY, shape=(200_000,), dtype=dtypes.float32)
    assert u.min() >= 0.0
    assert u.max() < 1.0
    assert abs(float(u.mean(dtype=np.float64)) - 0.5) < 0.003
    assert abs(float(u.var(dtype=np.float64)) - 1 / 12) < 0.001
    n = normal(KEY, shape=(200_000,), dtype=dtypes.float32).astype(np.float64)
    assert np.all(np.isfinite(n))
    assert abs(n.mean()) < 0.01
    assert abs(n.var() - 1.0) < 0.02
    assert abs((n**3).mean()) < 0.05
    assert abs((n**4).mean() - 3.0) < 0.1
    assert abs(np.corrcoef(n[:-1], n[1:])[0, 1]) < 0.01
