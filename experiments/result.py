"""The result of a finished run, as ``result.json`` holds it."""

from typing import Any

import jax

from experiments import provenance
from experiments.build import Experiment
from experiments.config import Config
from experiments.programs import Programs
from experiments.run_folder import RunFolder
from qifjax import nn
from qifjax.energy import layer_energy
from qifjax.evaluation import Evaluation
from qifjax.training import TrainState

SCHEMA_VERSION = 1


def describe(
    config: Config,
    experiment: Experiment,
    programs: Programs,
    state: TrainState,
    folder: RunFolder,
    origin: dict[str, Any],
    best: dict[str, Any] | None,
) -> dict[str, Any]:
    """Scores the final state and gathers everything that is known of the run.

    Args:
      config: what was computed.
      experiment: the configuration, built.
      programs: its compiled programs.
      state: the final state.
      folder: the run's folder, whose metrics are complete.
      origin: commit, versions and device, of when this part of the run started; the
        result names the devices of all epochs.
      best: metrics of the best epoch, whose checkpoint is kept; None where no epoch may
        be chosen by them.

    Returns:
      Plain values in nested dictionaries.
    """
    metrics = folder.metrics()
    seconds = sum(entry["train_seconds"] for entry in metrics)
    trained = len(metrics) * experiment.epoch_steps * experiment.task.batch_size
    last = metrics[-1] if metrics else {}
    # Entries of earlier versions do not name it.
    devices = [entry.get("device", origin["device"]) for entry in metrics]
    return {
        "schema_version": SCHEMA_VERSION,
        "config": config.to_json(),
        "seed": config.seed,
        **origin,
        "device": " and ".join(dict.fromkeys([*devices, origin["device"]])),
        "parallel": experiment.layout.mode,
        "device_count": len(experiment.layout.devices),
        "parameter_count": sum(leaf.size for leaf in jax.tree.leaves(state.params)),
        "compile_seconds": programs.compile_seconds,
        "train_seconds": seconds,
        "examples_per_second": trained / seconds if seconds else None,
        "peak_memory_bytes": provenance.peak_memory_bytes(),
        "train": {
            "loss": last.get("train_loss"),
            "accuracy": last.get("train_accuracy"),
            **vars(experiment.training.description),
        },
        "best": best
        and {name: best[name] for name in ("epoch", "step", "loss", "accuracy")},
        **scores(config, experiment, programs.evaluate(state)),
    }


def scores(
    config: Config, experiment: Experiment, evaluation: Evaluation
) -> dict[str, Any]:
    """What an evaluation says, with firing rates and energy per layer.

    Args:
      config: what was computed.
      experiment: the configuration, built.
      evaluation: means over the evaluation set, on the host.

    Returns:
      Plain values in nested dictionaries.
    """
    examples = experiment.evaluation
    return {
        config.evaluate_on: {
            "loss": float(evaluation.loss),
            "accuracy": float(evaluation.accuracy),
            "examples": len(examples),
            **vars(examples.description),
        },
        "timesteps": experiment.timesteps,
        **_activity(experiment, evaluation),
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
