"""Whole runs on real digits: their folder, their options, and how they are refused."""

import os
import signal

import jax.numpy as jnp
import numpy as np
import pytest

from experiments import engine
from experiments.progress import Progress
from experiments.run_folder import RunFolder
from qifjax.checkpoint import Checkpoints
from tests.runs import arrays, refused, run

pytestmark = pytest.mark.usefixtures("standard_promotion", "shared_programs")


def test_result_says_everything(finished):
    result = finished.result()
    assert set(result) == {
        *("schema_version", "config", "seed", "git_commit", "versions", "device"),
        *(
            "parallel",
            "device_count",
            "parameter_count",
            "compile_seconds",
            "train_seconds",
        ),
        *("examples_per_second", "peak_memory_bytes", "train", "test", "timesteps"),
        *("firing_rate", "mean_firing_rate", "energy_mj", "total_energy_mj", "best"),
    }
    assert result["parameter_count"] == 51924
    assert result["test"]["examples"] == 160
    assert result["test"]["split"] == "test"
    assert result["best"] is None  # nothing is chosen by test accuracy
    assert result["train"]["split"] == "train"
    assert list(result["firing_rate"]) == ["conv1/neuron", "conv2/neuron", "fc1/neuron"]
    assert all(0 < rate < 1 for rate in result["firing_rate"].values())
    # conv1 sees analog values: T * 4.6 pJ * 117,600 MAC.
    assert result["energy_mj"]["conv1/conv"] == pytest.approx(2 * 4.6e-9 * 117600)
    assert result["total_energy_mj"] == pytest.approx(sum(result["energy_mj"].values()))
    # fc2 sees the spikes of the last population.
    fc2 = 2 * 0.9e-9 * 1200 * result["firing_rate"]["fc1/neuron"]
    assert result["energy_mj"]["fc2"] == pytest.approx(fc2, rel=1e-5)
    epochs = finished.metrics()
    assert [entry["step"] for entry in epochs] == [5, 10]
    assert epochs[1]["train_loss"] < epochs[0]["train_loss"]
    assert epochs[-1]["accuracy"] == result["test"]["accuracy"]
    assert epochs[-1]["firing_rate"] == result["firing_rate"]


def test_metrics_tell_what_the_populations_do(finished):
    layers = ["conv1/neuron", "conv2/neuron", "fc1/neuron"]
    for entry in finished.metrics():
        for name in ("firing_rate", "silent", "in_window"):
            assert list(entry[name]) == layers
            assert all(0 <= share <= 1 for share in entry[name].values())
        # Behind tdBN some 68 % of the membranes are inside (Theorem 1).
        assert 0.5 < entry["in_window"]["conv2/neuron"] < 0.8
        # On a black margin many neurons of conv1 see nothing.
        assert entry["silent"]["conv1/neuron"] > 0.1
        assert entry["gradient_norm"] > 0
        assert entry["learning_rate"] > 0


def test_a_finished_run_is_read_and_never_repeated(finished, capsys):
    before = {p: p.stat().st_mtime_ns for p in finished.path.rglob("*")}
    assert "a finished run" in refused(capsys, finished.path)
    run(finished.path, "--resume")
    assert "test accuracy" in capsys.readouterr().out
    assert {p: p.stat().st_mtime_ns for p in finished.path.rglob("*")} == before
    other = refused(capsys, finished.path, "--seed", "1", "--resume")
    assert "seed: there 0, here 1" in other


def test_keeping_no_checkpoint_is_refused(tmp_path, capsys):
    line = refused(capsys, tmp_path / "run", "--keep", "0")
    assert "--keep must be at least 1, got 0" in line
    line = refused(capsys, tmp_path, "--save-every", "-1")
    assert "--save-every must be at least 0 seconds, got -1.0" in line


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, capsys):
    arguments = ("--optimizer", "sgd", "--learning-rate", "1e38")
    line = refused(capsys, tmp_path / "run", *arguments)
    assert "loss, gradient or statistics are not finite at step" in line
    assert "last good checkpoint: none" in line
    assert not RunFolder(tmp_path / "run").finished


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["pmap", "mesh"])
def test_two_devices_give_the_same_result(finished, tmp_path, mode):
    folder = run(tmp_path / "run", "--parallel", mode)
    result, expected = folder.result(), finished.result()
    assert (result["parallel"], result["device_count"]) == (mode, 2)
    for mine, theirs in zip(folder.metrics(), finished.metrics(), strict=True):
        # A spike that rounding flips sets off others; test_parallel is exact.
        assert mine["train_loss"] == pytest.approx(theirs["train_loss"], rel=0.02)
    assert result["test"]["accuracy"] == pytest.approx(
        expected["test"]["accuracy"], abs=0.03
    )


def test_examples_on_the_host_are_the_same_batches(finished, tmp_path, monkeypatch):
    """Also when the run ends in the middle of an epoch and goes on the other way."""
    monkeypatch.setattr(engine, "_STEPS_A_DISPATCH", 2)
    with monkeypatch.context() as patch:
        steps = Progress.steps

        def stop_behind_the_eighth(self, number):
            steps(self, number)
            self.taken = getattr(self, "taken", 0) + number
            if self.taken == 9:
                os.kill(os.getpid(), signal.SIGTERM)

        patch.setattr(Progress, "steps", stop_behind_the_eighth)
        run(tmp_path, "--data-on", "host")
    assert Checkpoints(tmp_path / "checkpoints").steps() == [5, 9]
    resumed = run(tmp_path, "--resume")
    for mine, theirs in zip(arrays(resumed, 10), arrays(finished, 10), strict=True):
        if mine.dtype == jnp.float32 and mine.ndim:  # all but the seconds
            # Programs for other shapes may round in another order.
            np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-5)
    # The evaluation set has been scored in parts of 64, 64 and 32.
    for mine, theirs in zip(resumed.metrics(), finished.metrics(), strict=True):
        for name in ("train_loss", "loss", "accuracy"):
            assert mine[name] == pytest.approx(theirs[name], rel=1e-5)
        assert mine["firing_rate"] == pytest.approx(theirs["firing_rate"], rel=1e-5)


def test_every_option_of_training_runs(tmp_path):
    """Those whose mathematics test_training, test_optimizers and test_losses check."""
    folder = run(
        tmp_path / "run",
        *("--precision", "bfloat16", "--loss", "tet", "--label-smoothing", "0.1"),
        *("--warmup-epochs", "1", "--clip-norm", "1", "--accumulate", "2"),
        *("--augment", "cifar10", "--resize", "20"),
        *("--average", "0.5", "--decay", "kernels", "--learning-rate", "0.02"),
        *("--limit", "320", "--batch-size", "64"),
        "--tensorboard",
    )
    assert len(list((folder.path / "tensorboard").iterdir())) == 1
    first, second = folder.metrics()
    assert second["train_loss"] < first["train_loss"]
    assert first["learning_rate"] > second["learning_rate"]


def test_zero_epochs_evaluate_the_initial_network(tmp_path):
    result = run(tmp_path / "run", "--epochs", "0", "--evaluate-on", "validation")
    scores = result.result()["validation"]
    assert 0 <= scores["accuracy"] < 0.5
    assert scores["split"] == "validation"
    assert result.metrics() == []
