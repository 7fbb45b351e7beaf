"""The benchmark of grids: the same cells in every way, and what it says of them."""

import pytest

from benchmarks import grid
from experiments.partial import Partial
from qifjax import QIFParams


def test_ratios_are_of_the_same_round():
    result = {
        "cells": 4,
        "epochs": 1,
        "limit": 0,
        "cores": 2,
        "seconds": {
            "grid, map": [10.0, 20.0, 40.0],
            "grid, vmap": [60.0],
            "fresh processes": [30.0, 40.0, 160.0],
            "pool of processes": [10.0, 30.0, 40.0],
        },
        "command": "",
        "device": "CPU",
        "versions": {},
        "git_commit": None,
    }
    rows = {
        line.split(" | ")[0]: line.split(" | ")[1:]
        for line in grid.page(result).splitlines()
        if line.startswith("| ")
    }
    assert rows["| grid, map"] == ["720.0", "3.00", "1.00", "2.00 to 4.00 |"]
    assert rows["| grid, vmap"] == ["240.0", "0.50", "0.17", "0.50 to 0.50 |"]
    assert rows["| pool of processes"][:3] == ["480.0", "3.00", "1.00"]


def test_every_way_trains_the_same_cells_and_what_is_known_stays(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(
        grid, "_fresh", lambda configs, *_: calls.append(("fresh", configs))
    )
    monkeypatch.setattr(
        grid, "_pool", lambda configs, *_: calls.append(("pool", configs))
    )
    monkeypatch.setattr(
        grid, "_command", lambda module, config, data, folder, more: calls.append(more)
    )
    options = grid.Grid(cells=2, strategies=("vmap",), rounds=1)
    found = grid.measure(options, Partial(tmp_path / "out.json", "me"))
    assert [len(seconds) for seconds in found.values()] == [1, 1, 1]
    assert calls[0] == ["--grid", "u_th=0.5,1.0", "--strategy", "vmap"]
    assert [name for name, _ in calls[1:]] == ["fresh", "pool"]
    for _, configs in calls[1:]:
        assert [config.qif for config in configs] == [
            QIFParams(u_th=0.5),
            QIFParams(u_th=1.0),
        ]
    calls.clear()
    assert grid.measure(options, Partial(tmp_path / "out.json", "me")) == found
    assert not calls


def test_only_the_fastest_strategy_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(grid, "_command", lambda *_: pytest.fail("nothing is missing"))
    partial = Partial(tmp_path / "out.json", "me")
    for name, seconds in (("map", 2.0), ("vmap", 9.0), ("processes", 1.0)):
        partial.add(f"grid, {name}", [seconds])
    partial.add("grid, processes", [1.5])
    for name in ("fresh processes", "pool of processes"):
        partial.add(name, [4.0, 5.0])
    found = grid.measure(grid.Grid(rounds=2), partial)
    assert found["grid, processes"] == [1.0, 1.5]
    assert found["grid, map"] == [2.0]
    assert found["grid, vmap"] == [9.0]


def test_bad_options_are_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        grid.main(["--cells", "0", "--out", str(tmp_path / "out.json")])
    assert stop.value.code == 2
    assert "--cells must be at least 1, got 0" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
