"""One run from its configuration to its result, with checkpoints in between."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import jax
import numpy as np

from experiments import metrics, provenance, result
from experiments.build import Experiment, build
from experiments.config import Config
from experiments.deadline import Deadline
from experiments.feed import DataOn, make_feed
from experiments.interruption import Interrupted, Request, on_request
from experiments.packed_state import PackedState
from experiments.programs import Programs
from experiments.progress import Progress
from experiments.run_folder import RunError, RunFolder
from experiments.snapshot import Snapshot
from experiments.timer import Timer
from qifjax import processes
from qifjax.checkpoint import Checkpoints
from qifjax.parallel import Layout
from qifjax.training import TrainState

# A bar that moves and an interruption that is heard, at next to no cost.
_STEPS_A_DISPATCH = 25
_SLOW_DISK = 10e6  # bytes a second that the first write is expected to manage


def run(
    config: Config,
    folder: RunFolder,
    data_dir: Path,
    layout: Layout,
    *,
    resume: bool = False,
    resume_step: int | None = None,
    keep: int = 2,
    save_every: float = 60.0,
    data_on: DataOn = "device",
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
    pack: PackedState | None = None,
    deadline: Deadline | None = None,
) -> dict[str, Any]:
    """Trains one network and writes its run folder.

    Args:
      config: what to compute.
      folder: where to write it.
      data_dir: where data sets are.
      layout: the devices to run on; no part of the configuration.
      resume: go on with the run that the folder holds; a finished one is only read.
      resume_step: checkpoint to go on from; None takes the newest that is intact.
      keep: how many of the newest checkpoints are kept. A run that is scored on the
        validation split also keeps that of its best epoch.
      save_every: seconds from one checkpoint to the next, within epochs too; 0 writes
        one after every epoch instead.
      data_on: where the examples lie; "host" hands the device a few batches at a time.
      on_epoch: called with the metrics of each epoch, in the first process.
      pack: where the state is packed when the run stops or finishes. If it holds a
        state already, the run goes on from it, or from a checkpoint that is as new;
        one that was finished there is only unpacked.
      deadline: when the run has to have ended. It stops before a dispatch that would
        not leave enough time for what has to follow; one dispatch is always taken.

    Returns:
      The result, as ``result.json`` holds it.

    Raises:
      ConfigError, DataError, CheckpointError, RunError: see their texts; nothing that
        was there is lost.
      Interrupted: if SIGTERM, SIGINT or the deadline came; the run can be resumed.
    """
    config.check()
    deadline = deadline or Deadline()
    begin = time.monotonic()
    # The code is what it was when it was loaded, not when the run ends.
    origin = provenance.describe()
    experiment = build(config, data_dir, layout)
    if pack is not None:
        state = jax.eval_shape(lambda: experiment.initial(config.seed))
        pack.require_room(Snapshot.of(state))
    if processes.is_first():
        begun = pack is not None and pack.claim(config, folder)
        folder.open(config, resume or begun)
    processes.wait_for_all("the run folder is open")
    if folder.finished:
        return folder.result()
    if pack is not None and pack.finished:
        return _take_over(pack, folder, experiment.initial(config.seed), keep)

    feed = make_feed(
        data_on,
        layout,
        experiment.training,
        experiment.evaluation,
        config.batch_size,
        _STEPS_A_DISPATCH,
    )
    programs = Programs(experiment, config.seed, feed)
    deadline.took("start", time.monotonic() - begin)
    with Checkpoints(folder.checkpoints, keep) as checkpoints:
        this = _Run(
            *(config, folder, experiment, programs, checkpoints),
            *(Timer(save_every), deadline, pack, on_epoch),
        )
        state = _train(this, _begin(this, resume_step))
    best = _best(config, folder, checkpoints)
    final = result.describe(config, experiment, programs, state, folder, origin, best)
    if processes.is_first():
        if pack is not None:
            pack.write(Snapshot.of(state), folder, final)
        folder.finish(final)
    return final


def _take_over(
    pack: PackedState, folder: RunFolder, initial: TrainState, keep: int
) -> dict[str, Any]:
    """Unpacks a run that was finished elsewhere: its weights, metrics and result."""
    snapshot = pack.restore(Snapshot.of(initial), folder)
    with Checkpoints(folder.checkpoints, keep) as checkpoints:
        if pack.step not in checkpoints.steps():
            checkpoints.save(pack.step, snapshot, None)
            checkpoints.wait()
    if processes.is_first():
        folder.finish(pack.result())
    return pack.result()


@dataclass(frozen=True)
class _Run:
    """What the parts of a run share; see :func:`run`."""

    config: Config
    folder: RunFolder
    experiment: Experiment
    programs: Programs
    checkpoints: Checkpoints
    timer: Timer
    deadline: Deadline
    pack: PackedState | None
    on_epoch: Callable[[dict[str, Any]], None] | None

    @property
    def total(self) -> int:
        """Steps of the whole run."""
        return self.config.epochs * self.experiment.epoch_steps

    def save(self, step: int, snapshot: Snapshot) -> None:
        """Begins to write a checkpoint, when the one before it has been written."""
        self.checkpoints.wait()
        best = _best(self.config, self.folder, self.checkpoints, step)
        with self.deadline.timed("save"):
            self.checkpoints.save(step, snapshot, best["step"] if best else None)
            if self.deadline.to_measure("save"):
                self.checkpoints.wait()
        self.timer.restart()

    def stopping(self, request: Request, step: int) -> bool:
        """Whether the run ends here; all processes agree on the step."""
        if self.deadline.too_near(*self._acts(step)):
            request.reason = request.reason or self.deadline.name
        return processes.any_of(request.reason is not None)

    def _acts(self, step: int) -> list[str]:
        """What has still to be done if the dispatch from a step on is taken."""
        acts = ["steps", "save"] + ["pack"] * (self.pack is not None)
        left = self.experiment.epoch_steps - step % self.experiment.epoch_steps
        if left <= _STEPS_A_DISPATCH:
            acts.append("scores")
            # The result scores the last state once more.
            acts += ["scores"] * (step + left == self.total)
        return acts


def _begin(run: _Run, resume_step: int | None) -> Snapshot:
    """The state to go on from: packed, from a checkpoint, or the initial one."""
    snapshot = Snapshot.of(run.programs.initial)
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(snapshot))
    run.deadline.expect("save", 1 + size / _SLOW_DISK)
    newest = max(run.checkpoints.steps(), default=-1)
    if run.pack is not None:
        run.deadline.expect("pack", 1 + run.pack.size(snapshot) / _SLOW_DISK)
        if resume_step is None and run.pack.step > newest:
            snapshot = run.pack.restore(snapshot, run.folder)
            run.save(int(snapshot.state.step), snapshot)
            return snapshot
    if newest >= 0 or resume_step is not None:
        return run.checkpoints.restore(snapshot, resume_step)
    return snapshot


def _train(run: _Run, snapshot: Snapshot) -> TrainState:
    """Trains to the last epoch, with metrics after each and checkpoints on the way."""
    config, folder, experiment = run.config, run.folder, run.experiment
    total, step = run.total, int(snapshot.state.step)
    if processes.is_first():
        folder.start_metrics(step // experiment.epoch_steps)
    label = f"{config.name} {config.neuron} seed {config.seed}"
    with Progress(label, total, step) as progress, on_request() as request:
        while step < total:
            snapshot = _train_on(run, snapshot, progress, request)
            step = int(snapshot.state.step)
            epoch_ends = step % experiment.epoch_steps == 0
            if epoch_ends:
                with run.deadline.timed("scores"):
                    entry = metrics.entry(experiment, run.programs, *snapshot)
                snapshot = Snapshot.of(snapshot.state)
                # In this order: a run killed in between repeats the epoch with its
                # metrics.
                if processes.is_first():
                    folder.add_metrics(entry)
                    if run.on_epoch is not None:
                        run.on_epoch(entry)
                    progress.epoch(entry, config.epochs, config.evaluate_on)
            stopping = step < total and run.stopping(request, step)
            # Any epoch may turn out to be the best, where one is looked for.
            chosen = not run.timer.seconds or config.evaluate_on == "validation"
            if step == total or stopping or run.timer.due or (epoch_ends and chosen):
                run.save(step, snapshot)
            if stopping:
                _stop(run, snapshot, request)
        run.checkpoints.wait()
    return snapshot.state


def _stop(run: _Run, snapshot: Snapshot, request: Request) -> NoReturn:
    """Packs a state whose checkpoint is being written, and says where both are."""
    step = int(snapshot.state.step)
    places = f"checkpoint: {run.checkpoints.path(step)}"
    if run.pack is not None:
        if processes.is_first():
            run.pack.write(snapshot, run.folder)
        places += f", packed: {run.pack.folder}"
    run.checkpoints.wait()
    reason = request.reason or "another process"
    raise Interrupted(f"{reason} at step {step} of {run.total}; {places}")


def _best(
    config: Config, folder: RunFolder, checkpoints: Checkpoints, *coming: int
) -> dict[str, Any] | None:
    """The metrics of the best epoch that has a checkpoint.

    None where the run is scored on the test split, by which nothing may be chosen.

    Args:
      config: what the run computes.
      folder: the run's folder.
      checkpoints: its checkpoints, none of which is being written.
      coming: steps whose checkpoints will be written next.
    """
    if config.evaluate_on != "validation":
        return None
    there = {*checkpoints.steps(), *coming}
    scored = [entry for entry in folder.metrics() if entry["step"] in there]
    return max(scored, key=lambda entry: entry["accuracy"], default=None)


def _train_on(
    run: _Run, snapshot: Snapshot, progress: Progress, request: Request
) -> Snapshot:
    """Trains until the epoch ends, somebody asks to stop or a checkpoint is due.

    It takes one dispatch at least.
    """
    state, totals, before = snapshot
    start = time.perf_counter()
    order = run.programs.order(state)
    step, epoch_steps = int(state.step), run.experiment.epoch_steps
    left = epoch_steps - step % epoch_steps
    whole = min(epoch_steps, _STEPS_A_DISPATCH)
    while left:
        steps = min(left, whole)
        began = time.monotonic()
        with run.deadline.timed("steps"):
            state, new = run.programs.train(state, order, steps)
        # After the last steps of an epoch, which are fewer, come more of them again.
        run.deadline.took("steps", (time.monotonic() - began) * whole / steps)
        if new.bad_step >= 0:
            run.checkpoints.wait()
            kept = run.checkpoints.steps()
            last = run.checkpoints.path(kept[-1]) if kept else "none"
            raise RunError(
                f"loss, gradient or statistics are not finite at step {new.bad_step}; "
                f"last good checkpoint: {last}; "
                "check the data, or try a smaller --learning-rate in another --workdir"
            )
        totals = jax.device_get(totals.add(new))
        left -= steps
        step += steps
        progress.steps(steps)
        # Scoring an example takes no longer than training on it.
        share = len(run.experiment.evaluation) / (whole * run.config.batch_size)
        run.deadline.expect("scores", share * run.deadline.seconds("steps"))
        if run.stopping(request, step) or run.timer.due:
            break
    seconds = np.asarray(before + (time.perf_counter() - start), np.float32)
    return Snapshot(state, totals, seconds)
