"""One run from its configuration to its result, with checkpoints in between."""

import time
from pathlib import Path
from typing import Any

import jax

from experiments import provenance
from experiments.build import Experiment, build
from experiments.config import Config
from experiments.programs import Programs
from experiments.progress import Progress
from experiments.run_folder import RunError, RunFolder
from qifjax import nn
from qifjax.checkpoint import Checkpoints
from qifjax.energy import layer_energy
from qifjax.evaluation import Evaluation
from qifjax.training import TrainState

SCHEMA_VERSION = 1
# A bar that moves and an interruption that is heard, at next to no cost.
_STEPS_A_DISPATCH = 25


def run(
    config: Config,
    folder: RunFolder,
    data_dir: Path,
    *,
    resume: bool = False,
    resume_step: int | None = None,
) -> dict[str, Any]:
    """Trains one network and writes its run folder.

    Args:
      config: what to compute.
      folder: where to write it.
      data_dir: where data sets are.
      resume: go on with the run that the folder holds; a finished one is only read.
      resume_step: checkpoint to go on from; None takes the newest.

    Returns:
      The result, as ``result.json`` holds it.

    Raises:
      ConfigError, DataError, CheckpointError, RunError: see their texts; nothing that
        was there is lost.
    """
    config.check()
    experiment = build(config, data_dir)
    folder.open(config, resume)
    if folder.finished:
        return folder.result()

    programs = Programs(experiment, config.seed)
    checkpoints = Checkpoints(folder.checkpoints)
    state = programs.initial
    if checkpoints.steps():
        state = checkpoints.restore(state, resume_step)
    total = config.epochs * experiment.epoch_steps
    folder.start_metrics(int(state.step) // experiment.epoch_steps)
    label = f"{config.name} {config.neuron} seed {config.seed}"
    with Progress(label, total, int(state.step)) as progress:
        while int(state.step) < total:
            state, entry = _epoch(experiment, programs, state, progress, checkpoints)
            scores = programs.evaluate(state)
            entry |= {"loss": float(scores.loss), "accuracy": float(scores.accuracy)}
            # In this order: a run killed in between repeats the epoch with its metrics.
            folder.add_metrics(entry)
            checkpoints.save(int(state.step), state)
            progress.epoch(entry, config.epochs, config.evaluate_on)

    result = _result(config, experiment, programs, state, folder)
    folder.finish(result)
    return result


def _epoch(
    experiment: Experiment,
    programs: Programs,
    state: TrainState,
    progress: Progress,
    checkpoints: Checkpoints,
) -> tuple[TrainState, dict[str, Any]]:
    """Trains to the end of the current epoch."""
    start = time.perf_counter()
    order = programs.order(state)
    loss = correct = examples = 0.0
    left = experiment.epoch_steps - int(state.step) % experiment.epoch_steps
    while left:
        steps = min(left, _STEPS_A_DISPATCH)
        state, totals = programs.train(state, order, steps)
        if totals.bad_step >= 0:
            kept = checkpoints.steps()
            last = checkpoints.path(kept[-1]) if kept else "none"
            raise RunError(
                f"the loss is not finite at step {totals.bad_step}; "
                f"last good checkpoint: {last}; "
                "try a smaller --learning-rate in another --workdir"
            )
        loss += float(totals.loss)
        correct += float(totals.correct)
        examples += float(totals.examples)
        left -= steps
        progress.steps(steps)
    seconds = time.perf_counter() - start
    entry = {
        "epoch": int(state.step) // experiment.epoch_steps,
        "step": int(state.step),
        "train_loss": loss / examples,
        "train_accuracy": correct / examples,
        "train_seconds": seconds,
        "examples_per_second": examples / seconds,
    }
    return state, entry


def _result(
    config: Config,
    experiment: Experiment,
    programs: Programs,
    state: TrainState,
    folder: RunFolder,
) -> dict[str, Any]:
    scores = programs.evaluate(state)
    metrics = folder.metrics()
    seconds = sum(entry["train_seconds"] for entry in metrics)
    trained = len(metrics) * experiment.epoch_steps * experiment.task.batch_size
    last = metrics[-1] if metrics else {}
    training, evaluation = experiment.training, experiment.evaluation
    return {
        "schema_version": SCHEMA_VERSION,
        "config": config.to_json(),
        "seed": config.seed,
        **provenance.describe(),
        "parameter_count": sum(leaf.size for leaf in jax.tree.leaves(state.params)),
        "compile_seconds": programs.compile_seconds,
        "train_seconds": seconds,
        "examples_per_second": trained / seconds if seconds else None,
        "peak_memory_bytes": provenance.peak_memory_bytes(),
        "train": {
            "loss": last.get("train_loss"),
            "accuracy": last.get("train_accuracy"),
            **vars(training.description),
        },
        config.evaluate_on: {
            "loss": float(scores.loss),
            "accuracy": float(scores.accuracy),
            "examples": len(evaluation),
            **vars(evaluation.description),
        },
        "timesteps": experiment.timesteps,
        **_activity(experiment, scores),
    }


def _activity(experiment: Experiment, scores: Evaluation) -> dict[str, Any]:
    """Firing rates and energy, per layer in the order in which layers run."""
    operations = experiment.operations
    rates = nn.by_layer(scores.activity, "rate")
    input_rates = nn.by_layer(scores.activity, "input_rate")
    firing_rate = {name: float(rates[name]) for name in operations if name in rates}
    neurons = {name: operations[name].count for name in firing_rate}
    fired = sum(rate * neurons[name] for name, rate in firing_rate.items())
    energy = layer_energy(operations, input_rates, experiment.timesteps)
    energy = {name: float(value) for name, value in energy.items()}
    return {
        "firing_rate": firing_rate,
        "mean_firing_rate": fired / sum(neurons.values()),
        "energy_mj": energy,
        "total_energy_mj": sum(energy.values()),
    }
