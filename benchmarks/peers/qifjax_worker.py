"""The worker of qifjax, as its users train: ``nn.create`` and ``train_steps``."""

import functools
import sys
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.serving import Reference, Work, serve
from benchmarks.peers.tasks import LEARNING_RATE, NETWORKS, Network, Task
from experiments import provenance
from qifjax import LIFParams, NeuronParams, QIFParams, losses, nn, unroll
from qifjax.optimizers import Optimizer
from qifjax.training import Examples, HParams, init_state, take, train_steps
from qifjax.training import Task as Training

_NEURONS: dict[str, NeuronParams] = {"qif": QIFParams(), "lif": LIFParams()}
_RENAMED = {"kernel": "weight", "gamma": "weight", "xi": "bias", "bias": "bias"}
# The learning rate decays over more steps than any measurement takes.
_STEPS = 1_000_000


class Qifjax(Reference):
    """qifjax as it is in this checkout.

    Args:
      remat: what its training steps compute again in the backward pass.
    """

    def __init__(self, remat: nn.Remat = "none"):
        self._train = functools.partial(_train, remat=remat)

    def versions(self) -> dict[str, str]:
        """See :class:`Reference`."""
        versions: dict[str, str] = provenance.describe()["versions"]
        return {name: versions[name] for name in ("qifjax", "jax", "jaxlib", "flax")}

    def work(self, task: Task, neuron: str) -> Work:
        """See :class:`Reference`."""
        make = {"train": self._train, "infer": _infer, "neuron": _neuron}
        return make[task.kind](task, _NEURONS[neuron])

    def fire(
        self, neuron: str, currents: np.ndarray, cotangent: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`Reference`."""
        spikes, gradient = _fire(_NEURONS[neuron], currents, cotangent)
        return np.asarray(spikes), np.asarray(gradient)

    def loss(
        self, network: Network, neuron: str, weights: Mapping[str, np.ndarray]
    ) -> float:
        """See :class:`Reference`; the weights are those of :meth:`weights`."""
        del weights
        training, params = _training(network), _NEURONS[neuron]
        inputs = training.preprocess(_batch(network).inputs)
        initial, state = _variables(network)
        train = jax.jit(training.network.train)
        outputs, _ = train(initial, state, inputs, params, jax.random.key(0))
        labels = jnp.asarray(network.labels(), jnp.int32)
        return float(jnp.mean(losses.cross_entropy(outputs, labels)))

    def weights(self, network: Network) -> Mapping[str, np.ndarray]:
        """See :class:`Reference`."""
        params, _ = _variables(network)
        found = {}
        for path, leaf in jax.tree.leaves_with_path(params):
            *layers, name = (part.key for part in path)
            array = np.asarray(leaf)
            if array.ndim == 4:
                array = np.transpose(array, (3, 2, 0, 1))
            elif array.ndim == 2:
                array = _channels_first(array, network).T
            found[".".join([*layers, _RENAMED[name]])] = array
        return found


def _channels_first(kernel: np.ndarray, network: Network) -> np.ndarray:
    """The kernel of a dense layer for an input that joins ``(C, H, W)``."""
    H, W, C = network.flattened or (1, 1, 0)
    if kernel.shape[0] != H * W * C:
        return kernel
    images = kernel.reshape(H, W, C, -1)
    return np.moveaxis(images, 2, 0).reshape(kernel.shape)


def _training(network: Network, remat: nn.Remat = "none") -> Training:
    model = nn.create(
        network.name, num_classes=10, timesteps=network.timesteps, remat=remat
    )
    return Training(
        network=nn.pure(model),
        optimizer=Optimizer("adam", total_steps=_STEPS),
        preprocess=network.prepared,
        batch_size=network.batch,
    )


def _examples(network: Network) -> Examples:
    """One batch as a data set, event frames ``[B, T, H, W, C]``."""
    inputs = network.inputs()
    if network.events:
        inputs = np.moveaxis(inputs, 0, 1)
    return Examples(jnp.asarray(inputs), jnp.asarray(network.labels(), jnp.int32))


def _batch(network: Network):
    return take(_examples(network), jnp.arange(network.batch))


def _variables(network: Network):
    training = _training(network)
    inputs = training.preprocess(_batch(network).inputs)
    init = jax.jit(training.network.init)
    return init(jax.random.key(0), inputs, QIFParams())


def _train(task: Task, neuron: NeuronParams, remat: nn.Remat) -> Work:
    network = NETWORKS[task.network]
    training, examples = _training(network, remat), _examples(network)
    hparams = jax.tree.map(jnp.float32, HParams(neuron, LEARNING_RATE, 0.0))
    inputs = take(examples, jnp.arange(2)).inputs
    init = jax.jit(lambda key: init_state(training, hparams, key, inputs))
    program = jax.jit(
        functools.partial(train_steps, training),
        donate_argnums=0,
        compiler_options=nn.compiler_options(remat),
    )
    order = jnp.arange(network.batch)
    state = init(jax.random.key(0))

    def work(steps):
        nonlocal state
        state, _ = program(state, examples, order, hparams, jnp.int32(steps))
        jax.block_until_ready(state)

    return work


def _infer(task: Task, neuron: NeuronParams) -> Work:
    network = NETWORKS[task.network]
    model = nn.create(network.name, num_classes=10, timesteps=network.timesteps)
    inputs = _training(network).preprocess(_batch(network).inputs)
    variables = jax.jit(model.init)(jax.random.key(0), inputs, neuron)
    logits_of = jax.jit(
        lambda variables, x: model.apply(variables, x, neuron),
        compiler_options=nn.compiler_options(),
    )

    def work(steps):
        for _ in range(steps):
            logits_of(variables, inputs).block_until_ready()

    return work


def _neuron(task: Task, neuron: NeuronParams) -> Work:
    fire = jax.jit(functools.partial(_fire, neuron))
    currents, cotangent = jnp.asarray(task.currents()), jnp.asarray(task.cotangent())

    def work(steps):
        for _ in range(steps):
            jax.block_until_ready(fire(currents, cotangent))

    return work


def _fire(neuron, currents, cotangent):
    spikes, pull_back = jax.vjp(lambda x: unroll(neuron, x)[1], jnp.asarray(currents))
    (gradient,) = pull_back(jnp.asarray(cotangent))
    return spikes, gradient


if __name__ == "__main__":
    serve(Qifjax(*sys.argv[1:]))
