"""Settings, the environment, and what importing the package loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

import epochal
from epochal import config
from epochal.errors import ArgumentError


@pytest.fixture(autouse=True)
def restored():
    before = dict(config._settings)
    yield
    config._settings.update(before)


def test_threads(monkeypatch):
    config.set_num_threads(3)
    assert config.num_threads() == 3
    config.set_num_threads(None)
    monkeypatch.setenv("EPOCHAL_NUM_THREADS", "5")
    assert config.num_threads() == 5
    config.set_num_threads(None)
    monkeypatch.delenv("EPOCHAL_NUM_THREADS")
    assert config.num_threads() == config.available_cores() >= 1


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "2", True])
def test_wrong_threads(wrong):
    with pytest.raises(ArgumentError, match=r"num_threads must be a positive integer. Received:"):
        epochal.set_num_threads(wrong)


def test_backend(monkeypatch):
    config.set_backend(None)
    monkeypatch.delenv("EPOCHAL_BACKEND", raising=False)
    assert config.backend() == "native"
    config.set_backend(None)
    monkeypatch.setenv("EPOCHAL_BACKEND", "reference")
    assert config.backend() == "reference"
    epochal.set_backend("native")
    assert config.backend() == "native"


def test_floatx():
    assert config.floatx() == "float32"
    config.set_floatx("float64")
    assert config.floatx() == "float64"
    with pytest.raises(ArgumentError, match=r"Unknown floatx: 'int8'. Expected one of float16"):
        config.set_floatx("int8")


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("EPOCHAL_CACHE", str(tmp_path))
    assert config.cache_folder() == tmp_path
    monkeypatch.setenv("EPOCHAL_CACHE", "0")
    assert config.cache_folder() is None
    monkeypatch.delenv("EPOCHAL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert config.cache_folder() == tmp_path / "epochal"


def test_info():
    found = epochal.info()
    assert found["epochal"] == epochal.__version__
    assert found["cores"] >= 1
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = epochal.nothing
    assert "keras" in dir(epochal)


def test_importing_loads_only_what_is_light():
    code = (
        "import sys, epochal.tensor; "
        "heavy = {'llvmlite', 'h5py', 'rich', 'optree', 'jax', 'scipy', 'epochal.keras', 'epochal.tf'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
