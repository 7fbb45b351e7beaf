"""Latency: the ratio by hand, going on where it was killed, refusals."""

import json

import numpy as np
import pytest

from experiments import config, latency
from experiments.partial import Partial


def test_ratio_and_interval_of_known_times(tmp_path):
    partial = Partial(tmp_path / "latency.json", "key")
    rng = np.random.default_rng(0)
    qif, lif = 0.3 + 0.01 * rng.random(20), 0.2 + 0.01 * rng.random(20)
    partial.add("fashion_mnist_lenet5 1 qif", qif)
    partial.add("fashion_mnist_lenet5 1 lif", lif)
    lenet5 = config.load("fashion_mnist_lenet5")
    row = latency.measure(lenet5, "inference", 1, 20, partial)
    assert row["ratio"] == pytest.approx(np.median(qif) / np.median(lif))
    assert row["ratio_low"] < row["ratio"] < row["ratio_high"]
    assert row["ratio_high"] - row["ratio_low"] < 0.1
    assert (row["timesteps"], row["batch"]) == (2, 1)


@pytest.mark.parametrize("work", ["inference", "training"])
def test_the_smallest_network_is_measured(tmp_path, work, standard_promotion):
    out = tmp_path / "latency.json"
    given = ["fashion_mnist_lenet5", "--batches", "1", "0", "--largest-batch", "2"]
    latency.main([*given, "--work", work, "--repeats", "3", "--out", str(out)])
    report = json.loads(out.read_text())
    assert [row["batch"] for row in report["rows"]] == [1, 2]
    assert all(
        0 < second < 60 for row in report["rows"] for second in row["qif_seconds"]
    )
    text = out.with_suffix(".md").read_text()
    assert "| lenet5 | 2 | 1 |" in text
    assert f"LIF in {work}" in text
    assert not (tmp_path / "latency.partial.json").exists()


def test_partial_numbers_survive_and_those_of_another_command_do_not(tmp_path):
    Partial(tmp_path / "x.json", "a", b"b").add("part", [1.0])
    again = Partial(tmp_path / "x.json", "a", b"b")
    again.add("part", [2.0])
    assert Partial(tmp_path / "x.json", "a", b"b").done("part") == [1.0, 2.0]
    assert Partial(tmp_path / "x.json", "a").done("part") == []
    again.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits_lenet5"], "no latency of config 'digits_lenet5' (known: fashion"),
        (["--repeats", "1"], "--repeats must be at least 2, got 1"),
        (["--batches", "-1"], "--batches must be at least 0"),
    ],
)
def test_bad_options_are_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        latency.main(arguments)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
