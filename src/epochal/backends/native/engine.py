"""From LLVM text to machine code in memory, with its lifetime.

Each kernel is one small module in a context of its own. Its object code comes from the cache on disk or from LLVM. The
kernels that a program adds are linked together into one MCJIT engine: 0.8 ms and 12 us a kernel, memory flat over
loads and unloads. (ORC's LLJIT never frees a library's 9 KB and gets slower with each; an engine a kernel costs 0.8 ms
each.) The engine is freed when the last `Code` in it dies. llvmlite is imported on first use.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from epochal.backends.native import codegen
from epochal.backends.native.cache import ObjectCache
from epochal.backends.native.kernel import Kernel, Target
from epochal.backends.native.target import choose_target


class Code:
    """Machine code in memory: lives as long as this object.

    Attributes:
        address: Address of the first exported function.
        addresses: Addresses by name.
    """

    __slots__ = ("__weakref__", "_keep", "address", "addresses")

    def __init__(self, addresses: dict[str, int], keep: Any) -> None:
        self.addresses = addresses
        self.address = next(iter(addresses.values()))
        self._keep = keep


class _Owner:
    """Alive as long as any code of one MCJIT engine."""

    __slots__ = ("__weakref__",)


def _free(jit: Any, module: Any, context: Any) -> None:
    jit.close()
    module.close()
    context.close()


@dataclass(frozen=True, slots=True)
class Source:
    """A module before it is emitted.

    Attributes:
        key: Digest of all that the text depends on, except the target and Epochal's own sources.
        emit: Writes the text; called only if neither memory nor disk have the code.
        exports: Functions whose addresses are wanted.
    """

    key: str
    emit: Callable[[], str]
    exports: tuple[str, ...]


class Engine:
    """Loads kernels. One a process is enough (`engine()`); tests make their own.

    Attributes:
        target: The processor that code is made for.
        cache: Of object code, on disk.
        salt: Digest of what every entry of the cache depends on: processor, LLVM, Epochal's sources.
        compiled: How many modules went through LLVM, for tests and reports.
        loaded: How many were linked.
    """

    def __init__(self, cache: ObjectCache | None = None) -> None:
        self._llvm = _load_llvm()
        self.cache = cache if cache is not None else ObjectCache()
        self._lock = threading.RLock()
        self._live: weakref.WeakValueDictionary[str, Code] = weakref.WeakValueDictionary()
        self.target = choose_target(self._llvm)
        self._generator = codegen.CodeGenerator(self._llvm, self.target)
        self.salt = _salt(self._llvm, self.target)
        self.compiled = 0
        self.loaded = 0

    def load(self, kernel: Kernel) -> Code:
        """The code of one kernel, shared with every living user of an equal one."""
        return self.load_all((kernel,))[kernel.key]

    def load_all(self, kernels: Iterable[Kernel]) -> dict[str, Code]:
        """The code of several kernels, by key; linking them at once is cheaper."""
        return self.load_sources(self._source(kernel) for kernel in kernels)

    def load_sources(self, sources: Iterable[Source]) -> dict[str, Code]:
        """The code of several modules, by key."""
        codes: dict[str, Code] = {}
        missing: dict[str, Source] = {}
        for source in sources:
            code = self._live.get(source.key)
            if code is None:
                missing[source.key] = source
            else:
                codes[source.key] = code
        if missing:
            with self._lock:
                codes.update(self._load(list(missing.values())))
        return codes

    @property
    def live(self) -> int:
        """Modules in memory."""
        return len(self._live)

    def _load(self, sources: Sequence[Source]) -> dict[str, Code]:
        codes = {source.key: code for source in sources if (code := self._live.get(source.key)) is not None}
        sources = [source for source in sources if source.key not in codes]  # another thread may have been faster
        entries = [self._entry(source) for source in sources]
        images = [self.cache.read(entry) for entry in entries]
        linked = self._link(sources, entries, self._complete(sources, entries, images))
        if linked is None and any(images):  # something stale came from disk
            images = [None] * len(images)
            linked = self._link(sources, entries, self._complete(sources, entries, images))
        if linked is None:
            raise RuntimeError(f"a module of {[source.key for source in sources]} does not define what it exports")
        self._live.update(linked)
        codes.update(linked)
        return codes

    def _complete(
        self, sources: Sequence[Source], entries: Sequence[str], images: Sequence[bytes | None]
    ) -> list[bytes]:
        """The images, those that are missing compiled."""
        complete = dict(zip(entries, images, strict=True))

        def keep(entry: str, image: bytes) -> None:
            complete[entry] = image
            self.cache.write(entry, image)

        jobs = [
            codegen.Job(partial(self._text, source, entry), partial(keep, entry))
            for source, entry in zip(sources, entries, strict=True)
            if complete[entry] is None
        ]
        if jobs:
            self._generator.compile_all(jobs)
            self.compiled += len(jobs)
        return [image for image in complete.values() if image is not None]

    def _link(
        self, sources: Sequence[Source], entries: Sequence[str], images: Sequence[bytes]
    ) -> dict[str, Code] | None:
        """``None`` if an image is no object code or lacks a function, which can only happen to one from disk."""
        llvm = self._llvm
        try:
            objects = [llvm.object_file.ObjectFileRef.from_data(image) for image in images]
        except RuntimeError:
            return None
        context = llvm.create_context()
        module = llvm.parse_assembly("", context=context)
        jit = llvm.create_mcjit_compiler(module, self._generator.machine())
        for image in objects:
            jit.add_object_file(image)
        jit.finalize_object()
        owner = _Owner()
        # The finalizer holds what must be freed, in this order. Were it all reachable from `Code` alone, the garbage
        # collector might free the context of a dead cycle before the engine in it.
        weakref.finalize(owner, _free, jit, module, context).atexit = False
        self.loaded += len(sources)
        codes = {}
        for source, entry in zip(sources, entries, strict=True):
            addresses = {name: int(jit.get_function_address(f"{name}_{entry}")) for name in source.exports}
            if not all(addresses.values()):
                return None
            codes[source.key] = Code(addresses, owner)
        return codes

    def _entry(self, source: Source) -> str:
        """Name of a module in the cache; its symbols carry it too, so that modules can be linked together."""
        return hashlib.blake2b(source.key.encode() + self.salt, digest_size=20).hexdigest()

    def assembly(self, kernel: Kernel) -> str:
        """A kernel's code as text, to look at."""
        source = self._source(kernel)
        return self._generator.assembly(self._text(source, self._entry(source)))

    def _source(self, kernel: Kernel) -> Source:
        return Source(kernel.key, partial(kernel.emit, self.target), ("kernel",))

    @staticmethod
    def _text(source: Source, entry: str) -> str:
        text = source.emit()
        for name in source.exports:
            text = re.sub(rf"@{name}(?=\W)", f"@{name}_{entry}", text)
        return text


_engine: Engine | None = None
_engine_lock = threading.Lock()


def engine() -> Engine:
    """The process's engine."""
    global _engine
    if _engine is None:
        with _engine_lock:
            if _engine is None:
                _engine = Engine()
    return _engine


def load_all(kernels: Iterable[Kernel]) -> dict[str, Code]:
    """`Engine.load_all` of the process's engine."""
    return engine().load_all(kernels)


def target() -> Target:
    """The processor at hand."""
    return engine().target


def detect_target() -> Target:
    """What code is generated for: see `target.choose_target`."""
    return choose_target(_load_llvm())


def _load_llvm() -> Any:
    import llvmlite.binding as llvm  # heavy: 35 ms and 40 MB, so only once something is compiled

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


def _salt(llvm: Any, target: Target) -> bytes:
    """What every entry of the cache depends on besides its key."""
    digest = hashlib.blake2b(digest_size=20)
    version = ".".join(map(str, llvm.llvm_version_info))
    digest.update(f"{sys.modules['llvmlite'].__version__} {version} {llvm.get_default_triple()} {target}".encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()


_held: list[Any] = []


def _hold() -> None:
    """Before a fork: waits until no other thread is in LLVM, whose state the child could not use otherwise."""
    locks: list[Any] = [_engine_lock]
    if _engine is not None:
        locks += [_engine._lock, codegen.one_at_a_time, _engine._llvm.ffi.lib._lock._lock]
    for lock in locks:
        lock.acquire()
    _held.extend(reversed(locks))


def _release() -> None:
    """After a fork, in the parent and in the child."""
    while _held:
        _held.pop(0).release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_release)
