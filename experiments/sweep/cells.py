"""Trains the cells of a sweep."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments import markdown, provenance
from experiments.build import Experiment, build
from experiments.config import Config
from experiments.sweep.axes import Cell
from experiments.sweep.store import Store
from qifjax import nn, parallel
from qifjax.energy import layer_energy
from qifjax.grid import Epochs, Strategy, train_grid
from qifjax.training import Examples, HParams


def train(
    base: Config,
    cells: Sequence[Cell],
    data_dir: Path,
    strategy: Strategy,
    chunk: int | None,
) -> Iterator[tuple[Cell, dict[str, Any]]]:
    """Trains cells and says what each has given, as soon as its chunk is done.

    Args:
      base: the configuration.
      cells: the cells.
      data_dir: where data sets are.
      strategy: see :func:`qifjax.grid.train_grid`.
      chunk: cells a device at a time, or None.

    Yields:
      A cell and its row: by epoch the accuracy, loss, training loss, firing rate and
      energy, and the rate of each layer at the end, None for what is not finite; the
      seconds it took, the number of examples, and on what it was trained.
    """
    # The code is what it was when it was loaded.
    trained = markdown.origin(provenance.describe())
    devices = jax.devices() if strategy == "vmap" else jax.devices()[:1]
    experiment = build(base, data_dir, parallel.layout())
    configs = [cell.config(base) for cell in cells]
    hparams = [
        HParams(c.neuron_params, c.neuron_learning_rate, c.weight_decay)
        for c in configs
    ]
    training = Examples.of(experiment.training)
    evaluation = Examples.of(experiment.evaluation)
    examples = {"train": len(training.labels), base.evaluate_on: len(evaluation.labels)}
    together = jax.tree.map(lambda *v: jnp.asarray(v, jnp.float32), *hparams)
    keys = jnp.stack([jax.random.key(cell.seed) for cell in cells])
    parts = train_grid(
        experiment.task,
        together,
        keys,
        training,
        evaluation,
        base.epochs,
        strategy=strategy,
        chunk=chunk,
        devices=devices,
    )
    left, start = list(cells), time.perf_counter()
    for part in parts:
        done = len(part.train_loss)
        seconds = (time.perf_counter() - start) / done
        for i, cell in enumerate(left[:done]):
            own = jax.tree.map(lambda leaf, i=i: leaf[i], part)
            measured = {"seconds": round(seconds, 3)}
            origin = {"examples": examples, "trained": trained}
            yield cell, {**_row(experiment, own), **measured, **origin}
        left, start = left[done:], time.perf_counter()


def train_share(
    base: Config, share: Sequence[Cell], data_dir: Path, workdir: Path, writer: str
) -> None:
    """Trains the share of one process and stores what each cell has given.

    Args:
      base: the configuration.
      share: the cells.
      data_dir: where data sets are.
      workdir: folder of the sweep.
      writer: what the process is called, so that no two write into one file.
    """
    store = Store(workdir, base, writer)
    if share:
        for cell, row in train(base, share, data_dir, "map", None):
            store.add(cell, row)


def _row(experiment: Experiment, epochs: Epochs) -> dict[str, Any]:
    operations = experiment.operations
    activity = epochs.evaluation.activity
    rates = nn.by_layer(activity, "rate")
    inputs = nn.by_layer(activity, "input_rate")
    neurons = {name: operations[name].count for name in operations if name in rates}
    fired = sum(rates[name] * count for name, count in neurons.items())
    by_layer = layer_energy(operations, inputs, experiment.timesteps)
    energy = np.broadcast_to(sum(by_layer.values()), epochs.train_loss.shape)
    return {
        "accuracy": _numbers(epochs.evaluation.accuracy),
        "loss": _numbers(epochs.evaluation.loss),
        "train_loss": _numbers(epochs.train_loss),
        "firing_rate": _numbers(fired / sum(neurons.values())),
        "energy_mj": _numbers(energy),
        "layers": {name: _numbers(rates[name])[-1] for name in neurons},
    }


def _numbers(values: Any) -> list[float | None]:
    """Numbers as float32 holds them, in as few digits as tell them apart."""
    array = np.atleast_1d(np.asarray(values, np.float32))
    return [float(str(value)) if np.isfinite(value) else None for value in array]
