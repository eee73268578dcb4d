"""`epochal`: reads the command line and hands over to one module a command."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from epochal import __version__


def parser() -> argparse.ArgumentParser:
    """The command line's grammar. Each command names the module whose ``main(arguments) -> exit code`` runs it."""
    top = argparse.ArgumentParser(
        prog="epochal",
        description="TensorFlow and Keras programs, compiled whole and trained fast on an ordinary computer.",
    )
    top.add_argument("--version", action="version", version=f"epochal {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    demo = commands.add_parser("demo", help="train a bundled example and show what it learned")
    demo.add_argument("name", choices=["digits"], help="digits: a convolutional network on handwritten digits")
    demo.add_argument("--epochs", type=_positive, default=None, metavar="N", help="passes over the training digits")
    demo.add_argument("--output", default="epochal-digits", metavar="FOLDER", help="where the model and the page go")
    demo.add_argument("--num-threads", type=_positive, default=None, metavar="N")
    demo.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed gives the same bits")
    demo.set_defaults(module="epochal.cli.demo")

    run = commands.add_parser(
        "run", help="run an unmodified script, with tensorflow and keras bound to Epochal in this process alone"
    )
    run.add_argument("--num-threads", type=_positive, default=None, metavar="N")
    run.add_argument("--full-traceback", action="store_true", help="show Epochal's own frames in an error, too")
    run.add_argument("script", metavar="SCRIPT", help="a Python file")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS", help="handed to the script")
    run.set_defaults(module="epochal.cli.run")

    _add_bench(commands)

    info = commands.add_parser("info", help="versions, processor, engines, threads, cache")
    info.set_defaults(module="epochal.cli.info")
    return top


def _add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bench = commands.add_parser("bench", help="Epochal beside every installed peer: training, inference, memory")
    bench.add_argument(
        "workloads",
        nargs="*",
        metavar="WORKLOAD",
        help="seed, seed200, mlp, cnn, lstm, tfm, resnet, resnet50, gpt2; default: all",
    )
    bench.add_argument("--only", metavar="KINDS", help="some of training,inference,first,memory; default: all")
    bench.add_argument("--peers", metavar="PEERS", help="some of the table's columns, epochal among them; default: all")
    bench.add_argument("--repeat", type=_positive, default=5, metavar="N", help="times measured; the best counts")
    bench.add_argument(
        "--steps", type=_positive, default=None, metavar="N", help="steps of an epoch; default: by workload"
    )
    bench.add_argument("--num-threads", type=_positive, default=None, metavar="N", help="for every engine alike")
    bench.add_argument("--time-limit", type=_positive, default=600, metavar="S", help="seconds a measurement may take")
    bench.add_argument("--json", metavar="FILE", help="keep the measurements; a file that exists is extended")
    bench.add_argument("--html", metavar="FILE", help="write a page with charts")
    bench.add_argument(
        "--python", action="append", default=[], metavar="PATH", help="another interpreter to look for peers in"
    )
    bench.set_defaults(module="epochal.cli.bench")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number, received {text}")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    chosen = parser().parse_args(arguments)
    try:
        code: int = importlib.import_module(chosen.module).main(chosen)
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away (`epochal ... | head`): nothing is left to say
        return 141
    return code


if __name__ == "__main__":
    sys.exit(main())
