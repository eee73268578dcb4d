"""`epochal demo digits`: trains a convolutional network on the bundled handwritten digits and shows what it learned."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from epochal import config, keras
from epochal.data import digits
from epochal.visualization import training_page

EPOCHS = 15
BATCH_SIZE = 32


def main(arguments: argparse.Namespace) -> int:
    """Trains, evaluates, saves the model and writes the page."""
    if arguments.num_threads is not None:
        config.set_num_threads(arguments.num_threads)
    keras.utils.set_random_seed(arguments.seed)
    (x_train, y_train), (x_test, y_test) = digits.load()
    folder = Path(arguments.output)
    folder.mkdir(parents=True, exist_ok=True)

    epochs = arguments.epochs or EPOCHS
    model = build(steps=epochs * -(-len(x_train) // BATCH_SIZE))
    model.summary()
    print(f"\nTraining on {len(x_train):,} digits for {epochs} epochs, {config.num_threads()} threads")
    start = time.perf_counter()
    history = model.fit(
        x_train[..., None],
        y_train.astype("int32"),
        batch_size=BATCH_SIZE,
        epochs=epochs,
        validation_data=(x_test[..., None], y_test.astype("int32")),
    )
    seconds = time.perf_counter() - start

    probabilities = model.predict(x_test[..., None], verbose=0)
    said = probabilities.argmax(axis=1)
    right = int((said == y_test).sum())
    report(said, y_test, right, seconds)
    model.save(folder / "digits.keras")
    picture = keras.utils.plot_model(model, to_file=None)
    write_page(folder / "digits.html", history.history, x_test, y_test, probabilities, seconds, picture.svg)
    print(f"\nThe model is in {folder / 'digits.keras'}; open {folder / 'digits.html'} to see what it got wrong.")
    return 0


def build(steps: int) -> Any:
    """A small convolutional network for 28x28 grey-scale digits, compiled; its learning rate falls over `steps`."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Rescaling(1 / 255)], name="digits")
    for channels, rate in ((32, 0.25), (64, 0.3), (128, 0.4)):
        model.add(layers.Conv2D(channels, 3, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())
        model.add(layers.MaxPooling2D())
        model.add(layers.Dropout(rate))
    model.add(layers.Flatten())
    model.add(layers.Dense(10, activation="softmax"))
    falling = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    optimizer = keras.optimizers.Adam(falling)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def report(said: np.ndarray, labels: np.ndarray, right: int, seconds: float) -> None:
    """Results by digit, as text."""
    print("\ndigit  images  right  recognised")
    for digit, total, found in training_page.by_class(labels, said, 10):
        print(f"{digit:5}  {total:6}  {found:5}  {found / total:9.1%}")
    print(
        f"\n{right:,} of {len(labels):,} held-out digits right: {right / len(labels):.2%}, trained in {seconds:.1f} s"
    )


def write_page(
    path: Path,
    history: dict[str, list[float]],
    images: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    seconds: float,
    picture: str,
) -> None:
    """The page with the model, the learning curves and the digits it got wrong."""
    right = (probabilities.argmax(axis=1) == labels).mean()
    epochs = len(history["loss"])
    facts = (
        f"{right:.2%} of {len(labels):,} held-out digits right after {epochs} epoch{'s' * (epochs > 1)} "
        f"and {seconds:.1f} seconds.",
        "Digits from MNIST by Y. LeCun and C. Cortes, CC BY-SA 3.0.",
    )
    charts = {
        "Loss": {"training": history["loss"], "held out": history["val_loss"]},
        "Accuracy": {"training": history["accuracy"], "held out": history["val_accuracy"]},
    }
    text = training_page.page("Epochal: handwritten digits", facts, charts, images, labels, probabilities, picture)
    path.write_text(text, encoding="utf-8")
