"""The protocol for learning rates: what is chosen, what is scored, what is refused."""

import json

import jax
import pytest

from experiments import learning_rates
from experiments.run_folder import RunFolder
from tests.runs import sharing_programs

pytestmark = pytest.mark.usefixtures("standard_promotion")
SMALL = ("--epochs", "2", "--limit", "256", "--batch-size", "32")
RATES = ("1e-8", "1e-2")


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """What the protocol leaves for QIF at a rate that learns and one that does not."""
    folder = tmp_path_factory.mktemp("rates")
    with jax.numpy_dtype_promotion("standard"), sharing_programs():
        command(folder)
    return folder


def command(folder, *more):
    learning_rates.main(
        [
            "digits_lenet5",
            *SMALL,
            *("--learning-rate", "1e-8", "--neurons", "qif", "--rates", *RATES),
            *("--seeds", "2", "--workdir", str(folder), *more),
        ]
    )


def test_the_rate_that_learns_is_chosen_on_validation(workdir):
    report = json.loads((workdir / "learning_rates.json").read_text())
    qif = report["neurons"]["qif"]
    validation = {rate: qif["validation"][rate]["mean"] for rate in ("1e-08", "0.01")}
    assert validation["0.01"] > validation["1e-08"] + 0.2
    assert (qif["configured"], qif["chosen"], qif["at_edge"]) == (1e-8, 1e-2, True)
    for name, seed in (("qif-lr1e-08-seed0", 0), ("qif-lr0.01-seed1", 1)):
        result = RunFolder(workdir / "test" / name).result()
        rate = name.split("-seed")[0].removeprefix("qif-lr")
        values = qif["test"][rate]["accuracy"]["values"]
        assert values[seed] == result["test"]["accuracy"]
        assert len(values) == 2
    # Nothing that is chosen from has seen the test set.
    for run in (workdir / "validation").iterdir():
        assert "test" not in RunFolder(run).result()
    assert len(list((workdir / "validation").iterdir())) == 2


def test_the_page_says_what_was_chosen(workdir):
    text = (workdir / "learning_rates.md").read_text()
    report = json.loads((workdir / "learning_rates.json").read_text())
    best = report["neurons"]["qif"]["validation"]["0.01"]["mean"]
    assert f"**{100 * best:.2f}**" in text
    assert "0.01 (chosen)" in text
    assert "1e-08 (configured)" in text
    assert "QIF is at the end of the set" in text


def test_finished_runs_are_not_repeated(workdir):
    before = {run: run.stat().st_mtime_ns for run in workdir.glob("*/*/result.json")}
    command(workdir)
    after = {run: run.stat().st_mtime_ns for run in workdir.glob("*/*/result.json")}
    assert before == after
    assert len(before) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["--rates", "0.1", "0"], "--rates must be > 0, got 0"),
        (["--neurons", "qif", "qif"], "--neurons must name each model once"),
    ],
)
def test_bad_options_are_one_line(arguments, message, capsys, tmp_path):
    with pytest.raises(SystemExit) as stop:
        learning_rates.main(
            ["digits_lenet5", *arguments, "--workdir", str(tmp_path / "none")]
        )
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "none").exists()
