"""The scripts that made the figures, run with our modules in the place of those they import."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from epochal import keras, tf

FOLDER = Path(__file__).parents[1] / "figures"


class Scripts:
    """Scripts and figures by name."""

    def __init__(self):
        self._loaded = {}

    def __call__(self, name):
        """The module of a script of tests/figures."""
        if name not in self._loaded:
            ours = {"keras": keras, "tensorflow": tf}
            before = {module: sys.modules.get(module) for module in ours}
            sys.modules.update(ours)
            try:
                spec = importlib.util.spec_from_file_location(f"figures_{name}", FOLDER / f"{name}.py")
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
            finally:
                for key, old in before.items():
                    if old is None:
                        del sys.modules[key]
                    else:
                        sys.modules[key] = old
            self._loaded[name] = module
        return self._loaded[name]

    def figures(self, name):
        """The arrays that it wrote."""
        return dict(np.load(FOLDER / f"{name}.npz"))


@pytest.fixture(scope="package")
def scripts():
    return Scripts()
