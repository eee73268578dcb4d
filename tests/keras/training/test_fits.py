"""What `fit`, `evaluate` and `train_on_batch` report is what real Keras 3 reports (tests/figures/fits.py)."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from epochal import keras

FOLDER = Path(__file__).parents[2] / "figures"
_SPEC = importlib.util.spec_from_file_location("figures_fits", FOLDER / "fits.py")
FITS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(FITS)
EXPECTED = json.loads((FOLDER / "fits.json").read_text())


def compare(ours, theirs, where):
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), where
        for key in theirs:
            compare(ours[key], theirs[key], f"{where}.{key}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            compare(one, other, f"{where}[{index}]")
    elif isinstance(theirs, str):
        assert ours == theirs, where
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6, err_msg=where)


@pytest.mark.parametrize("case", FITS.CASES, ids=lambda case: case.__name__)
def test_reports(case):
    compare(FITS.plain(case(keras)), EXPECTED[case.__name__], case.__name__)
