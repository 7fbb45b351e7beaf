"""Checkpoints of the whole training state: Orbax, with a manifest that is verified.

A checkpoint is a folder named after its step. It appears under that name only when it
is complete, and holds the SHA-256 of each of its files, because Orbax alone restores
damaged bytes without a word.
"""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from qifjax import processes

PyTree = Any
_STATE, _MANIFEST = "state", "manifest.json"


class CheckpointError(Exception):
    """A checkpoint cannot be written, found or trusted; the message says what to do."""


class Checkpoints:
    """The checkpoints of one run.

    Attributes:
      folder: where they are.
      keep: how many of the newest are kept.
    """

    def __init__(self, folder: Path, keep: int = 2):
        self.folder = Path(folder).absolute()
        self.keep = keep

    def steps(self) -> list[int]:
        """The steps of the complete checkpoints, oldest first."""
        if not self.folder.is_dir():
            return []
        names = (path.name for path in self.folder.iterdir() if path.is_dir())
        return sorted(int(name) for name in names if name.isdigit())

    def path(self, step: int) -> Path:
        """The folder of the checkpoint of a step."""
        return self.folder / f"{step:08d}"

    def save(self, step: int, state: PyTree) -> None:
        """Writes a checkpoint, then removes the oldest beyond ``keep``.

        Args:
          step: number of steps taken.
          state: arrays in any nesting; PRNG keys are allowed.

        Raises:
          CheckpointError: if it cannot be written; what was there before still is.
        """
        final = self.path(step)
        partial = final.with_name(final.name + ".partial")
        first = processes.is_first()
        try:
            if first:
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(parents=True)
                size = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
                _require_space(partial, size)
            processes.wait_for_all(f"checkpoint {step} begins")
            with ocp.StandardCheckpointer() as checkpointer:
                checkpointer.save(partial / _STATE, state)
                checkpointer.wait_until_finished()
            if first:
                _complete(partial, final)
            processes.wait_for_all(f"checkpoint {step} is complete")
        except Exception as error:
            # Orbax and its storage raise many kinds; to the run they all mean this.
            shutil.rmtree(partial, ignore_errors=True)
            kept = self.steps()
            last = (
                f"the last good one is {self.path(kept[-1])}" if kept else "none exists"
            )
            raise CheckpointError(
                f"cannot write checkpoint {final} ({_first_line(error)}); {last}"
            ) from error
        if first:
            for old in self.steps()[: -self.keep]:
                shutil.rmtree(self.path(old))

    def restore(self, like: PyTree, step: int | None = None) -> PyTree:
        """Reads a checkpoint after verifying every file of it.

        Args:
          like: a state of the same structure, shapes and dtypes.
          step: which checkpoint; None takes the newest.

        Returns:
          The state.

        Raises:
          CheckpointError: if there is none, or it is damaged or of another structure;
            the message names the file and the checkpoint before it.
        """
        steps = self.steps()
        if not steps:
            raise CheckpointError(f"no checkpoint in {self.folder}")
        chosen = steps[-1] if step is None else step
        if chosen not in steps:
            known = ", ".join(map(str, steps))
            raise CheckpointError(
                f"no checkpoint of step {chosen} in {self.folder} (there are: {known})"
            )
        damage = _damage(self.path(chosen))
        if damage:
            before = [step for step in steps if step < chosen]
            offer = (
                f"the one before it is intact until shown otherwise: "
                f"use --resume-step {before[-1]}"
                if before
                else "there is none before it: start again in another --workdir"
            )
            raise CheckpointError(f"damaged checkpoint: {damage}; {offer}")
        try:
            with ocp.StandardCheckpointer() as checkpointer:
                target = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
                return checkpointer.restore(self.path(chosen) / _STATE, target)
        except Exception as error:
            raise CheckpointError(
                f"checkpoint {self.path(chosen)} does not fit this run "
                f"({_first_line(error)})"
            ) from error


def _complete(partial: Path, final: Path) -> None:
    """Adds the manifest to a checkpoint and gives it its name."""
    manifest = json.dumps(_digests(partial / _STATE), indent=2) + "\n"
    (partial / _MANIFEST).write_text(manifest)
    if final.exists():
        shutil.rmtree(final)
    partial.rename(final)


def _require_space(folder: Path, size: int) -> None:
    """Raises OSError where ``size`` bytes cannot be written.

    Orbax finds out too late: its writers fail in the background, one by one, and each
    leaves a traceback on the terminal.
    """
    if hasattr(os, "posix_fallocate"):
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by relative path."""
    digests = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        digests[path.relative_to(folder).as_posix()] = digest
    return digests


def _damage(checkpoint: Path) -> str:
    """What is wrong with a checkpoint, or an empty string."""
    manifest = checkpoint / _MANIFEST
    try:
        expected = json.loads(manifest.read_text())
    except (OSError, ValueError) as error:
        return f"{manifest} cannot be read ({_first_line(error)})"
    found = _digests(checkpoint / _STATE)
    for name in sorted(expected.keys() | found.keys()):
        file = checkpoint / _STATE / name
        if name not in found:
            return f"{file} is missing"
        if found[name] != expected.get(name):
            return f"{file} differs from its SHA-256"
    return ""


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
