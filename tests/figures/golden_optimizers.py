"""Makes golden_optimizers.npz: how real Keras 3 trains one small network with every optimizer, step by step.

Run with a Python that has keras, ``KERAS_BACKEND=jax python tests/figures/golden_optimizers.py``. The file holds the
starting weights, and for each entry of `CASES` the loss of each of 30 steps and predictions after the last one.
"""

import pathlib

import numpy as np

import keras
from keras import layers, optimizers

STEPS, BATCH, SHOWN = 30, 8, 8


def schedule(rate):
    return optimizers.schedules.ExponentialDecay(rate, decay_steps=10, decay_rate=0.5)


def cosine(rate):
    return optimizers.schedules.CosineDecay(rate / 10, decay_steps=20, warmup_target=rate, warmup_steps=5)


CASES = {
    "sgd": lambda: optimizers.SGD(0.1),
    "sgd_momentum": lambda: optimizers.SGD(0.05, momentum=0.9),
    "sgd_nesterov": lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "sgd_clipnorm": lambda: optimizers.SGD(0.2, clipnorm=0.1),
    "sgd_clipvalue": lambda: optimizers.SGD(0.2, momentum=0.5, clipvalue=0.02),
    "sgd_global_clipnorm": lambda: optimizers.SGD(0.2, global_clipnorm=0.2),
    "sgd_weight_decay": lambda: optimizers.SGD(0.1, weight_decay=0.05),
    "sgd_schedule": lambda: optimizers.SGD(schedule(0.2), momentum=0.5),
    "sgd_averaged": lambda: optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=7),
    "rmsprop": lambda: optimizers.RMSprop(0.01),
    "rmsprop_momentum": lambda: optimizers.RMSprop(0.005, rho=0.8, momentum=0.6),
    "rmsprop_centered": lambda: optimizers.RMSprop(0.01, momentum=0.3, centered=True),
    "adam": lambda: optimizers.Adam(0.02),
    "adam_amsgrad": lambda: optimizers.Adam(0.02, beta_2=0.9, amsgrad=True),
    "adam_schedule": lambda: optimizers.Adam(cosine(0.05), clipnorm=0.3),
    "adam_accumulation": lambda: optimizers.Adam(0.02, gradient_accumulation_steps=3),
    "adamw": lambda: optimizers.AdamW(0.02, weight_decay=0.05),
    "adamw_global_clipnorm": lambda: optimizers.AdamW(schedule(0.05), weight_decay=0.02, global_clipnorm=0.4),
    "adagrad": lambda: optimizers.Adagrad(0.1),
    "adadelta": lambda: optimizers.Adadelta(1.0),
    "adamax": lambda: optimizers.Adamax(0.02),
    "nadam": lambda: optimizers.Nadam(0.02),
    "ftrl": lambda: optimizers.Ftrl(0.1, l1_regularization_strength=0.001, l2_regularization_strength=0.01, beta=0.1),
    "lion": lambda: optimizers.Lion(0.005, weight_decay=0.01),
}


def data():
    random = np.random.default_rng(21)
    x = random.normal(size=(STEPS * BATCH, 6)).astype("float32")
    return x, np.argmax(x @ random.normal(size=(6, 3)), axis=1).astype("int32")


def network():
    inputs = keras.Input((6,))
    return keras.Model(inputs, layers.Dense(3)(layers.Dense(10, activation="tanh")(inputs)))


def loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


if __name__ == "__main__":
    keras.utils.set_random_seed(1)
    model, (x, y) = network(), data()
    start = model.get_weights()
    record = {f"weight_{index}": weight for index, weight in enumerate(start)}
    for name, optimizer in CASES.items():
        model.set_weights(start)
        model.compile(optimizer=optimizer(), loss=loss())
        losses = []
        for step in range(STEPS):
            rows = slice(step * BATCH, (step + 1) * BATCH)
            losses.append(float(np.asarray(model.train_on_batch(x[rows], y[rows]))))
            model.reset_metrics()
        record[f"{name}_losses"] = np.array(losses, "float32")
        record[f"{name}_predictions"] = model.predict(x[:SHOWN], verbose=0)
        print(name, losses[0], losses[-1])
    np.savez_compressed(pathlib.Path(__file__).with_suffix(".npz"), **record)
