"""Batches made on the host ahead of time, for data sets that do not fit the device.

The order of an epoch depends on the seed and the epoch alone; every example comes once
in each. Of S processes, process s gets rows ``s B / S`` to ``(s + 1) B / S - 1`` of
each batch of B, so all together see the batches that one alone would.
"""

import functools
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from qifjax.data.dataset import Batch, Dataset
from qifjax.data.errors import DataError


class PrefetchedBatches(Iterator[Batch]):
    """Iterator over shuffled batches, made by Grain in threads.

    The last batch of an epoch is padded with zeros, which its mask says, so that all
    have one shape.

    Args:
      dataset: what to take batches of; its inputs may be memory-mapped.
      batch_size: examples in a batch of all processes together, B.
      seed: of the order.
      epochs: how many to give, or None for no end.
      process: number of this process, and how many there are.
      place: moves a batch to where it is needed; called in the threads.
      threads: number of threads.
      ahead: number of batches that wait, ready.

    Raises:
      DataError: if Grain is not installed or the numbers do not fit together.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        seed: int,
        *,
        epochs: int | None = None,
        process: tuple[int, int] = (0, 1),
        place: Callable[[Batch], Batch] = jax.device_put,
        threads: int = 2,
        ahead: int = 4,
    ):
        shard, shards = process
        if not 0 <= shard < shards or batch_size < 1 or batch_size % shards:
            raise DataError(
                f"batch_size {batch_size} with process {shard} of {shards}: the batch "
                "has to be divisible by the number of processes, which count from 0"
            )
        if len(dataset) == 0:
            raise DataError(
                f"{dataset.description.name}: no example to take batches of"
            )
        grain = _grain()
        self.steps_per_epoch = -(-len(dataset) // batch_size)
        self._facts = {
            "seed": seed,
            "batch_size": batch_size,
            "checksum": dataset.description.checksum,
        }
        first, size = shard * batch_size // shards, batch_size // shards

        # Two epochs are in use at once where one ends.
        @functools.lru_cache(maxsize=2)
        def order(epoch: int) -> np.ndarray:
            return np.random.default_rng((seed, epoch)).permutation(len(dataset))

        def batch(step: int) -> Batch:
            epoch, step = divmod(int(step), self.steps_per_epoch)
            start = step * batch_size + first
            return place(take(dataset, order(epoch)[start : start + size], size))

        # Grain counts in 64 bits; its ranges have to have an end.
        endless = sys.maxsize // self.steps_per_epoch
        steps = self.steps_per_epoch * (endless if epochs is None else epochs)
        options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=ahead)
        batches = grain.MapDataset.range(steps).map(batch)
        self._iterator = iter(batches.to_iter_dataset(options))

    def __next__(self) -> Batch:
        return next(self._iterator)

    def get_state(self) -> dict[str, Any]:
        """Where the iterator is: what JSON can hold, for a checkpoint."""
        return {**self._facts, "grain": self._iterator.get_state()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on as the iterator did that was asked for this state.

        Args:
          state: what :meth:`get_state` returned, in this process or another.

        Raises:
          DataError: if that iterator had another seed, batch size or data set.
        """
        for name, value in self._facts.items():
            if state.get(name) != value:
                raise DataError(
                    f"the state is of batches with {name} {state.get(name)!r}, these "
                    f"have {value!r}; make them as they were"
                )
        self._iterator.set_state(state["grain"])


def take(dataset: Dataset, chosen: np.ndarray, size: int) -> Batch:
    """A batch of chosen examples on the host, event frames time-major.

    Args:
      dataset: the examples.
      chosen: their numbers, at most ``size``.
      size: number of rows; those left are zero and masked.

    Returns:
      NumPy arrays of the shapes and dtypes that :class:`Batch` tells.
    """
    count = len(chosen)
    inputs = np.zeros((size, *dataset.shape), np.uint8)
    # In the order of the file, as a memory-mapped one is read from disk.
    ascending = np.argsort(chosen)
    inputs[ascending] = dataset.inputs[chosen[ascending]]
    labels = np.zeros(size, np.int32)
    labels[:count] = dataset.labels[chosen]
    mask = (np.arange(size) < count).astype(np.float32)
    if len(dataset.shape) == 4:
        inputs = np.ascontiguousarray(np.moveaxis(inputs, 0, 1))
    # Placed arrays are JAX's; here they still are NumPy's of the same kind.
    fields: Any = (inputs, labels, mask)
    return Batch(*fields)


def _grain() -> Any:
    try:
        return importlib.import_module("grain")
    except ImportError as error:
        raise DataError(
            f"prefetched batches need Grain ({error}); "
            "install it with: pip install 'qifjax[data]'"
        ) from error
