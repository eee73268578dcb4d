"""Subclassed layers and models: tracking, building, losses, configuration, mistakes."""

import gc
import weakref

import numpy as np
import pytest

from epochal import keras
from epochal.errors import ArgumentError, ShapeError
from epochal.keras import layers
from epochal.tensor import functions as F


class Block(keras.Model):
    def __init__(self, width=3, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(width)
        self.many = [layers.Dense(2), layers.BatchNormalization()]
        self.named = {"last": layers.Dense(1)}
        self.scale = self.add_weight(shape=(1,), name="scale", initializer="ones")
        self.noise = layers.Dropout(0.5, seed=3)

    def call(self, x, training=None):
        x = self.first(x)
        for layer in self.many:
            x = layer(x, training=training) if isinstance(layer, layers.BatchNormalization) else layer(x)
        return self.named["last"](self.noise(x)) * self.scale


def test_layers_are_tracked_in_attributes_lists_and_dictionaries():
    model = Block(name="block")
    assert [type(layer).__name__ for layer in model.layers] == [
        "Dense",
        "Dense",
        "BatchNormalization",
        "Dense",
        "Dropout",
    ]
    model.many.append(layers.Dense(4))
    assert len(model.layers) == 6
    model.many.pop()
    assert len(model.layers) == 5
    assert model(np.ones((2, 4))).shape == (2, 1)
    paths = [weight.path for weight in model.weights]
    assert paths[0] == "block/scale"
    assert len(paths) == 1 + 2 + 2 + 4 + 2
    assert len(model.variables) == len(paths) + 1
    assert len(model.trainable_variables) == 9
    assert "seed" in model.non_trainable_variables[-1].name


def test_the_summary_knows_shapes_after_a_call(capsys):
    model = Block(name="block")
    model(np.ones((2, 4)))
    model.summary()
    text = capsys.readouterr().out
    assert "(None, 3)" in text
    assert "Total params: 35" in text


def test_a_subclassed_model_can_be_built_from_a_shape():
    model = Block()
    model.build((None, 5))
    assert model.count_params() == 1 + 5 * 3 + 3 + 3 * 2 + 2 + 4 * 2 + 2 + 1
    before = [weight.numpy() for weight in model.many[1].weights]
    assert np.array_equal(before[2], np.zeros(2))


def test_training_flags_go_down_without_being_named():
    model = Block()
    x = np.ones((64, 4), "float32") * np.linspace(0, 1, 64, dtype="float32")[:, None]
    model(x)
    assert np.array_equal(model.many[1].moving_mean.numpy(), [0, 0])
    model(x, training=True)
    assert not np.array_equal(model.many[1].moving_mean.numpy(), [0, 0])


def test_functional_models_with_methods_of_their_own():
    class Named(keras.Model):
        def __init__(self, units):
            x = keras.Input((3,))
            super().__init__(x, layers.Dense(units)(x))
            self.extra = layers.Dense(1)

        def double(self, x):
            return self(x) * 2

    model = Named(4)
    assert model.double(np.ones((2, 3))).shape == (2, 4)
    assert model.output_shape == (None, 4)
    assert isinstance(model, Named)
    assert isinstance(model, keras.Functional)


def test_losses_are_those_of_the_last_call_and_penalties():
    class Penalised(keras.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(shape=(2,), initializer="ones", regularizer=keras.regularizers.L2(0.5), name="w")

        def call(self, x):
            self.add_loss(F.sum(x))
            return x * self.w

    layer = Penalised()
    layer(np.ones((3, 2), "float32"))
    layer(np.ones((4, 2), "float32"))
    assert [float(loss) for loss in layer.losses] == [8.0, 1.0]
    layer.trainable = False
    assert [float(loss) for loss in layer.losses] == [8.0]
    dense = layers.Dense(2, activity_regularizer="l2", kernel_initializer="ones")
    dense(np.ones((1, 3), "float32"))
    assert float(dense.losses[0]) == pytest.approx(0.01 * 18)
    with pytest.raises(ShapeError, match="expects a scalar"):
        layer.add_loss(np.ones(3, "float32"))


def test_forgetting_super_says_so():
    class Forgot(keras.Layer):
        def __init__(self):
            self.inner = layers.Dense(2)

    with pytest.raises(ArgumentError, match=r"Forgot.*forgot to call `super\(\).__init__\(\)`"):
        Forgot()

    class ForgotQuietly(keras.Layer):
        def __init__(self):
            self.units = 2

        def call(self, x):
            return x

    with pytest.raises(ArgumentError, match=r"forgot to call `super\(\).__init__\(\)`"):
        ForgotQuietly()(np.ones((2, 2)))


def test_configuration_of_classes_without_get_config():
    class Plain(keras.Layer):
        def __init__(self, size, rate=0.1, **kwargs):
            super().__init__(**kwargs)
            self.size = size

        def call(self, x):
            return x

    config = Plain(3, name="p").get_config()
    assert config["size"] == 3
    assert config["name"] == "p"
    assert Plain.from_config(config).size == 3

    class Holding(keras.Layer):
        def __init__(self, other):
            super().__init__()

    with pytest.raises(NotImplementedError, match=r"Holding.*\(other\).*override `get_config\(\)`"):
        Holding(object()).get_config()


def test_weights_in_and_out():
    dense = layers.Dense(3, name="d")
    dense.build((None, 4))
    with pytest.raises(ArgumentError, match=r"layer 'd' with a weight list of length 1, but the layer was expecting 2"):
        dense.set_weights([np.zeros((4, 3))])
    before = dense.get_weights()
    with pytest.raises(ShapeError, match=r"Layer 'd' weight 'd/bias' has shape \(3,\).*\(4,\)"):
        dense.set_weights([np.zeros((4, 3)), np.zeros(4)])
    assert all(np.array_equal(a, b) for a, b in zip(before, dense.get_weights(), strict=True))
    before[0][:] = 7
    assert not np.array_equal(before[0], dense.get_weights()[0])


def test_models_are_freed_when_nothing_refers_to_them():
    model = Block()
    model(np.ones((2, 4)))
    functional = keras.Sequential([layers.Input((3,)), layers.Dense(2)])
    held = [weakref.ref(model), weakref.ref(functional), weakref.ref(functional.layers[0])]
    del model, functional
    gc.collect()
    assert [reference() for reference in held] == [None, None, None]


def test_custom_recurrent_cells():
    class Minimal(keras.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.state_size = units

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
            self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")

        def call(self, inputs, states):
            output = F.tanh(F.matmul(inputs, self.kernel) + F.matmul(states[0], self.recurrent))
            return output, [output]

    layer = layers.RNN(Minimal(3), return_sequences=True)
    x = np.random.default_rng(0).normal(size=(2, 4, 5)).astype("float32")
    outputs = layer(x).numpy()
    state = np.zeros((2, 3), "float32")
    for step in range(4):
        state = np.tanh(x[:, step] @ layer.cell.kernel.numpy() + state @ layer.cell.recurrent.numpy())
        np.testing.assert_allclose(outputs[:, step], state, rtol=1e-5, atol=1e-6)


def test_stateful_recurrent_layers_keep_their_state():
    layer = layers.LSTM(2, stateful=True)
    x = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("float32")
    model = keras.Sequential([layers.Input(batch_shape=(3, None, 5)), layer])
    halves = [model(x[:, :2]).numpy(), model(x[:, 2:]).numpy()]
    layer.reset_state()
    np.testing.assert_allclose(model(x).numpy(), halves[1], rtol=1e-5, atol=1e-6)
    with pytest.raises(ShapeError, match="fixed batch size"):
        keras.Sequential([layers.Input((4, 5)), layers.LSTM(2, stateful=True)])


def test_states_between_batches_are_no_weights():
    def build(batch_size):
        return keras.Sequential(
            [layers.Input(batch_shape=(batch_size, 3, 2)), layers.LSTM(2, stateful=True), layers.Dense(1)]
        )

    model, x = build(4), np.ones((8, 3, 2), "float32")
    model.compile("sgd", "mse")
    model.fit(x, np.ones((8, 1)), batch_size=4, shuffle=False, verbose=0)
    assert len(model.get_weights()) == 5
    assert all(np.any(state.numpy()) for state in model.layers[0].states)
    one = build(1)
    one.set_weights(model.get_weights())
    model.layers[0].reset_state()
    np.testing.assert_allclose(one.predict(x[:1], verbose=0), model.predict(x[:4], batch_size=4, verbose=0)[:1])


def test_build_may_name_its_first_parameter_as_it_likes():
    class Scale(keras.layers.Layer):
        def build(this, input_shape):
            this.scale = this.add_weight(shape=input_shape[-1:], initializer="ones")

        def call(this, x):
            return x * this.scale

    assert Scale()(np.ones((2, 3), "float32")).shape == (2, 3)


def test_recurrent_dropout_is_the_same_at_all_steps():
    layer = layers.LSTM(4, dropout=0.5, recurrent_dropout=0.3, seed=4, return_sequences=True)
    x = np.ones((2, 6, 8), "float32")
    quiet = layer(x, training=False).numpy()
    noisy = layer(x, training=True).numpy()
    assert not np.allclose(quiet, noisy)
    assert np.allclose(layer(x, training=False).numpy(), quiet)


def test_calls_with_other_values_leave_the_variables_alone():
    layer = layers.BatchNormalization(momentum=0.0)
    x = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    layer(x)
    gamma, beta = np.array([2.0, 2.0], "float32"), np.array([1.0, 1.0], "float32")
    outputs, others = layer.stateless_call([gamma, beta], [np.zeros(2), np.ones(2)], x, training=True)
    np.testing.assert_allclose(others[0].numpy(), x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(outputs.numpy().mean(0), beta, atol=1e-5)
    assert np.array_equal(layer.gamma.numpy(), [1, 1])
    assert np.array_equal(layer.moving_mean.numpy(), [0, 0])
    with pytest.raises(ArgumentError, match=r"a value for each of its 4 variables. Received: 1 values"):
        layer.stateless_call([gamma], [], x)


def test_any_layer_inside_a_model_of_ones_own_has_symbolic_outputs():
    class Whole(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = [layers.LSTM(3, return_sequences=True), layers.Flatten(), layers.Dense(2)]

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x

    outputs = Whole()(keras.Input((4, 5)))
    assert outputs.shape == (None, 2)


def test_layers_frozen_before_they_are_built_stay_as_they_are():
    """Counts of trainable and other weights are those of Keras."""

    def counts(model):
        return len(model.trainable_weights), len(model.non_trainable_weights)

    frozen = layers.Dense(2, trainable=False)
    model = keras.Sequential([layers.Input((2,)), frozen, layers.BatchNormalization(trainable=False), layers.Dense(1)])
    assert counts(model) == (2, 6)
    kernel = frozen.get_weights()[0]
    model.compile("adam", "mse")
    model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
    np.testing.assert_array_equal(frozen.get_weights()[0], kernel)
    frozen.trainable = model.layers[1].trainable = True
    assert counts(model) == (6, 2)

    late = keras.Sequential([layers.Dense(2), layers.Dense(1)])
    late.layers[0].trainable = False
    late.build((None, 3))
    assert counts(late) == (2, 2)
    inner = layers.Bidirectional(layers.LSTM(3, trainable=False))
    assert counts(keras.Sequential([layers.Input((4, 2)), inner, layers.Dense(1)])) == (2, 6)
    assert counts(keras.Sequential([layers.Input((4, 2)), layers.LSTM(3, trainable=False)])) == (0, 3)
    assert counts(
        keras.models.clone_model(keras.Sequential([layers.Input((2,)), layers.Dense(2, trainable=False)]))
    ) == (0, 2)
