"""One table of many runs: groups, the settings that differ, refusals."""

import json

import pytest

from experiments import tabulate
from experiments.run_folder import RunFolder
from qifjax import LIFParams, QIFParams
from tests.test_comparison import finished


@pytest.fixture
def runs(tmp_path):
    for seed, accuracy in ((0, 0.80), (1, 0.90)):
        finished(tmp_path / f"a{seed}", "qif", seed, accuracy, 0.1)
        finished(tmp_path / f"b{seed}", "qif", seed, 0.5, 0.2, window="centred")
    finished(tmp_path / "c", "lif", 0, 0.7, 0.3, model_options={"fc_norm": "tdbn"})
    return tmp_path


def test_rows_are_groups_and_columns_what_they_differ_in(runs):
    out = runs / "out" / "table.json"
    tabulate.main([str(runs), "--title", "Windows", "--out", str(out)])
    report = json.loads(out.read_text())
    assert "window" in report["differ"]
    assert "neuron" in report["differ"]
    assert "model_options.fc_norm" in report["differ"]
    assert "learning_rate" not in report["differ"]
    assert not [name for name in report["differ"] if name.startswith(("qif", "lif"))]
    analytic, centred, lif = report["rows"]
    assert analytic["settings"]["window"] == "analytic"
    assert analytic["accuracy"]["mean"] == pytest.approx(0.85)
    assert analytic["accuracy"]["deviation"] == pytest.approx(0.005**0.5)
    assert (centred["seeds"], lif["seeds"]) == ([0, 1], [0])
    text = out.with_suffix(".md").read_text()
    assert "| centred |" in text
    assert "| 85.00 ± 7.07 | 10.00 ± 0.00 |" in text
    assert "# Windows" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda runs: (runs / "c" / "result.json").unlink(), "an unfinished run"),
        (lambda runs: finished(runs / "d", "qif", 0, 0.1, 0.1), "repeats seed 0"),
    ],
)
def test_what_cannot_be_tabulated_is_one_line(runs, change, message, capsys):
    change(runs)
    with pytest.raises(SystemExit) as stop:
        tabulate.main([str(runs), "--out", str(runs / "out" / "table.json")])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (runs / "out").exists()


def test_a_folder_without_runs_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        tabulate.main([str(tmp_path / "none")])
    assert "holds no run" in capsys.readouterr().err
    assert not RunFolder(tmp_path / "none").started


def test_parameters_of_a_neuron_are_a_column_where_its_runs_differ(tmp_path):
    for u_c in (0.2, 0.5):
        finished(tmp_path / f"{u_c}", "qif", 0, 0.8, 0.1, qif=QIFParams(u_c=u_c))
    finished(tmp_path / "lif", "lif", 0, 0.8, 0.1)
    folders = [RunFolder(path) for path in sorted(tmp_path.iterdir())]
    found = tabulate.tabulate(folders)
    assert found["differ"] == ["neuron", "qif.u_c"]
    assert [row["settings"]["qif.u_c"] for row in found["rows"]] == [0.2, 0.5, None]


def test_what_has_no_say_makes_no_row(tmp_path):
    """Nor do the other neuron's settings, or a default that is spelled out."""
    plain = finished(tmp_path / "a", "qif", 0, 0.8, 0.1, model_options={})
    spelled = {"model_options": {"fc_norm": "none"}, "lif_learning_rate": 0.01}
    other = finished(
        tmp_path / "b", "qif", 1, 0.6, 0.1, lif=LIFParams(alpha=0.5), **spelled
    )
    tdbn = {"model_options": {"fc_norm": "tdbn"}}
    third = finished(tmp_path / "c", "qif", 0, 0.5, 0.1, **tdbn)
    found = tabulate.tabulate([plain, other, third])
    assert found["differ"] == ["model_options.fc_norm"]
    assert [row["seeds"] for row in found["rows"]] == [[0, 1], [0]]
    assert found["rows"][0]["settings"] == {"model_options.fc_norm": "none"}
    assert found["rows"][0]["accuracy"]["mean"] == pytest.approx(0.7)


def test_the_learning_rate_is_that_of_the_neuron(tmp_path):
    rates = {"learning_rate": 0.1, "lif_learning_rate": 0.02}
    runs = [finished(tmp_path / n, n, 0, 0.8, 0.1, **rates) for n in ("qif", "lif")]
    found = tabulate.tabulate(runs)
    assert found["differ"] == ["neuron", "learning_rate"]
    assert [row["settings"]["learning_rate"] for row in found["rows"]] == [0.1, 0.02]


def test_every_origin_of_the_runs_is_named_once(tmp_path):
    runs = [finished(tmp_path / str(seed), "qif", seed, 0.8, 0.1) for seed in range(3)]
    runs[2].finish({**runs[2].result(), "git_commit": "fedcba9876543210"})
    first, second = tabulate.tabulate(runs)["trained"]
    assert first == "a device (jax 1.2.3; commit 0123456789ab)"
    assert second == "a device (jax 1.2.3; commit fedcba987654)"
    out = tmp_path / "out" / "table.json"
    tabulate.main([*(str(run.path) for run in runs), "--out", str(out)])
    assert f"from runs on {first}; {second}." in out.with_suffix(".md").read_text()
