"""Activations, constraints and regularizers against real Keras; initializers against their definitions; look-ups."""

import importlib
import pathlib

import numpy as np
import pytest

from epochal import keras
from epochal.errors import ArgumentError, DTypeError
from epochal.keras import activations, constraints, initializers, regularizers

FIGURES = dict(np.load(pathlib.Path(__file__).parents[1] / "figures" / "keras_functions.npz"))
X, M, W = FIGURES["x"], FIGURES["m"], FIGURES["w"]
OTHERS = {
    "softmax_pair": lambda: activations.softmax(M, axis=(1, 2)),
    "softmax_middle": lambda: activations.softmax(M, axis=1),
    "log_softmax_middle": lambda: activations.log_softmax(M, axis=1),
    "glu_last": lambda: activations.glu(M, axis=2),
    "threshold": lambda: activations.threshold(X, 0.5, -1.0),
    "gelu_approximate": lambda: activations.gelu(X, approximate=True),
    "relu_all": lambda: activations.relu(X, 0.1, 2.0, 0.5),
    "constraint_max_norm": lambda: constraints.MaxNorm(1.0)(W),
    "constraint_max_norm_axis": lambda: constraints.MaxNorm(0.8, axis=1)(W),
    "constraint_non_neg": lambda: constraints.get("non_neg")(W),
    "constraint_unit_norm": lambda: constraints.get("unit_norm")(W),
    "constraint_min_max_norm": lambda: constraints.MinMaxNorm(0.5, 1.0, rate=0.7)(W),
    "regularizer_l1": lambda: regularizers.L1(0.1)(W),
    "regularizer_l2": lambda: regularizers.L2(0.2)(W),
    "regularizer_l1_l2": lambda: regularizers.L1L2(0.1, 0.2)(W),
    "regularizer_orthogonal_rows": lambda: regularizers.OrthogonalRegularizer(0.3)(W),
    "regularizer_orthogonal_columns": lambda: regularizers.OrthogonalRegularizer(0.3, mode="columns")(W),
}


@pytest.mark.parametrize("name", sorted(name for name in FIGURES if name.startswith("activation_")))
def test_activations(name):
    function = activations.get(name.removeprefix("activation_"))
    np.testing.assert_allclose(np.asarray(function(X)), FIGURES[name], rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_others(name):
    np.testing.assert_allclose(np.asarray(OTHERS[name]()), FIGURES[name], rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(
    ("module", "identifier"),
    [
        (regularizers, regularizers.L1L2(0.1, 0.2)),
        (constraints, constraints.MaxNorm(3, axis=[0, 1])),
        (initializers, initializers.VarianceScaling(2.0, "fan_out", "uniform", seed=3)),
        (initializers, initializers.Orthogonal(gain=2.0, seed=1)),
        (initializers, initializers.Constant(2.5)),
        (initializers, initializers.GlorotUniform(seed=4)),
    ],
)
def test_configurations_round_trip(module, identifier):
    config = module.serialize(identifier)
    again = module.deserialize(config)
    assert type(again) is type(identifier)
    assert again.get_config() == identifier.get_config()
    assert module.get(config).get_config() == identifier.get_config()
    assert module.get(identifier) is identifier
    assert module.get(None) is None


def test_variances_of_initializers():
    shape = (300, 200)
    for name, variance in {
        "glorot_uniform": 2 / 500,
        "glorot_normal": 2 / 500,
        "he_normal": 2 / 300,
        "he_uniform": 2 / 300,
        "lecun_normal": 1 / 300,
        "lecun_uniform": 1 / 300,
    }.items():
        drawn = np.asarray(initializers.get(name)(shape))
        assert drawn.dtype == np.float32
        assert np.var(drawn) == pytest.approx(variance, rel=0.05)
        assert abs(drawn.mean()) < 3 * np.sqrt(variance / drawn.size)
    q = np.asarray(initializers.Orthogonal()((7, 4)))
    np.testing.assert_allclose(q.T @ q, np.eye(4), atol=1e-5)
    first = initializers.RandomNormal(seed=3)
    np.testing.assert_array_equal(first((5,)), initializers.RandomNormal(seed=3)((5,)))
    np.testing.assert_array_equal(initializers.Identity(gain=2.0)((2, 2)), [[2, 0], [0, 2]])


def test_seeds_fix_a_program():
    def weights():
        keras.utils.set_random_seed(11)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)])
        return [*model.get_weights(), model(np.ones((2, 3), "float32"), training=True).numpy()]

    for one, other in zip(weights(), weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_functions_of_the_program_by_name():
    @keras.saving.register_keras_serializable("functions")
    def doubled(x):
        return x * 2

    assert activations.get("functions>doubled") is doubled
    layer = keras.layers.Dense(2, activation=doubled)
    config = layer.get_config()
    assert config["activation"]["config"] == "functions>doubled"
    assert keras.layers.Dense.from_config(config).activation is doubled
    relu = keras.layers.Dense(2, activation=keras.layers.ReLU())
    assert type(keras.layers.Dense.from_config(relu.get_config()).activation) is keras.layers.ReLU


def test_dtype_policies():
    layer = keras.layers.Dense(2, dtype="mixed_float16")
    outputs = layer(np.ones((3, 4), "float32"))
    assert outputs.dtype == "float16"
    assert layer.kernel.dtype == "float32"
    assert keras.layers.Dense.from_config(layer.get_config()).dtype_policy.name == "mixed_float16"
    double = keras.layers.Dense(2, dtype="float64")
    assert double(np.ones((3, 4), "float32")).dtype == "float64"
    half = keras.layers.BatchNormalization(dtype="bfloat16")
    assert half(np.ones((3, 4), "float32"), training=True).dtype == "bfloat16"
    with pytest.raises(ArgumentError, match="Valid policies"):
        keras.DTypePolicy("mixed")
    with pytest.raises(DTypeError, match="must be a string"):
        keras.DTypePolicy(3)


def test_utilities():
    np.testing.assert_array_equal(keras.utils.to_categorical([0, 2]), [[1, 0, 0], [0, 0, 1]])
    with pytest.raises(ArgumentError, match=r"Expected classes in \[0, 2\). Received: 0 to 2"):
        keras.utils.to_categorical([0, 2], num_classes=2)
    padded = keras.utils.pad_sequences([[1, 2, 3], [4]], maxlen=2)
    np.testing.assert_array_equal(padded, [[2, 3], [0, 4]])
    np.testing.assert_array_equal(keras.utils.pad_sequences([[1], [2, 3]], padding="post", value=9), [[1, 9], [2, 3]])
    np.testing.assert_allclose(keras.utils.normalize(np.array([[3.0, 4.0]])), [[0.6, 0.8]])


def test_every_public_name_is_there():
    for module in ("", ".layers", ".models", ".ops", ".utils", ".saving", ".backend", ".config", ".tree"):
        target = keras
        for part in module.split(".")[1:]:
            target = getattr(target, part)
        for name in target.__all__:
            assert getattr(target, name) is not None, f"keras{module}.{name}"


def test_names_are_numbered_as_keras_numbers_them():
    keras.backend.clear_session()
    layers = keras.layers
    names = [layers.MaxPooling2D().name, layers.ReLU().name, layers.LSTM(2).name, layers.PReLU().name]
    assert names == ["max_pooling2d", "re_lu", "lstm", "p_re_lu"]
    assert keras.layers.ReLU().name == "re_lu_1"


def test_older_programs_find_their_imports():
    for name in (
        "core",
        "convolutional",
        "pooling",
        "recurrent",
        "embeddings",
        "normalization",
        "advanced_activations",
    ):
        assert importlib.import_module(f"epochal.keras.layers.{name}") is not None
    assert importlib.import_module("epochal.keras.layers.core").Dense is keras.layers.Dense
    assert importlib.import_module("epochal.keras.utils.np_utils").to_categorical is keras.utils.to_categorical
    assert keras.preprocessing.sequence.pad_sequences is keras.utils.pad_sequences


def test_ops_take_keras_parameter_names():
    x = np.array([1.0, -2.0], "float32")
    np.testing.assert_array_equal(keras.ops.add(x1=x, x2=x), [2, -4])
    np.testing.assert_array_equal(keras.ops.where(x > 0, x1=x, x2=0.0), [1, 0])
    np.testing.assert_array_equal(keras.ops.clip(x, x_min=-1, x_max=0.5), [0.5, -1])
    image = np.ones((1, 4, 4, 2), "float32")
    assert keras.ops.conv(image, np.ones((3, 3, 2, 5), "float32"), padding="same").shape == (1, 4, 4, 5)
    assert keras.ops.max_pool(image, 2).shape == (1, 2, 2, 2)
    assert keras.ops.shape(image) == (1, 4, 4, 2)
    np.testing.assert_array_equal(keras.ops.nan_to_num(np.array([np.nan, 1.0])), [0, 1])
    np.testing.assert_array_equal(keras.ops.diff(np.array([1, 4, 9])), [3, 5])
    np.testing.assert_allclose(
        keras.ops.binary_crossentropy([1.0, 0.0], np.array([0.5, 0.5], "float32")), np.log(2) * np.ones(2), rtol=1e-6
    )


def test_data_sets_in_python():
    class Batches(keras.utils.Sequence):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return np.full((4, 2), index, "float32"), np.zeros((4, 1), "float32")

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert len(model.fit(Batches(), epochs=2, verbose=0).history["loss"]) == 2
    with pytest.raises(NotImplementedError, match="must define __len__ or num_batches"):
        len(keras.utils.PyDataset())
