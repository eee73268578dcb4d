"""How targets and predictions vary together."""

from __future__ import annotations

from typing import Any

from epochal.keras.metrics.reduction import MeanOfFunction
from epochal.learn.metrics import concordance_correlation, pearson_correlation


class PearsonCorrelation(MeanOfFunction):
    """Mean correlation coefficient along `axis` (Pearson 1895)."""

    _direction = "up"

    def __init__(self, name: str | None = "pearson_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(MeanOfFunction):
    """Mean concordance along `axis` (Lin 1989): correlation that also falls with a difference of mean or scale."""

    _direction = "up"

    def __init__(self, name: str | None = "concordance_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)
