"""Many networks in one program: training over a grid of hyper-parameters and seeds.

A cell is one network: a value of :class:`~qifjax.training.HParams` and a key. All cells
share the data and the compiled program, since hyper-parameters are arguments of it.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import jax
import jax.numpy as jnp
import numpy as np

from qifjax.evaluation import Evaluation, evaluate
from qifjax.memory import device_memory, needed
from qifjax.training import (
    Examples,
    HParams,
    Task,
    Totals,
    epoch_order,
    init_state,
    train_steps,
)

Strategy: TypeAlias = Literal["map", "vmap"]
"""How the cells of a chunk are trained: one after another in one program, which is
exactly what each is alone, or all at once."""

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

_USABLE = 0.8  # of a device's memory; the rest is for what XLA does not plan


class Epochs(NamedTuple):
    """What a cell does, epoch by epoch; NaN from where it diverges.

    Attributes:
      train_loss: mean training loss of each epoch, float32 ``[epochs]``.
      evaluation: means over the evaluation set after each epoch, ``[epochs]``.
    """

    train_loss: jax.Array
    evaluation: Evaluation


def train_cell(
    task: Task,
    examples: Examples,
    evaluation: Examples,
    epochs: int,
    hparams: HParams,
    key: jax.Array,
) -> Epochs:
    """Trains one network from its initialisation to the last epoch.

    Args:
      task: what to train, on one device.
      examples: the training set.
      evaluation: the evaluation set.
      epochs: passes over the training set.
      hparams: hyper-parameters of the cell, scalars.
      key: its PRNG key.

    Returns:
      Its epochs.
    """
    first = jax.tree.map(lambda leaf: leaf[:1], examples)
    inputs = (
        first.inputs if first.inputs.ndim == 4 else jnp.moveaxis(first.inputs, 1, 0)
    )
    number = len(examples.labels)
    steps = jnp.int32(number // task.batch_size)

    def epoch(carry, _):
        state, healthy = carry
        order = epoch_order(state, number, task.batch_size)
        state, totals = train_steps(task, state, examples, order, hparams, steps)
        healthy = healthy & (totals.bad_step < 0)
        found = evaluate(
            task, state.evaluated, state.model_state, evaluation, hparams.neuron
        )
        epoch = Epochs(_mean_loss(totals), found)
        # A neuron answers NaN with silence, so a dead cell would look like a bad one.
        epoch = jax.tree.map(lambda leaf: jnp.where(healthy, leaf, jnp.nan), epoch)
        return (state, healthy), epoch

    state = init_state(task, hparams, key, inputs)
    _, found = jax.lax.scan(epoch, (state, jnp.bool_(True)), length=epochs)
    return found


def _mean_loss(totals: Totals) -> jax.Array:
    return totals.loss / totals.examples


def train_grid(
    task: Task,
    hparams: HParams,
    keys: jax.Array,
    examples: Examples,
    evaluation: Examples,
    epochs: int,
    *,
    strategy: Strategy = "map",
    chunk: int | None = None,
    devices: Sequence[jax.Device] | None = None,
) -> Iterator[Epochs]:
    """Trains a grid of networks, chunk by chunk.

    Args:
      task: what to train.
      hparams: hyper-parameters; every leaf ``[cells]``.
      keys: a PRNG key a cell, ``[cells]``.
      examples: the training set.
      evaluation: the evaluation set.
      epochs: passes over the training set.
      strategy: how the cells of a chunk are trained on a device.
      chunk: cells a device at a time; None takes one under ``"map"``, and under
        ``"vmap"`` as many as fit into the memory.
      devices: what the cells are divided over; None takes the first.

    Yields:
      The epochs of up to ``chunk * devices`` cells, ``[cells, epochs]``, on the host,
      in order. What another cell does, or whether there are others, changes no cell
      under ``"map"``, and none beyond rounding under ``"vmap"``.

    Raises:
      ValueError: if leaves and keys are not of one length, or the chunk is below one.
    """
    cells = len(keys)
    lengths = {np.shape(leaf) for leaf in jax.tree.leaves(hparams)}
    if lengths != {(cells,)}:
        raise ValueError(
            f"hyper-parameters must all be of shape ({cells},), one for each key, got "
            f"{sorted(lengths)}"
        )
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk must be at least 1, got {chunk}")
    devices = list(devices or jax.devices()[:1])
    run = _program(task, epochs, strategy)
    data = (examples, evaluation)
    if chunk is None:
        one = jax.tree.map(lambda leaf: leaf[:1], (hparams, keys))
        chunk = 1 if strategy == "map" else _fitting(run, data, one, devices)
    chunk = min(chunk, -(-cells // len(devices)))
    placed = [jax.device_put(data, device) for device in devices]
    for start in range(0, cells, chunk * len(devices)):
        part = np.arange(start, min(start + chunk * len(devices), cells))
        # The last chunk is filled up, so that one program serves all.
        filled = np.resize(part, chunk * len(devices)).reshape(len(devices), chunk)
        found = [
            run(
                *data,
                *jax.device_put(
                    jax.tree.map(lambda leaf, s=share: leaf[s], (hparams, keys)), device
                ),
            )
            for share, data, device in zip(filled, placed, devices, strict=True)
        ]
        together = jax.tree.map(
            lambda *leaves: np.concatenate([np.asarray(leaf) for leaf in leaves]),
            *found,
        )
        kept = len(part)
        yield jax.tree.map(lambda leaf, kept=kept: leaf[:kept], together)


def _fitting(
    run: jax.stages.Wrapped,
    data: tuple[Examples, Examples],
    cell: tuple[HParams, jax.Array],
    devices: Sequence[jax.Device],
) -> int:
    """How many cells a program can train at once on each device; one at least.

    It counts what one cell needs alone. Together they need no more of it each, so the
    number errs to the safe side.
    """
    found = needed(run.lower(*data, *cell).compile())
    if found is None:
        return 1
    memory = device_memory(devices[0])
    if devices[0].platform == "cpu":
        memory //= len(devices)  # of which each is only a share of one machine
    shared = sum(leaf.nbytes for leaf in jax.tree.leaves(data))
    return max(1, int((_USABLE * memory - shared) // (found.total - shared)))


def _program(task: Task, epochs: int, strategy: Strategy) -> jax.stages.Wrapped:
    """A compiled function of data, hyper-parameters and keys ``[chunk]``."""

    def run(examples, evaluation, hparams, keys):
        cell = functools.partial(train_cell, task, examples, evaluation, epochs)
        if strategy == "vmap":
            return jax.vmap(cell)(hparams, keys)
        return jax.lax.map(lambda pair: cell(*pair), (hparams, keys))

    return jax.jit(run)
