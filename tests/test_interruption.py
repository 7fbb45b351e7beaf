"""Runs that are killed, stopped or out of disk: what is left, and how they go on."""

import itertools
import os
import resource
import shutil
import signal
import threading
import time
import warnings

import jax.numpy as jnp
import pytest

from experiments import config, engine
from experiments.programs import Programs
from experiments.progress import Progress
from experiments.run_folder import RunFolder
from qifjax import manifest
from qifjax.checkpoint import Checkpoints
from tests.runs import CONFIG, arrays, refused, run, signalled

pytestmark = pytest.mark.usefixtures("standard_promotion", "shared_programs")


def test_checkpoints_after_some_seconds(finished, tmp_path, monkeypatch):
    last = run(tmp_path / "minute", "--save-every", "60")
    assert Checkpoints(last.checkpoints).steps() == [10]

    monkeypatch.setattr(engine, "_STEPS_A_DISPATCH", 3)
    within = run(tmp_path / "always", "--save-every", "1e-9", "--keep", "9")
    checkpoints = Checkpoints(within.checkpoints)
    assert checkpoints.steps() == [3, 5, 8, 10]
    shutil.rmtree(within.path / "checkpoints/00000010")
    (within.path / "result.json").unlink()
    resumed = run(within.path, "--save-every", "60", "--resume")
    for mine, theirs in zip(arrays(resumed, 10), arrays(finished, 10), strict=True):
        assert jnp.all(mine == theirs)
    scores = ("train_loss", "loss", "accuracy", "gradient_norm")
    for mine, theirs in zip(resumed.metrics(), finished.metrics(), strict=True):
        assert {name: mine[name] for name in scores} == pytest.approx(
            {name: theirs[name] for name in scores}, rel=1e-6
        )


def test_a_killed_run_goes_on_to_the_same_bits(finished, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:

        def killed(_, entry, *__):
            if entry["epoch"] == 2:
                raise KeyboardInterrupt

        patch.setattr(Progress, "epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path)
    assert not RunFolder(tmp_path).finished
    assert Checkpoints(tmp_path / "checkpoints").steps() == [5]
    resumed = run(tmp_path, "--resume")
    for mine, theirs in zip(arrays(resumed, 10), arrays(finished, 10), strict=True):
        assert jnp.all(mine == theirs)  # PRNG keys are compared as well
    keys = ("epoch", "step", "train_loss", "train_accuracy", "loss", "accuracy")
    for mine, theirs in zip(resumed.metrics(), finished.metrics(), strict=True):
        assert {k: mine[k] for k in keys} == {k: theirs[k] for k in keys}


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_in_the_middle_of_an_epoch(
    finished, tmp_path, monkeypatch, capsys, kind
):
    """The run writes a checkpoint, exits with 0, and goes on to the same bits."""
    monkeypatch.setattr(engine, "_STEPS_A_DISPATCH", 2)
    with signalled(monkeypatch, kind):
        run(tmp_path)
    out = capsys.readouterr().out
    assert f"{kind.name} at step 2 of 10" in out
    command = out.strip().split("python -m experiments.train ")[1].split()
    assert command == [*CONFIG, "--workdir", str(tmp_path), "--resume"]
    assert Checkpoints(tmp_path / "checkpoints").steps() == [2]
    resumed = run(tmp_path, "--resume")
    for mine, theirs in zip(arrays(resumed, 10), arrays(finished, 10), strict=True):
        if mine.ndim:  # all but the seconds
            assert jnp.all(mine == theirs)
    for mine, theirs in zip(resumed.metrics(), finished.metrics(), strict=True):
        assert mine["train_accuracy"] == theirs["train_accuracy"]
        assert mine["accuracy"] == theirs["accuracy"]


@pytest.mark.slow
def test_a_signal_between_two_epochs_ends_the_run_in_the_second(
    finished, tmp_path, monkeypatch, capsys
):
    """It comes after the checkpoint of the first, before a step of the second."""
    monkeypatch.setattr(engine, "_STEPS_A_DISPATCH", 2)
    with monkeypatch.context() as patch:
        order = Programs.order

        def send_signal(self, state):
            if int(state.step) == 5:
                os.kill(os.getpid(), signal.SIGTERM)
            return order(self, state)

        patch.setattr(Programs, "order", send_signal)
        run(tmp_path)
    assert "SIGTERM at step 7 of 10" in capsys.readouterr().out
    assert len(RunFolder(tmp_path).metrics()) == 1
    resumed = run(tmp_path, "--resume")
    assert resumed.result()["test"] == finished.result()["test"]


def test_a_damaged_checkpoint_is_named_and_the_one_before_used(
    finished, tmp_path, capsys
):
    shutil.copytree(finished.path, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    (folder.path / "result.json").unlink()

    def damage(step):
        newest = Checkpoints(folder.checkpoints).path(step)
        file = max(newest.rglob("*"), key=lambda path: path.stat().st_size)
        file.write_bytes(file.read_bytes()[:-1] + b"?")
        return str(file)

    file = damage(10)
    line = refused(capsys, folder.path, "--resume-step", "10")
    assert file in line
    assert "--resume takes the newest that is intact" in line
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        run(folder.path, "--resume")
    lines = capsys.readouterr().err.splitlines()
    (said,) = [line for line in lines if line.startswith("warning: damaged")]
    assert file in said
    assert f"going on from {Checkpoints(folder.checkpoints).path(5)}" in said
    assert folder.result()["test"] == finished.result()["test"]

    (folder.path / "result.json").unlink()
    damage(5)
    damage(10)
    assert "start again in another --workdir" in refused(
        capsys, folder.path, "--resume"
    )


def test_the_best_is_of_the_epochs_that_have_a_checkpoint(tmp_path):
    folder = RunFolder(tmp_path)
    for epoch, accuracy in ((1, 0.9), (2, 0.5), (3, 0.7), (4, 0.7), (5, 0.8)):
        folder.add_metrics({"epoch": epoch, "step": 10 * epoch, "accuracy": accuracy})
    checkpoints = Checkpoints(folder.checkpoints)
    for step in (20, 30, 40):
        checkpoints.path(step).mkdir(parents=True)

    def best(split, *coming):
        chosen = config.Config(evaluate_on=split)
        return engine._best(chosen, folder, checkpoints, *coming)

    assert best("validation")["epoch"] == 3
    assert best("validation", 50)["epoch"] == 5
    assert best("test", 50) is None


@pytest.mark.slow
def test_the_checkpoint_of_the_best_epoch_is_kept(tmp_path, monkeypatch):
    """An epoch that is made to look best outlives the newest, also over a resume."""
    add_metrics, epoch = RunFolder.add_metrics, Progress.epoch

    def first_is_best(self, entry):
        add_metrics(self, {**entry, "accuracy": float(entry["epoch"] == 1)})

    def killed(self, entry, *arguments):
        epoch(self, entry, *arguments)
        if entry["epoch"] == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunFolder, "add_metrics", first_is_best)
    arguments = ("--epochs", "4", "--evaluate-on", "validation", "--keep", "1")
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, *arguments)
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    one, two = checkpoints.steps()
    assert two == 2 * one
    best = run(tmp_path, *arguments, "--resume").result()["best"]
    assert (best["epoch"], best["step"], best["accuracy"]) == (1, one, 1.0)
    assert checkpoints.steps() == [one, 4 * one]


def test_a_step_without_a_checkpoint_is_refused(finished, tmp_path, capsys):
    folder = RunFolder(tmp_path)
    shutil.copy(finished.path / "config.json", tmp_path)
    assert "no checkpoint in" in refused(capsys, folder.path, "--resume-step", "5")


def test_a_signal_waits_for_the_write_under_way(
    finished, tmp_path, monkeypatch, capsys
):
    """It comes while the first checkpoint is being written; both become complete."""
    asked = threading.Event()
    write = manifest.write

    def slowly(*arguments):
        if not asked.is_set():
            os.kill(os.getpid(), signal.SIGTERM)
            asked.set()
            time.sleep(0.3)
        write(*arguments)

    monkeypatch.setattr(engine, "_STEPS_A_DISPATCH", 1)
    with monkeypatch.context() as patch:
        patch.setattr(manifest, "write", slowly)
        taken = itertools.count(1)
        steps = Progress.steps

        def wait_for_signal(progress, number):
            steps(progress, number)
            if next(taken) == 6:
                assert asked.wait(20)

        patch.setattr(Progress, "steps", wait_for_signal)
        run(tmp_path)
    assert "SIGTERM at step 6 of 10" in capsys.readouterr().out
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    assert checkpoints.steps() == [5, 6]
    assert [checkpoints.damage(step) for step in (5, 6)] == ["", ""]
    resumed = run(tmp_path, "--resume")
    assert resumed.result()["test"] == finished.result()["test"]


def test_a_full_disk_ends_the_run_in_one_line(tmp_path, capsys):
    """The file-size limit stands in for a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))
    try:
        line = refused(capsys, tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert "cannot write checkpoint" in line
    names = {path.name for path in (tmp_path / "run").rglob("*")}
    assert names == {"config.json", "metrics.jsonl", "checkpoints"}
