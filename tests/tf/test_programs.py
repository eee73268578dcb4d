"""The programs of examples/tf1 and tf2, run as a user runs them, against what the real TensorFlow prints."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "examples"
FIGURES = json.loads((ROOT / "tests" / "figures" / "tf1_programs.json").read_text())

# What does not come from TensorFlow's own run, because random numbers or layers differ: at least, at most.
BOUNDS = {
    "custom_training": {"accuracy": (0.95, 1.0), "loss": (0.0, 0.06)},
    "linear_model": {"loss": (0.010357, 0.010359), "weight": (2.99505, 2.99507), "bias": (2.0066, 2.00662)},
    "convolutional_network": {"accuracy": (0.85, 1.0)},
    "dynamic_rnn": {"accuracy": (0.9, 1.0), "loss": (0.0, 0.3), "state error": (0.0, 1e-6)},
    "gan": {"variables": (406, 406), "mean": (2.6, 3.4), "deviation": (0.05, 0.8)},
    "recurrent_network": {"accuracy": (0.9, 1.0), "loss": (0.0, 0.3)},
}


@pytest.mark.parametrize("name", sorted(f"{path.parent.name}/{path.stem}" for path in PROGRAMS.glob("tf?/*.py")))
def test_program(name, tmp_path):
    command = [sys.executable, "-m", "epochal.cli.main", "run", str(PROGRAMS / f"{name}.py")]
    name = name.partition("/")[2]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    printed = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    bounds = BOUNDS.get(name, {})
    for key, expected in FIGURES.get(name, {}).items():
        if key not in bounds:
            assert float(printed[key]) == pytest.approx(expected, rel=1e-4, abs=2e-6), key
    for key, (low, high) in bounds.items():
        assert low <= float(printed[key]) <= high, key
    assert FIGURES.get(name) or bounds
    assert not list(tmp_path.iterdir())
