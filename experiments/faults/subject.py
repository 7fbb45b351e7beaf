"""The run that faults are planted into, as a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from experiments.run_folder import RunFolder
from qifjax.checkpoint import Checkpoints

EPOCHS = 10
ARGUMENTS = (
    "digits_lenet5",
    *("--epochs", str(EPOCHS), "--batch-size", "256", "--save-every", "0"),
)


class Ended(NamedTuple):
    """How a process has ended: its exit code, and the lines that it has printed."""

    code: int
    out: list[str]
    err: list[str]

    @property
    def refused_in_one_line(self) -> bool:
        """Whether it ended with code 2 and one line on standard error."""
        return self.code == 2 and len(self.err) == 1 and self.err[0][:6] == "error:"


@dataclass(frozen=True)
class Subject:
    """Short runs of LeNet-5 on digits that all compute the same.

    Attributes:
      workdir: where their folders are, with the compilations that they share.
      arguments: what is trained.
    """

    workdir: Path
    arguments: tuple[str, ...] = ARGUMENTS

    def start(
        self, folder: RunFolder, *options: str, plant: tuple[str, ...] = ()
    ) -> subprocess.Popen[str]:
        """Starts the run of a folder, or goes on with it.

        Args:
          folder: its folder.
          options: further options.
          plant: arguments of experiments.faults.planted, for a fault inside it.
        """
        module = "experiments.faults.planted" if plant else "experiments.train"
        command = [sys.executable, "-m", module, *plant, *self.arguments, *options]
        command += ["--workdir", str(folder.path), *["--resume"] * folder.started]
        environment = {
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": str(self.workdir / "cache"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        return subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, folder: RunFolder, *options: str, plant: tuple[str, ...] = ()
    ) -> Ended:
        """As :meth:`start`, to the end of the process."""
        return end(self.start(folder, *options, plant=plant))

    def folder(self, name: str) -> RunFolder:
        """A run folder."""
        return RunFolder(self.workdir / name)

    def undisturbed(self) -> RunFolder:
        """The run that nothing happens to, with all of its checkpoints."""
        folder = self.folder("undisturbed")
        if not folder.finished:
            ended = self.run(folder, "--keep", "1000000")
            if ended.code:
                raise RuntimeError(f"{folder.path}: {' '.join(ended.err)}")
        return folder


def end(process: subprocess.Popen[str]) -> Ended:
    """Waits for the end of a process."""
    out, err = process.communicate()
    return Ended(process.returncode, out.splitlines(), err.splitlines())


def arrays(checkpoint: Path) -> dict[str, np.ndarray]:
    """All arrays of a checkpoint by name, whatever it is a checkpoint of."""
    found = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(raw(checkpoint)):
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        found[jax.tree_util.keystr(path)] = np.asarray(leaf)
    return found


def raw(checkpoint: Path) -> Any:
    """The content of a checkpoint in nested dictionaries, without verification."""
    with ocp.StandardCheckpointer() as checkpointer:
        return checkpointer.restore(checkpoint / "state")


def same_bits(checkpoint: Path, other: Path) -> bool:
    """Whether two checkpoints hold the same arrays."""
    ours, theirs = arrays(checkpoint), arrays(other)
    return ours.keys() == theirs.keys() and all(
        ours[name].tobytes() == theirs[name].tobytes() for name in ours
    )


def intact(folder: RunFolder, undisturbed: RunFolder) -> bool:
    """Whether all checkpoints of a run are whole, and those of an undisturbed run."""
    ours, theirs = map(Checkpoints, (folder.checkpoints, undisturbed.checkpoints))
    return all(
        not ours.damage(step)
        # One that a signal asked for lies within an epoch, where the other has none.
        and (
            step not in theirs.steps() or same_bits(ours.path(step), theirs.path(step))
        )
        for step in ours.steps()
    )


def same_end(folder: RunFolder, undisturbed: RunFolder) -> bool:
    """Whether a run has ended in the bits and scores of an undisturbed one."""
    if not folder.finished:
        return False
    last = Checkpoints(undisturbed.checkpoints).steps()[-1]
    ours, theirs = (
        Checkpoints(run.checkpoints).path(last) for run in (folder, undisturbed)
    )
    scores = [
        (run.result()["test"], [entry["loss"] for entry in run.metrics()])
        for run in (folder, undisturbed)
    ]
    return ours.exists() and same_bits(ours, theirs) and scores[0] == scores[1]
