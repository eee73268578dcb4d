"""Long short-term memory."""

from __future__ import annotations

from typing import Any

from epochal.keras import activations
from epochal.keras.initializers import Ones
from epochal.keras.layers.rnn import Cell, CellRNN
from epochal.keras.layers.sizes import positive
from epochal.learn import recurrence
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class LSTMCell(Cell):
    """One step of an `LSTM`; states are the output and the cell. Arguments: those of `LSTM`."""

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
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
        kwargs.pop("implementation", None)
        super().__init__(**kwargs)
        self.units = self.output_size = positive(units, "units")
        self.state_size = [self.units, self.units]
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.use_bias = use_bias
        self.unit_forget_bias = unit_forget_bias
        self._set_weight_arguments(given)
        self._init_dropout(dropout, recurrent_dropout, seed)

    def build(self, input_shape: Any) -> None:
        self._add_weights(input_shape[-1], 4)

    def _bias_start(self) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer

        def start(shape: Any, dtype: Any = None) -> Tensor:
            # The forget gate begins open (Jozefowicz et al. 2015).
            parts = [self.bias_initializer((self.units,), dtype=dtype), Ones()((self.units,), dtype=dtype)]
            return F.concatenate([*parts, self.bias_initializer((self.units * 2,), dtype=dtype)], axis=0)

        return start

    def project(self, inputs: Tensor) -> Tensor:
        """The inputs' part of the gates."""
        return recurrence.project(inputs, self._cast(self.kernel), None if self.bias is None else self._cast(self.bias))

    def step(self, dropped: Tensor | None) -> recurrence.Step:
        """The step on projected inputs."""
        return recurrence.lstm_step(
            self._cast(self.recurrent_kernel), self.activation, self.recurrent_activation, dropped
        )

    def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
        dropped, recurrent = self.dropout_masks(inputs, states[0], training)
        x = inputs if dropped is None else F.multiply(inputs, dropped)
        return self.step(recurrent)(self.project(x), list(states))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "use_bias": self.use_bias,
            "unit_forget_bias": self.unit_forget_bias,
            **self._weight_config(),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }


class LSTM(CellRNN):
    """Long short-term memory (Hochreiter and Schmidhuber 1997) over ``[batch, time, features]``.

    Args:
        units: Size of the output and of the cell.
        activation: Of the candidate and the output.
        recurrent_activation: Of the gates.
        use_bias: Whether there is a bias.
        kernel_initializer: Start of the kernel ``[features, 4 * units]``: input, forget, cell and output gate.
        recurrent_initializer: Start of the recurrent kernel ``[units, 4 * units]``.
        bias_initializer: Start of the bias.
        unit_forget_bias: Whether the forget gate's bias starts at one.
        kernel_regularizer: Penalty on the kernel.
        recurrent_regularizer: Penalty on the recurrent kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        kernel_constraint: Projection of the kernel after updates.
        recurrent_constraint: Projection of the recurrent kernel after updates.
        bias_constraint: Projection of the bias after updates.
        dropout: Fraction of the inputs that is dropped in training, the same at all steps.
        recurrent_dropout: Fraction of the state that is dropped.
        seed: Integer that fixes dropout.
        return_sequences: See `RNN`.
        return_state: See `RNN`.
        go_backwards: See `RNN`.
        stateful: See `RNN`.
        unroll: See `RNN`.
        use_cudnn: No effect.
        **kwargs: Of `Layer`.
    """

    _cell_names = (
        "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer", "recurrent_initializer",
        "bias_initializer", "unit_forget_bias", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer",
        "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "seed",
        "kernel", "recurrent_kernel", "bias",
    )  # fmt: skip

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        kwargs.pop("implementation", None)
        cell = LSTMCell(
            units, activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer,
            bias_initializer, unit_forget_bias, kernel_regularizer, recurrent_regularizer, bias_regularizer,
            kernel_constraint, recurrent_constraint, bias_constraint, dropout, recurrent_dropout, seed,
            dtype=kwargs.get("dtype"), trainable=kwargs.get("trainable", True), name="lstm_cell",
        )  # fmt: skip
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
