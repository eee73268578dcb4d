"""`tf.summary`: accepted, so that programs which log for TensorBoard run. It computes nothing and writes no file.

`scalar` and its like return operations that do nothing; `merge_all` returns one that a session can run (its result is
``None``), and a writer takes whatever it is given. To see curves of training, use Keras's History or print them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from epochal.tf.graph import GraphKeys, current_graph


def _skip(kind: str, name: Any, collections: Sequence[str] | None = None) -> Any:
    graph = current_graph()
    if graph is None:
        return None
    operation = graph.add_operation(str(name or kind), kind, None)
    for key in collections if collections is not None else (GraphKeys.SUMMARIES,):
        graph.add_to_collection(key, operation)
    return operation


def scalar(
    name: str, tensor: Any = None, collections: Any = None, family: Any = None, data: Any = None, step: Any = None,
    description: Any = None,
) -> Any:  # fmt: skip
    """Accepted and skipped; see the module."""
    return _skip("ScalarSummary", name, collections)


def histogram(
    name: str, values: Any = None, collections: Any = None, family: Any = None, data: Any = None, step: Any = None,
    buckets: Any = None, description: Any = None,
) -> Any:  # fmt: skip
    """Accepted and skipped; see the module."""
    return _skip("HistogramSummary", name, collections)


def image(
    name: str, tensor: Any = None, max_outputs: int = 3, collections: Any = None, family: Any = None,
    data: Any = None, step: Any = None, description: Any = None,
) -> Any:  # fmt: skip
    """Accepted and skipped; see the module."""
    return _skip("ImageSummary", name, collections)


def text(
    name: str, tensor: Any = None, collections: Any = None, data: Any = None, step: Any = None, description: Any = None
) -> Any:
    """Accepted and skipped; see the module."""
    return _skip("TextSummary", name, collections)


def merge(inputs: Any, collections: Any = None, name: str | None = None) -> Any:
    """An operation that does nothing, for the summaries given."""
    return _skip("MergeSummary", name, collections or ())


def merge_all(key: str = GraphKeys.SUMMARIES, scope: str | None = None, name: str | None = None) -> Any:
    """An operation that does nothing, for all summaries of the graph; ``None`` if there are none."""
    graph = current_graph()
    if graph is None or not graph.get_collection(key, scope):
        return None
    return merge([], name=name)


class FileWriter:
    """Takes summaries and writes nothing."""

    def __init__(
        self, logdir: Any = None, graph: Any = None, max_queue: int = 10, flush_secs: int = 120, graph_def: Any = None,
        filename_suffix: str | None = None, session: Any = None,
    ) -> None:  # fmt: skip
        self._logdir = str(logdir)

    def get_logdir(self) -> str:
        return self._logdir

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Skipped."""

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Skipped."""

    def add_event(self, event: Any) -> None:
        """Skipped."""

    def add_run_metadata(self, run_metadata: Any, tag: str, global_step: Any = None) -> None:
        """Skipped."""

    def flush(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def reopen(self) -> None:
        """Nothing to do."""

    def set_as_default(self, step: Any = None) -> None:
        """Nothing to do."""

    @contextmanager
    def as_default(self, step: Any = None) -> Iterator[FileWriter]:
        """Inside the block `scalar` and its like go here, which means nowhere."""
        yield self

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def create_file_writer(
    logdir: Any, max_queue: Any = None, flush_millis: Any = None, filename_suffix: Any = None, name: Any = None,
    experimental_trackable: bool = False,
) -> FileWriter:  # fmt: skip
    """A writer that writes nothing."""
    return FileWriter(logdir)


def trace_on(graph: bool = True, profiler: bool = False, profiler_outdir: Any = None) -> None:
    """Skipped."""


def trace_export(name: str, step: Any = None, profiler_outdir: Any = None) -> None:
    """Skipped."""


def trace_off() -> None:
    """Skipped."""
