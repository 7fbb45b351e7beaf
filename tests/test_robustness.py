"""The robustness study: which claims are true of two sweeps, and what is refused."""

import json

import pytest

from experiments import robustness
from experiments.config import Config
from experiments.figures import heatmaps
from experiments.sweep.axes import Cell
from experiments.sweep.store import shared
from experiments.sweep.table import tabulate

BASE = {neuron: Config(neuron=neuron) for neuron in ("lif", "qif")}


def sweep(neuron, axis, *accuracies):
    """What a sweep says whose cells reach some accuracies, a mapping a seed."""
    cells = [Cell({axis: v}, seed) for seed, own in enumerate(accuracies) for v in own]
    rows = [
        {"accuracy": [a], "firing_rate": [0.1], "energy_mj": [1e-3], "trained": "here"}
        for own in accuracies
        for a in own.values()
    ]
    return {
        "command": f"sweep {neuron}",
        "config": shared(BASE[neuron]),
        "sample": "",
        "seeds": len(accuracies),
        "learning_rate": 1e-3,
        **tabulate(BASE[neuron], cells, rows),
    }


SAMPLE = {"train": 1000, "test": 100}
LIF = sweep("lif", "u_th", {0.2: 0.80, 0.4: 0.84, 0.6: 0.88}) | {"examples": SAMPLE}
# Above a = 0.4 a cell of QIF counts for nothing.
QIF = sweep("qif", "a", {0.2: 0.82, 0.4: 0.86, 0.6: 0.10})


def test_claims_are_held_against_the_gentle_cells():
    found = robustness.compare(LIF, QIF)["claims"]
    assert [(c["of"], c["true"]) for c in found] == [
        ("minimum", True),
        ("mean", False),  # both are 0.84
        ("maximum", False),
        ("deviation", True),
    ]
    assert found[0]["qif"] == 0.82
    assert found[0]["lif"] == 0.80
    assert found[3]["qif"] == pytest.approx(0.02 * 2**0.5)
    assert found[3]["lif"] == pytest.approx(0.04)


def test_nothing_is_said_of_what_has_diverged():
    dead = sweep("qif", "a", {0.2: None, 0.4: None})
    assert {c["true"] for c in robustness.compare(LIF, dead)["claims"]} == {None}


def test_claims_are_held_for_each_seed_alone():
    lif = sweep("lif", "u_th", {0.2: 0.80, 0.4: 0.84}, {0.2: 0.80, 0.4: 0.90})
    qif = sweep("qif", "a", {0.2: 0.82, 0.4: 0.86}, {0.2: 0.79, 0.4: 0.89})
    minimum, mean, maximum, deviation = robustness.compare(lif, qif)["claims"]
    assert minimum["by_seed"] == {"0": True, "1": False}
    assert minimum["qif"] == pytest.approx(0.805)
    assert minimum["true"] is True
    assert maximum["by_seed"] == {"0": True, "1": False}
    assert mean["by_seed"] == {"0": True, "1": False}
    assert deviation["by_seed"] == {"0": False, "1": False}


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    for neuron, content in (("lif", LIF), ("qif", QIF)):
        (folder / f"{neuron}.json").write_text(json.dumps(content))
        heatmaps.draw(content, folder / f"{neuron}.png")
    return folder


def page_of(files, out):
    """The page that the command writes of both sweeps, which may come in any order."""
    sweeps = [str(files / f"{neuron}.json") for neuron in ("qif", "lif")]
    robustness.main([*sweeps, "--out", str(out)])
    return out.with_suffix(".md").read_text()


def test_the_page_has_claims_maps_and_all_cells(files, tmp_path):
    out = tmp_path / "page.json"
    text = page_of(files, out)
    assert "higher minimum: **true** (82.00 % against 80.00 %)" in text
    assert "higher mean: **false** (84.00 % against 84.00 %)" in text
    assert "| QIF | a <= 0.4 | 2 | 0 | 84.00 | 2.83 | 82.00 | 86.00 |" in text
    assert "| LIF | u_th | 100.00 | 80.00 | 84.00 | 88.00 |" in text
    assert "![Accuracy by cell, LIF](parts/lif.png)" in text
    assert "| 0.6 | yes | 10.00 |  | 10.00 | 1 |" in text
    assert json.loads(out.read_text())["claims"][1]["true"] is False


def test_the_page_says_how_far_seeds_are_apart(files, tmp_path):
    # Two seeds that are 0.02 apart deviate by 0.02 / sqrt(2), in every cell.
    two = sweep("qif", "a", {0.2: 0.80, 0.4: 0.84}, {0.2: 0.82, 0.4: 0.86})
    (files / "qif.json").write_text(json.dumps(two))
    twins = sweep("lif", "u_th", {0.2: 0.80, 0.4: 0.84}, {0.2: 0.80, 0.4: 0.86})
    (files / "lif.json").write_text(json.dumps(twins))
    text = page_of(files, tmp_path / "page.json")
    assert "accuracy of QIF deviates by 1.41 points (root mean square" in text
    # One cell does not deviate, the other by 1.41.
    assert "accuracy of LIF deviates by 1.00 points (root mean square" in text
    assert "(81.00 % against 80.00 %; true of 1 of 2 seeds alone)" in text


def test_the_page_compares_use_of_time_at_equal_thresholds(files, tmp_path):
    cells = [
        {**QIF["cells"][0], "u_th": 0.4, "uses_time": used, "accuracy": accuracy}
        for used, accuracy in ((True, 0.9), (False, 0.88))
    ]
    changed = {**QIF, "axes": ["a", "u_th"], "cells": cells}
    (files / "qif.json").write_text(json.dumps(changed))
    text = page_of(files, tmp_path / "page.json")
    assert "repeat their first step, in points: +2.00 (u_th 0.4).\n" in text


@pytest.mark.parametrize(
    ("names", "change", "message"),
    [
        ((), {}, "sweeps, one of lif and one of qif, got 0 of nothing"),
        (("lif", "lif"), {}, "got 2 of lif"),
        (("lif", "none"), {}, "none.json is no file; write it with experiments.sweep"),
        (("lif", "qif"), {"axes": None, "summary": None}, "was not written by this"),
        (("lif", "qif"), {"sample": "sobol:8"}, "qif.json is a sample (sobol:8); cla"),
        (
            ("lif", "qif"),
            {"config": {**QIF["config"], "limit": 96}},
            "the sweeps differ in their limit: {'lif': 0, 'qif': 96}",
        ),
        (
            ("lif", "qif"),
            {"by_seed": {"5": {}}},
            "the sweeps differ in their seeds: {'lif': ['0'], 'qif': ['5']}",
        ),
        (
            ("lif", "qif"),
            {"examples": {"train": 60000, "test": 10000}},
            "the sweeps differ in their numbers of examples: {'lif': {'train': 1000, ",
        ),
        (
            ("lif", "qif"),
            {"summary": {"all": QIF["summary"]["all"]}},
            "qif.json has no cell with a <= 0.4",
        ),
    ],
)
def test_bad_input_is_one_line(files, names, change, message, tmp_path, capsys):
    (files / "qif.json").write_text(json.dumps({**QIF, **change}))
    out = tmp_path / "page.json"
    with pytest.raises(SystemExit) as stop:
        robustness.main([*(str(files / f"{n}.json") for n in names), "--out", str(out)])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not out.exists()


def test_rates_that_are_an_axis_are_no_setting(files, tmp_path):
    rates = {name: value for name, value in QIF.items() if name != "learning_rate"}
    (files / "qif.json").write_text(json.dumps(rates))
    text = page_of(files, tmp_path / "page.json")
    assert "LIF with a learning rate of 0.001 and 1 seed(s), QIF with the lear" in text
