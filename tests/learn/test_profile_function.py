"""`epochal.profile`: functions of tensors, measured on copies of their variables."""

import numpy as np
import pytest

import epochal
from epochal import tf
from epochal.errors import NotSupportedError


def test_a_function_with_a_variable_is_measured_and_changes_nothing():
    total = tf.Variable(np.zeros((64, 64), np.float32))

    @tf.function
    def add(x, factor):
        total.assign_add(factor * tf.exp(x) @ x)
        return tf.reduce_sum(total)

    found = epochal.profile(add, np.ones((64, 64), np.float32), 2.0, seconds=0.01, num_threads=1)
    assert not total.numpy().any()
    assert found.operations > 2 * 64**3
    assert "Function 'add'" in str(found)
    assert any("dot_general" in kernel.work for kernel in found.kernels)


def test_the_reference_engine_is_refused():
    epochal.set_backend("reference")
    try:
        with pytest.raises(NotSupportedError, match="does not compile"):
            epochal.profile(tf.exp, np.ones(3, np.float32))
    finally:
        epochal.set_backend("native")
