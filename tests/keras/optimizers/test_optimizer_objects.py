"""Optimizers as objects: names, configuration, state, learning rate."""

import numpy as np
import pytest

from epochal import keras
from epochal.errors import ArgumentError, ShapeError
from epochal.keras import optimizers
from epochal.tensor import Variable, convert

CLASSES = [cls for cls in optimizers.CLASSES if cls is not optimizers.Optimizer]


def step(optimizer, variables):
    optimizer.apply([convert(np.ones(variable.shape, "float32")) for variable in variables], variables)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_configuration_and_state_come_back(cls):
    optimizer = cls(learning_rate=0.25, clipnorm=2.0)
    restored = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(restored) is cls
    assert restored.get_config() == optimizer.get_config()
    first, second = Variable(np.ones((2, 2), "float32")), Variable(np.ones((2, 2), "float32"))
    for _ in range(3):
        step(optimizer, [first])
    store = {}
    optimizer.save_own_variables(store)
    second.assign(first)
    restored.build([second])
    restored.load_own_variables(store)
    if cls is optimizers.Nadam:
        restored._u_product.assign(optimizer._u_product)  # Keras's files lack it too
    step(optimizer, [first])
    step(restored, [second])
    np.testing.assert_array_equal(first.numpy(), second.numpy())
    assert int(restored.iterations) == 4


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_names(cls):
    for name in (cls.__name__, cls.__name__.lower()):
        assert type(optimizers.get(name)) is cls
    assert type(optimizers.get({"class_name": cls.__name__, "config": {}})) is cls


def test_order_of_slots_is_that_of_files():
    variables = [Variable(np.zeros((2, 3), "float32"), name="a"), Variable(np.zeros(4, "float32"), name="b")]
    adam = optimizers.Adam(amsgrad=True)
    adam.build(variables)
    shapes = [variable.shape for variable in adam.variables]
    assert shapes == [(), (), (2, 3), (2, 3), (4,), (4,), (2, 3), (4,)]
    assert str(adam.variables[0].dtype) == "int64"


def test_learning_rate_can_be_set():
    optimizer = optimizers.SGD(0.5)
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25
    optimizer.learning_rate.assign(0.125) if isinstance(optimizer.learning_rate, Variable) else None
    scheduled = optimizers.SGD(optimizers.schedules.ExponentialDecay(0.5, 1, 0.5))
    variable = Variable(np.float32(0))
    for expected in (-0.5, -0.75, -0.875):
        step(scheduled, [variable])
        assert float(variable) == expected
    with pytest.raises(TypeError, match="its learning rate is not settable"):
        scheduled.learning_rate = 0.1
    scheduled.learning_rate = lambda: 1.0
    step(scheduled, [variable])
    assert float(variable) == -1.875


def test_schedule_comes_back_with_the_optimizer():
    optimizer = optimizers.Adam(optimizers.schedules.CosineDecay(0.5, 10, warmup_target=1.0, warmup_steps=2))
    restored = optimizers.deserialize(optimizers.serialize(optimizer))
    assert restored._learning_rate.get_config() == optimizer._learning_rate.get_config()


def test_weight_decay_leaves_out_what_it_is_told():
    kernel, bias = (Variable(np.ones(2, "float32"), name=name) for name in ("kernel", "bias"))
    optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.apply([convert(np.zeros(2, "float32"))] * 2, [kernel, bias])
    np.testing.assert_allclose(kernel.numpy(), 0.95)
    np.testing.assert_allclose(bias.numpy(), 1.0)
    with pytest.raises(ArgumentError, match="before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_list=[kernel])


def test_gradients_that_are_missing():
    variables = [Variable(np.ones(2, "float32"), name=name) for name in ("first", "second")]
    optimizer = optimizers.SGD(1.0)
    with pytest.warns(UserWarning, match=r"Gradients do not exist for variables \['second'\]"):
        optimizer.apply_gradients(zip([convert(np.ones(2, "float32")), None], variables, strict=True))
    np.testing.assert_array_equal(variables[0].numpy(), [0.0, 0.0])
    with pytest.raises(ArgumentError, match="No gradients provided"):
        optimizer.apply([None, None], variables)
    with pytest.raises(ArgumentError, match="Received 1 gradients for 2 variables"):
        optimizer.apply([convert(1.0)], variables)
    with pytest.raises(ArgumentError, match="Unknown variable"):
        optimizer.apply([convert(1.0)], [Variable(np.float32(1))])


def test_constraints_are_applied_after_updates():
    variable = keras.Variable(np.array([0.5, -0.5], "float32"))
    variable.constraint = keras.constraints.NonNeg()
    step(optimizers.SGD(0.1), [variable])
    np.testing.assert_allclose(variable.numpy(), [0.4, 0.0], rtol=1e-6)


def test_own_optimizer():
    class Sign(optimizers.Optimizer):
        def build(self, variables):
            super().build(variables)
            self.counts = self.add_optimizer_variables(variables, "count", initializer="ones")

        def update_step(self, gradient, variable, learning_rate):
            count = self.counts[self._get_variable_index(variable)]
            self.assign_add(count, gradient)
            self.assign_sub(variable, learning_rate * count)

    variable = Variable(np.zeros(2, "float32"))
    optimizer = Sign(0.5)
    step(optimizer, [variable])
    np.testing.assert_array_equal(variable.numpy(), [-1.0, -1.0])
    assert optimizer.name == "sign"


def test_state_that_does_not_fit():
    optimizer = optimizers.Adam()
    with pytest.raises(ArgumentError, match="has not yet been built"):
        optimizer.set_weights([])
    optimizer.build([Variable(np.zeros(2, "float32"))])
    with pytest.raises(ShapeError, match="not compatible with provided weight shape"):
        optimizer.set_weights([np.zeros(3)] * 4)
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer 'adam'"):
        optimizer.load_own_variables({"0": np.zeros(())})


def test_averages_and_accumulation_while_training():
    x = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
    y = x @ np.array([[1.0], [2.0], [3.0]], "float32")
    results = []
    for batch, accumulation in ((8, None), (4, 2)):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
        optimizer = optimizers.Adam(0.1, gradient_accumulation_steps=accumulation, use_ema=True, ema_momentum=0.0)
        model.compile(optimizer, "mse")
        model.fit(x, y, batch_size=batch, epochs=2, shuffle=False, verbose=0)
        assert int(optimizer.iterations) == 6
        results.append(model.get_weights())
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_the_older_name_gives_the_same_optimizers():
    assert optimizers.legacy.Adam is optimizers.Adam
    assert all(getattr(optimizers.legacy, name) is getattr(optimizers, name) for name in optimizers.legacy.__all__)
