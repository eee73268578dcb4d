"""From LLVM text to machine code in memory, with its lifetime.

Each kernel is one small module in a context of its own. Its object code comes from the cache on disk or from LLVM, is
linked into one LLJIT instance (ORC's JITLink: 0.1 ms and 8 KB a kernel, memory flat over loads and unloads; an MCJIT
engine a kernel takes 0.7 ms and 60 KB) and unlinked when the last `Code` that holds it dies. llvmlite is imported on
first use.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from epochal.backends.native.cache import ObjectCache
from epochal.backends.native.kernel import Kernel, Target


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


class Engine:
    """Loads kernels. One a process is enough (`engine()`); tests make their own.

    Attributes:
        target: The processor that code is made for.
        compiled: How many modules went through LLVM, for tests and reports.
        loaded: How many were linked.
    """

    def __init__(self, cache: ObjectCache | None = None) -> None:
        self._llvm = _load_llvm()
        self._cache = cache if cache is not None else ObjectCache()
        self._lock = threading.RLock()
        self._live: weakref.WeakValueDictionary[str, Code] = weakref.WeakValueDictionary()
        self._machine = _target_machine(self._llvm)
        # JITLink for COFF is younger than the rest of it; the older linker serves there.
        self._jit = self._llvm.create_lljit_compiler(use_jit_link=sys.platform != "win32", suppress_errors=True)
        self.target = detect_target()
        self._salt = _salt(self._llvm, self.target)
        self.compiled = 0
        self.loaded = 0

    def load(self, kernel: Kernel) -> Code:
        """The code of a kernel, shared with every living user of an equal one."""
        return self.load_text(kernel.key, lambda: kernel.emit(self.target), ("kernel",), kernel.optimise)

    def load_text(self, key: str, emit: Callable[[], str], exports: tuple[str, ...], optimise: bool = False) -> Code:
        """The code of the module that `emit` writes.

        Args:
            key: Digest of all that the text depends on, except the target and Epochal's own sources.
            emit: Writes the text; called only if neither memory nor disk have the code.
            exports: Functions whose addresses are wanted.
            optimise: Whether to run LLVM's optimiser.
        """
        code = self._live.get(key)
        if code is not None:
            return code
        with self._lock:
            code = self._live.get(key)
            if code is not None:
                return code
            entry = hashlib.blake2b(f"{key} {optimise}".encode() + self._salt, digest_size=20).hexdigest()
            image = self._cache.read(entry)
            code = None if image is None else self._link(image, exports)
            if code is None:
                image = self._compile(emit(), optimise)
                code = self._link(image, exports)
                if code is None:
                    raise RuntimeError(f"the code of {key} does not define {', '.join(exports)}")
                self._cache.write(entry, image)
            self._live[key] = code
            return code

    @property
    def live(self) -> int:
        """Modules in memory."""
        return len(self._live)

    def _compile(self, text: str, optimise: bool) -> bytes:
        llvm = self._llvm
        module = llvm.parse_assembly(text + _attributes(self.target), context=llvm.create_context())
        module.verify()
        if optimise:
            options = llvm.create_pipeline_tuning_options(speed_level=2)
            builder = llvm.create_pass_builder(self._machine, options)
            builder.getModulePassManager().run(module, builder)
        self.compiled += 1
        image: bytes = self._machine.emit_object(module)
        return image

    def _link(self, image: bytes, exports: tuple[str, ...]) -> Code | None:
        """``None`` if the linker rejects the image, which can only happen to a stale one from disk."""
        builder = self._llvm.JITLibraryBuilder().add_object_img(image).add_current_process()
        for name in exports:
            builder.export_symbol(name)
        self.loaded += 1
        try:
            tracker = builder.link(self._jit, f"k{self.loaded}")
        except RuntimeError:
            return None
        # The JIT must outlive what it linked.
        return Code({name: tracker[name] for name in exports}, (tracker, self._jit))


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


def load(kernel: Kernel) -> Code:
    """`Engine.load` of the process's engine."""
    return engine().load(kernel)


def target() -> Target:
    """The processor at hand."""
    return engine().target


def detect_target() -> Target:
    """What LLVM says of this processor."""
    llvm = _load_llvm()
    features = llvm.get_host_cpu_features()
    has = features.get
    arm = platform.machine().lower() in ("aarch64", "arm64")
    wide = bool(has("avx512f") and has("avx512vl") and has("avx512bw") and has("avx512dq"))
    return Target(
        cpu=llvm.get_host_cpu_name(),
        features=features.flatten(),
        vector_bytes=64 if wide else 32 if has("avx2") and has("fma") else 16,
        registers=32 if wide or arm else 16,
        masked=wide,
    )


def _load_llvm() -> Any:
    import llvmlite.binding as llvm  # heavy: 35 ms and 40 MB, so only once something is compiled

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


def _target_machine(llvm: Any) -> Any:
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="pic",
    )


def _attributes(target: Target) -> str:
    """Attribute group 0, which emitters refer to. Without the width LLVM splits 512-bit vectors on some processors."""
    width = ""
    if target.vector_bytes == 64:
        width = '"prefer-vector-width"="512" "min-legal-vector-width"="512" '
    return f'\nattributes #0 = {{ nounwind {width}"no-trapping-math"="true" }}\n'


def _salt(llvm: Any, target: Target) -> bytes:
    """What every entry of the cache depends on besides its key."""
    digest = hashlib.blake2b(digest_size=20)
    version = ".".join(map(str, llvm.llvm_version_info))
    digest.update(f"{sys.modules['llvmlite'].__version__} {version} {llvm.get_default_triple()} {target}".encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()


def _renew_locks() -> None:
    """A fork may have copied a lock that some other thread held."""
    global _engine_lock
    _engine_lock = threading.Lock()
    if _engine is not None:
        _engine._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
