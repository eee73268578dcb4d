"""Looking at what a model's steps are compiled to: `profile` and `explain`."""

from __future__ import annotations

from typing import Any

import numpy as np

from epochal.compile import optimise, optimise_accounted
from epochal.ir import Program
from epochal.keras import settings
from epochal.keras.trainer.arguments import at_once, check_counts
from epochal.keras.trainer.data import ArrayData
from epochal.keras.trainer.examples import example_inputs, example_targets
from epochal.keras.trainer.steps import Steps
from epochal.learn.explanation import Explanation, sections_of
from epochal.learn.profile import Profile
from epochal.learn.profile_function import compiling_engine
from epochal.learn.step import batch_body, new_counter, rows_body, specification, trace_step
from epochal.tensor import Variable

DEFAULT_BATCH_SIZE = 32


class Inspection(Steps):
    """`profile` and `explain`; `Trainer` adds the loops."""

    def _traced_step(self, kind: str, data: ArrayData, batch_size: int) -> tuple[Program, list[Variable]]:
        """The program of one step as `fit` (or `predict`) compiles it, and the variables it works on."""
        self._ensure_built(data)
        function, floatx = self._step_function(kind), settings.floatx()
        names = data.names
        if kind == "train":
            specs = [specification(leaf, name) for leaf, name in zip(data.leaves, names, strict=True)]
            counter = new_counter()
            body, specs = rows_body(
                lambda leaves: function(data.nest(leaves)), specs, counter, batch_size, batch_size, True, floatx
            )
        else:
            head = data.head(batch_size)
            specs = [specification(leaf, name) for leaf, name in zip(head.leaves, names, strict=True)]
            body = batch_body(lambda leaves: function(data.nest(leaves)), floatx)
        program, variables, _ = trace_step(body, specs)
        return program, variables

    @at_once
    def profile(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        num_threads: int | None = None,
        sample_weight: Any = None,
        seconds: float = 1.0,
    ) -> Profile:
        """Runs real steps on data and says where their time goes; the model stays as it is.

        With targets they are steps of training as in `fit`, without them of prediction. They run on copies of the
        model's variables. What is named after a layer comes from it; gradients and updates carry the layer's name,
        too.

        Args:
            x: As in `fit`: arrays.
            y: Targets; ``None``: predict.
            batch_size: Samples of a step, 32 by default.
            num_threads: Threads of the program.
            sample_weight: As in `fit`.
            seconds: About how long to measure.

        Returns:
            Times by kernel and layer; print it, or call its ``to_html``.

        Raises:
            NotSupportedError: The engine in use does not compile.

        Example:
            >>> import numpy as np
            >>> from epochal import keras
            >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, activation="relu", name="hidden")])
            >>> model.compile("sgd", "mse")
            >>> profile = model.profile(np.ones((32, 8)), np.ones((32, 4)), seconds=0.01)
            >>> sorted(profile.layers["hidden"])
            ['backward', 'forward', 'update']
        """
        check_counts(batch_size=batch_size)
        kind = "predict" if y is None else "train"
        if kind == "train":
            self._require_compiled("profile")
        backend = compiling_engine("profile")
        data = ArrayData(x, y, sample_weight).direct()
        size = min(batch_size or DEFAULT_BATCH_SIZE, data.rows)
        program, variables = self._traced_step(kind, data, size)
        state = [variable.data.copy() for variable in variables]
        leaves = data.leaves if kind == "train" else data.head(size).leaves
        arguments = [np.asarray(leaf, order="C") for leaf in leaves]
        if kind == "train":
            arguments.append(np.arange(data.rows, dtype=np.int32))
        measured = backend.profile(optimise(program, backend.lowers), arguments, state, seconds, num_threads)
        title = f"{'Training' if kind == 'train' else 'Prediction'} of '{self.name}', {size} samples"  # type: ignore[attr-defined]
        return Profile(measured, title, self.name)  # type: ignore[attr-defined]

    @at_once
    def explain(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        num_threads: int | None = None,
    ) -> Explanation:
        """Says what becomes of the model's steps: what passes do, what is fused and what skipped, where memory goes.

        Nothing is run or trained. A step of training is explained if `compile` has been called, and a prediction.

        Args:
            x: Inputs, or their shapes (a tuple of sizes with the batch; nested as the inputs). Not needed where the
                model knows its input's shape.
            y: Targets, or their shapes; guessed from the outputs and the loss if not given.
            batch_size: Samples of a step, 32 by default.
            num_threads: Threads of the program.

        Returns:
            Text; print it, or call its ``to_html``.

        Raises:
            ArgumentError: The shape of the inputs is not known.
            NotSupportedError: The engine in use does not compile.

        Example:
            >>> from epochal import keras
            >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, activation="relu")])
            >>> print(model.explain().section("schedule"))
            Prediction: schedule
            --------------------
            ...
        """
        check_counts(batch_size=batch_size)
        backend = compiling_engine("explain")
        size = batch_size or DEFAULT_BATCH_SIZE
        inputs = example_inputs(self, x, size)
        self._ensure_built(ArrayData(inputs))
        steps: list[tuple[str, str, ArrayData]] = []
        if self.compiled and self._compile_loss is not None:
            targets = example_targets(self, inputs, y)
            steps.append(("Training step", "train", ArrayData(inputs, targets)))
        steps.append(("Prediction", "predict", ArrayData(inputs)))
        sections = []
        for name, kind, data in steps:
            program, variables = self._traced_step(kind, data, min(size, data.rows))
            optimised, accounts = optimise_accounted(program, backend.lowers)
            plan = backend.explain(optimised, num_threads)
            read = {id(variable) for index, variable in enumerate(variables) if index not in program.replaced}
            frozen = [
                str(getattr(weight, "path", weight.name))
                for weight in self.non_trainable_weights  # type: ignore[attr-defined]
                if kind == "train" and id(weight) in read and weight.dtype.is_floating
            ]
            sections += sections_of(name, program, optimised, accounts, plan, self.name, frozen)  # type: ignore[attr-defined]
        title = f"Model '{self.name}', {min(size, ArrayData(inputs).rows)} samples a step"  # type: ignore[attr-defined]
        return Explanation(title, sections)
