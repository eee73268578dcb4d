"""`epochal demo digits`: what it prints and leaves behind, on one short epoch."""

import argparse

import pytest

from epochal import keras
from epochal.cli import demo
from epochal.data import digits


@pytest.fixture
def few(monkeypatch):
    """A tenth of the digits, so that the test is quick."""
    (x_train, y_train), (x_test, y_test) = digits.load()
    monkeypatch.setattr(digits, "load", lambda: ((x_train[:800], y_train[:800]), (x_test[:200], y_test[:200])))


def test_the_demo_prints_and_leaves_what_it_says(few, tmp_path, capsys):
    folder = tmp_path / "out"
    chosen = argparse.Namespace(name="digits", epochs=4, output=str(folder), num_threads=None, seed=1)
    assert demo.main(chosen) == 0
    printed = capsys.readouterr().out
    assert "of 200 held-out digits right" in printed
    page = (folder / "digits.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "What it got wrong" in page
    model = keras.models.load_model(folder / "digits.keras")
    (_, _), (images, labels) = digits.load()
    said = model.predict(images[..., None], verbose=0).argmax(axis=1)
    assert (said == labels).mean() > 0.5
    assert f"{(said == labels).sum()} of 200" in printed
