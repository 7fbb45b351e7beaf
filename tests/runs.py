"""Runs within tests: programs that several of them share, and what they have left."""

import contextlib

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
import pytest

import experiments.build
from experiments import engine
from experiments.feed import OnHost
from experiments.programs import Programs
from qifjax.checkpoint import Checkpoints


@contextlib.contextmanager
def sharing_programs():
    """Runs of one configuration share its programs, as the tests of it are many."""
    built, compiled = {}, {}

    def build(config, *where):
        key = f"{config} {where}"
        if key not in built:
            built[key] = experiments.build.build(config, *where)
        return built[key]

    def programs(experiment, seed, feed):
        if isinstance(feed, OnHost):
            return Programs(experiment, seed, feed)
        key = id(experiment), seed
        if key not in compiled:
            made = Programs(experiment, seed, feed)
            compiled[key] = made, jax.tree.map(jnp.copy, made.initial)
        made, initial = compiled[key]
        made.initial = jax.tree.map(jnp.copy, initial)  # training takes its memory
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "build", build)
        patch.setattr(engine, "Programs", programs)
        yield


def arrays(folder, step):
    """The arrays of a checkpoint, without knowing their structure."""
    path = Checkpoints(folder.checkpoints).path(step) / "state"
    with ocp.StandardCheckpointer() as checkpointer:
        return jax.tree.leaves(checkpointer.restore(path))
