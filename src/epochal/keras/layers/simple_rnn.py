"""The fully connected recurrent network."""

from __future__ import annotations

from typing import Any

from epochal.keras import activations
from epochal.keras.layers.rnn import Cell, CellRNN
from epochal.keras.layers.sizes import positive
from epochal.learn import recurrence
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class SimpleRNNCell(Cell):
    """``h' = activation(x @ kernel + h @ recurrent_kernel + bias)``. Arguments: those of `SimpleRNN`."""

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        given = {key: value for key, value in locals().items() if key != "kwargs"}
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = positive(units, "units")
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self._set_weight_arguments(given)
        self._init_dropout(dropout, recurrent_dropout, seed)

    def build(self, input_shape: Any) -> None:
        self._add_weights(input_shape[-1], 1)

    def project(self, inputs: Tensor) -> Tensor:
        """The inputs' part of the sum."""
        return recurrence.project(inputs, self._cast(self.kernel), None if self.bias is None else self._cast(self.bias))

    def step(self, dropped: Tensor | None) -> recurrence.Step:
        """The step on projected inputs."""
        return recurrence.simple_step(self._cast(self.recurrent_kernel), self.activation, dropped)

    def call(self, sequence: Any, states: Any, training: Any = False) -> Any:
        nested = isinstance(states, (list, tuple))
        state = states[0] if nested else states
        inputs, recurrent = self.dropout_masks(sequence, state, training)
        x = sequence if inputs is None else F.multiply(sequence, inputs)
        output, new = self.step(recurrent)(self.project(x), [state])
        return output, (new if nested else output)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **self._weight_config(),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }


class SimpleRNN(CellRNN):
    """``h' = activation(x @ kernel + h @ recurrent_kernel + bias)`` over ``[batch, time, features]``.

    Args:
        units: Size of the state.
        activation: Function, or its name.
        use_bias: Whether there is a bias.
        kernel_initializer: Start of the kernel ``[features, units]``.
        recurrent_initializer: Start of the recurrent kernel ``[units, units]``.
        bias_initializer: Start of the bias.
        kernel_regularizer: Penalty on the kernel.
        recurrent_regularizer: Penalty on the recurrent kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        kernel_constraint: Projection of the kernel after updates.
        recurrent_constraint: Projection of the recurrent kernel after updates.
        bias_constraint: Projection of the bias after updates.
        dropout: Fraction of the inputs that is dropped in training, the same at all steps.
        recurrent_dropout: Fraction of the state that is dropped.
        return_sequences: See `RNN`.
        return_state: See `RNN`.
        go_backwards: See `RNN`.
        stateful: See `RNN`.
        unroll: See `RNN`.
        seed: Integer that fixes dropout.
        **kwargs: Of `Layer`.
    """

    _cell_names = (
        "units", "activation", "use_bias", "kernel_initializer", "recurrent_initializer", "bias_initializer",
        "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "kernel_constraint", "recurrent_constraint",
        "bias_constraint", "dropout", "recurrent_dropout", "kernel", "recurrent_kernel", "bias",
    )  # fmt: skip

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        cell = SimpleRNNCell(
            units, activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer,
            kernel_regularizer, recurrent_regularizer, bias_regularizer, kernel_constraint, recurrent_constraint,
            bias_constraint, dropout, recurrent_dropout, seed, dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True), name="simple_rnn_cell",
        )  # fmt: skip
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
