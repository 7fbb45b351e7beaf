"""Evaluation: every example counts once, whatever the batch size."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from qifjax.losses import cross_entropy
from qifjax.neurons import NeuronParams
from qifjax.training import Examples, PyTree, Task, take

INSPECTED = 64
"""Number of examples that :func:`inspect` looks at."""


class Evaluation(NamedTuple):
    """Means over a data set.

    Attributes:
      loss: mean cross-entropy, float32 ``[]``.
      accuracy: share of examples classified correctly, float32 ``[]``.
      activity: mean of every leaf of the network's activity over the examples.
    """

    loss: jax.Array
    accuracy: jax.Array
    activity: PyTree


def evaluate(
    task: Task,
    params: PyTree,
    model_state: PyTree,
    examples: Examples,
    neuron: NeuronParams,
) -> Evaluation:
    """Evaluates a network on a whole data set in one loop on the device.

    The last batch is filled up with copies of the last example, which a mask leaves
    out.

    Args:
      task: what to evaluate, by batches of its batch size.
      params: parameters of the network.
      model_state: state of the network.
      examples: the data set.
      neuron: neuron parameters.

    Returns:
      The means over all examples.
    """
    number, size = len(examples.labels), task.batch_size
    positions = jnp.arange(-(-number // size) * size).reshape(-1, size)

    def batch_sums(chosen):
        chosen = task.share(chosen)
        batch = task.batch(examples, jnp.minimum(chosen, number - 1))
        mask = (chosen < number).astype(jnp.float32)
        inputs = task.preprocess(batch.inputs)
        outputs, activity = task.network.evaluate(params, model_state, inputs, neuron)
        losses = cross_entropy(outputs, batch.labels)
        predicted = jnp.argmax(jnp.mean(outputs, axis=0), -1)
        correct = (predicted == batch.labels).astype(jnp.float32)
        each = Evaluation(losses, correct, activity)
        return jax.tree.map(lambda leaf: jnp.tensordot(mask, leaf, 1), each)

    sums = task.sum(jax.lax.map(batch_sums, positions))
    return jax.tree.map(lambda leaf: jnp.sum(leaf, axis=0) / number, sums)


def outputs(
    task: Task,
    params: PyTree,
    model_state: PyTree,
    examples: Examples,
    neuron: NeuronParams,
) -> jax.Array:
    """The outputs of a network at every time step for a whole data set.

    Args:
      task: what to evaluate, by batches of its batch size, on one device.
      params: parameters of the network.
      model_state: state of the network.
      examples: the data set.
      neuron: neuron parameters.

    Returns:
      The last layer, float32 ``[T, N, classes]``; its mean over time are the logits.
    """
    number, size = len(examples.labels), task.batch_size
    positions = jnp.arange(-(-number // size) * size).reshape(-1, size)

    def of_batch(chosen):
        batch = task.batch(examples, jnp.minimum(chosen, number - 1))
        inputs = task.preprocess(batch.inputs)
        result, _ = task.network.evaluate(params, model_state, inputs, neuron)
        return jnp.moveaxis(result, 0, 1)

    by_example = jax.lax.map(of_batch, positions)
    by_example = by_example.reshape(-1, *by_example.shape[2:])
    return jnp.moveaxis(by_example[:number], 0, 1)


def inspect(
    task: Task,
    params: PyTree,
    model_state: PyTree,
    examples: Examples,
    neuron: NeuronParams,
) -> Mapping[str, Any]:
    """What every population does for a fixed batch, in one program for all epochs.

    The batch is the same in each layout of devices, which all compute the whole of it:
    64 examples at equal distances in the data set, as sets may be sorted by class; one
    batch of the task, or the whole set, where that is less. They are not augmented. The
    network is as in training, since running statistics lag behind in the first epochs.

    Args:
      task: what to look into.
      params: parameters of the network.
      model_state: state of the network.
      examples: the data set.
      neuron: neuron parameters.

    Returns:
      Statistics by population, as the network's ``inspect`` gives them.
    """
    number = len(examples.labels)
    size = min(INSPECTED, task.batch_size, number)
    batch = take(examples, jnp.arange(size) * number // size)
    inputs = task.preprocess(batch.inputs)
    return task.network.inspect(params, model_state, inputs, neuron)
