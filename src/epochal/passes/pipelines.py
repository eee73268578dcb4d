"""The literal lists of passes."""

from __future__ import annotations

from epochal.passes.algebra import Algebra
from epochal.passes.attention import Attention
from epochal.passes.decompose import Decompose
from epochal.passes.eliminate_common_subexpressions import EliminateCommonSubexpressions
from epochal.passes.eliminate_dead_code import EliminateDeadCode
from epochal.passes.fold_constants import FoldConstants
from epochal.passes.hoist_invariants import HoistInvariants
from epochal.passes.inline_calls import InlineCalls
from epochal.passes.merge_scans import MergeScans
from epochal.passes.movement import Movement
from epochal.passes.pipeline import Pass
from epochal.passes.products import Products
from epochal.passes.sparse_updates import SparseUpdates
from epochal.passes.stabilize import Stabilize
from epochal.passes.sums_outside_scans import SumsOutsideScans
from epochal.passes.volumes import Volumes

SIMPLIFY: tuple[Pass, ...] = (
    Movement(),
    Products(),
    FoldConstants(),
    Algebra(),
    EliminateCommonSubexpressions(),
)


def for_engine(lowered: frozenset[str]) -> tuple[Pass, ...]:
    """What every program goes through on its way to an engine that takes the composites `lowered` as they are."""
    return (
        InlineCalls(),
        Attention(),
        Stabilize(),
        *SIMPLIFY,
        MergeScans(),
        EliminateDeadCode(),
        HoistInvariants(),
        SumsOutsideScans(),
        Decompose(lowered),
        Volumes(),
        SparseUpdates(),
        *SIMPLIFY,
        EliminateDeadCode(),
    )
