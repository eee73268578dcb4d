"""Residual networks whose convolutions have biases before a batch normalisation: chains of sums over one gradient."""

import numpy as np

from epochal import keras
from epochal.keras import layers


def convolution(x, filters, size, strides=1):
    y = layers.Conv2D(filters, size, strides=strides, padding="same")(x)
    return layers.BatchNormalization()(y)


def network():
    inputs = keras.Input((24, 24, 3))
    x = layers.Activation("relu")(convolution(inputs, 64, 3))
    for stage, blocks in enumerate((2, 1, 1)):
        for block in range(blocks):
            strides = 2 if stage and not block else 1
            y = layers.Activation("relu")(convolution(x, 32, 1, strides))
            y = layers.Activation("relu")(convolution(y, 32, 3))
            shortcut = x if block else convolution(x, 128, 1, strides)
            x = layers.Activation("relu")(layers.Add()([shortcut, convolution(y, 128, 1)]))
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def trained(num_threads):
    keras.utils.set_random_seed(3)
    model = network()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = np.random.default_rng(0).uniform(size=(4, 24, 24, 3)).astype("float32")
    history = model.fit(x, np.arange(4), batch_size=2, epochs=2, verbose=0, num_threads=num_threads)
    return history.history["loss"], model.get_weights()


def test_it_trains_with_the_same_bits_for_any_number_of_threads():
    (losses, weights), (again, others) = trained(1), trained(2)
    assert np.isfinite(losses).all()
    assert losses == again
    assert all(one.tobytes() == other.tobytes() for one, other in zip(weights, others, strict=True))
