"""Makes golden_models.npz: how real Keras 3 trains models as tutorials write them.

Run with a Python that has keras, ``KERAS_BACKEND=jax python tests/figures/golden_models.py``. For each of `MODELS` the
file holds the starting weights, what `fit` recorded, and predictions after it.
"""

import pathlib

import numpy as np

import keras
from keras import layers, ops

ROWS, BATCH, SHOWN = 46, 8, 5


def drawn(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def words(seed, *shape, top=12):
    return np.random.default_rng(seed).integers(0, top, shape).astype("int32")


def siamese():
    tower = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(4)], name="tower")
    left, right = keras.Input((5,), name="left"), keras.Input((5,), name="right")
    apart = layers.Lambda(lambda pair: ops.abs(pair[0] - pair[1]), output_shape=(4,))([tower(left), tower(right)])
    model = keras.Model([left, right], layers.Dense(1, activation="sigmoid")(apart))

    def contrastive(true, found):
        return ops.mean(true * ops.square(found) + (1 - true) * ops.square(ops.maximum(1.0 - found, 0.0)), axis=-1)

    x = [drawn(1, ROWS, 5), drawn(2, ROWS, 5)]
    y = (np.abs(x[0] - x[1]).mean(1) < 1.1).astype("float32")
    model.compile("adam", contrastive, metrics=["accuracy"])
    return model, x, y, {}


def translator():
    source, target = keras.Input((6,), dtype="int32"), keras.Input((5,), dtype="int32")
    seen = layers.Embedding(12, 5, mask_zero=True)(source)
    _, h, c = layers.LSTM(6, return_state=True)(seen)
    said = layers.LSTM(6, return_sequences=True)(layers.Embedding(12, 5)(target), initial_state=[h, c])
    model = keras.Model([source, target], layers.Dense(12, activation="softmax")(said))
    x = [words(3, ROWS, 6), words(4, ROWS, 5)]
    model.compile(keras.optimizers.RMSprop(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, x, np.roll(x[1], -1, axis=1), {"sample_weight": np.abs(drawn(5, ROWS, 5))}


def residual():
    def block(x, filters, stride):
        y = layers.Conv2D(filters, 3, stride, "same", use_bias=False, kernel_regularizer="l2")(x)
        y = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(y))
        y = layers.BatchNormalization(gamma_initializer="zeros")(layers.Conv2D(filters, 3, padding="same")(y))
        if stride > 1:
            x = layers.Conv2D(filters, 1, stride)(x)
        return layers.Activation("relu")(layers.add([x, y]))

    inputs = keras.Input((8, 8, 3))
    hidden = block(block(layers.Conv2D(4, 3, padding="same")(inputs), 4, 1), 6, 2)
    outputs = layers.Dense(3)(layers.Dropout(0.0)(layers.GlobalAveragePooling2D()(hidden)))
    model = keras.Model(inputs, outputs)
    y = words(6, ROWS, top=3)
    x = drawn(7, ROWS, 8, 8, 3) + y[:, None, None, None] * drawn(8, 1, 8, 8, 3)
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([6, 12], [0.05, 0.02, 0.005])
    model.compile(
        keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2)],
    )
    return model, x, y, {"class_weight": {0: 1.0, 1: 0.5, 2: 2.0}}


def frames():
    inputs = keras.Input((4, 6, 6, 1))
    eye = keras.Sequential([layers.Conv2D(3, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()])
    hidden = layers.GRU(5, return_sequences=True)(layers.TimeDistributed(eye)(inputs))
    hidden = layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)])(hidden)
    model = keras.Model(inputs, layers.Dense(1)(hidden))
    x = drawn(9, ROWS, 4, 6, 6, 1)
    model.compile(keras.optimizers.Nadam(0.01), "huber", metrics=["mae", keras.metrics.RootMeanSquaredError()])
    return model, x, x.mean((2, 3))[:, 0], {}


def padded_rows():
    model = keras.Sequential(
        [
            keras.Input((7, 3)),
            layers.Masking(0.0),
            layers.Bidirectional(layers.GRU(4, return_sequences=True), merge_mode="ave"),
            layers.TimeDistributed(layers.Dense(5, activation="elu")),
            layers.LSTM(4, go_backwards=True),
            layers.Dense(2, activation="softmax"),
        ]
    )
    lengths = np.random.default_rng(10).integers(1, 8, ROWS)
    x = drawn(11, ROWS, 7, 3) * (np.arange(7) < lengths[:, None])[..., None]
    y = np.eye(2, dtype="float32")[(x.sum((1, 2)) > 0).astype(int)]
    model.compile(keras.optimizers.Adamax(0.02), "categorical_crossentropy", metrics=["accuracy", "auc"])
    return model, x.astype("float32"), y, {}


def outlines():
    inputs = keras.Input((8, 8, 2))
    first = layers.Conv2D(3, 3, activation="relu", padding="same")(inputs)
    low = layers.Conv2D(5, 3, activation="relu", padding="same")(layers.MaxPooling2D()(first))
    up = layers.Conv2DTranspose(3, 2, strides=2, padding="same")(low)
    joined = layers.concatenate([first, up, layers.UpSampling2D(interpolation="bilinear")(low)])
    model = keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(joined))
    x = drawn(12, ROWS, 8, 8, 2)
    y = (x[..., :1] + np.roll(x[..., 1:], 1, 2) > 0.3).astype("float32")
    iou = keras.metrics.BinaryIoU(target_class_ids=[1])
    model.compile(keras.optimizers.AdamW(0.01), keras.losses.Dice(), metrics=["binary_accuracy", iou])
    return model, x, y, {}


def decoder():
    target, source = keras.Input((5,), dtype="int32", name="target"), keras.Input((7, 6), name="source")
    said = layers.Embedding(12, 6, mask_zero=True)(target)
    looked = layers.MultiHeadAttention(2, 3)(said, said, use_causal_mask=True)
    said = layers.LayerNormalization()(said + looked)
    looked = layers.MultiHeadAttention(3, 4)(said, source)
    said = layers.LayerNormalization()(said + looked)
    said = said + layers.Dense(6)(layers.Dense(9, activation="silu")(said))
    model = keras.Model({"target": target, "source": source}, layers.Dense(12)(said))
    x = {"target": words(13, ROWS, 5), "source": drawn(14, ROWS, 7, 6)}
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    model.compile(keras.optimizers.Lion(0.003), loss, metrics=["accuracy"])
    return model, x, np.roll(x["target"], -1, axis=1), {}


def penalised():
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.wide = [layers.Dense(7, activation="tanh", activity_regularizer="l1") for _ in range(2)]
            self.norms = {"first": layers.BatchNormalization(), "second": layers.UnitNormalization()}
            # Not from zero, where jax's derivative of the absolute value is 1 and TensorFlow's is 0.
            penalty = keras.regularizers.L1(0.1)
            self.last = layers.Dense(2, kernel_constraint="max_norm", bias_regularizer=penalty, bias_initializer="ones")

        def call(self, x, training=False):
            hidden = self.norms["first"](self.wide[0](x), training=training)
            hidden = self.norms["second"](self.wide[1](hidden))
            self.add_loss(0.05 * ops.mean(ops.square(hidden[:, 0])))
            mean, spread = ops.split(self.last(hidden), 2, axis=-1)
            return mean + 0.1 * ops.softplus(spread)

    model = Model()
    x = drawn(15, ROWS, 4)
    model(x[:2])
    model.compile(keras.optimizers.Adagrad(0.1), "log_cosh", weighted_metrics=["mse"])
    return model, x, x[:, :1] * x[:, 1:2], {"sample_weight": np.abs(drawn(16, ROWS)), "validation_split": 0.25}


MODELS = (siamese, translator, residual, frames, padded_rows, outlines, decoder, penalised)


def fit(made):
    model, x, y, more = made
    return model.fit(x, y, batch_size=BATCH, epochs=3, shuffle=False, verbose=0, **more).history


def predictions(made):
    model, x = made[:2]
    parts = {key: value[:SHOWN] for key, value in x.items()} if isinstance(x, dict) else x
    parts = [value[:SHOWN] for value in x] if isinstance(x, list) else parts
    found = model.predict(parts if isinstance(x, (dict, list)) else x[:SHOWN], verbose=0)
    return found if isinstance(found, dict) else {"": found}


if __name__ == "__main__":
    record = {}
    for build in MODELS:
        keras.utils.set_random_seed(5)
        made, name = build(), build.__name__
        record.update({f"{name}/start/{index}": weight for index, weight in enumerate(made[0].get_weights())})
        history = fit(made)
        record.update({f"{name}/history/{key}": np.array(values, "float32") for key, values in history.items()})
        record.update({f"{name}/predictions/{key}": values for key, values in predictions(made).items()})
        print(name, {key: [round(float(value), 4) for value in history[key]] for key in history})
    np.savez_compressed(pathlib.Path(__file__).with_suffix(".npz"), **record)
