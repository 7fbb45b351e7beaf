"""The comparison of float32 and bfloat16 on trained networks."""

import json

import jax
import numpy as np
import pytest

from benchmarks import precision
from experiments import trained
from tests import runs

pytestmark = pytest.mark.usefixtures("standard_promotion")


def test_counts_are_those_of_the_predictions(tmp_path):
    run = tmp_path / "run"
    accuracy = runs.run(run, "--epochs", "1").result()["test"]["accuracy"]
    out = tmp_path / "precision.json"
    precision.main([str(run), "--out", str(out)])
    (found,) = json.loads(out.read_text())["runs"]
    labels = trained.load(run, tmp_path).experiment.evaluation.labels
    wide, narrow = (
        precision._logits(trained.load(run, tmp_path, precision=name))
        for name in ("float32", "bfloat16")
    )
    assert np.any(wide != narrow)
    same = np.argmax(wide, -1) == np.argmax(narrow, -1)
    assert found["same"] == np.sum(same)
    assert found["correct_float32"] == np.sum(np.argmax(wide, -1) == labels)
    assert found["examples"] == len(labels)
    assert found["correct_float32"] / len(labels) == pytest.approx(accuracy)
    assert len(labels) / 2 < found["same"] <= len(labels)
    # Another processor sums in another order.
    assert found["same_disturbed"][0] >= 0.99 * len(labels)
    assert found["surer"] == len(labels) // 2
    text = out.with_suffix(".md").read_text()
    row, _ = (line for line in text.split("\n") if line.startswith("| digits"))
    assert f"| {100 * np.mean(same):.2f} |" in row


def test_options_of_a_network_are_named():
    run = {"model": "resnet19", "model_options": {"width_multiplier": 0.25}}
    assert precision._network(run) == "resnet19, width_multiplier 0.25"
    assert precision._network({**run, "model_options": {}}) == "resnet19"


def test_the_surer_half_has_the_largest_distances():
    logits = np.array(
        [[0.0, 1.0, 3.0], [5.0, 5.0, 1.0], [0.0, 4.0, 1.0], [1.0, 0, 2.0]]
    )
    assert sorted(precision._surer_half(logits)) == [0, 2]


def test_kernels_are_rounded_and_nothing_else():
    params = {"kernel": np.full((2, 2), 1.001, np.float32), "bias": np.float32([1.001])}
    rounded = precision._rounded(jax.tree.map(jax.numpy.asarray, params))
    assert np.all(rounded["kernel"] == 1.0)
    assert rounded["kernel"].dtype == np.float32
    assert np.array_equal(rounded["bias"], params["bias"])


def test_disturbed_kernels_are_off_by_what_is_said():
    params = {"kernel": np.full((200, 200), 2.0, np.float32), "bias": np.ones(3)}
    params = jax.tree.map(jax.numpy.asarray, params)
    changed = precision._disturbed(params, 1e-2)
    error = np.asarray(changed["kernel"]) / 2 - 1
    assert np.std(error) == pytest.approx(1e-2, rel=0.02)
    assert abs(np.mean(error)) < 2e-4
    assert np.array_equal(changed["bias"], params["bias"])


def test_no_run_is_an_error_of_one_line(capsys):
    with pytest.raises(SystemExit):
        precision.main([])
    assert "needs the folders" in capsys.readouterr().err
