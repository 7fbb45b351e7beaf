"""One run from its configuration to its result, with checkpoints in between."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments import metrics, provenance, result
from experiments.build import Experiment, build
from experiments.config import Config
from experiments.feed import DataOn, make_feed
from experiments.interruption import Interrupted, Request, on_request
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

    Returns:
      The result, as ``result.json`` holds it.

    Raises:
      ConfigError, DataError, CheckpointError, RunError: see their texts; nothing that
        was there is lost.
      Interrupted: if SIGTERM or SIGINT came; the run can be resumed.
    """
    config.check()
    # The code is what it was when it was loaded, not when the run ends.
    origin = provenance.describe()
    experiment = build(config, data_dir, layout)
    if processes.is_first():
        folder.open(config, resume)
    processes.wait_for_all("the run folder is open")
    if folder.finished:
        return folder.result()

    feed = make_feed(
        data_on,
        layout,
        experiment.training,
        experiment.evaluation,
        config.batch_size,
        _STEPS_A_DISPATCH,
    )
    programs = Programs(experiment, config.seed, feed)
    with Checkpoints(folder.checkpoints, keep) as checkpoints:
        snapshot = Snapshot.of(programs.initial)
        if checkpoints.steps() or resume_step is not None:
            snapshot = checkpoints.restore(snapshot, resume_step)
        state = _train(
            config,
            folder,
            experiment,
            programs,
            checkpoints,
            snapshot,
            Timer(save_every),
            on_epoch,
        )
    best = _best(config, folder, checkpoints)
    final = result.describe(config, experiment, programs, state, folder, origin, best)
    if processes.is_first():
        folder.finish(final)
    return final


def _train(
    config: Config,
    folder: RunFolder,
    experiment: Experiment,
    programs: Programs,
    checkpoints: Checkpoints,
    snapshot: Snapshot,
    timer: Timer,
    on_epoch: Callable[[dict[str, Any]], None] | None,
) -> TrainState:
    """Trains to the last epoch, with metrics after each and checkpoints on the way."""
    total = config.epochs * experiment.epoch_steps
    step = int(snapshot.state.step)
    if processes.is_first():
        folder.start_metrics(step // experiment.epoch_steps)
    label = f"{config.name} {config.neuron} seed {config.seed}"
    with Progress(label, total, step) as progress, on_request() as request:
        while step < total:
            snapshot = _train_on(
                experiment, programs, snapshot, progress, checkpoints, request, timer
            )
            step = int(snapshot.state.step)
            epoch_ends = step % experiment.epoch_steps == 0
            if epoch_ends:
                entry = metrics.entry(experiment, programs, *snapshot)
                snapshot = Snapshot.of(snapshot.state)
                # In this order: a run killed in between repeats the epoch with its
                # metrics.
                if processes.is_first():
                    folder.add_metrics(entry)
                    if on_epoch is not None:
                        on_epoch(entry)
                    progress.epoch(entry, config.epochs, config.evaluate_on)
            stopping = step < total and _stopping(request)
            # Any epoch may turn out to be the best, where one is looked for.
            chosen = not timer.seconds or config.evaluate_on == "validation"
            if step == total or stopping or timer.due or (epoch_ends and chosen):
                checkpoints.wait()
                best = _best(config, folder, checkpoints, step)
                checkpoints.save(step, snapshot, best["step"] if best else None)
                timer.restart()
            if stopping:
                checkpoints.wait()
                raise Interrupted(
                    f"{request.signal or 'another process'} at step {step} of {total}; "
                    f"checkpoint: {checkpoints.path(step)}"
                )
        checkpoints.wait()
    return snapshot.state


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


def _stopping(request: Request) -> bool:
    """Whether the run ends here; all processes agree on the step."""
    return processes.any_of(request.signal is not None)


def _train_on(
    experiment: Experiment,
    programs: Programs,
    snapshot: Snapshot,
    progress: Progress,
    checkpoints: Checkpoints,
    request: Request,
    timer: Timer,
) -> Snapshot:
    """Trains until the epoch ends, somebody asks to stop or a checkpoint is due.

    It takes one dispatch at least.
    """
    state, totals, before = snapshot
    start = time.perf_counter()
    order = programs.order(state)
    left = experiment.epoch_steps - int(state.step) % experiment.epoch_steps
    while left:
        steps = min(left, _STEPS_A_DISPATCH)
        state, new = programs.train(state, order, steps)
        if new.bad_step >= 0:
            checkpoints.wait()
            kept = checkpoints.steps()
            last = checkpoints.path(kept[-1]) if kept else "none"
            raise RunError(
                f"loss, gradient or statistics are not finite at step {new.bad_step}; "
                f"last good checkpoint: {last}; "
                "check the data, or try a smaller --learning-rate in another --workdir"
            )
        totals = jax.device_get(totals.add(new))
        left -= steps
        progress.steps(steps)
        if _stopping(request) or timer.due:
            break
    seconds = np.asarray(before + (time.perf_counter() - start), np.float32)
    return Snapshot(state, totals, seconds)
