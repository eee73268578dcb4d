"""Makes golden_programs.npz: how real Keras 3 trains models with code of their own.

Run with a Python that has keras and TensorFlow, once with ``KERAS_BACKEND=tensorflow`` and once with ``jax``: on
TensorFlow Keras's Adam squares the parts of an embedding's gradient before it adds those of equal rows, and the losses
of single outputs weigh a smaller last batch like the others, so `ON_JAX` comes from there. For each of `PROGRAMS` the
file holds the starting weights, what `fit` recorded and predictions after it. `TRACED` counts how often Python code of
a model ran.
"""

import pathlib

import numpy as np
import tensorflow as tf

import keras
from keras import layers

TRACED = []
SHOWN = 6


def rows(seed, *shapes):
    random = np.random.default_rng(seed)
    return [random.normal(size=shape).astype("float32") for shape in shapes]


class Distiller(keras.Model):
    """A student that learns from labels and from a teacher."""

    def __init__(self, student, teacher):
        super().__init__()
        self.student = student
        self.teacher = teacher
        self.distance = keras.losses.KLDivergence()
        self.tracker = keras.metrics.Mean(name="distance")

    def call(self, x, training=None):
        return self.student(x, training=training)

    def train_step(self, data):
        TRACED.append("train_step")
        x, y = data
        soft = tf.nn.softmax(self.teacher(x, training=False) / 2.0)
        with tf.GradientTape() as tape:
            logits = self.student(x, training=True)
            own = self.compute_loss(x=x, y=y, y_pred=logits)
            taught = self.distance(soft, tf.nn.softmax(logits / 2.0))
            loss = 0.3 * own + 0.7 * taught
        variables = self.student.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        self.tracker.update_state(taught)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            elif metric is not self.tracker:
                metric.update_state(y, logits)
        return {metric.name: metric.result() for metric in self.metrics}


def custom_step():
    x, right = rows(1, (44, 5), (5, 3))
    student = keras.Sequential([keras.Input((5,)), layers.Dense(6, activation="relu"), layers.Dense(3)])
    teacher = keras.Sequential([keras.Input((5,)), layers.Dense(8, activation="tanh"), layers.Dense(3)])
    model = Distiller(student, teacher)
    model.build((None, 5))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def train():
        model.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
        return model.fit(x, np.argmax(x @ right, axis=1), batch_size=8, epochs=3, shuffle=False, verbose=0)

    return model, train, x


class Adversaries(keras.Model):
    """A generator and a critic with an optimizer each."""

    def __init__(self, generator, critic):
        super().__init__()
        self.generator = generator
        self.critic = critic

    def compile(self, generator_optimizer, critic_optimizer):
        super().compile()
        self.generator_optimizer = generator_optimizer
        self.critic_optimizer = critic_optimizer
        self.generator_loss = keras.metrics.Mean(name="generator_loss")
        self.critic_loss = keras.metrics.Mean(name="critic_loss")

    @property
    def metrics(self):
        return [self.generator_loss, self.critic_loss]

    def call(self, noise):
        return self.generator(noise)

    def train_step(self, data):
        TRACED.append("train_step")
        noise, real = data
        cross = keras.losses.BinaryCrossentropy(from_logits=True)
        with tf.GradientTape() as first, tf.GradientTape() as second:
            made = self.generator(noise, training=True)
            on_real, on_made = self.critic(real, training=True), self.critic(made, training=True)
            critic_loss = cross(tf.ones_like(on_real), on_real) + cross(tf.zeros_like(on_made), on_made)
            generator_loss = cross(tf.ones_like(on_made), on_made)
        for tape, loss, part, optimizer in (
            (first, critic_loss, self.critic, self.critic_optimizer),
            (second, generator_loss, self.generator, self.generator_optimizer),
        ):
            gradients = tape.gradient(loss, part.trainable_weights)
            optimizer.apply_gradients(zip(gradients, part.trainable_weights, strict=True))
        self.generator_loss.update_state(generator_loss)
        self.critic_loss.update_state(critic_loss)
        return {metric.name: metric.result() for metric in self.metrics}


def two_optimizers():
    noise, real = rows(2, (40, 3), (40, 4))
    generator = keras.Sequential([keras.Input((3,)), layers.Dense(8), layers.LeakyReLU(), layers.Dense(4)])
    critic = keras.Sequential([keras.Input((4,)), layers.Dense(7, activation="tanh"), layers.Dense(1)])
    model = Adversaries(generator, critic)
    model.compile(keras.optimizers.Adam(0.01, beta_1=0.5), keras.optimizers.SGD(0.1))
    model.build((None, 3))

    def train():
        return model.fit(noise, real * 0.5 + 1.0, batch_size=8, epochs=3, shuffle=False, verbose=0)

    return model, train, noise


class Centred(layers.Layer):
    """Takes off a running mean of what it saw, and counts what it saw."""

    def __init__(self, momentum=0.8, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum

    def build(self, shape):
        self.mean = self.add_weight(shape=(shape[-1],), initializer="zeros", trainable=False, name="mean")
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="int32", name="seen")
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

    def call(self, x, training=False):
        TRACED.append("call")
        if training:
            self.seen.assign_add(1)
            mean = keras.ops.mean(x, axis=0)
            self.mean.assign(self.mean * self.momentum + mean * (1.0 - self.momentum))
            self.add_loss(0.01 * keras.ops.sum(keras.ops.square(self.scale)))
        return (x - self.mean) * self.scale


def layer_with_state():
    x, right = rows(3, (40, 5), (5, 1))
    inputs = keras.Input((5,))
    hidden = Centred()(layers.Dense(6, activation="relu")(inputs))
    model = keras.Model(inputs, layers.Dense(1)(Centred(0.5)(hidden)))

    def train():
        model.compile(keras.optimizers.RMSprop(0.01), "mse", metrics=["mae"])
        y = x @ right + 1.0
        return model.fit(x, y, batch_size=8, epochs=3, shuffle=False, validation_data=(x[:9], y[:9]), verbose=0)

    return model, train, x


def three_inputs():
    number, picture = rows(4, (43, 4), (43, 6, 6, 1))
    word = np.random.default_rng(5).integers(0, 9, (43, 5)).astype("int32")
    inputs = {
        "number": keras.Input((4,), name="number"),
        "picture": keras.Input((6, 6, 1), name="picture"),
        "word": keras.Input((5,), dtype="int32", name="word"),
    }
    parts = [
        layers.Dense(5, activation="relu")(inputs["number"]),
        layers.Flatten()(layers.Conv2D(2, 3, activation="tanh")(inputs["picture"])),
        layers.LSTM(4)(layers.Embedding(9, 3)(inputs["word"])),
    ]
    hidden = layers.Dense(6, activation="relu")(layers.Concatenate()(parts))
    outputs = {
        "size": layers.Dense(1, name="size")(hidden),
        "kind": layers.Dense(3, activation="softmax", name="kind")(hidden),
    }
    model = keras.Model(inputs, outputs)
    x = {"number": number, "picture": picture, "word": word}
    y = {"size": number[:, :1] + picture[:, 0, 0], "kind": word[:, 0] % 3}

    def train():
        model.compile(
            keras.optimizers.Adam(0.01),
            loss={"size": "mse", "kind": "sparse_categorical_crossentropy"},
            loss_weights={"size": 0.4, "kind": 1.5},
            metrics={"size": "mae", "kind": "accuracy"},
        )
        return model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)

    return model, train, x


def generator():
    x, right = rows(6, (96, 5), (5, 1))
    y = np.tanh(x @ right)
    model = keras.Sequential([keras.Input((5,)), layers.Dense(6, activation="tanh"), layers.Dense(1)])

    def batches():
        begin = 0
        while True:
            size = 8 if begin % 24 else 4
            yield x[begin : begin + size], y[begin : begin + size]
            begin = (begin + size) % 90

    def train():
        model.compile(keras.optimizers.Nadam(0.01), "mae", metrics=["mse"])
        held_out = (x[90:], y[90:])
        return model.fit(batches(), steps_per_epoch=5, epochs=4, validation_data=held_out, verbose=0)

    return model, train, x


def frozen():
    (x,) = rows(7, (40, 8, 8, 1))
    y = (x[:, :4].mean((1, 2, 3)) > x[:, 4:].mean((1, 2, 3))).astype("float32")
    inputs = keras.Input((8, 8, 1))
    hidden = layers.BatchNormalization()(layers.Conv2D(3, 3, activation="relu")(inputs))
    body = keras.Model(inputs, layers.Conv2D(4, 3, activation="relu", name="last")(hidden), name="body")
    body.trainable = False
    body.get_layer("last").trainable = True
    neck = keras.Sequential([layers.BatchNormalization(), layers.GlobalMaxPooling2D(), layers.Dense(5)], name="neck")
    outer = keras.Input((8, 8, 1))
    model = keras.Model(outer, layers.Dense(1, activation="sigmoid")(neck(body(outer))))

    def train():
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
        return model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)

    return model, train, x


PROGRAMS = (custom_step, two_optimizers, layer_with_state, three_inputs, generator, frozen)
ON_JAX = (three_inputs,)


def arrays(predictions):
    """By name where there are several."""
    return predictions if isinstance(predictions, dict) else {"": predictions}


def shown(x):
    return {key: value[:SHOWN] for key, value in x.items()} if isinstance(x, dict) else x[:SHOWN]


if __name__ == "__main__":
    path = pathlib.Path(__file__).with_suffix(".npz")
    record = dict(np.load(path)) if path.exists() else {}
    for program in PROGRAMS:
        if (program in ON_JAX) != (keras.backend.backend() == "jax"):
            continue
        keras.utils.set_random_seed(3)
        model, train, x = program()
        name = program.__name__
        record.update({f"{name}/start/{index}": weight for index, weight in enumerate(model.get_weights())})
        history = train().history
        record.update({f"{name}/history/{key}": np.array(values, "float32") for key, values in history.items()})
        record.update({f"{name}/end/{index}": weight for index, weight in enumerate(model.get_weights())})
        for key, values in arrays(model.predict(shown(x), verbose=0)).items():
            record[f"{name}/predictions/{key}"] = values
        print(name, len(TRACED), {key: [round(float(value), 4) for value in history[key]] for key in history})
    np.savez_compressed(path, **record)
