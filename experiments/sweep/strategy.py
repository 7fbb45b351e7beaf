"""How the cells of a sweep are trained, chosen by a short trial of each way."""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import jax

from experiments.build import build
from experiments.config import Config
from experiments.sweep import cells as trainer
from experiments.sweep import workers
from experiments.sweep.axes import Cell
from qifjax import grid, parallel

Strategy: TypeAlias = Literal["map", "vmap", "processes"]
"""Those of :func:`qifjax.grid.train_grid`, or ``"map"`` in a process for each core."""

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

FEW = 8
"""Fewer cells than these are not worth a trial."""

OPERATIONS = 1e10
"""Operations of a network that two CPU cores take in a second, roughly."""

_STEPS, _CHUNK = 4, 4
_FORWARD = 1 / 3  # of the time of training on an example, the time of scoring it


def choose(
    base: Config, cells: Sequence[Cell], data_dir: Path, chunk: int | None
) -> tuple[Strategy, dict[Strategy, float]]:
    """The strategy that trains a sweep in the least time here.

    Accelerators train cells at once. On CPUs it depends on the network, so each
    strategy trains some of the cells for a few steps; for a few cells only, a process
    for each core is taken without a trial.

    Args:
      base: the configuration.
      cells: the cells to be trained.
      data_dir: where data sets are.
      chunk: cells at once under ``"vmap"``, or None.

    Returns:
      ``(strategy, seconds)``: the choice, and about how many seconds of each strategy a
      cell would take; none where nothing was tried.
    """
    if jax.default_backend() != "cpu":
        return "vmap", {}
    possible: list[Strategy] = [
        name for name in STRATEGIES if name != "processes" or len(workers.cores()) > 1
    ]
    if len(cells) < FEW:
        return possible[-1] if "processes" in possible else "map", {}
    seconds = {name: trial(base, cells, data_dir, name, chunk) for name in possible}
    return min(seconds, key=lambda name: seconds[name]), seconds


def trial(
    base: Config,
    cells: Sequence[Cell],
    data_dir: Path,
    strategy: Strategy,
    chunk: int | None,
) -> float:
    """About how many seconds a cell takes, from training some for a few steps.

    Args:
      base: the configuration.
      cells: some cells.
      data_dir: where data sets are.
      strategy: how they are trained.
      chunk: cells at once under ``"vmap"``; None tries a few.

    Returns:
      The wall-clock seconds of the whole sweep divided by its cells, without reading
      data and compilation.
    """
    short = dataclasses.replace(base, epochs=1, limit=_STEPS * base.batch_size)
    if strategy == "processes":
        number = len(workers.cores())
        arguments = [(short, cells, data_dir, "map", 1)] * number
        # Each trains its share while the others train theirs.
        measured = max(workers.on_every_core(_measure, arguments)) / number
    else:
        chunk = 1 if strategy == "map" else min(chunk or _CHUNK, len(cells))
        measured = _measure(short, cells, data_dir, strategy, chunk)
    whole = build(base, data_dir, parallel.layout())
    tried = short.limit * (1 + _FORWARD)
    examples = len(whole.training) + _FORWARD * len(whole.evaluation)
    return measured * base.epochs * examples / tried


def guess(base: Config, data_dir: Path) -> float:
    """Seconds that a cell takes by the operations of its network, without a trial.

    Args:
      base: the configuration.
      data_dir: where data sets are.

    Returns:
      The time at :data:`OPERATIONS`; a backward pass costs two forward ones.
    """
    whole = build(base, data_dir, parallel.layout())
    found = whole.operations.values()
    example = whole.timesteps * sum(o.count for o in found if o.kind != "neuron")
    passes = 3 * len(whole.training) + len(whole.evaluation)
    return example * passes * base.epochs / OPERATIONS


def _measure(
    short: Config,
    cells: Sequence[Cell],
    data_dir: Path,
    strategy: grid.Strategy,
    chunk: int,
) -> float:
    """Seconds a cell of the last of three chunks, since the first one compiles."""
    some = list(itertools.islice(itertools.cycle(cells), 3 * chunk))
    *_, (_, row) = trainer.train(short, some, data_dir, strategy, chunk)
    seconds: float = row["seconds"]
    return seconds
