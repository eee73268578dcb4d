"""Convolutions and their data gradients in register blocks: pixels of an output row by vectors of channels.

Nothing is copied or padded: along the height the taps that fall outside the input are left out by the bounds of a
loop, along the width by unrolling the taps over just the pixels they reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from epochal.backends.native.emit import ARITHMETIC_KIND, Register, Writer, vector_lanes
from epochal.backends.native.kernel import Kernel, Launch, Target
from epochal.backends.native.kernels.axes import advance, decode, share
from epochal.backends.native.kernels.block import Block, Step, Term, accumulate, most_rows, split_evenly, unrolled
from epochal.backends.native.kernels.finish import Finish
from epochal.backends.native.kernels.phase import Phase
from epochal.backends.native.kernels.ranges import inside
from epochal.backends.native.kernels.transpose import pack_panel
from epochal.backends.native.kernels.work import PIECES, RATES, Panels, collides, digest, lanes_of, over, panels_of
from epochal.dtypes import DType
from epochal.ir import Value

CACHED = 1 << 19
"""Bytes that stay in the second-level cache beside others."""


LANES = 16
"""Lanes of the widest vector."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a convolution kernel computes; all strides in elements.

    Attributes:
        dtype: Element type.
        images, groups: N; groups of channels.
        window: Height and width of the kernel.
        depth, columns: Channels of a group that are summed, and that result.
        source: Strides of the input's image, row, pixel and channel group.
        weights: Strides of the kernel's row, tap, summed channel and channel group.
        heights, widths: Phases of the two spatial axes.
        work: Floating point operations.
        depthwise: Whether result channel i is made of input channel i alone; then one group, and no depth.
    """

    dtype: DType
    images: int
    groups: int
    window: tuple[int, int]
    depth: int
    columns: int
    source: tuple[int, int, int, int]
    weights: tuple[int, int, int, int]
    heights: tuple[Phase, ...]
    widths: tuple[Phase, ...]
    work: int
    depthwise: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Equal blocks side by side: `number` of them, of `pixels` outputs each from output `first` on.

    Attributes:
        active: For each tap, the pixels of a block that it reaches; ``None`` where every tap reaches all.
    """

    first: int
    number: int
    pixels: int
    active: tuple[tuple[int, ...], ...] | None


def runs_of(phase: Phase, largest: int) -> list[Run]:
    """The outputs of a phase in blocks as even as can be, alike ones together."""
    count, base, extra = split_evenly(phase.count, largest)
    runs: list[Run] = []
    first = 0
    for index in range(count):
        pixels = base + (index < extra)
        active: tuple[tuple[int, ...], ...] | None = tuple(
            tuple(pixel for pixel in range(pixels) if phase.valid(first + pixel, tap)) for tap in range(phase.taps)
        )
        if active is not None and all(len(reached) == pixels for reached in active):
            active = None
        last = runs[-1] if runs else None
        if last is not None and (last.pixels, last.active) == (pixels, active):
            runs[-1] = Run(last.first, last.number + 1, pixels, active)
        else:
            runs.append(Run(first, 1, pixels, active))
        first += pixels
    return runs


class Convolution:
    """The kernel of one sweep with one epilogue, whose result is [images, height, width, channels]."""

    def __init__(self, sweep: Sweep, finish: Finish) -> None:
        self.sweep, self.finish = sweep, finish
        self.weights = sweep.weights
        # One result channel: its sums go along the vectors instead.
        single = sweep.columns == 1 and sweep.groups == 1 and not sweep.depthwise
        self.along = single and sweep.weights[2] == 1 and sweep.depth % LANES == 0
        # A result with one spatial axis has a height of 1.
        self.places = [steps if len(steps) == 4 else (steps[0], 0, *steps[1:]) for steps in finish.strides]
        size = sweep.dtype.itemsize
        most = max(1, sweep.work // 500_000)
        wanted = min(PIECES, most)
        # Where the kernel does not stay in a cache, a piece takes a few of its columns through many images.
        taps = sum(phase.taps for phase in sweep.heights) * sum(phase.taps for phase in sweep.widths)
        wide = taps * sweep.depth * sweep.columns * size > CACHED
        self.column_groups: int = min(-(-sweep.columns * size // 128), most) if wide else 1
        image_bytes = max(1, sweep.source[0] * size)
        shares = max(1, sweep.images * sweep.groups * self.column_groups)
        bands = max(-(-wanted // shares), min(most // shares, image_bytes >> 19))
        self.bands: int = max(1, min(bands, max(phase.count for phase in sweep.heights)))
        chunk = min(shares * self.bands // wanted, max(1, CACHED // (2 * image_bytes)))
        self.chunk: int = max(1, min(chunk, sweep.images))
        pixels = self.chunk * sum(h.count * w.count for h in sweep.heights for w in sweep.widths) // self.bands
        rows = sweep.window[0] * sweep.window[1] * sweep.depth
        self.pack = sweep.groups == 1 and not sweep.depthwise and pixels >= 48 and collides(rows, sweep.columns * size)

    @property
    def spread(self) -> bool:
        """Whether an input element meets a vector of result channels; else vectors meet vectors."""
        return not self.sweep.depthwise and not self.along

    @property
    def scratch(self) -> int:
        """Room for a packed panel of the kernel: at most 8 vectors of 64 bytes a row."""
        return self.sweep.window[0] * self.sweep.window[1] * self.sweep.depth * 512 if self.pack else 0

    @property
    def parts(self) -> int:
        """Parts of the result with sums of their own."""
        return 0 if self.along else -(-self.sweep.images // self.chunk) * self.bands

    @property
    def pieces(self) -> int:
        return self.sweep.groups * self.column_groups * -(-self.sweep.images // self.chunk) * self.bands

    def emit(self, target: Target) -> str:
        writer = Writer(target)
        sweep = self.sweep
        kind = ARITHMETIC_KIND[sweep.dtype.name]
        lanes = lanes_of(target, kind, sweep.columns)
        pixels = max(phase.count for phase in sweep.heights) * max(phase.count for phase in sweep.widths)
        panels = panels_of(target, pixels, sweep.columns, lanes)
        if self.along:
            lanes = vector_lanes(target, kind)
            panels = [Panels(0, 1, (lanes,))]
        with writer.loop(Register("%begin", "i64"), Register("%end", "i64")) as piece:
            chunks = -(-sweep.images // self.chunk)
            sizes = [sweep.groups, self.column_groups, chunks, self.bands]
            group, column_group, chunk, band = decode(writer, piece.index, sizes)
            begin = writer.binary("mul", chunk, writer.constant(self.chunk, "i64"))
            end = writer.binary("add", begin, writer.constant(self.chunk, "i64"))
            end = writer.intrinsic("llvm.smin", end, writer.constant(sweep.images, "i64"))
            places = [writer.constant(0, "i64")] * (2 + len(self.places))
            steps = (sweep.source[3], sweep.weights[3], *(sweep.columns * place[3] for place in self.places))
            places = advance(writer, places, group, steps)
            places = self.finish.at_part(writer, places, advance(writer, [band], chunk, (self.bands,))[0])
            bounds = share(writer, column_group, panels[-1].end, self.column_groups)
            for panel in panels:

                def one(number: Register, panel: Panels = panel, places: Sequence[Register] = tuple(places)) -> None:
                    width = writer.constant(lanes * len(panels[0].widths), "i64")
                    columns = (int(sweep.depthwise), 1, *(place[3] for place in self.places))
                    here = advance(writer, places, writer.binary("mul", number, width), columns)
                    self.finish.clear_sums(writer, lanes, panel.widths, 2, here[2:])
                    if self.pack:
                        here = self._packed(writer, lanes, panel, here)
                    with writer.loop(begin, end) as image:
                        steps = (sweep.source[0], 0, *(place[0] for place in self.places))
                        self._image(writer, lanes, panel, band, advance(writer, here, image.index, steps))

                over(writer, bounds, panel.first, panel.end, one)
        return writer.module()

    def _packed(self, writer: Writer, lanes: int, panel: Panels, places: Sequence[Register]) -> list[Register]:
        """Copies a panel of the kernel to scratch, whose strides then stand for the kernel's."""
        sweep = self.sweep
        rows = sweep.window[0] * sweep.window[1] * sweep.depth
        source = writer.offset(writer.argument(1), sweep.dtype, places[1])
        scratch = Register("%scratch", "ptr")
        pack_panel(writer, sweep.dtype, lanes, panel.widths, 1, [(rows, sweep.weights[2])], source, scratch)
        width = lanes * len(panel.widths)
        self.weights = (sweep.window[1] * sweep.depth * width, sweep.depth * width, width, 0)
        return [places[0], writer.constant(0, "i64"), *places[2:]]

    def _image(self, writer: Writer, lanes: int, panel: Panels, band: Register, places: Sequence[Register]) -> None:
        """One image's part of a piece, for one panel of channels."""
        most = most_rows(writer.target, len(panel.widths))
        for height in self.sweep.heights:
            for width in self.sweep.widths:
                if height.count * width.count == 0:
                    continue
                if 2 * width.count <= most and height.count > 1:
                    self._blocks_of_rows(writer, lanes, panel, band, places, height, width, most // width.count)
                else:
                    self._rows(writer, lanes, panel, band, places, height, width, most)

    def _rows(
        self,
        writer: Writer,
        lanes: int,
        panel: Panels,
        band: Register,
        places: Sequence[Register],
        height: Phase,
        width: Phase,
        most: int,
    ) -> None:
        """Blocks within one output row."""
        runs = runs_of(width, most)
        bounds = share(writer, band, height.count, self.bands)

        def row(number: Register) -> None:
            position = advance(writer, [writer.constant(height.base, "i64")], number, (height.stride,))[0]
            tap: Register = writer.constant(0, "i64")
            count: Register | int = height.taps
            if not height.inside:
                tap, count = inside(writer, position, height.reach, height.size, height.taps)
            here = self._at_row(writer, places, height, number, position, tap)
            outer = (Step(count, height.reach * self.sweep.source[1], height.skip * self.weights[0]),)
            for run in runs:
                self._run(writer, lanes, panel, here, width, run, outer)

        over(writer, bounds, 0, height.count, row)

    def _at_row(
        self,
        writer: Writer,
        places: Sequence[Register],
        height: Phase,
        number: Register,
        position: Register,
        tap: Register,
    ) -> list[Register]:
        """Places at output row `number` of a phase, whose input starts at `position`, and at its tap `tap`."""
        source, weights = self.sweep.source, self.weights
        here = advance(writer, places, number, (0, 0, *(height.spacing * place[1] for place in self.places)))
        here = advance(
            writer, here, 1, (0, height.entry * weights[0], *(height.first * place[1] for place in self.places))
        )
        here = advance(writer, here, position, (source[1], *(0,) * (len(here) - 1)))
        return advance(
            writer, here, tap, (height.reach * source[1], height.skip * weights[0], *(0,) * len(self.places))
        )

    def _run(
        self,
        writer: Writer,
        lanes: int,
        panel: Panels,
        places: Sequence[Register],
        width: Phase,
        run: Run,
        outer: tuple[Step, ...],
    ) -> None:
        """The blocks of a run in one row."""
        source = self.sweep.source
        step = (width.stride * source[2], 0, *(width.spacing * place[2] for place in self.places))
        start = self._at_column(writer, places, width, run.first)
        rows = [tuple(pixel * size for pixel in range(run.pixels)) for size in step]
        terms, inner = self._taps(lanes, width, run.active)

        def block(number: Register) -> None:
            here = advance(writer, start, number, [run.pixels * size for size in step])
            self._block(writer, lanes, panel, here, rows, outer, terms, inner)

        whole = (writer.constant(0, "i64"), writer.constant(run.number, "i64"))
        over(writer, whole, 0, run.number, block)

    def _at_column(self, writer: Writer, places: Sequence[Register], width: Phase, first: int) -> list[Register]:
        """Places at output `first` of a row, at its first tap."""
        at = (
            width.position(first) * self.sweep.source[2],
            width.entry * self.weights[1],
            *((width.first + first * width.spacing) * place[2] for place in self.places),
        )
        return advance(writer, places, 1, at)

    def _taps(
        self, lanes: int, width: Phase, active: tuple[tuple[int, ...], ...] | None
    ) -> tuple[tuple[Term, ...], tuple[Step, ...]]:
        """The taps of a row: in a loop, or unrolled where they do not reach every pixel."""
        sweep = self.sweep
        along, skip = width.reach * sweep.source[2], width.skip * self.weights[1]
        depth = Step(sweep.depth, 1, self.weights[2])
        if self.along:
            depth = Step(sweep.depth // lanes, lanes, lanes)
        if active is None:
            return (Term(),), (Step(width.taps, along, skip), depth)
        terms = tuple(Term(tap * along, tap * skip, rows) for tap, rows in enumerate(active) if rows)
        return terms, (depth,)

    def _blocks_of_rows(
        self,
        writer: Writer,
        lanes: int,
        panel: Panels,
        band: Register,
        places: Sequence[Register],
        height: Phase,
        width: Phase,
        most: int,
    ) -> None:
        """Blocks of several short output rows."""
        sweep = self.sweep
        across = runs_of(width, width.count)[0].active
        runs = runs_of(height, most)
        bounds = share(writer, band, sum(run.number for run in runs), self.bands)
        done = 0
        sizes = (height.stride * sweep.source[1], 0, *(height.spacing * place[1] for place in self.places))
        steps = (width.stride * sweep.source[2], 0, *(width.spacing * place[2] for place in self.places))
        for run in runs:
            rows = [
                tuple(row * size + pixel * step for row in range(run.pixels) for pixel in range(width.count))
                for size, step in zip(sizes, steps, strict=True)
            ]
            outer, terms, inner = self._area(lanes, height, width, run, across)
            start = self._at_column(writer, places, width, 0)
            at = (
                height.position(run.first) * sweep.source[1],
                height.entry * self.weights[0],
                *((height.first + run.first * height.spacing) * place[1] for place in self.places),
            )
            start = advance(writer, start, 1, at)

            def block(
                number: Register,
                run: Run = run,
                done: int = done,
                start: Sequence[Register] = tuple(start),
                rest: tuple[tuple[Step, ...], tuple[Term, ...], tuple[Step, ...]] = (outer, terms, inner),
                rows: Sequence[tuple[int, ...]] = tuple(rows),
            ) -> None:
                index = writer.binary("sub", number, writer.constant(done, "i64")) if done else number
                here = advance(writer, start, index, [run.pixels * size for size in sizes])
                self._block(writer, lanes, panel, here, rows, *rest)

            over(writer, bounds, done, done + run.number, block)
            done += run.number

    def _area(
        self, lanes: int, height: Phase, width: Phase, run: Run, across: tuple[tuple[int, ...], ...] | None
    ) -> tuple[tuple[Step, ...], tuple[Term, ...], tuple[Step, ...]]:
        """The reduction of a block of rows."""
        sweep = self.sweep
        down, skip = height.reach * sweep.source[1], height.skip * self.weights[0]
        terms, inner = self._taps(lanes, width, across)
        if run.active is None:
            if across is None:
                return (Step(height.taps, down, skip),), terms, inner
            terms = tuple(
                Term(term.a, term.b, self._cells(range(run.pixels), term.rows, width.count)) for term in terms
            )
            return (Step(height.taps, down, skip),), terms, inner
        terms = tuple(
            Term(term.a + tap * down, term.b + tap * skip, self._cells(rows, term.rows, width.count))
            for tap, rows in enumerate(run.active)
            if rows
            for term in terms
        )
        return (), terms, inner

    @staticmethod
    def _cells(rows: Sequence[int], pixels: Sequence[int] | None, width: int) -> tuple[int, ...]:
        chosen = range(width) if pixels is None else pixels
        return tuple(row * width + pixel for row in rows for pixel in chosen)

    def _block(
        self,
        writer: Writer,
        lanes: int,
        panel: Panels,
        places: Sequence[Register],
        rows: Sequence[tuple[int, ...]],
        outer: tuple[Step, ...],
        terms: tuple[Term, ...],
        inner: tuple[Step, ...],
    ) -> None:
        dtype = self.sweep.dtype
        block = unrolled(Block(dtype, tuple(rows[0]), lanes, panel.widths, outer, terms, inner, self.spread))
        a = writer.offset(writer.argument(0), dtype, places[0])
        b = writer.offset(Register("%scratch", "ptr") if self.pack else writer.argument(1), dtype, places[1])
        tile = accumulate(writer, block, a, b)
        columns = [place[3] for place in self.places]
        if self.along:
            add = "fadd" if self.sweep.dtype.is_floating else "add"
            tile = [[writer.reduce(add, vector) for vector in sums] for sums in tile]
            self.finish.store(writer, tile, 1, (1,), 2, places[2:], rows[2:], columns)
            return
        self.finish.store(writer, tile, lanes, panel.widths, 2, places[2:], rows[2:], columns)


def sweep_launch(sweep: Sweep, finish: Finish, x: Value, kernel: Value) -> Launch:
    """The launch of a sweep over `x`."""
    convolution = Convolution(sweep, finish)
    rate = RATES.get(ARITHMETIC_KIND[sweep.dtype.name], 25.0)
    work = Kernel(
        key=digest("convolution", sweep, finish.key),
        emit=convolution.emit,
        pieces=convolution.pieces if finish.result.type.size else 0,
        cost=100 + sweep.work / rate + finish.result.type.size / 10,
        scratch=convolution.scratch,
        inplace=finish.inplace(2),
    )
    sums = finish.partials(convolution.parts) if convolution.parts else ()
    return Launch(work, (x, kernel, *finish.inputs), (*finish.outputs, *sums))


__all__ = ["Convolution", "Sweep", "sweep_launch"]
