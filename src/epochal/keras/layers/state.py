"""What a layer holds: variables, layers and metrics inside it, and their weights as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from epochal import tensor, tree
from epochal.errors import ArgumentError, ShapeError
from epochal.keras import naming
from epochal.keras.layers.tracking import Tracker
from epochal.tensor import Tensor, convert
from epochal.tensor.random import SeedGenerator


def _is_metric(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("update_state", "reset_state", "result")) and not isinstance(
        value, type
    )


class LayerState:
    """The part of a layer that keeps its state. `Layer` adds building and calling."""

    _name: str

    def _init_state(self, name: str) -> None:
        put = super().__setattr__
        put("_name", name)
        put("_trainable_variables", [])
        put("_non_trainable_variables", [])
        put("_layers", [])
        put("_metrics", [])
        put("_seed_generators", [])
        put("_losses", [])
        put("_inbound_nodes", [])
        put("_build_shapes", {})
        put("_output_shapes", [])  # of the first call, for `summary`
        put("_parent_path", None)
        put("built", False)
        kinds = {
            "trainable": (lambda x: isinstance(x, tensor.Variable) and x.trainable, self._trainable_variables),
            "others": (lambda x: isinstance(x, tensor.Variable) and not x.trainable, self._non_trainable_variables),
            "layers": (lambda x: isinstance(x, LayerState), self._layers),
            "metrics": (_is_metric, self._metrics),
            "seeds": (lambda x: isinstance(x, SeedGenerator), self._seed_generators),
        }
        put("_tracker", Tracker(kinds))

    def _check_initialised(self) -> None:
        if "_tracker" not in self.__dict__:
            raise ArgumentError(
                f"In layer '{type(self).__name__}', you forgot to call `super().__init__()` as the first statement in "
                "the `__init__()` method. Go add it!"
            )

    def __setattr__(self, name: str, value: Any) -> None:
        tracker = self.__dict__.get("_tracker")
        if tracker is None:
            if isinstance(value, (LayerState, tensor.Variable)):
                self._check_initialised()
        elif name not in ("_layers", "_losses", "_inbound_nodes"):
            value = tracker.track(value)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        value = self.__dict__.get(name)
        if isinstance(value, (list, tuple, dict)):
            for item in tree.flatten(value):
                self._tracker.untrack(item)
        elif value is not None:
            self._tracker.untrack(value)
        super().__delattr__(name)

    def _track_variable(self, variable: Any) -> None:
        self._tracker.track(variable)
        if variable.trainable and not self._trainable:  # frozen before it was built, or by its constructor
            variable.trainable = False

    # Names -------------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Unique among a model's layers."""
        self._check_initialised()
        return self._name

    @property
    def path(self) -> str:
        """Names of the layers around it and its own, joined by slashes."""
        return f"{self._parent_path}/{self.name}" if self._parent_path else self.name

    @contextmanager
    def _open_name_scope(self) -> Iterator[None]:
        if self._parent_path is None:
            object.__setattr__(self, "_parent_path", naming.current_path())
        with naming.name_scope(self.name, caller=self):
            yield

    # Variables ---------------------------------------------------------------------------------------------------

    def _own_weights(self) -> list[Any]:
        return [*self._trainable_variables, *self._non_trainable_variables]

    def _sublayers(self) -> list[Any]:
        """The layers directly inside, in the order of their weights."""
        return self._layers

    @property
    def weights(self) -> list[Any]:
        """All weights: its own (trainable ones first), then those of the layers inside. No seeds, no metrics."""
        return _distinct([*self._own_weights(), *(w for layer in self._sublayers() for w in layer.weights)])

    @property
    def variables(self) -> list[Any]:
        """All weights and the states of random seeds."""
        seeds = [generator.state for generator in self._seed_generators]
        inside = (v for layer in self._sublayers() for v in layer.variables)
        return _distinct([*self._own_weights(), *seeds, *inside])

    @property
    def trainable_variables(self) -> list[Any]:
        """The variables that training changes; none where `trainable` is off."""
        return [v for v in self.variables if v.trainable] if self.trainable else []

    @property
    def non_trainable_variables(self) -> list[Any]:
        """The other variables."""
        return [v for v in self.variables if not v.trainable] if self.trainable else self.variables

    @property
    def trainable_weights(self) -> list[Any]:
        """The weights that training changes; none where `trainable` is off."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Any]:
        """The other weights."""
        return [v for v in self.weights if not v.trainable] if self.trainable else self.weights

    @property
    def trainable(self) -> bool:
        """Whether training changes its weights; setting it sets it for the layers inside too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        self._trainable = value
        for variable in self._trainable_variables:
            variable.trainable = value
        for layer in self._sublayers():
            layer.trainable = value

    @property
    def metrics(self) -> list[Any]:
        """Metrics it and the layers inside hold."""
        return _distinct([*self._metrics, *(m for layer in self._sublayers() for m in layer.metrics)])

    @property
    def metrics_variables(self) -> list[Any]:
        """Their variables."""
        return [v for metric in self.metrics for v in metric.variables]

    # Weights as arrays -------------------------------------------------------------------------------------------

    def get_weights(self) -> list[np.ndarray]:
        """The weights as arrays of their own, in the order of `weights`."""
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, weights: Any) -> None:
        """Sets all weights. Nothing changes unless all fit.

        Raises:
            ArgumentError: There are too many or too few.
            ShapeError: One has another shape.
        """
        own = self.weights
        if len(own) != len(weights):
            hint = "" if self.built else " It is not built yet: call it on data, or build it, first."
            raise ArgumentError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length "
                f"{len(weights)}, "
                f"but the layer was expecting {len(own)} weights.{hint}"
            )
        for variable, value in zip(own, weights, strict=True):
            if tuple(variable.shape) != np.shape(value):
                raise ShapeError(
                    f"Layer '{self.name}' weight '{getattr(variable, 'path', variable.name)}' has shape "
                    f"{tuple(variable.shape)}, which is not compatible with the provided weight shape "
                    f"{np.shape(value)}."
                )
        for variable, value in zip(own, weights, strict=True):
            variable.assign(value)

    def count_params(self) -> int:
        """Number of elements of all weights.

        Raises:
            ArgumentError: The layer has no weights yet.
        """
        if not self.built:
            raise ArgumentError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. You can build it "
                "manually via: `layer.build(input_shape)`."
            )
        return sum(int(np.prod(weight.shape, dtype=np.int64)) for weight in self.weights)

    def save_own_variables(self, store: Any) -> None:
        """Puts its own variables (not those of the layers inside) into `store`, a mapping from a key to an array."""
        for index, variable in enumerate(self._own_weights()):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Takes its own variables from `store`.

        Raises:
            ShapeError: They do not fit.
        """
        own = self._own_weights()
        if len(store) != len(own):
            hint = (
                " The layer is not built: call it on data, or build it, before loading."
                if not own and not self.built
                else ""
            )
            raise ShapeError(
                f"Layer '{self.name}' expected {len(own)} variables, but received {len(store)} variables during "
                "loading. "
                f"Expected: {[variable.name for variable in own]}.{hint}"
            )
        values = [np.asarray(store[str(index)]) for index in range(len(own))]
        for variable, value in zip(own, values, strict=True):
            if tuple(variable.shape) != value.shape:
                raise ShapeError(
                    f"Layer '{self.name}': variable '{getattr(variable, 'path', variable.name)}' has shape "
                    f"{tuple(variable.shape)}, but the file holds one of shape {value.shape}."
                )
        for variable, value in zip(own, values, strict=True):
            variable.assign(value)

    # Losses ------------------------------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Adds a scalar to what training minimises, from within `call`.

        Raises:
            ShapeError: It is no scalar.
        """
        for item in tree.flatten(loss):
            if item is None:
                continue
            value = convert(item)
            if value.shape != ():
                raise ShapeError(
                    f"Layer '{self.name}': `add_loss()` expects a scalar. Received shape: {value.shape}. Reduce it "
                    "first."
                )
            self._losses.append(value)

    @property
    def losses(self) -> list[Tensor]:
        """What `add_loss` was given during the last call, then the penalties of regularized weights, taken now."""
        losses = [loss for layer in self._flatten_layers() for loss in layer._losses]
        penalised = [v for v in self.trainable_weights if getattr(v, "regularizer", None) is not None]
        return [*losses, *(variable.regularizer(variable) for variable in penalised)]

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            if layer._losses:
                layer._losses.clear()

    def _flatten_layers(self) -> Iterator[Any]:
        """Itself and all layers inside, each once."""
        seen: set[int] = set()
        stack: list[Any] = [self]
        while stack:
            layer = stack.pop(0)
            if id(layer) not in seen:
                seen.add(id(layer))
                yield layer
                stack[:0] = layer._sublayers()

    # Inputs and outputs of symbolic calls ------------------------------------------------------------------------

    @property
    def input(self) -> Any:
        """Symbolic input of the layer's only symbolic call."""
        return self._node_tensors("input")

    @property
    def output(self) -> Any:
        """Symbolic output of the layer's only symbolic call."""
        return self._node_tensors("output")

    def _node_tensors(self, what: str) -> Any:
        raise NotImplementedError


def _distinct(values: Any) -> list[Any]:
    """Without repetitions, in order."""
    seen: set[int] = set()
    result = []
    for value in values:
        if id(value) not in seen:
            seen.add(id(value))
            result.append(value)
    return result
