"""Pictures as files: well-formed, texts within their boxes, and the formats that need more than Python refused."""

import importlib
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from epochal.errors import ArgumentError, NotSupportedError
from epochal.visualization import Arrow, Box, Picture, dot, html, save, svg
from epochal.visualization.curves import line_chart
from epochal.visualization.layout import layout
from epochal.visualization.measure import NAME_SIZE, ROW_SIZE, SIDE, TITLE_SIZE
from epochal.visualization.text_width import shorten, text_width
from epochal.visualization.training_page import page

INNER = Picture([Box("x", "Input <&>"), Box("y", "Output")], [Arrow("x", "y")])
PICTURE = Picture(
    [
        Box("a", "Input", "images", (("output", "(None, 28, 28, 1)"),), "input"),
        Box("b", "Model", "部分", (("input", '"quoted" & <odd>'),), "model", None, (INNER,)),
        Box("c", "LSTM", kind="recurrent", loop="h, c"),
        Box("d", "W" * 60, "n" * 90, (("label", "M" * 120),), "no such kind"),
    ],
    [Arrow("a", "b"), Arrow("b", "c"), Arrow("b", "d"), Arrow("c", "d"), Arrow("a", "d")],
    "A picture <of> things",
)


def test_svg_is_well_formed_and_the_same_each_time():
    text = svg(PICTURE)
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    written = {element.text for element in root.iter() if element.tag.endswith("text")}
    assert {"Input <&>", "部分", '"quoted" & <odd>', "h, c", "A picture <of> things"} <= written
    assert svg(PICTURE) == text
    assert text.isascii() or "部分" in text


def test_texts_stay_within_their_boxes():
    for box in layout(PICTURE).boxes:
        texts, room = box.texts, box.width - 2 * SIDE
        header = text_width(texts.title, TITLE_SIZE, bold=True) + text_width(texts.name, NAME_SIZE)
        assert header <= room + 1
        for _, text in texts.rows:
            assert texts.label_width + text_width(text, ROW_SIZE) <= room + 1


def test_long_texts_lose_their_middle():
    text = shorten("the beginning and a long way to the end", 12, 120)
    assert text.startswith("the beg")
    assert text.endswith("end")
    assert "…" in text
    assert text_width(text, 12) <= 120
    assert shorten("short", 12, 120) == "short"


def test_widths_grow_with_size_weight_and_wide_characters():
    assert text_width("mm", 10) == pytest.approx(2 * text_width("m", 10))
    assert text_width("model", 13, bold=True) > text_width("model", 13)
    assert text_width("模型", 10) == 20


def test_dot_names_every_box_and_arrow():
    text = dot(PICTURE, dpi=100)
    assert text.startswith("digraph {")
    assert text.count("{") == text.count("}")
    assert '"a" -> "b/0/x" [lhead="cluster_b"]' in text
    assert '"b/0/y" -> "c" [ltail="cluster_b"]' in text
    assert '"c" -> "c" [label="h, c"]' in text
    assert r'label="Model 部分\ninput \"quoted\" & <odd>"' in text
    assert r"{Input images|output (None, 28, 28, 1)}" in text


@pytest.mark.parametrize(("name", "starts"), [("p.svg", "<svg"), ("p.html", "<!doctype html>"), ("p.dot", "digraph")])
def test_files(tmp_path, name, starts):
    save(PICTURE, tmp_path / name)
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(starts)
    assert svg(PICTURE) in html(PICTURE)


def test_unknown_ending(tmp_path):
    with pytest.raises(ArgumentError, match=r"must end in one of \.svg"):
        save(PICTURE, tmp_path / "picture.jpeg")


def test_png_without_its_library_names_the_svg(tmp_path, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(NotSupportedError, match=r"(?s)needs CairoSVG.*picture\.svg.*epochal\[plot\]"):
        save(PICTURE, tmp_path / "picture.png")
    assert not (tmp_path / "picture.png").exists()


def test_charts_are_well_formed():
    text = line_chart("Loss <1>", {"training": [3.0, 1.0, float("nan"), 0.5], "held out": [2.0, 1.5]})
    root = ElementTree.fromstring(text)
    lines = [element for element in root.iter() if element.tag.endswith("polyline")]
    assert [len(line.get("points").split()) for line in lines] == [3, 2]
    assert ElementTree.fromstring(line_chart("empty", {})) is not None
    assert "circle" not in line_chart("many", {"loss": list(np.linspace(0, 1, 100))})


def test_page_of_a_training_lists_what_was_wrong():
    images = np.zeros((4, 28, 28), np.uint8)
    probabilities = np.eye(3)[[0, 1, 2, 2]]
    text = page("T", ["A & B"], {"Loss": {"training": [1.0, 0.5]}}, images, np.array([0, 1, 2, 0]), probabilities)
    assert "What it got wrong: 1 of 4" in text
    assert text.count("<img") == 1
    assert "A &amp; B" in text
    assert "The model" not in text
    picture = svg(PICTURE)
    assert picture in page("T", [], {}, images, np.zeros(4), probabilities, picture)
