"""The worker of Spyx, whose LIF fires one step late and resets by subtraction."""

import importlib.metadata

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from benchmarks.peers.serving import Contestant, Work, serve
from benchmarks.peers.spyx_networks import NETWORKS as SPYX_NETWORKS
from benchmarks.peers.spyx_networks import fire
from benchmarks.peers.tasks import LEARNING_RATE, NETWORKS, Network, Task


class Spyx(Contestant):
    """Spyx; it has LIF alone."""

    def versions(self) -> dict[str, str]:
        """See :class:`Contestant`."""
        packages = ("spyx", "jax", "jaxlib", "flax")
        return {name: importlib.metadata.version(name) for name in packages}

    def work(self, task: Task, neuron: str) -> Work:
        """See :class:`Contestant`."""
        del neuron
        return {"train": _train, "infer": _infer, "neuron": _neuron}[task.kind](task)

    def fire(
        self, neuron: str, currents: np.ndarray, cotangent: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`Contestant`."""
        del neuron
        # It takes a batch axis behind time.
        spikes, gradient = _fire(currents[:, None], cotangent[:, None])
        return np.asarray(spikes[:, 0]), np.asarray(gradient[:, 0])


@nnx.jit
def _step(model, optimizer, inputs, labels):
    def mean_loss(model):
        logits = model(inputs)
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))

    loss, gradients = nnx.value_and_grad(mean_loss)(model)
    optimizer.update(model, gradients)
    return loss


def _train(task: Task) -> Work:
    network = NETWORKS[task.network]
    model = SPYX_NETWORKS[network.name](network.timesteps, nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(LEARNING_RATE), wrt=nnx.Param)
    labels = jnp.asarray(network.labels(), jnp.int32)
    step = nnx.cached_partial(_step, model, optimizer)
    inputs = _inputs(network)

    def work(steps):
        for _ in range(steps):
            loss = step(inputs, labels)
        jax.block_until_ready((loss, nnx.state(model)))

    return work


def _infer(task: Task) -> Work:
    network = NETWORKS[task.network]
    model = SPYX_NETWORKS[network.name](network.timesteps, nnx.Rngs(0))
    model.eval()
    definition, state = nnx.split(model)
    logits_of = jax.jit(lambda state, x: nnx.merge(definition, state)(x))
    inputs = _inputs(network)

    def work(steps):
        for _ in range(steps):
            logits_of(state, inputs).block_until_ready()

    return work


def _neuron(task: Task) -> Work:
    both = jax.jit(_fire)
    currents, cotangent = jnp.asarray(task.currents()), jnp.asarray(task.cotangent())

    def work(steps):
        for _ in range(steps):
            jax.block_until_ready(both(currents, cotangent))

    return work


def _inputs(network: Network) -> jax.Array:
    inputs = jnp.asarray(network.prepared(network.inputs()))
    return inputs if network.events else inputs[None]


def _fire(currents, cotangent):
    spikes, pull_back = jax.vjp(fire, currents)
    (gradient,) = pull_back(cotangent)
    return spikes, gradient


if __name__ == "__main__":
    serve(Spyx())
