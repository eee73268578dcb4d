"""Tools for tests: gradient checks, comparison of engines, tolerances and the inventory's samples as programs."""

from epochal.testing.comparison import compare_backends, run_program
from epochal.testing.gradients import check_gradient
from epochal.testing.samples import all_samples, sample_arrays, sample_graph, sample_program
from epochal.testing.tolerances import Tolerance, assert_close, tolerance

__all__ = [
    "Tolerance",
    "all_samples",
    "assert_close",
    "check_gradient",
    "compare_backends",
    "run_program",
    "sample_arrays",
    "sample_graph",
    "sample_program",
    "tolerance",
]
