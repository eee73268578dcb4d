"""The literal lists of passes."""

from __future__ import annotations

from epochal.passes.decompose import Decompose
from epochal.passes.pipeline import Pass


def for_engine(lowered: frozenset[str]) -> tuple[Pass, ...]:
    """What every program goes through on its way to an engine that takes the composites `lowered` as they are."""
    return (Decompose(lowered),)
