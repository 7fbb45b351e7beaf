"""The metrics of an epoch, as a line of ``metrics.jsonl`` and TensorBoard hold them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments import provenance
from experiments.build import Experiment
from experiments.programs import Programs
from qifjax import nn
from qifjax.training import Totals, TrainState


def entry(
    experiment: Experiment,
    programs: Programs,
    state: TrainState,
    totals: Totals,
    seconds: np.ndarray,
) -> dict[str, Any]:
    """The metrics of an epoch that has been trained.

    Firing rates are means over the evaluation set; the silent share (neurons without a
    spike) and the share of membranes in the surrogate window are of a fixed batch, see
    :meth:`Programs.inspect`.

    Args:
      experiment: the configuration, built.
      programs: its compiled programs.
      state: the state at the end of the epoch.
      totals: sums over its steps, on the host.
      seconds: time that they took, ``[]``.

    Returns:
      Plain values; those of layers by layer, in the order in which layers run. A run
      may go on elsewhere, so that each epoch has its ``device``.
    """
    scores = programs.evaluate(state)
    populations = programs.inspect(state)
    step, examples = int(state.step), float(totals.examples)
    rate = experiment.task.optimizer.learning_rate(
        experiment.hparams.learning_rate, step - 1
    )
    rates = nn.by_layer(scores.activity, "rate")
    layers = [name for name in experiment.operations if name in rates]
    return {
        "epoch": step // experiment.epoch_steps,
        "step": step,
        "train_loss": float(totals.loss) / examples,
        "train_accuracy": float(totals.correct) / examples,
        "gradient_norm": float(totals.gradient_norm) / experiment.epoch_steps,
        "learning_rate": float(rate),
        "train_seconds": float(seconds),
        "examples_per_second": examples / float(seconds),
        "loss": float(scores.loss),
        "accuracy": float(scores.accuracy),
        "firing_rate": {name: float(rates[name]) for name in layers},
        "silent": {name: float(populations[name].silent) for name in layers},
        "in_window": {name: float(populations[name].inside) for name in layers},
        "device": provenance.device(),
    }


def scalars(entry: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """All numbers of an entry by one name each, such as ``"silent/conv1/neuron"``."""
    flat: dict[str, float] = {}
    for name, value in entry.items():
        if isinstance(value, Mapping):
            flat |= scalars(value, f"{prefix}{name}/")
        elif not isinstance(value, str):
            flat[prefix + name] = value
    return flat
