"""Flax networks as the pure functions that training takes."""

import jax

from qifjax.nn.inspect import by_layer
from qifjax.nn.network import SpikingNetwork
from qifjax.nn.windows import WindowChoice
from qifjax.training import Network


def pure(model: SpikingNetwork, window: WindowChoice = None) -> Network:
    """The network as pure functions of its parameters, state, inputs and neuron.

    Args:
      model: the network.
      window: surrogate window, see :data:`qifjax.nn.windows.WindowChoice`.

    Returns:
      Functions whose parameters are the collection ``params`` and whose state is
      ``batch_stats``; evaluation also returns the collection ``activity``, and
      inspection the :class:`PopulationStatistics` of each population by layer name.
    """

    def init(key, inputs, neuron):
        variables = model.init(key, inputs, neuron, window=window)
        return variables["params"], variables.get("batch_stats", {})

    def apply(params, state, inputs, neuron, **settings):
        return model.apply(
            {"params": params, "batch_stats": state},
            inputs,
            neuron,
            window=window,
            method="outputs",
            **settings,
        )

    def train(params, state, inputs, neuron, key):
        outputs, updates = apply(
            params,
            state,
            inputs,
            neuron,
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": key},
        )
        return outputs, updates.get("batch_stats", {})

    def evaluate(params, state, inputs, neuron):
        outputs, recorded = apply(params, state, inputs, neuron, mutable=["activity"])
        return outputs, recorded.get("activity", {})

    def inspect(params, state, inputs, neuron):
        _, recorded = apply(
            params,
            state,
            inputs,
            neuron,
            train=True,
            mutable=["inspection", "batch_stats"],
            rngs={"dropout": jax.random.key(0)},
        )
        return by_layer(recorded["inspection"], "population")

    return Network(init, train, evaluate, inspect)
