"""The cache on disk in the hands of others: damaged, foreign, full, and used by many processes at once."""

import errno
import os
import subprocess
import sys

import pytest

from epochal.backends.native import cache as caching
from epochal.backends.native.cache import ObjectCache

posix = pytest.mark.skipif(os.name != "posix", reason="files of POSIX")

KEY, BODY = "f" * 40, b"machine code" * 100


@pytest.fixture
def entry(tmp_path):
    """A cache with one entry, and its file."""
    cache = ObjectCache(tmp_path)
    cache.write(KEY, BODY)
    return cache, tmp_path / "objects" / KEY


def renewed(cache):
    """The entry is as none, and can be written anew."""
    assert cache.read(KEY) is None
    cache.write(KEY, BODY)
    return cache.read(KEY) == BODY


@posix
def test_a_link_is_not_followed(entry, tmp_path):
    cache, path = entry
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert renewed(cache)
    assert not path.is_symlink()


@posix
def test_a_pipe_is_not_waited_for(entry):
    cache, path = entry
    path.unlink()
    os.mkfifo(path, 0o600)
    assert renewed(cache)


@posix
def test_a_file_that_others_may_write_is_not_used(entry):
    cache, path = entry
    path.chmod(0o666)
    assert renewed(cache)


@posix
def test_files_of_another_user_are_not_used(entry, monkeypatch):
    cache, path = entry
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert cache.read(KEY) is None
    assert ObjectCache(path.parent.parent).read(KEY) is None


def test_a_folder_in_its_place_does_no_harm(entry):
    cache, path = entry
    path.unlink()
    path.mkdir()
    assert cache.read(KEY) is None
    cache.write(KEY, BODY)
    assert cache.read(KEY) is None
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(".tmp")] == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("where", ["mkstemp", "write", "replace"])
def test_nothing_is_left_of_what_cannot_be_written(tmp_path, monkeypatch, number, where):
    cache = ObjectCache(tmp_path)
    cache.write("e" * 40, BODY)

    class Full:
        def __init__(self, descriptor, mode):
            self.descriptor = descriptor

        def __enter__(self):
            return self

        def __exit__(self, *_):
            os.close(self.descriptor)

        def write(self, data):
            raise OSError(number, os.strerror(number))

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        if where == "mkstemp":
            patch.setattr(caching.tempfile, "mkstemp", fail)
        elif where == "replace":
            patch.setattr(caching.os, "replace", fail)
        else:
            patch.setattr(caching.os, "fdopen", Full)
        cache.write(KEY, BODY)
    assert sorted(path.name for path in (tmp_path / "objects").iterdir() if path.name != ".looked") == ["e" * 40]
    assert renewed(cache)


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    cache = ObjectCache(tmp_path)
    cache.write("e" * 40, BODY)

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(caching.os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            cache.write(KEY, BODY)
    assert sorted(path.name for path in (tmp_path / "objects").iterdir() if path.name != ".looked") == ["e" * 40]


PROGRAM = """
import sys
import numpy as np
from epochal import keras
from epochal.backends.native.engine import engine
keras.utils.set_random_seed(0)
width = int(sys.argv[1])
model = keras.Sequential([keras.Input((width,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(1)])
model.compile("adam", "mse")
x = np.linspace(-1, 1, 32 * width, dtype=np.float32).reshape(32, width)
sys.stdin.readline()
model.fit(x, x[:, :1], batch_size=8, epochs=2, verbose=0)
print(model.predict(x, verbose=0).tobytes().hex(), engine().compiled)
"""


def start(folder, width, limit=""):
    environment = {**os.environ, "EPOCHAL_CACHE": str(folder), "EPOCHAL_NUM_THREADS": "1"}
    arguments = [sys.executable, "-c", limit + PROGRAM, str(width)]
    pipe = subprocess.PIPE
    return subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)


def outcome(process):
    """What a process computed, and how many modules it compiled."""
    out, err = process.communicate("go\n")
    assert process.returncode == 0, err
    numbers, compiled = out.split()
    return numbers, int(compiled)


def test_eight_processes_at_once(tmp_path):
    widths = [3, 3, 3, 3, 4, 4, 5, 5]
    processes = [start(tmp_path, width) for width in widths]
    for process in processes:  # all of them are imported by now or soon
        process.stdin.write("go\n")
        process.stdin.flush()
    found = {}
    for width, process in zip(widths, processes, strict=True):
        found.setdefault(width, set()).add(outcome(process)[0])
    assert [len(results) for results in found.values()] == [1, 1, 1]
    assert outcome(start(tmp_path, 3)) == (found[3].pop(), 0), "all is in the cache"


@posix
@pytest.mark.skipif(sys.platform != "linux", reason="the limit on the size of files")
def test_a_disk_that_takes_nothing(tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
    results, compiled = outcome(start(tmp_path, 3, limit))
    assert compiled > 0
    assert outcome(start(tmp_path, 3)) == (results, compiled), "nothing was kept, and no half of anything"
    assert outcome(start(tmp_path, 3)) == (results, 0)
