"""Programs for any length up to a capacity, and what is done around a run: padding arguments, cutting results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from epochal.ir import Array, Graph, Program
from epochal.passes.padded_axis import padded_graph
from epochal.passes.padded_rules import RULES
from epochal.passes.padded_site import Extent, InexactError
from epochal.tensor.lengths import Place, Shapes
from epochal.tensor.tensor import eager
from epochal.tensor.trace import Traced


class PaddedArguments:
    """What is done around a padded program.

    Args:
        shapes: Of the arguments at the capacity.
        place: Where the length stands in them.
        cuts: For each result, by axis, how many entries count.
    """

    def __init__(self, shapes: Shapes, place: Place, cuts: Sequence[dict[int, Extent]]) -> None:
        self._shapes = shapes
        self._place = place[0]
        self._cuts = tuple(cuts)

    def padded(self, arguments: Sequence[Array]) -> list[Array]:
        """The arguments followed by zeros along the padded axis, and the length."""
        index, axis = self._place
        length = np.array(arguments[index].shape[axis], np.int32)
        return [*(_grown(array, shape) for array, shape in zip(arguments, self._shapes, strict=True)), length]

    def cut(self, results: Sequence[Array], arguments: Sequence[Array]) -> list[Array]:
        """The entries of the results that count."""
        index, axis = self._place
        length = arguments[index].shape[axis]
        return [_shortened(result, cut, length) for result, cut in zip(results, self._cuts, strict=True)]


def _grown(array: Array, shape: tuple[int, ...]) -> Array:
    if array.shape == shape:
        return array
    grown = np.zeros(shape, array.dtype)
    grown[tuple(slice(0, size) for size in array.shape)] = array
    return grown


def _shortened(result: Array, cuts: dict[int, Extent], length: int) -> Array:
    if not cuts:
        return result
    part = [slice(None)] * result.ndim
    for axis, (times, plus) in cuts.items():
        part[axis] = slice(0, times * length + plus)
    return np.ascontiguousarray(result[tuple(part)])


def padded_program(programs: Sequence[Program], sizes: Sequence[int]) -> tuple[Program, list[dict[int, Extent]]]:
    """The program for any length, whose last argument is the length, and how its results are cut.

    Args:
        programs: One step traced at the three sizes.
        sizes: See `padded_graph`.

    Raises:
        InexactError: There is none.
    """
    first = programs[0]
    if len({(program.replaced, program.states, len(program.results)) for program in programs}) > 1:
        raise InexactError("the step uses other variables at another size")
    padded = padded_graph([program.graph for program in programs], sizes, RULES)
    count = len(first.results)
    if any(padded.cuts[count:]):
        raise InexactError("a variable's size depends on the length")
    inputs = padded.graph.inputs
    arguments = len(first.arguments)
    graph = Graph((*inputs[:arguments], inputs[-1], *inputs[arguments:-1]), padded.graph.outputs)
    program = Program(graph, (*first.arguments, "length"), first.results, first.states, first.replaced)
    return program, list(padded.cuts[:count])


@dataclass(eq=False)
class PaddedTraced:
    """A traced function that serves every length up to its capacity.

    Attributes:
        traced: Takes the padded arguments and the length.
        around: Pads and cuts.
    """

    traced: Traced
    around: PaddedArguments

    def run(self, arrays: Sequence[Array], num_threads: int | None = None) -> Any:
        """The function's results on arrays of any length that it serves."""
        state = [variable.data for variable in self.traced.variables]
        results = self.traced.compiled()(self.around.padded(arrays), state, num_threads)
        return self.traced.pack([eager(result) for result in self.around.cut(results, arrays)])


def padded_traced(
    traced: Sequence[Traced], shapes: Sequence[Shapes], sizes: Sequence[int], place: Place
) -> PaddedTraced:
    """One traced function for every length, from the function traced at three sizes.

    Args:
        traced: At each of the sizes.
        shapes: Of its arguments at each of them.
        sizes: The capacity, one less, the least length.
        place: Where the length stands.

    Raises:
        InexactError: Padding would change results.
    """
    first = traced[0]
    for other in traced:
        if other.created or [*map(id, other.variables)] != [*map(id, first.variables)]:
            raise InexactError("the function uses other variables at another size")
        if other.structure != first.structure or other.leaves != first.leaves:
            raise InexactError("the function returns something else at another size")
    program, cuts = padded_program([one.program for one in traced], sizes)
    whole = Traced(program, first.variables, first.structure, first.leaves)
    return PaddedTraced(whole, PaddedArguments(tuple(shapes[0]), place, cuts))
