"""Special functions at points where their values are known in closed form, at poles and far out."""

from __future__ import annotations

import math
import statistics

import numpy as np

from epochal.topi.inventory import INVENTORY

INF, NAN = np.inf, np.nan
EULER = 0.57721566490153286
ZETA3 = 1.2020569031595942
lgamma, digamma, polygamma, erf_inv, erf = (
    INVENTORY[name].reference for name in ("lgamma", "digamma", "polygamma", "erf_inv", "erf")
)


def test_lgamma() -> None:
    x = np.array([0.5, 1.0, 2.0, 5.0, -0.5, 1e-300, 1e300, 171.5])
    expected = [0.5 * math.log(math.pi), 0.0, 0.0, math.log(24.0), math.log(2.0 * math.sqrt(math.pi))]
    expected += [math.lgamma(1e-300), math.lgamma(1e300), math.lgamma(171.5)]
    np.testing.assert_allclose(lgamma(x), expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_array_equal(lgamma(np.array([0.0, -1.0, -60.0, INF, -INF, NAN])), [INF, INF, INF, INF, INF, NAN])


def test_digamma_and_its_derivatives() -> None:
    x = np.array([1.0, 0.5, 2.0, -0.5, 1e8])
    expected = [-EULER, -EULER - 2 * math.log(2), 1 - EULER, 0.03648997397857652, math.log(1e8) - 0.5e-8]
    np.testing.assert_allclose(digamma(x), expected, rtol=1e-13)
    np.testing.assert_allclose(
        polygamma(np.array([1.0, 0.5, -0.5]), order=1), [math.pi**2 / 6, math.pi**2 / 2, math.pi**2 / 2 + 4], rtol=1e-13
    )
    np.testing.assert_allclose(polygamma(np.array([1.0, 0.5]), order=2), [-2 * ZETA3, -14 * ZETA3], rtol=1e-13)
    np.testing.assert_allclose(polygamma(np.array([1.0, 0.5]), order=3), [math.pi**4 / 15, math.pi**4], rtol=1e-13)
    # psi(1 - x) - psi(x) = pi cot(pi x)
    x = np.linspace(-7.3, 7.2, 30)
    np.testing.assert_allclose(digamma(1 - x) - digamma(x), math.pi / np.tan(math.pi * x), rtol=1e-10, atol=1e-10)


def test_erf_inv() -> None:
    x = np.array([-0.99, -0.5, -1e-9, 0.0, 0.25, 0.9999])
    np.testing.assert_allclose(erf(erf_inv(x)), x, rtol=1e-14)
    # Far out in the tail, where 1 - x holds the digits, against the normal distribution's quantiles.
    tail = np.array([1 - 2.0**-30, 1 - 2.0**-53])
    quantiles = [-statistics.NormalDist().inv_cdf((1 - v) / 2) / math.sqrt(2) for v in tail.tolist()]
    np.testing.assert_allclose(erf_inv(tail), quantiles, rtol=1e-13)
    edges = erf_inv(np.array([1.0, -1.0, 1.5, -2.0, NAN, -0.0]))
    np.testing.assert_array_equal(edges, [INF, -INF, NAN, NAN, NAN, 0.0])
    single = np.linspace(-0.999, 0.999, 999, dtype=np.float32)
    np.testing.assert_allclose(erf_inv(single), erf_inv(single.astype(np.float64)), rtol=4e-7)
