"""`tf.flags`: options of a script, read from its command line when first asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from epochal.errors import ArgumentError

__all__ = [
    "FLAGS",
    "DEFINE_bool",
    "DEFINE_boolean",
    "DEFINE_enum",
    "DEFINE_float",
    "DEFINE_integer",
    "DEFINE_list",
    "DEFINE_string",
    "FlagValues",
    "mark_flag_as_required",
]  # fmt: skip


class FlagValues:
    """The options defined, by name; ``FLAGS.batch_size`` reads one."""

    def __init__(self) -> None:
        self.__dict__["_parser"] = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        self.__dict__["_values"] = {}
        self.__dict__["_required"] = set()
        self.__dict__["_parsed"] = False

    def define(self, name: str, default: Any, help_: str | None, **how: Any) -> None:
        """Adds an option, as ``--name value`` or ``--name=value``."""
        if name in self._values:
            raise ArgumentError(f"The flag {name!r} is defined twice.")
        names = {f"--{name}", f"-{name}"}
        self._parser.add_argument(*sorted(names, reverse=True), dest=name, default=default, help=help_, **how)
        self._values[name] = default
        self.__dict__["_parsed"] = False

    def require(self, name: str) -> None:
        """Asking for any option fails while this one has no value."""
        self._required.add(name)

    def __call__(self, argv: Sequence[str], known_only: bool = False) -> list[str]:
        """Reads the options of a command line whose first entry is the script; returns what is left of it."""
        found, rest = self._parser.parse_known_args(list(argv)[1:])
        unknown = [word for word in rest if word.startswith("--")]
        if unknown and not known_only:
            raise ArgumentError(f"Unknown command line flag {unknown[0]!r}. Defined: {', '.join(sorted(self._values))}")
        self._values.update(vars(found))
        self.__dict__["_parsed"] = True
        missing = [name for name in sorted(self._required) if self._values.get(name) is None]
        if missing:
            raise ArgumentError(f"Flag --{missing[0]} must have a value other than None.")
        return [argv[0] if argv else "", *rest]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if not self._parsed:
            self(sys.argv, known_only=True)
        if name not in self._values:
            raise AttributeError(f"Unknown flag {name!r}. Defined: {', '.join(sorted(self._values)) or 'none'}")
        return self._values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self._values[name] = value

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __iter__(self) -> Any:
        return iter(self._values)

    def flag_values_dict(self) -> dict[str, Any]:
        """All options and their values."""
        return dict(self._values)


FLAGS = FlagValues()


def _definer(kind: Callable[[str], Any], about: str) -> Callable[..., None]:
    def define(name: str, default: Any, help: str | None = None, flag_values: Any = None, **args: Any) -> None:
        FLAGS.define(name, default, help, type=kind)

    define.__doc__ = f"Defines an option that holds {about}."
    return define


def _as_bool(text: str) -> bool:
    if text.lower() in ("true", "t", "1", "yes"):
        return True
    if text.lower() in ("false", "f", "0", "no"):
        return False
    raise argparse.ArgumentTypeError(f"expected true or false, not {text!r}")


DEFINE_string = _definer(str, "text")
DEFINE_integer = _definer(int, "an integer")
DEFINE_float = _definer(float, "a number")
DEFINE_list = _definer(lambda text: [part for part in text.split(",") if part], "names separated by commas")


def DEFINE_boolean(name: str, default: Any, help: str | None = None, flag_values: Any = None, **args: Any) -> None:
    """Defines an option that is true or false: ``--name``, ``--name=false`` or ``--noname``."""
    FLAGS.define(name, default, help, type=_as_bool, nargs="?", const=True)
    FLAGS._parser.add_argument(f"--no{name}", dest=name, action="store_false", default=argparse.SUPPRESS)


DEFINE_bool = DEFINE_boolean


def DEFINE_enum(name: str, default: Any, enum_values: Sequence[str], help: str | None = None, **args: Any) -> None:
    """Defines an option that is one of several names."""
    FLAGS.define(name, default, help, choices=list(enum_values))


def mark_flag_as_required(flag_name: str, flag_values: Any = None) -> None:
    """The script must be given this option."""
    FLAGS.require(flag_name)
