"""What every data set looks like in memory, and what a batch of it looks like."""

import hashlib
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import numpy as np

from qifjax.data.array_cache import checksum


@dataclass(frozen=True)
class Description:
    """Where the examples of a :class:`Dataset` come from.

    Attributes:
      name: name of the data set, as :func:`qifjax.data.load` takes it.
      split: name of the split, likewise.
      split_rule: how the split was chosen, in words.
      source: where the examples were read.
      checksum: SHA-256 of inputs and labels, in hexadecimal digits.
    """

    name: str
    split: str
    split_rule: str
    source: str
    checksum: str


@dataclass(frozen=True)
class Dataset:
    """Examples of one split, in memory or memory-mapped.

    Attributes:
      inputs: uint8 images ``[N, H, W, C]`` or event frames ``[N, T, H, W, 2]``.
      labels: int32 class of each example, ``[N]``.
      class_names: name of each class.
      description: where the examples come from.
    """

    inputs: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    description: Description

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example, ``[H, W, C]`` or ``[T, H, W, 2]``."""
        return self.inputs.shape[1:]

    def spread(self, limit: int) -> "Dataset":
        """A part of the examples at equal distances, as sets may be sorted by class.

        Args:
          limit: largest number of examples; 0 takes all.

        Returns:
          The examples in their order, and what is known of them.
        """
        number = len(self)
        if not 0 < limit < number:
            return self
        chosen = np.arange(limit) * number // limit
        inputs, labels = self.inputs[chosen], self.labels[chosen]
        description = replace(
            self.description,
            split_rule=f"{self.description.split_rule}; {limit} at equal distances",
            checksum=digest(inputs, labels),
        )
        return replace(self, inputs=inputs, labels=labels, description=description)


class Batch(NamedTuple):
    """Some examples, as training and evaluation take them.

    Attributes:
      inputs: uint8 images ``[B, H, W, C]`` or event frames ``[T, B, H, W, 2]``.
      labels: int32 class of each example, ``[B]``.
      mask: float32 ``[B]``, 1 for an example and 0 for padding.
    """

    inputs: jax.Array
    labels: jax.Array
    mask: jax.Array


def digest(inputs: np.ndarray, labels: np.ndarray) -> str:
    """The checksum of a :class:`Description`."""
    return hashlib.sha256((checksum(inputs) + checksum(labels)).encode()).hexdigest()
