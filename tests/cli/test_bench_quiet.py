"""Whether a neighbour disturbed a measurement."""

import pytest

from epochal.cli.bench.peers import quiet


@pytest.fixture
def clocks(monkeypatch):
    """The system's and our own busy seconds, as the test sets them; a measurement lasts a second."""
    state = {"busy": 100.0, "own": 10.0, "now": 0.0}
    monkeypatch.setattr(quiet, "busy_seconds", lambda: state["busy"])
    monkeypatch.setattr(quiet, "own_seconds", lambda: state["own"])
    monkeypatch.setattr(quiet.time, "perf_counter", lambda: state["now"])

    def attempt(own, others, times):
        state["busy"] += own + others
        state["own"] += own
        state["now"] += 1.0
        return times

    return attempt


def test_alone_one_attempt_is_enough(clocks):
    assert quiet.undisturbed(lambda: clocks(2.0, 0.0, [3.0])) == ([3.0], 0.0)


def test_a_disturbed_attempt_is_followed_by_another(clocks):
    others = iter([1.0, 0.5, 0.05])
    times, share = quiet.undisturbed(lambda: clocks(1.0, next(others), [7.0]))
    assert len(times) == 3
    assert share == pytest.approx(0.05)


def test_a_neighbour_who_stays_is_told(clocks):
    times, share = quiet.undisturbed(lambda: clocks(1.0, 0.9, [7.0]))
    assert len(times) == quiet.ATTEMPTS
    assert share == pytest.approx(0.9)
    assert share > quiet.DISTURBED


def test_the_system_was_busier_than_we():
    busy = quiet.busy_seconds()
    assert busy is None or busy > 0
    assert quiet.own_seconds() > 0
