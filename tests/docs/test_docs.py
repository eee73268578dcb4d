"""The documentation: its programs run and print what is written, its pictures are up to date, its languages agree."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.stem for path in (DOCS / "en").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def blocks(path, language):
    return [text for kind, text in BLOCK.findall(path.read_text(encoding="utf-8")) if kind == language]


def run(program, folder):
    script = folder / "program.py"
    script.write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "epochal.cli.main", "run", str(script)],
        capture_output=True, text=True, timeout=120, check=False, cwd=folder, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def check_printed(printed, expected):
    """The same words, and numbers that differ by no more than other processors' rounding may make of a training."""
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", expected).split()
    got = [float(number) for number in NUMBER.findall(printed)]
    assert got == pytest.approx([float(number) for number in NUMBER.findall(expected)], rel=0.05, abs=0.05)


@pytest.mark.parametrize("page", PAGES)
def test_programs_print_what_the_page_says_and_draw_its_picture(page, tmp_path):
    path = DOCS / "en" / f"{page}.md"
    programs, texts = blocks(path, "python"), blocks(path, "text")
    assert len(programs) == len(texts) >= 1
    for program, text in zip(programs, texts, strict=True):
        check_printed(run(program, tmp_path), text)
    drawn = [path.name for path in tmp_path.glob("*.svg")]
    assert drawn == [f"{page}.svg"]
    kept = (DOCS / "pictures" / f"{page}.svg").read_text(encoding="utf-8")
    assert (tmp_path / drawn[0]).read_text(encoding="utf-8") == kept, "Run `python docs/make_pictures.py`."


def test_the_five_models_have_pages():
    models = {"linear_regression", "logistic_regression", "multilayer_perceptron"}
    assert set(PAGES) == models | {"convolutional_network", "recurrent_network"}


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_hold_the_same_formulas_programs_and_results(page):
    english, chinese = DOCS / "en" / f"{page}.md", DOCS / "zh" / f"{page}.md"
    for language in ("math", "text"):
        assert blocks(chinese, language) == blocks(english, language)
    assert [ast.dump(ast.parse(text)) for text in blocks(chinese, "python")] == [
        ast.dump(ast.parse(text)) for text in blocks(english, "python")
    ]
    assert headings(chinese) == headings(english)


def headings(path):
    text = BLOCK.sub("", path.read_text(encoding="utf-8"))
    return [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]


def test_both_readmes_hold_the_same_commands_programs_and_tables():
    english, chinese = ROOT / "README.md", ROOT / "README.zh.md"
    for language in ("sh", "python"):
        assert blocks(chinese, language) == blocks(english, language)
    assert headings(chinese) == headings(english)
    named = re.compile(r"`[^`\n]+`")
    texts = [BLOCK.sub("", path.read_text(encoding="utf-8")) for path in (english, chinese)]
    assert sorted(named.findall(texts[1])) == sorted(named.findall(texts[0]))


def test_readme_s_first_program_and_the_index_s_run(tmp_path):
    first = blocks(ROOT / "README.md", "python")[0]
    printed = run(first, tmp_path)
    assert "Epoch 20/20" in printed
    assert (tmp_path / "model.keras").exists()
    (program,) = blocks(DOCS / "README.md", "python")
    run(program, tmp_path)
    assert "Placeholder" in (tmp_path / "graph.svg").read_text(encoding="utf-8")


LINK = re.compile(r"\]\(([^)#:]+)\)")


@pytest.mark.parametrize(
    "path", sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")]), ids=lambda p: str(p.relative_to(ROOT))
)
def test_links_lead_somewhere(path):
    for target in LINK.findall(BLOCK.sub("", path.read_text(encoding="utf-8"))):
        assert (path.parent / target).exists(), f"{path} links to {target}"
