"""`epochal.profile`: where the time of a function of tensors goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from epochal import config, tree
from epochal.backends.base import get as get_backend
from epochal.compile import optimise
from epochal.errors import NotSupportedError
from epochal.learn.profile import Profile
from epochal.tensor import Tensor, convert, trace


def profile(
    function: Callable[..., Any], *arguments: Any, seconds: float = 1.0, num_threads: int | None = None
) -> Profile:
    """Compiles a function, runs it some times on copies of its variables and says where the time goes.

    Args:
        function: Of tensors; what `tf.function` returned will do.
        *arguments: Tensors or arrays, nested; anything else is handed over as it is.
        seconds: About how long to measure.
        num_threads: Threads of the program.

    Returns:
        Times by kernel; print it, or call its ``to_html``.

    Raises:
        NotSupportedError: The engine in use does not compile.

    Example:
        >>> import numpy as np
        >>> import epochal
        >>> from epochal import tf
        >>> x = np.ones((64, 64), "float32")
        >>> found = epochal.profile(tf.function(lambda x: tf.reduce_sum(tf.exp(x) @ x)), x, seconds=0.01)
        >>> found.operations > 2 * 64**3
        True
    """
    backend = compiling_engine("profile")
    traced = trace(getattr(function, "python_function", function), *arguments)
    leaves = [leaf for leaf in tree.flatten(list(arguments)) if isinstance(leaf, (Tensor, np.ndarray, np.generic))]
    arrays = [np.array(convert(leaf).numpy(), order="C") for leaf in leaves]
    state = [variable.data.copy() for variable in traced.variables]
    measured = backend.profile(optimise(traced.program, backend.lowers), arrays, state, seconds, num_threads)
    return Profile(measured, f"Function '{getattr(function, '__name__', type(function).__name__)}'")


def compiling_engine(method: str) -> Any:
    """The engine in use, if it has that method.

    Raises:
        NotSupportedError: It has not.
    """
    backend = get_backend(config.backend())
    if not hasattr(backend, method):
        raise NotSupportedError(
            f"`{method}` looks at compiled programs, and the engine {backend.name!r} does not compile. "
            "Choose the native one: epochal.set_backend('native')."
        )
    return backend
