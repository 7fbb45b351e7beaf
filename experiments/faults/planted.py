"""A run with a fault inside: python -m experiments.faults.planted FAULT TRAIN-OPTIONS.

The faults are put into the loaded modules from here, so that the code of a run knows
nothing of them.
"""

import resource
import sys

import jax.numpy as jnp

from experiments import train
from qifjax import training
from qifjax.checkpoint import Checkpoints

_SMALL = 4096


def nan_in_batch(bad_step: str) -> None:
    """The batch of one step becomes floating point with one value that is NaN."""
    clean = training.train_step

    def train_step(task, state, batch, hparams):
        inputs = batch.inputs.astype(jnp.float32)
        value = jnp.where(state.step == int(bad_step), jnp.nan, inputs[0, 0, 0, 0])
        batch = batch._replace(inputs=inputs.at[0, 0, 0, 0].set(value))
        return clean(task, state, batch, hparams)

    training.train_step = train_step


def file_size_limit(moment: str) -> None:
    """No file may grow beyond a few kilobytes, from the second checkpoint on.

    Args:
      moment: "before" it is begun, or "within", when its bytes are about to be written.
    """
    prepare = Checkpoints._prepare

    def limited(self, *arguments):
        def limit():
            if self.steps():
                hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
                resource.setrlimit(resource.RLIMIT_FSIZE, (_SMALL, hard))

        if moment == "before":
            limit()
        prepare(self, *arguments)
        limit()

    Checkpoints._prepare = limited  # type: ignore[method-assign]


FAULTS = {"nan": nan_in_batch, "file-size": file_size_limit}


if __name__ == "__main__":
    fault, argument, *options = sys.argv[1:]
    FAULTS[fault](argument)
    train.main(options)
