"""Checkpoints of the whole training state: Orbax, with a manifest that is verified.

A checkpoint is a folder named after its step. It appears under that name only when it
is complete, and holds the SHA-256 of each of its files, because Orbax alone restores
damaged bytes without a word. The bytes are written in the background.
"""

import os
import shutil
import tempfile
import warnings
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import orbax.checkpoint as ocp

from qifjax import manifest, processes

PyTree = Any
_STATE, _MANIFEST, _PARTIAL = "state", "manifest.json", ".partial"


class CheckpointError(Exception):
    """A checkpoint cannot be written, found or trusted; the message says what to do."""


class Checkpoints:
    """The checkpoints of one run; as a context, it ends when the last is written.

    Attributes:
      folder: where they are.
      keep: how many of the newest are kept.
    """

    def __init__(self, folder: Path, keep: int = 2):
        self.folder = Path(folder).absolute()
        self.keep = keep
        self._background = ThreadPoolExecutor(1, "checkpoint")
        self._writing: tuple[int, Future[None]] | None = None

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.wait()
        # What has already gone wrong is what the user should read.
        self._background.shutdown()

    def steps(self) -> list[int]:
        """The steps of the complete checkpoints, oldest first."""
        if not self.folder.is_dir():
            return []
        names = (path.name for path in self.folder.iterdir() if path.is_dir())
        return sorted(int(name) for name in names if name.isdigit())

    def path(self, step: int) -> Path:
        """The folder of the checkpoint of a step."""
        return self.folder / f"{step:08d}"

    def save(self, step: int, state: PyTree, best: int | None = None) -> None:
        """Begins to write a checkpoint, when the one before it has been written.

        When it is complete, those of earlier steps are removed beyond ``keep``, and
        those of later steps, which belong to a run that has been taken back.

        Args:
          step: number of steps taken.
          state: arrays in any nesting; PRNG keys are allowed. Their memory may be
            reused as soon as this returns.
          best: step of a checkpoint that is kept however old it is.

        Raises:
          CheckpointError: if it, or the one before it, cannot be written; what was
            there before still is.
        """
        self.wait()
        failure: Exception | None = None
        partial = self._partial(step)
        try:
            if processes.is_first():
                self._prepare(partial, state)
        except OSError as error:
            failure = error
        self._require_success(step, failure)
        checkpointer = ocp.StandardCheckpointer()
        try:
            checkpointer.save(partial / _STATE, state)
        except Exception as error:
            # Orbax and its storage raise many kinds; to the run they all mean this.
            failure = error
        self._require_success(step, failure)
        finish = self._background.submit(self._finish, checkpointer, step, best)
        self._writing = step, finish

    def wait(self) -> None:
        """Returns when the checkpoint that is being written, if any, is complete.

        Raises:
          CheckpointError: if it could not be written; what was there before still is.
        """
        if self._writing is not None:
            step, finish = self._writing
            self._writing = None
            self._require_success(step, finish.exception())

    def restore(self, like: PyTree, step: int | None = None) -> PyTree:
        """Reads a checkpoint after verifying every file of it.

        Args:
          like: a state of the same structure, shapes and dtypes.
          step: which checkpoint; None takes the newest that is intact, and warns of
            newer ones that are not.

        Returns:
          The state.

        Raises:
          CheckpointError: if there is none, or it is damaged or of another structure.
        """
        chosen = self._intact(step)
        try:
            with ocp.StandardCheckpointer() as checkpointer:
                target = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
                return checkpointer.restore(self.path(chosen) / _STATE, target)
        except Exception as error:
            raise CheckpointError(
                f"checkpoint {self.path(chosen)} does not fit this run "
                f"({_first_line(error)})"
            ) from error

    def damage(self, step: int) -> str:
        """What is wrong with the checkpoint of a step, or an empty string."""
        return manifest.damage(self.path(step) / _STATE, self.path(step) / _MANIFEST)

    def _intact(self, step: int | None) -> int:
        """The step asked for, or the newest intact one; raises where there is none."""
        steps = self.steps()
        if not steps:
            raise CheckpointError(f"no checkpoint in {self.folder}")
        if step is not None and step not in steps:
            known = ", ".join(map(str, steps))
            raise CheckpointError(
                f"no checkpoint of step {step} in {self.folder} (there are: {known})"
            )
        wanted = steps if step is None else [step]
        found: list[str] = []
        for candidate in reversed(wanted):
            damage = self.damage(candidate)
            if not damage:
                if found and processes.is_first():
                    warnings.warn(
                        f"damaged checkpoint: {'; '.join(found)}; "
                        f"going on from {self.path(candidate)}, which is intact",
                        stacklevel=3,
                    )
                return candidate
            found.append(damage)
        advice = (
            "none is intact: start again in another --workdir"
            if step is None
            else "--resume takes the newest that is intact"
        )
        raise CheckpointError(f"damaged checkpoint: {'; '.join(found)}; {advice}")

    def _partial(self, step: int) -> Path:
        return self.path(step).with_suffix(_PARTIAL)

    def _prepare(self, partial: Path, state: PyTree) -> None:
        """Removes what killed runs have left and makes an empty folder with room."""
        for left in self.folder.glob(f"*{_PARTIAL}"):
            shutil.rmtree(left)
        partial.mkdir(parents=True)
        _require_space(partial, sum(leaf.nbytes for leaf in jax.tree.leaves(state)))

    def _finish(
        self, checkpointer: ocp.StandardCheckpointer, step: int, best: int | None
    ) -> None:
        """Waits for the bytes, then names the checkpoint and removes older ones."""
        with checkpointer:
            checkpointer.wait_until_finished()
        if not processes.is_first():
            return
        partial = self._partial(step)
        manifest.write(partial / _STATE, partial / _MANIFEST)
        # Nothing is ever seen half removed under its name.
        with tempfile.TemporaryDirectory(suffix=_PARTIAL, dir=self.folder) as removed:
            before = Path(removed) / "before"
            if self.path(step).exists():
                self.path(step).rename(before)
            try:
                partial.rename(self.path(step))
            except OSError:
                if before.exists():
                    before.rename(self.path(step))
                raise
            kept = [old for old in self.steps() if old <= step][-self.keep :]
            for old in self.steps():
                if old not in (best, *kept):
                    self.path(old).rename(Path(removed) / f"{old}")

    def _require_success(self, step: int, failure: BaseException | None) -> None:
        """Raises in all processes where one of them has failed to write."""
        if not processes.any_of(failure is not None):
            return
        if processes.is_first():
            shutil.rmtree(self._partial(step), ignore_errors=True)
        kept = self.steps()
        last = f"the last good one is {self.path(kept[-1])}" if kept else "none exists"
        reason = "another process failed" if failure is None else _first_line(failure)
        raise CheckpointError(
            f"cannot write checkpoint {self.path(step)} ({reason}); {last}"
        ) from failure


def _require_space(folder: Path, size: int) -> None:
    """Raises OSError where ``size`` bytes cannot be written.

    Orbax finds out too late: its writers fail in the background, one by one, and each
    leaves a traceback on the terminal.
    """
    if hasattr(os, "posix_fallocate"):
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
