"""A PyTorch library at work: the networks of this folder, around some neurons."""

import importlib.metadata
import os
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch.nn import functional

from benchmarks.peers.serving import Comparable, Work
from benchmarks.peers.tasks import LEARNING_RATE, NETWORKS, Network, Task
from benchmarks.peers.torch_networks import NETWORKS as TORCH_NETWORKS
from benchmarks.peers.torch_networks import Population


class TorchContestant(Comparable):
    """Networks, training step and neurons in PyTorch.

    Args:
      populations: makers of neurons by neuron model.
      packages: what to tell the versions of, beside PyTorch.
      transform: what is done to a function that is called often: ``torch.compile``, or
        nothing.
    """

    def __init__(
        self,
        populations: Mapping[str, Population],
        *packages: str,
        transform: Callable[[Callable], Callable] = lambda function: function,
    ):
        self._populations = populations
        self._packages = ("torch", *packages)
        self._transform = transform
        # All, as XLA takes them.
        torch.set_num_threads(len(os.sched_getaffinity(0)))

    def versions(self) -> dict[str, str]:
        """See :class:`Comparable`."""
        return {name: importlib.metadata.version(name) for name in self._packages}

    def work(self, task: Task, neuron: str) -> Work:
        """See :class:`Comparable`."""
        make = {"train": self._train, "infer": self._infer, "neuron": self._neuron}
        return make[task.kind](task, self._populations[neuron])

    def fire(
        self, neuron: str, currents: np.ndarray, cotangent: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`Comparable`."""
        x = torch.from_numpy(currents).requires_grad_()
        spikes = self._transform(self._populations[neuron]())(x)
        spikes.backward(torch.from_numpy(cotangent))
        return spikes.detach().numpy(), x.grad.numpy()

    def loss(
        self, network: Network, neuron: str, weights: Mapping[str, np.ndarray]
    ) -> float:
        """See :class:`Comparable`."""
        model = TORCH_NETWORKS[network.name](
            self._populations[neuron], network.timesteps
        )
        given = {name: torch.from_numpy(array) for name, array in weights.items()}
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(given.pop(name))
        if given:
            raise ValueError(f"weights without a layer: {', '.join(given)}")
        with torch.no_grad():
            return self._transform(_mean_loss)(model, *_batch(network)).item()

    def _train(self, task: Task, population: Population) -> Work:
        network = NETWORKS[task.network]
        model = TORCH_NETWORKS[task.network](population, network.timesteps)
        batch = _batch(network)
        optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE, fused=True)
        loss_of = self._transform(_mean_loss)

        def work(steps):
            for _ in range(steps):
                optimizer.zero_grad()
                loss_of(model, *batch).backward()
                optimizer.step()

        return work

    def _infer(self, task: Task, population: Population) -> Work:
        network = NETWORKS[task.network]
        model = TORCH_NETWORKS[task.network](population, network.timesteps).eval()
        inputs, _ = _batch(network)
        logits_of = self._transform(model)

        def work(steps):
            with torch.inference_mode():
                for _ in range(steps):
                    logits_of(inputs)

        return work

    def _neuron(self, task: Task, population: Population) -> Work:
        fire = self._transform(population())
        currents = torch.from_numpy(task.currents()).requires_grad_()
        cotangent = torch.from_numpy(task.cotangent())

        def work(steps):
            for _ in range(steps):
                currents.grad = None
                fire(currents).backward(cotangent)

        return work


def _mean_loss(model, inputs, labels):
    return functional.cross_entropy(model(inputs), labels)


def _batch(network: Network) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs ``[T or 1, B, C, H, W]`` and labels."""
    inputs = network.prepared(network.inputs())
    channels_first = np.moveaxis(inputs if network.events else inputs[None], -1, 2)
    return (
        torch.from_numpy(np.ascontiguousarray(channels_first)),
        torch.from_numpy(network.labels()),
    )
