"""The ``.keras`` file: what Keras wrote, what we write, and what is damaged or hostile."""

import io
import json
import pathlib
import zipfile

import h5py
import numpy as np
import pytest

from epochal import keras
from epochal.errors import ArgumentError, FileFormatError, NotSupportedError, ShapeError
from epochal.keras import layers

FIGURES = pathlib.Path(__file__).parents[2] / "figures"
KEPT = dict(np.load(FIGURES / "keras_file.npz"))


@keras.saving.register_keras_serializable("tests")
class Scaled(keras.Layer):
    def __init__(self, factor, inner=None, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.parts = [layers.Dense(2), layers.Dense(3)]

    def build(self, input_shape):
        self.shift = self.add_weight(shape=(3,), name="shift", initializer="ones")

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x * self.factor + self.shift

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def small():
    model = keras.Sequential([layers.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def test_reads_a_functional_model_of_keras():
    model = keras.models.load_model(FIGURES / "keras_functional.keras")
    outputs = model({"words": KEPT["words"], "table": KEPT["table"]}, training=False)
    np.testing.assert_allclose(outputs["sum"].numpy(), KEPT["sum"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs["out"].numpy(), KEPT["out"], rtol=1e-5, atol=1e-6)
    assert [layer.name for layer in model.layers][:2] == ["words", "embedding"]
    assert model.input_names == ["table", "words"]
    assert model.compiled


def test_reads_a_sequential_model_of_keras_with_its_optimizer():
    model = keras.models.load_model(FIGURES / "keras_sequential.keras")
    np.testing.assert_allclose(model(KEPT["images"]).numpy(), KEPT["classes"], rtol=1e-5, atol=1e-6)
    assert int(model.optimizer.iterations) == int(KEPT["iterations"])
    np.testing.assert_allclose(model.optimizer.variables[2].numpy(), KEPT["momentum"], rtol=1e-6)
    assert type(model.optimizer).__name__ == "SGD"
    before = float(model.evaluate(KEPT["images"], KEPT["labels"], verbose=0)[0])
    model.fit(KEPT["images"], KEPT["labels"], epochs=5, verbose=0)
    assert np.isfinite(before)


def test_what_is_read_is_written_as_it_was(tmp_path):
    for name in ("keras_functional.keras", "keras_sequential.keras"):
        model = keras.models.load_model(FIGURES / name)
        model.save(tmp_path / name)
        with zipfile.ZipFile(FIGURES / name) as theirs, zipfile.ZipFile(tmp_path / name) as ours:
            assert set(theirs.namelist()) == set(ours.namelist())
            assert comparable(json.loads(ours.read("config.json"))) == comparable(
                json.loads(theirs.read("config.json"))
            )
            assert names(ours.read("model.weights.h5")) == names(theirs.read("model.weights.h5"))


def comparable(config):
    """Without what differs from run to run, or is a default spelled out."""
    if isinstance(config, dict):
        drop = {"shared_object_id", "training", "compile_config"}
        drop |= {"build_config"} if config.get("class_name") == "Flatten" else set()
        return {
            key: comparable(value)
            for key, value in config.items()
            if key not in drop and (key, value) != ("mask", None)
        }
    return [comparable(value) for value in config] if isinstance(config, list) else config


def names(content):
    found = []
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(lambda name, item: found.append((name, dict(item.attrs), getattr(item, "shape", None))))
    return sorted(found, key=lambda entry: entry[0])


def test_round_trip_of_a_compiled_model(tmp_path):
    model = small()
    x, y = np.ones((8, 3), "float32"), np.zeros((8, 2), "float32")
    model.fit(x, y, verbose=0, epochs=2)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(again(x).numpy(), model(x).numpy())
    assert [v.numpy().tolist() for v in again.optimizer.variables] == [
        v.numpy().tolist() for v in model.optimizer.variables
    ]
    model.fit(x, y, verbose=0)
    again.fit(x, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights(), strict=True))


def test_layers_of_the_program_are_found_by_their_registered_name(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, Scaled(2.0, name="scaled")(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = np.arange(8.0, dtype="float32").reshape(2, 4)
    assert np.array_equal(again(x).numpy(), model(x).numpy())
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        paths = [name for name, _, shape in names(archive.read("model.weights.h5")) if shape is not None]
    assert paths == [
        "layers/scaled/parts/dense/vars/0",
        "layers/scaled/parts/dense/vars/1",
        "layers/scaled/parts/dense_1/vars/0",
        "layers/scaled/parts/dense_1/vars/1",
        "layers/scaled/vars/0",
    ]


def test_plain_operations_between_layers_survive(tmp_path):
    x = keras.Input((4, 3))
    y = keras.ops.relu(keras.ops.reshape(x, (-1, 12)) * 2 + 1)[:, 2:7]
    y = keras.ops.concatenate([y, -y], axis=-1)
    y = layers.Dense(2)(keras.ops.mean(y, axis=1, keepdims=True) - keras.ops.max(y, axis=1, keepdims=True))
    model = keras.Model(x, y)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    data = np.random.default_rng(0).normal(size=(5, 4, 3)).astype("float32")
    np.testing.assert_array_equal(again(data).numpy(), model(data).numpy())


def test_saving_replaces_whole_files_only(tmp_path):
    path = tmp_path / "model.keras"
    model = small()
    model.save(path)
    with pytest.raises(ArgumentError, match="overwrite=False"):
        model.save(path, overwrite=False)
    before = path.read_bytes()
    model.extra_config = object()
    broken = keras.Sequential([layers.Input((2,)), layers.Lambda(lambda x: x)])
    broken.layers[0].function = object()
    with pytest.raises(ArgumentError, match="get_config"):
        broken.save(path)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["model.keras"]


def test_wrong_endings_and_missing_files(tmp_path):
    model = small()
    with pytest.raises(ArgumentError, match=r"Invalid filepath extension.*`\.keras`.*Received: filepath=.*model"):
        model.save(tmp_path / "model")
    with pytest.raises(ArgumentError, match="File not found"):
        keras.models.load_model(tmp_path / "none.keras")
    with pytest.raises(ArgumentError, match=r"must end in `\.weights\.h5`"):
        model.save_weights(tmp_path / "model.h5")
    with pytest.raises(ArgumentError, match="does not exist"):
        model.save(tmp_path / "folder" / "model.keras")


def test_truncated_files_say_so(tmp_path):
    path = tmp_path / "model.keras"
    small().save(path)
    whole = path.read_bytes()
    for length in (0, 3, 100, len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=r"model\.keras"):
            keras.models.load_model(path)


def rewrite(source, target, **members):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            key = name.split(".")[0]
            if key in members and members[key] is None:
                continue
            new.writestr(name, members.get(key, old.read(name)))


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"config": None}, r"holds no config\.json"),
        ({"config": b"{"}, "not valid JSON"),
        ({"config": b"[" * 100_000}, "not valid JSON"),
        ({"config": b"[1]"}, "does not describe a model"),
        ({"config": b'{"class_name": "Dense", "module": "keras.layers", "config": {"units": 2}}'}, "holds no model"),
        (
            {"config": b'{"class_name": "Sequential", "module": "keras", "config": {"layers": [{"a": 1}]}}'},
            "Only instances",
        ),
        ({"metadata": b"\xff"}, "not valid JSON"),
        ({"model": b"not hdf5"}, "not a readable HDF5 file"),
        ({"model": None}, r"holds no model\.weights\.h5"),
    ],
)
def test_damaged_members_say_so(tmp_path, members, text):
    small().save(tmp_path / "good.keras")
    rewrite(tmp_path / "good.keras", tmp_path / "bad.keras", **members)
    with pytest.raises((FileFormatError, ArgumentError), match=text):
        keras.models.load_model(tmp_path / "bad.keras")


def weights_of(path):
    with zipfile.ZipFile(path) as archive:
        return io.BytesIO(archive.read("model.weights.h5"))


@pytest.mark.parametrize("kind", ["missing", "shape", "huge", "link", "external", "text"])
def test_damaged_weights_leave_nothing_half_done(tmp_path, kind):
    model = small()
    model.save(tmp_path / "good.keras")
    content = weights_of(tmp_path / "good.keras")
    with h5py.File(content, "a") as file:
        place = file["layers/dense_1/vars"]
        del place["0"]
        if kind == "shape":
            place["0"] = np.zeros((9, 2), "float32")
        if kind == "huge":
            place.create_dataset("0", shape=(2**40,), dtype="float32", chunks=(1024,))
        if kind == "link":
            place["0"] = h5py.ExternalLink("other.h5", "/x")
        if kind == "external":
            place.create_dataset("0", (4, 2), "float32", external=[(str(tmp_path / "good.keras"), 0, 32)])
        if kind == "text":
            place["0"] = np.array([b"x"])
    path = tmp_path / "bad.weights.h5"
    path.write_bytes(content.getvalue())
    target = small()
    before = target.get_weights()
    with pytest.raises((FileFormatError, ShapeError), match=r"dense_1|bad\.weights\.h5"):
        target.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, target.get_weights(), strict=True))


def test_weights_of_another_model_do_not_fit(tmp_path):
    small().save_weights(tmp_path / "small.weights.h5")
    other = keras.Sequential([layers.Input((3,)), layers.Dense(5), layers.Dense(2)])
    with pytest.raises(ShapeError, match=r"variable 'sequential\w*/dense\w*/kernel' has shape \(3, 5\).*\(3, 4\)"):
        other.load_weights(tmp_path / "small.weights.h5")
    with pytest.warns(UserWarning, match="left as it is"):
        other.load_weights(tmp_path / "small.weights.h5", skip_mismatch=True)
    unbuilt = keras.Sequential([layers.Dense(4)])
    with pytest.raises(ArgumentError, match="not built"):
        unbuilt.load_weights(tmp_path / "small.weights.h5")


def test_weights_alone(tmp_path):
    one, other = small(), small()
    one.save_weights(tmp_path / "w.weights.h5")
    other.load_weights(tmp_path / "w.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
    third = small()
    one.save(tmp_path / "m.keras")
    third.load_weights(tmp_path / "m.keras")
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), third.get_weights(), strict=True))


def test_python_code_in_files_is_refused(tmp_path):
    model = keras.Sequential([layers.Input((2,)), layers.Lambda(lambda x: x * 3)])
    model.save(tmp_path / "model.keras")
    with pytest.raises(ArgumentError, match=r"Lambda.*refused by default.*safe_mode=False"):
        keras.models.load_model(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=False)
    np.testing.assert_array_equal(again(np.ones((1, 2), "float32")).numpy(), [[3, 3]])


@pytest.mark.parametrize(
    "config",
    [
        {"module": "os", "class_name": "system", "config": "true", "registered_name": None},
        {"module": "subprocess", "class_name": "Popen", "config": {"args": ["true"]}, "registered_name": "Popen"},
        {"module": "keras.layers", "class_name": "__class__", "config": {}, "registered_name": None},
        {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"},
        {"module": "epochal.cli.main", "class_name": "main", "config": {}, "registered_name": None},
    ],
)
def test_files_cannot_name_just_any_class(config):
    with pytest.raises((ArgumentError, NotSupportedError), match=r"Could not locate|not supported"):
        keras.models.model_from_json(json.dumps(config))


def test_json_and_clone():
    model = small()
    again = keras.models.model_from_json(model.to_json())
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    x = np.ones((2, 3), "float32")
    assert np.array_equal(clone(x).numpy(), model(x).numpy())
    assert not np.shares_memory(clone.weights[0].data, model.weights[0].data)


def test_unknown_custom_objects_name_the_remedy(tmp_path):
    class Own(keras.Layer):
        def call(self, x):
            return x

    model = keras.Sequential([layers.Input((2,)), Own()])
    text = model.to_json()
    with pytest.raises(
        ArgumentError, match=r"Could not locate class 'Own'.*register_keras_serializable.*custom_objects"
    ):
        keras.models.model_from_json(text)
    assert isinstance(keras.models.model_from_json(text, custom_objects={"Own": Own}).layers[0], Own)
    with keras.saving.custom_object_scope({"Own": Own}):
        assert isinstance(keras.models.model_from_json(text).layers[0], Own)


def test_whole_models_in_hdf5(tmp_path):
    model = keras.models.load_model(FIGURES / "keras_sequential.keras")
    model.save(tmp_path / "model.h5")
    again = keras.models.load_model(tmp_path / "model.h5")
    assert np.array_equal(again(KEPT["images"]).numpy(), model(KEPT["images"]).numpy())
    assert int(again.optimizer.iterations) == int(KEPT["iterations"])
    assert all(np.array_equal(a, b) for a, b in zip(again.get_weights(), model.get_weights(), strict=True))
    clone = keras.models.clone_model(model)
    clone.load_weights(tmp_path / "model.h5")
    assert np.array_equal(clone(KEPT["images"]).numpy(), model(KEPT["images"]).numpy())
    with pytest.raises((FileFormatError, ShapeError), match=r"model\.h5"):
        small().load_weights(tmp_path / "model.h5")
    (tmp_path / "half.h5").write_bytes((tmp_path / "model.h5").read_bytes()[:1000])
    with pytest.raises(FileFormatError, match="not a readable HDF5 file"):
        keras.models.load_model(tmp_path / "half.h5")


def test_what_keras_wrote_into_hdf5():
    model = keras.models.load_model(FIGURES / "keras_legacy.h5")
    np.testing.assert_allclose(model(KEPT["table"]).numpy(), KEPT["legacy"], rtol=1e-5, atol=1e-6)
    assert type(model.optimizer).__name__ == "RMSprop"


def test_hdf5_files_name_the_users_classes_as_they_are_registered(tmp_path):
    @keras.saving.register_keras_serializable("hdf5_tests")
    class Doubling(keras.layers.Layer):
        def call(self, x):
            return x * 2

    model = keras.Sequential([keras.Input((2,)), Doubling()])
    model.save(tmp_path / "model.h5")
    loaded = keras.models.load_model(tmp_path / "model.h5")
    assert np.array_equal(loaded(np.ones((1, 2), "float32")).numpy(), [[2, 2]])
