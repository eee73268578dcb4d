"""Bar charts: lengths on a common scale, and texts that stay inside."""

import re
import xml.etree.ElementTree as ElementTree

from epochal.visualization.bars import LABELS, WIDTH, Bar, bar_chart


def widths(text):
    return [float(width) for width in re.findall(r'<rect [^>]*?width="([\d.]+)"', text)]


def test_lengths_are_proportional_and_end_inside():
    text = bar_chart("Times", [Bar("ours", 1.0, "1"), Bar("theirs", 4.0, "4 (4x)")])
    short, long = widths(text)
    assert abs(long - 4 * short) < 0.2
    assert LABELS + long < WIDTH


def test_a_bar_without_a_value_is_text_alone():
    text = bar_chart("Times", [Bar("a & b", None, "failed: <why>")])
    assert widths(text) == []
    assert "failed: &lt;why&gt;" in text
    ElementTree.fromstring(text)


def test_a_mark_is_on_the_scale():
    text = bar_chart("Share", [Bar("a", 0.5, "50%")], (1.0, "peak"))
    x = float(re.search(r'<line x1="([\d.]+)"', text)[1])
    assert abs((x - LABELS) - 2 * widths(text)[0]) < 0.2
