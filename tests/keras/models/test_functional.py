"""Functional models: several inputs and outputs, shared layers, nesting, operations between layers, errors."""

import numpy as np
import pytest

from epochal import keras
from epochal.errors import ArgumentError, ShapeError
from epochal.keras import layers
from epochal.tensor import convert, function

RNG = np.random.default_rng(7)


def data(*shape):
    return RNG.normal(size=shape).astype("float32")


def test_shared_layers_and_several_inputs_and_outputs():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    shared = layers.Dense(2, name="shared")
    left, right = shared(a), shared(b)
    model = keras.Model([a, b], [layers.Add()([left, right]), right])
    x, y = data(4, 3), data(4, 3)
    total, second = model([x, y])
    kernel, bias = shared.get_weights()
    np.testing.assert_allclose(total.numpy(), x @ kernel + y @ kernel + 2 * bias, rtol=1e-5)
    np.testing.assert_allclose(second.numpy(), y @ kernel + bias, rtol=1e-5)
    assert len(model.weights) == 2
    assert model.input_shape == [(None, 3), (None, 3)]
    assert model.output_shape == [(None, 2), (None, 2)]
    assert model.output_names == ["add", "shared"] or model.output_names[1] == "shared"


def test_structures_of_inputs_and_outputs():
    inputs = {"x": keras.Input((2,), name="x"), "y": keras.Input((2,), name="y")}
    model = keras.Model(inputs, {"sum": inputs["x"] + inputs["y"], "pair": (inputs["x"], inputs["y"])})
    x, y = data(3, 2), data(3, 2)
    results = model({"y": y, "x": x})
    np.testing.assert_allclose(results["sum"].numpy(), x + y)
    assert isinstance(results["pair"], tuple)
    np.testing.assert_allclose(model([x, y])["sum"].numpy(), x + y)
    with pytest.raises(ArgumentError, match=r"Missing data for input \['y'\].*keys \['x'\].*Expected.*\['x', 'y'\]"):
        model({"x": x})


def test_operations_between_layers_see_the_real_batch_size():
    x = keras.Input((4, 6))
    y = keras.ops.reshape(x, (-1, 24))
    y = (y * 2.0 - 1.0) / 3.0
    y = keras.ops.concatenate([y[:, :5], keras.ops.tanh(y[:, 5:])], axis=1)
    batch = keras.ops.shape(y)[0]
    y = keras.ops.reshape(y, (batch, 4, 6)) + x
    model = keras.Model(x, y)
    for size in (1, 3, 8):
        value = data(size, 4, 6)
        flat = (value.reshape(size, 24) * 2 - 1) / 3
        expected = np.concatenate([flat[:, :5], np.tanh(flat[:, 5:])], axis=1).reshape(size, 4, 6) + value
        np.testing.assert_allclose(model(value).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_models_nest_and_can_be_called_again():
    inner_in = keras.Input((3,))
    inner = keras.Model(inner_in, layers.Dense(3, activation="relu")(inner_in), name="inner")
    outer_in = keras.Input((3,))
    outer = keras.Model(outer_in, inner(inner(outer_in)))
    x = data(2, 3)
    np.testing.assert_allclose(outer(x).numpy(), inner(inner(x)).numpy())
    assert [layer.name for layer in outer.layers][-1] == "inner"
    assert len(outer.trainable_weights) == 2
    inner.trainable = False
    assert outer.trainable_weights == []


def test_models_inside_survive_their_configuration_whatever_they_feed():
    inner_in = keras.Input((3,))
    inner = keras.Model(inner_in, layers.Dense(3)(inner_in), name="inner")
    outer_in = keras.Input((3,))
    once = inner(outer_in)
    outer = keras.Model(outer_in, [inner(once), layers.Dense(2)(once)])
    config = outer.get_config()
    assert config["output_layers"][0] == ["inner", 2, 0]  # Keras counts the making of a model as its first call here
    again = keras.Model.from_config(config)
    again.set_weights(outer.get_weights())
    x = data(2, 3)
    for one, other in zip(outer(x), again(x), strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_models_of_intermediate_tensors():
    x = keras.Input((3,))
    hidden = layers.Dense(4, name="hidden")(x)
    model = keras.Model(x, layers.Dense(2, name="last")(hidden))
    features = keras.Model(model.input, model.get_layer("hidden").output)
    head = keras.Model(hidden, model.output)
    value = data(5, 3)
    np.testing.assert_allclose(head(features(value)).numpy(), model(value).numpy(), rtol=1e-6)
    assert head.input_shape == (None, 4)


def test_training_flag_reaches_every_layer():
    x = keras.Input((50,))
    dropped = layers.Dropout(0.5, seed=1)(x)
    model = keras.Model(x, keras.Sequential([layers.Input((50,)), layers.Dropout(0.5, seed=2)])(dropped))
    ones = np.ones((4, 50), "float32")
    np.testing.assert_array_equal(model(ones).numpy(), ones)
    np.testing.assert_array_equal(model(ones, training=False).numpy(), ones)
    kept = model(ones, training=True).numpy()
    assert set(np.unique(kept)) == {0.0, 4.0}
    assert not np.array_equal(kept, model(ones, training=True).numpy())


def test_batch_statistics_move_only_in_training():
    x = keras.Input((3,))
    norm = layers.BatchNormalization(momentum=0.5)
    model = keras.Model(x, norm(x))
    value = data(16, 3) + 2
    model(value)
    np.testing.assert_array_equal(norm.moving_mean.numpy(), 0)
    model(value, training=True)
    np.testing.assert_allclose(norm.moving_mean.numpy(), value.mean(0) / 2, rtol=1e-5)
    norm.trainable = False
    before = norm.moving_mean.numpy()
    model(value, training=True)
    np.testing.assert_array_equal(norm.moving_mean.numpy(), before)


def test_masks_go_from_embedding_to_recurrent_layers_and_pooling():
    words = keras.Input((4,), dtype="int32")
    table = layers.Embedding(5, 3, mask_zero=True)
    embedded = table(words)
    lstm = layers.LSTM(2)
    model = keras.Model(words, [lstm(embedded), layers.GlobalAveragePooling1D()(embedded)])
    full, padded = np.array([[3, 1, 2, 4]]), np.array([[3, 1, 0, 0]])
    state, mean = model(padded)
    short = table(np.array([[3, 1]]))
    np.testing.assert_allclose(state.numpy(), lstm(short).numpy(), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(mean.numpy(), short.numpy().mean(1), rtol=1e-5)
    assert not np.allclose(model(full)[0].numpy(), state.numpy())


def test_inside_a_compiled_function():
    x = keras.Input((3,))
    model = keras.Model(x, layers.Dense(2)(layers.Dense(4, activation="relu")(x)))
    value = data(5, 3)
    compiled = function(lambda t: model(t))
    np.testing.assert_allclose(compiled(convert(value)).numpy(), model(value).numpy(), rtol=1e-5, atol=1e-6)


def test_ranks_are_fitted_and_types_are_cast():
    x = keras.Input((1,))
    model = keras.Model(x, x * 2.0)
    np.testing.assert_array_equal(model(np.arange(3)).numpy(), [[0], [2], [4]])
    assert model(np.arange(3)).dtype == "float32"


def test_wrong_inputs_name_the_model_and_both_shapes():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    model = keras.Model([a, b], a + b, name="pair")
    with pytest.raises(ArgumentError, match=r"Layer 'pair'.*expects 2 input\(s\), named \['a', 'b'\].*received 1"):
        model(data(2, 3))
    with pytest.raises(
        ShapeError, match=r"Input 1 with name 'b' of layer 'pair'.*expected shape=\(None, 3\), found shape=\(2, 4\)"
    ):
        model([data(2, 3), data(2, 4)])


def test_disconnected_graphs_and_wrong_arguments_are_refused():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="lost")
    with pytest.raises(ArgumentError, match=r"Disconnected graph.*input 'lost'.*Received inputs: \['a'\]"):
        keras.Model(a, layers.Dense(2)(b))
    with pytest.raises(ArgumentError, match=r"symbolic tensors.*Received"):
        keras.Model(a, data(2, 2))
    with pytest.raises(ArgumentError, match='name "twice" is used 2 times'):
        keras.Model(a, layers.Dense(2, name="twice")(layers.Dense(2, name="twice")(a)))
    with pytest.raises(ArgumentError, match="exactly one of `shape` and `batch_shape`"):
        keras.Input()
    with pytest.raises(ArgumentError, match=r"must be a tuple, such as \(3,\)"):
        keras.Input(3)


def test_get_layer():
    a = keras.Input((3,), name="a")
    model = keras.Model(a, layers.Dense(2, name="last")(a))
    assert model.get_layer("last") is model.get_layer(index=1)
    with pytest.raises(ArgumentError, match=r"No such layer: x. Existing layers are: \['a', 'last'\]"):
        model.get_layer("x")
    with pytest.raises(ArgumentError, match="index 9 but model only has 2 layers"):
        model.get_layer(index=9)


def test_a_deep_chain_needs_no_deep_stack():
    x = y = keras.Input((2,))
    for _ in range(1500):
        y = layers.Activation("relu")(y)
    model = keras.Model(x, y)
    assert len(model.layers) == 1501


def test_layers_are_ordered_by_depth_as_keras_numbers_them():
    a = keras.Input((2,), name="a")
    long = layers.Dense(2, name="long2")(layers.Dense(2, name="long1")(a))
    short = layers.Dense(2, name="short")(a)
    model = keras.Model(a, layers.Add(name="add")([short, long]))
    assert [layer.name for layer in model.layers] == ["a", "long1", "short", "long2", "add"]
