"""Tables as text."""

from epochal.visualization.text_table import WIDEST, text_table


def test_numbers_stand_right_and_words_left():
    table = text_table(("name", "n"), [("a", "1"), ("bcdef", "234")])
    assert table.splitlines() == ["name     n", "-----  ---", "a        1", "bcdef  234"]


def test_long_cells_are_cut():
    line = text_table(("word",), [("x" * 100,)]).splitlines()[-1]
    assert len(line) == WIDEST
    assert line.endswith("...")
