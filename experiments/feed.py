"""Where the examples of a run lie: all on the device, or the next ones alone.

Both give the same batches in the same order to the same program, so that a run may be
resumed with the other.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal, Protocol

import jax
import numpy as np

from qifjax.data import Dataset
from qifjax.parallel import Layout
from qifjax.training import Examples, TrainState

DataOn = Literal["device", "host"]
Host = tuple[Any, Any]
"""Inputs and labels as NumPy arrays, which become JAX's when they are placed."""


class Feed(Protocol):
    """The examples of a run."""

    def training(
        self, state: TrainState, order: jax.Array, steps: int
    ) -> tuple[Examples, jax.Array]:
        """What :func:`qifjax.training.train_steps` needs for some steps of one epoch.

        Args:
          state: state before them.
          order: order of the epoch.
          steps: how many.

        Returns:
          ``(examples, order)``, of the same shapes every time.
        """
        ...

    def evaluation(self) -> Iterator[tuple[int, Examples]]:
        """The evaluation set in parts and how many examples each has."""
        ...


class OnDevice:
    """Both sets lie on the device for the whole run."""

    def __init__(self, layout: Layout, training: Dataset, evaluation: Dataset):
        sets = Examples.of(training), Examples.of(evaluation)
        self._training, self._evaluation = layout.spread(sets)
        self._number = len(evaluation)

    def training(
        self, state: TrainState, order: jax.Array, steps: int
    ) -> tuple[Examples, jax.Array]:
        """See :meth:`Feed.training`."""
        del state, steps
        return self._training, order

    def evaluation(self) -> Iterator[tuple[int, Examples]]:
        """See :meth:`Feed.evaluation`."""
        yield self._number, self._evaluation


class OnHost:
    """A few batches lie on the device; the next are gathered while it works.

    Step ``n`` finds its batch in place ``n`` modulo their number, as the program looks
    for it in a set of just these batches in their order.

    Args:
      layout: the devices.
      training: training set, which may be memory-mapped.
      evaluation: evaluation set, likewise.
      batch_size: examples a step.
      batches: how many batches lie on the device: the most that one call asks for.
    """

    def __init__(
        self,
        layout: Layout,
        training: Dataset,
        evaluation: Dataset,
        batch_size: int,
        batches: int,
    ):
        self._layout = layout
        self._training, self._evaluation = training, evaluation
        self._batch_size, self._batches = batch_size, batches
        self._background = ThreadPoolExecutor(1, "examples")
        self._ahead: tuple[int, int, Future[Host]] | None = None

    def training(
        self, state: TrainState, order: jax.Array, steps: int
    ) -> tuple[Examples, jax.Array]:
        """See :meth:`Feed.training`."""
        step, numbers = int(state.step), np.asarray(order)
        gathered = self._gathered(step, steps) or self._gather(step, steps, numbers)
        epoch_steps = len(numbers) // self._batch_size
        left = epoch_steps - step % epoch_steps - steps
        if left:
            following = step + steps, min(left, self._batches)
            self._ahead = (
                *following,
                self._background.submit(self._gather, *following, numbers),
            )
        in_order = np.arange(self._batches * self._batch_size, dtype=np.int32)
        return self._layout.spread(Examples(*gathered)), jax.device_put(in_order)

    def evaluation(self) -> Iterator[tuple[int, Examples]]:
        """See :meth:`Feed.evaluation`."""
        size, dataset = self._batches * self._batch_size, self._evaluation
        for start in range(0, len(dataset), size):
            part = slice(start, start + size)
            host: Host = dataset.inputs[part], dataset.labels[part]
            yield len(host[1]), self._layout.spread(Examples(*host))

    def _gathered(self, step: int, steps: int) -> Host | None:
        """What has been gathered ahead, if it is of at least these steps."""
        ahead, self._ahead = self._ahead, None
        if ahead is None or ahead[0] != step or ahead[1] < steps:
            return None
        return ahead[2].result()

    def _gather(self, step: int, steps: int, order: np.ndarray) -> Host:
        """The batches of some steps on the host, each in its place."""
        dataset, size = self._training, self._batch_size
        inputs = np.zeros((self._batches * size, *dataset.shape), np.uint8)
        labels = np.zeros(self._batches * size, np.int32)
        for each in range(step, step + steps):
            start = each % (len(order) // size) * size
            # In the order of the file, as a memory-mapped one is read from disk.
            ascending = np.argsort(order[start : start + size])
            chosen = order[start : start + size][ascending]
            places = each % self._batches * size + ascending
            inputs[places] = dataset.inputs[chosen]
            labels[places] = dataset.labels[chosen]
        return inputs, labels


def make_feed(
    where: DataOn,
    layout: Layout,
    training: Dataset,
    evaluation: Dataset,
    batch_size: int,
    batches: int,
) -> Feed:
    """The examples of a run; see :class:`OnDevice` and :class:`OnHost`."""
    if where == "device":
        return OnDevice(layout, training, evaluation)
    return OnHost(layout, training, evaluation, batch_size, batches)
