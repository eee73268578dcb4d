"""Models as tutorials write them train as in real Keras 3."""

import numpy as np
import pytest

NAMES = ("siamese", "translator", "residual", "frames", "padded_rows", "outlines", "decoder", "penalised")


def test_no_model_is_left_out(scripts):
    assert [build.__name__ for build in scripts("golden_models").MODELS] == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_model(scripts, name):
    script, figures = scripts("golden_models"), scripts.figures("golden_models")
    made = getattr(script, name)()
    model = made[0]
    model.set_weights([figures[f"{name}/start/{index}"] for index in range(len(model.get_weights()))])
    history = script.fit(made)
    prefix = f"{name}/history/"
    assert set(history) == {key.removeprefix(prefix) for key in figures if key.startswith(prefix)}
    for key, values in history.items():
        np.testing.assert_allclose(values, figures[prefix + key], rtol=2e-4, atol=1e-6, err_msg=key)
    for key, values in script.predictions(made).items():
        np.testing.assert_allclose(values, figures[f"{name}/predictions/{key}"], rtol=1e-3, atol=2e-5, err_msg=key)
