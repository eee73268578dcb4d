"""`epochal bench`: what it measures, that no failure stops it, and that a file of measurements is extended."""

import json
import os
import signal
import sys
import textwrap
import time

import pytest

from epochal.cli.bench import command, jobs
from epochal.cli.bench.jobs import Outcome
from epochal.cli.main import parser

FEW = ["--repeat", "1", "--steps", "2", "--num-threads", "1", "--peers", "epochal"]


def bench(*arguments):
    return command.main(parser().parse_args(["bench", *arguments]))


@pytest.fixture
def quick_peak(monkeypatch):
    monkeypatch.setattr(command.peak, "operations", lambda threads, repeat, loops: threads * 100e9)


@pytest.fixture
def measured(monkeypatch, quick_peak):
    """Every measurement is made up: ours takes 1 s, a peer 2 s; returns the jobs."""
    asked = []

    def run(python, job, caches, time_limit):
        asked.append((job["peer"], job["workload"], job["task"]))
        seconds = 1.0 if job["peer"] == "epochal" else 2.0
        values = {"seconds": seconds, "peak_memory": int(seconds * 1e6), "import_memory": 0, "operations": 5e10}
        return Outcome("ok", values={**values, "parameters": 3})

    monkeypatch.setattr(jobs, "run", run)
    monkeypatch.setattr(jobs, "find_peers", lambda interpreters: dict.fromkeys(jobs.PEER_NAMES, sys.executable))
    return asked


def test_epochal_is_measured_and_the_files_say_so(quick_peak, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "LEAST_SECONDS", 0.01)
    kept, page = tmp_path / "measured.json", tmp_path / "page.html"
    assert bench("mlp", *FEW, "--json", str(kept), "--html", str(page)) == 0
    printed = capsys.readouterr().out
    for title in (
        "training step, ms",
        "one sample, ms",
        "batch, ms",
        "first epoch, s",
        "first step, warm, s",
        "memory",
    ):
        assert title in printed
    found = {one["task"]: one["values"] for one in json.loads(kept.read_text())["measurements"]}
    assert found["training"]["parameters"] == 784 * 512 + 512 * 512 + 512 * 10 + 1034
    assert found["batch"]["shape"] == [128, 10]
    assert found["memory"]["peak_memory"] > found["memory"]["import_memory"] > 1e6
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text
    assert text.count("<svg") >= 7


def test_ratios_and_shares(measured, tmp_path, capsys):
    assert bench("seed", "--only", "training", "--num-threads", "1", "--repeat", "1") == 0
    printed = capsys.readouterr().out
    assert "2000 2x" in printed
    assert "50%" in printed
    assert {peer for peer, *_ in measured} == set(jobs.PEER_NAMES) - {"onnxruntime"}


def test_a_file_is_extended_and_ratios_stay_within_a_run(measured, tmp_path):
    kept = tmp_path / "measured.json"
    options = ["seed", "--only", "training", "--num-threads", "1", "--repeat", "1", "--json", str(kept)]
    bench(*options, "--peers", "epochal,torch")
    bench(*options, "--peers", "epochal,keras-jax")
    found = json.loads(kept.read_text())
    assert len(found["runs"]) == 2
    pairs = [(one["peer"], one["run"]) for one in found["measurements"]]
    assert pairs == [("epochal", 0), ("epochal", 1), ("torch", 0), ("keras-jax", 1)]
    bench(*options, "--peers", "epochal,torch,keras-jax")  # nothing refers to the first two any more
    assert {one["run"] for one in json.loads(kept.read_text())["measurements"]} == {2}


def test_a_file_of_another_machine_is_refused(measured, tmp_path, capsys):
    kept = tmp_path / "measured.json"
    bench("seed", "--only", "training", "--num-threads", "1", "--json", str(kept))
    assert bench("seed", "--only", "training", "--num-threads", "2", "--json", str(kept)) == 2
    assert "measured with threads 1, this run has 2" in capsys.readouterr().err
    kept.write_text("[]")
    assert bench("seed", "--json", str(kept)) == 2
    assert "not a file of measurements" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonesuch"], "unknown workload 'nonesuch'; expected one of seed"),
        (["--only", "speed"], "unknown kind of measurement 'speed'; expected one of training"),
        (["--peers", "theano"], "unknown peer 'theano'; expected one of epochal"),
        (["--python", "/nonesuch/python"], "expected the path of a Python"),
    ],
)
def test_wrong_arguments(arguments, said, capsys):
    assert bench(*arguments) == 2
    assert said in capsys.readouterr().err


def test_a_peer_that_fails_is_shown_and_stops_nothing(measured, monkeypatch, tmp_path, capsys):
    made_up = jobs.run
    broken = {
        "torch": Outcome("failed", "RuntimeError: no luck"),
        "keras-jax": Outcome("timeout", "took more than 5 s"),
    }

    def run(python, job, caches, time_limit):
        return broken.get(job["peer"]) or made_up(python, job, caches, time_limit)

    monkeypatch.setattr(jobs, "run", run)
    page = tmp_path / "page.html"
    assert bench("seed", "--only", "training", "--num-threads", "1", "--html", str(page)) == 0
    printed = capsys.readouterr().out
    assert "torch: RuntimeError: no luck" in printed
    assert "keras-jax: took more than 5 s" in printed
    assert "jax-scan" in printed
    assert "torch: RuntimeError: no luck (seed training)" in page.read_text(encoding="utf-8")


def test_a_peer_that_is_not_installed_is_named(measured, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(jobs, "find_peers", lambda interpreters: {"epochal": sys.executable})
    assert bench("mlp", "--only", "inference", "--num-threads", "1", "--peers", "epochal,onnxruntime") == 0
    assert "not installed: onnxruntime needs onnxruntime, onnx" in capsys.readouterr().out


def test_our_own_failure_is_the_exit_code(measured, monkeypatch):
    monkeypatch.setattr(jobs, "run", lambda *arguments: Outcome("failed", "ended by SIGSEGV"))
    assert bench("seed", "--only", "training", "--num-threads", "1") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_shows_what_there_is(measured, monkeypatch, capsys, number):
    made_up = jobs.run

    def run(python, job, caches, time_limit):
        if job["peer"] == "keras-jax":
            signal.raise_signal(number)
        return made_up(python, job, caches, time_limit)

    monkeypatch.setattr(jobs, "run", run)
    assert bench("seed", "--only", "training", "--num-threads", "1") == 130
    assert "2000 2x" in capsys.readouterr().out


def test_another_network_is_a_failure():
    expected = {}
    values = {"parameters": 3, "shape": [1, 2], "sample": [1.0, 2.0]}
    assert command.agreed(Outcome("ok", values=values), expected).status == "ok"
    near = {**values, "sample": [1.0, 2.001]}
    assert command.agreed(Outcome("ok", values=near), expected).status == "ok"
    for change, said in (
        ({"parameters": 4}, "another network: parameters 4, expected 3"),
        ({"shape": [2, 2]}, "another network: shape"),
        ({"sample": [1.0, 2.1]}, "outputs differ from epochal's by 5.0e-02"),
        ({"sample": [1.0, float("nan")]}, "outputs differ"),
    ):
        outcome = command.agreed(Outcome("ok", values={**values, **change}), expected)
        assert outcome.status == "failed"
        assert said in outcome.reason


def worker(monkeypatch, tmp_path, text):
    """A worker that does what `text` says."""
    path = tmp_path / "worker.py"
    path.write_text(textwrap.dedent(text))
    monkeypatch.setattr(jobs, "WORKER", path)


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("raise ValueError('no such thing')", "failed", "ValueError: no such thing"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "failed", "ended by SIGKILL (out of memory?)"),
        ("raise SystemExit(3)", "failed", "ended with code 3 and no output"),
        ("import time; time.sleep(60)", "timeout", "took more than 0.5 s"),
    ],
)
def test_how_a_process_can_end(monkeypatch, tmp_path, text, status, reason):
    worker(monkeypatch, tmp_path, text)
    outcome = jobs.run(sys.executable, {"threads": 1}, tmp_path, 0.5 if status == "timeout" else 60)
    assert (outcome.status, outcome.reason) == (status, reason)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="this system has no groups of processes")
def test_what_a_process_started_ends_with_it(monkeypatch, tmp_path):
    started = tmp_path / "pid"
    worker(
        monkeypatch,
        tmp_path,
        f"""
        import pathlib, subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        pathlib.Path({str(started)!r}).write_text(str(child.pid))
        time.sleep(60)
        """,
    )
    assert jobs.run(sys.executable, {"threads": 1}, tmp_path, 3).status == "timeout"
    child = int(started.read_text())
    for _ in range(100):
        if not alive(child):
            return
        time.sleep(0.05)
    raise AssertionError("the child outlived its parent")


def alive(pid):
    """Whether it runs; one that ended but was not waited for does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_threads_and_caches_are_equal_for_all(tmp_path):
    found = jobs.environment(3, tmp_path)
    assert found["OMP_NUM_THREADS"] == found["EPOCHAL_NUM_THREADS"] == "3"
    assert all(found[name].startswith(str(tmp_path)) for name in ("EPOCHAL_CACHE", "TORCHINDUCTOR_CACHE_DIR"))
