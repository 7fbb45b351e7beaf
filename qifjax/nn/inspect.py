"""What a network consists of, without running it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from qifjax.energy import Operations
from qifjax.neurons import NeuronParams
from qifjax.nn.network import SpikingNetwork


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
        variables = model.init(jax.random.key(0), x, neuron)
        _, recorded = model.apply(variables, x, neuron, mutable=["operations"])
        # Read inside the trace: what leaves it has its keys sorted.
        found.update(by_layer(recorded.get("operations", {}), "layer"))

    jax.eval_shape(run, jax.ShapeDtypeStruct(tuple(shape), jnp.float32))
    return found


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
