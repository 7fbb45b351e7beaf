"""Small runs on real digits: how they start, what they share, what they have left."""

import contextlib
import copy
import os
import signal
from dataclasses import replace

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
import pytest

import experiments.build
from experiments import engine, train
from experiments.feed import OnHost
from experiments.programs import Programs
from experiments.progress import Progress
from experiments.run_folder import RunFolder
from qifjax.checkpoint import Checkpoints

CONFIG = (
    "digits_lenet5",
    *("--epochs", "2", "--limit", "160", "--batch-size", "32", "--save-every", "0"),
)
"""Two epochs of five steps, with a checkpoint after each epoch."""


def run(folder, *arguments):
    """Such a run; options are added."""
    train.main([*CONFIG, "--workdir", str(folder), *arguments])
    return RunFolder(folder)


@contextlib.contextmanager
def signalled(monkeypatch, kind=signal.SIGTERM):
    """Sends this process a signal after every dispatch."""
    steps = Progress.steps

    def send_signal(self, number):
        steps(self, number)
        os.kill(os.getpid(), kind)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "steps", send_signal)
        yield


def refused(capsys, *arguments):
    """The line with which a run is refused."""
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


@contextlib.contextmanager
def sharing_programs():
    """Runs that differ in seed and learning rate alone share their programs."""
    built, compiled = {}, {}

    def build(config, *where):
        alike = replace(config, seed=0, learning_rate=1.0, lif_learning_rate=0.0)
        key = f"{alike} {where}"
        if key not in built:
            built[key] = experiments.build.build(config, *where)
        shared = built[key]
        rate = jnp.float32(config.neuron_learning_rate)
        return replace(shared, hparams=shared.hparams._replace(learning_rate=rate))

    def programs(experiment, seed, feed):
        if isinstance(feed, OnHost):
            return Programs(experiment, seed, feed)
        key = id(experiment.task)
        if key not in compiled:
            compiled[key] = Programs(experiment, seed, feed)
        made = copy.copy(compiled[key])
        made._hparams, made._feed = experiment.hparams, feed
        made.initial = experiment.initial(seed)  # training takes its memory
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "build", build)
        patch.setattr(engine, "Programs", programs)
        yield


def invented(path, config, accuracy, rate):
    """A finished run of two epochs with made-up numbers: energy follows the rate."""
    folder = RunFolder(path)
    folder.open(config, resume=False)
    folder.start_metrics(0)
    folder.add_metrics({"epoch": 1, "accuracy": accuracy / 2})
    folder.add_metrics({"epoch": 2, "accuracy": accuracy})
    folder.finish(
        {
            "config": config.to_json(),
            "seed": config.seed,
            "git_commit": "0123456789abcdef",
            "versions": {"jax": "1.2.3"},
            "device": "a device",
            "timesteps": config.timesteps,
            "parameter_count": 1234,
            "test": {"accuracy": accuracy, "loss": 1 - accuracy, "examples": 100},
            "mean_firing_rate": rate,
            "firing_rate": {"conv1/neuron": rate},
            "energy_mj": {"conv1/conv": rate * 1e-3},
            "total_energy_mj": rate * 1e-3,
            "train_seconds": 10.0,
            "examples_per_second": 20.0,
        }
    )
    return folder


def arrays(folder, step):
    """The arrays of a checkpoint, without knowing their structure."""
    path = Checkpoints(folder.checkpoints).path(step) / "state"
    with ocp.StandardCheckpointer() as checkpointer:
        return jax.tree.leaves(checkpointer.restore(path))
