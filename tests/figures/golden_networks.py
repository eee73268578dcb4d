"""Makes golden_networks.npz: how real Keras 3 trains a GRU, a bidirectional LSTM with masked steps, a network of
depthwise and separable convolutions, and a transformer block, step by step.

Run with a Python that has keras, ``KERAS_BACKEND=jax python tests/figures/golden_networks.py``. For each network the
file holds the starting weights (`gru_weight_0` ...), the loss of each of 30 steps and predictions for the first samples
after the last one. Data come from a fixed seed; batches are taken in order.
"""

import pathlib

import numpy as np

import keras
from keras import layers

STEPS, BATCH, SHOWN = 30, 8, 16
ROWS = STEPS * BATCH
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.05, momentum=0.5),
    "adam": lambda: keras.optimizers.Adam(0.01, epsilon=1e-3),
}


def gru():
    random = np.random.default_rng(11)
    x = random.normal(size=(ROWS, 6, 3)).astype("float32")
    y = np.sum(np.cos(x[:, 1::2, 0]), axis=1, keepdims=True).astype("float32")
    inputs = keras.Input((6, 3))
    hidden = layers.GRU(7, return_sequences=True)(inputs)
    outputs = layers.Dense(1)(layers.GRU(5, reset_after=False, go_backwards=True)(hidden))
    return keras.Model(inputs, outputs), "mse", x, y


def bidirectional():
    random = np.random.default_rng(12)
    lengths = random.integers(1, 8, ROWS)
    words = random.integers(1, 15, (ROWS, 8))
    x = np.where(np.arange(8) < lengths[:, None], words, 0).astype("int32")
    y = (np.sum(x % 4 == 1, axis=1, keepdims=True) > 1).astype("float32")
    inputs = keras.Input((8,), dtype="int32")
    hidden = layers.Embedding(15, 5, mask_zero=True)(inputs)
    hidden = layers.Bidirectional(layers.LSTM(6, return_sequences=True))(hidden)
    hidden = layers.Bidirectional(layers.LSTM(4), merge_mode="sum")(hidden)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden)), "binary_crossentropy", x, y


def depthwise():
    random = np.random.default_rng(13)
    y = random.integers(0, 3, ROWS).astype("int32")
    patterns = random.normal(size=(3, 9, 9, 2))
    x = (patterns[y] + random.normal(size=(ROWS, 9, 9, 2))).astype("float32")
    inputs = keras.Input((9, 9, 2))
    hidden = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", use_bias=False)(inputs)
    hidden = layers.ReLU()(layers.BatchNormalization()(hidden))
    hidden = layers.SeparableConv2D(6, 3, strides=2, use_bias=False)(hidden)
    hidden = layers.Activation("relu")(layers.BatchNormalization()(hidden))
    hidden = layers.SeparableConv2D(5, 2, dilation_rate=2, depth_multiplier=2, activation="tanh")(hidden)
    outputs = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(hidden))
    return keras.Model(inputs, outputs), "sparse_categorical_crossentropy", x, y


def transformer():
    random = np.random.default_rng(14)
    x = random.normal(size=(ROWS, 6, 8)).astype("float32")
    y = np.argmax(np.max(x[:, :, :4], axis=1), axis=1).astype("int32")
    inputs = keras.Input((6, 8))
    attended = layers.MultiHeadAttention(2, 4)(inputs, inputs, use_causal_mask=True)
    hidden = layers.LayerNormalization()(layers.Add()([inputs, attended]))
    wide = layers.Dense(12, activation="gelu")(hidden)
    hidden = layers.LayerNormalization(epsilon=1e-5)(layers.Add()([hidden, layers.Dense(8)(wide)]))
    outputs = layers.Dense(4)(layers.GlobalAveragePooling1D()(hidden))
    return keras.Model(inputs, outputs), keras.losses.SparseCategoricalCrossentropy(from_logits=True), x, y


NETWORKS = (gru, bidirectional, depthwise, transformer)


def make(build, record):
    keras.utils.set_random_seed(1)
    model, loss, x, y = build()
    start, name = model.get_weights(), build.__name__
    record.update({f"{name}_weight_{index}": weight for index, weight in enumerate(start)})
    for kind, optimizer in OPTIMIZERS.items():
        model.set_weights(start)
        model.compile(optimizer=optimizer(), loss=loss)
        losses = []
        for step in range(STEPS):
            rows = slice(step * BATCH, (step + 1) * BATCH)
            losses.append(float(np.asarray(model.train_on_batch(x[rows], y[rows]))))
            model.reset_metrics()
        record[f"{name}_{kind}_losses"] = np.array(losses, "float32")
        record[f"{name}_{kind}_predictions"] = model.predict(x[:SHOWN], verbose=0)
        print(name, kind, losses[:2], losses[-1])


if __name__ == "__main__":
    figures = {}
    for network in NETWORKS:
        make(network, figures)
    np.savez_compressed(pathlib.Path(__file__).with_suffix(".npz"), **figures)
