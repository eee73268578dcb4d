"""Models with code of their own are compiled like any other and train as in real Keras 3."""

import numpy as np
import pytest

NAMES = ("custom_step", "two_optimizers", "layer_with_state", "three_inputs", "generator", "frozen")


def test_no_program_is_left_out(scripts):
    assert [program.__name__ for program in scripts("golden_programs").PROGRAMS] == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_program(scripts, name):
    script, figures = scripts("golden_programs"), scripts.figures("golden_programs")
    model, train, x = getattr(script, name)()
    model.set_weights([figures[f"{name}/start/{index}"] for index in range(len(model.get_weights()))])
    script.TRACED.clear()
    history = train().history
    prefix = f"{name}/history/"
    assert set(history) == {key.removeprefix(prefix) for key in figures if key.startswith(prefix)}
    for key, values in history.items():
        np.testing.assert_allclose(values, figures[prefix + key], rtol=2e-4, atol=1e-6, err_msg=key)
    for index, weight in enumerate(model.get_weights()):
        np.testing.assert_allclose(weight, figures[f"{name}/end/{index}"], rtol=1e-3, atol=2e-5, err_msg=str(index))
    for key, values in script.arrays(model.predict(script.shown(x), verbose=0)).items():
        np.testing.assert_allclose(values, figures[f"{name}/predictions/{key}"], rtol=1e-3, atol=2e-5, err_msg=key)
    # Compiled: Python code ran once a program (full batches, the last one, validation), not once a step.
    assert not model.run_eagerly
    assert len(script.TRACED) <= 2 * len(model._programs._steps) < 15
