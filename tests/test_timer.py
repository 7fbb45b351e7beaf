"""When a checkpoint is due, by a clock that the test moves."""

from experiments import timer


def test_due_after_some_seconds(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(timer.time, "monotonic", lambda: now[0])
    clock = timer.Timer(60.0)
    assert not clock.due
    now[0] = 159.9
    assert not clock.due
    now[0] = 160.0
    assert clock.due
    clock.restart()
    assert not clock.due


def test_never_due_without_seconds(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(timer.time, "monotonic", lambda: now[0])
    never = timer.Timer(0.0)
    now[0] = 1e9
    assert not never.due
