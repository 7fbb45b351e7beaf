"""What a network consists of, and what its populations of neurons do."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from qifjax.energy import Operations
from qifjax.neurons import NeuronParams
from qifjax.nn.network import SpikingNetwork
from qifjax.nn.statistics import PopulationStatistics
from qifjax.nn.windows import WindowChoice


def operations(
    model: SpikingNetwork, shape: Sequence[int], neuron: NeuronParams
) -> dict[str, Operations]:
    """What every layer does for one example and one step, without computing anything.

    Args:
      model: the network.
      shape: shape of its input, ``[B, H, W, C]`` or ``[T, B, H, W, C]``.
      neuron: neuron parameters.

    Returns:
      Operations by layer name (the path of the module, such as ``"conv1/neuron"``), in
      the order in which the layers run.
    """
    found: dict[str, Operations] = {}

    def run(x):
        # One pass makes the variables and records; two would take twice as long.
        _, recorded = model.apply(
            {},
            x,
            neuron,
            mutable=["params", "batch_stats", "operations"],
            rngs={"params": jax.random.key(0)},
        )
        # Read inside the trace: what leaves it has its keys sorted.
        found.update(by_layer(recorded.get("operations", {}), "layer"))

    jax.eval_shape(run, jax.ShapeDtypeStruct(tuple(shape), jnp.float32))
    return found


def inspect_populations(
    model: SpikingNetwork,
    variables: Mapping[str, Any],
    x: jax.Array,
    neuron: NeuronParams,
    window: WindowChoice = None,
    *,
    train: bool = False,
) -> OrderedDict[str, PopulationStatistics]:
    """What every population of neurons does for a batch.

    Args:
      model: the network.
      variables: its variables.
      x: a batch, ``[B, H, W, C]`` or ``[T, B, H, W, C]``.
      neuron: neuron parameters.
      window: surrogate window, see :data:`qifjax.nn.windows.WindowChoice`.
      train: normalise by the statistics of this batch, as training does, instead of the
        running ones, which mean nothing in a new network. Dropout is applied too, by
        one fixed key.

    Returns:
      Statistics by layer name, in the order in which the layers run; :func:`jax.jit` of
      this function keeps that order, as it keeps none of a plain dictionary.
    """
    mutable = ["inspection", "batch_stats"] if train else ["inspection"]

    @jax.jit
    def run(variables, x, neuron):
        _, recorded = model.apply(
            variables,
            x,
            neuron,
            train=train,
            window=window,
            mutable=mutable,
            rngs={"dropout": jax.random.key(0)},
        )
        return OrderedDict(by_layer(recorded["inspection"], "population"))

    return run(variables, x, neuron)


def by_layer(collection: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The entries ``name`` of a collection, by the path of the module that left them.

    Args:
      collection: a nested dictionary, such as the ``activity`` of a call.
      name: what to look for, such as ``"rate"``.

    Returns:
      Value by module path, in the order of the collection.
    """
    return dict(_entries(collection, name, ()))


def _entries(tree, name, path) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _entries(value, name, (*path, key))
        elif key == name:
            yield "/".join(path), value
