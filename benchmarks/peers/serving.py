"""A contestant's side of the conversation: requests and answers, one JSON line each.

A worker keeps what it has prepared, so that the parent can let contestants take turns,
and waits for its next line without using the processor.
"""

import abc
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from benchmarks.peers import process_memory
from benchmarks.peers.tasks import NETWORKS, TASKS, Network, Task

T = TypeVar("T", bound="Contestant")

Work = Callable[[int], Any]
"""Does a task so many times and returns when it is done."""


class Contestant(abc.ABC):
    """One library at the work of :mod:`benchmarks.peers.tasks`."""

    @abc.abstractmethod
    def versions(self) -> dict[str, str]:
        """Versions of the packages that do the work, by name."""

    @abc.abstractmethod
    def work(self, task: Task, neuron: str) -> Work:
        """Builds what a task needs.

        Args:
          task: the task.
          neuron: one of :data:`benchmarks.peers.tasks.NEURONS`.

        Returns:
          A function that does it.
        """

    @abc.abstractmethod
    def fire(
        self, neuron: str, currents: np.ndarray, cotangent: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Spikes and gradient of one population.

        Args:
          neuron: the neuron model.
          currents: float32 ``[T, N]``.
          cotangent: gradient of the spikes, float32 ``[T, N]``.

        Returns:
          ``(spikes, gradient)``: float32 ``[T, N]`` each, the gradient of the currents.
        """


class Comparable(Contestant):
    """A contestant whose networks can start from weights of a :class:`Reference`."""

    @abc.abstractmethod
    def loss(
        self, network: Network, neuron: str, weights: Mapping[str, np.ndarray]
    ) -> float:
        """The loss of the first training step from given weights.

        Args:
          network: the network.
          neuron: the neuron model.
          weights: by the names of :mod:`benchmarks.peers.torch_networks`, in PyTorch's
            layout.

        Returns:
          Mean cross-entropy of the batch, in nats.
        """


class Reference(Comparable):
    """The contestant whose weights the others start from."""

    @abc.abstractmethod
    def weights(self, network: Network) -> Mapping[str, np.ndarray]:
        """The weights that a network starts from.

        Args:
          network: the network.

        Returns:
          Weights for :meth:`Comparable.loss`.
        """


def serve(contestant: Contestant) -> None:
    """Answers requests until the input ends.

    A request is an object with the name of what to do under ``do`` and its arguments;
    the answer has the result under ``answer``, or one line of text under ``error``.
    """
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    handlers = _Handlers(contestant)
    for line in sys.stdin:
        request = json.loads(line)
        do = getattr(handlers, request.pop("do"))
        try:
            answer = {"answer": do(**request)}
        except Exception as error:
            text = " ".join(str(error).split())
            answer = {"error": f"{type(error).__name__}: {text}"}
        print(json.dumps(answer), file=answers, flush=True)


class _Handlers:
    """What can be asked of a worker."""

    def __init__(self, contestant: Contestant):
        self._contestant = contestant
        self._works: dict[tuple[str, str], Work] = {}

    def versions(self) -> dict[str, str]:
        return self._contestant.versions()

    def prepare(self, task: str, neuron: str, warm_up: int) -> None:
        """Builds a task and does it a few times untimed."""
        work = self._contestant.work(TASKS[task], neuron)
        work(warm_up)
        self._works[task, neuron] = work

    def run(self, task: str, neuron: str) -> float:
        """Seconds of doing a task once, the mean over one turn."""
        steps = TASKS[task].steps
        work = self._works[task, neuron]
        start = time.perf_counter()
        work(steps)
        return (time.perf_counter() - start) / steps

    def drop(self) -> None:
        """Frees what has been prepared."""
        self._works.clear()
        gc.collect()
        process_memory.give_back()

    def peak_memory(self, task: str, neuron: str) -> int:
        """Largest resident memory of this process while it does a task, in bytes."""
        gc.collect()
        process_memory.give_back()
        process_memory.restart_peak()
        self._works[task, neuron](2)
        return process_memory.peak()

    def fire(self, neuron: str, given: str, found: str) -> None:
        """Writes spikes and gradient of the currents in a file into another."""
        with np.load(given) as file:
            spikes, gradient = self._contestant.fire(neuron, **file)
        np.savez(found, spikes=spikes, gradient=gradient)

    def weights(self, network: str, found: str) -> None:
        """Writes weights into a file."""
        np.savez(found, **self._as(Reference).weights(NETWORKS[network]))

    def loss(self, network: str, neuron: str, given: str) -> float:
        """The first loss from the weights in a file."""
        with np.load(given) as file:
            return self._as(Comparable).loss(NETWORKS[network], neuron, dict(file))

    def _as(self, kind: type[T]) -> T:
        """The contestant, if it is of a kind that can be asked this."""
        if not isinstance(self._contestant, kind):
            name = type(self._contestant).__name__
            raise TypeError(f"{name} is not {kind.__name__}")
        return self._contestant
