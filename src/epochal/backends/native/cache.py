"""The on-disk cache of object code: private to the user, safe to damage, bounded in size.

It never fails a program: whatever goes wrong (no permission, a full disk, a damaged entry) only means that code is
compiled again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
import time
from pathlib import Path

from epochal import config

LIMIT_BYTES = 256 << 20
LIMIT_ENTRIES = 20_000
"""Above either, the entries used longest ago are removed, down to three quarters."""

LOOK_SECONDS = 3600
"""How often the folder is looked through; at once where this process alone has written an eighth of the limit."""

# Links and pipes that someone has put there are not followed, nor waited for.
_OPEN = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))

_MAGIC = b"epochal object 1\n"
_CHECKSUM = 16
_TOUCH_SECONDS = 24 * 3600
_LOOKED = ".looked"


class ObjectCache:
    """Object code by key, in ``<cache folder>/objects``.

    Code is loaded into the process, so the folder must belong to this user and be writable by no one else; otherwise
    it is not used.
    """

    def __init__(self, folder: Path | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
        self._given = folder
        self._limit = limit_bytes
        self._prepared: tuple[Path | None, str | None] = (None, None)
        self._written = 0
        self._look_at = 0  # what this process may write before it looks

    def read(self, key: str) -> bytes | None:
        """The entry of that key, or ``None`` if there is none that is sound."""
        folder = self._folder()
        if folder is None:
            return None
        path = os.path.join(folder, key)
        try:
            with os.fdopen(os.open(path, _OPEN), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode) or not _is_private(status):
                    return None
                data = file.read()
        except OSError:
            return None
        age = time.time() - status.st_mtime
        start = len(_MAGIC) + _CHECKSUM
        body = data[start:]
        if data[: len(_MAGIC)] != _MAGIC or data[len(_MAGIC) : start] != _checksum(key, body):
            _remove(path)
            return None
        if age > _TOUCH_SECONDS:
            _touch(path)
        return body

    def write(self, key: str, body: bytes) -> None:
        """Adds an entry: readers see all of it or nothing."""
        folder = self._folder(create=True)
        if folder is None:
            return
        data = _MAGIC + _checksum(key, body) + body
        temporary = None
        try:
            descriptor, temporary = tempfile.mkstemp(prefix=".", dir=folder)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            os.replace(temporary, os.path.join(folder, key))
        except BaseException as error:
            if temporary is not None:
                _remove(temporary)
            if isinstance(error, OSError):
                return
            raise  # Ctrl-C leaves nothing behind either
        self._account(folder, len(data))

    def _folder(self, create: bool = False) -> str | None:
        base = self._given or config.cache_folder()
        if base is None:
            return None
        if self._prepared[0] == base and self._prepared[1] is not None:
            return self._prepared[1]
        folder = base / "objects"
        try:
            if create:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = folder.stat()
        except OSError:
            return None
        if not _is_private(status):
            return None
        self._prepared = (base, str(folder))
        return str(folder)

    def _account(self, folder: str, added: int) -> None:
        """Keeps the size bounded, without looking through the folder often: that takes 8 us an entry."""
        self._written += added
        if self._written < self._look_at:
            return
        looked = os.path.join(folder, _LOOKED)
        first, self._look_at = not self._look_at, self._written + self._limit // 8
        if first and _age(looked) < LOOK_SECONDS:
            return
        with contextlib.suppress(OSError):
            Path(looked).touch()
        entries = sorted(_entries(folder))
        size, count = sum(size for _, size, _ in entries), len(entries)
        if size <= self._limit and count <= LIMIT_ENTRIES:
            return
        for _, bytes_, path in entries:
            if size <= self._limit * 3 // 4 and count <= LIMIT_ENTRIES * 3 // 4:
                break
            _remove(path)
            size, count = size - bytes_, count - 1


def _entries(folder: str) -> list[tuple[float, int, str]]:
    """(time of last use, bytes, path) of every file."""
    found = []
    try:
        with os.scandir(folder) as iterator:
            for entry in iterator:
                if entry.name == _LOOKED:
                    continue
                try:
                    status = entry.stat()
                except OSError:
                    continue
                found.append((status.st_mtime, status.st_size, entry.path))
    except OSError:
        pass
    return found


def _age(path: str) -> float:
    """Seconds since a file was written; infinite if there is none."""
    try:
        return time.time() - os.stat(path).st_mtime
    except OSError:
        return float("inf")


def _is_private(status: os.stat_result) -> bool:
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _checksum(key: str, body: bytes) -> bytes:
    """The linker trusts what it is given, so an entry must be whole and its own, not a copy of another."""
    return hashlib.blake2b(body, digest_size=_CHECKSUM, key=key.encode()[:64]).digest()


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _touch(path: str) -> None:
    with contextlib.suppress(OSError):
        os.utime(path)
