"""Sweeps: what is typed, what is refused, what is kept, and that a cell is a run."""

import csv
import dataclasses
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments import config, train
from experiments.config import Config, ConfigError
from experiments.figures import heatmaps
from experiments.run_folder import RunError, RunFolder
from experiments.sweep import __main__ as sweep
from experiments.sweep import cells as trainer
from experiments.sweep import strategy, workers
from experiments.sweep.axes import Cell, cells, count, parse
from experiments.sweep.store import Store
from experiments.sweep.table import tabulate, uses_time
from qifjax import QIFParams, data

pytestmark = pytest.mark.usefixtures("standard_promotion")
BASE = config.load("digits_lenet5")
SMALL = ("--epochs", "2", "--limit", "96", "--batch-size", "32")


def test_ranges_and_lists():
    axes = parse("a=0.2:1.0:0.2 u_th=0.5,1 learning_rate=1e-3", BASE)
    assert axes["a"] == (0.2, 0.4, 0.6, 0.8, 1.0)
    assert axes["u_th"] == (0.5, 1.0)
    found = cells(BASE, axes, seeds=2)
    assert len(found) == 5 * 2 * 2
    assert found[0].name == "a=0.2 learning_rate=0.001 u_th=0.5 seed=0"
    assert found[10].seed == 1
    one = found[3].config(BASE)
    assert one.qif == QIFParams(a=0.4, u_th=1.0)
    assert (one.learning_rate, one.seed, one.epochs) == (1e-3, 0, BASE.epochs)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ("", "--grid needs an axis"),
        ("b=1", "unknown axis 'b' of --grid (known for qif: a, u_rest, u_c, u_th, l"),
        ("a", "unknown axis 'a' of --grid"[:12]),
        ("a=1 a=2", "--grid has axis a twice"),
        ("a=x", "--grid cannot read the numbers of 'a=x'"),
        ("a=0.2,0.4,0.2", "--grid has a value twice in 'a=0.2,0.4,0.2'"),
        ("a=1:0:0.1", "--grid has an empty range: 'a=1:0:0.1'"),
        ("a=0:1:0", "--grid needs FIRST:LAST:STEP with STEP > 0"),
        ("a=0.1:1:1e-6", "--grid has 900,001 values in 'a=0.1:1:1e-6': is the step"),
        (
            "a=0.1:1:0.01 u_c=0.1:1:0.01 u_th=0.1:1:0.01",
            "753,571 networks, more than 10,000: about ",
        ),
        ("a=0.5,-1", "--grid: a=-1: "),
        ("u_th=-0.5", "--grid: u_th=-0.5: "),
        ("learning_rate=0", "--grid: learning_rate cannot be 0"),
    ],
)
def test_bad_grids_are_one_line_before_anything_runs(grid, message, capsys, tmp_path):
    with pytest.raises(SystemExit) as stop:
        sweep.main(["digits_lenet5", "--grid", grid, "--workdir", str(tmp_path / "w")])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "w").exists()


def test_no_epoch_is_no_sweep(capsys):
    with pytest.raises(SystemExit) as stop:
        sweep.main(["digits_lenet5", "--grid", "a=0.2", "--epochs", "0"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: --epochs must be at least 1, got 0\n"


@pytest.mark.parametrize("sample", ["random:5", "sobol:8"])
def test_samples_lie_within_the_axes(sample):
    axes = {"a": (0.2, 1.0), "u_th": (0.5, 2.0)}
    found = cells(BASE, axes, 1, sample)
    values = np.asarray([list(cell.values.values()) for cell in found])
    assert values.shape == (int(sample.split(":")[1]), 2)
    assert np.all((values >= [0.2, 0.5]) & (values <= [1.0, 2.0]))
    assert len(np.unique(values, axis=0)) == len(values)
    if sample.startswith("sobol"):  # one of eight in each eighth
        eighths = np.floor((values[:, 0] - 0.2) / 0.1 - 1e-9)
        assert sorted(eighths) == list(range(8))
    with pytest.raises(ConfigError, match="--sample must be random:N or sobol:N"):
        count(axes, 1, "grid:3")


def test_who_uses_time():
    assert not uses_time(QIFParams(0.2, 0.0, 1.0, 0.2))
    assert uses_time(QIFParams(0.25, 0.0, 0.2, 0.5))


def command(folder, grid, *more):
    where = ("--workdir", str(folder), "--strategy", "map")
    sweep.main(["digits_lenet5", *SMALL, "--grid", grid, *where, *more])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A grid of two by two, of which one cell is also trained as a run."""
    folder = tmp_path_factory.mktemp("sweep")
    with jax.numpy_dtype_promotion("standard"):
        command(folder / "grid", "a=0.25,0.8 u_th=0.5,1.0")
        train.main(
            [
                "digits_lenet5",
                *SMALL,
                "--qif.u-th",
                "1.0",
                "--workdir",
                str(folder / "run"),
            ]
        )
    return folder


def test_a_cell_is_a_run(finished):
    result, metrics = (
        getattr(RunFolder(finished / "run"), name)() for name in ("result", "metrics")
    )
    report = json.loads((finished / "grid" / "sweep.json").read_text())
    (cell,) = [c for c in report["cells"] if (c["a"], c["u_th"]) == (0.25, 1.0)]
    assert cell["accuracy"] == pytest.approx(result["test"]["accuracy"])
    assert cell["firing_rate"] == pytest.approx(result["mean_firing_rate"], rel=1e-4)
    assert cell["energy_mj"] == pytest.approx(result["total_energy_mj"], rel=1e-4)
    base = Config.from_json(
        {**BASE.to_json(), "epochs": 2, "limit": 96, "batch_size": 32}
    )
    store = Store(finished / "grid", base)
    row = store.rows()[store.identity(Cell({"u_th": 1.0}, 0))]
    assert row["train_loss"] == pytest.approx(
        [m["train_loss"] for m in metrics], rel=1e-4
    )


def test_page_table_and_figure(finished):
    folder = finished / "grid"
    report = json.loads((folder / "sweep.json").read_text())
    values = [cell["accuracy"] for cell in report["cells"]]
    summary = report["summary"]["all"]
    assert (summary["cells"], summary["diverged"]) == (4, 0)
    assert summary["mean"] == pytest.approx(np.mean(values))
    assert summary["deviation"] == pytest.approx(np.std(values, ddof=1))
    assert report["summary"]["a <= 0.4"]["cells"] == 2
    rows = list(csv.DictReader((folder / "sweep.csv").read_text().splitlines()))
    assert [float(row["accuracy"]) for row in rows] == pytest.approx(values)
    assert report["examples"] == {"train": 96, "test": 96}
    text = (folder / "sweep.md").read_text()
    assert "Accuracy on the 96 test examples" in text
    assert f"{100 * max(values):.2f}" in text
    assert (folder / "sweep.png").read_bytes()[:4] == b"\x89PNG"


def test_more_cells_and_a_kill_change_no_finished_cell(finished, monkeypatch):
    folder = finished / "grid"
    before = (folder / "cells.jsonl").read_text()
    real = trainer.train

    def dies(*arguments):
        for number, found in enumerate(real(*arguments)):
            if number == 1:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(trainer, "train", dies)
    grid = "a=0.25,0.8 u_th=0.5,0.75,1.0"
    with pytest.raises(SystemExit) as stop:
        command(folder, grid)
    assert stop.value.code == 130
    half = (folder / "cells.jsonl").read_text()
    assert half.startswith(before)
    assert len(half.splitlines()) == 5
    (folder / "cells.jsonl").write_text(half + '{"cell": "torn')
    monkeypatch.setattr(trainer, "train", real)
    command(folder, grid)
    after = (folder / "cells.jsonl").read_text()
    assert after.startswith(half)
    report = json.loads((folder / "sweep.json").read_text())
    assert len(report["cells"]) == 6
    again = command(folder, grid)
    assert (folder / "cells.jsonl").read_text() == after
    assert again is None


def test_a_folder_holds_one_sweep(tmp_path):
    Store(tmp_path, BASE)
    other = Config.from_json({**BASE.to_json(), "epochs": 77})
    with pytest.raises(RunError, match="another config .epochs: there .*, here 77"):
        Store(tmp_path, other)


def test_a_setting_that_came_later_has_its_default_in_older_sweeps(tmp_path):
    Store(tmp_path, BASE)
    older = json.loads((tmp_path / "config.json").read_text())
    del older["average"]
    (tmp_path / "config.json").write_text(json.dumps(older))
    Store(tmp_path, BASE)
    with pytest.raises(RunError, match="average: there 0.0, here 0.9"):
        Store(tmp_path, dataclasses.replace(BASE, average=0.9))


@pytest.mark.parametrize("axes", [("u_th",), ("a", "u_th"), ("a", "u_c", "u_th")])
def test_a_sample_is_drawn_as_points(axes, tmp_path):
    entries = [
        {
            **dict.fromkeys(axes, k / 300),
            "accuracy": 0.5 + k / 1000,
            "energy_mj": 1.0,
            "uses_time": False,
        }
        for k in range(1, 300)
    ]
    content = {"axes": list(axes), "cells": entries, "sample": "random:299"}
    heatmaps.draw(content, tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes()[:4] == b"\x89PNG"


def test_a_cell_that_diverged_is_counted_apart():
    pair = [Cell({"a": 0.2}, 0), Cell({"a": 0.8}, 0)]
    rows = [
        {"accuracy": [0.5, 0.6], "firing_rate": [0.1, 0.2], "energy_mj": [1.0, 2.0]},
        {"accuracy": [0.5, None], "firing_rate": [0.1, None], "energy_mj": [1.0, None]},
    ]
    for row, where in zip(rows, ("here", "there"), strict=True):
        row["trained"] = where
    found = tabulate(BASE, pair, rows)
    assert found["summary"]["all"]["diverged"] == 1
    assert found["summary"]["all"]["mean"] == 0.6
    assert found["cells"][1]["accuracy"] is None
    assert found["trained"] == ["here", "there"]


def test_cells_of_two_data_sets_are_no_table():
    row = {"accuracy": [0.5], "firing_rate": [0.1], "energy_mj": [1.0], "trained": ""}
    pair = [Cell({"a": 0.2}, 0), Cell({"a": 0.8}, 0)]
    sample, whole = ({"train": number, "test": 100} for number in (1000, 60000))
    known = [{**row, "examples": sample}, row]  # rows of older versions say nothing
    assert tabulate(BASE, pair, known)["examples"] == sample
    with pytest.raises(RunError, match=r"how many examples.*60000.*--workdir"):
        tabulate(BASE, pair, [{**row, "examples": own} for own in (sample, whole)])


def test_the_fastest_strategy_of_a_trial_is_taken(monkeypatch):
    tried = []

    def trial(base, some, data_dir, name, chunk):
        tried.append((name, len(some), chunk))
        return {"map": 2.0, "vmap": 1.0, "processes": 3.0}[name]

    monkeypatch.setattr(strategy, "trial", trial)
    many = [Cell({"a": 0.2}, seed) for seed in range(strategy.FEW)]
    monkeypatch.setattr(workers, "cores", lambda: [0, 1])
    chosen, seconds = strategy.choose(BASE, many, Path(), None)
    assert (chosen, seconds["map"]) == ("vmap", 2.0)
    assert {name for name, *_ in tried} == set(strategy.STRATEGIES)
    tried.clear()
    assert strategy.choose(BASE, many[1:], Path(), None) == ("processes", {})
    monkeypatch.setattr(workers, "cores", lambda: [0])
    assert strategy.choose(BASE, many[1:], Path(), None) == ("map", {})
    assert not tried
    assert strategy.choose(BASE, many, Path(), 2)[0] == "vmap"
    assert tried == [("map", 8, 2), ("vmap", 8, 2)]


@pytest.mark.parametrize("name", ["map", "vmap"])
def test_a_trial_scales_to_the_whole_cell(name, monkeypatch):
    small = dataclasses.replace(BASE, batch_size=32)
    trained = []

    def train(short, some, data_dir, kind, chunk):
        trained.append((short.limit, short.epochs, kind, len(some), chunk))
        return iter([(cell, {"seconds": float(i)}) for i, cell in enumerate(some)])

    monkeypatch.setattr(trainer, "train", train)
    pair = [Cell({"a": 0.2}, 0), Cell({"a": 0.4}, 0)]
    found = strategy.trial(small, pair, Path(".data"), name, None)
    chunk = {"map": 1, "vmap": 2}[name]
    assert trained == [(128, 1, name, 3 * chunk, chunk)]
    # Scoring an example costs a third of training on it; there are 128 of each.
    training, test = (len(data.load("digits", Path(), s)) for s in ("train", "test"))
    last = 3 * chunk - 1
    expected = last * BASE.epochs * (training + test / 3) / (128 * 4 / 3)
    assert found == pytest.approx(expected)


def test_where_no_process_can_choose_its_cores_all_are_used(monkeypatch):
    monkeypatch.setattr(workers, "_PINS", False)
    assert len(workers.cores()) == os.cpu_count()


def test_work_on_every_core_and_its_errors():
    number = len(workers.cores())
    pairs = [(4.0, float(k)) for k in range(number)]
    assert workers.on_every_core(math.pow, pairs) == [4.0**k for k in range(number)]
    with pytest.raises(ValueError, match="math domain error"):
        workers.on_every_core(math.pow, [(-1.0, 0.5)] * number)
    with pytest.raises(RunError, match="a process of the sweep was killed"):
        workers.on_every_core(os._exit, [(9,)] * number)


@pytest.mark.slow
def test_processes_train_the_same_cells(finished, tmp_path):
    arguments = ["digits_lenet5", *SMALL, "--grid", "a=0.25,0.8 u_th=0.5,1.0"]
    call = [sys.executable, "-m", "experiments.sweep", *arguments]
    where = ["--workdir", str(tmp_path / "p"), "--strategy", "processes"]
    subprocess.run([*call, *where], check=True, env={**os.environ, "XLA_FLAGS": ""})
    mine, theirs = (
        json.loads((folder / "sweep.json").read_text())["cells"][:4]
        for folder in (tmp_path / "p", finished / "grid")
    )
    assert len(list((tmp_path / "p").glob("cells-*.jsonl"))) == len(
        os.sched_getaffinity(0)
    )
    named = {(c["a"], c["u_th"]): c["accuracy"] for c in theirs}
    for cell in mine:
        assert cell["accuracy"] == pytest.approx(
            named[cell["a"], cell["u_th"]], abs=0.02
        )
