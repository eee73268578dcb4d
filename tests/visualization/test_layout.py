"""Layouts of pictures: ranks, crossings, and that nothing lies on anything else."""

import doctest
import itertools
import random

import pytest

from epochal.errors import ArgumentError
from epochal.visualization import Arrow, Box, Picture, placement
from epochal.visualization.layering import layers
from epochal.visualization.layout import layout
from epochal.visualization.placement import settle


def crossings(result):
    """Pairs of arrow pieces between neighbouring ranks that cross, counted one by one."""
    place = {node: index for row in result.orders for index, node in enumerate(row)}
    links = [pair for path in result.paths for pair in itertools.pairwise(path)]
    total = 0
    for (a, b), (c, d) in itertools.combinations(links, 2):
        if result.rank[a] == result.rank[c]:
            total += (place[a] - place[c]) * (place[b] - place[d]) < 0
    return total


def random_picture(seed, count, direction="TB"):
    draw = random.Random(seed)
    boxes = [
        Box(str(i), "T" * draw.randint(1, 20), "n" * draw.randint(0, 9), (("row", "x"),) * draw.randint(0, 4),
            loop="h" if draw.random() < 0.2 else None)
        for i in range(count)
    ]  # fmt: skip
    pairs = [(draw.randrange(count), draw.randrange(count)) for _ in range(int(count * 1.5))]
    return Picture(boxes, [Arrow(str(a), str(b)) for a, b in pairs], "random", direction)


def test_arrows_lead_from_each_rank_to_the_next():
    result = layers(4, [(0, 1), (1, 2), (0, 2), (2, 3), (0, 3)])
    assert result.rank[:4] == [0, 1, 2, 3]
    for path in result.paths:
        assert [result.rank[node] for node in path] == list(range(result.rank[path[0]], result.rank[path[-1]] + 1))
    assert not any(result.turned)


def test_a_source_stands_just_above_its_user():
    result = layers(5, [(0, 1), (1, 2), (2, 3), (4, 3)])
    assert result.rank[4] == 2


def test_a_chain_that_begins_late_stands_just_above_its_user():
    result = layers(6, [(0, 1), (1, 2), (2, 3), (4, 5), (5, 3)])
    assert (result.rank[4], result.rank[5]) == (1, 2)


def test_arrows_of_a_cycle_are_turned():
    result = layers(3, [(0, 1), (1, 2), (2, 0)])
    assert result.turned == [False, False, True]
    assert result.paths[2][0] == 0
    assert result.paths[2][-1] == 2


def test_two_rows_in_opposite_order_are_untangled():
    arrows = [(i, 2 * 6 - 1 - i) for i in range(6)]
    assert crossings(layers(12, arrows)) == 0


def test_a_tree_has_no_crossings():
    arrows = [((i - 1) // 2, i) for i in range(1, 31)]
    random.Random(3).shuffle(arrows)
    assert crossings(layers(31, arrows)) == 0


@pytest.mark.parametrize("wanted", [[0.0, 0.0, 9.0], [5.0, 1.0, 3.0, 2.0], [1.0, 2.0, 3.0]])
def test_places_are_the_least_squares_answer(wanted):
    apart = [2.0] * (len(wanted) - 1)
    places = settle(wanted, [1.0] * len(wanted), apart)
    cost = sum((x - y) ** 2 for x, y in zip(places, wanted, strict=True))
    draw = random.Random(0)
    assert all(b - a >= 2.0 - 1e-9 for a, b in itertools.pairwise(places))
    for _ in range(300):
        other = [x + draw.gauss(0, 0.3) for x in places]
        if all(b - a >= 2.0 for a, b in itertools.pairwise(other)):
            assert sum((x - y) ** 2 for x, y in zip(other, wanted, strict=True)) >= cost - 1e-9


def check_apart(one):
    """No two boxes overlap, none leaves the picture, and those inside a box stay in it."""
    for a, b in itertools.combinations(one.boxes, 2):
        beside = a.x + a.width <= b.x + 0.5 or b.x + b.width <= a.x + 0.5
        assert beside or a.y + a.height <= b.y + 0.5 or b.y + b.height <= a.y + 0.5
    for box in one.boxes:
        assert box.x >= -0.5
        assert box.y >= -0.5
        assert box.x + box.width <= one.width + 0.5
        assert box.y + box.height <= one.height + 0.5
        for inside, left, top in box.inside:
            assert left >= 0
            assert top > 0
            assert left + inside.width <= box.width
            assert top + inside.height <= box.height
            check_apart(inside)


def touches(point, box):
    """Whether a point lies on a box's frame."""
    across = box.x - 0.6 <= point[0] <= box.x + box.width + 0.6
    along = box.y - 0.6 <= point[1] <= box.y + box.height + 0.6
    inside = box.x + 0.6 < point[0] < box.x + box.width - 0.6 and box.y + 0.6 < point[1] < box.y + box.height - 0.6
    return across and along and not inside


@pytest.mark.parametrize("direction", ["TB", "BT", "LR", "RL"])
@pytest.mark.parametrize("seed", range(6))
def test_boxes_stand_apart_and_arrows_join_theirs(seed, direction):
    picture = random_picture(seed, 4 + 3 * seed, direction)
    one = layout(picture)
    check_apart(one)
    boxes = {box.box.key: box for box in one.boxes}
    arrows = [arrow for arrow in picture.arrows if arrow.source != arrow.target]
    for arrow, route in zip(arrows, one.routes, strict=True):
        assert touches(route.start, boxes[arrow.source])
        assert touches(route.pieces[-1][-1], boxes[arrow.target])


@pytest.mark.parametrize("seed", range(6))
def test_arrows_pass_no_box(seed):
    """Straight pieces, sampled, lie in no box; curves lie between the ranks, where there is none."""
    one = layout(random_picture(seed, 20))
    for route in one.routes:
        at = route.start
        for piece in route.pieces:
            steps = [k / 8 for k in range(1, 8)]
            points = [
                (at[0] + t * (piece[-1][0] - at[0]), at[1] + t * (piece[-1][1] - at[1]))
                for t in steps
                if len(piece) == 1
            ]
            for (x, y), box in itertools.product(points, one.boxes):
                inside = box.x + 1 < x < box.x + box.width - 1 and box.y + 1 < y < box.y + box.height - 1
                assert not inside
            at = piece[-1]


def test_a_chain_is_straight():
    names = ["a", "bb", "a much longer title", "d"]
    boxes = [Box(name, name) for name in names]
    one = layout(Picture(boxes, [Arrow(a, b) for a, b in itertools.pairwise(names)]))
    assert all(len(route.pieces) == 1 and len(route.pieces[0]) == 1 for route in one.routes)


def test_pictures_of_nothing_and_of_loose_boxes():
    assert layout(Picture([])).boxes == ()
    check_apart(layout(Picture([Box("a", "A"), Box("b", "B")])))


@pytest.mark.parametrize(
    ("boxes", "arrows", "direction", "says"),
    [
        ([Box("a", "A"), Box("a", "B")], [], "TB", "must have different keys"),
        ([Box("a", "A")], [Arrow("a", "b")], "TB", "must join two boxes"),
        ([Box("a", "A")], [], "UP", "direction of a picture must be one of"),
    ],
)
def test_wrong_pictures(boxes, arrows, direction, says):
    with pytest.raises(ArgumentError, match=says):
        Picture(boxes, arrows, direction=direction)


def test_the_examples_in_the_documentation_hold():
    found = doctest.testmod(placement)
    assert found.attempted
    assert not found.failed
