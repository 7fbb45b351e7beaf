"""Deadlines: what is expected of acts that have been measured, and of others."""

import pytest

from experiments import deadline, duration
from experiments.config import ConfigError
from experiments.deadline import Deadline


@pytest.fixture
def clock(monkeypatch):
    """A clock of which the hands are ``now[0]``."""
    now = [100.0]
    monkeypatch.setattr(deadline.time, "monotonic", lambda: now[0])
    return now


def take(subject, clock, act, seconds):
    with subject.timed(act):
        clock[0] += seconds


def test_acts_take_as_long_as_the_longest_and_a_half_more(clock):
    subject = Deadline("--stop-after 60s", 160.0)
    assert not subject.too_near("steps", "save")
    subject.expect("save", 10.0)
    for seconds in (4.0, 6.0, 2.0):
        take(subject, clock, "steps", seconds)
    assert subject.seconds("steps") == 6.0
    # 48 seconds are left, and both are expected to need 1.5 * 16 = 24.
    clock[0] = 136.0
    assert not subject.too_near("steps", "save")
    clock[0] = 136.5
    assert subject.too_near("steps", "save")
    # A measured time replaces the expected one.
    take(subject, clock, "save", 1.0)
    subject.expect("save", 10.0)
    assert not subject.too_near("steps", "save")
    assert subject.too_near("steps", "save", *["scores", "save"] * 9)


def test_without_an_end_it_is_never_near(clock):
    subject = Deadline()
    subject.expect("steps", 1e9)
    assert not subject.too_near("steps")
    assert not subject.to_measure("save")
    ends = Deadline("soon", 200.0)
    assert ends.to_measure("save")
    take(ends, clock, "save", 1.0)
    assert not ends.to_measure("save")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("520s", 520),
        ("520", 520),
        ("8m", 480),
        ("1.5h", 5400),
        (".5", 0.5),
        ("2.m", 120),
    ],
)
def test_times(text, seconds):
    assert duration.seconds("--stop-after", text) == seconds


@pytest.mark.parametrize("text", ["8 m", "m", "1h30m", "٣s", "9" * 400])
def test_other_texts_are_refused(text):
    with pytest.raises(ConfigError, match="--stop-after must be a time above zero"):
        duration.seconds("--stop-after", text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (12.4, "12 s"),
        (59.6, "1 min"),
        (3570, "1 h 0 min"),
        (23_400, "6 h 30 min"),
        (200_000, "2 days"),
        (1e9, "32 years"),
    ],
)
def test_times_in_words(seconds, text):
    assert duration.text(seconds) == text
