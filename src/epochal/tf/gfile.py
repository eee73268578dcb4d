"""`tf.gfile` and `tf.io.gfile`: files of this machine, under TensorFlow's names, old and new."""

from __future__ import annotations

import glob as globbing
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from epochal.tf.errors import NotFoundError


def open_file(name: Any, mode: str = "r") -> IO[Any]:
    """An open file; `mode` as Python's.

    Raises:
        NotFoundError: It does not exist.
    """
    try:
        return open(name, mode, encoding=None if "b" in mode else "utf-8")
    except FileNotFoundError as error:
        raise NotFoundError(None, None, f"{name}; {error.strerror}") from None


GFile = Open = FastGFile = open_file


def exists(path: Any) -> bool:
    """Whether there is a file or folder of that name."""
    return Path(path).exists()


def isdir(path: Any) -> bool:
    """Whether it is a folder."""
    return Path(path).is_dir()


def makedirs(path: Any) -> None:
    """Makes a folder and those around it."""
    Path(path).mkdir(parents=True, exist_ok=True)


def mkdir(path: Any) -> None:
    """Makes a folder."""
    Path(path).mkdir(exist_ok=True)


def listdir(path: Any) -> list[str]:
    """Names in a folder.

    Raises:
        NotFoundError: There is no such folder.
    """
    try:
        return sorted(os.listdir(path))
    except FileNotFoundError:
        raise NotFoundError(None, None, f"Could not find directory {path}") from None


def glob(pattern: Any) -> list[str]:
    """Files whose names match a pattern."""
    patterns = pattern if isinstance(pattern, (list, tuple)) else [pattern]
    return sorted(name for one in patterns for name in globbing.glob(str(one)))


def remove(path: Any) -> None:
    """Deletes a file.

    Raises:
        NotFoundError: There is none.
    """
    try:
        Path(path).unlink()
    except FileNotFoundError:
        raise NotFoundError(None, None, f"{path}; No such file or directory") from None


def rmtree(path: Any) -> None:
    """Deletes a folder and all in it.

    Raises:
        NotFoundError: There is none.
    """
    if not Path(path).is_dir():
        raise NotFoundError(None, None, f"{path}; No such file or directory")
    shutil.rmtree(path)


def copy(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Copies a file.

    Raises:
        FileExistsError: There is one of that name, and it may not be overwritten.
    """
    if Path(dst).exists() and not overwrite:
        raise FileExistsError(f"{dst}; file already exists")
    shutil.copyfile(src, dst)


def rename(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Moves a file.

    Raises:
        FileExistsError: There is one of that name, and it may not be overwritten.
    """
    if Path(dst).exists() and not overwrite:
        raise FileExistsError(f"{dst}; file already exists")
    os.replace(src, dst)


def walk(top: Any, topdown: bool = True, onerror: Any = None) -> Iterator[tuple[str, list[str], list[str]]]:
    """Folders, and the folders and files in them."""
    return os.walk(top, topdown, onerror)


def join(path: Any, *paths: Any) -> str:
    """Parts of a path put together."""
    return os.path.join(path, *paths)


Exists, IsDirectory, MakeDirs, MkDir, ListDirectory, Glob = exists, isdir, makedirs, mkdir, listdir, glob
Remove, DeleteRecursively, Copy, Rename, Walk = remove, rmtree, copy, rename, walk
