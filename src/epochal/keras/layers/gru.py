"""Gated recurrent units."""

from __future__ import annotations

from typing import Any

from epochal.keras import activations
from epochal.keras.layers.rnn import Cell, CellRNN
from epochal.keras.layers.sizes import positive
from epochal.learn import recurrence
from epochal.tensor import Tensor
from epochal.tensor import functions as F


class GRUCell(Cell):
    """One step of a `GRU`. Arguments: those of `GRU`."""

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        given = {key: value for key, value in locals().items() if key != "kwargs"}
        kwargs.pop("implementation", None)
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = positive(units, "units")
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.use_bias = use_bias
        self.reset_after = reset_after
        self._set_weight_arguments(given)
        self._init_dropout(dropout, recurrent_dropout, seed)

    def build(self, input_shape: Any) -> None:
        self._add_weights(input_shape[-1], 3, (2, 3 * self.units) if self.reset_after else None)

    def _biases(self) -> tuple[Any, Any]:
        """Those of the input and of the recurrent product."""
        if self.bias is None:
            return None, None
        bias = F.cast(self.bias, self.compute_dtype)
        return (bias[0], bias[1]) if self.reset_after else (bias, None)

    def project(self, inputs: Tensor) -> Tensor:
        """The inputs' part of the gates."""
        return recurrence.project(inputs, self._cast(self.kernel), self._biases()[0])

    def step(self, dropped: Tensor | None) -> recurrence.Step:
        """The step on projected inputs."""
        return recurrence.gru_step(
            self._cast(self.recurrent_kernel),
            self._biases()[1],
            self.activation,
            self.recurrent_activation,
            self.units,
            self.reset_after,
            dropped,
        )

    def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
        nested = isinstance(states, (list, tuple))
        state = states[0] if nested else states
        dropped, recurrent = self.dropout_masks(inputs, state, training)
        x = inputs if dropped is None else F.multiply(inputs, dropped)
        output, new = self.step(recurrent)(self.project(x), [state])
        return output, (new if nested else output)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "use_bias": self.use_bias,
            **self._weight_config(),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "reset_after": self.reset_after,
            "seed": self.seed,
        }


class GRU(CellRNN):
    """Gated recurrent units (Cho et al. 2014) over ``[batch, time, features]``.

    Args:
        units: Size of the state.
        activation: Of the candidate.
        recurrent_activation: Of the gates.
        use_bias: Whether there is a bias.
        kernel_initializer: Start of the kernel ``[features, 3 * units]``: update, reset gate and candidate.
        recurrent_initializer: Start of the recurrent kernel ``[units, 3 * units]``.
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
        seed: Integer that fixes dropout.
        return_sequences: See `RNN`.
        return_state: See `RNN`.
        go_backwards: See `RNN`.
        stateful: See `RNN`.
        unroll: See `RNN`.
        reset_after: Whether the reset gate acts after the recurrent product (the bias is then ``[2, 3 * units]``).
        use_cudnn: No effect.
        **kwargs: Of `Layer`.
    """

    _cell_names = (
        "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer", "recurrent_initializer",
        "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "kernel_constraint",
        "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "reset_after", "seed", "kernel",
        "recurrent_kernel", "bias",
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
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        kwargs.pop("implementation", None)
        cell = GRUCell(
            units, activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer,
            bias_initializer, kernel_regularizer, recurrent_regularizer, bias_regularizer, kernel_constraint,
            recurrent_constraint, bias_constraint, dropout, recurrent_dropout, reset_after, seed,
            dtype=kwargs.get("dtype"), trainable=kwargs.get("trainable", True), name="gru_cell",
        )  # fmt: skip
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
