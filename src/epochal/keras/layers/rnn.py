"""The loop over time around a cell."""

from __future__ import annotations

from typing import Any

from epochal import tree
from epochal.errors import ArgumentError, ShapeError
from epochal.keras import constraints, initializers, random, regularizers
from epochal.keras.layers.input_spec import InputSpec
from epochal.keras.layers.layer import Layer
from epochal.keras.saving.serialization import deserialize_keras_object, serialize_keras_object
from epochal.keras.variable import Variable
from epochal.learn import recurrence
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class Cell(Layer):
    """Base of the cells: one step of a recurrent network, with dropout whose draw is the same at all steps."""

    state_size: Any
    output_size: int

    def _init_dropout(self, dropout: float, recurrent_dropout: float, seed: Any) -> None:
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)
        self._drawn: tuple[Tensor | None, Tensor | None] | None = None

    def dropout_masks(self, inputs: Tensor, state: Tensor, training: Any) -> tuple[Tensor | None, Tensor | None]:
        """Factors of the inputs and of the recurrent state; ``None`` where nothing is dropped."""
        if self._drawn is not None:
            return self._drawn
        if not training:
            return None, None
        masks = []
        for rate, like in ((self.dropout, inputs), (self.recurrent_dropout, state)):
            drawn = random.dropout(F.ones_like(like), rate, seed=self.seed_generator) if rate else None
            masks.append(drawn)
        return masks[0], masks[1]

    def get_initial_state(self, batch_size: Any = None) -> list[Tensor]:
        """Zeros ``[batch_size, size]``, one a state."""
        sizes = self.state_size if isinstance(self.state_size, (list, tuple)) else [self.state_size]
        return [F.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]

    def _add_weights(self, features: Any, gates: int, bias_shape: Any = None) -> None:
        self.kernel = self.add_weight(
            shape=(features, self.units * gates),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units * gates),
            name="recurrent_kernel",
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=bias_shape or (self.units * gates,),
                name="bias",
                initializer=self._bias_start(),
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def _bias_start(self) -> Any:
        return self.bias_initializer

    def _set_weight_arguments(self, given: dict[str, Any]) -> None:
        """Initializers, regularizers and constraints of kernel, recurrent kernel and bias, from the constructor's."""
        for part in ("kernel", "recurrent", "bias"):
            setattr(self, f"{part}_initializer", initializers.get(given[f"{part}_initializer"]))
            setattr(self, f"{part}_regularizer", regularizers.get(given[f"{part}_regularizer"]))
            setattr(self, f"{part}_constraint", constraints.get(given[f"{part}_constraint"]))

    def _weight_config(self, cell: bool = True) -> dict[str, Any]:
        parts = ("kernel", "recurrent", "bias")
        config = {f"{part}_initializer": initializers.serialize(getattr(self, f"{part}_initializer")) for part in parts}
        config.update({f"{p}_regularizer": regularizers.serialize(getattr(self, f"{p}_regularizer")) for p in parts})
        config.update({f"{p}_constraint": constraints.serialize(getattr(self, f"{p}_constraint")) for p in parts})
        return config

    def compute_output_shape(self, input_shape: Any, state_shape: Any = None) -> Any:
        sizes = self.state_size if isinstance(self.state_size, (list, tuple)) else [self.state_size]
        return (input_shape[0], self.output_size), [(input_shape[0], size) for size in sizes]


class StackedRNNCells(Layer):
    """Several cells, each fed with the output of the one before.

    Args:
        cells: The cells, first to last.
        **kwargs: Of `Layer`.
    """

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            if not hasattr(cell, "call") or not hasattr(cell, "state_size"):
                raise ArgumentError(
                    f"All cells must have a `call` method and a `state_size` attribute. Received cell: {cell}"
                )
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        return output_size_of(self.cells[-1])

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        return [initial_state_of(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def build(self, input_shape: Any) -> None:
        for cell in self.cells:
            if not cell.built:
                cell.build(input_shape)
                cell.built = True
            input_shape = (input_shape[0], output_size_of(cell))

    def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
        new = []
        for cell, state in zip(self.cells, states, strict=True):
            single = not isinstance(state, (list, tuple))
            inputs, state = cell(inputs, [state] if single else list(state), training=training)
            new.append(tree.flatten(state) if not single else tree.flatten(state)[0])
        return inputs, new

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cells": [serialize_keras_object(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        config = dict(config)
        return super().from_config({**config, "cells": [deserialize_keras_object(cell) for cell in config["cells"]]})


def output_size_of(cell: Any) -> int:
    """Size of a cell's output: its first state's where it does not say."""
    size = getattr(cell, "output_size", None)
    if size is not None:
        return size
    state = cell.state_size
    return state[0] if isinstance(state, (list, tuple)) else state


def initial_state_of(cell: Any, batch_size: Any, dtype: Any) -> list[Any]:
    """A cell's state before the first step."""
    make = getattr(cell, "get_initial_state", None)
    if make is not None:
        state = make(batch_size=batch_size)
        return list(state) if isinstance(state, (list, tuple)) else [state]
    sizes = cell.state_size if isinstance(cell.state_size, (list, tuple)) else [cell.state_size]
    return [F.zeros((batch_size, size), dtype=dtype) for size in sizes]


class RNN(Layer):
    """A cell applied step by step to sequences ``[batch, time, features]``.

    Args:
        cell: A layer with ``call(inputs, states) -> output, new_states`` and ``state_size``, or a list of them.
        return_sequences: Whether to return the outputs of all steps instead of the last one.
        return_state: Whether to return the last states too.
        go_backwards: Whether to begin at the last step; outputs then come in reversed order.
        stateful: Whether a batch begins with the states that the one before left. Needs a fixed batch size.
        unroll: No effect: loops are compiled as they are.
        zero_output_for_mask: Whether outputs of masked steps are zero rather than the last one.
        **kwargs: Of `Layer`.

    Call arguments: ``sequences``, ``initial_state`` (list of tensors), ``mask`` (bool ``[batch, time]``), ``training``.
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        if not hasattr(cell, "call") or not hasattr(cell, "state_size"):
            raise ArgumentError(
                "The RNN cell should have a `call` method and a `state_size` attribute. "
                f"Received: cell={cell} of type {type(cell)}"
            )
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        self.input_spec = InputSpec(ndim=3)
        self.states = None

    @property
    def state_size(self) -> Any:
        return self.cell.state_size

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        if not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
            self.cell.built = True
        if self.stateful:
            if sequences_shape[0] is None:
                raise ShapeError(
                    f"Layer '{self.name}' ({type(self).__name__}): a stateful recurrent layer needs a fixed batch "
                    "size. "
                    "Give `Input` a `batch_size` or a `batch_shape`. Received: sequences_shape="
                    f"{tuple(sequences_shape)}"
                )
            self._make_states(sequences_shape[0])

    def _make_states(self, batch_size: int) -> None:
        # Not tracked: they belong to the data, and a model for batches of another size takes the weights.
        zeros = initializers.get("zeros")
        with self._open_name_scope():
            states = [
                Variable(zeros, shape=state.shape, dtype=self.variable_dtype, trainable=False, name="rnn_state")
                for state in tree.flatten(initial_state_of(self.cell, batch_size, self.compute_dtype))
            ]
        object.__setattr__(self, "states", states)

    def reset_state(self) -> None:
        """Zeroes the states that a stateful layer kept."""
        for state in self.states or ():
            state.assign(F.zeros(state.shape, dtype=state.dtype))

    reset_states = reset_state

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:
        if sequences.shape[1] == 0:
            raise ShapeError(f"Layer '{self.name}': sequences must have one step or more. Received: {sequences.shape}")
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        if initial_state is None and self.stateful:
            initial_state = list(self.states)
        if initial_state is None:
            initial_state = initial_state_of(self.cell, sequences.dimensions[0], self.compute_dtype)
        states = [F.cast(state, self.compute_dtype) for state in tree.flatten(initial_state)]
        result = self.inner_loop(sequences, states, mask, training)
        if self.stateful:
            for kept, state in zip(self.states, result.states, strict=True):
                kept.assign(state)
        output = result.outputs if self.return_sequences else result.last
        return [output, *result.states] if self.return_state else output

    def inner_loop(self, sequences: Tensor, states: list[Tensor], mask: Any, training: Any) -> recurrence.Result:
        """The recurrence; a layer whose cell it knows does better."""
        structure = tree.structure(_nested_sizes(self.cell.state_size))
        batch = sequences.dimensions[0]
        cells = [cell for cell in self._flatten_layers() if isinstance(cell, Cell)]
        first = F.zeros((batch, *sequences.dimensions[2:]), dtype=sequences.dtype)
        for cell in cells:
            like = first if cell is cells[0] else None
            self._draw(cell, like, batch, training)

        def step(x: Tensor, now: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
            output, new = self.cell(x, tree.unflatten(structure, now), training=training)
            return output, tree.flatten(new)

        try:
            like = F.zeros((batch, output_size_of(self.cell)), dtype=self.compute_dtype)
            return self._run(step, sequences, states, mask, like)
        finally:
            for cell in cells:
                cell._drawn = None

    def _draw(self, cell: Cell, inputs: Tensor | None, batch: Any, training: Any) -> None:
        """Draws a cell's dropout before the loop, so that it is the same at all steps."""
        if cell.dropout or cell.recurrent_dropout:
            width = cell.kernel.shape[0]
            like = F.zeros((batch, width), dtype=self.compute_dtype) if inputs is None else inputs
            state = F.zeros((batch, cell.units), dtype=self.compute_dtype)
            cell._drawn = cell.dropout_masks(like, state, training)

    def _run(
        self,
        step: Any,
        sequences: Tensor,
        states: list[Tensor],
        mask: Any,
        like: Tensor | None = None,
        time_first: bool = False,
    ) -> recurrence.Result:
        return recurrence.run(
            step, sequences, states, mask, self.go_backwards, self.return_sequences, self.zero_output_for_mask, like,
            time_first,
        )  # fmt: skip

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        mask = tree.flatten(previous_mask)[0]
        output = mask if self.return_sequences else None
        return [output, *(None for _ in tree.flatten(self.state_size))] if self.return_state else output

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        batch, length = sequences_shape[0], sequences_shape[1]
        size = output_size_of(self.cell)
        output = (batch, length, size) if self.return_sequences else (batch, size)
        if not self.return_state:
            return output
        return [output, *((batch, state) for state in tree.flatten(self.state_size))]

    def _loop_config(self) -> dict[str, Any]:
        return {
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
        }

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._loop_config(), "cell": serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        config = dict(config)
        if "cell" in config:
            config["cell"] = deserialize_keras_object(config["cell"])
        return super().from_config(config)


def _nested_sizes(size: Any) -> Any:
    """`state_size` with every cell's states in a list."""
    if not isinstance(size, (list, tuple)):
        return [size]
    return [list(item) if isinstance(item, (list, tuple)) else item for item in size]


class CellRNN(RNN):
    """Base of the layers made for one kind of cell; the cell's arguments are the layer's too."""

    _cell_names: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> Any:
        if name in type(self)._cell_names and "cell" in self.__dict__:
            return getattr(self.__dict__["cell"], name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def get_config(self) -> dict[str, Any]:
        config = {**Layer.get_config(self), **self._loop_config()}
        cell = self.cell.get_config()
        config.update({name: cell[name] for name in self._cell_names if name in cell})
        config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config

    def inner_loop(self, sequences: Tensor, states: list[Tensor], mask: Any, training: Any) -> recurrence.Result:
        batch = sequences.dimensions[0]
        like = F.ones((batch, sequences.shape[2]), dtype=self.compute_dtype)
        dropped, recurrent = self.cell.dropout_masks(like, states[0], training)
        # Turned before the product with the kernel, not after it: less to move, or nothing at all.
        sequences = recurrence.time_major(sequences)
        if dropped is not None:
            sequences = F.multiply(sequences, F.expand_dims(dropped, 0))
        step, projected = self.cell.step(recurrent), self.cell.project(sequences)
        return self._run(step, projected, states, mask, time_first=True)
