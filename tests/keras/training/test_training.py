"""How training behaves: what is compiled when, what is the same, what a call leaves behind."""

import gc
import weakref

import numpy as np
import pytest

from epochal import keras
from epochal.tensor import GradientTape
from epochal.tensor import functions as F


def data(rows=50, features=4, classes=3, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, features)).astype("float32")
    return x, np.argmax(x @ random.normal(size=(features, classes)), axis=1)


def classifier(**compile_arguments):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    arguments = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(**{**arguments, **compile_arguments})
    return model


def bits(model):
    return [weight.tobytes() for weight in model.get_weights()]


def test_loss_goes_down_and_accuracy_up():
    x, y = data(200)
    history = classifier(optimizer=keras.optimizers.Adam(0.02)).fit(x, y, epochs=15, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["accuracy"][-1] > 0.9


def test_same_seed_same_bits():
    x, y = data()
    results = []
    for seed in (1, 1, 2):
        model = classifier()
        keras.utils.set_random_seed(seed)
        model.fit(x, y, epochs=2, batch_size=7, verbose=0)
        results.append(bits(model))
    assert results[0] == results[1]
    assert results[0] != results[2]


def test_shuffling_takes_each_sample_once_an_epoch():
    x = np.arange(20, dtype="float32").reshape(20, 1)

    class Summing(keras.Model):
        def __init__(self):
            super().__init__()
            self.seen = self.add_weight(shape=(3, 20), initializer="zeros", trainable=False, name="seen")
            self.epoch = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="int32", name="epoch")
            self.order = self.add_weight(shape=(), initializer="zeros", trainable=False, name="order")

        def call(self, inputs):
            return inputs

        def train_step(self, batch):
            rows = F.sum(F.one_hot(F.cast(batch[:, 0], "int32"), 20), axis=0)
            which = F.expand_dims(F.one_hot(self.epoch.value, 3), 1)
            self.seen.assign(self.seen + which * rows)
            self.order.assign(self.order * 0.5 + F.mean(batch))
            return {"order": self.order.value}

    model = Summing()
    model.compile()
    orders = []
    for epoch in range(3):
        model.epoch.assign(epoch)
        orders.append(model.fit(x, batch_size=3, verbose=0).history["order"][0])
    np.testing.assert_array_equal(model.seen.numpy(), np.ones((3, 20)))
    assert len(set(orders)) == 3


def test_threads_do_not_change_bits():
    random = np.random.default_rng(0)
    x = random.normal(size=(96, 12, 12, 2)).astype("float32")
    y = random.integers(0, 5, 96)
    results = []
    for threads in (1, 2, 3):
        keras.utils.set_random_seed(4)
        model = keras.Sequential(
            [
                keras.layers.Input((12, 12, 2)),
                keras.layers.Conv2D(16, 3, activation="relu"),
                keras.layers.BatchNormalization(),
                keras.layers.MaxPooling2D(),
                keras.layers.Flatten(),
                keras.layers.Dropout(0.3),
                keras.layers.Dense(64, activation="relu"),
                keras.layers.Dense(5, activation="softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, epochs=2, batch_size=32, verbose=0, num_threads=threads)
        results.append((bits(model), model.predict(x, verbose=0, num_threads=threads).tobytes()))
    assert results[0] == results[1] == results[2]


def test_step_by_step_is_the_same_as_at_once():
    x, y = data()
    results, steps = [], []
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append((batch, logs["loss"])))
    for callbacks in ([], [watch]):
        model = classifier()
        history = model.fit(x, y, epochs=2, batch_size=8, verbose=0, callbacks=callbacks).history
        results.append((bits(model), history))
    assert results[0] == results[1]
    assert [batch for batch, _ in steps] == [*range(7), *range(7)]
    assert steps[6][1] == results[0][1]["loss"][0]


def test_eager_is_the_same():
    x, y = data(20)
    results = []
    for eagerly in (False, True):
        model = classifier(run_eagerly=eagerly)
        history = model.fit(x, y, epochs=2, batch_size=8, verbose=0, validation_split=0.2, shuffle=False).history
        results.append((model.get_weights(), history, model.predict(x, verbose=0)))
    for ours, theirs in zip(results[0][0], results[1][0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    for name, values in results[0][1].items():
        np.testing.assert_allclose(values, results[1][1][name], rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(results[0][2], results[1][2], rtol=1e-4)


def test_whole_numbers_and_double_precision_as_data():
    x, y = data()
    models = []
    for given, labels in ((x, y), (x.astype("float64"), y.astype("uint8")), (x.tolist(), y.tolist())):
        model = classifier()
        model.fit(given, labels, epochs=1, verbose=0)
        models.append(bits(model))
    assert models[0] == models[1] == models[2]


def test_steps_per_epoch_goes_on_where_it_stopped():
    x, y = data(24)
    whole, parts = classifier(), classifier()
    whole.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0)
    history = parts.fit(x, y, epochs=4, batch_size=4, steps_per_epoch=3, shuffle=False, verbose=0)
    assert len(history.history["loss"]) == 4
    assert bits(whole) == bits(parts)


def test_generator_sequence_and_iterable():
    x, y = data(24)

    class Pieces:
        def __len__(self):
            return 6

        def __getitem__(self, index):
            return x[4 * index : 4 * index + 4], y[4 * index : 4 * index + 4]

    class Iterable:
        def __iter__(self):
            return (Pieces()[index] for index in range(6))

    expected = classifier()
    expected.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0)
    for source in (Pieces(), Iterable()):
        model = classifier()
        history = model.fit(source, epochs=2, verbose=0, validation_data=source)
        assert "val_loss" in history.history
        for ours, theirs in zip(model.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
        assert model.predict(source, verbose=0).shape == (24, 3)
        np.testing.assert_allclose(model.evaluate(source, verbose=0), expected.evaluate(x, y, verbose=0), rtol=1e-5)


def test_short_generator_warns():
    x, y = data(24)
    model = classifier()
    with pytest.warns(UserWarning, match="ran out of data"):
        model.fit(((x[:4], y[:4]) for _ in range(3)), steps_per_epoch=5, verbose=0)


def test_own_train_step():
    x, y = data()

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)
            self.tracker = keras.metrics.Mean(name="mine")

        def call(self, inputs, training=None):
            return self.dense(inputs)

        @property
        def metrics(self):
            return [self.tracker]

        def train_step(self, batch):
            inputs, labels = batch
            with GradientTape() as tape:
                loss = F.mean(keras.losses.sparse_categorical_crossentropy(labels, self(inputs), from_logits=True))
            self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            self.tracker.update_state(loss)
            return {"mine": self.tracker.result()}

    model = Own()
    model.compile(optimizer=keras.optimizers.SGD(0.5))
    history = model.fit(x, y, epochs=5, batch_size=10, verbose=0).history
    assert list(history) == ["mine"]
    assert history["mine"][-1] < history["mine"][0]


def test_own_loss_and_metrics_hooks():
    x, _ = data()

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(4)

        def call(self, inputs, training=None):
            self.add_loss(0.5 * F.mean(F.square(inputs)))
            return self.dense(inputs)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return super().compute_loss(x, y, y_pred, sample_weight) + F.mean(F.square(y_pred - x))

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            return {**super().compute_metrics(x, y, y_pred, sample_weight), "largest": F.max(y_pred)}

    model = Own()
    model.compile("sgd", metrics=["mae"])
    history = model.fit(x, epochs=1, batch_size=50, verbose=0).history
    assert list(history) == ["largest", "loss"]
    assert history["loss"][0] > 0.5 * np.mean(x**2)
    assert model.losses == []


def test_freezing_a_layer_takes_effect():
    x, y = data()
    model = classifier()
    model.fit(x, y, verbose=0)
    model.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert np.any(before[2] != after[2])
    model.layers[1].trainable = False  # without compiling anew
    model.layers[0].trainable = False
    with pytest.warns(UserWarning, match="does not have any trainable weights"):
        model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(after[2], model.get_weights()[2])


@pytest.mark.parametrize("shuffle", [False, True])
def test_other_numbers_of_rows_use_the_same_program(shuffle):
    x, y = data(64)
    model = classifier(optimizer="sgd")
    for index, rows in enumerate((40, 48, 56, 64, 48, 40)):
        alone = classifier(optimizer="sgd")
        alone.set_weights(model.get_weights())
        keras.utils.set_random_seed(index)
        history = model.fit(x[:rows], y[:rows], batch_size=8, epochs=2, shuffle=shuffle, verbose=0).history
        keras.utils.set_random_seed(index)
        assert alone.fit(x[:rows], y[:rows], batch_size=8, epochs=2, shuffle=shuffle, verbose=0).history == history
        assert bits(model) == bits(alone)
        results = model.evaluate(x[:rows], y[:rows], batch_size=8, verbose=0)
        assert results == alone.evaluate(x[:rows], y[:rows], batch_size=8, verbose=0)
    # 40 rows, and up to 64; each for training and for evaluation.
    assert len(model._programs._steps) == 4
    model.fit(x[:45], y[:45], batch_size=8, verbose=0, shuffle=shuffle)
    assert len(model._programs._steps) == 5  # a last batch of five
    model.fit(x[:61], y[:61], batch_size=8, verbose=0, shuffle=shuffle)
    assert len(model._programs._steps) == 5


def test_learning_rate_is_state():
    x, y = data()
    model = classifier(optimizer="sgd")
    model.fit(x, y, verbose=0)
    programs = len(model._programs._steps)
    model.optimizer.learning_rate = 0.0
    before = bits(model)
    model.fit(x, y, verbose=0)
    assert bits(model) == before
    assert len(model._programs._steps) == programs
    assert int(model.optimizer.iterations) == 4


def test_ctrl_c_leaves_the_last_finished_step():
    x, y = data()

    def interrupt(batch, logs):
        if batch == 2:
            raise KeyboardInterrupt

    model, expected = classifier(), classifier()
    callbacks = [keras.callbacks.LambdaCallback(on_train_batch_end=interrupt)]
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, batch_size=5, shuffle=False, verbose=0, callbacks=callbacks)
    expected.fit(x[:15], y[:15], batch_size=5, shuffle=False, verbose=0)
    assert bits(model) == bits(expected)


def test_stop_training_from_a_callback():
    x, y = data()
    model = classifier()

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 3

    history = model.fit(x, y, batch_size=5, epochs=4, verbose=0, callbacks=[Stop()])
    assert len(history.epoch) == 1
    assert int(model.optimizer.iterations) == 4


def test_early_stopping_in_earnest():
    x, y = data()
    model = classifier()
    stop = keras.callbacks.EarlyStopping(monitor="loss", min_delta=100.0, patience=2, restore_best_weights=True)
    assert len(model.fit(x, y, epochs=10, verbose=0, callbacks=[stop]).epoch) == 3


def test_evaluating_and_predicting_from_a_callback():
    x, y = data()

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.predict(x, verbose=0)
            if batch == 2:
                self.model.evaluate(x, y, verbose=0)

    model, expected = classifier(), classifier()
    for epochs in (1, 2):
        keras.utils.set_random_seed(epochs)
        model.fit(x, y, batch_size=7, verbose=0, callbacks=[Look()])
        keras.utils.set_random_seed(epochs)
        expected.fit(x, y, batch_size=7, verbose=0)
    assert bits(model) == bits(expected)


def test_predict_one_and_many():
    x, _ = data(70)
    model = classifier()
    every = model.predict(x, verbose=0)
    assert every.shape == (70, 3)
    for _ in range(2):
        np.testing.assert_allclose(model.predict(x[:1], verbose=0), every[:1], rtol=1e-5)
    np.testing.assert_allclose(model.predict(x, batch_size=9, verbose=0), every, rtol=1e-5)
    np.testing.assert_allclose(model.predict_on_batch(x), every, rtol=1e-5)
    assert model.predict(x, batch_size=10, steps=3, verbose=0).shape == (30, 3)
    model.set_weights([weight * 0 for weight in model.get_weights()])
    np.testing.assert_allclose(model.predict(x[:1], verbose=0), np.full((1, 3), 1 / 3), rtol=1e-6)


def test_predict_several_outputs():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, {"a": keras.layers.Dense(2)(inputs), "b": keras.layers.Dense(1)(inputs)})
    outputs = model.predict(data(40)[0], verbose=0)
    assert {name: value.shape for name, value in outputs.items()} == {"a": (40, 2), "b": (40, 1)}


def test_progress_of_fit(capsys):
    x, y = data()
    classifier().fit(x, y, epochs=2, batch_size=25)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["Epoch", "2/2", "Epoch", "2/2"]
    assert " - accuracy: " in lines[1]


def test_compile_configuration_comes_back():
    model = classifier(optimizer=keras.optimizers.Adam(0.02, beta_1=0.8), loss_weights=2.0)
    config = model.get_compile_config()
    other = classifier(optimizer="sgd", loss="mse")
    other.compile_from_config(config)
    assert other.optimizer.get_config() == model.optimizer.get_config()
    assert other.get_compile_config() == config
    assert keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)]).get_compile_config() == {}


def test_programs_die_with_the_model():
    x, y = data()
    model = classifier()
    model.fit(x, y, verbose=0)
    model.predict(x[:1], verbose=0)
    model.predict(x[:1], verbose=0)
    found = [weakref.ref(model), weakref.ref(model._programs), weakref.ref(model.weights[0])]
    del model
    gc.collect()
    assert [reference() for reference in found] == [None, None, None]
