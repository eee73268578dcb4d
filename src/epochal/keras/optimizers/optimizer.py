"""The base of all optimizers: their state, clipping, weight decay, learning rate."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, ShapeError
from epochal.ir import Origin, origin
from epochal.keras import settings
from epochal.keras.naming import to_snake_case
from epochal.keras.optimizers.schedules import LearningRateSchedule
from epochal.keras.optimizers.schedules import deserialize as deserialize_schedule
from epochal.keras.saving.serialization import serialize_keras_object
from epochal.learn import optimizers as rules
from epochal.tensor import Tensor, Variable, convert, functions


def _wrap_build(build: Callable[..., None]) -> Callable[..., None]:
    """`build` done wholly or not at all: it may meet the end of memory, or Ctrl-C."""

    @functools.wraps(build)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        before, built = len(self._variables), self.built
        try:
            build(self, *args, **kwargs)
        except BaseException:
            del self._variables[before:]
            self.built = built
            raise

    return wrapped


class Optimizer:
    """Turns gradients into updates of variables.

    The update count and the learning rate are state, so a change of the learning rate takes effect without compiling
    anew. Subclasses make their slots in `build` and update one variable in `update_step`.

    Args:
        learning_rate: A number, a `LearningRateSchedule`, or a function without arguments.
        weight_decay: Fraction (times the learning rate) of each variable taken off before its update.
        clipnorm: Largest Euclidean norm of one variable's gradient.
        clipvalue: Largest absolute value of a gradient's element.
        global_clipnorm: Largest Euclidean norm of all gradients together.
        use_ema: Keep a moving average of each variable, and put it into the variable when training ends.
        ema_momentum: Its decay.
        ema_overwrite_frequency: Put it into the variable every so many updates, too.
        loss_scale_factor: Factor of the loss, taken out of the gradients again.
        gradient_accumulation_steps: Update only every so many steps, by the mean of their gradients.
        name: Name.
    """

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("decay", None) is not None:
            warnings.warn("Argument `decay` is no longer supported and will be ignored.", stacklevel=3)
        if kwargs:
            raise ArgumentError(f"Argument(s) not recognized: {kwargs}")
        _check_average(use_ema, ema_momentum, ema_overwrite_frequency)
        if gradient_accumulation_steps and not gradient_accumulation_steps >= 2:
            raise ArgumentError(
                "`gradient_accumulation_steps` must be an integer >= 2. "
                f"Received: gradient_accumulation_steps={gradient_accumulation_steps}"
            )
        if sum(limit is not None for limit in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ArgumentError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
                f"Received: clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
            )
        self.name = name or to_snake_case(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._variables: list[Variable] = []
        self._trainable_variables: list[Variable] = []
        self._index: dict[int, int] = {}
        self._averages: list[Variable] = []
        self._accumulated: list[Variable] = []
        self._undecayed: set[int] = set()
        self._undecayed_names: re.Pattern[str] | None = None
        self._iterations = Variable(np.int64(0), dtype="int64", trainable=False, name="iteration")
        self._variables.append(self._iterations)
        self._learning_rate: Any = None
        self._set_initial_rate(learning_rate)

    def _set_initial_rate(self, learning_rate: Any) -> None:
        if isinstance(learning_rate, Mapping):
            learning_rate = deserialize_schedule(learning_rate)
        if isinstance(learning_rate, LearningRateSchedule) or callable(learning_rate):
            self._learning_rate = learning_rate
            return
        self._learning_rate = Variable(
            _number("learning_rate", learning_rate), dtype=settings.floatx(), trainable=False, name="learning_rate"
        )
        self._variables.append(self._learning_rate)

    @property
    def iterations(self) -> Any:
        """How many updates there have been."""
        if self.gradient_accumulation_steps:
            return self._iterations // self.gradient_accumulation_steps
        return self._iterations

    @property
    def variables(self) -> list[Variable]:
        """Its state: the update count, the learning rate if it is a number, the slots."""
        return list(self._variables)

    @property
    def learning_rate(self) -> Any:
        """The learning rate: a variable, or a schedule's value. Setting a number takes effect at the next step."""
        return self._learning_rate if isinstance(self._learning_rate, Variable) else self._current_rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, LearningRateSchedule) or (callable(value) and not isinstance(value, (Variable, Tensor))):
            if isinstance(self._learning_rate, Variable):
                self._variables = [held for held in self._variables if held is not self._learning_rate]
            self._learning_rate = value
        elif not isinstance(self._learning_rate, Variable):
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule` object as its `learning_rate` constructor "
                "argument, hence its learning rate is not settable. If you need the learning rate to be settable, "
                "you should instantiate the optimizer with a float `learning_rate` argument."
            )
        else:
            self._learning_rate.assign(value)

    lr = learning_rate

    def _current_rate(self) -> Any:
        if isinstance(self._learning_rate, LearningRateSchedule):
            return self._learning_rate(self._iterations.value)
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate.value
        return self._learning_rate()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _wrap_build(cls.__dict__["build"])  # type: ignore[method-assign]

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the slots of `variables`. Subclasses call this first."""
        if self.use_ema:
            self._averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulated = self.add_optimizer_variables(variables, "gradient_accumulator")
        self._trainable_variables = list(variables)
        self._index = {id(variable): index for index, variable in enumerate(variables)}
        self.built = True

    def add_variable(
        self, shape: Sequence[int], initializer: Any = "zeros", dtype: Any = None, name: str | None = None, **_: Any
    ) -> Variable:
        """A new part of the state."""
        dtype = dtype or settings.floatx()
        if callable(initializer):
            initial = np.asarray(initializer(tuple(shape), dtype=dtype))
        else:
            fill = {"zeros": 0.0, "ones": 1.0}.get(initializer, initializer)
            initial = np.broadcast_to(np.asarray(fill, dtypes.get(dtype).numpy), tuple(shape))
        variable = Variable(initial, dtype=dtype, trainable=False, name=f"{self.name}/{name or 'variable'}")
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """A new part of the state, of a variable's shape and dtype."""
        path = str(getattr(reference_variable, "path", reference_variable.name)).replace("/", "_")
        return self.add_variable(
            reference_variable.shape, initializer, reference_variable.dtype.name, f"{path}_{name or 'var'}"
        )

    def add_optimizer_variables(self, trainable_variables: Iterable[Variable], name: Any, initializer: Any = "zeros"):
        """One slot a variable; with several names, that many lists of slots (made variable by variable)."""
        names = [name] if isinstance(name, str) else list(name)
        initializers = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        slots: tuple[list[Variable], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for held, slot_name, first in zip(slots, names, initializers, strict=True):
                held.append(self.add_variable_from_reference(variable, slot_name, first))
        return slots[0] if isinstance(name, str) else slots

    def _get_variable_index(self, variable: Variable) -> int:
        return self._index[id(variable)]

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """Updates one variable and its slots."""
        raise NotImplementedError(f"{type(self).__name__} must define update_step(gradient, variable, learning_rate).")

    def assign(self, variable: Variable, value: Any) -> None:
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        variable.assign_sub(value)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """Updates each variable by its gradient; returns the update count."""
        pairs = list(grads_and_vars)
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Updates variables by gradients.

        Args:
            grads: A gradient (or ``None``) a variable.
            trainable_variables: The variables; those the optimizer was built with, if not given.

        Raises:
            ArgumentError: Different numbers of both, an unknown variable, or no gradient at all.
        """
        if not grads:
            return
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        if not self.built:
            if trainable_variables is None:
                raise ArgumentError(f"{self.name}: pass `trainable_variables`, or call `build` first.")
            self.build(variables)
        self._check(grads, variables)
        pairs = [(grad, variable) for grad, variable in zip(grads, variables, strict=True) if grad is not None]
        if not pairs:
            raise ArgumentError("No gradients provided for any variable.")
        if len(pairs) < len(variables):
            missing = [
                str(getattr(variable, "path", variable.name))
                for grad, variable in zip(grads, variables, strict=True)
                if grad is None
            ]
            warnings.warn(
                f"Gradients do not exist for variables {missing} when minimizing the loss. "
                "If using `model.compile()`, did you forget to provide a `loss` argument?",
                stacklevel=2,
            )
        gradients, updated = [convert(grad) for grad, _ in pairs], [variable for _, variable in pairs]
        if self.gradient_accumulation_steps:
            self._accumulate(gradients, updated)
        else:
            self._update(gradients, updated)
        if self.use_ema:
            self._average()
        for variable in variables:
            constraint = getattr(variable, "constraint", None)
            if constraint is not None:
                variable.assign(constraint(variable))
        self._iterations.assign(self._iterations + 1)

    def _check(self, grads: Sequence[Any], variables: Sequence[Variable]) -> None:
        if len(grads) != len(variables):
            raise ArgumentError(
                f"{self.name}: expected one gradient a variable. "
                f"Received {len(grads)} gradients for {len(variables)} variables."
            )
        unknown = [variable for variable in variables if id(variable) not in self._index]
        if unknown:
            raise ArgumentError(
                f"Unknown variable: {unknown[0]}. This optimizer can only be called for the variables it was "
                "originally built with. When working with a new set of variables, you should recreate a new "
                "optimizer instance."
            )

    def _update(self, grads: list[Tensor], variables: list[Variable]) -> None:
        if self.loss_scale_factor is not None:
            grads = [grad / self.loss_scale_factor for grad in grads]
        if self.clipnorm:
            grads = [rules.clip_by_norm(grad, self.clipnorm) for grad in grads]
        elif self.global_clipnorm:
            grads = [grad for grad in rules.clip_by_global_norm(grads, self.global_clipnorm) if grad is not None]
        elif self.clipvalue:
            grads = [functions.clip(grad, -self.clipvalue, self.clipvalue) for grad in grads]
        rate = convert(self._current_rate())
        if self.weight_decay is not None:
            for variable in variables:
                if self._decays(variable):
                    cast_rate = functions.cast(rate, variable.dtype)
                    variable.assign(rules.decay_weights(variable.value, cast_rate, self.weight_decay))
        self._backend_update_step(grads, variables, rate)

    def _accumulate(self, grads: list[Tensor], variables: list[Variable]) -> None:
        """Adds gradients up; every `gradient_accumulation_steps` steps updates by their mean.

        The update is computed each time and kept when it is due: all in one program, without a branch.
        """
        steps = int(self.gradient_accumulation_steps or 1)
        due = convert((self._iterations + 1) % steps == 0)
        sums = []
        for grad, variable in zip(grads, variables, strict=True):
            total = self._accumulated[self._get_variable_index(variable)]
            sums.append(total.value + functions.cast(grad, variable.dtype))
        kept = (self._iterations, self._learning_rate)
        own = [value for value in vars(self).values() if isinstance(value, Variable)]
        held = [
            held for held in [*self._variables, *own] if not any(held is one for one in (*kept, *self._accumulated))
        ]
        held += [variable for variable in self._trainable_variables if not any(variable is one for one in held)]
        before = [variable.value for variable in held]
        self._update([total / float(steps) for total in sums], variables)
        for variable, old in zip(held, before, strict=True):
            variable.assign(functions.where(due, variable.value, old))
        for total, variable in zip(sums, variables, strict=True):
            self._accumulated[self._get_variable_index(variable)].assign(
                functions.where(due, functions.zeros_like(total), total)
            )

    def _average(self) -> None:
        """Moves the averages; the first step starts them at the variables' values."""
        first = convert(self.iterations == 0)
        for variable, average in zip(self._trainable_variables, self._averages, strict=True):
            momentum = functions.where(first, 0.0, functions.cast(self.ema_momentum, variable.dtype))
            average.assign(momentum * average + (1.0 - momentum) * variable)
        if self.ema_overwrite_frequency:
            due = convert((self.iterations + 1) % self.ema_overwrite_frequency == 0)
            for variable, average in zip(self._trainable_variables, self._averages, strict=True):
                variable.assign(functions.where(due, average.value, variable.value))

    def _backend_update_step(self, grads: list[Tensor], variables: list[Variable], learning_rate: Tensor) -> None:
        for gradient, variable in zip(grads, variables, strict=True):
            layer, _, name = str(getattr(variable, "path", variable.name)).rpartition("/")
            with origin(Origin(name, layer, phase="update")):
                self.update_step(
                    functions.cast(gradient, variable.dtype), variable, functions.cast(learning_rate, variable.dtype)
                )

    def _local_step(self, variable: Variable) -> Tensor:
        """The number of this update, 1 for the first, in the variable's dtype."""
        return functions.cast(self.iterations + 1, variable.dtype)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Names variables, or parts of names, that weight decay leaves alone. Call before `build`."""
        if self.built:
            raise ArgumentError("`exclude_from_weight_decay()` can only be configured before the optimizer is built.")
        self._undecayed = {id(variable) for variable in var_list or ()}
        self._undecayed_names = re.compile("|".join(sorted(set(var_names)))) if var_names else None

    def _decays(self, variable: Variable) -> bool:
        if id(variable) in self._undecayed:
            return False
        return self._undecayed_names is None or self._undecayed_names.search(str(variable.name)) is None

    def scale_loss(self, loss: Any) -> Any:
        """The loss times `loss_scale_factor`."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Called at the end of training: moving averages become the variables' values."""
        for variable in var_list if self.use_ema else ():
            variable.assign(self._averages[self._get_variable_index(variable)])

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replaces the state."""
        if not self.built:
            raise ArgumentError(
                "You are calling `set_weights()` on an optimizer that has not yet been built. Please call "
                "`optimizer.build(trainable_variables)` to create the optimizer weights before calling `set_weights()`."
            )
        for variable, weight in zip(self._variables, weights, strict=True):
            if variable.shape != np.shape(weight):
                raise ShapeError(
                    f"Optimizer variable {variable.name} has shape {variable.shape} not compatible with provided "
                    f"weight shape {np.shape(weight)}."
                )
        for variable, weight in zip(self._variables, weights, strict=True):
            variable.assign(weight)

    def save_own_variables(self, store: Any) -> None:
        """Writes the state to a mapping."""
        for index, variable in enumerate(self._variables):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Reads the state from a mapping."""
        if len(store.keys()) != len(self._variables):
            warnings.warn(
                f"Skipping variable loading for optimizer '{self.name}', because it has {len(self._variables)} "
                f"variables whereas the saved optimizer has {len(store.keys())} variables. ",
                stacklevel=2,
            )
            return
        for index, variable in enumerate(self._variables):
            variable.assign(np.asarray(store[str(index)]))

    def get_config(self) -> dict[str, Any]:
        if isinstance(self._learning_rate, Variable):
            rate: Any = float(self._learning_rate.numpy())
        elif isinstance(self._learning_rate, LearningRateSchedule):
            rate = serialize_keras_object(self._learning_rate)
        else:
            rate = 0.5
        return {
            "name": self.name,
            "learning_rate": rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        config = dict(config)
        if isinstance(config.get("learning_rate"), Mapping):
            config["learning_rate"] = deserialize_schedule(config["learning_rate"], custom_objects)
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _check_average(use_ema: bool, momentum: float, frequency: Any) -> None:
    if not use_ema:
        return
    if not 0 <= momentum <= 1:
        raise ArgumentError(f"`ema_momentum` must be in the range [0, 1]. Received: ema_momentum={momentum}")
    if frequency and (not isinstance(frequency, int) or frequency < 1):
        raise ArgumentError(
            f"`ema_overwrite_frequency` must be an integer >= 1 or None. Received: ema_overwrite_frequency={frequency}"
        )


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number, Tensor, Variable)):
        raise ArgumentError(
            f"Argument `{name}` should be float, or an instance of LearningRateSchedule, or a callable "
            "(that takes in the current iteration value and returns the corresponding learning rate value). "
            f"Received instead: {name}={value!r}"
        )
    return float(value)
