"""`epochal run`: an unmodified script, with `tensorflow`, `keras` and `tensorflow.keras` bound to Epochal.

The binding lives in this process alone. Whether graphs are the default is decided before the script runs, from the
names it uses: `placeholder`, `Session` and their like exist only in TensorFlow 1.
"""

from __future__ import annotations

import argparse
import ast
import sys
import traceback
import types
from pathlib import Path

from epochal import config, tf
from epochal.cli import binding

# Names that mean a TensorFlow 1 program: they build or run graphs, and TensorFlow 2 has none of them at its top level.
GRAPH_NAMES = frozenset(
    {
        "InteractiveSession", "Session", "disable_eager_execution", "disable_v2_behavior", "get_default_graph",
        "get_default_session", "global_variables_initializer", "initialize_all_variables",
        "local_variables_initializer", "placeholder", "placeholder_with_default", "reset_default_graph",
        "variables_initializer",
    }
)  # fmt: skip
TENSORFLOW = ("tensorflow",)


def main(arguments: argparse.Namespace) -> int:
    """Runs the script and returns its exit code."""
    path = Path(arguments.script)
    try:
        source = path.read_bytes()
    except OSError as error:
        print(f"epochal run: cannot read {path}: {error.strerror}", file=sys.stderr)
        return 2
    try:
        tree = ast.parse(source, filename=str(path))
        code = compile(tree, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        traceback.print_exception(error, limit=0)
        return 1
    if arguments.num_threads is not None:
        config.set_num_threads(arguments.num_threads)
    binding.bind()
    if uses_graphs(tree):
        tf.disable_eager_execution()
    return execute(code, path, arguments.arguments, full_traceback=arguments.full_traceback)


def uses_graphs(tree: ast.AST) -> bool:
    """Whether a script is written for TensorFlow 1's graphs, by the names it takes from TensorFlow."""
    modules = _tensorflow_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in GRAPH_NAMES and _root(node) in modules:
            return True
        from_tensorflow = isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in TENSORFLOW
        if from_tensorflow and any(alias.name in GRAPH_NAMES for alias in node.names):
            return True
    return False


def _tensorflow_names(tree: ast.AST) -> set[str]:
    """The names under which a script knows TensorFlow or a module of it."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in TENSORFLOW:
                    names.add(alias.asname or alias.name.split(".")[0])
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in TENSORFLOW:
            names.update(alias.asname or alias.name for alias in node.names)
    return names


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def execute(code: types.CodeType, path: Path, arguments: list[str], full_traceback: bool) -> int:
    """Runs compiled code as ``__main__`` and reports an error with the script's own frames."""
    module = types.ModuleType("__main__")
    module.__file__ = str(path)
    sys.modules["__main__"] = module
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    try:
        exec(code, module.__dict__)
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        print(stop.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except BaseException as error:  # noqa: BLE001 - whatever the script raised is reported as Python would
        report(error, full=full_traceback)
        return 1
    return 0


def report(error: BaseException, full: bool) -> None:
    """Prints a traceback that starts and ends in the user's own code; Epochal's frames only if `full`."""
    summary = traceback.TracebackException.from_exception(error)
    if not full:
        own = str(Path(__file__).resolve().parents[1])
        _strip(summary, own)
    print("".join(summary.format()), end="", file=sys.stderr)


def _strip(summary: traceback.TracebackException, own: str) -> None:
    """Removes the frames inside `own` and what they called, from an exception and those it came from."""
    pending, seen = [summary], set[int]()
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        frames = [frame for frame in current.stack if not frame.filename.startswith(own)]
        while frames and frames[-1].filename.startswith("<frozen"):
            frames.pop()
        if frames:
            current.stack[:] = frames
        pending.extend(other for other in (current.__cause__, current.__context__) if other is not None)
