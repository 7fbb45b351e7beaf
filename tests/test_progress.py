"""What a run shows: a bar on a terminal, and the time left at the speed so far."""

import io

import pytest

from experiments import progress
from experiments.progress import Progress

ENTRY = {
    "epoch": 3,
    "train_loss": 0.5,
    "accuracy": 0.25,
    "examples_per_second": 1234.5,
}


@pytest.fixture
def clock(monkeypatch):
    """The seconds that the progress believes to have passed."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_the_time_left_is_that_of_the_whole_run(clock, capsys):
    # Resumed at step 20 of 100: 10 steps take 30 s, and 70 are left.
    with Progress("name", 100, 20) as shown:
        shown.steps(4)
        clock[0] += 25.0  # an evaluation counts too
        shown.steps(6)
        clock[0] += 5.0
        assert shown.seconds_left == 210.0
        shown.epoch(ENTRY, 10, "test")
    line = capsys.readouterr().out.strip()
    assert line == (
        "name  epoch   3/10  train loss 0.5000  test accuracy 0.2500  "
        "1,234 examples/s  03:30 left"
    )


def test_the_last_epoch_leaves_nothing(clock):
    with Progress("name", 10) as shown:
        shown.steps(10)
        clock[0] += 7.0
        assert shown.seconds_left == 0


def test_a_terminal_gets_a_bar_over_all_steps_with_the_time_left(monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", terminal)
    now = [100.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    with Progress("name", 100, 20) as shown:
        shown._bar._time = lambda: now[0]
        now[0] += 30
        shown.steps(10)
    last = terminal.getvalue().split("\r")[-3]
    assert "30/100" in last
    assert "00:30<03:30" in last
