"""Callbacks, on a model that only pretends to train."""

import io
import warnings

import numpy as np
import pytest

from epochal.errors import ArgumentError, ExecutionError
from epochal.keras import callbacks
from epochal.keras.callbacks.callback import overrides_batches
from epochal.keras.metrics import AUC, MeanSquaredError
from epochal.keras.optimizers import SGD


class Model:
    """Weights that count epochs."""

    def __init__(self):
        self.stop_training = False
        self.history = None
        self.metrics = [AUC(name="auc"), MeanSquaredError(name="mse")]
        self.optimizer = SGD(1.0)
        self.epoch = -1
        self.saved = []

    def get_weights(self):
        return [np.array(self.epoch)]

    def set_weights(self, weights):
        self.epoch = int(weights[0])

    def save(self, path, overwrite=True):
        self.saved.append((path, self.epoch))

    save_weights = save


def train(callback, logs, model=None):
    """Runs `callback` over epochs with these logs; returns the model and the number of epochs run."""
    model = model or Model()
    every = callbacks.CallbackList(callback, add_history=True, model=model, epochs=len(logs), steps=1, verbose=0)
    every.on_train_begin()
    for epoch, log in enumerate(logs):
        every.on_epoch_begin(epoch)
        model.epoch = epoch
        every.on_train_batch_begin(0)
        every.on_train_batch_end(0, log)
        every.on_epoch_end(epoch, dict(log))
        if model.stop_training:
            break
    every.on_train_end()
    return model, epoch + 1


def losses(*values, name="val_loss"):
    return [{name: value} for value in values]


def test_early_stopping_waits_and_restores():
    stop = callbacks.EarlyStopping(patience=2, restore_best_weights=True, verbose=0)
    model, epochs = train(stop, losses(3.0, 1.0, 2.0, 1.5, 0.5))
    assert (epochs, stop.stopped_epoch, stop.best_epoch, model.epoch) == (4, 3, 1, 1)
    assert model.history.history == {"val_loss": [3.0, 1.0, 2.0, 1.5]}
    assert model.history.epoch == [0, 1, 2, 3]


def test_early_stopping_counts_small_changes_as_none(capsys):
    stop = callbacks.EarlyStopping(monitor="loss", min_delta=0.5, patience=1, verbose=1)
    _, epochs = train(stop, losses(3.0, 2.9, 1.0, name="loss"))
    assert epochs == 2
    assert capsys.readouterr().out == "Epoch 2: early stopping\n"


def test_early_stopping_direction_from_the_metric():
    _, epochs = train(callbacks.EarlyStopping(monitor="val_auc"), losses(0.5, 0.6, 0.7, name="val_auc"))
    assert epochs == 3
    _, epochs = train(callbacks.EarlyStopping(monitor="val_head_mse"), losses(0.5, 0.6, 0.7, name="val_head_mse"))
    assert epochs == 2
    with pytest.raises(ArgumentError, match="Pass `mode='max'`"):
        train(callbacks.EarlyStopping(monitor="unknown"), losses(0.5, name="unknown"))


def test_early_stopping_baseline_and_start():
    _, epochs = train(callbacks.EarlyStopping(patience=2, baseline=0.1), losses(3.0, 2.0, 1.0))
    # Better than before, but never than the baseline: Keras then stops only at an epoch that is not better.
    assert epochs == 3
    _, epochs = train(callbacks.EarlyStopping(start_from_epoch=2), losses(1.0, 2.0, 3.0, 4.0))
    assert epochs == 4


def test_early_stopping_without_its_result_warns():
    with pytest.warns(UserWarning, match="`val_loss` which is not available. Available metrics are: loss"):
        train(callbacks.EarlyStopping(), losses(1.0, name="loss"))


def test_unknown_mode_falls_back_with_a_warning():
    with pytest.warns(UserWarning, match="mode 'best' is unknown"):
        assert callbacks.EarlyStopping(mode="best").mode == "auto"


def test_reduce_on_plateau():
    reduce = callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=2, cooldown=1, min_lr=0.3, verbose=0)
    model, _ = train(reduce, losses(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, name="loss"))
    np.testing.assert_allclose(model.history.history["learning_rate"], [1.0, 1.0, 1.0, 0.5, 0.5, 0.3, 0.3], rtol=1e-6)
    with pytest.raises(ArgumentError, match=r"factor >= 1\.0"):
        callbacks.ReduceLROnPlateau(factor=1.0)


@pytest.mark.parametrize("schedule", [lambda epoch: 0.1 * (epoch + 1), lambda epoch, rate: 0.1 * (epoch + 1)])
def test_learning_rate_scheduler(schedule):
    model, _ = train(callbacks.LearningRateScheduler(schedule), losses(1.0, 1.0, name="loss"))
    np.testing.assert_allclose(model.history.history["learning_rate"], [0.1, 0.2], rtol=1e-6)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.2)


def test_learning_rate_scheduler_wants_a_float():
    with pytest.raises(ArgumentError, match=r"should be a float\. Got"):
        train(callbacks.LearningRateScheduler(lambda epoch: "fast"), losses(1.0, name="loss"))


def test_checkpoint_formats_paths_and_keeps_the_best(tmp_path):
    path = str(tmp_path / "deep" / "e{epoch:02d}-{val_loss:.1f}.keras")
    model, _ = train(callbacks.ModelCheckpoint(path, save_best_only=True), losses(3.0, 1.0, 2.0))
    assert [(saved.rsplit("/", 1)[1], epoch) for saved, epoch in model.saved] == [
        ("e01-3.0.keras", 0),
        ("e02-1.0.keras", 1),
    ]
    assert (tmp_path / "deep").is_dir()


def test_checkpoint_by_batches_and_of_weights(tmp_path):
    checkpoint = callbacks.ModelCheckpoint(
        str(tmp_path / "w{epoch}_{batch}.weights.h5"), save_weights_only=True, save_freq=2
    )
    model, _ = train(checkpoint, losses(1.0, 1.0, 1.0, 1.0))
    assert [saved.rsplit("/", 1)[1] for saved, _ in model.saved] == ["w2_1.weights.h5", "w4_1.weights.h5"]
    assert checkpoint.every_batch
    assert not callbacks.ModelCheckpoint("a.keras").every_batch


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filepath": "a.txt"}, "must end in `.keras`"),
        ({"filepath": "a.keras", "save_weights_only": True}, "must end in `.weights.h5`"),
        ({"filepath": "a.keras", "save_freq": "batch"}, "Unrecognized save_freq: 'batch'"),
    ],
)
def test_checkpoint_arguments(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        callbacks.ModelCheckpoint(**arguments)


def test_checkpoint_path_with_an_unknown_result():
    with pytest.raises(KeyError, match="Failed to format this callback filepath"):
        train(callbacks.ModelCheckpoint("{accuracy}.keras"), losses(1.0))


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    train(callbacks.CSVLogger(path), [{"loss": 1.5, "acc": 0.5}, {"loss": 1.0, "acc": 0.75, "val_loss": 2.0}])
    expected = "epoch,acc,loss,val_acc,val_loss\n0,0.5,1.5,NA,NA\n1,0.75,1.0,NA,2.0\n"
    assert path.read_text() == expected
    train(callbacks.CSVLogger(path, append=True, separator=";"), [{"loss": 0.5, "acc": 1.0}])
    assert path.read_text() == expected + "0;1.0;0.5;NA;NA\n"


def test_lambda_callback_calls_only_what_it_was_given():
    seen = []
    callback = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append((epoch, logs["loss"])),
        on_train_end=lambda logs: seen.append("end"),
    )
    train(callback, losses(1.0, 2.0, name="loss"))
    assert seen == [(0, 1.0), (1, 2.0), "end"]
    assert not overrides_batches(callback, "train")
    assert overrides_batches(callbacks.LambdaCallback(on_train_batch_end=print), "train")
    with pytest.raises(ArgumentError, match="'on_epoch_start' is no hook"):
        callbacks.LambdaCallback(on_epoch_start=print)


def test_terminate_on_nan(capsys):
    _, epochs = train(callbacks.TerminateOnNaN(), losses(1.0, float("nan"), 1.0, name="loss"))
    assert epochs == 2
    assert capsys.readouterr().out == "Batch 0: Invalid loss, terminating training\n"
    with pytest.raises(ExecutionError, match="NaN or Inf loss encountered at batch 0"):
        train(callbacks.TerminateOnNaN(raise_error=True), losses(float("inf"), name="loss"))


def test_which_callbacks_need_each_batch():
    class Watching(callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            pass

    plain = callbacks.CallbackList([callbacks.EarlyStopping(), callbacks.History()])
    assert plain.batch_listeners("train") == (False, False)
    bar = callbacks.CallbackList([], add_progbar=True, verbose=1)
    assert bar.batch_listeners("train") == (False, True)
    assert callbacks.CallbackList([[Watching()]]).batch_listeners("train") == (True, True)
    assert callbacks.CallbackList([Watching()]).batch_listeners("test") == (False, False)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_bar_in_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    bar = callbacks.progress.Progbar(10, interval=0.0)
    bar.update(5, [("loss", 0.5)])
    bar.update(10, [("loss", 0.25)])
    first, second = terminal.getvalue().split("\r")[1:]
    assert "\b" not in terminal.getvalue()
    assert " 5/10" in first
    assert first.count("━") == 20
    assert "loss: 0.5000" in first
    assert not first.endswith("\n")
    assert "10/10" in second
    assert second.endswith("\n")


def test_bar_draws_ten_times_a_second_at_most(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    clock = iter(np.arange(0.0, 100.0, 0.01))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))
    bar = callbacks.progress.Progbar(1000)
    for step in range(1, 101):
        bar.update(step)
    assert terminal.getvalue().count("\r") == 10


def test_bar_elsewhere_is_one_plain_line(capsys):
    bar = callbacks.progress.Progbar(3, interval=0.0)
    for step in range(1, 4):
        bar.update(step, [("loss", 0.00012)])
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.startswith("3/3 ━━━━━━━━━━━━━━━━━━━━ 0s ")
    assert "loss: 1.2000e-04" in out
    assert not set(out) & set("\r\b\x1b")


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (1, 4), (2, 4)])
def test_logger_lines(capsys, verbose, lines):
    model = Model()
    every = callbacks.CallbackList(None, add_progbar=True, model=model, epochs=2, steps=1, verbose=verbose)
    every.on_train_begin()
    for epoch in range(2):
        every.on_epoch_begin(epoch)
        every.on_train_batch_end(0, {"loss": 1.0})
        every.on_test_begin()
        every.on_test_batch_end(0, {"loss": 1.0})
        every.on_test_end({"loss": 1.0})
        every.on_epoch_end(epoch, {"loss": 1.0, "val_loss": 2.0})
    out = capsys.readouterr().out
    assert out.count("\n") == lines
    if verbose == 2:
        assert out.splitlines()[1].startswith("1/1 - 0s -")
        assert out.splitlines()[1].endswith(" - loss: 1.0000 - val_loss: 2.0000")


def test_averages_of_a_bar(capsys):
    bar = callbacks.progress.Progbar(None, verbose=2)
    bar.update(1, [("loss", 1.0)])
    bar.update(3, [("loss", 4.0)])
    assert bar._values["loss"] == [9.0, 3]


def test_callbacks_are_found_under_their_names():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in callbacks.__all__:
            assert getattr(callbacks, name).__name__ == name
