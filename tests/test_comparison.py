"""The comparison: its numbers by hand, its table, its figure, its refusals."""

import json

import pytest

from experiments import cli, compare
from experiments import config as configs
from experiments.comparison import later, summarise
from experiments.comparison_figure import draw
from experiments.config import Config
from experiments.run_folder import RunError
from tests.runs import invented


def finished(path, neuron, seed, accuracy, rate, **changes):
    config = Config(neuron=neuron, seed=seed, **changes)
    return invented(path, config, accuracy, rate)


@pytest.fixture
def comparison(tmp_path):
    folders = {
        "qif": [
            finished(tmp_path / "q0", "qif", 0, 0.80, 0.1),
            finished(tmp_path / "q1", "qif", 1, 0.90, 0.2),
        ],
        "lif": [
            finished(tmp_path / "l0", "lif", 0, 0.90, 0.3),
            finished(tmp_path / "l1", "lif", 1, 0.92, 0.3),
        ],
    }
    return summarise("the command", folders)


def test_means_deviations_and_ratios_by_hand(comparison):
    qif, lif = comparison.summaries["qif"], comparison.summaries["lif"]
    assert qif.accuracy.mean == pytest.approx(0.85)
    assert qif.accuracy.deviation == pytest.approx(0.005**0.5)  # sample, n - 1
    assert [point.mean for point in lif.curve] == pytest.approx([0.455, 0.91])
    head, _, first, second, ratio = comparison.table()
    assert "accuracy, %" in head
    assert first.startswith("| QIF | 85.00 ± 7.07 | 15.00 ± 7.07 | 0.1500 ± 0.0707 |")
    assert second.startswith("| LIF | 91.00 ± 1.41 | 30.00 ± 0.00 | 0.3000 ± 0.0000 |")
    assert ratio == "| LIF / QIF | +6.00 points | 2.00x | 2.00x | 1.00x |"


def test_page_names_command_device_and_commit(comparison):
    page = comparison.to_markdown()
    for part in ("`the command`", "a device", "jax 1.2.3", "commit 0123456789ab;"[:-1]):
        assert part in page
    assert "2 seed(s); accuracy on the 100 test examples" in page


def test_page_figure_and_numbers_are_written_together(comparison, tmp_path):
    changed = {"epochs": (3, 10)}
    compare.write(comparison, changed, tmp_path / "out" / "page.md")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["page.json", "page.md", "page.png"]
    numbers = json.loads((tmp_path / "out" / "page.json").read_text())
    assert numbers["summaries"]["qif"]["accuracy"]["values"] == [0.8, 0.9]
    assert numbers["differences"] == {"epochs": [3, 10]}
    draw(comparison, tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes()[:4] == b"\x89PNG"


def test_what_options_have_changed_is_found_for_every_neuron():
    given = ["digits_lenet5", "--epochs", "3", "--lif.beta", "0.5", "--seed", "4"]
    options = cli.parse_with_config(compare.Compare, given, "compare")
    usual = configs.load("digits_lenet5")
    assert compare.differences(options) == {
        "epochs": (3, usual.epochs),
        "lif.beta": (0.5, usual.lif.beta),
    }
    renamed = cli.parse_with_config(
        compare.Compare, ["digits_lenet5", "--name", "mine"], "compare"
    )
    assert compare.differences(renamed) == {"name": ("mine", None)}


def test_a_single_seed_has_no_deviation(tmp_path):
    folders = {"qif": [finished(tmp_path / "q", "qif", 0, 0.8, 0.0)]}
    comparison = summarise("c", folders)
    assert comparison.summaries["qif"].accuracy.deviation is None
    assert "| QIF | 80.00 | 0.00 |" in comparison.table()[2]


def test_runs_of_different_settings_are_refused(tmp_path):
    folders = {
        "qif": [finished(tmp_path / "q", "qif", 0, 0.8, 0.1)],
        "lif": [finished(tmp_path / "l", "lif", 0, 0.8, 0.1, epochs=3)],
    }
    with pytest.raises(RunError, match="may differ in neuron and seed only"):
        summarise("c", folders)


def test_what_was_not_found_is_further_away():
    assert later([0.2, None, 0.4, None], [0.1, 0.3, None, None]) == (2, 3)
