"""How far two engines may differ, by element type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from epochal import dtypes
from epochal.dtypes import DType
from epochal.ir import Array


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Bounds on a difference.

    Attributes:
        relative: Times the expected element's magnitude.
        absolute: Times the largest finite magnitude expected anywhere in the array, or 1 if that is less.
    """

    relative: float
    absolute: float

    def __mul__(self, factor: float) -> Tolerance:
        return Tolerance(self.relative * factor, self.absolute * factor)


EXACT = Tolerance(0.0, 0.0)
BY_DTYPE: dict[DType, Tolerance] = {
    dtypes.float64: Tolerance(1e-12, 1e-13),
    dtypes.float32: Tolerance(1e-5, 2e-6),
    dtypes.float16: Tolerance(4e-3, 2e-3),
    dtypes.bfloat16: Tolerance(3e-2, 1.6e-2),
}


def tolerance(dtype: DType) -> Tolerance:
    """For results of that element type; integers and bools must be equal."""
    return BY_DTYPE.get(dtype, EXACT)


def assert_close(actual: Array, expected: Array, bound: Tolerance | None = None, what: str = "result") -> None:
    """Raises AssertionError unless types, shapes, NaN and infinities agree and the rest does within bounds.

    Args:
        actual: What an engine gave.
        expected: What it should give.
        bound: ``None``: by the element type.
        what: Name, for the message.
    """
    assert actual.dtype == expected.dtype, f"{what}: dtype {actual.dtype}, expected {expected.dtype}"
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, expected {expected.shape}"
    dtype = dtypes.get(expected.dtype)
    if not dtype.is_floating:
        wrong = actual != expected
    else:
        bound = tolerance(dtype) if bound is None else bound
        wide, target = actual.astype(np.float64), expected.astype(np.float64)
        finite = np.isfinite(target)
        scale = max(1.0, float(np.max(np.abs(target), initial=0.0, where=finite)))
        with np.errstate(all="ignore"):
            near = np.abs(wide - target) <= bound.relative * np.abs(target) + bound.absolute * scale
        wrong = ~np.where(finite, near, (wide == target) | (np.isnan(wide) & np.isnan(target)))
    if np.any(wrong):
        at = tuple(int(index) for index in np.argwhere(wrong)[0])
        raise AssertionError(
            f"{what}: {int(np.sum(wrong))} of {wrong.size} elements of {dtype.name}{list(expected.shape)} differ; "
            f"first at {at}: {actual[at]!r}, expected {expected[at]!r}"
        )
