"""Update rules, as functions from (variable, gradient, slots) to their new values.

All operands are tensors of one shape and dtype, `rate` and `step` scalars of that dtype. Each returns the variable's
new value, then its slots' in the order of the arguments. Formulas are Keras 3's.
"""

from __future__ import annotations

from collections.abc import Sequence

from epochal.tensor import Tensor, functions


def gradient_descent(variable: Tensor, gradient: Tensor, rate: Tensor) -> Tensor:
    """``w - rate g``.

    Example:
        >>> from epochal.tensor import convert
        >>> gradient_descent(convert([1.0, 2.0]), convert([0.5, -0.5]), convert(0.5)).tolist()
        [0.75, 2.25]
    """
    return variable - gradient * rate


def momentum_descent(
    variable: Tensor, gradient: Tensor, velocity: Tensor, rate: Tensor, momentum: float, nesterov: bool = False
) -> tuple[Tensor, Tensor]:
    """``v' = momentum v - rate g``, ``w + v'``; Nesterov looks one step ahead: ``w + momentum v' - rate g``."""
    velocity = velocity * momentum - gradient * rate
    if nesterov:
        return variable + (velocity * momentum - gradient * rate), velocity
    return variable + velocity, velocity


def rmsprop(
    variable: Tensor,
    gradient: Tensor,
    square: Tensor,
    velocity: Tensor | None,
    average: Tensor | None,
    rate: Tensor,
    rho: float,
    momentum: float,
    epsilon: float,
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """``s' = rho s + (1 - rho) g^2``, ``w - rate g / sqrt(s' + epsilon)`` (Hinton).

    With `average` (centered) the variance ``s' - a'^2`` stands for s'; with `velocity` the increment gathers momentum.
    """
    square = rho * square + (1.0 - rho) * functions.square(gradient)
    if average is not None:
        average = rho * average + (1.0 - rho) * gradient
        denominator = square - functions.square(average) + epsilon
    else:
        denominator = square + epsilon
    increment = rate * gradient / functions.sqrt(denominator)
    if velocity is not None:
        velocity = increment = momentum * velocity + increment
    return variable - increment, square, velocity, average


def adam(
    variable: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    largest: Tensor | None,
    rate: Tensor,
    step: Tensor,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Kingma and Ba 2015, with the bias corrections folded into the rate, so epsilon is the paper's epsilon-hat.

    Args:
        variable: w.
        gradient: g.
        first: Running mean of g.
        second: Running mean of g^2.
        largest: Largest `second` so far (AMSGrad), or ``None``.
        rate: Learning rate.
        step: 1 on the first update.
        beta_1: Decay of the first moment.
        beta_2: Decay of the second moment.
        epsilon: Added to the root of the second moment.
    """
    rate = rate * functions.sqrt(1.0 - functions.power(beta_2, step)) / (1.0 - functions.power(beta_1, step))
    first = first + (gradient - first) * (1.0 - beta_1)
    second = second + (functions.square(gradient) - second) * (1.0 - beta_2)
    scale = second
    if largest is not None:
        scale = largest = functions.maximum(largest, second)
    return variable - first * rate / (functions.sqrt(scale) + epsilon), first, second, largest


def adamax(
    variable: Tensor,
    gradient: Tensor,
    first: Tensor,
    norm: Tensor,
    rate: Tensor,
    step: Tensor,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Adam with the infinity norm: ``u' = max(beta_2 u, |g|)``."""
    first = first + (gradient - first) * (1.0 - beta_1)
    norm = functions.maximum(beta_2 * norm, functions.absolute(gradient))
    correction = 1.0 - functions.power(beta_1, step)
    return variable - rate * first / (correction * (norm + epsilon)), first, norm


def nadam(
    variable: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    product: Tensor,
    rate: Tensor,
    step: Tensor,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Dozat 2016: Adam with Nesterov's momentum. `product` is the momentum schedule's product up to this step."""
    now = nadam_momentum(step, beta_1)
    after = nadam_momentum(step + 1.0, beta_1)
    first = first + (gradient - first) * (1.0 - beta_1)
    second = second + (functions.square(gradient) - second) * (1.0 - beta_2)
    ahead = after * first / (1.0 - product * after) + (1.0 - now) * gradient / (1.0 - product)
    scale = second / (1.0 - functions.power(beta_2, step))
    return variable - ahead * rate / (functions.sqrt(scale) + epsilon), first, second


def nadam_momentum(step: Tensor, beta_1: float) -> Tensor:
    """The momentum schedule ``beta_1 (1 - 0.5 * 0.96^t)``."""
    return beta_1 * (1.0 - 0.5 * functions.power(0.96, step))


def adagrad(variable: Tensor, gradient: Tensor, total: Tensor, rate: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Duchi et al. 2011: ``s' = s + g^2``, ``w - rate g / sqrt(s' + epsilon)``."""
    total = total + functions.square(gradient)
    return variable - rate * gradient / functions.sqrt(total + epsilon), total


def adadelta(
    variable: Tensor, gradient: Tensor, squares: Tensor, deltas: Tensor, rate: Tensor, rho: float, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Zeiler 2012: the step is scaled by the root mean square of past steps over that of gradients."""
    squares = rho * squares + (1.0 - rho) * functions.square(gradient)
    delta = -functions.sqrt(deltas + epsilon) * gradient / functions.sqrt(squares + epsilon)
    deltas = rho * deltas + (1.0 - rho) * functions.square(delta)
    return variable + rate * delta, squares, deltas


def ftrl(
    variable: Tensor,
    gradient: Tensor,
    total: Tensor,
    linear: Tensor,
    rate: Tensor,
    power: float,
    l1: float,
    l2: float,
    shrinkage: float,
    beta: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Follow the regularized leader (McMahan et al. 2013); `power` is the (negative) learning rate power."""
    shrunk = gradient + 2.0 * shrinkage * variable
    new_total = total + functions.square(gradient)
    grown, before = functions.power(new_total, -power), functions.power(total, -power)
    linear = linear + shrunk - (grown - before) / rate * variable
    quadratic = grown / rate + 2.0 * (l2 + beta / (2.0 * rate))
    return (functions.clip(linear, -l1, l1) - linear) / quadratic, new_total, linear


def lion(
    variable: Tensor, gradient: Tensor, average: Tensor, rate: Tensor, beta_1: float, beta_2: float
) -> tuple[Tensor, Tensor]:
    """Chen et al. 2023: the sign of an interpolated momentum."""
    direction = functions.sign(average * beta_1 + gradient * (1.0 - beta_1))
    return variable - rate * direction, average * beta_2 + gradient * (1.0 - beta_2)


def decay_weights(variable: Tensor, rate: Tensor, decay: float) -> Tensor:
    """Decoupled weight decay: ``w - w decay rate``."""
    return variable - variable * decay * rate


def clip_by_norm(gradient: Tensor, limit: float) -> Tensor:
    """`gradient` scaled down to Euclidean norm `limit` if it is longer."""
    square = functions.sum(functions.square(gradient))
    positive = square > 0.0
    # sqrt has an infinite slope at 0: choose the operand first, so that a gradient through here stays finite.
    norm = functions.where(positive, functions.sqrt(functions.where(positive, square, 1.0)), square)
    return gradient * limit / functions.maximum(norm, limit)


def clip_by_global_norm(gradients: Sequence[Tensor | None], limit: float) -> list[Tensor | None]:
    """All gradients scaled by one factor, so that their joint Euclidean norm is at most `limit`."""
    norm = global_norm(gradients)
    # (norm - norm) turns an infinite norm into NaN instead of silently zeroing the gradients.
    scale = limit * functions.minimum(1.0 / norm, 1.0 / limit) + (norm - norm)
    return [None if gradient is None else gradient * scale for gradient in gradients]


def global_norm(tensors: Sequence[Tensor | None]) -> Tensor:
    """Euclidean norm of all elements of all tensors."""
    total = None
    for tensor in tensors:
        if tensor is not None:
            square = functions.sum(functions.square(tensor))
            total = square if total is None else total + square
    assert total is not None, "no gradient to take the norm of"
    return functions.sqrt(total)


def lamb(
    variable: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    rate: Tensor,
    step: Tensor,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """You et al. 2020: the direction is Adam's, the length of a step the rate times the norm of the weights.

    Args:
        variable: w.
        gradient: g.
        first: Running mean of g.
        second: Running mean of g^2.
        rate: Learning rate.
        step: 1 on the first update.
        beta_1: Decay of the first moment.
        beta_2: Decay of the second moment.
        epsilon: Added to the root of the second moment.
    """
    first = first + (gradient - first) * (1.0 - beta_1)
    second = second + (functions.square(gradient) - second) * (1.0 - beta_2)
    mean = first / (1.0 - functions.power(beta_1, step))
    root = functions.sqrt(second / (1.0 - functions.power(beta_2, step)))
    update = mean / (root + epsilon)
    weights, length = functions.norm(variable), functions.norm(update)
    both = functions.logical_and(weights > 0.0, length > 0.0)
    ratio = functions.where(both, weights / functions.where(both, length, 1.0), 1.0)
    return variable - rate * ratio * update, first, second
