"""The base of all layers: state, building, calling."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from epochal import tree
from epochal.errors import AllocationError, ArgumentError, DTypeError, EpochalError, NotSupportedError
from epochal.ir import make_input, origin
from epochal.keras import constraints, dtype_policies, graph, initializers, naming, regularizers
from epochal.keras.layers.call import call_signature, calling, current_call, get_mask, origin_of, set_mask
from epochal.keras.layers.input_spec import assert_input_compatibility
from epochal.keras.layers.remat import RematMode, get_current_remat_mode, rematerialized
from epochal.keras.layers.shapes import (
    as_shape,
    batch_type,
    build_arguments,
    first_layer_shape,
    known_sizes,
    map_shapes,
    shapes_of,
    type_of,
)
from epochal.keras.layers.state import LayerState
from epochal.keras.variable import Variable
from epochal.tensor import Tensor, convert
from epochal.tensor import context as contexts
from epochal.tensor import functions as F

_FIRST_LAYER = ("input_shape", "input_dim", "batch_input_shape", "batch_size", "input_dtype", "weights", "input_length")


class Layer(LayerState):
    """A function of tensors with weights.

    Subclasses define `call`, usually `build` (which makes weights with `add_weight`), and `get_config`.

    Args:
        activity_regularizer: Penalty on the output, added to the loss.
        trainable: Whether training changes its weights.
        dtype: Element type or dtype policy; by default the global policy.
        autocast: Whether floating point inputs are cast to the compute type.
        name: Unique among a model's layers; by default made of the class's name.
        **kwargs: Where it is the first layer of a `Sequential`, how older programs gave the shape of the input:
            ``input_shape``, ``input_dim`` or ``batch_input_shape``, and ``weights``, its starting weights.

    Raises:
        ArgumentError: Any other keyword.
    """

    dtype_policy: Any = None
    input_spec: Any = None
    supports_masking = False
    _remat_mode: RematMode | None = None
    _keeps_dtype = False  # whether the output has the input's element type rather than the compute type

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__new__(cls)
        if not cls.__module__.startswith("epochal.keras."):
            # What `get_config` of a class that has none of its own reports.
            object.__setattr__(instance, "_init_arguments", (args, kwargs))
        return instance

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _wrap_build(cls.__dict__["build"])

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        first = {key: kwargs.pop(key) for key in _FIRST_LAYER if key in kwargs}
        if kwargs:
            raise ArgumentError(
                f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}. "
                f"Expected: {', '.join(_parameters(type(self)))}."
            )
        name = name or naming.unique_name(naming.to_snake_case(type(self).__name__))
        if not isinstance(name, str) or "/" in name:
            raise ArgumentError(
                f"Argument `name` must be a string and cannot contain character `/`. Received: name={name} "
                f"(of type {type(name)})"
            )
        self._init_state(name)
        self.dtype_policy = dtype_policies.get(dtype)
        self.autocast = autocast
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.input_spec = None
        self.supports_masking = False
        self._trainable = bool(trainable)
        self._remat_mode = get_current_remat_mode()
        self._input_shape_arg = first_layer_shape(first)
        self._initial_weights = first.get("weights")

    # Element types -----------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> str:
        """Element type of the weights."""
        return self.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """Element type of the weights."""
        return self.dtype_policy.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """Element type in which the layer computes."""
        return self.dtype_policy.compute_dtype

    @property
    def input_dtype(self) -> str:
        """Element type to which floating point inputs are cast."""
        return self.dtype_policy.compute_dtype

    @property
    def has_training_argument(self) -> bool:
        """Whether `call` takes ``training``."""
        return call_signature(type(self).call).has_training

    _call_has_training_arg = has_training_argument

    @property
    def quantization_mode(self) -> None:
        return None

    # Building ----------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights. Called once, before the first call, with the shapes of the inputs.

        Override it; the argument is named ``input_shape`` or, for several inputs, after the arguments of `call`
        (``query_shape``, ``value_shape``).
        """
        self.built = True

    def add_weight(
        self,
        *args: Any,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Makes a weight and tracks it.

        Args:
            *args: `shape`, or as older programs wrote it `name` and `shape`, then `initializer`.
            shape: Its shape; ``()`` by default.
            initializer: Starting value: Glorot's uniform by default, zero for integers.
            dtype: Element type; by default that of the layer's weights.
            trainable: Whether training changes it.
            autocast: Whether mixed precision may cast it.
            regularizer: Penalty added to the loss.
            constraint: Projection applied after updates.
            aggregation: How replicas would combine it; not used.
            overwrite_with_gradient: Not supported.
            name: Name within the layer.
        """
        args, name = (args[1:], args[0]) if args and isinstance(args[0], str) else (args, name)
        positional = dict(zip(("shape", "initializer"), args, strict=False))
        shape = positional.get("shape", shape)
        initializer = positional.get("initializer", initializer)
        if overwrite_with_gradient:
            raise NotSupportedError("Weights with `overwrite_with_gradient=True` are not supported.")
        shape = () if shape is None else tuple(known_sizes(shape, name, self.name))
        dtype = self.variable_dtype if dtype is None else dtype
        if initializer is None:
            initializer = "glorot_uniform" if np.issubdtype(np.dtype(str(dtype)), np.floating) else "zeros"
        with self._open_name_scope():
            try:
                variable = Variable(
                    initializers.get(initializer),
                    shape=shape,
                    dtype=dtype,
                    trainable=trainable,
                    autocast=autocast,
                    aggregation=aggregation,
                    name=name,
                )
            except MemoryError as error:
                size = math.prod(shape) * np.dtype(str(dtype)).itemsize
                raise AllocationError(
                    f"Layer '{self.name}': not enough memory for weight '{name}' of shape {shape} and dtype {dtype}, "
                    f"which takes {size} bytes ({error})"
                ) from None
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        self._track_variable(variable)
        return variable

    def add_variable(self, *args: Any, **kwargs: Any) -> Variable:
        """`add_weight`."""
        return self.add_weight(*args, **kwargs)

    def _maybe_build(self, arguments: dict[str, Any]) -> None:
        if self.built:
            return
        shapes = shapes_of(arguments)
        if not shapes:
            self.built = True
            return
        with contexts.eagerly():
            self.build(**build_arguments(type(self).build, shapes))
        self.built = True
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            self._initial_weights = None

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes the layer was built for, so that loading can build it the same way."""
        shapes = self._build_shapes
        if not shapes:
            return None
        if len(shapes) == 1:
            return {"input_shape": next(iter(shapes.values()))}
        return {"shapes_dict": dict(shapes)}

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Builds for the shapes that `get_build_config` returned."""
        if not config or self.built:
            return
        if config.get("shapes_dict"):
            shapes = {key: as_shape(value) for key, value in config["shapes_dict"].items()}
            self.build(**build_arguments(type(self).build, shapes))
        elif config.get("input_shape") is not None:
            self.build(as_shape(config["input_shape"]))
        self.built = True

    def _cast(self, value: Any) -> Any:
        """A weight in the compute type."""
        return value if value.dtype == self.compute_dtype else F.cast(value, self.compute_dtype)

    # Calling -----------------------------------------------------------------------------------------------------

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer computes. Override it."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `call()` method implemented. Define `call(self, inputs)`."
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Builds the layer if need be, checks the inputs and computes.

        On the symbolic tensors of `Input` it notes the call instead, for a functional model.
        """
        self._check_initialised()
        signature = call_signature(type(self).call)
        if "training" in kwargs and not signature.has_training:
            kwargs.pop("training")
        args = tuple([self._convert(argument) for argument in args])
        kwargs = {key: self._convert(value) for key, value in kwargs.items()}
        try:
            arguments = signature.signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(
                f"Layer '{self.name}' ({type(self).__name__}): {error}. Its call takes {signature.signature}."
            ) from None
        self._check_positional(args)
        outer = current_call()
        training = self._resolve_training(arguments, signature, outer)
        symbolic = contexts.current() is None and any(
            isinstance(leaf, Tensor) and leaf.is_symbolic for leaf in tree.flatten((args, kwargs))
        )
        if outer is None:
            self._clear_losses()
        masks = None
        if not symbolic:  # a functional model settles both anew whenever it runs
            if signature.has_training and training is not None:
                kwargs["training"] = training
                args = args[: signature.position("training")]
            masks = self._fill_masks(signature, arguments, kwargs)
        first = next(iter(arguments.values()), None)
        with calling(self, training), self._open_name_scope(), origin(origin_of(self.name, outer)):
            try:
                self._check_inputs(first)
                self._maybe_build(arguments)
                if symbolic:
                    return self._symbolic_call(args, kwargs)
                call = self.call if self._remat_mode is None else self.rematerialized_call(self.call)
                outputs = call(*args, **kwargs)
            except EpochalError as error:
                raise self._explained(error, arguments) from error
            if self.activity_regularizer is not None:
                for output in tree.flatten(outputs):
                    if isinstance(output, Tensor):
                        penalty = self.activity_regularizer(output)
                        # The mean over samples, so that its strength does not depend on the batch size.
                        self.add_loss(penalty / float(output.shape[0]) if output.shape and output.shape[0] else penalty)
        self._set_output_masks(first, outputs, masks)
        if not self._output_shapes:
            shapes = [leaf.shape for leaf in tree.flatten(outputs) if isinstance(leaf, Tensor)]
            object.__setattr__(self, "_output_shapes", [(None, *shape[1:]) if shape else () for shape in shapes])
        return outputs

    def _convert(self, argument: Any) -> Any:
        """Arrays to tensors; floats to the compute type."""
        if argument.__class__ in (bool, int, float, str) or argument is None:
            return argument
        return tree.map_structure(self._convert_leaf, argument)

    def _convert_leaf(self, leaf: Any) -> Any:
        if isinstance(leaf, Tensor) or hasattr(leaf, "__epochal_tensor__"):
            tensor = convert(leaf)
        elif isinstance(leaf, (np.ndarray, np.generic)) or (hasattr(leaf, "__array__") and not inspect.isclass(leaf)):
            try:
                tensor = convert(leaf)
            except DTypeError as error:
                raise DTypeError(
                    f"Layer '{self.name}' ({type(self).__name__}) takes arrays of numbers. {error}"
                ) from None
        else:
            return leaf
        if self.autocast and tensor.dtype.is_floating and tensor.dtype != self.compute_dtype:
            mask = get_mask(tensor)
            tensor = F.cast(tensor, self.compute_dtype)
            if mask is not None:
                set_mask(tensor, mask)
        return tensor

    def _check_positional(self, args: tuple[Any, ...]) -> None:
        for leaf in tree.flatten(args):
            if leaf is not None and not isinstance(leaf, Tensor):
                raise ArgumentError(
                    f"Layer '{self.name}' ({type(self).__name__}): only input tensors may be passed as positional "
                    f"arguments. Expected an array or tensor; pass anything else by keyword. "
                    f"Received: {leaf!r} (of type {type(leaf).__name__})"
                )

    def _resolve_training(self, arguments: Any, signature: Any, outer: Any) -> bool | None:
        training = arguments.get("training")
        if training is None and outer is not None:
            training = outer.training
        return signature.training_default if training is None else training

    def _fill_masks(self, signature: Any, arguments: Any, kwargs: dict[str, Any]) -> Any:
        """Passes the masks of inputs to the mask parameters; returns the first input's, ``None`` if it has none."""
        first_masks = None
        for index, (name, value) in enumerate(arguments.items()):
            if index and name not in signature.masks:
                continue
            leaves = tree.flatten(value)
            masks = [get_mask(leaf) for leaf in leaves]
            if all(mask is None for mask in masks):
                continue
            nested = tree.pack_like(value, masks)
            if index == 0:
                first_masks = nested
            mask_name = signature.masks.get(name)
            if mask_name is not None and arguments.get(mask_name) is None:
                kwargs[mask_name] = nested
        return first_masks

    def _set_output_masks(self, inputs: Any, outputs: Any, masks: Any) -> None:
        overridden = type(self).compute_mask is not Layer.compute_mask
        if not self.supports_masking and not overridden:
            return
        computed = tree.flatten(self.compute_mask(inputs, masks))
        for output, mask in zip(tree.flatten(outputs), computed, strict=False):
            if mask is not None and get_mask(output) is None:
                set_mask(output, mask)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output. Without an override: that of the input."""
        return previous_mask

    def _check_inputs(self, first: Any) -> None:
        if self.input_spec:
            assert_input_compatibility(self.input_spec, first, self.name, type(self).__name__)

    def _explained(self, error: EpochalError, arguments: Any) -> EpochalError:
        """`error`, with the layer and its inputs named unless it names one already."""
        text = str(error)
        if "ayer '" in text or getattr(error, "layer", None):
            return error
        given = ", ".join(f"{key}={shape}" for key, shape in shapes_of(arguments).items())
        explained = type(error)(f"Layer '{self.name}' ({type(self).__name__}): {text}\nShapes of the inputs: {given}")
        explained.layer = self.name  # type: ignore[attr-defined]
        return explained

    def stateless_call(
        self,
        trainable_variables: Any,
        non_trainable_variables: Any,
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """A call with other values in place of the variables', which are left as they were.

        Args:
            trainable_variables: Values of `trainable_variables`, in order.
            non_trainable_variables: Values of `non_trainable_variables`, in order.
            *args: Of the call.
            return_losses: Whether to return the losses too.
            **kwargs: Of the call.

        Returns:
            The outputs, the non-trainable variables' new values, and the losses if asked for.

        Raises:
            ArgumentError: Too few values or too many.
        """
        others = self.non_trainable_variables
        variables = [*self.trainable_variables, *others]
        values = [*trainable_variables, *non_trainable_variables]
        if not self.built or len(values) != len(variables):
            raise ArgumentError(
                f"Layer '{self.name}': `stateless_call` needs a built layer and a value for each of its "
                f"{len(variables)} variables. Received: {len(values)} values, built={self.built}"
            )
        before = [convert(variable) for variable in variables]
        try:
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
            outputs = self(*args, **kwargs)
            after = [convert(variable) for variable in others]
            losses = self.losses
        finally:
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)
        return (outputs, after, losses) if return_losses else (outputs, after)

    # Symbolic calls ----------------------------------------------------------------------------------------------

    def _symbolic_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        types = self.output_types(args, kwargs)
        node, outputs = graph.record_call(self, args, kwargs, types)
        self._inbound_nodes.append(node)
        return outputs

    def _node_tensors(self, what: str) -> Any:
        if not self._inbound_nodes:
            raise AttributeError(f"The layer {self.name} has never been called and thus has no defined {what}.")
        node = self._inbound_nodes[0]
        if what == "output":
            return graph.tensors_of(node)
        args, kwargs = graph.call_of(node).fill([Tensor(None, value) for value in node.inputs])
        return args[0] if args else next(iter(kwargs.values()), [])

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs on symbolic tensors, without noting the call."""
        return self.compute_output_spec(*args, **kwargs)

    def output_types(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Types of the results of a call on symbolic tensors, nested as they are."""
        if type(self).compute_output_spec is not Layer.compute_output_spec:
            return tree.map_structure(lambda spec: spec.type, self.compute_output_spec(*args, **kwargs))
        if type(self).compute_output_shape is Layer.compute_output_shape:
            with contexts.Deferred():
                outputs = self.call(*args, **kwargs)
            return tree.map_structure(type_of, outputs)
        arguments = call_signature(type(self).call).signature.bind(*args, **kwargs).arguments
        shapes = shapes_of(arguments)
        shape = self.compute_output_shape(**build_arguments(type(self).compute_output_shape, shapes))
        tensors = [leaf for leaf in tree.flatten(args) if isinstance(leaf, Tensor)]
        batch = tensors[0].dimensions[0] if tensors and tensors[0].ndim else None
        dtype = str(tensors[0].dtype) if self._keeps_dtype and tensors else self.compute_dtype
        return map_shapes(lambda one: batch_type(one, dtype, batch), shape)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic tensors of the shape and type that a call on these symbolic tensors would return."""
        types = Layer.output_types(self, args, kwargs)
        return tree.map_structure(lambda type_: Tensor(None, make_input(type_)), types)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for the shape of the input; ``None`` stands for an unknown size."""
        inputs = map_shapes(
            lambda one: Tensor(None, make_input(batch_type(one, self.compute_dtype, None))), input_shape
        )
        with contexts.eagerly(), contexts.Deferred():
            outputs = self(inputs)
        return tree.map_structure(lambda output: output.shape, outputs)

    # Configuration -----------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same layer.

        Raises:
            NotImplementedError: A subclass with a constructor of its own, whose arguments are not plain data, does not
                define it.
        """
        config = {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": dtype_policies.serialize(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if type(self).get_config is Layer.get_config and "_init_arguments" in self.__dict__:
            config.update(self._constructor_arguments())
        return config

    def _constructor_arguments(self) -> dict[str, Any]:
        args, kwargs = self._init_arguments
        signature = inspect.signature(type(self).__init__)
        try:
            bound = signature.bind(self, *args, **kwargs).arguments
        except TypeError:
            return {}
        bound.pop(next(iter(bound)))
        for name, parameter in signature.parameters.items():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                bound.update(bound.pop(name, {}))
        plain = (str, int, float, bool, type(None))
        bad = [name for name, value in bound.items() if not all(isinstance(x, plain) for x in tree.flatten(value))]
        bad = [name for name in bad if name not in ("dtype", "activity_regularizer")]
        if bad:
            raise NotImplementedError(
                f"Object {type(self).__name__} was created by passing non-serializable argument values in "
                f"`__init__()` ({', '.join(bad)}), and therefore the object must override `get_config()` in order to "
                "be serializable: return {**super().get_config(), ...} with the arguments of the constructor."
            )
        return {name: value for name, value in bound.items() if name not in ("dtype", "activity_regularizer")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer of that configuration."""
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = dtype_policies.deserialize(config["dtype"])
        parameters = inspect.signature(cls.__init__).parameters
        if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
            # A class whose constructor does not take what every layer has.
            kept = {key: value for key, value in config.items() if key in parameters or key not in _BASE}
            layer = cls(**kept)
            if "name" not in parameters and "name" in config:
                layer._name = config["name"]
            return layer
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def quantize(self, *args: Any, **kwargs: Any) -> None:
        raise NotSupportedError("Quantization is not supported.")

    quantized_build = quantized_call = quantize

    def rematerialized_call(self, layer_call: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """`layer_call`, or what stands for it by the `RematScope` that the layer was made in."""
        return layer_call if self._remat_mode is None else rematerialized(self, self._remat_mode, layer_call)

    def add_metric(self, *args: Any, **kwargs: Any) -> None:
        raise NotSupportedError(
            "`add_metric` is not supported. Pass metrics to `compile`, or keep a Metric as attribute."
        )


_BASE = ("name", "trainable", "dtype", "activity_regularizer", "autocast")


def _wrap_build(build: Callable[..., Any]) -> Callable[..., Any]:
    """`build` run inside the layer's name scope; afterwards the layer is built and the shapes are remembered."""
    signature = inspect.signature(build)

    @functools.wraps(build)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        self._check_initialised()
        tracked, built = self._tracker.snapshot(), self.built
        try:
            with contexts.eagerly(), self._open_name_scope():
                result = build(self, *args, **kwargs)
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            shapes = {name: value for name, value in list(bound.arguments.items())[1:] if value is not None}
            object.__setattr__(self, "_build_shapes", {name: as_shape(value) for name, value in shapes.items()})
            self.built = True
        except BaseException:  # Ctrl-C as well: what is built again must not have weights twice
            self._tracker.restore(tracked)
            object.__setattr__(self, "built", built)
            raise
        return result

    wrapped.__signature__ = signature  # type: ignore[attr-defined]
    return wrapped


def _parameters(cls: type) -> list[str]:
    names: dict[str, None] = {}
    for parent in cls.__mro__:
        if "__init__" in parent.__dict__ and parent is not object:
            for name, parameter in inspect.signature(parent.__init__).parameters.items():
                if name != "self" and parameter.kind is not inspect.Parameter.VAR_KEYWORD:
                    names.setdefault(name)
    return list(names)
