"""The page of a profile: well formed, whatever the kernels are."""

import re
from xml.dom.minidom import parseString

from epochal.visualization.profile_page import page, roofline

KERNEL = {
    "layer": "<dense>", "phase": "forward", "work": "dot_general & more", "layers": ["<dense>"], "shape": "float32[2]",
    "microseconds": 10.0, "operations": 1e6, "bytes": 1e4, "threads": 2, "times": 1.0,
    "arithmetic": 0.5, "bandwidth": 0.2,
}  # fmt: skip


def profile(*kernels):
    return {
        "title": "Training of 'a < b'", "microseconds": 20.0, "peak_gflops": 200.0, "peak_gigabytes": 20.0,
        "kernels": list(kernels), "layers": {"<dense>": {"forward": 10.0}},
    }  # fmt: skip


def test_names_are_escaped_and_the_picture_is_xml():
    html = page(profile(KERNEL), ["1 < 2"])
    assert "<dense>" not in html
    assert "&lt;dense&gt;" in html
    for picture in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL):
        assert len(parseString(picture).getElementsByTagName("circle")) == 1


def test_kernels_without_operations_have_no_circle():
    assert "<circle" not in roofline(profile({**KERNEL, "operations": 0.0}))
