"""Keras's initializers: objects that make the starting value of a weight."""

from __future__ import annotations

import random as python_random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from epochal import dtypes
from epochal.errors import ArgumentError, NotSupportedError
from epochal.keras import settings
from epochal.keras.identifiers import interpret
from epochal.keras.saving.serialization import deserialize_keras_object, serialize_keras_object
from epochal.learn import initializers as formulas
from epochal.tensor import Tensor


class Initializer:
    """A function ``(shape, dtype=None)`` that returns a weight's starting value. Subclasses override `__call__`."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)

    def clone(self) -> Any:
        return type(self).from_config(self.get_config())


def _dtype(dtype: Any) -> str:
    return settings.standardize_dtype(dtype)


class Zeros(Initializer):
    """All zero."""

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        return formulas.filled(shape, 0, _dtype(dtype))


class Ones(Initializer):
    """All one."""

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        return formulas.filled(shape, 1, _dtype(dtype))


class Constant(Initializer):
    """All `value`, or an array broadcast to the shape."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        return formulas.filled(shape, np.asarray(self.value), _dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"value": serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(deserialize_keras_object(config["value"]))


class Identity(Initializer):
    """The identity matrix times `gain`."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        return formulas.identity(shape, self.gain, _dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


class RandomInitializer(Initializer):
    """Base of the random ones. Called twice, one object gives the same numbers; ``seed=None`` picks a seed for it."""

    def __init__(self, seed: Any = None) -> None:
        self._init_seed = seed
        self.seed = python_random.randint(1, 2**31 - 2) if seed is None else seed

    def get_config(self) -> dict[str, Any]:
        return {"seed": serialize_keras_object(self._init_seed)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        config = dict(config)
        if isinstance(config.get("seed"), dict):
            config["seed"] = deserialize_keras_object(config["seed"])
        return cls(**config)


class RandomNormal(RandomInitializer):
    """Normal."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed=seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        return formulas.normal(shape, self.mean, self.stddev, _dtype(dtype), self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomNormal):
    """Normal, redrawn beyond two deviations from the mean."""

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        return formulas.truncated_normal(shape, self.mean, self.stddev, _dtype(dtype), self.seed)


class RandomUniform(RandomInitializer):
    """Uniform on [minval, maxval)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        self.minval = minval
        self.maxval = maxval
        super().__init__(seed=seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        return formulas.uniform(shape, self.minval, self.maxval, _dtype(dtype), self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


class VarianceScaling(RandomInitializer):
    """Draws whose variance is `scale` over the number of inputs or outputs of a unit (see `mode`)."""

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Any = None,
        output_axes: Any = None,
    ) -> None:
        if scale <= 0.0:
            raise ArgumentError(f"Argument `scale` must be positive float. Received: scale={scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ArgumentError(
                f"Invalid `mode` argument: {mode}. Please use one of {{'fan_in', 'fan_out', 'fan_avg'}}."
            )
        distribution = "truncated_normal" if distribution == "normal" else distribution.lower()
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ArgumentError(
                f"Invalid `distribution` argument: {distribution}. Please use one of "
                "{'uniform', 'truncated_normal', 'untruncated_normal'}."
            )
        if input_axes is not None or output_axes is not None:
            raise NotSupportedError(
                "`input_axes` and `output_axes` of variance-scaling initializers are not supported."
            )
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        super().__init__(seed=seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        return formulas.variance_scaling(shape, self.scale, self.mode, self.distribution, _dtype(dtype), self.seed)

    def get_config(self) -> dict[str, Any]:
        named = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution}
        return {**super().get_config(), **named, "input_axes": None, "output_axes": None}


class _Fixed(VarianceScaling):
    """A named member of the family."""

    _scale, _mode, _distribution = 1.0, "fan_in", "truncated_normal"

    def __init__(self, seed: Any = None, input_axes: Any = None, output_axes: Any = None) -> None:
        super().__init__(self._scale, self._mode, self._distribution, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        return {"seed": serialize_keras_object(self._init_seed), "input_axes": None, "output_axes": None}


class GlorotUniform(_Fixed):
    """Uniform with variance 2 / (inputs + outputs) (Glorot and Bengio 2010)."""

    _mode, _distribution = "fan_avg", "uniform"


class GlorotNormal(_Fixed):
    """Truncated normal with variance 2 / (inputs + outputs) (Glorot and Bengio 2010)."""

    _mode = "fan_avg"


class LecunNormal(_Fixed):
    """Truncated normal with variance 1 / inputs (LeCun et al. 1998)."""


class LecunUniform(_Fixed):
    """Uniform with variance 1 / inputs (LeCun et al. 1998)."""

    _distribution = "uniform"


class HeNormal(_Fixed):
    """Truncated normal with variance 2 / inputs (He et al. 2015)."""

    _scale = 2.0


class HeUniform(_Fixed):
    """Uniform with variance 2 / inputs (He et al. 2015)."""

    _scale, _distribution = 2.0, "uniform"


class Orthogonal(RandomInitializer):
    """A random matrix with orthonormal rows or columns, times `gain` (Saxe et al. 2014)."""

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        self.gain = gain
        super().__init__(seed=seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Tensor:
        return formulas.orthogonal(shape, self.gain, _dtype(dtype), self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}


IdentityInitializer = identity = Identity
OrthogonalInitializer = orthogonal = Orthogonal
constant = Constant
zeros = Zeros
ones = Ones
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
lecun_normal = LecunNormal
lecun_uniform = LecunUniform

_CLASSES = (
    Constant, GlorotNormal, GlorotUniform, HeNormal, HeUniform, Identity, LecunNormal, LecunUniform, Ones, Orthogonal,
    RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling, Zeros,
)  # fmt: skip
INITIALIZERS: dict[str, Any] = {cls.__name__: cls for cls in _CLASSES}
INITIALIZERS.update(
    {
        "constant": Constant, "glorot_normal": GlorotNormal, "glorot_uniform": GlorotUniform, "he_normal": HeNormal,
        "he_uniform": HeUniform, "identity": Identity, "IdentityInitializer": Identity, "lecun_normal": LecunNormal,
        "lecun_uniform": LecunUniform, "one": Ones, "ones": Ones, "orthogonal": Orthogonal,
        "OrthogonalInitializer": Orthogonal, "normal": RandomNormal, "random_normal": RandomNormal,
        "uniform": RandomUniform, "random_uniform": RandomUniform, "truncated_normal": TruncatedNormal,
        "variance_scaling": VarianceScaling, "zero": Zeros, "zeros": Zeros,
    }
)  # fmt: skip


def get(identifier: Any) -> Callable[..., Any] | None:
    """An initializer from a name, a configuration, a class, a function, an array or ``None``.

    Raises:
        ArgumentError: It is none of these.
    """
    if isinstance(identifier, (np.ndarray, Tensor)):
        return _from_array(identifier)
    expected = "an Initializer, a function, an array"
    return interpret(identifier, "initializer", expected, INITIALIZERS, deserialize)


def _from_array(value: Any) -> Callable[..., Any]:
    array = np.asarray(value)

    def initializer(shape: Any, dtype: Any = None) -> Any:
        if tuple(shape) != array.shape:
            raise ArgumentError(
                f"The array given as initializer does not fit. Expected shape {tuple(shape)}. Received: {array.shape}"
            )
        return array.astype(dtypes.get(_dtype(dtype)).numpy)

    return initializer


def serialize(initializer: Any) -> Any:
    """An initializer as plain data."""
    return serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The initializer that `serialize` wrote."""
    return deserialize_keras_object(config, custom_objects=custom_objects, module_objects=INITIALIZERS)
