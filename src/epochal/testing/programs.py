"""Random programs: what engines and passes are compared on.

A program is drawn from a seed. Every operator of the inventory can occur in it, on operands that keep it clear of NaN,
of overflow and of steps: values carry a bound, what grows is brought back by tanh, and what is not continuous (floor,
comparisons, argmax ...) sees only *exact* values, inputs that were at most moved, so that a rounding difference
between two engines cannot become a large one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from epochal import dtypes
from epochal.autodiff import gradients
from epochal.dtypes import DType
from epochal.ir import Array, Graph, Program, Value
from epochal.testing import program_selection as selection
from epochal.testing import program_structure as structure
from epochal.testing.program_writer import Writer
from epochal.topi.control_samples import retyped
from epochal.topi.inventory import BUILD, INVENTORY

# The domain on which an operator of one operand is used, and a bound on its results there.
UNARY: Mapping[str, tuple[str, float]] = {
    "neg": ("any", 4), "abs": ("any", 4), "square": ("any", 16), "exp": ("unit", 3), "expm1": ("unit", 2),
    "log": ("positive", 2), "log1p": ("positive", 2), "sqrt": ("positive", 3), "rsqrt": ("positive", 1.5),
    "reciprocal": ("positive", 2), "sin": ("any", 1), "cos": ("any", 1), "tan": ("unit", 1.6),
    "asin": ("unit", 1.2), "acos": ("unit", 3), "atan": ("any", 1.6), "sinh": ("unit", 1.2), "cosh": ("unit", 1.6),
    "tanh": ("any", 1), "asinh": ("any", 2.2), "acosh": ("above one", 3), "atanh": ("unit", 1.5),
    "sigmoid": ("any", 1), "erf": ("any", 1), "erfc": ("any", 2), "relu": ("any", 4), "stop_gradient": ("any", 4),
    "softplus": ("any", 5), "erf_inv": ("unit", 1.3), "lgamma": ("positive", 3), "digamma": ("positive", 2.5),
    "sign": ("exact", 1), "floor": ("exact", 4), "ceil": ("exact", 4), "round": ("exact", 4),
}  # fmt: skip
# The domains of both operands, and a bound.
BINARY: Mapping[str, tuple[str, str, float]] = {
    "add": ("any", "any", 8), "sub": ("any", "any", 8), "mul": ("any", "any", 16), "div": ("any", "positive", 8),
    "pow": ("positive", "unit", 5), "atan2": ("any", "positive", 1.6), "maximum": ("exact", "exact", 4),
    "minimum": ("exact", "exact", 4), "sigmoid_cross_entropy": ("any", "unit", 10),
}  # fmt: skip
COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
INTEGER_BINARY = ("add", "sub", "mul", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor")
INTEGER_BY_POSITIVE = ("floor_div", "rem")


def _unary(writer: Writer, name: str) -> None:
    domain, bound = UNARY[name]
    writer.keep(getattr(BUILD, name)(writer.of(domain)), bound)


def _binary(writer: Writer, name: str) -> None:
    first, second, bound = BINARY[name]
    x = writer.of(first)
    y = writer.of(second, like=x)
    writer.keep(getattr(BUILD, name)(x, y), bound)


def _comparison(writer: Writer, name: str) -> None:
    x = writer.of("exact")
    writer.keep(getattr(BUILD, name)(x, writer.of("exact", like=x)))


def _test_of_floats(writer: Writer, name: str) -> None:
    writer.keep(getattr(BUILD, name)(writer.of("any")))


def _logical(writer: Writer, name: str) -> None:
    x = writer.bool()
    operands = (x,) if name == "logical_not" else (x, writer.bool(like=x))
    writer.keep(getattr(BUILD, name)(*operands))


def _integer(writer: Writer, name: str) -> None:
    x = writer.integer()
    if name in INTEGER_BY_POSITIVE:
        writer.keep(getattr(BUILD, name)(x, int(writer.rng.integers(1, 9))))
    elif name in ("shift_left", "shift_right"):
        writer.keep(getattr(BUILD, name)(x, int(writer.rng.integers(0, 5))))
    elif name in ("bitwise_not", "neg", "abs", "sign", "square"):
        writer.keep(getattr(BUILD, name)(x))
    else:
        writer.keep(getattr(BUILD, name)(x, writer.integer(like=x)))


def _exact_division(writer: Writer, name: str) -> None:
    """floor_div and rem of floats step: both operands are exact, the divisor away from 0."""
    x = writer.of("exact")
    writer.keep(getattr(BUILD, name)(x, writer.fresh(x.shape, 0.5, 3.0)), 8)


def _cast(writer: Writer, name: str) -> None:
    kind = writer.rng.integers(4)
    if kind == 0:
        writer.keep(BUILD.cast(writer.integer(), dtype=writer.dtype), 100)
    elif kind == 1:
        writer.keep(BUILD.cast(writer.bool(), dtype=writer.dtype), 1)
    elif kind == 2:
        writer.keep(BUILD.cast(writer.of("exact"), dtype=dtypes.int32))
    else:
        other = dtypes.float64 if writer.dtype == "float32" else dtypes.float32
        narrow = BUILD.cast(writer.of("exact"), dtype=other)
        writer.keep(BUILD.cast(narrow, dtype=writer.dtype), 4, exact=True)


def _select(writer: Writer, name: str) -> None:
    condition = writer.bool()
    x, y = (writer.shaped(condition.shape) for _ in range(2))
    writer.keep(BUILD.select(condition, x, y), 4)


def _clamp(writer: Writer, name: str) -> None:
    writer.keep(BUILD.clamp(writer.of("any"), -0.7, 0.9), 1)


def _softmax(writer: Writer, name: str) -> None:
    x = writer.of("any", least_rank=1)
    axis = int(writer.rng.integers(len(x.shape)))
    writer.keep(getattr(BUILD, name)(x, axis=axis), 12)


def _logsumexp(writer: Writer, name: str) -> None:
    x = writer.of("any", least_rank=1)
    writer.keep(BUILD.logsumexp(x, axes=writer.axes(x)), 12)


def _cross_entropy(writer: Writer, name: str) -> None:
    logits = writer.of("any", least_rank=1)
    if name == "softmax_cross_entropy":
        labels = BUILD.softmax(writer.of("any", like=logits), axis=len(logits.shape) - 1)
        writer.keep(BUILD.softmax_cross_entropy(logits, labels), 15)
    else:
        labels = writer.indices(logits.shape[:-1], int(logits.shape[-1]))  # type: ignore[arg-type]
        writer.keep(BUILD.sparse_softmax_cross_entropy(logits, labels), 12)


def _normalisation(writer: Writer, name: str) -> None:
    x = writer.of("any", least_rank=2)
    # Spread out, because normalising nearly equal elements magnifies their rounding errors.
    x = BUILD.add(x, writer.fresh(x.shape))
    if name == "layer_norm":
        shape, parameters = x.shape[1:], {"axes": tuple(range(1, len(x.shape)))}
    else:
        shape, parameters = x.shape[-1:], {}
    gamma, beta = writer.shaped(shape), writer.shaped(shape)
    results = getattr(BUILD, name)(x, gamma, beta, epsilon=0.1, **parameters)
    for result in results[: 1 + int(writer.rng.integers(3))]:
        writer.keep(result, 20)


def _from_sample(writer: Writer, name: str) -> None:
    """An operator without a maker of its own, on one of its samples, which a composite's operands are moved off."""
    operator = INVENTORY[name]
    samples = [
        sample
        for sample in operator.samples()
        if all(map(_is_tame, sample.arguments)) and (operator.gradient is None or sample.differentiable != ())
    ]
    sample = samples[int(writer.rng.integers(len(samples)))]
    operands = []
    for array in sample.arguments:
        if array.dtype != np.float64:
            operands.append(writer.input(array))
            continue
        x = writer.input(array.astype(writer.dtype.numpy))
        writer.settled.add(x)
        if operator.gradient is None and operator.no_gradient != "zero":
            x = BUILD.stop_gradient(x)
        elif "composite" in operator.traits and "random" not in operator.traits:
            x = BUILD.add(x, BUILD.mul(writer.of("unit", like=x), 0.01))
        operands.append(x)
    parameters = {
        key: retyped(value, writer.dtype) if isinstance(value, Graph) else value
        for key, value in sample.parameters.items()
    }
    if isinstance(parameters.get("dtype"), DType) and parameters["dtype"].is_floating:
        parameters["dtype"] = writer.dtype
    for result in BUILD.apply(operator, operands, parameters):
        writer.keep(result, 1e9)


def _is_tame(array: Array) -> bool:
    return bool(0 < array.size < 100 and np.all(np.isfinite(array.astype(np.float64))))


MAKERS: Mapping[str, Callable[[Writer, str], None]] = {
    **{
        name: _from_sample
        for name, operator in INVENTORY.items()
        if "deferred" not in operator.traits and "leaf" not in operator.traits
    },
    **dict.fromkeys(UNARY, _unary),
    **dict.fromkeys(BINARY, _binary),
    **dict.fromkeys(COMPARISONS, _comparison),
    **dict.fromkeys(("is_finite", "is_nan"), _test_of_floats),
    **dict.fromkeys(("logical_not", "logical_and", "logical_or", "logical_xor"), _logical),
    **dict.fromkeys(("bitwise_not", "bitwise_and", "bitwise_or", "bitwise_xor", "shift_left", "shift_right"), _integer),
    **dict.fromkeys(INTEGER_BY_POSITIVE, _exact_division),
    "cast": _cast,
    "select": _select,
    "clamp": _clamp,
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    "logsumexp": _logsumexp,
    **dict.fromkeys(("softmax_cross_entropy", "sparse_softmax_cross_entropy"), _cross_entropy),
    **dict.fromkeys(("layer_norm", "batch_norm_training"), _normalisation),
    **structure.MAKERS,
    **selection.MAKERS,
}
# Names of further makers, for operators of integers that have another above.
INTEGER_MAKERS = ("neg", "abs", "sign", *INTEGER_BINARY[:5], *INTEGER_BY_POSITIVE)


@dataclass(frozen=True)
class RandomProgram:
    """A program and arrays to run it on.

    Attributes:
        seed: What it was drawn from.
        program: The program.
        arguments: Arrays for its arguments.
        state: Arrays for its states.
        operators: Names of the makers that wrote it.
    """

    seed: int
    program: Program
    arguments: list[Array]
    state: list[Array]
    operators: list[str]


def random_program(seed: int, dtype: DType | None = None, large: bool = False, states: bool = False) -> RandomProgram:
    """The program of a seed.

    Args:
        seed: Equal seeds give equal programs and arrays.
        dtype: Its floating type; ``None``: float32 or float64, by the seed.
        large: Whether arrays have thousands of elements instead of tens.
        states: Whether some of the inputs are states, which other values replace (or one another).
    """
    rng = np.random.default_rng(seed)
    writer = Writer(rng, dtype or (dtypes.float32, dtypes.float64)[seed % 2], large)
    names = sorted(MAKERS)
    drawn = []
    for _ in range(int(rng.integers(5, 20))):
        if rng.random() < 0.1:
            name = str(rng.choice(INTEGER_MAKERS))
            _integer(writer, name)
        else:
            name = names[int(rng.integers(len(names)))]
            MAKERS[name](writer, name)
        drawn.append(name)
    outputs = writer.results()
    if rng.random() < 0.5:
        outputs += _gradients(writer, outputs)
    return _as_program(seed, writer, outputs, _replacements(writer) if states else {}, drawn)


def _replacements(writer: Writer) -> dict[Value, Value]:
    """New values for about half of the floating inputs. They are exact, so that further runs stay so."""
    floats = [value for value in writer.inputs if value.dtype is writer.dtype and value not in writer.settled]
    chosen = [value for value in floats if writer.rng.random() < 0.5] or floats[:1]
    return {value: writer.of("exact", like=value) if writer.rng.random() < 0.8 else value for value in chosen}


def _as_program(
    seed: int, writer: Writer, outputs: Sequence[Value], replacements: Mapping[Value, Value], drawn: list[str]
) -> RandomProgram:
    # New values may have drawn further inputs.
    pairs = list(zip(writer.inputs, writer.arrays, strict=True))
    given = [pair for pair in pairs if pair[0] not in replacements]
    kept = [pair for pair in pairs if pair[0] in replacements]
    program = Program(
        Graph([value for value, _ in given + kept], [*outputs, *(replacements[value] for value, _ in kept)]),
        tuple(f"x{index}" for index in range(len(given))),
        tuple(f"y{index}" for index in range(len(outputs))),
        tuple(f"s{index}" for index in range(len(kept))),
        tuple(range(len(kept))),
    )
    return RandomProgram(seed, program, [array for _, array in given], [array for _, array in kept], drawn)


def _gradients(writer: Writer, outputs: Sequence[Value]) -> list[Value]:
    """Gradients of the sum of the floating outputs with respect to up to four inputs."""
    ys = [value for value in outputs if value.dtype is writer.dtype]
    xs = [value for value in writer.inputs if value.dtype is writer.dtype]
    if not ys or not xs:
        return []
    picked = [xs[index] for index in sorted(writer.rng.choice(len(xs), min(4, len(xs)), replace=False))]
    return [value for value in gradients(ys, picked) if value is not None]


__all__ = ["MAKERS", "RandomProgram", "random_program"]
