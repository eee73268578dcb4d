"""Where everything in a picture goes: boxes in ranks, arrows curved between the ranks and straight through them.

Within, a layout is worked out for arrows that lead down; `u` is the place across the ranks, `v` the one along the
arrows. At the end they become `x` and `y` as the picture's direction says.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from epochal.visualization.layering import Layers, layers
from epochal.visualization.measure import CAPTION, FRAME, Texts, loop_room, texts
from epochal.visualization.picture import Box, Picture
from epochal.visualization.placement import place, settle

GAP = 26.0  # between boxes of a rank
RANK_GAP, WIDEST_RANK_GAP = 34.0, 84.0  # between ranks
PORTS, LEAST_PORTS = 15.0, 11.0  # between arrows at one box
PASSING = 7.0  # around an arrow that passes a rank
NEARLY = 9.0  # how far from a box's middle its only arrow may end to be straight

Point = tuple[float, float]


@dataclass(frozen=True)
class Placed:
    """A box in its place.

    Attributes:
        box: The box.
        texts: What is written in it.
        x: Left edge.
        y: Upper edge.
        width: Width.
        height: Height.
        inside: Layouts within it, with their left and upper edges.
    """

    box: Box
    texts: Texts
    x: float
    y: float
    width: float
    height: float
    inside: tuple[tuple[Layout, float, float], ...]


@dataclass(frozen=True)
class Route:
    """An arrow: where it starts, and pieces that each end where the next begins: lines (1 point) and cubics (3)."""

    start: Point
    pieces: tuple[tuple[Point, ...], ...]


@dataclass(frozen=True)
class Layout:
    """A picture laid out in a rectangle whose upper left corner is (0, 0)."""

    picture: Picture
    width: float
    height: float
    boxes: tuple[Placed, ...]
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class _Sized:
    box: Box
    texts: Texts
    width: float
    height: float
    inside: tuple[tuple[Layout, float, float], ...]


def layout(picture: Picture) -> Layout:
    """Lays a picture out, and the pictures inside its boxes."""
    index = {box.key: i for i, box in enumerate(picture.boxes)}
    arrows = [(index[arrow.source], index[arrow.target]) for arrow in picture.arrows if arrow.source != arrow.target]
    most = [max(sum(a == i for a, _ in arrows), sum(b == i for _, b in arrows)) for i in range(len(picture.boxes))]
    sideways = picture.direction in ("LR", "RL")
    sized = [_size(box, ports, sideways) for box, ports in zip(picture.boxes, most, strict=True)]
    return _Flow(picture, sized, arrows).layout()


def _size(box: Box, ports: int, sideways: bool) -> _Sized:
    """The size of a box on whose busiest side that many arrows end."""
    written = texts(box)
    room = (ports - 1) * LEAST_PORTS + 24
    width = written.width if sideways else max(written.width, room)
    height = max(written.height, room) if sideways else written.height
    inner = [layout(picture) for picture in box.inside]
    if not inner:
        return _Sized(box, written, width, height, ())
    caption = CAPTION if any(one.picture.title for one in inner) else 0.0
    row = sum(one.width for one in inner) + FRAME * (len(inner) + 1)
    width = max(width, row)
    x, y = (width - row) / 2 + FRAME, height + FRAME / 2 + caption
    inside = []
    for one in inner:
        inside.append((one, x, y))
        x += one.width + FRAME
    return _Sized(box, written, width, y + max(one.height for one in inner) + FRAME, tuple(inside))


class _Flow:
    """One picture on its way to a layout."""

    def __init__(self, picture: Picture, sized: list[_Sized], arrows: list[tuple[int, int]]) -> None:
        self.picture = picture
        self.sized = sized
        self.sideways = picture.direction in ("LR", "RL")
        self.layers: Layers = layers(len(sized), arrows)
        self.depths = [one.width if self.sideways else one.height for one in sized]
        self.extents = [self._extent(node) for node in range(len(self.layers.rank))]
        self.centres = self._centres()
        self.bands = self._bands()
        self.ports = self._ports()

    def _extent(self, node: int) -> Point:
        if node >= len(self.sized):
            return PASSING, PASSING
        one = self.sized[node]
        half = (one.height if self.sideways else one.width) / 2
        room = loop_room(one.box)
        return half, half + (min(room, 40.0) if self.sideways else room)

    def _half(self, node: int) -> float:
        return self.extents[node][0]

    def _links(self) -> list[tuple[int, int, float]]:
        """Pieces of arrows from rank to rank, and how much each wants to be straight.

        The more arrows end at a side of a box, the less each pulls. An arrow past other ranks does not pull at a box
        that has one arrow to its neighbours: that is the main line, and the long one goes around it.
        """
        count = len(self.sized)
        short = {True: [0] * count, False: [0] * count}
        total = {True: [0] * count, False: [0] * count}
        for path in self.layers.paths:
            for leaving, node in ((True, path[0]), (False, path[-1])):
                total[leaving][node] += 1
                short[leaving][node] += len(path) == 2
        links = []
        for path in self.layers.paths:
            a, b = path[0], path[-1]
            if len(path) == 2:
                links.append((a, b, 1 / max(total[True][a], total[False][b])))
                continue
            links += [(x, y, 4.0) for x, y in itertools.pairwise(path[1:-1])]
            links.append((a, path[1], 0.005 if short[True][a] == 1 else 1 / total[True][a]))
            links.append((path[-2], b, 0.005 if short[False][b] == 1 else 1 / total[False][b]))
        return links

    def _centres(self) -> list[float]:
        count = len(self.sized)
        firm = [1.0 if node < count else 0.05 for node in range(len(self.extents))]
        centres = place(self.layers.orders, self._links(), self.extents, firm, GAP)
        passing = [path[1:-1] for path in self.layers.paths if len(path) > 3]
        for nodes in sorted(passing, key=lambda nodes: sum(centres[node] for node in nodes) / len(nodes)):
            self._straighten(nodes, centres)
        left = min((u - extent[0] for u, extent in zip(centres, self.extents, strict=True)), default=0.0)
        return [round(u - left, 1) for u in centres]

    def _straighten(self, passing: Sequence[int], centres: list[float]) -> None:
        """Puts the places that one arrow passes into one line, pushing other such places to the right for it."""
        low, high = -math.inf, math.inf
        rows = [self.layers.orders[self.layers.rank[node]] for node in passing]
        for node, row in zip(passing, rows, strict=True):
            at = row.index(node)
            if at:
                low = max(low, centres[row[at - 1]] + self.extents[row[at - 1]][1] + GAP + self.extents[node][0])
            room = self.extents[node][1] + GAP
            for other in row[at + 1 :]:
                if other < len(self.sized):
                    high = min(high, centres[other] - self.extents[other][0] - room)
                    break
                room += 2 * PASSING + GAP
        if low > high:
            return
        wanted = sum(centres[node] for node in passing) / len(passing)
        for node, row in zip(passing, rows, strict=True):
            centres[node] = min(max(wanted, low), high)
            for left, right in itertools.pairwise(row[row.index(node) :]):
                nearest = centres[left] + self.extents[left][1] + GAP + self.extents[right][0]
                if centres[right] >= nearest - 1e-9:
                    break
                centres[right] = nearest

    def _bands(self) -> list[Point]:
        """Where each rank begins and ends along the arrows."""
        bands: list[Point] = []
        widest = [0.0] * len(self.layers.orders)
        for path in self.layers.paths:
            for a, b in itertools.pairwise(path):
                rank = self.layers.rank[b]
                widest[rank] = max(widest[rank], abs(self.centres[a] - self.centres[b]))
        for rank, row in enumerate(self.layers.orders):
            depth = max((self.depths[node] for node in row if node < len(self.sized)), default=0.0)
            start = bands[-1][1] + min(RANK_GAP + 0.07 * widest[rank], WIDEST_RANK_GAP) if bands else 0.0
            bands.append((start, start + depth))
        return bands

    def _span(self, node: int) -> Point:
        """Where a node begins and ends along the arrows: boxes stand in the middle of their rank."""
        start, end = self.bands[self.layers.rank[node]]
        if node >= len(self.sized):
            return start, end
        middle = (start + end - self.depths[node]) / 2
        return middle, middle + self.depths[node]

    def _ports(self) -> dict[tuple[int, bool], float]:
        """Where each arrow leaves its upper box (True) and enters its lower one (False): opposite the other end."""
        ports: dict[tuple[int, bool], float] = {}
        for leaving in (True, False):
            ends: dict[int, list[tuple[float, int]]] = {}
            for arrow, path in enumerate(self.layers.paths):
                node, other = (path[0], path[1]) if leaving else (path[-1], path[-2])
                known = ports.get((arrow, True)) if len(path) == 2 else None
                ends.setdefault(node, []).append((self.centres[other] if known is None else known, arrow))
            for node, several in ends.items():
                several.sort()
                for (_, arrow), u in zip(several, self._spread(node, [u for u, _ in several]), strict=True):
                    ports[arrow, leaving] = u
        return ports

    def _spread(self, node: int, opposite: Sequence[float]) -> list[float]:
        centre, half = self.centres[node], self._half(node) - 12
        if len(opposite) == 1:
            return [opposite[0] if abs(opposite[0] - centre) <= min(half, NEARLY) else centre]
        gap = min(PORTS, 2 * half / (len(opposite) - 1))
        wanted = [u if abs(u - centre) <= half else centre + (half / 2 if u > centre else -half / 2) for u in opposite]
        places = settle(wanted, [1.0] * len(wanted), [gap] * (len(wanted) - 1))
        shift = max(centre - half - places[0], 0.0) or min(centre + half - places[-1], 0.0)
        return [u + shift for u in places]

    def _route(self, arrow: int) -> list[tuple[Point, ...]]:
        """The start, then the pieces, in (u, v)."""
        path = self.layers.paths[arrow]
        u = self.ports[arrow, True]
        pieces: list[tuple[Point, ...]] = [((u, self._span(path[0])[1]),)]
        for a, b in itertools.pairwise(path):
            start, end = self.bands[self.layers.rank[a]][1], self.bands[self.layers.rank[b]][0]
            target = self.ports[arrow, False] if b == path[-1] else self.centres[b]
            pieces.append(((u, start),))
            middle = (start + end) / 2
            pieces.append(((u, middle), (target, middle), (target, end)) if abs(u - target) > 0.6 else ((target, end),))
            u = target
        pieces.append(((u, self._span(path[-1])[0]),))
        return pieces

    # In x and y --------------------------------------------------------------------------------------------------

    def layout(self) -> Layout:
        across = max((u + extent[1] for u, extent in zip(self.centres, self.extents, strict=True)), default=0.0)
        along = self.bands[-1][1] if self.bands else 0.0
        flip = self.picture.direction in ("BT", "RL")

        def point(at: Point) -> Point:
            v = along - at[1] if flip else at[1]
            return (v, at[0]) if self.sideways else (at[0], v)

        boxes = tuple(self._placed(node, point) for node in range(len(self.sized)))
        routes = []
        for arrow, turned in enumerate(self.layers.turned):
            pieces = [tuple(point(at) for at in piece) for piece in self._route(arrow)]
            routes.append(_joined(_reversed(pieces) if turned else pieces))
        width, height = (along, across) if self.sideways else (across, along)
        return Layout(self.picture, width, height, boxes, tuple(routes))

    def _placed(self, node: int, point: Callable[[Point], Point]) -> Placed:
        one, (start, end) = self.sized[node], self._span(node)
        x, y = point((self.centres[node], (start + end) / 2))
        x, y = x - one.width / 2, y - one.height / 2
        return Placed(one.box, one.texts, x, y, one.width, one.height, one.inside)


def _reversed(pieces: Sequence[tuple[Point, ...]]) -> list[tuple[Point, ...]]:
    """The same way walked from its end."""
    points = [at for piece in pieces for at in piece]
    backwards = [tuple(points[-1:])]
    rest = points[-2::-1]
    for piece in reversed(pieces[1:]):
        backwards.append(tuple(rest[: len(piece)]))
        rest = rest[len(piece) :]
    return backwards


def _joined(pieces: Sequence[tuple[Point, ...]]) -> Route:
    """The way without pieces of no length, lines in one direction made one."""
    start = at = pieces[0][0]
    kept: list[tuple[Point, ...]] = []
    for piece in pieces[1:]:
        end = piece[-1]
        if len(piece) == 1:
            if abs(end[0] - at[0]) + abs(end[1] - at[1]) < 0.05:
                continue
            before = start if len(kept) < 2 else kept[-2][-1]
            if kept and len(kept[-1]) == 1 and _straight(before, at, end):
                kept.pop()
        kept.append(piece)
        at = end
    return Route(start, tuple(kept))


def _straight(a: Point, b: Point, c: Point) -> bool:
    return abs((b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])) < 0.5
