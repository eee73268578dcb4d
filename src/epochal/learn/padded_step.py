"""A step on batches of any length up to a capacity: it pads its arguments, and cuts what it returns to the length."""

from __future__ import annotations

from collections.abc import Sequence

from epochal import config
from epochal.ir import Array
from epochal.learn.step import Step, StepFunction, batch_body, executable_of, trace_step
from epochal.passes.padded_site import InexactError
from epochal.tensor.lengths import Place, Shapes
from epochal.tensor.padded import PaddedArguments, padded_program
from epochal.tensor.tensor import TensorSpec


class PaddedStep(Step):
    """A step for every length up to its capacity."""

    __slots__ = ("_around",)

    def __init__(self, step: Step, around: PaddedArguments) -> None:
        for name in Step.__slots__:
            setattr(self, name, getattr(step, name))
        self._around = around

    def run(self, arguments: Sequence[Array], num_threads: int | None = None) -> list[Array]:
        return self._around.cut(super().run(self._around.padded(arguments), num_threads), arguments)


def compile_padded(
    function: StepFunction,
    specs: Sequence[TensorSpec],
    shapes: Sequence[Shapes],
    sizes: Sequence[int],
    place: Place,
    floatx: str = "float32",
) -> PaddedStep:
    """A step whose arguments are the leaves of one batch, of any length from the least of `sizes` to the largest.

    Args:
        function: The step.
        specs: Types and names of the leaves.
        shapes: Of the leaves at each of the sizes.
        sizes: The capacity, one less, the least length.
        place: Where the length stands.
        floatx: Type for floating point data.

    Raises:
        InexactError: Padding would change results.
    """
    body = batch_body(function, floatx)
    traced = [
        trace_step(body, [TensorSpec(shape, spec.dtype, spec.name) for spec, shape in zip(specs, each, strict=True)])
        for each in shapes
    ]
    _, variables, structure = traced[0]
    if any([*map(id, other[1])] != [*map(id, variables)] or other[2] != structure for other in traced[1:]):
        raise InexactError("the step uses other variables at another size")
    program, cuts = padded_program([one[0] for one in traced], sizes)
    executable, may_fail = executable_of(program, config.backend())
    step = Step(executable, variables, structure, program.replaced, may_fail)
    return PaddedStep(step, PaddedArguments(tuple(shapes[0]), place, cuts))
