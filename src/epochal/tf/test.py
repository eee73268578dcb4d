"""`tf.test`: what devices there are, and NumPy's comparisons as a test case."""

from __future__ import annotations

import tempfile
import unittest
from typing import Any

import numpy as np

from epochal.tensor import Tensor
from epochal.tf.graph import default_session

main = unittest.main


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """False: programs run on the CPU."""
    return False


def is_built_with_cuda() -> bool:
    """False: Epochal needs no CUDA."""
    return False


is_built_with_gpu_support = is_built_with_rocm = is_built_with_xla = is_built_with_cuda


def gpu_device_name() -> str:
    """An empty name: there is no GPU."""
    return ""


def get_temp_dir() -> str:
    """A new folder for a test's files."""
    return tempfile.mkdtemp(prefix="epochal_")


class TestCase(unittest.TestCase):
    """A test case with comparisons of arrays and tensors."""

    def evaluate(self, tensor: Any) -> Any:
        """The numbers of an eager tensor, or of a graph's in the default session."""
        if isinstance(tensor, Tensor) and tensor.data is not None:
            return tensor.numpy()
        return default_session().run(tensor)

    def assertAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None) -> None:
        """Fails unless all elements agree to a tolerance."""
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=atol, err_msg=msg or "")

    def assertAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Fails unless all elements are equal."""
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b), err_msg=msg or "")

    def assertShapeEqual(self, input_a: Any, input_b: Any, msg: str | None = None) -> None:
        """Fails unless the shapes are equal."""
        self.assertEqual(tuple(np.shape(input_a)), tuple(input_b.shape), msg)

    def get_temp_dir(self) -> str:
        """A new folder for the test's files."""
        return get_temp_dir()
