"""Plain operations between the layers of a functional model, as Keras writes them: one table each way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from epochal.errors import NotSupportedError
from epochal.ir import Node, Symbol
from epochal.keras.naming import to_snake_case
from epochal.tensor import functions as F

# Operators that Keras has a class for, which takes the operands alone.
_PLAIN = {
    "add": "Add", "sub": "Subtract", "mul": "Multiply", "div": "TrueDivide", "floor_div": "FloorDivide", "rem": "Mod",
    "pow": "Power", "maximum": "Maximum", "minimum": "Minimum", "atan2": "Arctan2", "neg": "Negative",
    "abs": "Absolute", "sign": "Sign", "square": "Square", "floor": "Floor", "ceil": "Ceil", "exp": "Exp",
    "expm1": "Expm1", "log": "Log", "log1p": "Log1p", "sqrt": "Sqrt", "reciprocal": "Reciprocal", "sin": "Sin",
    "cos": "Cos", "tan": "Tan", "asin": "Arcsin", "acos": "Arccos", "atan": "Arctan", "sinh": "Sinh", "cosh": "Cosh",
    "tanh": "Tanh", "asinh": "Arcsinh", "acosh": "Arccosh", "atanh": "Arctanh", "is_finite": "Isfinite",
    "is_nan": "Isnan", "logical_not": "LogicalNot", "logical_and": "LogicalAnd", "logical_or": "LogicalOr",
    "logical_xor": "LogicalXor", "equal": "Equal", "not_equal": "NotEqual", "less": "Less", "less_equal": "LessEqual",
    "greater": "Greater", "greater_equal": "GreaterEqual", "select": "Where",
}  # fmt: skip
_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "softplus": "Softplus"}
_MATH = {"rsqrt": "Rsqrt", "erf": "Erf"}
_REDUCTIONS = {"sum": "Sum", "prod": "Prod", "max": "Max", "min": "Min", "any": "Any", "all": "All"}
_MODULES = {
    "numpy": "keras.src.ops.numpy",
    "nn": "keras.src.ops.nn",
    "math": "keras.src.ops.math",
    "core": "keras.src.ops.core",
}


@dataclass(frozen=True)
class Written:
    """An operation as a file has it.

    Attributes:
        module: Keras's module of the class.
        class_name: The class.
        config: Its constructor's arguments.
        arguments: From the operands' descriptions to the arguments of its call.
    """

    module: str
    class_name: str
    config: dict[str, Any]
    arguments: Callable[[list[Any]], list[Any]] = list


def class_name(node: Node) -> str:
    """What a summary calls an operation."""
    name = node.operator.name
    for table in (_PLAIN, _ACTIVATIONS, _MATH, _REDUCTIONS):
        if name in table:
            return table[name]
    special = {"slice": "GetItem", "concat": "Concatenate", "dot_general": "Matmul", "iota": "Arange"}
    return special.get(name, "".join(part.capitalize() for part in name.split("_")))


def base_name(node: Node) -> str:
    """The stem of an operation's name."""
    return to_snake_case(class_name(node))


def write(node: Node) -> Written:
    """How a file describes an operation.

    Raises:
        NotSupportedError: Keras has no class for it that this writes.
    """
    name, parameters = node.operator.name, node.parameters
    if name in _PLAIN:
        return Written(_MODULES["numpy"], _PLAIN[name], {})
    if name in _ACTIVATIONS:
        return Written(_MODULES["nn"], _ACTIVATIONS[name], {})
    if name in _MATH:
        return Written(_MODULES["math"], _MATH[name], {})
    if name in _REDUCTIONS:
        axes = list(parameters["axes"])
        return Written(_MODULES["numpy"], _REDUCTIONS[name], {"axis": axes, "keepdims": False})
    if name in _WRITERS:
        return _WRITERS[name](node)
    raise NotSupportedError(
        f"A functional model with the operation '{name}' between its layers cannot be saved yet. Put the operation "
        "into "
        "the call method of a layer class and register that class."
    )


def _write_reshape(node: Node) -> Written:
    shape = [-1 if isinstance(size, Symbol) else size for size in node.parameters["shape"]]
    if shape.count(-1) > 1:
        raise NotSupportedError(f"A reshape to several unknown sizes cannot be saved. Received: {shape}")
    return Written(_MODULES["numpy"], "Reshape", {"newshape": shape})


def _write_slice(node: Node) -> Written:
    parts = zip(node.parameters["starts"], node.parameters["limits"], node.parameters["strides"], strict=True)
    index = [{"class_name": "__slice__", "config": {"start": a, "stop": b, "step": c}} for a, b, c in parts]
    return Written(_MODULES["numpy"], "GetItem", {}, lambda operands: [operands[0], index])


def _write_transpose(node: Node) -> Written:
    return Written(_MODULES["numpy"], "Transpose", {"axes": list(node.parameters["permutation"])})


def _write_concat(node: Node) -> Written:
    axis = node.parameters["axis"]
    return Written(_MODULES["numpy"], "Concatenate", {"axis": axis}, lambda operands: [operands])


def _write_cast(node: Node) -> Written:
    return Written(_MODULES["core"], "Cast", {"dtype": node.parameters["dtype"].name})


def _write_softmax(node: Node) -> Written:
    return Written(_MODULES["nn"], class_name(node), {"axis": node.parameters["axis"]})


def _write_argmax(node: Node) -> Written:
    return Written(_MODULES["numpy"], class_name(node), {"axis": node.parameters["axis"], "keepdims": False})


def _write_gather(node: Node) -> Written:
    return Written(_MODULES["numpy"], "Take", {"axis": node.parameters["axis"]})


def _write_reverse(node: Node) -> Written:
    return Written(_MODULES["numpy"], "Flip", {"axis": list(node.parameters["axes"])})


def _write_stop(node: Node) -> Written:
    return Written(_MODULES["core"], "StopGradient", {})


def _write_product(node: Node) -> Written:
    """`dot_general` as Keras's `Einsum`-like classes: a matrix product, or a sum over chosen axes."""
    (left, right), (left_batch, right_batch) = node.parameters["contract"], node.parameters["batch"]
    a, b = node.inputs[0].type.rank, node.inputs[1].type.rank
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    one = [next(letters) for _ in range(a)]
    two = [next(letters) for _ in range(b)]
    for i, j in (*zip(left, right, strict=True), *zip(left_batch, right_batch, strict=True)):
        two[j] = one[i]
    batch = [one[i] for i in left_batch]
    kept = [one[i] for i in range(a) if i not in left and i not in left_batch]
    kept += [two[j] for j in range(b) if j not in right and j not in right_batch]
    subscripts = f"{''.join(one)},{''.join(two)}->{''.join([*batch, *kept])}"
    return Written(_MODULES["numpy"], "Einsum", {"subscripts": subscripts})


_WRITERS: dict[str, Callable[[Node], Written]] = {
    "reshape": _write_reshape,
    "slice": _write_slice,
    "transpose": _write_transpose,
    "concat": _write_concat,
    "cast": _write_cast,
    "softmax": _write_softmax,
    "log_softmax": _write_softmax,
    "argmax": _write_argmax,
    "argmin": _write_argmax,
    "gather": _write_gather,
    "reverse": _write_reverse,
    "stop_gradient": _write_stop,
    "dot_general": _write_product,
}


def _axis(config: dict[str, Any], default: Any = None) -> Any:
    axis = config.get("axis", default)
    return tuple(axis) if isinstance(axis, list) else axis


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda config, x: function(x, axis=_axis(config), keepdims=config.get("keepdims", False))


def _get_item(config: dict[str, Any], x: Any, key: Any) -> Any:
    return x[tuple(key) if isinstance(key, list) else key]


_NAMES = {  # Keras's class to our function, where it takes the operands alone
    "Add": F.add, "Subtract": F.subtract, "Multiply": F.multiply, "TrueDivide": F.divide, "Divide": F.divide,
    "FloorDivide": F.floor_divide, "Mod": F.mod, "Power": F.power, "Maximum": F.maximum, "Minimum": F.minimum,
    "Arctan2": F.arctan2, "Negative": F.negative, "Absolute": F.absolute, "Abs": F.absolute, "Sign": F.sign,
    "Square": F.square, "Floor": F.floor, "Ceil": F.ceil, "Exp": F.exp, "Expm1": F.expm1, "Log": F.log,
    "Log1p": F.log1p, "Sqrt": F.sqrt, "Rsqrt": F.rsqrt, "Reciprocal": F.reciprocal, "Sin": F.sin, "Cos": F.cos,
    "Tan": F.tan, "Arcsin": F.arcsin, "Arccos": F.arccos, "Arctan": F.arctan, "Sinh": F.sinh, "Cosh": F.cosh,
    "Tanh": F.tanh, "Arcsinh": F.arcsinh, "Arccosh": F.arccosh, "Arctanh": F.arctanh, "Isfinite": F.isfinite,
    "Isnan": F.isnan, "LogicalNot": F.logical_not, "LogicalAnd": F.logical_and, "LogicalOr": F.logical_or,
    "LogicalXor": F.logical_xor, "Equal": F.equal, "NotEqual": F.not_equal, "Less": F.less, "LessEqual": F.less_equal,
    "Greater": F.greater, "GreaterEqual": F.greater_equal, "Where": F.where, "Relu": F.relu, "Sigmoid": F.sigmoid,
    "Softplus": F.softplus, "Silu": F.silu, "Relu6": F.relu6, "Matmul": F.matmul, "Dot": F.dot, "Erf": F.erf,
    "StopGradient": F.stop_gradient, "ZerosLike": F.zeros_like, "OnesLike": F.ones_like,
}  # fmt: skip
_READERS: dict[str, Callable[..., Any]] = {
    "Sum": _reduction(F.sum),
    "Mean": _reduction(F.mean),
    "Prod": _reduction(F.prod),
    "Max": _reduction(F.max),
    "Min": _reduction(F.min),
    "Any": _reduction(F.any),
    "All": _reduction(F.all),
    "Var": _reduction(F.var),
    "Std": _reduction(F.std),
    "Reshape": lambda config, x: F.reshape(x, tuple(config["newshape"])),
    "Transpose": lambda config, x: F.transpose(x, config.get("axes")),
    "Concatenate": lambda config, xs: F.concatenate(xs, axis=config.get("axis", 0)),
    "Stack": lambda config, xs: F.stack(xs, axis=config.get("axis", 0)),
    "ExpandDims": lambda config, x: F.expand_dims(x, _axis(config)),
    "Squeeze": lambda config, x: F.squeeze(x, _axis(config)),
    "Cast": lambda config, x: F.cast(x, config["dtype"]),
    "Softmax": lambda config, x: F.softmax(x, config.get("axis", -1)),
    "LogSoftmax": lambda config, x: F.log_softmax(x, config.get("axis", -1)),
    "Argmax": lambda config, x: F.argmax(x, axis=_axis(config), keepdims=config.get("keepdims", False)),
    "Argmin": lambda config, x: F.argmin(x, axis=_axis(config), keepdims=config.get("keepdims", False)),
    "Take": lambda config, x, indices: F.take(x, indices, axis=_axis(config)),
    "Flip": lambda config, x: F.flip(x, _axis(config)),
    "Einsum": lambda config, *xs: F.einsum(config["subscripts"], *xs),
    "Clip": lambda config, x, *bounds: F.clip(x, *(bounds or (config["x_min"], config["x_max"]))),
    "GetItem": _get_item,
}


def is_operation(config: dict[str, Any]) -> bool:
    """Whether a part of a functional model's configuration is an operation, not a layer."""
    return str(config.get("module", "")).startswith("keras.src.ops")


def reader(config: dict[str, Any]) -> Callable[..., Any]:
    """The function of an operation that a file describes.

    Raises:
        NotSupportedError: It is not known here.
    """
    name, inner = config["class_name"], dict(config.get("config") or {})
    if name in _NAMES:
        return _NAMES[name]
    if name in _READERS:
        function = _READERS[name]
        return lambda *args, **kwargs: function({**inner, **kwargs}, *args)
    raise NotSupportedError(f"The operation {config.get('module')}.{name} in a saved model is not supported yet.")
